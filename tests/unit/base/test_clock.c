/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "isobar/base/clock.h"
#include "isobar/base/err.h"

static void spans_are_read_in_every_unit(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {
		{"500ms", 500}, {"5s", 5000}, {"5", 5000}, {"0", 0}, {"0s", 0}, {"2m", 120000}, {"2h", 7200000}, {"1d", 86400000},
		{"1h30m", 5400000}, {"1m500ms", 60500}, {"1d2h3m4s5ms", 93784005}, {"007s", 7000}, {"24855d", 2147472000000},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		int64_t ms = -1;
		assert_int_equal(isb_span_parse(good[i].text, &ms), ISB_OK);
		assert_true(ms == good[i].ms);
	}
}

static void what_is_no_span_is_refused_and_the_result_untouched(void **state)
{
	static const struct {
		const char *text;
		int rc;
	} bad[] = {
		{"", ISB_EFORMAT}, {"s", ISB_EFORMAT}, {"5 s", ISB_EFORMAT}, {" 5s", ISB_EFORMAT}, {"5s ", ISB_EFORMAT},
		{"-5s", ISB_EFORMAT}, {"+5s", ISB_EFORMAT}, {"5x", ISB_EFORMAT}, {"5S", ISB_EFORMAT}, {"1h30", ISB_EFORMAT},
		{"5sm", ISB_EFORMAT}, {"1.5s", ISB_EFORMAT}, {"5msms", ISB_EFORMAT}, {"24856d", ISB_ERANGE},
		{"99999999999999999999", ISB_ERANGE}, {"2147483647d", ISB_ERANGE}, {"2147483648", ISB_ERANGE},
		{"20000d20000d20000d", ISB_ERANGE},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int64_t ms = -77;
		if (isb_span_parse(bad[i].text, &ms) != bad[i].rc)
			fail_msg("'%s'", bad[i].text);
		assert_true(ms == -77);
	}
}

static void spans_print_for_people(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {
		{0, "0ms"}, {-5, "0ms"}, {350, "350ms"}, {999, "999ms"}, {1000, "1s"}, {12000, "12s"}, {12999, "12s"},
		{60000, "1m"}, {200000, "3m20s"}, {3600000, "1h"}, {3659000, "1h"}, {7500000, "2h5m"}, {86400000, "1d"},
		{349200000, "4d1h"}, {INT64_MAX, "106751991167d7h"},
	};
	char text[ISB_SPAN_TEXT];
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(isb_span_print(cases[i].ms, text), cases[i].text);
}

static void times_print_in_utc(void **state)
{
	char text[24];
	(void)state;
	assert_string_equal(isb_time_print(0, text), "never");
	assert_string_equal(isb_time_print(INT64_C(1795262400123), text), "2026-11-21T12:00:00Z");
	assert_string_equal(isb_time_print(1, text), "1970-01-01T00:00:00Z");
	assert_string_equal(isb_time_print(INT64_C(1709251199999), text), "2024-02-29T23:59:59Z");
	assert_string_equal(isb_time_print(INT64_MAX, text), "never"); /* a year that does not fit */
}

static void times_are_read_as_rfc_3339_or_seconds(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} cases[] = {
		{"2026-11-21T12:00:00Z", INT64_C(1795262400000)}, {"2026-11-21t12:00:00.25z", INT64_C(1795262400250)},
		{"2026-11-21 21:00:00+09:00", INT64_C(1795262400000)}, {"2026-11-21T06:30:00-05:30", INT64_C(1795262400000)},
		{"2024-02-29T23:59:59.9996Z", INT64_C(1709251199999)}, {"2016-12-31T23:59:60Z", INT64_C(1483228800000)},
		{"9999-12-31T23:59:59Z", INT64_C(253402300799000)}, {"1795262400", INT64_C(1795262400000)},
		{"1795262400.5", INT64_C(1795262400500)}, {"86400", 86400000},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t ms = 0;
		assert_int_equal(isb_time_parse(cases[i].text, &ms), ISB_OK);
		assert_int_equal(ms, cases[i].ms);
	}
}

static void what_is_no_time_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "now", "2026-11-21", "2026-11-21T12:00:00", "2026-11-21T12:00Z", "2026-02-29T12:00:00Z", "1900-02-29T00:00:00Z",
		"2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-04-31T00:00:00Z", "2026-11-00T00:00:00Z",
		"2026-11-21T24:00:00Z", "2026-11-21T12:60:00Z", "2026-11-21T12:00:61Z", "2026-11-21T12:00:00.Z",
		"2026-11-21T12:00:00+9:00", "2026-11-21T12:00:00+24:00", "2026-11-21T12:00:00Z ", "-1795262400", "1795262400.",
		"1795262400s", "12345678901234567890",
	};
	int64_t ms = 42;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(isb_time_parse(bad[i], &ms), ISB_EFORMAT);
	assert_int_equal(isb_time_parse("0", &ms), ISB_ERANGE);
	assert_int_equal(isb_time_parse("253402300800", &ms), ISB_ERANGE);
	assert_int_equal(isb_time_parse("1969-12-31T23:59:59Z", &ms), ISB_ERANGE);
	assert_int_equal(ms, 42);
}

static void clocks_go_forward(void **state)
{
	(void)state;
	int64_t a = isb_monotonic_us(), b = isb_monotonic_us();
	assert_true(b >= a);
	assert_true(isb_clock_ms() > INT64_C(1700000000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spans_are_read_in_every_unit),
		cmocka_unit_test(what_is_no_span_is_refused_and_the_result_untouched),
		cmocka_unit_test(spans_print_for_people),
		cmocka_unit_test(times_print_in_utc),
		cmocka_unit_test(times_are_read_as_rfc_3339_or_seconds),
		cmocka_unit_test(what_is_no_time_is_refused),
		cmocka_unit_test(clocks_go_forward),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
