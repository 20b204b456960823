/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/model/dname.h"

/* A string literal is one root octet (its NUL) short of being a name. */
#define WIRE(text) ((const uint8_t *)(text))

static const uint8_t *parsed(const char *text, uint8_t out[ISB_DNAME_MAX])
{
	assert_true(isb_dname_parse(text, NULL, out) > 0);
	return out;
}

static void only_whole_uncompressed_names_pass_the_check(void **state)
{
	(void)state;
	assert_int_equal(isb_dname_check(WIRE("\3www\7example\3com"), 17), 17);
	assert_int_equal(isb_dname_check(WIRE("\3www\7example\3com\0rest"), 21), 17);
	assert_int_equal(isb_dname_check(WIRE(""), 1), 1);
	assert_int_equal(isb_dname_check(WIRE(""), 0), ISB_EFORMAT);
	assert_int_equal(isb_dname_check(WIRE("\3www"), 4), ISB_EFORMAT);
	assert_int_equal(isb_dname_check(WIRE("\3ww"), 3), ISB_EFORMAT);
	assert_int_equal(isb_dname_check(WIRE("\xc0\x0c"), 3), ISB_EFORMAT);
	assert_int_equal(isb_dname_check(WIRE("\100"), 70), ISB_EFORMAT);
}

static void names_end_at_255_octets(void **state)
{
	(void)state;
	uint8_t name[300] = {0};
	for (size_t i = 0; i < 254; i += 2) {
		name[i] = 1;
		name[i + 1] = 'a';
	}
	assert_int_equal(isb_dname_check(name, sizeof(name)), 255);
	assert_int_equal(isb_dname_labels(name), ISB_LABELS_MAX);
	const uint8_t *label[ISB_LABELS_MAX];
	assert_int_equal(isb_dname_split(name, label), ISB_LABELS_MAX);
	assert_ptr_equal(label[0], name + 252);
	assert_ptr_equal(label[ISB_LABELS_MAX - 1], name);
	name[254] = 1;
	assert_int_equal(isb_dname_check(name, sizeof(name)), ISB_EFORMAT);
}

static void relative_names_are_completed_with_the_origin(void **state)
{
	(void)state;
	uint8_t origin[ISB_DNAME_MAX], out[ISB_DNAME_MAX];
	parsed("Example.com.", origin);
	assert_int_equal(isb_dname_parse("www", origin, out), 17);
	assert_memory_equal(out, "\3www\7Example\3com", 17);
	assert_int_equal(isb_dname_parse("@", origin, out), 13);
	assert_memory_equal(out, origin, 13);
	assert_int_equal(isb_dname_parse("www.", origin, out), 5);
	assert_int_equal(isb_dname_parse(".", origin, out), 1);
	assert_int_equal(isb_dname_parse("a.b", NULL, out), 5);
	assert_memory_equal(out, "\1a\1b", 5);
	/* in place: origin and out may be the same memory */
	assert_int_equal(isb_dname_parse("www", origin, origin), 17);
	assert_memory_equal(origin, "\3www\7Example\3com", 17);
}

static void escapes_give_the_octets_they_name(void **state)
{
	(void)state;
	uint8_t out[ISB_DNAME_MAX];
	char text[ISB_DNAME_TEXT];
	parsed("a\\.b\\000\\255\\ c\\@.x", out);
	assert_memory_equal(out, "\010a.b\0\377 c@\1x", 12);
	assert_string_equal(isb_dname_print(out, text), "a\\.b\\000\\255\\032c\\@.x.");
	assert_string_equal(isb_dname_print(parsed("\\$ORIGIN.\\;\\\"\\(\\)\\\\", out), text),
	                    "\\$ORIGIN.\\;\\\"\\(\\)\\\\.");
}

static void malformed_text_is_refused_and_leaves_out_alone(void **state)
{
	(void)state;
	static const char *const bad[] = {"",     "a\\", "a\\25", "a\\256", "a\\2x5", "a b",
	                                  "a\tb", "a;b", "(a",    "a)",     "\"a\"",  "a\x7f"};
	static const char *const range[] = {"..", ".a", "a..b", "a.."};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint8_t out[ISB_DNAME_MAX] = {42};
		assert_int_equal(isb_dname_parse(bad[i], NULL, out), ISB_EFORMAT);
		assert_int_equal(out[0], 42);
	}
	for (size_t i = 0; i < sizeof(range) / sizeof(range[0]); i++) {
		uint8_t out[ISB_DNAME_MAX] = {42};
		assert_int_equal(isb_dname_parse(range[i], NULL, out), ISB_ERANGE);
		assert_int_equal(out[0], 42);
	}
}

static void labels_have_63_octets_and_names_255(void **state)
{
	(void)state;
	uint8_t out[ISB_DNAME_MAX], origin[ISB_DNAME_MAX];
	char text[400];
	memset(text, 'a', sizeof(text));
	text[63] = '\0';
	assert_int_equal(isb_dname_parse(text, NULL, out), 65);
	text[63] = 'a';
	text[64] = '\0';
	assert_int_equal(isb_dname_parse(text, NULL, out), ISB_ERANGE);
	/* 3 x 64 + 62 + root = 255 */
	memset(text, 'a', sizeof(text));
	text[63] = text[127] = text[191] = '.';
	text[253] = '\0';
	assert_int_equal(isb_dname_parse(text, NULL, out), 255);
	assert_int_equal(isb_dname_check(out, 255), 255);
	text[253] = 'a';
	text[254] = '\0';
	assert_int_equal(isb_dname_parse(text, NULL, out), ISB_ERANGE);
	text[253] = '.';
	assert_int_equal(isb_dname_parse(text, NULL, out), 255);
	text[253] = '\0';
	assert_int_equal(isb_dname_parse(text, parsed("b.", origin), out), ISB_ERANGE);
	for (size_t i = 0; i < 380; i += 2)
		memcpy(text + i, "a.", 2);
	text[380] = '\0';
	assert_int_equal(isb_dname_parse(text, NULL, out), ISB_ERANGE);
}

static void the_longest_name_prints_into_the_buffer_and_reads_back(void **state)
{
	(void)state;
	uint8_t name[ISB_DNAME_MAX] = {0}, again[ISB_DNAME_MAX];
	char text[ISB_DNAME_TEXT];
	for (size_t i = 0; i < 254; i += 64) {
		name[i] = i < 192 ? 63 : 61;
		memset(name + i + 1, 0xff, name[i]);
	}
	assert_int_equal(isb_dname_check(name, sizeof(name)), 255);
	isb_dname_print(name, text);
	assert_int_equal(strlen(text), 4 * 250 + 4);
	assert_int_equal(isb_dname_parse(text, NULL, again), 255);
	assert_memory_equal(name, again, 255);
}

static void names_print_with_and_without_the_final_dot(void **state)
{
	(void)state;
	char text[ISB_DNAME_TEXT];
	assert_string_equal(isb_dname_print(WIRE("\3www\2EU"), text), "www.EU.");
	assert_string_equal(isb_dname_print_bare(WIRE("\3www\2EU"), text), "www.EU");
	assert_string_equal(isb_dname_print(WIRE(""), text), ".");
	assert_string_equal(isb_dname_print_bare(WIRE(""), text), ".");
}

static void comparing_ignores_the_case_of_ascii_letters_only(void **state)
{
	(void)state;
	assert_true(isb_dname_equal(WIRE("\3wWw\2eu"), WIRE("\3WwW\2EU")));
	assert_false(isb_dname_equal(WIRE("\3www\2eu"), WIRE("\3www")));
	assert_false(isb_dname_equal(WIRE("\3www"), WIRE("\3www\2eu")));
	assert_false(isb_dname_equal(WIRE("\1["), WIRE("\1{")));
	assert_false(isb_dname_equal(WIRE("\1\xc4"), WIRE("\1\xe4")));
	uint8_t low[ISB_DNAME_MAX];
	assert_int_equal(isb_dname_lower(WIRE("\4WWW[\2Eu"), low), 9);
	assert_memory_equal(low, "\4www[\2eu", 9);
}

static void a_name_is_under_its_ancestors_and_itself(void **state)
{
	(void)state;
	const uint8_t *www = WIRE("\3www\7example\3com");
	assert_true(isb_dname_under(www, WIRE("\7EXAMPLE\3com")));
	assert_true(isb_dname_under(www, www));
	assert_true(isb_dname_under(www, WIRE("")));
	assert_false(isb_dname_under(WIRE("\7example\3com"), www));
	assert_false(isb_dname_under(WIRE("\012notexample\3com"), WIRE("\7example\3com")));
	assert_ptr_equal(isb_dname_up(www, 1), www + 4);
	assert_ptr_equal(isb_dname_up(www, 3), www + 16);
	assert_ptr_equal(isb_dname_up(www, 9), www + 16);
}

static void the_canonical_order_is_that_of_rfc_4034(void **state)
{
	(void)state;
	static const char *const sorted[] = {".",
	                                     "example.",
	                                     "a.example.",
	                                     "yljkjljk.a.example.",
	                                     "Z.a.example.",
	                                     "zABC.a.EXAMPLE.",
	                                     "z.example.",
	                                     "\\001.z.example.",
	                                     "*.z.example.",
	                                     "\\200.z.example."};
	size_t count = sizeof(sorted) / sizeof(sorted[0]);
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < count; j++) {
			uint8_t a[ISB_DNAME_MAX], b[ISB_DNAME_MAX];
			int order = isb_dname_compare(parsed(sorted[i], a), parsed(sorted[j], b));
			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
		}
	}
	uint8_t a[ISB_DNAME_MAX], b[ISB_DNAME_MAX];
	assert_int_equal(isb_dname_compare(parsed("WWW.Example.", a), parsed("www.eXample.", b)), 0);
	/* the absence of an octet sorts before a zero octet */
	assert_true(isb_dname_compare(parsed("a.", a), parsed("a\\000.", b)) < 0);
}

static void only_a_whole_asterisk_label_is_a_wildcard(void **state)
{
	(void)state;
	assert_true(isb_dname_is_wild(WIRE("\1*\2eu")));
	assert_false(isb_dname_is_wild(WIRE("\2*a\2eu")));
	assert_false(isb_dname_is_wild(WIRE("\1a\1*")));
	assert_false(isb_dname_is_wild(WIRE("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_whole_uncompressed_names_pass_the_check),
		cmocka_unit_test(names_end_at_255_octets),
		cmocka_unit_test(relative_names_are_completed_with_the_origin),
		cmocka_unit_test(escapes_give_the_octets_they_name),
		cmocka_unit_test(malformed_text_is_refused_and_leaves_out_alone),
		cmocka_unit_test(labels_have_63_octets_and_names_255),
		cmocka_unit_test(the_longest_name_prints_into_the_buffer_and_reads_back),
		cmocka_unit_test(names_print_with_and_without_the_final_dot),
		cmocka_unit_test(comparing_ignores_the_case_of_ascii_letters_only),
		cmocka_unit_test(a_name_is_under_its_ancestors_and_itself),
		cmocka_unit_test(the_canonical_order_is_that_of_rfc_4034),
		cmocka_unit_test(only_a_whole_asterisk_label_is_a_wildcard),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
