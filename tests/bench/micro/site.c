/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "isobar/base/err.h"
#include "isobar/model/schema.h"
#include "isobar/model/yaml.h"
#include "isobar/store/catalogdb.h"
#include "isobar/store/latencydb.h"
#include "isobar/view/zonefile.h"

/* Diagnostics in most of what follows mean that the benchmark's own catalog is wrong. */
static void must(int rc, struct isb_diags *diags, const char *what)
{
	if (rc == ISB_OK)
		return;
	isb_diags_print(diags, stderr);
	bench_die("%s: %s", what, isb_strerror(rc));
}

static void store_as(struct bench_site *site, enum isb_store_mode mode)
{
	const char *message;
	isb_store_close(site->store);
	if (isb_store_open(site->dir, mode, &site->store, &message) != ISB_OK)
		bench_die("%s", message);
}

static struct isb_txn *begin(struct bench_site *site, enum isb_env env, bool write)
{
	struct isb_txn *txn;
	must(isb_txn_begin(site->store, env, write, &txn), &(struct isb_diags){0}, "a transaction");
	return txn;
}

/* --- The catalog --- */

static int put_object(void *arg, enum isb_kind kind, const char *key, const char *body)
{
	return isb_edit_put_object(arg, kind, key, body);
}

static void put_zone(struct isb_edit *edit, const char *text, struct isb_diags *diags)
{
	uint8_t apex[ISB_DNAME_MAX];
	struct isb_zonedata data;
	isb_dname_parse("example.com.", NULL, apex);
	isb_zonedata_init(&data);
	must(isb_zonetext_read(text, strlen(text), (struct isb_mark){.file = "zone", .line = 1}, apex, diags, &data),
	     diags, "the zone");
	must(isb_edit_zone_begin(edit, apex), diags, "the zone");
	for (size_t i = 0; i < data.count; i++)
		must(isb_edit_put_rrset(edit, apex, data.sets[i].owner, data.sets[i].set), diags, "an rrset");
	must(isb_edit_zone_end(edit), diags, "the zone");
	isb_zonedata_done(&data);
}

static void finish(struct isb_edit *edit, struct isb_txn *txn)
{
	uint64_t generation;
	must(isb_edit_finish(edit, &generation), &(struct isb_diags){0}, "the edit");
	isb_edit_free(edit);
	must(isb_txn_commit(txn), &(struct isb_diags){0}, "the commit");
}

static void apply(struct bench_site *site, const char *yaml, const char *zone)
{
	struct isb_catalog catalog;
	struct isb_diags diags;
	struct isb_yaml *root;
	isb_catalog_init(&catalog);
	isb_diags_init(&diags);
	must(isb_yaml_parse(&catalog.arena, "catalog", yaml, strlen(yaml), &diags, &root), &diags, "the catalog");
	must(isb_schema_read(&catalog, root, &diags), &diags, "the catalog");
	must(isb_catalog_check(&catalog, &diags), &diags, "the catalog");
	struct isb_txn *txn = begin(site, ISB_ENV_CATALOG, true);
	struct isb_edit *edit = isb_edit_new(txn, "bench", "set up", site->now_ms);
	must(isb_schema_rows(&catalog, put_object, edit), &diags, "the catalog's rows");
	if (zone)
		put_zone(edit, zone, &diags);
	finish(edit, txn);
	isb_diags_done(&diags);
	isb_catalog_done(&catalog);
}

void bench_site_put(struct bench_site *site, enum isb_kind kind, const char *key, const char *body)
{
	struct isb_txn *txn = begin(site, ISB_ENV_CATALOG, true);
	struct isb_edit *edit = isb_edit_new(txn, "bench", "an edit", site->now_ms);
	must(isb_edit_put_object(edit, kind, key, body), &(struct isb_diags){0}, key);
	finish(edit, txn);
}

struct isb_view *bench_site_build(struct bench_site *site, struct isb_view *old)
{
	struct isb_txn *catalog = begin(site, ISB_ENV_CATALOG, false), *health = begin(site, ISB_ENV_HEALTH, false);
	struct isb_txn *latency = begin(site, ISB_ENV_LATENCY, false);
	struct isb_view_sources from = {.catalog = catalog, .health = health, .geodb = site->geodb};
	struct isb_diags diags;
	struct isb_view *view;
	isb_diags_init(&diags);
	must(isb_cells_read(latency, site->geodb, site->now_ms, &from.cells), &diags, "the round trips");
	must(isb_view_build(&from, old, &diags, &view), &diags, "the view");
	isb_diags_done(&diags);
	isb_cells_release(from.cells);
	isb_txn_abort(latency);
	isb_txn_abort(health);
	isb_txn_abort(catalog);
	return view;
}

void bench_site_measured(struct bench_site *site, const struct bench_rtt *rtt, size_t count)
{
	store_as(site, ISB_STORE_WRITE_LATENCY);
	struct isb_txn *txn = begin(site, ISB_ENV_LATENCY, true);
	for (size_t i = 0; i < count; i++) {
		struct isb_samples samples = {0};
		struct isb_net net;
		isb_samples_add(&samples, site->now_ms, rtt[i].ms * 1000, ISB_SAMPLES_ENOUGH);
		must(isb_net_parse(rtt[i].net, &net), &(struct isb_diags){0}, rtt[i].net);
		must(isb_latency_put(txn, &net, rtt[i].region, &samples, site->now_ms), &(struct isb_diags){0},
		     rtt[i].net);
		isb_samples_done(&samples);
	}
	must(isb_txn_commit(txn), &(struct isb_diags){0}, "the commit");
	struct isb_view *view = bench_site_build(site, NULL);
	isb_view_free(site->view);
	site->view = view;
}

/* --- Health --- */

/* Load and latency differ from slot to slot, for the orders that look at them. */
static uint64_t word(enum isb_verdict verdict, uint32_t slot)
{
	struct isb_health health = {.verdict = verdict,
	                            .held = verdict,
	                            .soft = ISB_SOFT_FULL,
	                            .load = 100 + slot % 8 * 50,
	                            .latency_us = 1000 + slot % 8 * 100,
	                            .flip_s = ISB_FLIP_NONE};
	return isb_health_pack(&health);
}

static void all_up(struct bench_site *site)
{
	uint32_t chunks = site->view->slots / ISB_CHUNK_WORDS + 1;
	site->words = isb_xcalloc((size_t)chunks * ISB_CHUNK_WORDS, sizeof(*site->words));
	site->chunk = isb_xcalloc(chunks, sizeof(*site->chunk));
	for (uint32_t i = 0; i < chunks; i++)
		site->chunk[i] = site->words + (size_t)i * ISB_CHUNK_WORDS;
	for (uint32_t i = 0; i < site->view->slots; i++)
		site->words[i] = word(ISB_UP, i);
	site->health = (struct isb_health_table){.chunk = site->chunk, .chunks = chunks};
}

void bench_site_down(struct bench_site *site, bool (*is_down)(const char *endpoint))
{
	const struct isb_plan *plan = site->view->plan;
	for (uint32_t i = 0; i < plan->nendpoint; i++) {
		const struct isb_plan_endpoint *endpoint = isb_plan_endpoint(plan, i);
		if (is_down(isb_plan_text(plan, endpoint->name)))
			site->words[endpoint->slot] = word(ISB_DOWN, endpoint->slot);
	}
}

uint32_t bench_site_record(const struct bench_site *site, const char *name)
{
	for (uint32_t i = 0; i < site->view->plan->nrecord; i++) {
		const struct isb_plan_record *record = isb_plan_record(site->view->plan, i);
		if (record->name && strcmp(isb_plan_text(site->view->plan, record->name), name) == 0)
			return i;
	}
	bench_die("there is no record '%s'", name);
}

/* --- Birth and death --- */

struct bench_site *bench_site_new(const char *yaml, const char *zone, const char *path)
{
	struct bench_site *site = isb_xcalloc(1, sizeof(*site));
	const char *tmp = getenv("TMPDIR");
	snprintf(site->dir, sizeof(site->dir), "%s/isobar-bench-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(site->dir))
		bench_die("cannot make the directory '%s'", site->dir);
	site->now_ms = INT64_C(1795262400123);
	if (path) {
		struct isb_diags diags;
		isb_diags_init(&diags);
		must(isb_geodb_open(&path, 1, &diags, &site->geodb), &diags, "the geo database");
		isb_diags_done(&diags);
	}
	store_as(site, ISB_STORE_WRITE_CATALOG);
	apply(site, yaml, zone);
	site->view = bench_site_build(site, NULL);
	all_up(site);
	return site;
}

void bench_site_free(struct bench_site *site)
{
	isb_view_free(site->view);
	for (enum isb_env env = 0; env < ISB_ENV_COUNT; env++) {
		const char *path = isb_store_path(site->store, env);
		char lock[sizeof(site->dir) + 32];
		snprintf(lock, sizeof(lock), "%s-lock", path);
		unlink(path);
		unlink(lock);
	}
	isb_store_close(site->store);
	rmdir(site->dir);
	isb_geodb_free(site->geodb);
	free(site->words);
	free(site->chunk);
	free(site);
}
