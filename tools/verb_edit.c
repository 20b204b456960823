/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/model/dname.h"
#include "isobar/view/zonefile.h"

/* set, add and remove: one object, an endpoint within its pool, or an rrset of a zone. */

enum mode { SET, ADD, REMOVE };
enum { KIND_ENDPOINT = ISB_KIND_COUNT, KIND_RRSET };

struct single {
	enum mode mode;
	int kind;           /* enum isb_kind, KIND_ENDPOINT or KIND_RRSET */
	const char *name;
	const char *const *fields; /* "weight=20", … */
	int nfield;
};

static int parse_kind(const char *word, int *ret_kind)
{
	static const char *const words[] = {"region", "check", "pool", "policy", "zone", "record", "endpoint", "rrset", NULL};
	enum isb_kind kind;
	if (isb_kind_parse(word, &kind) == ISB_OK) {
		*ret_kind = (int)kind;
		return CLI_OK;
	}
	if (strcmp(word, "endpoint") == 0 || strcmp(word, "rrset") == 0) {
		*ret_kind = *word == 'e' ? KIND_ENDPOINT : KIND_RRSET;
		return CLI_OK;
	}
	const char *near = isb_nearest(word, words);
	return near ? cli_fail(CLI_USAGE, "there is no kind '%s'; did you mean '%s'?", word, near)
	            : cli_fail(CLI_USAGE, "there is no kind '%s'; write region, check, pool, endpoint, policy, zone, record or rrset",
	                       word);
}

/* --- Objects and endpoints ----------------------------------------------------------------------------------------- */

struct body {
	struct isb_arena arena;
	struct isb_yaml *root;
	const char *key;    /* of the row */
	const char *prefix; /* "endpoints.icn-1." or "" */
	enum isb_kind kind;
};

/* "pool/endpoint" → the pool's row and the place of the endpoint in it. */
static int locate(struct cli *cli, const struct single *s, struct body *b)
{
	b->kind = s->kind == KIND_ENDPOINT ? ISB_POOL : (enum isb_kind)s->kind;
	b->key = s->name;
	b->prefix = "";
	if (s->kind != KIND_ENDPOINT)
		return CLI_OK;
	const char *slash = strchr(s->name, '/');
	if (!slash || !slash[1])
		return cli_fail(CLI_USAGE, "'%s' names no endpoint; write POOL/ENDPOINT", s->name);
	(void)cli;
	b->key = isb_arena_strndup(&b->arena, s->name, (size_t)(slash - s->name));
	b->prefix = isb_arena_printf(&b->arena, "endpoints.%s.", slash + 1);
	return CLI_OK;
}

static int suggest_missing(struct isb_txn *txn, enum isb_kind kind, const char *key);

static int load_body(struct isb_txn *txn, const struct single *s, struct body *b, struct isb_diags *diags)
{
	const char *text = "{}\n";
	bool there = isb_object_get(txn, b->kind, b->key, &text) == ISB_OK;
	bool whole = s->kind != KIND_ENDPOINT;
	if (!there && (s->mode != ADD || !whole))
		return suggest_missing(txn, b->kind, b->key);
	if (there && s->mode == ADD && whole)
		return cli_fail(CLI_FAILED, "%s '%s' is there already; change it with: isobar set %s %s ...", isb_kind_name(b->kind),
		                b->key, isb_kind_name(b->kind), b->key);
	if (isb_yaml_parse(&b->arena, b->key, text, strlen(text), diags, &b->root) != ISB_OK)
		return cli_refuse(diags, "cannot read the stored object");
	if (whole)
		return CLI_OK;
	const char *endpoint = strchr(s->name, '/') + 1;
	struct isb_yaml *endpoints = isb_yaml_get(b->root, "endpoints");
	bool known = endpoints && isb_yaml_get(endpoints, endpoint);
	if (known && s->mode == ADD)
		return cli_fail(CLI_FAILED, "endpoint '%s' is there already; change it with: isobar set endpoint %s ...", s->name,
		                s->name);
	if (!known && s->mode != ADD) {
		const char *names[1025] = {NULL};
		for (size_t i = 0; endpoints && i < endpoints->count && i < 1024; i++)
			names[i] = endpoints->pairs[i].key;
		const char *near = isb_nearest(endpoint, names);
		return near ? cli_fail(CLI_FAILED, "pool '%s' has no endpoint '%s'; did you mean '%s'?", b->key, endpoint, near)
		            : cli_fail(CLI_FAILED, "pool '%s' has no endpoint '%s'", b->key, endpoint);
	}
	return CLI_OK;
}

struct names {
	const char **list;
	size_t count;
	struct isb_arena arena;
};

static int collect(void *arg, const char *key, const char *body)
{
	struct names *n = arg;
	(void)body;
	n->list = isb_xrealloc(n->list, (n->count + 2) * sizeof(*n->list));
	n->list[n->count++] = isb_arena_strdup(&n->arena, key);
	n->list[n->count] = NULL;
	return 0;
}

static int suggest_missing(struct isb_txn *txn, enum isb_kind kind, const char *key)
{
	struct names n = {0};
	isb_object_each(txn, kind, collect, &n);
	const char *near = n.count ? isb_nearest(key, n.list) : NULL;
	int rc = near ? cli_fail(CLI_FAILED, "there is no %s '%s'; did you mean '%s'?", isb_kind_name(kind), key, near)
	              : cli_fail(CLI_FAILED, "there is no %s '%s'; make one with: isobar add %s %s ...", isb_kind_name(kind), key,
	                         isb_kind_name(kind), key);
	free(n.list);
	isb_arena_done(&n.arena);
	return rc;
}

static int set_fields(const struct single *s, struct body *b, struct isb_diags *diags)
{
	for (int i = 0; i < s->nfield; i++) {
		const char *equals = strchr(s->fields[i], '=');
		if (!equals)
			return cli_fail(CLI_USAGE, "'%s' sets nothing; write field=value (field= takes it away)", s->fields[i]);
		char *field = isb_arena_printf(&b->arena, "%s%.*s", b->prefix, (int)(equals - s->fields[i]), s->fields[i]);
		struct isb_mark at = {.file = isb_arena_printf(&b->arena, "argument '%s'", s->fields[i])};
		isb_yaml_set(&b->arena, b->root, field, equals[1] ? equals + 1 : NULL, at, diags);
	}
	return diags->count ? cli_refuse(diags, "refused") : CLI_OK;
}

static const void *last_object(const struct isb_catalog *c, enum isb_kind kind)
{
	switch (kind) {
	case ISB_REGION: return &c->regions[c->nregion - 1];
	case ISB_CHECK: return &c->checks[c->ncheck - 1];
	case ISB_POOL: return &c->pools[c->npool - 1];
	case ISB_POLICY: return &c->policies[c->npolicy - 1];
	case ISB_ZONE: return &c->zones[c->nzone - 1];
	default: return &c->zones[c->nzone - 1].records[c->zones[c->nzone - 1].nrecord - 1];
	}
}

/* The body through the schema and back: checked, canonical. A record's zone is put before it. */
static int put_body(struct isb_edit *edit, struct body *b, struct isb_diags *diags)
{
	struct isb_catalog one;
	struct isb_buf out = {0};
	isb_catalog_init(&one);
	if (b->kind == ISB_RECORD && strchr(b->key, '/')) {
		struct isb_yaml empty = {.kind = ISB_YAML_MAP};
		const char *zone = isb_arena_strndup(&b->arena, b->key, (size_t)(strchr(b->key, '/') - b->key));
		isb_schema_read_object(&one, ISB_ZONE, zone, &empty, diags);
	}
	int rc = isb_schema_read_object(&one, b->kind, b->key, b->root, diags);
	if (rc == ISB_OK) {
		isb_schema_print_object(&out, b->kind, last_object(&one, b->kind));
		rc = isb_edit_put_object(edit, b->kind, b->key, isb_buf_text(&out));
	}
	isb_buf_done(&out);
	isb_catalog_done(&one);
	if (diags->count)
		return cli_refuse(diags, "refused");
	return rc == ISB_OK ? CLI_OK : cli_fail(CLI_FAILED, "cannot write the store: %s", isb_strerror(rc));
}

/* A zone goes with its records and rrsets. */
static int remove_zone(struct isb_txn *txn, struct isb_edit *edit, const char *zone)
{
	struct names n = {0};
	uint8_t apex[ISB_DNAME_MAX];
	int rc = isb_object_each(txn, ISB_RECORD, collect, &n);
	size_t len = strlen(zone);
	for (size_t i = 0; rc == ISB_OK && i < n.count; i++)
		if (strncmp(n.list[i], zone, len) == 0 && n.list[i][len] == '/')
			rc = isb_edit_delete_object(edit, ISB_RECORD, n.list[i]);
	if (rc == ISB_OK && isb_dname_parse(zone, NULL, apex) >= 0) {
		isb_dname_lower(apex, apex);
		rc = isb_edit_zone_begin(edit, apex);
		if (rc == ISB_OK)
			rc = isb_edit_zone_end(edit);
	}
	free(n.list);
	isb_arena_done(&n.arena);
	return rc;
}

static int change_object(struct cli *cli, struct isb_txn *txn, struct isb_edit *edit, struct isb_diags *diags,
                         const struct single *s)
{
	struct body b = {0};
	int rc = locate(cli, s, &b);
	if (rc == CLI_OK)
		rc = load_body(txn, s, &b, diags);
	if (rc == CLI_OK && s->mode == REMOVE && s->kind != KIND_ENDPOINT) {
		int err = isb_edit_delete_object(edit, b.kind, b.key);
		if (err == ISB_OK && b.kind == ISB_ZONE)
			err = remove_zone(txn, edit, b.key);
		if (err != ISB_OK)
			rc = cli_fail(CLI_FAILED, "cannot write the store: %s", isb_strerror(err));
	} else if (rc == CLI_OK) {
		if (s->mode == REMOVE) {
			char *field = isb_arena_strndup(&b.arena, b.prefix, strlen(b.prefix) - 1);
			isb_yaml_set(&b.arena, b.root, field, NULL, (struct isb_mark){0}, diags);
		}
		rc = set_fields(s, &b, diags);
		if (rc == CLI_OK)
			rc = put_body(edit, &b, diags);
	}
	isb_arena_done(&b.arena);
	return rc;
}

/* --- rrsets -------------------------------------------------------------------------------------------------------- */

/* The stored zone that holds a name: the longest. */
static int zone_of(struct isb_txn *txn, const uint8_t *owner, const uint8_t **ret_apex)
{
	unsigned labels = isb_dname_labels(owner);
	for (unsigned up = 0; up <= labels; up++) {
		char name[ISB_DNAME_TEXT];
		const char *body;
		const uint8_t *apex = isb_dname_up(owner, up);
		if (isb_object_get(txn, ISB_ZONE, isb_dname_print_bare(apex, name), &body) == ISB_OK) {
			*ret_apex = apex;
			return ISB_OK;
		}
	}
	return ISB_ENOTFOUND;
}

/* `set rrset NAME TYPE TTL RDATA ...`, `remove rrset NAME TYPE`. */
static int change_rrset(struct isb_txn *txn, struct isb_edit *edit, struct isb_diags *diags, const struct single *s)
{
	uint8_t name[ISB_DNAME_MAX], owner[ISB_DNAME_MAX];
	const uint8_t *apex;
	const struct isb_rrset *old;
	struct isb_rrset *set;
	struct isb_arena arena = {0};
	uint16_t type;
	int64_t ttl_ms;
	if (s->nfield < (s->mode == REMOVE ? 1 : 3))
		return cli_fail(CLI_USAGE, s->mode == REMOVE ? "write: isobar remove rrset NAME TYPE"
		                                             : "write: isobar set rrset NAME TYPE TTL RDATA ...");
	if (isb_dname_parse(s->name, NULL, name) < 0)
		return cli_fail(CLI_USAGE, "'%s' is not a domain name", s->name);
	isb_dname_lower(name, owner);
	if (isb_type_parse(s->fields[0], &type) != ISB_OK)
		return cli_fail(CLI_USAGE, "'%s' is no record type", s->fields[0]);
	if (zone_of(txn, owner, &apex) != ISB_OK)
		return cli_fail(CLI_FAILED, "no zone of the catalog holds '%s'", s->name);
	bool there = isb_rrset_get(txn, apex, owner, type, &old) == ISB_OK;
	if (there && s->mode == ADD)
		return cli_fail(CLI_FAILED, "%s %s is there already; change it with: isobar set rrset ...", s->name, s->fields[0]);
	if (!there && s->mode == REMOVE)
		return cli_fail(CLI_FAILED, "there is no rrset %s %s", s->name, s->fields[0]);
	int rc = ISB_OK;
	if (s->mode == REMOVE) {
		rc = isb_edit_delete_rrset(edit, apex, owner, type);
	} else {
		if (isb_span_parse(s->fields[1], &ttl_ms) != ISB_OK)
			return cli_fail(CLI_USAGE, "'%s' is no TTL; write 300 or 5m", s->fields[1]);
		struct isb_mark at = {.file = "argument"};
		rc = isb_rrset_parse(&arena, type, (uint32_t)(ttl_ms / 1000), s->fields + 2, (size_t)s->nfield - 2, apex, at, diags,
		                     &set);
		if (rc == ISB_OK)
			rc = isb_edit_put_rrset(edit, apex, owner, set);
	}
	isb_arena_done(&arena);
	if (diags->count)
		return cli_refuse(diags, "refused");
	return rc == ISB_OK ? CLI_OK : cli_fail(CLI_FAILED, "cannot write the store: %s", isb_strerror(rc));
}

static int change(struct cli *cli, struct isb_txn *txn, struct isb_edit *edit, struct isb_diags *diags, void *arg)
{
	const struct single *s = arg;
	return s->kind == KIND_RRSET ? change_rrset(txn, edit, diags, s) : change_object(cli, txn, edit, diags, s);
}

static int run(struct cli *cli, enum mode mode, const char *usage)
{
	struct single s = {.mode = mode};
	if (cli->count < 2 || (mode == SET && cli->count < 3))
		return cli_fail(CLI_USAGE, "write: isobar %s", usage);
	int rc = parse_kind(cli->words[0], &s.kind);
	if (rc != CLI_OK)
		return rc;
	s.name = cli->words[1];
	s.fields = cli->words + 2;
	s.nfield = cli->count - 2;
	if (mode == REMOVE && s.nfield && s.kind != KIND_RRSET)
		return cli_fail(CLI_USAGE, "remove takes a whole %s; to take a field away: isobar set %s %s %s=", cli->words[0],
		                cli->words[0], s.name, s.fields[0]);
	return cli_edit(cli, true, change, &s);
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

const struct verb verb_set = {"set", "KIND NAME field=value ... | rrset NAME TYPE TTL RDATA ...",
                              "change fields of an object, an endpoint (POOL/ENDPOINT) or an rrset", "nr", run_set};
const struct verb verb_add = {"add", "KIND NAME field=value ... | rrset NAME TYPE TTL RDATA ...",
                              "make an object, an endpoint or an rrset", "nr", run_add};
const struct verb verb_remove = {"remove", "KIND NAME | rrset NAME TYPE", "take an object, an endpoint or an rrset away",
                                 "nr", run_remove};
