/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "printing.h"
#include "status.h"

/* One screen: first how it is all in all, then what is wrong or unusual, since when, why, according to whom. --all tells the
 * rest. */

enum { SHOWN = 8 }; /* lines of each table without --all: all of them fit a screen */

/* --- All in all --- */

/* "; records: 2 of 20 fail open, 1 of 20 falls back": what is 0 is not said. */
static void add_part(struct isb_buf *out, size_t n, size_t of, enum cli_tone tone, const char *one, const char *many)
{
	if (!n)
		return;
	const char *lead = out->len && out->data[out->len - 1] == ':' ? " " : ", ";
	isb_buf_printf(out, "%s%s%zu ", lead, cli_tone_on(tone), n);
	if (of)
		isb_buf_printf(out, "of %zu ", of);
	isb_buf_printf(out, "%s%s", n == 1 ? one : many, cli_tone_off(tone));
}

static void add_total(struct isb_buf *out, const char *what, size_t total, bool told)
{
	isb_buf_printf(out, "; %s:", what);
	if (!told)
		isb_buf_printf(out, " %zu", total);
}

static void add_endpoints(struct isb_buf *out, const struct status *s, const struct status_counts *c)
{
	add_total(out, "endpoints", s->count, s->count > 0);
	add_part(out, c->verdict[ISB_UP], s->count, CLI_GOOD, "up", "up");
	add_part(out, c->verdict[ISB_DOWN], 0, CLI_BAD, "down", "down");
	add_part(out, c->verdict[ISB_DISPUTED], 0, CLI_ODD, "disputed", "disputed");
	add_part(out, c->verdict[ISB_UNKNOWN], 0, CLI_ODD, "unknown", "unknown");
	add_part(out, c->unchecked, 0, CLI_PLAIN, "unchecked", "unchecked");
	add_part(out, c->forced, 0, CLI_ODD, "forced", "forced");
	add_part(out, c->drained, 0, CLI_ODD, "drained", "drained");
	add_part(out, c->held, 0, CLI_ODD, "held", "held");
	add_part(out, c->waiting, 0, CLI_ODD, "waiting for failback", "waiting for failback");
}

/* 0: nobody reads it on a terminal. */
static size_t screen_columns(void)
{
	struct winsize size;
	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

/* On a terminal a line for as many parts as fit: --watch would cut off the last, and what they say. */
static void print_parts(char *text, size_t columns)
{
	size_t used = 0;
	for (char *part = text, *end; part; part = end) {
		if ((end = strstr(part, "; "))) {
			*end = '\0';
			end += 2;
		}
		size_t width = cli_width(part) + (end != NULL); /* with its semicolon */
		bool fold = used && columns && used + 1 + width > columns;
		printf("%s%s%s", fold ? "\n" : used ? " " : "", part, end ? ";" : "");
		used = (fold || !used ? 0 : used + 1) + width;
	}
	putchar('\n');
}

static void print_summary(const struct status *s)
{
	const struct status_counts c = status_count(s);
	struct isb_buf out = {0};
	if (status_is_well(s, &c))
		isb_buf_printf(&out, "%sall is well%s; ", cli_tone_on(CLI_GOOD), cli_tone_off(CLI_GOOD));
	isb_buf_printf(&out, "generation %" PRIu64, s->generation);
	add_endpoints(&out, s, &c);
	add_total(&out, "pools", s->catalog.npool, c.pools_out);
	add_part(&out, c.pools_out, s->catalog.npool, CLI_BAD, "cannot answer", "cannot answer");
	add_total(&out, "records", s->nrecord, c.fail_open || c.fall_back || c.nodata || c.reduced);
	add_part(&out, c.fail_open, s->nrecord, CLI_BAD, "fails open", "fail open");
	add_part(&out, c.fall_back, s->nrecord, CLI_BAD, "falls back", "fall back");
	add_part(&out, c.nodata, s->nrecord, CLI_BAD, "answers without data", "answer without data");
	add_part(&out, c.reduced, s->nrecord, CLI_ODD, "lacks a pool", "lack a pool");
	add_total(&out, "probes", s->nprobe, s->nprobe > 0);
	add_part(&out, c.live, s->nprobe, CLI_GOOD, "live", "live");
	add_part(&out, c.blind, 0, CLI_BAD, "blind", "blind");
	add_part(&out, c.gone, 0, CLI_BAD, "gone", "gone");
	if (s->rollouts.count)
		isb_buf_printf(&out, "; rollouts: %zu", s->rollouts.count);
	print_parts(out.data, screen_columns());
	isb_buf_done(&out);
}

static void print_geo(const struct status *s, bool all)
{
	if (all && (s->geo.len || !s->geo_wrong.count))
		printf("geo: %s\n", s->geo.len ? s->geo.data : "no database");
	for (size_t i = 0; i < s->geo_wrong.count; i++)
		printf("geo: %s: %s; isobard keeps what it has\n", s->geo_wrong.list[i].at.file, s->geo_wrong.list[i].text);
}

/* --- Tables --- */

/* A table that is not begun before it has a row, and cut where the screen would be. */
struct listing {
	struct cli_table table;
	size_t shown, left_out, most; /* most: 0 for all */
};

static bool has_room(struct listing *l, size_t columns, const char *const *heads)
{
	if (l->most && l->shown == l->most) {
		l->left_out++;
		return false;
	}
	if (!l->shown++)
		cli_table_init(&l->table, columns, heads);
	return true;
}

static void print_listing(struct listing *l)
{
	if (!l->shown)
		return;
	putchar('\n');
	cli_table_print(&l->table);
	if (l->left_out)
		printf("... and %zu more: isobar status --all\n", l->left_out);
}

static const char *age(const struct status *s, int64_t since_ms, char out[ISB_SPAN_TEXT])
{
	return since_ms ? isb_span_print(s->cli->now_ms - since_ms, out) : "-";
}

static enum cli_tone tone_of(const struct status_row *row)
{
	unsigned urgency = status_urgency(row);
	return !row->serves ? CLI_BAD : urgency ? CLI_ODD : row->checked ? CLI_GOOD : CLI_PLAIN;
}

static void add_row(struct status *s, struct listing *l, const struct status_row *r)
{
	char since[ISB_SPAN_TEXT], latency[24] = "-";
	if (!has_room(l, 7, (const char *[]){"ENDPOINT", "REGION", "ADDRESS", "STATE", "SINCE", "LATENCY", "WHY"}))
		return;
	if (r->health.latency_us)
		snprintf(latency, sizeof(latency), "%.1fms", r->health.latency_us / 1000.0);
	cli_table_row(&l->table, (const char *[]){r->name, r->endpoint->region.name ? r->endpoint->region.name : "-",
	                                          status_address(s, r->endpoint),
	                                          cli_paint(&s->arena, tone_of(r), status_state(s, r)),
	                                          age(s, status_since(r), since), latency, status_why(s, r)});
}

static void print_rows(struct status *s)
{
	struct listing l = {0};
	for (size_t i = 0; i < s->count; i++)
		if (s->rows[i].shown)
			add_row(s, &l, &s->rows[i]);
	print_listing(&l);
}

/* The most urgent ones first. */
static void print_odd_rows(struct status *s)
{
	enum { MOST_URGENT = 5 };
	struct listing l = {.most = SHOWN};
	for (unsigned urgency = MOST_URGENT; urgency > 0; urgency--)
		for (size_t i = 0; i < s->count; i++)
			if (status_urgency(&s->rows[i]) == urgency)
				add_row(s, &l, &s->rows[i]);
	print_listing(&l);
}

/* `only` NULL: all that cannot answer. */
static void print_pools(struct status *s, const char *only, size_t most)
{
	struct listing l = {.most = most};
	for (size_t i = 0; i < s->catalog.npool; i++) {
		const struct status_pool *p = &s->pools[i];
		char since[ISB_SPAN_TEXT];
		if (only ? strcmp(only, p->pool->name) != 0 : p->can)
			continue;
		if (!has_room(&l, 6, (const char *[]){"POOL", "CAN ANSWER", "SERVING", "NEEDED", "SINCE", "WHY"}))
			continue;
		cli_table_row(&l.table, (const char *[]){
			p->pool->name, cli_paint(&s->arena, p->can ? CLI_GOOD : CLI_BAD, p->can ? "yes" : "no"),
			isb_arena_printf(&s->arena, "%zu of %zu", p->serving, p->pool->nendpoint),
			isb_arena_printf(&s->arena, "%u", p->needs), age(s, p->since_ms, since), status_pool_why(s, p)});
	}
	print_listing(&l);
}

static bool is_beneath(const struct status_policy *policy, const char *pool)
{
	for (size_t i = 0; i < policy->npool; i++)
		if (strcmp(policy->pools[i]->pool->name, pool) == 0)
			return true;
	return false;
}

/* Those that nothing can answer for come first. `pool` NULL: all that are not as they should be, else all that it serves. */
static void print_records(struct status *s, const char *pool, size_t most)
{
	struct listing l = {.most = most};
	for (int standing = STATUS_ALL_DOWN; standing >= (pool ? STATUS_ANSWERS : STATUS_REDUCED); standing--)
		for (size_t i = 0; i < s->nrecord; i++) {
			const struct status_record *r = &s->records[i];
			const struct status_policy *policy = &s->policies[r->policy];
			char since[ISB_SPAN_TEXT];
			if ((int)policy->standing != standing || (pool && !is_beneath(policy, pool)))
				continue;
			if (!has_room(&l, 4, (const char *[]){"RECORD", "NOW", "SINCE", "WHY"}))
				continue;
			enum cli_tone tone = standing == STATUS_ALL_DOWN ? CLI_BAD : standing == STATUS_REDUCED ? CLI_ODD : CLI_PLAIN;
			cli_table_row(&l.table, (const char *[]){r->name, cli_paint(&s->arena, tone, status_record_words(s, r)),
			                                         age(s, policy->since_ms, since), status_policy_why(s, policy)});
		}
	print_listing(&l);
}

static void print_probes(struct status *s, bool all)
{
	struct listing l = {.most = all ? 0 : SHOWN};
	for (size_t i = 0; i < s->nprobe; i++) {
		const struct isb_probe_row *p = &s->probes[i];
		char since[ISB_SPAN_TEXT];
		const char *state = status_probe_state(s, p);
		bool good = strcmp(state, "ok") == 0;
		if ((!all && good) ||
		    !has_room(&l, 6, (const char *[]){"PROBE", "REGION", "STATE", "LAST SEEN", "CHECKS", "FROM"}))
			continue;
		isb_span_print(s->cli->now_ms - p->seen_ms, since);
		cli_table_row(&l.table, (const char *[]){p->name, *p->region ? p->region : "-",
		                                         cli_paint(&s->arena, good ? CLI_GOOD : CLI_BAD, state), since,
		                                         isb_arena_printf(&s->arena, "%" PRIu32, p->checks),
		                                         *p->from ? p->from : "here"});
	}
	print_listing(&l);
	if (!s->heard && (all || status_count(s).unchecked < s->count))
		printf("\nno probe %s: endpoints count as their pool's 'unknown' says, or as last seen; start isobar-probe\n",
		       s->nprobe ? "reports any more" : "has reported yet");
}

/* --- The screen --- */

static int print_one(struct status *s)
{
	const struct status_row *row = s->rows;
	print_rows(s);
	while (!row->shown)
		row++;
	int err = row->checked ? cli_history_print(s->reader.health, row->slot, &row->knobs, s->cli->now_ms) : ISB_OK;
	return err == ISB_OK ? CLI_OK : cli_unreadable(s->cli, err);
}

static void print_part(struct status *s)
{
	print_summary(s);
	print_pools(s, s->only, 0);
	print_rows(s);
	if (isb_catalog_pool(&s->catalog, s->only))
		print_records(s, s->only, SHOWN);
}

static void print_all(struct status *s, bool all)
{
	print_summary(s);
	print_geo(s, all);
	print_records(s, NULL, all ? 0 : SHOWN);
	print_pools(s, NULL, all ? 0 : SHOWN);
	if (all)
		print_rows(s);
	else
		print_odd_rows(s);
	cli_resolved_print(s->reader.health, s->cli->now_ms, all);
	if (s->rollouts.count) {
		putchar('\n');
		cli_rollouts_print(&s->rollouts, s->cli->now_ms);
	}
	print_probes(s, all);
}

static bool is_place(const struct status *s)
{
	for (size_t i = 0; i < s->catalog.nregion; i++)
		if (strcmp(s->catalog.regions[i].name, s->only) == 0)
			return true;
	return isb_catalog_pool(&s->catalog, s->only) != NULL;
}

static int say_unknown(const struct status *s)
{
	struct cli_names names = {0};
	if (s->one)
		return cli_unknown(s->reader.catalog, CLI_ENDPOINT, s->only);
	for (size_t i = 0; i < s->catalog.npool; i++)
		cli_names_add(&names, s->catalog.pools[i].name);
	for (size_t i = 0; i < s->catalog.nregion; i++)
		cli_names_add(&names, s->catalog.regions[i].name);
	const char *near = names.count ? isb_nearest(s->only, names.list) : NULL;
	int rc = near ? cli_fail(CLI_NOT_FOUND, "there is no pool or region '%s'; did you mean '%s'?", s->only, near)
	              : cli_fail(CLI_NOT_FOUND, "there is no pool or region '%s'; an endpoint is written POOL/ENDPOINT", s->only);
	cli_names_done(&names);
	return rc;
}

static int print(struct status *s)
{
	if (s->only && (s->one ? !s->nshown : !is_place(s)))
		return say_unknown(s);
	if (s->cli->json)
		status_json(s);
	else if (s->one)
		return print_one(s);
	else if (s->only)
		print_part(s);
	else
		print_all(s, s->cli->all);
	return CLI_OK;
}

static int once(struct cli *cli)
{
	struct status s = {.cli = cli};
	s.only = cli->count ? cli->words[0] : NULL;
	s.one = s.only && strchr(s.only, '/');
	int rc = cli_read(cli, &s.reader);
	if (rc != CLI_OK)
		return rc;
	int err = status_read(&s);
	rc = err == ISB_OK ? print(&s) : cli_unreadable(cli, err);
	status_done(&s);
	cli_read_done(&s.reader);
	return rc;
}

static int run(struct cli *cli)
{
	if (cli->count > 1)
		return cli_fail(CLI_USAGE, "status of one endpoint, pool or region, or of all; '%s' is too much", cli->words[1]);
	if (cli->count && cli->all)
		return cli_fail(CLI_USAGE, "status --all is about everything; leave '%s' out", cli->words[0]);
	return cli_watch(cli, once);
}

const struct verb verb_status = {
	"status", "[--all] [--watch[=SPAN]] [--geo FILE ...]\n[POOL|REGION|POOL/ENDPOINT] [--watch[=SPAN]]",
	"what is wrong or unusual, since when and why; --all: everything",
	"From the store alone: the server need not run. A state that is unknown or disputed is answered\n"
	"as what is held, and as up when nothing is, unless its pool's 'unknown' says otherwise.\n"
	"Of a pool or region all endpoints. Of one endpoint also the last 64 outcomes that each probe had\n"
	"(+ ok, - failed, the newest on the right), and the last ten changes of its verdict.\n",
	"asia/icn-1", "gwl", run,
	CLI_LOOK, "what is wrong, and why", "endpoint pool region"};
