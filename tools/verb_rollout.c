/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/store/healthdb.h"
#include "isobar/store/rollouts.h"

/* rollout: one record's clients are led from its policy to another, step by step. What is written is the row alone; servers
 * and probes see to the rest by their clocks. */

struct leading {
	const struct action *action;
	const char *word; /* what the record was called */
	struct isb_catalog catalog;
	struct cli_record record;
	const char *from;
	struct cli_rollouts running; /* one, or none */
	struct isb_rollout row;      /* as it will be */
	struct isb_net *nets;
};

struct action {
	const char *name;
	int (*change)(struct cli_edit *e, struct leading *l);
	void (*tell)(const struct cli *cli, const struct leading *l);
};

static int start(struct cli_edit *e, struct leading *l);

static const struct cli_rollout *running(const struct leading *l)
{
	return l->running.count ? &l->running.list[0] : NULL;
}

/* --- What start is told -------------------------------------------------------------------------------------------- */

static int parse_steps(const char *text, struct isb_timetable *times)
{
	unsigned last = 0;
	for (const char *at = text;; at++) {
		char *end;
		errno = 0;
		unsigned long n = strtoul(at, &end, 10);
		if (*at < '0' || *at > '9' || errno || n < 1 || n > 100 || (*end && *end != ','))
			return cli_fail(CLI_USAGE, "'%s' are no steps; write per cent of the clients, as in --steps 10,30,50,100", text);
		if (n <= last)
			return cli_fail(CLI_USAGE, "step %lu does not lead on from %u; each must be larger than the one before", n, last);
		if (times->nstep == ISB_ROLLOUT_STEPS_MAX)
			return cli_fail(CLI_USAGE, "at most %d steps", ISB_ROLLOUT_STEPS_MAX);
		times->step[times->nstep++] = (uint8_t)n;
		last = (unsigned)n;
		at = end;
		if (!*at)
			return CLI_OK;
	}
}

static int parse_nets(const char *text, struct leading *l)
{
	struct isb_arena *arena = &l->catalog.arena;
	l->nets = isb_arena_alloc(arena, ISB_ROLLOUT_NETS_MAX * sizeof(*l->nets));
	for (const char *at = text;; at++) {
		size_t len = strcspn(at, ",");
		const char *word = isb_arena_strndup(arena, at, len);
		if (l->row.nnet == ISB_ROLLOUT_NETS_MAX)
			return cli_fail(CLI_USAGE, "at most %d networks", ISB_ROLLOUT_NETS_MAX);
		int err = isb_net_parse(word, &l->nets[l->row.nnet++]);
		if (err == ISB_ERANGE)
			return cli_fail(CLI_USAGE, "'%s' has bits set beyond its length", word);
		if (err != ISB_OK)
			return cli_fail(CLI_USAGE, "'%s' is no network; write them as in --nets 192.0.2.0/24,2001:db8::/32", word);
		at += len;
		if (!*at)
			return CLI_OK;
	}
}

static int parse_start(const struct cli *cli, struct leading *l)
{
	struct isb_rollout *row = &l->row;
	if (!cli->rollout.to)
		return cli_fail(CLI_USAGE, "lead '%s' where? write: isobar rollout start %s --to NAME --steps 10,50,100 --every 10m",
		                l->word, l->word);
	if (!cli->rollout.steps && !cli->rollout.nets)
		return cli_fail(CLI_USAGE, "which clients? write --steps 10,50,100 --every 10m, or --nets NETWORK,..., or both");
	int rc = cli->rollout.steps ? parse_steps(cli->rollout.steps, &row->times) : CLI_OK;
	if (rc == CLI_OK && cli->rollout.nets)
		rc = parse_nets(cli->rollout.nets, l);
	if (rc != CLI_OK)
		return rc;
	if (row->times.nstep > 1 && !cli->rollout.every_ms)
		return cli_fail(CLI_USAGE, "how long shall each step last? write --every 10m");
	if (row->times.nstep < 2 && cli->rollout.every_ms)
		return cli_fail(CLI_USAGE, "with %s there is nothing to do every so often; leave --every out",
		                row->times.nstep ? "one step" : "no steps");
	if (cli->rollout.every_ms > ISB_ROLLOUT_EVERY_MAX_MS)
		return cli_fail(CLI_USAGE, "a step lasts a year at most");
	row->to = cli->rollout.to;
	row->nets = l->nets;
	row->times.every_ms = cli->rollout.every_ms;
	row->times.started_ms = row->begun_ms = cli->now_ms;
	row->sticky = cli->rollout.sticky;
	row->abort_if = cli->rollout.abort_if_down ? ISB_ABORT_DOWN : ISB_ABORT_NEVER;
	row->slot = ISB_SLOT_ALL;
	return CLI_OK;
}

/* --- What is said -------------------------------------------------------------------------------------------------- */

static int put(struct cli_edit *e, struct leading *l)
{
	l->row.author = e->cli->author;
	l->row.reason = e->cli->reason;
	int err = isb_edit_rollout(e->edit, l->record.key, &l->row);
	return err == ISB_OK ? CLI_OK : cli_unwritable(e->cli, err);
}

static int take_away(struct cli_edit *e, const struct leading *l)
{
	int err = isb_edit_rollout(e->edit, l->record.key, NULL);
	return err == ISB_OK ? CLI_OK : cli_unwritable(e->cli, err);
}

/* Nobody shall be led to a side that is down, or to the end of it, unless the operator means it. */
static int check_up(struct cli_edit *e, struct leading *l, enum isb_unasked unasked, const char *deed)
{
	const struct cli_side side = {&l->catalog, l->record.record, l->from, l->row.to};
	const char *again = isb_arena_printf(&l->catalog.arena, "%s all the same: isobar rollout %s %s%s", deed,
	                                     l->action->name, l->word, l->action->change == start ? " ..." : "");
	return e->cli->force ? CLI_OK : cli_check_side(e, &side, unasked, again);
}

/* The very check that the record must pass once it is served by the new side. */
static void check_as_policy(struct cli_edit *e, struct leading *l)
{
	struct isb_ref *policy = &l->record.record->policy;
	const struct isb_ref old = *policy;
	isb_record_check_types(&l->catalog, l->record.record, l->row.to, (struct isb_mark){.file = "--to"}, &e->diags);
	policy->name = l->row.to;
	isb_catalog_check(&l->catalog, &e->diags);
	*policy = old;
}

static int start(struct cli_edit *e, struct leading *l)
{
	const struct cli_rollout *r = running(l);
	int rc = CLI_OK;
	if (r)
		rc = cli_fail(CLI_FAILED, "'%s' is being led to '%s' already; end that first: isobar rollout abort %s, or finish",
		              l->record.name, r->row.to, l->word);
	if (rc == CLI_OK)
		rc = cli_find_side(&l->catalog, l->row.to);
	if (rc == CLI_OK && strcmp(l->row.to, l->from) == 0)
		rc = cli_fail(CLI_FAILED, "'%s' is served by '%s' already", l->record.name, l->from);
	if (rc != CLI_OK)
		return rc;
	check_as_policy(e, l);
	if (e->diags.count)
		return CLI_OK; /* they refuse the edit */
	rc = check_up(e, l, ISB_UNASKED_MAY, "begin");
	return rc == CLI_OK ? put(e, l) : rc;
}

static int pause_it(struct cli_edit *e, struct leading *l)
{
	const struct cli_rollout *r = running(l);
	if (r->aborted_ms)
		return cli_fail(CLI_FAILED, "the rollout of '%s' was aborted (%s); there is nothing to pause", l->record.name,
		                r->evidence);
	if (r->row.times.paused_ms)
		return cli_fail(CLI_FAILED, "the rollout of '%s' is paused already", l->record.name);
	l->row.times.paused_ms = e->cli->now_ms;
	return put(e, l);
}

/* Goes on where it stood still. After an abort under a slot of its own, so that the old word counts no more. */
static int resume(struct cli_edit *e, struct leading *l)
{
	const struct cli_rollout *r = running(l);
	struct isb_timetable *times = &l->row.times;
	int64_t stood_ms = times->paused_ms;
	if (!r->aborted_ms && !stood_ms)
		return cli_fail(CLI_FAILED, "the rollout of '%s' is neither paused nor aborted", l->record.name);
	int rc = check_up(e, l, ISB_UNASKED_MAY, "go on");
	if (rc != CLI_OK)
		return rc;
	if (r->aborted_ms && (!stood_ms || r->aborted_ms < stood_ms))
		stood_ms = r->aborted_ms;
	if (e->cli->now_ms > stood_ms)
		times->started_ms += e->cli->now_ms - stood_ms;
	times->paused_ms = 0;
	if (r->aborted_ms)
		l->row.slot = ISB_SLOT_ALL;
	return put(e, l);
}

static int abort_it(struct cli_edit *e, struct leading *l)
{
	e->cached_s = l->record.record->ttl_s;
	return take_away(e, l);
}

static int check_last(struct cli_edit *e, const struct leading *l)
{
	const struct cli_rollout *r = running(l);
	struct isb_buf at = {0};
	bool all = r->row.times.nstep && r->at.percent == 100 && !r->aborted_ms;
	cli_rollout_print_step(&at, &r->row, &r->at);
	int rc = all || e->cli->force
	         ? CLI_OK
	         : cli_fail(CLI_FAILED, "the rollout of '%s' is not at 100 %% (%s%s); to make '%s' its policy all the same: "
	                    "isobar rollout finish %s --force", l->record.name, r->aborted_ms ? "aborted at " : "",
	                    isb_buf_text(&at), r->row.to, l->word);
	isb_buf_done(&at);
	return rc;
}

static int finish(struct cli_edit *e, struct leading *l)
{
	int rc = check_last(e, l);
	if (rc == CLI_OK)
		rc = check_up(e, l, ISB_UNASKED_CANNOT, "finish");
	if (rc != CLI_OK)
		return rc;
	e->cached_s = l->record.record->ttl_s;
	l->record.record->policy.name = l->row.to;
	rc = cli_put_record(e, &l->record);
	return rc == CLI_OK ? take_away(e, l) : rc;
}

/* --- What is told -------------------------------------------------------------------------------------------------- */

static void tell_running(const struct cli *cli, const struct leading *l)
{
	struct isb_timetable_now at = isb_timetable_at(&l->row.times, cli->now_ms);
	struct isb_buf out = {0};
	char when[24];
	printf("%s%s: %s -> %s, ", cli_dry_words(cli), l->record.name, l->from, l->row.to);
	if (l->row.times.nstep > 1) { /* else the plan says it all */
		cli_rollout_print_step(&out, &l->row, &at);
		isb_buf_puts(&out, "; ");
	}
	cli_rollout_print(&out, &l->row);
	puts(isb_buf_text(&out));
	isb_buf_done(&out);
	if (at.next_ms)
		printf("next step at %s: %u %%\n", isb_time_print(at.next_ms, when), l->row.times.step[at.step]);
	if (!cli->dry_run)
		printf("to take it back at once: isobar rollout abort %s\n", l->word);
}

static void tell_paused(const struct cli *cli, const struct leading *l)
{
	struct isb_timetable_now at = isb_timetable_at(&l->row.times, cli->now_ms);
	struct isb_buf out = {0};
	cli_rollout_print_step(&out, &l->row, &at);
	printf("%s%s stays at %s until you say: isobar rollout resume %s\n", cli_dry_words(cli), l->record.name,
	       isb_buf_text(&out), l->word);
	isb_buf_done(&out);
}

static void tell_aborted(const struct cli *cli, const struct leading *l)
{
	printf("%s%s is served by %s alone again\n", cli_dry_words(cli), l->record.name, l->from);
	if (!cli->dry_run)
		cli_tell_cached(cli, l->record.record->ttl_s);
}

static void tell_finished(const struct cli *cli, const struct leading *l)
{
	printf("%s%s is served by %s from now on; a catalog file that says otherwise takes it back when it is applied\n",
	       cli_dry_words(cli), l->record.name, l->row.to);
	if (cli->dry_run)
		return;
	cli_tell_cached(cli, l->record.record->ttl_s);
	printf("to go back: isobar switch %s %s %s\n", l->word, l->row.to, l->from);
}

/* --- The verb ------------------------------------------------------------------------------------------------------ */

static const struct action actions[] = {
	{"start", start, tell_running},     {"pause", pause_it, tell_paused}, {"resume", resume, tell_running},
	{"abort", abort_it, tell_aborted}, {"finish", finish, tell_finished},
};
enum { ACTIONS = sizeof(actions) / sizeof(actions[0]) };

static int read_running(struct cli_edit *e, struct leading *l)
{
	struct isb_txn *health = NULL;
	int err = isb_txn_begin(e->store, ISB_ENV_HEALTH, false, &health);
	if (err == ISB_OK)
		err = cli_rollouts_read(e->txn, health, &l->catalog, l->record.key, e->cli->now_ms, &l->running);
	isb_txn_abort(health);
	if (running(l))
		l->row = running(l)->row;
	return err == ISB_OK ? CLI_OK : cli_unreadable(e->cli, err);
}

static int change(struct cli_edit *e)
{
	struct leading *l = e->arg;
	int rc = cli_edit_load(e, &l->catalog);
	if (rc == CLI_OK)
		rc = cli_find_record(&l->catalog, l->word, &l->record);
	if (rc == CLI_OK)
		rc = read_running(e, l);
	if (rc != CLI_OK)
		return rc;
	l->from = l->record.record->policy.name;
	if (!running(l) && l->action->change != start)
		return cli_fail(CLI_NOT_FOUND, "no rollout of '%s' is under way; isobar rollout status lists those that are",
		                l->record.name);
	return l->action->change(e, l);
}

static void tell(struct cli_edit *e)
{
	const struct leading *l = e->arg;
	l->action->tell(e->cli, l);
}

static int status(struct cli *cli)
{
	struct cli_reader reader;
	struct isb_catalog catalog;
	struct isb_diags diags = {0};
	struct cli_rollouts rollouts = {0};
	struct cli_record record = {0};
	int rc = cli_read(cli, &reader);
	if (rc != CLI_OK)
		return rc;
	isb_catalog_init(&catalog);
	int err = isb_catalog_load(reader.catalog, &catalog, &diags);
	if (err == ISB_OK && cli->count > 1)
		rc = cli_find_record(&catalog, cli->words[1], &record);
	if (err == ISB_OK && rc == CLI_OK)
		err = cli_rollouts_read(reader.catalog, reader.health, &catalog, record.key, cli->now_ms, &rollouts);
	if (err != ISB_OK)
		rc = cli_unreadable(cli, err);
	else if (rc == CLI_OK && cli->json)
		cli_print_json(cli, json_pack("{s:o}", "rollouts", cli_rollouts_json(&rollouts)));
	else if (rc == CLI_OK && rollouts.count)
		cli_rollouts_print(&rollouts, cli->now_ms);
	else if (rc == CLI_OK)
		puts("no rollout is under way");
	cli_rollouts_done(&rollouts);
	isb_catalog_done(&catalog);
	isb_diags_done(&diags);
	cli_read_done(&reader);
	return rc;
}

static int say(struct cli *cli, const struct action *action)
{
	struct leading l = {.action = action, .word = cli->words[1]};
	bool starts = action->change == start;
	if (!starts && (cli->rollout.to || cli->rollout.steps || cli->rollout.nets || cli->rollout.every_ms ||
	                cli->rollout.sticky || cli->rollout.abort_if_down))
		return cli_fail(CLI_USAGE, "only rollout start takes --to, --steps, --every, --nets, --sticky and --abort-if");
	if (cli->force && action->change != finish && action->change != resume && !starts)
		return cli_fail(CLI_USAGE, "only rollout start, resume and finish take --force");
	isb_catalog_init(&l.catalog);
	int rc = starts ? parse_start(cli, &l) : CLI_OK;
	if (rc == CLI_OK)
		rc = cli_edit(cli, change, tell, &l);
	cli_rollouts_done(&l.running);
	isb_catalog_done(&l.catalog);
	return rc;
}

static int run(struct cli *cli)
{
	const char *names[ACTIONS + 2] = {NULL};
	if (cli->count == 0)
		return cli_fail(CLI_USAGE, "write: isobar rollout start|pause|resume|abort|finish RECORD, or isobar rollout status");
	bool asks = strcmp(cli->words[0], "status") == 0;
	if (cli->count > 2 || (cli->count == 1 && !asks))
		return cli_fail(CLI_USAGE, "rollout %s takes one record", cli->words[0]);
	if (asks)
		return cli_watch(cli, status);
	if (cli->watch_ms)
		return cli_fail(CLI_USAGE, "only rollout status takes --watch");
	for (size_t i = 0; i < ACTIONS; i++) {
		names[i] = actions[i].name;
		if (strcmp(cli->words[0], names[i]) == 0)
			return say(cli, &actions[i]);
	}
	names[ACTIONS] = "status";
	const char *near = isb_nearest(cli->words[0], names);
	return near ? cli_fail(CLI_USAGE, "rollout does not '%s'; did you mean '%s'?", cli->words[0], near)
	            : cli_fail(CLI_USAGE, "rollout does not '%s'; write start, pause, resume, abort, finish or status",
	                       cli->words[0]);
}

const struct verb verb_rollout = {
	"rollout",
	"start RECORD --to NAME --steps P,P,... --every SPAN [OPTION ...]\npause|abort RECORD\n"
	"resume|finish RECORD [--force]\nstatus [RECORD]",
	"lead a record's clients to another pool or policy, step by step",
	"The steps follow the clock, on every server at the same moment, whatever else runs. RECORD is a name\n"
	"(www.example.com), ZONE/OWNER, or an owner that only one zone has. abort is the instant way back; finish\n"
	"makes the new side the record's policy. With --nets alone only those clients are led (A/B). A side that\n"
	"cannot answer is not begun or gone on with, nor made the policy, and a share below 100 % not made all,\n"
	"unless with --force.\n",
	"start www --to next --steps 10,50,100 --every 10m", CLI_EDITS "w>%~@^=!", run,
	CLI_STEER, "step by step elsewhere", "record"};
