/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "isobar/base/arena.h"
#include "isobar/base/buf.h"
#include "isobar/model/verdict.h"
#include "isobar/store/healthdb.h"
#include "schedule.h"

/* One slot's verdict, out of what every probe observed of it. */

struct isb_ballot {
	struct isb_vote vote;
	struct isb_history history;
};

/* Every number in the word comes from the ballots, the check's knobs and the old word alone, so that all probes of one
 * store write the same one. Latency is the best of the counted votes (the nearest probe's), the flip the earliest.
 *
 * Soft health and load are the median of what the fresh votes for up say of them, of an even number the cautious one of the
 * middle two: the lesser soft health, the greater load. So no probe with a bad way to an endpoint takes its weight away from
 * everybody, and none that is late hides that the others see it fade. Changes too small to matter (ISB_SOFT_STEP,
 * ISB_LOAD_STEP) leave the word alone. Where there is no such vote, both stay as they were: they are held like the verdict. */
enum { ISB_SOFT_STEP = 2, ISB_LOAD_STEP = 20 };
uint64_t isb_judge_word(const struct isb_ballot *ballots, size_t count, const struct isb_target *target,
                        uint64_t old_word, int64_t now_ms);

/* "seoul: connect-refused x3; frankfurt: blind; tokyo: too old; osaka: resolve-failed lb.example.org x2". `host`: the name
 * that was looked up; NULL: none. */
void isb_judge_evidence(struct isb_buf *out, const struct isb_ballot *ballots, size_t count, const char *host,
                        int64_t now_ms);
