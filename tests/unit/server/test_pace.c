/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "server/pace.h"

static void every_query_of_a_batch_counts_in_its_bucket(void **state)
{
	struct isb_pace *pace = isb_xcalloc_apart(sizeof(*pace)); /* as workers have it; a stack need not keep to lines */
	(void)state;
	isb_pace_begin(pace, 1000);
	isb_pace_end(pace, 1000 + 5000, 3); /* a bound belongs to its bucket */
	isb_pace_begin(pace, 1000);
	isb_pace_end(pace, 1000 + 5001, 1);
	isb_pace_begin(pace, 1000);
	isb_pace_end(pace, 1000 + INT64_C(2000000000), 2);
	assert_int_equal(pace->count[0], 3);
	assert_int_equal(pace->count[1], 1);
	assert_int_equal(pace->count[ISB_PACE_BOUNDS], 2);
	assert_int_equal(pace->sum_ns, 3 * 5000 + 5001 + 2 * UINT64_C(2000000000));
	free(pace);
}

static void bounds_ascend(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ISB_PACE_BOUNDS; i++) {
		struct isb_pace *pace = isb_xcalloc_apart(sizeof(*pace));
		assert_true(i == 0 || isb_pace_bound_s[i] > isb_pace_bound_s[i - 1]);
		isb_pace_begin(pace, 1);
		isb_pace_end(pace, 1 + (int64_t)(isb_pace_bound_s[i] * 1e9 + 0.5), 1);
		assert_int_equal(pace->count[i], 1);
		free(pace);
	}
}

static void a_batch_is_busy_until_it_ends(void **state)
{
	struct isb_pace *pace = isb_xcalloc_apart(sizeof(*pace)); /* as workers have it; a stack need not keep to lines */
	(void)state;
	assert_int_equal(isb_pace_busy_ns(pace, 500), 0);
	isb_pace_begin(pace, 100);
	assert_int_equal(isb_pace_busy_ns(pace, 500), 400);
	isb_pace_end(pace, 600, 1);
	assert_int_equal(isb_pace_busy_ns(pace, 700), 0);
	assert_true(isb_pace_now_ns() > 0);
	free(pace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_query_of_a_batch_counts_in_its_bucket),
		cmocka_unit_test(bounds_ascend),
		cmocka_unit_test(a_batch_is_busy_until_it_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
