/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/view/exact.h"
#include "../dns/testview.h"

#define SOA "$TTL 60\n@ SOA ns h 1 2 3 4 60\n@ NS ns\n"

static size_t wire(const char *text, uint8_t out[ISB_DNAME_MAX])
{
	int len = isb_dname_parse(text, NULL, out);
	assert_true(len > 0);
	return (size_t)len;
}

static const struct isb_exact_entry *find(const struct isb_exact *exact, const char *text)
{
	uint8_t name[ISB_DNAME_MAX];
	return isb_exact_find(exact, name, wire(text, name));
}

static bool has(const struct isb_exact *exact, const char *text, uint16_t type)
{
	const struct isb_exact_entry *entry = find(exact, text);
	return entry && isb_exact_set(entry, type);
}

static struct isb_exact *make(const struct testview *t, const char *steered)
{
	uint8_t name[ISB_DNAME_MAX];
	const uint8_t *names[] = {name};
	wire(steered ? steered : ".", name);
	struct isb_exact_sources sources = {.names = ISB_EXACT_NAMES, .steered = names, .nsteered = steered != NULL};
	struct isb_exact *exact = isb_exact_new(&t->view, &sources);
	assert_true(!exact || isb_exact_check(exact, exact->size));
	return exact;
}

static void names_that_answer_for_themselves_are_in_it_and_no_others(void **state)
{
	static const char *const in[] = {"example.test", "ns.example.test", "www.example.test", "a.b.example.test",
	                                 "*.wild.example.test", "below.alias.example.test", "x.sub.example.test", "only.sub.example.test"};
	static const char *const out[] = {"b.example.test", "wild.example.test", "alias.example.test", "cut.example.test",
	                                  "glue.cut.example.test", "old.example.test", "x.old.example.test", "no.example.test", "test",
	                                  "hidden.sub.example.test", "www.example.tes", "ww.example.test"};
	struct testview t;
	(void)state;
	testview_init(&t);
	testview_zone(&t, "example.test.", SOA "ns A 192.0.2.1\nwww A 192.0.2.2\nwww TXT x\na.b A 192.0.2.3\n*.wild A 192.0.2.4\n"
	                                       "alias CNAME www\nbelow.alias A 192.0.2.5\ncut NS glue.cut\nglue.cut A 192.0.2.6\n"
	                                       "cut DS 1 8 2 0000000000000000000000000000000000000000000000000000000000000000\n"
	                                       "old DNAME www\nx.sub A 192.0.2.7\nhidden.sub A 192.0.2.8\n");
	testview_zone(&t, "sub.example.test.", SOA "x A 192.0.2.9\nonly A 192.0.2.10\n");
	struct isb_exact *exact = make(&t, NULL);
	for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++)
		assert_non_null(find(exact, in[i]));
	for (size_t i = 0; i < sizeof(out) / sizeof(out[0]); i++)
		assert_null(find(exact, out[i]));
	assert_true(has(exact, "www.example.test", ISB_TXT) && has(exact, "www.example.test", ISB_A));
	assert_false(has(exact, "www.example.test", ISB_AAAA));
	assert_int_equal(isb_exact_set(find(exact, "x.sub.example.test"), ISB_A)->rdata[5], 9); /* the zone's that answers */
	assert_int_equal(find(exact, "www.example.test")->record, ISB_NO_RECORD);
	free(exact);
	testview_done(&t);
}

/* DS at an apex is the parent's. */
static void ds_is_left_to_the_zones(void **state)
{
	struct testview t;
	(void)state;
	testview_init(&t);
	struct isb_exact *exact = make(&t, NULL);
	assert_null(exact);
	testview_zone(&t, "example.test.", SOA "ns A 192.0.2.1\n"
	                                       "ns DS 1 8 2 0000000000000000000000000000000000000000000000000000000000000000\n");
	exact = make(&t, NULL);
	assert_true(has(exact, "ns.example.test", ISB_A));
	assert_false(has(exact, "ns.example.test", ISB_DS));
	free(exact);
	testview_done(&t);
}

static void steered_names_are_in_it_when_they_are_told(void **state)
{
	struct testview t;
	(void)state;
	testview_init(&t);
	testview_zone(&t, "example.test.", SOA "ns A 192.0.2.1\nwww A 192.0.2.2\ncut NS ns\n");
	testview_record(&t, "www", 7);
	struct isb_exact *exact = make(&t, NULL);
	assert_null(find(exact, "www.example.test"));
	free(exact);
	exact = make(&t, "www.example.test");
	assert_int_equal(find(exact, "www.example.test")->record, 7);
	free(exact);
	testview_record(&t, "cut", 8); /* under a delegation nobody hears of it */
	exact = make(&t, "cut.example.test");
	assert_null(find(exact, "cut.example.test"));
	free(exact);
	testview_done(&t);
}

/* A zone with names n0.. to n`names` - 1. */
static void add_many(struct testview *t, const char *apex, unsigned names)
{
	struct isb_buf text = {0};
	isb_buf_puts(&text, SOA);
	for (unsigned i = 0; i < names; i++)
		isb_buf_printf(&text, "n%u A 192.0.2.%u\n", i, i % 256);
	testview_zone(t, apex, isb_buf_text(&text));
	isb_buf_done(&text);
}

static void many_names_are_all_found_within_the_probes(void **state)
{
	struct testview t;
	char name[64];
	(void)state;
	testview_init(&t);
	add_many(&t, "example.test.", 20000);
	struct isb_exact *exact = make(&t, NULL);
	assert_int_equal(exact->count, 20001);
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "n%u.example.test", i);
		const struct isb_exact_entry *entry = find(exact, name);
		assert_non_null(entry);
		assert_int_equal(isb_exact_set(entry, ISB_A)->rdata[5], i % 256);
	}
	free(exact);
	testview_done(&t);
}

static void a_zone_that_is_too_large_is_left_to_its_trie_and_others_are_not(void **state)
{
	struct testview t;
	(void)state;
	testview_init(&t);
	testview_zone(&t, "a.test.", SOA "www A 192.0.2.1\n");
	add_many(&t, "large.test.", ISB_EXACT_NAMES + 1);
	testview_zone(&t, "z.test.", SOA "www A 192.0.2.2\n");
	testview_zone(&t, "steered.test.", SOA "www A 192.0.2.2\n");
	struct isb_exact *exact = make(&t, "n1.large.test");
	assert_int_equal(exact->count, 3 * 2 + 1);
	assert_non_null(find(exact, "www.a.test"));
	assert_non_null(find(exact, "www.z.test"));
	assert_non_null(find(exact, "n1.large.test"));
	assert_null(find(exact, "n2.large.test"));
	free(exact);
	testview_done(&t);
}

/* --- Blocks --------------------------------------------------------------------------------------------------------- */

static void what_is_damaged_is_refused_or_harmless(void **state)
{
	struct testview t;
	(void)state;
	testview_init(&t);
	testview_zone(&t, "example.test.", SOA "ns A 192.0.2.1\nwww A 192.0.2.2\nwww TXT x\nmx MX 1 www\n");
	struct isb_exact *good = make(&t, NULL);
	unsigned refused = 0;
	for (uint32_t i = 0; i < good->size; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			uint8_t *octets = malloc(good->size); /* not an octet too long */
			memcpy(octets, good, good->size);
			octets[i] ^= (uint8_t)(1u << bit);
			struct isb_exact *bad = (struct isb_exact *)(void *)octets;
			bool passed = isb_exact_check(bad, good->size);
			refused += !passed;
			if (passed) { /* follows all that there is to follow */
				has(bad, "www.example.test", ISB_TXT);
				has(bad, "mx.example.test", ISB_MX);
			}
			free(octets);
		}
	assert_true(refused > good->size); /* of eight times as many; rdata and TTLs may be anything */
	assert_false(isb_exact_check(good, good->size - 1));
	assert_false(isb_exact_check(good, sizeof(*good) - 1));
	free(good);
	testview_done(&t);
}

static void a_name_that_stands_beyond_the_probes_is_refused(void **state)
{
	struct testview t;
	uint8_t name[ISB_DNAME_MAX];
	(void)state;
	testview_init(&t);
	testview_zone(&t, "example.test.", SOA "ns A 192.0.2.1\n");
	struct isb_exact *exact = make(&t, NULL);
	uint64_t hash = isb_exact_hash(name, wire("ns.example.test", name));
	_Atomic uint64_t *slot = isb_exact_slots(exact);
	uint64_t moved = (hash & exact->mask) ? 0 : 1; /* before where it belongs, or behind a free slot */
	for (uint32_t i = 0; i <= exact->mask; i++)
		if (slot[i] >> 32 == hash >> 32) {
			uint64_t word = slot[i], there = slot[moved];
			slot[i] = there;
			slot[moved] = word;
			break;
		}
	assert_false(isb_exact_check(exact, exact->size));
	free(exact);
	testview_done(&t);
}

/* A mark buries one of them, and the other would answer on. */
static void a_name_that_stands_in_two_slots_is_refused(void **state)
{
	struct testview t;
	uint8_t name[ISB_DNAME_MAX];
	(void)state;
	testview_init(&t);
	testview_zone(&t, "example.test.", SOA "ns A 192.0.2.1\n");
	struct isb_exact *exact = make(&t, NULL);
	_Atomic uint64_t *slot = isb_exact_slots(exact);
	uint64_t from = isb_exact_hash(name, wire("ns.example.test", name)) & exact->mask, here = from;
	while (!slot[here] || (const uint8_t *)find(exact, "ns.example.test") != (const uint8_t *)exact + (uint32_t)slot[here])
		here++;
	uint64_t second = here + 1;
	while (slot[second])
		second++;
	assert_true(second < from + ISB_EXACT_PROBES);
	slot[second] = slot[here];
	exact->count++;
	assert_false(isb_exact_check(exact, exact->size));
	free(exact);
	testview_done(&t);
}

/* The name of one entry is made of the slot that leads to another: a mark on that would cut it short. */
static void an_entry_among_the_slots_is_refused(void **state)
{
	enum { MASK = 63, SIZE = 2048, REAL = 0x0608 /* to be read as a length of 8 and a label of 6 octets */ };
	_Alignas(64) uint8_t octets[SIZE] = {0};
	struct isb_exact *exact = (struct isb_exact *)(void *)octets;
	(void)state;
	*exact = (struct isb_exact){.magic = ISB_EXACT_MAGIC, .version = ISB_EXACT_VERSION, .size = SIZE, .count = 1,
	                            .slot = sizeof(*exact), .mask = MASK};
	struct isb_exact_entry *real = (struct isb_exact_entry *)(void *)(octets + REAL);
	*real = (struct isb_exact_entry){.record = ISB_NO_RECORD, .sets = 16, .name_len = 3};
	memcpy(real->name, "\1r", 3);
	uint64_t hash = isb_exact_hash(real->name, real->name_len), at = hash & MASK;
	_Atomic uint64_t *slot = isb_exact_slots(exact);
	slot[at] = (hash >> 32 << 32) | REAL;
	assert_true(isb_exact_check(exact, SIZE));
	assert_true(at > 0);
	slot[at - 1] = ISB_EXACT_DEAD; /* the record of the entry that begins here */
	struct isb_exact_entry *among = (struct isb_exact_entry *)(uintptr_t)&slot[at - 1];
	uint64_t own = isb_exact_hash(among->name, among->name_len);
	assert_int_equal(among->name_len, 8);
	assert_true((own & MASK) + 1 < at || (own & MASK) > at);
	slot[own & MASK] = (own >> 32 << 32) | (uint32_t)((uint8_t *)among - octets);
	exact->count = 3;
	assert_false(isb_exact_check(exact, SIZE));
}

static void a_dead_name_is_asked_of_the_tries_and_its_neighbours_are_not(void **state)
{
	struct testview t;
	uint8_t name[ISB_DNAME_MAX];
	char text[64];
	(void)state;
	testview_init(&t);
	add_many(&t, "example.test.", 1000);
	struct isb_exact *exact = make(&t, NULL);
	for (unsigned i = 0; i < 1000; i += 2) {
		snprintf(text, sizeof(text), "n%u.example.test", i);
		isb_exact_bury(exact, name, wire(text, name));
		isb_exact_bury(exact, name, wire(text, name)); /* twice is once */
	}
	isb_exact_bury(exact, name, wire("n1.example.tesu", name));
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "n%u.example.test", i);
		assert_int_equal(find(exact, text) != NULL, i % 2);
	}
	assert_true(isb_exact_check(exact, exact->size));
	free(exact);
	testview_done(&t);
}

/* --- Two threads ---------------------------------------------------------------------------------------------------- */

enum { RACED = 2000 };
struct race {
	struct isb_exact *exact;
	_Atomic bool over;
	_Atomic unsigned rounds;
};

/* Every name is found with its own address, or not at all. */
static void *read_on(void *arg)
{
	struct race *race = arg;
	char text[64];
	while (!atomic_load(&race->over)) {
		for (unsigned i = 0; i < RACED; i++) {
			snprintf(text, sizeof(text), "n%u.example.test", i);
			const struct isb_exact_entry *entry = find(race->exact, text);
			if (entry && isb_exact_set(entry, ISB_A)->rdata[5] != i % 256)
				abort();
		}
		atomic_fetch_add(&race->rounds, 1);
	}
	return NULL;
}

static void marks_may_be_set_while_others_read(void **state)
{
	struct testview t;
	struct race race = {.over = false};
	uint8_t name[ISB_DNAME_MAX];
	char text[64];
	pthread_t reader;
	(void)state;
	testview_init(&t);
	add_many(&t, "example.test.", RACED);
	race.exact = make(&t, NULL);
	assert_int_equal(pthread_create(&reader, NULL, read_on, &race), 0);
	while (!atomic_load(&race.rounds))
		sched_yield();
	for (unsigned i = 0; i < RACED; i += 3) {
		snprintf(text, sizeof(text), "n%u.example.test", i);
		isb_exact_bury(race.exact, name, wire(text, name));
		assert_null(find(race.exact, text));
	}
	unsigned rounds = atomic_load(&race.rounds);
	while (atomic_load(&race.rounds) < rounds + 2)
		sched_yield();
	atomic_store(&race.over, true);
	pthread_join(reader, NULL);
	free(race.exact);
	testview_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_that_answer_for_themselves_are_in_it_and_no_others),
		cmocka_unit_test(ds_is_left_to_the_zones),
		cmocka_unit_test(steered_names_are_in_it_when_they_are_told),
		cmocka_unit_test(many_names_are_all_found_within_the_probes),
		cmocka_unit_test(a_zone_that_is_too_large_is_left_to_its_trie_and_others_are_not),
		cmocka_unit_test(what_is_damaged_is_refused_or_harmless),
		cmocka_unit_test(a_name_that_stands_beyond_the_probes_is_refused),
		cmocka_unit_test(a_name_that_stands_in_two_slots_is_refused),
		cmocka_unit_test(an_entry_among_the_slots_is_refused),
		cmocka_unit_test(a_dead_name_is_asked_of_the_tries_and_its_neighbours_are_not),
		cmocka_unit_test(marks_may_be_set_while_others_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
