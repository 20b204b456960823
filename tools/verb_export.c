/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cli.h"
#include "isobar/base/err.h"
#include "isobar/model/dname.h"

/* The whole catalog as apply reads it: the objects, and the ordinary rrsets as each zone's text. */

struct exporting {
	struct isb_txn *txn;
	struct isb_buf text;
	int rc;
};

/* All but the SOA, which comes first in a master file. */
static int add_set(void *arg, const uint8_t *owner, const struct isb_rrset *set)
{
	if (set->type != ISB_SOA)
		isb_rrset_print(arg, owner, set);
	return 0;
}

static const char *zone_text(void *arg, const struct isb_zone *zone)
{
	struct exporting *e = arg;
	uint8_t apex[ISB_DNAME_MAX];
	const struct isb_rrset *soa;
	isb_buf_reset(&e->text);
	if (isb_dname_parse(zone->name, NULL, apex) < 0)
		return NULL;
	isb_dname_lower(apex, apex);
	int rc = isb_rrset_get(e->txn, apex, apex, ISB_SOA, &soa);
	if (rc == ISB_OK) {
		isb_rrset_print(&e->text, apex, soa);
		rc = isb_rrset_each(e->txn, apex, add_set, &e->text);
	}
	if (rc != ISB_OK)
		e->rc = rc;
	return e->text.len ? e->text.data : NULL;
}

static int export(struct cli *cli, struct isb_txn *txn)
{
	struct isb_catalog catalog;
	struct isb_diags diags = {0};
	struct isb_buf out = {0};
	struct exporting e = {.txn = txn};
	isb_catalog_init(&catalog);
	e.rc = isb_catalog_load(txn, &catalog, &diags);
	if (e.rc == ISB_OK)
		isb_schema_print(&out, &catalog, zone_text, &e);
	int rc = CLI_OK;
	if (e.rc != ISB_OK) {
		isb_diags_print(&diags, stderr);
		rc = cli_unreadable(cli, e.rc);
	} else if (cli->json) {
		cli_print_json(cli, cli_json_body(isb_buf_text(&out)));
	} else {
		fwrite(isb_buf_text(&out), 1, out.len, stdout);
	}
	isb_buf_done(&e.text);
	isb_buf_done(&out);
	isb_diags_done(&diags);
	isb_catalog_done(&catalog);
	return rc;
}

static int run(struct cli *cli)
{
	struct cli_reader reader;
	if (cli->count)
		return cli_fail(CLI_USAGE, "export prints everything; for one object write: isobar show KIND NAME");
	int rc = cli_read(cli, &reader);
	if (rc != CLI_OK)
		return rc;
	rc = export(cli, reader.catalog);
	cli_read_done(&reader);
	return rc;
}

const struct verb verb_export = {
	"export", "", "print the whole catalog as apply reads it",
	"Zones carry their ordinary records as text:. Round trips, what operators forced, and the\n"
	"journal are not in it.\n", "> backup.yaml", "", run,
	CLI_LOOK, "the whole catalog", NULL};
