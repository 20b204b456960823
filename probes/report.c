/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "isobar/base/log.h"
#include "judge.h"
#include "sweep.h"

enum {
	CLASH_MS = 5000
};

/* One report under way; all of it lives in the arena. */
struct work {
	struct isb_report *report;
	struct isb_schedule *schedule;
	struct isb_txn *txn;
	struct isb_arena arena;
	int64_t now_ms;
	struct peer { /* the other probes of this store */
		const char *name, *region;
		bool blind;
	} *peers;
	size_t npeer;
	struct isb_ballot *ballots;
	size_t nballot, cballot;
	bool measured; /* round trips were written where they changed */
	struct change {
		const char *endpoint, *evidence;
		enum isb_verdict from, to;
		struct change *next;
	} *changes, **last;
	const char **aborted; /* beside report->guards: the evidence, where there is news */
};

void isb_report_init(struct isb_report *report, struct isb_store *store, const char *name, const char *region,
                     uint64_t boot, int64_t started_ms)
{
	*report = (struct isb_report){
		.store = store, .name = name, .region = region, .boot = boot, .started_ms = started_ms};
}

void isb_report_done(struct isb_report *report)
{
	isb_rtts_done(&report->rtts);
	free(report->withdrawn);
	isb_guards_done(&report->guards);
	*report = (struct isb_report){0};
}

bool isb_report_restore(struct isb_report *report, struct isb_txn *txn, struct isb_target *target)
{
	struct isb_observation observation;
	if (isb_observation_get(txn, target->slot, report->name, &observation) != ISB_OK)
		return false;
	target->history = observation.history;
	target->expires_ms = observation.expires_ms;
	return true;
}

void isb_report_withdraw(struct isb_report *report, uint32_t slot)
{
	report->withdrawn = isb_xrealloc(report->withdrawn, (report->nwithdrawn + 1) * sizeof(slot));
	report->withdrawn[report->nwithdrawn++] = slot;
}

/* --- Votes --- */

static int note_probe(void *arg, const struct isb_probe_row *row)
{
	struct work *w = arg;
	struct isb_report *r = w->report;
	if (strcmp(row->name, r->name) == 0) {
		bool newer = row->boot != r->boot && row->started_ms > r->started_ms;
		if (newer && w->now_ms - row->seen_ms < CLASH_MS && !r->clash) {
			r->clash = true;
			isb_log(ISB_LOG_WARNING, "probe-name-taken",
			        "name=%s reason=\"another process reports under this name; give each probe its own --name\"",
			        r->name);
		}
		return 0;
	}
	size_t size = w->npeer * sizeof(*w->peers);
	w->peers = isb_arena_grow(&w->arena, w->peers, size, size + sizeof(*w->peers));
	w->peers[w->npeer++] = (struct peer){isb_arena_strdup(&w->arena, row->name), isb_arena_strdup(&w->arena, row->region),
	                                     row->blind};
	return 0;
}

/* Of a probe whose row is gone only its observations are left, until they are forgotten. */
static struct peer find_peer(struct work *w, const char *probe)
{
	if (strcmp(probe, w->report->name) == 0)
		return (struct peer){w->report->name, w->report->region, isb_schedule_blind(w->schedule)};
	for (size_t i = 0; i < w->npeer; i++)
		if (strcmp(w->peers[i].name, probe) == 0)
			return w->peers[i];
	return (struct peer){isb_arena_strdup(&w->arena, probe), NULL, false};
}

static int add_ballot(void *arg, const struct isb_observation *observation)
{
	struct work *w = arg;
	if (w->nballot == w->cballot) {
		size_t cap = w->cballot ? w->cballot * 2 : 8, size = sizeof(*w->ballots);
		w->ballots = isb_arena_grow(&w->arena, w->ballots, w->cballot * size, cap * size);
		w->cballot = cap;
	}
	const struct isb_history *h = &observation->history;
	const struct peer peer = find_peer(w, observation->probe);
	w->ballots[w->nballot++] = (struct isb_ballot){
		.vote = {.probe = peer.name, .region = peer.region, .state = (enum isb_verdict)h->state,
		         .observed_ms = h->observed_ms, .expires_ms = observation->expires_ms, .blind = peer.blind},
		.history = *h,
	};
	return 0;
}

/* A probe that is gone for good must not be read for ever. */
static int forget_the_gone(struct work *w, uint32_t slot)
{
	for (size_t i = 0; i < w->nballot; i++) {
		const struct isb_ballot *b = &w->ballots[i];
		if (w->now_ms - b->vote.expires_ms <= ISB_FORGET_MS || strcmp(b->vote.probe, w->report->name) == 0)
			continue;
		int rc = isb_observation_delete(w->txn, slot, b->vote.probe);
		if (rc != ISB_OK && rc != ISB_ENOTFOUND)
			return rc;
	}
	return ISB_OK;
}

static int note_change(struct work *w, const struct isb_target *t, enum isb_verdict from, enum isb_verdict to)
{
	struct isb_buf evidence = {0};
	isb_judge_evidence(&evidence, w->ballots, w->nballot, t->spec.node, w->now_ms);
	struct change *c = isb_arena_alloc(&w->arena, sizeof(*c));
	*c = (struct change){t->name, isb_arena_strdup(&w->arena, isb_buf_text(&evidence)), from, to, NULL};
	isb_buf_done(&evidence);
	*w->last = c;
	w->last = &c->next;
	struct isb_transition row = {
		.time_ms = w->now_ms, .slot = t->slot, .from = from, .to = to, .evidence = c->evidence};
	return isb_transition_add(w->txn, &row);
}

/* Another probe's row that this program cannot read (a damaged one, a newer program's) must not stop every verdict:
 * then this probe's own observation stands alone. */
static int collect(struct work *w, const struct isb_target *t)
{
	w->nballot = 0;
	int rc = isb_observation_each(w->txn, t->slot, add_ballot, w);
	if (rc != ISB_EFORMAT)
		return rc;
	struct isb_observation own = {t->slot, w->report->name, t->history, t->expires_ms};
	w->nballot = 0;
	return add_ballot(w, &own);
}

static int judge(struct work *w, const struct isb_target *t)
{
	uint64_t old;
	int rc = collect(w, t);
	if (rc == ISB_OK)
		rc = isb_word_get(w->txn, t->slot, &old);
	if (rc != ISB_OK)
		return rc;
	uint64_t word = isb_judge_word(w->ballots, w->nballot, t, old, w->now_ms);
	if (word != old)
		rc = isb_word_put(w->txn, t->slot, word);
	enum isb_verdict held = isb_health_effective(old);
	if (rc == ISB_OK && held != ISB_UNKNOWN && held != isb_health_effective(word))
		rc = isb_since_put(w->txn, t->slot, w->now_ms);
	enum isb_verdict from = isb_health_unpack(old).verdict, to = isb_health_unpack(word).verdict;
	if (rc == ISB_OK && from != to)
		rc = note_change(w, t, from, to);
	return rc == ISB_OK ? forget_the_gone(w, t->slot) : rc;
}

/* --- Round trips and paces --- */

/* Probes of one region share its paces: they see the same network, so whoever reports last may say. */
static int put_pace(struct work *w, const struct isb_target *t)
{
	uint32_t old_us;
	if (!*w->report->region)
		return ISB_OK;
	int rc = isb_pace_get(w->txn, w->report->region, t->slot, &old_us);
	if (rc == ISB_OK && isb_rtt_step(old_us, t->history.latency_us))
		rc = isb_pace_put(w->txn, w->report->region, t->slot, t->history.latency_us);
	return rc;
}

static int put_rtts(struct work *w)
{
	struct isb_report *r = w->report;
	if (!*r->region)
		return ISB_OK;
	isb_rtts_measure(&r->rtts, w->schedule);
	w->measured = true;
	int rc = ISB_OK;
	for (size_t i = 0; i < r->rtts.count && rc == ISB_OK; i++) {
		const struct isb_region_rtt *rtt = &r->rtts.list[i];
		if (isb_rtt_step(rtt->known_us, rtt->best_us))
			rc = isb_rtt_put(w->txn, r->region, rtt->region, rtt->best_us);
	}
	return rc;
}

/* --- The report --- */

static int withdraw(struct work *w)
{
	for (size_t i = 0; i < w->report->nwithdrawn; i++) {
		int rc = isb_observation_delete_all(w->txn, w->report->withdrawn[i]);
		if (rc != ISB_OK)
			return rc;
	}
	return ISB_OK;
}

/* A slot is judged only once this process has checked it: after a restart, verdicts hold until there is news. */
static int put_targets(struct work *w, bool all)
{
	for (size_t i = 0; i < w->schedule->count; i++) {
		const struct isb_target *t = w->schedule->targets[i];
		struct isb_observation row = {t->slot, w->report->name, t->history, t->expires_ms};
		int rc = t->dirty ? isb_observation_put(w->txn, &row) : ISB_OK;
		if (rc == ISB_OK && t->dirty)
			rc = put_pace(w, t);
		bool due = t->dirty || t->heard || (all && t->latest != ISB_OUT_NONE);
		if (rc == ISB_OK && due && !w->report->hold)
			rc = judge(w, t);
		if (rc != ISB_OK)
			return rc;
	}
	return ISB_OK;
}

static int put_probe(struct work *w)
{
	const struct isb_report *r = w->report;
	struct isb_probe_row row = {.name = r->name, .region = r->region, .started_ms = r->started_ms,
	                            .seen_ms = w->now_ms, .boot = r->boot, .blind = isb_schedule_blind(w->schedule),
	                            .checks = (uint32_t)w->schedule->count};
	return isb_probe_put(w->txn, &row);
}

static int judge_rollouts(struct work *w)
{
	const struct isb_guards *guards = &w->report->guards;
	int rc = ISB_OK;
	w->aborted = isb_arena_alloc(&w->arena, guards->count * sizeof(*w->aborted));
	for (size_t i = 0; i < guards->count && rc == ISB_OK; i++)
		rc = isb_guard_judge(&guards->list[i], w->txn, w->now_ms, &w->arena, &w->aborted[i]);
	return rc;
}

static int fill(struct work *w, bool all)
{
	int rc = isb_probe_each(w->txn, note_probe, w);
	if (rc == ISB_OK)
		rc = withdraw(w);
	if (rc == ISB_OK)
		rc = put_targets(w, all);
	if (rc == ISB_OK)
		rc = judge_rollouts(w);
	if (rc == ISB_OK)
		rc = put_probe(w);
	return rc == ISB_OK && all ? put_rtts(w) : rc;
}

static void settle(struct work *w)
{
	w->report->nwithdrawn = 0;
	for (size_t i = 0; i < w->schedule->count; i++) {
		struct isb_target *t = w->schedule->targets[i];
		t->dirty = false;
		t->heard = t->heard && w->report->hold;
	}
	for (size_t i = 0; w->measured && i < w->report->rtts.count; i++) {
		struct isb_region_rtt *rtt = &w->report->rtts.list[i];
		if (isb_rtt_step(rtt->known_us, rtt->best_us))
			rtt->known_us = rtt->best_us;
	}
	for (const struct change *c = w->changes; c; c = c->next)
		isb_log(ISB_LOG_INFO, "verdict-changed", "endpoint=%s from=%s to=%s evidence=\"%s\"", c->endpoint,
		        isb_verdict_name(c->from), isb_verdict_name(c->to), c->evidence);
	for (size_t i = 0; i < w->report->guards.count; i++)
		if (w->aborted[i])
			isb_log(ISB_LOG_WARNING, "rollout-aborted", "record=%s to=%s evidence=\"%s\"",
			        w->report->guards.list[i].record, w->report->guards.list[i].to, w->aborted[i]);
}

int isb_report_write(struct isb_report *report, struct isb_schedule *schedule, bool all, int64_t now_ms)
{
	struct work w = {.report = report, .schedule = schedule, .now_ms = now_ms};
	w.last = &w.changes;
	int rc = isb_txn_begin(report->store, ISB_ENV_HEALTH, true, &w.txn);
	if (rc != ISB_OK)
		return rc;
	rc = fill(&w, all);
	if (rc == ISB_OK)
		rc = isb_txn_commit(w.txn);
	else
		isb_txn_abort(w.txn);
	if (rc == ISB_OK)
		settle(&w);
	isb_arena_done(&w.arena);
	return rc;
}
