/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "intern.h"
#include "isobar/view/geomap.h"

/* A set of networks, walked bit by bit like a binary trie but kept as a sorted array: the networks below one trie node
 * are neighbours there, so a place in the trie is a range, and a million long prefixes cost no million chains. */

typedef unsigned __int128 isb_key; /* an address of either family, its first bit on top */

struct isb_netset {
	struct isb_netset_item {
		isb_key key;
		uint32_t id;
		uint8_t len;
	} *item;         /* IPv4 first; then by key, len, id; no two alike */
	size_t n4, count;
	struct isb_intern lists; /* of matches: the number of the shorter ones' list, then what this node adds */
};

/* Range of what lies below, and the list of what lies above and here: matches of every address below. */
struct isb_netset_at {
	uint32_t lo, hi; /* lo == hi: nothing below */
	uint32_t list;
};

void isb_netset_init(struct isb_netset *set, const struct isb_prefix *prefixes, size_t count);
void isb_netset_done(struct isb_netset *set);

struct isb_netset_at isb_netset_root(struct isb_netset *set, unsigned family);
/* The child on the side of `bit` of a node at `depth`. */
struct isb_netset_at isb_netset_step(struct isb_netset *set, struct isb_netset_at at, unsigned depth, unsigned bit);

/* Writes out a list, longest networks first, into *matches, which grows by realloc. Returns their number. */
size_t isb_netset_matches(const struct isb_netset *set, uint32_t list, struct isb_prefix_match **matches, size_t *cap);

static inline isb_key isb_key_of(const struct isb_addr *addr)
{
	uint64_t half[2]; /* octets past an IPv4 address are zero */
	memcpy(half, addr->octets, sizeof(half));
	return (isb_key)be64toh(half[0]) << 64 | be64toh(half[1]);
}
