/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog_test.h"

#include <signal.h>
#include <sys/prctl.h>

#include "isobar/base/rng.h"
#include "isobar/store/codec.h"

static int join_entries(void *arg, const struct isb_journal_entry *entry)
{
	size_t at = strlen(arg);
	snprintf((char *)arg + at, 512 - at, "%u:%s:%s:%u ", (unsigned)entry->generation, entry->author, entry->reason,
	         entry->changes);
	assert_int_equal(entry->time_ms, 1763726400000);
	return strcmp(entry->reason, "stop") == 0 ? 5 : 0;
}

static int join_changes(void *arg, const struct isb_change *change)
{
	size_t at = strlen(arg);
	uint8_t zone[255], owner[255];
	uint16_t type;
	enum isb_kind kind;
	const char *key = "?";
	char print[ISB_DNAME_TEXT];
	if (isb_change_object(change, &kind, &key) != ISB_OK && isb_change_rrset(change, zone, owner, &type) == ISB_OK)
		key = isb_dname_print(owner, print);
	snprintf((char *)arg + at, 512 - at, "%s %c>%c; ", key, change->before.len ? '1' : '0',
	         change->after.len ? '1' : '0');
	return 0;
}

static void the_journal_tells_who_why_and_what(void **state)
{
	static const char *const reasons[] = {"one", "two", "stop", "four"};
	struct session s;
	for (unsigned i = 0; i < 4; i++) {
		char body[8];
		snprintf(body, sizeof(body), "%u\n", i);
		s = edit_begin(*state, reasons[i]);
		assert_int_equal(isb_edit_put_object(s.edit, ISB_REGION, "seoul", body), ISB_OK);
		if (i == 1) {
			assert_int_equal(isb_edit_put_rrset(s.edit, name("a."), name("b.a."), a_set(60, 1, 1)), ISB_OK);
			assert_int_equal(isb_edit_put_object(s.edit, ISB_REGION, "tokyo", body), ISB_OK);
		}
		if (i == 2)
			assert_int_equal(isb_edit_delete_object(s.edit, ISB_REGION, "tokyo"), ISB_OK);
		assert_int_equal(edit_commit(&s), i + 1);
	}
	s = look(*state);
	char all[512] = "";
	assert_int_equal(isb_journal_each(s.txn, 4, join_entries, all), ISB_OK);
	assert_string_equal(all, "4:ada:four:1 ");
	*all = '\0';
	assert_int_equal(isb_journal_each(s.txn, 0, join_entries, all), 5);
	assert_string_equal(all, "1:ada:one:1 2:ada:two:3 3:ada:stop:2 ");
	*all = '\0';
	assert_int_equal(isb_journal_each(s.txn, 5, join_entries, all), ISB_OK);
	assert_string_equal(all, "");
	assert_int_equal(isb_journal_changes(s.txn, 2, join_changes, all), ISB_OK);
	assert_string_equal(all, "seoul 1>1; b.a. 0>1; tokyo 0>1; ");
	*all = '\0';
	assert_int_equal(isb_journal_changes(s.txn, 3, join_changes, all), ISB_OK);
	assert_string_equal(all, "seoul 1>1; tokyo 1>0; ");
	*all = '\0';
	assert_int_equal(isb_journal_changes(s.txn, 9, join_changes, all), ISB_OK);
	assert_string_equal(all, "");
	look_end(&s);
}

static int count_change(void *arg, const struct isb_change *change)
{
	(void)change;
	++*(unsigned *)arg;
	return 0;
}

static void journal_rows_that_do_not_add_up_are_malformed(void **state)
{
	static const struct isb_slice values[] = {
		{"", 0},
		{"\1\0\0\0\1k\0\0\0\0\0\0\0", 13},       /* three octets of a length */
		{"\1\377\377\377\377k", 6},              /* a key beyond the row */
		{"\1\0\0\0\0\0\0\0\0\0\0\0\0", 13},      /* no key */
		{"\0\0\0\0\1k\0\0\0\0\0\0\0\0", 14},     /* no such table */
		{"\6\0\0\0\1k\0\0\0\0\0\0\0\0", 14},
		{"\1\0\0\0\1k\0\0\0\0\0\0\0\0x", 15},
	};
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct session s = edit_begin(*state, "");
		struct isb_key key;
		char all[512] = "";
		isb_key_journal(&key, 1, 1);
		assert_int_equal(isb_row_put(s.txn, ISB_T_JOURNAL, isb_key_slice(&key), values[i]), ISB_OK);
		assert_int_equal(isb_journal_changes(s.txn, 1, join_changes, all), ISB_EFORMAT);
		assert_string_equal(all, "");
		edit_abort(&s);
	}
}

/* --- The past ends --- */

/* `regions` get the body; every edit is one generation, and all of them are in one transaction. */
static uint64_t edit_in(struct isb_txn *txn, int64_t now_ms, unsigned regions, unsigned number)
{
	uint64_t generation = 0;
	struct isb_edit *edit = isb_edit_new(txn, "ada", "", now_ms);
	char body[16], region[24];
	snprintf(body, sizeof(body), "%u\n", number);
	for (unsigned i = 0; i < regions; i++) {
		snprintf(region, sizeof(region), "region-%u", i);
		assert_int_equal(isb_edit_put_object(edit, ISB_REGION, region, body), ISB_OK);
	}
	assert_int_equal(isb_edit_finish(edit, &generation), ISB_OK);
	isb_edit_free(edit);
	return generation;
}

static uint64_t first_of(struct isb_txn *txn)
{
	uint64_t first = 0;
	assert_int_equal(isb_journal_first(txn, &first), ISB_OK);
	return first;
}

static int count_entry(void *arg, const struct isb_journal_entry *entry)
{
	(void)entry;
	++*(unsigned *)arg;
	return 0;
}

static unsigned rows_of(struct isb_txn *txn, uint64_t generation)
{
	unsigned rows = 0;
	assert_int_equal(isb_journal_changes(txn, generation, count_change, &rows), ISB_OK);
	return rows;
}

static void edits_are_kept_for_ninety_days_and_ten_thousand_edits(void **state)
{
	enum { LARGE = 200 };
	const int64_t then = 1763726400000, day = 24 * 60 * 60 * 1000;
	struct isb_store *store = open_store(*state, ISB_STORE_WRITE_CATALOG);
	struct isb_txn *txn = begin(store, ISB_ENV_CATALOG, true);
	unsigned entries = 0, edit = 0;
	assert_int_equal(first_of(txn), 1); /* none yet */
	edit_in(txn, then, LARGE, edit++);
	while (edit < ISB_JOURNAL_EDITS + 10)
		edit_in(txn, then, 1, edit++);
	edit_in(txn, then + ISB_JOURNAL_DAYS * day, 1, edit++);
	assert_int_equal(first_of(txn), 1); /* more than ten thousand, but not too old */

	uint64_t newest = edit_in(txn, then + ISB_JOURNAL_DAYS * day + 1, 1, edit++);
	assert_int_equal(first_of(txn), 2);
	assert_in_range(rows_of(txn, 1), 100, LARGE - 1); /* the large one goes in pieces */
	assert_int_equal(isb_journal_each(txn, 1, count_entry, &entries), ISB_ENOTFOUND);
	assert_int_equal(entries, 0);
	assert_int_equal(isb_journal_each(txn, 2, count_entry, &entries), ISB_OK);
	assert_int_equal(entries, newest - 1);
	for (unsigned i = 0; i < 8; i++)
		newest = edit_in(txn, then + ISB_JOURNAL_DAYS * day + 1, 1, edit++);
	assert_int_equal(rows_of(txn, 1), 0);
	assert_int_equal(first_of(txn), newest - ISB_JOURNAL_EDITS + 1); /* old as it is, not one of these */
	entries = 0;
	assert_int_equal(isb_journal_each(txn, 0, count_entry, &entries), ISB_OK);
	assert_int_equal(entries, ISB_JOURNAL_EDITS);
	isb_txn_abort(txn);
	isb_store_close(store);
}

static void a_million_edits_are_enough_whatever_the_clock_said(void **state)
{
	struct isb_store *store = open_store(*state, ISB_STORE_WRITE_CATALOG);
	struct isb_txn *txn = begin(store, ISB_ENV_CATALOG, true);
	struct isb_key key;
	uint8_t number[8];
	for (unsigned i = 0; i < 3; i++)
		edit_in(txn, INT64_MAX, 1, i);
	isb_key_text(&key, ISB_META_GENERATION);
	isb_put_u64(number, ISB_JOURNAL_EDITS_MAX);
	assert_int_equal(isb_row_put(txn, ISB_T_META, isb_key_slice(&key), (struct isb_slice){number, 8}), ISB_OK);
	assert_int_equal(edit_in(txn, 1, 1, 4), ISB_JOURNAL_EDITS_MAX + 1);
	assert_int_equal(first_of(txn), 2);
	isb_txn_abort(txn);
	isb_store_close(store);
}

/* --- Killed at any moment --- */

enum { NAMES = 12 };

struct victim {
	const char *dir;
	int done; /* every committed generation is written here */
};

/* Every edit gives all regions one and the same body. */
static int edit_for_ever(void *arg)
{
	const struct victim *victim = arg;
	struct isb_store *store;
	if (isb_store_open(victim->dir, ISB_STORE_WRITE_CATALOG, &store, NULL) != ISB_OK)
		return 1;
	for (;;) {
		struct isb_txn *txn;
		if (isb_txn_begin(store, ISB_ENV_CATALOG, true, &txn) != ISB_OK)
			return 2;
		struct isb_edit *edit = isb_edit_new(txn, "victim", "", 1);
		uint64_t generation = isb_generation(txn) + 1;
		for (unsigned i = 0; i < NAMES; i++) {
			char region[16], body[32];
			snprintf(region, sizeof(region), "region-%u", i);
			snprintf(body, sizeof(body), "%llu\n", (unsigned long long)generation);
			if (isb_edit_put_object(edit, ISB_REGION, region, body) != ISB_OK)
				return 3;
		}
		if (isb_edit_finish(edit, &generation) != ISB_OK)
			return 4;
		isb_edit_free(edit);
		if (isb_txn_commit(txn) != ISB_OK)
			return 5;
		if (write(victim->done, &generation, sizeof(generation)) != sizeof(generation))
			return 6;
	}
}

struct account {
	uint64_t generation, entries;
	unsigned rows, changes;
};

static int check_region(void *arg, const char *key, const char *body)
{
	struct account *account = arg;
	(void)key;
	account->rows++;
	assert_int_equal(strtoull(body, NULL, 10), account->generation);
	return 0;
}

static int check_change(void *arg, const struct isb_change *change)
{
	(void)change;
	((struct account *)arg)->changes++;
	return 0;
}

static int check_entry(void *arg, const struct isb_journal_entry *entry)
{
	struct account *account = arg;
	assert_int_equal(entry->generation, ++account->entries);
	assert_int_equal(entry->changes, NAMES);
	return 0;
}

static uint64_t check_store(const char *dir)
{
	struct session s = look(dir);
	struct account account = {.generation = isb_generation(s.txn)};
	assert_int_equal(isb_object_each(s.txn, ISB_REGION, check_region, &account), ISB_OK);
	assert_int_equal(account.rows, account.generation ? NAMES : 0);
	assert_int_equal(isb_journal_each(s.txn, 1, check_entry, &account), ISB_OK);
	assert_int_equal(account.entries, account.generation);
	assert_int_equal(isb_journal_changes(s.txn, account.generation, check_change, &account), ISB_OK);
	assert_int_equal(account.changes, account.generation ? NAMES : 0);
	account.changes = 0; /* and nothing of a generation that was not committed */
	assert_int_equal(isb_journal_changes(s.txn, account.generation + 1, check_change, &account), ISB_OK);
	assert_int_equal(account.changes, 0);
	look_end(&s);
	return account.generation;
}

/* As servers do: LMDB cleans up after the dead when nobody else has the file open. */
static int stay_open(void *dir)
{
	struct isb_store *store;
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* when a test fails, nobody is left to end it */
	if (isb_store_open(dir, ISB_STORE_READ, &store, NULL) != ISB_OK)
		return 1;
	for (;;)
		pause();
}

/* The generation that the next writer finds. */
static uint64_t next_writer_finds(const char *dir)
{
	struct session s = edit_begin(dir, "");
	uint64_t generation = isb_generation(s.txn);
	edit_abort(&s);
	return generation;
}

static void an_editor_killed_at_any_moment_leaves_whole_edits_only(void **state)
{
	struct isb_rng rng;
	uint64_t reached = 0;
	isb_rng_seed(&rng, 2024);
	isb_store_close(open_store(*state, ISB_STORE_WRITE_CATALOG));
	pid_t reader = spawn(stay_open, *state);
	for (unsigned round = 0; round < 30; round++) {
		int ends[2];
		assert_int_equal(pipe(ends), 0);
		struct victim victim = {*state, ends[1]};
		pid_t pid = spawn(edit_for_ever, &victim);
		close(ends[1]);
		uint64_t seen = 0, generation;
		assert_int_equal(read(ends[0], &seen, sizeof(seen)), sizeof(seen)); /* it works */
		usleep((useconds_t)isb_rng_below(&rng, 20000));
		kill(pid, SIGKILL);
		assert_int_equal(exit_code(pid), -SIGKILL);
		while (read(ends[0], &generation, sizeof(generation)) == sizeof(generation))
			seen = generation;
		close(ends[0]);
		uint64_t now = check_store(*state);
		assert_true(now == seen || now == seen + 1); /* killed between the commit and saying so */
		assert_true(now > reached);
		assert_int_equal(next_writer_finds(*state), now); /* no edit shows up later on */
		reached = now;
	}
	kill(reader, SIGKILL);
	assert_int_equal(exit_code(reader), -SIGKILL);
}

#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_journal_tells_who_why_and_what),
		T(journal_rows_that_do_not_add_up_are_malformed),
		T(edits_are_kept_for_ninety_days_and_ten_thousand_edits),
		T(a_million_edits_are_enough_whatever_the_clock_said),
		T(an_editor_killed_at_any_moment_leaves_whole_edits_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
