/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "isobar/base/diag.h"
#include "isobar/model/schema.h"
#include "isobar/store/catalogdb.h"
#include "isobar/store/env.h"

/* What every verb gets: the words after it, the options given, and how to speak. */
struct cli {
	const char *store_dir;
	const char *const *words; /* NULL-terminated */
	int count;
	bool json, dry_run, prune;
	const char **files;
	size_t nfile;
	const char **geo;
	size_t ngeo;
	const char *reason, *author;
	int64_t for_ms;     /* 0: no end */
	const char *client;
	int64_t now_ms;
};

/* Exit codes. */
enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

struct verb {
	const char *name;
	const char *usage;   /* what follows the name */
	const char *help;
	const char *options; /* letters of the options it takes beside the global ones; see cli.c */
	int (*run)(struct cli *cli);
};
extern const struct verb verb_apply, verb_diff, verb_export, verb_show, verb_set, verb_add, verb_remove, verb_status,
	verb_drain, verb_force, verb_explain, verb_latency, verb_log, verb_check;

/* "isobar: sentence" on stderr; returns `code`, so that verbs can `return cli_fail(CLI_FAILED, …)`. */
int cli_fail(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* All diags on stderr, then CLI_FAILED. */
int cli_refuse(const struct isb_diags *diags, const char *what);
void cli_print_json(json_t *value); /* takes over the reference */

int cli_open(const struct cli *cli, enum isb_store_mode mode, struct isb_store **ret_store);
/* Opens for reading with a transaction on the catalog, and on health when ret_health is not NULL. */
struct cli_reader {
	struct isb_store *store;
	struct isb_txn *catalog, *health;
};
int cli_read(const struct cli *cli, struct cli_reader *ret_reader);
void cli_read_done(struct cli_reader *reader);

/* One edit from begin to printed generation. `change` puts its rows through the edit and returns CLI_OK, or another
 * exit code after saying why; then the catalog as it would be is checked whole, printed as a plan, and committed
 * (unless --dry-run). `say_plan`: print what changed. */
typedef int cli_change(struct cli *cli, struct isb_txn *txn, struct isb_edit *edit, struct isb_diags *diags, void *arg);
int cli_edit(struct cli *cli, bool say_plan, cli_change *change, void *arg);

/* What an edit changes, for people and for programs. */
void cli_print_changes(const struct isb_edit *edit);
json_t *cli_json_changes(const struct isb_edit *edit);

/* YAML body → JSON: scalars that read as numbers or booleans become such. */
json_t *cli_json_yaml(const struct isb_yaml *node);
json_t *cli_json_body(const char *body);

/* The tables of "status" and "show": cells are copied; column widths fit the widest cell. */
struct cli_table {
	struct isb_arena arena;
	size_t columns, rows, cap;
	const char **cells;
};
void cli_table_init(struct cli_table *table, size_t columns, const char *const *heads);
void cli_table_row(struct cli_table *table, const char *const *cells);
void cli_table_print(struct cli_table *table); /* and frees it */
