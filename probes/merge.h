/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/buf.h"
#include "isobar/store/exchange.h"
#include "isobar/store/healthdb.h"
#include "schedule.h"

/* What a site does with the observations of a probe that does not write into its store, however they came. */

/* One probe's table, or what has changed of it. All times are by our clock already (isb_exchange_row_rebase()). */
struct isb_remote_table {
	struct isb_probe_row probe; /* seen_ms is when its last sign of life came */
	const struct isb_exchange_row *rows;
	size_t count;
	const struct isb_remote_rtt {
		const char *region;
		uint32_t us;
	} *rtts; /* from the probe's region */
	size_t nrtt;
	bool placed; /* its region is in the catalog: round trips and paces count */
};

/* Writes them as that probe's observations and row, and marks the targets, which the next report judges. Observations
 * of what is not checked here, or is tested in another way now, are left out: *ret_stale counts them (added to what
 * it has). No vote counts for longer than one of ours would. */
int isb_merge_table(struct isb_txn *txn, struct isb_schedule *schedule, const struct isb_remote_table *table,
                    int64_t now_ms, size_t *ret_stale);

/* The way back, for a probe that has kept nothing: appends ISB_X_KNOWN frames with all that the store has of it. */
int isb_merge_known(struct isb_txn *txn, const struct isb_schedule *schedule, const char *probe, int64_t now_ms,
                    struct isb_buf *out);
