/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cli.h"
#include "isobar/base/err.h"
#include "isobar/view/prove.h"

/* check: files by themselves; or, without any, the store as the server compiles it. */

struct count {
	const char *what;
	size_t n;
};

/* --- Scopes --- */

struct proofs {
	struct isb_buf text;
	json_t *json;
	size_t networks;
};

static void add_proof(void *arg, const struct isb_proof *proof)
{
	struct proofs *p = arg;
	json_t *records = json_array();
	for (size_t i = 0; i < proof->nrecord; i++)
		json_array_append_new(records, json_string(proof->records[i]));
	json_array_append_new(p->json, json_pack("{s:o, s:I, s:I}", "records", records, "networks", (json_int_t)proof->networks,
	                                         "decisions", (json_int_t)proof->decisions));
	isb_buf_printf(&p->text, "scopes of %s", proof->records[0]);
	if (proof->nrecord > 1)
		isb_buf_printf(&p->text, " and %zu more", proof->nrecord - 1);
	isb_buf_printf(&p->text, " are exact: %zu network%s, %zu decision%s\n", proof->networks, proof->networks == 1 ? "" : "s",
	               proof->decisions, proof->decisions == 1 ? "" : "s");
	p->networks += proof->networks;
}

static void proofs_init(struct proofs *p)
{
	*p = (struct proofs){.json = json_array()};
}

static void proofs_done(struct proofs *p)
{
	isb_buf_done(&p->text);
	json_decref(p->json);
}

static void say_note(json_t *json, const struct isb_diag *note)
{
	if (json) {
		json_array_append_new(json, json_pack("{s:s?, s:I, s:s}", "file", note->at.file, "line",
		                                      (json_int_t)note->at.line, "text", note->text));
		return;
	}
	printf("note: ");
	if (note->at.file && note->at.line)
		printf("%s:%u: ", note->at.file, note->at.line);
	puts(note->text);
}

static void say_all(const struct cli *cli, const struct count *counts, size_t n, const struct proofs *proofs,
                    const struct isb_diags *notes)
{
	json_t *json = cli->json ? json_object() : NULL;
	for (size_t i = 0; i < n; i++) {
		if (json)
			json_object_set_new(json, counts[i].what, json_integer((json_int_t)counts[i].n));
		else
			printf("%s%s %zu", i ? ", " : "ok: ", counts[i].what, counts[i].n);
	}
	json_t *list = json ? json_array() : NULL;
	if (!json)
		printf("\n%s", isb_buf_text(&proofs->text));
	for (size_t i = 0; i < notes->count; i++)
		say_note(list, &notes->list[i]);
	if (!json && notes->dropped)
		printf("note: ... and %zu more\n", notes->dropped);
	if (json) {
		json_object_set(json, "scopes", proofs->json);
		json_object_set_new(json, "notes", list);
		cli_print_json(cli, json);
	}
}

/* --- Files --- */

/* The plans of files that are sound in themselves, and the proof of their scopes. */
static void prove_files(const struct cli *cli, struct cli_wanted *w, struct proofs *proofs)
{
	struct isb_geodb *geodb = NULL;
	struct isb_view *view = NULL;
	if (cli_open_geodb(cli, &w->diags, &geodb) == ISB_OK && isb_view_draft(&w->catalog, geodb, &w->diags, &view) == ISB_OK)
		isb_view_prove(view, &w->diags, add_proof, proofs);
	isb_view_free(view);
	isb_geodb_free(geodb);
}

static int check_files(struct cli *cli)
{
	struct cli_wanted w = {0};
	struct proofs proofs;
	struct isb_diags notes = {0};
	size_t records = 0, rrsets = 0;
	int rc = cli_wanted_words(cli, "check");
	if (rc != CLI_OK)
		return rc;
	proofs_init(&proofs);
	cli_wanted_read(cli, &w);
	isb_catalog_check(&w.catalog, &w.diags);
	cli_wanted_check_cnames(&w);
	if (!w.diags.count)
		prove_files(cli, &w, &proofs);
	if (!w.diags.count)
		cli_wanted_notes(&w, &notes);
	for (size_t i = 0; i < w.nzone; i++) {
		records += w.catalog.zones[i].nrecord;
		rrsets += w.zones[i].data.count;
	}
	if (w.diags.count)
		rc = cli_refuse(&w.diags, "no valid catalog");
	else
		say_all(cli,
		        (const struct count[]){{"regions", w.catalog.nregion}, {"checks", w.catalog.ncheck},
		                               {"pools", w.catalog.npool}, {"policies", w.catalog.npolicy}, {"zones", w.nzone},
		                               {"records", records}, {"rrsets", rrsets}},
		        7, &proofs, &notes);
	isb_diags_done(&notes);
	proofs_done(&proofs);
	cli_wanted_done(&w);
	return rc;
}

/* --- The store --- */

/* The view knows only zones with records; a host may lie in another one. */
static int note_store(const struct cli_reader *reader, struct isb_diags *diags, struct isb_diags *notes)
{
	struct isb_catalog catalog;
	isb_catalog_init(&catalog);
	int rc = isb_catalog_load(reader->catalog, &catalog, diags);
	if (rc == ISB_OK)
		cli_check_notes(reader->catalog, &catalog, notes);
	isb_catalog_done(&catalog);
	return rc;
}

static int check_store(struct cli *cli, struct cli_reader *reader)
{
	struct isb_diags diags = {0};
	struct isb_geodb *geodb = NULL;
	struct isb_view *view = NULL;
	struct proofs proofs;
	struct isb_diags notes = {0};
	struct isb_cells *cells = NULL;
	int err = cli_open_geodb(cli, &diags, &geodb), rc = CLI_OK;
	proofs_init(&proofs);
	if (err == ISB_OK)
		err = cli_read_cells(cli, reader, geodb, &cells);
	if (err == ISB_OK)
		err = isb_view_build(&(struct isb_view_sources){.catalog = reader->catalog, .health = reader->health, .cells = cells,
		                                                .geodb = geodb},
		                     NULL, &diags, &view);
	isb_cells_release(cells);
	if (err == ISB_OK) {
		isb_catalog_check(isb_view_catalog(view), &diags);
		cli_check_cnames(reader->catalog, isb_view_catalog(view), &diags);
		err = isb_view_prove(view, &diags, add_proof, &proofs);
		if (err == ISB_OK && !diags.count)
			err = note_store(reader, &diags, &notes);
	}
	if (diags.count)
		rc = cli_refuse(&diags, "the store does not check out");
	else if (err != ISB_OK)
		rc = cli_unreadable(cli, err);
	else
		say_all(cli,
		        (const struct count[]){{"generation", view->generation}, {"zones", view->nzone},
		                               {"records", view->nrecord}, {"geo maps", view->plan->nmap},
		                               {"networks", proofs.networks}},
		        5, &proofs, &notes);
	isb_diags_done(&notes);
	proofs_done(&proofs);
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
	"check", "-f FILE ... [--geo FILE ...]\n[--geo FILE ...]", "check catalog files, or the store as the server compiles it",
	"Files are checked without a store and must be whole: what they refer to must stand in one of\n"
	"them; without files the store is checked. Both are compiled as the server does it, and for every\n"
	"steered record it is proved that no ECS scope covers two decisions and that none could be wider.\n"
	"Notes say what is no error and hardly meant: records that never answer or by half, hosts of our own\n"
	"that are not there, names that lead back to themselves.\n"
	"What can be set in a check: isobar help checks.\n",
	"-f catalog.yaml", "fg", run,
	CLI_TRY, "files or store: sound?", NULL};
