/* SPDX-License-Identifier: Apache-2.0 */
#include "rtts.h"

#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"

enum {
	STEP_US = 1000, /* smaller changes are not worth a row … */
	STEP_PART = 10  /* … nor are those below a tenth */
};

void isb_rtts_done(struct isb_rtts *rtts)
{
	for (size_t i = 0; i < rtts->count; i++)
		free(rtts->list[i].region);
	free(rtts->list);
	*rtts = (struct isb_rtts){0};
}

bool isb_rtt_step(uint32_t known_us, uint32_t new_us)
{
	uint32_t step = known_us > new_us ? known_us - new_us : new_us - known_us;
	return new_us && (!known_us || (step > STEP_US && step > known_us / STEP_PART));
}

static struct isb_region_rtt *rtt_of(struct isb_rtts *rtts, const char *region)
{
	for (size_t i = 0; i < rtts->count; i++)
		if (strcmp(rtts->list[i].region, region) == 0)
			return &rtts->list[i];
	rtts->list = isb_xrealloc(rtts->list, (rtts->count + 1) * sizeof(*rtts->list));
	rtts->list[rtts->count] = (struct isb_region_rtt){.region = isb_xstrdup(region)};
	return &rtts->list[rtts->count++];
}

void isb_rtts_measure(struct isb_rtts *rtts, const struct isb_schedule *schedule)
{
	for (size_t i = 0; i < rtts->count; i++)
		rtts->list[i].best_us = 0;
	for (size_t i = 0; i < schedule->count; i++) {
		const struct isb_target *t = schedule->targets[i];
		if (!t->region || !t->history.connect_us)
			continue;
		struct isb_region_rtt *rtt = rtt_of(rtts, t->region);
		if (!rtt->best_us || t->history.connect_us < rtt->best_us)
			rtt->best_us = t->history.connect_us;
	}
}
