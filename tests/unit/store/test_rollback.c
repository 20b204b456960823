/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog_test.h"

#include "isobar/base/rng.h"
#include "isobar/store/codec.h"
#include "isobar/store/healthdb.h"

static const int64_t begin_ms = 1763726400000;

/* --- All rows as text --- */

static int dump_row(void *arg, struct isb_slice key, struct isb_slice value)
{
	hex_line(arg, "key", key, SIZE_MAX);
	hex_line(arg, "value", value, SIZE_MAX);
	return 0;
}

static char *dump(struct isb_txn *txn)
{
	static const enum isb_table tables[] = {ISB_T_OBJECT, ISB_T_RRSET, ISB_T_ADMIN, ISB_T_ROLLOUT};
	static const struct isb_slice everything = {NULL, 0};
	struct isb_buf out = {0};
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		assert_int_equal(isb_row_each(txn, tables[i], everything, everything, dump_row, &out), ISB_OK);
	return out.data ? out.data : strdup("");
}

/* --- Edits --- */

static struct isb_edit *edit_at(struct isb_txn *txn, int64_t now_ms)
{
	return isb_edit_new(txn, "ada", "", now_ms);
}

static uint64_t finish(struct isb_edit *edit)
{
	uint64_t generation = 0;
	assert_int_equal(isb_edit_finish(edit, &generation), ISB_OK);
	isb_edit_free(edit);
	return generation;
}

static int back_to(struct isb_txn *txn, uint64_t generation, int64_t now_ms, uint64_t *ret_generation)
{
	struct isb_edit *edit = edit_at(txn, now_ms);
	uint64_t misfit = 0;
	int rc = isb_edit_rollback(edit, txn, generation, now_ms, &misfit);
	if (rc == ISB_OK)
		*ret_generation = finish(edit);
	else
		isb_edit_free(edit);
	return rc;
}

static uint32_t slot_of(struct isb_txn *txn, const char *pool, const char *endpoint)
{
	uint32_t slot = UINT32_MAX;
	isb_slot_get(txn, pool, endpoint, &slot);
	return slot;
}

/* --- At random --- */

enum { EDITS = 150, POOLS = 3, ENDPOINTS = 4, RECORDS = 3 };

static void put_pool(struct isb_edit *edit, struct isb_rng *rng, const char *pool)
{
	struct isb_buf body = {0};
	isb_buf_puts(&body, "endpoints:\n");
	for (unsigned i = 0; i < ENDPOINTS; i++)
		if (i == 0 || isb_rng_below(rng, 2))
			isb_buf_printf(&body, "  e%u:\n    weight: %u\n", i, (unsigned)isb_rng_below(rng, 3) + 1);
	assert_int_equal(isb_edit_put_object(edit, ISB_POOL, pool, isb_buf_text(&body)), ISB_OK);
	isb_buf_done(&body);
}

/* One with a step: time does not lead it on. */
static void put_rollout(struct isb_edit *edit, struct isb_rng *rng, const char *record)
{
	struct isb_rollout rollout = {.to = "next", .times = {.started_ms = 1, .nstep = 1, .step = {50}}, .slot = ISB_SLOT_ALL,
	                              .author = "ada", .reason = isb_rng_below(rng, 2) ? "a" : "b"};
	assert_int_equal(isb_edit_rollout(edit, record, isb_rng_below(rng, 2) ? &rollout : NULL), ISB_OK);
}

static void change_something(struct isb_txn *txn, struct isb_edit *edit, struct isb_rng *rng)
{
	char pool[8], endpoint[16], record[32];
	const char *body;
	snprintf(pool, sizeof(pool), "p%u", (unsigned)isb_rng_below(rng, POOLS));
	snprintf(endpoint, sizeof(endpoint), "%s/e0", pool);
	snprintf(record, sizeof(record), "example.com/r%u", (unsigned)isb_rng_below(rng, RECORDS));
	const uint8_t *owner = name(isb_rng_below(rng, 2) ? "a.example.com." : "b.example.com.");
	switch (isb_rng_below(rng, 8)) {
	case 0: put_pool(edit, rng, pool); break;
	case 1: isb_edit_delete_object(edit, ISB_POOL, pool); break;
	case 2: isb_edit_put_rrset(edit, name("example.com."), owner, a_set(60, (uint8_t)isb_rng_below(rng, 4), 1)); break;
	case 3: isb_edit_delete_rrset(edit, name("example.com."), owner, ISB_A); break;
	case 4:
		if (slot_of(txn, pool, "e0") != UINT32_MAX && isb_object_get(txn, ISB_POOL, pool, &body) == ISB_OK)
			isb_edit_admin(edit, endpoint, &(struct isb_admin_row){
				.admin = isb_rng_below(rng, 2) ? ISB_ADMIN_DRAIN : ISB_ADMIN_AUTO, .author = "ada", .reason = ""});
		break;
	case 5: isb_edit_put_object(edit, ISB_RECORD, record, isb_rng_below(rng, 2) ? "x\n" : "y\n"); break;
	case 6:
		isb_edit_rollout(edit, record, NULL);
		isb_edit_delete_object(edit, ISB_RECORD, record);
		break;
	default:
		if (isb_object_get(txn, ISB_RECORD, record, &body) == ISB_OK)
			put_rollout(edit, rng, record);
	}
}

/* Rollbacks stand among the edits, so that they are rolled back too. */
static void any_generation_comes_back_to_the_octet(void **state)
{
	struct isb_rng rng;
	char *was[EDITS + 1] = {NULL};
	uint64_t newest = 0, made;
	struct isb_store *store = open_store(*state, ISB_STORE_WRITE_CATALOG);
	isb_rng_seed(&rng, 7);
	while (newest < EDITS) {
		struct isb_txn *txn = begin(store, ISB_ENV_CATALOG, true);
		if (newest && isb_rng_below(&rng, 4) == 0) {
			uint64_t to = 1 + isb_rng_below(&rng, newest);
			assert_int_equal(back_to(txn, to, begin_ms, &made), ISB_OK);
			char *now = dump(txn);
			assert_string_equal(now, was[to]);
			free(now);
		} else {
			struct isb_edit *edit = edit_at(txn, begin_ms);
			for (uint64_t n = 1 + isb_rng_below(&rng, 4); n > 0; n--)
				change_something(txn, edit, &rng);
			made = finish(edit);
		}
		if (made > newest)
			was[made] = dump(txn);
		newest = made;
		assert_int_equal(isb_txn_commit(txn), ISB_OK);
	}
	isb_store_close(store);
	for (size_t i = 0; i <= EDITS; i++)
		free(was[i]);
}

/* --- By hand --- */

static void an_endpoint_that_comes_back_is_judged_anew_and_drained_as_before(void **state)
{
	struct isb_store *store = open_store(*state, ISB_STORE_WRITE_CATALOG);
	struct isb_txn *txn = begin(store, ISB_ENV_CATALOG, true);
	struct isb_admin_row row = {.admin = ISB_ADMIN_DRAIN, .author = "ada", .reason = "power"};
	uint64_t generation = 0;
	struct isb_edit *edit = edit_at(txn, begin_ms);
	isb_edit_put_object(edit, ISB_POOL, "asia", "endpoints:\n  a: {}\n  b: {}\n  c: {}\n");
	isb_edit_admin(edit, "asia/a", &row);
	row.until_ms = begin_ms + 10;
	isb_edit_admin(edit, "asia/b", &row);
	assert_int_equal(finish(edit), 1);
	edit = edit_at(txn, begin_ms);
	isb_edit_put_object(edit, ISB_POOL, "asia", "endpoints:\n  c: {}\n");
	assert_int_equal(finish(edit), 2);
	uint32_t kept = slot_of(txn, "asia", "c");

	assert_int_equal(back_to(txn, 1, begin_ms + 10, &generation), ISB_OK);
	assert_int_equal(generation, 3);
	assert_int_equal(slot_of(txn, "asia", "c"), kept);
	assert_in_range(slot_of(txn, "asia", "a"), 3, 4); /* 0 to 2 had others' verdicts */
	assert_in_range(slot_of(txn, "asia", "b"), 3, 4);
	assert_int_equal(isb_admin_get(txn, "asia/a", &row), ISB_OK);
	assert_int_equal(row.admin, ISB_ADMIN_DRAIN);
	assert_string_equal(row.reason, "power");
	assert_int_equal(isb_admin_get(txn, "asia/b", &row), ISB_ENOTFOUND); /* it would be over by now */
	isb_txn_abort(txn);
	isb_store_close(store);
}

static void a_rollout_comes_back_paused_where_it_was(void **state)
{
	struct isb_store *store = open_store(*state, ISB_STORE_WRITE_CATALOG);
	struct isb_txn *txn = begin(store, ISB_ENV_CATALOG, true);
	struct isb_rollout rollout = {.to = "next", .slot = ISB_SLOT_ALL, .author = "ada", .reason = "",
	                              .times = {.started_ms = begin_ms, .every_ms = 1000, .nstep = 3, .step = {10, 50, 100}}};
	uint64_t generation = 0;
	struct isb_edit *edit = edit_at(txn, begin_ms);
	isb_edit_put_object(edit, ISB_RECORD, "example.com/www", "policy: old\n");
	isb_edit_rollout(edit, "example.com/www", &rollout);
	finish(edit);
	assert_int_equal(isb_rollout_get(txn, "example.com/www", &rollout), ISB_OK);
	uint32_t slot = rollout.slot;
	edit = edit_at(txn, begin_ms + 1500); /* in its second step it is ended */
	isb_edit_put_object(edit, ISB_RECORD, "example.com/www", "policy: next\n");
	isb_edit_rollout(edit, "example.com/www", NULL);
	finish(edit);

	assert_int_equal(back_to(txn, 1, begin_ms + 100000, &generation), ISB_OK);
	assert_int_equal(isb_rollout_get(txn, "example.com/www", &rollout), ISB_OK);
	assert_int_equal(rollout.slot, slot); /* what probes aborted stays aborted */
	assert_int_equal(rollout.times.paused_ms, begin_ms + 1500);
	assert_int_equal(isb_timetable_at(&rollout.times, begin_ms + 100000).percent, 50);
	isb_txn_abort(txn);
	isb_store_close(store);
}

/* --- What cannot be --- */

static uint64_t three_edits(struct isb_txn *txn)
{
	uint64_t newest = 0;
	for (unsigned i = 0; i < 3; i++) {
		struct isb_edit *edit = edit_at(txn, begin_ms);
		isb_edit_put_object(edit, ISB_REGION, "seoul", (const char *const[]){"0\n", "1\n", "2\n"}[i]);
		newest = finish(edit);
	}
	return newest;
}

static void put_row(struct isb_txn *txn, enum isb_table table, const struct isb_key *key, struct isb_slice value)
{
	assert_int_equal(isb_row_put(txn, table, isb_key_slice(key), value), ISB_OK);
}

static void what_the_journal_does_not_know_is_not_brought_back(void **state)
{
	struct isb_store *store = open_store(*state, ISB_STORE_WRITE_CATALOG);
	struct isb_txn *txn = begin(store, ISB_ENV_CATALOG, true);
	struct isb_key key;
	uint64_t made = 0;
	three_edits(txn);
	assert_int_equal(back_to(txn, 4, begin_ms, &made), ISB_ERANGE);
	assert_int_equal(back_to(txn, 0, begin_ms, &made), ISB_ERANGE);
	assert_int_equal(back_to(txn, 3, begin_ms, &made), ISB_OK);
	assert_int_equal(made, 3); /* nothing to do */
	for (uint64_t g = 1; g <= 2; g++) { /* as when they are too old */
		isb_key_journal(&key, g, 0);
		assert_int_equal(isb_row_delete(txn, ISB_T_JOURNAL, isb_key_slice(&key)), ISB_OK);
		isb_key_journal(&key, g, 1);
		assert_int_equal(isb_row_delete(txn, ISB_T_JOURNAL, isb_key_slice(&key)), ISB_OK);
	}
	assert_int_equal(back_to(txn, 1, begin_ms, &made), ISB_ENOTFOUND);
	assert_int_equal(back_to(txn, 2, begin_ms, &made), ISB_OK); /* the third tells of it */
	assert_int_equal(made, 4);
	isb_txn_abort(txn);
	isb_store_close(store);
}

/* `journal`: the journal's row of the second edit is another's; else the object is. */
static void a_misfit(const char *dir, bool journal, uint64_t generation)
{
	static const char other[] = "\1\0\0\0\7\1seoul\0\0\0\0\3" "0\n\0\0\0\0\3" "9\n";
	struct isb_store *store = open_store(dir, ISB_STORE_WRITE_CATALOG);
	struct isb_txn *txn = begin(store, ISB_ENV_CATALOG, true);
	struct isb_key key;
	uint64_t misfit = 0;
	three_edits(txn);
	if (journal) {
		isb_key_journal(&key, 2, 1);
		put_row(txn, ISB_T_JOURNAL, &key, (struct isb_slice){other, sizeof(other)});
	} else {
		isb_key_object(&key, ISB_REGION, "seoul");
		put_row(txn, ISB_T_OBJECT, &key, (struct isb_slice){"9\n", 3});
	}
	struct isb_edit *edit = edit_at(txn, begin_ms);
	assert_int_equal(isb_edit_rollback(edit, txn, 1, begin_ms, &misfit), ISB_EFORMAT);
	assert_int_equal(misfit, generation);
	assert_int_equal(isb_edit_count(edit), 0);
	isb_edit_free(edit);
	isb_txn_abort(txn);
	isb_store_close(store);
}

static void rows_that_do_not_fit_are_refused(void **state)
{
	a_misfit(*state, true, 3);  /* it did not find what the second left */
	a_misfit(*state, false, 3); /* the last to write it */
}

#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(any_generation_comes_back_to_the_octet),
		T(an_endpoint_that_comes_back_is_judged_anew_and_drained_as_before),
		T(a_rollout_comes_back_paused_where_it_was),
		T(what_the_journal_does_not_know_is_not_brought_back),
		T(rows_that_do_not_fit_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
