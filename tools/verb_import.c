/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "isobar/base/err.h"
#include "isobar/base/map.h"
#include "isobar/import/octodns.h"

/* import: zones in the files of other programs, on the same road as apply. */

static int read_files(const struct cli *cli, struct isb_octodns *o)
{
	for (size_t i = 0; i < cli->nfile; i++) {
		const char *zone = cli->zone ? cli->zone : isb_octodns_zone_name(&o->arena, cli->files[i]);
		struct isb_yaml *root;
		if (!zone)
			return cli_fail(CLI_USAGE, "which zone is in '%s'? write --zone NAME", cli->files[i]);
		if (isb_yaml_parse_file(&o->arena, cli->files[i], &o->errors, &root) == ISB_OK)
			isb_octodns_add(o, zone, root);
	}
	isb_octodns_finish(o);
	return CLI_OK;
}

static void read_zone(const struct isb_octodns *o, size_t i, struct isb_diags *diags, struct cli_zone *ret_zone)
{
	struct isb_diags own = {0};
	memcpy(ret_zone->apex, o->zones[i].apex, sizeof(ret_zone->apex));
	isb_zonedata_init(&ret_zone->data);
	ret_zone->given = isb_octodns_zonedata(o, i, &own, &ret_zone->data) == ISB_OK;
	if (ret_zone->given)
		isb_diags_print(&own, stderr);
	else
		isb_diags_move(diags, &own);
	isb_diags_done(&own);
}

/* Goes on after errors, so that those of every part are listed. */
static void take_over(struct isb_octodns *o, struct cli_wanted *w)
{
	isb_catalog_init(&w->catalog);
	isb_diags_move(&w->diags, &o->errors);
	isb_schema_read(&w->catalog, o->root, &w->diags);
	w->zones = isb_xcalloc(o->nzone, sizeof(*w->zones));
	for (; w->nzone < o->nzone; w->nzone++)
		read_zone(o, w->nzone, &w->diags, &w->zones[w->nzone]);
}

/* --- Into the store --- */

struct kept {
	struct isb_arena arena;
	struct isb_map keys; /* rows of the records that the files steer */
};

static void list_kept(const struct isb_catalog *catalog, struct kept *kept)
{
	for (size_t i = 0; i < catalog->nzone; i++) {
		const struct isb_zone *zone = &catalog->zones[i];
		for (size_t k = 0; k < zone->nrecord; k++) {
			const char *key = isb_arena_printf(&kept->arena, "%s/%s", zone->name, zone->records[k].owner);
			isb_map_put(&kept->keys, key, strlen(key), 1);
		}
	}
}

/* Is this row a record of an imported zone that the files do not steer (any more)? */
static bool is_stale(const struct isb_catalog *catalog, const struct kept *kept, const char *key)
{
	uint32_t at;
	for (size_t i = 0; i < catalog->nzone; i++) {
		size_t len = strlen(catalog->zones[i].name);
		if (strncmp(key, catalog->zones[i].name, len) == 0 && key[len] == '/')
			return !isb_map_get(&kept->keys, key, strlen(key), &at);
	}
	return false;
}

/* The files are the whole zone: what they do not name goes, ordinary rrsets and steered names alike. */
static int change(struct cli_edit *e)
{
	const struct cli_wanted *w = e->arg;
	struct cli_names names = {0}; /* listed first: rows must not be written while a table is walked */
	struct kept kept = {0};
	list_kept(&w->catalog, &kept);
	int err = cli_names_of(e->txn, ISB_RECORD, &names);
	for (size_t i = 0; err == ISB_OK && i < names.count; i++)
		if (is_stale(&w->catalog, &kept, names.list[i]))
			err = isb_edit_delete_object(e->edit, ISB_RECORD, names.list[i]);
	cli_names_done(&names);
	isb_map_done(&kept.keys);
	isb_arena_done(&kept.arena);
	return err == ISB_OK ? cli_wanted_put(e) : cli_unwritable(e->cli, err);
}

static void print(const struct cli *cli, const struct isb_catalog *catalog)
{
	struct isb_buf out = {0};
	isb_schema_print(&out, catalog, NULL, NULL);
	if (cli->json)
		cli_print_json(cli_json_body(isb_buf_text(&out)));
	else
		fwrite(isb_buf_text(&out), 1, out.len, stdout);
	isb_buf_done(&out);
}

static int import(struct cli *cli, struct isb_octodns *o, struct cli_wanted *w)
{
	take_over(o, w);
	if (cli->print && !w->diags.count)
		isb_catalog_check(&w->catalog, &w->diags);
	if (w->diags.count)
		return cli_refuse(&w->diags, cli->print ? "no catalog" : "refused, nothing was changed");
	isb_diags_print(&o->notes, stderr);
	if (!cli->print)
		return cli_edit(cli, change, NULL, w);
	print(cli, &w->catalog);
	return CLI_OK;
}

static int run(struct cli *cli)
{
	const struct isb_octodns_how how = {.provider = cli->provider, .ns = cli->ns, .nns = cli->nns, .soa = cli->soa};
	struct isb_octodns o;
	struct cli_wanted w = {0};
	if (cli->count < 2)
		return cli_fail(CLI_USAGE, "import what? write: isobar import octodns FILE ...");
	if (strcmp(cli->words[0], "octodns") != 0)
		return cli_fail(CLI_USAGE, "cannot import '%s'; write: isobar import octodns FILE ...", cli->words[0]);
	for (int i = 1; i < cli->count; i++)
		cli->files[cli->nfile++] = cli->words[i];
	isb_octodns_init(&o, &how);
	int rc = read_files(cli, &o);
	if (rc == CLI_OK)
		rc = import(cli, &o, &w);
	cli_wanted_done(&w);
	isb_octodns_done(&o);
	return rc;
}

const struct verb verb_import = {
	"import",
	"octodns FILE ... [--zone NAME] [--ns NAME ...] [--prune] [-n] [-r WHY]\noctodns FILE ... --print",
	"bring octoDNS zones with their dynamic records into the catalog",
	"A zone is called like its file: example.com.yaml; with --zone, all files are of that one. The files\n"
	"are the whole zone: it is replaced, all of it or nothing. Other objects stay, unless --prune is given.\n"
	"What means nothing here, or was made up, is told on standard error.\n",
	"octodns config/example.com.yaml --ns ns1.example.net -n",
	"nprzNSRP",
	run};
