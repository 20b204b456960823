/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/addr.h"
#include "isobar/store/env.h"

/* What the hosts of ALIAS records resolve to: written by a probe, which asks a resolver in the background, read by
 * the server when it compiles. All functions take a transaction on ISB_ENV_HEALTH. */

enum { ISB_RESOLVED_FAMILY_MAX = 16, ISB_RESOLVED_MAX = 2 * ISB_RESOLVED_FAMILY_MAX };

struct isb_resolved {
	const char *host;    /* lower case, without the final dot */
	const char *probe;   /* who asked */
	int64_t since_ms;    /* the addresses are these since; 0: there were never any */
	int64_t until_ms;    /* their TTL ends; later they are stale, and still the best there is */
	int64_t asked_ms;    /* the last try ended */
	int64_t failing_ms;  /* tries fail since; 0: the last one did not */
	const char *trouble; /* what the last failure was; "" when failing_ms is 0 */
	size_t count;        /* 0: none, or none yet */
	struct isb_addr addresses[ISB_RESOLVED_MAX]; /* sorted: IPv4 first, then by their octets */
};

/* Texts hold until the transaction ends (in a write transaction: until its next write). */
int isb_resolved_get(struct isb_txn *txn, const char *host, struct isb_resolved *ret_row);
int isb_resolved_put(struct isb_txn *txn, const struct isb_resolved *row);
int isb_resolved_delete(struct isb_txn *txn, const char *host);
int isb_resolved_each(struct isb_txn *txn, int (*each)(void *arg, const struct isb_resolved *row), void *arg);
