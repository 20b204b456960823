/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "isobar/steer/rollout.h"

enum { T0 = 1000000, EVERY = 1000, SLOT = 3, DRAWS = 1000000 };

struct world {
	uint64_t words[ISB_CHUNK_WORDS];
	const uint64_t *chunk[1];
	struct isb_health_table health;
	struct isb_rng rng;
	struct isb_addr client;
	struct isb_steer_state state;
	struct isb_plan_rollout rollout;
};

static struct world *world(void)
{
	static struct world w;
	memset(&w, 0, sizeof(w));
	w.chunk[0] = w.words;
	isb_rng_seed(&w.rng, 7);
	w.health = (struct isb_health_table){.chunk = w.chunk, .chunks = 1};
	w.state = (struct isb_steer_state){.health = &w.health, .now_ms = T0, .rng = &w.rng, .client = &w.client};
	w.rollout = (struct isb_plan_rollout){
		.times = {.started_ms = T0, .every_ms = EVERY, .nstep = 3, .step = {7, 50, 100}}, .slot = SLOT, .seed = 42};
	return &w;
}

static struct isb_sides sides_at(struct world *w, int64_t after_ms)
{
	w->state.now_ms = T0 + after_ms;
	return isb_rollout_sides(&w->rollout, &w->state);
}

static unsigned count_new(struct world *w, int64_t after_ms, unsigned draws)
{
	unsigned n = 0;
	for (unsigned i = 0; i < draws; i++)
		n += sides_at(w, after_ms).side[0] == ISB_ROLLOUT_TO;
	return n;
}

/* Within four standard deviations of a million draws; the seed is fixed. */
static void the_draw_has_exactly_its_share(void **state)
{
	struct world *w = world();
	(void)state;
	assert_in_range(count_new(w, 0, DRAWS), 70000 - 1021, 70000 + 1021);
	assert_in_range(count_new(w, EVERY, DRAWS), 500000 - 2000, 500000 + 2000);
	assert_int_equal(count_new(w, 2 * EVERY, 1000), 1000);
	assert_int_equal(count_new(w, -1, 1000), 0);
}

static void both_sides_stand_in_for_one_another_once_it_has_begun(void **state)
{
	struct world *w = world();
	(void)state;
	struct isb_sides sides = sides_at(w, -1);
	assert_int_equal(sides.count, 1);
	assert_int_equal(sides.side[0], ISB_ROLLOUT_FROM);
	assert_int_equal(sides.stand.next_ms, T0);
	sides = sides_at(w, 2 * EVERY);
	assert_int_equal(sides.count, 2);
	assert_int_equal(sides.side[0], ISB_ROLLOUT_TO);
	assert_int_equal(sides.side[1], ISB_ROLLOUT_FROM);
	assert_int_equal(sides.stand.percent, 100);
	assert_int_equal(sides.stand.next_ms, 0);
	for (int i = 0; i < 1000; i++) {
		sides = sides_at(w, EVERY);
		assert_int_equal(sides.count, 2);
		assert_int_equal(sides.side[0] + sides.side[1], ISB_ROLLOUT_FROM + ISB_ROLLOUT_TO);
		assert_int_equal(sides.stand.step, 2);
		assert_int_equal(sides.stand.next_ms, T0 + 2 * EVERY);
	}
}

static void an_abort_word_counts_where_it_is_asked_for(void **state)
{
	struct world *w = world();
	(void)state;
	w->words[SLOT] = isb_abort_pack(T0);
	assert_int_equal(sides_at(w, 2 * EVERY).side[0], ISB_ROLLOUT_TO);
	w->rollout.abortable = 1;
	struct isb_sides sides = sides_at(w, 0);
	assert_true(sides.stand.aborted);
	assert_int_equal(sides.count, 1);
	assert_int_equal(sides.side[0], ISB_ROLLOUT_FROM);
	assert_int_equal(sides.stand.percent, 0);
	assert_int_equal(sides.stand.next_ms, 0);
	w->rollout.slot = SLOT + 1;
	assert_false(sides_at(w, 0).stand.aborted);
	w->rollout.slot = UINT32_MAX; /* no such word */
	assert_false(sides_at(w, 0).stand.aborted);
}

static void sticky_networks_come_over_once_and_together(void **state)
{
	struct world *w = world();
	unsigned came = 0;
	(void)state;
	w->rollout.sticky = 1;
	for (unsigned i = 0; i < 20000; i++) {
		w->client = (struct isb_addr){4, {10, (uint8_t)(i >> 8), (uint8_t)i, 9}};
		struct isb_sides first = sides_at(w, 0), second = sides_at(w, EVERY), last = sides_at(w, 2 * EVERY);
		assert_int_equal(first.client_bits, ISB_STICKY_IPV4);
		assert_int_equal(last.client_bits, 0); /* all of them alike */
		assert_true(first.side[0] != ISB_ROLLOUT_TO || second.side[0] == ISB_ROLLOUT_TO);
		w->client.octets[3] = 200;
		assert_int_equal(sides_at(w, EVERY).side[0], second.side[0]);
		came += second.side[0] == ISB_ROLLOUT_TO;
	}
	assert_in_range(came, 10000 - 283, 10000 + 283);
	w->client = (struct isb_addr){6, {0x20, 1, 0xd, 0xb8}};
	assert_int_equal(sides_at(w, 0).client_bits, ISB_STICKY_IPV6);
	w->state.client = NULL; /* nobody to stick to: drawn */
	assert_in_range(count_new(w, EVERY, 10000), 5000 - 200, 5000 + 200);
}

static void another_rollout_begins_with_other_networks(void **state)
{
	struct world *w = world();
	unsigned both = 0;
	(void)state;
	w->rollout.sticky = 1;
	for (unsigned i = 0; i < 20000; i++) {
		w->client = (struct isb_addr){4, {10, (uint8_t)(i >> 8), (uint8_t)i}};
		w->rollout.seed = 1795262400123;
		bool one = sides_at(w, EVERY).side[0] == ISB_ROLLOUT_TO;
		w->rollout.seed = 1795262400124;
		both += one && sides_at(w, EVERY).side[0] == ISB_ROLLOUT_TO;
	}
	assert_in_range(both, 5000 - 245, 5000 + 245);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_draw_has_exactly_its_share),
		cmocka_unit_test(both_sides_stand_in_for_one_another_once_it_has_begun),
		cmocka_unit_test(an_abort_word_counts_where_it_is_asked_for),
		cmocka_unit_test(sticky_networks_come_over_once_and_together),
		cmocka_unit_test(another_rollout_begins_with_other_networks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
