/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>

#include "isobar/base/arena.h"

/* How long one worker takes to answer: from the moment it has a batch of queries to the moment that the last answer of it was
 * given to the kernel, counted for each query of the batch. The clock is read twice in a batch. The worker writes, anyone reads. */

enum { ISB_PACE_BOUNDS = 14 };
extern const double isb_pace_bound_s[ISB_PACE_BOUNDS]; /* of the buckets; the last bucket has none */

struct isb_pace {
	alignas(ISB_CACHE_LINE) _Atomic int64_t begun_ns; /* of the batch at hand; 0: none is */
	_Atomic uint64_t count[ISB_PACE_BOUNDS + 1], sum_ns;
};

/* Never 0; of the monotonic clock. */
int64_t isb_pace_now_ns(void);
void isb_pace_begin(struct isb_pace *pace, int64_t now_ns);
void isb_pace_end(struct isb_pace *pace, int64_t now_ns, uint64_t queries);
/* How long the batch at hand has taken already; 0: none is. */
int64_t isb_pace_busy_ns(const struct isb_pace *pace, int64_t now_ns);
