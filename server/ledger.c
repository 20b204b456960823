/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/map.h"

enum { GONE_MAX = 1 << 16 }; /* names without a view that are remembered */

/* A record or an endpoint. */
struct account {
	char *name;              /* with a letter before it: the two kinds may have names alike */
	uint32_t users;          /* sets with a row of it */
	isb_ledger_row closed;   /* of the sets that are no more */
};

/* The tallies of all views with one plan. */
struct set {
	struct set *next;
	const struct isb_plan *plan;
	uint32_t rows;           /* records, then endpoints */
	uint32_t *account;       /* of each */
	struct isb_tally *tally[]; /* of each worker */
};

struct isb_ledger {
	unsigned workers;
	pthread_mutex_t lock;    /* of all below */
	struct account *accounts;
	uint32_t count, room, gone;
	struct isb_map by_name;
	struct set *open;        /* newest first */
};

struct isb_ledger *isb_ledger_new(unsigned workers)
{
	struct isb_ledger *ledger = isb_xcalloc(1, sizeof(*ledger));
	ledger->workers = workers;
	pthread_mutex_init(&ledger->lock, NULL);
	return ledger;
}

static void free_set(struct isb_ledger *ledger, struct set *set)
{
	for (unsigned i = 0; i < ledger->workers; i++)
		isb_tally_free(set->tally[i]);
	free(set->account);
	free(set);
}

void isb_ledger_free(struct isb_ledger *ledger)
{
	if (!ledger)
		return;
	while (ledger->open) {
		struct set *set = ledger->open;
		ledger->open = set->next;
		free_set(ledger, set);
	}
	for (uint32_t i = 0; i < ledger->count; i++)
		free(ledger->accounts[i].name);
	free(ledger->accounts);
	isb_map_done(&ledger->by_name);
	pthread_mutex_destroy(&ledger->lock);
	free(ledger);
}

/* --- Names --------------------------------------------------------------------------------------------------------- */

static void put(struct isb_ledger *ledger, uint32_t number)
{
	const char *name = ledger->accounts[number].name;
	isb_map_put(&ledger->by_name, name, strlen(name), number);
}

static uint32_t account_of(struct isb_ledger *ledger, char kind, const char *text)
{
	uint32_t number;
	size_t len = strlen(text);
	char *name = isb_xmalloc(len + 2);
	name[0] = kind;
	memcpy(name + 1, text, len + 1);
	if (isb_map_get(&ledger->by_name, name, len + 1, &number)) {
		free(name);
		ledger->gone -= !ledger->accounts[number].users;
	} else {
		if (ledger->count == ledger->room) {
			ledger->room = ledger->room ? ledger->room * 2 : 64;
			ledger->accounts = isb_xrealloc(ledger->accounts, ledger->room * sizeof(struct account));
		}
		number = ledger->count++;
		ledger->accounts[number] = (struct account){.name = name};
		put(ledger, number);
	}
	ledger->accounts[number].users++;
	return number;
}

/* Forgets the names that no view has, and so renumbers the others. */
static void forget(struct isb_ledger *ledger)
{
	uint32_t *now = isb_xcalloc(ledger->count, sizeof(*now)), kept = 0;
	isb_map_done(&ledger->by_name);
	for (uint32_t i = 0; i < ledger->count; i++) {
		if (!ledger->accounts[i].users) {
			free(ledger->accounts[i].name);
			continue;
		}
		now[i] = kept;
		ledger->accounts[kept] = ledger->accounts[i];
		put(ledger, kept++);
	}
	for (struct set *set = ledger->open; set; set = set->next)
		for (uint32_t i = 0; i < set->rows; i++)
			set->account[i] = now[set->account[i]];
	ledger->count = kept;
	ledger->gone = 0;
	free(now);
}

/* --- Sets ---------------------------------------------------------------------------------------------------------- */

static struct set *find(const struct isb_ledger *ledger, const struct isb_view *view)
{
	struct set *set = ledger->open;
	while (set && set->plan != view->plan)
		set = set->next;
	return set;
}

static struct set *new_set(struct isb_ledger *ledger, const struct isb_plan *plan)
{
	struct set *set = isb_xcalloc(1, sizeof(*set) + ledger->workers * sizeof(set->tally[0]));
	set->plan = plan;
	set->rows = plan->nrecord + plan->nendpoint;
	set->account = isb_xcalloc(set->rows ? set->rows : 1, sizeof(*set->account));
	for (uint32_t i = 0; i < plan->nrecord; i++)
		set->account[i] = account_of(ledger, 'r', isb_plan_text(plan, isb_plan_record(plan, i)->name));
	for (uint32_t i = 0; i < plan->nendpoint; i++)
		set->account[plan->nrecord + i] = account_of(ledger, 'e', isb_plan_text(plan, isb_plan_endpoint(plan, i)->name));
	for (unsigned i = 0; i < ledger->workers; i++)
		set->tally[i] = isb_tally_new(plan);
	return set;
}

/* What all workers have counted in a row. */
static void add_row(const struct isb_ledger *ledger, const struct set *set, uint32_t row, isb_ledger_row sum)
{
	for (unsigned w = 0; w < ledger->workers; w++)
		for (unsigned r = 0; r < ISB_REASONS; r++)
			sum[r] += atomic_load_explicit(&set->tally[w]->record[(size_t)row * ISB_REASONS + r], memory_order_relaxed);
}

void isb_ledger_open(struct isb_ledger *ledger, const struct isb_view *before, struct isb_view *view)
{
	if (before && before->plan == view->plan) {
		view->tallies = before->tallies;
		return;
	}
	pthread_mutex_lock(&ledger->lock);
	struct set *set = new_set(ledger, view->plan);
	set->next = ledger->open;
	ledger->open = set;
	view->tallies = set->tally;
	pthread_mutex_unlock(&ledger->lock);
}

void isb_ledger_close(struct isb_ledger *ledger, const struct isb_view *view, const struct isb_view *now)
{
	if (now && view->plan == now->plan)
		return;
	pthread_mutex_lock(&ledger->lock);
	struct set **at = &ledger->open;
	while (*at && (*at)->plan != view->plan)
		at = &(*at)->next;
	struct set *set = *at;
	if (set) {
		*at = set->next;
		for (uint32_t i = 0; i < set->rows; i++) {
			struct account *account = &ledger->accounts[set->account[i]];
			add_row(ledger, set, i, account->closed);
			ledger->gone += --account->users == 0;
		}
		free_set(ledger, set);
	}
	if (ledger->gone > GONE_MAX)
		forget(ledger);
	pthread_mutex_unlock(&ledger->lock);
}

/* --- Reading ------------------------------------------------------------------------------------------------------- */

/* A name's counts are those of the closed sets and of all that are open: workers move from one view to the next when their
 * next question comes. */
static void read_rows(struct isb_ledger *ledger, const struct isb_view *view, bool endpoints, isb_ledger_row *rows, uint32_t count)
{
	pthread_mutex_lock(&ledger->lock);
	const struct set *asked = find(ledger, view);
	uint32_t first = asked && endpoints ? asked->plan->nrecord : 0;
	uint32_t *place = isb_xcalloc(ledger->count + 1, sizeof(*place)); /* of an account among the rows, + 1 */
	memset(rows, 0, count * sizeof(*rows));
	for (uint32_t i = 0; asked && i < count; i++) {
		uint32_t account = asked->account[first + i];
		memcpy(rows[i], ledger->accounts[account].closed, sizeof(*rows));
		place[account] = i + 1;
	}
	for (const struct set *set = ledger->open; set; set = set->next)
		for (uint32_t i = 0; i < set->rows; i++)
			if (place[set->account[i]])
				add_row(ledger, set, i, rows[place[set->account[i]] - 1]);
	free(place);
	pthread_mutex_unlock(&ledger->lock);
}

void isb_ledger_records(struct isb_ledger *ledger, const struct isb_view *view, isb_ledger_row *rows, uint32_t count)
{
	read_rows(ledger, view, false, rows, count);
}

void isb_ledger_endpoints(struct isb_ledger *ledger, const struct isb_view *view, isb_ledger_row *rows, uint32_t count)
{
	read_rows(ledger, view, true, rows, count);
}
