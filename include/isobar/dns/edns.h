/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/addr.h"
#include "isobar/base/wire.h"
#include "isobar/dns/cookie.h"
#include "isobar/dns/rcode.h"

/* EDNS(0), RFC 6891, with the options we act on: client subnet (RFC 7871), cookie (RFC 7873), NSID (RFC 5001), keepalive
 * (RFC 7828); extended errors (RFC 8914) only go out. Other options are stepped over. */

enum { ISB_EDNS_PAYLOAD = 1232 }; /* what we say we can take: no query needs more, and no path fragments it */

struct isb_ecs {
	struct isb_addr addr;
	uint8_t source;        /* bits of addr that the resolver gave; the rest is zero */
	uint8_t option_len;
	const uint8_t *option; /* as it came, for the reply; not copied */
};
/* Whether a network that was told, of so many bits, says where a client is. Otherwise the answer goes by the address
 * that asks, whatever rules name that network. */
static inline bool isb_ecs_believed(const struct isb_addr *addr, uint8_t bits)
{
	return bits > 0 && isb_addr_is_public(addr);
}

struct isb_cookie {
	uint8_t server_len; /* 0: the client has none yet; else 8..32 */
	uint8_t client[ISB_COOKIE_CLIENT];
	uint8_t server[ISB_COOKIE_SERVER_MAX];
};

enum { ISB_EDNS_DO = 0x8000 };
/* Options that are there. */
enum { ISB_EDNS_ECS = 1, ISB_EDNS_COOKIE = 2, ISB_EDNS_NSID = 4, ISB_EDNS_KEEPALIVE = 8, ISB_EDNS_EDE = 16 };

struct isb_edns {
	bool present;
	uint8_t has; /* ISB_EDNS_ECS … ISB_EDNS_KEEPALIVE; without EDNS none of them */
	uint16_t flags;   /* DO alone (RFC 3225) */
	uint16_t payload; /* as sent, 0 without EDNS; below 512 counts as 512 (RFC 6891 §6.2.5) */
	struct isb_ecs ecs;
	struct isb_cookie cookie;
};

/* What a reply's OPT says beside what it mirrors. */
enum { ISB_EDE_PROHIBITED = 18, ISB_EDE_NOT_AUTHORITATIVE = 20, ISB_EDE_NOT_SUPPORTED = 21 };
struct isb_edns_extra {
	uint8_t has;              /* ISB_EDNS_COOKIE … ISB_EDNS_EDE; only what is there is set: */
	uint8_t server[ISB_COOKIE_SERVER]; /* behind the client's cookie */
	uint8_t nsid_len;
	const uint8_t *nsid;
	uint16_t keepalive_100ms;
	uint16_t ede;             /* INFO-CODE */
};
static inline void isb_edns_explain(struct isb_edns_extra *extra, uint16_t ede)
{
	extra->has |= ISB_EDNS_EDE;
	extra->ede = ede;
}

/* Reads an OPT's class, TTL and rdata. ISB_NOERROR; ISB_FORMERR: an option overruns the rdata, client subnet is
 * malformed or there twice (RFC 7871 §7.1.1), a cookie has no allowed length (RFC 7873 §5.2.2); ISB_BADVERS: a
 * version we do not know, its options are not read. */
enum isb_rcode isb_edns_read(struct isb_edns *ret_edns, uint16_t cls, uint32_t ttl, const uint8_t *rdata, uint16_t len);

/* Our OPT for a reply to a query with this one: its size, 0 without one; and its octets, where there is one and `out` has
 * room for exactly that size. `scope`: bits of the client that the answer depends on. */
size_t isb_edns_size(const struct isb_edns *edns, const struct isb_edns_extra *extra);
void isb_edns_write(uint8_t *out, size_t size, const struct isb_edns *edns, const struct isb_edns_extra *extra,
                    enum isb_rcode rcode, uint8_t scope);
