/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "isobar/base/err.h"
#include "isobar/store/rollouts.h"

/* switch: blue-green. What serves a record becomes something else in one edit, and the way back is the same one. */

struct switching {
	const char *word, *from, *to;
	struct isb_catalog catalog;
	struct cli_record record;
	struct isb_policy *policy; /* names `from` beneath the record; NULL: the record does itself */
};

static size_t count_named(const struct isb_policy_node *node, const char *name)
{
	size_t n = 0;
	for (size_t i = 0; i < node->nchild; i++) {
		const struct isb_policy_child *child = &node->children[i];
		n += child->node ? count_named(child->node, name) : strcmp(child->use.name, name) == 0;
	}
	return n;
}

static void replace(struct isb_policy_node *node, const char *from, const char *to)
{
	for (size_t i = 0; i < node->nchild; i++) {
		struct isb_policy_child *child = &node->children[i];
		if (child->node)
			replace(child->node, from, to);
		else if (strcmp(child->use.name, from) == 0)
			child->use.name = to;
	}
}

static struct isb_policy *policy_of(struct switching *s)
{
	for (size_t i = 0; i < s->catalog.npolicy; i++)
		if (strcmp(s->catalog.policies[i].name, s->record.record->policy.name) == 0)
			return &s->catalog.policies[i];
	return NULL;
}

/* Whoever else is served by the policy: what is switched for one record must not move another. */
static const char *other_user(struct switching *s)
{
	const char *name = s->policy->name;
	struct isb_arena *arena = &s->catalog.arena;
	for (size_t i = 0; i < s->catalog.nzone; i++) {
		const struct isb_zone *zone = &s->catalog.zones[i];
		for (size_t j = 0; j < zone->nrecord; j++)
			if (&zone->records[j] != s->record.record && strcmp(zone->records[j].policy.name, name) == 0)
				return isb_arena_printf(arena, "record '%s/%s'", zone->name, zone->records[j].owner);
	}
	for (size_t i = 0; i < s->catalog.npolicy; i++)
		if (count_named(s->catalog.policies[i].root, name))
			return isb_arena_printf(arena, "policy '%s'", s->catalog.policies[i].name);
	return NULL;
}

/* The record's policy names `from` somewhere: that is where it is replaced. */
static int switch_beneath(struct cli_edit *e, struct switching *s)
{
	const char *own = s->record.record->policy.name;
	s->policy = policy_of(s);
	if (!s->policy || !count_named(s->policy->root, s->from))
		return cli_fail(CLI_FAILED, "'%s' is served by '%s', which is not '%s'%s", s->record.name, own, s->from,
		                s->policy ? " and does not name it" : "");
	if (count_named(s->policy->root, s->to))
		return cli_fail(CLI_FAILED, "policy '%s' names '%s' already; write what it shall be: isobar set policy %s ...", own,
		                s->to, own);
	const char *user = other_user(s);
	if (user)
		return cli_fail(CLI_FAILED, "policy '%s' serves %s too, which would be switched with it; give '%s' a policy of its own "
		                "first, or write: isobar set policy %s ...", own, user, s->record.name, own);
	replace(s->policy->root, s->from, s->to);
	struct isb_buf body = {0};
	isb_schema_print_policy(&body, s->policy);
	int err = isb_edit_put_object(e->edit, ISB_POLICY, own, isb_buf_text(&body));
	isb_buf_done(&body);
	return err == ISB_OK ? CLI_OK : cli_unwritable(e->cli, err);
}

static int check_up(struct cli_edit *e, struct switching *s)
{
	const struct cli_side side = {&s->catalog, s->record.record, s->from, s->to};
	const char *again = isb_arena_printf(&s->catalog.arena, "switch all the same: isobar switch %s %s %s", s->word, s->from,
	                                     s->to);
	return e->cli->force ? CLI_OK : cli_check_side(e, &side, ISB_UNASKED_CANNOT, again);
}

static int check_rollout(struct cli_edit *e, const struct switching *s)
{
	struct isb_rollout rollout;
	int err = isb_rollout_get(e->txn, s->record.key, &rollout);
	if (err == ISB_OK)
		return cli_fail(CLI_FAILED, "'%s' is being led to '%s'; end that first: isobar rollout abort %s, or finish",
		                s->record.name, rollout.to, s->word);
	return err == ISB_ENOTFOUND ? CLI_OK : cli_unreadable(e->cli, err);
}

static int change(struct cli_edit *e)
{
	struct switching *s = e->arg;
	int rc = cli_edit_load(e, &s->catalog);
	if (rc == CLI_OK)
		rc = cli_find_record(&s->catalog, s->word, &s->record);
	if (rc == CLI_OK)
		rc = cli_find_side(&s->catalog, s->from);
	if (rc == CLI_OK)
		rc = cli_find_side(&s->catalog, s->to);
	if (rc == CLI_OK)
		rc = check_rollout(e, s);
	if (rc == CLI_OK)
		rc = check_up(e, s);
	if (rc != CLI_OK)
		return rc;
	e->cached_s = s->record.record->ttl_s;
	if (strcmp(s->record.record->policy.name, s->from) != 0)
		return switch_beneath(e, s);
	isb_record_check_types(&s->catalog, s->record.record, s->to, (struct isb_mark){.file = "switch"}, &e->diags);
	s->record.record->policy.name = s->to;
	return cli_put_record(e, &s->record);
}

static void tell(struct cli_edit *e)
{
	const struct switching *s = e->arg;
	printf("%s%s: %s -> %s", cli_dry_words(e->cli), s->record.name, s->from, s->to);
	if (s->policy)
		printf(", in policy %s", s->policy->name);
	puts("; a catalog file that says otherwise takes it back when it is applied");
	if (e->cli->dry_run)
		return;
	cli_tell_cached(e->cli, s->record.record->ttl_s);
	printf("to go back: isobar switch %s %s %s\n", s->word, s->to, s->from);
}

static int run(struct cli *cli)
{
	if (cli->count != 3)
		return cli_fail(CLI_USAGE, "write: isobar switch RECORD FROM TO");
	struct switching s = {.word = cli->words[0], .from = cli->words[1], .to = cli->words[2]};
	if (strcmp(s.from, s.to) == 0)
		return cli_fail(CLI_USAGE, "'%s' and '%s' are the same", s.from, s.to);
	isb_catalog_init(&s.catalog);
	int rc = cli_edit(cli, change, tell, &s);
	isb_catalog_done(&s.catalog);
	return rc;
}

const struct verb verb_switch = {
	"switch", "RECORD FROM TO [--force] [-n] [-r WHY]", "let another pool or policy serve a record, in one edit",
	"FROM is what serves RECORD now, or what a policy of its own names. Refused while TO cannot answer.\n"
	"RECORD is a name (www.example.com), ZONE/OWNER, or an owner that only one zone has.\n",
	"www.example.com blue green -r 'release 42'", CLI_EDITS "!", run,
	CLI_STEER, "elsewhere in one edit", "record"};
