/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "isobar/base/buf.h"
#include "isobar/base/err.h"
#include "isobar/store/env.h"

/* Every test has a directory of its own: *state is its path, and the store goes into it. */
static inline int make_dir(void **state)
{
	char template[] = "/tmp/isobar-store-XXXXXX";
	*state = mkdtemp(template) ? strdup(template) : NULL;
	return *state ? 0 : -1;
}

static inline int remove_dir(void **state)
{
	char path[512];
	DIR *dir = opendir(*state);
	for (struct dirent *e; dir && (e = readdir(dir));) {
		snprintf(path, sizeof(path), "%s/%s", (char *)*state, e->d_name);
		unlink(path);
	}
	if (dir)
		closedir(dir);
	int rc = rmdir(*state);
	free(*state);
	return rc;
}

static inline struct isb_store *open_store(const char *dir, enum isb_store_mode mode)
{
	struct isb_store *store = NULL;
	const char *message = "";
	int rc = isb_store_open(dir, mode, &store, &message);
	if (rc != ISB_OK)
		fprintf(stderr, "%s\n", message);
	assert_int_equal(rc, ISB_OK);
	return store;
}

static inline struct isb_txn *begin(struct isb_store *store, enum isb_env env, bool write)
{
	struct isb_txn *txn = NULL;
	assert_int_equal(isb_txn_begin(store, env, write, &txn), ISB_OK);
	return txn;
}

static inline struct isb_slice text(const char *s)
{
	return (struct isb_slice){s, strlen(s)};
}

/* Runs `body` in a process of its own, which must not have the store open yet; it ends with what body returns. */
static inline pid_t spawn(int (*body)(void *arg), void *arg)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(body(arg));
	return pid;
}

static inline int exit_code(pid_t pid)
{
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* A row as docs/store.md shows it: 16 octets a line, long values cut after `max`. */
static inline void hex_line(struct isb_buf *out, const char *title, struct isb_slice s, size_t max)
{
	const uint8_t *octets = s.data;
	for (size_t i = 0; i < s.len && i < max; i++) {
		if (i % 16 == 0)
			isb_buf_printf(out, "%-6s", i == 0 ? title : "");
		isb_buf_printf(out, " %02x%s", octets[i], i % 16 == 15 || i + 1 == s.len ? "\n" : "");
	}
	if (s.len > max)
		isb_buf_printf(out, "%-6s … %zu octets in all\n", "", s.len);
}

struct doc_rows {
	struct isb_buf hex;
	size_t max;
};
static inline int doc_row(void *arg, struct isb_slice key, struct isb_slice value)
{
	struct doc_rows *rows = arg;
	hex_line(&rows->hex, "key", key, SIZE_MAX);
	hex_line(&rows->hex, "value", value, rows->max);
	return 0;
}

/* All rows of the table must stand in the manual, in this order and under the table's heading. */
static inline void assert_in_manual(struct isb_txn *txn, enum isb_table table, const char *name, size_t max)
{
	static const struct isb_slice everything = {NULL, 0};
	struct isb_buf manual = {0};
	char piece[4096], heading[64];
	FILE *file = fopen(ISB_TESTS_DIR "/../docs/store.md", "r");
	assert_non_null(file);
	for (size_t n; (n = fread(piece, 1, sizeof(piece), file)) > 0;)
		isb_buf_add(&manual, piece, n);
	fclose(file);

	struct doc_rows rows = {.max = max};
	assert_int_equal(isb_row_each(txn, table, everything, everything, doc_row, &rows), ISB_OK);
	snprintf(heading, sizeof(heading), "\n### %s\n", name);
	const char *section = strstr(isb_buf_text(&manual), heading);
	const char *end = section ? strstr(section + 1, "\n### ") : NULL;
	const char *found = section ? strstr(section, isb_buf_text(&rows.hex)) : NULL;
	if (!rows.hex.len || !found || (end && found > end)) {
		fprintf(stderr, "docs/store.md, table %s, lacks these rows:\n%s", name, isb_buf_text(&rows.hex));
		fail();
	}
	isb_buf_done(&rows.hex);
	isb_buf_done(&manual);
}
