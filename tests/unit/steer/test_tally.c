/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include "isobar/steer/tally.h"

static void the_reason_is_what_was_passed_over(void **state)
{
	(void)state;
	struct world w;
	begin(&w, 4);
	const struct kid tiers[] = {{0, 0, 1}, {1, 0, 1}, {2, 1, 1}}, last[] = {{3, 0, 1}};
	uint32_t first = node(&w, ISB_NODE_POOL, 1, 1, tiers, 3), second = node(&w, ISB_NODE_POOL, 1, 1, last, 1);
	const struct kid pools[] = {{first, 0, 1}, {second, 1, 1}};
	set_record(&w, node(&w, 0, 0, 0, pools, 2), ISB_ALL_DOWN_ALL);
	assert_int_equal(ask(&w).reason, ISB_REASON_FIRST);
	judge(&w, 0, ISB_DOWN); /* its equal is as good */
	assert_int_equal(ask(&w).reason, ISB_REASON_FIRST);
	judge(&w, 1, ISB_DOWN);
	assert_int_equal(ask(&w).endpoint[0]->slot, 2);
	assert_int_equal(ask(&w).reason, ISB_REASON_FAILOVER);
	judge(&w, 2, ISB_DOWN);
	assert_int_equal(ask(&w).endpoint[0]->slot, 3);
	assert_int_equal(ask(&w).reason, ISB_REASON_FAILOVER);
	judge(&w, 3, ISB_DOWN);
	assert_int_equal(ask(&w).reason, ISB_REASON_FAILOPEN);
	done(&w);
}

static void an_answer_of_several_is_the_first_of_them(void **state)
{
	(void)state;
	struct world w;
	begin(&w, 3);
	const struct kid kids[] = {{0, 0, 1}, {1, 1, 1}, {2, 2, 1}};
	set_record(&w, node(&w, ISB_NODE_POOL, 2, 1, kids, 3), ISB_ALL_DOWN_ALL);
	assert_int_equal(ask(&w).reason, ISB_REASON_FIRST); /* the second of them comes behind a rank that gave one */
	judge(&w, 0, ISB_DOWN);
	assert_int_equal(ask(&w).reason, ISB_REASON_FAILOVER);
	done(&w);
}

static void the_last_good_answer_has_a_reason_of_its_own(void **state)
{
	(void)state;
	struct world w;
	begin(&w, 1);
	const struct kid kids[] = {{0, 0, 1}};
	set_record(&w, node(&w, ISB_NODE_POOL, 1, 1, kids, 1), ISB_ALL_DOWN_LAST);
	judge(&w, 0, ISB_DOWN);
	w.now_ms = 1000000;
	w.since[0] = 999000;
	assert_int_equal(ask(&w).reason, ISB_REASON_LAST);
	w.since[0] = 0; /* nobody knows when */
	assert_int_equal(ask(&w).reason, ISB_REASON_FAILOPEN);
	done(&w);
}

static void what_trickles_down_was_not_set_aside(void **state)
{
	(void)state;
	struct world w;
	begin(&w, 2);
	const struct kid one[] = {{0, 0, 1}}, two[] = {{1, 0, 1}};
	uint32_t first = node(&w, ISB_NODE_POOL, 1, 1, one, 1), second = node(&w, ISB_NODE_POOL, 1, 1, two, 1);
	const struct kid pools[] = {{first, 0, 1}, {second, 1, 1}};
	set_record(&w, node_like(&w, &(struct isb_plan_node){.trickle = 50}, pools, 2), ISB_ALL_DOWN_ALL);
	unsigned seen[2] = {0};
	for (unsigned i = 0; i < 1000; i++) {
		struct isb_choice choice = ask(&w);
		seen[choice.endpoint[0]->slot]++;
		assert_int_equal(choice.reason, choice.endpoint[0]->slot ? ISB_REASON_TRICKLE : ISB_REASON_FIRST);
	}
	assert_in_range(seen[1], 400, 600);
	done(&w);
}

static void every_reason_has_a_name(void **state)
{
	(void)state;
	for (enum isb_reason a = 0; a < ISB_REASONS; a++)
		for (enum isb_reason b = 0; b < a; b++)
			assert_string_not_equal(isb_reason_name(a), isb_reason_name(b));
}

static void records_and_endpoints_do_not_share_a_count(void **state)
{
	(void)state;
	struct isb_plan plan = {.nrecord = 3, .nendpoint = 2};
	struct isb_tally *tally = isb_tally_new(&plan);
	assert_int_equal((uintptr_t)tally->record % ISB_CACHE_LINE, 0);
	for (unsigned i = 0; i < 3; i++)
		for (enum isb_reason r = 0; r < ISB_REASONS; r++)
			for (unsigned n = 0; n < 1 + i * ISB_REASONS + r; n++)
				isb_tally_record(tally, i, r);
	for (unsigned i = 0; i < 2; i++)
		for (enum isb_reason r = 0; r < ISB_REASONS; r++)
			for (unsigned n = 0; n < 100 + i * ISB_REASONS + r; n++)
				isb_tally_endpoint(tally, i, r);
	for (unsigned i = 0; i < 3 * ISB_REASONS; i++)
		assert_int_equal(tally->record[i], 1 + i);
	for (unsigned i = 0; i < 2 * ISB_REASONS; i++)
		assert_int_equal(tally->endpoint[i], 100 + i);
	isb_tally_free(tally);
	isb_tally_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_reason_is_what_was_passed_over),
		cmocka_unit_test(an_answer_of_several_is_the_first_of_them),
		cmocka_unit_test(the_last_good_answer_has_a_reason_of_its_own),
		cmocka_unit_test(what_trickles_down_was_not_set_aside),
		cmocka_unit_test(every_reason_has_a_name),
		cmocka_unit_test(records_and_endpoints_do_not_share_a_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
