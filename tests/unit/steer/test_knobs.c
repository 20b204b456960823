/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

/* What bends an order: trickle, spread, slow start, what unknown counts as, and what answers when nothing can. */

static unsigned first(struct world *w)
{
	return ask(w).endpoint[0]->slot;
}

static void set_word(struct world *w, unsigned slot, enum isb_verdict verdict, enum isb_verdict held)
{
	struct isb_health h = {.verdict = verdict, .held = held, .soft = ISB_SOFT_FULL, .flip_s = ISB_FLIP_NONE};
	w->words[slot] = isb_health_pack(&h);
}

/* For changes of an endpoint after the plan was put together. */
static struct isb_plan_endpoint *endpoint(struct world *w, unsigned i)
{
	return (struct isb_plan_endpoint *)(uintptr_t)isb_plan_endpoint(plan(w), i);
}

/* --- trickle ------------------------------------------------------------------------------------------------------- */

static const struct isb_plan_node trickling = {.order = ISB_ORDER_FAILOVER, .flags = ISB_NODE_POOL, .answers = 1,
                                               .min_up = 1, .trickle = 5};

static void a_share_trickles_to_the_next_tier_while_the_first_is_up(void **state)
{
	struct world w;
	unsigned seen[4] = {0};
	(void)state;
	begin(&w, 4);
	set_record(&w, node_like(&w, &trickling, (const struct kid[]){{0, 0, 1}, {1, 1, 1}, {2, 1, 3}, {3, 2, 1}}, 4), ISB_ALL_DOWN_ALL);
	for (int i = 0; i < 400000; i++)
		seen[first(&w)]++;
	assert_true(chi_square(seen, (const uint16_t[]){380, 5, 15, 0}, 4, 400000) < 13.82);
	judge(&w, 1, ISB_DOWN);
	judge(&w, 2, ISB_DOWN); /* the next tier that is usable */
	memset(seen, 0, sizeof(seen));
	for (int i = 0; i < 200000; i++)
		seen[first(&w)]++;
	assert_true(chi_square(seen, (const uint16_t[]){95, 0, 0, 5}, 4, 200000) < 10.83);
	judge(&w, 0, ISB_DOWN); /* the first is out: the next one has all */
	judge(&w, 1, ISB_UP);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(first(&w), 1);
	judge(&w, 0, ISB_UP);
	judge(&w, 1, ISB_DOWN);
	judge(&w, 3, ISB_DOWN); /* nowhere to trickle to */
	for (int i = 0; i < 1000; i++)
		assert_int_equal(first(&w), 0);
	done(&w);
}

static void a_trickled_answer_of_several_goes_on_with_the_first_tier(void **state)
{
	struct isb_plan_node pool = trickling;
	struct world w;
	unsigned trickled = 0;
	(void)state;
	pool.answers = 3;
	pool.trickle = 50;
	begin(&w, 4);
	set_record(&w, node_like(&w, &pool, (const struct kid[]){{0, 0, 1}, {1, 0, 1}, {2, 1, 1}, {3, 2, 1}}, 4), ISB_ALL_DOWN_ALL);
	for (int i = 0; i < 10000; i++) {
		struct isb_choice c = ask(&w);
		bool is = c.endpoint[0]->slot == 2;
		assert_int_equal(c.n, 3);
		assert_int_equal(c.endpoint[is ? 1 : 0]->slot + c.endpoint[is ? 2 : 1]->slot, 1);
		assert_int_equal(c.endpoint[is ? 0 : 2]->slot, 2);
		trickled += is;
	}
	assert_in_range(trickled, 4830, 5170);
	done(&w);
}

static void policies_trickle_to_the_next_child_that_can_answer(void **state)
{
	struct world w;
	unsigned seen[3] = {0};
	struct kid kids[3];
	(void)state;
	begin(&w, 3);
	for (unsigned i = 0; i < 3; i++)
		kids[i] = (struct kid){node(&w, ISB_NODE_POOL, 1, 1, &(struct kid){i, 0, 1}, 1), (uint16_t)i, 1};
	set_record(&w, node_like(&w, &(struct isb_plan_node){.order = ISB_ORDER_FAILOVER, .trickle = 20}, kids, 3), ISB_ALL_DOWN_ALL);
	judge(&w, 1, ISB_DOWN);
	for (int i = 0; i < 200000; i++)
		seen[first(&w)]++;
	assert_true(chi_square(seen, (const uint16_t[]){80, 0, 20}, 3, 200000) < 10.83);
	judge(&w, 0, ISB_DOWN);
	judge(&w, 1, ISB_UP);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(first(&w), 1);
	done(&w);
}

/* --- spread -------------------------------------------------------------------------------------------------------- */

static void answers_lie_in_different_regions_where_possible(void **state)
{
	struct world w;
	unsigned seen[5] = {0};
	(void)state;
	begin(&w, 5);
	set_record(&w, node(&w, ISB_NODE_POOL | ISB_NODE_SPREAD, 3, 1,
	                    (const struct kid[]){{0, 0, 9}, {1, 0, 9}, {2, 0, 9}, {3, 0, 1}, {4, 1, 1}}, 5), ISB_ALL_DOWN_ALL);
	for (unsigned i = 0; i < 5; i++)
		endpoint(&w, i)->region = i < 3 ? 8 : i == 3 ? 16 : 24;
	for (int i = 0; i < 2000; i++) {
		struct isb_choice c = ask(&w);
		assert_int_equal(c.n, 3);
		unsigned regions = 0;
		for (unsigned k = 0; k < 3; k++)
			regions |= 1u << c.endpoint[k]->region / 8;
		assert_int_equal(regions, 14); /* one of each, though the third is of a lower rank */
		assert_int_equal(c.endpoint[2]->slot, 4);
		seen[c.endpoint[c.endpoint[0]->slot == 3]->slot]++;
	}
	assert_true(chi_square(seen, (const uint16_t[]){1, 1, 1, 0, 0}, 5, 2000) < 13.82);
	judge(&w, 3, ISB_DOWN);
	for (int i = 0; i < 200; i++) {
		struct isb_choice c = ask(&w);
		assert_int_equal(c.n, 3);
		assert_int_equal(c.endpoint[1]->slot, 4);
		assert_true(c.endpoint[2]->slot < 3 && c.endpoint[2] != c.endpoint[0]); /* filled up */
	}
	judge(&w, 4, ISB_DOWN);
	judge(&w, 0, ISB_DOWN);
	assert_int_equal(ask(&w).n, 2);
	done(&w);
}

/* --- slow start ---------------------------------------------------------------------------------------------------- */

static void a_recovered_endpoint_starts_slowly(void **state)
{
	struct world w;
	(void)state;
	begin(&w, 2);
	set_record(&w, node(&w, ISB_NODE_POOL, 1, 1, (const struct kid[]){{0, 0, 1}, {1, 0, 1}}, 2), ISB_ALL_DOWN_ALL);
	endpoint(&w, 0)->slow_start_ms = 60000;
	judge(&w, 0, ISB_UP);
	judge(&w, 1, ISB_UP);
	w.since[0] = w.since[1] = 1000000;
	static const struct {
		int64_t passed_ms;
		uint16_t share;
		uint32_t ttl_s;
	} cases[] = {{0, 1, 30}, {15000, 25, 30}, {30001, 50, 30}, {45000, 75, 15}, {59000, 98, 5}, {60000, 100, 30},
	             {-1000, 100, 30}, {INT64_C(4000000000), 100, 30}};
	for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
		unsigned seen[2] = {0};
		w.now_ms = 1000000 + cases[k].passed_ms;
		assert_int_equal(ask(&w).ttl_s, cases[k].ttl_s);
		for (int i = 0; i < 100000; i++)
			seen[first(&w)]++;
		assert_true(chi_square(seen, (const uint16_t[]){cases[k].share, 100}, 2, 100000) < 10.83);
	}
	w.now_ms = 1000000;
	judge(&w, 1, ISB_DOWN); /* however little its weight is, it is there for all */
	assert_int_equal(first(&w), 0);
	assert_false(ask(&w).failopen);
	w.since[0] = 0; /* it never was down */
	judge(&w, 1, ISB_UP);
	unsigned seen[2] = {0};
	for (int i = 0; i < 100000; i++)
		seen[first(&w)]++;
	assert_true(chi_square(seen, (const uint16_t[]){1, 1}, 2, 100000) < 10.83);
	done(&w);
}

static void slow_start_is_for_those_whom_checks_brought_back(void **state)
{
	struct world w;
	unsigned seen[2] = {0};
	(void)state;
	begin(&w, 2);
	set_record(&w, node(&w, ISB_NODE_POOL, 1, 1, (const struct kid[]){{0, 0, 1}, {1, 0, 1}}, 2), ISB_ALL_DOWN_ALL);
	endpoint(&w, 0)->slow_start_ms = 60000;
	w.now_ms = w.since[0] = 1000000;
	judge(&w, 0, ISB_DOWN);
	w.admin[0] = isb_admin_pack(ISB_ADMIN_UP, 0);
	for (int i = 0; i < 100000; i++)
		seen[first(&w)]++;
	assert_true(chi_square(seen, (const uint16_t[]){1, 1}, 2, 100000) < 10.83);
	w.admin[0] = 0;
	set_word(&w, 0, ISB_UNKNOWN, ISB_UP); /* the evidence went old on the way: what is held is still young */
	memset(seen, 0, sizeof(seen));
	for (int i = 0; i < 100000; i++)
		seen[first(&w)]++;
	assert_true(chi_square(seen, (const uint16_t[]){1, 100}, 2, 100000) < 10.83);
	done(&w);
}

/* --- failback ------------------------------------------------------------------------------------------------------ */

enum { TURNED = 1000000 };

static void set_waits(struct world *w, unsigned slot)
{
	struct isb_health h = isb_health_unpack(w->words[slot]);
	h.waits = true;
	w->words[slot] = isb_health_pack(&h);
}

/* Endpoint 0 first, then 1. */
static void begin_failover(struct world *w, uint32_t failback_ms)
{
	begin(w, 2);
	set_record(w, node(w, ISB_NODE_POOL, 1, 1, (const struct kid[]){{0, 0, 1}, {1, 1, 1}}, 2), ISB_ALL_DOWN_ALL);
	endpoint(w, 0)->failback_ms = failback_ms;
	judge(w, 0, ISB_UP);
	judge(w, 1, ISB_UP);
	w->since[0] = TURNED;
	w->now_ms = TURNED;
}

static void failback_after_a_time_begins_with_that_time(void **state)
{
	static const struct {
		int64_t passed_ms;
		unsigned first;
		uint32_t ttl_s;
	} cases[] = {{0, 1, 30}, {-5000, 1, 30}, {280000, 1, 20}, {299001, 1, 5}, {300000, 0, 30}, {INT64_C(9000000000), 0, 30},
	             {-300001, 0, 30} /* a clock was set back */};
	struct world w;
	(void)state;
	begin_failover(&w, 300000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		w.now_ms = TURNED + cases[i].passed_ms;
		assert_int_equal(first(&w), cases[i].first);
		assert_int_equal(ask(&w).ttl_s, cases[i].ttl_s);
	}
	w.now_ms = TURNED;
	w.since[0] = 0; /* it never was down */
	assert_int_equal(first(&w), 0);
	w.since[0] = TURNED;
	set_word(&w, 0, ISB_UNKNOWN, ISB_UP); /* what is held is still young */
	assert_int_equal(first(&w), 1);
	w.admin[0] = isb_admin_pack(ISB_ADMIN_FAILBACK, TURNED); /* an operator let it back */
	assert_int_equal(first(&w), 0);
	done(&w);
}

static void a_manual_failback_waits_for_the_end_of_an_operators_word(void **state)
{
	static const struct {
		enum isb_admin admin;
		int64_t until_ms;
		unsigned first;
	} cases[] = {
		{ISB_ADMIN_AUTO, 0, 1},
		{ISB_ADMIN_FAILBACK, TURNED - 1, 1}, /* of an earlier recovery */
		{ISB_ADMIN_FAILBACK, TURNED, 0},
		{ISB_ADMIN_FAILBACK, TURNED + 900000, 0}, /* by a clock that is ahead */
		{ISB_ADMIN_DRAIN, TURNED + 1000, 0}, /* which is over */
		{ISB_ADMIN_DRAIN, TURNED - 1000, 1},
		{ISB_ADMIN_DRAIN, 0, 1},
		{ISB_ADMIN_UP, 0, 0},
		{ISB_ADMIN_HOLD_UP, 0, 0},
		{ISB_ADMIN_HOLD_DOWN, 0, 1},
	};
	struct world w;
	(void)state;
	begin_failover(&w, ISB_PLAN_FAILBACK_MANUAL);
	w.now_ms = TURNED + 86400000;
	assert_int_equal(first(&w), 0); /* the word does not say that it waits: it came back before that was wanted */
	set_waits(&w, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		w.admin[0] = isb_admin_pack(cases[i].admin, cases[i].until_ms);
		assert_int_equal(first(&w), cases[i].first);
	}
	w.admin[0] = 0;
	endpoint(&w, 0)->failback_ms = 0;
	assert_int_equal(first(&w), 0);
	done(&w);
}

static void what_waits_answers_before_anything_fails_open(void **state)
{
	struct world w;
	(void)state;
	for (enum isb_all_down all_down = ISB_ALL_DOWN_ALL; all_down <= ISB_ALL_DOWN_LAST; all_down++) {
		begin(&w, 3);
		uint32_t pool = node(&w, ISB_NODE_POOL, 1, 2, (const struct kid[]){{0, 0, 1}, {1, 1, 1}, {2, 2, 1}}, 3);
		set_record(&w, pool, all_down);
		endpoint(&w, 0)->failback_ms = endpoint(&w, 1)->failback_ms = 300000;
		w.since[0] = w.since[1] = w.now_ms = TURNED;
		for (unsigned i = 0; i < 3; i++)
			judge(&w, i, i == 2 ? ISB_DOWN : ISB_UP);
		struct isb_choice c = ask(&w);
		assert_int_equal(c.kind, ISB_CHOICE_ANSWER);
		assert_int_equal(c.endpoint[0]->slot, 0);
		assert_false(c.failopen);
		judge(&w, 1, ISB_DOWN); /* min_up holds for those that wait, too */
		assert_true(ask(&w).failopen);
		judge(&w, 2, ISB_UP);
		assert_false(ask(&w).failopen);
		done(&w);
	}
}

static void a_slow_start_begins_when_the_wait_ends(void **state)
{
	static const struct {
		uint32_t failback_ms;
		int64_t told_ms, now_ms;
		uint16_t share;
	} cases[] = {
		{300000, 0, 300000, 1}, {300000, 0, 330001, 50}, {300000, 0, 360000, 100},
		{300000, 50000, 80001, 50}, /* an operator ended it earlier */
		{ISB_PLAN_FAILBACK_MANUAL, 900000, 930001, 50}, {ISB_PLAN_FAILBACK_MANUAL, 900000, 960000, 100}};
	struct world w;
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned seen[2] = {0};
		begin(&w, 2);
		set_record(&w, node(&w, ISB_NODE_POOL, 1, 1, (const struct kid[]){{0, 0, 1}, {1, 0, 1}}, 2), ISB_ALL_DOWN_ALL);
		endpoint(&w, 0)->slow_start_ms = 60000;
		endpoint(&w, 0)->failback_ms = cases[i].failback_ms;
		judge(&w, 0, ISB_UP);
		judge(&w, 1, ISB_UP);
		set_waits(&w, 0);
		w.since[0] = TURNED;
		w.now_ms = TURNED + cases[i].now_ms;
		w.admin[0] = cases[i].told_ms ? isb_admin_pack(ISB_ADMIN_FAILBACK, TURNED + cases[i].told_ms) : 0;
		for (int k = 0; k < 100000; k++)
			seen[first(&w)]++;
		assert_true(chi_square(seen, (const uint16_t[]){cases[i].share, 100}, 2, 100000) < 10.83);
		done(&w);
	}
}

/* --- hold ---------------------------------------------------------------------------------------------------------- */

static void a_hold_stands_in_for_the_verdict_and_for_nothing_else(void **state)
{
	struct world w;
	unsigned seen[2] = {0};
	(void)state;
	begin(&w, 2);
	set_record(&w, node(&w, ISB_NODE_POOL, 1, 1, (const struct kid[]){{0, 0, 1}, {1, 0, 1}}, 2), ISB_ALL_DOWN_ALL);
	judge(&w, 0, ISB_DOWN);
	judge(&w, 1, ISB_UP);
	w.now_ms = 5000;
	w.admin[0] = isb_admin_pack(ISB_ADMIN_HOLD_UP, 0);
	w.admin[1] = isb_admin_pack(ISB_ADMIN_HOLD_DOWN, 15000);
	for (int i = 0; i < 200; i++)
		assert_int_equal(first(&w), 0);
	assert_int_equal(ask(&w).ttl_s, 10); /* until the hold ends */
	w.now_ms = 15000;
	w.admin[0] = 0;
	for (int i = 0; i < 200; i++)
		assert_int_equal(first(&w), 1);
	/* soft health goes on */
	struct isb_health h = {.verdict = ISB_UP, .held = ISB_UP, .soft = 50, .flip_s = ISB_FLIP_NONE};
	w.words[0] = isb_health_pack(&h);
	w.admin[0] = isb_admin_pack(ISB_ADMIN_HOLD_UP, 0);
	for (int i = 0; i < 100000; i++)
		seen[first(&w)]++;
	assert_true(chi_square(seen, (const uint16_t[]){50, 100}, 2, 100000) < 10.83);
	/* when nothing can answer, a hold is no operator's "never": it is taken for what it is, a verdict */
	w.admin[0] = isb_admin_pack(ISB_ADMIN_HOLD_DOWN, 0);
	w.admin[1] = isb_admin_pack(ISB_ADMIN_DRAIN, 0);
	for (int i = 0; i < 200; i++)
		assert_int_equal(first(&w), 0);
	assert_true(ask(&w).failopen);
	done(&w);
}

/* --- unknown ------------------------------------------------------------------------------------------------------- */

static void unknown_counts_as_the_pool_says(void **state)
{
	static const struct {
		enum isb_verdict verdict, held;
		bool never;
		bool hold, up, down; /* usable? */
	} cases[] = {
		{ISB_UNKNOWN, ISB_UP, false, true, true, false},      {ISB_UNKNOWN, ISB_DOWN, false, false, true, false},
		{ISB_UNKNOWN, ISB_UNKNOWN, false, true, true, false}, {ISB_DISPUTED, ISB_DOWN, false, false, true, false},
		{ISB_DISPUTED, ISB_UP, false, true, true, false},     {ISB_UP, ISB_DOWN, false, true, true, true},
		{ISB_DOWN, ISB_UP, false, false, false, false},       {ISB_UNKNOWN, ISB_UNKNOWN, true, true, true, false},
	};
	struct world w;
	(void)state;
	begin(&w, 2);
	set_record(&w, node(&w, ISB_NODE_POOL, 1, 1, (const struct kid[]){{0, 0, 1}, {1, 1, 1}}, 2), ISB_ALL_DOWN_ALL);
	for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
		const bool usable[] = {[ISB_UNKNOWN_HOLD] = cases[k].hold, [ISB_UNKNOWN_UP] = cases[k].up, [ISB_UNKNOWN_DOWN] = cases[k].down};
		set_word(&w, 0, cases[k].verdict, cases[k].held);
		if (cases[k].never)
			w.words[0] = 0;
		for (uint8_t unknown = 0; unknown < 3; unknown++) {
			endpoint(&w, 0)->unknown = unknown;
			endpoint(&w, 0)->checked = 1;
			assert_int_equal(first(&w), usable[unknown] ? 0 : 1);
			endpoint(&w, 0)->checked = 0; /* nothing to know */
			assert_int_equal(first(&w), 0);
		}
	}
	done(&w);
}

/* --- all_down: last ------------------------------------------------------------------------------------------------ */

static void the_last_good_answer_is_of_those_that_went_down_last(void **state)
{
	struct world w;
	unsigned seen[5] = {0};
	(void)state;
	begin(&w, 5);
	uint32_t one = node(&w, ISB_NODE_POOL, 1, 1, (const struct kid[]){{0, 0, 1}, {1, 0, 1}}, 2);
	uint32_t two = node(&w, ISB_NODE_POOL, 1, 1, (const struct kid[]){{2, 0, 1}, {3, 0, 3}, {4, 0, 9}}, 3);
	set_record(&w, node(&w, 0, 0, 0, (const struct kid[]){{one, 0, 1}, {two, 1, 1}}, 2), ISB_ALL_DOWN_LAST);
	w.now_ms = 2000000;
	for (unsigned i = 0; i < 5; i++)
		judge(&w, i, ISB_DOWN);
	assert_true(ask(&w).failopen); /* nothing is known: as if all were up */
	assert_in_range(first(&w), 0, 1);
	w.since[0] = 500000;
	w.since[1] = 600000;
	w.since[2] = 970000;
	w.since[3] = 1000000; /* within the TTL of 30 s */
	w.since[4] = 1500000;
	w.admin[4] = isb_admin_pack(ISB_ADMIN_DRAIN, 0); /* an operator keeps it out, not a verdict */
	for (int i = 0; i < 100000; i++)
		seen[first(&w)]++;
	assert_true(chi_square(seen, (const uint16_t[]){0, 0, 1, 3, 0}, 5, 100000) < 10.83);
	w.since[2]--;
	for (int i = 0; i < 200; i++)
		assert_int_equal(first(&w), 3);
	assert_true(ask(&w).failopen);
	w.since[1] = 1000001;
	for (int i = 0; i < 200; i++)
		assert_int_equal(first(&w), 1); /* in the order as ever */
	for (unsigned i = 0; i < 4; i++)
		w.admin[i] = isb_admin_pack(ISB_ADMIN_DOWN, 0);
	assert_in_range(first(&w), 0, 1); /* operators took everything out: as `all` */
	w.admin[2] = isb_admin_pack(ISB_ADMIN_UP, 0);
	assert_int_equal(first(&w), 2);
	assert_false(ask(&w).failopen);
	done(&w);
}

static void what_is_up_in_a_pool_that_is_short_was_in_the_last_good_answer_too(void **state)
{
	struct world w;
	bool seen[3] = {false};
	(void)state;
	begin(&w, 3);
	set_record(&w, node(&w, ISB_NODE_POOL, 1, 2, (const struct kid[]){{0, 0, 1}, {1, 0, 1}, {2, 0, 1}}, 3), ISB_ALL_DOWN_LAST);
	w.now_ms = 2000000;
	judge(&w, 0, ISB_DOWN);
	judge(&w, 1, ISB_DOWN);
	w.since[0] = 100000;
	w.since[1] = 1000000;
	for (int i = 0; i < 200; i++)
		seen[first(&w)] = true;
	assert_true(!seen[0] && seen[1] && seen[2]);
	assert_true(ask(&w).failopen);
	done(&w);
}

/* --- Nested -------------------------------------------------------------------------------------------------------- */

/* Sixteen policies of all orders, one in the other, each with a pool beside that cannot answer. */
static void every_order_passes_failure_upwards_to_the_greatest_depth(void **state)
{
	static const uint16_t orders[] = {ISB_ORDER_ROTATE, ISB_ORDER_HASH, ISB_ORDER_LEAST_LOAD, ISB_ORDER_FASTEST,
	                                  ISB_ORDER_WEIGHTED, ISB_ORDER_FAILOVER};
	struct world w;
	(void)state;
	begin(&w, 3);
	uint32_t below = node(&w, ISB_NODE_POOL, 1, 1, &(struct kid){0, 0, 1}, 1);
	uint32_t dead = node(&w, ISB_NODE_POOL, 1, 2, (const struct kid[]){{1, 0, 1}, {2, 0, 1}}, 2);
	for (unsigned i = 0; i < 16; i++) {
		struct isb_plan_node head = {.order = orders[i % 6], .hash_ipv4 = 24, .param = 0, .trickle = i % 6 == 5 ? 50 : 0};
		uint16_t rank = i % 6 == 5;
		below = node_like(&w, &head, (const struct kid[]){{dead, 0, 7}, {below, rank, 1}}, 2);
	}
	set_record(&w, below, ISB_ALL_DOWN_NODATA);
	w.client = (struct isb_addr){.family = 4, .octets = {192, 0, 2, 1}};
	judge(&w, 1, ISB_DOWN);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(first(&w), 0);
	judge(&w, 0, ISB_DOWN);
	for (int i = 0; i < 100; i++)
		assert_int_equal(ask(&w).kind, ISB_CHOICE_NODATA);
	judge(&w, 1, ISB_UP);
	for (int i = 0; i < 100; i++)
		assert_in_range(first(&w), 1, 2);
	done(&w);
}

/* --- Plans from elsewhere ------------------------------------------------------------------------------------------ */

static void plans_that_point_beyond_their_tables_are_refused(void **state)
{
	static const struct isb_plan_node good[] = {
		{.order = ISB_ORDER_ROTATE, .param = 3 * ISB_PLAN_TYPES},
		{.order = ISB_ORDER_FASTEST, .param = REGIONS_MAX - 1},
		{.order = ISB_ORDER_FASTEST, .param = ISB_NO_VIEWPOINT},
		{.order = ISB_ORDER_HASH, .hash_ipv4 = 32, .hash_ipv6 = 128},
		{.trickle = 100},
	}, bad[] = {
		{.order = ISB_ORDER_ROTATE, .param = 3 * ISB_PLAN_TYPES + 1},
		{.order = ISB_ORDER_ROTATE, .param = UINT32_MAX},
		{.order = ISB_ORDER_FASTEST, .param = REGIONS_MAX},
		{.order = ISB_ORDER_HASH, .hash_ipv4 = 33},
		{.order = ISB_ORDER_HASH, .hash_ipv6 = 129},
		{.order = ISB_ORDER_COUNT},
		{.below_ipv4 = 33},
		{.below_ipv6 = 129},
		{.trickle = 101},
	};
	struct world w;
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]) + sizeof(bad) / sizeof(bad[0]); i++) {
		size_t ngood = sizeof(good) / sizeof(good[0]);
		begin(&w, 1);
		struct isb_plan_node pool = {.flags = ISB_NODE_POOL};
		uint32_t root = node_like(&w, &pool, &(struct kid){0, 0, 1}, 1);
		set_record(&w, root, ISB_ALL_DOWN_ALL);
		struct isb_plan_node *at = (struct isb_plan_node *)(uintptr_t)isb_plan_node(plan(&w), root);
		const struct isb_plan_node *from = i < ngood ? &good[i] : &bad[i - ngood];
		at->order = from->order;
		at->param = from->param;
		at->trickle = from->trickle;
		at->hash_ipv4 = from->hash_ipv4;
		at->hash_ipv6 = from->hash_ipv6;
		at->below_ipv4 = from->below_ipv4;
		at->below_ipv6 = from->below_ipv6;
		assert_int_equal(isb_plan_check(plan(&w), w.block.len), i < ngood);
		at->order = 0;
		at->trickle = 0;
		at->hash_ipv4 = at->hash_ipv6 = at->below_ipv4 = at->below_ipv6 = 0;
		assert_true(isb_plan_check(plan(&w), w.block.len));
		endpoint(&w, 0)->unknown = 3;
		assert_false(isb_plan_check(plan(&w), w.block.len));
		endpoint(&w, 0)->unknown = 0;
		plan(&w)->nviewpoint = 1000;
		assert_false(isb_plan_check(plan(&w), w.block.len));
		plan(&w)->nviewpoint = 0;
		plan(&w)->nrotor = UINT32_MAX;
		assert_false(isb_plan_check(plan(&w), w.block.len));
		done(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_share_trickles_to_the_next_tier_while_the_first_is_up),
		cmocka_unit_test(a_trickled_answer_of_several_goes_on_with_the_first_tier),
		cmocka_unit_test(policies_trickle_to_the_next_child_that_can_answer),
		cmocka_unit_test(answers_lie_in_different_regions_where_possible),
		cmocka_unit_test(a_recovered_endpoint_starts_slowly),
		cmocka_unit_test(slow_start_is_for_those_whom_checks_brought_back),
		cmocka_unit_test(failback_after_a_time_begins_with_that_time),
		cmocka_unit_test(a_manual_failback_waits_for_the_end_of_an_operators_word),
		cmocka_unit_test(what_waits_answers_before_anything_fails_open),
		cmocka_unit_test(a_slow_start_begins_when_the_wait_ends),
		cmocka_unit_test(a_hold_stands_in_for_the_verdict_and_for_nothing_else),
		cmocka_unit_test(unknown_counts_as_the_pool_says),
		cmocka_unit_test(the_last_good_answer_is_of_those_that_went_down_last),
		cmocka_unit_test(what_is_up_in_a_pool_that_is_short_was_in_the_last_good_answer_too),
		cmocka_unit_test(every_order_passes_failure_upwards_to_the_greatest_depth),
		cmocka_unit_test(plans_that_point_beyond_their_tables_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
