/*
 * peer.h: addresses of clients, and networks of proxies that may name them.
 */
#ifndef VY_PEER_H
#define VY_PEER_H

#include "base/wire.h"

typedef struct VyNetwork
{
	VyPeer base;
	int bits;
} VyNetwork;

#define VY_PEER_TEXT 48

/* From raw bytes in network order; family is 4 or 6. An IPv4 address mapped into IPv6 becomes the IPv4 address. */
void vy_peer_set(VyPeer *peer, int family, const uint8_t *addr);

/* "10.0.0.1", "::1", "::ffff:10.0.0.1", and in brackets. */
VY_MUST_CHECK bool vy_peer_parse(VyPeer *peer, VyStr text);

/* NUL-terminated; empty for an unknown peer. out has VY_PEER_TEXT bytes. */
void vy_peer_print(char *out, const VyPeer *peer);

/* "10.0.0.0/8", or one address. */
VY_MUST_CHECK bool vy_network_parse(VyNetwork *network, VyStr text);

/* A list with commas or blanks between, of at most max. */
VY_MUST_CHECK bool vy_networks_parse(VyNetwork *networks, size_t max, size_t *n, VyStr list);

bool vy_networks_have(const VyNetwork *networks, size_t n, const VyPeer *peer);

/*
 * The client behind trusted proxies: the right-most hop of an X-Forwarded-For list that is none of them. What stands left of it, a client
 * can make up. peer is who is connected; unless that is a trusted proxy, the list is not looked at.
 */
VyPeer vy_peer_forwarded(VyPeer peer, VyStr list, const VyNetwork *trusted, size_t n);

#endif
