/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "explain.h"
#include "isobar/base/map.h"

/* Shares are counted, not computed: the walk that answers is walked so many times. */

struct counting {
	struct explain_draws *draws;
	struct isb_map place; /* endpoint → its place in the list */
};

static struct explain_share *share_of(struct counting *c, const char *endpoint)
{
	struct explain_draws *draws = c->draws;
	uint32_t i;
	if (!isb_map_get(&c->place, endpoint, strlen(endpoint), &i)) {
		i = (uint32_t)draws->count++;
		draws->list = isb_xrealloc(draws->list, draws->count * sizeof(*draws->list));
		draws->list[i] = (struct explain_share){.endpoint = endpoint};
		isb_map_put(&c->place, endpoint, strlen(endpoint), i);
	}
	return &draws->list[i];
}

static void count(struct counting *c, const struct isb_trace *trace)
{
	bool first = true;
	for (size_t i = 0; i < trace->count; i++) {
		if (trace->steps[i].kind != ISB_STEP_CHOSEN)
			continue;
		struct explain_share *share = share_of(c, trace->steps[i].name);
		share->in++;
		share->first += first;
		first = false;
	}
	c->draws->none += first;
}

static int by_share(const void *a, const void *b)
{
	const struct explain_share *x = a, *y = b;
	return x->in != y->in ? (x->in < y->in ? 1 : -1) : strcmp(x->endpoint, y->endpoint);
}

void explain_draw(struct explain *e)
{
	struct counting c = {.draws = &e->draws};
	struct isb_trace trace;
	struct isb_context ctx;
	uint8_t *answer = isb_arena_alloc(&e->arena, EXPLAIN_ANSWER_MAX);
	isb_trace_init(&trace);
	isb_context_init(&ctx, e->cli->seed);
	ctx.trace = &trace;
	for (unsigned i = 0; i < e->cli->draws; i++) {
		isb_trace_reset(&trace);
		explain_ask(e, &ctx, answer);
		count(&c, &trace);
	}
	if (e->draws.count)
		qsort(e->draws.list, e->draws.count, sizeof(*e->draws.list), by_share);
	isb_map_done(&c.place);
	isb_trace_done(&trace);
}
