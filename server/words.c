/* SPDX-License-Identifier: Apache-2.0 */
#include "words.h"

#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"

struct isb_words {
	struct isb_health_reader *reader;
	uint64_t txn_id; /* of the snapshot that was copied … */
	int64_t copied_ms; /* … and when */
	struct chunk {
		uint64_t words[ISB_CHUNK_WORDS];
		int64_t since[ISB_CHUNK_WORDS];
	} *copy;
	const uint64_t **chunk; /* into copy, or NULL as in the store */
	const int64_t **since;
	uint32_t chunks, cap;
};

int isb_words_new(struct isb_store *store, struct isb_words **ret_words)
{
	struct isb_health_reader *reader;
	int rc = isb_health_reader_new(store, &reader);
	if (rc != ISB_OK)
		return rc;
	*ret_words = isb_xcalloc(1, sizeof(**ret_words));
	(*ret_words)->reader = reader;
	return ISB_OK;
}

void isb_words_free(struct isb_words *words)
{
	if (!words)
		return;
	isb_health_reader_free(words->reader);
	free(words->chunk);
	free(words->since);
	free(words->copy);
	free(words);
}

/* Some 4 KiB for 256 endpoints; memory is asked for only when endpoints were added. */
static void copy(struct isb_words *words, const struct isb_health_table *table)
{
	if (table->chunks > words->cap) {
		free(words->chunk);
		free(words->since);
		free(words->copy);
		words->cap = table->chunks * 2;
		words->chunk = isb_xcalloc(words->cap, sizeof(*words->chunk));
		words->since = isb_xcalloc(words->cap, sizeof(*words->since));
		words->copy = isb_xcalloc(words->cap, sizeof(*words->copy));
	}
	words->chunks = table->chunks;
	for (uint32_t i = 0; i < table->chunks; i++) {
		struct chunk *to = &words->copy[i];
		words->chunk[i] = table->chunk[i] ? to->words : NULL;
		words->since[i] = table->since && table->since[i] ? to->since : NULL;
		if (words->chunk[i])
			memcpy(to->words, table->chunk[i], sizeof(to->words));
		if (words->since[i])
			memcpy(to->since, table->since[i], sizeof(to->since));
	}
}

/* A clock that was set back does not keep the copy. */
static bool is_due(const struct isb_words *words, uint64_t txn_id, int64_t now_ms)
{
	bool young = now_ms >= words->copied_ms && now_ms - words->copied_ms < ISB_WORDS_COPY_MS;
	return txn_id != words->txn_id && !(young && words->txn_id);
}

int isb_words_begin(struct isb_words *words, const struct isb_view *view, int64_t now_ms,
                    struct isb_health_table *ret_table)
{
	int rc = isb_health_reader_begin(words->reader, ret_table);
	if (rc != ISB_OK) {
		*ret_table = (struct isb_health_table){.chunk = words->chunk, .chunks = words->chunks, .since = words->since};
		return rc;
	}
	uint64_t txn_id = isb_health_reader_txn_id(words->reader);
	if (is_due(words, txn_id, now_ms)) {
		copy(words, ret_table);
		words->txn_id = txn_id;
		words->copied_ms = now_ms;
	}
	return view->nviewpoint ? isb_health_reader_paces(words->reader, view->viewpoints, view->nviewpoint, ret_table) : ISB_OK;
}

void isb_words_end(struct isb_words *words)
{
	isb_health_reader_end(words->reader);
}
