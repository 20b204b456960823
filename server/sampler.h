/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "isobar/base/rng.h"

/* One of `every` queries on average, at random distances: with fixed ones, a resolver that asks for A and AAAA in turn
 * would be seen asking for one of them only. */
enum { ISB_SAMPLE_MAX = 1000000 };
struct isb_sampler {
	uint32_t every; /* 0: none, 1: all */
	uint32_t left;  /* until the next one */
};

/* Uniform in 1 .. 2 * every - 1, which is `every` in the middle. */
static inline uint32_t isb_sampler_draw(uint32_t every, struct isb_rng *rng)
{
	return every > 1 ? 1 + (uint32_t)isb_rng_below(rng, 2 * (uint64_t)every - 1) : 1;
}

static inline void isb_sampler_init(struct isb_sampler *sampler, uint32_t every, struct isb_rng *rng)
{
	*sampler = (struct isb_sampler){.every = every, .left = isb_sampler_draw(every, rng)};
}

/* How many will not be taken from now on: as many may be passed over without asking, and are told afterwards. */
static inline uint32_t isb_sampler_idle(const struct isb_sampler *sampler)
{
	return sampler->every ? sampler->left - 1 : UINT32_MAX;
}
static inline void isb_sampler_pass(struct isb_sampler *sampler, uint32_t passed)
{
	if (sampler->every)
		sampler->left -= passed;
}

static inline bool isb_sampler_takes(struct isb_sampler *sampler, struct isb_rng *rng)
{
	if (!sampler->every || --sampler->left)
		return false;
	sampler->left = isb_sampler_draw(sampler->every, rng);
	return true;
}
