/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "walk.h"

/* Among equals. The ranks of a node's children say who comes first; of those that share a rank one is drawn at a time, as
 * the node's order says, without putting it back: for an answer of several endpoints, and to go on when the first that was
 * drawn cannot answer. Each way to draw is one file, draw_NAME.c. Room-internal. */

struct isb_equals {
	struct isb_walk *walk;
	const struct isb_plan_node *node;
	uint32_t *weight;        /* by child of the node; ISB_SET_ASIDE: it is not to be drawn, or was drawn before */
	const uint32_t *measure; /* by child, for orders that compare: load or latency as in struct isb_survey; else NULL */
	uint32_t from, to;       /* the equals are the children from .. to - 1 */
	unsigned depth;          /* of the children, for the trace */
	bool zero;               /* those of weight 0 are drawn, all alike, instead of the others */
	bool begun;              /* something was drawn */
	uint32_t candidates;     /* of the last draw */
	uint64_t total;          /* their shares, as far as chance decided among them; 0: it did not */
	/* what lasts from draw to draw */
	uint64_t key;            /* hash */
	struct isb_turn_of {
		uint64_t at;     /* rotate: the turn's time in units of 2^-shift cycles, rounded up */
		uint32_t shift, divisor, first; /* first: the child whose turn it is */
	} turn;
};

/* A child's share among the equals; 0: it takes no part. */
static inline uint32_t isb_share(const struct isb_equals *equals, uint32_t i)
{
	uint32_t weight = equals->weight[i];
	return weight == ISB_SET_ASIDE ? 0 : equals->zero ? weight == 0 : weight;
}

/* How much of the client is the key of a hash node. */
static inline uint8_t isb_hash_bits(const struct isb_plan_node *node, const struct isb_addr *client)
{
	return client->family == 4 ? node->hash_ipv4 : client->family == 6 ? node->hash_ipv6 : 0;
}

/* Draws one child; `to` when none is left. Does not take it out. No random number is spent on a choice of one. */
uint32_t isb_draw(struct isb_equals *equals);

/* Each draws from at least two candidates; candidates and total are counted, total for the draw to correct. */
uint32_t isb_draw_by_weight(const struct isb_equals *equals);
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
