/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "isobar/base/buf.h"
#include "isobar/model/health.h"
#include "isobar/model/observe.h"
#include "isobar/store/env.h"

/* The health environment: words (read in place by the server), and beside them what the probe needs after a restart
 * and people need to believe a verdict: observations, transitions with their evidence, probes, round trips. All
 * functions with a transaction take one on ISB_ENV_HEALTH. */

/* --- Words, for the query path ------------------------------------------------------------------------------- */

/* One reader per thread, over a read transaction that is reset between batches. */
struct isb_health_reader;
int isb_health_reader_new(struct isb_store *store, struct isb_health_reader **ret_reader);
void isb_health_reader_free(struct isb_health_reader *reader);
/* Call once per batch; the table's pointers hold until isb_health_reader_end(). The chunk pointers are looked up again
 * only when the environment's transaction id moved. On failure the table is empty (every word reads as never seen is
 * worse than stale: the caller keeps answering with what `held` it has) and the code says why. */
int isb_health_reader_begin(struct isb_health_reader *reader, struct isb_health_table *ret_table);
/* For plans with order fastest: adds to a table just begun what the probes of each of these regions see, in this order;
 * the pointers hold as long as the others. On failure the table has none. */
int isb_health_reader_paces(struct isb_health_reader *reader, const char *const *regions, uint32_t count,
                            struct isb_health_table *table);
void isb_health_reader_end(struct isb_health_reader *reader); /* resets, so that no page stays pinned while idle */
uint64_t isb_health_reader_txn_id(const struct isb_health_reader *reader);

/* --- Writing and reading rows ---------------------------------------------------------------------------------- */

int isb_word_get(struct isb_txn *txn, uint32_t slot, uint64_t *ret_word); /* 0 where never written */
int isb_word_put(struct isb_txn *txn, uint32_t slot, uint64_t word);
/* When the held verdict last turned, as isb_health_since_ms(); 0: never. */
int isb_since_get(struct isb_txn *txn, uint32_t slot, int64_t *ret_since_ms);
int isb_since_put(struct isb_txn *txn, uint32_t slot, int64_t since_ms);
/* Smoothed latency of the checks as the probes of a region see it; 0: they do not. */
int isb_pace_get(struct isb_txn *txn, const char *region, uint32_t slot, uint32_t *ret_us);
int isb_pace_put(struct isb_txn *txn, const char *region, uint32_t slot, uint32_t us);

struct isb_observation {
	uint32_t slot;
	const char *probe;         /* the probe's name */
	struct isb_history history;
	int64_t expires_ms;        /* its vote is fresh while now < expires */
};
int isb_observation_put(struct isb_txn *txn, const struct isb_observation *observation);
int isb_observation_get(struct isb_txn *txn, uint32_t slot, const char *probe, struct isb_observation *ret);
int isb_observation_delete(struct isb_txn *txn, uint32_t slot, const char *probe);
/* All probes' observations of the slot, for an endpoint that is checked no more. */
int isb_observation_delete_all(struct isb_txn *txn, uint32_t slot);
/* The row's value by itself, for those who carry observations from probe to probe. encode appends; decode sets
 * everything but slot and probe, or nothing. */
void isb_observation_encode(struct isb_buf *out, const struct isb_observation *observation);
int isb_observation_decode(struct isb_slice value, struct isb_observation *ret);
/* All probes' observations of one slot, or of every slot with ISB_SLOT_ALL. */
enum { ISB_SLOT_ALL = 0xffffffff };
int isb_observation_each(struct isb_txn *txn, uint32_t slot,
                         int (*each)(void *arg, const struct isb_observation *observation), void *arg);

struct isb_transition {
	uint64_t number;     /* set by the store */
	int64_t time_ms;
	uint32_t slot;
	enum isb_verdict from, to;
	const char *evidence; /* "seoul: connect-refused ×3; frankfurt: status-503 ×3" */
};
enum { ISB_TRANSITIONS_KEPT = 10000 };
int isb_transition_add(struct isb_txn *txn, const struct isb_transition *transition); /* drops the oldest beyond that */
/* Newest first; `each` returns non-zero to stop. */
int isb_transition_each(struct isb_txn *txn, int (*each)(void *arg, const struct isb_transition *transition),
                        void *arg);

struct isb_probe_row {
	const char *name, *region; /* region "" when none */
	int64_t started_ms, seen_ms;
	uint64_t boot;             /* changes with every start */
	bool blind;
	uint32_t checks;           /* endpoints it tests */
	const char *from;          /* address that a probe in another region reports from; "" or NULL: it writes here itself */
};
int isb_probe_put(struct isb_txn *txn, const struct isb_probe_row *row);
int isb_probe_get(struct isb_txn *txn, const char *name, struct isb_probe_row *ret_row); /* texts hold as in each */
int isb_probe_delete(struct isb_txn *txn, const char *name);
int isb_probe_each(struct isb_txn *txn, int (*each)(void *arg, const struct isb_probe_row *row), void *arg);
/* A probe writes its row every second or so; one that has not for that long has died, or sleeps. */
enum { ISB_PROBE_GONE_MS = 15000 };
static inline bool isb_probe_is_gone(const struct isb_probe_row *row, int64_t now_ms)
{
	return now_ms - row->seen_ms > ISB_PROBE_GONE_MS;
}
/* *ret_unattended: all probes are gone, or there never was one. Nobody judges then that evidence has become stale. */
int isb_probes_gone(struct isb_txn *txn, int64_t now_ms, bool *ret_unattended);

/* Smoothed round trips, probe's region → endpoint's region: the fallback of order `latency`. */
int isb_rtt_put(struct isb_txn *txn, const char *from_region, const char *to_region, uint32_t rtt_us);
int isb_rtt_each(struct isb_txn *txn, int (*each)(void *arg, const char *from, const char *to, uint32_t rtt_us),
                 void *arg);

/* Writes what was committed to disk (health commits do not sync by themselves); call every few seconds. */
int isb_health_sync(struct isb_store *store);
