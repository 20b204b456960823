/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/rng.h"
#include "isobar/model/histogram.h"

static uint32_t below(struct isb_rng *rng, uint32_t bound)
{
	return (uint32_t)isb_rng_below(rng, bound);
}

static void assert_same(const struct isb_histogram *a, const struct isb_histogram *b)
{
	assert_int_equal(a->count, b->count);
	assert_int_equal(a->n, b->n);
	assert_int_equal(a->min_us, b->min_us);
	assert_int_equal(a->max_us, b->max_us);
	for (size_t i = 0; i < a->n; i++) {
		assert_int_equal(a->bucket[i].number, b->bucket[i].number);
		assert_int_equal(a->bucket[i].count, b->bucket[i].count);
	}
}

static void an_empty_one_has_no_quantile(void **state)
{
	(void)state;
	struct isb_histogram h = {0};
	assert_int_equal(isb_histogram_quantile(&h, 25), 0);
	isb_histogram_add(&h, 5000, 0);
	assert_int_equal(h.count, 0);
	isb_histogram_merge(&h, &(struct isb_histogram){0});
	assert_int_equal(h.count, 0);
	isb_histogram_done(&h);
}

static void one_value_comes_back_exactly_however_often_it_was_added(void **state)
{
	(void)state;
	static const uint32_t values[] = {1, 999, 2047, 2048, 12345, 33333333, ISB_RTT_MAX_US};
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct isb_histogram h = {0};
		isb_histogram_add(&h, values[i], 20);
		for (unsigned percent = 1; percent <= 100; percent++)
			assert_int_equal(isb_histogram_quantile(&h, percent), values[i]);
		isb_histogram_done(&h);
	}
}

static void values_out_of_range_are_cut(void **state)
{
	(void)state;
	struct isb_histogram h = {0};
	isb_histogram_add(&h, 0, 1);
	isb_histogram_add(&h, UINT32_MAX, 1);
	assert_int_equal(h.min_us, 1);
	assert_int_equal(h.max_us, ISB_RTT_MAX_US);
	isb_histogram_done(&h);
}

static void buckets_ascend_without_gaps(void **state)
{
	(void)state;
	uint8_t last = 0;
	for (uint32_t us = 1; us <= ISB_RTT_MAX_US; us += us / 64 + 1) { /* finer than any bucket */
		uint8_t number = isb_histogram_bucket_of(us);
		assert_in_range(number, last, last + 1);
		last = number;
	}
	assert_int_equal(isb_histogram_bucket_of(2047), 0);
	assert_int_equal(isb_histogram_bucket_of(2048), 1);
	assert_true(isb_histogram_bucket_of(ISB_RTT_MAX_US) < ISB_HISTOGRAM_BUCKETS);
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

/* Round trips over five decades, most of them small. */
static uint32_t some_rtt(struct isb_rng *rng)
{
	uint32_t us = 100u << below(rng, 19);
	return us + below(rng, us);
}

static void a_quantile_is_off_by_at_most_a_thirtysecond(void **state)
{
	(void)state;
	struct isb_rng rng;
	uint32_t values[501];
	isb_rng_seed(&rng, 4);
	for (unsigned round = 0; round < 300; round++) {
		struct isb_histogram h = {0};
		size_t n = 1 + below(&rng, 500);
		for (size_t i = 0; i < n; i++) {
			values[i] = some_rtt(&rng);
			isb_histogram_add(&h, values[i], 1);
		}
		qsort(values, n, sizeof(values[0]), by_value);
		for (unsigned percent = 5; percent <= 100; percent += 5) {
			uint32_t is = values[(n * percent + 99) / 100 - 1], said = isb_histogram_quantile(&h, percent);
			uint32_t off = said > is ? said - is : is - said;
			assert_true(is < 2048 ? off <= 1024 : off <= is / 32);
		}
		assert_int_equal(isb_histogram_quantile(&h, 100) <= values[n - 1], 1);
		isb_histogram_done(&h);
	}
}

static void merging_is_the_same_in_any_order_and_as_adding_one_by_one(void **state)
{
	(void)state;
	struct isb_rng rng;
	isb_rng_seed(&rng, 5);
	for (unsigned round = 0; round < 200; round++) {
		struct isb_histogram part[3] = {{0}}, all = {0}, left = {0}, right = {0};
		for (unsigned i = 0; i < 60; i++) {
			uint32_t us = some_rtt(&rng), count = 1 + below(&rng, 5);
			isb_histogram_add(&part[below(&rng, 3)], us, count);
			isb_histogram_add(&all, us, count);
		}
		for (unsigned i = 0; i < 3; i++) {
			isb_histogram_merge(&left, &part[i]);
			isb_histogram_merge(&right, &part[2 - i]);
		}
		assert_same(&left, &all);
		assert_same(&right, &all);
		for (unsigned i = 0; i < 3; i++)
			isb_histogram_done(&part[i]);
		isb_histogram_done(&all);
		isb_histogram_done(&left);
		isb_histogram_done(&right);
	}
}

static void counts_saturate_and_never_wrap(void **state)
{
	(void)state;
	struct isb_histogram h = {0}, other = {0};
	isb_histogram_add(&h, 5000, UINT32_MAX - 1);
	isb_histogram_add(&h, 5000, 7);
	isb_histogram_add(&other, 90000, UINT32_MAX);
	isb_histogram_merge(&h, &other);
	assert_int_equal(h.count, UINT32_MAX);
	assert_int_equal(h.bucket[0].count, UINT32_MAX);
	assert_int_equal(isb_histogram_quantile(&h, 25), 5000);
	isb_histogram_done(&h);
	isb_histogram_done(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_one_has_no_quantile),
		cmocka_unit_test(one_value_comes_back_exactly_however_often_it_was_added),
		cmocka_unit_test(values_out_of_range_are_cut),
		cmocka_unit_test(buckets_ascend_without_gaps),
		cmocka_unit_test(a_quantile_is_off_by_at_most_a_thirtysecond),
		cmocka_unit_test(merging_is_the_same_in_any_order_and_as_adding_one_by_one),
		cmocka_unit_test(counts_saturate_and_never_wrap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
