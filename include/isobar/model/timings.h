/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>

/* What the checks of one endpoint took of late, for percentiles: buckets on a logarithmic scale, 4 to an octave from 256 us to
 * 12.6 s and one for all on either side. Of fixed size and without a pointer, because a probe holds one for each of what may
 * be fifty thousand endpoints. (model/histogram.h is finer, forgets nothing and grows.)
 *
 * A check counts for half as much after ISB_TIMINGS_HALF_MS, so that ten minutes ago is a quarter; where more checks come
 * than a bucket can count, some 500, the memory is shorter. A percentile is the middle of its bucket: off by at most an
 * eighth, or by 128 us below 256 us; what took longer than 12.6 s counts as that. All-zero is valid and empty. */
enum { ISB_TIMINGS_BUCKETS = 64, ISB_TIMINGS_HALF_MS = 5 * 60 * 1000 };

struct isb_timings {
	int64_t halved_ms; /* when everything was last halved */
	uint16_t weight[ISB_TIMINGS_BUCKETS];
};

/* A clock that was set back forgets nothing. */
void isb_timings_add(struct isb_timings *timings, uint32_t us, int64_t now_ms);
/* What `percent` (1 .. 100) of all did not exceed, by nearest rank; 0: nothing was added. */
uint32_t isb_timings_percentile(const struct isb_timings *timings, unsigned percent);
