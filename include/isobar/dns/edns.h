/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/addr.h"
#include "isobar/base/wire.h"
#include "isobar/dns/rcode.h"

/* EDNS(0), RFC 6891, and the one option we act on, client subnet (RFC 7871). Other options are stepped over. */

enum { ISB_EDNS_PAYLOAD = 1232 }; /* what we say we can take: no query needs more, and no path fragments it */

struct isb_ecs {
	bool present;
	uint8_t source;       /* bits of addr that the resolver gave */
	struct isb_addr addr; /* the rest is zero */
};

struct isb_edns {
	bool present;
	bool dnssec_ok;
	uint8_t version;
	uint16_t payload; /* as sent; below 512 counts as 512 (RFC 6891 §6.2.5) */
	struct isb_ecs ecs;
};

/* Reads an OPT's class, TTL and rdata. ISB_NOERROR; ISB_FORMERR: an option overruns the rdata, or client subnet is
 * malformed or there twice (RFC 7871 §7.1.1); ISB_BADVERS: a version we do not know, its options are not read. */
enum isb_rcode isb_edns_read(struct isb_edns *ret_edns, uint16_t cls, uint32_t ttl, const uint8_t *rdata, uint16_t len);

/* Our OPT for a reply to a query with this one. `scope`: bits of the client that the answer depends on. */
size_t isb_edns_size(const struct isb_edns *edns);
void isb_edns_write(struct isb_writer *w, const struct isb_edns *edns, enum isb_rcode rcode, uint8_t scope);
