/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "latency.h"

/* Round trips that somebody measured: CSV in, CSV out. */

struct show {
	const struct cli *cli;
	const struct isb_net *around; /* NULL: all */
	struct isb_histogram sum;
	json_t *list; /* NULL: text */
};

static bool overlap(const struct isb_net *a, const struct isb_net *b)
{
	return a->len <= b->len ? isb_net_has(a, &b->addr) : isb_net_has(b, &a->addr);
}

static int print_row(void *arg, const struct isb_latency_row *row)
{
	struct show *s = arg;
	char net[ISB_NET_TEXT], time[24];
	int64_t newest_ms;
	int64_t until_ms = isb_samples_sum(row->samples, s->cli->now_ms, &s->sum, &newest_ms);
	if (!s->sum.count || (s->around && !overlap(s->around, &row->net)))
		return 0;
	uint32_t us = isb_histogram_quantile(&s->sum, ISB_SAMPLES_PERCENT);
	isb_net_print(&row->net, net);
	if (s->list)
		json_array_append_new(
			s->list, json_pack("{s:s, s:s, s:I, s:I, s:b, s:I, s:I}", "network", net, "region", row->region, "p25_us",
		                       (json_int_t)us, "samples", (json_int_t)s->sum.count, "enough",
		                       s->sum.count >= ISB_SAMPLES_ENOUGH, "newest_ms", (json_int_t)newest_ms, "until_ms",
		                       (json_int_t)until_ms));
	else
		printf("%s,%s,%" PRIu32 ".%03" PRIu32 ",%" PRIu32 ",%s\n", net, row->region, us / 1000, us % 1000, s->sum.count,
		       isb_time_print(newest_ms, time));
	return 0;
}

/* Rows of the store; `around` NULL: all, else those that hold this network or lie in it. */
static int show_rows(struct cli *cli, const char *around)
{
	struct isb_net net;
	struct show s = {.cli = cli, .around = around ? &net : NULL};
	struct isb_store *store;
	struct isb_txn *txn;
	if (around && isb_net_parse(around, &net) != ISB_OK)
		return cli_fail(CLI_USAGE, "'%s' is no address and no network", around);
	int rc = cli_open(cli, ISB_STORE_READ, &store);
	if (rc != CLI_OK)
		return rc;
	int err = isb_txn_begin(store, ISB_ENV_LATENCY, false, &txn);
	if (err == ISB_OK) {
		s.list = cli->json ? json_array() : NULL;
		err = isb_latency_each(txn, print_row, &s);
		isb_txn_abort(txn);
	}
	if (s.list)
		cli_print_json(cli, s.list);
	isb_histogram_done(&s.sum);
	isb_store_close(store);
	return err == ISB_OK ? CLI_OK : cli_unreadable(cli, err);
}

static int run(struct cli *cli)
{
	if (cli->count == 2 && strcmp(cli->words[0], "import") == 0)
		return latency_import(cli, cli->words[1]);
	if (cli->count < 1 || cli->count > 2 || strcmp(cli->words[0], "show") != 0)
		return cli_fail(CLI_USAGE, "write: isobar latency import FILE, or isobar latency show [NETWORK]");
	if (cli->prune || cli->dry_run)
		return cli_fail(CLI_USAGE, "latency show takes no options of an import");
	return show_rows(cli, cli->words[1]);
}

const struct verb verb_latency = {
	"latency", "import FILE [--prune] [-n]\nshow [NETWORK]", "measured round trips for order latency, as CSV",
	"Lines of NETWORK,REGION,MILLISECONDS[,COUNT[,TIME]]; # begins a comment; - is standard input.\n"
	"With a COUNT they are samples, added to those of the last 24 hours (1 for a single one). Without,\n"
	"the line is a summary of many: it takes the place of all that was known of that network and region\n"
	"and counts as enough samples. TIME is RFC 3339 or seconds since 1970, by default now; after 24 hours\n"
	"a round trip counts no more, so import more often than that. --prune forgets what the file does not name\n"
	"and all samples of before. A network decides with 20 samples to every region that an order compares\n"
	"(of a child with several regions one is enough); else the next wider network does, then its AS in its\n"
	"country, its country, its continent, then the probes' own round trips, then distance: explain tells.\n"
	"show prints the 25th percentile, the samples and the time of the newest, as import reads them.\n",
	"import rtt.csv --prune", "pn", run,
	CLI_LOOK, "measured round trips", NULL};
