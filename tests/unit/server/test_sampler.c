/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "server/sampler.h"

static unsigned taken(uint32_t every, unsigned queries)
{
	struct isb_rng rng;
	struct isb_sampler sampler;
	unsigned count = 0;
	isb_rng_seed(&rng, 1);
	isb_sampler_init(&sampler, every, &rng);
	for (unsigned i = 0; i < queries; i++)
		count += isb_sampler_takes(&sampler, &rng);
	return count;
}

static void one_takes_all_and_none_takes_none(void **state)
{
	(void)state;
	assert_int_equal(taken(1, 1000), 1000);
	assert_int_equal(taken(0, 1000), 0);
}

static void the_share_is_right_on_average(void **state)
{
	(void)state;
	assert_in_range(taken(2, 1000000), 498000, 502000);
	assert_in_range(taken(10, 1000000), 99000, 101000);
	assert_in_range(taken(1000, 10000000), 9800, 10200);
	assert_in_range(taken(ISB_SAMPLE_MAX, 10000000), 5, 20);
}

/* A resolver that asks for A and AAAA in turn. */
static void questions_in_turn_are_sampled_alike(void **state)
{
	(void)state;
	struct isb_rng rng;
	struct isb_sampler sampler;
	unsigned count[2] = {0};
	isb_rng_seed(&rng, 2);
	isb_sampler_init(&sampler, 2, &rng);
	for (unsigned i = 0; i < 100000; i++)
		count[i % 2] += isb_sampler_takes(&sampler, &rng);
	assert_in_range(count[0], 24000, 26000);
	assert_in_range(count[1], 24000, 26000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_takes_all_and_none_takes_none),
		cmocka_unit_test(the_share_is_right_on_average),
		cmocka_unit_test(questions_in_turn_are_sampled_alike),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
