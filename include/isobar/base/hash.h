/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Fast 64-bit hashes (not for secrets), and a comparison of keys as short as theirs. Eight octets at a time, the last ones
 * out of a word that overlaps the one before: nothing goes octet by octet, and nothing is read beyond the end. Words are
 * folded by a 64x64→128 multiply as in wyhash. */
static inline uint64_t isb_octets8(const uint8_t *p)
{
	uint64_t word;
	memcpy(&word, p, sizeof(word));
	return le64toh(word);
}

static inline uint64_t isb_octets4(const uint8_t *p)
{
	uint32_t word;
	memcpy(&word, p, sizeof(word));
	return le32toh(word);
}

/* Fewer than eight octets, the first one lowest. */
static inline uint64_t isb_octets_few(const uint8_t *p, size_t len)
{
	if (len >= 4)
		return isb_octets4(p) | isb_octets4(p + len - 4) << (8 * (len - 4));
	if (len == 0)
		return 0;
	return p[0] | (uint64_t)p[len / 2] << (8 * (len / 2)) | (uint64_t)p[len - 1] << (8 * (len - 1));
}

static inline uint64_t isb_hash_mix(uint64_t a, uint64_t b)
{
	unsigned __int128 m = (unsigned __int128)(a ^ 0xa0761d6478bd642fu) * (b ^ 0xe7037ed1a0b428dbu);
	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/* The same octets give the same value on every machine and in every version: order hash and rollouts place clients by it. */
static inline uint64_t isb_hash(const void *data, size_t len, uint64_t seed)
{
	const uint8_t *p = data;
	uint64_t h = seed ^ len;
	if (len < 8)
		return isb_hash_mix(h, isb_octets_few(p, len));
	for (; len >= 8; p += 8, len -= 8)
		h = isb_hash_mix(h, isb_octets8(p));
	return isb_hash_mix(h, len ? isb_octets8(p + len - 8) >> (64 - 8 * len) : 0);
}

/* For tables in memory, whose values nobody keeps: one multiply less. */
static inline uint64_t isb_hash_key(const void *data, size_t len, uint64_t seed)
{
	const uint8_t *p = data;
	uint64_t h = seed ^ len;
	if (len < 8)
		return isb_hash_mix(h, isb_octets_few(p, len));
	for (; len > 16; p += 8, len -= 8)
		h = isb_hash_mix(h, isb_octets8(p));
	return isb_hash_mix(h ^ isb_octets8(p), isb_octets8(p + len - 8));
}

static inline bool isb_same(const void *a, const void *b, size_t len)
{
	const uint8_t *p = a, *q = b;
	if (len < 4)
		return isb_octets_few(p, len) == isb_octets_few(q, len);
	if (len < 8)
		return !((isb_octets4(p) ^ isb_octets4(q)) | (isb_octets4(p + len - 4) ^ isb_octets4(q + len - 4)));
	for (; len > 16; p += 8, q += 8, len -= 8)
		if (isb_octets8(p) != isb_octets8(q))
			return false;
	return !((isb_octets8(p) ^ isb_octets8(q)) | (isb_octets8(p + len - 8) ^ isb_octets8(q + len - 8)));
}
