/* SPDX-License-Identifier: Apache-2.0 */
#include "store_test.h"
#include "../../../lib/store/env_impl.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

static const struct isb_slice everything = {NULL, 0};

static void what_is_opened_read_only_cannot_be_written(void **state)
{
	static const struct {
		enum isb_store_mode mode;
		bool may[ISB_ENV_COUNT];
	} cases[] = {
		{ISB_STORE_READ, {false, false, false}},
		{ISB_STORE_WRITE_CATALOG, {true, false, false}},
		{ISB_STORE_WRITE_HEALTH, {false, true, false}},
		{ISB_STORE_WRITE_LATENCY, {false, false, true}},
		{ISB_STORE_WRITE_MEASURED, {false, true, true}},
	};
	static const enum isb_table tables[ISB_ENV_COUNT] = {ISB_T_OBJECT, ISB_T_PROBE, ISB_T_LATENCY};
	isb_store_close(open_store(*state, ISB_STORE_WRITE_CATALOG));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct isb_store *store = open_store(*state, cases[i].mode);
		for (enum isb_env env = ISB_ENV_CATALOG; env < ISB_ENV_COUNT; env++) {
			struct isb_txn *txn = NULL;
			assert_int_equal(isb_txn_begin(store, env, true, &txn), cases[i].may[env] ? ISB_OK : ISB_EREADONLY);
			isb_txn_abort(txn);
			txn = begin(store, env, false);
			assert_int_equal(isb_row_put(txn, tables[env], text("k"), text("v")), ISB_EREADONLY);
			assert_int_equal(isb_row_delete(txn, tables[env], text("k")), ISB_EREADONLY);
			isb_txn_abort(txn);
		}
		isb_store_close(store);
	}
}

static void a_table_is_reached_in_its_own_environment_only(void **state)
{
	struct isb_store *store = open_store(*state, ISB_STORE_WRITE_CATALOG);
	struct isb_txn *txn = begin(store, ISB_ENV_CATALOG, true);
	struct isb_slice value;
	assert_int_equal(isb_row_put(txn, ISB_T_WORD, text("k"), text("v")), ISB_EINVAL);
	assert_int_equal(isb_row_get(txn, ISB_T_WORD, text("k"), &value), ISB_EINVAL);
	assert_int_equal(isb_row_get(txn, ISB_T_COUNT, text("k"), &value), ISB_EINVAL);
	isb_txn_abort(txn);
	isb_store_close(store);
}

static void a_commit_is_seen_and_an_abort_is_not(void **state)
{
	struct isb_store *store = open_store(*state, ISB_STORE_WRITE_CATALOG);
	uint64_t before = isb_store_last_txn_id(store, ISB_ENV_CATALOG);
	struct isb_slice value = {NULL, 0};

	struct isb_txn *old = begin(store, ISB_ENV_CATALOG, false);
	struct isb_txn *txn = begin(store, ISB_ENV_CATALOG, true);
	assert_int_equal(isb_row_put(txn, ISB_T_OBJECT, text("k"), text("v")), ISB_OK);
	assert_int_equal(isb_txn_commit(txn), ISB_OK);
	assert_int_equal(isb_store_last_txn_id(store, ISB_ENV_CATALOG), before + 1);
	assert_int_equal(isb_row_get(old, ISB_T_OBJECT, text("k"), &value), ISB_ENOTFOUND);
	assert_int_equal(isb_txn_id(old), before);
	bool moved = false;
	assert_int_equal(isb_txn_renew(old, &moved), ISB_OK);
	assert_true(moved);
	assert_int_equal(isb_row_get(old, ISB_T_OBJECT, text("k"), &value), ISB_OK);
	assert_memory_equal(value.data, "v", 1);
	assert_int_equal(isb_txn_renew(old, &moved), ISB_OK);
	assert_false(moved);
	isb_txn_reset(old);
	assert_int_equal(isb_row_get(old, ISB_T_OBJECT, text("k"), &value), ISB_EINVAL);
	isb_txn_abort(old);

	txn = begin(store, ISB_ENV_CATALOG, true);
	assert_int_equal(isb_row_delete(txn, ISB_T_OBJECT, text("k")), ISB_OK);
	assert_int_equal(isb_row_delete(txn, ISB_T_OBJECT, text("k")), ISB_ENOTFOUND);
	isb_txn_abort(txn);
	txn = begin(store, ISB_ENV_CATALOG, false);
	assert_int_equal(isb_row_get(txn, ISB_T_OBJECT, text("k"), &value), ISB_OK);
	isb_txn_abort(txn);
	isb_store_close(store);
}

struct seen {
	char keys[64];
	size_t stop_after;
};
static int see(void *arg, struct isb_slice key, struct isb_slice value)
{
	struct seen *seen = arg;
	assert_int_equal(value.len, 1);
	strncat(seen->keys, key.data, key.len);
	strcat(seen->keys, " ");
	return seen->stop_after && --seen->stop_after == 0 ? 7 : 0;
}

static void rows_are_walked_by_prefix_from_a_key_and_until_stopped(void **state)
{
	static const char *const keys[] = {"a", "b", "ba", "bb", "bbc", "c"};
	static const struct {
		const char *prefix, *from, *expect;
		size_t stop_after;
		int rc;
	} cases[] = {
		{"", "", "a b ba bb bbc c ", 0, 0},
		{"b", "", "b ba bb bbc ", 0, 0},
		{"bb", "", "bb bbc ", 0, 0},
		{"b", "ba", "ba bb bbc ", 0, 0},
		{"b", "bab", "bb bbc ", 0, 0},
		{"b", "a", "b ba bb bbc ", 0, 0},
		{"b", "c", "", 0, 0},
		{"", "bb", "bb bbc c ", 0, 0},
		{"d", "", "", 0, 0},
		{"b", "", "b ba ", 2, 7},
	};
	struct isb_store *store = open_store(*state, ISB_STORE_WRITE_CATALOG);
	struct isb_txn *txn = begin(store, ISB_ENV_CATALOG, true);
	struct isb_slice key, value;
	assert_int_equal(isb_row_last(txn, ISB_T_OBJECT, &key, &value), ISB_ENOTFOUND);
	assert_int_equal(isb_row_each(txn, ISB_T_OBJECT, everything, everything, see, &(struct seen){0}), ISB_OK);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		assert_int_equal(isb_row_put(txn, ISB_T_OBJECT, text(keys[i]), text("v")), ISB_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct seen seen = {.stop_after = cases[i].stop_after};
		int rc = isb_row_each(txn, ISB_T_OBJECT, text(cases[i].prefix), text(cases[i].from), see, &seen);
		assert_int_equal(rc, cases[i].rc);
		assert_string_equal(seen.keys, cases[i].expect);
	}
	assert_int_equal(isb_row_last(txn, ISB_T_OBJECT, &key, &value), ISB_OK);
	assert_memory_equal(key.data, "c", 1);
	isb_txn_abort(txn);
	isb_store_close(store);
}

static void a_key_beyond_lmdbs_limit_is_refused(void **state)
{
	struct isb_store *store = open_store(*state, ISB_STORE_WRITE_CATALOG);
	struct isb_txn *txn = begin(store, ISB_ENV_CATALOG, true);
	char key[512];
	memset(key, 'k', sizeof(key));
	assert_int_equal(isb_row_put(txn, ISB_T_OBJECT, (struct isb_slice){key, 511}, text("v")), ISB_OK);
	assert_int_equal(isb_row_put(txn, ISB_T_OBJECT, (struct isb_slice){key, 512}, text("v")), ISB_ERANGE);
	assert_int_equal(isb_row_put(txn, ISB_T_OBJECT, everything, text("v")), ISB_ERANGE);
	isb_txn_abort(txn);
	isb_store_close(store);
}

/* --- Other processes --- */

struct reading {
	const char *dir;
	int ready;
	int count;
};

static int read_until_killed(void *arg)
{
	const struct reading *reading = arg;
	struct isb_store *store;
	struct isb_txn *txn;
	if (isb_store_open(reading->dir, ISB_STORE_READ, &store, NULL) != ISB_OK)
		return 1;
	int n = 0;
	while (n < reading->count && isb_txn_begin(store, ISB_ENV_HEALTH, false, &txn) == ISB_OK)
		n++;
	if (write(reading->ready, &n, sizeof(n)) != sizeof(n))
		return 2;
	for (;;)
		pause();
}

static int kill_readers(const char *dir, int count)
{
	int ends[2], n = 0;
	assert_int_equal(pipe(ends), 0);
	struct reading reading = {dir, ends[1], count};
	pid_t pid = spawn(read_until_killed, &reading);
	close(ends[1]);
	assert_int_equal(read(ends[0], &n, sizeof(n)), sizeof(n));
	close(ends[0]);
	kill(pid, SIGKILL);
	assert_int_equal(exit_code(pid), -SIGKILL);
	return n;
}

static void slots_of_killed_readers_are_freed(void **state)
{
	struct isb_store *store = open_store(*state, ISB_STORE_WRITE_CATALOG);
	assert_int_equal(isb_store_clean(store), 0);
	assert_int_equal(kill_readers(*state, 3), 3);
	assert_int_equal(isb_store_clean(store), 3);
	assert_int_equal(isb_store_clean(store), 0);
	isb_store_close(store);
}

static void a_reader_table_full_of_the_dead_stops_nobody(void **state)
{
	struct isb_store *store = open_store(*state, ISB_STORE_WRITE_CATALOG);
	int n = kill_readers(*state, 100000);
	assert_in_range(n, 512, 4096); /* the whole table */
	isb_txn_abort(begin(store, ISB_ENV_HEALTH, false));
	isb_store_close(store);
}

static void a_full_reader_table_of_the_living_is_busy(void **state)
{
	enum { MANY = 5000 };
	struct isb_store *store = open_store(*state, ISB_STORE_WRITE_CATALOG);
	struct isb_txn **txn = calloc(MANY, sizeof(*txn));
	size_t n = 0;
	int rc = ISB_OK;
	while (n < MANY && (rc = isb_txn_begin(store, ISB_ENV_HEALTH, false, &txn[n])) == ISB_OK)
		n++;
	assert_int_equal(rc, ISB_EBUSY);
	while (n)
		isb_txn_abort(txn[--n]);
	isb_txn_abort(begin(store, ISB_ENV_HEALTH, false));
	free(txn);
	isb_store_close(store);
}

static off_t health_size(const char *dir)
{
	char path[512];
	struct stat st;
	snprintf(path, sizeof(path), "%s/health.mdb", dir);
	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

/* Nobody calls isb_store_clean() here: the writer must do for itself. */
static void killed_readers_do_not_make_the_file_grow(void **state)
{
	enum { COMMITS = 100000, READERS_KILLED = 20, LARGEST = 4 << 20 };
	isb_store_close(open_store(*state, ISB_STORE_WRITE_CATALOG));
	struct isb_store *store = open_store(*state, ISB_STORE_WRITE_HEALTH);
	for (unsigned i = 0; i < COMMITS; i++) {
		if (i % (COMMITS / READERS_KILLED) == 0)
			assert_int_equal(kill_readers(*state, 3), 3);
		struct isb_txn *txn = begin(store, ISB_ENV_HEALTH, true);
		uint32_t number = i;
		assert_int_equal(isb_row_put(txn, ISB_T_PROBE, text("k"), (struct isb_slice){&number, sizeof(number)}), ISB_OK);
		assert_int_equal(isb_txn_commit(txn), ISB_OK);
	}
	assert_in_range(health_size(*state), 1, LARGEST);
	isb_store_close(store);
}

/* A health file with a small map, as a program with other ideas of its size would have made it. */
static MDB_env *raw_health(const char *path, size_t map)
{
	MDB_env *env;
	assert_int_equal(mdb_env_create(&env), 0);
	mdb_env_set_maxdbs(env, 16);
	mdb_env_set_mapsize(env, map);
	assert_int_equal(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOTLS | MDB_NOSYNC, 0600), 0);
	return env;
}

static void make_small_health(const char *path)
{
	static const char *const names[] = {"word", "since", "pace", "observation", "transition", "probe", "rtt", "resolved"};
	unlink(path);
	MDB_env *env = raw_health(path, 256 << 10);
	MDB_txn *txn;
	MDB_dbi dbi;
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(mdb_dbi_open(txn, names[i], MDB_CREATE, &dbi), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

static void a_store_that_lacks_a_table_is_mended_by_the_next_writer(void **state)
{
	char path[512];
	const char *message = "";
	struct isb_store *store;
	MDB_txn *txn;
	MDB_dbi dbi;
	isb_store_close(open_store(*state, ISB_STORE_WRITE_CATALOG));
	snprintf(path, sizeof(path), "%s/health.mdb", (char *)*state);
	MDB_env *env = raw_health(path, 1 << 20);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, "pace", 0, &dbi), 0);
	assert_int_equal(mdb_drop(txn, dbi, 1), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
	assert_int_equal(isb_store_open(*state, ISB_STORE_READ, &store, &message), ISB_EVERSION);
	assert_non_null(strstr(message, "has no table 'pace'"));
	isb_store_close(open_store(*state, ISB_STORE_WRITE_CATALOG));
	isb_store_close(open_store(*state, ISB_STORE_READ));
}

enum { STEPS = 6, STEP = 1 << 20 };
struct grower {
	const char *path;
	int go; /* begin when an octet comes */
};

/* One large row per step, each in a map just large enough for it. */
static int grow_health(void *arg)
{
	const struct grower *grower = arg;
	static char large[STEP];
	char octet;
	if (read(grower->go, &octet, 1) != 1)
		return 1;
	MDB_env *env = raw_health(grower->path, 2 * STEP);
	MDB_txn *txn;
	MDB_dbi dbi;
	for (unsigned step = 1; step <= STEPS; step++) {
		char number = (char)step;
		MDB_val key = {1, &number}, value = {sizeof(large), large};
		memset(large, number, sizeof(large));
		if (mdb_env_set_mapsize(env, (step + 1) * (size_t)STEP) || mdb_txn_begin(env, NULL, 0, &txn) ||
		    mdb_dbi_open(txn, "rtt", 0, &dbi) || mdb_put(txn, dbi, &key, &value, 0) || mdb_txn_commit(txn))
			return 2;
		usleep(2000);
	}
	return 0;
}

static pid_t spawn_grower(const char *dir, char path[512], int *ret_go)
{
	int ends[2];
	snprintf(path, 512, "%s/health.mdb", dir);
	isb_store_close(open_store(dir, ISB_STORE_WRITE_CATALOG));
	make_small_health(path);
	assert_int_equal(pipe(ends), 0);
	struct grower grower = {path, ends[0]};
	pid_t pid = spawn(grow_health, &grower);
	close(ends[0]);
	*ret_go = ends[1];
	return pid;
}

/* 0 when the row is whole; ISB_ENOTFOUND when it is not there yet. */
static int check_step(struct isb_txn *txn, unsigned step)
{
	struct isb_slice value;
	uint8_t number = (uint8_t)step;
	int rc = isb_row_get(txn, ISB_T_RTT, (struct isb_slice){&number, 1}, &value);
	if (rc != ISB_OK)
		return rc;
	const uint8_t *octets = value.data;
	return value.len == STEP && octets[0] == number && octets[STEP - 1] == number ? ISB_OK : ISB_EFORMAT;
}

static void a_map_that_another_process_grew_is_adopted(void **state)
{
	char path[512];
	int go;
	pid_t pid = spawn_grower(*state, path, &go);
	struct isb_store *store = open_store(*state, ISB_STORE_READ);
	struct isb_txn *held = begin(store, ISB_ENV_HEALTH, false), *again = begin(store, ISB_ENV_HEALTH, false);
	isb_txn_reset(again);
	assert_int_equal(write(go, "", 1), 1);
	close(go);
	assert_int_equal(exit_code(pid), 0);

	struct isb_txn *txn = NULL;
	bool moved = false;
	assert_int_equal(isb_txn_begin(store, ISB_ENV_HEALTH, false, &txn), ISB_EBUSY); /* `held` reads the old map */
	assert_int_equal(isb_txn_renew(again, &moved), ISB_EBUSY);
	isb_txn_abort(held);
	assert_int_equal(isb_txn_renew(again, &moved), ISB_OK);
	assert_true(moved);
	for (unsigned step = 1; step <= STEPS; step++)
		assert_int_equal(check_step(again, step), ISB_OK);
	isb_txn_abort(again);
	isb_txn_abort(begin(store, ISB_ENV_HEALTH, false));
	isb_store_close(store);
}

/* Reads on until the last step; the result is the first failure that is not "try again". */
static void *read_steps(void *store)
{
	struct isb_txn *txn;
	unsigned step = 1;
	int rc;
	while ((rc = isb_txn_begin(store, ISB_ENV_HEALTH, false, &txn)) == ISB_EBUSY)
		sched_yield();
	if (rc != ISB_OK)
		return (void *)(intptr_t)rc;
	while (step <= STEPS && (rc == ISB_OK || rc == ISB_EBUSY)) {
		bool moved;
		rc = isb_txn_renew(txn, &moved);
		if (rc != ISB_OK)
			continue;
		while (step <= STEPS && (rc = check_step(txn, step)) == ISB_OK)
			step++;
		if (rc == ISB_ENOTFOUND)
			rc = ISB_OK;
		isb_txn_reset(txn);
	}
	isb_txn_abort(txn);
	return (void *)(intptr_t)rc;
}

static void threads_that_read_while_the_map_grows_all_follow(void **state)
{
	enum { THREADS = 4 };
	pthread_t thread[THREADS];
	char path[512];
	int go;
	pid_t pid = spawn_grower(*state, path, &go);
	struct isb_store *store = open_store(*state, ISB_STORE_READ);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, read_steps, store), 0);
	assert_int_equal(write(go, "", 1), 1);
	close(go);
	for (unsigned i = 0; i < THREADS; i++) {
		void *rc;
		assert_int_equal(pthread_join(thread[i], &rc), 0);
		assert_int_equal((intptr_t)rc, ISB_OK);
	}
	assert_int_equal(exit_code(pid), 0);
	isb_store_close(store);
}

/* A commit that needs a megabyte more; 0 when it is refused as it should be. */
static int write_too_much(const char *dir)
{
	static char large[1 << 20];
	struct isb_store *store;
	struct isb_txn *txn;
	memset(large, 'L', sizeof(large));
	if (isb_store_open(dir, ISB_STORE_WRITE_CATALOG, &store, NULL) != ISB_OK ||
	    isb_txn_begin(store, ISB_ENV_CATALOG, true, &txn) != ISB_OK)
		return 1;
	int rc = isb_row_put(txn, ISB_T_OBJECT, text("k"), (struct isb_slice){large, sizeof(large)});
	if (rc == ISB_OK)
		rc = isb_txn_commit(txn);
	struct isb_slice value;
	if (rc != ISB_EFULL || isb_txn_begin(store, ISB_ENV_CATALOG, true, &txn) != ISB_OK ||
	    isb_row_get(txn, ISB_T_OBJECT, text("k"), &value) != ISB_ENOTFOUND)
		return 2;
	isb_txn_abort(txn);
	isb_store_close(store);
	return 0;
}

static int write_beyond_the_limit(void *dir)
{
	struct stat st;
	char path[512];
	snprintf(path, sizeof(path), "%s/catalog.mdb", (char *)dir);
	signal(SIGXFSZ, SIG_IGN);
	if (stat(path, &st) != 0 ||
	    setrlimit(RLIMIT_FSIZE, &(struct rlimit){(rlim_t)st.st_size, (rlim_t)st.st_size}) != 0)
		return 3;
	return write_too_much(dir);
}

static void a_file_that_may_not_grow_is_full_and_the_store_stays_as_it_was(void **state)
{
	isb_store_close(open_store(*state, ISB_STORE_WRITE_CATALOG));
	assert_int_equal(exit_code(spawn(write_beyond_the_limit, *state)), 0);
	struct isb_store *store = open_store(*state, ISB_STORE_WRITE_CATALOG);
	struct isb_txn *txn = begin(store, ISB_ENV_CATALOG, true);
	assert_int_equal(isb_row_put(txn, ISB_T_OBJECT, text("k"), text("v")), ISB_OK);
	assert_int_equal(isb_txn_commit(txn), ISB_OK);
	isb_store_close(store);
}

/* What does not fit the map is refused like what does not fit the disk; and room can be made from inside. */
static void a_full_map_is_full_and_takes_rows_again_after_some_went(void **state)
{
	enum { MAP = 1 << 20, ROW = 20000 };
	static char large[ROW];
	isb_store_close(open_store(*state, ISB_STORE_WRITE_CATALOG));
	struct isb_store *store = open_store(*state, ISB_STORE_WRITE_HEALTH);
	assert_int_equal(mdb_env_set_mapsize(store->env[ISB_ENV_HEALTH].mdb, MAP), 0);
	char key[16];
	unsigned rows = 0;
	int rc;
	do {
		struct isb_txn *txn = begin(store, ISB_ENV_HEALTH, true);
		snprintf(key, sizeof(key), "row-%03u", rows);
		rc = isb_row_put(txn, ISB_T_PROBE, text(key), (struct isb_slice){large, sizeof(large)});
		if (rc == ISB_OK)
			rc = isb_txn_commit(txn);
		else
			isb_txn_abort(txn);
		rows += rc == ISB_OK;
	} while (rc == ISB_OK && rows < MAP / ROW);
	assert_int_equal(rc, ISB_EFULL);
	assert_in_range(rows, MAP / ROW / 2, MAP / ROW - 1);
	struct isb_slice value;
	struct isb_txn *txn = begin(store, ISB_ENV_HEALTH, true);
	assert_int_equal(isb_row_get(txn, ISB_T_PROBE, text(key), &value), ISB_ENOTFOUND); /* the one refused */
	for (unsigned i = 0; i < rows; i++) {
		snprintf(key, sizeof(key), "row-%03u", i);
		assert_int_equal(isb_row_get(txn, ISB_T_PROBE, text(key), &value), ISB_OK);
		if (i < 2)
			assert_int_equal(isb_row_delete(txn, ISB_T_PROBE, text(key)), ISB_OK);
	}
	assert_int_equal(isb_txn_commit(txn), ISB_OK);
	for (unsigned i = 0; i < 2; i++) { /* pages that were freed are used from the next transaction but one on */
		txn = begin(store, ISB_ENV_HEALTH, true);
		assert_int_equal(isb_row_put(txn, ISB_T_PROBE, text("small"), text(i ? "two" : "one")), ISB_OK);
		assert_int_equal(isb_txn_commit(txn), ISB_OK);
	}
	txn = begin(store, ISB_ENV_HEALTH, true);
	assert_int_equal(isb_row_put(txn, ISB_T_PROBE, text("again"), (struct isb_slice){large, sizeof(large)}), ISB_OK);
	assert_int_equal(isb_txn_commit(txn), ISB_OK);
	isb_store_close(store);
}

enum { NO_MOUNTS_HERE = 77 };
static int write_on_a_small_disk(void *dir)
{
	if ((unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("tmpfs", dir, "tmpfs", 0, "size=512k") != 0)
		return NO_MOUNTS_HERE;
	return write_too_much(dir);
}

static void a_full_disk_is_full_and_no_input_output_error(void **state)
{
	int code = exit_code(spawn(write_on_a_small_disk, *state));
	if (code == NO_MOUNTS_HERE)
		skip();
	assert_int_equal(code, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_opened_read_only_cannot_be_written),
		T(a_table_is_reached_in_its_own_environment_only),
		T(a_commit_is_seen_and_an_abort_is_not),
		T(rows_are_walked_by_prefix_from_a_key_and_until_stopped),
		T(a_key_beyond_lmdbs_limit_is_refused),
		T(slots_of_killed_readers_are_freed),
		T(a_reader_table_full_of_the_dead_stops_nobody),
		T(killed_readers_do_not_make_the_file_grow),
		T(a_full_reader_table_of_the_living_is_busy),
		T(a_store_that_lacks_a_table_is_mended_by_the_next_writer),
		T(a_map_that_another_process_grew_is_adopted),
		T(threads_that_read_while_the_map_grows_all_follow),
		T(a_file_that_may_not_grow_is_full_and_the_store_stays_as_it_was),
		T(a_full_map_is_full_and_takes_rows_again_after_some_went),
		T(a_full_disk_is_full_and_no_input_output_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
