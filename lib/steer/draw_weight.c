/* SPDX-License-Identifier: Apache-2.0 */
#include "draw.h"

/* P(child) = share / total, exactly: one uniform integer below the total, and no division of it. */
uint32_t isb_draw_by_weight(const struct isb_equals *equals)
{
	uint64_t at = isb_rng_below(equals->walk->state->rng, equals->total);
	for (uint32_t i = equals->from; i < equals->to; i++) {
		uint64_t share = isb_share(equals, i);
		if (at < share)
			return i;
		at -= share;
	}
	return equals->to;
}
