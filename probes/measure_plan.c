/* SPDX-License-Identifier: Apache-2.0 */
#include "measure_plan.h"

#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/map.h"

enum { REMEMBERED_MAX = 4 * ISB_DEMAND_ROWS }; /* networks that are not listed any more */

void isb_measure_plan_init(struct isb_measure_plan *plan, unsigned rate, const struct isb_deny *deny)
{
	*plan = (struct isb_measure_plan){.rate = rate, .deny = deny, .next = INT64_MIN};
}

void isb_measure_plan_done(struct isb_measure_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		free(plan->list[i]);
	free(plan->list);
	isb_deny_done(&plan->ours);
}

static void end_round(struct isb_measured *m)
{
	unsigned most = m->answered ? ISB_MEASURE_QUIET_KNOWN : ISB_MEASURE_QUIET;
	if (m->misses < m->tries)
		m->quiet = 0;
	else if (m->quiet < most)
		m->quiet++;
	else
		m->quiet = (uint8_t)most;
	m->due = m->began + ((int64_t)ISB_MEASURE_ROUND_MS << m->quiet);
	m->tries = m->misses = 0;
}

/* --- Following the list -------------------------------------------------------------------------------------------- */

/* The networks of old, then those that are new. */
struct update {
	struct isb_measured **all;
	size_t nall;
	struct isb_map at; /* by network */
};

static struct isb_measured *find_or_make(struct update *u, const struct isb_demand_row *row, int64_t now)
{
	uint32_t at;
	if (isb_map_get(&u->at, &row->net, sizeof(row->net), &at))
		return u->all[at];
	struct isb_measured *m = isb_xcalloc(1, sizeof(*m));
	m->net = row->net;
	m->due = now;
	isb_map_put(&u->at, &m->net, sizeof(m->net), (uint32_t)u->nall);
	u->all[u->nall++] = m;
	return m;
}

static int latest_due_first(const void *a, const void *b)
{
	const struct isb_measured *x = *(struct isb_measured *const *)a, *y = *(struct isb_measured *const *)b;
	return x->due == y->due ? 0 : x->due > y->due ? -1 : 1;
}

/* Whoever left the list and comes back must not be asked any earlier for it. */
static void remember(struct isb_measure_plan *plan, struct update *u, int64_t now)
{
	size_t gone = 0, kept = 0;
	for (size_t i = 0; i < u->nall; i++) {
		struct isb_measured *m = u->all[i];
		if (m->listed)
			continue;
		if (m->tries && !m->asking)
			end_round(m);
		u->all[gone++] = m;
	}
	if (gone)
		qsort(u->all, gone, sizeof(struct isb_measured *), latest_due_first);
	for (size_t i = 0; i < gone; i++) {
		struct isb_measured *m = u->all[i];
		if (!m->asking && (m->due <= now || kept == REMEMBERED_MAX)) {
			free(m);
			continue;
		}
		kept++;
		plan->list[plan->count++] = m;
	}
}

void isb_measure_plan_update(struct isb_measure_plan *plan, const struct isb_demand_row *rows, size_t count, int64_t now)
{
	size_t cap = plan->count + count;
	if (!cap)
		return;
	struct update u = {.all = isb_xcalloc(cap, sizeof(struct isb_measured *)), .nall = plan->count};
	for (size_t i = 0; i < plan->count; i++) {
		u.all[i] = plan->list[i];
		u.all[i]->listed = false;
		isb_map_put(&u.at, &u.all[i]->net, sizeof(u.all[i]->net), (uint32_t)i);
	}
	plan->list = isb_xrealloc(plan->list, cap * sizeof(struct isb_measured *));
	plan->count = 0;
	for (const struct isb_demand_row *r = rows; r < rows + count; r++) {
		struct isb_measured *m = r->addr.family ? find_or_make(&u, r, now) : NULL;
		if (!m || m->listed)
			continue;
		m->listed = true;
		if (!m->asking)
			m->addr = r->addr;
		plan->list[plan->count++] = m;
	}
	remember(plan, &u, now);
	isb_map_done(&u.at);
	free(u.all);
}

/* --- Asking -------------------------------------------------------------------------------------------------------- */

static bool is_denied(const struct isb_measure_plan *plan, const struct isb_addr *addr)
{
	return isb_deny_always(addr) || isb_deny_covers(plan->deny, addr) || isb_deny_covers(&plan->ours, addr);
}

struct isb_measured *isb_measure_plan_take(struct isb_measure_plan *plan, int64_t now)
{
	if (now < plan->next)
		return NULL;
	for (size_t i = 0; i < plan->count && plan->list[i]->listed; i++) {
		struct isb_measured *m = plan->list[i];
		if (m->asking || m->due > now)
			continue;
		if (is_denied(plan, &m->addr)) {
			m->due = now + ISB_MEASURE_ROUND_MS; /* the list may change */
			continue;
		}
		if (!m->tries)
			m->began = now;
		m->asking = true;
		plan->asking++;
		plan->next = now + (1000 + plan->rate - 1) / plan->rate;
		return m;
	}
	return NULL;
}

int64_t isb_measure_plan_wait(const struct isb_measure_plan *plan, int64_t now)
{
	int64_t due = INT64_MAX;
	for (size_t i = 0; i < plan->count && plan->list[i]->listed; i++)
		if (!plan->list[i]->asking && plan->list[i]->due < due)
			due = plan->list[i]->due;
	if (due == INT64_MAX)
		return -1;
	due = due > plan->next ? due : plan->next;
	return due > now ? due - now : 0;
}

void isb_measure_plan_record(struct isb_measure_plan *plan, struct isb_measured *m, bool answered, int64_t now)
{
	plan->asking--;
	m->asking = false;
	m->answered |= answered;
	m->tries++;
	m->misses = (uint8_t)(m->misses + !answered);
	if (m->listed && m->tries < ISB_MEASURE_TRIES && m->misses < ISB_MEASURE_MISSES)
		m->due = now + ISB_MEASURE_GAP_MS;
	else
		end_round(m);
}

void isb_measure_plan_pause(struct isb_measure_plan *plan, struct isb_measured *m, int64_t now)
{
	plan->asking--;
	m->asking = false;
	plan->next = now + ISB_MEASURE_PAUSE_MS;
}

bool isb_measure_plan_idle(const struct isb_measure_plan *plan)
{
	for (size_t i = 0; i < plan->count && plan->list[i]->listed; i++)
		if (plan->list[i]->tries)
			return false;
	return plan->asking == 0;
}
