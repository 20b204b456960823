/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "walk.h"

/* Among equals. The ranks of a node's children say who comes first; of those that share a rank one is drawn at a time, as
 * the node's order says, without putting it back: for an answer of several endpoints, and to go on when the first that was
 * drawn cannot answer. Each way to draw is one file, draw_NAME.c, but the common one, by weight, which is inline.
 * Room-internal. */

struct isb_equals {
	struct isb_walk *walk;
	const struct isb_plan_node *node;
	uint32_t *weight;        /* by child of the node; 0 or ISB_SET_ASIDE: it is not to be drawn, or was drawn before */
	const uint32_t *measure; /* by child, for orders that compare: load or latency as in struct isb_survey; else NULL */
	unsigned depth;          /* of the children, for the trace */
	bool zero;               /* it is the turn of those of weight 0, see isb_equals_turn_to_zero() */
	uint32_t from, to;       /* the equals are the children from .. to - 1 */
	bool begun;              /* something was drawn */
	bool counted;            /* for what is below all children were counted together */
	uint32_t candidates;     /* left to draw from */
	uint64_t left;           /* the sum of their shares */
	uint64_t total;          /* of the last draw: that sum, as far as chance decided among them; 0: it did not */
	/* what lasts from draw to draw */
	uint64_t key;            /* hash */
	struct isb_turn_of {
		uint64_t at;     /* rotate: the turn's time in units of 2^-shift cycles, rounded up */
		uint32_t shift, divisor, first; /* first: the child whose turn it is */
	} turn;
};

static inline void isb_equals_init(struct isb_equals *equals, struct isb_walk *walk, const struct isb_plan_node *node,
                                   uint32_t *weight, const uint32_t *measure, unsigned depth)
{
	equals->walk = walk;
	equals->node = node;
	equals->weight = weight;
	equals->measure = measure;
	equals->depth = depth;
	equals->zero = equals->counted = false;
	equals->candidates = 0;
	equals->left = 0;
}

/* A child's share among the equals; 0: it takes no part. */
static inline uint32_t isb_share(const struct isb_equals *equals, uint32_t i)
{
	uint32_t weight = equals->weight[i];
	return weight == ISB_SET_ASIDE ? 0 : weight;
}

/* When no other child can answer, those of weight 0 are drawn, all alike. False when that was already so. */
bool isb_equals_turn_to_zero(struct isb_equals *equals);

/* How much of the client is the key of a hash node. */
static inline uint8_t isb_hash_bits(const struct isb_plan_node *node, const struct isb_addr *client)
{
	return client->family == 4 ? node->hash_ipv4 : client->family == 6 ? node->hash_ipv6 : 0;
}

static inline void isb_equals_add(struct isb_equals *equals, uint32_t share)
{
	equals->left += share;
	equals->candidates += share != 0;
}

/* These are to be drawn from. */
static inline void isb_equals_begin(struct isb_equals *equals, uint32_t from, uint32_t to)
{
	equals->from = from;
	equals->to = to;
	equals->begun = false;
	if (equals->counted && to - from == equals->node->nchild)
		return;
	equals->left = equals->candidates = 0;
	for (uint32_t i = from; i < to; i++)
		isb_equals_add(equals, isb_share(equals, i));
}

/* Takes one out that was drawn; its share. */
static inline uint32_t isb_equals_take(struct isb_equals *equals, uint32_t i)
{
	uint32_t share = equals->weight[i];
	equals->left -= share;
	equals->candidates--;
	equals->weight[i] = ISB_SET_ASIDE;
	return share;
}

/* P(child) = share / total, exactly: one uniform integer below the total, and no division of it. No random number is spent
 * on a choice of one. */
static inline uint32_t isb_draw_by_weight(const struct isb_equals *equals)
{
	uint64_t at = equals->candidates > 1 ? isb_rng_below(equals->walk->state->rng, equals->left) : 0;
	uint32_t i = equals->from;
	for (;; i++) {
		uint64_t share = isb_share(equals, i);
		if (at < share)
			return i;
		at -= share;
	}
}

/* Orders whose ranks say everything else. */
enum {
	ISB_DRAWN_BY_WEIGHT = 1 << ISB_ORDER_FAILOVER | 1 << ISB_ORDER_WEIGHTED | 1 << ISB_ORDER_GEO | 1 << ISB_ORDER_NEAREST |
	                      1 << ISB_ORDER_LATENCY
};
/* The others, from at least two candidates. */
uint32_t isb_draw_as_ordered(struct isb_equals *equals);

/* Draws one child of at least one candidate. Does not take it out. */
static inline uint32_t isb_draw(struct isb_equals *equals)
{
	equals->walk->work += equals->to - equals->from;
	equals->total = equals->left;
	if (equals->candidates == 1 || ISB_DRAWN_BY_WEIGHT >> equals->node->order & 1)
		return isb_draw_by_weight(equals);
	return isb_draw_as_ordered(equals);
}

/* Each draws from at least two candidates and corrects the total. */
uint32_t isb_draw_by_turn(struct isb_equals *equals);
uint32_t isb_draw_by_hash(struct isb_equals *equals);
uint32_t isb_draw_by_load(struct isb_equals *equals);
uint32_t isb_draw_by_latency(struct isb_equals *equals);

/* Who is among the quickest: the largest latency that still ties, and a child's share where that is the limit. */
uint32_t isb_latency_most(const struct isb_equals *equals);
uint32_t isb_latency_share(const struct isb_equals *equals, uint32_t i, uint32_t most);

/* For draw_hash.c and its test: −log2 of (h + ½) / 2^64, in units of 2^-ISB_LOG_BITS, from integers alone: the same on
 * every machine. */
enum { ISB_LOG_BITS = 40 };
uint64_t isb_minus_log2(uint64_t h);
