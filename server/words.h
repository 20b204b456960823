/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "isobar/store/healthdb.h"
#include "isobar/view/view.h"

/* The health words of one worker: read in place from the store's map, and a copy of the last ones that could be read,
 * for when they cannot. An endpoint that is down must not get traffic again because a file is damaged. */
struct isb_words;

int isb_words_new(struct isb_store *store, struct isb_words **ret_words);
void isb_words_free(struct isb_words *words); /* NULL is fine */

/* However often words change, they are copied no more often than this: the copy may be so much older. */
enum { ISB_WORDS_COPY_MS = 10 };

/* Per batch, as isb_health_reader_begin() and end; but *ret_table is filled on failure too, from the copy. With the paces
 * of the regions that the view names; on failure there are none, and order fastest goes by the words' own latency. */
int isb_words_begin(struct isb_words *words, const struct isb_view *view, int64_t now_ms,
                    struct isb_health_table *ret_table);
void isb_words_end(struct isb_words *words);
