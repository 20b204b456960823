/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "isobar/base/wire.h"
#include "isobar/store/codec.h"
#include "isobar/store/healthdb.h"

/* A chunk is 2 KiB in the machine's own byte order, so that readers use it in place: on pages of 4 KiB a value this large
 * gets pages of its own and begins 16 octets into them; on larger pages it may stand anywhere. */
enum { CHUNK_OCTETS = ISB_CHUNK_WORDS * 8, CHUNKS_MAX = 1 << 24 /* all 32-bit slots */ };
_Static_assert(ISB_CHUNK_PACES * 4 == CHUNK_OCTETS, "one size for all chunks");

static const struct isb_slice everything = {NULL, 0};

/* The chunks of one table as the snapshot at hand has them. */
struct chunks {
	const void **at;
	void **copy; /* chunks that do not stand at a multiple of 8 in the map; NULL entries: they do */
	uint32_t count, cap;
};

struct isb_health_reader {
	struct isb_txn *txn;
	struct chunks words, since;
	bool fetched; /* the pointers are those of the transaction's snapshot */
	struct region {
		char *name;
		struct chunks paces;
	} *regions; /* as asked for last */
	struct isb_pace_table *paces;
	uint32_t nregion;
	bool paced; /* likewise */
};

static void chunks_done(struct chunks *c)
{
	for (uint32_t i = 0; i < c->cap; i++)
		free(c->copy[i]);
	free(c->copy);
	free(c->at);
}

static void make_room(struct chunks *c, uint32_t count)
{
	if (count <= c->cap)
		return;
	uint32_t cap = c->cap ? c->cap : 16;
	while (cap < count)
		cap *= 2;
	c->at = isb_xrealloc(c->at, cap * sizeof(*c->at));
	c->copy = isb_xrealloc(c->copy, cap * sizeof(*c->copy));
	memset(c->copy + c->cap, 0, (cap - c->cap) * sizeof(*c->copy));
	c->cap = cap;
}

static int add_chunk(struct chunks *c, uint32_t number, struct isb_slice value)
{
	if (number >= CHUNKS_MAX || value.len != CHUNK_OCTETS)
		return ISB_EFORMAT;
	make_room(c, number + 1);
	while (c->count < number)
		c->at[c->count++] = NULL;
	const void *at = value.data;
	if ((uintptr_t)at % _Alignof(uint64_t) != 0) {
		if (!c->copy[number])
			c->copy[number] = isb_xmalloc(CHUNK_OCTETS);
		at = memcpy(c->copy[number], at, CHUNK_OCTETS);
	}
	c->at[c->count++] = at;
	return 0;
}

int isb_health_reader_new(struct isb_store *store, struct isb_health_reader **ret_reader)
{
	struct isb_txn *txn;
	int rc = isb_txn_begin(store, ISB_ENV_HEALTH, false, &txn);
	if (rc != ISB_OK)
		return rc;
	isb_txn_reset(txn);
	struct isb_health_reader *reader = isb_xcalloc_apart(sizeof(*reader)); /* written with every batch */
	reader->txn = txn;
	*ret_reader = reader;
	return ISB_OK;
}

static void forget_regions(struct isb_health_reader *reader)
{
	for (uint32_t i = 0; i < reader->nregion; i++) {
		free(reader->regions[i].name);
		chunks_done(&reader->regions[i].paces);
	}
	free(reader->regions);
	free(reader->paces);
	reader->regions = NULL;
	reader->paces = NULL;
	reader->nregion = 0;
}

void isb_health_reader_free(struct isb_health_reader *reader)
{
	if (!reader)
		return;
	isb_txn_abort(reader->txn);
	forget_regions(reader);
	chunks_done(&reader->words);
	chunks_done(&reader->since);
	free(reader);
}

static int chunk_row(void *arg, struct isb_slice key, struct isb_slice value)
{
	uint32_t number;
	return isb_u32_decode(key, &number) == ISB_OK ? add_chunk(arg, number, value) : ISB_EFORMAT;
}

static int fetch(struct isb_health_reader *reader)
{
	reader->words.count = reader->since.count = 0;
	int rc = isb_row_each(reader->txn, ISB_T_WORD, everything, everything, chunk_row, &reader->words);
	if (rc == ISB_OK)
		rc = isb_row_each(reader->txn, ISB_T_SINCE, everything, everything, chunk_row, &reader->since);
	make_room(&reader->since, reader->words.count); /* tables of one length, whatever was written */
	while (reader->since.count < reader->words.count)
		reader->since.at[reader->since.count++] = NULL;
	reader->fetched = rc == ISB_OK;
	return rc;
}

int isb_health_reader_begin(struct isb_health_reader *reader, struct isb_health_table *ret_table)
{
	bool moved = false;
	int rc = isb_txn_renew(reader->txn, &moved);
	reader->paced &= !moved;
	if (rc == ISB_OK && (moved || !reader->fetched))
		rc = fetch(reader);
	if (rc != ISB_OK) {
		isb_health_reader_end(reader);
		*ret_table = (struct isb_health_table){0};
		return rc;
	}
	*ret_table = (struct isb_health_table){.chunk = (const uint64_t *const *)reader->words.at,
	                                       .chunks = reader->words.count,
	                                       .since = (const int64_t *const *)reader->since.at};
	return ISB_OK;
}

static bool same_regions(const struct isb_health_reader *reader, const char *const *regions, uint32_t count)
{
	bool same = count == reader->nregion;
	for (uint32_t i = 0; same && i < count; i++)
		same = strcmp(reader->regions[i].name, regions[i]) == 0;
	return same;
}

static int pace_row(void *arg, struct isb_slice key, struct isb_slice value)
{
	struct region *region = arg;
	struct isb_reader r = isb_slice_reader(key);
	isb_read_text(&r);
	uint32_t number = isb_read_u32(&r);
	return isb_read_whole(&r) ? add_chunk(&region->paces, number, value) : ISB_EFORMAT;
}

int isb_health_reader_paces(struct isb_health_reader *reader, const char *const *regions, uint32_t count,
                            struct isb_health_table *table)
{
	int rc = ISB_OK;
	if (!same_regions(reader, regions, count)) {
		forget_regions(reader);
		reader->regions = isb_xcalloc(count, sizeof(*reader->regions));
		reader->paces = isb_xcalloc(count, sizeof(*reader->paces));
		for (; reader->nregion < count; reader->nregion++)
			reader->regions[reader->nregion].name = isb_xstrdup(regions[reader->nregion]);
		reader->paced = false;
	}
	for (uint32_t i = 0; !reader->paced && rc == ISB_OK && i < count; i++) {
		struct region *region = &reader->regions[i];
		struct isb_key prefix;
		region->paces.count = 0;
		if (isb_key_text(&prefix, region->name) == ISB_OK)
			rc = isb_row_each(reader->txn, ISB_T_PACE, isb_key_slice(&prefix), everything, pace_row, region);
		reader->paces[i] = (struct isb_pace_table){(const uint32_t *const *)region->paces.at, region->paces.count};
	}
	reader->paced = rc == ISB_OK;
	table->pace = reader->paces;
	table->npace = rc == ISB_OK ? count : 0;
	return rc;
}

void isb_health_reader_end(struct isb_health_reader *reader)
{
	isb_txn_reset(reader->txn);
}

uint64_t isb_health_reader_txn_id(const struct isb_health_reader *reader)
{
	return isb_txn_id(reader->txn);
}

/* --- Rows --- */

static int chunk_get(struct isb_txn *txn, enum isb_table table, const struct isb_key *key, const void **ret_chunk)
{
	struct isb_slice value;
	int rc = isb_row_get(txn, table, isb_key_slice(key), &value);
	if (rc == ISB_OK && value.len != CHUNK_OCTETS)
		return ISB_EFORMAT;
	*ret_chunk = rc == ISB_OK ? value.data : NULL;
	return rc == ISB_ENOTFOUND ? ISB_OK : rc;
}

/* One item of a chunk, 0 where there is none. */
static int item_get(struct isb_txn *txn, enum isb_table table, const struct isb_key *key, size_t at, size_t size, void *ret)
{
	const void *chunk;
	int rc = chunk_get(txn, table, key, &chunk);
	if (rc != ISB_OK)
		return rc;
	if (chunk)
		memcpy(ret, (const uint8_t *)chunk + at * size, size);
	else
		memset(ret, 0, size);
	return ISB_OK;
}

static int item_put(struct isb_txn *txn, enum isb_table table, const struct isb_key *key, size_t at, size_t size,
                    const void *item)
{
	const void *old;
	uint8_t chunk[CHUNK_OCTETS] = {0};
	int rc = chunk_get(txn, table, key, &old);
	if (rc != ISB_OK)
		return rc;
	if (old)
		memcpy(chunk, old, sizeof(chunk));
	memcpy(chunk + at * size, item, size);
	return isb_row_put(txn, table, isb_key_slice(key), (struct isb_slice){chunk, sizeof(chunk)});
}

int isb_word_get(struct isb_txn *txn, uint32_t slot, uint64_t *ret_word)
{
	struct isb_key key;
	isb_key_u32(&key, slot / ISB_CHUNK_WORDS);
	return item_get(txn, ISB_T_WORD, &key, slot % ISB_CHUNK_WORDS, sizeof(*ret_word), ret_word);
}

int isb_word_put(struct isb_txn *txn, uint32_t slot, uint64_t word)
{
	struct isb_key key;
	isb_key_u32(&key, slot / ISB_CHUNK_WORDS);
	return item_put(txn, ISB_T_WORD, &key, slot % ISB_CHUNK_WORDS, sizeof(word), &word);
}

int isb_since_get(struct isb_txn *txn, uint32_t slot, int64_t *ret_since_ms)
{
	struct isb_key key;
	isb_key_u32(&key, slot / ISB_CHUNK_WORDS);
	return item_get(txn, ISB_T_SINCE, &key, slot % ISB_CHUNK_WORDS, sizeof(*ret_since_ms), ret_since_ms);
}

int isb_since_put(struct isb_txn *txn, uint32_t slot, int64_t since_ms)
{
	struct isb_key key;
	isb_key_u32(&key, slot / ISB_CHUNK_WORDS);
	return item_put(txn, ISB_T_SINCE, &key, slot % ISB_CHUNK_WORDS, sizeof(since_ms), &since_ms);
}

int isb_pace_get(struct isb_txn *txn, const char *region, uint32_t slot, uint32_t *ret_us)
{
	struct isb_key key;
	int rc = isb_key_text_u32(&key, region, slot / ISB_CHUNK_PACES);
	return rc == ISB_OK ? item_get(txn, ISB_T_PACE, &key, slot % ISB_CHUNK_PACES, sizeof(*ret_us), ret_us) : rc;
}

int isb_pace_put(struct isb_txn *txn, const char *region, uint32_t slot, uint32_t us)
{
	struct isb_key key;
	int rc = isb_key_text_u32(&key, region, slot / ISB_CHUNK_PACES);
	return rc == ISB_OK ? item_put(txn, ISB_T_PACE, &key, slot % ISB_CHUNK_PACES, sizeof(us), &us) : rc;
}

int isb_health_sync(struct isb_store *store)
{
	return isb_store_sync(store, ISB_ENV_HEALTH);
}
