/*
 * outbound.c: a URL that is read is made of its parts, and no part has what another reader would cut at; a host that inet_aton() takes
 * for a number is the address that was read; what carries an IPv4 address is no more public than that.
 */
#include "base/outbound.h"

#include <arpa/inet.h>

#include "fuzz.h"

static void
reads_back(VyStr url, const VyOutboundUrl *parts)
{
	char *text = block(url.n + 64);
	bool six = parts->address.family != 0 && memchr(parts->host.p, ':', parts->host.n) != NULL;
	struct in_addr number;
	VyOutboundUrl again;
	const char *problem;
	int n = snprintf(text, url.n + 64, "%s://%s%.*s%s:%u%.*s", parts->https ? "https" : "http", six ? "[" : "", (int) parts->host.n,
					 parts->host.p, six ? "]" : "", parts->port, (int) parts->target.n, parts->target.p);

	for (size_t i = 0; i < url.n; i++)
		REQUIRE(url.p[i] > ' ' && url.p[i] < 0x7f && url.p[i] != '#' && url.p[i] != '\\');
	REQUIRE(parts->port > 0 && parts->target.n > 0 && parts->target.p[0] == '/' && parts->host.n > 0);
	for (size_t i = 0; i < parts->host.n; i++)
		REQUIRE(memchr("/?@%[]", parts->host.p[i], 6) == NULL && (six || parts->host.p[i] != ':'));
	if (n <= VY_OUTBOUND_URL_MAX)
		REQUIRE(vy_outbound_url(vy_str(text, (size_t) n), &again, &problem) && again.https == parts->https &&
				vy_str_eq(again.host, parts->host) && again.port == parts->port && vy_str_eq(again.target, parts->target) &&
				memcmp(&again.address, &parts->address, sizeof(again.address)) == 0);
	snprintf(text, url.n + 64, "%.*s", (int) parts->host.n, parts->host.p);
	if (inet_aton(text, &number))
		REQUIRE(parts->address.family == 4 && memcmp(&number, parts->address.addr, 4) == 0);
	free(text);
}

static void
carried(const uint8_t *four)
{
	static const uint8_t prefixes[][12] = {{[10] = 0xff, [11] = 0xff}, {0x00, 0x64, 0xff, 0x9b}};
	VyPeer plain;

	vy_peer_set(&plain, 4, four);
	REQUIRE(!vy_outbound_public(&plain) || (four[0] != 0 && four[0] != 10 && four[0] != 127 && four[0] < 224));
	for (size_t i = 0; i < LENGTH(prefixes); i++)
	{
		VyPeer carrier = {6, {0}};

		memcpy(carrier.addr, prefixes[i], 12);
		memcpy(carrier.addr + 12, four, 4);
		REQUIRE(vy_outbound_public(&carrier) == vy_outbound_public(&plain));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	VyStr url = exact(data, size);
	VyOutboundUrl parts;
	const char *problem = NULL;
	uint8_t bytes[16] = {0};
	VyPeer six = {6, {0}};

	if (vy_outbound_url(url, &parts, &problem))
		reads_back(url, &parts);
	else
		REQUIRE(problem != NULL);
	memcpy(bytes, data, size < sizeof(bytes) ? size : sizeof(bytes));
	carried(bytes);
	memcpy(six.addr, bytes, sizeof(bytes));
	if (vy_outbound_public(&six))
		REQUIRE((bytes[0] & 0xe0) == 0x20 || memcmp(bytes, (uint8_t[12]){0x00, 0x64, 0xff, 0x9b}, 12) == 0 ||
				memcmp(bytes, (uint8_t[12]){[10] = 0xff, [11] = 0xff}, 12) == 0);
	drop(url);
	return 0;
}
