/* SPDX-License-Identifier: Apache-2.0 */
#include "schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/hash.h"

enum {
	FIRST_SPREAD_MS = 1000, /* a new endpoint is known within about this */
	JITTER_PART = 10,       /* a wait is lengthened by up to a tenth, never shortened: see isb_observe_flip_s() */
	VOTE_INTERVALS = 3,
	VOTE_LEAST_MS = 5000, /* a second until it is told, one until it is written, and as much again for a busy machine */
	WITNESSES = 2
};

void isb_schedule_init(struct isb_schedule *schedule, uint64_t seed)
{
	*schedule = (struct isb_schedule){.proved = INT64_MIN, .feeds = isb_xmalloc(sizeof(*schedule->feeds))};
	*schedule->feeds = (struct isb_schedule){.proved = INT64_MIN};
	isb_rng_seed(&schedule->rng, seed);
	isb_rng_seed(&schedule->feeds->rng, ~seed);
}

static void free_target(struct isb_target *target)
{
	free(target->name);
	free(target->region);
	isb_spec_done(&target->spec);
	free(target);
}

void isb_schedule_done(struct isb_schedule *schedule)
{
	if (schedule->feeds)
		isb_schedule_done(schedule->feeds);
	free(schedule->feeds);
	for (size_t i = 0; i < schedule->count; i++)
		free_target(schedule->targets[i]);
	free(schedule->targets);
	free(schedule->queue);
	isb_map_done(&schedule->names);
	*schedule = (struct isb_schedule){0};
}

/* --- The queue: a binary heap that knows each target's place --- */

static void put(struct isb_schedule *schedule, size_t place, struct isb_target *target)
{
	schedule->queue[place] = target;
	target->place = place;
}

static void sift_up(struct isb_schedule *schedule, size_t place, struct isb_target *target)
{
	for (; place && target->due < schedule->queue[(place - 1) / 2]->due; place = (place - 1) / 2)
		put(schedule, place, schedule->queue[(place - 1) / 2]);
	put(schedule, place, target);
}

static void sift_down(struct isb_schedule *schedule, size_t place, struct isb_target *target)
{
	for (size_t child; (child = 2 * place + 1) < schedule->queued; place = child) {
		if (child + 1 < schedule->queued && schedule->queue[child + 1]->due < schedule->queue[child]->due)
			child++;
		if (target->due <= schedule->queue[child]->due)
			break;
		put(schedule, place, schedule->queue[child]);
	}
	put(schedule, place, target);
}

static void enqueue(struct isb_schedule *schedule, struct isb_target *target, int64_t due)
{
	target->due = due;
	sift_up(schedule, schedule->queued++, target);
}

static void dequeue(struct isb_schedule *schedule, struct isb_target *target)
{
	size_t place = target->place;
	struct isb_target *last = schedule->queue[--schedule->queued];
	target->place = ISB_NOT_QUEUED;
	if (last == target)
		return;
	if (place && last->due < schedule->queue[(place - 1) / 2]->due)
		sift_up(schedule, place, last);
	else
		sift_down(schedule, place, last);
}

/* Feeds come when nothing else is due: a late word is better than a late verdict. */
struct isb_target *isb_schedule_take(struct isb_schedule *schedule, int64_t now)
{
	if (!schedule->queued || schedule->queue[0]->due > now)
		return schedule->feeds ? isb_schedule_take(schedule->feeds, now) : NULL;
	struct isb_target *target = schedule->queue[0];
	dequeue(schedule, target);
	target->started = now;
	return target;
}

int64_t isb_schedule_wait(const struct isb_schedule *schedule, int64_t now)
{
	int64_t feed = schedule->feeds ? isb_schedule_wait(schedule->feeds, now) : -1;
	if (!schedule->queued)
		return feed;
	int64_t wait = schedule->queue[0]->due > now ? schedule->queue[0]->due - now : 0;
	return feed >= 0 && feed < wait ? feed : wait;
}

void isb_schedule_enter(struct isb_schedule *schedule, struct isb_target *target, int64_t now, int64_t now_ms)
{
	int64_t spread = target->knobs.interval_ms;
	if (now_ms >= target->expires_ms && spread > FIRST_SPREAD_MS)
		spread = FIRST_SPREAD_MS;
	/* by hash and not by chance: probes of different seeds differ, one seed is the same in every test */
	uint64_t h = isb_hash(&target->slot, sizeof(target->slot), schedule->rng.s[0]);
	enqueue(schedule, target, now + (int64_t)(h % (uint64_t)(spread + 1)));
}

/* --- From catalog to targets --- */

/* `feed`: the pool's, beside `check`; NULL: none. */
static struct isb_target *new_target(const struct isb_pool *pool, const struct isb_endpoint *endpoint,
                                     const struct isb_check *check, const struct isb_check *feed, uint32_t slot)
{
	struct isb_target *t = isb_xcalloc(1, sizeof(*t));
	if (!isb_spec_init(&t->spec, check, endpoint)) {
		free(t);
		return NULL;
	}
	size_t size = strlen(pool->name) + strlen(endpoint->name) + 2;
	t->slot = slot;
	t->fingerprint = isb_spec_fingerprint(check, endpoint);
	t->name = isb_xmalloc(size);
	snprintf(t->name, size, "%s/%s", pool->name, endpoint->name);
	if (check->type == ISB_CHECK_SCRIPT)
		t->spec.endpoint = isb_xstrdup(t->name);
	t->region = endpoint->region.name ? isb_xstrdup(endpoint->region.name) : NULL;
	t->knobs = isb_check_hysteresis(check);
	t->knobs.soft_fed = feed && isb_check_says_soft(feed);
	t->knobs.load_fed = feed && feed->load.format != ISB_LOAD_NONE;
	t->quorum = check->quorum;
	t->quorum_by = check->quorum_by;
	t->failback_manual = pool->failback_ms == ISB_FAILBACK_MANUAL;
	t->timeout_ms = check->timeout_ms;
	t->place = ISB_NOT_QUEUED;
	return t;
}

static int by_slot(const void *a, const void *b)
{
	const struct isb_target *x = *(struct isb_target *const *)a, *y = *(struct isb_target *const *)b;
	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

static const struct isb_check *named(const struct isb_catalog *catalog, const struct isb_ref *ref)
{
	return ref->name ? isb_catalog_check_named(catalog, ref->name) : NULL;
}

static struct isb_target **list_targets(const struct isb_schedule *schedule, const struct isb_catalog *catalog,
                                        const struct isb_schedule_source *source, size_t *ret_count)
{
	size_t count = 0, max = 0;
	for (size_t p = 0; p < catalog->npool; p++)
		max += catalog->pools[p].nendpoint;
	struct isb_target **list = isb_xcalloc(max, sizeof(*list));
	for (size_t p = 0; p < catalog->npool; p++) {
		const struct isb_pool *pool = &catalog->pools[p];
		const struct isb_check *check = named(catalog, &pool->check), *feed = named(catalog, &pool->feed);
		if (!schedule->feeds) {
			check = feed;
			feed = NULL;
		}
		for (size_t e = 0; check && e < pool->nendpoint; e++) {
			uint32_t slot;
			if (!source->slot(source->arg, pool->name, pool->endpoints[e].name, &slot))
				continue;
			struct isb_target *t = new_target(pool, &pool->endpoints[e], check, feed, slot);
			if (!t)
				continue;
			t->feed = !schedule->feeds;
			list[count++] = t;
		}
	}
	qsort(list, count, sizeof(*list), by_slot);
	*ret_count = count;
	return list;
}

static int by_site(const void *a, const void *b)
{
	const struct isb_spec *x = &(*(struct isb_target *const *)a)->spec;
	const struct isb_spec *y = &(*(struct isb_target *const *)b)->spec;
	int order = memcmp(&x->addr, &y->addr, sizeof(x->addr));
	return order || x->addr.family ? order : strcmp(x->node, y->node);
}

static size_t count_sites(struct isb_target *const *targets, size_t count)
{
	struct isb_target **sorted = isb_xcalloc(count, sizeof(struct isb_target *));
	size_t sites = count > 0;
	for (size_t i = 0; i < count; i++)
		sorted[i] = targets[i];
	qsort(sorted, count, sizeof(*sorted), by_site);
	for (size_t i = 1; i < count; i++)
		sites += by_site(&sorted[i - 1], &sorted[i]) != 0;
	free(sorted);
	return sites;
}

/* A script that failed does not say whether it reached anything, whatever it says. */
static bool is_silent(const struct isb_target *target, enum isb_outcome_kind kind)
{
	if (target->spec.type != ISB_CHECK_SCRIPT || kind == ISB_OUT_NONE || kind == ISB_OUT_INTERNAL)
		return isb_outcome_silent(kind);
	return kind != ISB_OUT_OK && kind != ISB_OUT_SAID_DOWN;
}

static void set_latest(struct isb_schedule *schedule, struct isb_target *target, enum isb_outcome_kind latest)
{
	schedule->silent -= is_silent(target, target->latest);
	schedule->mute -= target->latest == ISB_OUT_INTERNAL;
	target->latest = latest;
	schedule->silent += is_silent(target, target->latest);
	schedule->mute += target->latest == ISB_OUT_INTERNAL;
}

static void undoubt(struct isb_schedule *schedule, struct isb_target *target)
{
	schedule->ndoubted -= target->doubted.kind != ISB_OUT_NONE;
	target->doubted.kind = ISB_OUT_NONE;
}

static void retire(struct isb_schedule *schedule, const struct isb_schedule_source *source, struct isb_target *target,
                   bool gone)
{
	source->retire(source->arg, target, gone && !target->feed);
	set_latest(schedule, target, ISB_OUT_NONE);
	undoubt(schedule, target);
	if (target->place != ISB_NOT_QUEUED)
		dequeue(schedule, target);
	free_target(target);
}

/* The wait under way was for the old interval. */
static void hasten(struct isb_schedule *schedule, struct isb_target *target, const struct isb_hysteresis *was, int64_t now)
{
	int64_t old_ms = isb_observe_next_ms(&target->history, was), left = target->due - now;
	int64_t new_ms = isb_observe_next_ms(&target->history, &target->knobs);
	if (target->place == ISB_NOT_QUEUED || left <= 0 || new_ms >= old_ms)
		return;
	dequeue(schedule, target);
	enqueue(schedule, target, now + left * new_ms / old_ms);
}

/* The old target takes over what may change while the test stays the same; the fresh one goes. */
static void adopt(struct isb_target *old, struct isb_target *fresh)
{
	char *name = old->name, *region = old->region;
	old->name = fresh->name;
	old->region = fresh->region;
	old->fingerprint = fresh->fingerprint;
	old->knobs = fresh->knobs;
	old->quorum = fresh->quorum;
	old->quorum_by = fresh->quorum_by;
	old->failback_manual = fresh->failback_manual;
	old->timeout_ms = fresh->timeout_ms;
	old->spec.load.capacity = fresh->spec.load.capacity;
	fresh->name = name;
	fresh->region = region;
	free_target(fresh);
}

static void inherit(struct isb_target *fresh, const struct isb_target *old)
{
	fresh->expires_ms = old->expires_ms;
	fresh->history = old->history;
	fresh->history.bits = 0;
	fresh->history.seen = fresh->history.run = 0;
	fresh->history.latency_us = fresh->history.connect_us = 0;
	fresh->history.p50_us = fresh->history.p95_us = fresh->history.p99_us = 0;
	fresh->history.has_soft = fresh->history.has_load = false;
}

static void index_names(struct isb_schedule *schedule)
{
	isb_map_done(&schedule->names);
	for (size_t i = 0; i < schedule->count; i++)
		isb_map_put(&schedule->names, schedule->targets[i]->name, strlen(schedule->targets[i]->name), (uint32_t)i);
}

struct isb_target *isb_schedule_find(const struct isb_schedule *schedule, const char *name)
{
	uint32_t at;
	return isb_map_get(&schedule->names, name, strlen(name), &at) ? schedule->targets[at] : NULL;
}

void isb_schedule_update(struct isb_schedule *schedule, const struct isb_catalog *catalog,
                         const struct isb_schedule_source *source, int64_t now)
{
	size_t count, o = 0;
	struct isb_target **fresh = list_targets(schedule, catalog, source, &count);
	for (size_t i = 0; i < count; i++) {
		for (; o < schedule->count && schedule->targets[o]->slot < fresh[i]->slot; o++)
			retire(schedule, source, schedule->targets[o], true);
		if (o == schedule->count || schedule->targets[o]->slot != fresh[i]->slot)
			continue;
		struct isb_target *old = schedule->targets[o++];
		if (isb_spec_equal(&old->spec, &fresh[i]->spec)) {
			struct isb_hysteresis was = old->knobs;
			adopt(old, fresh[i]);
			hasten(schedule, old, &was, now);
			fresh[i] = old;
		} else {
			inherit(fresh[i], old);
			retire(schedule, source, old, false);
		}
	}
	for (; o < schedule->count; o++)
		retire(schedule, source, schedule->targets[o], true);
	free(schedule->targets);
	schedule->targets = fresh;
	schedule->count = count;
	schedule->queue = isb_xrealloc(schedule->queue, count * sizeof(struct isb_target *));
	schedule->sites = count_sites(fresh, count);
	index_names(schedule);
	if (!schedule->feeds)
		return;
	isb_schedule_update(schedule->feeds, catalog, source, now);
	for (size_t i = 0; i < schedule->feeds->count; i++) {
		struct isb_target *feed = schedule->feeds->targets[i];
		if (feed->place == ISB_NOT_QUEUED && !feed->run)
			isb_schedule_enter(schedule->feeds, feed, now, INT64_MAX);
	}
}

/* --- Outcomes --- */

static bool can_doubt(const struct isb_schedule *schedule)
{
	return schedule->feeds && schedule->sites >= ISB_BLIND_SITES && schedule->count - schedule->mute >= ISB_BLIND_SITES;
}

bool isb_schedule_blind(const struct isb_schedule *schedule)
{
	return can_doubt(schedule) && schedule->silent == schedule->count - schedule->mute;
}

static bool would_turn(const struct isb_target *target, const struct isb_outcome *outcome, int64_t now_ms)
{
	struct isb_history copy = target->history;
	return isb_observe(&copy, &target->knobs, outcome, now_ms);
}

int64_t isb_target_vote_ms(const struct isb_target *target, const struct isb_history *history)
{
	bool slow = history->state == ISB_DOWN && target->knobs.down_interval_ms;
	int64_t rounds_ms = VOTE_INTERVALS * (slow ? target->knobs.down_interval_ms : target->knobs.interval_ms);
	return (rounds_ms < VOTE_LEAST_MS ? VOTE_LEAST_MS : rounds_ms) + target->timeout_ms;
}

static unsigned soft_of(const struct isb_history *h)
{
	return h->has_soft ? h->soft : ISB_SOFT_FULL;
}

/* To nothing and from nothing is a leap however short it is: weight 0 is for when nothing else can answer. */
static bool leapt(const struct isb_history *was, const struct isb_history *is)
{
	int soft = (int)soft_of(was) - (int)soft_of(is), load = was->load - is->load;
	return soft >= ISB_SOFT_LEAP || soft <= -ISB_SOFT_LEAP || (soft && (!soft_of(was) || !soft_of(is))) ||
	       load >= ISB_LOAD_LEAP || load <= -ISB_LOAD_LEAP;
}

static void take_time(struct isb_target *t, uint32_t total_us, int64_t now_ms)
{
	isb_timings_add(&t->timings, total_us, now_ms);
	t->history.p50_us = isb_timings_percentile(&t->timings, 50);
	t->history.p95_us = isb_timings_percentile(&t->timings, 95);
	t->history.p99_us = isb_timings_percentile(&t->timings, 99);
}

static bool observe(struct isb_target *t, const struct isb_outcome *outcome, int64_t now_ms)
{
	unsigned flip_s = isb_observe_flip_s(&t->history, &t->knobs);
	struct isb_history was = t->history;
	bool turned = isb_observe(&t->history, &t->knobs, outcome, now_ms);
	if (outcome->kind == ISB_OUT_OK)
		take_time(t, outcome->total_us, now_ms);
	if (outcome->kind != ISB_OUT_INTERNAL)
		t->expires_ms = now_ms + isb_target_vote_ms(t, &t->history);
	t->dirty = true;
	return turned || flip_s != isb_observe_flip_s(&t->history, &t->knobs) || leapt(&was, &t->history);
}

/* Has endpoints that answered when last asked, or were never asked, tell whether the network works. */
static void call_witnesses(struct isb_schedule *schedule, int64_t now)
{
	unsigned called = 0;
	for (size_t i = 0; i < schedule->count && called < WITNESSES; i++) {
		struct isb_target *t = schedule->targets[i];
		if (is_silent(t, t->latest) || t->latest == ISB_OUT_INTERNAL || t->place == ISB_NOT_QUEUED)
			continue;
		if (t->due > now) {
			dequeue(schedule, t);
			enqueue(schedule, t, now);
		}
		called++;
	}
}

/* A check that began at `started` was answered: doubts raised shortly before that were about endpoints, not about the
 * network. Older ones may be from before the network came back. */
static bool settle_doubts(struct isb_schedule *schedule, int64_t started, int64_t now_ms)
{
	bool urgent = false;
	for (size_t i = 0; i < schedule->count && schedule->ndoubted; i++) {
		struct isb_target *t = schedule->targets[i];
		if (t->doubted.kind == ISB_OUT_NONE)
			continue;
		struct isb_outcome outcome = t->doubted;
		undoubt(schedule, t);
		if (started - t->doubted_at <= ISB_WITNESS_MS)
			urgent |= observe(t, &outcome, now_ms);
	}
	return urgent;
}

/* Failures of a row that began while nothing could be seen do not count on. */
static void see_again(struct isb_schedule *schedule)
{
	for (size_t i = 0; i < schedule->count; i++) {
		undoubt(schedule, schedule->targets[i]);
		if (is_silent(schedule->targets[i], schedule->targets[i]->latest))
			schedule->targets[i]->history.run = 0;
	}
}

static bool record(struct isb_schedule *schedule, struct isb_target *t, const struct isb_outcome *outcome, int64_t now,
                   int64_t now_ms)
{
	bool was_blind = isb_schedule_blind(schedule), silent = is_silent(t, outcome->kind), urgent = false;
	undoubt(schedule, t);
	set_latest(schedule, t, outcome->kind);
	bool blind = isb_schedule_blind(schedule);
	if (was_blind && !blind)
		see_again(schedule);
	if (!silent && outcome->kind != ISB_OUT_INTERNAL) {
		schedule->proved = now;
		urgent = settle_doubts(schedule, t->started, now_ms);
	}
	bool unproved = silent && can_doubt(schedule) && schedule->proved < t->started;
	if (unproved && (blind || would_turn(t, outcome, now_ms))) {
		if (!blind) {
			t->doubted = *outcome;
			t->doubted_at = now;
			schedule->ndoubted++;
			call_witnesses(schedule, now);
		}
		return was_blind != blind;
	}
	return observe(t, outcome, now_ms) || urgent || was_blind != blind;
}

/* A feed's last word counts as long as its vote would; before its first one, the endpoint has what the store remembers. */
static bool hear(struct isb_target *t, struct isb_target *feed, const struct isb_outcome *outcome, int64_t now_ms)
{
	static const struct isb_outcome nothing;
	struct isb_history was = t->history;
	bool spoke = outcome->kind == ISB_OUT_OK || outcome->has_soft || outcome->has_load;
	if (spoke || !feed->expires_ms)
		feed->expires_ms = now_ms + isb_target_vote_ms(feed, &feed->history);
	if (!spoke && now_ms < feed->expires_ms)
		return false;
	isb_observe_feed(&t->history, &t->knobs, spoke ? outcome : &nothing);
	t->dirty |= t->latest != ISB_OUT_NONE; /* else its first check says it with the rest */
	return t->dirty && leapt(&was, &t->history);
}

static bool record_feed(struct isb_schedule *schedule, struct isb_target *feed, const struct isb_outcome *outcome,
                        int64_t now, int64_t now_ms)
{
	struct isb_target *t = isb_schedule_find(schedule, feed->name);
	int64_t expires_ms = feed->expires_ms;
	isb_schedule_record(schedule->feeds, feed, outcome, now, now_ms); /* its pace, by its own history */
	feed->expires_ms = expires_ms;
	return t && hear(t, feed, outcome, now_ms);
}

bool isb_schedule_record(struct isb_schedule *schedule, struct isb_target *target, const struct isb_outcome *outcome,
                         int64_t now, int64_t now_ms)
{
	if (target->feed && schedule->feeds)
		return record_feed(schedule, target, outcome, now, now_ms);
	bool urgent = record(schedule, target, outcome, now, now_ms);
	int64_t wait = isb_observe_next_ms(&target->history, &target->knobs);
	wait += (int64_t)isb_rng_below(&schedule->rng, (uint64_t)wait / JITTER_PART + 1);
	enqueue(schedule, target, now + wait);
	return urgent;
}
