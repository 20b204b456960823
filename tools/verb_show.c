/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "isobar/base/err.h"
#include "isobar/model/dname.h"

/* show: names of a kind, or one object as it is stored. */

struct shown {
	struct cli *cli;
	struct isb_txn *txn;
	json_t *json; /* the list or object being made; NULL: text */
	size_t count;
};

/* --- rrsets --- */

static int list_rrset(void *arg, const uint8_t *owner, const struct isb_rrset *set)
{
	struct shown *s = arg;
	char name[ISB_DNAME_TEXT], type[ISB_TYPE_TEXT];
	isb_dname_print(owner, name);
	isb_type_print(set->type, type);
	s->count++;
	if (s->json)
		json_array_append_new(s->json, json_pack("{s:s, s:s}", "name", name, "type", type));
	else
		printf("rrset %s %s\n", name, type);
	return 0;
}

static int list_rrsets(struct shown *s)
{
	struct cli_names zones = {0};
	int rc = cli_names_of(s->txn, ISB_ZONE, &zones);
	for (size_t i = 0; rc == ISB_OK && i < zones.count; i++) {
		uint8_t apex[ISB_DNAME_MAX];
		if (isb_dname_parse(zones.list[i], NULL, apex) < 0)
			continue;
		rc = isb_rrset_each(s->txn, apex, list_rrset, s);
	}
	cli_names_done(&zones);
	return rc;
}

struct one_owner {
	uint8_t owner[ISB_DNAME_MAX];
	uint16_t type; /* 0: any */
	struct isb_buf text;
};

static int print_owned(void *arg, const uint8_t *owner, const struct isb_rrset *set)
{
	struct one_owner *one = arg;
	if (!one->type || one->type == set->type)
		isb_rrset_print(&one->text, owner, set);
	return 0;
}

static int show_rrset(struct shown *s, const char *name, const char *type)
{
	struct one_owner one = {0};
	const uint8_t *apex;
	int rc = cli_parse_rrset(name, type, one.owner, &one.type);
	if (rc != CLI_OK)
		return rc;
	int err = cli_zone_of(s->txn, one.owner, &apex);
	if (err == ISB_ENOTFOUND)
		return cli_fail(CLI_NOT_FOUND, "no zone of the catalog holds '%s'; isobar show zones lists them", name);
	if (err == ISB_OK)
		err = isb_rrset_each_at(s->txn, apex, one.owner, false, print_owned, &one);
	if (err != ISB_OK) {
		rc = cli_unreadable(s->cli, err);
	} else if (!one.text.len) {
		rc = cli_fail(CLI_NOT_FOUND, "there is no rrset %s%s%s; isobar show rrsets lists them", name, type ? " " : "",
		              type ? type : "");
	} else if (s->cli->json) {
		json_t *lines = json_array();
		for (const char *line = one.text.data, *nl; (nl = strchr(line, '\n')); line = nl + 1)
			json_array_append_new(lines, json_stringn(line, (size_t)(nl - line)));
		cli_print_json(s->cli, lines);
	} else {
		fputs(one.text.data, stdout);
	}
	isb_buf_done(&one.text);
	return rc;
}

/* --- Lists --- */

static int list_kind(struct shown *s, int kind)
{
	struct cli_names names = {0};
	int rc = cli_names_of(s->txn, kind, &names);
	s->count += names.count;
	for (size_t i = 0; i < names.count; i++)
		if (s->json)
			json_array_append_new(s->json, json_string(names.list[i]));
		else
			printf("%s %s\n", cli_kind_name(kind), names.list[i]);
	cli_names_done(&names);
	return rc;
}

/* Kinds from..to by name; rrsets only when asked for: there may be millions. */
static int list(struct shown *s, int from, int to)
{
	json_t *all = s->cli->json ? json_object() : NULL;
	int rc = ISB_OK;
	for (int kind = from; rc == ISB_OK && kind <= to; kind++) {
		s->json = all ? json_array() : NULL;
		rc = kind == CLI_RRSET ? list_rrsets(s) : list_kind(s, kind);
		if (all)
			json_object_set_new(all, cli_kind_plural(kind), s->json);
	}
	if (all)
		cli_print_json(s->cli, all);
	else if (!s->count && rc == ISB_OK)
		puts("nothing here yet");
	return rc == ISB_OK ? CLI_OK : cli_unreadable(s->cli, rc);
}

/* --- One object --- */

static int show_endpoint(struct shown *s, const char *name)
{
	struct isb_arena arena = {0};
	struct isb_diags diags = {0};
	const char *slash = strchr(name, '/'), *body;
	const char *pool = isb_arena_strndup(&arena, name, strcspn(name, "/"));
	struct isb_yaml *root = NULL;
	const struct isb_yaml *endpoint = NULL;
	if (slash && isb_object_get(s->txn, ISB_POOL, pool, &body) == ISB_OK &&
	    isb_yaml_parse(&arena, name, body, strlen(body), &diags, &root) == ISB_OK) {
		const struct isb_yaml *all = isb_yaml_get(root, "endpoints");
		endpoint = all ? isb_yaml_get(all, slash + 1) : NULL;
	}
	int rc = CLI_OK;
	if (!endpoint)
		rc = cli_unknown(s->txn, CLI_ENDPOINT, name);
	else if (s->cli->json)
		cli_print_json(s->cli, cli_json_yaml(endpoint));
	else
		cli_print_yaml(endpoint);
	isb_diags_done(&diags);
	isb_arena_done(&arena);
	return rc;
}

static int show_object(struct shown *s, int kind, const char *name)
{
	struct isb_arena arena = {0};
	const char *body, *key = kind == ISB_RECORD ? cli_record_key(s->txn, &arena, name) : name;
	int rc = isb_object_get(s->txn, (enum isb_kind)kind, key, &body);
	isb_arena_done(&arena);
	if (rc == ISB_ENOTFOUND)
		return cli_unknown(s->txn, kind, name);
	if (rc != ISB_OK)
		return cli_unreadable(s->cli, rc);
	if (s->cli->json)
		cli_print_json(s->cli, cli_json_body(body));
	else
		fputs(body, stdout);
	return CLI_OK;
}

static int show(struct shown *s)
{
	const char *const *words = s->cli->words;
	int kind, count = s->cli->count;
	if (count == 0)
		return list(s, 0, CLI_ENDPOINT);
	int rc = cli_kind_parse(words[0], &kind);
	if (rc != CLI_OK)
		return rc;
	if (count > (kind == CLI_RRSET ? 3 : 2))
		return cli_fail(CLI_USAGE, "show takes one name; write: isobar show %s %s", words[0], words[1]);
	if (count == 1)
		return list(s, kind, kind);
	return kind == CLI_RRSET      ? show_rrset(s, words[1], words[2])
	       : kind == CLI_ENDPOINT ? show_endpoint(s, words[1])
	                              : show_object(s, kind, words[1]);
}

static int once(struct cli *cli)
{
	struct cli_reader reader;
	if (cli->count && (strcmp(cli->words[0], "generation") == 0 || strcmp(cli->words[0], "generations") == 0)) {
		if (cli->count > 2)
			return cli_fail(CLI_USAGE, "show takes one generation; write: isobar show generation %s", cli->words[1]);
		return cli_show_generation(cli, cli->words[1]);
	}
	int rc = cli_read(cli, &reader);
	if (rc != CLI_OK)
		return rc;
	struct shown s = {.cli = cli, .txn = reader.catalog};
	rc = show(&s);
	cli_read_done(&reader);
	return rc;
}

static int run(struct cli *cli)
{
	return cli_watch(cli, once);
}

const struct verb verb_show = {
	"show", "[KIND [NAME]]\nrrset [NAME [TYPE]]\ngeneration [GENERATION]", "list objects, or print one as it is stored",
	"KIND is region, check, pool, endpoint (POOL/ENDPOINT), policy, zone, record (ZONE/OWNER) or rrset.\n"
	"Fields at their default are left out; isobar help KIND lists all. A generation is shown as what its\n"
	"edit changed: who, when, why, and each line before and after.\n",
	"pool asia", "w", run,
	CLI_LOOK, "objects as stored", CLI_ANY_KIND};
