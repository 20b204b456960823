/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "isobar/base/err.h"
#include "isobar/model/json.h"

static const char *const health =
	"{ \"status\": {\"db\": \"ok\", \"queue\": 12.50, \"a.b\": 1, \"\": 2},\n"
	"  \"checks\": [ {\"state\": \"up\"}, {\"state\": \"d\\u006fwn\"}, [], 3 ],\t\"ready\": true, \"gone\": null,\n"
	"  \"text\": \"\\\"\\\\\\/\\b\\f\\n\\r\\t \\u00e9 \\ud83d\\ude00\", \"ready\": false, \"k\\u0065y\": -0.5e+2 }\n";

static int find(const char *text, const char *path, struct isb_json_value *value)
{
	return isb_json_find(text, strlen(text), path, strlen(path), value);
}

static bool is(const char *path, const char *expected)
{
	struct isb_json_value value;
	return find(health, path, &value) == ISB_OK && isb_json_is(&value, expected);
}

static void a_path_leads_to_its_value(void **state)
{
	struct isb_json_value value;
	(void)state;
	assert_true(is("status.db", "ok") && !is("status.db", "o") && !is("status.db", "okay") && !is("status.db", "\"ok\""));
	assert_true(is("status.queue", "12.5") && is("status.queue", "1.25e1") && !is("status.queue", "12") && !is("status.queue", "ok"));
	assert_true(is("checks.0.state", "up") && is("checks.1.state", "down") && is("checks.3", "3"));
	assert_true(is("ready", "true") && !is("ready", "false")); /* the first of the two */
	assert_true(is("gone", "null") && !is("gone", ""));
	assert_true(is("text", "\"\\/\b\f\n\r\t \xc3\xa9 \xf0\x9f\x98\x80"));
	assert_true(is("key", "-50"));
	assert_false(is("status", "") || is("checks.2", "[]"));
	assert_int_equal(find(health, "status", &value), ISB_OK);
	assert_int_equal(value.kind, ISB_JSON_MAP);
	for (size_t i = 0; i < 8; i++) {
		static const char *const missing[] = {"statu", "status.x", "status.a.b", "checks.4", "checks.00x", "checks.state",
		                                      "ready.x", "status.db.ok"};
		assert_int_equal(find(health, missing[i], &value), ISB_ENOTFOUND);
	}
}

static void what_is_no_json_is_none_to_its_very_end(void **state)
{
	static const char *const wrong[] = {
		"", " ", "{", "[", "[1,]", "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "01", "1.", "-", ".5", "1e", "+1", "tru", "nul", "\"a",
		"\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"a\nb\"", "1 2", "{} x", "[1 2]", "{\"a\":1]",
		"\"\\", "[\"a\\"};
	struct isb_json_value value = {.len = 7};
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (find(wrong[i], "a", &value) != ISB_EFORMAT)
			fail_msg("'%s' is taken for JSON", wrong[i]);
	for (size_t len = 0; len < strlen(health) - 2; len++) /* the last two are a blank and a line end */
		assert_int_equal(isb_json_find(health, len, "status.db", 9, &value), ISB_EFORMAT);
	assert_int_equal(value.len, 7);
	assert_int_equal(find("{\"a\": {\"b\": 1}} ]", "a.b", &value), ISB_EFORMAT);
}

static void nesting_is_bounded(void **state)
{
	static char text[70000];
	struct isb_json_value value;
	(void)state;
	memset(text, '[', sizeof(text));
	assert_int_equal(isb_json_find(text, sizeof(text), "a", 1, &value), ISB_EFORMAT);
	memset(text + ISB_JSON_DEPTH_MAX, ']', ISB_JSON_DEPTH_MAX);
	assert_int_equal(isb_json_find(text, 2 * ISB_JSON_DEPTH_MAX, "a", 1, &value), ISB_ENOTFOUND);
	memset(text + ISB_JSON_DEPTH_MAX, '[', 1);
	memset(text + ISB_JSON_DEPTH_MAX + 1, ']', ISB_JSON_DEPTH_MAX + 1);
	assert_int_equal(isb_json_find(text, 2 * ISB_JSON_DEPTH_MAX + 2, "a", 1, &value), ISB_EFORMAT);
}

static void numbers_are_read_and_nothing_else_is_one(void **state)
{
	struct isb_json_value value;
	double number = -1;
	char digits[101] = "";
	(void)state;
	assert_int_equal(find("{\"soft\": 87.5}", "soft", &value), ISB_OK);
	assert_true(isb_json_number(&value, &number) && number > 87.4 && number < 87.6);
	assert_int_equal(find("{\"soft\": \"87\"}", "soft", &value), ISB_OK);
	assert_false(isb_json_number(&value, &number));
	memset(digits, '1', sizeof(digits) - 1);
	assert_int_equal(find(digits, "", &value), ISB_OK);
	assert_false(isb_json_number(&value, &number));
}

static void paths_are_checked(void **state)
{
	(void)state;
	assert_true(isb_json_path_ok("a", 1) && isb_json_path_ok("a.b.0", 5) && isb_json_path_ok("a b", 3));
	assert_false(isb_json_path_ok("", 0) || isb_json_path_ok(".a", 2) || isb_json_path_ok("a.", 2) || isb_json_path_ok("a..b", 4) ||
	             isb_json_path_ok("a\n", 2));
	assert_int_equal(isb_json_path_length("a.b: c: d"), 3);
	assert_int_equal(isb_json_path_length("a:b"), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_leads_to_its_value),
		cmocka_unit_test(what_is_no_json_is_none_to_its_very_end),
		cmocka_unit_test(nesting_is_bounded),
		cmocka_unit_test(numbers_are_read_and_nothing_else_is_one),
		cmocka_unit_test(paths_are_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
