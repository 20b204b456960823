/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "isobar/base/err.h"
#include "isobar/store/healthdb.h"

/* Since when a verdict holds. A probe knows only since when it saw a state itself: one that joined a minute ago says so
 * of an endpoint that has been up for a year. The transitions tell what all of them agreed on. */

enum { UNASKED = 0, UNKNOWN = -1 };

void cli_since_want(struct cli_since *since, uint32_t slot)
{
	if (slot >= since->cap) {
		uint32_t cap = slot + 1 + slot / 2;
		since->time_ms = isb_xrealloc(since->time_ms, cap * sizeof(*since->time_ms));
		memset(since->time_ms + since->cap, 0, (cap - since->cap) * sizeof(*since->time_ms));
		since->cap = cap;
	}
	if (since->time_ms[slot] != UNASKED)
		return;
	since->time_ms[slot] = UNKNOWN;
	since->missing++;
}

static int add_transition(void *arg, const struct isb_transition *transition)
{
	struct cli_since *since = arg;
	if (since->at_ms && transition->time_ms > since->at_ms)
		return 0;
	if (transition->slot < since->cap && since->time_ms[transition->slot] == UNKNOWN) {
		since->time_ms[transition->slot] = transition->time_ms;
		since->missing--;
	}
	return since->missing == 0;
}

int cli_since_read(struct cli_since *since, struct isb_txn *health)
{
	int rc = since->missing ? isb_transition_each(health, add_transition, since) : ISB_OK;
	return rc < 0 ? rc : ISB_OK;
}

struct earliest {
	enum isb_verdict verdict;
	int64_t since_ms;
};

static int add_probe(void *arg, const struct isb_observation *o)
{
	struct earliest *e = arg;
	const struct isb_history *h = &o->history;
	if (h->state == e->verdict && h->since_ms && (!e->since_ms || h->since_ms < e->since_ms))
		e->since_ms = h->since_ms;
	return 0;
}

int64_t cli_since_ms(const struct cli_since *since, struct isb_txn *health, uint32_t slot, enum isb_verdict verdict)
{
	struct earliest e = {.verdict = verdict};
	if (slot < since->cap && since->time_ms[slot] > 0)
		return since->time_ms[slot];
	isb_observation_each(health, slot, add_probe, &e); /* a transition as old as that is not kept any more */
	return since->at_ms && e.since_ms > since->at_ms ? 0 : e.since_ms;
}

void cli_since_done(struct cli_since *since)
{
	free(since->time_ms);
	*since = (struct cli_since){0};
}
