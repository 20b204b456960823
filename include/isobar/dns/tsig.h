/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/wire.h"

/* A TSIG in a query (RFC 8945). We hold no keys, so every one is signed with a key we do not know: the reply is NOTAUTH
 * with an unsigned TSIG that says BADKEY (§5.2.1, §5.3.2). */

struct isb_tsig {
	bool present;
	uint8_t name_len, algorithm_len; /* octets */
	const uint8_t *name;      /* the key's, in the message */
	const uint8_t *algorithm; /* in the message; the time signed and the fudge follow it */
	uint16_t original_id;
};

/* `name` is the owner in plain form. False: it cannot be interpreted (FORMERR). */
bool isb_tsig_read(struct isb_tsig *ret_tsig, const uint8_t *name, uint8_t name_len, const uint8_t *rdata,
                   uint16_t len);
size_t isb_tsig_size(const struct isb_tsig *tsig);
void isb_tsig_write_badkey(struct isb_writer *w, const struct isb_tsig *tsig);
