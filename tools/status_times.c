/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "isobar/base/err.h"
#include "status.h"

/* How long the checks of one endpoint take, by all who check it. */

struct told {
	int64_t now_ms;
	struct isb_arena *arena;
	struct status_times *list;
	size_t count, cap;
};

static int add_told(void *arg, const struct isb_observation *o)
{
	struct told *told = arg;
	const struct isb_history *h = &o->history;
	if (told->now_ms >= o->expires_ms || !h->p50_us)
		return 0;
	if (told->count == told->cap) {
		size_t cap = told->cap ? told->cap * 2 : 8, size = sizeof(*told->list);
		told->list = isb_arena_grow(told->arena, told->list, told->cap * size, cap * size);
		told->cap = cap;
	}
	told->list[told->count++] = (struct status_times){h->p50_us, h->p95_us, h->p99_us};
	return 0;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static uint32_t median(const struct told *told, uint32_t *numbers)
{
	qsort(numbers, told->count, sizeof(*numbers), by_number);
	return numbers[told->count / 2];
}

struct status_times status_times(struct status *s, const struct status_row *row)
{
	struct told told = {.now_ms = s->cli->now_ms, .arena = &s->arena};
	struct status_times times = {0};
	if (!row->checked || isb_observation_each(s->reader.health, row->slot, add_told, &told) != ISB_OK || !told.count)
		return times;
	uint32_t *numbers = isb_arena_alloc(&s->arena, 3 * told.count * sizeof(*numbers));
	for (size_t i = 0; i < told.count; i++) {
		numbers[i] = told.list[i].p50_us;
		numbers[told.count + i] = told.list[i].p95_us;
		numbers[2 * told.count + i] = told.list[i].p99_us;
	}
	times.p50_us = median(&told, numbers);
	times.p95_us = median(&told, numbers + told.count);
	times.p99_us = median(&told, numbers + 2 * told.count);
	return times;
}
