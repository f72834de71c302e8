/*
 * outbound.c: URLs of jobs, and special-purpose networks as rows (outbound.h).
 */
#include "base/outbound.h"

#include "base/peer.h"

typedef struct Network
{
	uint8_t family;
	uint8_t bits;
	uint8_t base[16];
} Network;

/* IPv4 inside IPv6: judged as what it leads to. An IPv4-mapped address is an IPv4 one already (vy_peer_set()). */
static const struct
{
	uint8_t bits;
	uint8_t at; /* of the four bytes */
	uint8_t base[12];
} embedded[] = {
	{96, 12, {0x00, 0x64, 0xff, 0x9b}},
	{16, 2, {0x20, 0x02}},
};

static const Network special[] = {
	{4, 8, {0}},
	{4, 8, {10}},
	{4, 10, {100, 64}},
	{4, 8, {127}},
	{4, 16, {169, 254}},
	{4, 12, {172, 16}},
	{4, 24, {192, 0, 0}},
	{4, 24, {192, 0, 2}},
	{4, 24, {192, 88, 99}},
	{4, 16, {192, 168}},
	{4, 15, {198, 18}},
	{4, 24, {198, 51, 100}},
	{4, 24, {203, 0, 113}},
	{4, 4, {224}},
	{4, 4, {240}},
	{6, 96, {0}}, /* unspecified, loopback, IPv4-compatible */
	{6, 48, {0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}},
	{6, 64, {0x01}},
	{6, 23, {0x20, 0x01}},
	{6, 32, {0x20, 0x01, 0x0d, 0xb8}},
	{6, 20, {0x3f, 0xff}},
	{6, 16, {0x5f, 0x00}},
	{6, 7, {0xfc}},
	{6, 10, {0xfe, 0x80}},
	{6, 10, {0xfe, 0xc0}},
	{6, 8, {0xff}},
};

static bool fail(const char **problem, const char *words);
static bool take_authority(VyStr authority, VyOutboundUrl *out, const char **problem);
static bool take_port(VyStr text, unsigned *port);
static bool host_ok(VyStr host);
static bool has_prefix(const uint8_t *address, const uint8_t *base, int bits);

bool
vy_outbound_url(VyStr url, VyOutboundUrl *out, const char **problem)
{
	size_t start;
	size_t end;

	if (url.n > VY_OUTBOUND_MAX_URL)
		return fail(problem, "it is longer than 2048 bytes");
	for (size_t i = 0; i < url.n; i++)
		if (url.p[i] <= ' ' || url.p[i] > '~' || strchr("\\\"<>^`{|}#", url.p[i]))
			return fail(problem, "it holds a character that a URL does not have, or a fragment");
	out->tls = vy_str_starts(url, "https://");
	if (!out->tls && !vy_str_starts(url, "http://"))
		return fail(problem, "it begins neither with https:// nor with http://");
	start = out->tls ? 8 : 7;
	for (end = start; end < url.n && url.p[end] != '/' && url.p[end] != '?'; end++)
		;
	out->port = out->tls ? 443 : 80;
	out->target = vy_str(url.p + end, url.n - end);
	return take_authority(vy_str(url.p + start, end - start), out, problem);
}

bool
vy_outbound_public(const VyPeer *address)
{
	if (address->family != 4 && address->family != 6)
		return false;
	for (size_t i = 0; address->family == 6 && i < sizeof(embedded) / sizeof(embedded[0]); i++)
		if (has_prefix(address->addr, embedded[i].base, embedded[i].bits))
		{
			VyPeer inner;

			vy_peer_set(&inner, 4, address->addr + embedded[i].at);
			return vy_outbound_public(&inner);
		}
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		if (special[i].family == address->family && has_prefix(address->addr, special[i].base, special[i].bits))
			return false;
	return true;
}

static bool
fail(const char **problem, const char *words)
{
	*problem = words;
	return false;
}

static bool
take_authority(VyStr authority, VyOutboundUrl *out, const char **problem)
{
	size_t end = 0;
	bool brackets = authority.n > 0 && authority.p[0] == '[';

	if (memchr(authority.p, '@', authority.n))
		return fail(problem, "it names a user");
	while (end < authority.n && authority.p[end] != (brackets ? ']' : ':'))
		end++;
	if (brackets)
	{
		VyPeer address;

		out->host = vy_str(authority.p + 1, end > 0 ? end - 1 : 0);
		if (end == authority.n || !memchr(out->host.p, ':', out->host.n) || !vy_peer_parse(&address, out->host))
			return fail(problem, "its IPv6 address is not valid");
		end++;
	}
	else
		out->host = vy_str(authority.p, end);
	if (!brackets && !host_ok(out->host))
		return fail(problem, "its host is not a name or an address in the usual form");
	if (end < authority.n && (authority.p[end] != ':' || !take_port(vy_str(authority.p + end + 1, authority.n - end - 1), &out->port)))
		return fail(problem, "its port is not valid");
	return true;
}

static bool
take_port(VyStr text, unsigned *port)
{
	*port = 0;
	for (size_t i = 0; i < text.n; i++)
	{
		if (text.p[i] < '0' || text.p[i] > '9' || *port > 65535)
			return false;
		*port = *port * 10 + (unsigned) (text.p[i] - '0');
	}
	return *port >= 1 && *port <= 65535;
}

/* Labels of letters, digits, '-' and '_'; when the last one begins with a digit it is an address, and then a dotted quad. */
static bool
host_ok(VyStr host)
{
	size_t label = 0;
	VyPeer address;

	if (host.n == 0 || host.n > 253)
		return false;
	for (size_t i = 0; i < host.n; i++)
	{
		char c = host.p[i];

		if (c == '.' && (i == label || i + 1 == host.n))
			return false;
		if (c == '.')
			label = i + 1;
		else if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_') || i - label >= 63)
			return false;
	}
	return host.p[label] < '0' || host.p[label] > '9' || (vy_peer_parse(&address, host) && address.family == 4);
}

static bool
has_prefix(const uint8_t *address, const uint8_t *base, int bits)
{
	int left = bits % 8;

	return memcmp(address, base, (size_t) bits / 8) == 0 &&
		   (left == 0 || ((address[bits / 8] ^ base[bits / 8]) & (0xff << (8 - left)) & 0xff) == 0);
}
