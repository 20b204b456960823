/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "isobar/base/bits.h"
#include "isobar/base/rng.h"

static void ones_are_counted(void **state)
{
	(void)state;
	struct isb_rng rng;
	isb_rng_seed(&rng, 1);
	assert_int_equal(isb_ones(0), 0);
	assert_int_equal(isb_ones(UINT64_MAX), 64);
	for (int i = 0; i < 64; i++)
		assert_int_equal(isb_ones(UINT64_C(1) << i), 1);
	for (int i = 0; i < 100000; i++) {
		uint64_t word = isb_rng_next(&rng) & isb_rng_next(&rng);
		assert_int_equal(isb_ones(word), (unsigned)__builtin_popcountll(word));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(ones_are_counted)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
