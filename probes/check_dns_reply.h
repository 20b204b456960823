/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/addr.h"
#include "isobar/base/buf.h"

/* The messages of checks of type dns, octets only. */

struct isb_dns_ask {
	uint16_t id;
	bool recursion;          /* desired */
	const uint8_t *question; /* name, type, class as in a message */
	size_t nquestion;
	const struct isb_addr *addresses; /* looked for among the answers */
	size_t naddress;
};
struct isb_dns_reply {
	bool truncated; /* then nothing below the rcode was looked at */
	uint8_t rcode;
	uint16_t answers;
	bool found; /* one of the addresses, as rdata of an A or AAAA record in the answer section */
};

void isb_dns_ask_write(const struct isb_dns_ask *ask, struct isb_buf *out);
/* ISB_ENOTFOUND: no reply to this query (another id, another question, no response); ISB_EFORMAT: it is one, and
 * malformed. An error may come without the question (RFC 1035 §4.1.1 leaves it open, and servers do). */
int isb_dns_reply_read(const struct isb_dns_ask *ask, const uint8_t *data, size_t len, struct isb_dns_reply *ret_reply);
