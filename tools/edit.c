/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "isobar/base/err.h"
#include "isobar/model/dname.h"

int cli_open(const struct cli *cli, enum isb_store_mode mode, struct isb_store **ret_store)
{
	const char *message = NULL;
	int rc = isb_store_open(cli->store_dir, mode, ret_store, &message);
	if (rc == ISB_OK)
		return CLI_OK;
	if (rc == ISB_ENOTFOUND)
		return cli_fail(CLI_FAILED, "there is no store in '%s' yet; isobar apply -f FILE makes one", cli->store_dir);
	return cli_fail(CLI_FAILED, "%s", message ? message : isb_strerror(rc));
}

int cli_read(const struct cli *cli, struct cli_reader *ret_reader)
{
	struct cli_reader reader = {0};
	int rc = cli_open(cli, ISB_STORE_READ, &reader.store);
	if (rc != CLI_OK)
		return rc;
	int err = isb_txn_begin(reader.store, ISB_ENV_CATALOG, false, &reader.catalog);
	if (err == ISB_OK)
		err = isb_txn_begin(reader.store, ISB_ENV_HEALTH, false, &reader.health);
	if (err != ISB_OK) {
		cli_read_done(&reader);
		return cli_fail(CLI_FAILED, "cannot read the store in '%s': %s", cli->store_dir, isb_strerror(err));
	}
	*ret_reader = reader;
	return CLI_OK;
}

void cli_read_done(struct cli_reader *reader)
{
	isb_txn_abort(reader->health);
	isb_txn_abort(reader->catalog);
	isb_store_close(reader->store);
}

/* Each zone answers with its SOA in every denial: no edit may leave one without. */
static void check_zones(struct isb_txn *txn, const struct isb_catalog *catalog, struct isb_diags *diags)
{
	for (size_t i = 0; i < catalog->nzone; i++) {
		const struct isb_zone *zone = &catalog->zones[i];
		uint8_t apex[ISB_DNAME_MAX];
		const struct isb_rrset *set;
		if (isb_dname_parse(zone->name, NULL, apex) < 0)
			continue; /* said already */
		isb_dname_lower(apex, apex);
		if (isb_rrset_get(txn, apex, apex, ISB_SOA, &set) != ISB_OK)
			isb_diag(diags, zone->mark, "zone '%s' has no SOA record; give it a file: or text: with one", zone->name);
	}
}

static int check_whole(struct isb_txn *txn, struct isb_diags *diags)
{
	struct isb_catalog catalog;
	isb_catalog_init(&catalog);
	if (isb_catalog_load(txn, &catalog, diags) == ISB_OK) {
		isb_catalog_check(&catalog, diags);
		check_zones(txn, &catalog, diags);
	}
	isb_catalog_done(&catalog);
	return diags->count ? CLI_FAILED : CLI_OK;
}

static void say_done(const struct cli *cli, const struct isb_edit *edit, uint64_t generation, bool say_plan)
{
	size_t n = isb_edit_count(edit);
	if (cli->json) {
		cli_print_json(json_pack("{s:I, s:b, s:o}", "generation", (json_int_t)generation, "committed",
		                         !cli->dry_run && n, "changes", cli_json_changes(edit)));
		return;
	}
	if (say_plan)
		cli_print_changes(edit);
	if (!n)
		printf("nothing to change; generation %" PRIu64 "\n", generation);
	else if (cli->dry_run)
		printf("dry run: nothing was changed\n");
	else
		printf("generation %" PRIu64 "\n", generation);
}

static int finish(struct cli *cli, struct isb_edit *edit, struct isb_txn *txn, bool say_plan)
{
	uint64_t generation;
	int err = isb_edit_finish(edit, &generation);
	if (err == ISB_OK && !cli->dry_run && isb_edit_count(edit)) {
		/* the plan is printed from the edit, whose rows the commit would invalidate */
		say_done(cli, edit, generation, say_plan);
		err = isb_txn_commit(txn);
	} else {
		if (err == ISB_OK)
			say_done(cli, edit, generation, say_plan);
		isb_txn_abort(txn);
	}
	if (err != ISB_OK)
		return cli_fail(CLI_FAILED, "cannot write the store in '%s': %s; nothing was changed", cli->store_dir,
		                isb_strerror(err));
	return CLI_OK;
}

int cli_edit(struct cli *cli, bool say_plan, cli_change *change, void *arg)
{
	struct isb_store *store;
	struct isb_txn *txn;
	struct isb_diags diags;
	int rc = cli_open(cli, ISB_STORE_WRITE_CATALOG, &store);
	if (rc != CLI_OK)
		return rc;
	int err = isb_txn_begin(store, ISB_ENV_CATALOG, true, &txn);
	if (err != ISB_OK) {
		isb_store_close(store);
		return cli_fail(CLI_FAILED, "cannot write the store in '%s': %s", cli->store_dir, isb_strerror(err));
	}
	isb_diags_init(&diags);
	struct isb_edit *edit = isb_edit_new(txn, cli->author, cli->reason, cli->now_ms);
	rc = change(cli, txn, edit, &diags, arg);
	if (rc == CLI_OK && check_whole(txn, &diags) != CLI_OK)
		rc = cli_refuse(&diags, "refused");
	if (rc == CLI_OK)
		rc = finish(cli, edit, txn, say_plan);
	else
		isb_txn_abort(txn);
	isb_edit_free(edit);
	isb_diags_done(&diags);
	isb_store_close(store);
	return rc;
}
