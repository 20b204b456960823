/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "isobar/dns/answer.h"
#include "isobar/dns/query.h"

/* Writes a decided answer: header, question as it came, the parts with names compressed (RFC 1035 §4.1.4, RFC 3597
 * §4), OPT and TSIG where the query had them. Never longer than `limit`, which is at least 512: what must be said and
 * does not fit makes an empty answer with TC, and so does cut_short. Returns the length. */
size_t isb_reply_write(uint8_t *out, size_t limit, const struct isb_query *query, const struct isb_answer *answer);
