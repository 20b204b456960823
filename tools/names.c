/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "isobar/base/err.h"
#include "isobar/model/dname.h"

/* What things are called, and what a typist most likely meant. */

static const char *const extra[][2] = {{"endpoint", "endpoints"}, {"rrset", "rrsets"}};

const char *cli_kind_name(int kind)
{
	return kind < CLI_ENDPOINT ? isb_kind_name((enum isb_kind)kind) : extra[kind - CLI_ENDPOINT][0];
}

const char *cli_kind_plural(int kind)
{
	return kind < CLI_ENDPOINT ? isb_kind_plural((enum isb_kind)kind) : extra[kind - CLI_ENDPOINT][1];
}

bool cli_is_kind(const char *word, int *ret_kind)
{
	enum isb_kind own;
	if (isb_kind_parse(word, &own) == ISB_OK) {
		*ret_kind = (int)own;
		return true;
	}
	for (int kind = CLI_ENDPOINT; kind < CLI_KINDS; kind++)
		if (strcmp(word, cli_kind_name(kind)) == 0 || strcmp(word, cli_kind_plural(kind)) == 0) {
			*ret_kind = kind;
			return true;
		}
	return false;
}

int cli_kind_parse(const char *word, int *ret_kind)
{
	const char *names[CLI_KINDS + 1] = {NULL};
	if (cli_is_kind(word, ret_kind))
		return CLI_OK;
	for (int kind = 0; kind < CLI_KINDS; kind++)
		names[kind] = cli_kind_name(kind);
	const char *near = isb_nearest(word, names);
	if (near)
		return cli_fail(CLI_USAGE, "there is no kind '%s'; did you mean '%s'?", word, near);
	return cli_fail(CLI_USAGE, "there is no kind '%s'; write region, check, pool, endpoint, policy, zone, record or rrset",
	                word);
}

const char *cli_all_down_name(enum isb_all_down all_down)
{
	switch (all_down) {
	case ISB_ALL_DOWN_ALL: return "all";
	case ISB_ALL_DOWN_FALLBACK: return "fallback";
	case ISB_ALL_DOWN_NODATA: return "nodata";
	case ISB_ALL_DOWN_LAST: return "last";
	}
	return "";
}

void cli_names_add(struct cli_names *names, const char *name)
{
	names->list = isb_xrealloc(names->list, (names->count + 2) * sizeof(*names->list));
	names->list[names->count++] = isb_arena_strdup(&names->arena, name);
	names->list[names->count] = NULL;
}

void cli_names_done(struct cli_names *names)
{
	free(names->list);
	isb_arena_done(&names->arena);
}

static int add_object(void *arg, const char *key, const char *body)
{
	(void)body;
	cli_names_add(arg, key);
	return 0;
}

static int add_endpoint(void *arg, const char *endpoint, uint32_t slot)
{
	(void)slot;
	cli_names_add(arg, endpoint);
	return 0;
}

int cli_names_of(struct isb_txn *txn, int kind, struct cli_names *names)
{
	return kind == CLI_ENDPOINT ? isb_slot_each(txn, add_endpoint, names)
	                            : isb_object_each(txn, (enum isb_kind)kind, add_object, names);
}

int cli_unknown(struct isb_txn *txn, int kind, const char *name)
{
	struct cli_names names = {0};
	int rc = cli_names_of(txn, kind, &names);
	const char *near = rc == ISB_OK && names.count ? isb_nearest(name, names.list) : NULL;
	rc = near ? cli_fail(CLI_NOT_FOUND, "there is no %s '%s'; did you mean '%s'?", cli_kind_name(kind), name, near)
	          : cli_fail(CLI_NOT_FOUND, "there is no %s '%s'; isobar show %s lists them", cli_kind_name(kind), name,
	                     cli_kind_plural(kind));
	cli_names_done(&names);
	return rc;
}

int cli_zone_of(struct isb_txn *txn, const uint8_t *owner, const uint8_t **ret_apex)
{
	unsigned labels = isb_dname_labels(owner);
	for (unsigned up = 0; up <= labels; up++) {
		char name[ISB_DNAME_TEXT];
		const char *body;
		const uint8_t *apex = isb_dname_up(owner, up);
		int rc = isb_object_get(txn, ISB_ZONE, isb_dname_print_bare(apex, name), &body);
		if (rc == ISB_OK)
			*ret_apex = apex;
		if (rc != ISB_ENOTFOUND)
			return rc;
	}
	return ISB_ENOTFOUND;
}

const char *cli_record_key(struct isb_txn *txn, struct isb_arena *arena, const char *word)
{
	uint8_t name[ISB_DNAME_MAX];
	const uint8_t *apex;
	char zone[ISB_DNAME_TEXT], whole[ISB_DNAME_TEXT];
	if (strchr(word, '/') || isb_dname_parse(word, NULL, name) < 0)
		return word;
	isb_dname_lower(name, name);
	if (cli_zone_of(txn, name, &apex) != ISB_OK)
		return word;
	isb_dname_print_bare(apex, zone);
	isb_dname_print_bare(name, whole);
	if (apex == name)
		return isb_arena_printf(arena, "%s/@", zone);
	size_t cut = *apex ? strlen(zone) + 1 : 0; /* of the root's zone nothing stands in it */
	return isb_arena_printf(arena, "%s/%.*s", zone, (int)(strlen(whole) - cut), whole);
}

int cli_parse_rrset(const char *name, const char *type, uint8_t ret_owner[ISB_DNAME_MAX], uint16_t *ret_type)
{
	uint8_t owner[ISB_DNAME_MAX];
	uint16_t number = 0;
	if (isb_dname_parse(name, NULL, owner) < 0)
		return cli_fail(CLI_USAGE, "'%s' is no domain name", name);
	if (type && isb_type_parse(type, &number) != ISB_OK) {
		const char *near = isb_type_nearest(type);
		return near ? cli_fail(CLI_USAGE, "there is no record type '%s'; did you mean '%s'?", type, near)
		            : cli_fail(CLI_USAGE, "there is no record type '%s'; it stands behind the name: www.example.com A", type);
	}
	isb_dname_lower(owner, ret_owner);
	if (type)
		*ret_type = number;
	return CLI_OK;
}
