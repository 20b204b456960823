/* SPDX-License-Identifier: Apache-2.0 */
#include "journal.h"

#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "isobar/store/codec.h"

/* The tables whose changes are journalled, by the number that stands in the rows. Slots follow from the pools, and
 * meta from all. Number 4 is only read: round trips were once edits like all others. */
static const enum isb_table table_code[] = {
	[1] = ISB_T_OBJECT, [2] = ISB_T_RRSET, [3] = ISB_T_ADMIN, [4] = ISB_T_LATENCY, [5] = ISB_T_ROLLOUT,
};
enum { TABLE_CODES = sizeof(table_code) / sizeof(table_code[0]) };

static const struct isb_slice everything = {NULL, 0};

/* --- Writing --- */

int isb_journal_put_header(struct isb_txn *txn, const struct isb_journal_entry *entry)
{
	struct isb_key key;
	struct isb_buf *out = isb_txn_scratch(txn);
	isb_key_journal(&key, entry->generation, 0);
	isb_buf_reset(out);
	isb_buf_u64(out, (uint64_t)entry->time_ms);
	isb_buf_u32(out, entry->changes);
	isb_buf_add(out, entry->author, strlen(entry->author) + 1);
	isb_buf_add(out, entry->reason, strlen(entry->reason) + 1);
	return isb_row_put(txn, ISB_T_JOURNAL, isb_key_slice(&key), (struct isb_slice){out->data, out->len});
}

static void add_slice(struct isb_buf *out, struct isb_slice slice)
{
	isb_buf_u32(out, (uint32_t)slice.len);
	isb_buf_add(out, slice.data, slice.len);
}

int isb_journal_put_change(struct isb_txn *txn, uint64_t generation, uint32_t seq, const struct isb_change *change)
{
	uint8_t code = 1;
	while (code < TABLE_CODES && table_code[code] != change->table)
		code++;
	if (code == TABLE_CODES)
		return ISB_EINVAL;
	struct isb_key key;
	struct isb_buf *out = isb_txn_scratch(txn);
	isb_key_journal(&key, generation, seq);
	isb_buf_reset(out);
	isb_buf_putc(out, (char)code);
	add_slice(out, change->key);
	add_slice(out, change->before);
	add_slice(out, change->after);
	return isb_row_put(txn, ISB_T_JOURNAL, isb_key_slice(&key), (struct isb_slice){out->data, out->len});
}

/* --- Reading --- */

/* The first row is the oldest edit's header, or a change of one that is being taken away: headers go first. */
static int note_first(void *arg, struct isb_slice key, struct isb_slice value)
{
	uint64_t *first = arg;
	(void)value;
	if (key.len != 12)
		return ISB_EFORMAT;
	const uint8_t *octets = key.data;
	*first = isb_get_u64(octets) + (isb_get_u32(octets + 8) != 0);
	return 1; /* enough */
}

int isb_journal_first(struct isb_txn *txn, uint64_t *ret_generation)
{
	uint64_t first = isb_generation(txn) + 1;
	int rc = isb_row_each(txn, ISB_T_JOURNAL, everything, everything, note_first, &first);
	if (rc < 0)
		return rc;
	*ret_generation = first;
	return ISB_OK;
}

static int read_header(struct isb_txn *txn, uint64_t generation, struct isb_journal_entry *ret_entry)
{
	struct isb_key key;
	struct isb_slice value;
	isb_key_journal(&key, generation, 0);
	int rc = isb_row_get(txn, ISB_T_JOURNAL, isb_key_slice(&key), &value);
	if (rc != ISB_OK)
		return rc;
	struct isb_reader r = isb_slice_reader(value);
	struct isb_journal_entry entry = {.generation = generation};
	entry.time_ms = (int64_t)isb_read_u64(&r);
	entry.changes = isb_read_u32(&r);
	entry.author = isb_read_text(&r);
	entry.reason = isb_read_text(&r);
	if (!isb_read_whole(&r))
		return ISB_EFORMAT;
	*ret_entry = entry;
	return ISB_OK;
}

int isb_journal_each(struct isb_txn *txn, uint64_t from, int (*each)(void *arg, const struct isb_journal_entry *entry),
                     void *arg)
{
	uint64_t last = isb_generation(txn);
	int rc = from ? ISB_OK : isb_journal_first(txn, &from);
	if (rc != ISB_OK)
		return rc;
	for (uint64_t g = from; g <= last; g++) {
		struct isb_journal_entry entry;
		rc = read_header(txn, g, &entry);
		if (rc == ISB_OK)
			rc = each(arg, &entry);
		if (rc != 0)
			return rc;
	}
	return ISB_OK;
}

/* No row of these tables is empty, so an empty value is a row that is not there. */
static struct isb_slice read_slice(struct isb_reader *r)
{
	uint32_t len = isb_read_u32(r);
	const uint8_t *data = isb_read(r, len);
	return (struct isb_slice){data && len ? data : NULL, data ? len : 0};
}

struct change_walk {
	int (*each)(void *arg, const struct isb_change *change);
	void *arg;
};

static int change_row(void *arg, struct isb_slice key, struct isb_slice value)
{
	const struct change_walk *walk = arg;
	struct isb_reader r = isb_slice_reader(value);
	uint8_t code = isb_read_u8(&r);
	struct isb_change change;
	change.key = read_slice(&r);
	change.before = read_slice(&r);
	change.after = read_slice(&r);
	if (!isb_read_whole(&r) || key.len != 12 || code == 0 || code >= TABLE_CODES || !change.key.len)
		return ISB_EFORMAT;
	change.table = table_code[code];
	return walk->each(walk->arg, &change);
}

int isb_journal_changes(struct isb_txn *txn, uint64_t generation,
                        int (*each)(void *arg, const struct isb_change *change), void *arg)
{
	struct isb_key prefix, from;
	isb_key_u64(&prefix, generation);
	isb_key_journal(&from, generation, 1);
	struct change_walk walk = {each, arg};
	return isb_row_each(txn, ISB_T_JOURNAL, isb_key_slice(&prefix), isb_key_slice(&from), change_row, &walk);
}

int isb_change_object(const struct isb_change *change, enum isb_kind *ret_kind, const char **ret_key)
{
	if (change->table != ISB_T_OBJECT)
		return ISB_EINVAL;
	return isb_object_key_decode(change->key, ret_kind, ret_key);
}

int isb_change_rrset(const struct isb_change *change, uint8_t ret_zone[255], uint8_t ret_owner[255], uint16_t *ret_type)
{
	static const uint8_t root[1] = {0};
	if (change->table != ISB_T_RRSET)
		return ISB_EINVAL;
	uint8_t zone[ISB_DNAME_MAX], owner[ISB_DNAME_MAX];
	struct isb_reader r = isb_slice_reader(change->key);
	if (isb_key_read_name(&r, root, zone) != ISB_OK || isb_key_read_name(&r, zone, owner) != ISB_OK)
		return ISB_EFORMAT;
	uint16_t type = isb_read_u16(&r);
	if (!isb_read_whole(&r))
		return ISB_EFORMAT;
	memcpy(ret_zone, zone, isb_dname_len(zone));
	memcpy(ret_owner, owner, isb_dname_len(owner));
	*ret_type = type;
	return ISB_OK;
}

/* --- The past ends --- */

enum { TRIM_MAX = 4096 }; /* rows: a transaction stays small whatever it follows on */
static const int64_t DAY_MS = 24 * 60 * 60 * 1000;

struct trim {
	uint64_t newest;
	int64_t now_ms;
	uint32_t max, count;
	struct {
		uint64_t generation;
		uint32_t number;
	} rows[TRIM_MAX];
};

static bool is_past(const struct trim *trim, uint64_t generation, struct isb_slice header)
{
	uint64_t newer = trim->newest - generation;
	struct isb_reader r = isb_slice_reader(header);
	if (newer < ISB_JOURNAL_EDITS)
		return false;
	return newer >= ISB_JOURNAL_EDITS_MAX || (int64_t)isb_read_u64(&r) < trim->now_ms - ISB_JOURNAL_DAYS * DAY_MS;
}

/* Changes follow their header, so they go as it went, in this edit or in an earlier one. */
static int note_past(void *arg, struct isb_slice key, struct isb_slice value)
{
	struct trim *trim = arg;
	if (key.len != 12)
		return ISB_EFORMAT;
	const uint8_t *octets = key.data;
	uint64_t generation = isb_get_u64(octets);
	uint32_t number = isb_get_u32(octets + 8);
	if (trim->count == trim->max || (number == 0 && !is_past(trim, generation, value)))
		return 1; /* enough */
	trim->rows[trim->count].generation = generation;
	trim->rows[trim->count++].number = number;
	return 0;
}

int isb_journal_trim(struct isb_txn *txn, uint64_t newest, int64_t now_ms, uint32_t max)
{
	if (newest <= ISB_JOURNAL_EDITS)
		return ISB_OK;
	struct trim *trim = isb_xmalloc(sizeof(*trim));
	trim->newest = newest;
	trim->now_ms = now_ms;
	trim->max = max < TRIM_MAX ? max : TRIM_MAX;
	trim->count = 0;
	int rc = isb_row_each(txn, ISB_T_JOURNAL, everything, everything, note_past, trim);
	for (uint32_t i = 0; i < trim->count && rc >= ISB_OK; i++) {
		struct isb_key key;
		isb_key_journal(&key, trim->rows[i].generation, trim->rows[i].number);
		rc = isb_row_delete(txn, ISB_T_JOURNAL, isb_key_slice(&key));
	}
	free(trim);
	return rc < ISB_OK ? rc : ISB_OK;
}
