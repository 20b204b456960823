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

#include "isobar/view/large.h"
#include "../dns/testview.h"

#define SOA "$TTL 60\n@ SOA ns h 1 2 3 4 60\n@ NS ns\n"

static size_t wire(const char *text, uint8_t out[ISB_DNAME_MAX])
{
	int len = isb_dname_parse(text, NULL, out);
	assert_true(len > 0);
	return (size_t)len;
}

static const struct isb_node *find(const struct isb_large *large, const char *text)
{
	uint8_t name[ISB_DNAME_MAX];
	return isb_large_find(large, name, wire(text, name));
}

static void bury(struct isb_large *large, const char *text)
{
	uint8_t name[ISB_DNAME_MAX];
	isb_large_bury(large, name, wire(text, name));
}

static bool lacks(const struct isb_large *large, const char *text)
{
	uint8_t name[ISB_DNAME_MAX];
	return isb_large_lacks(large, name, wire(text, name));
}

static void nodes_right_below_the_apex_that_answer_for_themselves_are_in_it(void **state)
{
	static const char *const in[] = {"ns.big.test", "www.big.test", "*.big.test", "both.big.test"};
	static const char *const out[] = {"big.test", "a.b.big.test", "b.big.test", "alias.big.test", "cut.big.test", "glue.cut.big.test",
	                                  "old.big.test", "sub.big.test", "steered.big.test", "no.big.test", "www.test", "www.bog.test",
	                                  "www", ".", "www.xbig.test", "www.big.test.test"};
	struct testview t;
	(void)state;
	testview_init(&t);
	testview_zone(&t, "sub.big.test.", SOA "ns A 192.0.2.9\n");
	testview_zone(&t, "big.test.", SOA "ns A 192.0.2.1\nwww A 192.0.2.2\n* A 192.0.2.3\na.b A 192.0.2.3\nboth A 192.0.2.4\nx.both A 192.0.2.5\n"
	                                   "alias CNAME www\ncut NS glue.cut\nglue.cut A 192.0.2.6\nold DNAME www\nsub A 192.0.2.7\n"
	                                   "steered A 192.0.2.8\n");
	testview_record(&t, "steered", 0);
	struct isb_large *large = isb_large_new(&t.view, t.zone[1]);
	for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++) {
		uint8_t name[ISB_DNAME_MAX];
		wire(in[i], name);
		assert_non_null(find(large, in[i]));
		assert_ptr_equal(find(large, in[i]), isb_node_child(t.zone[1]->root, name));
	}
	for (size_t i = 0; i < sizeof(out) / sizeof(out[0]); i++)
		assert_null(find(large, out[i]));
	free(large);
	testview_done(&t);
}

static void what_is_neither_in_it_nor_marked_is_not_there(void **state)
{
	static const char *const unsure[] = {"ns.big.test", "b.big.test", "a.b.big.test", "alias.big.test", "cut.big.test", "old.big.test",
	                                     "sub.big.test", "big.test", "no.no.big.test", "no.bog.test", "no", ".", "no.big.test.test"};
	static const uint8_t odd[] = {10, 'c', 3, 'b', 'i', 'g', 4, 't', 'e', 's', 't', 0};
	struct testview t;
	(void)state;
	testview_init(&t);
	testview_zone(&t, "sub.big.test.", SOA "ns A 192.0.2.9\n");
	testview_zone(&t, "big.test.", SOA "ns A 192.0.2.1\na.b A 192.0.2.3\nalias CNAME www\ncut NS glue.cut\nglue.cut A 192.0.2.6\n"
	                                   "old DNAME www\nsub A 192.0.2.7\nstay A 192.0.2.8\n");
	struct isb_large *large = isb_large_new(&t.view, t.zone[1]);
	for (size_t i = 0; i < sizeof(unsure) / sizeof(unsure[0]); i++)
		assert_false(lacks(large, unsure[i]));
	assert_false(isb_large_lacks(large, odd, sizeof(odd)));
	assert_true(lacks(large, "no.big.test"));
	assert_true(lacks(large, "new.big.test"));
	/* names that come, and those that go */
	bury(large, "new.big.test");
	bury(large, "below.one.big.test");
	bury(large, "stay.big.test");
	assert_false(lacks(large, "new.big.test"));
	assert_false(lacks(large, "one.big.test"));
	assert_false(lacks(large, "stay.big.test"));
	assert_true(lacks(large, "no.big.test"));
	/* a zone that goes may come again with other names */
	isb_large_leave(large, (const uint8_t *)"\3bog\4test", 10);
	isb_large_leave(large, (const uint8_t *)"\4test", 6);
	assert_true(lacks(large, "no.big.test"));
	isb_large_leave(large, (const uint8_t *)"\3big\4test", 10);
	assert_false(lacks(large, "no.big.test"));
	free(large);
	testview_done(&t);
}

static void where_marks_leave_no_slot_nothing_is_said_to_be_absent(void **state)
{
	struct testview t;
	unsigned absent = 0;
	char text[64];
	(void)state;
	testview_init(&t);
	testview_zone(&t, "big.test.", SOA "ns A 192.0.2.1\n");
	struct isb_large *large = isb_large_new(&t.view, t.zone[0]);
	for (unsigned i = 0; i < 2000; i++) {
		snprintf(text, sizeof(text), "n%u.big.test", i);
		bury(large, text);
		assert_false(lacks(large, text));
	}
	for (unsigned i = 0; i < 2000; i++) {
		snprintf(text, sizeof(text), "n%u.big.test", i);
		assert_false(lacks(large, text));
		snprintf(text, sizeof(text), "m%u.big.test", i);
		absent += lacks(large, text);
	}
	assert_int_equal(absent, 0);
	free(large);
	testview_done(&t);
}

static void a_dname_at_the_apex_leaves_nothing(void **state)
{
	struct testview t;
	(void)state;
	testview_init(&t);
	testview_zone(&t, "big.test.", SOA "@ DNAME example.org.\n");
	struct isb_large *large = isb_large_new(&t.view, t.zone[0]);
	assert_null(find(large, "ns.big.test"));
	assert_false(lacks(large, "ns.big.test"));
	assert_false(lacks(large, "no.big.test"));
	free(large);
	testview_done(&t);
}

enum { MANY = 50000 };

static void add_many(struct testview *t)
{
	struct isb_buf text = {0};
	isb_buf_puts(&text, SOA);
	for (unsigned i = 0; i < MANY; i++)
		isb_buf_printf(&text, "n%u A 192.0.2.%u\n", i, i % 256);
	testview_zone(t, "big.test.", isb_buf_text(&text));
	isb_buf_done(&text);
}

static void nearly_all_of_many_names_find_a_place_and_each_its_own_node(void **state)
{
	struct testview t;
	char text[64];
	unsigned found = 0, absent = 0;
	(void)state;
	testview_init(&t);
	add_many(&t);
	struct isb_large *large = isb_large_new(&t.view, t.zone[0]);
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "n%u.big.test", i);
		const struct isb_node *node = find(large, text);
		assert_true(!node || isb_node_set(node, ISB_A)->rdata[5] == i % 256);
		assert_false(lacks(large, text));
		found += node != NULL;
		snprintf(text, sizeof(text), "m%u.big.test", i);
		absent += lacks(large, text);
	}
	assert_in_range(found, MANY - MANY / 1000, MANY);
	assert_in_range(absent, MANY - MANY / 200, MANY); /* of the others all slots are full */
	assert_in_range(large->slots, MANY, MANY * 3 / 2 + 2 * ISB_LARGE_PROBES);
	free(large);
	testview_done(&t);
}

/* An edit replaces the nodes on the way to its name. */
static void an_edit_buries_the_node_right_below_the_apex_and_no_other(void **state)
{
	static const char *const others[] = {"a.big.test.example", "a.bog.test", "big.test", "test", ".", "nob.big.test"};
	struct testview t;
	(void)state;
	testview_init(&t);
	testview_zone(&t, "big.test.", SOA "a A 192.0.2.1\nb A 192.0.2.2\nc A 192.0.2.3\n");
	struct isb_large *large = isb_large_new(&t.view, t.zone[0]);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		bury(large, others[i]);
	assert_non_null(find(large, "a.big.test"));
	bury(large, "a.big.test");
	bury(large, "deep.below.b.big.test");
	bury(large, "a.big.test");
	assert_null(find(large, "a.big.test"));
	assert_null(find(large, "b.big.test"));
	assert_non_null(find(large, "c.big.test"));
	/* octets that end like the apex are not the apex's labels: "\003big\004test" inside of one label */
	const uint8_t odd[] = {10, 'c', 3, 'b', 'i', 'g', 4, 't', 'e', 's', 't', 0};
	isb_large_bury(large, odd, sizeof(odd));
	assert_null(isb_large_find(large, odd, sizeof(odd)));
	assert_non_null(find(large, "c.big.test"));
	free(large);
	testview_done(&t);
}

struct race {
	struct isb_large *large;
	_Atomic bool over;
	_Atomic unsigned rounds;
};

static void *read_on(void *arg)
{
	struct race *race = arg;
	char text[64];
	while (!atomic_load(&race->over)) {
		for (unsigned i = 0; i < MANY; i += 50) {
			snprintf(text, sizeof(text), "n%u.big.test", i);
			const struct isb_node *node = find(race->large, text);
			if (node && isb_node_set(node, ISB_A)->rdata[5] != i % 256)
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
	char text[64];
	pthread_t reader;
	(void)state;
	testview_init(&t);
	add_many(&t);
	race.large = isb_large_new(&t.view, t.zone[0]);
	assert_int_equal(pthread_create(&reader, NULL, read_on, &race), 0);
	while (!atomic_load(&race.rounds))
		sched_yield();
	for (unsigned i = 0; i < MANY; i += 150) {
		snprintf(text, sizeof(text), "n%u.big.test", i);
		bury(race.large, text);
		assert_null(find(race.large, text));
	}
	unsigned rounds = atomic_load(&race.rounds);
	while (atomic_load(&race.rounds) < rounds + 2)
		sched_yield();
	atomic_store(&race.over, true);
	pthread_join(reader, NULL);
	free(race.large);
	testview_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_right_below_the_apex_that_answer_for_themselves_are_in_it),
		cmocka_unit_test(what_is_neither_in_it_nor_marked_is_not_there),
		cmocka_unit_test(where_marks_leave_no_slot_nothing_is_said_to_be_absent),
		cmocka_unit_test(a_dname_at_the_apex_leaves_nothing),
		cmocka_unit_test(nearly_all_of_many_names_find_a_place_and_each_its_own_node),
		cmocka_unit_test(an_edit_buries_the_node_right_below_the_apex_and_no_other),
		cmocka_unit_test(marks_may_be_set_while_others_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
