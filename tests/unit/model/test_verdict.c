/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/base/rng.h"
#include "isobar/model/verdict.h"

enum { NOW = 1000000 };

/* One vote per letter: u up, d down, - no vote, U and D the same but too old, b blind and down. */
static size_t votes_from(const char *text, struct isb_vote *votes)
{
	size_t n = strlen(text);
	for (size_t i = 0; i < n; i++) {
		char c = text[i];
		bool old = c == 'U' || c == 'D';
		votes[i] = (struct isb_vote){
			.state = c == 'u' || c == 'U' ? ISB_UP
			     : c == '-'           ? ISB_UNKNOWN
						  : ISB_DOWN,
			.observed_ms = NOW - (old ? 20000 : 5000),
			.expires_ms = old ? NOW : NOW + 1,
			.blind = c == 'b',
		};
	}
	return n;
}

static enum isb_verdict judge(const char *quorum_text, const char *text)
{
	struct isb_vote votes[16];
	struct isb_quorum quorum;
	assert_int_equal(isb_quorum_parse(quorum_text, &quorum), ISB_OK);
	return isb_verdict(votes, votes_from(text, votes), &quorum, NOW);
}

static void each_quorum_decides_as_written(void **state)
{
	(void)state;
	static const struct {
		const char *quorum, *votes;
		enum isb_verdict verdict;
	} cases[] = {
		{"majority", "u", ISB_UP},
		{"majority", "d", ISB_DOWN},
		{"majority", "uud", ISB_UP},
		{"majority", "udd", ISB_DOWN},
		{"majority", "ud", ISB_DISPUTED},
		{"majority", "uudd", ISB_DISPUTED},
		{"any", "ddu", ISB_UP},
		{"any", "ddd", ISB_DOWN},
		{"all", "uuu", ISB_UP},
		{"all", "uud", ISB_DOWN},
		{"at-least 2", "uud", ISB_UP},
		{"at-least 2", "udd", ISB_DOWN},
		{"at-least 2", "ud", ISB_DOWN},
		{"at-least 2", "u", ISB_DISPUTED},
		{"at-least 2", "d", ISB_DOWN},
		{"at-least 1", "ddu", ISB_UP},
		{"50%", "ud", ISB_UP},
		{"51%", "ud", ISB_DOWN},
		{"18%", "uddddd", ISB_DOWN}, /* 18 % of 6 is 1.08: two are needed */
		{"18%", "uudddd", ISB_UP},
		{"100%", "uuu", ISB_UP},
		{"100%", "uud", ISB_DOWN},
		{"1%", "dddddddddu", ISB_UP},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(judge(cases[i].quorum, cases[i].votes), cases[i].verdict);
}

static void without_fresh_votes_the_verdict_is_unknown_never_down(void **state)
{
	(void)state;
	static const char *const quorums[] = {"majority", "any", "all", "at-least 1", "at-least 3", "1%", "100%"};
	static const char *const nothing[] = {"", "-", "D", "U", "b", "DDUb-"};
	for (size_t q = 0; q < sizeof(quorums) / sizeof(quorums[0]); q++)
		for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++)
			assert_int_equal(judge(quorums[q], nothing[i]), ISB_UNKNOWN);
}

static void old_blind_and_absent_votes_do_not_count(void **state)
{
	(void)state;
	assert_int_equal(judge("majority", "uDDD"), ISB_UP);
	assert_int_equal(judge("majority", "dUU"), ISB_DOWN);
	assert_int_equal(judge("majority", "ubbb"), ISB_UP);
	assert_int_equal(judge("all", "ubD-"), ISB_UP);
	assert_int_equal(judge("majority", "u---"), ISB_UP);
}

static void a_vote_is_fresh_until_the_very_millisecond_it_expires(void **state)
{
	(void)state;
	struct isb_quorum majority = {ISB_QUORUM_MAJORITY, 0};
	struct isb_vote vote = {.state = ISB_DOWN, .observed_ms = 1, .expires_ms = 5000};
	assert_int_equal(isb_verdict(&vote, 1, &majority, 4999), ISB_DOWN);
	assert_int_equal(isb_verdict(&vote, 1, &majority, 5000), ISB_UNKNOWN);
}

static void the_order_of_the_votes_does_not_matter(void **state)
{
	(void)state;
	static const char *const quorums[] = {"majority", "any", "all", "at-least 2", "34%"};
	struct isb_rng rng;
	isb_rng_seed(&rng, 7);
	for (int round = 0; round < 500; round++) {
		char text[8] = {0}, shuffled[8];
		for (int i = 0; i < 7; i++)
			text[i] = "ud-UDb"[isb_rng_below(&rng, 6)];
		memcpy(shuffled, text, sizeof(text));
		for (unsigned i = 6; i; i--) {
			unsigned j = (unsigned)isb_rng_below(&rng, i + 1);
			char c = shuffled[i];
			shuffled[i] = shuffled[j];
			shuffled[j] = c;
		}
		for (size_t q = 0; q < sizeof(quorums) / sizeof(quorums[0]); q++)
			assert_int_equal(judge(quorums[q], text), judge(quorums[q], shuffled));
	}
}

static void quorums_print_as_they_are_read(void **state)
{
	(void)state;
	static const char *const texts[] = {"majority",      "any", "all", "at-least 1",
						"at-least 1000", "1%",  "18%", "100%"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct isb_quorum quorum;
		char out[ISB_QUORUM_TEXT];
		assert_int_equal(isb_quorum_parse(texts[i], &quorum), ISB_OK);
		assert_string_equal(isb_quorum_print(&quorum, out), texts[i]);
	}
}

static void malformed_quorums_are_refused_and_leave_the_output_alone(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int rc;
	} cases[] = {
		{"", ISB_EFORMAT},
		{"Majority", ISB_EFORMAT},
		{"most", ISB_EFORMAT},
		{"at-least", ISB_EFORMAT},
		{"at-least ", ISB_EFORMAT},
		{"at-least x", ISB_EFORMAT},
		{"at-least 2 ", ISB_EFORMAT},
		{"at-least  2", ISB_EFORMAT},
		{"at-least -1", ISB_EFORMAT},
		{"at-least 02", ISB_EFORMAT},
		{"at-least 0", ISB_ERANGE},
		{"at-least 1001", ISB_ERANGE},
		{"at-least 99999999999999999999", ISB_ERANGE},
		{"0%", ISB_ERANGE},
		{"101%", ISB_ERANGE},
		{"%", ISB_EFORMAT},
		{"18", ISB_EFORMAT},
		{"18%%", ISB_EFORMAT},
		{"4294967297%", ISB_ERANGE},
		{"1.5%", ISB_EFORMAT},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct isb_quorum quorum = {ISB_QUORUM_ALL, 99};
		assert_int_equal(isb_quorum_parse(cases[i].text, &quorum), cases[i].rc);
		assert_int_equal(quorum.kind, ISB_QUORUM_ALL);
		assert_int_equal(quorum.n, 99);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_quorum_decides_as_written),
		cmocka_unit_test(without_fresh_votes_the_verdict_is_unknown_never_down),
		cmocka_unit_test(old_blind_and_absent_votes_do_not_count),
		cmocka_unit_test(a_vote_is_fresh_until_the_very_millisecond_it_expires),
		cmocka_unit_test(the_order_of_the_votes_does_not_matter),
		cmocka_unit_test(quorums_print_as_they_are_read),
		cmocka_unit_test(malformed_quorums_are_refused_and_leave_the_output_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
