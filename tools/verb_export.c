/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "isobar/base/err.h"
#include "isobar/model/dname.h"
#include "isobar/model/rr.h"

/* The whole catalog as apply reads it: the objects, and the ordinary rrsets as each zone's text. Or a zone's text alone,
 * as a master file (RFC 1035). */

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

/* --- One zone as a master file --- */

static const char *type_word(uint16_t type, char room[ISB_TYPE_TEXT])
{
	return type == ISB_ALIAS ? "ALIAS" : isb_type_print(type, room);
}

/* Comments, and nothing else that a reader could take for data. */
static void add_steered(struct isb_buf *out, const struct isb_zone *zone)
{
	if (zone->nrecord)
		isb_buf_puts(out, "; steered by isobar, and so not in this file; ordinary records of these names and types are what "
		                  "they fall back to:\n");
	for (size_t i = 0; i < zone->nrecord; i++) {
		const struct isb_record *record = &zone->records[i];
		char type[ISB_TYPE_TEXT];
		isb_buf_printf(out, ";   %s", record->owner);
		for (size_t t = 0; t < record->ntype; t++)
			isb_buf_printf(out, " %s", type_word(record->types[t], type));
		isb_buf_printf(out, " by %s (isobar show record %s/%s)\n", record->policy.name, zone->name, record->owner);
	}
}

static json_t *json_steered(const struct isb_zone *zone)
{
	json_t *list = json_array();
	for (size_t i = 0; i < zone->nrecord; i++) {
		const struct isb_record *record = &zone->records[i];
		json_t *types = json_array();
		char type[ISB_TYPE_TEXT];
		for (size_t t = 0; t < record->ntype; t++)
			json_array_append_new(types, json_string(type_word(record->types[t], type)));
		json_array_append_new(list, json_pack("{s:s, s:o, s:s}", "owner", record->owner, "types", types, "policy",
		                                      record->policy.name));
	}
	return list;
}

static void print_zone(const struct cli *cli, const struct isb_zone *zone, const char *text)
{
	struct isb_buf head = {0};
	if (cli->json) {
		cli_print_json(cli, json_pack("{s:s, s:s, s:o}", "zone", zone->name, "text", text, "steered", json_steered(zone)));
		return;
	}
	isb_buf_printf(&head, "; zone %s, as isobar export zone prints it\n", zone->name);
	add_steered(&head, zone);
	fputs(isb_buf_text(&head), stdout);
	fputs(text, stdout);
	isb_buf_done(&head);
}

static int export_zone(struct cli *cli, struct isb_txn *txn, const char *word)
{
	struct isb_catalog catalog;
	struct isb_diags diags = {0};
	struct exporting e = {.txn = txn};
	uint8_t apex[ISB_DNAME_MAX];
	char name[ISB_DNAME_TEXT];
	isb_catalog_init(&catalog);
	if (isb_dname_parse(word, NULL, apex) >= 0) { /* as zones are called: lower case, no final dot */
		isb_dname_lower(apex, apex);
		word = isb_dname_print_bare(apex, name);
	}
	int rc = CLI_OK, err = isb_catalog_load_zone(txn, &catalog, word, &diags);
	const struct isb_zone *zone = err == ISB_OK ? isb_catalog_zone(&catalog, word) : NULL;
	const char *text = zone ? zone_text(&e, zone) : NULL;
	if (err == ISB_ENOTFOUND) {
		rc = cli_unknown(txn, ISB_ZONE, word);
	} else if (err != ISB_OK || e.rc != ISB_OK || !text) {
		isb_diags_print(&diags, stderr);
		rc = cli_unreadable(cli, err != ISB_OK ? err : e.rc != ISB_OK ? e.rc : ISB_EFORMAT);
	} else {
		print_zone(cli, zone, text);
	}
	isb_buf_done(&e.text);
	isb_diags_done(&diags);
	isb_catalog_done(&catalog);
	return rc;
}

static int run(struct cli *cli)
{
	struct cli_reader reader;
	bool zone = cli->count == 2 && strcmp(cli->words[0], "zone") == 0;
	if (cli->count && !zone)
		return cli_fail(CLI_USAGE, "export prints everything, or a zone as a master file: isobar export zone NAME; for one "
		                "object write: isobar show KIND NAME");
	int rc = cli_read(cli, &reader);
	if (rc != CLI_OK)
		return rc;
	rc = zone ? export_zone(cli, reader.catalog, cli->words[1]) : export(cli, reader.catalog);
	cli_read_done(&reader);
	return rc;
}

const struct verb verb_export = {
	"export", "\nzone NAME", "print the whole catalog as apply reads it, or a zone as a master file",
	"Zones carry their ordinary records as text:. Round trips, what operators forced, and the\n"
	"journal are not in it. A zone's master file has its ordinary records; what is steered is told in\n"
	"comments. isobar import zone reads it back.\n", "> backup.yaml", "", run,
	CLI_LOOK, "all, or a zone's file", NULL};
