/* SPDX-License-Identifier: Apache-2.0 */
#include "sweep.h"

#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"

enum { SWEEP_MAX = 4096 }; /* rows: the rest waits for the next minute, and verdicts do not wait at all */

struct sweep {
	const struct isb_schedule *schedule;
	const char *own;
	int64_t now_ms;
	struct isb_arena arena;
	struct row {
		uint32_t slot; /* of an observation */
		const char *probe;
		struct row *next;
	} *observations, *probes;
	size_t count;
};

static int by_slot(const void *key, const void *target)
{
	uint32_t a = *(const uint32_t *)key, b = (*(struct isb_target *const *)target)->slot;
	return a < b ? -1 : a > b;
}

static bool is_tested(const struct isb_schedule *schedule, uint32_t slot)
{
	return schedule->count &&
	       bsearch(&slot, schedule->targets, schedule->count, sizeof(struct isb_target *), by_slot) != NULL;
}

static int note(struct sweep *s, struct row **list, uint32_t slot, const char *probe)
{
	struct row *row = isb_arena_alloc(&s->arena, sizeof(*row));
	*row = (struct row){slot, isb_arena_strdup(&s->arena, probe), *list};
	*list = row;
	return ++s->count == SWEEP_MAX; /* enough */
}

static int look_at_observation(void *arg, const struct isb_observation *observation)
{
	struct sweep *s = arg;
	if (s->now_ms <= observation->expires_ms || is_tested(s->schedule, observation->slot))
		return 0;
	return note(s, &s->observations, observation->slot, observation->probe);
}

static int look_at_probe(void *arg, const struct isb_probe_row *row)
{
	struct sweep *s = arg;
	if (s->now_ms - row->seen_ms <= ISB_FORGET_MS || strcmp(row->name, s->own) == 0)
		return 0;
	return note(s, &s->probes, 0, row->name);
}

/* Without the write lock: as a rule there is nothing to find. */
static int look(struct sweep *s, struct isb_store *store)
{
	struct isb_txn *txn;
	int rc = isb_txn_begin(store, ISB_ENV_HEALTH, false, &txn);
	if (rc != ISB_OK)
		return rc;
	rc = isb_observation_each(txn, ISB_SLOT_ALL, look_at_observation, s);
	if (rc == ISB_OK)
		rc = isb_probe_each(txn, look_at_probe, s);
	isb_txn_abort(txn);
	return rc < ISB_OK ? rc : ISB_OK;
}

/* A row may have gone, or become fresh again, since the look: the same question is asked once more. */
static int take_away(struct sweep *s, struct isb_txn *txn, struct isb_swept *swept)
{
	int rc = ISB_OK;
	for (const struct row *row = s->observations; row && rc == ISB_OK; row = row->next) {
		struct isb_observation now;
		if (isb_observation_get(txn, row->slot, row->probe, &now) != ISB_OK || s->now_ms <= now.expires_ms)
			continue;
		rc = isb_observation_delete(txn, row->slot, row->probe);
		swept->observations++;
	}
	for (const struct row *row = s->probes; row && rc == ISB_OK; row = row->next) {
		struct isb_probe_row now;
		if (isb_probe_get(txn, row->probe, &now) != ISB_OK || s->now_ms - now.seen_ms <= ISB_FORGET_MS)
			continue;
		rc = isb_probe_delete(txn, row->probe);
		swept->probes++;
	}
	return rc;
}

int isb_sweep(struct isb_store *store, const struct isb_schedule *schedule, const char *own, int64_t now_ms,
              struct isb_swept *ret_swept)
{
	struct sweep s = {.schedule = schedule, .own = own, .now_ms = now_ms};
	struct isb_swept swept = {0};
	struct isb_txn *txn;
	int rc = look(&s, store);
	if (rc == ISB_OK && s.count) {
		rc = isb_txn_begin(store, ISB_ENV_HEALTH, true, &txn);
		if (rc == ISB_OK) {
			rc = take_away(&s, txn, &swept);
			if (rc == ISB_OK)
				rc = isb_txn_commit(txn);
			else
				isb_txn_abort(txn);
		}
	}
	isb_arena_done(&s.arena);
	if (rc == ISB_OK)
		*ret_swept = swept;
	return rc;
}
