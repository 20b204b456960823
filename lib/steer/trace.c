/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/steer/trace.h"

void isb_trace_init(struct isb_trace *trace)
{
	*trace = (struct isb_trace){.limit = ISB_TRACE_MAX};
}

void isb_trace_done(struct isb_trace *trace)
{
	isb_arena_done(&trace->arena);
	isb_trace_init(trace);
}

void isb_trace_reset(struct isb_trace *trace)
{
	trace->count = trace->dropped = 0;
}

static struct isb_step *next(struct isb_trace *trace, bool ending)
{
	if (trace->count + (ending ? 0 : ISB_TRACE_ENDINGS) >= trace->limit) {
		trace->dropped++;
		return &trace->spare;
	}
	if (trace->count == trace->cap) {
		size_t cap = trace->cap ? trace->cap * 2 : 32, size = sizeof(*trace->steps);
		trace->steps = isb_arena_grow(&trace->arena, trace->steps, trace->cap * size, cap * size);
		trace->cap = cap;
	}
	return &trace->steps[trace->count++];
}

struct isb_step *isb_trace_add(struct isb_trace *trace, enum isb_step_kind kind, unsigned depth, const char *name)
{
	struct isb_step *step = next(trace, kind == ISB_STEP_CHOSEN || kind == ISB_STEP_FAILOPEN);
	*step = (struct isb_step){.kind = kind, .depth = depth, .name = name};
	return step;
}
