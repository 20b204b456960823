/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/model/rollout.h"
#include "isobar/steer/plan.h"
#include "isobar/steer/steer.h"

/* A node with ISB_NODE_ROLLOUT has two children, whence and whither, and this in the plan at the offset `param`. A client in
 * one of the rollout's networks is of a class whose node has a timetable of one step of 100 %. */
struct isb_plan_rollout {
	struct isb_timetable times;
	uint64_t seed;     /* sticky: with the client's network, whose turn it is */
	uint32_t slot;     /* of the abort word */
	uint8_t sticky;
	uint8_t abortable; /* the abort word counts */
	uint8_t pad[2];
};
enum { ISB_ROLLOUT_FROM, ISB_ROLLOUT_TO };
enum { ISB_STICKY_IPV4 = 24, ISB_STICKY_IPV6 = 56 }; /* bits of the client that make its network */

static inline const struct isb_plan_rollout *isb_plan_rollout(const struct isb_plan *plan, const struct isb_plan_node *node)
{
	return isb_plan_at(plan, node->param);
}

/* Where a rollout stands at this moment. */
struct isb_stand {
	uint8_t percent; /* of the new side; 0: it gets nothing, not even those whom the old one cannot serve */
	uint8_t step;
	bool aborted;
	int64_t next_ms; /* of the next step; 0: none comes by itself */
};
struct isb_stand isb_rollout_stand(const struct isb_plan_rollout *rollout, const struct isb_steer_state *state);
/* In how many of a hundred cases the new side is first: for the client of `state` if its network decides, else for all. */
unsigned isb_rollout_chance(const struct isb_plan_rollout *rollout, const struct isb_stand *stand,
                            const struct isb_addr *client, uint8_t *ret_client_bits);

/* Which sides one client may get, the first one first. */
struct isb_sides {
	struct isb_stand stand;
	unsigned count;
	uint8_t side[2];     /* ISB_ROLLOUT_FROM, ISB_ROLLOUT_TO */
	uint8_t client_bits; /* bits of the client that decided; 0: none */
};
/* Exactly `percent` of the draws, or of the networks, begin with the new side; whoever cannot be served there gets the old
 * one and the other way round, but before the first step and after an abort the new side gets nothing. */
struct isb_sides isb_rollout_sides(const struct isb_plan_rollout *rollout, const struct isb_steer_state *state);
