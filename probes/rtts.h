/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schedule.h"

/* Round trips from this probe's region to those of the endpoints. The way to a region is the way to its nearest
 * endpoint: others add their own queues, none takes any away. All-zero is a valid empty list. */
struct isb_rtts {
	struct isb_region_rtt {
		char *region;
		uint32_t best_us;  /* as measured last; 0: no endpoint of the region is reached */
		uint32_t known_us; /* what the store, or the site, was told; 0: nothing yet */
	} *list;
	size_t count;
};

void isb_rtts_done(struct isb_rtts *rtts);
/* Sets best_us of every region; regions come and stay. */
void isb_rtts_measure(struct isb_rtts *rtts, const struct isb_schedule *schedule);
/* True where a new round trip, or pace, is worth a row. */
bool isb_rtt_step(uint32_t known_us, uint32_t new_us);
