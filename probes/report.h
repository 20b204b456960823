/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/store/healthdb.h"
#include "guard.h"
#include "rtts.h"
#include "schedule.h"

/* From histories to the store, one LMDB transaction per report: this probe's observations, the verdicts over every
 * probe's observations, changed words, transitions with their evidence, the probe's own row, round trips.
 *
 * Several probes (with different names) may share one store. Each judges the slots it tests from all the observations in
 * the store, inside its write transaction: whoever comes first writes the transition, the others find it done. Rollouts are
 * judged there too, by the verdicts of that moment. */
struct isb_report {
	struct isb_store *store;
	const char *name, *region; /* region "": none */
	uint64_t boot;
	int64_t started_ms;
	struct isb_rtts rtts;
	uint32_t *withdrawn; /* slots whose observations are to be deleted */
	size_t nwithdrawn;
	struct isb_guards guards; /* load them whenever the catalog has changed */
	bool clash; /* another process reports under the same name; said once */
	bool hold;  /* probes whose votes the verdicts rest on are still on their way: write, and judge later */
};

void isb_report_init(struct isb_report *report, struct isb_store *store, const char *name, const char *region,
                     uint64_t boot, int64_t started_ms);
void isb_report_done(struct isb_report *report);

/* Gives a new target back what this probe last observed of it; false when the store knows nothing. */
bool isb_report_restore(struct isb_report *report, struct isb_txn *txn, struct isb_target *target);
/* The next report deletes all observations of the slot, whose endpoint is checked no more: a probe in another region
 * cannot take its own away, and another one that shares the store finds it done. */
void isb_report_withdraw(struct isb_report *report, uint32_t slot);

/* Writes what is dirty and judges it and what others were heard of; with `all`, judges every target checked since the
 * start (votes of other probes come and grow old), and writes the probe's row and the round trips. Logs each change
 * of a verdict and each abort after the commit. On failure nothing is lost: the next report writes it. */
int isb_report_write(struct isb_report *report, struct isb_schedule *schedule, bool all, int64_t now_ms);
