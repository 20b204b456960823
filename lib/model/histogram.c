/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/model/histogram.h"

#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"

/* Bucket 0 holds what is below 2^FIRST µs; then each octave is cut into 2^CUT parts of equal width. */
enum { FIRST = 11, CUT = 4 };
_Static_assert(ISB_HISTOGRAM_BUCKETS == 1 + (26 - FIRST) * (1 << CUT), "60 s lie in the octave of 2^25 µs");

void isb_histogram_done(struct isb_histogram *h)
{
	free(h->bucket);
	*h = (struct isb_histogram){0};
}

void isb_histogram_reset(struct isb_histogram *h)
{
	h->count = h->min_us = h->max_us = 0;
	h->n = 0;
}

static uint32_t clamp(uint32_t us)
{
	return us < 1 ? 1 : us > ISB_RTT_MAX_US ? ISB_RTT_MAX_US : us;
}

uint8_t isb_histogram_bucket_of(uint32_t us)
{
	us = clamp(us);
	if (us < 1u << FIRST)
		return 0;
	unsigned octave = 31 - (unsigned)__builtin_clz(us);
	return (uint8_t)(1 + ((octave - FIRST) << CUT) + (us >> (octave - CUT)) - (1 << CUT));
}

static uint32_t middle_of(uint8_t number)
{
	if (!number)
		return 1u << (FIRST - 1);
	unsigned octave = FIRST + ((number - 1u) >> CUT), part = (number - 1u) & ((1u << CUT) - 1);
	return (((1u << CUT) + part) << (octave - CUT)) + (1u << (octave - CUT - 1));
}

static uint32_t plus(uint32_t a, uint32_t b)
{
	return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

void isb_histogram_add_bucket(struct isb_histogram *h, uint8_t number, uint32_t count)
{
	h->count = plus(h->count, count);
	uint16_t at = h->n;
	while (at && h->bucket[at - 1].number >= number)
		at--;
	if (at < h->n && h->bucket[at].number == number) {
		h->bucket[at].count = plus(h->bucket[at].count, count);
		return;
	}
	if (h->n == h->cap) {
		h->cap = (uint16_t)(h->cap ? h->cap * 2 : 4);
		h->bucket = isb_xrealloc(h->bucket, h->cap * sizeof(*h->bucket));
	}
	memmove(h->bucket + at + 1, h->bucket + at, (size_t)(h->n - at) * sizeof(*h->bucket));
	h->bucket[at] = (struct isb_histogram_bucket){.count = count, .number = number};
	h->n++;
}

static void widen(struct isb_histogram *h, uint32_t min_us, uint32_t max_us)
{
	if (!h->count || min_us < h->min_us)
		h->min_us = min_us;
	if (!h->count || max_us > h->max_us)
		h->max_us = max_us;
}

void isb_histogram_add(struct isb_histogram *h, uint32_t us, uint32_t count)
{
	if (!count)
		return;
	us = clamp(us);
	widen(h, us, us);
	isb_histogram_add_bucket(h, isb_histogram_bucket_of(us), count);
}

void isb_histogram_merge(struct isb_histogram *h, const struct isb_histogram *from)
{
	if (!from->count)
		return;
	widen(h, from->min_us, from->max_us);
	for (uint16_t i = 0; i < from->n; i++)
		isb_histogram_add_bucket(h, from->bucket[i].number, from->bucket[i].count);
}

uint32_t isb_histogram_quantile(const struct isb_histogram *h, unsigned percent)
{
	uint64_t total = 0, seen = 0;
	for (uint16_t i = 0; i < h->n; i++)
		total += h->bucket[i].count;
	const uint64_t rank = (total * percent + 99) / 100;
	for (uint16_t i = 0; i < h->n; i++) {
		seen += h->bucket[i].count;
		if (seen < rank)
			continue;
		uint32_t us = middle_of(h->bucket[i].number);
		return us < h->min_us ? h->min_us : us > h->max_us ? h->max_us : us;
	}
	return 0;
}
