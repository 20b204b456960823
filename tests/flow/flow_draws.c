/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog.h"
#include "story.h"

#include <stdio.h>
#include <string.h>

/* Orders that draw otherwise than by weight, and knobs that bend an order, through whole questions and answers. */

#define WWW "www.example.com"
#define RECORDS(rest) "zones:\n  example.com:\n" ZONE_TEXT "    records: {" rest "}\n"
#define A "10.0.0.1"
#define B "10.0.0.2"
#define C "10.0.0.3"
#define D "10.0.0.4"

static void set_down(struct story *s, const char *endpoint)
{
	struct isb_health down = {.verdict = ISB_DOWN, .held = ISB_DOWN, .flip_s = ISB_FLIP_NONE};
	story_word(s, endpoint, &down);
}

static void set_up(struct story *s, const char *endpoint, unsigned load, unsigned latency_us)
{
	struct isb_health up = {.verdict = ISB_UP, .held = ISB_UP, .soft = ISB_SOFT_FULL, .load = load, .latency_us = latency_us,
	                        .flip_s = ISB_FLIP_NONE};
	story_word(s, endpoint, &up);
}

/* The last digits of so many answers, in their order. */
static const char *digits(struct story *s, const char *name, const char *type, unsigned count)
{
	static char text[64];
	for (unsigned i = 0; i < count; i++)
		text[i] = story_ask(s, name, type, NULL)[strlen(A) - 1];
	text[count] = '\0';
	return text;
}

/* Rotate: 5/3/2 gives cycles of ten with exactly five, three and two; it begins anywhere. */
static void a_rotation_takes_turns_and_begins_anywhere(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, CHECKS "pools:\n  p: {check: web, order: rotate, endpoints: {a: {address: " A ", weight: 5}, "
	               "b: {address: " B ", weight: 3}, c: {address: " C ", weight: 2}}}\n"
	               RECORDS("www: {types: [A, AAAA], policy: p}"));
	const char *cycle = "12311213211231121321";
	const char *got = digits(s, WWW, "A", 10);
	const char *at = strstr(cycle, got);
	assert_non_null(at);
	for (int i = 0; i < 3; i++)
		assert_memory_equal(digits(s, WWW, "A", 10), at, 10);
	story_ask(s, WWW, "AAAA", NULL); /* another type is another rotation */
	assert_memory_equal(digits(s, WWW, "A", 10), at, 10);
	set_down(s, "p/a");
	assert_non_null(strstr("232322323223232", digits(s, WWW, "A", 9)));
	unsigned begun[4] = {0};
	set_up(s, "p/a", 0, 0);
	for (int i = 0; i < 40; i++) { /* every new view begins anew */
		char yaml[64];
		snprintf(yaml, sizeof(yaml), "checks: {web: {type: tcp, port: %d}}\n", 1000 + i);
		story_apply(s, yaml);
		begun[story_ask(s, WWW, "A", NULL)[strlen(A) - 1] - '0']++;
	}
	assert_true(begun[1] && begun[2] && begun[3]);
	story_free(s);
}

static void a_rotation_of_pools_leaves_out_what_cannot_answer(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, CHECKS "pools:\n  p: {check: web, endpoints: {a: {address: " A "}}}\n"
	               "  q: {check: web, endpoints: {b: {address: " B "}}}\n  r: {check: web, endpoints: {c: {address: " C "}}}\n"
	               "policies: {top: {order: rotate, of: [p, q, r]}}\n" RECORDS("www: {types: [A], policy: top}"));
	assert_non_null(strstr("12312312312", digits(s, WWW, "A", 9)));
	set_down(s, "q/b");
	assert_non_null(strstr("131313131", digits(s, WWW, "A", 8)));
	story_free(s);
}

enum { CLIENTS = 2000 };

static void deal(struct story *s, char *ret, bool ipv6)
{
	char client[ISB_NET_TEXT];
	for (unsigned i = 0; i < CLIENTS; i++) {
		snprintf(client, sizeof(client), ipv6 ? "2001:db8:%x::/56" : "198.%u.%u.0/24", ipv6 ? i : 51 + i / 256, i % 256);
		ret[i] = story_ask(s, WWW, "A", client)[strlen(A) - 1];
		assert_int_equal(story_last(s)->scope, ipv6 ? 56 : 24);
	}
}

static void assert_moved(const char *before, const char *after, char from, char to)
{
	unsigned moved = 0;
	for (unsigned i = 0; i < CLIENTS; i++) {
		if (before[i] == after[i])
			continue;
		moved++;
		assert_true((!from || before[i] == from) && (!to || after[i] == to));
	}
	assert_true(moved > CLIENTS / 20);
}

#define HASHED(list) "pools:\n  p: {order: hash, endpoints: {" list "}}\n" RECORDS("www: {types: [A], policy: p}")
#define ENDPOINT(name, address) name ": {address: " address "}"

/* Hash: removing one of n moves only its own clients, however it goes. */
static void a_hash_deals_networks_and_only_those_of_who_goes_move(void **state)
{
	static char before[CLIENTS], after[CLIENTS];
	static const char all[] = HASHED(ENDPOINT("a", A) ", " ENDPOINT("b", B) ", " ENDPOINT("c", C) ", " ENDPOINT("d", D));
	static const char without_b[] = HASHED(ENDPOINT("a", A) ", " ENDPOINT("c", C) ", " ENDPOINT("d", D));
	static const char heavy_c[] = HASHED(ENDPOINT("a", A) ", " ENDPOINT("b", B) ", c: {address: " C ", weight: 2}, " ENDPOINT("d", D));
	struct story *s = story_new(NULL);
	(void)state;
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		story_replace(s, all);
		deal(s, before, ipv6);
		story_admin(s, "p/b", ISB_ADMIN_DRAIN, 0);
		deal(s, after, ipv6);
		assert_moved(before, after, '2', 0);
		story_admin(s, "p/b", ISB_ADMIN_AUTO, 0);
		story_replace(s, without_b);
		deal(s, after, ipv6);
		assert_moved(before, after, '2', 0);
		story_replace(s, heavy_c);
		deal(s, after, ipv6);
		assert_moved(before, after, 0, '3');
		story_replace(s, all);
		story_restart_server(s);
		deal(s, after, ipv6);
		assert_memory_equal(before, after, CLIENTS); /* all is as it was, whatever came between */
	}
	story_free(s);
}

/* A policy written in place is known by what it holds, so that a neighbour who goes does not move its clients. */
static void a_hash_knows_what_is_written_in_place_wherever_it_stands(void **state)
{
	static char before[CLIENTS], after[CLIENTS];
	static const char pools[] = "pools:\n  p: {endpoints: {a: {address: " A "}}}\n  q: {endpoints: {b: {address: " B "}}}\n"
		"  r: {endpoints: {c: {address: " C "}}}\n" RECORDS("www: {types: [A], policy: top}");
	struct story *s = story_new(NULL);
	char yaml[1024];
	(void)state;
	snprintf(yaml, sizeof(yaml), "%spolicies: {top: {order: hash, of: [p, [q, p], [r, p], {use: [q, p], weight: 2}]}}\n", pools);
	story_apply(s, yaml);
	deal(s, before, false);
	snprintf(yaml, sizeof(yaml), "%spolicies: {top: {order: hash, of: [[q, p], [r, p], {use: [q, p], weight: 2}]}}\n", pools);
	story_apply(s, yaml);
	deal(s, after, false);
	assert_moved(before, after, '1', 0);
	unsigned seen[4] = {0};
	for (unsigned i = 0; i < CLIENTS; i++)
		seen[after[i] - '0']++;
	assert_in_range(seen[3], CLIENTS / 4 - 100, CLIENTS / 4 + 100); /* the two that are alike have three parts of four */
	story_free(s);
}

/* The scope is about nodes that were reached, and about the client that the resolver told of. */
static void the_scope_of_a_hash_is_its_network(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, CHECKS "pools:\n  p: {check: web, endpoints: {a: {address: " A "}}}\n"
	               "  h: {order: hash, hash: {ipv4: 20, ipv6: 40}, endpoints: {" ENDPOINT("b", B) ", " ENDPOINT("c", C) "}}\n"
	               "policies:\n  top: [p, h]\n  geo: {order: geo, rules: [{nets: [192.0.2.0/28], use: h}, {nets: [192.0.2.128/25], use: p}]}\n"
	               RECORDS("www: {types: [A], policy: top}, geo: {types: [A], policy: geo}"));
	assert_answer(s, WWW, "A", "192.0.2.0/24", A);
	assert_int_equal(story_last(s)->scope, 0);
	set_down(s, "p/a");
	const char *was = story_ask(s, WWW, "A", "198.51.96.0/24");
	assert_int_equal(story_last(s)->scope, 20);
	for (unsigned i = 97; i < 112; i++) {
		char client[ISB_NET_TEXT];
		snprintf(client, sizeof(client), "198.51.%u.0/24", i);
		assert_string_equal(story_ask(s, WWW, "A", client), was);
	}
	story_ask(s, WWW, "A", "2001:db8::/56");
	assert_int_equal(story_last(s)->scope, 40);
	story_ask(s, "geo.example.com", "A", "192.0.2.1/32"); /* the longer of the two counts */
	assert_int_equal(story_last(s)->scope, 28);
	/* what chance gives in place of a hash is not for everybody either */
	story_apply(s, "policies: {top: {order: weighted, of: [p, {use: [p, h], weight: 50}]}, geo: {trickle: 1, of: [p, h]}}\n");
	set_up(s, "p/a", 0, 0);
	for (int i = 0; i < 20; i++) {
		assert_answer(s, WWW, "A", "192.0.2.0/24", A);
		assert_int_equal(story_last(s)->scope, 20);
		story_ask(s, "geo.example.com", "A", "192.0.2.0/24");
		assert_int_equal(story_last(s)->scope, 20);
	}
	story_apply(s, "policies: {top: [h]}\n");
	story_ask(s, WWW, "A", "10.0.0.0/8"); /* says nothing: the resolver is dealt */
	assert_int_equal(story_last(s)->scope, 8);
	story_free(s);
}

static void a_hash_by_name_deals_names_and_has_no_scope(void **state)
{
	struct story *s = story_new(NULL);
	unsigned seen[3] = {0};
	char name[64];
	(void)state;
	story_apply(s, "pools:\n  p: {order: hash, hash: {by: name, seed: 9}, endpoints: {" ENDPOINT("a", A) ", b: {address: " B ", weight: 3}}}\n"
	               RECORDS("'*.cdn': {types: [A], policy: p}, www: {types: [A], policy: p}"));
	for (unsigned i = 0; i < 2000; i++) {
		char first[32];
		snprintf(name, sizeof(name), "n%u.CDN.example.com", i);
		snprintf(first, sizeof(first), "%s", story_ask(s, name, "A", "192.0.2.0/24"));
		assert_int_equal(story_last(s)->scope, 0);
		name[0] = 'N'; /* case is nothing */
		assert_answer(s, name, "A", "203.0.113.0/24", first);
		seen[first[strlen(A) - 1] - '1']++;
	}
	assert_in_range(seen[0], 500 - 97, 500 + 97); /* five standard deviations */
	assert_string_equal(story_ask(s, WWW, "A", NULL), story_ask(s, "shop.example.com", "A", NULL) + strlen("CNAME www.example.com. "));
	story_free(s);
}

static void the_less_loaded_of_two_answers(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, CHECKS "pools:\n  p: {check: web, order: least-load, endpoints: {a: {address: " A ", weight: 2}, "
	               "b: {address: " B "}, c: {address: " C "}}}\n" RECORDS("www: {types: [A], policy: p}"));
	set_up(s, "p/a", 500, 0);
	set_up(s, "p/b", 260, 0);
	set_up(s, "p/c", 900, 0);
	story_shares(s, WWW, NULL, 6000, (const char *const[]){A, B, NULL}, (const double[]){5, 1});
	set_up(s, "p/a", 600, 0); /* 300 for each unit of weight */
	story_shares(s, WWW, NULL, 6000, (const char *const[]){A, B, NULL}, (const double[]){5, 7});
	story_free(s);
}

/* Where a client is says whose probes are asked; without their word it is everybody's. */
static void the_fastest_answers_as_seen_from_the_clients_region(void **state)
{
	struct story *s = story_new("city.mmdb");
	struct isb_addr korean = {.family = 4, .octets = {192, 0, 2, 1}}, german = {.family = 4, .octets = {203, 0, 113, 1}},
	                nobody = {.family = 4, .octets = {192, 0, 2, 200}};
	(void)state;
	story_apply(s, REGIONS CHECKS "pools:\n  p: {check: web, order: fastest, endpoints: {" ENDPOINT("a", A) ", " ENDPOINT("b", B) "}}\n"
	               RECORDS("www: {types: [A], policy: p}"));
	assert_string_equal(story_plan(s, "example.com/www", &korean), "(p 1/1 from seoul 0:1:p/a 0:1:p/b)");
	assert_string_equal(story_plan(s, "example.com/www", &german), "(p 1/1 from frankfurt 0:1:p/a 0:1:p/b)");
	assert_string_equal(story_plan(s, "example.com/www", &nobody), "(p 1/1 0:1:p/a 0:1:p/b)");
	set_up(s, "p/a", 0, 80000);
	set_up(s, "p/b", 0, 20000);
	for (int i = 0; i < 50; i++)
		assert_answer(s, WWW, "A", NULL, B);
	set_up(s, "p/b", 0, 76000);
	story_shares(s, WWW, NULL, 4000, (const char *const[]){A, B, NULL}, (const double[]){1, 1});
	story_pace(s, "seoul", "p/a", 7); /* for Koreans; Germans go by what all probes see */
	story_pace(s, "seoul", "p/b", 200);
	for (int i = 0; i < 50; i++)
		assert_answer(s, WWW, "A", "192.0.2.0/25", A);
	story_shares(s, WWW, "203.0.113.0/24", 4000, (const char *const[]){A, B, NULL}, (const double[]){1, 1});
	story_pace(s, "frankfurt", "p/b", 10);
	for (int i = 0; i < 50; i++)
		assert_answer(s, WWW, "A", "203.0.113.0/24", B);
	assert_answer(s, WWW, "A", "192.0.2.0/25", A);
	story_apply(s, "regions: {frankfurt: {location: [-33.9, 151.2]}}\n"); /* who moves away is asked no more */
	assert_string_equal(story_plan(s, "example.com/www", &german), "(p 1/1 from virginia 0:1:p/a 0:1:p/b)");
	assert_string_equal(story_plan(s, "example.com/www", &korean), "(p 1/1 from seoul 0:1:p/a 0:1:p/b)");
	story_free(s);
}

static void a_little_trickles_to_the_second(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, REGIONS CHECKS POOLS "policies: {top: {trickle: 10, of: [asia, us, europe]}}\n" RECORDS("www: {types: [A], policy: top}"));
	story_shares(s, WWW, NULL, 10000, (const char *const[]){ICN, IAD, NULL}, (const double[]){90, 10});
	set_down(s, "us/iad-1");
	story_shares(s, WWW, NULL, 10000, (const char *const[]){ICN, FRA, NULL}, (const double[]){90, 10});
	set_down(s, "asia/icn-1");
	for (int i = 0; i < 100; i++)
		assert_answer(s, WWW, "A", NULL, FRA);
	story_free(s);
}

static void answers_spread_over_regions(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, REGIONS "pools:\n  p: {answers: 2, spread: region, order: failover, endpoints: {a: {region: seoul, address: " A "}, "
	               "b: {region: seoul, address: " B ", tier: 1}, c: {region: virginia, address: " C ", tier: 2}}}\n"
	               RECORDS("www: {types: [A], policy: p}"));
	assert_answer(s, WWW, "A", NULL, A " " C);
	story_admin(s, "p/c", ISB_ADMIN_DRAIN, 0);
	assert_answer(s, WWW, "A", NULL, A " " B);
	story_free(s);
}

/* Cold: nobody has checked yet. */
static void what_nobody_knows_counts_as_the_pool_says(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, CHECKS "pools:\n  p: {check: web, unknown: down, endpoints: {" ENDPOINT("a", A) "}}\n"
	               "  q: {check: web, endpoints: {" ENDPOINT("b", B) "}}\n"
	               "policies: {top: [p, q]}\n" RECORDS("www: {types: [A], policy: top}"));
	assert_answer(s, WWW, "A", NULL, B);
	story_probe(s, "seoul", NULL);
	story_pass(s, 30);
	assert_answer(s, WWW, "A", NULL, A);
	story_kill(s, "seoul"); /* the evidence grows old … */
	story_pass(s, 3600);
	assert_int_equal(story_health(s, "p/a").verdict, ISB_UP); /* … and nobody is left to say so */
	assert_answer(s, WWW, "A", NULL, B);
	story_probe(s, "virginia", NULL);
	story_outcome(s, "virginia", "p/a", ISB_OUT_INTERNAL);
	story_pass(s, 60);
	assert_int_not_equal(story_health(s, "p/a").verdict, ISB_UP);
	assert_answer(s, WWW, "A", NULL, B);
	story_free(s);
}

/* The last probe dies without a word, and each pool has its own idea of that. No TTL waits for a verdict to come. */
static void what_nobody_watches_any_more_is_unknown(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, CHECKS "pools:\n  down: {check: web, unknown: down, endpoints: {" ENDPOINT("a", A) "}}\n"
	               "  up: {check: web, unknown: up, endpoints: {" ENDPOINT("b", B) "}}\n"
	               "  hold: {check: web, endpoints: {" ENDPOINT("c", C) "}}\n"
	               "policies: {first: [down, hold], second: [up, hold], third: [hold, down]}\n"
	               RECORDS("one: {types: [A], policy: first}, two: {types: [A], policy: second}, "
	                       "three: {types: [A], policy: third}"));
	story_probe(s, "seoul", NULL);
	story_outcome(s, "seoul", "up/b", ISB_OUT_STATUS);
	story_pass(s, 30);
	assert_answer(s, "one.example.com", "A", NULL, A);
	assert_answer(s, "two.example.com", "A", NULL, C);
	assert_answer(s, "three.example.com", "A", NULL, C);
	story_kill(s, "seoul");
	story_pass(s, 10); /* it may only be late */
	assert_answer(s, "one.example.com", "A", NULL, A);
	story_pass(s, 10);
	assert_answer(s, "one.example.com", "A", NULL, C);
	assert_answer(s, "two.example.com", "A", NULL, B);
	assert_answer(s, "three.example.com", "A", NULL, C);
	story_probe(s, "seoul", NULL);
	story_pass(s, 30);
	assert_answer(s, "one.example.com", "A", NULL, A);
	story_free(s);
}

/* From the probes' verdicts alone: the ramp begins when the endpoint is up again, and not when it comes up first. */
static void a_recovered_endpoint_starts_slowly(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, CHECKS "pools:\n  p: {check: web, slow_start: 600s, endpoints: {" ENDPOINT("a", A) ", " ENDPOINT("b", B) "}}\n"
	               RECORDS("www: {types: [A], policy: p}"));
	story_probe(s, "seoul", NULL);
	story_pass(s, 30);
	story_shares(s, WWW, NULL, 4000, (const char *const[]){A, B, NULL}, (const double[]){1, 1});
	story_outcome(s, NULL, "p/a", ISB_OUT_STATUS);
	story_pass(s, 60);
	assert_answer(s, WWW, "A", NULL, B);
	story_outcome(s, NULL, "p/a", ISB_OUT_OK);
	while (story_health(s, "p/a").verdict != ISB_UP)
		story_pass(s, 1);
	story_shares(s, WWW, NULL, 10000, (const char *const[]){A, B, NULL}, (const double[]){1, 100});
	story_pass(s, 300);
	story_shares(s, WWW, NULL, 10000, (const char *const[]){A, B, NULL}, (const double[]){50, 100});
	story_pass(s, 301);
	story_shares(s, WWW, NULL, 10000, (const char *const[]){A, B, NULL}, (const double[]){1, 1});
	story_free(s);
}

static void the_last_good_answer_stays_when_all_go_down(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, REGIONS CHECKS POOLS "policies: {top: [asia, us, europe]}\n"
	               RECORDS("www: {types: [A], policy: top, all_down: last}"));
	story_probe(s, "seoul", NULL);
	story_pass(s, 30);
	assert_answer(s, WWW, "A", NULL, ICN);
	story_outcome(s, NULL, "asia/icn-1", ISB_OUT_STATUS);
	story_pass(s, 120);
	assert_answer(s, WWW, "A", NULL, IAD);
	story_outcome(s, NULL, "europe/fra-1", ISB_OUT_STATUS);
	story_pass(s, 120);
	story_outcome(s, NULL, "us/iad-1", ISB_OUT_STATUS);
	story_pass(s, 3600);
	assert_answer(s, WWW, "A", NULL, IAD); /* and not Seoul, which comes first and has been down for longer */
	story_outcome(s, NULL, "asia/icn-1", ISB_OUT_OK);
	story_pass(s, 60);
	assert_answer(s, WWW, "A", NULL, ICN);
	story_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rotation_takes_turns_and_begins_anywhere),
		cmocka_unit_test(a_rotation_of_pools_leaves_out_what_cannot_answer),
		cmocka_unit_test(a_hash_deals_networks_and_only_those_of_who_goes_move),
		cmocka_unit_test(a_hash_knows_what_is_written_in_place_wherever_it_stands),
		cmocka_unit_test(the_scope_of_a_hash_is_its_network),
		cmocka_unit_test(a_hash_by_name_deals_names_and_has_no_scope),
		cmocka_unit_test(the_less_loaded_of_two_answers),
		cmocka_unit_test(the_fastest_answers_as_seen_from_the_clients_region),
		cmocka_unit_test(a_little_trickles_to_the_second),
		cmocka_unit_test(answers_spread_over_regions),
		cmocka_unit_test(a_recovered_endpoint_starts_slowly),
		cmocka_unit_test(the_last_good_answer_stays_when_all_go_down),
		cmocka_unit_test(what_nobody_knows_counts_as_the_pool_says),
		cmocka_unit_test(what_nobody_watches_any_more_is_unknown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
