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
	return isb_verdict(votes, votes_from(text, votes), &quorum, ISB_QUORUM_BY_PROBE, NOW);
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
	assert_int_equal(isb_verdict(&vote, 1, &majority, ISB_QUORUM_BY_PROBE, 4999), ISB_DOWN);
	assert_int_equal(isb_verdict(&vote, 1, &majority, ISB_QUORUM_BY_PROBE, 5000), ISB_UNKNOWN);
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

/* "seoul u u d, virginia d, - u": votes of probes by region; "-" is no region. Upper case is too old. */
static enum isb_verdict judge_regions(const char *quorum_text, const char *text)
{
	static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
	char copy[128], *save, *save_word;
	struct isb_vote votes[10];
	struct isb_quorum quorum;
	size_t n = 0;
	strcpy(copy, text);
	for (char *of = strtok_r(copy, ",", &save); of; of = strtok_r(NULL, ",", &save)) {
		char *region = strtok_r(of, " ", &save_word);
		for (char *v = strtok_r(NULL, " ", &save_word); v; v = strtok_r(NULL, " ", &save_word), n++) {
			votes_from(v, &votes[n]);
			votes[n].probe = names[n];
			votes[n].region = strcmp(region, "-") == 0 ? "" : region;
		}
	}
	assert_int_equal(isb_quorum_parse(quorum_text, &quorum), ISB_OK);
	return isb_verdict(votes, n, &quorum, ISB_QUORUM_BY_REGION, NOW);
}

static void regions_vote_by_majority_among_their_probes(void **state)
{
	(void)state;
	static const struct {
		const char *quorum, *votes;
		enum isb_verdict verdict;
	} cases[] = {
		{"majority", "seoul u u u u, virginia d, frankfurt d", ISB_DOWN}, /* four in one place are one voice */
		{"majority", "seoul u u d, virginia d u u, frankfurt d", ISB_UP},
		{"majority", "seoul u, virginia d", ISB_DISPUTED},
		{"majority", "seoul u, - d, - d", ISB_DOWN}, /* without a region each stands for itself */
		{"majority", "seoul u u, virginia d d, - u", ISB_UP},
		{"majority", "seoul u d, virginia u, frankfurt u", ISB_UP}, /* whichever side seoul took */
		{"majority", "seoul u d, virginia u, frankfurt d", ISB_DISPUTED},
		{"majority", "seoul u d, virginia u", ISB_DISPUTED},
		{"majority", "seoul u d", ISB_DISPUTED},
		{"majority", "seoul u D, virginia u", ISB_UP}, /* what is too old makes nothing even */
		{"majority", "seoul U D", ISB_UNKNOWN},
		{"any", "seoul u d d, virginia d", ISB_DOWN},
		{"any", "seoul u u d, virginia d", ISB_UP},
		{"any", "seoul u d, virginia d", ISB_DISPUTED},
		{"all", "seoul u u d, virginia u", ISB_UP},
		{"all", "seoul u d d, virginia u", ISB_DOWN},
		{"at-least 2", "seoul u u u", ISB_DISPUTED}, /* two regions, not two probes */
		{"at-least 2", "seoul u, virginia u, frankfurt d", ISB_UP},
		{"50%", "seoul u u, virginia d d d", ISB_UP},
		{"51%", "seoul u u, virginia d d d", ISB_DOWN},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (judge_regions(cases[i].quorum, cases[i].votes) != cases[i].verdict)
			fail_msg("%s of '%s' is not %s", cases[i].quorum, cases[i].votes, isb_verdict_name(cases[i].verdict));
}

static void of_one_probes_votes_the_newest_is_its_vote(void **state)
{
	(void)state;
	struct isb_quorum all = {ISB_QUORUM_ALL, 0};
	struct isb_vote votes[] = {
		{.probe = "a", .state = ISB_DOWN, .observed_ms = 1000, .expires_ms = NOW + 9},
		{.probe = "a", .state = ISB_UP, .observed_ms = 2000, .expires_ms = NOW + 1},
		{.probe = "b", .state = ISB_UP, .observed_ms = 500, .expires_ms = NOW + 9},
	};
	assert_int_equal(isb_verdict(votes, 3, &all, ISB_QUORUM_BY_PROBE, NOW), ISB_UP);
	votes[0].observed_ms = 3000;
	assert_int_equal(isb_verdict(votes, 3, &all, ISB_QUORUM_BY_PROBE, NOW), ISB_DOWN);
	votes[0].expires_ms = NOW; /* the newest is too old: the older one does not speak in its place */
	assert_int_equal(isb_verdict(votes, 2, &all, ISB_QUORUM_BY_PROBE, NOW), ISB_UNKNOWN);
	votes[0] = votes[1]; /* the very same twice is one vote */
	struct isb_quorum two = {ISB_QUORUM_AT_LEAST, 2};
	assert_int_equal(isb_verdict(votes, 2, &two, ISB_QUORUM_BY_PROBE, NOW), ISB_DISPUTED);
	votes[0].probe = votes[1].probe = NULL; /* nobody knows that these are one */
	assert_int_equal(isb_verdict(votes, 2, &two, ISB_QUORUM_BY_PROBE, NOW), ISB_UP);
}

/* --- Properties, over votes made up at random --- */

enum { VOTES = 9, ROUNDS = 4000, SKEW_MS = 30000, PROPERTY_SEED = 20261121 };
static const char *const probe_names[] = {"p0", "p1", "p2", "p3", "p4", "p5"};
static const char *const region_names[] = {NULL, "", "seoul", "virginia", "frankfurt"};

static struct isb_quorum any_quorum(struct isb_rng *rng)
{
	static const char *const texts[] = {"majority", "any", "all", "at-least 1", "at-least 2", "at-least 3",
	                                    "18%", "50%", "100%"};
	struct isb_quorum quorum;
	assert_int_equal(isb_quorum_parse(texts[isb_rng_below(rng, sizeof(texts) / sizeof(texts[0]))], &quorum), ISB_OK);
	return quorum;
}

/* `age` 0: fresh, 1: too old, 2: either. A probe is in one region. */
static struct isb_vote any_vote(struct isb_rng *rng, unsigned age)
{
	size_t probe = isb_rng_below(rng, 6);
	bool old = age == 2 ? isb_rng_below(rng, 3) == 0 : age;
	return (struct isb_vote){
		.probe = probe_names[probe], .region = region_names[probe % 5],
		.state = (enum isb_verdict)isb_rng_below(rng, 3), .blind = isb_rng_below(rng, 8) == 0,
		.observed_ms = NOW - 10000 + (int64_t)isb_rng_below(rng, 6) * 1000,
		.expires_ms = old ? NOW - (int64_t)isb_rng_below(rng, 2) * 500 : NOW + 1 + (int64_t)isb_rng_below(rng, 2) * 500};
}

static void shuffle(struct isb_rng *rng, struct isb_vote *votes, size_t count)
{
	for (size_t i = count; i > 1; i--) {
		size_t j = isb_rng_below(rng, i);
		struct isb_vote vote = votes[i - 1];
		votes[i - 1] = votes[j];
		votes[j] = vote;
	}
}

static enum isb_quorum_by any_by(struct isb_rng *rng)
{
	return isb_rng_below(rng, 2) ? ISB_QUORUM_BY_REGION : ISB_QUORUM_BY_PROBE;
}

static void order_of_arrival_and_copies_change_nothing(void **state)
{
	(void)state;
	unsigned met[4] = {0};
	struct isb_rng rng;
	isb_rng_seed(&rng, PROPERTY_SEED);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct isb_vote votes[2 * VOTES];
		struct isb_quorum quorum = any_quorum(&rng);
		enum isb_quorum_by by = any_by(&rng);
		size_t count = isb_rng_below(&rng, VOTES + 1), more = count;
		for (size_t i = 0; i < count; i++)
			votes[i] = any_vote(&rng, 2);
		enum isb_verdict verdict = isb_verdict(votes, count, &quorum, by, NOW);
		met[verdict]++;
		for (size_t i = 0; i < count; i++)
			if (isb_rng_below(&rng, 2))
				votes[more++] = votes[i];
		shuffle(&rng, votes, more);
		if (isb_verdict(votes, more, &quorum, by, NOW) != verdict)
			fail_msg("round %u: the verdict depends on order or copies", round);
	}
	for (unsigned i = 0; i < 4; i++)
		assert_true(met[i] > ROUNDS / 40);
}

/* Of each probe one vote, as the store has it. */
static size_t one_vote_each(struct isb_rng *rng, struct isb_vote *votes, unsigned age)
{
	size_t count = 0;
	for (size_t i = 0; i < sizeof(probe_names) / sizeof(probe_names[0]); i++) {
		struct isb_vote vote = any_vote(rng, age);
		vote.probe = probe_names[i];
		vote.region = region_names[i % 5];
		if (isb_rng_below(rng, 4))
			votes[count++] = vote;
	}
	return count;
}

static void stale_blind_and_silent_votes_change_nothing(void **state)
{
	(void)state;
	struct isb_rng rng;
	isb_rng_seed(&rng, PROPERTY_SEED + 1);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct isb_vote votes[VOTES], counted[VOTES];
		struct isb_quorum quorum = any_quorum(&rng);
		enum isb_quorum_by by = any_by(&rng);
		size_t count = one_vote_each(&rng, votes, 2), n = 0;
		for (size_t i = 0; i < count; i++)
			if (votes[i].expires_ms > NOW && !votes[i].blind && votes[i].state != ISB_UNKNOWN)
				counted[n++] = votes[i];
		if (isb_verdict(votes, count, &quorum, by, NOW) != isb_verdict(counted, n, &quorum, by, NOW))
			fail_msg("round %u: what does not count has changed the verdict", round);
	}
}

/* Whoever stores a vote stamps its end by its own clock, so that of a probe's clock only observed_ms tells. */
static void clocks_half_a_minute_apart_change_nothing(void **state)
{
	(void)state;
	struct isb_rng rng;
	isb_rng_seed(&rng, PROPERTY_SEED + 2);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct isb_vote votes[2 * VOTES];
		struct isb_quorum quorum = any_quorum(&rng);
		enum isb_quorum_by by = any_by(&rng);
		size_t count = one_vote_each(&rng, votes, 2), more = count;
		enum isb_verdict verdict = isb_verdict(votes, count, &quorum, by, NOW);
		for (size_t i = 0; i < count; i++) {
			int64_t skew = (int64_t)isb_rng_below(&rng, 2 * SKEW_MS + 1) - SKEW_MS;
			votes[i].observed_ms += skew;
			votes[more] = votes[i]; /* and an older report of it that came late */
			votes[more].observed_ms -= 1 + (int64_t)isb_rng_below(&rng, 1000);
			votes[more++].state = (enum isb_verdict)isb_rng_below(&rng, 3);
		}
		shuffle(&rng, votes, more);
		if (isb_verdict(votes, more, &quorum, by, NOW) != verdict)
			fail_msg("round %u: a probe's clock has changed the verdict", round);
	}
}

/* Votes that are renewed before they expire give one verdict at every moment. */
static void renewed_votes_never_waver(void **state)
{
	(void)state;
	enum { INTERVAL = 5000, LIFE = 3 * INTERVAL + 2000 };
	struct isb_quorum majority = {ISB_QUORUM_MAJORITY, 0};
	struct isb_rng rng;
	isb_rng_seed(&rng, PROPERTY_SEED + 3);
	struct isb_vote votes[3] = {
		{.probe = "a", .state = ISB_UP}, {.probe = "b", .state = ISB_UP}, {.probe = "c", .state = ISB_DOWN}};
	int64_t due[3] = {NOW, NOW, NOW};
	for (int64_t now = NOW; now < NOW + 600000; now += 250) {
		for (int i = 0; i < 3; i++)
			if (now >= due[i]) { /* arrives with up to a second of delay, from a clock that is off */
				votes[i].observed_ms = now + (i - 1) * SKEW_MS;
				votes[i].expires_ms = now + LIFE;
				due[i] = now + INTERVAL + (int64_t)isb_rng_below(&rng, 1000);
			}
		assert_int_equal(isb_verdict(votes, 3, &majority, ISB_QUORUM_BY_PROBE, now), ISB_UP);
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
		cmocka_unit_test(regions_vote_by_majority_among_their_probes),
		cmocka_unit_test(of_one_probes_votes_the_newest_is_its_vote),
		cmocka_unit_test(order_of_arrival_and_copies_change_nothing),
		cmocka_unit_test(stale_blind_and_silent_votes_change_nothing),
		cmocka_unit_test(clocks_half_a_minute_apart_change_nothing),
		cmocka_unit_test(renewed_votes_never_waver),
		cmocka_unit_test(the_order_of_the_votes_does_not_matter),
		cmocka_unit_test(quorums_print_as_they_are_read),
		cmocka_unit_test(malformed_quorums_are_refused_and_leave_the_output_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
