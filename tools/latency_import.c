/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/base/map.h"
#include "latency.h"

/* Lines of NETWORK,REGION,MILLISECONDS[,COUNT[,TIME]] into the store, one after the other: only the line at hand is held.
 * One transaction, so that a bad line anywhere leaves everything as it was; and on an environment of its own, so that
 * nobody who edits the catalog waits for it. */

enum { COUNT_MAX = 1000000 };
enum { SKEW_MS = 10 * 60 * 1000 }; /* clocks differ, and a long import began before its last lines were measured */

struct line {
	struct isb_net net;
	const char *region;
	uint32_t us, count; /* count 0: a summary */
	int64_t time_ms;
};

struct import {
	struct cli *cli;
	const char *path;
	FILE *file;
	struct isb_txn *txn;
	struct cli_names regions;
	struct isb_map region; /* by name */
	struct isb_diags diags;
	struct isb_samples samples; /* of the row at hand */
	size_t summaries, repeated, lines, too_old, swept;
	uint64_t count; /* of samples in `lines` */
	int64_t until_ms; /* when the first of what was imported ends to count */
	size_t networks, lacking;
};

/* --- One line ------------------------------------------------------------------------------------------------------ */

/* The field up to the next comma, which becomes its end; NULL when there is none left. */
static char *next_field(char **rest)
{
	char *field = *rest;
	if (field) {
		*rest = strchr(field, ',');
		if (*rest)
			*(*rest)++ = '\0';
	}
	return field;
}

static const char *parse_count(const char *text, uint32_t *ret_count)
{
	char *end;
	if (strspn(text, "0123456789") != strlen(text))
		return "the fourth field is no number of samples; write 1 to 1000000, or nothing for a summary of many";
	unsigned long count = strtoul(text, &end, 10);
	if (*text && (count < 1 || count > COUNT_MAX))
		return "the fourth field is no number of samples from 1 to 1000000";
	*ret_count = (uint32_t)count;
	return NULL;
}

static const char *parse_time(const char *text, int64_t now_ms, int64_t *ret_ms)
{
	int64_t time_ms;
	if (isb_time_parse(text, &time_ms) != ISB_OK)
		return "the fifth field is no time; write 2026-11-21T12:00:00Z or seconds since 1970";
	if (time_ms > now_ms + SKEW_MS)
		return "the time lies in the future";
	*ret_ms = time_ms < now_ms ? time_ms : now_ms;
	return NULL;
}

static const char *parse_line(char *text, int64_t now_ms, struct line *ret_line)
{
	char *rest = text, *net = next_field(&rest), *region = next_field(&rest), *ms = next_field(&rest), *end;
	char *count = next_field(&rest), *time = next_field(&rest);
	struct line line = {.region = region, .time_ms = now_ms};
	if (!ms || rest)
		return "write NETWORK,REGION,MILLISECONDS[,COUNT[,TIME]]";
	int rc = isb_net_parse(net, &line.net);
	if (rc != ISB_OK)
		return rc == ISB_ERANGE ? "the network has bits set beyond its length" : "the first field is no network";
	double value = strtod(ms, &end);
	if (end == ms || *end || !(value >= 0.001 && value <= 60000))
		return "the third field is no number of milliseconds between 0.001 and 60000";
	line.us = (uint32_t)(value * 1000 + 0.5);
	const char *wrong = count ? parse_count(count, &line.count) : NULL;
	if (!wrong && time && *time)
		wrong = parse_time(time, now_ms, &line.time_ms);
	*ret_line = line;
	return wrong;
}

static void unknown_region(struct import *in, struct isb_mark at, const char *name)
{
	const char *near = in->regions.count ? isb_nearest(name, in->regions.list) : NULL;
	if (near)
		isb_diag(&in->diags, at, "there is no region '%s'; did you mean '%s'?", name, near);
	else
		isb_diag(&in->diags, at, "there is no region '%s'; isobar show regions lists them", name);
}

/* A summary stands for all that was known before. One that this very import made says that these are no summaries. */
static void start_summary(struct import *in, const struct line *line)
{
	for (size_t i = 0; i < ISB_SAMPLES_WINDOWS; i++)
		in->repeated += in->samples.window[i].histogram.count && in->samples.window[i].newest_ms == in->cli->now_ms &&
		                line->time_ms == in->cli->now_ms;
	isb_samples_reset(&in->samples);
	in->summaries++;
}

static int import_line(struct import *in, char *text, struct isb_mark at)
{
	struct line line;
	uint32_t known;
	const char *wrong = parse_line(text, in->cli->now_ms, &line);
	if (wrong) {
		isb_diag(&in->diags, at, "%s", wrong);
		return ISB_OK;
	}
	if (!isb_map_get(&in->region, line.region, strlen(line.region), &known)) {
		unknown_region(in, at, line.region);
		return ISB_OK;
	}
	if (in->diags.count)
		return ISB_OK; /* nothing will come of it: only the other bad lines are looked for */
	int64_t until_ms = line.time_ms + ISB_SAMPLES_LIFE_MS;
	if (until_ms <= in->cli->now_ms) {
		in->too_old++;
		return ISB_OK;
	}
	int rc = isb_latency_get(in->txn, &line.net, line.region, &in->samples);
	if (rc != ISB_OK && rc != ISB_ENOTFOUND)
		return rc;
	if (!line.count)
		start_summary(in, &line);
	else
		in->lines++;
	in->count += line.count;
	if (until_ms < in->until_ms)
		in->until_ms = until_ms;
	isb_samples_add(&in->samples, line.time_ms, line.us, line.count ? line.count : ISB_SAMPLES_ENOUGH);
	return isb_latency_put(in->txn, &line.net, line.region, &in->samples, in->cli->now_ms);
}

/* --- What all of it comes to --------------------------------------------------------------------------------------- */

/* Rows come network by network, a region once in each. */
struct survey {
	const struct import *in;
	struct isb_histogram sum;
	struct isb_arena arena;
	struct isb_map regions; /* that any network has enough samples to */
	struct isb_net net;
	size_t count;           /* regions of `net` so far */
	size_t *networks, cap;  /* by how many regions they have */
};

static void end_network(struct survey *s)
{
	if (s->count >= s->cap) {
		s->networks = isb_xrealloc(s->networks, (s->count + 1) * sizeof(*s->networks));
		memset(s->networks + s->cap, 0, (s->count + 1 - s->cap) * sizeof(*s->networks));
		s->cap = s->count + 1;
	}
	s->networks[s->count]++;
	s->count = 0;
}

static int survey_row(void *arg, const struct isb_latency_row *row)
{
	struct survey *s = arg;
	size_t len = strlen(row->region);
	uint32_t known;
	isb_samples_sum(row->samples, s->in->cli->now_ms, &s->sum, NULL);
	if (s->sum.count < ISB_SAMPLES_ENOUGH)
		return 0;
	if (s->count && (s->net.len != row->net.len || !isb_addr_equal(&s->net.addr, &row->net.addr)))
		end_network(s);
	s->net = row->net;
	s->count++;
	if (!isb_map_get(&s->regions, row->region, len, &known))
		isb_map_put(&s->regions, isb_arena_strdup(&s->arena, row->region), len, 1);
	return 0;
}

static int survey(struct import *in)
{
	struct survey s = {.in = in};
	int rc = isb_latency_each(in->txn, survey_row, &s);
	if (s.count)
		end_network(&s);
	for (size_t i = 0; i < s.cap; i++) {
		in->networks += s.networks[i];
		in->lacking += i < s.regions.count ? s.networks[i] : 0;
	}
	free(s.networks);
	isb_map_done(&s.regions);
	isb_arena_done(&s.arena);
	isb_histogram_done(&s.sum);
	return rc;
}

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

static void tell_text(const struct import *in)
{
	char until[24];
	if (in->summaries)
		printf("%zu summar%s taken for %d samples in place of what was known\n", in->summaries,
		       in->summaries == 1 ? "y," : "ies, each", ISB_SAMPLES_ENOUGH);
	if (in->lines)
		printf("%" PRIu64 " sample%s in %zu line%s, added to what was known\n", in->count, plural(in->count), in->lines,
		       plural(in->lines));
	if (in->too_old)
		printf("%zu line%s older than 24 hours and left out\n", in->too_old, in->too_old == 1 ? " is" : "s are");
	if (in->repeated)
		printf("%zu summar%s took the place of another one of this import; of single samples write the count, 1\n",
		       in->repeated, in->repeated == 1 ? "y" : "ies");
	printf("%zu network%s known by at least %d samples", in->networks, in->networks == 1 ? " is" : "s are",
	       ISB_SAMPLES_ENOUGH);
	if (in->until_ms != INT64_MAX)
		printf("; what was read now begins to age out at %s", isb_time_print(in->until_ms, until));
	putchar('\n');
	if (in->lacking)
		printf("%zu network%s a round trip to some region; orders that compare it take what the network is rolled up "
		       "to, the probes' round trips or distance\n",
		       in->lacking, in->lacking == 1 ? " lacks" : "s lack");
	if (in->cli->dry_run)
		printf("dry run: nothing was changed\n");
}

static void tell(const struct import *in)
{
	if (!in->cli->json) {
		tell_text(in);
		return;
	}
	cli_print_json(in->cli, json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "summaries", (json_int_t)in->summaries,
	                         "repeated", (json_int_t)in->repeated, "lines", (json_int_t)in->lines, "samples",
	                         (json_int_t)in->count, "too_old", (json_int_t)in->too_old, "aged_out", (json_int_t)in->swept,
	                         "networks", (json_int_t)in->networks, "lacking", (json_int_t)in->lacking, "until_ms",
	                         (json_int_t)(in->until_ms == INT64_MAX ? 0 : in->until_ms), "committed",
	                         !in->cli->dry_run));
}

/* --- The import ---------------------------------------------------------------------------------------------------- */

static int read_file(struct import *in)
{
	char *line = NULL;
	size_t cap = 0;
	struct isb_mark at = {.file = in->path};
	int rc = ISB_OK;
	errno = 0;
	while (rc == ISB_OK && getline(&line, &cap, in->file) >= 0) {
		at.line++;
		line[strcspn(line, "\r\n#")] = '\0';
		if (*line && !(at.line == 1 && strncmp(line, "network,", 8) == 0))
			rc = import_line(in, line, at);
	}
	int why = rc == ISB_OK && ferror(in->file) ? errno : 0;
	free(line);
	if (why)
		return cli_fail(CLI_FAILED, "cannot read '%s': %s; nothing was changed", in->path, strerror(why));
	return rc == ISB_OK ? CLI_OK : cli_unwritable(in->cli, rc);
}

static int change(struct import *in)
{
	int err = in->cli->prune ? isb_latency_clear(in->txn) : ISB_OK;
	if (err != ISB_OK)
		return cli_unwritable(in->cli, err);
	int rc = read_file(in);
	if (rc != CLI_OK)
		return rc;
	if (in->diags.count)
		return cli_refuse(&in->diags, "refused, nothing was changed");
	if (in->cli->prune && !in->lines && !in->summaries) /* the rest of a pipe that broke is empty, too; samples age by themselves */
		return cli_fail(CLI_FAILED, "no line of '%s' counts, and --prune would remove everything; nothing was changed", in->path);
	err = isb_latency_sweep(in->txn, in->cli->now_ms, &in->swept);
	if (err == ISB_OK)
		err = survey(in);
	if (err == ISB_OK && !in->cli->dry_run) {
		err = isb_txn_commit(in->txn);
		in->txn = NULL;
	}
	return err == ISB_OK ? CLI_OK : cli_unwritable(in->cli, err);
}

static int read_regions(struct import *in, struct isb_store *store)
{
	struct isb_txn *catalog;
	int rc = isb_txn_begin(store, ISB_ENV_CATALOG, false, &catalog);
	if (rc != ISB_OK)
		return rc;
	rc = cli_names_of(catalog, ISB_REGION, &in->regions);
	isb_txn_abort(catalog);
	for (size_t i = 0; i < in->regions.count; i++)
		isb_map_put(&in->region, in->regions.list[i], strlen(in->regions.list[i]), 1);
	return rc;
}

static int run(struct import *in)
{
	struct isb_store *store;
	int rc = cli_open(in->cli, ISB_STORE_WRITE_LATENCY, &store);
	if (rc != CLI_OK)
		return rc;
	int err = read_regions(in, store);
	if (err == ISB_OK)
		err = isb_txn_begin(store, ISB_ENV_LATENCY, true, &in->txn);
	rc = err == ISB_OK ? change(in) : cli_unwritable(in->cli, err);
	isb_txn_abort(in->txn);
	isb_store_close(store);
	if (rc == CLI_OK)
		tell(in);
	return rc;
}

int latency_import(struct cli *cli, const char *path)
{
	struct import in = {.cli = cli, .path = path, .until_ms = INT64_MAX,
	                    .file = strcmp(path, "-") == 0 ? stdin : fopen(path, "r")};
	if (!in.file)
		return cli_fail(CLI_FAILED, "cannot open '%s': %s", path, strerror(errno));
	int rc = run(&in);
	if (in.file != stdin)
		fclose(in.file);
	isb_samples_done(&in.samples);
	isb_map_done(&in.region);
	cli_names_done(&in.regions);
	isb_diags_done(&in.diags);
	return rc;
}
