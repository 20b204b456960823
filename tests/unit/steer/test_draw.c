/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>

#include "../../../lib/steer/draw.h"
#include "world.h"

/* How one of several equals is drawn. Seeds are fixed. */

static void set_pool(struct world *w, const struct isb_plan_node *head, const uint16_t *weight, unsigned n)
{
	struct kid kids[MAX];
	struct isb_plan_node pool = *head;
	begin(w, n);
	for (unsigned i = 0; i < n; i++)
		kids[i] = (struct kid){i, 0, weight[i]};
	pool.flags |= ISB_NODE_POOL;
	pool.min_up = 1;
	set_record(w, node_like(w, &pool, kids, n), ISB_ALL_DOWN_ALL);
}

static unsigned first(struct world *w)
{
	return ask(w).endpoint[0]->slot;
}

static void load(struct world *w, unsigned slot, unsigned per_mille)
{
	struct isb_health h = {.verdict = ISB_UP, .held = ISB_UP, .soft = ISB_SOFT_FULL, .load = per_mille, .flip_s = ISB_FLIP_NONE};
	w->words[slot] = isb_health_pack(&h);
}

static void latency(struct world *w, unsigned slot, unsigned us)
{
	struct isb_health h = {.verdict = ISB_UP, .held = ISB_UP, .soft = ISB_SOFT_FULL, .latency_us = us, .flip_s = ISB_FLIP_NONE};
	w->words[slot] = isb_health_pack(&h);
}

/* --- rotate -------------------------------------------------------------------------------------------------------- */

static const struct isb_plan_node rotate = {.order = ISB_ORDER_ROTATE, .answers = 1};

static void assert_cycle(struct world *w, const char *expected)
{
	char got[128];
	size_t n = strlen(expected);
	for (size_t i = 0; i < n; i++)
		got[i] = (char)('A' + first(w));
	got[n] = '\0';
	assert_string_equal(got, expected);
}

static void turns_come_smoothly(void **state)
{
	struct world w;
	(void)state;
	set_pool(&w, &rotate, (const uint16_t[]){5, 3, 2}, 3);
	assert_cycle(&w, "ABCAABACBAABCAABACBA");
	done(&w);
	set_pool(&w, &rotate, (const uint16_t[]){7, 7, 7}, 3);
	assert_cycle(&w, "ABCABCABC");
	done(&w);
	set_pool(&w, &rotate, (const uint16_t[]){1, 0, 4}, 3);
	assert_cycle(&w, "CCACCCCACC");
	judge(&w, 2, ISB_DOWN);
	assert_cycle(&w, "AAAA");
	judge(&w, 0, ISB_DOWN);
	assert_cycle(&w, "BBB");
	done(&w);
}

static void a_turn_counts_for_the_type_that_was_asked_for(void **state)
{
	struct world w;
	(void)state;
	set_pool(&w, &rotate, (const uint16_t[]){1, 1}, 2);
	for (int i = 0; i < 6; i++) {
		w.type = ISB_PLAN_A;
		assert_int_equal(first(&w), i % 2);
		w.type = ISB_PLAN_AAAA;
		assert_int_equal(first(&w), i % 2);
	}
	done(&w);
}

static void several_answers_rotate_the_list(void **state)
{
	struct world w;
	(void)state;
	set_pool(&w, &(struct isb_plan_node){.order = ISB_ORDER_ROTATE}, (const uint16_t[]){1, 1, 1}, 3);
	for (unsigned t = 0; t < 7; t++) {
		struct isb_choice c = ask(&w);
		assert_int_equal(c.n, 3);
		for (unsigned i = 0; i < 3; i++)
			assert_int_equal(c.endpoint[i]->slot, (t + i) % 3);
	}
	done(&w);
	set_pool(&w, &(struct isb_plan_node){.order = ISB_ORDER_ROTATE}, (const uint16_t[]){5, 3, 2}, 3);
	static const char *const lists[] = {"ABC", "BCA", "CAB", "ABC", "ABC", "BAC", "ACB", "CBA", "BAC", "ABC"};
	for (unsigned t = 0; t < 20; t++) {
		struct isb_choice c = ask(&w);
		for (unsigned i = 0; i < 3; i++)
			assert_int_equal(c.endpoint[i]->slot, lists[t % 10][i] - 'A');
	}
	done(&w);
}

struct turn {
	uint32_t time, of; /* (2k + 1), 2w */
	unsigned child;
};

static int by_time(const void *a, const void *b)
{
	const struct turn *x = a, *y = b;
	uint64_t left = (uint64_t)x->time * y->of, right = (uint64_t)y->time * x->of;
	return left != right ? (left < right ? -1 : 1) : (int)x->child - (int)y->child;
}

/* All turns of two cycles, listed and sorted. */
static unsigned list_turns(const uint16_t *weight, unsigned n, struct turn *turns)
{
	unsigned count = 0;
	for (unsigned i = 0; i < n; i++)
		for (uint32_t k = 0; k < 2u * weight[i]; k++)
			turns[count++] = (struct turn){2 * k + 1, 2u * weight[i], i};
	qsort(turns, count, sizeof(*turns), by_time);
	return count / 2;
}

static void assert_list_from(struct world *w, const struct turn *turns, unsigned t, unsigned n)
{
	bool seen[MAX] = {0};
	struct isb_choice c = ask(w);
	unsigned at = t;
	assert_int_equal(c.n, n);
	for (unsigned i = 0; i < n; i++, at++) {
		while (seen[turns[at].child])
			at++;
		seen[turns[at].child] = true;
		assert_int_equal(c.endpoint[i]->slot, turns[at].child);
	}
}

static void turns_are_those_of_a_plain_list_for_any_weights(void **state)
{
	enum { ROUNDS = 300 };
	static struct turn turns[2 * 12 * 400];
	struct isb_rng rng;
	(void)state;
	isb_rng_seed(&rng, 4);
	for (int round = 0; round < ROUNDS; round++) {
		struct world w;
		uint16_t weight[12];
		unsigned n = 2 + (unsigned)isb_rng_below(&rng, 11), most = round % 3 == 0 ? 4 : round % 3 == 1 ? 20 : 400, divisor = 0;
		for (unsigned i = 0; i < n; i++) {
			weight[i] = (uint16_t)(1 + isb_rng_below(&rng, most));
			unsigned a = weight[i], b = divisor;
			while (b) {
				unsigned rest = a % b;
				a = b;
				b = rest;
			}
			divisor = a;
		}
		set_pool(&w, &(struct isb_plan_node){.order = ISB_ORDER_ROTATE}, weight, n);
		for (unsigned i = 0; i < n; i++)
			weight[i] = (uint16_t)(weight[i] / divisor);
		unsigned cycle = list_turns(weight, n, turns);
		for (unsigned i = 0; i < 40; i++) {
			unsigned t = (unsigned)isb_rng_below(&rng, cycle);
			w.rotor[0] = t + cycle * (unsigned)isb_rng_below(&rng, 100);
			assert_list_from(&w, turns, t, n);
		}
		done(&w);
	}
}

static void the_largest_weights_take_turns_without_overflow(void **state)
{
	struct world w;
	unsigned seen[3] = {0};
	struct isb_health h = {.verdict = ISB_UP, .held = ISB_UP, .soft = 99, .flip_s = ISB_FLIP_NONE};
	(void)state;
	set_pool(&w, &rotate, (const uint16_t[]){65535, 65534, 65533}, 3);
	w.words[0] = isb_health_pack(&h); /* shares without a common divisor: a cycle of 19.6 million turns */
	for (unsigned i = 0; i < 300000; i++)
		seen[first(&w)]++;
	const double share[] = {65535 * .99, 65534, 65533};
	for (unsigned i = 0; i < 3; i++)
		assert_true(fabs(seen[i] - 300000 * share[i] / (share[0] + share[1] + share[2])) < 3);
	done(&w);
}

static void without_a_counter_turns_are_drawn_by_weight(void **state)
{
	struct world w;
	unsigned seen[3] = {0};
	const uint16_t weight[] = {5, 3, 2};
	(void)state;
	set_pool(&w, &rotate, weight, 3);
	w.no_rotor = true;
	for (unsigned i = 0; i < 200000; i++)
		seen[first(&w)]++;
	assert_true(chi_square(seen, weight, 3, 200000) < 13.82);
	done(&w);
}

/* A turn that falls to a child that cannot answer would go to its neighbour each time. */
static void turns_go_to_children_that_can_answer(void **state)
{
	struct world w;
	struct kid kids[4];
	unsigned seen[4] = {0};
	(void)state;
	begin(&w, 4);
	for (unsigned i = 0; i < 4; i++) {
		uint32_t pool = node(&w, ISB_NODE_POOL, 1, 1, &(struct kid){i, 0, 1}, 1);
		kids[i] = (struct kid){pool, 0, i == 1 ? 3 : 1};
	}
	set_record(&w, node_like(&w, &rotate, kids, 4), ISB_ALL_DOWN_ALL);
	assert_cycle(&w, "BABCDB");
	judge(&w, 1, ISB_DOWN);
	for (unsigned i = 0; i < 300; i++)
		seen[first(&w)]++;
	assert_int_equal(seen[0], 100);
	assert_int_equal(seen[2], 100);
	assert_int_equal(seen[3], 100);
	done(&w);
}

/* --- hash ---------------------------------------------------------------------------------------------------------- */

static void the_logarithm_is_one(void **state)
{
	struct isb_rng rng;
	const double unit = ldexp(1, -ISB_LOG_BITS);
	(void)state;
	isb_rng_seed(&rng, 5);
	for (int i = 0; i < 200000; i++) {
		uint64_t h = isb_rng_next(&rng) >> (i % 3 == 0 ? isb_rng_below(&rng, 60) : 0);
		if (i % 3 == 1)
			h = UINT64_MAX - (h >> isb_rng_below(&rng, 60));
		long double u = ((long double)h + 0.5L) / 18446744073709551616.0L;
		double got = (double)isb_minus_log2(h) * unit, want = (double)-log2l(u);
		assert_true(fabs(got - want) <= 2 * unit + (h < 1000000000000 ? 1.5 / (double)(h + 1) : 0));
	}
	assert_int_equal(isb_minus_log2(UINT64_MAX), 1);
	assert_int_equal(isb_minus_log2(0), UINT64_C(65) << ISB_LOG_BITS);
	assert_int_equal(isb_minus_log2(UINT64_C(1) << 63), UINT64_C(1) << ISB_LOG_BITS);
}

static const struct isb_plan_node hash = {.order = ISB_ORDER_HASH, .answers = 1, .hash_ipv4 = 24, .hash_ipv6 = 56, .param = 7};

static void client4(struct world *w, uint32_t net)
{
	w->client = (struct isb_addr){.family = 4, .octets = {(uint8_t)(1 + (net >> 16)), (uint8_t)(net >> 8), (uint8_t)net, 9}};
}

static void client6(struct world *w, uint32_t net)
{
	w->client = (struct isb_addr){.family = 6, .octets = {0x20, 1, 0x0d, 0xb8, (uint8_t)(net >> 16), (uint8_t)(net >> 8), (uint8_t)net, 9, 1}};
}

enum { CLIENTS = 60000 };

static void assign(struct world *w, uint8_t *to, bool ipv6)
{
	for (uint32_t c = 0; c < CLIENTS; c++) {
		if (ipv6)
			client6(w, c);
		else
			client4(w, c);
		to[c] = (uint8_t)first(w);
	}
}

static void count(const uint8_t *to, unsigned *seen, unsigned n)
{
	memset(seen, 0, n * sizeof(*seen));
	for (uint32_t c = 0; c < CLIENTS; c++)
		seen[to[c]]++;
}

/* Only clients of `gone` move, and those to all others by their weights. */
static void assert_only_its_own_moved(const uint8_t *before, const uint8_t *after, unsigned gone, const uint16_t *weight,
                                      unsigned n, double limit)
{
	unsigned moved = 0, seen[MAX] = {0};
	uint16_t left[MAX];
	for (uint32_t c = 0; c < CLIENTS; c++) {
		if (before[c] != gone) {
			assert_int_equal(before[c], after[c]);
			continue;
		}
		moved++;
		seen[after[c]]++;
	}
	memcpy(left, weight, n * sizeof(*left));
	left[gone] = 0;
	assert_true(moved > 0);
	assert_true(chi_square(seen, left, n, moved) < limit);
}

static void clients_are_dealt_by_weight_and_stay(void **state)
{
	static uint8_t before[CLIENTS], after[CLIENTS];
	static const uint16_t weight[] = {1, 2, 3, 10, 4};
	unsigned seen[5];
	struct world w;
	(void)state;
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		set_pool(&w, &hash, weight, 5);
		assign(&w, before, ipv6);
		count(before, seen, 5);
		assert_true(chi_square(seen, weight, 5, CLIENTS) < 18.47);
		isb_rng_seed(&w.rng, 99);
		assign(&w, after, ipv6); /* no chance is in it */
		assert_memory_equal(before, after, CLIENTS);
		for (unsigned gone = 0; gone < 5; gone++) {
			judge(&w, gone, ISB_DOWN);
			assign(&w, after, ipv6);
			assert_only_its_own_moved(before, after, gone, weight, 5, 16.27);
			judge(&w, gone, ISB_UP);
			w.admin[gone] = isb_admin_pack(ISB_ADMIN_DRAIN, 0);
			assign(&w, after, ipv6);
			assert_only_its_own_moved(before, after, gone, weight, 5, 16.27);
			w.admin[gone] = 0;
		}
		done(&w);
	}
}

static void what_is_taken_out_of_the_list_takes_only_its_own(void **state)
{
	static uint8_t before[CLIENTS], after[CLIENTS];
	static const uint16_t weight[] = {1, 2, 3, 10, 4};
	struct world w;
	(void)state;
	set_pool(&w, &hash, weight, 5);
	assign(&w, before, false);
	for (unsigned gone = 0; gone < 5; gone++) {
		struct kid kids[4];
		unsigned n = 0;
		for (unsigned i = 0; i < 5; i++)
			if (i != gone)
				kids[n++] = (struct kid){i, 0, weight[i]};
		struct isb_plan_node pool = hash;
		pool.flags = ISB_NODE_POOL;
		set_record(&w, node_like(&w, &pool, kids, 4), ISB_ALL_DOWN_ALL);
		assign(&w, after, false);
		assert_only_its_own_moved(before, after, gone, weight, 5, 16.27);
	}
	done(&w);
}

static void a_weight_moves_clients_only_to_or_from_its_endpoint(void **state)
{
	static uint8_t before[CLIENTS], after[CLIENTS];
	static const uint16_t steps[][4] = {{5, 5, 5, 5}, {5, 5, 9, 5}, {5, 5, 1, 5}, {5, 5, 0, 5}, {65535, 5, 0, 5}};
	static const unsigned changed[] = {0, 2, 2, 2, 0};
	unsigned seen[4];
	struct world w;
	(void)state;
	set_pool(&w, &hash, steps[0], 4);
	assign(&w, before, false);
	for (unsigned s = 1; s < 5; s++) {
		done(&w);
		set_pool(&w, &hash, steps[s], 4);
		assign(&w, after, false);
		count(after, seen, 4);
		assert_true(s == 4 || chi_square(seen, steps[s], 4, CLIENTS) < 16.27);
		for (uint32_t c = 0; c < CLIENTS; c++)
			if (before[c] != after[c])
				assert_true((before[c] == changed[s]) != (after[c] == changed[s]));
		memcpy(before, after, sizeof(before));
	}
	done(&w);
}

static void the_key_is_the_network_and_so_is_the_scope(void **state)
{
	struct world w;
	struct isb_choice c;
	static const uint16_t weight[] = {1, 1, 1, 1, 1, 1, 1, 1};
	(void)state;
	set_pool(&w, &hash, weight, 8);
	for (uint32_t net = 0; net < 200; net++) {
		client4(&w, net);
		unsigned chosen = first(&w);
		w.client.octets[3] = 200;
		c = ask(&w);
		assert_int_equal(c.endpoint[0]->slot, chosen);
		assert_int_equal(c.client_bits, 24);
		client6(&w, net);
		chosen = first(&w);
		w.client.octets[7] = 77;
		w.client.octets[15] = 78;
		c = ask(&w);
		assert_int_equal(c.endpoint[0]->slot, chosen);
		assert_int_equal(c.client_bits, 56);
	}
	w.client.family = 0;
	assert_int_equal(ask(&w).client_bits, 0);
	done(&w);
}

static void a_node_that_was_not_reached_does_not_count_for_the_scope(void **state)
{
	struct world w;
	struct kid kids[2];
	(void)state;
	begin(&w, 3);
	struct isb_plan_node pool = hash;
	pool.flags = ISB_NODE_POOL;
	kids[0] = (struct kid){node(&w, ISB_NODE_POOL, 1, 1, &(struct kid){2, 0, 1}, 1), 0, 1};
	kids[1] = (struct kid){node_like(&w, &pool, (const struct kid[]){{0, 0, 1}, {1, 0, 1}}, 2), 1, 1};
	set_record(&w, node(&w, 0, 0, 0, kids, 2), ISB_ALL_DOWN_ALL);
	client4(&w, 1);
	assert_int_equal(ask(&w).client_bits, 0);
	judge(&w, 2, ISB_DOWN);
	assert_int_equal(ask(&w).client_bits, 24);
	judge(&w, 0, ISB_DOWN); /* an outage does not widen it */
	assert_int_equal(ask(&w).client_bits, 24);
	done(&w);
}

static void names_are_dealt_by_weight_and_seeds_deal_anew(void **state)
{
	static const uint16_t weight[] = {3, 1, 2};
	unsigned seen[3] = {0}, same = 0;
	struct isb_plan_node by_name = hash, other = hash;
	struct world w, v;
	(void)state;
	by_name.flags = other.flags = ISB_NODE_HASH_NAME;
	other.param = 8;
	set_pool(&w, &by_name, weight, 3);
	set_pool(&v, &other, weight, 3);
	for (unsigned i = 0; i < 30000; i++) {
		uint8_t name[16] = {5, 'a', (uint8_t)('a' + i % 26), (uint8_t)('a' + i / 26 % 26), (uint8_t)('a' + i / 676 % 26),
		                    (uint8_t)('a' + i / 17576), 3, 'w', 'w', 'w'};
		w.name = v.name = name;
		client4(&w, i);
		struct isb_choice c = ask(&w);
		client4(&w, i + 1);
		assert_int_equal(first(&w), c.endpoint[0]->slot); /* whoever asks */
		assert_int_equal(c.client_bits, 0);
		seen[c.endpoint[0]->slot]++;
		same += first(&v) == c.endpoint[0]->slot;
	}
	assert_true(chi_square(seen, weight, 3, 30000) < 13.82);
	/* the other seed agrees by chance only: 14 of 36 */
	assert_in_range(same, 11667 - 340, 11667 + 340);
	w.name = NULL; /* the record's */
	unsigned chosen = first(&w);
	assert_int_equal(first(&w), chosen);
	done(&w);
	done(&v);
}

static void the_order_goes_on_where_the_first_is_out(void **state)
{
	static const uint16_t weight[] = {1, 2, 3, 4};
	struct isb_plan_node all = hash;
	struct world w;
	(void)state;
	all.answers = 0;
	set_pool(&w, &all, weight, 4);
	for (uint32_t net = 0; net < 500; net++) {
		client4(&w, net);
		struct isb_choice c = ask(&w);
		unsigned gone = c.endpoint[0]->slot, next = c.endpoint[1]->slot;
		assert_int_equal(c.n, 4);
		judge(&w, gone, ISB_DOWN);
		assert_int_equal(first(&w), next);
		judge(&w, gone, ISB_UP);
	}
	done(&w);
}

/* Nobody may change what the hash is without knowing that all clients move. */
static void the_same_seed_gives_the_same_answer_everywhere_and_always(void **state)
{
	static const uint16_t weight[] = {1, 2, 3, 4};
	struct world w;
	char got[33] = {0};
	(void)state;
	set_pool(&w, &hash, weight, 4);
	for (uint32_t net = 0; net < 32; net++) {
		client4(&w, net);
		got[net] = (char)('0' + first(&w));
	}
	assert_string_equal(got, "32322232212332213333123123232330");
	done(&w);
}

/* --- least-load ---------------------------------------------------------------------------------------------------- */

static const struct isb_plan_node least_load = {.order = ISB_ORDER_LEAST_LOAD, .answers = 1};

static void the_less_loaded_of_two_answers(void **state)
{
	struct world w;
	unsigned seen[3] = {0};
	(void)state;
	set_pool(&w, &least_load, (const uint16_t[]){1, 1, 1}, 3);
	load(&w, 0, 100);
	load(&w, 1, 300);
	load(&w, 2, 200);
	for (unsigned i = 0; i < 300000; i++)
		seen[first(&w)]++;
	/* pairs 01 and 02 go to 0, 12 to 2 */
	assert_true(chi_square(seen, (const uint16_t[]){2, 0, 1}, 3, 300000) < 10.83);
	done(&w);
}

static void load_counts_against_weight(void **state)
{
	struct world w;
	unsigned seen[2] = {0};
	(void)state;
	set_pool(&w, &least_load, (const uint16_t[]){4, 1}, 2);
	load(&w, 0, 390);
	load(&w, 1, 100);
	for (int i = 0; i < 200; i++)
		assert_int_equal(first(&w), 0);
	load(&w, 0, 410);
	for (int i = 0; i < 200; i++)
		assert_int_equal(first(&w), 1);
	load(&w, 0, 400); /* alike: the weights decide */
	for (int i = 0; i < 100000; i++)
		seen[first(&w)]++;
	assert_true(chi_square(seen, (const uint16_t[]){4, 1}, 2, 100000) < 10.83);
	done(&w);
}

/* Nothing reports: all are alike, and the shares are the weights. */
static void without_reports_the_weights_decide(void **state)
{
	struct world w;
	unsigned seen[3] = {0};
	(void)state;
	set_pool(&w, &least_load, (const uint16_t[]){8, 1, 1}, 3);
	for (unsigned i = 0; i < 300000; i++)
		seen[first(&w)]++;
	assert_true(chi_square(seen, (const uint16_t[]){8, 1, 1}, 3, 300000) < 13.82);
	done(&w);
}

/* 8/10 · 1/2 and 1/10 · 8/9 for each pair with the first; it is the more loaded one. */
static void the_two_are_drawn_by_weight(void **state)
{
	struct world w;
	unsigned seen[3] = {0};
	(void)state;
	set_pool(&w, &least_load, (const uint16_t[]){8, 1, 1}, 3);
	load(&w, 0, 900);
	load(&w, 1, 20);
	load(&w, 2, 10);
	for (unsigned i = 0; i < 300000; i++)
		seen[first(&w)]++;
	assert_int_equal(seen[0], 0);
	assert_true(chi_square(seen + 1, (const uint16_t[]){44, 46}, 2, 300000) < 10.83);
	done(&w);
}

static void weight_zero_is_not_one_of_the_two(void **state)
{
	struct world w;
	(void)state;
	set_pool(&w, &least_load, (const uint16_t[]){0, 1, 1}, 3);
	load(&w, 0, 1);
	load(&w, 1, 300);
	load(&w, 2, 200);
	for (int i = 0; i < 200; i++)
		assert_int_equal(first(&w), 2);
	judge(&w, 1, ISB_DOWN);
	judge(&w, 2, ISB_DOWN);
	assert_int_equal(first(&w), 0);
	done(&w);
}

/* --- fastest ------------------------------------------------------------------------------------------------------- */

static const struct isb_plan_node fastest = {.order = ISB_ORDER_FASTEST, .answers = 1, .param = 1};

static void the_fastest_of_the_clients_region_answers(void **state)
{
	struct world w;
	(void)state;
	set_pool(&w, &fastest, (const uint16_t[]){1, 1, 1}, 3);
	w.latency_us[0][0] = 1000; /* another region's */
	w.latency_us[1][0] = 90000;
	w.latency_us[1][1] = 40000;
	w.latency_us[1][2] = 60000;
	for (int i = 0; i < 100; i++)
		assert_int_equal(first(&w), 1);
	judge(&w, 1, ISB_DOWN);
	for (int i = 0; i < 100; i++)
		assert_int_equal(first(&w), 2);
	w.latency_us[1][2] = 0; /* not seen from there: by what all probes see */
	latency(&w, 2, 120000);
	for (int i = 0; i < 100; i++)
		assert_int_equal(first(&w), 0);
	latency(&w, 2, 16);
	for (int i = 0; i < 100; i++)
		assert_int_equal(first(&w), 2);
	latency(&w, 2, 0); /* not seen at all: last, but before nobody */
	for (int i = 0; i < 100; i++)
		assert_int_equal(first(&w), 0);
	judge(&w, 0, ISB_DOWN);
	assert_int_equal(first(&w), 2);
	done(&w);
}

static void a_small_lead_is_a_tie_by_weight(void **state)
{
	static const struct {
		uint32_t best, other;
		bool tie;
	} cases[] = {{1000, 6000, true}, {1000, 6001, false}, {50000, 55000, true}, {50000, 55001, false},
	             {100000, 110000, true}, {100000, 110001, false}};
	struct world w;
	(void)state;
	for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
		unsigned seen[2] = {0};
		set_pool(&w, &fastest, (const uint16_t[]){1, 3}, 2);
		w.latency_us[1][0] = cases[k].best;
		w.latency_us[1][1] = cases[k].other;
		for (int i = 0; i < 40000; i++)
			seen[first(&w)]++;
		if (cases[k].tie)
			assert_true(chi_square(seen, (const uint16_t[]){1, 3}, 2, 40000) < 10.83);
		else
			assert_int_equal(seen[1], 0);
		done(&w);
	}
}

static void without_a_viewpoint_all_probes_speak(void **state)
{
	struct isb_plan_node nowhere = fastest;
	struct world w;
	(void)state;
	nowhere.param = ISB_NO_VIEWPOINT;
	set_pool(&w, &nowhere, (const uint16_t[]){1, 1}, 2);
	w.latency_us[1][0] = 1000;
	latency(&w, 0, 80000);
	latency(&w, 1, 20000);
	for (int i = 0; i < 100; i++)
		assert_int_equal(first(&w), 1);
	done(&w);
}

/* --- Children that are pools --------------------------------------------------------------------------------------- */

/* Two pools of two endpoints each, and a failover before the second. */
static void set_tree(struct world *w, const struct isb_plan_node *head)
{
	begin(w, 5);
	uint32_t one = node(w, ISB_NODE_POOL, 1, 1, (const struct kid[]){{0, 0, 3}, {1, 0, 1}}, 2);
	uint32_t two = node(w, ISB_NODE_POOL, 1, 2, (const struct kid[]){{2, 0, 1}, {3, 0, 1}}, 2);
	uint32_t spare = node(w, ISB_NODE_POOL, 1, 1, &(struct kid){4, 0, 1}, 1);
	uint32_t second = node(w, 0, 0, 0, (const struct kid[]){{two, 0, 1}, {spare, 1, 1}}, 2);
	set_record(w, node_like(w, head, (const struct kid[]){{one, 0, 1}, {second, 0, 1}}, 2), ISB_ALL_DOWN_ALL);
}

static void a_pool_is_as_loaded_as_what_would_answer(void **state)
{
	struct world w;
	(void)state;
	set_tree(&w, &least_load);
	load(&w, 0, 100);
	load(&w, 1, 700); /* 250 in the mean by weight */
	load(&w, 2, 200);
	load(&w, 3, 290); /* 245 */
	load(&w, 4, 1);   /* the spare does not count before its time */
	for (int i = 0; i < 100; i++)
		assert_in_range(first(&w), 2, 3);
	load(&w, 3, 310); /* 255 */
	for (int i = 0; i < 100; i++)
		assert_in_range(first(&w), 0, 1);
	judge(&w, 3, ISB_DOWN); /* short of min_up: now the spare is what would answer */
	for (int i = 0; i < 100; i++)
		assert_int_equal(first(&w), 4);
	done(&w);
}

static void a_pool_is_as_fast_as_its_fastest(void **state)
{
	struct world w;
	(void)state;
	set_tree(&w, &fastest);
	w.latency_us[1][0] = 90000;
	w.latency_us[1][1] = 50000;
	w.latency_us[1][2] = 60000;
	w.latency_us[1][3] = 70000;
	w.latency_us[1][4] = 1000;
	for (int i = 0; i < 100; i++)
		assert_in_range(first(&w), 0, 1);
	judge(&w, 1, ISB_DOWN);
	for (int i = 0; i < 100; i++)
		assert_in_range(first(&w), 2, 3);
	judge(&w, 2, ISB_DOWN);
	for (int i = 0; i < 100; i++)
		assert_int_equal(first(&w), 4);
	judge(&w, 4, ISB_DOWN);
	assert_int_equal(first(&w), 0);
	judge(&w, 0, ISB_DOWN);
	assert_true(ask(&w).failopen);
	done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turns_come_smoothly),
		cmocka_unit_test(a_turn_counts_for_the_type_that_was_asked_for),
		cmocka_unit_test(several_answers_rotate_the_list),
		cmocka_unit_test(turns_are_those_of_a_plain_list_for_any_weights),
		cmocka_unit_test(the_largest_weights_take_turns_without_overflow),
		cmocka_unit_test(without_a_counter_turns_are_drawn_by_weight),
		cmocka_unit_test(turns_go_to_children_that_can_answer),
		cmocka_unit_test(the_logarithm_is_one),
		cmocka_unit_test(clients_are_dealt_by_weight_and_stay),
		cmocka_unit_test(what_is_taken_out_of_the_list_takes_only_its_own),
		cmocka_unit_test(a_weight_moves_clients_only_to_or_from_its_endpoint),
		cmocka_unit_test(the_key_is_the_network_and_so_is_the_scope),
		cmocka_unit_test(a_node_that_was_not_reached_does_not_count_for_the_scope),
		cmocka_unit_test(names_are_dealt_by_weight_and_seeds_deal_anew),
		cmocka_unit_test(the_order_goes_on_where_the_first_is_out),
		cmocka_unit_test(the_same_seed_gives_the_same_answer_everywhere_and_always),
		cmocka_unit_test(the_less_loaded_of_two_answers),
		cmocka_unit_test(load_counts_against_weight),
		cmocka_unit_test(without_reports_the_weights_decide),
		cmocka_unit_test(the_two_are_drawn_by_weight),
		cmocka_unit_test(weight_zero_is_not_one_of_the_two),
		cmocka_unit_test(the_fastest_of_the_clients_region_answers),
		cmocka_unit_test(a_small_lead_is_a_tie_by_weight),
		cmocka_unit_test(without_a_viewpoint_all_probes_speak),
		cmocka_unit_test(a_pool_is_as_loaded_as_what_would_answer),
		cmocka_unit_test(a_pool_is_as_fast_as_its_fastest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
