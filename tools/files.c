/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "behalf.h"
#include "cli.h"
#include "isobar/base/err.h"
#include "isobar/model/dname.h"

/* Catalog files, and the ordinary data of zones from the file: or text: that they give. */

/* A zone's `file:` is relative to the catalog file that names it. */
static const char *beside(struct isb_arena *arena, const char *catalog_file, const char *path)
{
	const char *slash = catalog_file ? strrchr(catalog_file, '/') : NULL;
	if (*path == '/' || !slash)
		return path;
	return isb_arena_printf(arena, "%.*s/%s", (int)(slash - catalog_file), catalog_file, path);
}

static int read_data(struct isb_arena *arena, const struct isb_zone *zone, struct isb_diags *diags,
                     struct cli_zone *ret)
{
	if (zone->file && !cli_behalf_may_read(zone->file)) {
		isb_diag(diags, zone->mark, "file: '%s' is a file of the server's; only files that come with the request are read",
		         zone->file);
		return ISB_EREFUSED;
	}
	bool standard = zone->mark.file && strcmp(zone->mark.file, "-") == 0;
	if (zone->file && standard && !cli_behalf_has(zone->file)) {
		isb_diag(diags, zone->mark,
		         "file: '%s' does not come with standard input; give what it holds as 'text:', or name the catalog: -f FILE",
		         zone->file);
		return ISB_EREFUSED;
	}
	if (zone->file)
		return isb_zonefile_read(beside(arena, zone->mark.file, zone->file), ret->apex, diags, &ret->data);
	return isb_zonetext_read(zone->text, strlen(zone->text), zone->text_mark, ret->apex, diags, &ret->data);
}

void cli_zone_read(struct isb_arena *arena, const struct isb_zone *zone, struct isb_diags *diags,
                   struct cli_zone *ret_zone)
{
	struct isb_diags own = {0};
	*ret_zone = (struct cli_zone){0};
	isb_zonedata_init(&ret_zone->data);
	if (isb_dname_parse(zone->name, NULL, ret_zone->apex) < 0 || (!zone->text && !zone->file))
		return; /* the catalog's own check speaks of the name */
	isb_dname_lower(ret_zone->apex, ret_zone->apex);
	if (read_data(arena, zone, &own, ret_zone) == ISB_OK) {
		ret_zone->given = true;
		isb_diags_print(&own, stderr);
	} else {
		isb_diags_move(diags, &own);
	}
	isb_diags_done(&own);
}

void cli_zone_done(struct cli_zone *zone)
{
	isb_zonedata_done(&zone->data);
}

int cli_zone_put(struct isb_edit *edit, const struct cli_zone *zone)
{
	if (!zone->given)
		return ISB_OK;
	int rc = isb_edit_zone_begin(edit, zone->apex);
	for (size_t i = 0; rc == ISB_OK && i < zone->data.count; i++)
		rc = isb_edit_put_rrset(edit, zone->apex, zone->data.sets[i].owner, zone->data.sets[i].set);
	return rc == ISB_OK ? isb_edit_zone_end(edit) : rc;
}

int cli_zone_empty(struct isb_edit *edit, const char *name)
{
	struct cli_zone zone = {.given = true};
	if (isb_dname_parse(name, NULL, zone.apex) < 0)
		return ISB_EINVAL;
	isb_dname_lower(zone.apex, zone.apex);
	return cli_zone_put(edit, &zone);
}

int cli_wanted_words(const struct cli *cli, const char *verb)
{
	if (cli->count)
		return cli_fail(CLI_USAGE, "%s takes files by -f; write: isobar %s -f %s", verb, verb, cli->words[0]);
	if (!cli->nfile)
		return cli_fail(CLI_USAGE, "%s needs a catalog; write: isobar %s -f FILE", verb, verb);
	return CLI_OK;
}

int cli_wanted_read(const struct cli *cli, struct cli_wanted *w)
{
	struct isb_catalog *catalog = &w->catalog;
	isb_catalog_init(catalog);
	for (size_t i = 0; i < cli->nfile; i++) {
		struct isb_yaml *root;
		if (isb_yaml_parse_file(&catalog->arena, cli->files[i], &w->diags, &root) == ISB_OK)
			isb_schema_read(catalog, root, &w->diags);
	}
	w->zones = isb_xcalloc(catalog->nzone, sizeof(*w->zones));
	for (; w->nzone < catalog->nzone; w->nzone++)
		cli_zone_read(&catalog->arena, &catalog->zones[w->nzone], &w->diags, &w->zones[w->nzone]);
	return w->diags.count ? CLI_FAILED : CLI_OK;
}

void cli_wanted_done(struct cli_wanted *w)
{
	for (size_t i = 0; i < w->nzone; i++)
		cli_zone_done(&w->zones[i]);
	free(w->zones);
	isb_diags_done(&w->diags);
	isb_catalog_done(&w->catalog);
}
