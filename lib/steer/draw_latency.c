/* SPDX-License-Identifier: Apache-2.0 */
#include "draw.h"

enum { TIE_US = 5000, UNSEEN_US = UINT32_MAX };

static uint32_t latency(const struct isb_equals *equals, uint32_t i)
{
	return equals->measure[i] ? equals->measure[i] : UNSEEN_US;
}

static void trace_latencies(const struct isb_equals *equals)
{
	for (uint32_t i = equals->from; equals->walk->state->trace && !equals->begun && i < equals->to; i++) {
		if (!isb_share(equals, i))
			continue;
		struct isb_step *step = isb_walk_step(equals->walk, ISB_STEP_COMPARE, equals->depth,
		                                      isb_child_name(equals->walk->plan, equals->node, i));
		step->order = ISB_ORDER_FASTEST;
		step->weight = isb_share(equals, i);
		step->at = equals->measure[i];
	}
}

uint32_t isb_latency_most(const struct isb_equals *equals)
{
	uint32_t best = UNSEEN_US;
	for (uint32_t i = equals->from; i < equals->to; i++)
		if (isb_share(equals, i) && latency(equals, i) < best)
			best = latency(equals, i);
	uint64_t tenth = best / 10, most = best + (tenth > TIE_US ? tenth : TIE_US);
	if (best == UNSEEN_US)
		return UNSEEN_US;
	return most >= UNSEEN_US ? UNSEEN_US - 1 : (uint32_t)most;
}

uint32_t isb_latency_share(const struct isb_equals *equals, uint32_t i, uint32_t most)
{
	return latency(equals, i) <= most ? isb_share(equals, i) : 0;
}

/* The quickest, by weight among all whose lag behind it is below max(5 ms, 10 %), which is noise. What no probe has
 * measured comes last. */
uint32_t isb_draw_by_latency(struct isb_equals *equals)
{
	uint32_t most = isb_latency_most(equals);
	uint64_t total = 0;
	trace_latencies(equals);
	for (uint32_t i = equals->from; i < equals->to; i++)
		total += isb_latency_share(equals, i, most);
	equals->total = total;
	uint64_t at = isb_rng_below(equals->walk->state->rng, total);
	for (uint32_t i = equals->from; i < equals->to; i++) {
		uint64_t share = isb_latency_share(equals, i, most);
		if (at < share)
			return i;
		at -= share;
	}
	return equals->to;
}
