/* SPDX-License-Identifier: Apache-2.0 */
#include "draw.h"

static uint32_t nth_candidate(const struct isb_equals *equals, uint64_t n)
{
	for (uint32_t i = equals->from; i < equals->to; i++)
		if (isb_share(equals, i) && n-- == 0)
			return i;
	return equals->to;
}

static void trace_load(const struct isb_equals *equals, uint32_t i)
{
	if (!equals->walk->state->trace)
		return;
	struct isb_step *step = isb_walk_step(equals->walk, ISB_STEP_COMPARE, equals->depth,
	                                      isb_child_name(equals->walk->plan, equals->node, i));
	step->order = ISB_ORDER_LEAST_LOAD;
	step->weight = isb_share(equals, i);
	step->at = equals->measure[i] >> 16;
}

/* Two at random, and of them the one with less load for its weight: what endpoints say of themselves is some seconds old,
 * and if the least loaded of all took every answer until the next report it would not stay that. Of two that are alike
 * the weights decide. */
uint32_t isb_draw_by_load(struct isb_equals *equals)
{
	struct isb_rng *rng = equals->walk->state->rng;
	uint64_t first = isb_rng_below(rng, equals->candidates), second = isb_rng_below(rng, equals->candidates - 1);
	uint32_t a = nth_candidate(equals, first), b = nth_candidate(equals, second + (second >= first));
	uint64_t share_a = isb_share(equals, a), share_b = isb_share(equals, b);
	uint64_t load_a = equals->measure[a] * share_b, load_b = equals->measure[b] * share_a;
	trace_load(equals, a);
	trace_load(equals, b);
	equals->total = load_a == load_b ? share_a + share_b : 0;
	if (load_a != load_b)
		return load_a < load_b ? a : b;
	return isb_rng_below(rng, share_a + share_b) < share_a ? a : b;
}
