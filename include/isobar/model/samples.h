/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/buf.h"
#include "isobar/model/histogram.h"

/* Round trips between one client network and one region, with their age. They lie in windows of six hours of the clock;
 * a window counts until its oldest sample is 24 h old and then not at all. So no sample ever counts that is older, those
 * of a busy network count for 18 to 24 h, and one that came alone in its window for exactly 24 h. Pure: time is an
 * argument. All-zero is valid and empty. */

enum {
	ISB_SAMPLES_ENOUGH = 20, /* of them make a round trip that order latency believes */
	ISB_SAMPLES_PERCENT = 25, /* the quantile it compares: what the path can do, not what a busy hour made of it */
	ISB_SAMPLES_WINDOW_MS = 6 * 3600 * 1000,
	ISB_SAMPLES_LIFE_MS = 24 * 3600 * 1000,
	ISB_SAMPLES_WINDOWS = 5, /* as many as 24 h can touch */
};

struct isb_samples {
	struct isb_window {
		int64_t oldest_ms, newest_ms; /* of its samples; both in the same window of the clock */
		struct isb_histogram histogram; /* empty: the window is not in use */
	} window[ISB_SAMPLES_WINDOWS]; /* by number of the window of the clock, modulo their count */
};

void isb_samples_done(struct isb_samples *s);
void isb_samples_reset(struct isb_samples *s); /* keeps the memory */
/* `count` samples of one moment (> 0), in any order. What it takes the place of is more than 24 h older. */
void isb_samples_add(struct isb_samples *s, int64_t time_ms, uint32_t us, uint32_t count);

/* All that counts at `now_ms`, as one histogram (emptied first). Returns when the next window of it ends to count:
 * INT64_MAX when there is none. ret_newest_ms (may be NULL): time of the newest, 0 when there is none. */
int64_t isb_samples_sum(const struct isb_samples *s, int64_t now_ms, struct isb_histogram *ret_sum,
                        int64_t *ret_newest_ms);

/* Windows that still count at `now_ms`, oldest first; docs/store.md shows the octets. Nothing is added when none does. */
void isb_samples_encode(const struct isb_samples *s, int64_t now_ms, struct isb_buf *out);
/* ISB_EFORMAT for octets that encode never wrote; `s` is then empty. */
int isb_samples_decode(const void *data, size_t len, struct isb_samples *s);
