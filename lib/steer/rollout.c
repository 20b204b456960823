/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/steer/rollout.h"

#include "isobar/base/hash.h"

_Static_assert(sizeof(struct isb_plan_rollout) == 72, "plans hold it as octets: no padding");

struct isb_stand isb_rollout_stand(const struct isb_plan_rollout *rollout, const struct isb_steer_state *state)
{
	struct isb_timetable_now now = isb_timetable_at(&rollout->times, state->now_ms);
	if (rollout->abortable && isb_abort_holds(isb_health_word(state->health, rollout->slot)))
		return (struct isb_stand){.step = (uint8_t)now.step, .aborted = true};
	return (struct isb_stand){.percent = (uint8_t)now.percent, .step = (uint8_t)now.step, .next_ms = now.next_ms};
}

/* A network's place among all, 0..99, stays as the share grows: nobody goes back and forth. */
unsigned isb_rollout_chance(const struct isb_plan_rollout *rollout, const struct isb_stand *stand,
                            const struct isb_addr *client, uint8_t *ret_client_bits)
{
	*ret_client_bits = 0;
	if (!rollout->sticky || !client || stand->percent == 0 || stand->percent >= 100)
		return stand->percent;
	uint8_t bits = client->family == 4 ? ISB_STICKY_IPV4 : ISB_STICKY_IPV6;
	struct isb_net net = isb_net_around(client, bits);
	*ret_client_bits = bits;
	return isb_hash(net.addr.octets, bits / 8u, rollout->seed) % 100 < stand->percent ? 100 : 0;
}

struct isb_sides isb_rollout_sides(const struct isb_plan_rollout *rollout, const struct isb_steer_state *state)
{
	struct isb_sides sides = {.stand = isb_rollout_stand(rollout, state)};
	unsigned chance = isb_rollout_chance(rollout, &sides.stand, state->client, &sides.client_bits);
	bool new_first = chance >= 100 || (chance && isb_rng_below(state->rng, 100) < chance);
	sides.side[0] = new_first ? ISB_ROLLOUT_TO : ISB_ROLLOUT_FROM;
	sides.side[1] = new_first ? ISB_ROLLOUT_FROM : ISB_ROLLOUT_TO;
	sides.count = sides.stand.percent ? 2 : 1;
	return sides;
}
