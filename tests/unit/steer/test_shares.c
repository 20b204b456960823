/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/buf.h"
#include "isobar/steer/shares.h"

/* A plan put together by hand or by chance: endpoint i has slot i. */

enum { ENDPOINTS = 48 };
struct world {
	struct isb_buf block;
	uint64_t words[ISB_CHUNK_WORDS];
	const uint64_t *chunk[1];
	uint64_t admin[ENDPOINTS];
	struct isb_rng rng;
	struct isb_shares shares;
};

static struct isb_plan *plan(struct world *w)
{
	return (struct isb_plan *)(void *)w->block.data;
}

static uint32_t place(struct world *w, const void *data, size_t len)
{
	static const char zeros[8] = {0};
	if (w->block.len % 8)
		isb_buf_add(&w->block, zeros, 8 - w->block.len % 8);
	uint32_t at = (uint32_t)w->block.len;
	isb_buf_add(&w->block, data, len);
	plan(w)->size = (uint32_t)w->block.len;
	return at;
}

static void begin(struct world *w, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	struct isb_plan head = {.magic = ISB_PLAN_MAGIC, .version = ISB_PLAN_VERSION, .size = sizeof(head)};
	isb_buf_add(&w->block, &head, sizeof(head));
	struct isb_plan_endpoint list[ENDPOINTS] = {0};
	for (unsigned i = 0; i < ENDPOINTS; i++)
		list[i] = (struct isb_plan_endpoint){.slot = i, .checked = 1};
	uint32_t at = place(w, list, sizeof(list));
	plan(w)->nendpoint = ENDPOINTS;
	plan(w)->endpoint = at;
	w->chunk[0] = w->words;
	isb_rng_seed(&w->rng, seed);
	isb_shares_init(&w->shares);
}

static void done(struct world *w)
{
	isb_shares_done(&w->shares);
	isb_buf_done(&w->block);
}

struct kid {
	uint32_t ref;
	uint16_t rank, weight;
};

static uint32_t node(struct world *w, uint16_t flags, uint32_t answers, uint32_t min_up, const struct kid *kids, unsigned n)
{
	struct isb_plan_node *node = isb_xcalloc(1, sizeof(*node) + n * sizeof(node->child[0]));
	*node = (struct isb_plan_node){.flags = flags, .nchild = n, .answers = answers, .min_up = min_up,
	                               .order = ISB_ORDER_WEIGHTED};
	for (unsigned i = 0; i < n; i++)
		node->child[i] = (struct isb_plan_child){.ref = kids[i].ref, .rank = kids[i].rank, .weight = kids[i].weight};
	uint32_t at = place(w, node, sizeof(*node) + n * sizeof(node->child[0]));
	free(node);
	return at;
}

static void set_record(struct world *w, uint32_t root, enum isb_all_down all_down)
{
	uint32_t roots = place(w, &root, sizeof(root));
	uint32_t name = place(w, "example.com/www", 16);
	struct isb_plan_record record = {.name = name, .types = 1, .ttl_s = 30, .ttl_min_s = 5, .all_down = all_down,
	                                 .map = ISB_NO_MAP, .class_node = roots, .nclass = 1};
	uint32_t at = place(w, &record, sizeof(record));
	plan(w)->record = at;
	plan(w)->nrecord = 1;
	assert_true(isb_plan_check(plan(w), w->block.len));
}

static void judge(struct world *w, unsigned slot, enum isb_verdict verdict, unsigned soft)
{
	struct isb_health h = {.verdict = verdict, .held = verdict, .soft = soft, .flip_s = ISB_FLIP_NONE};
	w->words[slot] = isb_health_pack(&h);
}

static struct isb_steer_state state_of(struct world *w)
{
	return (struct isb_steer_state){.health = {.chunk = w->chunk, .chunks = 1}, .admin = w->admin, .nadmin = ENDPOINTS,
	                                .now_ms = 1000000, .rng = &w->rng};
}

static const struct isb_shares *find(struct world *w)
{
	struct isb_steer_state state = state_of(w);
	isb_shares_find(&w->shares, plan(w), isb_plan_record(plan(w), 0), 0, &state);
	return &w->shares;
}

static double share_of(const struct isb_shares *shares, uint32_t endpoint)
{
	for (size_t i = 0; i < shares->count; i++)
		if (shares->list[i].endpoint == endpoint)
			return shares->list[i].share;
	return 0;
}

static void assert_near(double got, double want)
{
	assert_true(fabs(got - want) < 1e-9);
}

/* Two thirds of www go to pool a, whose endpoints have 3 : 1; one third to pool b, a failover. */
static void shares_by_hand(void **state)
{
	(void)state;
	struct world w;
	begin(&w, 1);
	uint32_t a = node(&w, ISB_NODE_POOL, 1, 1, (const struct kid[]){{0, 0, 3}, {1, 0, 1}}, 2);
	uint32_t b = node(&w, ISB_NODE_POOL, 1, 1, (const struct kid[]){{2, 0, 1}, {3, 1, 1}}, 2);
	set_record(&w, node(&w, 0, 0, 0, (const struct kid[]){{a, 0, 2}, {b, 0, 1}}, 2), ISB_ALL_DOWN_ALL);
	const struct isb_shares *s = find(&w);
	assert_int_equal(s->kind, ISB_CHOICE_ANSWER);
	assert_false(s->failopen);
	assert_int_equal(s->count, 3);
	assert_near(share_of(s, 0), 0.5);
	assert_near(share_of(s, 1), 1. / 6);
	assert_near(share_of(s, 2), 1. / 3);
	judge(&w, 2, ISB_DOWN, ISB_SOFT_FULL);
	judge(&w, 0, ISB_UP, 50); /* 1.5 : 1 */
	s = find(&w);
	assert_near(share_of(s, 0), 2. / 3 * 0.6);
	assert_near(share_of(s, 1), 2. / 3 * 0.4);
	assert_near(share_of(s, 2), 0);
	assert_near(share_of(s, 3), 1. / 3);
	judge(&w, 3, ISB_DOWN, ISB_SOFT_FULL); /* b cannot answer: all of it is a's */
	s = find(&w);
	assert_int_equal(s->count, 2);
	assert_near(share_of(s, 0), 0.6);
	done(&w);
}

static void what_is_said_when_nothing_can_answer(void **state)
{
	(void)state;
	static const enum isb_choice_kind want[] = {
		[ISB_ALL_DOWN_ALL] = ISB_CHOICE_ANSWER, [ISB_ALL_DOWN_FALLBACK] = ISB_CHOICE_FALLBACK,
		[ISB_ALL_DOWN_NODATA] = ISB_CHOICE_NODATA};
	for (enum isb_all_down how = ISB_ALL_DOWN_ALL; how <= ISB_ALL_DOWN_NODATA; how++) {
		struct world w;
		begin(&w, 1);
		set_record(&w, node(&w, ISB_NODE_POOL, 1, 1, (const struct kid[]){{0, 0, 1}, {1, 0, 1}}, 2), how);
		judge(&w, 0, ISB_DOWN, ISB_SOFT_FULL);
		judge(&w, 1, ISB_DOWN, ISB_SOFT_FULL);
		w.admin[1] = isb_admin_pack(ISB_ADMIN_DRAIN, 0);
		const struct isb_shares *s = find(&w);
		assert_int_equal(s->kind, want[how]);
		assert_true(s->failopen);
		assert_int_equal(s->count, how == ISB_ALL_DOWN_ALL); /* the operator's word still counts */
		assert_near(share_of(s, 0), how == ISB_ALL_DOWN_ALL);
		done(&w);
	}
}

static void a_class_without_a_plan_falls_back(void **state)
{
	(void)state;
	struct world w;
	begin(&w, 1);
	set_record(&w, ISB_NO_NODE, ISB_ALL_DOWN_ALL);
	const struct isb_shares *s = find(&w);
	assert_int_equal(s->kind, ISB_CHOICE_FALLBACK);
	assert_false(s->failopen);
	assert_int_equal(s->count, 0);
	done(&w);
}

/* 10^17 ways lead to the pool; each node is looked at once. */
static void a_small_plan_that_unfolds_without_end_takes_no_time(void **state)
{
	(void)state;
	struct world w;
	begin(&w, 1);
	uint32_t at = node(&w, ISB_NODE_POOL, 1, 1, (const struct kid[]){{0, 0, 1}, {1, 0, 3}}, 2);
	for (int level = 0; level < 17; level++) {
		struct kid kids[10];
		for (int i = 0; i < 10; i++)
			kids[i] = (struct kid){at, 0, 1};
		at = node(&w, 0, 0, 0, kids, 10);
	}
	set_record(&w, at, ISB_ALL_DOWN_NODATA);
	assert_near(share_of(find(&w), 1), 0.75);
	judge(&w, 0, ISB_DOWN, ISB_SOFT_FULL);
	judge(&w, 1, ISB_DOWN, ISB_SOFT_FULL);
	assert_int_equal(find(&w)->kind, ISB_CHOICE_NODATA);
	done(&w);
}

/* --- The walk agrees --- */

static uint16_t chance(struct world *w, unsigned below)
{
	return (uint16_t)isb_rng_below(&w->rng, below);
}

/* A node with children of both kinds of weight, in one to three ranks; `refs` are what it may use. */
static uint32_t random_node(struct world *w, uint16_t flags, const uint32_t *refs, unsigned nref)
{
	struct kid kids[6];
	unsigned n = 1 + chance(w, 6);
	uint16_t rank = 0;
	for (unsigned i = 0; i < n; i++) {
		rank = (uint16_t)(rank + (i && chance(w, 3) == 0));
		kids[i] = (struct kid){refs ? refs[chance(w, nref)] : chance(w, nref), rank,
		                       chance(w, 4) ? (uint16_t)(1 + chance(w, 9)) : 0};
	}
	return node(w, flags, 1 + chance(w, 3), flags ? 1 + chance(w, 3) : 0, kids, n);
}

static void random_world(struct world *w, uint64_t seed)
{
	uint32_t refs[40];
	unsigned n = 0;
	begin(w, seed);
	for (unsigned i = 0; i < 8; i++)
		refs[n++] = random_node(w, ISB_NODE_POOL, NULL, ENDPOINTS);
	for (unsigned i = 0, policies = chance(w, 12); i < policies; i++, n++)
		refs[n] = random_node(w, 0, refs, n);
	set_record(w, refs[n - 1], (enum isb_all_down)chance(w, ISB_ALL_DOWN_NODATA + 1));
	unsigned ill = chance(w, 10); /* some worlds are well, in some nothing is */
	for (unsigned i = 0; i < ENDPOINTS; i++) {
		judge(w, i, chance(w, 9) < ill ? ISB_DOWN : ISB_UP, chance(w, 5) ? ISB_SOFT_FULL : chance(w, 101));
		if (chance(w, 12) == 0)
			w->admin[i] = isb_admin_pack((enum isb_admin)chance(w, 4), chance(w, 2) ? 0 : 999999 + chance(w, 2) * 1000);
	}
}

/* The quantile of chi-square that one of a million lies beyond (Wilson and Hilferty). */
static double limit(unsigned degrees)
{
	double d = 2. / (9 * degrees);
	return degrees * pow(1 - d + 4.753 * sqrt(d), 3);
}

enum { DRAWS = 20000 };

static void compare(const struct isb_shares *s, const unsigned *seen)
{
	double x = 0, rare = 0, sum = 0;
	unsigned degrees = 0, rare_seen = 0, all = 0;
	for (size_t i = 0; i < s->count; i++) {
		double expected = s->list[i].share * DRAWS, got = seen[s->list[i].endpoint];
		sum += s->list[i].share;
		all += seen[s->list[i].endpoint];
		if (expected < 5) { /* too few for the statistic by themselves */
			rare += expected;
			rare_seen += seen[s->list[i].endpoint];
			continue;
		}
		x += (got - expected) * (got - expected) / expected;
		degrees++;
	}
	assert_int_equal(all, DRAWS); /* nothing else was ever drawn */
	assert_near(sum, 1);
	if (rare >= 5) {
		x += (rare_seen - rare) * (rare_seen - rare) / rare;
		degrees++;
	} else {
		assert_true(rare_seen < 40);
	}
	if (degrees > 1)
		assert_true(x < limit(degrees - 1));
}

static void draws_agree_with_shares(void **state)
{
	(void)state;
	unsigned kinds[3] = {0}, failopen = 0, shared = 0;
	for (uint64_t seed = 1; seed <= 400; seed++) {
		struct world w;
		struct isb_choice choice;
		unsigned seen[ENDPOINTS] = {0};
		random_world(&w, seed);
		struct isb_steer_state steer = state_of(&w);
		const struct isb_shares *s = find(&w);
		for (unsigned i = 0; i < DRAWS; i++) {
			isb_steer(plan(&w), isb_plan_record(plan(&w), 0), 0, ISB_PLAN_A, &steer, &choice);
			assert_int_equal(choice.kind, s->kind);
			assert_int_equal(choice.failopen, s->failopen);
			if (choice.kind != ISB_CHOICE_ANSWER)
				break; /* no matter of luck */
			seen[choice.endpoint[0]->slot]++;
		}
		if (s->kind == ISB_CHOICE_ANSWER)
			compare(s, seen);
		kinds[s->kind]++;
		failopen += s->failopen;
		shared += s->count > 3;
		done(&w);
	}
	assert_true(kinds[ISB_CHOICE_ANSWER] > 200 && kinds[ISB_CHOICE_FALLBACK] > 10 && kinds[ISB_CHOICE_NODATA] > 10);
	assert_true(failopen > 40 && shared > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares_by_hand),
		cmocka_unit_test(what_is_said_when_nothing_can_answer),
		cmocka_unit_test(a_class_without_a_plan_falls_back),
		cmocka_unit_test(a_small_plan_that_unfolds_without_end_takes_no_time),
		cmocka_unit_test(draws_agree_with_shares),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
