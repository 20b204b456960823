/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/model/timings.h"

enum {
	FIRST = 8, /* bucket 0 holds what is below 2^FIRST us */
	CUT = 2,   /* then each octave is cut into 2^CUT parts of equal width */
	LAST = ISB_TIMINGS_BUCKETS - 1,
	WHOLE = 64 /* weight of a check that has just ended: gone after seven halvings */
};

static unsigned bucket_of(uint32_t us)
{
	if (us < 1u << FIRST)
		return 0;
	unsigned octave = 31 - (unsigned)__builtin_clz(us);
	unsigned bucket = 1 + ((octave - FIRST) << CUT) + ((us >> (octave - CUT)) & ((1u << CUT) - 1));
	return bucket < LAST ? bucket : LAST;
}

static uint32_t middle_of(unsigned bucket)
{
	if (!bucket)
		return 1u << (FIRST - 1);
	unsigned octave = FIRST + ((bucket - 1) >> CUT), part = (bucket - 1) & ((1u << CUT) - 1);
	uint32_t least = ((1u << CUT) + part) << (octave - CUT);
	return bucket < LAST ? least + (1u << (octave - CUT - 1)) : least; /* the last one has no end */
}

static void halve(struct isb_timings *t, int64_t times)
{
	unsigned by = times < 16 ? (unsigned)times : 16; /* nothing is left then */
	for (unsigned i = 0; i < ISB_TIMINGS_BUCKETS; i++)
		t->weight[i] = (uint16_t)((uint32_t)t->weight[i] >> by);
}

void isb_timings_add(struct isb_timings *timings, uint32_t us, int64_t now_ms)
{
	if (!timings->halved_ms || now_ms < timings->halved_ms)
		timings->halved_ms = now_ms;
	int64_t times = (now_ms - timings->halved_ms) / ISB_TIMINGS_HALF_MS;
	if (times) {
		halve(timings, times);
		timings->halved_ms += times * ISB_TIMINGS_HALF_MS;
	}
	uint16_t *weight = &timings->weight[bucket_of(us)];
	if (*weight > UINT16_MAX - WHOLE)
		halve(timings, 1);
	*weight = (uint16_t)(*weight + WHOLE);
}

uint32_t isb_timings_percentile(const struct isb_timings *timings, unsigned percent)
{
	uint32_t total = 0, seen = 0;
	for (unsigned i = 0; i < ISB_TIMINGS_BUCKETS; i++)
		total += timings->weight[i];
	const uint32_t rank = (total * percent + 99) / 100;
	for (unsigned i = 0; total && i < ISB_TIMINGS_BUCKETS; i++) {
		seen += timings->weight[i];
		if (seen >= rank)
			return middle_of(i);
	}
	return 0;
}
