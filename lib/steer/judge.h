/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "walk.h"

/* What one endpoint counts for, by its operator, its health word and the clock. Done for every endpoint of every pool that
 * a query comes to, so it is short and inline; what is rare stands in judge.c. Room-internal. */

static inline enum isb_admin isb_admin_of(struct isb_walk *walk, uint32_t slot)
{
	const struct isb_steer_state *state = walk->state;
	uint64_t word = slot < state->nadmin ? state->admin[slot] : 0;
	if (!word)
		return ISB_ADMIN_AUTO;
	enum isb_admin admin = isb_admin_at(word, state->now_ms);
	int64_t until_ms = (int64_t)(word >> 3);
	if (admin != ISB_ADMIN_AUTO && until_ms)
		isb_note_flip(walk, (uint64_t)(until_ms - state->now_ms + 999) / 1000);
	return admin;
}

/* A verdict never formed counts as up: a cold start must answer, and the word keeps `unknown` visible to whoever asks.
 * `unknown: down` says otherwise, for pools where no evidence is worse than no answer. */
static inline bool isb_is_down(const struct isb_plan_endpoint *endpoint, uint64_t word)
{
	enum isb_verdict verdict = (enum isb_verdict)(word & 3);
	if (!endpoint->checked || verdict == ISB_UP)
		return false;
	if (endpoint->unknown != ISB_UNKNOWN_HOLD && verdict != ISB_DOWN)
		return endpoint->unknown == ISB_UNKNOWN_DOWN;
	return isb_health_effective(word) == ISB_DOWN;
}

/* When the endpoint went down, ms; 0: it is not down, or an operator has a say in it, or nobody knows. */
int64_t isb_fell_ms(const struct isb_walk *walk, const struct isb_plan_endpoint *endpoint);

/* An operator's word beats the verdict. */
static inline enum isb_usable isb_judge(const struct isb_walk *walk, const struct isb_plan_endpoint *endpoint,
                                        enum isb_admin admin, uint64_t word)
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

/* How much of its weight an endpoint has by its slow start, per cent. */
unsigned isb_ramp(struct isb_walk *walk, const struct isb_plan_endpoint *endpoint, uint64_t word);
void isb_trace_judgement(struct isb_walk *walk, const struct isb_plan_child *child, unsigned depth, uint32_t weight,
                         unsigned per_cent, uint64_t word, enum isb_admin admin, enum isb_usable usable);

/* Effective weight of a pool's child: weight × soft health (0..100) × slow start, or ISB_SET_ASIDE. With `trace` the
 * judgement is a step of the trace. A slow start leaves at least 1: nothing would keep the endpoint for the day when all
 * others are out. */
static inline uint32_t isb_weigh(struct isb_walk *walk, const struct isb_plan_child *child, unsigned depth, bool trace)
{
	const struct isb_plan_endpoint *endpoint = isb_plan_endpoint(walk->plan, child->ref);
	if (!endpoint)
		return ISB_SET_ASIDE;
	uint64_t word = endpoint->checked ? isb_health_word(&walk->state->health, endpoint->slot) : 0;
	enum isb_admin admin = isb_admin_of(walk, endpoint->slot);
	enum isb_usable usable = isb_judge(walk, endpoint, admin, word);
	if (admin == ISB_ADMIN_AUTO)
		isb_note_flip(walk, isb_health_flip_s(word));
	unsigned soft = word && admin != ISB_ADMIN_UP ? isb_health_soft(word) : ISB_SOFT_FULL;
	uint32_t weight = (uint32_t)child->weight * soft;
	unsigned per_cent = 100;
	if (endpoint->slow_start_ms && admin == ISB_ADMIN_AUTO && weight) {
		per_cent = isb_ramp(walk, endpoint, word);
		weight = (uint32_t)((uint64_t)weight * per_cent / 100);
		weight += weight == 0;
	}
	if (trace)
		isb_trace_judgement(walk, child, depth, weight, per_cent, word, admin, usable);
	return usable == ISB_USABLE ? weight : ISB_SET_ASIDE;
}
