/*
 * outbound.c: what outbound.h says.
 */
#include "base/outbound.h"

#include "base/field.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define NAME_MAX_BYTES 253

/* Of https://www.iana.org/assignments/iana-ipv4-special-registry: what is not globally reachable; with 6to4's relays and multicast. */
static const VyNetwork special4[] = {
	{{4, {0}}, 8}, /* this network */
	{{4, {10}}, 8}, /* private */
	{{4, {100, 64}}, 10}, /* behind a carrier's NAT */
	{{4, {127}}, 8}, /* loopback */
	{{4, {169, 254}}, 16}, /* link-local; metadata of clouds */
	{{4, {172, 16}}, 12}, /* private */
	{{4, {192, 0, 0}}, 24}, /* protocols */
	{{4, {192, 0, 2}}, 24}, /* documentation */
	{{4, {192, 88, 99}}, 24}, /* 6to4 relays */
	{{4, {192, 168}}, 16}, /* private */
	{{4, {198, 18}}, 15}, /* benchmarks */
	{{4, {198, 51, 100}}, 24}, /* documentation */
	{{4, {203, 0, 113}}, 24}, /* documentation */
	{{4, {224}}, 4}, /* multicast */
	{{4, {240}}, 4}, /* reserved, and broadcast */
};

/*
 * IANA gives public addresses out of this network only. Outside are ::/128, ::1, IPv4 in ::/96, 64:ff9b:1::/48 (local translation),
 * 100::/64 (discard), 5f00::/16 (segment routing), fc00::/7 (private), fe80::/10 (link-local), fec0::/10 (site-local), ff00::/8
 * (multicast).
 */
static const VyNetwork public6 = {{6, {0x20}}, 3};

/* Of the IPv6 registry: what lies inside. */
static const VyNetwork special6[] = {
	{{6, {0x20, 0x01}}, 23}, /* protocols; Teredo, which carries an IPv4 address */
	{{6, {0x20, 0x01, 0x0d, 0xb8}}, 32}, /* documentation */
	{{6, {0x20, 0x02}}, 16}, /* 6to4, which carries an IPv4 address */
	{{6, {0x3f, 0xff}}, 20}, /* documentation */
};

/* 64:ff9b::/96: a NAT64 gateway sends on to the IPv4 address in the last four bytes. */
static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};

bool
vy_outbound_public(const VyPeer *address)
{
	bool translated = address->family == 6 && memcmp(address->addr, nat64, sizeof(nat64)) == 0;
	VyPeer peer;

	if (address->family != 4 && address->family != 6)
		return false;
	vy_peer_set(&peer, translated ? 4 : address->family, translated ? address->addr + sizeof(nat64) : address->addr);
	if (peer.family == 4)
		return !vy_networks_have(special4, LENGTH(special4), &peer);
	return vy_networks_have(&public6, 1, &peer) && !vy_networks_have(special6, LENGTH(special6), &peer);
}

/* Cuts what stands before any of the marks off the front of *rest, or all of it. */
static VyStr
cut_before(VyStr *rest, const char *marks)
{
	VyStr part = vy_str(rest->p, 0);

	while (part.n < rest->n && memchr(marks, rest->p[part.n], strlen(marks)) == NULL)
		part.n++;
	*rest = part.n < rest->n ? vy_str(rest->p + part.n, rest->n - part.n) : vy_str(NULL, 0);
	return part;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
label_ok(VyStr label)
{
	for (size_t i = 0; i < label.n; i++)
	{
		char c = vy_ascii_lower(label.p[i]);
		bool inside = i > 0 && i + 1 < label.n;

		if (!(c >= 'a' && c <= 'z') && !is_digit(c) && c != '_' && !(c == '-' && inside))
			return false;
	}
	return label.n > 0 && label.n <= 63;
}

bool
vy_outbound_name_ok(VyStr name)
{
	VyStr rest = name;

	if (name.n == 0 || !label_ok(cut_before(&rest, ".")))
		return false;
	while (rest.n > 0)
	{
		rest = vy_str(rest.p + 1, rest.n - 1);
		if (!label_ok(cut_before(&rest, ".")))
			return false;
	}
	return true;
}

/* Resolvers take a name for a number when its last label is one: 127.1, 0x7f.1, 0177.0.0.1, 2130706433. */
static bool
looks_numeric(VyStr name)
{
	size_t start = name.n;
	size_t digits = 0;

	while (start > 0 && name.p[start - 1] != '.')
	{
		start--;
		digits += is_digit(name.p[start]) ? 1 : 0;
	}
	return digits == name.n - start || (name.n - start >= 2 && name.p[start] == '0' && vy_ascii_lower(name.p[start + 1]) == 'x');
}

/* NULL, or the problem with the host at the front of *authority, which is cut off. */
static const char *
read_host(VyOutboundUrl *out, VyStr *authority)
{
	out->address = (VyPeer){0};
	if (authority->n > 0 && authority->p[0] == '[')
	{
		out->host = cut_before(authority, "]");
		if (authority->n == 0)
			return "host in an unclosed bracket";
		*authority = vy_str(authority->p + 1, authority->n - 1);
		out->host = vy_str(out->host.p + 1, out->host.n - 1);
		if (out->host.n == 0 || !memchr(out->host.p, ':', out->host.n) || !vy_peer_parse(&out->address, out->host))
			return "bad IPv6 address";
		return NULL;
	}
	out->host = cut_before(authority, ":");
	if (out->host.n == 0)
		return "no host";
	if (out->host.n > NAME_MAX_BYTES || !vy_outbound_name_ok(out->host))
		return "bad host name";
	if (looks_numeric(out->host) && !vy_peer_parse(&out->address, out->host))
		return "host that is neither a name nor an IPv4 address of four numbers";
	return NULL;
}

/* Of ":8080", or of nothing. */
static bool
read_port(VyOutboundUrl *out, VyStr text)
{
	size_t port = out->https ? 443 : 80;

	if (text.n > 0 && (text.p[0] != ':' || text.n > 6 || !vy_field_length(vy_str(text.p + 1, text.n - 1), &port)))
		return false;
	out->port = (uint16_t) port;
	return port > 0 && port <= UINT16_MAX;
}

/* NULL, or the problem. */
static const char *
read_url(VyOutboundUrl *out, VyStr url)
{
	VyStr rest = url;
	VyStr scheme = cut_before(&rest, ":");
	VyStr authority;
	const char *problem;

	if (url.n > VY_OUTBOUND_URL_MAX)
		return "longer than 2048 bytes";
	if (!vy_field_target_ok(url) || (url.n > 0 && memchr(url.p, '\\', url.n)))
		return "character that a URL cannot have";
	out->https = vy_str_same(scheme, VY_STR("https"));
	if ((!out->https && !vy_str_same(scheme, VY_STR("http"))) || !vy_str_starts(rest, "://"))
		return "not an absolute http or https URL";
	rest = vy_str(rest.p + 3, rest.n - 3);
	if (rest.n > 0 && memchr(rest.p, '#', rest.n))
		return "fragment in the URL";
	authority = cut_before(&rest, "/?");
	if (authority.n > 0 && memchr(authority.p, '@', authority.n))
		return "user name in the URL";
	problem = read_host(out, &authority);
	if (problem != NULL)
		return problem;
	if (!read_port(out, authority))
		return "bad port";
	if (rest.n > 0 && rest.p[0] == '?')
		return "query without a path";
	out->target = rest.n > 0 ? rest : VY_STR("/");
	return NULL;
}

bool
vy_outbound_url(VyStr url, VyOutboundUrl *out, const char **problem)
{
	const char *found = read_url(out, url);

	if (found != NULL)
		*problem = found;
	return found == NULL;
}
