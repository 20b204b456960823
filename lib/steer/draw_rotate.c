/* SPDX-License-Identifier: Apache-2.0 */
#include "draw.h"

/* Smooth weighted round robin as a pure function of a turn's number. A cycle is the time from 0 to 1; a child of weight w
 * has its turns in the middle of the w equal parts of it, at (2k + 1) / 2w, k = 0 .. w - 1. All turns in the order of their
 * time, of one time in the order of the children: 5/3/2 gives A B C A A B A C B A, equal weights a b c a b c.
 *
 * Turn t is found by bisection of time. Two different times (2k + 1) / 2v and (2l + 1) / 2w are at least 1 / 2vw apart, so
 * that a grid of 2^-shift, with 2^shift > 2 max(w)², has no two of them in one cell, and everything is done in integers. */

static uint32_t gcd(uint32_t a, uint32_t b)
{
	while (b) {
		uint32_t rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

static uint32_t weight_of(const struct isb_equals *equals, uint32_t i)
{
	return isb_share(equals, i) / equals->turn.divisor;
}

/* How many turns of a child of this weight have come by the time at / 2^shift: floor(w × at / 2^shift + ½). */
static uint64_t turns_by(const struct isb_equals *equals, uint32_t weight, uint64_t at)
{
	unsigned __int128 part = (unsigned __int128)weight * at + ((uint64_t)1 << (equals->turn.shift - 1));
	return (uint64_t)(part >> equals->turn.shift);
}

static uint64_t all_turns_by(const struct isb_equals *equals, uint64_t at)
{
	uint64_t sum = 0;
	equals->walk->work += equals->to - equals->from;
	for (uint32_t i = equals->from; i < equals->to; i++)
		sum += turns_by(equals, weight_of(equals, i), at);
	return sum;
}

/* The number of this turn: what the worker has counted. Queries of different types count for themselves: a client that
 * asks for A and for AAAA in one breath would else get one endpoint's IPv4 and the other's IPv6 address every time. */
static uint64_t take_turn(const struct isb_equals *equals, uint64_t cycle)
{
	const struct isb_steer_state *state = equals->walk->state;
	if (!state->rotor)
		return isb_rng_below(state->rng, cycle);
	return state->rotor[equals->node->param + equals->walk->type]++ % cycle;
}

static void trace_turn(const struct isb_equals *equals, uint64_t number, uint64_t cycle)
{
	if (!equals->walk->state->trace)
		return;
	struct isb_step *step = isb_walk_step(equals->walk, ISB_STEP_TURN, equals->depth, equals->node->name);
	step->at = number;
	step->of = cycle;
}

static void begin(struct isb_equals *equals)
{
	struct isb_turn_of *turn = &equals->turn;
	uint32_t divisor = 0, most = 0;
	for (uint32_t i = equals->from; i < equals->to; i++) {
		uint32_t share = isb_share(equals, i);
		divisor = gcd(share, divisor);
		most = share > most ? share : most;
	}
	turn->divisor = divisor;
	turn->shift = 2 * (32 - (uint32_t)__builtin_clz(most / divisor)) + 1;
	uint64_t cycle = equals->total / divisor, number = take_turn(equals, cycle);
	trace_turn(equals, number, cycle);
	uint64_t low = 0, high = (uint64_t)1 << turn->shift; /* turns by low ≤ number < turns by high */
	while (high - low > 1) {
		uint64_t mid = low + (high - low) / 2;
		if (all_turns_by(equals, mid) > number)
			high = mid;
		else
			low = mid;
	}
	turn->at = high;
	uint64_t before = all_turns_by(equals, low);
	for (turn->first = equals->from; turn->first < equals->to; turn->first++) {
		uint32_t weight = weight_of(equals, turn->first);
		if (turns_by(equals, weight, high) > turns_by(equals, weight, low) && before++ == number)
			break;
	}
}

/* Number k of the child's first turn from this one on: of the turns in this one's cell, which are all of one time, those
 * of children that stand before `first` are over. */
static uint64_t next_turn(const struct isb_equals *equals, uint32_t i, uint32_t weight)
{
	return turns_by(equals, weight, i < equals->turn.first ? equals->turn.at : equals->turn.at - 1);
}

/* After the first draw everyone follows by the time of their next turn: a list that rotates. */
uint32_t isb_draw_by_turn(struct isb_equals *equals)
{
	uint32_t best = equals->to;
	uint64_t best_time = 0, best_weight = 1; /* 2k + 1 and w */
	if (!equals->begun)
		begin(equals);
	equals->total = 0; /* not by chance */
	for (uint32_t i = equals->from; i < equals->to; i++) {
		uint32_t weight = weight_of(equals, i);
		if (!weight)
			continue;
		uint64_t time = 2 * next_turn(equals, i, weight) + 1;
		if (best == equals->to ||
		    (unsigned __int128)time * best_weight < (unsigned __int128)best_time * weight) {
			best = i;
			best_time = time;
			best_weight = weight;
		}
	}
	return best;
}
