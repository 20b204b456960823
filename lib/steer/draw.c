/* SPDX-License-Identifier: Apache-2.0 */
#include "draw.h"

static uint32_t draw_as_ordered(struct isb_equals *equals)
{
	switch (equals->node->order) {
	case ISB_ORDER_ROTATE: return isb_draw_by_turn(equals);
	case ISB_ORDER_HASH: return isb_draw_by_hash(equals);
	case ISB_ORDER_LEAST_LOAD: return isb_draw_by_load(equals);
	case ISB_ORDER_FASTEST: return isb_draw_by_latency(equals);
	default: return isb_draw_by_weight(equals);
	}
}

uint32_t isb_draw(struct isb_equals *equals)
{
	uint64_t total = 0;
	uint32_t found = equals->to, candidates = 0;
	equals->walk->work += equals->to - equals->from;
	for (uint32_t i = equals->from; i < equals->to; i++) {
		uint32_t share = isb_share(equals, i);
		if (!share)
			continue;
		total += share;
		found = i;
		candidates++;
	}
	equals->candidates = candidates;
	equals->total = total;
	if (candidates < 2)
		return found;
	found = draw_as_ordered(equals);
	equals->begun = true;
	return found;
}
