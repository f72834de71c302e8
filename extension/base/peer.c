/*
 * peer.c: addresses, networks and the right-most untrusted hop.
 */
#include "base/peer.h"

#include <arpa/inet.h>

void
vy_peer_set(VyPeer *peer, int family, const uint8_t *addr)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	bool four = family == 4 || memcmp(addr, mapped, sizeof(mapped)) == 0;

	*peer = (VyPeer){.family = four ? 4 : 6};
	memcpy(peer->addr, family == 6 && four ? addr + 12 : addr, four ? 4 : 16);
}

bool
vy_peer_parse(VyPeer *peer, VyStr text)
{
	char copy[VY_PEER_TEXT];
	uint8_t addr[16];

	if (text.n >= 2 && text.p[0] == '[' && text.p[text.n - 1] == ']')
		text = vy_str(text.p + 1, text.n - 2);
	if (text.n == 0 || text.n >= sizeof(copy) || memchr(text.p, '\0', text.n))
		return false;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	if (inet_pton(AF_INET, copy, addr) == 1)
		vy_peer_set(peer, 4, addr);
	else if (inet_pton(AF_INET6, copy, addr) == 1)
		vy_peer_set(peer, 6, addr);
	else
		return false;
	return true;
}

void
vy_peer_print(char *out, const VyPeer *peer)
{
	if (peer->family == 0 || !inet_ntop(peer->family == 4 ? AF_INET : AF_INET6, peer->addr, out, VY_PEER_TEXT))
		out[0] = '\0';
}

bool
vy_network_parse(VyNetwork *network, VyStr text)
{
	const char *slash = text.n > 0 ? memchr(text.p, '/', text.n) : NULL;
	size_t digits = slash ? (size_t) (text.p + text.n - slash - 1) : 0;
	int most;

	if (!vy_peer_parse(&network->base, vy_str(text.p, slash ? (size_t) (slash - text.p) : text.n)))
		return false;
	most = network->base.family == 4 ? 32 : 128;
	network->bits = slash ? 0 : most;
	if (slash && (digits < 1 || digits > 3))
		return false;
	for (size_t i = 0; i < digits; i++)
	{
		if (slash[1 + i] < '0' || slash[1 + i] > '9')
			return false;
		network->bits = network->bits * 10 + (slash[1 + i] - '0');
	}
	return network->bits <= most;
}

bool
vy_networks_parse(VyNetwork *networks, size_t max, size_t *n, VyStr list)
{
	*n = 0;
	for (size_t at = 0, end; at < list.n; at = end + 1)
	{
		for (end = at; end < list.n && list.p[end] != ',' && list.p[end] != ' '; end++)
			;
		if (end > at && (*n == max || !vy_network_parse(&networks[(*n)++], vy_str(list.p + at, end - at))))
			return false;
	}
	return true;
}

static bool
network_has(const VyNetwork *network, const VyPeer *peer)
{
	size_t whole = (size_t) network->bits / 8;
	uint8_t mask = (uint8_t) (0xff00 >> (network->bits % 8));

	return peer->family == network->base.family && memcmp(peer->addr, network->base.addr, whole) == 0 &&
		   (mask == 0 || (peer->addr[whole] & mask) == (network->base.addr[whole] & mask));
}

bool
vy_networks_have(const VyNetwork *networks, size_t n, const VyPeer *peer)
{
	for (size_t i = 0; i < n; i++)
		if (network_has(&networks[i], peer))
			return true;
	return false;
}

VyPeer
vy_peer_forwarded(VyPeer peer, VyStr list, const VyNetwork *trusted, size_t n)
{
	size_t end = list.n;

	while (end > 0 && vy_networks_have(trusted, n, &peer))
	{
		size_t start = end;
		size_t first;
		size_t last = end;
		VyPeer hop;

		while (start > 0 && list.p[start - 1] != ',')
			start--;
		for (first = start; first < last && (list.p[first] == ' ' || list.p[first] == '\t'); first++)
			;
		while (last > first && (list.p[last - 1] == ' ' || list.p[last - 1] == '\t'))
			last--;
		if (!vy_peer_parse(&hop, vy_str(list.p + first, last - first)))
			break;
		peer = hop;
		end = start > 0 ? start - 1 : 0;
	}
	return peer;
}
