/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "isobar/model/country.h"

static void codes_are_found_in_any_case(void **state)
{
	(void)state;
	assert_string_equal(isb_country_find("KR")->continent, "AS");
	assert_string_equal(isb_country_find("no")->code, "NO");
	assert_string_equal(isb_country_find("dE")->code, "DE");
	assert_string_equal(isb_country_find("AD")->code, "AD"); /* first and last row */
	assert_string_equal(isb_country_find("ZW")->code, "ZW");
	assert_string_equal(isb_country_find("XK")->continent, "EU");
}

static void what_is_no_country_is_not_found(void **state)
{
	(void)state;
	static const char *const codes[] = {"ZZ", "XX", "A1", "EU", "AP", "??", "", "K", "\xff\xff"};
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		assert_null(isb_country_find(codes[i]));
}

static void withdrawn_codes_give_their_successor(void **state)
{
	(void)state;
	assert_string_equal(isb_country_find("UK")->code, "GB");
	assert_string_equal(isb_country_find("su")->code, "RU");
	assert_string_equal(isb_country_find("CS")->code, "RS");
	assert_string_equal(isb_country_find("AN")->code, "CW");
}

static void every_country_of_the_standard_is_there_and_makes_sense(void **state)
{
	(void)state;
	static const char continents[] = "AF AN AS EU NA OC SA";
	unsigned rows = 0;
	for (char a = 'A'; a <= 'Z'; a++)
		for (char b = 'A'; b <= 'Z'; b++) {
			const struct isb_country *c = isb_country_find((char[]){a, b});
			if (!c || c->code[0] != a || c->code[1] != b)
				continue;
			rows++;
			assert_int_equal(strlen(c->continent), 2);
			assert_non_null(strstr(continents, c->continent));
			assert_true(fabsf(c->latitude) < 80 && fabsf(c->longitude) <= 180);
		}
	assert_int_equal(rows, 249 + 1); /* ISO 3166-1 and XK */
}

static double km(const char *a, const char *b)
{
	const struct isb_country *x = isb_country_find(a), *y = isb_country_find(b);
	double rad = acos(-1) / 180, la = (double)x->latitude * rad, lb = (double)y->latitude * rad;
	double turn = ((double)x->longitude - (double)y->longitude) * rad;
	return 6371 * acos(sin(la) * sin(lb) + cos(la) * cos(lb) * cos(turn));
}

static void neighbours_are_near_and_antipodes_far(void **state)
{
	(void)state;
	assert_true(km("KR", "JP") < 1200);
	assert_true(km("DE", "NL") < 500);
	assert_true(km("US", "CA") < 1500); /* where people live */
	assert_true(km("ES", "NZ") > 19000);
	assert_true(km("FR", "US") > 6000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_are_found_in_any_case),
		cmocka_unit_test(what_is_no_country_is_not_found),
		cmocka_unit_test(withdrawn_codes_give_their_successor),
		cmocka_unit_test(every_country_of_the_standard_is_there_and_makes_sense),
		cmocka_unit_test(neighbours_are_near_and_antipodes_far),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
