/*
 * outbound.h: what may be called from inside: URLs of jobs, and addresses that are somebody's private business.
 */
#ifndef VY_OUTBOUND_H
#define VY_OUTBOUND_H

#include "base/wire.h"

#define VY_OUTBOUND_MAX_URL 2048

typedef struct VyOutboundUrl
{
	bool tls;
	VyStr host; /* without brackets */
	unsigned port;
	VyStr target; /* path and query; may be empty */
} VyOutboundUrl;

/*
 * An absolute http or https URL as every parser reads it: no user, fragment, backslash, space or byte beyond ASCII; a host that ends like a
 * number is a dotted quad, so that no resolver takes "127.1" or "0x7f.1" for an address that we did not see. False: *problem says why.
 */
VY_MUST_CHECK bool vy_outbound_url(VyStr url, VyOutboundUrl *out, const char **problem);

/* False for every special-purpose address (IANA registries, RFC 6890): loopback, private, link-local, multicast, documentation ... */
bool vy_outbound_public(const VyPeer *address);

#endif
