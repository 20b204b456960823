/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* The health word: all that the query path reads of an endpoint's health. One writer (the probe), read in place from
 * the store's map. A word of zero is "never seen": verdict unknown, nothing held.
 *
 *   bits  0..1   verdict: what the quorum of fresh observations says now
 *   bits  2..3   held: the last definite verdict (up or down), what `unknown` and `disputed` fall back on
 *   bits  4..10  soft health 0..100 (multiplies the weight)
 *   bits 11..22  load, per mille of capacity, 0..4095
 *   bits 23..42  smoothed latency of the check, in units of 16 us, 0..16.7 s
 *   bits 43..50  earliest possible flip of the verdict, in seconds after it was last judged; 255: none foreseen
 *   bit  51      came back while its pool's failback is manual, and waits for an operator
 *   bit  63      set in every word that was ever written
 */
enum isb_verdict { ISB_UNKNOWN, ISB_UP, ISB_DOWN, ISB_DISPUTED };
enum { ISB_FLIP_NONE = 255, ISB_SOFT_FULL = 100 };

struct isb_health {
	enum isb_verdict verdict;
	enum isb_verdict held; /* ISB_UNKNOWN (none yet), ISB_UP or ISB_DOWN */
	unsigned soft;         /* 0..100 */
	unsigned load;         /* 0..4095 */
	unsigned latency_us;   /* rounded to 16 us, saturates */
	unsigned flip_s;       /* 0..255 */
	bool waits;            /* see bit 51; an operator's consent (isb_admin_consents()) is not in it */
};

uint64_t isb_health_pack(const struct isb_health *health);
struct isb_health isb_health_unpack(uint64_t word);
const char *isb_verdict_name(enum isb_verdict verdict); /* "unknown", "up", "down", "disputed" */

/* The verdict that counts: unknown and disputed give what is held. */
static inline enum isb_verdict isb_health_effective(uint64_t word)
{
	unsigned verdict = word & 3, held = (word >> 2) & 3;
	return verdict == ISB_UP || verdict == ISB_DOWN ? (enum isb_verdict)verdict : (enum isb_verdict)held;
}
/* What an endpoint counts as while there is no fresh evidence, as its pool says. */
enum isb_unknown { ISB_UNKNOWN_HOLD, ISB_UNKNOWN_UP, ISB_UNKNOWN_DOWN };
/* A verdict never formed counts as up: a cold start must answer, and the word keeps `unknown` visible to whoever asks.
 * `unknown: down` says otherwise, for pools where no evidence is worse than no answer. */
static inline bool isb_health_is_down(uint64_t word, enum isb_unknown unknown)
{
	unsigned verdict = word & 3;
	if (verdict != ISB_UP && verdict != ISB_DOWN && unknown != ISB_UNKNOWN_HOLD)
		return unknown == ISB_UNKNOWN_DOWN;
	return isb_health_effective(word) == ISB_DOWN;
}
static inline unsigned isb_health_soft(uint64_t word) { return (word >> 4) & 0x7f; }
static inline unsigned isb_health_load(uint64_t word) { return (word >> 11) & 0xfff; }
static inline uint32_t isb_health_latency_us(uint64_t word) { return (uint32_t)((word >> 23) & 0xfffff) << 4; }
static inline unsigned isb_health_flip_s(uint64_t word) { return word ? (word >> 43) & 0xff : ISB_FLIP_NONE; }
static inline bool isb_health_waits(uint64_t word) { return word >> 51 & 1; }
/* As a word counts when no probe runs that would say `unknown` itself: what was the verdict is held, and none is to
 * come. */
static inline uint64_t isb_health_unattended(uint64_t word)
{
	uint64_t held = (uint64_t)isb_health_effective(word) << 2, none = (uint64_t)ISB_FLIP_NONE << 43;
	return word ? (word & ~(uint64_t)0xf) | held | none : 0;
}

/* All words, by slot, in chunks as the store keeps them, and beside each word since when its verdict stands. The chunk
 * pointers point into the store's map and hold for one read transaction. A slot beyond the table, or in a missing chunk,
 * reads as zero. */
enum { ISB_CHUNK_WORDS = 256 };
struct isb_health_table {
	const uint64_t *const *chunk; /* NULL entries: never written */
	uint32_t chunks;
	const int64_t *const *since; /* NULL: none; else a chunk each, NULL entries as above */
	const struct isb_pace_table *pace; /* one for each viewpoint of the plan at hand */
	uint32_t npace;
	bool unattended; /* every probe is gone: see isb_health_unattended() */
};
static inline uint64_t isb_health_word(const struct isb_health_table *table, uint32_t slot)
{
	uint32_t c = slot / ISB_CHUNK_WORDS;
	return c < table->chunks && table->chunk[c] ? table->chunk[c][slot % ISB_CHUNK_WORDS] : 0;
}
/* When the held verdict last turned from up to down or back, ms since 1970; 0: never, so far as is known. */
static inline int64_t isb_health_since_ms(const struct isb_health_table *table, uint32_t slot)
{
	uint32_t c = slot / ISB_CHUNK_WORDS;
	return table->since && c < table->chunks && table->since[c] ? table->since[c][slot % ISB_CHUNK_WORDS] : 0;
}

/* Smoothed latency of the checks, in us, as the probes of one region see it, by slot; 0: they do not see this endpoint.
 * Order fastest compares by these. Chunks are as above. */
enum { ISB_CHUNK_PACES = 512 };
struct isb_pace_table {
	const uint32_t *const *chunk;
	uint32_t chunks;
};
static inline uint32_t isb_pace_us(const struct isb_pace_table *table, uint32_t slot)
{
	uint32_t c = slot / ISB_CHUNK_PACES;
	return c < table->chunks && table->chunk[c] ? table->chunk[c][slot % ISB_CHUNK_PACES] : 0;
}

/* What an operator says of an endpoint; beats the verdict until `until_ms`. Kept in the catalog, not in the health
 * word, so that a drain works while every probe is dead; compiled into the view as one word per slot:
 * bits 0..2 state, bits 3..63 until_ms (0: no end).
 *
 * A hold freezes the verdict as it counted when the operator spoke; which one that was is part of the state, so that nothing
 * that happens later can change it. It is a verdict still: soft health goes on, and all_down treats it like one.
 * A failback is no state but a consent, over as soon as it is given: until_ms is its own moment, see isb_admin_consents(). */
enum isb_admin {
	ISB_ADMIN_AUTO, ISB_ADMIN_UP, ISB_ADMIN_DOWN, ISB_ADMIN_DRAIN, ISB_ADMIN_HOLD_UP, ISB_ADMIN_HOLD_DOWN,
	ISB_ADMIN_FAILBACK
};
/* "auto", "up", "down", "drain", "hold-up", "hold-down", "failback" */
const char *isb_admin_name(enum isb_admin admin);
static inline uint64_t isb_admin_pack(enum isb_admin admin, int64_t until_ms)
{
	return (uint64_t)until_ms << 3 | (uint64_t)admin;
}
static inline enum isb_admin isb_admin_at(uint64_t word, int64_t now_ms)
{
	int64_t until_ms = (int64_t)(word >> 3);
	bool over = (until_ms && now_ms >= until_ms) || (word & 7) == ISB_ADMIN_FAILBACK;
	return over ? ISB_ADMIN_AUTO : (enum isb_admin)(word & 7);
}
/* Whether an endpoint is usable at all, as the walk has it (steer/judge.h): an operator's word first; then the verdict, and
 * without one what the pool says of that. What waits for its failback is, and serves when nothing else can. `checked`: its
 * pool has a check; else its word means nothing. */
static inline bool isb_health_serves(uint64_t word, bool checked, enum isb_unknown unknown, uint64_t admin_word, int64_t now_ms)
{
	enum isb_admin admin = isb_admin_at(admin_word, now_ms);
	if (admin != ISB_ADMIN_AUTO)
		return admin == ISB_ADMIN_UP || admin == ISB_ADMIN_HOLD_UP;
	return !checked || !isb_health_is_down(word, unknown);
}
/* What came back before an operator's word ended does not wait for another one: whoever drains for two hours to replace a
 * kernel expects it in service afterwards. */
static inline bool isb_admin_consents(uint64_t word, int64_t recovered_ms)
{
	return (int64_t)(word >> 3) >= recovered_ms;
}

/* How long an endpoint that checks brought back is kept aside, while anything else can answer: a pool's failback in ms. */
enum { ISB_FAILBACK_AUTO = 0, ISB_FAILBACK_MANUAL = -1 /* until an operator says so */ };
#define ISB_FAILBACK_UNTOLD INT64_MAX
/* How long it still waits, in ms; 0: it does not, ISB_FAILBACK_UNTOLD: until an operator says so. `since_ms` is when the held
 * verdict turned, `admin` the admin word. */
int64_t isb_failback_left(int64_t failback_ms, uint64_t word, int64_t since_ms, uint64_t admin, int64_t now_ms);
