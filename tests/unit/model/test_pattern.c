/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/base/rng.h"
#include "isobar/model/pattern.h"

static bool finds(const char *pattern, const char *text)
{
	char why[ISB_PATTERN_WHY];
	if (isb_pattern_check(pattern, why) != ISB_OK)
		fail_msg("'%s': %s", pattern, why);
	return isb_pattern_search(pattern, text, strlen(text));
}

static void every_construct_means_what_the_header_says(void **state)
{
	static const struct {
		const char *pattern, *yes, *no;
	} rows[] = {
		{"", "anything", NULL},
		{"ok", "it is ok.", "o k"},
		{"^ok$", "no\nok\nno", "not ok"},
		{"^ok", "a\nok", "a ok"},
		{"ok$", "ok\nmore", "ok more"},
		{"^$", "a\n\nb", "a\nb"},
		{"o.k", "o-k", "o\nk"},
		{"a|bc|d", "xbcx", "xbx"},
		{"(a|b)c", "bc", "b"},
		{"(?:ab)+c", "ababc", "ac"},
		{"ab?c", "ac", "abbc"},
		{"ab*c", "abbbc", "adc"},
		{"a{3}", "baaab", "aabaa"},
		{"^a{2,3}$", "aaa", "aaaa"},
		{"^a{2,}$", "aaaaa", "a"},
		{"^(ab){0}c$", "c", "abc"},
		{"^a*?b+?$", "aabb", "aa"},
		{"[abc-]x", "-x", "dx"},
		{"[^abc]x", "dx", "\nx"},
		{"[]x]y", "]y", "[y"},
		{"[\\d\\x2e]+%", "98.6%", "x%"},
		{"\\d{3}", "a 204 b", "a 20 4"},
		{"^\\w+$", "a_9", "a-9"},
		{"a\\sb", "a\tb", "ab"},
		{"^\\D+$", "ab", "a1b"},
		{"\\.\\*\\\\", ".*\\", "a*\\"},
		{"\\x41\\t", "A\t", "A t"},
		{"(?i)healthy", "HeALthY", "healty"},
		{"(?i)[a-f]1", "D1", "G1"},
		{"a\\nb", "a\nb", "a b"},
		{"a$\\n^b", "a\nb", "a\n\nb"},
		{"\xc3\xa9+", "caf\xc3\xa9", "cafe"},
		{"(a|b|)+c$", "abac", "abad"},
		{"(^){2}^a$$", "a", "ba"},
		{"^(a?$\\n?^)+b", "a\na\nb", "a\nab"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!finds(rows[i].pattern, rows[i].yes))
			fail_msg("'%s' should be found in '%s'", rows[i].pattern, rows[i].yes);
		if (rows[i].no && finds(rows[i].pattern, rows[i].no))
			fail_msg("'%s' should not be found in '%s'", rows[i].pattern, rows[i].no);
	}
	assert_true(isb_pattern_search("a\\x00b", "a\0b", 3));
}

static void what_is_no_pattern_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *pattern, *why;
	} rows[] = {
		{"a(b", "'(' without its ')' at 2; write ')' behind it, or '\\('"},
		{"a)b", "')' without its '(' at 2; write '(' before it, or '\\)'"},
		{"x[a-", "'[' without its ']' at 2; write ']' behind it, or '\\['"},
		{"[z-a]", "range that ends before it begins at 5; write its smaller end first"},
		{"*a", "nothing to repeat at 1; write \\ before it, or what it repeats"},
		{"a**", "nothing to repeat at 3; write \\ before it, or what it repeats"},
		{"a{2", "repetition that is none at 2; write {2}, {2,} or {2,5}, to 255; or '\\{'"},
		{"a{3,2}", "repetition that is none at 2; write {2}, {2,} or {2,5}, to 255; or '\\{'"},
		{"a{999}", "repetition that is none at 2; write {2}, {2,} or {2,5}, to 255; or '\\{'"},
		{"a{,2}", "repetition that is none at 2; write {2}, {2,} or {2,5}, to 255; or '\\{'"},
		{"\\bword", "unknown escape at 1; write \\d, \\w, \\s, \\n, \\r, \\t, \\xHH, or \\ before punctuation"},
		{"(a)\\1", "unknown escape at 4; write \\d, \\w, \\s, \\n, \\r, \\t, \\xHH, or \\ before punctuation"},
		{"a\\", "unknown escape at 2; write \\d, \\w, \\s, \\n, \\r, \\t, \\xHH, or \\ before punctuation"},
		{"(?=a)", "group of a kind that is not known at 1; write (...) or (?:...)"},
		{"(a{200}){2}", "too large at 3; write a shorter one, or smaller repetitions"},
		{"((((){255}){255}){255}){255}", "too large at 4; write a shorter one, or smaller repetitions"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char why[ISB_PATTERN_WHY];
		assert_int_equal(isb_pattern_check(rows[i].pattern, why), ISB_EFORMAT);
		assert_string_equal(why, rows[i].why);
		assert_false(isb_pattern_search(rows[i].pattern, "ab", 2));
	}
	char deep[200] = "", why[ISB_PATTERN_WHY];
	memset(deep, '(', sizeof(deep) - 1);
	assert_int_equal(isb_pattern_check(deep, why), ISB_EFORMAT);
	assert_string_equal(why, "nested too deep at 33; write at most 32 groups in one another");
}

/* --- The same as the C library's own, on patterns that both read --- */

enum { DEPTH = 2 };

static void add(char *out, size_t size, const char *text)
{
	strncat(out, text, size - strlen(out) - 1);
}

static void make_pattern(struct isb_rng *rng, unsigned depth, char *out, size_t size)
{
	static const char *const atoms[] = {"a", "b", "c", ".", "[ab]", "[^a]", "^", "$"};
	static const char *const repeats[] = {"", "", "", "*", "+", "?", "{2}", "{1,3}", "{2,}"};
	unsigned pieces = 1 + (unsigned)isb_rng_below(rng, 3);
	for (unsigned i = 0; i < pieces; i++) {
		bool edge = false; /* not inside of what is repeated: there glibc 2.36 takes "c" for ([^a]$){2} */
		if (depth && isb_rng_below(rng, 3) == 0) {
			add(out, size, "(");
			make_pattern(rng, depth - 1, out, size);
			if (isb_rng_below(rng, 2)) {
				add(out, size, "|");
				make_pattern(rng, depth - 1, out, size);
			}
			add(out, size, ")");
		} else {
			size_t which = isb_rng_below(rng, depth == DEPTH ? 8 : 6);
			edge = which >= 6;
			add(out, size, atoms[which]);
		}
		if (!edge)
			add(out, size, repeats[isb_rng_below(rng, 9)]);
	}
}

static void it_finds_what_regexec_finds(void **state)
{
	enum { ROUNDS = 20000 };
	struct isb_rng rng;
	unsigned found = 0, compared = 0;
	(void)state;
	isb_rng_seed(&rng, 6);
	for (unsigned i = 0; i < ROUNDS; i++) {
		char pattern[256] = "", text[16] = "", why[ISB_PATTERN_WHY];
		make_pattern(&rng, DEPTH, pattern, sizeof(pattern));
		for (size_t len = isb_rng_below(&rng, 12), at = 0; at < len; at++)
			text[at] = "abc\n"[isb_rng_below(&rng, 4)];
		regex_t other;
		if (strlen(pattern) > 200 || isb_pattern_check(pattern, why) != ISB_OK)
			continue;
		assert_int_equal(regcomp(&other, pattern, REG_EXTENDED | REG_NOSUB | REG_NEWLINE), 0);
		bool expected = regexec(&other, text, 0, NULL, 0) == 0;
		regfree(&other);
		if (isb_pattern_search(pattern, text, strlen(text)) != expected)
			fail_msg("'%s' in '%s': regexec says %d", pattern, text, expected);
		found += expected;
		compared++;
	}
	assert_true(compared > ROUNDS / 2 && found > compared / 10 && found < compared * 9 / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_construct_means_what_the_header_says),
		cmocka_unit_test(what_is_no_pattern_is_refused_with_its_place),
		cmocka_unit_test(it_finds_what_regexec_finds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
