/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/store/healthdb.h"
#include "isobar/store/rollouts.h"

/* Rollouts under way, for `rollout status` and `status`. */

struct reading {
	struct isb_catalog *catalog;
	const char *only;
	struct cli_rollouts *to;
};

static int add(void *arg, const char *record, const struct isb_rollout *row)
{
	const struct reading *r = arg;
	struct cli_rollouts *all = r->to;
	struct cli_record found;
	if (r->only && strcmp(r->only, record) != 0)
		return 0;
	if (cli_find_record(r->catalog, record, &found) != CLI_OK) /* it said so; no writer leaves one behind */
		return 0;
	size_t size = sizeof(*all->list);
	all->list = isb_arena_grow(&all->arena, all->list, all->count * size, (all->count + 1) * size);
	struct cli_rollout *own = &all->list[all->count++];
	*own = (struct cli_rollout){.record = found, .row = *row, .evidence = ""};
	own->row.to = isb_arena_strdup(&all->arena, row->to);
	own->row.nets = isb_arena_memdup(&all->arena, row->nets, row->nnet * sizeof(*row->nets));
	own->row.author = isb_arena_strdup(&all->arena, row->author);
	own->row.reason = isb_arena_strdup(&all->arena, row->reason);
	return 0;
}

struct search {
	uint32_t slot;
	int64_t time_ms;
	struct isb_buf *evidence;
};

static int find_abort(void *arg, const struct isb_transition *transition)
{
	struct search *s = arg;
	if (transition->slot != s->slot)
		return 0;
	s->time_ms = transition->time_ms;
	isb_buf_puts(s->evidence, transition->evidence);
	return 1;
}

bool cli_rollout_aborted(struct isb_txn *health, uint32_t slot, struct isb_buf *out)
{
	struct isb_buf evidence = {0};
	struct search search = {.slot = slot, .evidence = &evidence};
	char when[24];
	bool found = isb_transition_each(health, find_abort, &search) > 0;
	if (found)
		isb_buf_printf(out, "aborted by the probes at %s: %s", isb_time_print(search.time_ms, when),
		               isb_buf_text(&evidence));
	isb_buf_done(&evidence);
	return found;
}

static int read_word(struct cli_rollouts *all, struct cli_rollout *one, struct isb_txn *health, int64_t now_ms)
{
	uint64_t word = 0;
	int rc = one->row.abort_if == ISB_ABORT_DOWN ? isb_word_get(health, one->row.slot, &word) : ISB_OK;
	if (rc == ISB_OK && isb_abort_holds(word)) {
		struct isb_buf evidence = {0};
		struct search search = {.slot = one->row.slot, .evidence = &evidence};
		one->aborted_ms = isb_abort_ms(word);
		rc = isb_transition_each(health, find_abort, &search);
		one->evidence = isb_arena_strdup(&all->arena, isb_buf_text(&evidence));
		isb_buf_done(&evidence);
	}
	one->at = isb_timetable_at(&one->row.times, one->aborted_ms ? one->aborted_ms : now_ms);
	return rc < 0 ? rc : ISB_OK;
}

/* Words of the moment, whatever the clock says of steps. */
static int read_standing(struct cli_rollouts *all, struct cli_rollout *one, struct isb_txn *catalog_txn,
                         struct isb_txn *health, const struct isb_catalog *catalog, int64_t now_ms)
{
	struct isb_buf out = {0};
	const struct isb_record *record = one->record.record;
	struct isb_standing *standing = isb_standing_new(catalog_txn, catalog, record, record->policy.name, one->row.to);
	int rc = standing ? isb_standing_ask(standing, health, now_ms, ISB_UNASKED_CANNOT, &one->can, &out) : ISB_ENOTFOUND;
	one->standing = isb_arena_strdup(&all->arena, isb_buf_text(&out));
	isb_standing_free(standing);
	isb_buf_done(&out);
	return rc;
}

int cli_rollouts_read(struct isb_txn *catalog_txn, struct isb_txn *health, struct isb_catalog *catalog, const char *only,
                      int64_t now_ms, struct cli_rollouts *ret)
{
	struct reading reading = {catalog, only, ret};
	int rc = isb_rollout_each(catalog_txn, add, &reading);
	for (size_t i = 0; rc == ISB_OK && i < ret->count; i++)
		if ((rc = read_word(ret, &ret->list[i], health, now_ms)) == ISB_OK)
			rc = read_standing(ret, &ret->list[i], catalog_txn, health, catalog, now_ms);
	return rc;
}

void cli_rollouts_done(struct cli_rollouts *rollouts)
{
	isb_arena_done(&rollouts->arena);
	*rollouts = (struct cli_rollouts){0};
}

/* --- Words --------------------------------------------------------------------------------------------------------- */

void cli_rollout_print(struct isb_buf *out, const struct isb_rollout *rollout)
{
	char span[ISB_SPAN_TEXT];
	const char *lead = "";
	for (unsigned i = 0; i < rollout->times.nstep; i++)
		isb_buf_printf(out, "%s%u", i ? ", " : "", rollout->times.step[i]);
	if (rollout->times.nstep) {
		isb_buf_puts(out, " %");
		lead = ", ";
	}
	if (rollout->times.nstep > 1)
		isb_buf_printf(out, " every %s", isb_span_print(rollout->times.every_ms, span));
	if (rollout->nnet)
		isb_buf_printf(out, "%s%zu network%s%s", lead, rollout->nnet, rollout->nnet == 1 ? "" : "s",
		               rollout->times.nstep ? "" : " only");
	isb_buf_printf(out, "%s%s", rollout->sticky ? ", sticky" : "",
	               rollout->abort_if == ISB_ABORT_DOWN ? ", aborted if down" : "");
}

void cli_rollout_print_step(struct isb_buf *out, const struct isb_rollout *rollout, const struct isb_timetable_now *at)
{
	if (!rollout->times.nstep)
		isb_buf_printf(out, "%zu network%s only", rollout->nnet, rollout->nnet == 1 ? "" : "s");
	else if (!at->step)
		isb_buf_puts(out, "not begun by this clock");
	else
		isb_buf_printf(out, "step %u of %u: %u %%", at->step, rollout->times.nstep, at->percent);
	if (rollout->nnet && rollout->times.nstep)
		isb_buf_printf(out, " and %zu network%s", rollout->nnet, rollout->nnet == 1 ? "" : "s");
}

static const char *state_word(const struct cli_rollout *r)
{
	return r->aborted_ms ? "aborted" : r->row.times.paused_ms ? "paused" : "running";
}

static int64_t since_ms(const struct cli_rollout *r)
{
	return r->aborted_ms ? r->aborted_ms : r->row.times.paused_ms ? r->row.times.paused_ms : r->row.begun_ms;
}

static const char *state_text(struct cli_rollouts *all, const struct cli_rollout *r)
{
	struct isb_buf out = {0};
	if (r->aborted_ms || r->row.times.paused_ms)
		isb_buf_printf(&out, "%s at ", state_word(r));
	cli_rollout_print_step(&out, &r->row, &r->at);
	if (!r->can && !r->aborted_ms)
		isb_buf_printf(&out, ", but 0 %% now: it cannot answer (%s)", r->standing);
	const char *text = isb_arena_strdup(&all->arena, isb_buf_text(&out));
	isb_buf_done(&out);
	return text;
}

/* "50 % at 2026-11-21T12:00:00Z (in 4m)" */
static const char *next_text(struct cli_rollouts *all, const struct cli_rollout *r, int64_t now_ms)
{
	char when[24], in[ISB_SPAN_TEXT];
	if (r->aborted_ms || !r->at.next_ms)
		return "-";
	return isb_arena_printf(&all->arena, "%u %% at %s (in %s)", r->row.times.step[r->at.step],
	                        isb_time_print(r->at.next_ms, when), isb_span_print(r->at.next_ms - now_ms, in));
}

static const char *why_text(struct cli_rollouts *all, const struct cli_rollout *r)
{
	if (r->aborted_ms)
		return *r->evidence ? r->evidence : "the new side could not answer";
	return isb_arena_printf(&all->arena, "%s%s%s", r->row.author, *r->row.reason ? ": " : "", r->row.reason);
}

enum { NETS_SHOWN = 4 };

static void print_nets(const struct cli_rollout *r)
{
	char text[ISB_NET_TEXT];
	if (!r->row.nnet)
		return;
	printf("%s is led for", r->record.name);
	for (size_t i = 0; i < r->row.nnet && i < NETS_SHOWN; i++)
		printf("%s %s", i ? "," : "", isb_net_print(&r->row.nets[i], text));
	if (r->row.nnet > NETS_SHOWN)
		printf(" and %zu network%s more", r->row.nnet - NETS_SHOWN, r->row.nnet == NETS_SHOWN + 1 ? "" : "s");
	putchar('\n');
}

void cli_rollouts_print(struct cli_rollouts *rollouts, int64_t now_ms)
{
	struct cli_table table;
	cli_table_init(&table, 6, (const char *[]){"ROLLOUT", "FROM -> TO", "STATE", "SINCE", "NEXT STEP", "WHY"});
	for (size_t i = 0; i < rollouts->count; i++) {
		const struct cli_rollout *r = &rollouts->list[i];
		char age[ISB_SPAN_TEXT];
		const char *sides = isb_arena_printf(&rollouts->arena, "%s -> %s", r->record.record->policy.name, r->row.to);
		isb_span_print(now_ms - since_ms(r), age);
		cli_table_row(&table, (const char *[]){r->record.name, sides, state_text(rollouts, r), age,
		                                       next_text(rollouts, r, now_ms), why_text(rollouts, r)});
	}
	cli_table_print(&table);
	for (size_t i = 0; i < rollouts->count; i++)
		print_nets(&rollouts->list[i]);
}

json_t *cli_rollouts_json(const struct cli_rollouts *rollouts)
{
	json_t *list = json_array();
	for (size_t i = 0; i < rollouts->count; i++) {
		const struct cli_rollout *r = &rollouts->list[i];
		const struct isb_timetable *times = &r->row.times;
		json_t *steps = json_array(), *nets = json_array();
		for (unsigned k = 0; k < times->nstep; k++)
			json_array_append_new(steps, json_integer(times->step[k]));
		for (size_t k = 0; k < r->row.nnet; k++) {
			char text[ISB_NET_TEXT];
			json_array_append_new(nets, json_string(isb_net_print(&r->row.nets[k], text)));
		}
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:o, s:I, s:I, s:o, s:b, s:b, s:I, s:s, s:b, s:s, s:s, s:s}",
		                    "record", r->record.key, "name", r->record.name, "from", r->record.record->policy.name, "to",
		                    r->row.to, "state", state_word(r), "step", (json_int_t)r->at.step, "percent",
		                    (json_int_t)(r->aborted_ms ? 0 : r->at.percent), "steps", steps, "every_ms",
		                    (json_int_t)times->every_ms, "next_ms", (json_int_t)(r->aborted_ms ? 0 : r->at.next_ms), "nets",
		                    nets, "sticky", r->row.sticky, "abort_if_down", r->row.abort_if == ISB_ABORT_DOWN, "since_ms",
		                    (json_int_t)since_ms(r), "evidence", r->evidence, "can_answer", r->can, "standing", r->standing, "author", r->row.author, "reason",
		                    r->row.reason));
	}
	return list;
}
