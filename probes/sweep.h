/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "isobar/store/healthdb.h"
#include "schedule.h"

/* What nobody else takes away: observations of endpoints that are tested no more (those that left while no probe ran, and
 * those of probes that died before they could withdraw them), and the rows of probes that were gone for a day. */

enum { ISB_FORGET_MS = 24 * 60 * 60 * 1000 }; /* probes that are gone are remembered for so long */

struct isb_swept {
	size_t observations, probes;
};
/* Call it every minute, with a schedule that was made from the catalog. Only votes that count no more are touched, so
 * that nothing is lost where another probe knows a newer catalog. Writes only when there is something to take away. */
int isb_sweep(struct isb_store *store, const struct isb_schedule *schedule, const char *own, int64_t now_ms,
              struct isb_swept *ret_swept);
