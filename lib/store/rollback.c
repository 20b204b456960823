/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "isobar/base/map.h"
#include "isobar/store/catalogdb.h"
#include "isobar/store/codec.h"

/* The journal says of every row what stood in it before: the first that it says since the generation asked for is what is
 * put back. On the way each edit must have found what the one before it left, and the store must hold what the last one
 * left: else the journal tells of another store, and nothing may be built on it. */

struct row {
	enum isb_table table;
	struct isb_slice key, before; /* the arena's */
	struct isb_slice after;       /* of the last edit, in the store: good until the first row is written */
	uint64_t generation;          /* of the last edit */
	bool differs;
};
struct rollback {
	struct isb_txn *txn;
	struct isb_arena arena;
	struct isb_buf scratch;
	struct isb_map index; /* table octet + key → place in `rows` */
	struct row *rows;
	size_t count, cap;
	uint64_t generation;   /* being read */
	int64_t now_ms, until_ms; /* the generation asked for was the newest until then */
	uint64_t misfit;
};

static bool same(struct isb_slice a, struct isb_slice b)
{
	return a.len == b.len && (!a.len || memcmp(a.data, b.data, a.len) == 0);
}

static struct isb_slice copy(struct rollback *r, struct isb_slice slice)
{
	return (struct isb_slice){slice.len ? isb_arena_memdup(&r->arena, slice.data, slice.len) : NULL, slice.len};
}

static int misfit(struct rollback *r, uint64_t generation)
{
	r->misfit = generation;
	return ISB_EFORMAT;
}

/* --- What was --- */

static struct row *add_row(struct rollback *r, const uint8_t *name, size_t len, const struct isb_change *change)
{
	if (r->count == r->cap) {
		r->cap = r->cap ? r->cap * 2 : 64;
		r->rows = isb_xrealloc(r->rows, r->cap * sizeof(*r->rows));
	}
	const uint8_t *own = isb_arena_memdup(&r->arena, name, len);
	isb_map_put(&r->index, own, len, (uint32_t)r->count);
	struct row *row = &r->rows[r->count++];
	*row = (struct row){.table = change->table, .key = {own + 1, len - 1}, .before = copy(r, change->before)};
	return row;
}

static int note_change(void *arg, const struct isb_change *change)
{
	struct rollback *r = arg;
	struct row *row;
	uint8_t name[1 + ISB_KEY_MAX];
	uint32_t at;
	if (change->table == ISB_T_LATENCY) /* of an older program; no part of the catalog */
		return 0;
	if (change->key.len > ISB_KEY_MAX || r->count == UINT32_MAX)
		return misfit(r, r->generation);
	name[0] = (uint8_t)change->table;
	memcpy(name + 1, change->key.data, change->key.len);
	if (!isb_map_get(&r->index, name, 1 + change->key.len, &at))
		row = add_row(r, name, 1 + change->key.len, change);
	else if (row = &r->rows[at], !same(row->after, change->before))
		return misfit(r, r->generation);
	row->after = change->after;
	row->generation = r->generation;
	return 0;
}

static int note_edit(void *arg, const struct isb_journal_entry *entry)
{
	struct rollback *r = arg;
	if (!r->generation)
		r->until_ms = entry->time_ms;
	r->generation = entry->generation;
	return isb_journal_changes(r->txn, entry->generation, note_change, r);
}

static int check_present(struct rollback *r)
{
	for (size_t i = 0; i < r->count; i++) {
		struct isb_slice value = {NULL, 0};
		int rc = isb_row_get(r->txn, r->rows[i].table, r->rows[i].key, &value);
		if (rc != ISB_OK && rc != ISB_ENOTFOUND)
			return rc;
		if (!same(value, r->rows[i].after))
			return misfit(r, r->rows[i].generation);
		r->rows[i].differs = !same(value, r->rows[i].before);
	}
	return ISB_OK;
}

/* --- And is again --- */

static int restore_object(struct isb_edit *edit, const struct isb_change *change)
{
	enum isb_kind kind;
	const char *key, *body;
	int rc = isb_change_object(change, &kind, &key);
	if (rc != ISB_OK || !change->before.len)
		return rc == ISB_OK ? isb_edit_delete_object(edit, kind, key) : rc;
	rc = isb_text_decode(change->before, &body);
	return rc == ISB_OK ? isb_edit_put_object(edit, kind, key, body) : rc;
}

static int restore_rrset(struct rollback *r, struct isb_edit *edit, const struct isb_change *change)
{
	uint8_t zone[ISB_DNAME_MAX], owner[ISB_DNAME_MAX];
	const struct isb_rrset *set;
	uint16_t type;
	int rc = isb_change_rrset(change, zone, owner, &type);
	if (rc != ISB_OK || !change->before.len)
		return rc == ISB_OK ? isb_edit_delete_rrset(edit, zone, owner, type) : rc;
	rc = isb_rrset_decode(change->before, type, &r->scratch, &set);
	return rc == ISB_OK ? isb_edit_put_rrset(edit, zone, owner, set) : rc;
}

/* What was to end and would have ended by now is not said again. A failback stays: it speaks of what was before it. */
static int restore_admin(const struct rollback *r, struct isb_edit *edit, const struct isb_change *change)
{
	struct isb_admin_row row = {.admin = ISB_ADMIN_AUTO};
	const char *endpoint;
	int rc = isb_text_decode(change->key, &endpoint);
	if (rc == ISB_OK && change->before.len)
		rc = isb_admin_decode(change->before, &row);
	if (row.until_ms && row.until_ms <= r->now_ms && row.admin != ISB_ADMIN_FAILBACK)
		row.admin = ISB_ADMIN_AUTO;
	return rc == ISB_OK ? isb_edit_admin(edit, endpoint, &row) : rc;
}

/* Steps follow the clock, and it has gone on: so that nobody is led further than they were, it comes back paused, at the
 * step where it was. It is the same rollout, with the same slot: what probes aborted stays aborted. */
static int restore_rollout(struct rollback *r, struct isb_edit *edit, const struct isb_change *change)
{
	struct isb_rollout row;
	const char *record;
	int rc = isb_text_decode(change->key, &record);
	if (rc != ISB_OK || !change->before.len)
		return rc == ISB_OK ? isb_edit_rollout(edit, record, NULL) : rc;
	rc = isb_rollout_decode(change->before, &r->scratch, &row);
	if (rc == ISB_OK && row.times.nstep > 1 && !row.times.paused_ms)
		row.times.paused_ms = r->until_ms;
	return rc == ISB_OK ? isb_edit_rollout(edit, record, &row) : rc;
}

static int restore(struct rollback *r, struct isb_edit *edit, const struct row *row)
{
	const struct isb_change change = {.table = row->table, .key = row->key, .before = row->before};
	switch (row->table) {
	case ISB_T_OBJECT: return restore_object(edit, &change);
	case ISB_T_RRSET: return restore_rrset(r, edit, &change);
	case ISB_T_ADMIN: return restore_admin(r, edit, &change);
	case ISB_T_ROLLOUT: return restore_rollout(r, edit, &change);
	default: return ISB_EFORMAT;
	}
}

static int read_back(struct rollback *r, uint64_t generation)
{
	uint64_t first = 0, newest = isb_generation(r->txn);
	if (!generation || generation > newest)
		return ISB_ERANGE;
	int rc = isb_journal_first(r->txn, &first);
	if (rc == ISB_OK && first > generation + 1)
		rc = ISB_ENOTFOUND;
	if (rc == ISB_OK && generation < newest)
		rc = isb_journal_each(r->txn, generation + 1, note_edit, r);
	return rc == ISB_OK ? check_present(r) : rc;
}

int isb_edit_rollback(struct isb_edit *edit, struct isb_txn *txn, uint64_t generation, int64_t now_ms,
                      uint64_t *ret_misfit)
{
	struct rollback r = {.txn = txn, .now_ms = now_ms};
	int rc = read_back(&r, generation);
	for (size_t i = 0; rc == ISB_OK && i < r.count; i++)
		if (r.rows[i].differs)
			rc = restore(&r, edit, &r.rows[i]);
	if (rc == ISB_EFORMAT)
		*ret_misfit = r.misfit;
	free(r.rows);
	isb_map_done(&r.index);
	isb_buf_done(&r.scratch);
	isb_arena_done(&r.arena);
	return rc;
}
