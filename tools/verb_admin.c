/* SPDX-License-Identifier: Apache-2.0 */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/store/healthdb.h"

/* drain, force and failback: what an operator says of endpoints. A shell pattern names several at once. */

struct saying {
	const char *const *patterns; /* NULL-terminated */
	struct isb_admin_row row;
	bool hold, failback;   /* what is said depends on each endpoint */
	struct cli_names said; /* endpoints that matched */
	struct isb_admin_row *rows; /* beside them */
	uint32_t ttl_s;        /* longest of all records */
};

const char *cli_admin_words(enum isb_admin admin)
{
	switch (admin) {
	case ISB_ADMIN_UP: return "forced up";
	case ISB_ADMIN_DOWN: return "forced down";
	case ISB_ADMIN_DRAIN: return "drained";
	case ISB_ADMIN_HOLD_UP: return "held up";
	case ISB_ADMIN_HOLD_DOWN: return "held down";
	case ISB_ADMIN_AUTO:
	case ISB_ADMIN_FAILBACK: break;
	}
	return "";
}

static int longest_ttl(struct isb_txn *txn, struct isb_diags *diags, uint32_t *ret_ttl_s)
{
	struct isb_catalog catalog;
	isb_catalog_init(&catalog);
	int rc = isb_catalog_load_steering(txn, &catalog, diags);
	for (size_t i = 0; rc == ISB_OK && i < catalog.nzone; i++)
		for (size_t j = 0; j < catalog.zones[i].nrecord; j++)
			if (catalog.zones[i].records[j].ttl_s > *ret_ttl_s)
				*ret_ttl_s = catalog.zones[i].records[j].ttl_s;
	isb_catalog_done(&catalog);
	return rc;
}

/* Every pattern must mean somebody: a typo in one of five names must not leave that one serving unnoticed. */
static int match(struct cli_edit *e, const struct saying *s, const struct cli_names *all, struct cli_names *matched)
{
	for (const char *const *p = s->patterns; *p; p++) {
		bool used = false;
		for (size_t i = 0; i < all->count; i++)
			used = used || fnmatch(*p, all->list[i], 0) == 0;
		if (!used)
			return cli_unknown(e->txn, CLI_ENDPOINT, *p);
	}
	for (size_t i = 0; i < all->count; i++)
		for (const char *const *p = s->patterns; *p; p++)
			if (fnmatch(*p, all->list[i], 0) == 0) {
				cli_names_add(matched, all->list[i]);
				break;
			}
	return CLI_OK;
}

/* --- What counts now --- */

/* One endpoint, as the walk would judge it at this moment. */
struct standing {
	const struct isb_pool *pool;
	bool known;                /* an operator's word stands there, over or not */
	struct isb_admin_row said; /* when known */
	enum isb_admin admin;      /* AUTO when it is over */
	bool down;                 /* by the verdict that counts */
	int64_t since_ms, left_ms; /* of its failback; 0: it does not wait */
};

struct looking {
	struct cli_edit *e;
	struct isb_catalog catalog;
	struct isb_txn *health;
	bool unattended;
};

static int look_begin(struct looking *l, struct cli_edit *e)
{
	*l = (struct looking){.e = e};
	isb_catalog_init(&l->catalog);
	int rc = isb_catalog_load_steering(e->txn, &l->catalog, &e->diags);
	if (rc == ISB_OK)
		rc = isb_txn_begin(e->store, ISB_ENV_HEALTH, false, &l->health);
	return rc == ISB_OK ? isb_probes_gone(l->health, e->cli->now_ms, &l->unattended) : rc;
}

static void look_end(struct looking *l)
{
	isb_txn_abort(l->health);
	isb_catalog_done(&l->catalog);
}

static int look(struct looking *l, const char *endpoint, struct standing *s)
{
	uint32_t slot;
	uint64_t word = 0;
	const char *slash = strchr(endpoint, '/');
	const char *pool = isb_arena_strndup(&l->catalog.arena, endpoint, (size_t)(slash - endpoint));
	*s = (struct standing){.pool = isb_catalog_pool(&l->catalog, pool)};
	int rc = isb_slot_get(l->e->txn, pool, slash + 1, &slot);
	if (rc == ISB_OK)
		rc = isb_word_get(l->health, slot, &word);
	if (rc == ISB_OK)
		rc = isb_since_get(l->health, slot, &s->since_ms);
	if (rc == ISB_OK)
		rc = isb_admin_get(l->e->txn, endpoint, &s->said);
	if (rc != ISB_OK && rc != ISB_ENOTFOUND)
		return rc;
	s->known = rc == ISB_OK;
	uint64_t admin = s->known ? isb_admin_pack(s->said.admin, s->said.until_ms) : 0;
	word = l->unattended ? isb_health_unattended(word) : word;
	s->admin = isb_admin_at(admin, l->e->cli->now_ms);
	s->down = s->pool->check.name && isb_health_is_down(word, s->pool->unknown);
	if (s->pool->check.name)
		s->left_ms = isb_failback_left(s->pool->failback_ms, word, s->since_ms, admin, l->e->cli->now_ms);
	return ISB_OK;
}

/* --- Saying --- */

/* The end of an operator's word is a consent to what came back before it; the probe's clock may be a little ahead. */
static struct isb_admin_row consent(const struct saying *s, const struct standing *standing)
{
	struct isb_admin_row row = s->row;
	row.admin = ISB_ADMIN_FAILBACK;
	row.until_ms = row.since_ms > standing->since_ms ? row.since_ms : standing->since_ms;
	return row;
}

/* A hold keeps what counts now; one that is prolonged, what counted when it began. */
static int hold(struct isb_admin_row *row, const char *endpoint, const struct standing *standing)
{
	enum isb_admin admin = standing->admin;
	if (admin == ISB_ADMIN_UP || admin == ISB_ADMIN_DOWN || admin == ISB_ADMIN_DRAIN)
		return cli_fail(CLI_FAILED, "'%s' is %s by %s, so that no verdict counts that could be held; end that first: "
		                "isobar force auto %s", endpoint, cli_admin_words(admin), standing->said.author, endpoint);
	row->admin = standing->down || standing->left_ms ? ISB_ADMIN_HOLD_DOWN : ISB_ADMIN_HOLD_UP;
	if (admin != ISB_ADMIN_AUTO)
		row->admin = admin;
	return CLI_OK;
}

/* What one endpoint is told; nothing when *ret_says is false. */
static int choose(const struct saying *s, const char *endpoint, const struct standing *standing, struct isb_admin_row *row,
                  bool *ret_says)
{
	bool waits = standing->left_ms && standing->admin == ISB_ADMIN_AUTO;
	*row = s->row;
	*ret_says = !s->failback || waits;
	if (s->hold)
		return hold(row, endpoint, standing);
	bool keeps = standing->pool->failback_ms != ISB_FAILBACK_AUTO && standing->known && !s->failback;
	if (waits || keeps) /* nothing but auto and failback comes here */
		*row = consent(s, standing);
	return CLI_OK;
}

/* The same to all, whatever they are: a drain asks no health of anybody. */
static int say_alike(struct cli_edit *e, struct saying *s, const struct cli_names *matched)
{
	int err = ISB_OK;
	for (size_t i = 0; i < matched->count && err == ISB_OK; i++) {
		s->rows[i] = s->row;
		cli_names_add(&s->said, matched->list[i]);
		err = isb_edit_admin(e->edit, matched->list[i], &s->row);
	}
	return err == ISB_OK ? CLI_OK : cli_unwritable(e->cli, err);
}

static int say_each(struct cli_edit *e, struct saying *s, const struct cli_names *matched)
{
	struct looking l;
	int err = look_begin(&l, e), rc = CLI_OK;
	for (size_t i = 0; i < matched->count && err == ISB_OK && rc == CLI_OK; i++) {
		struct standing standing;
		struct isb_admin_row *row = &s->rows[s->said.count];
		bool says = false;
		err = look(&l, matched->list[i], &standing);
		if (err == ISB_OK)
			rc = choose(s, matched->list[i], &standing, row, &says);
		if (err != ISB_OK || rc != CLI_OK || !says)
			continue;
		cli_names_add(&s->said, matched->list[i]);
		err = isb_edit_admin(e->edit, matched->list[i], row);
	}
	look_end(&l);
	if (err != ISB_OK)
		return e->diags.count ? CLI_OK : cli_unwritable(e->cli, err);
	if (rc == CLI_OK && !s->said.count)
		return cli_fail(CLI_FAILED, "nothing there waits for its failback; nothing was changed");
	return rc;
}

static int change(struct cli_edit *e)
{
	struct saying *s = e->arg;
	struct cli_names all = {0}, matched = {0}; /* listed first: rows must not be written while a table is walked */
	int err = cli_names_of(e->txn, CLI_ENDPOINT, &all);
	int rc = err == ISB_OK ? match(e, s, &all, &matched) : cli_unwritable(e->cli, err);
	s->rows = isb_xcalloc(matched.count, sizeof(*s->rows));
	bool alike = !s->hold && !s->failback && s->row.admin != ISB_ADMIN_AUTO;
	if (rc == CLI_OK)
		rc = alike ? say_alike(e, s, &matched) : say_each(e, s, &matched);
	bool taken_out = s->row.admin == ISB_ADMIN_DRAIN || s->row.admin == ISB_ADMIN_DOWN;
	if (rc == CLI_OK && taken_out && !e->diags.count && (err = longest_ttl(e->txn, &e->diags, &s->ttl_s)) != ISB_OK)
		rc = e->diags.count ? CLI_OK : cli_unwritable(e->cli, err);
	e->cached_s = s->ttl_s;
	cli_names_done(&all);
	cli_names_done(&matched);
	return rc;
}

static const char *does(enum isb_admin admin)
{
	switch (admin) {
	case ISB_ADMIN_AUTO: return "follows its checks";
	case ISB_ADMIN_FAILBACK: return "follows its checks, and serves again where they say that it is up";
	case ISB_ADMIN_HOLD_UP: return "is held up, as it counts now,";
	case ISB_ADMIN_HOLD_DOWN: return "is held down, as it counts now,";
	default: return cli_admin_words(admin);
	}
}

static void tell(struct cli_edit *e)
{
	const struct saying *s = e->arg;
	char until[24], span[ISB_SPAN_TEXT];
	for (size_t i = 0; i < s->said.count; i++) {
		const struct isb_admin_row *row = &s->rows[i];
		bool plain = row->admin == ISB_ADMIN_UP || row->admin == ISB_ADMIN_DOWN || row->admin == ISB_ADMIN_DRAIN;
		printf("%s %s%s", s->said.list[i], plain ? "is " : "", does(row->admin));
		if (row->until_ms && row->admin != ISB_ADMIN_FAILBACK)
			printf(" until %s", isb_time_print(row->until_ms, until));
		else if (row->admin != ISB_ADMIN_AUTO && row->admin != ISB_ADMIN_FAILBACK)
			printf(" until you say: isobar force auto %s", s->said.list[i]);
		putchar('\n');
	}
	int64_t ttl_ms = (int64_t)s->ttl_s * 1000;
	if (ttl_ms && !e->cli->dry_run)
		printf("resolvers may hold older answers until %s (the longest TTL is %s)\n",
		       isb_time_print(e->cli->now_ms + ttl_ms, until), isb_span_print(ttl_ms, span));
}

static int say(struct cli *cli, struct saying *s)
{
	s->row.since_ms = cli->now_ms;
	s->row.author = cli->author;
	s->row.reason = cli->reason;
	s->row.until_ms = cli->for_ms ? cli->now_ms + cli->for_ms : 0;
	int rc = cli_edit(cli, change, tell, s);
	cli_names_done(&s->said);
	free(s->rows);
	return rc;
}

static int run_drain(struct cli *cli)
{
	if (!cli->count)
		return cli_fail(CLI_USAGE, "drain which endpoint? write: isobar drain POOL/ENDPOINT");
	return say(cli, &(struct saying){.patterns = cli->words, .row.admin = ISB_ADMIN_DRAIN});
}

static int run_force(struct cli *cli)
{
	static const char *const words[] = {"up", "down", "auto", "hold", NULL};
	static const enum isb_admin admins[] = {ISB_ADMIN_UP, ISB_ADMIN_DOWN, ISB_ADMIN_AUTO, ISB_ADMIN_HOLD_UP};
	size_t i = 0;
	if (cli->count < 2)
		return cli_fail(CLI_USAGE, "write: isobar force up|down|hold|auto POOL/ENDPOINT");
	while (words[i] && strcmp(cli->words[0], words[i]) != 0)
		i++;
	if (!words[i]) {
		const char *near = isb_nearest(cli->words[0], words);
		return near ? cli_fail(CLI_USAGE, "cannot force '%s'; did you mean '%s'?", cli->words[0], near)
		            : cli_fail(CLI_USAGE, "cannot force '%s'; write up, down, hold or auto", cli->words[0]);
	}
	if (admins[i] == ISB_ADMIN_AUTO && cli->for_ms)
		return cli_fail(CLI_USAGE, "auto has no end; leave --for out");
	bool is_hold = admins[i] == ISB_ADMIN_HOLD_UP;
	return say(cli, &(struct saying){.patterns = cli->words + 1, .row.admin = admins[i], .hold = is_hold});
}

static int run_failback(struct cli *cli)
{
	if (!cli->count)
		return cli_fail(CLI_USAGE, "let which endpoint back? write: isobar failback POOL/ENDPOINT");
	return say(cli, &(struct saying){.patterns = cli->words, .failback = true});
}

const struct verb verb_drain = {
	"drain", "POOL/ENDPOINT ... [--for SPAN] [-n] [-r WHY]", "give no new answers with these endpoints",
	"Shell patterns name several at once. isobar force auto takes it back.\n", "'asia/*' --for 2h -r 'power work'", "t" CLI_EDITS,
	run_drain,
	CLI_STEER, "no new answers with it", "endpoint"};
const struct verb verb_force = {
	"force", "up|down|hold|auto POOL/ENDPOINT ... [--for SPAN] [-n] [-r WHY]",
	"overrule the checks, freeze them (hold), or follow them again (auto)",
	"Beats the verdict until --for has passed, across restarts. A hold keeps the one that counts now.\nShell patterns name several at once.\n",
	"down asia/icn-1 --for 30m -r 'replacing a disk'", "t" CLI_EDITS, run_force,
	CLI_STEER, "up, down, hold or auto", "endpoint"};
const struct verb verb_failback = {
	"failback", "POOL/ENDPOINT ... [-n] [-r WHY]", "let endpoints that came back serve again",
	"For those that wait because of their pool's 'failback'. Shell patterns name several at once.\n", "'asia/*' -r 'disks replaced'",
	CLI_EDITS, run_failback,
	CLI_STEER, "let it serve again", "endpoint"};
