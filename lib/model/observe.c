/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/model/observe.h"

#include <stdio.h>
#include <string.h>

#include "isobar/model/health.h"

enum { SEEN_MAX = 64, RUN_MAX = 255 };

char *isb_outcome_print(const struct isb_outcome *outcome, char out[ISB_OUTCOME_TEXT])
{
	static const char *const names[] = {
#define X(name, text) [ISB_OUT_##name] = text,
		ISB_OUTCOME_MAP(X)
#undef X
	};
	const char *name = (unsigned)outcome->kind < sizeof(names) / sizeof(names[0]) ? names[outcome->kind] : "none";
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

static enum isb_verdict next_state(const struct isb_history *h, const struct isb_hysteresis *knobs)
{
	bool ok = h->bits & 1;
	if (h->state == ISB_UNKNOWN)
		return ok ? ISB_UP : ISB_DOWN;
	if (h->state == ISB_DOWN && ok && h->run >= knobs->rise)
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

	enum isb_verdict state = next_state(h, knobs);
	if (state == h->state)
		return false;
	h->flaps += h->state != ISB_UNKNOWN;
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
	history->since_ms = rebase(history->since_ms, there_ms, here_ms);
	history->observed_ms = rebase(history->observed_ms, there_ms, here_ms);
}

int64_t isb_observe_next_ms(const struct isb_history *history, const struct isb_hysteresis *knobs)
{
	if (history->state == ISB_DOWN && knobs->down_interval_ms)
		return knobs->down_interval_ms;
	if (history->state == ISB_UP && history->seen && !(history->bits & 1) && history->run == 1 && knobs->retry_ms)
		return knobs->retry_ms;
	return knobs->interval_ms;
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
	while (t < max && !isb_observe(&h, knobs, &other, t));
	return (unsigned)((t < max ? t : max) / 1000);
}
