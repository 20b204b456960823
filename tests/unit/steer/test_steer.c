/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

static void failover_skips_what_is_down_and_comes_back(void **state)
{
	(void)state;
	struct world w;
	begin(&w, 3);
	const struct kid kids[] = {{0, 0, 1}, {1, 1, 1}, {2, 2, 1}};
	set_record(&w, node(&w, ISB_NODE_POOL, 1, 1, kids, 3), ISB_ALL_DOWN_ALL);
	assert_int_equal(ask(&w).endpoint[0]->slot, 0);
	judge(&w, 0, ISB_DOWN);
	assert_int_equal(ask(&w).endpoint[0]->slot, 1);
	judge(&w, 1, ISB_DOWN);
	assert_int_equal(ask(&w).endpoint[0]->slot, 2);
	judge(&w, 0, ISB_UP);
	assert_int_equal(ask(&w).endpoint[0]->slot, 0);
	done(&w);
}

static void weights_are_exact(void **state)
{
	(void)state;
	static const struct {
		unsigned n;
		uint16_t weight[8];
		double limit; /* chi-square, n - 1 degrees of freedom (without weight 0), 99.9 % */
	} cases[] = {
		{2, {1, 1}, 10.83}, {3, {5, 3, 2}, 13.82}, {2, {65535, 1}, 10.83}, {4, {40, 30, 20, 10}, 16.27},
		{4, {3, 0, 1, 7}, 13.82}, {8, {1, 2, 3, 4, 5, 6, 7, 8}, 24.32}, {8, {65535, 65535, 65535, 65535, 65535, 65535, 65535, 65535}, 24.32},
	};
	enum { DRAWS = 1000000 };
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		struct world w;
		struct kid kids[8];
		unsigned seen[8] = {0};
		begin(&w, cases[c].n);
		for (unsigned i = 0; i < cases[c].n; i++)
			kids[i] = (struct kid){i, 0, cases[c].weight[i]};
		set_record(&w, node(&w, ISB_NODE_POOL, 1, 1, kids, cases[c].n), ISB_ALL_DOWN_ALL);
		for (unsigned i = 0; i < DRAWS; i++)
			seen[ask(&w).endpoint[0]->slot]++;
		assert_true(chi_square(seen, cases[c].weight, cases[c].n, DRAWS) < cases[c].limit);
		done(&w);
	}
}

static void weights_are_exact_among_those_left_when_some_are_down(void **state)
{
	(void)state;
	struct world w;
	begin(&w, 4);
	const struct kid kids[] = {{0, 0, 4}, {1, 0, 3}, {2, 0, 2}, {3, 0, 1}};
	set_record(&w, node(&w, ISB_NODE_POOL, 1, 1, kids, 4), ISB_ALL_DOWN_ALL);
	judge(&w, 0, ISB_DOWN);
	judge(&w, 2, ISB_DOWN);
	unsigned seen[4] = {0};
	for (unsigned i = 0; i < 400000; i++)
		seen[ask(&w).endpoint[0]->slot]++;
	const uint16_t left[] = {0, 3, 0, 1};
	assert_true(chi_square(seen, left, 4, 400000) < 10.83);
	done(&w);
}

static void soft_health_multiplies_the_weight(void **state)
{
	(void)state;
	struct world w;
	begin(&w, 2);
	const struct kid kids[] = {{0, 0, 1}, {1, 0, 1}};
	set_record(&w, node(&w, ISB_NODE_POOL, 1, 1, kids, 2), ISB_ALL_DOWN_ALL);
	struct isb_health h = {.verdict = ISB_UP, .held = ISB_UP, .soft = 25, .flip_s = ISB_FLIP_NONE};
	w.words[0] = isb_health_pack(&h);
	unsigned seen[2] = {0};
	for (unsigned i = 0; i < 500000; i++)
		seen[ask(&w).endpoint[0]->slot]++;
	const uint16_t share[] = {25, 100};
	assert_true(chi_square(seen, share, 2, 500000) < 10.83);
	done(&w);
}

static void weight_zero_answers_only_when_nothing_else_can(void **state)
{
	(void)state;
	struct world w;
	begin(&w, 3);
	const struct kid kids[] = {{0, 0, 0}, {1, 0, 5}, {2, 1, 1}};
	set_record(&w, node(&w, ISB_NODE_POOL, 1, 1, kids, 3), ISB_ALL_DOWN_ALL);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(ask(&w).endpoint[0]->slot, 1);
	judge(&w, 1, ISB_DOWN);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(ask(&w).endpoint[0]->slot, 2); /* a later rank with weight comes before weight 0 */
	judge(&w, 2, ISB_DOWN);
	assert_int_equal(ask(&w).endpoint[0]->slot, 0);
	assert_false(ask(&w).failopen);
	done(&w);
}

static void several_answers_are_distinct_and_in_order(void **state)
{
	(void)state;
	struct world w;
	begin(&w, 5);
	const struct kid kids[] = {{0, 0, 1}, {1, 0, 1}, {2, 1, 1}, {3, 1, 1}, {4, 2, 1}};
	set_record(&w, node(&w, ISB_NODE_POOL, 3, 1, kids, 5), ISB_ALL_DOWN_ALL);
	for (int i = 0; i < 1000; i++) {
		struct isb_choice c = ask(&w);
		assert_int_equal(c.n, 3);
		assert_true(c.endpoint[0]->slot < 2 && c.endpoint[1]->slot < 2);
		assert_int_not_equal(c.endpoint[0]->slot, c.endpoint[1]->slot);
		assert_true(c.endpoint[2]->slot == 2 || c.endpoint[2]->slot == 3);
	}
	judge(&w, 1, ISB_DOWN);
	judge(&w, 2, ISB_DOWN);
	judge(&w, 3, ISB_DOWN);
	struct isb_choice c = ask(&w);
	assert_int_equal(c.n, 2);
	assert_int_equal(c.endpoint[1]->slot, 4);
	done(&w);
}

static void a_pool_short_of_min_up_passes_to_the_next(void **state)
{
	(void)state;
	struct world w;
	begin(&w, 4);
	const struct kid one[] = {{0, 0, 1}, {1, 0, 1}, {2, 0, 1}}, two[] = {{3, 0, 1}};
	uint32_t first = node(&w, ISB_NODE_POOL, 1, 2, one, 3), second = node(&w, ISB_NODE_POOL, 1, 1, two, 1);
	const struct kid pools[] = {{first, 0, 1}, {second, 1, 1}};
	set_record(&w, node(&w, 0, 0, 0, pools, 2), ISB_ALL_DOWN_ALL);
	judge(&w, 0, ISB_DOWN);
	assert_true(ask(&w).endpoint[0]->slot < 3);
	judge(&w, 1, ISB_DOWN); /* one of three left, two needed */
	assert_int_equal(ask(&w).endpoint[0]->slot, 3);
	done(&w);
}

static void all_down_answers_as_the_record_says(void **state)
{
	(void)state;
	static const enum isb_choice_kind want[] = {
		[ISB_ALL_DOWN_ALL] = ISB_CHOICE_ANSWER, [ISB_ALL_DOWN_FALLBACK] = ISB_CHOICE_FALLBACK,
		[ISB_ALL_DOWN_NODATA] = ISB_CHOICE_NODATA};
	for (enum isb_all_down how = ISB_ALL_DOWN_ALL; how <= ISB_ALL_DOWN_NODATA; how++) {
		struct world w;
		begin(&w, 2);
		const struct kid kids[] = {{0, 0, 1}, {1, 1, 1}};
		set_record(&w, node(&w, ISB_NODE_POOL, 1, 2, kids, 2), how);
		judge(&w, 0, ISB_DOWN);
		judge(&w, 1, ISB_DOWN);
		struct isb_choice c = ask(&w);
		assert_int_equal(c.kind, want[how]);
		assert_true(c.failopen);
		if (how == ISB_ALL_DOWN_ALL)
			assert_int_equal(c.endpoint[0]->slot, 0); /* as if all were up */
		done(&w);
	}
}

static void failing_open_still_honours_the_operator_first(void **state)
{
	(void)state;
	struct world w;
	begin(&w, 2);
	const struct kid kids[] = {{0, 0, 1}, {1, 1, 1}};
	set_record(&w, node(&w, ISB_NODE_POOL, 1, 1, kids, 2), ISB_ALL_DOWN_ALL);
	judge(&w, 1, ISB_DOWN);
	w.admin[0] = isb_admin_pack(ISB_ADMIN_DRAIN, 0);
	assert_int_equal(ask(&w).endpoint[0]->slot, 1);
	assert_true(ask(&w).failopen);
	w.admin[1] = isb_admin_pack(ISB_ADMIN_DOWN, 0); /* nothing is left that anybody wants: answer all the same */
	assert_int_equal(ask(&w).n, 1);
	done(&w);
}

static void admin_states_beat_verdicts_until_they_expire(void **state)
{
	(void)state;
	struct world w;
	begin(&w, 2);
	const struct kid kids[] = {{0, 0, 1}, {1, 1, 1}};
	set_record(&w, node(&w, ISB_NODE_POOL, 1, 1, kids, 2), ISB_ALL_DOWN_ALL);
	w.now_ms = 1000000;
	judge(&w, 0, ISB_DOWN);
	w.admin[0] = isb_admin_pack(ISB_ADMIN_UP, w.now_ms + 12000);
	struct isb_choice c = ask(&w);
	assert_int_equal(c.endpoint[0]->slot, 0);
	assert_int_equal(c.ttl_s, 12); /* no answer outlives the word it rests on */
	w.now_ms += 12000;
	c = ask(&w);
	assert_int_equal(c.endpoint[0]->slot, 1);
	judge(&w, 0, ISB_UP);
	w.admin[0] = isb_admin_pack(ISB_ADMIN_DRAIN, 0);
	assert_int_equal(ask(&w).endpoint[0]->slot, 1);
	done(&w);
}

static void unknown_and_disputed_hold_the_last_verdict(void **state)
{
	(void)state;
	struct world w;
	begin(&w, 2);
	const struct kid kids[] = {{0, 0, 1}, {1, 1, 1}};
	set_record(&w, node(&w, ISB_NODE_POOL, 1, 1, kids, 2), ISB_ALL_DOWN_ALL);
	const enum isb_verdict vague[] = {ISB_UNKNOWN, ISB_DISPUTED};
	for (int i = 0; i < 2; i++) {
		struct isb_health h = {.verdict = vague[i], .held = ISB_DOWN, .soft = ISB_SOFT_FULL, .flip_s = ISB_FLIP_NONE};
		w.words[0] = isb_health_pack(&h);
		assert_int_equal(ask(&w).endpoint[0]->slot, 1);
		h.held = ISB_UP;
		w.words[0] = isb_health_pack(&h);
		assert_int_equal(ask(&w).endpoint[0]->slot, 0);
		h.held = ISB_UNKNOWN; /* a cold start answers as if up, in order, not at random */
		w.words[0] = isb_health_pack(&h);
		assert_int_equal(ask(&w).endpoint[0]->slot, 0);
	}
	done(&w);
}

static void the_ttl_ends_where_a_verdict_in_play_could_flip(void **state)
{
	(void)state;
	struct world w;
	begin(&w, 3);
	const struct kid first[] = {{0, 0, 1}}, second[] = {{1, 0, 1}}, third[] = {{2, 0, 1}};
	uint32_t a = node(&w, ISB_NODE_POOL, 1, 1, first, 1), b = node(&w, ISB_NODE_POOL, 1, 1, second, 1);
	uint32_t c = node(&w, ISB_NODE_POOL, 1, 1, third, 1);
	const struct kid pools[] = {{a, 0, 1}, {b, 1, 1}, {c, 2, 1}};
	set_record(&w, node(&w, 0, 0, 0, pools, 3), ISB_ALL_DOWN_ALL);
	struct isb_health h = {.verdict = ISB_DOWN, .held = ISB_DOWN, .soft = ISB_SOFT_FULL, .flip_s = 9};
	w.words[0] = isb_health_pack(&h);
	h.verdict = h.held = ISB_UP, h.flip_s = 20;
	w.words[1] = isb_health_pack(&h);
	h.flip_s = 6;
	w.words[2] = isb_health_pack(&h);
	assert_int_equal(ask(&w).ttl_s, 9); /* the first may come back in 9 s; the third is not in play */
	h.flip_s = 2;
	w.words[1] = isb_health_pack(&h);
	assert_int_equal(ask(&w).ttl_s, 5); /* ttl_min */
	judge(&w, 0, ISB_DOWN);
	judge(&w, 1, ISB_UP);
	assert_int_equal(ask(&w).ttl_s, 30);
	done(&w);
}

static void an_endpoint_without_the_type_is_chosen_all_the_same(void **state)
{
	(void)state;
	struct world w;
	begin(&w, 1);
	const struct kid kids[] = {{0, 0, 1}};
	set_record(&w, node(&w, ISB_NODE_POOL, 1, 1, kids, 1), ISB_ALL_DOWN_ALL);
	struct isb_choice choice;
	const struct isb_health_table health = {.chunk = w.chunk, .chunks = 1};
	struct isb_steer_state s = {.health = &health, .rng = &w.rng};
	isb_steer(plan(&w), isb_plan_record(plan(&w), 0), 0, ISB_PLAN_AAAA, &s, &choice);
	assert_int_equal(choice.kind, ISB_CHOICE_ANSWER);
	assert_int_equal(choice.n, 1);
	assert_int_equal(choice.rdata[0]->count, 0); /* NODATA, not another endpoint's family */
	done(&w);
}

static void a_class_without_a_plan_falls_back(void **state)
{
	(void)state;
	struct world w;
	begin(&w, 1);
	set_record(&w, ISB_NO_NODE, ISB_ALL_DOWN_ALL);
	struct isb_choice c = ask(&w);
	assert_int_equal(c.kind, ISB_CHOICE_FALLBACK);
	assert_false(c.failopen);
	done(&w);
}

static void a_trace_tells_what_the_walk_did(void **state)
{
	(void)state;
	struct world w;
	struct isb_trace trace;
	begin(&w, 2);
	isb_trace_init(&trace);
	const struct kid kids[] = {{0, 0, 1}, {1, 1, 1}};
	set_record(&w, node(&w, ISB_NODE_POOL, 1, 1, kids, 2), ISB_ALL_DOWN_ALL);
	judge(&w, 0, ISB_DOWN);
	w.trace = &trace;
	ask(&w);
	static const enum isb_step_kind want[] = {ISB_STEP_RECORD, ISB_STEP_ENTER, ISB_STEP_ENDPOINT, ISB_STEP_ENDPOINT,
	                                          ISB_STEP_CHOSEN};
	assert_int_equal(trace.count, 5);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(trace.steps[i].kind, want[i]);
	assert_int_equal(trace.steps[2].usable, ISB_SET_ASIDE_DOWN);
	assert_int_equal(trace.steps[3].usable, ISB_USABLE);
	isb_trace_done(&trace);
	done(&w);
}

static void a_trace_ends_at_its_limit_and_still_tells_the_end(void **state)
{
	(void)state;
	struct world w;
	struct isb_trace trace;
	struct kid kids[40];
	begin(&w, 40);
	isb_trace_init(&trace);
	trace.limit = ISB_TRACE_ENDINGS + 10;
	for (unsigned i = 0; i < 40; i++)
		kids[i] = (struct kid){i, 0, 1};
	set_record(&w, node(&w, ISB_NODE_POOL, 3, 1, kids, 40), ISB_ALL_DOWN_ALL);
	w.trace = &trace;
	for (int again = 0; again < 2; again++) {
		assert_int_equal(ask(&w).n, 3);
		assert_int_equal(trace.count, 10 + 3);
		assert_int_equal(trace.dropped, 2 + 40 - 10); /* record, enter, endpoints */
		assert_int_equal(trace.steps[12].kind, ISB_STEP_CHOSEN);
		isb_trace_reset(&trace);
		assert_int_equal(trace.count, 0);
	}
	/* never more than the limit, whatever ends */
	for (unsigned i = 0; i < 2 * ISB_TRACE_ENDINGS + 20; i++)
		assert_non_null(isb_trace_add(&trace, ISB_STEP_CHOSEN, 0, ""));
	assert_int_equal(trace.count, trace.limit);
	isb_trace_done(&trace);
	done(&w);
}

static void a_small_plan_that_unfolds_without_end_still_ends(void **state)
{
	(void)state;
	struct world w;
	begin(&w, 1);
	uint32_t at = node(&w, ISB_NODE_POOL, 1, 1, (const struct kid[]){{0, 0, 1}}, 1);
	for (int level = 0; level < 17; level++) { /* ten ways to each level: 10^17 to the pool */
		struct kid kids[10];
		for (int i = 0; i < 10; i++)
			kids[i] = (struct kid){at, 0, 1};
		at = node(&w, 0, 0, 0, kids, 10);
	}
	set_record(&w, at, ISB_ALL_DOWN_NODATA); /* checks the plan, too */
	assert_int_equal(ask(&w).n, 1);
	judge(&w, 0, ISB_DOWN);
	struct isb_choice choice = ask(&w);
	assert_true(choice.failopen);
	assert_int_equal(choice.kind, ISB_CHOICE_NODATA);
	uint32_t one_more = node(&w, 0, 0, 0, (const struct kid[]){{at, 0, 1}, {at, 0, 1}}, 2);
	uint32_t too_deep = node(&w, 0, 0, 0, (const struct kid[]){{one_more, 0, 1}}, 1);
	memcpy(w.block.data + isb_plan_record(plan(&w), 0)->classes, &one_more, sizeof(one_more));
	assert_true(isb_plan_check(plan(&w), w.block.len));
	memcpy(w.block.data + isb_plan_record(plan(&w), 0)->classes, &too_deep, sizeof(too_deep));
	assert_false(isb_plan_check(plan(&w), w.block.len));
	done(&w);
}

/* The last of a thousand pools is found, however the draws fall. */
static void every_child_of_the_widest_node_is_tried(void **state)
{
	(void)state;
	struct world w;
	begin(&w, 2);
	uint32_t down = node(&w, ISB_NODE_POOL, 1, 1, (const struct kid[]){{0, 0, 1}}, 1);
	uint32_t up = node(&w, ISB_NODE_POOL, 1, 1, (const struct kid[]){{1, 0, 1}}, 1);
	static struct kid kids[ISB_CHILD_MAX];
	for (unsigned i = 0; i < ISB_CHILD_MAX; i++)
		kids[i] = (struct kid){down, 0, i + 1 < ISB_CHILD_MAX ? 65535 : 1};
	kids[ISB_CHILD_MAX - 1].ref = up;
	set_record(&w, node(&w, 0, 0, 0, kids, ISB_CHILD_MAX), ISB_ALL_DOWN_NODATA);
	judge(&w, 0, ISB_DOWN);
	struct isb_choice choice = ask(&w);
	assert_false(choice.failopen);
	assert_int_equal(choice.n, 1);
	assert_int_equal(choice.endpoint[0]->slot, 1);
	done(&w);
}

static uint32_t random_pool(struct world *w)
{
	struct kid kids[3];
	unsigned n = 1 + (unsigned)isb_rng_below(&w->rng, 3);
	for (unsigned i = 0; i < n; i++)
		kids[i] = (struct kid){(uint32_t)isb_rng_below(&w->rng, 8),
		                       (uint16_t)(i ? kids[i - 1].rank + isb_rng_below(&w->rng, 4) / 3 : 0),
		                       (uint16_t)isb_rng_below(&w->rng, 4)};
	return node_like(w, &(struct isb_plan_node){.flags = ISB_NODE_POOL, .order = (uint16_t)isb_rng_below(&w->rng, 2),
	                                            .answers = isb_rng_below(&w->rng, 4) != 0,
	                                            .min_up = 1 + (uint32_t)isb_rng_below(&w->rng, 5) / 4,
	                                            .trickle = isb_rng_below(&w->rng, 5) ? 0 : 50}, kids, n);
}

/* Below a policy: pools; *ret_shapes: flags of all of them and its own. */
static uint32_t random_policy(struct world *w, uint32_t at[5], unsigned *ret_n, unsigned *ret_shapes)
{
	struct kid kids[4];
	unsigned n = 1 + (unsigned)isb_rng_below(&w->rng, 4);
	for (unsigned i = 0; i < n; i++) {
		at[i] = random_pool(w);
		kids[i] = (struct kid){at[i], (uint16_t)(i ? kids[i - 1].rank + (isb_rng_below(&w->rng, 4) > 0) : 0),
		                       (uint16_t)isb_rng_below(&w->rng, 3)};
	}
	at[n] = node_like(w, &(struct isb_plan_node){.order = (uint16_t)isb_rng_below(&w->rng, 2)}, kids, n);
	*ret_n = n + 1;
	*ret_shapes = 0;
	for (unsigned i = 0; i <= n; i++)
		*ret_shapes |= isb_plan_node(plan(w), at[i])->flags & (ISB_NODE_STRAIGHT | ISB_NODE_ONE_DRAW);
	return at[n];
}

/* What a node's flags say of its shape saves steps, and no more: without them the same is answered, by the same draws. */
static void a_shape_changes_no_answer(void **state)
{
	(void)state;
	struct world w;
	struct isb_rng rng;
	unsigned seen[64] = {0};
	isb_rng_seed(&rng, 3);
	for (unsigned round = 0; round < 5000; round++) {
		uint32_t at[5];
		unsigned n, shapes;
		begin(&w, 8);
		w.rng = rng;
		static const enum isb_all_down all_down[] = {ISB_ALL_DOWN_ALL, ISB_ALL_DOWN_NODATA, ISB_ALL_DOWN_LAST};
		set_record(&w, random_policy(&w, at, &n, &shapes), all_down[round % 3]);
		seen[shapes]++;
		for (unsigned slot = 0; slot < 8; slot++)
			judge(&w, slot, isb_rng_below(&w.rng, 3) ? ISB_UP : ISB_DOWN);
		struct isb_rng before = w.rng;
		struct isb_choice a = ask(&w);
		rng = w.rng;
		w.rng = before;
		for (unsigned i = 0; i < n; i++)
			((struct isb_plan_node *)(void *)(w.block.data + at[i]))->flags &= ISB_NODE_POOL;
		struct isb_choice b = ask(&w);
		assert_memory_equal(&w.rng, &rng, sizeof(rng));
		assert_int_equal(a.kind, b.kind);
		assert_int_equal(a.failopen, b.failopen);
		assert_int_equal(a.ttl_s, b.ttl_s);
		assert_int_equal(a.n, b.n);
		for (unsigned i = 0; i < a.n; i++)
			assert_ptr_equal(a.endpoint[i], b.endpoint[i]);
		done(&w);
	}
	assert_true(seen[0] && seen[ISB_NODE_STRAIGHT] && seen[ISB_NODE_ONE_DRAW] && seen[ISB_NODE_STRAIGHT | ISB_NODE_ONE_DRAW]);
}

/* Whatever a reader takes from a node without another look is proven first. */
static void what_a_node_says_for_speed_must_be_true(void **state)
{
	(void)state;
	struct world w;
	begin(&w, 2);
	uint32_t pool = node(&w, ISB_NODE_POOL, 1, 1, (const struct kid[]){{0, 0, 1}, {1, 1, 1}}, 2);
	uint32_t top = node(&w, 0, 0, 0, (const struct kid[]){{pool, 0, 1}, {pool, 0, 1}}, 2);
	set_record(&w, top, ISB_ALL_DOWN_ALL);
	struct isb_plan_node *low = (struct isb_plan_node *)(void *)(w.block.data + pool);
	struct isb_plan_node *high = (struct isb_plan_node *)(void *)(w.block.data + top);
	assert_int_equal(low->flags & ISB_NODE_ONE_DRAW, 0);
	low->flags |= ISB_NODE_ONE_DRAW;
	assert_false(isb_plan_check(plan(&w), w.block.len));
	low->flags ^= ISB_NODE_ONE_DRAW;
	high->flags |= ISB_NODE_STRAIGHT;
	assert_false(isb_plan_check(plan(&w), w.block.len));
	high->flags ^= ISB_NODE_STRAIGHT;
	low->child[1].slot++;
	assert_false(isb_plan_check(plan(&w), w.block.len));
	low->child[1].slot--;
	low->child[0].flags ^= ISB_CHILD_CHECKED;
	assert_false(isb_plan_check(plan(&w), w.block.len));
	low->child[0].flags ^= ISB_CHILD_CHECKED;
	low->child[0].region++;
	assert_false(isb_plan_check(plan(&w), w.block.len));
	low->child[0].region--;
	assert_true(isb_plan_check(plan(&w), w.block.len));
	done(&w);
}

/* Whatever a block holds, checking it reads nothing outside, and what checks out can be walked. */
static void corrupt_plans_are_refused_or_harmless(void **state)
{
	(void)state;
	struct world w;
	begin(&w, 4);
	const struct kid one[] = {{0, 0, 1}, {1, 0, 1}}, two[] = {{2, 0, 1}, {3, 1, 1}};
	uint32_t first = node(&w, ISB_NODE_POOL, 1, 1, one, 2), second = node(&w, ISB_NODE_POOL, 2, 1, two, 2);
	const struct kid pools[] = {{first, 0, 1}, {second, 1, 1}};
	set_record(&w, node(&w, 0, 0, 0, pools, 2), ISB_ALL_DOWN_ALL);
	size_t len = w.block.len;
	char *good = w.block.data;
	unsigned refused = 0, walked = 0;
	w.npool = 0; /* nothing is set right before it is walked */
	for (unsigned i = 0; i < 20000; i++) {
		w.block.data = isb_xmalloc(len); /* of its exact size, for the sanitizer to watch */
		memcpy(w.block.data, good, len);
		for (unsigned flips = 1 + i % 3; flips; flips--)
			w.block.data[isb_rng_below(&w.rng, len)] ^= (char)(1u << isb_rng_below(&w.rng, 8));
		if (isb_plan_check(plan(&w), len)) {
			if (isb_plan_record(plan(&w), 0))
				ask(&w);
			walked++;
		} else {
			refused++;
		}
		free(w.block.data);
	}
	w.block.data = good;
	assert_true(refused > 1000 && walked > 1000);
	done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failover_skips_what_is_down_and_comes_back),
		cmocka_unit_test(weights_are_exact),
		cmocka_unit_test(weights_are_exact_among_those_left_when_some_are_down),
		cmocka_unit_test(soft_health_multiplies_the_weight),
		cmocka_unit_test(weight_zero_answers_only_when_nothing_else_can),
		cmocka_unit_test(several_answers_are_distinct_and_in_order),
		cmocka_unit_test(a_pool_short_of_min_up_passes_to_the_next),
		cmocka_unit_test(all_down_answers_as_the_record_says),
		cmocka_unit_test(failing_open_still_honours_the_operator_first),
		cmocka_unit_test(admin_states_beat_verdicts_until_they_expire),
		cmocka_unit_test(unknown_and_disputed_hold_the_last_verdict),
		cmocka_unit_test(the_ttl_ends_where_a_verdict_in_play_could_flip),
		cmocka_unit_test(an_endpoint_without_the_type_is_chosen_all_the_same),
		cmocka_unit_test(a_class_without_a_plan_falls_back),
		cmocka_unit_test(a_trace_tells_what_the_walk_did),
		cmocka_unit_test(a_trace_ends_at_its_limit_and_still_tells_the_end),
		cmocka_unit_test(a_small_plan_that_unfolds_without_end_still_ends),
		cmocka_unit_test(every_child_of_the_widest_node_is_tried),
		cmocka_unit_test(a_shape_changes_no_answer),
		cmocka_unit_test(what_a_node_says_for_speed_must_be_true),
		cmocka_unit_test(corrupt_plans_are_refused_or_harmless),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
