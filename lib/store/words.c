/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "isobar/store/codec.h"
#include "isobar/store/healthdb.h"

/* A chunk is 256 words in the machine's own byte order, so that readers use it in place. On pages of 4 KiB a value this
 * large gets pages of its own and begins 16 octets into them; on larger pages it may stand anywhere. */
enum { CHUNK_OCTETS = ISB_CHUNK_WORDS * 8, CHUNKS_MAX = 1 << 24 /* all 32-bit slots */ };

struct isb_health_reader {
	struct isb_txn *txn;
	const uint64_t **chunk;
	uint64_t **copy; /* chunks that do not stand at a multiple of 8 in the map; NULL entries: they do */
	uint32_t chunks, cap;
	bool fetched; /* the pointers are those of the transaction's snapshot */
};

int isb_health_reader_new(struct isb_store *store, struct isb_health_reader **ret_reader)
{
	struct isb_txn *txn;
	int rc = isb_txn_begin(store, ISB_ENV_HEALTH, false, &txn);
	if (rc != ISB_OK)
		return rc;
	isb_txn_reset(txn);
	struct isb_health_reader *reader = isb_xcalloc(1, sizeof(*reader));
	reader->txn = txn;
	*ret_reader = reader;
	return ISB_OK;
}

void isb_health_reader_free(struct isb_health_reader *reader)
{
	if (!reader)
		return;
	isb_txn_abort(reader->txn);
	for (uint32_t i = 0; i < reader->cap; i++)
		free(reader->copy[i]);
	free(reader->copy);
	free(reader->chunk);
	free(reader);
}

static void make_room(struct isb_health_reader *reader, uint32_t chunks)
{
	if (chunks <= reader->cap)
		return;
	uint32_t cap = reader->cap ? reader->cap : 16;
	while (cap < chunks)
		cap *= 2;
	reader->chunk = isb_xrealloc(reader->chunk, cap * sizeof(*reader->chunk));
	reader->copy = isb_xrealloc(reader->copy, cap * sizeof(*reader->copy));
	memset(reader->copy + reader->cap, 0, (cap - reader->cap) * sizeof(*reader->copy));
	reader->cap = cap;
}

static const uint64_t *aligned(struct isb_health_reader *reader, uint32_t number, const void *octets)
{
	if ((uintptr_t)octets % _Alignof(uint64_t) == 0)
		return octets;
	if (!reader->copy[number])
		reader->copy[number] = isb_xmalloc(CHUNK_OCTETS);
	return memcpy(reader->copy[number], octets, CHUNK_OCTETS);
}

static int chunk_row(void *arg, struct isb_slice key, struct isb_slice value)
{
	struct isb_health_reader *reader = arg;
	uint32_t number;
	if (isb_u32_decode(key, &number) != ISB_OK || number >= CHUNKS_MAX || value.len != CHUNK_OCTETS)
		return ISB_EFORMAT;
	make_room(reader, number + 1);
	while (reader->chunks < number)
		reader->chunk[reader->chunks++] = NULL;
	reader->chunk[reader->chunks++] = aligned(reader, number, value.data);
	return 0;
}

static int fetch(struct isb_health_reader *reader)
{
	const struct isb_slice everything = {NULL, 0};
	reader->chunks = 0;
	int rc = isb_row_each(reader->txn, ISB_T_WORD, everything, everything, chunk_row, reader);
	reader->fetched = rc == ISB_OK;
	return rc;
}

int isb_health_reader_begin(struct isb_health_reader *reader, struct isb_health_table *ret_table)
{
	bool moved = false;
	int rc = isb_txn_renew(reader->txn, &moved);
	if (rc == ISB_OK && (moved || !reader->fetched))
		rc = fetch(reader);
	if (rc != ISB_OK) {
		isb_health_reader_end(reader);
		*ret_table = (struct isb_health_table){0};
		return rc;
	}
	*ret_table = (struct isb_health_table){.chunk = reader->chunk, .chunks = reader->chunks};
	return ISB_OK;
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

int isb_word_get(struct isb_txn *txn, uint32_t slot, uint64_t *ret_word)
{
	struct isb_key key;
	struct isb_slice value;
	isb_key_u32(&key, slot / ISB_CHUNK_WORDS);
	int rc = isb_row_get(txn, ISB_T_WORD, isb_key_slice(&key), &value);
	if (rc == ISB_ENOTFOUND) {
		*ret_word = 0;
		return ISB_OK;
	}
	if (rc == ISB_OK && value.len != CHUNK_OCTETS)
		return ISB_EFORMAT;
	if (rc == ISB_OK)
		memcpy(ret_word, (const uint8_t *)value.data + slot % ISB_CHUNK_WORDS * 8, 8);
	return rc;
}

int isb_word_put(struct isb_txn *txn, uint32_t slot, uint64_t word)
{
	struct isb_key key;
	struct isb_slice value;
	uint64_t words[ISB_CHUNK_WORDS] = {0};
	isb_key_u32(&key, slot / ISB_CHUNK_WORDS);
	int rc = isb_row_get(txn, ISB_T_WORD, isb_key_slice(&key), &value);
	if (rc == ISB_OK && value.len != CHUNK_OCTETS)
		return ISB_EFORMAT;
	if (rc == ISB_OK)
		memcpy(words, value.data, CHUNK_OCTETS);
	else if (rc != ISB_ENOTFOUND)
		return rc;
	words[slot % ISB_CHUNK_WORDS] = word;
	return isb_row_put(txn, ISB_T_WORD, isb_key_slice(&key), (struct isb_slice){words, sizeof(words)});
}

int isb_health_sync(struct isb_store *store)
{
	return isb_store_sync(store, ISB_ENV_HEALTH);
}
