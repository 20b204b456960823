/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "isobar/base/arena.h"
#include "isobar/base/buf.h"
#include "isobar/model/verdict.h"
#include "isobar/store/healthdb.h"
#include "schedule.h"

/* One slot's verdict, out of what every probe observed of it. */

struct isb_ballot {
	const char *probe;
	struct isb_vote vote;
	struct isb_history history;
};

/* Every number in the word comes from the ballots, the check's knobs and the old word alone, so that all probes of one
 * store write the same one. Latency is the best of the counted votes (the nearest probe's), the flip the earliest. */
uint64_t isb_judge_word(const struct isb_ballot *ballots, size_t count, const struct isb_target *target,
                        uint64_t old_word, int64_t now_ms);

/* "seoul: connect-refused x3; frankfurt: blind; tokyo: too old; osaka: resolve-failed lb.example.org x2". `host`: the name
 * that was looked up; NULL: none. */
void isb_judge_evidence(struct isb_buf *out, const struct isb_ballot *ballots, size_t count, const char *host,
                        int64_t now_ms);
