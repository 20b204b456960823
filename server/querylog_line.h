/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "isobar/dns/respond.h"

/* One query in the query log: packed by the worker that answered it, printed by the thread that writes. The line's keys
 * and their order are told in docs/operations.md; other programs read them. */

struct isb_querylog_record {
	int64_t time_ms;
	uint32_t ttl_s; /* or ISB_NO_TTL */
	uint16_t type, cls, rcode, size;
	uint8_t proto;  /* enum isb_proto */
	uint8_t scope;
	bool truncated, failopen;
	uint8_t name_len;     /* octets; 0: no question could be read */
	uint8_t endpoint_len; /* octets; 0: none chosen */
	struct isb_addr client;
	struct isb_net ecs;   /* family 0: none */
	uint8_t text[];       /* the name in wire form, then the endpoint */
};

/* Octets that a record of this query takes, and the record. `size`: of the answer. */
size_t isb_querylog_size(const struct isb_summary *summary);
void isb_querylog_pack(struct isb_querylog_record *ret_record, const struct isb_summary *summary,
                       const struct isb_client *client, int64_t time_ms, size_t size);

/* The line with its newline and without a NUL; returns its length. Whatever was asked, it is one line of printable ASCII
 * and no value holds a blank. */
enum { ISB_QUERYLOG_LINE = 2560 };
size_t isb_querylog_print(const struct isb_querylog_record *record, char out[ISB_QUERYLOG_LINE]);
