/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "cli.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/store/healthdb.h"

/* One endpoint closely: what each probe saw of it, outcome by outcome, and when its verdict changed on what grounds. */

enum { TRANSITIONS = 10, MARKS = 64, COLUMNS = 12, MILLIS = 24 };

struct history {
	struct isb_txn *health;
	const struct isb_hysteresis *knobs;
	uint32_t slot;
	int64_t now_ms;
	struct cli_table table; /* for people */
	size_t count;
	json_t *list;           /* for programs */
};

void cli_print_damped(struct isb_buf *out, const struct isb_history *h, const struct isb_hysteresis *knobs, int64_t now_ms)
{
	unsigned rise = isb_observe_rise(h, knobs, now_ms), run = h->bits & 1 ? h->run : 0;
	if (h->state == ISB_DOWN && rise > knobs->rise)
		isb_buf_printf(out, ", damped: %" PRIu32 " flaps, up after %u more successes", h->flaps,
		               run < rise ? rise - run : 1);
}

/* Oldest first, so that time runs as people read: '+' ok, '-' failed. */
static const char *marks(const struct isb_history *h, char out[MARKS + 1])
{
	unsigned n = h->seen < MARKS ? h->seen : MARKS;
	for (unsigned i = 0; i < n; i++)
		out[i] = h->bits >> (n - 1 - i) & 1 ? '+' : '-';
	out[n] = '\0';
	return out;
}

/* --- What probes see --- */

static const char *millis(uint32_t us, char out[MILLIS])
{
	snprintf(out, MILLIS, us ? "%.1fms" : "-", us / 1000.0);
	return out;
}

/* How long the last check took to each of its steps; 0: it did not come so far, or the protocol has none. */
static void add_times(json_t *json, const struct isb_history *h)
{
	const struct {
		const char *key;
		uint32_t us;
	} times[] = {{"latency_us", h->latency_us},
	             {"latency_p50_us", h->p50_us},
	             {"latency_p95_us", h->p95_us},
	             {"latency_p99_us", h->p99_us},
	             {"last_connect_us", h->last.connect_us},
	             {"last_tls_us", h->last.tls_us},
	             {"last_first_byte_us", h->last.first_byte_us},
	             {"last_total_us", h->last.total_us}};
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		json_object_set_new(json, times[i].key, json_integer(times[i].us));
}

static int add_row(void *arg, const struct isb_observation *o)
{
	struct history *of = arg;
	const struct isb_history *h = &o->history;
	char since[ISB_SPAN_TEXT] = "-", flaps[12], soft[8] = "-", load[8] = "-", seen[MARKS + 1];
	char latency[4][MILLIS], outcome[ISB_OUTCOME_TEXT];
	struct isb_buf last = {0};
	if (h->since_ms)
		isb_span_print(of->now_ms - h->since_ms, since);
	snprintf(flaps, sizeof(flaps), "%" PRIu32, h->flaps);
	if (h->has_soft)
		snprintf(soft, sizeof(soft), "%u%%", h->soft);
	if (h->has_load)
		snprintf(load, sizeof(load), "%u%%", h->load / 10u);
	isb_buf_printf(&last, "%s x%u%s", isb_outcome_print(&h->last, outcome), h->run, h->run == UINT8_MAX ? "+" : "");
	cli_print_damped(&last, h, of->knobs, of->now_ms);
	if (of->now_ms >= o->expires_ms)
		isb_buf_puts(&last, ", too old");
	cli_table_row(&of->table, (const char *[]){o->probe, isb_verdict_name((enum isb_verdict)h->state), since, flaps, soft,
	                                           load, millis(h->latency_us, latency[0]), millis(h->p50_us, latency[1]),
	                                           millis(h->p95_us, latency[2]), millis(h->p99_us, latency[3]), marks(h, seen),
	                                           isb_buf_text(&last)});
	isb_buf_done(&last);
	of->count++;
	return 0;
}

static int add_json(void *arg, const struct isb_observation *o)
{
	struct history *of = arg;
	const struct isb_history *h = &o->history;
	char seen[MARKS + 1], outcome[ISB_OUTCOME_TEXT];
	json_t *json = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:s, s:i, s:i}", "probe", o->probe, "state",
	                         isb_verdict_name((enum isb_verdict)h->state), "since_ms", (json_int_t)h->since_ms, "observed_ms",
	                         (json_int_t)h->observed_ms, "expires_ms", (json_int_t)o->expires_ms, "flaps",
	                         (json_int_t)h->flaps, "history", marks(h, seen), "last", isb_outcome_print(&h->last, outcome),
	                         "run", (int)h->run, "rise", (int)isb_observe_rise(h, of->knobs, of->now_ms));
	add_times(json, h);
	json_object_set_new(json, "soft", h->has_soft ? json_integer(h->soft) : json_null());
	json_object_set_new(json, "load_per_mille", h->has_load ? json_integer(h->load) : json_null());
	json_array_append_new(of->list, json);
	return 0;
}

/* --- What came of it --- */

static int tell_transition(void *arg, const struct isb_transition *t)
{
	struct history *of = arg;
	char when[24];
	if (t->slot != of->slot)
		return 0;
	printf("%s%s  %s -> %s  %s\n", of->count ? "" : "\n", isb_time_print(t->time_ms, when), isb_verdict_name(t->from),
	       isb_verdict_name(t->to), t->evidence);
	return ++of->count == TRANSITIONS;
}

static int transition_json(void *arg, const struct isb_transition *t)
{
	struct history *of = arg;
	if (t->slot != of->slot)
		return 0;
	json_array_append_new(of->list, json_pack("{s:I, s:s, s:s, s:s}", "time_ms", (json_int_t)t->time_ms, "from",
	                                          isb_verdict_name(t->from), "to", isb_verdict_name(t->to), "evidence",
	                                          t->evidence));
	return ++of->count == TRANSITIONS;
}

int cli_history_print(struct isb_txn *health, uint32_t slot, const struct isb_hysteresis *knobs, int64_t now_ms)
{
	struct history of = {.health = health, .knobs = knobs, .slot = slot, .now_ms = now_ms};
	cli_table_init(&of.table, COLUMNS, (const char *[]){"PROBE", "SEES", "SINCE", "FLAPS", "SOFT", "LOAD", "LATENCY", "P50",
	                                                    "P95", "P99", "OUTCOMES", "LAST"});
	int rc = isb_observation_each(health, slot, add_row, &of);
	if (of.count)
		putchar('\n');
	else
		cli_table_row(&of.table, (const char *[]){"-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-",
		                                           "no probe has reported"});
	cli_table_print(&of.table);
	of.count = 0;
	if (rc == ISB_OK)
		rc = isb_transition_each(health, tell_transition, &of);
	return rc < 0 ? rc : ISB_OK;
}

int cli_history_json(struct isb_txn *health, uint32_t slot, const struct isb_hysteresis *knobs, int64_t now_ms, json_t *to)
{
	struct history of = {.health = health, .knobs = knobs, .slot = slot, .now_ms = now_ms, .list = json_array()};
	int rc = isb_observation_each(health, slot, add_json, &of);
	json_object_set_new(to, "observations", of.list);
	of.list = json_array();
	if (rc == ISB_OK)
		rc = isb_transition_each(health, transition_json, &of);
	json_object_set_new(to, "transitions", of.list);
	return rc < 0 ? rc : ISB_OK;
}
