/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/model/dname.h"

/* show: names of a kind, or one object as it is stored. log: the journal. */

struct listing {
	json_t *json; /* NULL: text */
	enum isb_kind kind;
	size_t count;
};

static int list_one(void *arg, const char *key, const char *body)
{
	struct listing *l = arg;
	(void)body;
	l->count++;
	if (l->json)
		json_array_append_new(json_object_get(l->json, isb_kind_plural(l->kind)), json_string(key));
	else
		printf("%s %s\n", isb_kind_name(l->kind), key);
	return 0;
}

static int list(struct cli *cli, struct isb_txn *txn, enum isb_kind from, enum isb_kind to)
{
	struct listing l = {.json = cli->json ? json_object() : NULL};
	int rc = ISB_OK;
	for (l.kind = from; rc == ISB_OK && l.kind <= to; l.kind++) {
		if (l.json)
			json_object_set_new(l.json, isb_kind_plural(l.kind), json_array());
		rc = isb_object_each(txn, l.kind, list_one, &l);
	}
	if (l.json)
		cli_print_json(l.json);
	else if (!l.count)
		printf("nothing here yet\n");
	return rc == ISB_OK ? CLI_OK : cli_fail(CLI_FAILED, "cannot read the store: %s", isb_strerror(rc));
}

static int show_endpoint(struct cli *cli, struct isb_txn *txn, const char *name)
{
	struct isb_arena arena = {0};
	struct isb_diags diags = {0};
	const char *slash = strchr(name, '/'), *body;
	struct isb_yaml *root = NULL, *endpoint = NULL;
	if (slash && isb_object_get(txn, ISB_POOL, isb_arena_strndup(&arena, name, (size_t)(slash - name)), &body) == ISB_OK &&
	    isb_yaml_parse(&arena, name, body, strlen(body), &diags, &root) == ISB_OK) {
		struct isb_yaml *all = isb_yaml_get(root, "endpoints");
		endpoint = all ? isb_yaml_get(all, slash + 1) : NULL;
	}
	int rc = CLI_OK;
	if (!endpoint) {
		rc = cli_fail(CLI_FAILED, "there is no endpoint '%s'; isobar status lists them", name);
	} else if (cli->json) {
		cli_print_json(cli_json_yaml(endpoint));
	} else {
		for (size_t i = 0; i < endpoint->count; i++) {
			json_t *value = cli_json_yaml(endpoint->pairs[i].value);
			char *text = json_dumps(value, JSON_ENCODE_ANY);
			printf("%s: %s\n", endpoint->pairs[i].key, text);
			free(text);
			json_decref(value);
		}
	}
	isb_diags_done(&diags);
	isb_arena_done(&arena);
	return rc;
}

static int show(struct cli *cli, struct isb_txn *txn)
{
	enum isb_kind kind;
	const char *body;
	if (cli->count == 0)
		return list(cli, txn, ISB_REGION, ISB_RECORD);
	if (cli->count == 2 && strcmp(cli->words[0], "endpoint") == 0)
		return show_endpoint(cli, txn, cli->words[1]);
	if (isb_kind_parse(cli->words[0], &kind) != ISB_OK)
		return cli_fail(CLI_USAGE, "there is no kind '%s'; write region, check, pool, endpoint, policy, zone or record",
		                cli->words[0]);
	if (cli->count == 1)
		return list(cli, txn, kind, kind);
	if (isb_object_get(txn, kind, cli->words[1], &body) != ISB_OK)
		return cli_fail(CLI_FAILED, "there is no %s '%s'; isobar show %s lists them", isb_kind_name(kind), cli->words[1],
		                isb_kind_plural(kind));
	if (cli->json)
		cli_print_json(cli_json_body(body));
	else
		fputs(body, stdout);
	return CLI_OK;
}

static int run_show(struct cli *cli)
{
	struct cli_reader reader;
	int rc = cli_read(cli, &reader);
	if (rc != CLI_OK)
		return rc;
	rc = show(cli, reader.catalog);
	cli_read_done(&reader);
	return rc;
}

/* --- log ----------------------------------------------------------------------------------------------------------- */

struct logging {
	struct isb_txn *txn;
	json_t *json;
};

static int print_change(void *arg, const struct isb_change *change)
{
	json_t *list = arg;
	enum isb_kind kind;
	const char *key, *sign = !change->before.data ? "+" : !change->after.data ? "-" : "~";
	uint8_t zone[ISB_DNAME_MAX], owner[ISB_DNAME_MAX];
	char text[ISB_DNAME_TEXT + 64], name[ISB_DNAME_TEXT], type[ISB_TYPE_TEXT];
	uint16_t rrtype;
	if (change->table == ISB_T_OBJECT && isb_change_object(change, &kind, &key) == ISB_OK)
		snprintf(text, sizeof(text), "%s %s %s", sign, isb_kind_name(kind), key);
	else if (change->table == ISB_T_RRSET && isb_change_rrset(change, zone, owner, &rrtype) == ISB_OK)
		snprintf(text, sizeof(text), "%s rrset %s %s", sign, isb_dname_print(owner, name), isb_type_print(rrtype, type));
	else if (change->table == ISB_T_ADMIN)
		snprintf(text, sizeof(text), "%s admin %s", sign, (const char *)change->key.data);
	else
		return 0; /* slots follow from pools; latencies are counted in the header */
	if (list)
		json_array_append_new(list, json_string(text));
	else
		printf("    %s\n", text);
	return 0;
}

static int print_entry(void *arg, const struct isb_journal_entry *entry)
{
	struct logging *l = arg;
	char when[24];
	isb_time_print(entry->time_ms, when);
	if (l->json) {
		json_t *changes = json_array();
		isb_journal_changes(l->txn, entry->generation, print_change, changes);
		json_array_append_new(l->json, json_pack("{s:I, s:s, s:s, s:s, s:o}", "generation", (json_int_t)entry->generation,
		                                         "time", when, "author", entry->author, "reason", entry->reason, "changes",
		                                         changes));
		return 0;
	}
	printf("generation %" PRIu64 "  %s  %s%s%s\n", entry->generation, when, entry->author, *entry->reason ? ": " : "",
	       entry->reason);
	return entry->changes > 50 ? (printf("    %u changes\n", entry->changes), 0)
	                           : isb_journal_changes(l->txn, entry->generation, print_change, NULL);
}

static int run_log(struct cli *cli)
{
	struct cli_reader reader;
	int rc = cli_read(cli, &reader);
	if (rc != CLI_OK)
		return rc;
	struct logging l = {.txn = reader.catalog, .json = cli->json ? json_array() : NULL};
	int err = isb_journal_each(reader.catalog, 1, print_entry, &l);
	if (l.json)
		cli_print_json(l.json);
	cli_read_done(&reader);
	return err == ISB_OK ? CLI_OK : cli_fail(CLI_FAILED, "cannot read the journal: %s", isb_strerror(err));
}

const struct verb verb_show = {"show", "[KIND [NAME]]", "list objects, or print one as it is stored", "", run_show};
const struct verb verb_log = {"log", "", "every change of the catalog: when, who, why, what", "", run_log};
