/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "isobar/base/err.h"
#include "isobar/base/map.h"
#include "isobar/model/dname.h"
#include "isobar/view/zonefile.h"

/* apply and diff are one road; diff turns back at the door. check walks it without a store. */

static int read_files(struct cli *cli, struct isb_catalog *want, struct isb_diags *diags)
{
	for (size_t i = 0; i < cli->nfile; i++) {
		struct isb_yaml *root;
		if (isb_yaml_parse_file(&want->arena, cli->files[i], diags, &root) == ISB_OK)
			isb_schema_read(want, root, diags);
	}
	return diags->count ? CLI_FAILED : CLI_OK;
}

/* A zone's `file:` is relative to the catalog file that names it. */
static const char *beside(struct isb_arena *arena, const char *catalog_file, const char *path)
{
	const char *slash = catalog_file ? strrchr(catalog_file, '/') : NULL;
	if (*path == '/' || !slash)
		return path;
	return isb_arena_printf(arena, "%.*s/%s", (int)(slash - catalog_file), catalog_file, path);
}

static int read_text(struct isb_catalog *want, const struct isb_zone *zone, const uint8_t *apex, struct isb_diags *diags,
                     struct isb_zonedata *ret_data)
{
	if (zone->file)
		return isb_zonefile_read(beside(&want->arena, zone->mark.file, zone->file), apex, diags, ret_data);
	struct isb_mark at = zone->text_mark;
	at.line++; /* a block begins on the line after its `|` */
	at.column = 0;
	return isb_zonetext_read(zone->text, strlen(zone->text), at, apex, diags, ret_data);
}

/* Reads the zone's ordinary data when the catalog gives any; ISB_ENOTFOUND: none is given. What is only worth a notice
 * (differing TTLs in an rrset) is printed at once. */
static int read_zone(struct isb_catalog *want, const struct isb_zone *zone, struct isb_diags *diags,
                     uint8_t ret_apex[ISB_DNAME_MAX], struct isb_zonedata *ret_data)
{
	struct isb_diags own = {0};
	if (isb_dname_parse(zone->name, NULL, ret_apex) < 0) {
		isb_diag(diags, zone->mark, "'%s' is not a domain name", zone->name);
		return ISB_EINVAL;
	}
	isb_dname_lower(ret_apex, ret_apex);
	if (!zone->text && !zone->file)
		return ISB_ENOTFOUND;
	int rc = read_text(want, zone, ret_apex, &own, ret_data);
	if (rc == ISB_OK)
		isb_diags_print(&own, stderr);
	else
		isb_diags_move(diags, &own);
	isb_diags_done(&own);
	return rc;
}

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

static int put_zone(struct isb_catalog *want, const struct isb_zone *zone, struct isb_edit *edit, struct isb_diags *diags)
{
	uint8_t apex[ISB_DNAME_MAX];
	struct isb_zonedata data;
	isb_zonedata_init(&data);
	int rc = read_zone(want, zone, diags, apex, &data);
	if (rc == ISB_ENOTFOUND)
		return ISB_OK; /* the rrsets in the store stay as they are */
	if (rc == ISB_OK)
		rc = isb_edit_zone_begin(edit, apex);
	for (size_t i = 0; rc == ISB_OK && i < data.count; i++)
		rc = isb_edit_put_rrset(edit, apex, data.sets[i].owner, data.sets[i].set);
	if (rc == ISB_OK)
		rc = isb_edit_zone_end(edit);
	isb_zonedata_done(&data);
	return diags->count ? ISB_OK : rc; /* what diags hold is said later, with every other zone's */
}

struct pruning {
	struct applying *a;
	enum isb_kind kind;
	const char **gone;
	size_t count;
};

static int list_gone(void *arg, const char *key, const char *body)
{
	struct pruning *p = arg;
	uint32_t at;
	(void)body;
	if (isb_map_get(&p->a->names[p->kind], key, strlen(key), &at))
		return 0;
	p->gone = isb_xrealloc(p->gone, (p->count + 1) * sizeof(*p->gone));
	p->gone[p->count++] = isb_arena_strdup(&p->a->arena, key);
	return 0;
}

static int empty_zone(struct isb_edit *edit, const char *name)
{
	uint8_t apex[ISB_DNAME_MAX];
	if (isb_dname_parse(name, NULL, apex) < 0)
		return ISB_EINVAL;
	isb_dname_lower(apex, apex);
	int rc = isb_edit_zone_begin(edit, apex);
	return rc == ISB_OK ? isb_edit_zone_end(edit) : rc;
}

static int prune(struct isb_txn *txn, struct applying *a)
{
	int rc = ISB_OK;
	for (enum isb_kind kind = 0; rc == ISB_OK && kind < ISB_KIND_COUNT; kind++) {
		struct pruning p = {.a = a, .kind = kind};
		rc = isb_object_each(txn, kind, list_gone, &p);
		for (size_t i = 0; rc == ISB_OK && i < p.count; i++) {
			rc = isb_edit_delete_object(a->edit, kind, p.gone[i]);
			if (rc == ISB_OK && kind == ISB_ZONE)
				rc = empty_zone(a->edit, p.gone[i]);
		}
		free(p.gone);
	}
	return rc;
}

static int apply_change(struct cli *cli, struct isb_txn *txn, struct isb_edit *edit, struct isb_diags *diags, void *arg)
{
	struct isb_catalog *want = arg;
	struct applying a = {.edit = edit};
	int rc = isb_schema_rows(want, put_object, &a);
	for (size_t i = 0; rc == ISB_OK && i < want->nzone; i++)
		rc = put_zone(want, &want->zones[i], edit, diags);
	if (rc == ISB_OK && cli->prune)
		rc = prune(txn, &a);
	for (size_t k = 0; k < ISB_KIND_COUNT; k++)
		isb_map_done(&a.names[k]);
	isb_arena_done(&a.arena);
	if (diags->count)
		return cli_refuse(diags, "refused");
	if (rc != ISB_OK)
		return cli_fail(CLI_FAILED, "cannot write the store in '%s': %s; nothing was changed", cli->store_dir,
		                isb_strerror(rc));
	return CLI_OK;
}

static int run_apply(struct cli *cli)
{
	if (cli->count)
		return cli_fail(CLI_USAGE, "apply takes files by -f; write: isobar apply -f %s", cli->words[0]);
	if (!cli->nfile)
		return cli_fail(CLI_USAGE, "apply needs a catalog; write: isobar apply -f FILE");
	struct isb_catalog want;
	struct isb_diags diags;
	isb_catalog_init(&want);
	isb_diags_init(&diags);
	int rc = read_files(cli, &want, &diags);
	rc = rc == CLI_OK ? cli_edit(cli, true, apply_change, &want) : cli_refuse(&diags, "refused");
	isb_diags_done(&diags);
	isb_catalog_done(&want);
	return rc;
}

static int run_diff(struct cli *cli)
{
	if (!cli->nfile)
		return cli_fail(CLI_USAGE, "diff needs a catalog; write: isobar diff -f FILE");
	cli->dry_run = true;
	return run_apply(cli);
}

static int run_check(struct cli *cli)
{
	if (!cli->nfile)
		return cli_fail(CLI_USAGE, "check needs a catalog; write: isobar check -f FILE");
	struct isb_catalog want;
	struct isb_diags diags;
	isb_catalog_init(&want);
	isb_diags_init(&diags);
	size_t records = 0, rrsets = 0;
	if (read_files(cli, &want, &diags) == CLI_OK)
		isb_catalog_check(&want, &diags);
	for (size_t i = 0; i < want.nzone; i++) {
		uint8_t apex[ISB_DNAME_MAX];
		struct isb_zonedata data;
		isb_zonedata_init(&data);
		if (read_zone(&want, &want.zones[i], &diags, apex, &data) == ISB_OK)
			rrsets += data.count;
		isb_zonedata_done(&data);
		records += want.zones[i].nrecord;
	}
	int rc = diags.count ? cli_refuse(&diags, "not a valid catalog") : CLI_OK;
	if (rc == CLI_OK)
		printf("ok: %zu regions, %zu checks, %zu pools, %zu policies, %zu zones, %zu records, %zu rrsets\n", want.nregion,
		       want.ncheck, want.npool, want.npolicy, want.nzone, records, rrsets);
	isb_diags_done(&diags);
	isb_catalog_done(&want);
	return rc;
}

/* --- export -------------------------------------------------------------------------------------------------------- */

struct exporting {
	struct isb_txn *txn;
	struct isb_buf text;
	int rc;
};

/* All but the SOA, which comes first in a master file. */
static int export_set(void *arg, const uint8_t *owner, const struct isb_rrset *set)
{
	if (set->type != ISB_SOA)
		isb_rrset_print(arg, owner, set);
	return 0;
}

static const char *export_zone(void *arg, const struct isb_zone *zone)
{
	struct exporting *e = arg;
	uint8_t apex[ISB_DNAME_MAX];
	isb_buf_reset(&e->text);
	if (isb_dname_parse(zone->name, NULL, apex) < 0)
		return NULL;
	isb_dname_lower(apex, apex);
	const struct isb_rrset *soa;
	if (isb_rrset_get(e->txn, apex, apex, ISB_SOA, &soa) == ISB_OK)
		isb_rrset_print(&e->text, apex, soa);
	int rc = isb_rrset_each(e->txn, apex, export_set, &e->text);
	if (rc != ISB_OK)
		e->rc = rc;
	return e->text.len ? e->text.data : NULL;
}

static int run_export(struct cli *cli)
{
	struct cli_reader reader;
	if (cli->count)
		return cli_fail(CLI_USAGE, "export takes no '%s'; see isobar show for single objects", cli->words[0]);
	int rc = cli_read(cli, &reader);
	if (rc != CLI_OK)
		return rc;
	struct isb_catalog catalog;
	struct isb_diags diags;
	struct isb_buf out = {0};
	struct exporting e = {.txn = reader.catalog};
	isb_catalog_init(&catalog);
	isb_diags_init(&diags);
	e.rc = isb_catalog_load(reader.catalog, &catalog, &diags);
	if (e.rc == ISB_OK)
		isb_schema_print(&out, &catalog, export_zone, &e);
	if (e.rc != ISB_OK) {
		isb_diags_print(&diags, stderr);
		rc = cli_fail(CLI_FAILED, "cannot export the store in '%s': %s", cli->store_dir, isb_strerror(e.rc));
	} else if (cli->json) {
		cli_print_json(cli_json_body(isb_buf_text(&out)));
	} else {
		fputs(isb_buf_text(&out), stdout);
	}
	isb_buf_done(&e.text);
	isb_buf_done(&out);
	isb_diags_done(&diags);
	isb_catalog_done(&catalog);
	cli_read_done(&reader);
	return rc;
}

const struct verb verb_apply = {"apply", "-f FILE ... [--prune] [-n] [-r WHY]",
                                "bring the catalog to what the files say, all of it or nothing", "fnpr", run_apply};
const struct verb verb_diff = {"diff", "-f FILE ... [--prune]", "show what apply would change", "fp", run_diff};
const struct verb verb_check = {"check", "-f FILE ...", "check catalog files without a store", "f", run_check};
const struct verb verb_export = {"export", "", "print the whole catalog as apply reads it", "", run_export};
