/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/steer/rollout.h"

#include "isobar/base/hash.h"

_Static_assert(sizeof(struct isb_plan_rollout) == 72, "plans hold it as octets: no padding");

const struct isb_plan_rollout *isb_plan_rollout(const struct isb_plan *plan, const struct isb_plan_node *node)
{
	const struct isb_plan_rollout *rollout = isb_plan_at(plan, node->param, sizeof(*rollout));
	return rollout && node->param % 8 == 0 && isb_pace_check(&rollout->pace) ? rollout : NULL;
}

/* A network's place among all, 0..99, stays as the share grows: nobody goes back and forth. */
static bool is_its_turn(const struct isb_plan_rollout *rollout, const struct isb_addr *client, unsigned percent,
                        uint8_t *ret_bits)
{
	uint8_t bits = client->family == 4 ? ISB_STICKY_IPV4 : ISB_STICKY_IPV6;
	struct isb_net net = isb_net_around(client, bits);
	*ret_bits = bits;
	return isb_hash(net.addr.octets, bits / 8u, rollout->seed) % 100 < percent;
}

static bool begins_with_new(const struct isb_plan_rollout *rollout, const struct isb_steer_state *state,
                            struct isb_sides *sides)
{
	if (sides->percent == 0 || sides->percent >= 100)
		return sides->percent != 0;
	if (rollout->sticky && state->client)
		return is_its_turn(rollout, state->client, sides->percent, &sides->client_bits);
	return isb_rng_below(state->rng, 100) < sides->percent;
}

struct isb_sides isb_rollout_sides(const struct isb_plan_rollout *rollout, const struct isb_steer_state *state)
{
	struct isb_pace_now now = isb_pace_at(&rollout->pace, state->now_ms);
	struct isb_sides sides = {.count = 1, .percent = (uint8_t)now.percent, .step = (uint8_t)now.step,
	                          .next_ms = now.next_ms};
	uint64_t word = rollout->abortable ? isb_health_word(&state->health, rollout->slot) : 0;
	if (rollout->abortable && isb_abort_holds(word)) {
		sides.aborted = true;
		sides.percent = 0;
		sides.next_ms = 0;
	}
	bool new_first = begins_with_new(rollout, state, &sides);
	sides.side[0] = new_first ? ISB_ROLLOUT_TO : ISB_ROLLOUT_FROM;
	sides.side[1] = new_first ? ISB_ROLLOUT_FROM : ISB_ROLLOUT_TO;
	if (sides.percent)
		sides.count = 2;
	return sides;
}
