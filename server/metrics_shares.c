/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/steer/shares.h"
#include "metrics_parts.h"

/* What share of its pool's answers each endpoint should get as of now, by the library that steers. A pool may stand in many
 * policies, and for many classes of clients; where all of them give the pool's endpoints the same shares of what the pool
 * gets, these are told. Where they do not, the shares depend on who asks, and there is nothing to compare answers with. */

enum {
	ROOTS_MAX = 4096, /* different decisions looked at for one page */
};
#define CLOSE 1e-9

struct comparing {
	const struct isb_plan *plan;
	double *share; /* by endpoint; NAN: nothing yet */
	bool *varies;  /* by the first endpoint of a pool */
	double *found; /* by endpoint, of the decision at hand; zeros between */
};

static size_t pool_len(const struct isb_plan *plan, uint32_t endpoint)
{
	return strcspn(isb_plan_text(plan, isb_plan_endpoint(plan, endpoint)->name), "/");
}

/* Endpoints of one pool stand together. */
static bool same_pool(const struct isb_plan *plan, uint32_t a, uint32_t b)
{
	const char *name = isb_plan_text(plan, isb_plan_endpoint(plan, a)->name);
	size_t len = pool_len(plan, a);
	return pool_len(plan, b) == len &&
	       memcmp(name, isb_plan_text(plan, isb_plan_endpoint(plan, b)->name), len) == 0;
}

/* The pool that begins at `first` gets `mass` of the decision. */
static void compare_pool(struct comparing *c, uint32_t first, uint32_t end, double mass)
{
	for (uint32_t i = first; i < end; i++) {
		double share = c->found[i] / mass;
		if (isnan(c->share[i]))
			c->share[i] = share;
		else if (fabs(c->share[i] - share) > CLOSE)
			c->varies[first] = true;
		c->found[i] = 0;
	}
}

static void compare(struct comparing *c, const struct isb_shares *shares)
{
	uint32_t end = 0;
	for (size_t i = 0; i < shares->count; i++)
		c->found[shares->list[i].endpoint] = shares->list[i].share;
	for (size_t i = 0; i < shares->count; i++) {
		uint32_t first = shares->list[i].endpoint;
		double mass = 0;
		if (i && first < end)
			continue; /* its pool is done: the list is by index */
		end = first + 1;
		while (first > 0 && same_pool(c->plan, first - 1, end - 1))
			first--;
		while (end < c->plan->nendpoint && same_pool(c->plan, first, end))
			end++;
		for (uint32_t e = first; e < end; e++)
			mass += c->found[e];
		compare_pool(c, first, end, mass);
	}
}

static void compare_all(const struct isb_page *page, struct comparing *c)
{
	const struct isb_plan *plan = c->plan;
	const struct isb_steer_state state = {.health = &page->health, .admin = page->view->admin, .nadmin = page->view->admin_end,
	                                      .now_ms = page->now_ms};
	bool *seen = isb_xcalloc(plan->size / 8 + 1, sizeof(*seen)); /* objects of a plan lie 8 octets apart */
	unsigned roots = 0;
	struct isb_shares shares;
	isb_shares_init(&shares);
	for (uint32_t r = 0; r < plan->nrecord; r++) {
		const struct isb_plan_record *record = isb_plan_record(plan, r);
		for (uint32_t cls = 0; record->name && cls < record->nclass && roots < ROOTS_MAX; cls++) {
			uint32_t node = isb_plan_class(plan, record, cls)->node;
			if (node == ISB_NO_NODE || seen[node / 8])
				continue;
			seen[node / 8] = true;
			roots++;
			isb_shares_find(&shares, plan, record, cls, &state);
			compare(c, &shares);
		}
	}
	isb_shares_done(&shares);
	free(seen);
}

double *isb_page_shares(const struct isb_page *page)
{
	const struct isb_plan *plan = page->view->plan;
	size_t room = plan->nendpoint + 1u;
	struct comparing c = {.plan = plan, .share = isb_xcalloc(room, sizeof(double)), .varies = isb_xcalloc(room, sizeof(bool)),
	                      .found = isb_xcalloc(room, sizeof(double))};
	for (uint32_t i = 0; i < plan->nendpoint; i++)
		c.share[i] = NAN;
	compare_all(page, &c);
	bool varies = false;
	for (uint32_t i = 0; i < plan->nendpoint; i++) {
		varies = i && same_pool(plan, i - 1, i) ? varies : c.varies[i];
		if (varies)
			c.share[i] = NAN;
	}
	free(c.varies);
	free(c.found);
	return c.share;
}
