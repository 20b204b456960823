/* SPDX-License-Identifier: Apache-2.0 */
#include "judge.h"

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

static uint64_t word_of(const struct isb_walk *walk, const struct isb_plan_endpoint *endpoint)
{
	const struct isb_health_table *health = walk->state->health;
	uint64_t word = endpoint->checked ? isb_health_word(health, endpoint->slot) : 0;
	return health->unattended ? isb_health_unattended(word) : word;
}

/* A verdict never formed counts as up: a cold start must answer, and the word keeps `unknown` visible to whoever asks.
 * `unknown: down` says otherwise, for pools where no evidence is worse than no answer. */
bool isb_is_down(const struct isb_plan_endpoint *endpoint, uint64_t word)
{
	enum isb_verdict verdict = (enum isb_verdict)(word & 3);
	if (!endpoint->checked || verdict == ISB_UP)
		return false;
	if (endpoint->unknown != ISB_UNKNOWN_HOLD && verdict != ISB_DOWN)
		return endpoint->unknown == ISB_UNKNOWN_DOWN;
	return isb_health_effective(word) == ISB_DOWN;
}

int64_t isb_fell_ms(const struct isb_walk *walk, const struct isb_plan_endpoint *endpoint)
{
	const struct isb_steer_state *state = walk->state;
	uint64_t word = word_of(walk, endpoint);
	uint64_t admin = endpoint->slot < state->nadmin ? state->admin[endpoint->slot] : 0;
	if (isb_admin_at(admin, state->now_ms) != ISB_ADMIN_AUTO || !isb_is_down(endpoint, word))
		return 0;
	return isb_health_since_ms(state->health, endpoint->slot);
}

/* An operator's word beats the verdict. */
static enum isb_usable judge(const struct isb_walk *walk, const struct isb_plan_endpoint *endpoint, enum isb_admin admin,
                             uint64_t word)
{
	if (endpoint->unresolved && walk->type == ISB_PLAN_ALIAS)
		return ISB_SET_ASIDE_UNRESOLVED; /* there is nothing to answer, whoever says that it is up */
	if (walk->strictness == ISB_ANYTHING_GOES || admin == ISB_ADMIN_UP)
		return ISB_USABLE;
	if (admin == ISB_ADMIN_DOWN)
		return ISB_SET_ASIDE_ADMIN_DOWN;
	if (admin == ISB_ADMIN_DRAIN)
		return ISB_SET_ASIDE_DRAIN;
	if (!isb_is_down(endpoint, word) || walk->strictness == ISB_VERDICTS_IGNORED)
		return ISB_USABLE;
	if (walk->strictness == ISB_LAST_GOOD && isb_fell_ms(walk, endpoint) >= walk->last_good_ms)
		return ISB_USABLE;
	return ISB_SET_ASIDE_DOWN;
}

/* After a recovery the weight grows in a straight line from a hundredth to the whole. The answer's TTL ends with the ramp:
 * no cache holds a share that was meant for a cold endpoint longer than that. */
static unsigned ramp(struct isb_walk *walk, const struct isb_plan_endpoint *endpoint, uint64_t word)
{
	int64_t since_ms = isb_health_since_ms(walk->state->health, endpoint->slot);
	int64_t passed_ms = walk->state->now_ms - since_ms, whole_ms = endpoint->slow_start_ms;
	if (!since_ms || passed_ms < 0 || passed_ms >= whole_ms || isb_health_effective(word) != ISB_UP)
		return 100;
	isb_note_flip(walk, (uint64_t)(whole_ms - passed_ms + 999) / 1000);
	return (unsigned)(1 + 99 * passed_ms / whole_ms);
}

static void trace_judgement(struct isb_walk *walk, const struct isb_plan_child *child, unsigned depth, uint32_t weight,
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

/* A slow start leaves at least 1: nothing would keep the endpoint for the day when all others are out. */
uint32_t isb_weigh_fully(struct isb_walk *walk, const struct isb_plan_child *child, unsigned depth, bool trace)
{
	const struct isb_plan_endpoint *endpoint = isb_plan_endpoint(walk->plan, child->ref);
	uint64_t word = word_of(walk, endpoint);
	enum isb_admin admin = admin_of(walk, endpoint->slot);
	enum isb_usable usable = judge(walk, endpoint, admin, word);
	if (admin == ISB_ADMIN_AUTO)
		isb_note_flip(walk, isb_health_flip_s(word));
	unsigned soft = word && admin != ISB_ADMIN_UP ? isb_health_soft(word) : ISB_SOFT_FULL;
	uint32_t weight = (uint32_t)child->weight * soft;
	unsigned per_cent = 100;
	if (endpoint->slow_start_ms && admin == ISB_ADMIN_AUTO && weight) {
		per_cent = ramp(walk, endpoint, word);
		weight = (uint32_t)((uint64_t)weight * per_cent / 100);
		weight += weight == 0;
	}
	if (trace)
		trace_judgement(walk, child, depth, weight, per_cent, word, admin, usable);
	return usable == ISB_USABLE ? weight : ISB_SET_ASIDE;
}

uint32_t isb_load_of(const struct isb_walk *walk, uint32_t index)
{
	const struct isb_plan_endpoint *endpoint = isb_plan_endpoint(walk->plan, index);
	if (!endpoint->checked)
		return 0;
	return isb_health_load(isb_health_word(walk->state->health, endpoint->slot)) << 16;
}

uint32_t isb_latency_of(const struct isb_walk *walk, uint32_t index, uint32_t viewpoint)
{
	const struct isb_health_table *health = walk->state->health;
	const struct isb_plan_endpoint *endpoint = isb_plan_endpoint(walk->plan, index);
	if (!endpoint->checked)
		return 0;
	uint32_t us = viewpoint < health->npace ? isb_pace_us(&health->pace[viewpoint], endpoint->slot) : 0;
	return us ? us : isb_health_latency_us(isb_health_word(health, endpoint->slot));
}
