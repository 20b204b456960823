/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "walk.h"

/* What one endpoint counts for, by its operator, its health word and the clock. Done for every endpoint of every pool that
 * a query comes to, so what is usual is short and inline; judge.c has the whole. Room-internal. */

/* When the endpoint went down, ms; 0: it is not down, or an operator has a say in it, or nobody knows. */
int64_t isb_fell_ms(const struct isb_walk *walk, const struct isb_plan_endpoint *endpoint);

/* Effective weight of a pool's child: weight × soft health (0..100) × slow start, or ISB_SET_ASIDE. With `trace` the
 * judgement is a step of the trace. */
uint32_t isb_weigh_fully(struct isb_walk *walk, const struct isb_plan_child *child, unsigned depth, bool trace);

/* The same without a trace; short for those that are up and nothing else, as most are. */
static inline uint32_t isb_weigh(struct isb_walk *walk, const struct isb_plan_child *child)
{
	const struct isb_steer_state *state = walk->state;
	if (child->flags & ISB_CHILD_INTRICATE || (child->slot < state->nadmin && state->admin[child->slot]))
		return isb_weigh_fully(walk, child, 0, false);
	if (!(child->flags & ISB_CHILD_CHECKED))
		return (uint32_t)child->weight * ISB_SOFT_FULL;
	uint64_t word = isb_health_word(state->health, child->slot);
	if ((word & 3) != ISB_UP || state->health->unattended)
		return isb_weigh_fully(walk, child, 0, false);
	isb_note_flip(walk, isb_health_flip_s(word));
	return (uint32_t)child->weight * isb_health_soft(word);
}
