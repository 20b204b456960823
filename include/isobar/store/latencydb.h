/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/addr.h"
#include "isobar/model/samples.h"
#include "isobar/store/env.h"

/* The latency environment: measured round trips, one row for each client network and region. Not part of the catalog:
 * nobody edits them, they come by the million and are gone after a day. All functions take a transaction on
 * ISB_ENV_LATENCY. */

struct isb_latency_row {
	struct isb_net net;
	const char *region;
	const struct isb_samples *samples;
};

/* ISB_ENOTFOUND leaves `samples` empty. */
int isb_latency_get(struct isb_txn *txn, const struct isb_net *net, const char *region, struct isb_samples *samples);
/* Takes the place of what was there; without a sample that counts at `now_ms` the row goes. */
int isb_latency_put(struct isb_txn *txn, const struct isb_net *net, const char *region,
                    const struct isb_samples *samples, int64_t now_ms);
/* Rows in order of family, address, length, region; `each` returns 0 to go on. */
int isb_latency_each(struct isb_txn *txn, int (*each)(void *arg, const struct isb_latency_row *row), void *arg);
/* Takes away rows without a sample that counts at `now_ms`. */
int isb_latency_sweep(struct isb_txn *txn, int64_t now_ms, size_t *ret_gone);
int isb_latency_clear(struct isb_txn *txn);
