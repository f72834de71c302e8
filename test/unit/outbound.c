/*
 * outbound.c: URLs of jobs are read one way or not at all; no address of a special-purpose network is public.
 */
#include "base/outbound.h"

#include "tap.h"

static const struct
{
	const char *url;
	bool https;
	const char *host;
	const char *address; /* NULL: a name */
	unsigned port;
	const char *target;
} good[] = {
	{"http://a.example", false, "a.example", NULL, 80, "/"},
	{"https://a.example/", true, "a.example", NULL, 443, "/"},
	{"HTTPS://A.example:8443/x/y?q=1&r=%20", true, "A.example", NULL, 8443, "/x/y?q=1&r=%20"},
	{"http://localhost:1/?a://b@c", false, "localhost", NULL, 1, "/?a://b@c"},
	{"http://a_b-c.d2:65535/[]|", false, "a_b-c.d2", NULL, 65535, "/[]|"},
	{"http://1.2.3.4/", false, "1.2.3.4", "1.2.3.4", 80, "/"},
	{"http://1.2.3.4.example/", false, "1.2.3.4.example", NULL, 80, "/"},
	{"http://0x7f.example/", false, "0x7f.example", NULL, 80, "/"},
	{"https://[2001:DB8::1]:444/a", true, "2001:DB8::1", "2001:db8::1", 444, "/a"},
	{"http://[::ffff:127.0.0.1]", false, "::ffff:127.0.0.1", "127.0.0.1", 80, "/"},
};

static const struct
{
	VyStr url;
	const char *problem;
} bad[] = {
	{VY_STR_INIT(""), "not an absolute"},
	{VY_STR_INIT("/path"), "not an absolute"},
	{VY_STR_INIT("a.example"), "not an absolute"},
	{VY_STR_INIT("//a.example/"), "not an absolute"},
	{VY_STR_INIT("http:a.example"), "not an absolute"},
	{VY_STR_INIT("http:/a.example"), "not an absolute"},
	{VY_STR_INIT("ftp://a.example/"), "not an absolute"},
	{VY_STR_INIT("file:///etc/passwd"), "not an absolute"},
	{VY_STR_INIT("httpss://a.example/"), "not an absolute"},
	{VY_STR_INIT("http://"), "no host"},
	{VY_STR_INIT("http:///a.example"), "no host"},
	{VY_STR_INIT("http://:80/"), "no host"},
	{VY_STR_INIT("http://?q"), "no host"},
	{VY_STR_INIT("http://user@a.example/"), "user name"},
	{VY_STR_INIT("http://user:password@a.example/"), "user name"},
	{VY_STR_INIT("http://@a.example/"), "user name"},
	{VY_STR_INIT("http://a.example:80@b.example"), "user name"},
	{VY_STR_INIT("http://a.example/#b"), "fragment"},
	{VY_STR_INIT("http://a.example#@b.example/"), "fragment"},
	{VY_STR_INIT("http://a.example?q=1"), "query without a path"},
	{VY_STR_INIT("http://a.example\\@b.example/"), "character"},
	{VY_STR_INIT(" http://a.example/"), "character"},
	{VY_STR_INIT("http://a.example/a b"), "character"},
	{VY_STR_INIT("http://a.example/\r\nhost: b"), "character"},
	{VY_STR_INIT("http://a.example/\0"), "character"},
	{VY_STR_INIT("http://a.example\0.b.example/"), "character"},
	{VY_STR_INIT("http://a.example/%00"), "character"},
	{VY_STR_INIT("http://a.example/\x7f"), "character"},
	{VY_STR_INIT("http://\xc3\xa4.example/"), "character"},
	{VY_STR_INIT("http://\xef\xbc\x91\x32\x37.1/"), "character"},
	{VY_STR_INIT("http://a%2eexample/"), "bad host"},
	{VY_STR_INIT("http://a..example/"), "bad host"},
	{VY_STR_INIT("http://.example/"), "bad host"},
	{VY_STR_INIT("http://a.example./"), "bad host"},
	{VY_STR_INIT("http://-a.example/"), "bad host"},
	{VY_STR_INIT("http://a-.example/"), "bad host"},
	{VY_STR_INIT("http://a,b/"), "bad host"},
	{VY_STR_INIT("http://1.2.3.4./"), "bad host"},
	{VY_STR_INIT("http://127.1/"), "neither"},
	{VY_STR_INIT("http://127.0.1/"), "neither"},
	{VY_STR_INIT("http://0x7f.1/"), "neither"},
	{VY_STR_INIT("http://0177.0.0.1/"), "neither"},
	{VY_STR_INIT("http://2130706433/"), "neither"},
	{VY_STR_INIT("http://0x7f000001/"), "neither"},
	{VY_STR_INIT("http://1.2.3.0X4/"), "neither"},
	{VY_STR_INIT("http://1.2.3.0x/"), "neither"},
	{VY_STR_INIT("http://1.2.3.256/"), "neither"},
	{VY_STR_INIT("http://1.2.3.4.5/"), "neither"},
	{VY_STR_INIT("http://a.example.0/"), "neither"},
	{VY_STR_INIT("http://0/"), "neither"},
	{VY_STR_INIT("http://[::1/"), "unclosed"},
	{VY_STR_INIT("http://["), "unclosed"},
	{VY_STR_INIT("http://[]/"), "bad IPv6"},
	{VY_STR_INIT("http://[1.2.3.4]/"), "bad IPv6"},
	{VY_STR_INIT("http://[[::1]]/"), "bad IPv6"},
	{VY_STR_INIT("http://[fe80::1%25eth0]/"), "bad IPv6"},
	{VY_STR_INIT("http://[::1]x/"), "bad port"},
	{VY_STR_INIT("http://::1/"), "no host"},
	{VY_STR_INIT("http://a.example:/"), "bad port"},
	{VY_STR_INIT("http://a.example:0/"), "bad port"},
	{VY_STR_INIT("http://a.example:65536/"), "bad port"},
	{VY_STR_INIT("http://a.example:000080/"), "bad port"},
	{VY_STR_INIT("http://a.example:-1/"), "bad port"},
	{VY_STR_INIT("http://a.example:80:80/"), "bad port"},
	{VY_STR_INIT("http://a.example:0x50/"), "bad port"},
};

/* The first and the last address of a network, and its neighbours when they are public. */
static const struct
{
	const char *name;
	const char *first;
	const char *last;
	const char *before;
	const char *after;
} networks[] = {
	{"0/8", "0.0.0.0", "0.255.255.255", NULL, "1.0.0.0"},
	{"10/8", "10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"},
	{"100.64/10", "100.64.0.0", "100.127.255.255", "100.63.255.255", "100.128.0.0"},
	{"127/8", "127.0.0.0", "127.255.255.255", "126.255.255.255", "128.0.0.0"},
	{"169.254/16", "169.254.0.0", "169.254.255.255", "169.253.255.255", "169.255.0.0"},
	{"172.16/12", "172.16.0.0", "172.31.255.255", "172.15.255.255", "172.32.0.0"},
	{"192.0.0/24", "192.0.0.0", "192.0.0.255", "191.255.255.255", "192.0.1.0"},
	{"192.0.2/24", "192.0.2.0", "192.0.2.255", "192.0.1.255", "192.0.3.0"},
	{"192.88.99/24", "192.88.99.0", "192.88.99.255", "192.88.98.255", "192.88.100.0"},
	{"192.168/16", "192.168.0.0", "192.168.255.255", "192.167.255.255", "192.169.0.0"},
	{"198.18/15", "198.18.0.0", "198.19.255.255", "198.17.255.255", "198.20.0.0"},
	{"198.51.100/24", "198.51.100.0", "198.51.100.255", "198.51.99.255", "198.51.101.0"},
	{"203.0.113/24", "203.0.113.0", "203.0.113.255", "203.0.112.255", "203.0.114.0"},
	{"224/4", "224.0.0.0", "239.255.255.255", "223.255.255.255", NULL},
	{"240/4", "240.0.0.0", "255.255.255.255", NULL, NULL},
	{"::/128", "::", "::", NULL, NULL},
	{"::1", "::1", "::1", NULL, NULL},
	{"IPv4 in ::/96", "::8.8.8.8", "::ffff:ffff", NULL, NULL},
	{"private mapped", "::ffff:10.0.0.0", "::ffff:10.255.255.255", "::ffff:9.255.255.255", "::ffff:11.0.0.0"},
	{"private behind NAT64", "64:ff9b::10.0.0.0", "64:ff9b::10.255.255.255", "64:ff9b::9.255.255.255", "64:ff9b::11.0.0.0"},
	{"beside NAT64", "64:ff9b::1:808:808", "64:ff9b:0:ffff:ffff:ffff:808:808", NULL, NULL},
	{"64:ff9b:1::/48", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:808:808", NULL, NULL},
	{"100::/64", "100::", "100::ffff:ffff:ffff:ffff", NULL, NULL},
	{"below 2000::/3", "200::1", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, "2000::"},
	{"2001::/23", "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::"},
	{"2001:db8::/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db7:ffff::1", "2001:db9::"},
	{"2002::/16", "2002::", "2002:808:808::1", "2001:ffff:ffff::1", "2003::"},
	{"3fff::/20", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3ffe:ffff::1", "3fff:1000::"},
	{"beyond 2000::/3", "4000::", "4000::", "3fff:ffff::1", NULL},
	{"5f00::/16", "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL},
	{"fc00::/7", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL},
	{"fe80::/10", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL},
	{"fec0::/10", "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL},
	{"ff00::/8", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL},
};

static const char *const on_the_internet[] = {"8.8.8.8",      "1.1.1.1",          "2606:4700:4700::1111",
											  "2a00:1450::1", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8"};

static void
test_good_urls(void)
{
	for (size_t i = 0; i < LENGTH(good); i++)
	{
		VyStr url = tight(vy_cstr(good[i].url));
		VyOutboundUrl out = {0};
		const char *problem = NULL;
		char address[VY_PEER_TEXT];
		bool read = vy_outbound_url(url, &out, &problem);

		vy_peer_print(address, &out.address);
		ok(read && out.https == good[i].https && vy_str_is(out.host, good[i].host) && out.port == good[i].port &&
			   vy_str_is(out.target, good[i].target) && strcmp(address, good[i].address ? good[i].address : "") == 0,
		   "%s is read (%s)", good[i].url, problem ? problem : "no problem");
		free((char *) url.p);
	}
}

static void
test_bad_urls(void)
{
	for (size_t i = 0; i < LENGTH(bad); i++)
	{
		VyStr url = tight(bad[i].url);
		VyOutboundUrl out;
		const char *problem = "none";
		bool read = vy_outbound_url(url, &out, &problem);

		ok(!read && strstr(problem, bad[i].problem) != NULL, "%s is refused: %s", shown(bad[i].url), problem);
		free((char *) url.p);
	}
}

static void
test_lengths(void)
{
	static const char head[] = "http://a.example/";
	static char text[VY_OUTBOUND_URL_MAX + 1];
	VyOutboundUrl out;
	const char *problem = "none";
	char host[300];
	size_t n = strlen("http://");

	memset(text, 'a', sizeof(text));
	memcpy(text, head, strlen(head));
	ok(vy_outbound_url(vy_str(text, VY_OUTBOUND_URL_MAX), &out, &problem), "a URL of 2048 bytes is read");
	ok(!vy_outbound_url(vy_str(text, VY_OUTBOUND_URL_MAX + 1), &out, &problem) && strstr(problem, "longer"), "one of 2049 is refused");
	memset(host, 'a', sizeof(host));
	memcpy(host, "http://", n);
	ok(vy_outbound_url(vy_str(host, n + 63), &out, &problem), "a label of 63 bytes is read");
	ok(!vy_outbound_url(vy_str(host, n + 64), &out, &problem), "one of 64 is refused");
	for (size_t i = n + 63; i < sizeof(host); i += 64)
		host[i] = '.';
	ok(vy_outbound_url(vy_str(host, n + 253), &out, &problem), "a host of 253 bytes is read");
	ok(!vy_outbound_url(vy_str(host, n + 254), &out, &problem), "one of 254 is refused");
}

static bool
is_public(const char *text)
{
	VyPeer peer;

	if (!vy_peer_parse(&peer, vy_cstr(text)))
	{
		ok(false, "%s is an address", text);
		return false;
	}
	return vy_outbound_public(&peer);
}

static void
test_networks(void)
{
	for (size_t i = 0; i < LENGTH(networks); i++)
	{
		ok(!is_public(networks[i].first) && !is_public(networks[i].last), "%s is not public", networks[i].name);
		if (networks[i].before)
			ok(is_public(networks[i].before), "%s before it is public", networks[i].before);
		if (networks[i].after)
			ok(is_public(networks[i].after), "%s after it is public", networks[i].after);
	}
	for (size_t i = 0; i < LENGTH(on_the_internet); i++)
		ok(is_public(on_the_internet[i]), "%s is public", on_the_internet[i]);
	ok(!vy_outbound_public(&(VyPeer){0}), "an unknown address is not public");
	ok(!vy_outbound_public(&(VyPeer){6, {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}}),
	   "a mapped address is judged as IPv4 even if nobody has unmapped it");
}

int
main(void)
{
	test_good_urls();
	test_bad_urls();
	test_lengths();
	test_networks();
	return tap_done();
}
