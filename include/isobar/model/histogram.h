/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* How often which round trip was measured: buckets on a logarithmic scale, 16 to an octave from 2.048 ms on and one for
 * all below, kept sparse and ascending. A quantile is the middle of its bucket, cut to the smallest and the largest value
 * that were added, so that it is off by at most 1/32 (3.2 %), or by 1.1 ms below 2.048 ms; of a single value it is exact.
 * Buckets are found with integers alone: every machine finds the same. Counts saturate at UINT32_MAX.
 * All-zero is a valid empty histogram. */

enum { ISB_HISTOGRAM_BUCKETS = 241, ISB_RTT_MAX_US = 60000000 };

struct isb_histogram {
	uint32_t count;          /* of all buckets */
	uint32_t min_us, max_us; /* of what was added; hold no meaning while count is 0 */
	uint16_t n, cap;         /* buckets in use; room for them */
	struct isb_histogram_bucket {
		uint32_t count; /* never 0 */
		uint8_t number;
	} *bucket;
};

void isb_histogram_done(struct isb_histogram *h);
void isb_histogram_reset(struct isb_histogram *h); /* keeps the memory */
/* `count` times the same round trip, which is cut to 1 .. ISB_RTT_MAX_US; 0 times is nothing. */
void isb_histogram_add(struct isb_histogram *h, uint32_t us, uint32_t count);
/* Adds all that `from` holds: the same whichever is added to which, and in any order. */
void isb_histogram_merge(struct isb_histogram *h, const struct isb_histogram *from);
/* The value that `percent` (1 .. 100) of all are not above, by nearest rank; 0 when there is none. */
uint32_t isb_histogram_quantile(const struct isb_histogram *h, unsigned percent);

/* For reading one back bucket by bucket: the smallest and the largest value are then the caller's to set. */
void isb_histogram_add_bucket(struct isb_histogram *h, uint8_t number, uint32_t count);
uint8_t isb_histogram_bucket_of(uint32_t us);
