/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "cli.h"
#include "isobar/base/err.h"

/* What a package does once, so that the server has something to start with before anybody applied a catalog. */

static int tell(const struct cli *cli, int found, uint64_t generation)
{
	if (cli->json)
		cli_print_json(cli, json_pack("{s:s, s:b, s:I}", "store", cli->store_dir, "made", found == ISB_ENOTFOUND, "generation",
		                         (json_int_t)generation));
	else if (found == ISB_ENOTFOUND)
		printf("made an empty store in '%s'\n", cli->store_dir);
	else if (found == ISB_EVERSION)
		printf("added what the store in '%s' did not have yet; its catalog is as it was\n", cli->store_dir);
	else
		printf("there is a store in '%s' already, at generation %" PRIu64 "; nothing was changed\n", cli->store_dir,
		       generation);
	return CLI_OK;
}

static int run(struct cli *cli)
{
	struct isb_store *store;
	struct isb_txn *txn;
	if (cli->count)
		return cli_fail(CLI_USAGE, "init takes no words; the directory is named with --store");
	int found = isb_store_open(cli->store_dir, ISB_STORE_READ, &store, NULL);
	int rc = found == ISB_OK ? CLI_OK : cli_open(cli, ISB_STORE_WRITE_CATALOG, &store);
	if (rc != CLI_OK)
		return rc;
	int err = isb_txn_begin(store, ISB_ENV_CATALOG, false, &txn);
	rc = err == ISB_OK ? tell(cli, found, isb_generation(txn)) : cli_unreadable(cli, err);
	if (err == ISB_OK)
		isb_txn_abort(txn);
	isb_store_close(store);
	return rc;
}

const struct verb verb_init = {
	"init", "", "make an empty store, or say that there is one",
	"The directory is made, one level of it, with what the daemons need to start before there is a\n"
	"catalog. A store that is there stays as it is. apply -f makes one as well.\n", "", "", run,
	CLI_MORE, "an empty store", NULL};
