/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "isobar/base/map.h"
#include "isobar/store/catalogdb.h"
#include "isobar/store/codec.h"
#include "isobar/store/healthdb.h"
#include "journal.h"
#include "slots.h"

/* Every put and delete goes through change_row(): it writes the row and keeps one change per touched row, with the
 * value from before the edit, so that what ends as it began is no change. */
struct isb_edit {
	struct isb_txn *txn;
	const char *author, *reason;
	int64_t now_ms;
	struct isb_arena arena;
	struct isb_buf scratch;

	struct isb_change **touched; /* in the order first touched */
	size_t ntouched, cap;
	struct isb_map index;     /* table octet + key → place in `touched` */
	struct isb_change **real; /* those that differ; made when asked for */
	size_t nreal;
	bool listed; /* `real` is as of now */

	bool in_zone;              /* between zone_begin and zone_end */
	struct isb_map old;        /* keys of the zone's rows at zone_begin → place in `old_key` */
	struct isb_slice *old_key; /* data NULL: put again since */
	size_t nold, old_cap;

	int failed; /* the first failure of the store sticks: no half edit gets a generation */
	bool finished;
};

struct isb_edit *isb_edit_new(struct isb_txn *txn, const char *author, const char *reason, int64_t now_ms)
{
	struct isb_edit *edit = isb_xcalloc(1, sizeof(*edit));
	edit->txn = txn;
	edit->now_ms = now_ms;
	edit->author = isb_arena_strdup(&edit->arena, author ? author : "");
	edit->reason = isb_arena_strdup(&edit->arena, reason ? reason : "");
	return edit;
}

static void forget_zone(struct isb_edit *edit)
{
	isb_map_done(&edit->old);
	free(edit->old_key);
	edit->old_key = NULL;
	edit->nold = edit->old_cap = 0;
	edit->in_zone = false;
}

void isb_edit_free(struct isb_edit *edit)
{
	if (!edit)
		return;
	forget_zone(edit);
	isb_map_done(&edit->index);
	free(edit->touched);
	free(edit->real);
	isb_buf_done(&edit->scratch);
	isb_arena_done(&edit->arena);
	free(edit);
}

/* --- Changes --- */

static struct isb_slice copy(struct isb_edit *edit, struct isb_slice slice)
{
	return (struct isb_slice){slice.len ? isb_arena_memdup(&edit->arena, slice.data, slice.len) : NULL, slice.len};
}

static bool same(struct isb_slice a, struct isb_slice b)
{
	return a.len == b.len && (!a.len || memcmp(a.data, b.data, a.len) == 0);
}

static bool differs(const struct isb_change *change)
{
	return !same(change->before, change->after);
}

static struct isb_change *touch(struct isb_edit *edit, enum isb_table table, struct isb_slice key,
                                struct isb_slice before)
{
	uint8_t name[1 + ISB_KEY_MAX];
	name[0] = (uint8_t)table;
	memcpy(name + 1, key.data, key.len);
	uint32_t at;
	if (isb_map_get(&edit->index, name, key.len + 1, &at))
		return edit->touched[at];
	if (edit->ntouched == edit->cap) {
		edit->cap = edit->cap ? edit->cap * 2 : 32;
		edit->touched = isb_xrealloc(edit->touched, edit->cap * sizeof(struct isb_change *));
	}
	struct isb_change *change = isb_arena_alloc(&edit->arena, sizeof(*change));
	const uint8_t *kept = isb_arena_memdup(&edit->arena, name, key.len + 1);
	change->table = table;
	change->key = (struct isb_slice){kept + 1, key.len};
	change->before = copy(edit, before);
	isb_map_put(&edit->index, kept, key.len + 1, (uint32_t)edit->ntouched);
	edit->touched[edit->ntouched++] = change;
	return change;
}

/* `after` empty: the row goes. ISB_ENOTFOUND when there was none to go. */
static int change_row(struct isb_edit *edit, enum isb_table table, struct isb_slice key, struct isb_slice after)
{
	if (edit->failed != ISB_OK)
		return edit->failed;
	if (edit->finished || edit->ntouched == UINT32_MAX)
		return ISB_EINVAL;
	struct isb_slice before = {NULL, 0};
	int rc = isb_row_get(edit->txn, table, key, &before);
	if (rc == ISB_ENOTFOUND && !after.len)
		return rc;
	if (rc == ISB_OK && same(before, after))
		return ISB_OK;
	if (rc == ISB_OK || rc == ISB_ENOTFOUND) {
		struct isb_change *change = touch(edit, table, key, before);
		change->after = copy(edit, after);
		edit->listed = false;
		rc = after.len ? isb_row_put(edit->txn, table, key, after) : isb_row_delete(edit->txn, table, key);
	}
	edit->failed = rc;
	return rc;
}

static void list_changes(struct isb_edit *edit)
{
	if (edit->listed)
		return;
	edit->real = isb_xrealloc(edit->real, edit->ntouched * sizeof(struct isb_change *));
	edit->nreal = 0;
	for (size_t i = 0; i < edit->ntouched; i++)
		if (differs(edit->touched[i]))
			edit->real[edit->nreal++] = edit->touched[i];
	edit->listed = true;
}

size_t isb_edit_count(const struct isb_edit *edit)
{
	list_changes((struct isb_edit *)(uintptr_t)edit); /* a cache of what the edit already holds */
	return edit->nreal;
}

const struct isb_change *isb_edit_change(const struct isb_edit *edit, size_t i)
{
	return i < isb_edit_count(edit) ? edit->real[i] : NULL;
}

/* --- Objects and rrsets --- */

int isb_edit_put_object(struct isb_edit *edit, enum isb_kind kind, const char *name, const char *body)
{
	struct isb_key key;
	if (kind == ISB_POOL && strchr(name, '/')) /* "a/b" would take the endpoints of "a" for its own */
		return ISB_EINVAL;
	int rc = isb_key_object(&key, kind, name);
	if (rc != ISB_OK)
		return rc;
	return change_row(edit, ISB_T_OBJECT, isb_key_slice(&key), (struct isb_slice){body, strlen(body) + 1});
}

int isb_edit_delete_object(struct isb_edit *edit, enum isb_kind kind, const char *name)
{
	struct isb_key key;
	int rc = isb_key_object(&key, kind, name);
	return rc == ISB_OK ? change_row(edit, ISB_T_OBJECT, isb_key_slice(&key), (struct isb_slice){NULL, 0}) : rc;
}

int isb_edit_put_rrset(struct isb_edit *edit, const uint8_t *zone, const uint8_t *owner, const struct isb_rrset *set)
{
	struct isb_key key;
	int rc = isb_key_rrset(&key, zone, owner, set->type);
	if (rc != ISB_OK)
		return rc;
	if (!isb_rrset_check(set, isb_rrset_bytes(set)))
		return ISB_EFORMAT;
	isb_rrset_encode(&edit->scratch, set);
	rc = change_row(edit, ISB_T_RRSET, isb_key_slice(&key),
	                (struct isb_slice){edit->scratch.data, edit->scratch.len});
	uint32_t at;
	if (rc == ISB_OK && isb_map_get(&edit->old, key.octets, key.len, &at))
		edit->old_key[at].data = NULL;
	return rc;
}

int isb_edit_delete_rrset(struct isb_edit *edit, const uint8_t *zone, const uint8_t *owner, uint16_t type)
{
	struct isb_key key;
	int rc = isb_key_rrset(&key, zone, owner, type);
	return rc == ISB_OK ? change_row(edit, ISB_T_RRSET, isb_key_slice(&key), (struct isb_slice){NULL, 0}) : rc;
}

static int mark_old(void *arg, struct isb_slice key, struct isb_slice value)
{
	(void)value;
	struct isb_edit *edit = arg;
	if (edit->nold == edit->old_cap) {
		edit->old_cap = edit->old_cap ? edit->old_cap * 2 : 64;
		edit->old_key = isb_xrealloc(edit->old_key, edit->old_cap * sizeof(*edit->old_key));
	}
	struct isb_slice kept = copy(edit, key);
	isb_map_put(&edit->old, kept.data, kept.len, (uint32_t)edit->nold);
	edit->old_key[edit->nold++] = kept;
	return edit->nold == UINT32_MAX ? ISB_ERANGE : 0;
}

int isb_edit_zone_begin(struct isb_edit *edit, const uint8_t *zone)
{
	if (edit->in_zone)
		return ISB_EBUSY;
	struct isb_key prefix;
	int rc = isb_key_zone(&prefix, zone);
	if (rc == ISB_OK)
		rc = isb_row_each(edit->txn, ISB_T_RRSET, isb_key_slice(&prefix), (struct isb_slice){NULL, 0},
		                  mark_old, edit);
	if (rc != ISB_OK) {
		forget_zone(edit);
		return rc;
	}
	edit->in_zone = true;
	return ISB_OK;
}

int isb_edit_zone_end(struct isb_edit *edit)
{
	if (!edit->in_zone)
		return ISB_EINVAL;
	int rc = edit->failed;
	for (size_t i = 0; i < edit->nold && rc == ISB_OK; i++) {
		if (!edit->old_key[i].data)
			continue;
		rc = change_row(edit, ISB_T_RRSET, edit->old_key[i], (struct isb_slice){NULL, 0});
		if (rc == ISB_ENOTFOUND) /* deleted one by one since zone_begin */
			rc = ISB_OK;
	}
	forget_zone(edit);
	return rc;
}

/* --- Admin states and rollouts --- */

/* Taking away what is not there is no error: the state asked for is the state that is. */
static int change_or_gone(struct isb_edit *edit, enum isb_table table, const struct isb_key *key,
                          struct isb_slice after)
{
	int rc = change_row(edit, table, isb_key_slice(key), after);
	return rc == ISB_ENOTFOUND && !after.len ? ISB_OK : rc;
}

int isb_edit_admin(struct isb_edit *edit, const char *endpoint, const struct isb_admin_row *row)
{
	struct isb_key key;
	int rc = isb_key_text(&key, endpoint);
	if (rc != ISB_OK)
		return rc;
	if (row->admin == ISB_ADMIN_AUTO)
		return change_or_gone(edit, ISB_T_ADMIN, &key, (struct isb_slice){NULL, 0});
	bool timeless = row->admin == ISB_ADMIN_FAILBACK && !row->until_ms;
	if (row->admin > ISB_ADMIN_FAILBACK || row->since_ms < 0 || row->until_ms < 0 || timeless)
		return ISB_EINVAL;
	isb_admin_encode(&edit->scratch, row);
	return change_or_gone(edit, ISB_T_ADMIN, &key, (struct isb_slice){edit->scratch.data, edit->scratch.len});
}

int isb_edit_rollout(struct isb_edit *edit, const char *record, const struct isb_rollout *rollout)
{
	struct isb_key key;
	int rc = isb_key_text(&key, record);
	if (rc != ISB_OK)
		return rc;
	if (!rollout)
		return change_or_gone(edit, ISB_T_ROLLOUT, &key, (struct isb_slice){NULL, 0});
	struct isb_rollout row = *rollout;
	if (!isb_rollout_check(&row))
		return ISB_EINVAL;
	if (row.slot == (uint32_t)ISB_SLOT_ALL && edit->failed == ISB_OK)
		edit->failed = isb_slots_take(edit->txn, &row.slot);
	isb_rollout_encode(&edit->scratch, &row);
	return change_or_gone(edit, ISB_T_ROLLOUT, &key, (struct isb_slice){edit->scratch.data, edit->scratch.len});
}

/* --- The end --- */

/* An admin state without an endpoint would lie in wait for the next endpoint of that name. */
static int check_admin(struct isb_edit *edit)
{
	for (size_t i = 0; i < isb_edit_count(edit); i++) {
		const struct isb_change *change = edit->real[i];
		struct isb_slice slot;
		if (change->table == ISB_T_ADMIN && change->after.len) {
			int rc = isb_row_get(edit->txn, ISB_T_SLOT, change->key, &slot);
			if (rc != ISB_OK)
				return rc;
		}
	}
	return ISB_OK;
}

/* Neither may a rollout lie in wait for the next record of its name: it is ended first, by whoever can say how. */
static int check_rollouts(struct isb_edit *edit)
{
	for (size_t i = 0; i < isb_edit_count(edit); i++) {
		const struct isb_change *change = edit->real[i];
		enum isb_kind kind;
		const char *record, *body;
		struct isb_slice row;
		int rc = ISB_OK;
		if (change->table == ISB_T_ROLLOUT && change->after.len)
			rc = isb_object_get(edit->txn, ISB_RECORD, change->key.data, &body);
		else if (!change->after.len && isb_change_object(change, &kind, &record) == ISB_OK && kind == ISB_RECORD)
			rc = isb_row_get(edit->txn, ISB_T_ROLLOUT, (struct isb_slice){record, strlen(record) + 1}, &row) == ISB_OK
			             ? ISB_ENOTFOUND : ISB_OK;
		if (rc != ISB_OK)
			return rc;
	}
	return ISB_OK;
}

static int take_admin_away(void *arg, const char *endpoint)
{
	return isb_edit_admin(arg, endpoint, &(struct isb_admin_row){.admin = ISB_ADMIN_AUTO});
}

static int give_slots(struct isb_edit *edit)
{
	const size_t count = edit->ntouched; /* what is added meanwhile are admin rows only */
	for (size_t i = 0; i < count; i++) {
		const struct isb_change *change = edit->touched[i];
		enum isb_kind kind;
		const char *pool, *body = change->after.data; /* NULL: the pool is gone */
		if (isb_change_object(change, &kind, &pool) != ISB_OK || kind != ISB_POOL || !differs(change))
			continue;
		int rc = isb_slots_settle(edit->txn, pool, body, take_admin_away, edit);
		if (rc != ISB_OK)
			return rc;
	}
	int rc = check_admin(edit);
	return rc == ISB_OK ? check_rollouts(edit) : rc;
}

enum { TRIM_ROWS = 64 };

static int write_journal(struct isb_edit *edit, uint64_t generation)
{
	struct isb_journal_entry entry = {
		.generation = generation,
		.time_ms = edit->now_ms,
		.author = edit->author,
		.reason = edit->reason,
		.changes = (uint32_t)isb_edit_count(edit),
	};
	int rc = isb_journal_put_header(edit->txn, &entry);
	for (uint32_t i = 0; i < entry.changes && rc == ISB_OK; i++)
		rc = isb_journal_put_change(edit->txn, generation, i + 1, edit->real[i]);
	if (rc == ISB_OK) /* more than it adds, so that the journal shrinks after many large edits */
		rc = isb_journal_trim(edit->txn, generation, edit->now_ms, entry.changes / 2 * 3 + TRIM_ROWS);
	if (rc != ISB_OK)
		return rc;
	struct isb_key key;
	uint8_t number[8];
	isb_key_text(&key, ISB_META_GENERATION);
	isb_put_u64(number, generation);
	return isb_row_put(edit->txn, ISB_T_META, isb_key_slice(&key), (struct isb_slice){number, sizeof(number)});
}

int isb_edit_finish(struct isb_edit *edit, uint64_t *ret_generation)
{
	if (edit->failed != ISB_OK)
		return edit->failed;
	if (edit->in_zone || edit->finished)
		return ISB_EINVAL;
	uint64_t generation = isb_generation(edit->txn);
	if (isb_edit_count(edit) > 0) {
		int rc = give_slots(edit);
		if (rc == ISB_OK)
			rc = write_journal(edit, ++generation);
		if (rc != ISB_OK) {
			edit->failed = rc;
			return rc;
		}
	}
	edit->finished = true;
	*ret_generation = generation;
	return ISB_OK;
}
