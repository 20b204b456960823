/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/model/dname.h"
#include "isobar/view/names.h"

/* The names right below the apex of a zone that is too large for the table of whole names (exact.h): first label → node of the
 * zone's trie. No name or rrset is held twice, a name costs the twelve octets of its slot, and a question is answered after
 * two looks at memory instead of one for each level of the trie.
 *
 * In it are nodes without a steering record whose rrsets answer for their names, as exact.h says. Of all other nodes right below
 * the apex there is a mark, so that what has neither is not there, nor is anything below it: most denials take one look. As
 * there, a name stands in one of ISB_LARGE_PROBES slots, and where these are full nothing can be said; all octets are compared,
 * and an edit marks slots dead before its view is published, also those of names that come. Here that is also what keeps readers
 * off memory that goes: a node may be freed once another one took its place and the last view that had it is gone, and what
 * takes its place is an edit of this name or of one below it. Since a slot is a pointer this is not for another executor, whose
 * tables are exact.h's. */

enum { ISB_LARGE_PROBES = 32 };
struct isb_large {
	uint32_t slots; /* where a hash may lead; ISB_LARGE_PROBES - 1 more stand behind */
	_Atomic bool partial; /* the zone may have names that are not in it: nothing is said of what is not there */
	uint8_t apex_len;
	uint8_t apex[ISB_DNAME_MAX]; /* lower case */
	_Atomic uint64_t slot[]; /* 0: free; else 16 bits of the label's hash over 48 of the node's address or ISB_LARGE_DEAD */
};
enum { ISB_LARGE_DEAD = 1 };

struct isb_view;
struct isb_zone_view;
/* Of one of the view's zones, for free(). NULL: it has more names than 32 bits count. */
struct isb_large *isb_large_new(const struct isb_view *view, const struct isb_zone_view *zone);
/* `name` in lower case. NULL: ask the tries. */
const struct isb_node *isb_large_find(const struct isb_large *large, const uint8_t *name, size_t len);
/* `name` in lower case. True: as long as the zone is there, it has no node of this name, right below its apex, in any view that
 * has this table. Other zones, and a wildcard or a DNAME at the apex, may still have something to say. False: ask the tries. */
bool isb_large_lacks(const struct isb_large *large, const uint8_t *name, size_t len);
/* So that a look at memory need not be waited for, when several questions are at hand: has the slot of a label's key come; then,
 * a little later, what the slot leads to. Both say nothing and are never wrong. */
void isb_large_fetch_slot(const struct isb_large *large, uint64_t key);
void isb_large_fetch_node(const struct isb_large *large, uint64_t key);
/* Of a label in lower case, its length octet first. */
uint64_t isb_large_key(const uint8_t *label);
/* This name, in lower case, is edited; it may be any below the apex or elsewhere. */
void isb_large_bury(struct isb_large *large, const uint8_t *name, size_t len);
/* The zone with this apex, in lower case, goes; another one may come in its place. */
void isb_large_leave(struct isb_large *large, const uint8_t *apex, size_t len);
