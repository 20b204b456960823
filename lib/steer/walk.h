/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "isobar/steer/steer.h"
#include "isobar/steer/trace.h"

/* What the parts of one decision share: steer.c walks, judge.h weighs endpoints, survey.c looks ahead, draw.h chooses among
 * equals. Room-internal. */

/* What a walk holds against an endpoint. Only when nothing can answer does the record's `all_down` make it ask less. */
enum isb_strictness {
	ISB_AS_JUDGED,
	ISB_WAITING_TAKEN,    /* those that wait for their failback serve: checks say that they can. No failure yet */
	ISB_LAST_GOOD,        /* those that went down last count as up again */
	ISB_VERDICTS_IGNORED,
	ISB_ANYTHING_GOES
};

struct isb_walk {
	const struct isb_plan *plan;
	const struct isb_plan_record *record;
	const struct isb_steer_state *state;
	enum isb_plan_type type;
	enum isb_strictness strictness;
	int64_t last_good_ms; /* ISB_LAST_GOOD: what went down before this moment stays down */
	uint32_t flip_s;      /* earliest possible change of anything looked at; ISB_FLIP_NONE: none foreseen */
	uint32_t work;        /* done under this strictness, see ISB_WORK_MAX */
	uint8_t client_bits;
	bool waiting;         /* something was set aside that only waits for its failback */
	uint16_t *deferred;   /* spread: children of the pool at hand that lie where an endpoint of the answer lies already */
	uint32_t ndeferred;
	struct isb_choice *choice;
};

/* A policy may be named by many others, so that a small plan unfolds without end when nothing in it can answer. A walk
 * that looked at this many children ends as if nothing could answer; to enter a node counts for as much as to look at
 * ISB_NODE_WORK of its children. It is enough to try every child of the widest node, each of them a pool as wide. */
enum { ISB_NODE_WORK = 32, ISB_WORK_MAX = 3 * ISB_CHILD_MAX * ISB_CHILD_MAX };

enum { ISB_SET_ASIDE = 0xffffffff }; /* in place of an effective weight */

static inline void isb_note_flip(struct isb_walk *walk, uint64_t seconds)
{
	if (seconds < walk->flip_s)
		walk->flip_s = (uint32_t)seconds;
}

/* What would answer for a node, found without taking anything: the equals of its first rank that can. */
struct isb_survey {
	bool can_answer;
	uint32_t load;       /* weight-mean of the endpoints, in units of 1/65536 per mille */
	uint32_t latency_us; /* the least; 0: unknown */
};
void isb_survey(struct isb_walk *walk, const struct isb_plan_node *node, uint32_t viewpoint, struct isb_survey *ret_survey);
/* The newest moment at which an endpoint below the node fell; 0: none is known. */
int64_t isb_newest_fall_ms(struct isb_walk *walk, const struct isb_plan_node *node);

/* Load and latency of one endpoint, in the survey's units. */
uint32_t isb_load_of(const struct isb_walk *walk, uint32_t endpoint);
uint32_t isb_latency_of(const struct isb_walk *walk, uint32_t endpoint, uint32_t viewpoint);

static inline struct isb_step *isb_walk_step(struct isb_walk *walk, enum isb_step_kind kind, unsigned depth, uint32_t name)
{
	return isb_trace_add(walk->state->trace, kind, depth, isb_plan_text(walk->plan, name));
}
/* Name of a node's child, as an offset of text. */
uint32_t isb_child_name(const struct isb_plan *plan, const struct isb_plan_node *node, uint32_t index);
