/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

/* An IP address without a port. Octets past the family's length are zero, so memcmp() compares addresses. */
struct isb_addr {
	uint8_t family; /* 0 none, 4, 6 */
	uint8_t octets[16];
};

/* A network; host bits of addr are zero. */
struct isb_net {
	struct isb_addr addr;
	uint8_t len; /* bits: 0..32 or 0..128 */
};

enum { ISB_ADDR_TEXT = 48, ISB_NET_TEXT = 52 }; /* buffer sizes with the NUL */

static inline unsigned isb_addr_bits(const struct isb_addr *addr) { return addr->family == 4 ? 32 : 128; }

int isb_addr_parse(const char *text, struct isb_addr *ret_addr);
/* "192.0.2.0/24" or a bare address (its full length). Host bits that are set are an error (ISB_ERANGE). */
int isb_net_parse(const char *text, struct isb_net *ret_net);
char *isb_addr_print(const struct isb_addr *addr, char out[ISB_ADDR_TEXT]);
char *isb_net_print(const struct isb_net *net, char out[ISB_NET_TEXT]);

/* From and to sockaddr; IPv4-mapped IPv6 addresses become IPv4. Unknown families give family 0. */
struct isb_addr isb_addr_from_sockaddr_other(const struct sockaddr *sa); /* any but AF_INET */
static inline struct isb_addr isb_addr_from_sockaddr(const struct sockaddr *sa)
{
	struct isb_addr addr = {.family = 4};
	if (sa->sa_family != AF_INET)
		return isb_addr_from_sockaddr_other(sa);
	memcpy(addr.octets, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
	return addr;
}
uint16_t isb_port_from_sockaddr(const struct sockaddr *sa); /* 0 for unknown families */
socklen_t isb_addr_to_sockaddr(const struct isb_addr *addr, uint16_t port, struct sockaddr_storage *ret_sa);

/* The network of `len` bits around addr (len is cut to the family's length). */
struct isb_net isb_net_around(const struct isb_addr *addr, unsigned len);
bool isb_net_has(const struct isb_net *net, const struct isb_addr *addr);
bool isb_addr_equal(const struct isb_addr *a, const struct isb_addr *b);

/* False for addresses that say nothing about where a client is: private, loopback, link-local, shared,
 * multicast, unspecified (RFC 1918, 6598, 4193, 4291). Documentation networks count as public. */
bool isb_addr_is_public(const struct isb_addr *addr);
/* Length of the network of that kind that the address lies in, such as 8 for 10.1.2.3; 0: in none. */
uint8_t isb_addr_special_bits(const struct isb_addr *addr);
