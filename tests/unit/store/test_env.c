/* SPDX-License-Identifier: Apache-2.0 */
#include "store_test.h"

#include <sys/stat.h>

static void a_store_is_made_once_and_found_by_everyone(void **state)
{
	const char *dir = *state;
	isb_store_close(open_store(dir, ISB_STORE_WRITE_CATALOG));
	for (enum isb_store_mode mode = ISB_STORE_READ; mode <= ISB_STORE_WRITE_LATENCY; mode++) {
		struct isb_store *store = open_store(dir, mode);
		assert_string_equal(isb_store_dir(store), dir);
		for (enum isb_table t = ISB_T_META; t < ISB_T_COUNT; t++) {
			enum isb_env env = t <= ISB_T_ROLLOUT ? ISB_ENV_CATALOG : t <= ISB_T_RESOLVED ? ISB_ENV_HEALTH : ISB_ENV_LATENCY;
			struct isb_txn *txn = begin(store, env, false);
			struct isb_slice value;
			assert_int_equal(isb_row_get(txn, t, text("absent"), &value), ISB_ENOTFOUND);
			isb_txn_abort(txn);
		}
		isb_store_close(store);
	}
}

static void the_directory_is_made_one_level_deep(void **state)
{
	char path[512];
	const char *message = NULL;
	struct isb_store *store = NULL;
	snprintf(path, sizeof(path), "%s/a/b", (char *)*state);
	assert_int_equal(isb_store_open(path, ISB_STORE_WRITE_CATALOG, &store, &message), ISB_ENOTFOUND);
	assert_non_null(strstr(message, path));
	assert_null(store);

	snprintf(path, sizeof(path), "%s/new", (char *)*state);
	isb_store_close(open_store(path, ISB_STORE_WRITE_CATALOG));
	void *made = strdup(path);
	assert_int_equal(remove_dir(&made), 0);
}

static unsigned mode_of(const char *dir, const char *file)
{
	char path[512];
	struct stat st;
	snprintf(path, sizeof(path), "%s/%s", dir, file);
	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 0777;
}

static void lock_files_are_the_groups_whatever_the_umask(void **state)
{
	mode_t mask = umask(077);
	isb_store_close(open_store(*state, ISB_STORE_WRITE_CATALOG));
	umask(mask);
	assert_int_equal(mode_of(*state, "catalog.mdb"), 0600);
	assert_int_equal(mode_of(*state, "health.mdb"), 0600);
	assert_int_equal(mode_of(*state, "catalog.mdb-lock"), 0660);
	assert_int_equal(mode_of(*state, "health.mdb-lock"), 0660);
	assert_int_equal(mode_of(*state, "latency.mdb-lock"), 0660);
}

static void a_missing_store_is_named(void **state)
{
	for (int i = 0; i < 2; i++) {
		const char *message = NULL;
		struct isb_store *store = NULL;
		assert_int_equal(isb_store_open(*state, i ? ISB_STORE_READ : ISB_STORE_WRITE_HEALTH, &store, &message),
		                 ISB_ENOTFOUND);
		assert_null(store);
		assert_non_null(strstr(message, *state));
		assert_non_null(strstr(message, "catalog.mdb"));
	}
	assert_int_equal(isb_store_open(*state, ISB_STORE_READ, &(struct isb_store *){NULL}, NULL), ISB_ENOTFOUND);
}

static void a_file_that_is_no_store_is_refused(void **state)
{
	char path[512], junk[8192];
	snprintf(path, sizeof(path), "%s/catalog.mdb", (char *)*state);
	memset(junk, 'x', sizeof(junk));
	for (size_t len = 1; len <= sizeof(junk); len += sizeof(junk) - 1) {
		FILE *file = fopen(path, "w");
		assert_non_null(file);
		fwrite(junk, 1, len, file);
		fclose(file);
		for (enum isb_store_mode mode = ISB_STORE_READ; mode <= ISB_STORE_WRITE_LATENCY; mode++) {
			const char *message = NULL;
			struct isb_store *store = NULL;
			assert_int_equal(isb_store_open(*state, mode, &store, &message), ISB_EFORMAT);
			assert_non_null(strstr(message, path));
		}
	}
}

static void set_format(const char *dir, const void *octets, size_t len)
{
	struct isb_store *store = open_store(dir, ISB_STORE_WRITE_CATALOG);
	struct isb_txn *txn = begin(store, ISB_ENV_CATALOG, true);
	struct isb_slice key = {"format", sizeof("format")};
	if (len)
		assert_int_equal(isb_row_put(txn, ISB_T_META, key, (struct isb_slice){octets, len}), ISB_OK);
	else
		assert_int_equal(isb_row_delete(txn, ISB_T_META, key), ISB_OK);
	assert_int_equal(isb_txn_commit(txn), ISB_OK);
	isb_store_close(store);
}

static void a_store_of_a_newer_format_is_refused(void **state)
{
	const char *message = NULL;
	struct isb_store *store = NULL;
	set_format(*state, "\0\0\0\2", 4);
	assert_int_equal(isb_store_open(*state, ISB_STORE_READ, &store, &message), ISB_EVERSION);
	assert_non_null(strstr(message, "format 2"));
	assert_int_equal(isb_store_open(*state, ISB_STORE_WRITE_CATALOG, &store, &message), ISB_EVERSION);
}

static void a_catalog_without_its_format_is_refused(void **state)
{
	const char *message = NULL;
	struct isb_store *store = NULL;
	set_format(*state, NULL, 0);
	assert_int_equal(isb_store_open(*state, ISB_STORE_READ, &store, &message), ISB_EFORMAT);
	assert_non_null(strstr(message, "not the catalog"));
}

/* As anyone but root, who may write everything. */
static int open_without_rights(void *dir)
{
	const char *message = "";
	struct isb_store *store;
	if (geteuid() == 0 && setuid(65534) != 0)
		return 1;
	int rc = isb_store_open(dir, ISB_STORE_READ, &store, &message);
	return rc == ISB_EREADONLY && strstr(message, "catalog.mdb-lock'") && strstr(message, "writable") ? 0 : 2;
}

static void a_lock_that_may_not_be_written_is_named(void **state)
{
	static const char *const files[] = {"catalog.mdb", "catalog.mdb-lock", "health.mdb", "health.mdb-lock"};
	char path[512];
	isb_store_close(open_store(*state, ISB_STORE_WRITE_CATALOG));
	assert_int_equal(chmod(*state, 0755), 0);
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", (char *)*state, files[i]);
		assert_int_equal(chmod(path, 0444), 0);
	}
	assert_int_equal(exit_code(spawn(open_without_rights, *state)), 0);
}

/* --- Losing one file --- */

static void put_probe_row(const char *dir)
{
	struct isb_store *store = open_store(dir, ISB_STORE_WRITE_HEALTH);
	struct isb_txn *txn = begin(store, ISB_ENV_HEALTH, true);
	assert_int_equal(isb_row_put(txn, ISB_T_PROBE, text("k"), text("v")), ISB_OK);
	assert_int_equal(isb_txn_commit(txn), ISB_OK);
	isb_store_close(store);
}

static int get_probe_row(const char *dir)
{
	struct isb_store *store = open_store(dir, ISB_STORE_READ);
	struct isb_txn *txn = begin(store, ISB_ENV_HEALTH, false);
	struct isb_slice value;
	int rc = isb_row_get(txn, ISB_T_PROBE, text("k"), &value);
	isb_txn_abort(txn);
	isb_store_close(store);
	return rc;
}

static void a_new_catalog_inherits_no_health(void **state)
{
	char path[512];
	isb_store_close(open_store(*state, ISB_STORE_WRITE_CATALOG));
	put_probe_row(*state);
	isb_store_close(open_store(*state, ISB_STORE_WRITE_CATALOG));
	assert_int_equal(get_probe_row(*state), ISB_OK);

	snprintf(path, sizeof(path), "%s/catalog.mdb", (char *)*state);
	assert_int_equal(unlink(path), 0);
	isb_store_close(open_store(*state, ISB_STORE_WRITE_CATALOG));
	assert_int_equal(get_probe_row(*state), ISB_ENOTFOUND);
}

static void a_lost_health_file_is_made_again_beside_the_old_catalog(void **state)
{
	char path[512];
	struct isb_store *store = open_store(*state, ISB_STORE_WRITE_CATALOG);
	struct isb_txn *txn = begin(store, ISB_ENV_CATALOG, true);
	assert_int_equal(isb_row_put(txn, ISB_T_OBJECT, text("k"), text("v")), ISB_OK);
	assert_int_equal(isb_txn_commit(txn), ISB_OK);
	isb_store_close(store);
	snprintf(path, sizeof(path), "%s/health.mdb", (char *)*state);
	assert_int_equal(unlink(path), 0);

	assert_int_equal(isb_store_open(*state, ISB_STORE_READ, &store, NULL), ISB_EVERSION);
	store = open_store(*state, ISB_STORE_WRITE_CATALOG);
	struct isb_slice value;
	txn = begin(store, ISB_ENV_CATALOG, false);
	assert_int_equal(isb_row_get(txn, ISB_T_OBJECT, text("k"), &value), ISB_OK);
	isb_txn_abort(txn);
	isb_store_close(store);
	put_probe_row(*state);
}

#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_store_is_made_once_and_found_by_everyone),
		T(the_directory_is_made_one_level_deep),
		T(lock_files_are_the_groups_whatever_the_umask),
		T(a_missing_store_is_named),
		T(a_file_that_is_no_store_is_refused),
		T(a_store_of_a_newer_format_is_refused),
		T(a_catalog_without_its_format_is_refused),
		T(a_lock_that_may_not_be_written_is_named),
		T(a_new_catalog_inherits_no_health),
		T(a_lost_health_file_is_made_again_beside_the_old_catalog),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
