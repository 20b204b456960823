/* SPDX-License-Identifier: Apache-2.0 */
#include "walk.h"

/* What one endpoint counts for, by its operator, its health word and the clock. */

static enum isb_admin admin_of(struct isb_walk *walk, uint32_t slot)
{
	const struct isb_steer_state *state = walk->state;
	uint64_t word = slot < state->nadmin ? state->admin[slot] : 0;
	enum isb_admin admin = isb_admin_at(word, state->now_ms);
	int64_t until_ms = (int64_t)(word >> 3);
	if (admin != ISB_ADMIN_AUTO && until_ms)
		isb_note_flip(walk, (uint64_t)(until_ms - state->now_ms + 999) / 1000);
	return admin;
}

/* A verdict never formed counts as up: a cold start must answer, and the word keeps `unknown` visible to whoever asks.
 * `unknown: down` says otherwise for pools where no evidence is worse than no answer. */
static bool is_down(const struct isb_plan_endpoint *endpoint, uint64_t word)
{
	enum isb_verdict verdict = (enum isb_verdict)(word & 3);
	if (!endpoint->checked)
		return false;
	if (endpoint->unknown != ISB_UNKNOWN_HOLD && (verdict == ISB_UNKNOWN || verdict == ISB_DISPUTED))
		return endpoint->unknown == ISB_UNKNOWN_DOWN;
	return isb_health_effective(word) == ISB_DOWN;
}

int64_t isb_fell_ms(const struct isb_walk *walk, const struct isb_plan_endpoint *endpoint)
{
	const struct isb_steer_state *state = walk->state;
	uint64_t word = isb_health_word(&state->health, endpoint->slot);
	uint64_t admin = endpoint->slot < state->nadmin ? state->admin[endpoint->slot] : 0;
	if (isb_admin_at(admin, state->now_ms) != ISB_ADMIN_AUTO || !is_down(endpoint, word))
		return 0;
	return isb_health_since_ms(&state->health, endpoint->slot);
}

/* An operator's word beats the verdict. */
static enum isb_usable judge(const struct isb_walk *walk, const struct isb_plan_endpoint *endpoint, enum isb_admin admin,
                             uint64_t word)
{
	if (walk->strictness == ISB_ANYTHING_GOES || admin == ISB_ADMIN_UP)
		return ISB_USABLE;
	if (admin == ISB_ADMIN_DOWN)
		return ISB_SET_ASIDE_ADMIN_DOWN;
	if (admin == ISB_ADMIN_DRAIN)
		return ISB_SET_ASIDE_DRAIN;
	if (walk->strictness == ISB_VERDICTS_IGNORED || !is_down(endpoint, word))
		return ISB_USABLE;
	if (walk->strictness == ISB_LAST_GOOD && isb_fell_ms(walk, endpoint) >= walk->last_good_ms)
		return ISB_USABLE;
	return ISB_SET_ASIDE_DOWN;
}

/* After a recovery the weight grows in a straight line from a hundredth to the whole, and is never nothing, which would
 * keep the endpoint for the day when all others are out. The answer's TTL ends with the ramp: no cache holds a share that
 * was meant for a cold endpoint longer than that. */
static uint32_t ramp(struct isb_walk *walk, const struct isb_plan_endpoint *endpoint, uint64_t word, uint32_t weight,
                     uint8_t *ret_per_cent)
{
	int64_t since_ms = isb_health_since_ms(&walk->state->health, endpoint->slot);
	int64_t passed_ms = walk->state->now_ms - since_ms, whole_ms = endpoint->slow_start_ms;
	if (!since_ms || passed_ms < 0 || passed_ms >= whole_ms || isb_health_effective(word) != ISB_UP)
		return weight;
	isb_note_flip(walk, (uint64_t)(whole_ms - passed_ms + 999) / 1000);
	*ret_per_cent = (uint8_t)(1 + 99 * passed_ms / whole_ms);
	uint32_t part = (uint32_t)((uint64_t)weight * *ret_per_cent / 100);
	return part || !weight ? part : 1;
}

uint32_t isb_weigh(struct isb_walk *walk, const struct isb_plan_child *child, unsigned depth, bool trace)
{
	const struct isb_plan_endpoint *endpoint = isb_plan_endpoint(walk->plan, child->ref);
	if (!endpoint)
		return ISB_SET_ASIDE;
	uint64_t word = endpoint->checked ? isb_health_word(&walk->state->health, endpoint->slot) : 0;
	enum isb_admin admin = admin_of(walk, endpoint->slot);
	enum isb_usable usable = judge(walk, endpoint, admin, word);
	if (admin == ISB_ADMIN_AUTO)
		isb_note_flip(walk, isb_health_flip_s(word));
	unsigned soft = word && admin != ISB_ADMIN_UP ? isb_health_soft(word) : ISB_SOFT_FULL;
	uint32_t weight = (uint32_t)child->weight * soft;
	uint8_t per_cent = 100;
	if (endpoint->slow_start_ms && word && admin == ISB_ADMIN_AUTO)
		weight = ramp(walk, endpoint, word, weight, &per_cent);
	if (trace) {
		struct isb_step *step = isb_walk_step(walk, ISB_STEP_ENDPOINT, depth, endpoint->name);
		step->rank = child->rank;
		step->weight = weight;
		step->slot = endpoint->slot;
		step->word = word;
		step->admin = admin;
		step->usable = usable;
		step->got = per_cent;
	}
	return usable == ISB_USABLE ? weight : ISB_SET_ASIDE;
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
