/* SPDX-License-Identifier: Apache-2.0 */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"

/* drain and force: what an operator says of endpoints. A shell pattern names several at once. */

struct saying {
	const char *const *patterns;
	int npattern;
	struct isb_admin_row row;
	struct isb_edit *edit;
	bool *used; /* per pattern */
	struct cli *cli;
};

static bool matches(struct saying *s, const char *endpoint)
{
	bool any = false;
	for (int i = 0; i < s->npattern; i++)
		if (fnmatch(s->patterns[i], endpoint, 0) == 0)
			any = s->used[i] = true;
	return any;
}

static const char *does(enum isb_admin admin)
{
	return admin == ISB_ADMIN_DRAIN ? "drains" : admin == ISB_ADMIN_UP ? "is forced up" : "is forced down";
}

static int say(struct saying *s, const char *endpoint)
{
	char until[24];
	if (!matches(s, endpoint))
		return 0;
	int rc = isb_edit_admin(s->edit, endpoint, &s->row);
	if (rc == ISB_OK && !s->cli->json) {
		if (s->row.admin == ISB_ADMIN_AUTO)
			printf("%s follows its checks again\n", endpoint);
		else if (s->row.until_ms)
			printf("%s %s until %s\n", endpoint, does(s->row.admin), isb_time_print(s->row.until_ms, until));
		else
			printf("%s %s until you say: isobar force auto %s\n", endpoint, does(s->row.admin), endpoint);
	}
	return rc;
}

struct names {
	const char **list;
	size_t count;
	struct isb_arena arena;
};

static int collect(void *arg, const char *endpoint, uint32_t slot)
{
	struct names *n = arg;
	(void)slot;
	n->list = isb_xrealloc(n->list, (n->count + 2) * sizeof(*n->list));
	n->list[n->count++] = isb_arena_strdup(&n->arena, endpoint);
	n->list[n->count] = NULL;
	return 0;
}

static int unknown_endpoint(struct isb_txn *txn, const char *pattern)
{
	struct names n = {0};
	isb_slot_each(txn, collect, &n);
	const char *near = n.count ? isb_nearest(pattern, n.list) : NULL;
	int rc = near ? cli_fail(CLI_FAILED, "there is no endpoint '%s'; did you mean '%s'?", pattern, near)
	              : cli_fail(CLI_FAILED, "there is no endpoint '%s'; isobar status lists them", pattern);
	free(n.list);
	isb_arena_done(&n.arena);
	return rc;
}

static int admin_change(struct cli *cli, struct isb_txn *txn, struct isb_edit *edit, struct isb_diags *diags, void *arg)
{
	struct saying *s = arg;
	(void)cli;
	(void)diags;
	s->edit = edit;
	s->used = isb_xcalloc((size_t)s->npattern, sizeof(*s->used));
	struct names n = {0}; /* listed first: rows must not be written while a table is walked */
	int rc = isb_slot_each(txn, collect, &n);
	for (size_t i = 0; rc == ISB_OK && i < n.count; i++)
		rc = say(s, n.list[i]);
	int code = CLI_OK;
	for (int i = 0; code == CLI_OK && rc == ISB_OK && i < s->npattern; i++)
		if (!s->used[i])
			code = unknown_endpoint(txn, s->patterns[i]);
	if (rc != ISB_OK)
		code = cli_fail(CLI_FAILED, "cannot write the store: %s", isb_strerror(rc));
	free(s->used);
	free(n.list);
	isb_arena_done(&n.arena);
	return code;
}

/* --- When the last cached answer expires ------------------------------------------------------------------------- */

static uint32_t longest_ttl(struct cli *cli)
{
	struct cli_reader reader;
	struct isb_catalog catalog;
	struct isb_diags diags = {0};
	uint32_t longest = 0;
	if (cli_read(cli, &reader) != CLI_OK)
		return 0;
	isb_catalog_init(&catalog);
	if (isb_catalog_load(reader.catalog, &catalog, &diags) == ISB_OK)
		for (size_t i = 0; i < catalog.nzone; i++)
			for (size_t j = 0; j < catalog.zones[i].nrecord; j++)
				if (catalog.zones[i].records[j].ttl_s > longest)
					longest = catalog.zones[i].records[j].ttl_s;
	isb_diags_done(&diags);
	isb_catalog_done(&catalog);
	cli_read_done(&reader);
	return longest;
}

static int say_all(struct cli *cli, enum isb_admin admin, const char *const *patterns, int npattern)
{
	struct saying s = {
		.patterns = patterns,
		.npattern = npattern,
		.cli = cli,
		.row = {.admin = admin, .since_ms = cli->now_ms, .author = cli->author, .reason = cli->reason,
		        .until_ms = cli->for_ms ? cli->now_ms + cli->for_ms : 0},
	};
	int rc = cli_edit(cli, false, admin_change, &s);
	if (rc == CLI_OK && admin == ISB_ADMIN_DRAIN && !cli->json && !cli->dry_run) {
		uint32_t ttl = longest_ttl(cli);
		char when[24], span[ISB_SPAN_TEXT];
		printf("resolvers may hold older answers until %s (the longest TTL is %s); some keep them longer\n",
		       isb_time_print(cli->now_ms + (int64_t)ttl * 1000, when), isb_span_print((int64_t)ttl * 1000, span));
	}
	return rc;
}

static int run_drain(struct cli *cli)
{
	if (!cli->count)
		return cli_fail(CLI_USAGE, "drain which endpoint? write: isobar drain POOL/ENDPOINT");
	return say_all(cli, ISB_ADMIN_DRAIN, cli->words, cli->count);
}

static int run_force(struct cli *cli)
{
	enum isb_admin admin;
	static const char *const words[] = {"up", "down", "auto", NULL};
	if (cli->count < 2)
		return cli_fail(CLI_USAGE, "write: isobar force up|down|auto POOL/ENDPOINT");
	if (isb_admin_parse(cli->words[0], &admin) != ISB_OK || admin == ISB_ADMIN_DRAIN) {
		const char *near = isb_nearest(cli->words[0], words);
		return near ? cli_fail(CLI_USAGE, "cannot force '%s'; did you mean '%s'?", cli->words[0], near)
		            : cli_fail(CLI_USAGE, "cannot force '%s'; write up, down or auto", cli->words[0]);
	}
	if (admin == ISB_ADMIN_AUTO && cli->for_ms)
		return cli_fail(CLI_USAGE, "auto has no end; leave --for out");
	return say_all(cli, admin, cli->words + 1, cli->count - 1);
}

const struct verb verb_drain = {"drain", "POOL/ENDPOINT ... [--for SPAN] [-r WHY]",
                                "give no new answers with these endpoints (patterns: 'asia/*')", "tnr", run_drain};
const struct verb verb_force = {"force", "up|down|auto POOL/ENDPOINT ... [--for SPAN] [-r WHY]",
                                "overrule the checks, or follow them again (auto)", "tnr", run_force};
