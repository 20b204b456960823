/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/buf.h"
#include "isobar/steer/steer.h"
#include "isobar/steer/trace.h"

/* A plan put together by hand: endpoint i has slot i and one A record 192.0.2.i. */

enum { MAX = 64, REGIONS_MAX = 4 };
struct world {
	struct isb_buf block;
	uint64_t words[ISB_CHUNK_WORDS];
	const uint64_t *chunk[1];
	uint64_t admin[MAX];
	struct isb_rng rng;
	struct isb_trace *trace;
	int64_t now_ms;
	uint32_t roots[1];
	int64_t since[ISB_CHUNK_WORDS]; /* by slot, ms */
	const int64_t *since_chunk[1];
	uint32_t latency_us[REGIONS_MAX][ISB_CHUNK_PACES]; /* as the probes of a region see it */
	const uint32_t *pace_chunk[REGIONS_MAX][1];
	struct isb_pace_table pace[REGIONS_MAX];
	uint32_t rotor[4 * ISB_PLAN_TYPES];
	bool no_rotor;
	struct isb_addr client;
	const uint8_t *name;
	enum isb_plan_type type;
	uint32_t pools[MAX]; /* offsets */
	unsigned npool;
};

static inline struct isb_plan *plan(struct world *w)
{
	return (struct isb_plan *)(void *)w->block.data;
}

static inline uint32_t place(struct world *w, const void *data, size_t len)
{
	static const char zeros[8] = {0};
	if (w->block.len % 8)
		isb_buf_add(&w->block, zeros, 8 - w->block.len % 8);
	uint32_t at = (uint32_t)w->block.len;
	isb_buf_add(&w->block, data, len);
	plan(w)->size = (uint32_t)w->block.len;
	return at;
}

static inline void begin(struct world *w, unsigned endpoints)
{
	memset(w, 0, sizeof(*w));
	struct isb_plan head = {.magic = ISB_PLAN_MAGIC, .version = ISB_PLAN_VERSION, .size = sizeof(head)};
	isb_buf_add(&w->block, &head, sizeof(head));
	struct isb_plan_endpoint list[MAX] = {0};
	for (unsigned i = 0; i < endpoints; i++) {
		const uint8_t rdata[6] = {0, 4, 192, 0, 2, (uint8_t)i};
		list[i] = (struct isb_plan_endpoint){.slot = i, .checked = 1};
		list[i].rdata[ISB_PLAN_A] = (struct isb_plan_rdata){place(w, rdata, sizeof(rdata)), 1, sizeof(rdata)};
	}
	plan(w)->nendpoint = endpoints;
	uint32_t at = place(w, list, endpoints * sizeof(list[0]));
	plan(w)->endpoint = at;
	w->chunk[0] = w->words;
	w->since_chunk[0] = w->since;
	for (int i = 0; i < REGIONS_MAX; i++) {
		w->pace_chunk[i][0] = w->latency_us[i];
		w->pace[i] = (struct isb_pace_table){.chunk = w->pace_chunk[i], .chunks = 1};
	}
	isb_rng_seed(&w->rng, 1);
}

static inline void done(struct world *w)
{
	isb_buf_done(&w->block);
}

struct kid {
	uint32_t ref;
	uint16_t rank, weight;
};

/* Of what the child refers to, and of how many before it refer to the same: the compiler parts namesakes too. */
static inline uint32_t kid_key(const struct kid *kids, unsigned at)
{
	uint32_t key = kids[at].ref * 0x9e3779b1u + 1;
	for (unsigned i = 0; i < at; i++)
		key += kids[i].ref == kids[at].ref ? 0x85ebca6bu : 0;
	return key;
}

/* A node with everything that `head` says. */
static inline uint32_t node_like(struct world *w, const struct isb_plan_node *head, const struct kid *kids, unsigned n)
{
	struct isb_plan_node *node = isb_xcalloc(1, sizeof(*node) + n * sizeof(node->child[0]));
	*node = *head;
	node->nchild = n;
	for (unsigned i = 0; i < n; i++)
		node->child[i] = (struct isb_plan_child){.ref = kids[i].ref, .key = kid_key(kids, i),
		                                         .rank = kids[i].rank, .weight = kids[i].weight};
	node->flags |= isb_plan_shape(node);
	uint32_t at = place(w, node, sizeof(*node) + n * sizeof(node->child[0]));
	if (head->flags & ISB_NODE_POOL) {
		assert_true(w->npool < MAX);
		w->pools[w->npool++] = at;
	}
	free(node);
	return at;
}

/* Endpoints may be changed after pools were made of them: what a pool repeats of them follows. */
static inline void settle(struct world *w)
{
	for (unsigned p = 0; p < w->npool; p++) {
		struct isb_plan_node *pool = (struct isb_plan_node *)(void *)(w->block.data + w->pools[p]);
		for (uint32_t i = 0; i < pool->nchild; i++) {
			struct isb_plan_child *child = &pool->child[i];
			struct isb_plan_child now = isb_plan_candidate(child->ref, isb_plan_endpoint(plan(w), child->ref));
			now.key = child->key;
			now.rank = child->rank;
			now.weight = child->weight;
			*child = now;
		}
	}
}

static inline uint32_t node(struct world *w, uint16_t flags, uint32_t answers, uint32_t min_up, const struct kid *kids,
                            unsigned n)
{
	return node_like(w, &(struct isb_plan_node){.flags = flags, .answers = answers, .min_up = min_up}, kids, n);
}

static inline void set_record(struct world *w, uint32_t root, enum isb_all_down all_down)
{
	uint32_t classes = place(w, &(struct isb_plan_class){.node = root}, sizeof(struct isb_plan_class));
	uint32_t name = place(w, "example.com/www", 16);
	struct isb_plan_record record = {.name = name, .types = 1, .ttl_s = 30, .ttl_min_s = 5, .all_down = all_down,
	                                 .map = ISB_NO_MAP, .classes = classes, .nclass = 1};
	uint32_t at = place(w, &record, sizeof(record));
	plan(w)->record = at;
	plan(w)->nrecord = 1;
	plan(w)->nrotor = sizeof(w->rotor) / sizeof(w->rotor[0]);
	const uint32_t regions[REGIONS_MAX] = {name, name, name, name};
	at = place(w, regions, sizeof(regions));
	plan(w)->viewpoint = at;
	plan(w)->nviewpoint = REGIONS_MAX;
	settle(w);
	assert_true(isb_plan_check(plan(w), w->block.len));
}

static inline void judge(struct world *w, unsigned slot, enum isb_verdict verdict)
{
	struct isb_health h = {.verdict = verdict, .held = verdict, .soft = ISB_SOFT_FULL, .flip_s = ISB_FLIP_NONE};
	w->words[slot] = isb_health_pack(&h);
}

static inline struct isb_choice ask(struct world *w)
{
	struct isb_choice choice;
	settle(w);
	struct isb_steer_state state = {
		.health = &(struct isb_health_table){
			.chunk = w->chunk, .chunks = 1, .since = w->since_chunk, .pace = w->pace, .npace = REGIONS_MAX},
		.admin = w->admin,
		.nadmin = MAX,
		.now_ms = w->now_ms,
		.rng = &w->rng,
		.client = w->client.family ? &w->client : NULL,
		.name = w->name,
		.rotor = w->no_rotor ? NULL : w->rotor,
		.trace = w->trace,
	};
	isb_steer(plan(w), isb_plan_record(plan(w), 0), 0, w->type, &state, &choice);
	return choice;
}

/* Pearson's statistic against the 99.9 % quantile of its distribution: with fixed seeds this is not luck. */
static inline double chi_square(const unsigned *seen, const uint16_t *weight, unsigned n, unsigned draws)
{
	double total = 0, x = 0;
	for (unsigned i = 0; i < n; i++)
		total += weight[i];
	for (unsigned i = 0; i < n; i++) {
		double expected = (double)draws * weight[i] / total;
		if (weight[i])
			x += (seen[i] - expected) * (seen[i] - expected) / expected;
		else
			assert_int_equal(seen[i], 0);
	}
	return x;
}
