/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/model/observe.h"

#include <stdio.h>
#include <string.h>

#include "isobar/model/health.h"

enum { SEEN_MAX = 64, RUN_MAX = 255, LOAD_MAX = 4095 };

const char *isb_outcome_name(enum isb_outcome_kind kind)
{
	static const char *const names[] = {
#define X(name, text) [ISB_OUT_##name] = text,
		ISB_OUTCOME_MAP(X)
#undef X
	};
	return (unsigned)kind < ISB_OUTCOME_COUNT ? names[kind] : "none";
}

char *isb_outcome_print(const struct isb_outcome *outcome, char out[ISB_OUTCOME_TEXT])
{
	const char *name = isb_outcome_name(outcome->kind);
	if (outcome->kind == ISB_OUT_STATUS || outcome->kind == ISB_OUT_RCODE || outcome->kind == ISB_OUT_EXIT)
		snprintf(out, ISB_OUTCOME_TEXT, "%s-%u", name, outcome->status);
	else
		strcpy(out, name);
	return out;
}

static uint32_t smooth(uint32_t old, uint32_t sample)
{
	return old ? (uint32_t)(old + ((int64_t)sample - old) / 8) : sample;
}

/* --- Damping --- */

/* One fall is forgotten per quiet time; a clock that was set back forgets none. */
static unsigned falls_at(const struct isb_history *h, int64_t now_ms)
{
	int64_t forgotten = now_ms > h->fell_ms ? (now_ms - h->fell_ms) / ISB_FLAP_QUIET_MS : 0;
	return forgotten < h->falls ? h->falls - (unsigned)forgotten : 0;
}

/* No more are remembered than have an effect, so that a night of flaps is forgiven within the hour. */
static void count_fall(struct isb_history *h, const struct isb_hysteresis *knobs, int64_t now_ms)
{
	unsigned falls = falls_at(h, now_ms) + 1, most = knobs->flap_limit + ISB_FLAP_DOUBLINGS;
	h->falls = (uint8_t)(falls < most ? falls : most);
	h->fell_ms = now_ms;
}

unsigned isb_observe_rise(const struct isb_history *history, const struct isb_hysteresis *knobs, int64_t now_ms)
{
	unsigned falls = falls_at(history, now_ms), limit = knobs->flap_limit, beyond = falls > limit ? falls - limit : 0;
	if (!limit)
		return knobs->rise;
	unsigned rise = knobs->rise << (beyond < ISB_FLAP_DOUBLINGS ? beyond : ISB_FLAP_DOUBLINGS);
	return rise < RUN_MAX ? rise : RUN_MAX;
}

/* --- Soft health and load --- */

static unsigned soft_by_latency(const struct isb_hysteresis *knobs, uint32_t latency_us)
{
	uint32_t full = knobs->soft_full_us, least = knobs->soft_least_us;
	if (latency_us <= full)
		return ISB_SOFT_FULL;
	return latency_us >= least ? 1 : 1 + (unsigned)((uint64_t)(ISB_SOFT_FULL - 1) * (least - latency_us) / (least - full));
}

static void hear_soft(struct isb_history *h, const struct isb_hysteresis *knobs, const struct isb_outcome *o)
{
	unsigned soft = o->has_soft && o->soft < ISB_SOFT_FULL ? o->soft : ISB_SOFT_FULL;
	bool budget = knobs->soft_least_us && h->latency_us;
	unsigned by_latency = budget ? soft_by_latency(knobs, h->latency_us) : ISB_SOFT_FULL;
	if (by_latency < soft)
		soft = by_latency;
	if (h->has_soft && soft > h->soft)
		soft = (h->soft + soft + 1) / 2;
	h->has_soft = o->has_soft || budget;
	h->soft = (uint8_t)(h->has_soft ? soft : 0);
}

static void hear_load(struct isb_history *h, const struct isb_outcome *o)
{
	int load = o->load < LOAD_MAX ? o->load : LOAD_MAX, way = load - h->load;
	if (h->has_load) /* away from zero, or it would never arrive */
		load = h->load + (way + (way > 0) - (way < 0)) / 2;
	h->has_load = o->has_load;
	h->load = (uint16_t)(o->has_load ? load : 0);
}

void isb_observe_feed(struct isb_history *history, const struct isb_hysteresis *knobs, const struct isb_outcome *outcome)
{
	if (knobs->soft_fed)
		hear_soft(history, knobs, outcome);
	if (knobs->load_fed)
		hear_load(history, outcome);
}

/* --- State --- */

static enum isb_verdict next_state(const struct isb_history *h, const struct isb_hysteresis *knobs, int64_t now_ms)
{
	bool ok = h->bits & 1;
	if (h->state == ISB_UNKNOWN)
		return ok ? ISB_UP : ISB_DOWN;
	if (h->state == ISB_DOWN && ok && h->run >= isb_observe_rise(h, knobs, now_ms))
		return ISB_UP;
	if (h->state == ISB_UP && !ok && h->run >= knobs->fall)
		return ISB_DOWN;
	return (enum isb_verdict)h->state;
}

bool isb_observe(struct isb_history *history, const struct isb_hysteresis *knobs, const struct isb_outcome *outcome,
                 int64_t now_ms)
{
	struct isb_history *h = history;
	h->last = *outcome;
	if (outcome->kind == ISB_OUT_NONE || outcome->kind == ISB_OUT_INTERNAL)
		return false;

	bool ok = outcome->kind == ISB_OUT_OK, same = h->seen && (h->bits & 1) == ok;
	h->run = !same ? 1 : h->run < RUN_MAX ? (uint8_t)(h->run + 1) : RUN_MAX;
	h->bits = h->bits << 1 | ok;
	h->seen = h->seen < SEEN_MAX ? (uint8_t)(h->seen + 1) : SEEN_MAX;
	h->observed_ms = now_ms;
	if (ok)
		h->latency_us = smooth(h->latency_us, outcome->total_us);
	if (outcome->connect_us)
		h->connect_us = smooth(h->connect_us, outcome->connect_us);
	if (!knobs->soft_fed && (ok || outcome->has_soft))
		hear_soft(h, knobs, outcome);
	if (!knobs->load_fed && (ok || outcome->has_load))
		hear_load(h, outcome);

	enum isb_verdict state = next_state(h, knobs, now_ms);
	if (state == h->state)
		return false;
	h->flaps += h->state != ISB_UNKNOWN;
	if (h->state == ISB_UP)
		count_fall(h, knobs, now_ms);
	h->state = (uint8_t)state;
	h->since_ms = now_ms;
	return true;
}

static int64_t rebase(int64_t time_ms, int64_t there_ms, int64_t here_ms)
{
	if (time_ms <= 0)
		return 0;
	int64_t age_ms = time_ms < there_ms ? there_ms - time_ms : 0;
	return age_ms < here_ms ? here_ms - age_ms : 1;
}

void isb_history_rebase(struct isb_history *history, int64_t there_ms, int64_t here_ms)
{
	history->fell_ms = rebase(history->fell_ms, there_ms, here_ms);
	history->since_ms = rebase(history->since_ms, there_ms, here_ms);
	history->observed_ms = rebase(history->observed_ms, there_ms, here_ms);
}

int64_t isb_observe_next_ms(const struct isb_history *history, const struct isb_hysteresis *knobs)
{
	if (history->state == ISB_DOWN && knobs->down_interval_ms)
		return knobs->down_interval_ms;
	bool first = history->state == ISB_UP && history->seen && !(history->bits & 1) && history->run == 1;
	bool sooner = knobs->retry_ms && knobs->retry_ms < knobs->interval_ms; /* by default it is longer than short intervals */
	return first && sooner ? knobs->retry_ms : knobs->interval_ms;
}

unsigned isb_observe_flip_s(const struct isb_history *history, const struct isb_hysteresis *knobs)
{
	if (history->state == ISB_UNKNOWN)
		return 0;
	struct isb_history h = *history;
	struct isb_outcome other = {.kind = h.state == ISB_UP ? ISB_OUT_CONNECT_REFUSED : ISB_OUT_OK};
	int64_t t = 0, max = (ISB_FLIP_NONE - 1) * INT64_C(1000);
	do
		t += isb_observe_next_ms(&h, knobs);
	while (t < max && !isb_observe(&h, knobs, &other, history->observed_ms + t));
	return (unsigned)((t < max ? t : max) / 1000);
}
