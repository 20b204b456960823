/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "isobar/model/timings.h"

#define NOW INT64_C(1763726400000)

static void nothing_has_no_percentile(void **state)
{
	(void)state;
	const struct isb_timings t = {0};
	assert_int_equal(isb_timings_percentile(&t, 1), 0);
	assert_int_equal(isb_timings_percentile(&t, 100), 0);
}

static void every_value_is_told_within_an_eighth(void **state)
{
	(void)state;
	for (uint32_t us = 256; us < 12582912; us += 1 + us / 50) {
		struct isb_timings t = {0};
		isb_timings_add(&t, us, NOW);
		uint32_t told = isb_timings_percentile(&t, 50), off = told > us ? told - us : us - told;
		assert_true(off * 8 <= us);
		assert_int_equal(isb_timings_percentile(&t, 99), told);
	}
}

static void what_is_beyond_the_scale_counts_as_its_end(void **state)
{
	(void)state;
	struct isb_timings least = {0}, most = {0};
	isb_timings_add(&least, 0, NOW);
	isb_timings_add(&most, UINT32_MAX, NOW);
	assert_int_equal(isb_timings_percentile(&least, 50), 128);
	assert_int_equal(isb_timings_percentile(&most, 50), 12582912);
}

static void percentiles_are_by_nearest_rank(void **state)
{
	(void)state;
	struct isb_timings t = {0};
	for (unsigned i = 0; i < 94; i++)
		isb_timings_add(&t, 10000, NOW);
	for (unsigned i = 0; i < 4; i++)
		isb_timings_add(&t, 100000, NOW);
	for (unsigned i = 0; i < 2; i++)
		isb_timings_add(&t, 1000000, NOW);
	assert_in_range(isb_timings_percentile(&t, 50), 8750, 11250);
	assert_in_range(isb_timings_percentile(&t, 94), 8750, 11250);
	assert_in_range(isb_timings_percentile(&t, 95), 87500, 112500);
	assert_in_range(isb_timings_percentile(&t, 98), 87500, 112500);
	assert_in_range(isb_timings_percentile(&t, 99), 875000, 1125000);
}

/* Ten checks long ago against one of now: it takes four half-lives until the one is the greater part. */
static void what_was_long_ago_counts_for_less(void **state)
{
	(void)state;
	for (unsigned halvings = 0; halvings < 20; halvings++) {
		struct isb_timings t = {0};
		for (unsigned i = 0; i < 10; i++)
			isb_timings_add(&t, 10000, NOW);
		isb_timings_add(&t, 1000000, NOW + halvings * (int64_t)ISB_TIMINGS_HALF_MS);
		uint32_t median = isb_timings_percentile(&t, 50);
		if (halvings < 4)
			assert_in_range(median, 8750, 11250);
		else
			assert_in_range(median, 875000, 1125000);
	}
}

static void a_clock_that_goes_back_forgets_nothing_and_goes_on(void **state)
{
	(void)state;
	struct isb_timings t = {0};
	for (unsigned i = 0; i < 3; i++)
		isb_timings_add(&t, 10000, NOW);
	isb_timings_add(&t, 1000000, NOW - 1000 * (int64_t)ISB_TIMINGS_HALF_MS);
	assert_in_range(isb_timings_percentile(&t, 75), 8750, 11250);
	isb_timings_add(&t, 1000000, NOW - 998 * (int64_t)ISB_TIMINGS_HALF_MS);
	assert_in_range(isb_timings_percentile(&t, 50), 875000, 1125000); /* 3 and 1 were made a quarter of it */
}

/* Checks every 10 ms would fill a bucket within seconds. */
static void a_full_bucket_halves_all(void **state)
{
	(void)state;
	struct isb_timings t = {0};
	for (unsigned i = 0; i < 100000; i++)
		isb_timings_add(&t, i % 100 < 97 ? 10000 : 1000000, NOW);
	assert_in_range(isb_timings_percentile(&t, 50), 8750, 11250);
	assert_in_range(isb_timings_percentile(&t, 95), 8750, 11250);
	assert_in_range(isb_timings_percentile(&t, 99), 875000, 1125000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_has_no_percentile),
		cmocka_unit_test(every_value_is_told_within_an_eighth),
		cmocka_unit_test(what_is_beyond_the_scale_counts_as_its_end),
		cmocka_unit_test(percentiles_are_by_nearest_rank),
		cmocka_unit_test(what_was_long_ago_counts_for_less),
		cmocka_unit_test(a_clock_that_goes_back_forgets_nothing_and_goes_on),
		cmocka_unit_test(a_full_bucket_halves_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
