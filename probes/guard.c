/* SPDX-License-Identifier: Apache-2.0 */
#include "guard.h"

#include "isobar/base/err.h"
#include "isobar/store/catalogdb.h"
#include "isobar/store/healthdb.h"

struct loading {
	struct isb_guards *guards;
	struct isb_txn *txn;
	const struct isb_catalog *catalog;
};

static int add_guard(void *arg, const char *record, const struct isb_rollout *rollout)
{
	const struct loading *l = arg;
	struct isb_guards *g = l->guards;
	if (rollout->abort_if != ISB_ABORT_DOWN)
		return 0;
	const struct isb_record *of = isb_record_of(l->catalog, record);
	struct isb_standing *standing =
		of ? isb_standing_new(l->txn, l->catalog, of, of->policy.name, rollout->to) : NULL;
	if (!standing)
		return ISB_ENOTFOUND;
	if (g->count == g->cap) {
		size_t cap = g->cap ? g->cap * 2 : 8, size = sizeof(*g->list);
		g->list = isb_arena_grow(&g->arena, g->list, g->cap * size, cap * size);
		g->cap = cap;
	}
	g->list[g->count++] = (struct isb_guard){
		.record = isb_arena_strdup(&g->arena, record), .to = isb_arena_strdup(&g->arena, rollout->to),
		.slot = rollout->slot, .standing = standing};
	return 0;
}

int isb_guards_load(struct isb_guards *guards, struct isb_txn *catalog_txn, const struct isb_catalog *catalog)
{
	struct loading loading = {guards, catalog_txn, catalog};
	isb_guards_done(guards);
	return isb_rollout_each(catalog_txn, add_guard, &loading);
}

void isb_guards_done(struct isb_guards *guards)
{
	for (size_t i = 0; i < guards->count; i++)
		isb_standing_free(guards->list[i].standing);
	isb_arena_done(&guards->arena);
	*guards = (struct isb_guards){0};
}

int isb_guard_judge(const struct isb_guard *guard, struct isb_txn *health, int64_t now_ms, struct isb_arena *arena,
                    const char **ret_evidence)
{
	uint64_t word;
	bool can = true;
	struct isb_buf evidence = {0};
	*ret_evidence = NULL;
	int rc = isb_word_get(health, guard->slot, &word);
	if (rc != ISB_OK || isb_abort_holds(word))
		return rc;
	rc = isb_standing_ask(guard->standing, health, now_ms, ISB_UNASKED_MAY, &can, &evidence);
	if (rc == ISB_OK && !can) {
		const char *text = isb_arena_strdup(arena, isb_buf_text(&evidence));
		struct isb_transition row = {
			.time_ms = now_ms, .slot = guard->slot, .from = ISB_UP, .to = ISB_DOWN, .evidence = text};
		rc = isb_word_put(health, guard->slot, isb_abort_pack(now_ms));
		if (rc == ISB_OK)
			rc = isb_transition_add(health, &row);
		if (rc == ISB_OK)
			*ret_evidence = text;
	}
	isb_buf_done(&evidence);
	return rc;
}
