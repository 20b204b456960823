/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/addr.h"
#include "isobar/steer/facts.h"
#include "isobar/view/geodb.h"

/* Client → class: the longest-prefix table a policy compiles to. Built by walking the geo databases, the policy's
 * networks and the latency cells as one binary trie; at each leaf of the joint trie all facts are constant and the
 * caller names their class; equal neighbours are merged up as far as they go. So the depth of the leaf a client falls
 * into is the length of the largest network around it with one and the same class: the exact ECS scope (RFC 7871
 * §7.2.1).
 *
 * The table is one flat block without pointers: per family a poptrie (16 bits direct, then strides of 6 with two
 * bitmaps each); the leaf word is class << 8 | scope. Reading it needs no allocation and no library, and every offset
 * is checked against the block's size. */

enum { ISB_CLASS_MAX = 0xfffffe, ISB_CLASS_NONE = 0xffffff }; /* 24 bits */

/* A set of networks with the caller's numbers; several may nest. */
struct isb_prefix {
	struct isb_net net;
	uint32_t id;
};

/* The caller's judgement, a class up to ISB_CLASS_MAX, or ISB_CLASS_NONE. Called once per distinct combination of the
 * files' facts and the matching networks, never from two threads; facts are valid during the call. */
typedef uint32_t isb_classify(void *arg, const struct isb_facts *facts);

struct isb_geomap; /* holds one block: see geomap_block.h for its layout */

/* db may be NULL. Never fails: the inputs were checked. */
struct isb_geomap *isb_geomap_new(const struct isb_geodb *db, const struct isb_prefix *nets, size_t nnet,
                                  const struct isb_prefix *cells, size_t ncell, isb_classify *classify, void *arg);
void isb_geomap_free(struct isb_geomap *map);
size_t isb_geomap_size(const struct isb_geomap *map); /* octets of the block */
const void *isb_geomap_block(const struct isb_geomap *map);
/* A map over a copy of these octets, whatever they are: no function below reads outside them, and on a damaged block
 * find gives ISB_CLASS_NONE or some class and scope, each stops early, prove says ISB_EFORMAT or that it is sound. */
struct isb_geomap *isb_geomap_copy(const void *block, size_t size);

struct isb_geoleaf {
	uint32_t cls;
	uint8_t scope; /* bits */
};
/* No allocation, no lock. An address that is not IPv4 is looked up as IPv6. */
struct isb_geoleaf isb_geomap_find(const struct isb_geomap *map, const struct isb_addr *addr);

/* Every leaf of the merged trie in address order: a partition of both families. */
void isb_geomap_each(const struct isb_geomap *map, void (*each)(void *arg, const struct isb_net *net, uint32_t cls),
                     void *arg);
/* That a block is one that packing makes: leaves are disjoint and cover everything, the scope of each is its length, and no
 * two siblings have one class. Returns ISB_OK or ISB_EFORMAT; *ret_leaves counts them. What `isobar check` proves of the
 * answers stands in prove.h. */
int isb_geomap_prove(const struct isb_geomap *map, size_t *ret_leaves);
