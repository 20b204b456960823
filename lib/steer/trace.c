/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/steer/trace.h"

void isb_trace_init(struct isb_trace *trace)
{
	*trace = (struct isb_trace){0};
}

void isb_trace_done(struct isb_trace *trace)
{
	isb_arena_done(&trace->arena);
	isb_trace_init(trace);
}

struct isb_step *isb_trace_add(struct isb_trace *trace, enum isb_step_kind kind, unsigned depth, const char *name)
{
	if (trace->count == trace->cap) {
		size_t cap = trace->cap ? trace->cap * 2 : 32, size = sizeof(*trace->steps);
		trace->steps = isb_arena_grow(&trace->arena, trace->steps, trace->cap * size, cap * size);
		trace->cap = cap;
	}
	struct isb_step *step = &trace->steps[trace->count++];
	*step = (struct isb_step){.kind = kind, .depth = depth, .name = name};
	return step;
}
