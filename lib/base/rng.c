/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/base/rng.h"

#include <stdlib.h>
#include <sys/random.h>

static uint64_t splitmix(uint64_t *x)
{
	uint64_t z = (*x += 0x9e3779b97f4a7c15u);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

void isb_rng_seed(struct isb_rng *rng, uint64_t seed)
{
	for (int i = 0; i < 4; i++)
		rng->s[i] = splitmix(&seed);
}

static uint64_t rotl(uint64_t x, int k)
{
	return x << k | x >> (64 - k);
}

uint64_t isb_rng_next(struct isb_rng *rng)
{
	uint64_t *s = rng->s, result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return result;
}

uint64_t isb_rng_below(struct isb_rng *rng, uint64_t bound)
{
	unsigned __int128 m = (unsigned __int128)isb_rng_next(rng) * bound;
	if ((uint64_t)m < bound) {
		uint64_t floor = -bound % bound;
		while ((uint64_t)m < floor)
			m = (unsigned __int128)isb_rng_next(rng) * bound;
	}
	return (uint64_t)(m >> 64);
}

uint64_t isb_random_seed(void)
{
	uint64_t seed;
	if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		abort(); /* Linux gives up to 256 octets whole once the pool is ready */
	return seed;
}
