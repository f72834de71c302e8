/*
 * peer.c: addresses, networks, and the client behind proxies.
 */
#include "base/peer.h"

#include "tap.h"

static const struct
{
	const char *text;
	const char *printed; /* NULL: no address */
} addresses[] = {
	{"10.0.0.1", "10.0.0.1"},       {"::1", "::1"},      {"[::1]", "::1"},  {"::ffff:10.0.0.1", "10.0.0.1"},
	{"2001:DB8::1", "2001:db8::1"}, {"", NULL},          {"unknown", NULL}, {"10.0.0.1:80", NULL},
	{"10.0.0.256", NULL},           {" 10.0.0.1", NULL}, {"[]", NULL},      {"10.0.0.1/8", NULL},
};

static const struct
{
	const char *network;
	const char *peer;
	bool has;
} networks[] = {
	{"10.0.0.0/8", "10.255.1.2", true},
	{"10.0.0.0/8", "11.0.0.1", false},
	{"10.0.0.1", "10.0.0.1", true},
	{"10.0.0.1", "10.0.0.2", false},
	{"192.168.16.0/20", "192.168.31.1", true},
	{"192.168.16.0/20", "192.168.32.1", false},
	{"0.0.0.0/0", "1.2.3.4", true},
	{"0.0.0.0/0", "::1", false},
	{"2001:db8::/32", "2001:db8:1::1", true},
	{"2001:db8::/33", "2001:db8:8000::", false},
	{"::1/128", "::1", true},
};

static const char *const bad_networks[] = {
	"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "::/129", "10.0.0.0/0008", "proxy"};

static const struct
{
	const char *peer;
	const char *list;
	const char *client;
	const char *why;
} hops[] = {
	{"203.0.113.9", "198.51.100.1", "203.0.113.9", "a stranger's list is not looked at"},
	{"10.0.0.1", "198.51.100.1", "198.51.100.1", "a proxy names its client"},
	{"10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1", "what the client made up stands left"},
	{"10.0.0.1", "198.51.100.1,10.0.0.2 , 10.0.0.3", "198.51.100.1", "proxies are passed over from the right"},
	{"10.0.0.1", "10.0.0.2,10.0.0.3", "10.0.0.2", "only proxies: the left-most"},
	{"10.0.0.1", "198.51.100.1, garbage", "10.0.0.1", "an unreadable hop ends the walk"},
	{"10.0.0.1", "", "10.0.0.1", "an empty list"},
	{"10.0.0.1", ",", "10.0.0.1", "a list of nothing"},
	{"10.0.0.1", "[2001:db8::5]", "2001:db8::5", "IPv6 in brackets"},
};

static VyPeer
parsed(const char *text)
{
	VyPeer peer;

	if (!vy_peer_parse(&peer, vy_cstr(text)))
		abort();
	return peer;
}

static void
test_addresses(void)
{
	for (size_t i = 0; i < LENGTH(addresses); i++)
	{
		VyStr text = tight(vy_cstr(addresses[i].text));
		char printed[VY_PEER_TEXT] = "";
		VyPeer peer;
		bool good = vy_peer_parse(&peer, text);

		if (good)
			vy_peer_print(printed, &peer);
		ok(good == (addresses[i].printed != NULL) && (!good || strcmp(printed, addresses[i].printed) == 0), "\"%s\" is %s",
		   addresses[i].text, addresses[i].printed ? addresses[i].printed : "no address");
		free((char *) text.p);
	}
}

static void
test_lists(void)
{
	VyNetwork list[2];
	size_t n;
	VyPeer peer = parsed("192.168.1.1");

	ok(vy_networks_parse(list, 2, &n, VY_STR(" 10.0.0.0/8, 192.168.0.0/16,")) && n == 2 && vy_networks_have(list, n, &peer),
	   "a list of networks");
	ok(vy_networks_parse(list, 2, &n, VY_STR("")) && n == 0 && vy_networks_parse(list, 2, &n, VY_STR(" , ")) && n == 0, "an empty list");
	ok(!vy_networks_parse(list, 2, &n, VY_STR("10.0.0.0/8 proxy")), "a list with a word is none");
	ok(!vy_networks_parse(list, 2, &n, VY_STR("10.0.0.1,10.0.0.2,10.0.0.3")), "a list that is too long is none");
}

int
main(void)
{
	VyNetwork trusted;
	VyNetwork network;

	test_addresses();
	for (size_t i = 0; i < LENGTH(networks); i++)
	{
		VyPeer peer = parsed(networks[i].peer);

		ok(vy_network_parse(&network, vy_cstr(networks[i].network)) && vy_networks_have(&network, 1, &peer) == networks[i].has,
		   "%s is %s %s", networks[i].peer, networks[i].has ? "in" : "not in", networks[i].network);
	}
	for (size_t i = 0; i < LENGTH(bad_networks); i++)
		ok(!vy_network_parse(&network, vy_cstr(bad_networks[i])), "\"%s\" is no network", bad_networks[i]);
	test_lists();
	if (!vy_network_parse(&trusted, VY_STR("10.0.0.0/8")))
		abort();
	for (size_t i = 0; i < LENGTH(hops); i++)
	{
		char printed[VY_PEER_TEXT];
		VyStr list = tight(vy_cstr(hops[i].list));
		VyPeer client = vy_peer_forwarded(parsed(hops[i].peer), list, &trusted, 1);

		vy_peer_print(printed, &client);
		ok(strcmp(printed, hops[i].client) == 0, "%s", hops[i].why);
		free((char *) list.p);
	}
	return tap_done();
}
