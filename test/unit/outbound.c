/*
 * outbound.c: which URLs a job may name, and which addresses are public.
 */
#include "base/outbound.h"

#include "base/peer.h"
#include "tap.h"

static const struct
{
	const char *url;
	const char *host; /* NULL: refused */
	unsigned port;
	const char *target;
} urls[] = {
	{"https://example.com", "example.com", 443, ""},
	{"http://example.com/", "example.com", 80, "/"},
	{"https://example.com:8443/a/b?c=d", "example.com", 8443, "/a/b?c=d"},
	{"https://example.com?c=d", "example.com", 443, "?c=d"},
	{"http://10.0.0.1:80/x", "10.0.0.1", 80, "/x"},
	{"http://[::1]:8080/x", "::1", 8080, "/x"},
	{"http://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1", 80, "/"},
	{"http://a_b.example-1.com/%41", "a_b.example-1.com", 80, "/%41"},
	{"http://localhost/", "localhost", 80, "/"},
	{"HTTP://example.com/", NULL, 0, NULL},
	{"ftp://example.com/", NULL, 0, NULL},
	{"file:///etc/passwd", NULL, 0, NULL},
	{"//example.com/", NULL, 0, NULL},
	{"example.com", NULL, 0, NULL},
	{"", NULL, 0, NULL},
	{"http://", NULL, 0, NULL},
	{"http:///x", NULL, 0, NULL},
	{"http://user@example.com/", NULL, 0, NULL},
	{"http://user:word@example.com/", NULL, 0, NULL},
	{"http://example.com@10.0.0.1/", NULL, 0, NULL},
	{"http://example.com\\@10.0.0.1/", NULL, 0, NULL},
	{"http://example.com/#a", NULL, 0, NULL},
	{"http://example.com/a b", NULL, 0, NULL},
	{"http://example.com/\r\nx: y", NULL, 0, NULL},
	{"http://ex\xc3\xa4mple.com/", NULL, 0, NULL},
	{"http://127.1/", NULL, 0, NULL},
	{"http://0x7f.1/", NULL, 0, NULL},
	{"http://0x7f000001/", NULL, 0, NULL},
	{"http://2130706433/", NULL, 0, NULL},
	{"http://0177.0.0.1/", NULL, 0, NULL},
	{"http://127.0.0.1./", NULL, 0, NULL},
	{"http://example.0x7f/", NULL, 0, NULL},
	{"http://example..com/", NULL, 0, NULL},
	{"http://.example.com/", NULL, 0, NULL},
	{"http://example.com:0/", NULL, 0, NULL},
	{"http://example.com:65536/", NULL, 0, NULL},
	{"http://example.com:99999999999999999999/", NULL, 0, NULL},
	{"http://example.com:/", NULL, 0, NULL},
	{"http://example.com:80:80/", NULL, 0, NULL},
	{"http://[::1/", NULL, 0, NULL},
	{"http://[127.0.0.1]/", NULL, 0, NULL},
	{"http://[::1]x/", NULL, 0, NULL},
	{"http://[]/", NULL, 0, NULL},
};

static const struct
{
	const char *address;
	bool public;
} addresses[] = {
	{"8.8.8.8", true},
	{"1.1.1.1", true},
	{"9.255.255.255", true},
	{"11.0.0.0", true},
	{"100.63.255.255", true},
	{"100.128.0.0", true},
	{"172.15.255.255", true},
	{"172.32.0.0", true},
	{"198.17.255.255", true},
	{"198.20.0.0", true},
	{"223.255.255.255", true},
	{"2606:4700::1111", true},
	{"2a00:1450::1", true},
	{"2001:400::1", true},
	{"64:ff9b::808:808", true},
	{"0.0.0.0", false},
	{"10.1.2.3", false},
	{"100.64.0.1", false},
	{"127.0.0.1", false},
	{"127.255.255.255", false},
	{"169.254.169.254", false},
	{"172.16.0.1", false},
	{"172.31.255.255", false},
	{"192.0.0.1", false},
	{"192.0.2.1", false},
	{"192.168.1.1", false},
	{"198.18.0.1", false},
	{"198.19.255.255", false},
	{"198.51.100.1", false},
	{"203.0.113.1", false},
	{"224.0.0.1", false},
	{"255.255.255.255", false},
	{"::", false},
	{"::1", false},
	{"::ffff:10.0.0.1", false},
	{"::7f00:1", false},
	{"64:ff9b::7f00:1", false},
	{"64:ff9b:1::1", false},
	{"100::1", false},
	{"2001::1", false},
	{"2001:db8::1", false},
	{"2002:7f00:1::", false},
	{"fc00::1", false},
	{"fd12::1", false},
	{"fe80::1", false},
	{"fec0::1", false},
	{"ff02::1", false},
};

static void
test_urls(void)
{
	for (size_t i = 0; i < LENGTH(urls); i++)
	{
		VyStr url = tight(vy_cstr(urls[i].url));
		VyOutboundUrl out;
		const char *problem = NULL;
		bool good = vy_outbound_url(url, &out, &problem);

		ok(good == (urls[i].host != NULL), "\"%s\" is %s", urls[i].url, urls[i].host ? "taken" : "refused");
		if (good && urls[i].host)
			ok(vy_str_is(out.host, urls[i].host) && out.port == urls[i].port && vy_str_is(out.target, urls[i].target) &&
				   out.tls == vy_str_starts(url, "https"),
			   "and cut into its parts");
		else
			ok(!good && problem && problem[0], "and it is said why");
		free((char *) url.p);
	}
}

static void
test_addresses(void)
{
	for (size_t i = 0; i < LENGTH(addresses); i++)
	{
		VyPeer peer;

		ok(vy_peer_parse(&peer, vy_cstr(addresses[i].address)) && vy_outbound_public(&peer) == addresses[i].public, "%s is %s",
		   addresses[i].address, addresses[i].public ? "public" : "not public");
	}
	ok(!vy_outbound_public(&(VyPeer){0}), "an unknown address is not public");
}

int
main(void)
{
	test_urls();
	test_addresses();
	return tap_done();
}
