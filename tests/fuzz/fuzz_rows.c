/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "isobar/base/err.h"
#include "isobar/model/schema.h"
#include "isobar/store/catalogdb.h"
#include "isobar/store/codec.h"
#include "isobar/store/healthdb.h"
#include "isobar/store/resolveddb.h"
#include "isobar/view/view.h"

/* Input: rows of a store, each an octet for the table, one for the length of the key and two for that of the value, then
 * both. Every codec gets them as they are; then they are put into a store, where every reader comes upon them. Nothing
 * is committed. */

enum { SLOTS_MAX = 1 << 20 };

struct row {
	enum isb_table table;
	struct isb_slice key, value;
};

static bool next_row(struct isb_reader *r, struct row *row)
{
	row->table = (enum isb_table)(isb_read_u8(r) % ISB_T_COUNT);
	row->key.len = isb_read_u8(r);
	row->value.len = isb_read_u16(r);
	if (row->key.len > r->len - r->pos)
		row->key.len = r->len - r->pos;
	row->key.data = isb_read(r, row->key.len);
	if (row->value.len > r->len - r->pos)
		row->value.len = r->len - r->pos;
	row->value.data = isb_read(r, row->value.len);
	return !r->bad;
}

/* --- Octets to codecs and back --- */

static bool same(struct isb_slice slice, const void *data, size_t len)
{
	return slice.len == len && (len == 0 || memcmp(slice.data, data, len) == 0);
}

static bool same_key(struct isb_slice slice, const struct isb_key *key)
{
	return same(slice, key->octets, key->len);
}

static void try_keys(struct isb_slice octets)
{
	struct isb_key key;
	enum isb_kind kind;
	const char *text;
	uint32_t number;
	if (isb_text_decode(octets, &text) == ISB_OK)
		MUST(strlen(text) + 1 == octets.len);
	if (isb_u32_decode(octets, &number) == ISB_OK) {
		isb_key_u32(&key, number);
		MUST(same_key(octets, &key));
	}
	if (isb_object_key_decode(octets, &kind, &text) == ISB_OK && isb_key_object(&key, kind, text) == ISB_OK)
		MUST(same_key(octets, &key));
}

static int64_t samples_oldest(const struct isb_samples *samples)
{
	int64_t oldest_ms = INT64_MAX;
	for (size_t i = 0; i < ISB_SAMPLES_WINDOWS; i++)
		if (samples->window[i].histogram.count && samples->window[i].oldest_ms < oldest_ms)
			oldest_ms = samples->window[i].oldest_ms;
	return oldest_ms;
}

static void try_latency(const struct row *row)
{
	struct isb_net net;
	const char *region;
	struct isb_key key;
	if (isb_latency_key_decode(row->key, &net, &region) == ISB_OK) {
		MUST(isb_key_latency(&key, &net, region) == ISB_OK);
		MUST(same_key(row->key, &key));
	}
	struct isb_samples samples = {0};
	struct isb_buf again = {0};
	if (isb_samples_decode(row->value.data, row->value.len, &samples) == ISB_OK) {
		isb_samples_encode(&samples, samples_oldest(&samples), &again); /* nothing is too old yet */
		MUST(again.len == row->value.len && memcmp(again.data, row->value.data, again.len) == 0);
	}
	isb_buf_done(&again);
	isb_samples_done(&samples);
}

static void try_names(const struct row *row)
{
	static const uint8_t root[1];
	struct isb_key key;
	const struct isb_change change = {.table = ISB_T_RRSET, .key = row->key};
	uint8_t zone[ISB_DNAME_MAX], owner[ISB_DNAME_MAX], lower[ISB_DNAME_MAX];
	uint16_t type;
	struct isb_reader r = isb_slice_reader(row->key);
	if (isb_key_read_name(&r, root, zone) == ISB_OK) {
		int len = isb_dname_check(zone, sizeof(zone));
		MUST(len > 0 && isb_key_zone(&key, zone) == ISB_OK);
		isb_dname_lower(zone, lower);
		if (memcmp(zone, lower, (size_t)len) == 0) /* as keys are written */
			MUST(key.len == r.pos && memcmp(key.octets, row->key.data, r.pos) == 0);
	}
	if (isb_change_rrset(&change, zone, owner, &type) == ISB_OK) {
		MUST(isb_dname_check(zone, sizeof(zone)) > 0 && isb_dname_check(owner, sizeof(owner)) > 0);
		MUST(isb_dname_under(owner, zone));
	}
}

static void try_rrset(const struct row *row)
{
	struct isb_buf scratch = {0}, again = {0};
	const struct isb_rrset *set = NULL;
	for (uint16_t type = 0; type < 110; type++) {
		if (isb_rrset_decode(row->value, type, &scratch, &set) != ISB_OK)
			continue;
		MUST(isb_rrset_check(set, isb_rrset_bytes(set)) && set->type == type);
		const uint8_t *at = set->rdata;
		uint16_t len;
		for (unsigned i = 0; i < set->count; i++) {
			const uint8_t *rdata = isb_rdata_next(&at, &len);
			MUST(isb_rdata_check(type, rdata, len));
		}
		MUST(at == set->rdata + set->size);
		isb_rrset_encode(&again, set);
		MUST(same(row->value, again.data, again.len));
	}
	isb_buf_done(&scratch);
	isb_buf_done(&again);
}

static void try_admin(const struct row *row)
{
	struct isb_admin_row admin;
	struct isb_buf again = {0};
	if (isb_admin_decode(row->value, &admin) == ISB_OK) {
		isb_admin_encode(&again, &admin);
		MUST(same(row->value, again.data, again.len));
	}
	isb_buf_done(&again);
}

static void try_rollout(const struct row *row)
{
	struct isb_rollout rollout;
	struct isb_buf scratch = {0}, again = {0};
	if (isb_rollout_decode(row->value, &scratch, &rollout) == ISB_OK) {
		MUST(isb_rollout_check(&rollout));
		MUST(isb_timetable_at(&rollout.times, 1763726400000).percent <= 100);
		isb_rollout_encode(&again, &rollout);
		MUST(same(row->value, again.data, again.len));
	}
	isb_buf_done(&scratch);
	isb_buf_done(&again);
}

static void try_codecs(struct isb_reader r)
{
	struct row row;
	while (r.pos < r.len && next_row(&r, &row)) {
		try_keys(row.key);
		try_keys(row.value);
		try_latency(&row);
		try_names(&row);
		try_rrset(&row);
		try_admin(&row);
		try_rollout(&row);
	}
}

/* --- Rows to the readers of a store --- */

struct world {
	struct isb_store *catalog, *health, *latency; /* each may write its own environment */
};

static struct isb_store *open_store(const char *dir, enum isb_store_mode mode)
{
	struct isb_store *store = NULL;
	const char *message = "";
	if (isb_store_open(dir, mode, &store, &message) != ISB_OK) {
		fprintf(stderr, "%s\n", message);
		abort();
	}
	return store;
}

/* The files have no names once they are open, and go when the process does. */
static struct isb_store *nameless_store(enum isb_store_mode mode)
{
	char dir[] = "/tmp/isobar-fuzz-XXXXXX", path[128];
	static const char *const files[] = {"catalog.mdb", "health.mdb", "latency.mdb",
	                                    "catalog.mdb-lock", "health.mdb-lock", "latency.mdb-lock"};
	MUST(mkdtemp(dir));
	isb_store_close(open_store(dir, ISB_STORE_WRITE_CATALOG)); /* only this mode makes one */
	struct isb_store *store = open_store(dir, mode);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		unlink(path);
	}
	MUST(rmdir(dir) == 0);
	return store;
}

static int on_object(void *arg, const char *key, const char *body)
{
	(void)arg;
	MUST(strlen(key) <= ISB_KEY_MAX && strlen(body) <= UINT16_MAX);
	return 0;
}

static int on_rrset(void *arg, const uint8_t *owner, const struct isb_rrset *set)
{
	MUST(isb_dname_under(owner, arg) && isb_rrset_check(set, isb_rrset_bytes(set)));
	return 0;
}

static int on_slot(void *arg, const char *endpoint, uint32_t slot)
{
	uint32_t *highest = arg;
	MUST(strlen(endpoint) <= ISB_KEY_MAX);
	if (slot > *highest)
		*highest = slot;
	return 0;
}

static int on_admin(void *arg, const char *endpoint, const struct isb_admin_row *row)
{
	(void)arg;
	MUST(endpoint[0] && isb_admin_name(row->admin) && row->author && row->reason);
	return 0;
}

static int on_rollout(void *arg, const char *record, const struct isb_rollout *rollout)
{
	(void)arg;
	MUST(record[0] && isb_rollout_check(rollout) && rollout->author && rollout->reason);
	return 0;
}

static int on_latency(void *arg, const struct isb_latency_row *row)
{
	char text[ISB_NET_TEXT];
	(void)arg;
	MUST(strlen(isb_net_print(&row->net, text)) > 0 && row->region);
	return 0;
}

static int on_change(void *arg, const struct isb_change *change)
{
	enum isb_kind kind;
	const char *key;
	uint8_t zone[ISB_DNAME_MAX], owner[ISB_DNAME_MAX];
	uint16_t type;
	(void)arg;
	isb_change_object(change, &kind, &key);
	isb_change_rrset(change, zone, owner, &type);
	return 0;
}

static int on_entry(void *arg, const struct isb_journal_entry *entry)
{
	MUST(entry->author && entry->reason);
	isb_journal_changes(arg, entry->generation, on_change, NULL);
	return 0;
}

static int on_observation(void *arg, const struct isb_observation *o)
{
	char text[ISB_OUTCOME_TEXT];
	(void)arg;
	MUST(o->probe && strlen(isb_outcome_print(&o->history.last, text)) < sizeof(text));
	MUST(o->history.seen <= 64 && o->history.state <= ISB_DOWN);
	return 0;
}

static int on_transition(void *arg, const struct isb_transition *t)
{
	(void)arg;
	MUST(t->evidence && isb_verdict_name(t->from) && isb_verdict_name(t->to));
	return 0;
}

static int on_probe(void *arg, const struct isb_probe_row *row)
{
	(void)arg;
	MUST(row->name && row->region);
	return 0;
}

static int on_rtt(void *arg, const char *from, const char *to, uint32_t rtt_us)
{
	(void)arg;
	(void)rtt_us;
	MUST(from && to);
	return 0;
}

static int on_resolved(void *arg, const struct isb_resolved *row)
{
	(void)arg;
	MUST(row->host && row->probe && row->trouble && row->count <= ISB_RESOLVED_MAX);
	return 0;
}

static void read_catalog(struct isb_txn *txn)
{
	static const uint8_t zone[] = "\7example\3com";
	struct isb_catalog catalog;
	struct isb_diags diags = {0};
	isb_generation(txn);
	isb_catalog_init(&catalog);
	int rc = isb_catalog_load(txn, &catalog, &diags);
	MUST(rc == ISB_OK || diags.count > 0);
	isb_catalog_check(&catalog, &diags);
	isb_catalog_done(&catalog);
	isb_diags_done(&diags);
	for (int kind = 0; kind < ISB_KIND_COUNT; kind++)
		isb_object_each(txn, (enum isb_kind)kind, on_object, NULL);
	isb_rrset_each(txn, zone, on_rrset, (void *)(uintptr_t)zone);
	isb_admin_each(txn, on_admin, NULL);
	isb_rollout_each(txn, on_rollout, NULL);
	isb_journal_each(txn, 0, on_entry, txn);
}

/* What the server makes of it, unless a slot is so high that the words of all below it would fill the memory. */
static void build_view(struct isb_txn *catalog, struct isb_txn *health, struct isb_txn *latency)
{
	uint32_t highest = 0;
	struct isb_view *view = NULL;
	struct isb_diags diags = {0};
	isb_slot_each(catalog, on_slot, &highest);
	if (highest > SLOTS_MAX)
		return;
	struct isb_cells *cells = NULL;
	int rc = isb_cells_read(latency, NULL, INT64_C(1763726400000), &cells);
	MUST((rc == ISB_OK) == (cells != NULL));
	const struct isb_view_sources from = {.catalog = catalog, .health = health, .cells = cells};
	rc = isb_view_build(&from, NULL, &diags, &view);
	isb_cells_release(cells);
	MUST((rc == ISB_OK) == (view != NULL) && (rc == ISB_OK || diags.count > 0));
	if (view)
		isb_view_free(view);
	isb_diags_done(&diags);
}

static void read_latency(struct isb_txn *txn)
{
	size_t gone;
	isb_latency_each(txn, on_latency, NULL);
	isb_latency_sweep(txn, INT64_C(1763726400000), &gone);
}

static void read_health(struct isb_txn *txn)
{
	uint64_t word;
	isb_word_get(txn, 0, &word);
	isb_word_get(txn, ISB_CHUNK_WORDS, &word);
	int64_t since_ms;
	isb_since_get(txn, 0, &since_ms);
	uint32_t us;
	isb_pace_get(txn, "seoul", 0, &us);
	isb_observation_each(txn, ISB_SLOT_ALL, on_observation, NULL);
	isb_transition_each(txn, on_transition, NULL);
	isb_probe_each(txn, on_probe, NULL);
	isb_rtt_each(txn, on_rtt, NULL);
	isb_resolved_each(txn, on_resolved, NULL);
	struct isb_transition next = {.from = ISB_UP, .to = ISB_DOWN, .evidence = "seoul: closed-early"};
	isb_transition_add(txn, &next); /* comes after whatever is there */
}

/* An edit upon what is there: its bookkeeping reads slots, pools and admin states. */
static void edit_catalog(struct isb_txn *txn)
{
	uint64_t generation;
	struct isb_edit *edit = isb_edit_new(txn, "ada", "because", 1763726400000);
	isb_edit_put_object(edit, ISB_POOL, "web", "endpoints:\n  a:\n    address: 192.0.2.1\n");
	isb_edit_finish(edit, &generation);
	isb_edit_free(edit);
}

static void try_store(const struct world *w, struct isb_reader r)
{
	struct isb_txn *catalog = NULL, *health = NULL, *latency = NULL;
	struct row row;
	MUST(isb_txn_begin(w->catalog, ISB_ENV_CATALOG, true, &catalog) == ISB_OK);
	MUST(isb_txn_begin(w->health, ISB_ENV_HEALTH, true, &health) == ISB_OK);
	MUST(isb_txn_begin(w->latency, ISB_ENV_LATENCY, true, &latency) == ISB_OK);
	while (r.pos < r.len && next_row(&r, &row)) {
		struct isb_txn *txn = row.table < ISB_T_WORD ? catalog : row.table < ISB_T_LATENCY ? health : latency;
		if (row.key.len)
			MUST(isb_row_put(txn, row.table, row.key, row.value) == ISB_OK);
	}
	read_catalog(catalog);
	build_view(catalog, health, latency);
	read_latency(latency);
	read_health(health);
	edit_catalog(catalog);
	isb_txn_abort(catalog);
	isb_txn_abort(health);
	isb_txn_abort(latency);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w;
	if (!w.catalog)
		w = (struct world){nameless_store(ISB_STORE_WRITE_CATALOG), nameless_store(ISB_STORE_WRITE_HEALTH),
		                  nameless_store(ISB_STORE_WRITE_LATENCY)};
	try_codecs(isb_reader(data, size));
	try_store(&w, isb_reader(data, size));
	return 0;
}
