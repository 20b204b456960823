/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/model/dname.h"
#include "isobar/store/rollouts.h"

/* Records by the names people use for them. */

struct finding {
	struct isb_catalog *catalog;
	const char *word;
	uint8_t name[ISB_DNAME_MAX]; /* the word as a name, lower case; [0] == 0: it is none */
	struct cli_record exact, by_owner;
	size_t owners; /* records whose owner alone is the word */
	const char *zones[2]; /* of the first two of them */
	struct cli_names names; /* of all, for who mistyped one */
};

static void consider(struct finding *f, const struct isb_zone *zone, struct isb_record *record)
{
	struct isb_arena *arena = &f->catalog->arena;
	uint8_t apex[ISB_DNAME_MAX], owner[ISB_DNAME_MAX];
	char text[ISB_DNAME_TEXT];
	if (isb_dname_parse(zone->name, NULL, apex) < 0 || isb_dname_parse(record->owner, apex, owner) < 0)
		return;
	isb_dname_lower(owner, owner);
	struct cli_record one = {.key = isb_arena_printf(arena, "%s/%s", zone->name, record->owner), .record = record,
	                         .name = isb_arena_strdup(arena, isb_dname_print_bare(owner, text))};
	cli_names_add(&f->names, one.name);
	if (strcmp(f->word, one.key) == 0 || (*f->name && isb_dname_equal(f->name, owner)))
		f->exact = one;
	if (strcmp(f->word, record->owner) != 0)
		return;
	f->by_owner = one;
	if (f->owners < 2)
		f->zones[f->owners] = zone->name;
	f->owners++;
}

int cli_find_record(struct isb_catalog *catalog, const char *word, struct cli_record *ret)
{
	struct finding f = {.catalog = catalog, .word = word};
	uint8_t name[ISB_DNAME_MAX];
	int rc = CLI_OK;
	if (isb_dname_parse(word, NULL, name) > 0)
		isb_dname_lower(name, f.name);
	for (size_t i = 0; i < catalog->nzone; i++)
		for (size_t j = 0; j < catalog->zones[i].nrecord; j++)
			consider(&f, &catalog->zones[i], &catalog->zones[i].records[j]);
	const char *near = f.names.count ? isb_nearest(word, f.names.list) : NULL;
	if (f.exact.record)
		*ret = f.exact;
	else if (f.owners == 1)
		*ret = f.by_owner;
	else if (f.owners)
		rc = cli_fail(CLI_FAILED, "there is a record '%s' in zone '%s' and in '%s'; write its whole name", word, f.zones[0],
		              f.zones[1]);
	else if (near)
		rc = cli_fail(CLI_NOT_FOUND, "there is no record '%s'; did you mean '%s'?", word, near);
	else
		rc = cli_fail(CLI_NOT_FOUND, "there is no record '%s'; isobar show records lists them", word);
	cli_names_done(&f.names);
	return rc;
}

int cli_find_side(const struct isb_catalog *catalog, const char *name)
{
	struct cli_names names = {0};
	if (isb_catalog_pool(catalog, name) || isb_catalog_policy(catalog, name))
		return CLI_OK;
	for (size_t i = 0; i < catalog->npool; i++)
		cli_names_add(&names, catalog->pools[i].name);
	for (size_t i = 0; i < catalog->npolicy; i++)
		cli_names_add(&names, catalog->policies[i].name);
	const char *near = names.count ? isb_nearest(name, names.list) : NULL;
	int rc = near ? cli_fail(CLI_NOT_FOUND, "there is no pool or policy '%s'; did you mean '%s'?", name, near)
	              : cli_fail(CLI_NOT_FOUND, "there is no pool or policy '%s'; isobar show lists them", name);
	cli_names_done(&names);
	return rc;
}

int cli_check_side(struct cli_edit *e, const struct cli_side *side, enum isb_unasked unasked, const char *again)
{
	struct isb_txn *health = NULL;
	struct isb_buf evidence = {0};
	bool can = true;
	struct isb_standing *standing = isb_standing_new(e->txn, side->catalog, side->record, side->from, side->to);
	int err = standing ? isb_txn_begin(e->store, ISB_ENV_HEALTH, false, &health) : ISB_ENOTFOUND;
	if (err == ISB_OK)
		err = isb_standing_ask(standing, health, e->cli->now_ms, unasked, &can, &evidence);
	isb_txn_abort(health);
	isb_standing_free(standing);
	int rc = err == ISB_OK ? CLI_OK : cli_unreadable(e->cli, err);
	if (rc == CLI_OK && !can)
		rc = cli_fail(CLI_FAILED, "'%s' cannot answer now (%s); to %s --force", side->to, isb_buf_text(&evidence), again);
	isb_buf_done(&evidence);
	return rc;
}

int cli_put_record(struct cli_edit *e, const struct cli_record *record)
{
	struct isb_buf body = {0};
	isb_schema_print_record(&body, record->record);
	int err = isb_edit_put_object(e->edit, ISB_RECORD, record->key, isb_buf_text(&body));
	isb_buf_done(&body);
	return err == ISB_OK ? CLI_OK : cli_unwritable(e->cli, err);
}

const char *cli_dry_words(const struct cli *cli)
{
	return cli->dry_run ? "dry run: would be done: " : "";
}

void cli_tell_cached(const struct cli *cli, uint32_t ttl_s)
{
	char until[24], span[ISB_SPAN_TEXT];
	int64_t ttl_ms = (int64_t)ttl_s * 1000;
	if (ttl_ms && !cli->dry_run)
		printf("resolvers may hold older answers until %s (the TTL is %s)\n", isb_time_print(cli->now_ms + ttl_ms, until),
		       isb_span_print(ttl_ms, span));
}
