/* SPDX-License-Identifier: Apache-2.0 */
#include "judge.h"

static uint64_t admin_word(const struct isb_walk *walk, uint32_t slot)
{
	return slot < walk->state->nadmin ? walk->state->admin[slot] : 0;
}

static enum isb_admin admin_of(struct isb_walk *walk, uint32_t slot)
{
	const struct isb_steer_state *state = walk->state;
	uint64_t word = admin_word(walk, slot);
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

static bool is_down(const struct isb_plan_endpoint *endpoint, uint64_t word)
{
	return endpoint->checked && isb_health_is_down(word, (enum isb_unknown)endpoint->unknown);
}

int64_t isb_fell_ms(const struct isb_walk *walk, const struct isb_plan_endpoint *endpoint)
{
	const struct isb_steer_state *state = walk->state;
	uint64_t word = word_of(walk, endpoint);
	uint64_t admin = admin_word(walk, endpoint->slot);
	if (isb_admin_at(admin, state->now_ms) != ISB_ADMIN_AUTO || !is_down(endpoint, word))
		return 0;
	return isb_health_since_ms(state->health, endpoint->slot);
}

/* --- Failback --- */

static int64_t failback_left(const struct isb_walk *walk, const struct isb_plan_endpoint *endpoint, uint64_t word)
{
	bool manual = endpoint->failback_ms == ISB_PLAN_FAILBACK_MANUAL;
	int64_t since_ms = isb_health_since_ms(walk->state->health, endpoint->slot);
	return isb_failback_left(manual ? ISB_FAILBACK_MANUAL : (int64_t)endpoint->failback_ms, word, since_ms,
	                         admin_word(walk, endpoint->slot), walk->state->now_ms);
}

/* When an endpoint that came back began to serve again. */
static int64_t serves_since_ms(const struct isb_walk *walk, const struct isb_plan_endpoint *endpoint)
{
	int64_t since_ms = isb_health_since_ms(walk->state->health, endpoint->slot);
	uint64_t admin = admin_word(walk, endpoint->slot);
	int64_t told_ms = (int64_t)(admin >> 3), end_ms = since_ms + endpoint->failback_ms;
	if (!endpoint->failback_ms || !since_ms)
		return since_ms;
	if (endpoint->failback_ms == ISB_PLAN_FAILBACK_MANUAL)
		return isb_admin_consents(admin, since_ms) ? told_ms : since_ms;
	return isb_admin_consents(admin, since_ms) && told_ms < end_ms ? told_ms : end_ms;
}

/* Sets one aside that would be usable otherwise, while anything else can answer. */
static int64_t wait_for_failback(struct isb_walk *walk, const struct isb_plan_endpoint *endpoint, uint64_t word,
                                 enum isb_usable *usable)
{
	int64_t left_ms = *usable == ISB_USABLE ? failback_left(walk, endpoint, word) : 0;
	if (!left_ms)
		return 0;
	if (left_ms != ISB_FAILBACK_UNTOLD)
		isb_note_flip(walk, (uint64_t)(left_ms + 999) / 1000);
	if (walk->strictness == ISB_AS_JUDGED) {
		*usable = ISB_SET_ASIDE_WAITING;
		walk->waiting = true;
	}
	return left_ms;
}

/* --- Judgement --- */

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
	bool held = admin == ISB_ADMIN_HOLD_UP || admin == ISB_ADMIN_HOLD_DOWN;
	bool down = held ? admin == ISB_ADMIN_HOLD_DOWN : is_down(endpoint, word);
	if (!down || walk->strictness == ISB_VERDICTS_IGNORED)
		return ISB_USABLE;
	if (walk->strictness == ISB_LAST_GOOD && isb_fell_ms(walk, endpoint) >= walk->last_good_ms)
		return ISB_USABLE;
	return held ? ISB_SET_ASIDE_HELD : ISB_SET_ASIDE_DOWN;
}

/* After a recovery the weight grows in a straight line from a hundredth to the whole. The answer's TTL ends with the ramp:
 * no cache holds a share that was meant for a cold endpoint longer than that. */
static unsigned ramp(struct isb_walk *walk, const struct isb_plan_endpoint *endpoint, uint64_t word)
{
	int64_t since_ms = serves_since_ms(walk, endpoint);
	int64_t passed_ms = walk->state->now_ms - since_ms, whole_ms = endpoint->slow_start_ms;
	if (!since_ms || passed_ms < 0 || passed_ms >= whole_ms || isb_health_effective(word) != ISB_UP)
		return 100;
	isb_note_flip(walk, (uint64_t)(whole_ms - passed_ms + 999) / 1000);
	return (unsigned)(1 + 99 * passed_ms / whole_ms);
}

static void trace_judgement(struct isb_walk *walk, const struct isb_plan_child *child, unsigned depth, uint32_t weight,
                            unsigned per_cent, int64_t left_ms, uint64_t word, enum isb_admin admin, enum isb_usable usable)
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
	step->at = left_ms == ISB_FAILBACK_UNTOLD ? UINT64_MAX : (uint64_t)left_ms;
}

/* A slow start leaves at least 1: nothing would keep the endpoint for the day when all others are out. */
uint32_t isb_weigh_fully(struct isb_walk *walk, const struct isb_plan_child *child, unsigned depth, bool trace)
{
	const struct isb_plan_endpoint *endpoint = isb_plan_endpoint(walk->plan, child->ref);
	uint64_t word = word_of(walk, endpoint);
	enum isb_admin admin = admin_of(walk, endpoint->slot);
	enum isb_usable usable = judge(walk, endpoint, admin, word);
	int64_t left_ms = admin == ISB_ADMIN_AUTO ? wait_for_failback(walk, endpoint, word, &usable) : 0;
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
		trace_judgement(walk, child, depth, weight, per_cent, left_ms, word, admin, usable);
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
