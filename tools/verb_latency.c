/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "isobar/base/err.h"

/* Round trips that somebody measured: lines of NETWORK,REGION,MILLISECONDS. */

struct import {
	const char *path;
	FILE *file;
};

static int parse_line(char *line, struct isb_latency_row *row, const char **ret_what)
{
	char *region = strchr(line, ','), *ms = region ? strchr(region + 1, ',') : NULL, *end;
	if (!ms) {
		*ret_what = "write NETWORK,REGION,MILLISECONDS";
		return ISB_EFORMAT;
	}
	*region++ = '\0';
	*ms++ = '\0';
	int rc = isb_net_parse(line, &row->net);
	if (rc != ISB_OK) {
		*ret_what = rc == ISB_ERANGE ? "the network has bits beyond its length" : "the first field is no network";
		return rc;
	}
	double value = strtod(ms, &end);
	if (end == ms || *end || !(value >= 0.001 && value <= 60000)) {
		*ret_what = "the third field is no number of milliseconds between 0.001 and 60000";
		return ISB_EFORMAT;
	}
	row->region = region;
	row->rtt_us = (uint32_t)(value * 1000 + 0.5);
	return ISB_OK;
}

static int import_change(struct cli *cli, struct isb_txn *txn, struct isb_edit *edit, struct isb_diags *diags, void *arg)
{
	struct import *in = arg;
	char line[512];
	size_t rows = 0;
	for (unsigned number = 1; fgets(line, sizeof(line), in->file); number++) {
		struct isb_latency_row row;
		const char *what = NULL, *body;
		struct isb_mark at = {.file = in->path, .line = number};
		line[strcspn(line, "\r\n#")] = '\0';
		if (!*line || (number == 1 && strncmp(line, "network,", 8) == 0))
			continue;
		if (parse_line(line, &row, &what) != ISB_OK)
			isb_diag(diags, at, "%s", what);
		else if (isb_object_get(txn, ISB_REGION, row.region, &body) != ISB_OK)
			isb_diag(diags, at, "there is no region '%s'; isobar show regions lists them", row.region);
		else if (isb_edit_latency(edit, &row) != ISB_OK)
			return cli_fail(CLI_FAILED, "cannot write the store in '%s'", cli->store_dir);
		else
			rows++;
	}
	if (ferror(in->file))
		return cli_fail(CLI_FAILED, "cannot read '%s': %s", in->path, strerror(errno));
	if (diags->count)
		return cli_refuse(diags, "refused");
	if (!cli->json)
		printf("%zu round trips read\n", rows);
	return CLI_OK;
}

static int run_import(struct cli *cli, const char *path)
{
	struct import in = {.path = path, .file = strcmp(path, "-") == 0 ? stdin : fopen(path, "r")};
	if (!in.file)
		return cli_fail(CLI_FAILED, "cannot open '%s': %s", path, strerror(errno));
	int rc = cli_edit(cli, false, import_change, &in);
	if (in.file != stdin)
		fclose(in.file);
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
		printf("%s,%s,%g\n", net, row->region, row->rtt_us / 1000.0);
	return 0;
}

static int run_show(struct cli *cli)
{
	struct cli_reader reader;
	int rc = cli_read(cli, &reader);
	if (rc != CLI_OK)
		return rc;
	json_t *list = cli->json ? json_array() : NULL;
	int err = isb_latency_each(reader.catalog, print_row, list);
	if (list)
		cli_print_json(list);
	cli_read_done(&reader);
	return err == ISB_OK ? CLI_OK : cli_fail(CLI_FAILED, "cannot read the store: %s", isb_strerror(err));
}

static int run(struct cli *cli)
{
	if (cli->count == 2 && strcmp(cli->words[0], "import") == 0)
		return run_import(cli, cli->words[1]);
	if (cli->count == 1 && strcmp(cli->words[0], "show") == 0)
		return run_show(cli);
	return cli_fail(CLI_USAGE, "write: isobar latency import FILE.csv, or isobar latency show");
}

const struct verb verb_latency = {"latency", "import FILE.csv | show",
                                  "round trips for order latency: lines of NETWORK,REGION,MILLISECONDS", "nr", run};
