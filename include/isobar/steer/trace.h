/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/arena.h"
#include "isobar/model/health.h"
#include "isobar/steer/steer.h"

/* What the walk did, step by step, written by the walk itself when a trace is given: `explain` shows the decision of the
 * very code that answers. */
enum isb_step_kind {
	ISB_STEP_RECORD,   /* a record is steered; name "zone/owner", got: the client's class */
	ISB_STEP_ENTER,    /* a node is tried; name, order */
	ISB_STEP_CHILD,    /* a child of the node in rank order; name, rank, weight */
	ISB_STEP_ENDPOINT, /* an endpoint judged; name, rank, weight (effective), usable, word, admin, got: how much of its
	                    * weight a slow start gives it, per cent; at: how long its failback takes yet, ms, UINT64_MAX: until
	                    * an operator says so */
	ISB_STEP_ROLLOUT,  /* the node leads from one side to another; name of the new side, weight: its per cent, rank: its step,
	                    * got: it was aborted */
	ISB_STEP_TRICKLE,  /* the next rank is tried before the first; rank, got: in how many of a hundred answers */
	ISB_STEP_TURN,     /* order rotate: turn `at` of a cycle of `of` */
	ISB_STEP_KEY,      /* order hash: the key in `at`, got: bits of the client it is made of, 0: made of the name */
	ISB_STEP_COMPARE,  /* a candidate; name, order, weight, at: its load, per mille (least-load), or its latency, us,
	                    * 0: unknown (fastest) */
	ISB_STEP_DRAW,     /* child drawn among its equals; name, rank, weight, total: of all equals, 0: not by chance */
	ISB_STEP_SHORT,    /* a pool has fewer usable endpoints than min_up: got, need */
	ISB_STEP_LEAVE,    /* the node cannot answer; the parent goes on */
	ISB_STEP_CHOSEN,   /* an endpoint is in the answer; weight, total as above, got: 1: its region is there already */
	ISB_STEP_FAILOPEN, /* nothing can answer; got: what all_down says */
	ISB_STEP_AGAIN     /* so everything is tried once more; got: isb_again */
};
/* and what is held against nobody then */
enum isb_again { ISB_AGAIN_LAST_GOOD, ISB_AGAIN_VERDICTS, ISB_AGAIN_OPERATORS, ISB_AGAIN_WAITING };
struct isb_step {
	enum isb_step_kind kind;
	unsigned depth;
	const char *name;  /* points into the plan */
	enum isb_order_id order;
	unsigned rank;
	uint32_t weight; /* effective */
	uint64_t total;
	uint64_t at, of;
	uint32_t slot;
	uint64_t word;
	enum isb_admin admin;
	enum isb_usable usable;
	unsigned got, need;
};

/* A walk through a wide policy that cannot answer is long, and who asks why may be anybody that an operator lets ask. So a
 * trace ends at a number of steps; what comes after it is only counted, but for what was chosen in the end. */
enum { ISB_TRACE_MAX = 10000, ISB_TRACE_ENDINGS = ISB_CHOICE_MAX + 1 };
struct isb_trace {
	struct isb_arena arena;
	struct isb_step *steps;
	size_t count, cap;
	size_t limit;   /* steps kept: ISB_TRACE_MAX after init, and never fewer than ISB_TRACE_ENDINGS */
	size_t dropped; /* and not */
	struct isb_step spare; /* what is dropped is written here */
};
void isb_trace_init(struct isb_trace *trace);
void isb_trace_done(struct isb_trace *trace);
/* For the next walk; keeps the memory. */
void isb_trace_reset(struct isb_trace *trace);
/* Never NULL. */
struct isb_step *isb_trace_add(struct isb_trace *trace, enum isb_step_kind kind, unsigned depth, const char *name);
