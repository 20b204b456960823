/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import.h"
#include "isobar/base/err.h"
#include "isobar/base/map.h"
#include "isobar/import/octodns.h"

/* import: zones in the files of other programs, on the same road as apply. Those of octoDNS here; master files in
 * import_zone.c. */

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

struct importing {
	struct isb_octodns o;
	struct cli_wanted wanted;
};

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

/* Records of an imported zone that the files do not steer any more. */
static int remove_records(struct cli_edit *e, const struct isb_catalog *wanted)
{
	struct cli_names names = {0}; /* listed first: rows must not be written while a table is walked */
	struct kept kept = {0};
	list_kept(wanted, &kept);
	int err = cli_names_of(e->txn, ISB_RECORD, &names);
	for (size_t i = 0; err == ISB_OK && i < names.count; i++)
		if (is_stale(wanted, &kept, names.list[i]))
			err = isb_edit_delete_object(e->edit, ISB_RECORD, names.list[i]);
	cli_names_done(&names);
	isb_map_done(&kept.keys);
	isb_arena_done(&kept.arena);
	return err;
}

/* Something that an import does not make up itself. */
static int find_data(void *arg, const uint8_t *owner, const struct isb_rrset *set)
{
	const uint8_t *apex = arg;
	return !isb_dname_equal(owner, apex) || (set->type != ISB_SOA && set->type != ISB_NS);
}

static bool has_data(struct cli_edit *e, const struct isb_octodns_zone *zone)
{
	uint8_t apex[ISB_DNAME_MAX];
	memcpy(apex, zone->apex, sizeof(apex));
	struct cli_names names = {0};
	bool found = isb_rrset_each(e->txn, apex, find_data, apex) > 0;
	size_t len = strlen(zone->name);
	if (!found && cli_names_of(e->txn, ISB_RECORD, &names) == ISB_OK)
		for (size_t i = 0; i < names.count; i++)
			found |= strncmp(names.list[i], zone->name, len) == 0 && names.list[i][len] == '/';
	cli_names_done(&names);
	return found;
}

/* An empty file is rather a cut one than the end of a zone. */
static void check_empty(struct cli_edit *e, const struct isb_octodns *o)
{
	for (size_t i = 0; !e->cli->force && i < o->nzone; i++)
		if (isb_octodns_is_empty(&o->zones[i]) && has_data(e, &o->zones[i]))
			isb_diag(&e->diags, o->zones[i].mark,
			         "there are no records in the files of zone '%s', and the store has some; to take them all away: --force",
			         o->zones[i].name);
}

/* The files are the whole zone: what they do not name goes, ordinary rrsets and steered names alike, and with these what
 * was made for them. */
static int change(struct cli_edit *e)
{
	struct importing *in = e->arg;
	struct import_stale stale;
	check_empty(e, &in->o);
	if (e->diags.count)
		return CLI_OK; /* they refuse the edit */
	int err = import_stale_find(&stale, e, &in->wanted.catalog);
	if (err == ISB_OK)
		err = remove_records(e, &in->wanted.catalog);
	int rc = err == ISB_OK ? CLI_OK : cli_unwritable(e->cli, err);
	e->arg = &in->wanted;
	if (rc == CLI_OK)
		rc = cli_wanted_put(e);
	e->arg = in;
	if (rc == CLI_OK && !e->diags.count && (err = import_stale_remove(&stale, e)) != ISB_OK)
		rc = cli_unwritable(e->cli, err);
	import_stale_done(&stale);
	return rc;
}

static void print(const struct cli *cli, const struct isb_catalog *catalog)
{
	struct isb_buf out = {0};
	isb_schema_print(&out, catalog, NULL, NULL);
	if (cli->json)
		cli_print_json(cli, cli_json_body(isb_buf_text(&out)));
	else
		fwrite(isb_buf_text(&out), 1, out.len, stdout);
	isb_buf_done(&out);
}

static int import(struct cli *cli, struct importing *in)
{
	struct isb_octodns *o = &in->o;
	struct cli_wanted *w = &in->wanted;
	take_over(o, w);
	if (cli->print && !w->diags.count)
		isb_catalog_check(&w->catalog, &w->diags);
	if (w->diags.count)
		return cli_refuse(&w->diags, cli->print ? "no catalog" : "refused, nothing was changed");
	isb_diags_print(&o->notes, stderr);
	if (cli->print) {
		print(cli, &w->catalog);
		return CLI_OK;
	}
	return cli_edit(cli, change, NULL, in);
}

static int run(struct cli *cli)
{
	const struct isb_octodns_how how = {.provider = cli->provider, .ns = cli->ns, .nns = cli->nns, .soa = cli->soa};
	struct importing in = {.wanted = {.nzone = 0}};
	if (cli->count < 2)
		return cli_fail(CLI_USAGE, "import what? write: isobar import zone FILE, or isobar import octodns FILE ...");
	if (strcmp(cli->words[0], "zone") == 0)
		return import_zone(cli);
	if (strcmp(cli->words[0], "octodns") != 0)
		return cli_fail(CLI_USAGE, "cannot import '%s'; write: isobar import zone FILE, or isobar import octodns FILE ...",
		                cli->words[0]);
	for (int i = 1; i < cli->count; i++)
		cli->files[cli->nfile++] = cli->words[i];
	isb_octodns_init(&in.o, &how);
	int rc = read_files(cli, &in.o);
	if (rc == CLI_OK)
		rc = import(cli, &in);
	cli_wanted_done(&in.wanted);
	isb_octodns_done(&in.o);
	return rc;
}

const struct verb verb_import = {
	"import",
	"zone FILE [--zone NAME] [-n] [-r WHY] [OPTION ...]\n"
	"octodns FILE ... [--zone NAME] [--ns NAME ...] [-n] [-r WHY] [OPTION ...]\noctodns FILE ... --print",
	"bring zones of other programs into the catalog: master files, octoDNS",
	"zone: a master file (RFC 1035) is the whole of a zone's ordinary records; what is steered stays.\n"
	"octodns: the files are the whole zone: it is replaced, all of it or nothing, and what was made for names\n"
	"that are no longer steered goes. Files without a record take away nothing, unless with --force. What\n"
	"means nothing here, or was made up, is told on standard error.\n"
	"A zone is called like its file: example.com.zone, example.com.yaml; with --zone, all files are of that\n"
	"one. Other zones and objects stay.\n",
	"octodns example.com.yaml --ns ns1.example.net -n",
	CLI_EDITS "zNSRPmT!",
	run,
	CLI_CHANGE, "zones of other programs", NULL};
