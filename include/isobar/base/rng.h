/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>

/* xoshiro256** (Blackman and Vigna, public domain algorithm). Randomness is an argument everywhere: tests pass a
 * fixed seed, workers one state each. Not for secrets. */
struct isb_rng {
	uint64_t s[4];
};

/* Any seed is fine; it is spread by splitmix64. */
void isb_rng_seed(struct isb_rng *rng, uint64_t seed);
uint64_t isb_rng_next(struct isb_rng *rng);
/* Uniform in [0, bound), without modulo bias (Lemire 2019); bound > 0. */
uint64_t isb_rng_below(struct isb_rng *rng, uint64_t bound);
/* From getrandom(2). */
uint64_t isb_random_seed(void);
