/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "top.h"

enum {
	APART_US = 1000000, /* the two samples without --watch */
	FIXED_LINES = 12,   /* of the screen: heads, sums, blanks, and what --watch and the shell take */
	TABLES = 3,
};

/* Between two samples. */
struct span {
	const struct top_sample *from, *to;
	double seconds;
	size_t lines; /* of each table; SIZE_MAX: all */
};

/* --- Rates --------------------------------------------------------------------------------------------------------- */

/* A server that began anew counts from nothing: then what it has is what came. */
static double grown(double before, double now)
{
	return now >= before ? now - before : now;
}

static double sum_of(const struct top_item *item)
{
	double sum = 0;
	for (unsigned r = 0; item && r < TOP_VALUES; r++)
		sum += item->value[r];
	return sum;
}

static double rate_of(const struct span *span, const struct top_list *before, const struct top_item *now)
{
	return grown(sum_of(top_find(before, now->key)), sum_of(now)) / span->seconds;
}

static double rate_of_all(const struct span *span, const struct top_list *before, const struct top_list *now)
{
	double sum = 0;
	for (size_t i = 0; i < now->count; i++)
		sum += rate_of(span, before, &now->item[i]);
	return sum;
}

/* The bound below which the part of all answers between the samples took; NAN: there were none. Servers of several versions
 * have other bounds: then the list is of both, and this is not exact. */
static double quantile(const struct span *span, double part)
{
	const struct top_list *now = &span->to->buckets, *before = &span->from->buckets;
	double all = grown(span->from->answered, span->to->answered);
	for (size_t i = 0; all > 0 && i < now->count; i++) {
		double was = i < before->count && before->count == now->count ? before->item[i].value[0] : 0;
		if (grown(was, now->item[i].value[0]) >= part * all)
			return top_bound(&now->item[i]);
	}
	return NAN;
}

/* --- Text ---------------------------------------------------------------------------------------------------------- */

static const char *rate_text(struct isb_arena *arena, double rate)
{
	return isb_arena_printf(arena, rate < 10 && rate > 0 ? "%.1f" : "%.0f", rate);
}

static const char *seconds_text(struct isb_arena *arena, double seconds)
{
	if (isnan(seconds))
		return "-";
	if (isinf(seconds))
		return "over 1 s";
	if (seconds < 1e-3)
		return isb_arena_printf(arena, "%g us", seconds * 1e6);
	return seconds < 1 ? isb_arena_printf(arena, "%g ms", seconds * 1e3) : isb_arena_printf(arena, "%g s", seconds);
}

static const char *percent_text(struct isb_arena *arena, double share)
{
	return isb_arena_printf(arena, "%.1f %%", share * 100);
}

/* "failover 12/s, nodata 0.5/s": all but the first choice. */
static const char *reasons_text(struct isb_arena *arena, const struct span *span, const struct top_list *before,
                                const struct top_item *now)
{
	static const enum cli_tone tones[ISB_REASONS] = {
		[ISB_REASON_FAILOVER] = CLI_ODD, [ISB_REASON_FAILOPEN] = CLI_BAD, [ISB_REASON_LAST] = CLI_BAD,
		[ISB_REASON_FALLBACK] = CLI_ODD, [ISB_REASON_NODATA] = CLI_ODD};
	const struct top_item *was = top_find(before, now->key);
	struct isb_buf text = {0};
	for (enum isb_reason r = ISB_REASON_FIRST + 1; r < ISB_REASONS; r++) {
		double rate = grown(was ? was->value[r] : 0, now->value[r]) / span->seconds;
		if (rate <= 0)
			continue;
		const char *said = isb_arena_printf(arena, "%s %s/s", isb_reason_name(r), rate_text(arena, rate));
		isb_buf_printf(&text, "%s%s", text.len ? ", " : "", cli_paint(arena, tones[r], said));
	}
	const char *copy = isb_arena_strdup(arena, isb_buf_text(&text));
	isb_buf_done(&text);
	return copy;
}

/* --- The busiest first --------------------------------------------------------------------------------------------- */

struct busy {
	const struct top_item *item;
	double rate;
};

static int by_rate(const void *a, const void *b)
{
	const struct busy *x = a, *y = b;
	if (x->rate != y->rate)
		return x->rate < y->rate ? 1 : -1;
	for (int i = 0; i < TOP_KEYS; i++) {
		int order = strcmp(x->item->key[i], y->item->key[i]);
		if (order)
			return order;
	}
	return 0;
}

static struct busy *busiest(struct isb_arena *arena, const struct span *span, const struct top_list *before,
                            const struct top_list *now)
{
	struct busy *list = isb_arena_alloc(arena, (now->count + 1) * sizeof(*list));
	for (size_t i = 0; i < now->count; i++)
		list[i] = (struct busy){&now->item[i], rate_of(span, before, &now->item[i])};
	qsort(list, now->count, sizeof(*list), by_rate);
	return list;
}

static size_t shown(const struct span *span, size_t count)
{
	return count <= span->lines ? count : span->lines;
}

static void print_rest(const struct span *span, size_t count, const char *what)
{
	if (count > span->lines)
		printf("... and %zu more %s\n", count - span->lines, what);
	putchar('\n');
}

/* --- Pools and regions: sums over endpoints ------------------------------------------------------------------------- */

struct group {
	const char *name;
	double rate;
};
struct groups {
	struct group *list; /* the arena's */
	size_t count;
	struct isb_map by_name;
};

static const char *region_of(const struct top_item *item)
{
	return item->region && *item->region ? item->region : "-";
}

static const char *pool_of(const struct top_item *item)
{
	return item->key[0];
}

static void add_up(struct isb_arena *arena, const struct busy *list, size_t count,
                   const char *(*name_of)(const struct top_item *item), struct groups *ret_groups)
{
	struct groups g = {.list = isb_arena_alloc(arena, (count + 1) * sizeof(*g.list))};
	for (size_t i = 0; i < count; i++) {
		const char *name = name_of(list[i].item);
		uint32_t at = (uint32_t)g.count;
		if (!isb_map_get(&g.by_name, name, strlen(name) + 1, &at)) {
			isb_map_put(&g.by_name, name, strlen(name) + 1, at);
			g.list[g.count++] = (struct group){name, 0};
		}
		g.list[at].rate += list[i].rate;
	}
	*ret_groups = g;
}

static int by_group_rate(const void *a, const void *b)
{
	const struct group *x = a, *y = b;
	return x->rate != y->rate ? (x->rate < y->rate ? 1 : -1) : strcmp(x->name, y->name);
}

static double group_rate(const struct groups *groups, const char *name)
{
	uint32_t at;
	return isb_map_get(&groups->by_name, name, strlen(name) + 1, &at) ? groups->list[at].rate : 0;
}

/* --- Tables -------------------------------------------------------------------------------------------------------- */

static void print_records(const struct span *span)
{
	const struct top_list *before = &span->from->records, *now = &span->to->records;
	struct isb_arena arena = {0};
	struct cli_table table;
	struct busy *list = busiest(&arena, span, before, now);
	cli_table_init(&table, 3, (const char *const[]){"RECORD", "PER SECOND", "NOT THE FIRST CHOICE"});
	for (size_t i = 0; i < shown(span, now->count); i++)
		cli_table_row(&table, (const char *const[]){list[i].item->key[0], rate_text(&arena, list[i].rate),
		                                            reasons_text(&arena, span, before, list[i].item)});
	cli_table_print(&table);
	print_rest(span, now->count, "records");
	isb_arena_done(&arena);
}

static enum cli_tone state_tone(const char *state)
{
	return strcmp(state, "up") == 0 || strcmp(state, "unchecked") == 0 ? CLI_PLAIN : strcmp(state, "down") == 0 ? CLI_BAD : CLI_ODD;
}

static void add_endpoint(struct isb_arena *arena, struct cli_table *table, const struct span *span, const struct busy *busy,
                         double pool)
{
	const struct top_item *item = busy->item;
	const char *state = item->state && *item->state ? item->state : "mixed";
	cli_table_row(table, (const char *const[]){isb_arena_printf(arena, "%s/%s", item->key[0], item->key[1]), region_of(item),
	                                           cli_paint(arena, state_tone(state), state), rate_text(arena, busy->rate),
	                                           pool > 0 ? percent_text(arena, busy->rate / pool) : "-",
	                                           item->told ? percent_text(arena, item->expected / item->told) : "-",
	                                           reasons_text(arena, span, &span->from->endpoints, item)});
}

static void print_regions(struct isb_arena *arena, const struct span *span, const struct busy *list, size_t count)
{
	struct cli_table table;
	struct groups regions;
	double all = 0;
	for (size_t i = 0; i < count; i++)
		all += list[i].rate;
	add_up(arena, list, count, region_of, &regions);
	qsort(regions.list, regions.count, sizeof(*regions.list), by_group_rate); /* by_name is done with */
	cli_table_init(&table, 3, (const char *const[]){"REGION", "PER SECOND", "OF ALL"});
	for (size_t i = 0; i < shown(span, regions.count); i++)
		cli_table_row(&table, (const char *const[]){regions.list[i].name, rate_text(arena, regions.list[i].rate),
		                                            all > 0 ? percent_text(arena, regions.list[i].rate / all) : "-"});
	cli_table_print(&table);
	if (regions.count > span->lines)
		printf("... and %zu more regions\n", regions.count - span->lines);
	isb_map_done(&regions.by_name);
}

static void print_endpoints(const struct span *span)
{
	const struct top_list *now = &span->to->endpoints;
	struct isb_arena arena = {0};
	struct cli_table table;
	struct groups pools;
	struct busy *list = busiest(&arena, span, &span->from->endpoints, now);
	add_up(&arena, list, now->count, pool_of, &pools);
	cli_table_init(&table, 7, (const char *const[]){"ENDPOINT", "REGION", "STATE", "PER SECOND", "OF ITS POOL", "EXPECTED",
	                                                "NOT THE FIRST CHOICE"});
	for (size_t i = 0; i < shown(span, now->count); i++)
		add_endpoint(&arena, &table, span, &list[i], group_rate(&pools, pool_of(list[i].item)));
	cli_table_print(&table);
	print_rest(span, now->count, "endpoints");
	print_regions(&arena, span, list, now->count);
	isb_map_done(&pools.by_name);
	isb_arena_done(&arena);
}

static void print_counts(struct isb_arena *arena, const struct span *span, const struct top_list *before, const struct top_list *now,
                         const char *what)
{
	struct busy *list = busiest(arena, span, before, now);
	printf("%s", what);
	for (size_t i = 0; i < now->count && list[i].rate > 0; i++)
		printf("  %s %s/s", list[i].item->key[0], rate_text(arena, list[i].rate));
	puts(now->count && list[0].rate > 0 ? "" : "  none");
}

static void print_head(const struct span *span)
{
	struct isb_arena arena = {0};
	const struct top_sample *from = span->from, *to = span->to;
	printf("%s queries/s, answered within %s (p50), %s (p99)\n",
	       rate_text(&arena, rate_of_all(span, &from->transports, &to->transports)), seconds_text(&arena, quantile(span, 0.5)),
	       seconds_text(&arena, quantile(span, 0.99)));
	print_counts(&arena, span, &from->types, &to->types, "types:  ");
	print_counts(&arena, span, &from->rcodes, &to->rcodes, "answers:");
	putchar('\n');
	isb_arena_done(&arena);
}

/* --- The verb ------------------------------------------------------------------------------------------------------ */

/* Lines of a table that leave room for the others; all where nobody scrolls. */
static size_t table_lines(void)
{
	struct winsize size;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0)
		return SIZE_MAX;
	size_t room = size.ws_row > FIXED_LINES ? size.ws_row - FIXED_LINES : 0;
	return room > TABLES * 2 ? room / TABLES : 2;
}

static int check(const struct top_sample *s)
{
	size_t wrong = 0;
	for (size_t i = 0; i < s->nserver; i++) {
		if (s->server[i].error)
			cli_fail(CLI_STORE, "%s: %s", s->server[i].from, s->server[i].error);
		wrong += s->server[i].error != NULL;
	}
	return wrong == s->nserver ? CLI_STORE : CLI_OK;
}

static void wait_until_us(int64_t monotonic_us)
{
	const struct timespec at = {.tv_sec = monotonic_us / 1000000, .tv_nsec = monotonic_us % 1000000 * 1000};
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) != 0)
		;
}

/* cli->kept is the sample before. */
static int look(struct cli *cli)
{
	struct top_sample *before = cli->kept, now;
	if (before->monotonic_us == 0) {
		top_sample_take(cli, before);
		int rc = check(before);
		if (rc != CLI_OK)
			return rc;
		wait_until_us(before->monotonic_us + APART_US);
	}
	top_sample_take(cli, &now);
	int rc = check(&now);
	if (rc == CLI_OK) {
		const struct span span = {.from = before, .to = &now, .seconds = (double)(now.monotonic_us - before->monotonic_us) / 1e6,
		                          .lines = table_lines()};
		print_head(&span);
		print_records(&span);
		print_endpoints(&span);
	}
	top_sample_done(before);
	*before = now;
	return rc;
}

static int tell(struct cli *cli)
{
	struct top_sample now;
	top_sample_take(cli, &now);
	int rc = check(&now);
	if (rc == CLI_OK)
		cli_print_json(cli, top_json(&now));
	top_sample_done(&now);
	return rc;
}

static int run(struct cli *cli)
{
	struct top_sample before = {0};
	if (cli->count)
		return cli_fail(CLI_USAGE, "top takes no words; write: isobar top --from ADDR:PORT");
	cli->kept = &before;
	int rc = cli_watch(cli, cli->json ? tell : look);
	cli->kept = NULL;
	top_sample_done(&before);
	return rc;
}

const struct verb verb_top = {
	"top", "", "what servers answer now: rates by record, endpoint and region",
	"Asks isobard at the address of its --metrics, twice within a second; several servers are added up. The share of "
	"its pool that an endpoint gets stands beside what it should get by weight and health, and answers that were not "
	"the first choice with the reason.\n"
	"With -o json: counters as they stand, for programs that make rates of their own; they begin anew with a server "
	"(servers[].started_ms). Servers that do not answer are named on standard error; when none does, the exit status "
	"is 5.\n",
	"--from 192.0.2.1:9153 --watch", "Mw", run, CLI_LOOK, "live rates of answers", NULL};
