/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A fast 64-bit hash for tables (not for secrets): eight octets at a time, each folded by a 64x64→128 multiply as
 * in wyhash. The same octets give the same value on every machine of one endianness. */
static inline uint64_t isb_hash_mix(uint64_t a, uint64_t b)
{
	unsigned __int128 m = (unsigned __int128)(a ^ 0xa0761d6478bd642fu) * (b ^ 0xe7037ed1a0b428dbu);
	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static inline uint64_t isb_hash(const void *data, size_t len, uint64_t seed)
{
	const uint8_t *p = data;
	uint64_t h = seed ^ len, word;
	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&word, p, 8);
		h = isb_hash_mix(h, word);
	}
	word = 0;
	for (size_t i = 0; i < len; i++)
		word |= (uint64_t)p[i] << (8 * i);
	return isb_hash_mix(h, word);
}
