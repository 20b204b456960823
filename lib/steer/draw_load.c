/* SPDX-License-Identifier: Apache-2.0 */
#include "draw.h"

/* By weight, from all but one; equals->to: from all. */
static uint32_t draw_beside(const struct isb_equals *equals, uint32_t drawn, uint64_t total)
{
	uint64_t at = isb_rng_below(equals->walk->state->rng, total);
	for (uint32_t i = equals->from; i < equals->to; i++) {
		uint64_t share = i == drawn ? 0 : isb_share(equals, i);
		if (at < share)
			return i;
		at -= share;
	}
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

/* Two by weight, and of them the one with less load for its weight: what endpoints say of themselves is some seconds
 * old, and if the least loaded of all took every answer until the next report it would not stay that. Of two that are
 * alike the first answers: where nobody reports, the shares are the weights. */
uint32_t isb_draw_by_load(struct isb_equals *equals)
{
	uint32_t a = draw_beside(equals, equals->to, equals->total);
	uint64_t share_a = isb_share(equals, a);
	uint32_t b = draw_beside(equals, a, equals->total - share_a);
	uint64_t load_a = equals->measure[a] * (uint64_t)isb_share(equals, b), load_b = equals->measure[b] * share_a;
	trace_load(equals, a);
	trace_load(equals, b);
	if (load_a != load_b)
		equals->total = 0;
	return load_b < load_a ? b : a;
}
