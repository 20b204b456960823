/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "cli.h"
#include "isobar/base/err.h"
#include "isobar/view/view.h"

/* check: files by themselves; or, without any, the store as the server compiles it. */

struct count {
	const char *what;
	size_t n;
};

static void say_counts(const struct cli *cli, const struct count *counts, size_t n)
{
	json_t *json = cli->json ? json_object() : NULL;
	for (size_t i = 0; i < n; i++) {
		if (json)
			json_object_set_new(json, counts[i].what, json_integer((json_int_t)counts[i].n));
		else
			printf("%s%s %zu", i ? ", " : "ok: ", counts[i].what, counts[i].n);
	}
	if (json)
		cli_print_json(json);
	else
		putchar('\n');
}

static int check_files(struct cli *cli)
{
	struct cli_wanted w = {0};
	size_t records = 0, rrsets = 0;
	int rc = cli_wanted_words(cli, "check");
	if (rc != CLI_OK)
		return rc;
	cli_wanted_read(cli, &w);
	isb_catalog_check(&w.catalog, &w.diags);
	cli_wanted_check_cnames(&w);
	for (size_t i = 0; i < w.nzone; i++) {
		records += w.catalog.zones[i].nrecord;
		rrsets += w.zones[i].data.count;
	}
	if (w.diags.count)
		rc = cli_refuse(&w.diags, "no valid catalog");
	else
		say_counts(cli,
		           (const struct count[]){{"regions", w.catalog.nregion}, {"checks", w.catalog.ncheck},
		                                  {"pools", w.catalog.npool}, {"policies", w.catalog.npolicy}, {"zones", w.nzone},
		                                  {"records", records}, {"rrsets", rrsets}},
		           7);
	cli_wanted_done(&w);
	return rc;
}

/* No scope may cover two clients with different answers (RFC 7871 §7.3.1): proved over each compiled map. */
static int prove(const struct isb_view *view, struct isb_diags *diags, size_t *ret_leaves)
{
	for (uint32_t i = 0; i < view->plan->nmap; i++) {
		size_t leaves = 0;
		if (isb_geomap_prove(view->maps[i], &leaves) != ISB_OK)
			isb_diag(diags, (struct isb_mark){0}, "geo map %" PRIu32 " of the compiled catalog is not sound; please report this",
			         i);
		*ret_leaves += leaves;
	}
	return diags->count ? ISB_EFORMAT : ISB_OK;
}

static int check_store(struct cli *cli, struct cli_reader *reader)
{
	struct isb_diags diags = {0};
	struct isb_geodb *geodb = NULL;
	struct isb_view *view = NULL;
	struct isb_cells *cells = NULL;
	size_t leaves = 0;
	int err = cli_open_geodb(cli, &diags, &geodb), rc = CLI_OK;
	if (err == ISB_OK)
		err = cli_read_cells(cli, reader, geodb, &cells);
	if (err == ISB_OK)
		err = isb_view_build(&(struct isb_view_sources){reader->catalog, reader->health, cells, geodb}, NULL, &diags,
		                     &view);
	isb_cells_release(cells);
	if (err == ISB_OK) {
		isb_catalog_check(isb_view_catalog(view), &diags);
		cli_check_cnames(reader->catalog, isb_view_catalog(view), &diags);
		err = prove(view, &diags, &leaves);
	}
	if (diags.count)
		rc = cli_refuse(&diags, "the store does not check out");
	else if (err != ISB_OK)
		rc = cli_unreadable(cli, err);
	else
		say_counts(cli,
		           (const struct count[]){{"generation", view->generation}, {"zones", view->nzone},
		                                  {"records", view->nrecord}, {"geo maps", view->plan->nmap}, {"networks", leaves}},
		           5);
	isb_view_free(view);
	isb_geodb_free(geodb);
	isb_diags_done(&diags);
	return rc;
}

static int run(struct cli *cli)
{
	struct cli_reader reader;
	if (cli->nfile || cli->count)
		return check_files(cli);
	int rc = cli_read(cli, &reader);
	if (rc != CLI_OK)
		return rc;
	rc = check_store(cli, &reader);
	cli_read_done(&reader);
	return rc;
}

const struct verb verb_check = {
	"check", "-f FILE ...\n[--geo FILE ...]", "check catalog files, or the store as the server compiles it",
	"Files are checked without a store and must be whole: what they refer to must stand in one of\n"
	"them. Without files the store is compiled, and every ECS scope is proved to cover one answer only.\n"
	"What can be set in a check: isobar help checks.\n",
	"-f catalog.yaml", "fg", run};
