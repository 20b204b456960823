/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>

/* A made-up world of City size: networks of registries given to countries, cut into those of providers and cut again
 * into those of cities, as deep as /32 and /64; a fifth of them IPv6; some given to nobody. Cities have subdivision,
 * coordinates and English names and stand where their country is. The same seed gives the same octets. */
struct world {
	uint64_t seed;
	uint32_t networks; /* about so many */
	uint32_t places;   /* cities in all */
};
/* 0, or -1 with errno. */
int world_write(const struct world *world, const char *path);
