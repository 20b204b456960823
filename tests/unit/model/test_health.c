/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "isobar/base/err.h"
#include "isobar/model/health.h"

static void a_word_gives_back_what_was_packed(void **state)
{
	(void)state;
	for (unsigned verdict = 0; verdict < 4; verdict++) {
		for (unsigned held = 0; held < 3; held++) {
			struct isb_health in = {.verdict = (enum isb_verdict)verdict,
						.held = (enum isb_verdict)held,
						.soft = 73,
						.load = 4095,
						.latency_us = 16 * 12345,
						.flip_s = 17};
			struct isb_health out = isb_health_unpack(isb_health_pack(&in));
			assert_int_equal(out.verdict, in.verdict);
			assert_int_equal(out.held, in.held);
			assert_int_equal(out.soft, in.soft);
			assert_int_equal(out.load, in.load);
			assert_int_equal(out.latency_us, in.latency_us);
			assert_int_equal(out.flip_s, in.flip_s);
		}
	}
}

static void the_bits_lie_where_the_header_says(void **state)
{
	(void)state;
	struct isb_health h = {ISB_UP, ISB_DOWN, 100, 1, 16, 3, true};
	assert_int_equal(isb_health_pack(&h),
			 UINT64_C(1) << 63 | 1 | 2 << 2 | 100 << 4 | 1 << 11 | 1 << 23 | UINT64_C(3) << 43 |
				 UINT64_C(1) << 51);
}

static void a_word_of_zero_is_never_seen(void **state)
{
	(void)state;
	struct isb_health h = isb_health_unpack(0);
	assert_int_equal(h.verdict, ISB_UNKNOWN);
	assert_int_equal(h.held, ISB_UNKNOWN);
	assert_int_equal(h.flip_s, ISB_FLIP_NONE);
	assert_int_equal(isb_health_flip_s(0), ISB_FLIP_NONE);
	struct isb_health unknown = {.verdict = ISB_UNKNOWN};
	assert_int_not_equal(isb_health_pack(&unknown), 0);
}

static void values_out_of_range_saturate_and_leave_their_neighbours_alone(void **state)
{
	(void)state;
	struct isb_health in = {ISB_DOWN, ISB_DISPUTED, 1000, 100000, UINT32_MAX, 100000, false};
	struct isb_health out = isb_health_unpack(isb_health_pack(&in));
	assert_int_equal(out.verdict, ISB_DOWN);
	assert_int_equal(out.held, ISB_UNKNOWN); /* only a definite verdict can be held */
	assert_int_equal(out.soft, 100);
	assert_int_equal(out.load, 4095);
	assert_int_equal(out.latency_us, 0xfffff * 16u);
	assert_int_equal(out.flip_s, ISB_FLIP_NONE);
	assert_false(out.waits);
}

static void latency_is_rounded_to_the_nearest_sixteen_microseconds(void **state)
{
	(void)state;
	static const unsigned cases[][2] = {{0, 0}, {7, 0}, {8, 16}, {23, 16}, {24, 32}, {1000, 1008}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct isb_health in = {.latency_us = cases[i][0]};
		assert_int_equal(isb_health_unpack(isb_health_pack(&in)).latency_us, cases[i][1]);
	}
}

static void unknown_and_disputed_fall_back_on_what_is_held(void **state)
{
	(void)state;
	static const struct {
		enum isb_verdict verdict, held, effective;
	} cases[] = {
		{ISB_UP, ISB_DOWN, ISB_UP},
		{ISB_DOWN, ISB_UP, ISB_DOWN},
		{ISB_UNKNOWN, ISB_UP, ISB_UP},
		{ISB_DISPUTED, ISB_UP, ISB_UP},
		{ISB_UNKNOWN, ISB_DOWN, ISB_DOWN},
		{ISB_DISPUTED, ISB_DOWN, ISB_DOWN},
		{ISB_UNKNOWN, ISB_UNKNOWN, ISB_UNKNOWN},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct isb_health h = {.verdict = cases[i].verdict, .held = cases[i].held};
		assert_int_equal(isb_health_effective(isb_health_pack(&h)), cases[i].effective);
	}
	assert_int_equal(isb_health_effective(0), ISB_UNKNOWN);
}

static void slots_outside_the_table_read_as_never_seen(void **state)
{
	(void)state;
	static uint64_t words[ISB_CHUNK_WORDS];
	words[3] = 42;
	words[ISB_CHUNK_WORDS - 1] = 43;
	const uint64_t *chunks[] = {NULL, words};
	struct isb_health_table table = {.chunk = chunks, .chunks = 2};
	assert_int_equal(isb_health_word(&table, 3), 0);
	assert_int_equal(isb_health_word(&table, ISB_CHUNK_WORDS + 3), 42);
	assert_int_equal(isb_health_word(&table, 2 * ISB_CHUNK_WORDS - 1), 43);
	assert_int_equal(isb_health_word(&table, 2 * ISB_CHUNK_WORDS), 0);
	assert_int_equal(isb_health_word(&table, UINT32_MAX), 0);
}

static void an_admin_state_ends_at_its_time_and_not_before(void **state)
{
	(void)state;
	int64_t until = INT64_C(1795262400000);
	uint64_t word = isb_admin_pack(ISB_ADMIN_DRAIN, until);
	assert_int_equal(isb_admin_at(word, until - 1), ISB_ADMIN_DRAIN);
	assert_int_equal(isb_admin_at(word, until), ISB_ADMIN_AUTO);
	assert_int_equal(isb_admin_at(isb_admin_pack(ISB_ADMIN_DOWN, 0), INT64_MAX), ISB_ADMIN_DOWN);
	assert_int_equal(isb_admin_at(0, until), ISB_ADMIN_AUTO);
	assert_int_equal(isb_admin_at(isb_admin_pack(ISB_ADMIN_HOLD_DOWN, until), until - 1), ISB_ADMIN_HOLD_DOWN);
	assert_int_equal(isb_admin_at(isb_admin_pack(ISB_ADMIN_FAILBACK, until), until - 1), ISB_ADMIN_AUTO); /* at any time */
}

static void states_have_the_names_that_people_write(void **state)
{
	(void)state;
	assert_string_equal(isb_admin_name(ISB_ADMIN_AUTO), "auto");
	assert_string_equal(isb_admin_name(ISB_ADMIN_HOLD_UP), "hold-up");
	assert_string_equal(isb_admin_name(ISB_ADMIN_FAILBACK), "failback");
	assert_string_equal(isb_verdict_name(ISB_DISPUTED), "disputed");
	assert_string_equal(isb_verdict_name(ISB_UNKNOWN), "unknown");
}

static void an_endpoint_serves_by_its_operator_then_its_verdict_then_its_pool(void **state)
{
	const uint64_t up = isb_health_pack(&(struct isb_health){.verdict = ISB_UP, .held = ISB_UP});
	const uint64_t down = isb_health_pack(&(struct isb_health){.verdict = ISB_DOWN, .held = ISB_DOWN});
	const uint64_t lost = isb_health_pack(&(struct isb_health){.verdict = ISB_UNKNOWN, .held = ISB_DOWN});
	(void)state;
	assert_true(isb_health_serves(up, true, ISB_UNKNOWN_HOLD, 0, 0));
	assert_false(isb_health_serves(down, true, ISB_UNKNOWN_HOLD, 0, 0));
	assert_true(isb_health_serves(down, false, ISB_UNKNOWN_HOLD, 0, 0));
	assert_false(isb_health_serves(lost, true, ISB_UNKNOWN_HOLD, 0, 0));
	assert_true(isb_health_serves(lost, true, ISB_UNKNOWN_UP, 0, 0));
	assert_true(isb_health_serves(0, true, ISB_UNKNOWN_HOLD, 0, 0));
	assert_false(isb_health_serves(0, true, ISB_UNKNOWN_DOWN, 0, 0));
	assert_true(isb_health_serves(down, true, ISB_UNKNOWN_HOLD, isb_admin_pack(ISB_ADMIN_UP, 1000), 999));
	assert_false(isb_health_serves(down, true, ISB_UNKNOWN_HOLD, isb_admin_pack(ISB_ADMIN_UP, 1000), 1000));
	assert_true(isb_health_serves(down, true, ISB_UNKNOWN_HOLD, isb_admin_pack(ISB_ADMIN_HOLD_UP, 0), 0));
	assert_false(isb_health_serves(up, false, ISB_UNKNOWN_HOLD, isb_admin_pack(ISB_ADMIN_DRAIN, 0), 0));
	assert_false(isb_health_serves(up, true, ISB_UNKNOWN_HOLD, isb_admin_pack(ISB_ADMIN_HOLD_DOWN, 0), 0));
	assert_true(isb_health_serves(up, true, ISB_UNKNOWN_HOLD, isb_admin_pack(ISB_ADMIN_FAILBACK, 1), 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_word_gives_back_what_was_packed),
		cmocka_unit_test(the_bits_lie_where_the_header_says),
		cmocka_unit_test(a_word_of_zero_is_never_seen),
		cmocka_unit_test(values_out_of_range_saturate_and_leave_their_neighbours_alone),
		cmocka_unit_test(latency_is_rounded_to_the_nearest_sixteen_microseconds),
		cmocka_unit_test(unknown_and_disputed_fall_back_on_what_is_held),
		cmocka_unit_test(slots_outside_the_table_read_as_never_seen),
		cmocka_unit_test(an_admin_state_ends_at_its_time_and_not_before),
		cmocka_unit_test(an_endpoint_serves_by_its_operator_then_its_verdict_then_its_pool),
		cmocka_unit_test(states_have_the_names_that_people_write),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
