/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "isobar/base/err.h"
#include "isobar/base/map.h"

/* Round trips that somebody measured: lines of NETWORK,REGION,MILLISECONDS. */

struct import {
	const char *path;
	FILE *file;
	struct cli_names regions;
	struct isb_arena arena;
	struct isb_map seen; /* network and region of what the file holds; for --prune */
	size_t rows;
	size_t lacking; /* networks of the store without a round trip to some region that others have */
};

static const char *parse_line(char *line, struct isb_latency_row *row)
{
	char *region = strchr(line, ','), *ms = region ? strchr(region + 1, ',') : NULL, *end;
	if (!ms)
		return "write NETWORK,REGION,MILLISECONDS";
	*region++ = '\0';
	*ms++ = '\0';
	int rc = isb_net_parse(line, &row->net);
	if (rc != ISB_OK)
		return rc == ISB_ERANGE ? "the network has bits set beyond its length" : "the first field is no network";
	double value = strtod(ms, &end);
	if (end == ms || *end || !(value >= 0.001 && value <= 60000))
		return "the third field is no number of milliseconds between 0.001 and 60000";
	row->region = region;
	row->rtt_us = (uint32_t)(value * 1000 + 0.5);
	return NULL;
}

static bool is_region(const struct import *in, const char *name)
{
	for (size_t i = 0; i < in->regions.count; i++)
		if (strcmp(in->regions.list[i], name) == 0)
			return true;
	return false;
}

static char *row_name(struct import *in, const struct isb_latency_row *row)
{
	char net[ISB_NET_TEXT];
	return isb_arena_printf(&in->arena, "%s %s", isb_net_print(&row->net, net), row->region);
}

static int import_line(struct cli_edit *e, struct import *in, char *line, struct isb_mark at)
{
	struct isb_latency_row row;
	const char *wrong = parse_line(line, &row);
	if (wrong) {
		isb_diag(&e->diags, at, "%s", wrong);
		return ISB_OK;
	}
	if (!is_region(in, row.region)) {
		const char *near = in->regions.count ? isb_nearest(row.region, in->regions.list) : NULL;
		if (near)
			isb_diag(&e->diags, at, "there is no region '%s'; did you mean '%s'?", row.region, near);
		else
			isb_diag(&e->diags, at, "there is no region '%s'; isobar show regions lists them", row.region);
		return ISB_OK;
	}
	in->rows++;
	if (e->cli->prune) {
		const char *name = row_name(in, &row);
		isb_map_put(&in->seen, name, strlen(name), 1);
	}
	return isb_edit_latency(e->edit, &row);
}

struct pruning {
	struct import *in;
	struct isb_latency_row *gone;
	size_t count;
};

static int list_gone(void *arg, const struct isb_latency_row *row)
{
	struct pruning *p = arg;
	uint32_t at;
	const char *name = row_name(p->in, row);
	if (isb_map_get(&p->in->seen, name, strlen(name), &at))
		return 0;
	p->gone = isb_xrealloc(p->gone, (p->count + 1) * sizeof(*p->gone));
	const char *region = isb_arena_strdup(&p->in->arena, row->region);
	p->gone[p->count++] = (struct isb_latency_row){.net = row->net, .region = region, .rtt_us = 0 /* goes */};
	return 0;
}

static int prune(struct cli_edit *e, struct import *in)
{
	struct pruning p = {.in = in};
	int rc = isb_latency_each(e->txn, list_gone, &p);
	for (size_t i = 0; rc == ISB_OK && i < p.count; i++)
		rc = isb_edit_latency(e->edit, &p.gone[i]);
	free(p.gone);
	return rc;
}

/* Rows come network by network, a region once in each. */
struct survey {
	struct isb_arena *arena;
	struct isb_map regions; /* that any network has */
	struct isb_net net;
	size_t count;     /* regions of `net` so far */
	size_t *networks; /* by how many regions they have */
	size_t cap;
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
	if (s->count && (s->net.len != row->net.len || !isb_addr_equal(&s->net.addr, &row->net.addr)))
		end_network(s);
	s->net = row->net;
	s->count++;
	if (!isb_map_get(&s->regions, row->region, len, &known))
		isb_map_put(&s->regions, isb_arena_strdup(s->arena, row->region), len, 1);
	return 0;
}

static int count_lacking(struct cli_edit *e, struct import *in)
{
	struct survey s = {.arena = &in->arena};
	int rc = isb_latency_each(e->txn, survey_row, &s);
	if (s.count)
		end_network(&s);
	for (size_t i = 0; i < s.cap && i < s.regions.count; i++)
		in->lacking += s.networks[i];
	free(s.networks);
	isb_map_done(&s.regions);
	return rc;
}

static int import_change(struct cli_edit *e)
{
	struct import *in = e->arg;
	char *line = NULL;
	size_t cap = 0;
	struct isb_mark at = {.file = in->path};
	int rc = cli_names_of(e->txn, ISB_REGION, &in->regions);
	errno = 0;
	while (rc == ISB_OK && getline(&line, &cap, in->file) >= 0) {
		at.line++;
		line[strcspn(line, "\r\n#")] = '\0';
		if (*line && !(at.line == 1 && strncmp(line, "network,", 8) == 0))
			rc = import_line(e, in, line, at);
	}
	int why = ferror(in->file) ? errno : 0;
	free(line);
	if (why)
		return cli_fail(CLI_FAILED, "cannot read '%s': %s; nothing was changed", in->path, strerror(why));
	if (rc == ISB_OK && e->cli->prune && !e->diags.count)
		rc = prune(e, in);
	if (rc == ISB_OK && !e->diags.count)
		rc = count_lacking(e, in);
	return rc == ISB_OK ? CLI_OK : cli_unwritable(e->cli, rc);
}

static void import_tell(struct cli_edit *e)
{
	const struct import *in = e->arg;
	printf("%zu round trips read, %zu differ\n", in->rows, isb_edit_count(e->edit));
	if (in->lacking)
		printf("%zu network%s a round trip to some region; orders that compare it take the next wider network, the probes' "
		       "round trips or distance\n", in->lacking, in->lacking == 1 ? " lacks" : "s lack");
}

static int run_import(struct cli *cli, const char *path)
{
	struct import in = {.path = path, .file = strcmp(path, "-") == 0 ? stdin : fopen(path, "r")};
	if (!in.file)
		return cli_fail(CLI_FAILED, "cannot open '%s': %s", path, strerror(errno));
	int rc = cli_edit(cli, import_change, import_tell, &in);
	if (in.file != stdin)
		fclose(in.file);
	cli_names_done(&in.regions);
	isb_map_done(&in.seen);
	isb_arena_done(&in.arena);
	return rc;
}

static int print_row(void *arg, const struct isb_latency_row *row)
{
	char net[ISB_NET_TEXT];
	json_t *list = arg;
	isb_net_print(&row->net, net);
	if (list)
		json_array_append_new(list, json_pack("{s:s, s:s, s:I}", "network", net, "region", row->region, "rtt_us",
		                                      (json_int_t)row->rtt_us));
	else
		printf("%s,%s,%u.%03u\n", net, row->region, row->rtt_us / 1000, row->rtt_us % 1000);
	return 0;
}

static int run_show(struct cli *cli)
{
	struct cli_reader reader;
	if (cli->prune || cli->dry_run || *cli->reason)
		return cli_fail(CLI_USAGE, "latency show takes no options of an import");
	int rc = cli_read(cli, &reader);
	if (rc != CLI_OK)
		return rc;
	json_t *list = cli->json ? json_array() : NULL;
	int err = isb_latency_each(reader.catalog, print_row, list);
	if (list)
		cli_print_json(list);
	cli_read_done(&reader);
	return err == ISB_OK ? CLI_OK : cli_unreadable(cli, err);
}

static int run(struct cli *cli)
{
	if (cli->count == 2 && strcmp(cli->words[0], "import") == 0)
		return run_import(cli, cli->words[1]);
	if (cli->count == 1 && strcmp(cli->words[0], "show") == 0)
		return run_show(cli);
	return cli_fail(CLI_USAGE, "write: isobar latency import FILE, or isobar latency show");
}

const struct verb verb_latency = {
	"latency", "import FILE [--prune] [-n] [-r WHY]\nshow", "measured round trips for order latency, as CSV",
	"Lines of NETWORK,REGION,MILLISECONDS; # begins a comment; - is standard input. What the file does\n"
	"not name stays, unless --prune is given. show prints what import reads. A network is used only\n"
	"where every region that an order compares has a round trip in it (of a child with several regions\n"
	"one is enough); else the next wider network is, then the probes' own round trips, then distance.\n",
	"import rtt.csv --prune", "pnr", run};
