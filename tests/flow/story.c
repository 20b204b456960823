/* SPDX-License-Identifier: Apache-2.0 */
#include "story_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "isobar/base/err.h"
#include "isobar/base/log.h"
#include "isobar/base/map.h"
#include "isobar/model/dname.h"
#include "isobar/model/schema.h"
#include "isobar/model/yaml.h"
#include "isobar/store/catalogdb.h"
#include "isobar/store/rollouts.h"
#include "isobar/view/zonefile.h"

/* --- The store ----------------------------------------------------------------------------------------------------- */

struct isb_store *story_store(struct story *s, enum isb_store_mode mode)
{
	if (s->store && s->mode == mode)
		return s->store;
	isb_health_reader_free(s->reader);
	isb_store_close(s->store);
	s->reader = NULL;
	s->store = NULL;
	const char *message = "";
	if (isb_store_open(s->dir, mode, &s->store, &message) != ISB_OK)
		fail_msg("%s", message);
	s->mode = mode;
	for (size_t i = 0; i < STORY_PROBES; i++)
		s->probe[i].report.store = s->store;
	return s->store;
}

struct isb_txn *story_txn(struct story *s, enum isb_env env, bool write)
{
	struct isb_txn *txn;
	if (write || !s->store)
		story_store(s, env == ISB_ENV_CATALOG  ? ISB_STORE_WRITE_CATALOG
		               : env == ISB_ENV_HEALTH ? ISB_STORE_WRITE_HEALTH
		                                       : ISB_STORE_WRITE_LATENCY);
	assert_int_equal(isb_txn_begin(s->store, env, write, &txn), ISB_OK);
	return txn;
}

struct isb_buf *story_text(struct story *s)
{
	struct isb_buf *text = &s->text[s->ntext++ % STORY_TEXTS];
	isb_buf_reset(text);
	return text;
}

static struct isb_geodb *open_geodb(const char *files)
{
	char copy[256], path[4][512];
	const char *paths[4];
	size_t count = 0;
	snprintf(copy, sizeof(copy), "%s", files);
	for (char *at, *name = strtok_r(copy, " ", &at); name && count < 4; name = strtok_r(NULL, " ", &at)) {
		snprintf(path[count], sizeof(path[count]), "%s/unit/view/geo/%s", ISB_TESTS_DIR, name);
		paths[count] = path[count];
		count++;
	}
	struct isb_diags diags;
	struct isb_geodb *db = NULL;
	isb_diags_init(&diags);
	int rc = isb_geodb_open(paths, count, &diags, &db);
	isb_diags_print(&diags, stderr);
	isb_diags_done(&diags);
	assert_int_equal(rc, ISB_OK);
	return db;
}

struct story *story_new(const char *geo)
{
	struct story *s = calloc(1, sizeof(*s));
	assert_non_null(s);
	isb_log_set_level(ISB_LOG_ERROR);
	strcpy(s->dir, "/tmp/isobar-story-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	s->start_ms = s->now_ms = INT64_C(1795262400123);
	isb_context_init(&s->ctx, 20261121);
	story_resolver(s, "198.18.0.1");
	if (geo)
		s->geodb = open_geodb(geo);
	story_store(s, ISB_STORE_WRITE_CATALOG);
	return s;
}

void story_free(struct story *s)
{
	static const char *const files[] = {"catalog.mdb", "catalog.mdb-lock", "health.mdb", "health.mdb-lock",
	                                    "latency.mdb", "latency.mdb-lock"};
	char path[128];
	story_probes_stop(s);
	isb_health_reader_free(s->reader);
	isb_store_close(s->store);
	isb_view_free(s->view);
	isb_cells_release(s->cells);
	isb_geodb_free(s->geodb);
	isb_context_done(&s->ctx);
	isb_context_done(&s->asked);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", s->dir, files[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(s->dir), 0);
	for (size_t i = 0; i < STORY_TEXTS; i++)
		isb_buf_done(&s->text[i]);
	free(s);
}

/* --- Views --------------------------------------------------------------------------------------------------------- */

/* As the server does: those in use hold until there are other samples or one is too old. */
static struct isb_cells *read_cells(struct story *s)
{
	struct isb_txn *latency = story_txn(s, ISB_ENV_LATENCY, false);
	if (!s->cells || isb_txn_id(latency) != s->cells_txn_id || s->now_ms >= s->cells_until_ms) {
		isb_cells_release(s->cells);
		s->cells = NULL;
		assert_int_equal(isb_cells_read(latency, s->geodb, s->now_ms, &s->cells), ISB_OK);
		s->cells_txn_id = isb_txn_id(latency);
		s->cells_until_ms = isb_cells_until_ms(s->cells);
	}
	isb_txn_abort(latency);
	return s->cells;
}

void story_whole_names(struct story *s, size_t names)
{
	s->whole_names = names;
}

static int try_build(struct story *s, struct isb_view *old, struct isb_diags *diags, struct isb_view **ret_view)
{
	struct isb_cells *cells = read_cells(s);
	struct isb_txn *catalog = story_txn(s, ISB_ENV_CATALOG, false), *health = story_txn(s, ISB_ENV_HEALTH, false);
	struct isb_view_sources from = {.catalog = catalog, .health = health, .cells = cells, .geodb = s->geodb,
	                                .exact_names = s->whole_names};
	int rc = isb_view_build(&from, old, diags, ret_view);
	isb_txn_abort(health);
	isb_txn_abort(catalog);
	return rc;
}

static struct isb_view *build(struct story *s, struct isb_view *old)
{
	struct isb_diags diags;
	struct isb_view *view = NULL;
	isb_diags_init(&diags);
	int rc = try_build(s, old, &diags, &view);
	isb_diags_print(&diags, stderr);
	isb_diags_done(&diags);
	assert_int_equal(rc, ISB_OK);
	return view;
}

static void swap_view(struct story *s)
{
	struct isb_view *view = build(s, s->view);
	isb_view_free(s->view);
	s->view = view;
	isb_context_turn_to(&s->ctx, view);
}

void story_follow_hosts(struct story *s)
{
	struct isb_txn *health = story_txn(s, ISB_ENV_HEALTH, false);
	bool same = isb_view_refresh(s->view, health);
	isb_txn_abort(health);
	if (!same)
		swap_view(s);
}

const struct isb_view *story_view(const struct story *s)
{
	return s->view;
}

struct isb_view *story_fresh_view(struct story *s)
{
	struct isb_cells *cells = s->cells;
	uint64_t txn_id = s->cells_txn_id;
	int64_t until_ms = s->cells_until_ms;
	s->cells = NULL;
	struct isb_view *view = build(s, NULL);
	isb_cells_release(s->cells);
	s->cells = cells;
	s->cells_txn_id = txn_id;
	s->cells_until_ms = until_ms;
	return view;
}

void story_restart_server(struct story *s)
{
	isb_view_free(s->view);
	s->view = NULL;
	isb_health_reader_free(s->reader);
	isb_store_close(s->store);
	s->reader = NULL;
	s->store = NULL;
	story_store(s, ISB_STORE_READ);
	isb_context_done(&s->ctx);
	isb_context_init(&s->ctx, 7);
	swap_view(s);
}

uint32_t story_record(const struct story *s, const char *name)
{
	for (uint32_t i = 0; i < s->view->plan->nrecord; i++) {
		const struct isb_plan_record *record = isb_plan_record(s->view->plan, i);
		if (record->name && strcmp(isb_plan_text(s->view->plan, record->name), name) == 0)
			return i;
	}
	return UINT32_MAX;
}

/* --- Edits --------------------------------------------------------------------------------------------------------- */

struct edit {
	struct story *s;
	struct isb_txn *txn;
	struct isb_edit *edit;
	struct isb_diags diags;
	struct isb_arena arena;
	struct isb_map have[ISB_KIND_COUNT];
	struct isb_buf gone[ISB_KIND_COUNT]; /* keys, each with its NUL */
	enum isb_kind kind;
};

static void edit_begin(struct edit *e, struct story *s)
{
	*e = (struct edit){.s = s, .txn = story_txn(s, ISB_ENV_CATALOG, true)};
	isb_diags_init(&e->diags);
	e->edit = isb_edit_new(e->txn, "ada", "the story goes on", s->now_ms);
}

static void edit_close(struct edit *e, bool good)
{
	uint64_t generation;
	if (good)
		assert_int_equal(isb_edit_finish(e->edit, &generation), ISB_OK);
	isb_edit_free(e->edit);
	if (good)
		assert_int_equal(isb_txn_commit(e->txn), ISB_OK);
	else
		isb_txn_abort(e->txn);
	isb_diags_done(&e->diags);
	isb_arena_done(&e->arena);
	for (size_t i = 0; i < ISB_KIND_COUNT; i++) {
		isb_map_done(&e->have[i]);
		isb_buf_done(&e->gone[i]);
	}
}

static void edit_end(struct edit *e)
{
	edit_close(e, true);
	swap_view(e->s);
	story_probes_follow(e->s);
}

static int put_object(void *arg, enum isb_kind kind, const char *key, const char *body)
{
	struct edit *e = arg;
	isb_map_put(&e->have[kind], isb_arena_strdup(&e->arena, key), strlen(key), 1);
	return isb_edit_put_object(e->edit, kind, key, body);
}

static void wire_name(const char *text, const uint8_t *origin, uint8_t out[ISB_DNAME_MAX])
{
	assert_true(isb_dname_parse(text, origin, out) > 0);
	isb_dname_lower(out, out);
}

static void put_zone(struct edit *e, const struct isb_zone *zone)
{
	uint8_t apex[ISB_DNAME_MAX];
	struct isb_zonedata data;
	wire_name(zone->name, NULL, apex);
	isb_zonedata_init(&data);
	char path[512];
	snprintf(path, sizeof(path), "%s/../zones/%s", ISB_TESTS_DIR, zone->file ? zone->file : "");
	int rc = zone->text ? isb_zonetext_read(zone->text, strlen(zone->text), zone->text_mark, apex, &e->diags, &data)
	                    : isb_zonefile_read(path, apex, &e->diags, &data);
	if (rc == ISB_OK) {
		assert_int_equal(isb_edit_zone_begin(e->edit, apex), ISB_OK);
		for (size_t i = 0; i < data.count; i++)
			assert_int_equal(isb_edit_put_rrset(e->edit, apex, data.sets[i].owner, data.sets[i].set), ISB_OK);
		assert_int_equal(isb_edit_zone_end(e->edit), ISB_OK);
	}
	isb_zonedata_done(&data);
}

static int list_gone(void *arg, const char *key, const char *body)
{
	struct edit *e = arg;
	uint32_t at;
	(void)body;
	if (!isb_map_get(&e->have[e->kind], key, strlen(key), &at))
		isb_buf_add(&e->gone[e->kind], key, strlen(key) + 1);
	return 0;
}

static void prune(struct edit *e)
{
	for (e->kind = 0; e->kind < ISB_KIND_COUNT; e->kind++) {
		struct isb_buf *gone = &e->gone[e->kind];
		assert_int_equal(isb_object_each(e->txn, e->kind, list_gone, e), 0);
		for (size_t at = 0; at < gone->len; at += strlen(gone->data + at) + 1) {
			const char *key = gone->data + at;
			assert_int_equal(isb_edit_delete_object(e->edit, e->kind, key), ISB_OK);
			if (e->kind != ISB_ZONE)
				continue;
			uint8_t apex[ISB_DNAME_MAX];
			wire_name(key, NULL, apex);
			assert_int_equal(isb_edit_zone_begin(e->edit, apex), ISB_OK);
			assert_int_equal(isb_edit_zone_end(e->edit), ISB_OK);
		}
	}
}

/* True when the catalog as it would be is good. */
static bool change(struct edit *e, const char *yaml, bool replace)
{
	struct isb_catalog want, whole;
	struct isb_yaml *root;
	bool good = false;
	isb_catalog_init(&want);
	isb_catalog_init(&whole);
	if (isb_yaml_parse(&want.arena, "story", yaml, strlen(yaml), &e->diags, &root) == ISB_OK &&
	    isb_schema_read(&want, root, &e->diags) == ISB_OK) {
		assert_int_equal(isb_schema_rows(&want, put_object, e), ISB_OK);
		for (size_t i = 0; i < want.nzone; i++)
			if (want.zones[i].text || want.zones[i].file)
				put_zone(e, &want.zones[i]);
		if (replace)
			prune(e);
		good = isb_catalog_load(e->txn, &whole, &e->diags) == ISB_OK &&
		       isb_catalog_check(&whole, &e->diags) == ISB_OK &&
		       isb_rollouts_check(e->txn, &whole, &e->diags) == ISB_OK && e->diags.count == 0;
	}
	isb_catalog_done(&whole);
	isb_catalog_done(&want);
	return good;
}

static void apply(struct story *s, const char *yaml, bool replace)
{
	struct edit e;
	edit_begin(&e, s);
	bool good = change(&e, yaml, replace);
	isb_diags_print(&e.diags, stderr);
	assert_true(good);
	edit_end(&e);
}

void story_apply(struct story *s, const char *yaml)
{
	apply(s, yaml, false);
}

void story_replace(struct story *s, const char *yaml)
{
	apply(s, yaml, true);
}

const char *story_refused(struct story *s, const char *yaml)
{
	struct edit e;
	struct isb_buf *text = story_text(s);
	edit_begin(&e, s);
	assert_false(change(&e, yaml, false));
	assert_true(e.diags.count > 0);
	isb_buf_puts(text, e.diags.list[0].text);
	edit_close(&e, false);
	return isb_buf_text(text);
}

void story_unbuildable(struct story *s, const char *yaml)
{
	struct edit e;
	struct isb_diags diags;
	struct isb_view *view = NULL;
	edit_begin(&e, s);
	assert_true(change(&e, yaml, false));
	edit_close(&e, true);
	isb_diags_init(&diags);
	assert_int_not_equal(try_build(s, s->view, &diags, &view), ISB_OK);
	assert_true(diags.count > 0);
	assert_null(view);
	isb_diags_done(&diags);
}

void story_admin(struct story *s, const char *endpoint, enum isb_admin admin, int64_t for_s)
{
	struct edit e;
	struct isb_admin_row row = {.admin = admin, .since_ms = s->now_ms,
	                            .until_ms = for_s || admin == ISB_ADMIN_FAILBACK ? s->now_ms + for_s * 1000 : 0,
	                            .author = "ada", .reason = ""};
	edit_begin(&e, s);
	assert_int_equal(isb_edit_admin(e.edit, endpoint, &row), ISB_OK);
	edit_end(&e);
}

void story_rollout(struct story *s, const char *record, const struct isb_rollout *rollout)
{
	struct edit e;
	edit_begin(&e, s);
	assert_int_equal(isb_edit_rollout(e.edit, record, rollout), ISB_OK);
	edit_end(&e);
}

struct isb_rollout story_rollout_get(struct story *s, const char *record)
{
	struct isb_rollout rollout;
	struct isb_buf *to = story_text(s), *nets = story_text(s);
	struct isb_txn *txn = story_txn(s, ISB_ENV_CATALOG, false);
	assert_int_equal(isb_rollout_get(txn, record, &rollout), ISB_OK);
	isb_buf_puts(to, rollout.to);
	isb_buf_add(nets, rollout.nets, rollout.nnet * sizeof(*rollout.nets));
	isb_txn_abort(txn);
	rollout.to = isb_buf_text(to);
	rollout.nets = (struct isb_net *)(void *)nets->data;
	rollout.author = rollout.reason = "";
	return rollout;
}

void story_samples(struct story *s, const char *net, const char *region, unsigned ms, unsigned count)
{
	struct isb_txn *txn = story_txn(s, ISB_ENV_LATENCY, true);
	struct isb_samples samples = {0};
	struct isb_net at;
	assert_int_equal(isb_net_parse(net, &at), ISB_OK);
	if (count)
		isb_latency_get(txn, &at, region, &samples);
	isb_samples_add(&samples, s->now_ms, ms * 1000, count);
	assert_int_equal(isb_latency_put(txn, &at, region, &samples, s->now_ms), ISB_OK);
	isb_samples_done(&samples);
	assert_int_equal(isb_txn_commit(txn), ISB_OK);
	swap_view(s);
}

void story_latency(struct story *s, const char *net, const char *region, unsigned ms)
{
	story_samples(s, net, region, 0, 0);
	if (ms)
		story_samples(s, net, region, ms, ISB_SAMPLES_ENOUGH);
}

bool story_samples_aged(struct story *s)
{
	bool aged = s->now_ms >= s->cells_until_ms;
	if (aged)
		swap_view(s);
	return aged;
}

void story_rrset(struct story *s, const char *zone, const char *owner, const char *type, const char *rdata)
{
	struct edit e;
	uint8_t apex[ISB_DNAME_MAX], name[ISB_DNAME_MAX];
	uint16_t number;
	struct isb_rrset *set;
	wire_name(zone, NULL, apex);
	wire_name(owner, apex, name);
	assert_int_equal(isb_type_parse(type, &number), ISB_OK);
	edit_begin(&e, s);
	if (rdata) {
		assert_int_equal(isb_rrset_parse(&e.arena, number, 300, &rdata, 1, apex, (struct isb_mark){0}, &e.diags, &set),
		                 ISB_OK);
		assert_int_equal(isb_edit_put_rrset(e.edit, apex, name, set), ISB_OK);
	} else {
		int rc = isb_edit_delete_rrset(e.edit, apex, name, number);
		assert_true(rc == ISB_OK || rc == ISB_ENOTFOUND);
	}
	edit_end(&e);
}
