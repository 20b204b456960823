/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli.h"
#include "isobar/base/err.h"

/* set, add and remove: one object, an endpoint within its pool, or an rrset of a zone. */

enum mode { SET, ADD, REMOVE };

struct single {
	enum mode mode;
	int kind; /* of the words: enum isb_kind, CLI_ENDPOINT or CLI_RRSET */
	const char *name;
	const char *const *fields; /* "weight=20", … */
	int nfield;
};

/* The row that holds the thing, while it is edited. */
struct body {
	struct isb_arena arena;
	struct isb_yaml *root;
	enum isb_kind kind;
	const char *key;
	const char *endpoint; /* within its pool, or NULL */
	bool add;
	struct cli_edit *e;
};

/* "pool/endpoint" → the pool's row and the endpoint in it. */
static int locate(const struct single *s, struct body *b)
{
	b->kind = s->kind == CLI_ENDPOINT ? ISB_POOL : (enum isb_kind)s->kind;
	b->key = s->kind == ISB_RECORD && s->mode != ADD ? cli_record_key(b->e->txn, &b->arena, s->name) : s->name;
	if (s->kind != CLI_ENDPOINT)
		return CLI_OK;
	const char *slash = strchr(s->name, '/');
	if (!slash || slash == s->name || !slash[1] || strchr(slash + 1, '.'))
		return cli_fail(CLI_USAGE, "'%s' names no endpoint; write POOL/ENDPOINT, the latter without dots", s->name);
	b->key = isb_arena_strndup(&b->arena, s->name, (size_t)(slash - s->name));
	b->endpoint = slash + 1;
	return CLI_OK;
}

static int load(const struct single *s, struct body *b)
{
	struct cli_edit *e = b->e;
	const char *text = "{}\n";
	int rc = isb_object_get(e->txn, b->kind, b->key, &text);
	if (rc == ISB_ENOTFOUND && (s->mode != ADD || b->endpoint))
		return cli_unknown(e->txn, (int)b->kind, b->key);
	if (rc != ISB_OK && rc != ISB_ENOTFOUND)
		return cli_unreadable(e->cli, rc);
	const char *row = isb_arena_printf(&b->arena, "%s/%s", isb_kind_name(b->kind), b->key);
	if (isb_yaml_parse(&b->arena, row, text, strlen(text), &e->diags, &b->root) != ISB_OK || !b->endpoint)
		return CLI_OK;
	const struct isb_yaml *endpoints = isb_yaml_get(b->root, "endpoints");
	bool there = endpoints && isb_yaml_get(endpoints, b->endpoint);
	if (there && s->mode == ADD)
		return cli_fail(CLI_FAILED, "endpoint '%s' is there already; change it with: isobar set endpoint %s ...", s->name,
		                s->name);
	return there || s->mode == ADD ? CLI_OK : cli_unknown(e->txn, CLI_ENDPOINT, s->name);
}

static void set_field(struct body *b, const char *field, const char *value, const char *word)
{
	struct isb_mark at = {.file = isb_arena_printf(&b->arena, "argument '%s'", word)};
	if (b->endpoint)
		field = isb_arena_printf(&b->arena, "endpoints.%s%s%s", b->endpoint, *field ? "." : "", field);
	isb_yaml_set(&b->arena, b->root, field, value, at, &b->e->diags);
}

static int set_fields(const struct single *s, struct body *b)
{
	if (b->endpoint && s->mode != SET)
		set_field(b, "", s->mode == ADD ? "{}" : NULL, s->name);
	for (int i = 0; i < s->nfield; i++) {
		const char *equals = strchr(s->fields[i], '=');
		if (!equals)
			return cli_fail(CLI_USAGE, "'%s' sets nothing; write field=value (field= takes it away)", s->fields[i]);
		set_field(b, isb_arena_strndup(&b->arena, s->fields[i], (size_t)(equals - s->fields[i])),
		          equals[1] ? equals + 1 : NULL, s->fields[i]);
	}
	return CLI_OK;
}

/* --- Back into the store --- */

static int put_row(void *arg, enum isb_kind kind, const char *key, const char *body)
{
	struct body *b = arg;
	const char *old;
	bool own = kind == b->kind;
	if (!own && b->kind != ISB_ZONE) /* a record's zone stands before it only to hold it */
		return ISB_OK;
	if (own && b->add && isb_object_get(b->e->txn, kind, key, &old) == ISB_OK)
		return cli_fail(CLI_FAILED, "%s '%s' is there already; change it with: isobar set %s %s ...", isb_kind_name(kind),
		                key, isb_kind_name(kind), key);
	return isb_edit_put_object(b->e->edit, kind, key, body);
}

/* The body through the schema and back: checked, canonical. */
static int put(struct body *b)
{
	struct isb_catalog one;
	struct isb_diags *diags = &b->e->diags;
	struct cli_zone zone = {0};
	const char *slash = strchr(b->key, '/');
	isb_catalog_init(&one);
	if (b->kind == ISB_RECORD && slash) {
		const struct isb_yaml empty = {.kind = ISB_YAML_MAP};
		const char *name = isb_arena_strndup(&b->arena, b->key, (size_t)(slash - b->key));
		isb_schema_read_object(&one, ISB_ZONE, name, &empty, diags);
	}
	isb_schema_read_object(&one, b->kind, b->key, b->root, diags);
	if (b->kind == ISB_ZONE && one.nzone)
		cli_zone_read(&b->arena, &one.zones[0], diags, &zone);
	int rc = ISB_OK;
	if (!diags->count)
		rc = isb_schema_rows(&one, put_row, b);
	if (!diags->count && rc == ISB_OK)
		rc = cli_zone_put(b->e->edit, &zone);
	cli_zone_done(&zone);
	isb_catalog_done(&one);
	return rc < 0 ? cli_unwritable(b->e->cli, rc) : rc;
}

/* A zone goes with its records and rrsets. */
static int remove_zone(struct cli_edit *e, const char *zone)
{
	struct cli_names names = {0};
	int rc = cli_names_of(e->txn, ISB_RECORD, &names);
	size_t len = strlen(zone);
	for (size_t i = 0; rc == ISB_OK && i < names.count; i++)
		if (strncmp(names.list[i], zone, len) == 0 && names.list[i][len] == '/')
			rc = isb_edit_delete_object(e->edit, ISB_RECORD, names.list[i]);
	cli_names_done(&names);
	return rc == ISB_OK ? cli_zone_empty(e->edit, zone) : rc;
}

static int remove_object(struct body *b)
{
	int rc = isb_edit_delete_object(b->e->edit, b->kind, b->key);
	if (rc == ISB_OK && b->kind == ISB_ZONE)
		rc = remove_zone(b->e, b->key);
	if (b->kind != ISB_ZONE && b->kind != ISB_RECORD) /* then all that can be wrong is who names it */
		snprintf(b->e->refusal, sizeof(b->e->refusal), "%s '%s' is still in use there, nothing was changed",
		         isb_kind_name(b->kind), b->key);
	return rc == ISB_OK ? CLI_OK : cli_unwritable(b->e->cli, rc);
}

static int change_object(struct cli_edit *e, const struct single *s)
{
	struct body b = {.e = e, .add = s->mode == ADD && s->kind != CLI_ENDPOINT};
	int rc = locate(s, &b);
	if (rc == CLI_OK)
		rc = load(s, &b);
	if (rc == CLI_OK && !e->diags.count) {
		if (s->mode == REMOVE && !b.endpoint)
			rc = remove_object(&b);
		else if ((rc = set_fields(s, &b)) == CLI_OK && !e->diags.count)
			rc = put(&b);
	}
	isb_arena_done(&b.arena);
	return rc;
}

static int change(struct cli_edit *e)
{
	const struct single *s = e->arg;
	if (s->kind != CLI_RRSET)
		return change_object(e, s);
	return s->mode == REMOVE ? cli_remove_rrset(e, e->cli->words + 1, e->cli->count - 1)
	                         : cli_put_rrset(e, e->cli->words + 1, e->cli->count - 1, s->mode == ADD);
}

/* --- Verbs --- */

static int run(struct cli *cli, enum mode mode, const char *usage)
{
	struct single s = {.mode = mode};
	if (cli->count) {
		int rc = cli_kind_parse(cli->words[0], &s.kind);
		if (rc != CLI_OK)
			return rc;
	}
	if (cli->count < 2 || (mode == SET && cli->count < 3))
		return cli_fail(CLI_USAGE, "write: isobar %s; isobar help %s says what can be set", usage,
		                cli->count ? cli_kind_name(s.kind) : "KIND");
	s.name = cli->words[1];
	s.fields = cli->words + 2;
	s.nfield = cli->count - 2;
	if (mode == REMOVE && s.nfield && s.kind != CLI_RRSET)
		return cli_fail(CLI_USAGE, "remove takes a whole %s; to take a field away: isobar set %s %s %s=", cli->words[0],
		                cli->words[0], s.name, s.fields[0]);
	return cli_edit(cli, change, NULL, &s);
}

static int run_set(struct cli *cli)
{
	return run(cli, SET, "set KIND NAME field=value ...");
}

static int run_add(struct cli *cli)
{
	return run(cli, ADD, "add KIND NAME field=value ...");
}

static int run_remove(struct cli *cli)
{
	return run(cli, REMOVE, "remove KIND NAME");
}

#define FIELDS_MORE \
	"KIND is region, check, pool, endpoint (POOL/ENDPOINT), policy, zone or record (ZONE/OWNER);\n" \
	"isobar help KIND lists its fields (of a check: help checks). A value is written as in YAML:\n" \
	"[A, AAAA], {use: us, weight: 3}; dots lead inside: expect.status=200. RDATA is one record's, as in\n" \
	"a master file.\n"

const struct verb verb_set = {
	"set", "KIND NAME field=value ...\nrrset NAME TYPE TTL RDATA ...",
	"change fields of an object or endpoint, or replace an rrset", FIELDS_MORE "field= takes a field away.\n",
	"endpoint asia/icn-1 weight=20 -r 'new machines'", CLI_EDITS, run_set,
	CLI_CHANGE, "fields, or an rrset", CLI_ANY_KIND};
const struct verb verb_add = {
	"add", "KIND NAME field=value ...\nrrset NAME TYPE TTL RDATA ...", "make an object, an endpoint or an rrset",
	FIELDS_MORE, "record example.com/www types=[A,AAAA] policy=www ttl=30s", CLI_EDITS, run_add,
	CLI_CHANGE, "an object or rrset", CLI_ANY_KIND};
const struct verb verb_remove = {
	"remove", "KIND NAME\nrrset NAME TYPE", "take an object, an endpoint or an rrset away",
	"A zone goes with its records and rrsets. What is still in use is not removed.\n", "endpoint asia/icn-2", CLI_EDITS,
	run_remove,
	CLI_CHANGE, "one of them", CLI_ANY_KIND};
