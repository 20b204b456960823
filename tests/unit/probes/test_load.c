/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/buf.h"
#include "probes/load.h"

static char why[ISB_REPLY_WHY];

/* The load that the page says, -1: none, and then `why`. It comes in pieces of `piece` octets. */
static int told_in(const struct isb_spec_load *from, const char *page, size_t len, size_t piece, bool cut)
{
	struct isb_load load;
	struct isb_outcome o = {0};
	struct isb_reply reply = {.body = page, .body_len = len, .cut = cut};
	*why = '\0';
	isb_load_init(&load, from);
	for (size_t at = 0; at < len; at += piece)
		isb_load_read(&load, page + at, len - at < piece ? len - at : piece);
	assert_in_range(load.line.cap, 0, 2 * ISB_LOAD_LINE_MAX);
	isb_load_tell(&load, &reply, &o, why);
	isb_load_done(&load);
	return o.has_load ? o.load : -1;
}

static int told(const struct isb_spec_load *from, const char *page)
{
	int load = told_in(from, page, strlen(page), 1, false);
	for (size_t piece = 2; piece < 80; piece += 7)
		assert_int_equal(told_in(from, page, strlen(page), piece, false), load);
	return load;
}

static void assert_why(const struct isb_spec_load *from, const char *page, const char *reason)
{
	assert_int_equal(told(from, page), -1);
	assert_string_equal(why, reason);
}

#define TEXT(text) ((char *)(uintptr_t)(text))

/* --- HAProxy --- */

#define TITLES "# pxname,svname,qcur,qmax,scur,smax,slim,stot,\n"
static struct isb_spec_load haproxy = {.format = ISB_LOAD_HAPROXY, .proxy = TEXT("web"), .server = TEXT("BACKEND"),
                                       .field = TEXT("scur"), .capacity = 1000};

static void haproxy_rows_are_found_by_proxy_and_server(void **state)
{
	static const char page[] = TITLES "stats,BACKEND,0,0,9,0,200,0,\nweb,a,0,0,7,8,100,0,\r\n\nweb,BACKEND,3,0,250,0,500,0,\n"
		"web,BACKEND,0,0,999,0,500,0,\n\"a \"\"b\"\", c\",FRONTEND,0,0,40,0,100,0";
	struct isb_spec_load from = haproxy;
	(void)state;
	assert_int_equal(told(&from, page), 250); /* the first of the name */
	from.capacity = 0;
	assert_int_equal(told(&from, page), 500); /* its own limit */
	from.server = TEXT("a");
	assert_int_equal(told(&from, page), 70);
	from.proxy = TEXT("a \"b\", c");
	from.server = TEXT("FRONTEND");
	assert_int_equal(told(&from, page), 400); /* the last line has no end */
	assert_int_equal(told_in(&from, page, sizeof(page) - 1, 100, true), -1); /* and may have been going to be longer */
	assert_string_equal(why, "no load: no row a \"b\", c/FRONTEND in what was read");
	from = haproxy;
	from.field = TEXT("qcur");
	from.capacity = 6;
	assert_int_equal(told(&from, page), 500);
	from.capacity = 0; /* the catalog refuses that; slim is no limit of queues */
	assert_why(&from, page, "no load: the row has no limit (slim); give the check a load.capacity");
}

static void haproxy_pages_that_do_not_say_it_have_a_reason(void **state)
{
	struct isb_spec_load from = haproxy;
	(void)state;
	assert_why(&from, "", "no load: the page does not begin with '# pxname,svname,'; HAProxy's CSV is at a path that ends in ';csv'");
	assert_why(&from, "<html>\n" TITLES "web,BACKEND,3,0,250,0,500,0,\n",
	           "no load: the page does not begin with '# pxname,svname,'; HAProxy's CSV is at a path that ends in ';csv'");
	assert_why(&from, "# svname,pxname,scur,\nweb,BACKEND,1\n",
	           "no load: the page does not begin with '# pxname,svname,'; HAProxy's CSV is at a path that ends in ';csv'");
	assert_why(&from, "# pxname,svname,qcur,\nweb,BACKEND,1,\n", "no load: there is no column 'scur'");
	assert_why(&from, TITLES, "no load: no row web/BACKEND");
	assert_why(&from, TITLES "web,\"BACKEND,0,0,1,\nweb,\"BACKEND\"x,0,0,1,\n\"we\"\"b,BACKEND,0,0,1,\nweb,BACKENDS,0,0,1,\n,,,\n\"\n",
	           "no load: no row web/BACKEND");
	assert_int_equal(told(&from, TITLES "\"web\",\"BACKEND\",0,0,\"100\",0,\n"), 100);
	static const char *const numbers[] = {"", "-1", "NaN", "inf", "1 ", " 1", "0x10", "1e999", "1,5", "\"1", "--1", "1.2.3", "e"};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		char page[200];
		snprintf(page, sizeof(page), TITLES "web,BACKEND,0,0,%s,0,500,\nweb,BACKEND,0,0,1,0,500,\n", numbers[i]);
		int load = told(&from, page);
		assert_int_equal(load, strcmp(numbers[i], "1,5") == 0 ? 1 : -1);
		if (load < 0)
			assert_string_equal(why, "no load: 'scur' of web/BACKEND is no number");
	}
	from.capacity = 0;
	assert_why(&from, TITLES "web,BACKEND,0,0,5,0,,0,\n", "no load: the row has no limit (slim); give the check a load.capacity");
	assert_why(&from, TITLES "web,BACKEND,0,0,5,0,0,0,\n", "no load: the row has no limit (slim); give the check a load.capacity");
	assert_why(&from, TITLES "web,BACKEND,0,0,5\n", "no load: the row has no limit (slim); give the check a load.capacity");
}

static void load_is_per_mille_of_the_capacity_and_bounded(void **state)
{
	static const struct {
		const char *value;
		int load;
	} rows[] = {{"0", 0}, {"1", 1}, {"0.4", 0}, {"0.5", 1}, {"999.4", 999}, {"1000", 1000}, {"1500", 1500}, {"4094.6", 4095},
	            {"4095", 4095}, {"4096", 4095}, {"1e300", 4095}, {"18446744073709551616", 4095}};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char page[200];
		snprintf(page, sizeof(page), TITLES "web,BACKEND,0,0,%s,0,500,\n", rows[i].value);
		assert_int_equal(told(&haproxy, page), rows[i].load);
	}
}

/* --- Long pages --- */

static void lines_that_are_too_long_are_passed_over_and_cost_no_memory(void **state)
{
	struct isb_buf page = {0};
	(void)state;
	isb_buf_puts(&page, TITLES "web,BACKEND,0,0,1,");
	while (page.len < 4 * ISB_LOAD_LINE_MAX)
		isb_buf_puts(&page, "9,");
	isb_buf_puts(&page, "\nweb,BACKEND,0,0,5,0,0,\n");
	for (size_t piece = 1000; piece < 40000; piece += 9001)
		assert_int_equal(told_in(&haproxy, page.data, page.len, piece, false), 5);
	for (size_t i = sizeof(TITLES) - 1; i < page.len; i++) /* a line without end */
		page.data[i] = 'w';
	assert_int_equal(told_in(&haproxy, page.data, page.len, 4096, false), -1);
	assert_string_equal(why, "no load: no row web/BACKEND");
	for (size_t i = 0; i < page.len; i++)
		page.data[i] = '#';
	assert_int_equal(told_in(&haproxy, page.data, page.len, 4096, true), -1);
	assert_string_equal(why, "no load: the page does not begin with a line of titles");
	isb_buf_done(&page);
}

static void more_than_a_body_is_wanted_only_of_long_formats_until_the_value_came(void **state)
{
	struct isb_spec_load formats[] = {{.format = ISB_LOAD_NONE}, {.format = ISB_LOAD_JSON, .path = TEXT("a")},
	                                  {.format = ISB_LOAD_NGINX}, haproxy};
	struct isb_load load;
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		isb_load_init(&load, &formats[i]);
		isb_load_read(&load, TITLES, sizeof(TITLES) - 1);
		assert_int_equal(isb_load_wants(&load), i < 3 ? ISB_BODY_MAX : ISB_LOAD_PAGE_MAX);
		if (i < 3)
			isb_load_done(&load);
	}
	isb_load_read(&load, "web,BACKEND,0,0,1,\n", 19);
	assert_int_equal(isb_load_wants(&load), ISB_BODY_MAX);
	isb_load_done(&load);
}

/* --- nginx --- */

static void nginx_tells_its_active_connections(void **state)
{
	static const struct isb_spec_load from = {.format = ISB_LOAD_NGINX, .capacity = 512};
	(void)state;
	assert_int_equal(told(&from, "Active connections: 256 \nserver accepts handled requests\n 16 16 31 \nReading: 6\n"), 500);
	assert_int_equal(told(&from, "Active connections: 1\r\n"), 2);
	assert_why(&from, "Active connections: -3 \n", "no load: 'Active connections' is no number");
	assert_why(&from, "Active connections: 3 4\n", "no load: 'Active connections' is no number");
	assert_why(&from, "<html>Active connections: 3\n", "no load: no line 'Active connections: N'");
}

/* --- Prometheus --- */

static struct isb_spec_load node_load = {.format = ISB_LOAD_PROMETHEUS, .metric = TEXT("node_load1"), .capacity = 8};

static void prometheus_series_are_found_by_name(void **state)
{
	(void)state;
	assert_int_equal(told(&node_load, "# HELP node_load1 1m load average.\n# TYPE node_load1 gauge\nnode_load1 0.21\n"), 26);
	assert_int_equal(told(&node_load, "node_load15 1\nnode_load 2\nxnode_load1 3\n \t node_load1 \t 4 \t 1395066363000\nnode_load1 8\n"),
	                 500);
	assert_int_equal(told(&node_load, "node_load1{} 4e0"), 500);
	assert_int_equal(told(&node_load, "node_load1{a=\"b\", c=\"}\",} 4\n"), 500);
	assert_why(&node_load, "#node_load1 3\n# node_load1 4\n\n", "no load: no series of node_load1");
	static const char *const values[] = {"NaN", "+Inf", "-Inf", "-0.5", "x", "1x", "", "{", "0x1p3"};
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		char page[100];
		snprintf(page, sizeof(page), "node_load1{a=\"b\"} %s\nnode_load1 1\n", values[i]);
		assert_why(&node_load, page, "no load: node_load1 is no finite number from 0 on");
	}
}

static void prometheus_labels_must_all_be_there(void **state)
{
	char *labels[] = {TEXT("mode: a\"b\\c\nd"), TEXT("cpu: 0")};
	struct isb_spec_load from = node_load;
	(void)state;
	from.labels = (struct isb_texts){labels, 2};
	assert_int_equal(told(&from, "node_load1 1\nnode_load1{cpu=\"0\"} 1\nnode_load1{cpu=\"00\",mode=\"a\\\"b\\\\c\\nd\"} 1\n"
	                             "node_load1{cpu=\"0\",mode=\"a\\\"b\\\\c\\n\"} 1\nnode_load1{cpu=\"0\",modes=\"a\\\"b\\\\c\\nd\"} 1\n"
	                             "node_load1{ x = \"y\" , mode = \"a\\\"b\\\\c\\nd\" , cpu = \"0\" , }2\n"), 250);
	static const char *const broken[] = {"{cpu=\"0\",mode=\"a\\\"b\\\\c\\nd\"", "{cpu=\"0\",mode=\"a\\\"b\\\\c\\nd} 1",
		"{cpu=\"0\",mode=a} 1", "{cpu=\"0\" mode=\"a\\\"b\\\\c\\nd\"} 1", "{\"cpu\"=\"0\"} 1", "{,} 1", "{cpu=\"0\\", "{", "{cpu", "{cpu="};
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		char page[100];
		snprintf(page, sizeof(page), "node_load1%s", broken[i]);
		assert_why(&from, page, "no load: no series of node_load1 with these labels");
	}
}

/* --- JSON --- */

static void json_numbers_are_found_by_path(void **state)
{
	static const struct isb_spec_load from = {.format = ISB_LOAD_JSON, .path = TEXT("load.now"), .capacity = 100};
	(void)state;
	assert_int_equal(told(&from, "{\"load\": {\"now\": 37.5}}"), 375);
	static const char *const bodies[] = {"{\"load\": {\"now\": \"37\"}}", "{\"load\": {\"now\": -1}}", "{\"load\": {\"now\": 1e999}}", "{}"};
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		assert_why(&from, bodies[i], "no load: no number from 0 on at 'load.now'");
	assert_why(&from, "load", "no load: the body is no JSON, or nested too deep");
	assert_int_equal(told_in(&from, "{", 1, 1, true), -1);
	assert_string_equal(why, "no load: the body is longer than 64 KiB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(haproxy_rows_are_found_by_proxy_and_server),
		cmocka_unit_test(haproxy_pages_that_do_not_say_it_have_a_reason),
		cmocka_unit_test(load_is_per_mille_of_the_capacity_and_bounded),
		cmocka_unit_test(lines_that_are_too_long_are_passed_over_and_cost_no_memory),
		cmocka_unit_test(more_than_a_body_is_wanted_only_of_long_formats_until_the_value_came),
		cmocka_unit_test(nginx_tells_its_active_connections),
		cmocka_unit_test(prometheus_series_are_found_by_name),
		cmocka_unit_test(prometheus_labels_must_all_be_there),
		cmocka_unit_test(json_numbers_are_found_by_path),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
