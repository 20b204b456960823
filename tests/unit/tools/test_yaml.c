/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/model/yaml.h"
#include "tools/printing.h"

/* What is printed for a document that is given as JSON. */
static void prints(const char *json, const char *yaml)
{
	struct isb_buf out = {0};
	json_error_t error;
	json_t *value = json_loads(json, JSON_DECODE_ANY, &error);
	assert_non_null(value);
	cli_yaml_print(&out, value);
	assert_string_equal(isb_buf_text(&out), yaml);
	isb_buf_done(&out);
	json_decref(value);
}

static void maps_and_lists_stand_in_lines_of_their_own(void **state)
{
	(void)state;
	prints("{\"a\": 1, \"b\": {\"c\": true, \"d\": {\"e\": null}}, \"f\": false}",
	       "a: 1\nb:\n  c: true\n  d:\n    e: null\nf: false\n");
	prints("[{\"a\": 1, \"b\": [\"x\", \"z\"]}, {\"c\": [{\"d\": 2}, [[\"e\"]]]}]",
	       "- a: 1\n  b:\n    - x\n    - z\n- c:\n    - d: 2\n    - - - e\n");
}

static void what_is_empty_is_said_to_be(void **state)
{
	(void)state;
	prints("{\"a\": {}, \"b\": [], \"c\": \"\", \"d\": [{}, [], \"\"]}", "a: {}\nb: []\nc: \"\"\nd:\n  - {}\n  - []\n  - \"\"\n");
	prints("{}", "{}\n");
	prints("[]", "[]\n");
}

static void numbers_stand_side_by_side_with_a_point_where_they_are_real(void **state)
{
	(void)state;
	prints("[37.57, -126.98, 0.1]", "[37.57, -126.98, 0.1]\n");
	prints("{\"k\": [1, 2], \"r\": 1.0, \"big\": 1e30, \"small\": -2.5e-7}",
	       "k: [1, 2]\nr: 1.0\nbig: 1.0e+30\nsmall: -2.5e-07\n");
	prints("9223372036854775807", "9223372036854775807\n");
}

static void a_string_that_could_be_something_else_is_quoted(void **state)
{
	static const char *const typed[] = {"no", "NO", "y", "Off", "true", "null", "12", "-1", "1e3", "0x1f", "0o7", "1_000", "1:30",
	                                    ".5", ".inf", "+1", "2026-11-21", "2026-11-21T12:00:00Z", "~", "-", "- a", "a: b", "a #b",
	                                    "#a", "*a", "&a", "!a", "?", "[a", "{a", "a,b", "=", "<<", " a", "a ", "@a", "`a", "'a'"};
	(void)state;
	for (size_t i = 0; i < sizeof(typed) / sizeof(typed[0]); i++) {
		struct isb_buf out = {0};
		json_t *text = json_string(typed[i]);
		cli_yaml_print(&out, text);
		assert_int_equal(out.data[0], '"');
		isb_buf_done(&out);
		json_decref(text);
	}
	prints("[\"asia/icn-1\", \"www.example.com\", \"up\", \"two words\"]",
	       "- asia/icn-1\n- www.example.com\n- up\n- two words\n");
	prints("{\"12\": \"say \\\"no\\\" \\\\ \\u0007\"}", "\"12\": \"say \\\"no\\\" \\\\ \\x07\"\n");
}

static void text_of_many_lines_is_a_block(void **state)
{
	(void)state;
	prints("{\"zones\": {\"text\": \"a\\nb\\n\", \"more\": \"  a\\nb\"}}",
	       "zones:\n  text: |\n    a\n    b\n  more: |2-\n      a\n    b\n");
	prints("[\"a\\nb\\n\"]", "- |\n  a\n  b\n");
}

/* --- Back --- */

static bool same(const struct isb_yaml *node, const json_t *value)
{
	if (json_is_string(value))
		return node->kind == ISB_YAML_SCALAR && strcmp(node->text, json_string_value(value)) == 0;
	if (json_is_array(value)) {
		bool equal = node->kind == ISB_YAML_LIST && node->count == json_array_size(value);
		for (size_t i = 0; equal && i < node->count; i++)
			equal = same(node->items[i], json_array_get(value, i));
		return equal;
	}
	bool equal = node->kind == ISB_YAML_MAP && node->count == json_object_size(value);
	for (size_t i = 0; equal && i < node->count; i++) {
		const json_t *inner = json_object_get(value, node->pairs[i].key);
		equal = inner && same(node->pairs[i].value, inner);
	}
	return equal;
}

static const char *any_text(unsigned *seed)
{
	static const char *const texts[] = {"", "a", "a b", "no", "a\nb", "\n", " \n", "a\n\n", "\t\n", "\"", "\\", ": ", "- ", "é", "a:",
	                                    "12", "{}", "# a", "|", "\u2028", "\x7f", "a\r\nb", "? a", "'"};
	*seed = *seed * 1103515245u + 12345u;
	return texts[(*seed >> 16) % (sizeof(texts) / sizeof(texts[0]))];
}

static json_t *any(unsigned *seed, unsigned depth)
{
	*seed = *seed * 1103515245u + 12345u;
	unsigned what = (*seed >> 16) % (depth ? 3 : 1), n = (*seed >> 20) % 4;
	if (what == 0)
		return json_string(any_text(seed));
	json_t *json = what == 1 ? json_array() : json_object();
	for (unsigned i = 0; i < n; i++) {
		if (what == 1)
			json_array_append_new(json, any(seed, depth - 1));
		else
			json_object_set_new(json, any_text(seed), any(seed, depth - 1));
	}
	return json;
}

static void whatever_is_printed_reads_back_as_it_was(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 5000; seed++) {
		unsigned from = seed;
		struct isb_arena arena = {0};
		struct isb_diags diags = {0};
		struct isb_buf out = {0};
		struct isb_yaml *root;
		json_t *value = json_pack("{s:o}", "top", any(&from, 4));
		cli_yaml_print(&out, value);
		int rc = isb_yaml_parse(&arena, "printed", isb_buf_text(&out), out.len, &diags, &root);
		if (rc != ISB_OK || !same(root, value))
			fail_msg("seed %u:\n%s", seed, isb_buf_text(&out));
		json_decref(value);
		isb_buf_done(&out);
		isb_diags_done(&diags);
		isb_arena_done(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps_and_lists_stand_in_lines_of_their_own),
		cmocka_unit_test(what_is_empty_is_said_to_be),
		cmocka_unit_test(numbers_stand_side_by_side_with_a_point_where_they_are_real),
		cmocka_unit_test(a_string_that_could_be_something_else_is_quoted),
		cmocka_unit_test(text_of_many_lines_is_a_block),
		cmocka_unit_test(whatever_is_printed_reads_back_as_it_was),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
