/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "explain.h"
#include "isobar/base/err.h"
#include "isobar/base/map.h"
#include "isobar/store/codec.h"
#include "isobar/store/healthdb.h"

/* A moment that is over. The store keeps no old health words, but every change of a verdict (the last 10 000 of them) and
 * every edit. So verdicts go back from today's, transition by transition, and what operators said goes back edit by edit.
 * All else is today's, and the output says so. */

/* --- Verdicts --- */

struct verdicts {
	const struct explain *e;
	uint64_t *words;
	int64_t *since_ms, *today_ms;
	struct last {
		uint8_t held;      /* the last definite verdict before that moment; 0: none was found yet */
		bool complete;     /* the other one was found before it */
		int64_t turned_ms; /* the oldest change to it that was found */
	} *last;
	uint32_t count;
	size_t rows;
	int64_t oldest_ms;
};

/* Soft health, load and latency stay today's. When it could have changed next is not known. */
static uint64_t with_verdict(uint64_t word, enum isb_verdict verdict, enum isb_verdict held)
{
	struct isb_health h = isb_health_unpack(word);
	h.verdict = verdict;
	h.held = held;
	h.flip_s = ISB_FLIP_NONE;
	return isb_health_pack(&h);
}

static bool is_definite(enum isb_verdict verdict)
{
	return verdict == ISB_UP || verdict == ISB_DOWN;
}

/* Of a change before that moment, going back: what was held then, and since when. */
static void add_held(struct verdicts *v, const struct isb_transition *t)
{
	struct last *last = &v->last[t->slot];
	const enum isb_verdict back[] = {t->to, t->from};
	for (unsigned i = 0; i < 2 && !last->complete; i++) {
		if (!is_definite(back[i]))
			continue;
		last->held = last->held ? last->held : (uint8_t)back[i];
		last->complete = last->held != back[i];
		if (i == 0 && !last->complete)
			last->turned_ms = t->time_ms;
	}
	if (last->complete && !v->since_ms[t->slot])
		v->since_ms[t->slot] = last->turned_ms; /* no turn without the other before it: see probes/report.c */
}

/* Newest first: what a verdict changed from after that moment is what it was before; the last one seen is right. */
static int add_transition(void *arg, const struct isb_transition *t)
{
	struct verdicts *v = arg;
	v->rows++;
	v->oldest_ms = t->time_ms;
	if (t->slot >= v->count)
		return 0;
	if (t->time_ms <= v->e->cli->at_ms)
		add_held(v, t);
	else
		v->words[t->slot] = with_verdict(v->words[t->slot], t->from, ISB_UNKNOWN);
	return 0;
}

/* Whoever came back then waits for a consent that is found in the edits; the latch of now is of now. */
static uint64_t with_wait(uint64_t word, bool waits)
{
	struct isb_health h = isb_health_unpack(word);
	h.waits = waits;
	return word ? isb_health_pack(&h) : 0;
}

/* A verdict that is none falls back on the last that was one; where that is not kept, on what is known of now. */
static void set_held(struct verdicts *v, uint32_t slot)
{
	uint64_t word = v->words[slot];
	struct isb_health h = isb_health_unpack(word);
	if (word && is_definite(h.verdict))
		v->words[slot] = with_verdict(word, h.verdict, h.verdict);
	else if (word && v->last[slot].held)
		v->words[slot] = with_verdict(word, h.verdict, (enum isb_verdict)v->last[slot].held);
}

static int read_words(struct verdicts *v)
{
	const struct explain *e = v->e;
	for (uint32_t slot = 0; slot < e->view->slots; slot++) {
		uint64_t word;
		int rc = isb_word_get(e->reader.health, slot, &word);
		if (rc == ISB_OK)
			rc = isb_since_get(e->reader.health, slot, &v->since_ms[slot]);
		if (rc != ISB_OK)
			return rc;
		v->today_ms[slot] = v->since_ms[slot];
		if (v->since_ms[slot] > e->cli->at_ms)
			v->since_ms[slot] = 0; /* the turn before that, if there was one, is among the transitions */
		v->words[slot] = word ? with_verdict(word, isb_health_unpack(word).verdict, isb_health_unpack(word).held) : 0;
	}
	return ISB_OK;
}

static int verdicts_then(struct explain *e)
{
	uint32_t chunks = e->view->slots / ISB_CHUNK_WORDS + 1, count = chunks * ISB_CHUNK_WORDS;
	struct verdicts v = {.e = e, .count = count, .words = isb_arena_alloc(&e->arena, count * sizeof(*v.words)),
	                     .since_ms = isb_arena_alloc(&e->arena, count * sizeof(*v.since_ms)),
	                     .today_ms = isb_arena_alloc(&e->arena, count * sizeof(*v.today_ms)),
	                     .last = isb_arena_alloc(&e->arena, count * sizeof(*v.last))};
	const uint64_t **chunk = isb_arena_alloc(&e->arena, chunks * sizeof(*chunk));
	const int64_t **since = isb_arena_alloc(&e->arena, chunks * sizeof(*since));
	int rc = read_words(&v);
	if (rc != ISB_OK)
		return rc;
	uint64_t *now = isb_arena_memdup(&e->arena, v.words, count * sizeof(*now));
	rc = isb_transition_each(e->reader.health, add_transition, &v);
	if (rc != ISB_OK)
		return rc;
	for (uint32_t slot = 0; slot < count; slot++) {
		set_held(&v, slot);
		bool up = v.since_ms[slot] && isb_health_effective(v.words[slot]) == ISB_UP;
		if (v.since_ms[slot] != v.today_ms[slot])
			v.words[slot] = with_wait(v.words[slot], up);
		e->past.verdicts += isb_health_unpack(now[slot]).verdict != isb_health_unpack(v.words[slot]).verdict;
	}
	for (uint32_t i = 0; i < chunks; i++) {
		chunk[i] = v.words + i * ISB_CHUNK_WORDS;
		since[i] = v.since_ms + i * ISB_CHUNK_WORDS;
	}
	e->past.verdicts_from_ms = v.rows < ISB_TRANSITIONS_KEPT ? 0 : v.oldest_ms;
	e->health.chunk = chunk;
	e->health.since = since;
	e->health.chunks = chunks;
	e->health.unattended = false; /* the transitions tell what was unknown, as far as anybody said so */
	return ISB_OK;
}

/* --- What operators said --- */

struct admins {
	struct explain *e;
	struct isb_map known; /* endpoint → its place in e->past.list */
	uint64_t counted;     /* generation that counts as an edit already */
	uint64_t generation;
	bool any;
};

/* The first change of an endpoint after that moment tells what was before; later ones tell of later. */
static int add_admin(struct admins *a, const struct isb_change *change)
{
	struct explain_past *past = &a->e->past;
	const char *endpoint;
	uint32_t place;
	struct isb_admin_row row = {.author = "", .reason = ""};
	int rc = isb_text_decode(change->key, &endpoint);
	if (rc == ISB_OK && isb_map_get(&a->known, endpoint, strlen(endpoint), &place))
		return ISB_OK;
	if (rc == ISB_OK && change->before.len)
		rc = isb_admin_decode(change->before, &row);
	if (rc != ISB_OK)
		return rc;
	if (past->count == past->cap) {
		size_t cap = past->cap ? 2 * past->cap : 16, size = sizeof(*past->list);
		past->list = isb_arena_grow(&a->e->arena, past->list, past->count * size, cap * size);
		past->cap = cap;
	}
	endpoint = isb_arena_strdup(&a->e->arena, endpoint);
	row.author = isb_arena_strdup(&a->e->arena, row.author);
	row.reason = isb_arena_strdup(&a->e->arena, row.reason);
	isb_map_put(&a->known, endpoint, strlen(endpoint), (uint32_t)past->count);
	past->list[past->count++] = (struct explain_admin){.endpoint = endpoint, .row = row};
	return ISB_OK;
}

static int add_change(void *arg, const struct isb_change *change)
{
	struct admins *a = arg;
	if (change->table == ISB_T_ADMIN)
		return add_admin(a, change);
	a->e->past.edits += a->counted != a->generation;
	a->counted = a->generation;
	return ISB_OK;
}

static int add_entry(void *arg, const struct isb_journal_entry *entry)
{
	struct admins *a = arg;
	if (!a->any && entry->generation > 1)
		a->e->past.edits_from_ms = entry->time_ms;
	a->any = true;
	if (entry->time_ms <= a->e->cli->at_ms)
		return ISB_OK;
	a->generation = entry->generation;
	return isb_journal_changes(a->e->reader.catalog, entry->generation, add_change, a);
}

/* Of an endpoint that left the catalog since there is no slot, and nothing to say. */
static void set_admin(struct explain *e, uint64_t *words, const struct explain_admin *was)
{
	size_t len = strcspn(was->endpoint, "/");
	uint32_t slot;
	if (!was->endpoint[len] ||
	    isb_slot_get(e->reader.catalog, isb_arena_strndup(&e->arena, was->endpoint, len), was->endpoint + len + 1, &slot) !=
		    ISB_OK || slot >= e->view->nadmin)
		return;
	words[slot] = was->row.admin == ISB_ADMIN_AUTO ? 0 : isb_admin_pack(was->row.admin, was->row.until_ms);
	e->past.admins += isb_admin_at(words[slot], e->cli->at_ms) != isb_admin_at(e->view->admin[slot], e->cli->now_ms);
}

static int admins_then(struct explain *e)
{
	struct admins a = {.e = e};
	uint64_t *words = isb_arena_alloc(&e->arena, (e->view->nadmin + 1) * sizeof(*words));
	int rc = isb_journal_each(e->reader.catalog, 0, add_entry, &a);
	isb_map_done(&a.known);
	if (rc != ISB_OK)
		return rc;
	memcpy(words, e->view->admin, e->view->nadmin * sizeof(*words));
	for (size_t i = 0; i < e->past.count; i++)
		set_admin(e, words, &e->past.list[i]);
	e->asked.admin = words;
	e->asked.admin_end = e->view->nadmin;
	return ISB_OK;
}

struct isb_admin_row explain_admin(const struct explain *e, const char *endpoint)
{
	struct isb_admin_row row = {.author = "", .reason = ""};
	for (size_t i = 0; i < e->past.count; i++)
		if (strcmp(e->past.list[i].endpoint, endpoint) == 0)
			return e->past.list[i].row;
	isb_admin_get(e->reader.catalog, endpoint, &row);
	return row;
}

int explain_past(struct explain *e)
{
	int rc = verdicts_then(e);
	return rc == ISB_OK ? admins_then(e) : rc;
}
