/*
 * outbound.h: what may be called from inside: the URL of a job, and the addresses that its host may have.
 *
 * A URL is refused whenever another parser or a resolver might read it otherwise. The address is judged after the name was resolved, and
 * it is this address that must be connected to: a name may have another one the next time.
 */
#ifndef VY_OUTBOUND_H
#define VY_OUTBOUND_H

#include "base/peer.h"

#define VY_OUTBOUND_URL_MAX 2048

typedef struct VyOutboundUrl
{
	bool https;
	VyStr host; /* as it is written; an IPv6 address without its brackets */
	VyPeer address; /* of a host that is an address; family 0: it is a name */
	uint16_t port;
	VyStr target; /* path and query */
} VyOutboundUrl;

/* An absolute http or https URL. problem: a short phrase for an error message, set when it is refused. */
VY_MUST_CHECK bool vy_outbound_url(VyStr url, VyOutboundUrl *out, const char **problem);

/* A host name: labels of at most 63 letters, digits, '-' (inside) and '_' between single dots; how long in all, the caller decides. */
bool vy_outbound_name_ok(VyStr name);

/* Is it an address of the public Internet? Not so of any special-purpose network (RFC 6890 and the registries of IANA). */
bool vy_outbound_public(const VyPeer *address);

#endif
