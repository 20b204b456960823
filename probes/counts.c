/* SPDX-License-Identifier: Apache-2.0 */
#include "counts.h"

const double isb_span_bound_s[ISB_SPAN_BOUNDS] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                  0.1,    0.25,  0.5,    1,     2.5,  5,     10};
static const int64_t bound_us[ISB_SPAN_BOUNDS] = {500,    1000,   2500,   5000,    10000,   25000,   50000,
                                                  100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000};

void isb_spans_add(struct isb_spans *spans, int64_t us)
{
	unsigned bucket = 0;
	while (bucket < ISB_SPAN_BOUNDS && us > bound_us[bucket])
		bucket++;
	spans->count[bucket]++;
	spans->sum_us += us > 0 ? (uint64_t)us : 0;
}

void isb_counts_outcome(struct isb_counts *counts, enum isb_check_type type, const struct isb_outcome *outcome)
{
	counts->outcomes[type][outcome->kind]++;
	if (outcome->total_us)
		isb_spans_add(&counts->durations[type], outcome->total_us);
}
