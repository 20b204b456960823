/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "isobar/base/arena.h"
#include "isobar/model/model.h"
#include "isobar/store/env.h"
#include "isobar/store/rollouts.h"

/* Rollouts that end when their new side cannot answer. The probe is who writes health, so it is who says so: it writes the
 * rollout's abort word beside the verdicts that led to it, in their transaction. Every probe of a store judges by the same
 * words; whoever comes first writes, the others find it done. */
struct isb_guards {
	struct isb_arena arena;
	struct isb_guard {
		const char *record, *to;
		uint32_t slot;
		struct isb_standing *standing;
	} *list;
	size_t count, cap;
};

/* Of the catalog as it is now; what was known before is forgotten. All-zero is valid and guards nothing. */
int isb_guards_load(struct isb_guards *guards, struct isb_txn *catalog_txn, const struct isb_catalog *catalog);
void isb_guards_done(struct isb_guards *guards);

/* Writes the abort word and the transition when the new side cannot answer any more and no one has said so before.
 * *ret_evidence (the arena's) is NULL when there is nothing to tell. */
int isb_guard_judge(const struct isb_guard *guard, struct isb_txn *health, int64_t now_ms, struct isb_arena *arena,
                    const char **ret_evidence);
