/* SPDX-License-Identifier: Apache-2.0 */
#include "judge.h"

int64_t isb_fell_ms(const struct isb_walk *walk, const struct isb_plan_endpoint *endpoint)
{
	const struct isb_steer_state *state = walk->state;
	uint64_t word = isb_word_of(walk, endpoint);
	uint64_t admin = endpoint->slot < state->nadmin ? state->admin[endpoint->slot] : 0;
	if (isb_admin_at(admin, state->now_ms) != ISB_ADMIN_AUTO || !isb_is_down(endpoint, word))
		return 0;
	return isb_health_since_ms(&state->health, endpoint->slot);
}

/* After a recovery the weight grows in a straight line from a hundredth to the whole. The answer's TTL ends with the ramp:
 * no cache holds a share that was meant for a cold endpoint longer than that. */
unsigned isb_ramp(struct isb_walk *walk, const struct isb_plan_endpoint *endpoint, uint64_t word)
{
	int64_t since_ms = isb_health_since_ms(&walk->state->health, endpoint->slot);
	int64_t passed_ms = walk->state->now_ms - since_ms, whole_ms = endpoint->slow_start_ms;
	if (!since_ms || passed_ms < 0 || passed_ms >= whole_ms || isb_health_effective(word) != ISB_UP)
		return 100;
	isb_note_flip(walk, (uint64_t)(whole_ms - passed_ms + 999) / 1000);
	return (unsigned)(1 + 99 * passed_ms / whole_ms);
}

void isb_trace_judgement(struct isb_walk *walk, const struct isb_plan_child *child, unsigned depth, uint32_t weight,
                         unsigned per_cent, uint64_t word, enum isb_admin admin, enum isb_usable usable)
{
	const struct isb_plan_endpoint *endpoint = isb_plan_endpoint(walk->plan, child->ref);
	struct isb_step *step = isb_walk_step(walk, ISB_STEP_ENDPOINT, depth, endpoint->name);
	step->rank = child->rank;
	step->weight = weight;
	step->slot = endpoint->slot;
	step->word = word;
	step->admin = admin;
	step->usable = usable;
	step->got = per_cent;
}

uint32_t isb_load_of(const struct isb_walk *walk, uint32_t index)
{
	const struct isb_plan_endpoint *endpoint = isb_plan_endpoint(walk->plan, index);
	if (!endpoint || !endpoint->checked)
		return 0;
	return isb_health_load(isb_health_word(&walk->state->health, endpoint->slot)) << 16;
}

uint32_t isb_latency_of(const struct isb_walk *walk, uint32_t index, uint32_t viewpoint)
{
	const struct isb_steer_state *state = walk->state;
	const struct isb_plan_endpoint *endpoint = isb_plan_endpoint(walk->plan, index);
	if (!endpoint || !endpoint->checked)
		return 0;
	uint32_t us = viewpoint < state->npace ? isb_pace_us(&state->pace[viewpoint], endpoint->slot) : 0;
	return us ? us : isb_health_latency_us(isb_health_word(&state->health, endpoint->slot));
}
