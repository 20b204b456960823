/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "isobar/steer/shares.h"
#include "world.h"

struct scene {
	struct world w;
	struct isb_shares shares;
	unsigned rotors;
};

static struct scene *set(unsigned endpoints)
{
	struct scene *s = isb_xcalloc(1, sizeof(*s));
	begin(&s->w, endpoints);
	isb_shares_init(&s->shares);
	s->w.now_ms = 1000000;
	return s;
}

static void strike(struct scene *s)
{
	isb_shares_done(&s->shares);
	done(&s->w);
	free(s);
}

static const struct isb_shares *find(struct scene *s)
{
	struct world *w = &s->w;
	settle(w);
	const struct isb_health_table health = {
		.chunk = w->chunk, .chunks = 1, .since = w->since_chunk, .pace = w->pace, .npace = REGIONS_MAX};
	struct isb_steer_state state = {.health = &health, .admin = w->admin, .nadmin = MAX, .now_ms = w->now_ms,
	                                .client = w->client.family ? &w->client : NULL, .name = w->name};
	isb_shares_find(&s->shares, plan(w), isb_plan_record(plan(w), 0), 0, &state);
	return &s->shares;
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

static void soften(struct world *w, unsigned slot, unsigned soft, unsigned load)
{
	struct isb_health h = {.verdict = ISB_UP, .held = ISB_UP, .soft = soft, .load = load, .flip_s = ISB_FLIP_NONE};
	w->words[slot] = isb_health_pack(&h);
}

/* --- By hand --- */

/* Two thirds of www go to pool a, whose endpoints have 3 : 1; one third to pool b, a failover. */
static void weights_and_ranks(void **state)
{
	(void)state;
	struct scene *s = set(4);
	struct world *w = &s->w;
	uint32_t a = node(w, ISB_NODE_POOL, 1, 1, (const struct kid[]){{0, 0, 3}, {1, 0, 1}}, 2);
	uint32_t b = node(w, ISB_NODE_POOL, 1, 1, (const struct kid[]){{2, 0, 1}, {3, 1, 1}}, 2);
	set_record(w, node(w, 0, 0, 0, (const struct kid[]){{a, 0, 2}, {b, 0, 1}}, 2), ISB_ALL_DOWN_ALL);
	const struct isb_shares *shares = find(s);
	assert_int_equal(shares->kind, ISB_CHOICE_ANSWER);
	assert_false(shares->failopen);
	assert_int_equal(shares->count, 3);
	assert_near(share_of(shares, 0), 0.5);
	assert_near(share_of(shares, 1), 1. / 6);
	assert_near(share_of(shares, 2), 1. / 3);
	judge(w, 2, ISB_DOWN);
	soften(w, 0, 50, 0); /* 1.5 : 1 */
	shares = find(s);
	assert_near(share_of(shares, 0), 2. / 3 * 0.6);
	assert_near(share_of(shares, 1), 2. / 3 * 0.4);
	assert_near(share_of(shares, 2), 0);
	assert_near(share_of(shares, 3), 1. / 3);
	judge(w, 3, ISB_DOWN); /* b cannot answer: all of it is a's */
	shares = find(s);
	assert_int_equal(shares->count, 2);
	assert_near(share_of(shares, 0), 0.6);
	strike(s);
}

/* Five per cent go to the second tier while the first is up, and to the third when the second is not. */
static void what_trickles(void **state)
{
	(void)state;
	struct scene *s = set(3);
	const struct isb_plan_node head = {.flags = ISB_NODE_POOL, .order = ISB_ORDER_FAILOVER, .answers = 1, .min_up = 1,
	                                   .trickle = 5};
	set_record(&s->w, node_like(&s->w, &head, (const struct kid[]){{0, 0, 1}, {1, 1, 1}, {2, 2, 1}}, 3), ISB_ALL_DOWN_ALL);
	assert_near(share_of(find(s), 0), 0.95);
	assert_near(share_of(find(s), 1), 0.05);
	judge(&s->w, 1, ISB_DOWN);
	assert_near(share_of(find(s), 2), 0.05);
	judge(&s->w, 1, ISB_UP);
	judge(&s->w, 0, ISB_DOWN); /* the next one is warm enough */
	assert_near(share_of(find(s), 1), 1);
	strike(s);
}

/* The heavier one is in most pairs: 5/12 are with either of the others, and 1/6 without it. Of two that are alike the one
 * drawn first wins. */
static void two_choices(void **state)
{
	(void)state;
	struct scene *s = set(3);
	const struct isb_plan_node head = {.flags = ISB_NODE_POOL, .order = ISB_ORDER_LEAST_LOAD, .answers = 1, .min_up = 1};
	set_record(&s->w, node_like(&s->w, &head, (const struct kid[]){{0, 0, 1}, {1, 0, 1}, {2, 0, 2}}, 3), ISB_ALL_DOWN_ALL);
	soften(&s->w, 0, 100, 100);
	soften(&s->w, 1, 100, 200);
	soften(&s->w, 2, 100, 300); /* 150 by its weight */
	assert_near(share_of(find(s), 0), 7. / 12);
	assert_near(share_of(find(s), 2), 5. / 12);
	soften(&s->w, 2, 100, 400); /* as much as the second */
	assert_near(share_of(find(s), 1), 1. / 4 * 2 / 3);
	assert_near(share_of(find(s), 2), 2. / 4 * 1 / 2);
	for (unsigned i = 0; i < 3; i++)
		soften(&s->w, i, 100, 0); /* nothing reports */
	assert_near(share_of(find(s), 0), 1. / 4);
	assert_near(share_of(find(s), 2), 1. / 2);
	strike(s);
}

static void one_client_is_certain_and_all_are_by_weight(void **state)
{
	(void)state;
	struct scene *s = set(2);
	const struct isb_plan_node head = {.flags = ISB_NODE_POOL, .order = ISB_ORDER_HASH, .answers = 1, .min_up = 1,
	                                   .hash_ipv4 = 24};
	set_record(&s->w, node_like(&s->w, &head, (const struct kid[]){{0, 0, 1}, {1, 0, 3}}, 2), ISB_ALL_DOWN_ALL);
	assert_near(share_of(find(s), 0), 0.25);
	for (uint8_t i = 0; i < 100; i++) {
		s->w.client = (struct isb_addr){.family = 4, .octets = {9, 9, i, 9}};
		assert_near(share_of(find(s), ask(&s->w).endpoint[0]->slot), 1);
	}
	strike(s);
}

enum { CLIENTS = 30000 };

/* [a, [a, b]], both nodes hashed. */
static struct scene *twice_hashed(uint32_t seed_below)
{
	struct scene *s = set(2);
	const struct isb_plan_node above = {.order = ISB_ORDER_HASH, .hash_ipv4 = 32};
	const struct isb_plan_node below = {.order = ISB_ORDER_HASH, .hash_ipv4 = 32, .param = seed_below};
	uint32_t a = node(&s->w, ISB_NODE_POOL, 1, 1, (const struct kid[]){{0, 0, 1}}, 1);
	uint32_t b = node(&s->w, ISB_NODE_POOL, 1, 1, (const struct kid[]){{1, 0, 1}}, 1);
	uint32_t both = node_like(&s->w, &below, (const struct kid[]){{a, 0, 1}, {b, 0, 1}}, 2);
	set_record(&s->w, node_like(&s->w, &above, (const struct kid[]){{a, 0, 1}, {both, 0, 1}}, 2), ISB_ALL_DOWN_ALL);
	return s;
}

/* Shares of all clients say 3 : 1, `want` is what many of them get; of one client they are certain, and right. */
static void ask_for_clients(struct scene *s, const uint16_t want[2])
{
	unsigned seen[2] = {0};
	assert_near(share_of(find(s), 0), 3. / 4);
	for (uint32_t i = 0; i < CLIENTS; i++) {
		s->w.client = (struct isb_addr){.family = 4, .octets = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};
		uint32_t slot = ask(&s->w).endpoint[0]->slot;
		seen[slot]++;
		if (i < 100)
			assert_near(share_of(find(s), slot), 1);
	}
	assert_true(chi_square(seen, want, 2, CLIENTS) < 10.83);
	strike(s);
}

/* With one seed the clients that come to the second node are those for whom a was the worse of two; for two thirds of them
 * it is the worst of three. */
static void a_child_of_two_hashed_nodes_is_no_second_draw(void **state)
{
	(void)state;
	ask_for_clients(twice_hashed(0), (const uint16_t[]){2, 1});
	ask_for_clients(twice_hashed(1), (const uint16_t[]){3, 1});
}

static void what_is_said_when_nothing_can_answer(void **state)
{
	(void)state;
	static const enum isb_choice_kind want[] = {
		[ISB_ALL_DOWN_ALL] = ISB_CHOICE_ANSWER, [ISB_ALL_DOWN_FALLBACK] = ISB_CHOICE_FALLBACK,
		[ISB_ALL_DOWN_NODATA] = ISB_CHOICE_NODATA, [ISB_ALL_DOWN_LAST] = ISB_CHOICE_ANSWER};
	for (enum isb_all_down how = ISB_ALL_DOWN_ALL; how <= ISB_ALL_DOWN_LAST; how++) {
		struct scene *s = set(3);
		const struct kid kids[] = {{0, 0, 1}, {1, 0, 1}, {2, 0, 1}};
		set_record(&s->w, node(&s->w, ISB_NODE_POOL, 1, 1, kids, 3), how);
		for (unsigned i = 0; i < 3; i++)
			judge(&s->w, i, ISB_DOWN);
		s->w.admin[1] = isb_admin_pack(ISB_ADMIN_DRAIN, 0);
		s->w.since[0] = 900000; /* 100 s ago, longer than answers live */
		s->w.since[2] = 999000;
		const struct isb_shares *shares = find(s);
		assert_int_equal(shares->kind, want[how]);
		assert_true(shares->failopen);
		assert_near(share_of(shares, 0), how == ISB_ALL_DOWN_ALL ? 0.5 : 0);
		assert_near(share_of(shares, 1), 0); /* the operator's word still counts */
		assert_near(share_of(shares, 2), how == ISB_ALL_DOWN_ALL ? 0.5 : how == ISB_ALL_DOWN_LAST);
		strike(s);
	}
}

static void a_class_without_a_plan_falls_back(void **state)
{
	(void)state;
	struct scene *s = set(1);
	set_record(&s->w, ISB_NO_NODE, ISB_ALL_DOWN_ALL);
	assert_int_equal(find(s)->kind, ISB_CHOICE_FALLBACK);
	assert_false(find(s)->failopen);
	assert_int_equal(find(s)->count, 0);
	strike(s);
}

/* 10^17 ways lead to the pool; each node is looked at once. */
static void a_small_plan_that_unfolds_without_end_takes_no_time(void **state)
{
	(void)state;
	struct scene *s = set(2);
	uint32_t at = node(&s->w, ISB_NODE_POOL, 1, 1, (const struct kid[]){{0, 0, 1}, {1, 0, 3}}, 2);
	for (int level = 0; level < 17; level++) {
		struct kid kids[10];
		for (int i = 0; i < 10; i++)
			kids[i] = (struct kid){at, 0, 1};
		at = node(&s->w, 0, 0, 0, kids, 10);
	}
	set_record(&s->w, at, ISB_ALL_DOWN_NODATA);
	assert_near(share_of(find(s), 1), 0.75);
	judge(&s->w, 0, ISB_DOWN);
	judge(&s->w, 1, ISB_DOWN);
	assert_int_equal(find(s)->kind, ISB_CHOICE_NODATA);
	strike(s);
}

/* --- The walk agrees --- */

static uint16_t chance(struct scene *s, unsigned below)
{
	return (uint16_t)isb_rng_below(&s->w.rng, below);
}

/* Every order that leaves something to a draw. Pools alone are hashed: no child
 * stands on two hashed nodes of one way then, of which shares.h speaks. */
static struct isb_plan_node random_head(struct scene *s, bool pool)
{
	static const enum isb_order_id orders[] = {ISB_ORDER_WEIGHTED, ISB_ORDER_FAILOVER, ISB_ORDER_LEAST_LOAD, ISB_ORDER_FASTEST,
	                                           ISB_ORDER_ROTATE, ISB_ORDER_HASH};
	struct isb_plan_node head = {.order = (uint16_t)orders[chance(s, pool ? 6 : 5)]};
	if (pool) {
		head.flags = ISB_NODE_POOL | (chance(s, 3) ? 0 : ISB_NODE_SPREAD);
		head.answers = 1u + chance(s, 3);
		head.min_up = 1u + chance(s, 3);
	}
	if (head.order == ISB_ORDER_ROTATE && s->rotors * ISB_PLAN_TYPES == sizeof(s->w.rotor) / sizeof(s->w.rotor[0]))
		head.order = ISB_ORDER_WEIGHTED;
	if (head.order == ISB_ORDER_ROTATE) /* a counter of its own */
		head.param = s->rotors++ * ISB_PLAN_TYPES;
	if (head.order == ISB_ORDER_FASTEST)
		head.param = chance(s, 4) ? chance(s, REGIONS_MAX) : ISB_NO_VIEWPOINT;
	if (head.order == ISB_ORDER_FAILOVER)
		head.trickle = (uint8_t)(chance(s, 2) ? chance(s, 51) : 0);
	head.hash_ipv4 = 24;
	return head;
}

/* Mostly several ranks, but for rotate, which counts a turn for each; `refs` are the nodes it may use, NULL: any endpoint. */
static uint32_t random_node(struct scene *s, const uint32_t *refs, unsigned nref)
{
	struct kid kids[6];
	unsigned n = 1u + chance(s, 6);
	uint16_t rank = 0;
	struct isb_plan_node head = random_head(s, !refs);
	for (unsigned i = 0; i < n; i++) {
		rank = (uint16_t)(rank + (i && head.order != ISB_ORDER_ROTATE && chance(s, 3) == 0));
		kids[i] = (struct kid){refs ? refs[chance(s, nref)] : chance(s, nref), rank,
		                       chance(s, 4) ? (uint16_t)(1 + chance(s, 9)) : 0};
	}
	return node_like(&s->w, &head, kids, n);
}

static void random_health(struct scene *s)
{
	static const enum isb_verdict vague[] = {ISB_UP, ISB_UP, ISB_UP, ISB_UP, ISB_UNKNOWN, ISB_DISPUTED};
	struct world *w = &s->w;
	unsigned ill = chance(s, 10); /* some worlds are well, in some nothing is */
	for (unsigned i = 0; i < MAX; i++) {
		struct isb_plan_endpoint *e = (struct isb_plan_endpoint *)(void *)(w->block.data + plan(w)->endpoint) + i;
		e->unknown = (uint8_t)chance(s, 3);
		e->slow_start_ms = chance(s, 4) ? 0 : 60000;
		e->checked = chance(s, 10) != 0;
		w->since[i] = chance(s, 3) ? w->now_ms - chance(s, 65000) : 0;
		struct isb_health h = {.verdict = chance(s, 9) < ill ? ISB_DOWN : vague[chance(s, 6)],
		                       .held = chance(s, 3) ? ISB_UP : ISB_DOWN,
		                       .soft = chance(s, 5) ? ISB_SOFT_FULL : chance(s, 101), .load = chance(s, 6) * 100u,
		                       .latency_us = chance(s, 3) * 20000u, .flip_s = ISB_FLIP_NONE};
		if (h.verdict == ISB_UP || h.verdict == ISB_DOWN)
			h.held = h.verdict;
		w->words[i] = isb_health_pack(&h);
		for (unsigned r = 0; r < REGIONS_MAX; r++)
			w->latency_us[r][i] = chance(s, 3) ? chance(s, 60000) : 0;
		if (chance(s, 12) == 0)
			w->admin[i] = isb_admin_pack((enum isb_admin)chance(s, 4), chance(s, 2) ? 0 : 999999 + chance(s, 2) * 1000);
	}
}

/* Some that came back wait, and some are held. */
static void random_waits(struct scene *s)
{
	struct world *w = &s->w;
	for (unsigned i = 0; i < MAX; i++) {
		struct isb_plan_endpoint *e = (struct isb_plan_endpoint *)(void *)(w->block.data + plan(w)->endpoint) + i;
		struct isb_health h = isb_health_unpack(w->words[i]);
		e->failback_ms = chance(s, 3) ? 0 : chance(s, 2) ? 40000 : ISB_PLAN_FAILBACK_MANUAL;
		h.waits = chance(s, 2);
		w->words[i] = isb_health_pack(&h);
		if (chance(s, 20) == 0)
			w->admin[i] = isb_admin_pack(ISB_ADMIN_HOLD_UP + chance(s, 3), chance(s, 2) ? 0 : 999999);
	}
}

static struct scene *random_scene(uint64_t seed)
{
	uint32_t refs[40];
	unsigned n = 0;
	struct scene *s = set(MAX);
	isb_rng_seed(&s->w.rng, seed);
	for (unsigned i = 0; i < 8; i++)
		refs[n++] = random_node(s, NULL, MAX);
	for (unsigned i = 0, policies = chance(s, 12); i < policies; i++, n++)
		refs[n] = random_node(s, refs, n);
	set_record(&s->w, refs[n - 1], (enum isb_all_down)chance(s, ISB_ALL_DOWN_LAST + 1));
	random_health(s);
	if (chance(s, 2))
		random_waits(s);
	return s;
}

/* The quantile of chi-square that one of a million lies beyond (Wilson and Hilferty). */
static double limit(unsigned degrees)
{
	double d = 2. / (9 * degrees);
	return degrees * pow(1 - d + 4.753 * sqrt(d), 3);
}

enum { DRAWS = 20000 };

static void compare(const struct isb_shares *shares, const unsigned *seen)
{
	double x = 0, rare = 0, sum = 0;
	unsigned degrees = 0, rare_seen = 0, all = 0;
	for (size_t i = 0; i < shares->count; i++) {
		double expected = shares->list[i].share * DRAWS, got = seen[shares->list[i].endpoint];
		sum += shares->list[i].share;
		all += seen[shares->list[i].endpoint];
		if (expected < 5) { /* too few for the statistic by themselves */
			rare += expected;
			rare_seen += seen[shares->list[i].endpoint];
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
	for (uint64_t seed = 1; seed <= 600; seed++) {
		unsigned seen[MAX] = {0};
		struct scene *s = random_scene(seed);
		const struct isb_shares *shares = find(s);
		for (unsigned i = 0; i < DRAWS; i++) {
			uint32_t client = (uint32_t)isb_rng_next(&s->w.rng);
			s->w.client = (struct isb_addr){.family = 4};
			memcpy(s->w.client.octets, &client, sizeof(client));
			struct isb_choice choice = ask(&s->w);
			assert_int_equal(choice.kind, shares->kind);
			assert_int_equal(choice.failopen, shares->failopen);
			if (choice.kind != ISB_CHOICE_ANSWER)
				break; /* no matter of luck */
			seen[choice.endpoint[0]->slot]++;
		}
		if (shares->kind == ISB_CHOICE_ANSWER)
			compare(shares, seen);
		kinds[shares->kind]++;
		failopen += shares->failopen;
		shared += shares->count > 3;
		strike(s);
	}
	assert_true(kinds[ISB_CHOICE_ANSWER] > 300 && kinds[ISB_CHOICE_FALLBACK] > 10 && kinds[ISB_CHOICE_NODATA] > 10);
	assert_true(failopen > 40 && shared > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weights_and_ranks),
		cmocka_unit_test(what_trickles),
		cmocka_unit_test(two_choices),
		cmocka_unit_test(one_client_is_certain_and_all_are_by_weight),
		cmocka_unit_test(a_child_of_two_hashed_nodes_is_no_second_draw),
		cmocka_unit_test(what_is_said_when_nothing_can_answer),
		cmocka_unit_test(a_class_without_a_plan_falls_back),
		cmocka_unit_test(a_small_plan_that_unfolds_without_end_takes_no_time),
		cmocka_unit_test(draws_agree_with_shares),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
