/*
 * peer.c: addresses come back from their text, networks agree with a comparison bit by bit, and the client behind proxies with a walk from
 * the right. Input: lines "peer", "network,network,...", "hop,hop,...".
 */
#include "base/peer.h"

#include "fuzz.h"

#define MAX_NETWORKS 4

static bool
same_peer(const VyPeer *a, const VyPeer *b)
{
	return a->family == b->family && memcmp(a->addr, b->addr, sizeof(a->addr)) == 0;
}

static void
comes_back(const VyPeer *peer)
{
	char *text = block(VY_PEER_TEXT);
	VyPeer again;

	vy_peer_print(text, peer);
	REQUIRE(strlen(text) > 0 && vy_peer_parse(&again, vy_cstr(text)) && same_peer(&again, peer));
	free(text);
}

static bool
parse(VyPeer *peer, VyStr text)
{
	VyStr copy = exact(text.p, text.n);
	bool ok = vy_peer_parse(peer, copy);

	drop(copy);
	if (ok)
	{
		REQUIRE(peer->family == 4 || peer->family == 6);
		comes_back(peer);
	}
	return ok;
}

static bool
naive_has(const VyNetwork *network, const VyPeer *peer)
{
	if (network->base.family != peer->family)
		return false;
	for (int bit = 0; bit < network->bits; bit++)
		if ((network->base.addr[bit / 8] ^ peer->addr[bit / 8]) >> (7 - bit % 8) & 1)
			return false;
	return true;
}

static bool
naive_have(const VyNetwork *networks, size_t n, const VyPeer *peer)
{
	bool found = false;

	for (size_t i = 0; i < n; i++)
		found |= naive_has(&networks[i], peer);
	REQUIRE(found == vy_networks_have(networks, n, peer));
	return found;
}

static size_t
read_networks(VyNetwork *networks, VyStr list)
{
	size_t n = 0;

	while (list.p != NULL && n < MAX_NETWORKS)
	{
		VyStr part = cut_at(&list, ',');
		VyStr copy = exact(part.p, part.n);

		if (vy_network_parse(&networks[n], copy))
		{
			REQUIRE(networks[n].bits >= 0 && networks[n].bits <= (networks[n].base.family == 4 ? 32 : 128));
			REQUIRE(naive_have(&networks[n], 1, &networks[n].base));
			comes_back(&networks[n].base);
			n++;
		}
		drop(copy);
	}
	return n;
}

static VyPeer
naive_forwarded(VyPeer peer, VyStr list, const VyNetwork *networks, size_t n)
{
	while (list.n > 0 && naive_have(networks, n, &peer))
	{
		const char *comma = memrchr(list.p, ',', list.n);
		VyStr hop = comma ? vy_str(comma + 1, (size_t) (list.p + list.n - comma - 1)) : list;
		VyPeer next;

		list.n = comma ? (size_t) (comma - list.p) : 0;
		while (hop.n > 0 && (hop.p[0] == ' ' || hop.p[0] == '\t'))
			hop = vy_str(hop.p + 1, hop.n - 1);
		while (hop.n > 0 && (hop.p[hop.n - 1] == ' ' || hop.p[hop.n - 1] == '\t'))
			hop.n--;
		if (!parse(&next, hop))
			break;
		peer = next;
	}
	return peer;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	VyNetwork networks[MAX_NETWORKS];
	VyStr left = vy_str((const char *) data, size);
	VyStr first = cut_at(&left, '\n');
	VyStr second = cut_at(&left, '\n');
	VyStr list = exact(left.p, left.n);
	size_t n = read_networks(networks, second);
	VyPeer unknown = {0};
	VyPeer peer;
	VyPeer client;
	VyPeer expected;
	char text[VY_PEER_TEXT];

	vy_peer_print(text, &unknown);
	REQUIRE(text[0] == '\0');
	if (size >= 16)
	{
		vy_peer_set(&peer, data[0] % 2 ? 4 : 6, data + size - 16);
		comes_back(&peer);
	}
	if (parse(&peer, first))
	{
		client = vy_peer_forwarded(peer, list, networks, n);
		expected = naive_forwarded(peer, list, networks, n);
		REQUIRE(same_peer(&client, &expected) && (naive_have(networks, n, &peer) || same_peer(&client, &peer)));
	}
	drop(list);
	return 0;
}
