/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli.h"
#include "isobar/base/err.h"
#include "isobar/base/map.h"

/* apply and diff are one road; diff turns back at the door. */

/* --- Into the store --- */

struct applying {
	struct isb_edit *edit;
	struct isb_map names[ISB_KIND_COUNT]; /* of what the files hold */
	struct isb_arena arena;
};

static int put_object(void *arg, enum isb_kind kind, const char *key, const char *body)
{
	struct applying *a = arg;
	char *name = isb_arena_strdup(&a->arena, key);
	isb_map_put(&a->names[kind], name, strlen(name), 1);
	return isb_edit_put_object(a->edit, kind, key, body);
}

static int prune_kind(struct isb_txn *txn, struct applying *a, enum isb_kind kind)
{
	struct cli_names names = {0}; /* listed first: rows must not be written while a table is walked */
	int rc = cli_names_of(txn, (int)kind, &names);
	for (size_t i = 0; rc == ISB_OK && i < names.count; i++) {
		uint32_t at;
		if (isb_map_get(&a->names[kind], names.list[i], strlen(names.list[i]), &at))
			continue;
		rc = isb_edit_delete_object(a->edit, kind, names.list[i]);
		if (rc == ISB_OK && kind == ISB_ZONE)
			rc = cli_zone_empty(a->edit, names.list[i]);
	}
	cli_names_done(&names);
	return rc;
}

/* --- Marks --- */

/* What the store holds beside the files, so that the whole can be checked with the lines of the files. */
struct rest {
	const struct applying *a;
	struct cli_wanted *w;
	struct isb_diags *diags;
	enum isb_kind kind;
};

static int add_rest(void *arg, const char *key, const char *body)
{
	struct rest *r = arg;
	struct isb_arena *arena = &r->w->catalog.arena;
	struct isb_yaml *root;
	uint32_t at;
	if (isb_map_get(&r->a->names[r->kind], key, strlen(key), &at))
		return 0;
	const char *row = isb_arena_printf(arena, "%s/%s", isb_kind_name(r->kind), key);
	int rc = isb_yaml_parse(arena, row, body, strlen(body), r->diags, &root);
	return rc == ISB_OK ? isb_schema_read_object(&r->w->catalog, r->kind, key, root, r->diags) : rc;
}

static int check_merged(struct cli_edit *e, const struct applying *a)
{
	struct rest r = {.a = a, .w = e->arg, .diags = &e->diags};
	int rc = ISB_OK;
	for (r.kind = 0; rc == ISB_OK && r.kind < ISB_KIND_COUNT; r.kind++)
		rc = isb_object_each(e->txn, r.kind, add_rest, &r);
	if (rc == ISB_OK)
		isb_catalog_check(&r.w->catalog, &e->diags);
	return e->diags.count ? ISB_OK : rc; /* what diags hold is said */
}

static bool names_nothing(const struct isb_catalog *c)
{
	return !(c->nregion + c->ncheck + c->npool + c->npolicy + c->nzone);
}

int cli_wanted_put(struct cli_edit *e)
{
	struct cli_wanted *w = e->arg;
	struct applying a = {.edit = e->edit};
	bool nothing = names_nothing(&w->catalog);
	int rc = isb_schema_rows(&w->catalog, put_object, &a);
	for (size_t i = 0; rc == ISB_OK && i < w->nzone; i++)
		rc = cli_zone_put(e->edit, &w->zones[i]);
	for (enum isb_kind kind = 0; rc == ISB_OK && e->cli->prune && kind < ISB_KIND_COUNT; kind++)
		rc = prune_kind(e->txn, &a, kind);
	if (rc == ISB_OK)
		rc = check_merged(e, &a);
	for (size_t kind = 0; kind < ISB_KIND_COUNT; kind++)
		isb_map_done(&a.names[kind]);
	isb_arena_done(&a.arena);
	/* the rest of a pipe that broke, or a request whose body was forgotten, is an empty file too */
	if (rc == ISB_OK && nothing && e->cli->prune && isb_edit_count(e->edit))
		return cli_fail(CLI_FAILED, "these files name nothing, and --prune would remove everything; is one of them cut off?");
	return rc == ISB_OK ? CLI_OK : cli_unwritable(e->cli, rc);
}

/* --- Verbs --- */

static int apply(struct cli *cli)
{
	struct cli_wanted wanted = {.nzone = 0};
	int rc = cli_wanted_read(cli, &wanted);
	if (rc == CLI_OK)
		rc = cli_edit(cli, cli_wanted_put, NULL, &wanted);
	else
		rc = cli_refuse(&wanted.diags, "refused, nothing was changed");
	cli_wanted_done(&wanted);
	return rc;
}

static int run_apply(struct cli *cli)
{
	int rc = cli_wanted_words(cli, "apply");
	return rc == CLI_OK ? apply(cli) : rc;
}

static int run_diff(struct cli *cli)
{
	int rc = cli_wanted_words(cli, "diff");
	cli->dry_run = true;
	return rc == CLI_OK ? apply(cli) : rc;
}

const struct verb verb_apply = {
	"apply", "-f FILE ... [--prune] [-n] [-r WHY] [--max-shift SHARE [--traffic LOG [--format F]]]",
	"bring the catalog to what files say, all of it or nothing",
	"What the files name is made or replaced; the rest stays, unless --prune is given. A zone's\n"
	"file: is relative to the catalog file; a zone without file: and text: keeps its rrsets.\n",
	"-f catalog.yaml -r 'new region' --max-shift 10%", "fp" CLI_EDITS "gmTF", run_apply,
	CLI_CHANGE, "what files say", NULL};
const struct verb verb_diff = {
	"diff", "-f FILE ... [--prune] [--max-shift SHARE] [--traffic LOG [--format F]]",
	"show what apply would change, and how many clients it would move",
	"The whole plan, after every check that apply makes.\n", "-f catalog.yaml", "fpGgmTF", run_diff,
	CLI_TRY, "what apply would do", NULL};
