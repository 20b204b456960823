/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>

#include "isobar/model/model.h"
#include "isobar/model/observe.h"

/* What a probe counts of its own work, on the thread of its loop; others get copies. All-zero is where it begins. */

/* How long something took, in buckets from half a millisecond to ten seconds. */
enum { ISB_SPAN_BOUNDS = 14 };
extern const double isb_span_bound_s[ISB_SPAN_BOUNDS]; /* the last bucket has none */
struct isb_spans {
	uint64_t count[ISB_SPAN_BOUNDS + 1], sum_us;
};
void isb_spans_add(struct isb_spans *spans, int64_t us); /* below 0 counts as 0 */

struct isb_counts {
	uint64_t outcomes[ISB_CHECK_TYPE_COUNT][ISB_OUTCOME_COUNT];
	struct isb_spans durations[ISB_CHECK_TYPE_COUNT]; /* of checks that know how long they took */
	struct isb_spans late;                            /* from when a check was due to its start */
};
void isb_counts_outcome(struct isb_counts *counts, enum isb_check_type type, const struct isb_outcome *outcome);
