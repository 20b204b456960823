/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "isobar/base/err.h"
#include "isobar/store/catalogdb.h"
#include "isobar/store/healthdb.h"
#include "isobar/store/resolveddb.h"
#include "probes/guard.h"

/* A store with a record that is led from `old` to `next`, and two probes that guard it. */

enum { T0 = 1000000 };

struct world {
	char dir[64];
	struct isb_store *store;
	struct isb_txn *health;
	struct isb_guards guards[2];
	struct isb_arena arena;
};

static struct isb_store *open_store(const struct world *w, enum isb_store_mode mode)
{
	struct isb_store *store = NULL;
	assert_int_equal(isb_store_open(w->dir, mode, &store, NULL), ISB_OK);
	return store;
}

static void put(struct isb_edit *edit, enum isb_kind kind, const char *key, const char *body)
{
	assert_int_equal(isb_edit_put_object(edit, kind, key, body), ISB_OK);
}

static void write_catalog(const struct world *w, const char *to, const char *drained)
{
	struct isb_txn *txn;
	uint64_t generation;
	struct isb_store *store = open_store(w, ISB_STORE_WRITE_CATALOG);
	assert_int_equal(isb_txn_begin(store, ISB_ENV_CATALOG, true, &txn), ISB_OK);
	bool alias = strcmp(to, "named") == 0 || strcmp(to, "ours") == 0;
	struct isb_edit *edit = isb_edit_new(txn, "ada", "", T0);
	const struct isb_admin_row drain = {ISB_ADMIN_DRAIN, T0, T0 + 5000, "ada", ""};
	const struct isb_rollout rollout = {.to = to, .times = {.started_ms = T0, .nstep = 1, .step = {50}},
	                                    .abort_if = ISB_ABORT_DOWN, .slot = (uint32_t)ISB_SLOT_ALL, .author = "",
	                                    .reason = ""};
	put(edit, ISB_CHECK, "web", "type: tcp\n");
	put(edit, ISB_POOL, "old", "endpoints: {o: {address: 192.0.2.9}}\n");
	put(edit, ISB_POOL, "next", "check: web\nmin_up: 2\nendpoints: {a: {address: 192.0.2.1}, b: {address: 192.0.2.2}, "
	                            "c: {address: 192.0.2.3}}\n");
	put(edit, ISB_POOL, "spare", "check: web\nendpoints: {d: {address: 192.0.2.4}}\n");
	put(edit, ISB_POOL, "dual", "check: web\nendpoints: {f: {address: [192.0.2.5, 192.0.2.6]}, g: {address: '2001:db8::1'}}\n");
	put(edit, ISB_POOL, "before", "endpoints: {h: {host: old.example.org}}\n");
	put(edit, ISB_POOL, "named", "endpoints: {h: {host: lb.example.org}}\n");
	put(edit, ISB_POOL, "ours", "endpoints: {h: {host: lb.example.com}}\n");
	put(edit, ISB_POLICY, "both", "of: [next, spare]\n");
	put(edit, ISB_ZONE, "example.com", "{}\n");
	put(edit, ISB_RECORD, "example.com/www", "types: [A]\npolicy: old\n");
	put(edit, ISB_RECORD, "example.com/@", "types: [ALIAS]\npolicy: before\n");
	if (drained)
		assert_int_equal(isb_edit_admin(edit, drained, &drain), ISB_OK);
	assert_int_equal(isb_edit_rollout(edit, alias ? "example.com/@" : "example.com/www", &rollout), ISB_OK);
	assert_int_equal(isb_edit_finish(edit, &generation), ISB_OK);
	isb_edit_free(edit);
	assert_int_equal(isb_txn_commit(txn), ISB_OK);
	isb_store_close(store);
}

static void begin(struct world *w, const char *to, const char *drained)
{
	struct isb_catalog catalog;
	struct isb_diags diags = {0};
	struct isb_txn *txn;
	*w = (struct world){.dir = "/tmp/isobar-guard-XXXXXX"};
	assert_non_null(mkdtemp(w->dir));
	write_catalog(w, to, drained);
	w->store = open_store(w, ISB_STORE_WRITE_HEALTH);
	assert_int_equal(isb_txn_begin(w->store, ISB_ENV_CATALOG, false, &txn), ISB_OK);
	isb_catalog_init(&catalog);
	assert_int_equal(isb_catalog_load(txn, &catalog, &diags), ISB_OK);
	for (int p = 0; p < 2; p++) {
		assert_int_equal(isb_guards_load(&w->guards[p], txn, &catalog), ISB_OK);
		assert_int_equal(w->guards[p].count, 1);
	}
	isb_catalog_done(&catalog);
	isb_txn_abort(txn);
	assert_int_equal(isb_txn_begin(w->store, ISB_ENV_HEALTH, true, &w->health), ISB_OK);
}

static void end(struct world *w)
{
	static const char *const files[] = {"catalog.mdb", "catalog.mdb-lock", "health.mdb", "health.mdb-lock", "latency.mdb",
	                                    "latency.mdb-lock"};
	char path[128];
	for (int p = 0; p < 2; p++)
		isb_guards_done(&w->guards[p]);
	isb_txn_abort(w->health);
	isb_store_close(w->store);
	isb_arena_done(&w->arena);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", w->dir, files[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(w->dir), 0);
}

static void say(struct world *w, const char *pool, const char *endpoint, enum isb_verdict verdict, enum isb_verdict held)
{
	struct isb_txn *txn;
	uint32_t slot;
	struct isb_health health = {.verdict = verdict, .held = held, .soft = ISB_SOFT_FULL};
	assert_int_equal(isb_txn_begin(w->store, ISB_ENV_CATALOG, false, &txn), ISB_OK);
	assert_int_equal(isb_slot_get(txn, pool, endpoint, &slot), ISB_OK);
	isb_txn_abort(txn);
	assert_int_equal(isb_word_put(w->health, slot, isb_health_pack(&health)), ISB_OK);
}

static const char *judge(struct world *w, int probe, int64_t now_ms)
{
	const char *evidence = "unset";
	assert_int_equal(isb_guard_judge(&w->guards[probe].list[0], w->health, now_ms, &w->arena, &evidence), ISB_OK);
	return evidence;
}

static int count_transition(void *arg, const struct isb_transition *t)
{
	assert_int_equal(t->from, ISB_UP);
	assert_int_equal(t->to, ISB_DOWN);
	assert_int_equal(t->time_ms, T0 + 7);
	assert_string_equal(t->evidence, "next: 1 of 3 up, 2 needed");
	++*(int *)arg;
	return 0;
}

static void two_probes_write_one_word_and_one_transition(void **state)
{
	struct world w;
	uint64_t word;
	int count = 0;
	(void)state;
	begin(&w, "next", NULL);
	uint32_t slot = w.guards[0].list[0].slot;
	assert_null(judge(&w, 0, T0)); /* nothing is known: counts as up */
	say(&w, "next", "a", ISB_DOWN, ISB_DOWN);
	assert_null(judge(&w, 0, T0));
	say(&w, "next", "b", ISB_UNKNOWN, ISB_DOWN); /* held */
	assert_string_equal(judge(&w, 0, T0 + 7), "next: 1 of 3 up, 2 needed");
	assert_null(judge(&w, 1, T0 + 9));
	assert_null(judge(&w, 0, T0 + 9));
	assert_int_equal(isb_word_get(w.health, slot, &word), ISB_OK);
	assert_true(isb_abort_holds(word));
	assert_int_equal(isb_abort_ms(word), T0 / 1000 * 1000);
	assert_int_equal(isb_transition_each(w.health, count_transition, &count), ISB_OK);
	assert_int_equal(count, 1);
	say(&w, "next", "a", ISB_UP, ISB_UP);
	assert_null(judge(&w, 0, T0 + 20));
	assert_int_equal(isb_word_get(w.health, slot, &word), ISB_OK);
	assert_true(isb_abort_holds(word)); /* for good */
	end(&w);
}

static void a_policy_cannot_answer_when_no_pool_beneath_it_can(void **state)
{
	struct world w;
	(void)state;
	begin(&w, "both", NULL);
	say(&w, "spare", "d", ISB_DOWN, ISB_DOWN);
	assert_null(judge(&w, 0, T0)); /* next can */
	say(&w, "spare", "d", ISB_UP, ISB_UP);
	say(&w, "next", "a", ISB_DOWN, ISB_DOWN);
	say(&w, "next", "b", ISB_DOWN, ISB_DOWN);
	assert_null(judge(&w, 0, T0)); /* spare can */
	say(&w, "spare", "d", ISB_DOWN, ISB_DOWN);
	assert_string_equal(judge(&w, 0, T0), "next: 1 of 3 up, 2 needed; spare: 0 of 1 up");
	end(&w);
}

static void resolve(struct world *w, int64_t since_ms, const char *address)
{
	struct isb_resolved row = {.host = "lb.example.org", .probe = "p", .since_ms = since_ms, .until_ms = T0, .asked_ms = T0,
	                           .trouble = ""};
	if (!address) {
		row.failing_ms = T0;
		row.trouble = "no such name";
	} else if (*address) {
		assert_int_equal(isb_addr_parse(address, &row.addresses[row.count++]), ISB_OK);
	}
	assert_int_equal(isb_resolved_put(w->health, &row), ISB_OK);
}

static void an_alias_cannot_answer_without_an_address_of_its_host(void **state)
{
	struct world w;
	(void)state;
	begin(&w, "named", NULL);
	assert_null(judge(&w, 0, T0)); /* nobody was asked yet */
	resolve(&w, T0, "192.0.2.77");
	assert_null(judge(&w, 0, T0));
	resolve(&w, T0, "");
	assert_string_equal(judge(&w, 0, T0), "named: 1 of 1 up, host lb.example.org has no address that is known");
	end(&w);
	begin(&w, "named", NULL);
	resolve(&w, 0, NULL);
	assert_non_null(judge(&w, 0, T0));
	end(&w);
	begin(&w, "ours", NULL); /* a name of our zones is followed, not resolved */
	assert_null(judge(&w, 0, T0));
	end(&w);
}

static void a_type_without_a_usable_endpoint_cannot_be_answered(void **state)
{
	struct world w;
	(void)state;
	begin(&w, "dual", NULL);
	assert_null(judge(&w, 0, T0));
	say(&w, "dual", "f", ISB_DOWN, ISB_DOWN);
	assert_string_equal(judge(&w, 0, T0), "dual: 1 of 2 up, none of them with A");
	end(&w);
	begin(&w, "dual", NULL); /* nobody asks this record for AAAA */
	say(&w, "dual", "g", ISB_DOWN, ISB_DOWN);
	assert_null(judge(&w, 0, T0));
	end(&w);
}

static void a_drain_counts_until_it_ends(void **state)
{
	struct world w;
	(void)state;
	begin(&w, "next", "next/a");
	assert_null(judge(&w, 0, T0));
	say(&w, "next", "b", ISB_DOWN, ISB_DOWN);
	assert_null(judge(&w, 0, T0 + 5000)); /* a is back */
	assert_non_null(judge(&w, 0, T0 + 4999));
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_probes_write_one_word_and_one_transition),
		cmocka_unit_test(a_policy_cannot_answer_when_no_pool_beneath_it_can),
		cmocka_unit_test(an_alias_cannot_answer_without_an_address_of_its_host),
		cmocka_unit_test(a_type_without_a_usable_endpoint_cannot_be_answered),
		cmocka_unit_test(a_drain_counts_until_it_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
