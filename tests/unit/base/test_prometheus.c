/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/prometheus.h"

static void a_family_is_said_once_and_its_samples_follow(void **state)
{
	struct isb_buf out = {0};
	(void)state;
	isb_prom_family(&out, "isobar_dns_queries_total", ISB_PROM_COUNTER, "Queries that came in.");
	isb_prom_count(&out, "isobar_dns_queries_total", ISB_PROM_LABELS({"transport", "udp"}, {"type", "A"}), UINT64_MAX);
	isb_prom_count(&out, "isobar_dns_queries_total", ISB_PROM_LABELS({"transport", "tcp"}, {"type", ""}), 0);
	isb_prom_family(&out, "isobar_dns_up", ISB_PROM_GAUGE, "One.");
	isb_prom_real(&out, "isobar_dns_up", NULL, 1);
	assert_string_equal(isb_buf_text(&out),
	                    "# HELP isobar_dns_queries_total Queries that came in.\n"
	                    "# TYPE isobar_dns_queries_total counter\n"
	                    "isobar_dns_queries_total{transport=\"udp\",type=\"A\"} 18446744073709551615\n"
	                    "isobar_dns_queries_total{transport=\"tcp\",type=\"\"} 0\n"
	                    "# HELP isobar_dns_up One.\n"
	                    "# TYPE isobar_dns_up gauge\n"
	                    "isobar_dns_up 1\n");
	isb_buf_done(&out);
}

static void what_would_end_a_line_or_a_label_is_escaped(void **state)
{
	struct isb_buf out = {0};
	(void)state;
	isb_prom_family(&out, "x", ISB_PROM_GAUGE, "a \"word\" with \\ and\na line");
	isb_prom_count(&out, "x", ISB_PROM_LABELS({"l", "a \"word\" with \\ and\na line"}), 1);
	assert_string_equal(isb_buf_text(&out), "# HELP x a \"word\" with \\\\ and\\na line\n"
	                                        "# TYPE x gauge\n"
	                                        "x{l=\"a \\\"word\\\" with \\\\ and\\na line\"} 1\n");
	isb_buf_done(&out);
}

static void what_is_no_utf8_is_replaced_and_what_is_stays(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"S\xc3\xa3o \xe2\x82\xac \xf0\x9f\x8c\x8d", "S\xc3\xa3o \xe2\x82\xac \xf0\x9f\x8c\x8d"},
		{"\xff", "\xef\xbf\xbd"},
		{"a\x80", "a\xef\xbf\xbd"},
		{"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},                     /* not the shortest form */
		{"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},     /* a surrogate */
		{"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* beyond U+10FFFF */
		{"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"},                     /* ends in the middle */
		{"\xe2\n\x82", "\xef\xbf\xbd\\n\xef\xbf\xbd"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct isb_buf out = {0}, expected = {0};
		isb_prom_count(&out, "x", ISB_PROM_LABELS({"l", cases[i].in}), 1);
		isb_buf_printf(&expected, "x{l=\"%s\"} 1\n", cases[i].out);
		assert_string_equal(isb_buf_text(&out), isb_buf_text(&expected));
		isb_buf_done(&out);
		isb_buf_done(&expected);
	}
}

static void numbers_read_back_as_they_were(void **state)
{
	static const struct {
		double value;
		const char *text;
	} cases[] = {{0, "x 0\n"},         {0.1, "x 0.1\n"},      {1e-6, "x 1e-06\n"},  {2.5e-05, "x 2.5e-05\n"},
	             {NAN, "x NaN\n"},     {INFINITY, "x +Inf\n"}, {-INFINITY, "x -Inf\n"}, {1763761679.25, "x 1763761679.25\n"}};
	static const double odd[] = {1.0 / 3, 2.0 / 3, 0.1 + 0.2, 5e-324, 1.7976931348623157e308};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct isb_buf out = {0};
		isb_prom_real(&out, "x", NULL, cases[i].value);
		assert_string_equal(isb_buf_text(&out), cases[i].text);
		isb_buf_done(&out);
	}
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct isb_buf out = {0};
		isb_prom_real(&out, "x", NULL, odd[i]);
		assert_true(strtod(isb_buf_text(&out) + 2, NULL) == odd[i]);
		isb_buf_done(&out);
	}
}

static void a_histogram_ends_with_infinity_sum_and_count(void **state)
{
	static const double bound[] = {0.00001, 0.001, 1};
	static const uint64_t cumulative[] = {3, 7, 9};
	const struct isb_prom_histogram h = {.bound = bound, .cumulative = cumulative, .n = 3, .count = 10, .sum = 12.5};
	struct isb_buf out = {0};
	(void)state;
	isb_prom_histogram(&out, "x_seconds", ISB_PROM_LABELS({"transport", "udp"}), &h);
	isb_prom_histogram(&out, "y", NULL, &(struct isb_prom_histogram){.count = 0});
	assert_string_equal(isb_buf_text(&out), "x_seconds_bucket{transport=\"udp\",le=\"1e-05\"} 3\n"
	                                        "x_seconds_bucket{transport=\"udp\",le=\"0.001\"} 7\n"
	                                        "x_seconds_bucket{transport=\"udp\",le=\"1\"} 9\n"
	                                        "x_seconds_bucket{transport=\"udp\",le=\"+Inf\"} 10\n"
	                                        "x_seconds_sum{transport=\"udp\"} 12.5\n"
	                                        "x_seconds_count{transport=\"udp\"} 10\n"
	                                        "y_bucket{le=\"+Inf\"} 0\n"
	                                        "y_sum 0\n"
	                                        "y_count 0\n");
	isb_buf_done(&out);
}

static void a_family_of_one_sample_is_one_call(void **state)
{
	struct isb_buf out = {0};
	(void)state;
	isb_prom_total(&out, "x_total", "So many.", 3);
	isb_prom_gauge(&out, "y", "So much.", 0.5);
	isb_prom_program(&out, "isobard", 1500);
	assert_string_equal(isb_buf_text(&out),
	                    "# HELP x_total So many.\n# TYPE x_total counter\nx_total 3\n"
	                    "# HELP y So much.\n# TYPE y gauge\ny 0.5\n"
	                    "# HELP process_start_time_seconds When the process began, in seconds since 1970.\n"
	                    "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds 1.5\n"
	                    "# HELP isobar_build_info 1 beside the program and its version.\n"
	                    "# TYPE isobar_build_info gauge\n"
	                    "isobar_build_info{program=\"isobard\",version=\"" ISB_VERSION "\"} 1\n");
	isb_buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_family_is_said_once_and_its_samples_follow),
		cmocka_unit_test(what_would_end_a_line_or_a_label_is_escaped),
		cmocka_unit_test(what_is_no_utf8_is_replaced_and_what_is_stays),
		cmocka_unit_test(numbers_read_back_as_they_were),
		cmocka_unit_test(a_histogram_ends_with_infinity_sum_and_count),
		cmocka_unit_test(a_family_of_one_sample_is_one_call),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
