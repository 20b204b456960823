/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "isobar/base/rng.h"

/* What the authors' own code gives for these states: splitmix64 from 0, and xoshiro256** from 1, 2, 3, 4. */
static void the_algorithms_are_the_published_ones(void **state)
{
	struct isb_rng rng;
	(void)state;
	isb_rng_seed(&rng, 0);
	assert_true(rng.s[0] == 0xe220a8397b1dcdaf);
	assert_true(rng.s[1] == 0x6e789e6aa1b965f4);
	assert_true(rng.s[2] == 0x06c45d188009454f);
	assert_true(rng.s[3] == 0xf88bb8a8724c81ec);
	rng = (struct isb_rng){{1, 2, 3, 4}};
	static const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240};
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_true(isb_rng_next(&rng) == expected[i]);
}

static void one_seed_gives_one_sequence_and_another_another(void **state)
{
	struct isb_rng a, b, c;
	(void)state;
	isb_rng_seed(&a, 7);
	isb_rng_seed(&b, 7);
	isb_rng_seed(&c, 8);
	int same = 0;
	for (int i = 0; i < 1000; i++) {
		uint64_t x = isb_rng_next(&a);
		assert_true(x == isb_rng_next(&b));
		same += x == isb_rng_next(&c);
	}
	assert_int_equal(same, 0);
}

static void below_stays_below_for_every_bound(void **state)
{
	static const uint64_t bounds[] = {1, 2, 3, 100, UINT32_MAX, UINT64_C(1) << 63, (UINT64_C(1) << 63) + 1, UINT64_MAX};
	struct isb_rng rng;
	(void)state;
	isb_rng_seed(&rng, 1);
	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++)
		for (int k = 0; k < 1000; k++)
			assert_true(isb_rng_below(&rng, bounds[i]) < bounds[i]);
}

static void below_is_uniform(void **state)
{
	enum { BOUND = 7, DRAWS = 70000 };
	unsigned count[BOUND] = {0};
	struct isb_rng rng;
	double chi = 0;
	(void)state;
	isb_rng_seed(&rng, 42);
	for (int i = 0; i < DRAWS; i++)
		count[isb_rng_below(&rng, BOUND)]++;
	for (int i = 0; i < BOUND; i++)
		chi += (count[i] - 10000.0) * (count[i] - 10000.0) / 10000;
	assert_true(chi < 22.458); /* 99.9 % with 6 degrees of freedom */
}

/* With a bound of 3/4 of the range, taking a remainder would give the lower third twice as often. */
static void a_large_bound_is_not_biased(void **state)
{
	const uint64_t bound = UINT64_C(3) << 62;
	struct isb_rng rng;
	int low = 0;
	(void)state;
	isb_rng_seed(&rng, 42);
	for (int i = 0; i < 30000; i++)
		low += isb_rng_below(&rng, bound) < bound / 3;
	assert_in_range(low, 9700, 10300); /* 10000 ± 3.7 standard deviations */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_algorithms_are_the_published_ones),
		cmocka_unit_test(one_seed_gives_one_sequence_and_another_another),
		cmocka_unit_test(below_stays_below_for_every_bound),
		cmocka_unit_test(below_is_uniform),
		cmocka_unit_test(a_large_bound_is_not_biased),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
