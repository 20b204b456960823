/* SPDX-License-Identifier: Apache-2.0 */
#include "draw.h"

bool isb_equals_turn_to_zero(struct isb_equals *equals)
{
	if (equals->zero)
		return false;
	equals->zero = true;
	equals->counted = false;
	for (uint32_t i = 0; i < equals->node->nchild; i++)
		equals->weight[i] = equals->weight[i] == 0 ? 1 : ISB_SET_ASIDE;
	return true;
}

static uint32_t draw(struct isb_equals *equals)
{
	switch (equals->node->order) {
	case ISB_ORDER_ROTATE: return isb_draw_by_turn(equals);
	case ISB_ORDER_HASH: return isb_draw_by_hash(equals);
	case ISB_ORDER_LEAST_LOAD: return isb_draw_by_load(equals);
	default: return isb_draw_by_latency(equals);
	}
}

uint32_t isb_draw_as_ordered(struct isb_equals *equals)
{
	uint32_t drawn = draw(equals);
	equals->begun = true;
	return drawn;
}
