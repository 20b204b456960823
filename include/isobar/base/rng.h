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

static inline uint64_t isb_rotl(uint64_t x, int k)
{
	return x << k | x >> (64 - k);
}
static inline uint64_t isb_rng_next(struct isb_rng *rng)
{
	uint64_t s0 = rng->s[0], s1 = rng->s[1], s2 = rng->s[2] ^ s0, s3 = rng->s[3] ^ s1;
	rng->s[0] = s0 ^ s3;
	rng->s[1] = s1 ^ s2;
	rng->s[2] = s2 ^ s1 << 17;
	rng->s[3] = isb_rotl(s3, 45);
	return isb_rotl(s1 * 5, 7) * 9;
}

/* Uniform in [0, bound), without modulo bias (Lemire 2019); bound > 0. */
static inline uint64_t isb_rng_below(struct isb_rng *rng, uint64_t bound)
{
	unsigned __int128 m = (unsigned __int128)isb_rng_next(rng) * bound;
	if (__builtin_expect((uint64_t)m < bound, 0)) {
		uint64_t floor = -bound % bound;
		while ((uint64_t)m < floor)
			m = (unsigned __int128)isb_rng_next(rng) * bound;
	}
	return (uint64_t)(m >> 64);
}

/* From getrandom(2). */
uint64_t isb_random_seed(void);
