/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/base/rng.h"
#include "isobar/model/samples.h"

enum { HOUR = 3600 * 1000 };
static const int64_t start = INT64_C(1795262400123); /* 2026-11-21T12:00:00.123Z: just after a window begins */

static uint32_t below(struct isb_rng *rng, uint32_t bound)
{
	return (uint32_t)isb_rng_below(rng, bound);
}

static uint32_t count_at(const struct isb_samples *s, int64_t now_ms)
{
	struct isb_histogram sum = {0};
	isb_samples_sum(s, now_ms, &sum, NULL);
	uint32_t count = sum.count;
	isb_histogram_done(&sum);
	return count;
}

static int64_t until(const struct isb_samples *s, int64_t now_ms)
{
	struct isb_histogram sum = {0};
	int64_t until_ms = isb_samples_sum(s, now_ms, &sum, NULL);
	isb_histogram_done(&sum);
	return until_ms;
}

static void a_lone_sample_counts_for_exactly_a_day(void **state)
{
	(void)state;
	struct isb_samples s = {0};
	assert_true(until(&s, start) == INT64_MAX);
	isb_samples_add(&s, start, 5000, 20);
	assert_int_equal(count_at(&s, start), 20);
	assert_true(until(&s, start) == start + 24 * HOUR);
	assert_int_equal(count_at(&s, start + 24 * HOUR - 1), 20);
	assert_int_equal(count_at(&s, start + 24 * HOUR), 0);
	assert_true(until(&s, start + 24 * HOUR) == INT64_MAX);
	isb_samples_done(&s);
}

static void no_sample_ever_counts_that_is_older_than_a_day_and_each_counts_for_18_hours(void **state)
{
	(void)state;
	struct isb_rng rng;
	isb_rng_seed(&rng, 6);
	for (unsigned round = 0; round < 50; round++) {
		struct isb_samples s = {0};
		int64_t at[120], now = start;
		for (size_t i = 0; i < 120; i++) {
			now += below(&rng, HOUR);
			at[i] = now;
			isb_samples_add(&s, now, 5000, 1);
			uint32_t fresh = 0, sure = 0;
			for (size_t k = 0; k <= i; k++) {
				fresh += now - at[k] < 24 * HOUR;
				sure += now - at[k] < 18 * HOUR;
			}
			assert_in_range(count_at(&s, now), sure, fresh);
		}
		isb_samples_done(&s);
	}
}

static void the_sum_changes_when_it_says_and_not_before(void **state)
{
	(void)state;
	struct isb_samples s = {0};
	for (unsigned i = 0; i < 10; i++)
		isb_samples_add(&s, start + i * 2 * HOUR, 1000 * (i + 1), 1);
	int64_t now = start + 18 * HOUR;
	for (uint32_t count = count_at(&s, now); count;) {
		int64_t next = until(&s, now);
		assert_true(next > now && next < INT64_MAX);
		assert_int_equal(count_at(&s, next - 1), count);
		assert_true(count_at(&s, next) < count);
		now = next;
		count = count_at(&s, now);
	}
	isb_samples_done(&s);
}

static void assert_same_octets(const struct isb_samples *a, const struct isb_samples *b, int64_t now_ms)
{
	struct isb_buf x = {0}, y = {0};
	isb_samples_encode(a, now_ms, &x);
	isb_samples_encode(b, now_ms, &y);
	assert_int_equal(x.len, y.len);
	if (x.len)
		assert_memory_equal(x.data, y.data, x.len);
	isb_buf_done(&x);
	isb_buf_done(&y);
}

static void adding_is_the_same_in_any_order(void **state)
{
	(void)state;
	enum { COUNT = 40 };
	struct isb_rng rng;
	isb_rng_seed(&rng, 7);
	for (unsigned round = 0; round < 200; round++) {
		struct isb_samples one = {0}, other = {0};
		int64_t time[COUNT];
		uint32_t us[COUNT];
		for (unsigned i = 0; i < COUNT; i++) {
			time[i] = start + (int64_t)below(&rng, 60) * HOUR;
			us[i] = 1 + below(&rng, 500000);
			isb_samples_add(&one, time[i], us[i], 1);
		}
		for (unsigned i = 0; i < COUNT; i++) { /* 17 has no part in 40: each once, in another order */
			unsigned k = (i * 17 + round) % COUNT;
			isb_samples_add(&other, time[k], us[k], 1);
		}
		assert_same_octets(&one, &other, start + 60 * HOUR);
		isb_samples_done(&one);
		isb_samples_done(&other);
	}
}

static void octets_come_back_as_they_were_without_what_counts_no_more(void **state)
{
	(void)state;
	struct isb_samples s = {0}, back = {0};
	struct isb_buf octets = {0};
	isb_samples_add(&s, start, 5000, 7);
	isb_samples_add(&s, start + 13 * HOUR, 90000, 1);
	isb_samples_add(&s, start + 13 * HOUR, 4000, UINT32_MAX);
	isb_samples_encode(&s, start, &octets);
	assert_int_equal(isb_samples_decode(octets.data, octets.len, &back), ISB_OK);
	assert_same_octets(&s, &back, start);
	assert_int_equal(until(&back, start), start + 24 * HOUR);
	isb_buf_reset(&octets);
	isb_samples_encode(&s, start + 24 * HOUR, &octets);
	assert_int_equal(isb_samples_decode(octets.data, octets.len, &back), ISB_OK);
	assert_int_equal(count_at(&back, start), UINT32_MAX);
	assert_int_equal(back.window[(start / (6 * HOUR)) % ISB_SAMPLES_WINDOWS].histogram.count, 0);
	isb_buf_reset(&octets);
	isb_samples_encode(&s, start + 38 * HOUR, &octets);
	assert_int_equal(octets.len, 0);
	isb_buf_done(&octets);
	isb_samples_done(&s);
	isb_samples_done(&back);
}

/* Every octet changed in every way: it is refused, or it is what encode would write. */
static void damaged_octets_are_refused_or_mean_something(void **state)
{
	(void)state;
	struct isb_samples s = {0}, back = {0};
	struct isb_buf octets = {0}, again = {0};
	size_t refused = 0;
	isb_samples_add(&s, start, 5000, 7);
	isb_samples_add(&s, start, 90000, 3);
	isb_samples_add(&s, start + 7 * HOUR, 4000, 1);
	isb_samples_encode(&s, start, &octets);
	for (size_t cut = 0; cut < octets.len; cut++)
		refused += isb_samples_decode(octets.data, cut, &back) != ISB_OK;
	assert_int_equal(refused, octets.len - 1); /* but the cut between the windows */
	for (size_t i = 0; i < octets.len; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			octets.data[i] = (char)(octets.data[i] ^ 1 << bit);
			isb_buf_reset(&again);
			if (isb_samples_decode(octets.data, octets.len, &back) == ISB_OK) {
				isb_samples_encode(&back, 0, &again);
				assert_int_equal(again.len, octets.len);
				assert_memory_equal(again.data, octets.data, again.len);
			} else {
				assert_int_equal(count_at(&back, 0), 0);
			}
			octets.data[i] = (char)(octets.data[i] ^ 1 << bit);
		}
	isb_buf_done(&octets);
	isb_buf_done(&again);
	isb_samples_done(&s);
	isb_samples_done(&back);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lone_sample_counts_for_exactly_a_day),
		cmocka_unit_test(no_sample_ever_counts_that_is_older_than_a_day_and_each_counts_for_18_hours),
		cmocka_unit_test(the_sum_changes_when_it_says_and_not_before),
		cmocka_unit_test(adding_is_the_same_in_any_order),
		cmocka_unit_test(octets_come_back_as_they_were_without_what_counts_no_more),
		cmocka_unit_test(damaged_octets_are_refused_or_mean_something),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
