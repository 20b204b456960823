/* SPDX-License-Identifier: Apache-2.0 */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"

/* drain and force: what an operator says of endpoints. A shell pattern names several at once. */

struct saying {
	const char *const *patterns; /* NULL-terminated */
	struct isb_admin_row row;
	struct cli_names said; /* endpoints that matched */
	uint32_t ttl_s;        /* longest of all records */
};

static int longest_ttl(struct isb_txn *txn, struct isb_diags *diags, uint32_t *ret_ttl_s)
{
	struct isb_catalog catalog;
	isb_catalog_init(&catalog);
	int rc = isb_catalog_load_steering(txn, &catalog, diags);
	for (size_t i = 0; rc == ISB_OK && i < catalog.nzone; i++)
		for (size_t j = 0; j < catalog.zones[i].nrecord; j++)
			if (catalog.zones[i].records[j].ttl_s > *ret_ttl_s)
				*ret_ttl_s = catalog.zones[i].records[j].ttl_s;
	isb_catalog_done(&catalog);
	return rc;
}

/* Every pattern must mean somebody: a typo in one of five names must not leave that one serving unnoticed. */
static int match(struct cli_edit *e, struct saying *s, const struct cli_names *all)
{
	for (const char *const *p = s->patterns; *p; p++) {
		bool used = false;
		for (size_t i = 0; i < all->count; i++)
			used = used || fnmatch(*p, all->list[i], 0) == 0;
		if (!used)
			return cli_unknown(e->txn, CLI_ENDPOINT, *p);
	}
	for (size_t i = 0; i < all->count; i++)
		for (const char *const *p = s->patterns; *p; p++)
			if (fnmatch(*p, all->list[i], 0) == 0) {
				cli_names_add(&s->said, all->list[i]);
				break;
			}
	return CLI_OK;
}

static int change(struct cli_edit *e)
{
	struct saying *s = e->arg;
	struct cli_names all = {0}; /* listed first: rows must not be written while a table is walked */
	int err = cli_names_of(e->txn, CLI_ENDPOINT, &all);
	int rc = err == ISB_OK ? match(e, s, &all) : CLI_OK;
	for (size_t i = 0; rc == CLI_OK && err == ISB_OK && i < s->said.count; i++)
		err = isb_edit_admin(e->edit, s->said.list[i], &s->row);
	bool taken_out = s->row.admin == ISB_ADMIN_DRAIN || s->row.admin == ISB_ADMIN_DOWN;
	if (rc == CLI_OK && err == ISB_OK && taken_out)
		err = longest_ttl(e->txn, &e->diags, &s->ttl_s);
	cli_names_done(&all);
	return err == ISB_OK || e->diags.count ? rc : cli_unwritable(e->cli, err);
}

static void tell(struct cli_edit *e)
{
	const struct saying *s = e->arg;
	static const char *const does[] = {
		[ISB_ADMIN_AUTO] = "follows its checks", [ISB_ADMIN_UP] = "is forced up", [ISB_ADMIN_DOWN] = "is forced down",
		[ISB_ADMIN_DRAIN] = "is drained"};
	char until[24], span[ISB_SPAN_TEXT];
	for (size_t i = 0; i < s->said.count; i++) {
		printf("%s %s", s->said.list[i], does[s->row.admin]);
		if (s->row.until_ms)
			printf(" until %s", isb_time_print(s->row.until_ms, until));
		else if (s->row.admin != ISB_ADMIN_AUTO)
			printf(" until you say: isobar force auto %s", s->said.list[i]);
		putchar('\n');
	}
	int64_t ttl_ms = (int64_t)s->ttl_s * 1000;
	if (ttl_ms && !e->cli->dry_run)
		printf("resolvers may hold older answers until %s (the longest TTL is %s)\n",
		       isb_time_print(e->cli->now_ms + ttl_ms, until), isb_span_print(ttl_ms, span));
}

static int say(struct cli *cli, enum isb_admin admin, const char *const *patterns)
{
	struct saying s = {
		.patterns = patterns,
		.row = {.admin = admin, .since_ms = cli->now_ms, .author = cli->author, .reason = cli->reason,
		        .until_ms = cli->for_ms ? cli->now_ms + cli->for_ms : 0},
	};
	int rc = cli_edit(cli, change, tell, &s);
	cli_names_done(&s.said);
	return rc;
}

static int run_drain(struct cli *cli)
{
	if (!cli->count)
		return cli_fail(CLI_USAGE, "drain which endpoint? write: isobar drain POOL/ENDPOINT");
	return say(cli, ISB_ADMIN_DRAIN, cli->words);
}

static int run_force(struct cli *cli)
{
	static const char *const words[] = {"up", "down", "auto", NULL};
	static const enum isb_admin admins[] = {ISB_ADMIN_UP, ISB_ADMIN_DOWN, ISB_ADMIN_AUTO};
	size_t i = 0;
	if (cli->count < 2)
		return cli_fail(CLI_USAGE, "write: isobar force up|down|auto POOL/ENDPOINT");
	while (words[i] && strcmp(cli->words[0], words[i]) != 0)
		i++;
	if (!words[i]) {
		const char *near = isb_nearest(cli->words[0], words);
		return near ? cli_fail(CLI_USAGE, "cannot force '%s'; did you mean '%s'?", cli->words[0], near)
		            : cli_fail(CLI_USAGE, "cannot force '%s'; write up, down or auto", cli->words[0]);
	}
	if (admins[i] == ISB_ADMIN_AUTO && cli->for_ms)
		return cli_fail(CLI_USAGE, "auto has no end; leave --for out");
	return say(cli, admins[i], cli->words + 1);
}

const struct verb verb_drain = {
	"drain", "POOL/ENDPOINT ... [--for SPAN] [-n] [-r WHY]", "give no new answers with these endpoints",
	"Shell patterns name several at once. isobar force auto takes it back.\n", "'asia/*' --for 2h -r 'power work'", "tnr",
	run_drain};
const struct verb verb_force = {
	"force", "up|down|auto POOL/ENDPOINT ... [--for SPAN] [-n] [-r WHY]",
	"overrule the checks, or follow them again (auto)",
	"Beats the verdict until --for has passed, across restarts. Shell patterns name several at once.\n",
	"down asia/icn-1 --for 30m -r 'replacing a disk'", "tnr", run_force};
