/* SPDX-License-Identifier: Apache-2.0 */
#include "look.h"

#include <limits.h>
#include <stdlib.h>

#include "isobar/base/clock.h"
#include "runner.h"

struct isb_look *isb_look_new(void)
{
	struct isb_look *look = isb_xcalloc(1, sizeof(*look));
	isb_arena_init(&look->arena);
	look->taken_ms = isb_clock_ms();
	look->certificate_days = INT_MAX;
	return look;
}

void isb_look_free(struct isb_look *look)
{
	if (!look)
		return;
	isb_buf_done(&look->unready);
	isb_arena_done(&look->arena);
	free(look);
}

static struct isb_look_row row_of(struct isb_look *look, const struct isb_target *t)
{
	const struct isb_history *h = &t->history;
	return (struct isb_look_row){.name = isb_arena_strdup(&look->arena, t->name), .slot = t->slot, .state = h->state,
	                             .flaps = h->flaps, .p50_us = h->p50_us, .p95_us = h->p95_us, .p99_us = h->p99_us,
	                             .observed_ms = h->observed_ms};
}

void isb_look_at_runner(struct isb_look *look, const struct isb_runner *runner)
{
	const struct isb_schedule *schedule = &runner->schedule;
	look->counts = runner->counts;
	look->in_flight = runner->in_flight;
	look->max_in_flight = runner->max_in_flight;
	look->waiting = schedule->queued + schedule->feeds->queued;
	look->endpoints = schedule->count;
	look->feeds = schedule->feeds->count;
	look->silent = schedule->silent;
	look->blind = isb_schedule_blind(schedule);
	if (look->blind)
		isb_buf_printf(&look->unready, "blind: of its %zu endpoints none answers, so its votes are withdrawn\n",
		               schedule->count);
	look->nrow = schedule->count < ISB_LOOK_ROWS ? schedule->count : ISB_LOOK_ROWS;
	look->rows = isb_arena_alloc(&look->arena, look->nrow * sizeof(*look->rows));
	for (size_t i = 0; i < look->nrow; i++)
		look->rows[i] = row_of(look, schedule->targets[i]);
}

void isb_look_add_trouble(struct isb_look *look, const char *operation, uint64_t count)
{
	if (look->ntrouble == ISB_LOOK_TROUBLES)
		return;
	look->troubles[look->ntrouble].operation = operation;
	look->troubles[look->ntrouble++].count = count;
}
