/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/arena.h"
#include "isobar/steer/plan.h"

/* How often each record decided, and each endpoint stood first in the answer, by the reason. A tally is one thread's and about
 * one plan: only that thread adds, anyone may read (relaxed: a count more or less is no harm). */

/* Of several that hold, the later one. */
enum isb_reason {
	ISB_REASON_FIRST,    /* of the best there is */
	ISB_REASON_ROLLOUT,  /* the new side of a rollout */
	ISB_REASON_TRICKLE,  /* to keep the next rank warm */
	ISB_REASON_FAILOVER, /* something better had nothing to answer with */
	ISB_REASON_FAILOPEN, /* nothing was usable; answered as if all were up */
	ISB_REASON_LAST,     /* nothing was usable; the last good answer */
	ISB_REASON_FALLBACK, /* the ordinary rrset underneath answered */
	ISB_REASON_NODATA,   /* no record of the type: the chosen endpoint has none, or all_down says so */
	ISB_REASONS
};
const char *isb_reason_name(enum isb_reason reason);

struct isb_tally {
	uint32_t nrecord, nendpoint; /* as in the plan */
	_Atomic uint64_t *endpoint;  /* within `record` */
	void *memory;
	alignas(ISB_CACHE_LINE) _Atomic uint64_t record[]; /* ISB_REASONS for each, then as many for each endpoint */
};

/* On cache lines of its own. Takes no time for what is never counted, however large the plan is. */
struct isb_tally *isb_tally_new(const struct isb_plan *plan);
void isb_tally_free(struct isb_tally *tally); /* NULL is fine */

static inline void isb_tally_add(_Atomic uint64_t *count)
{
	/* relaxed load and store instead of a locked add: there is one writer */
	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + 1, memory_order_relaxed);
}
/* Numbers of the plan that the tally is about. */
static inline void isb_tally_record(struct isb_tally *tally, uint32_t record, enum isb_reason reason)
{
	isb_tally_add(&tally->record[(size_t)record * ISB_REASONS + reason]);
}
static inline void isb_tally_endpoint(struct isb_tally *tally, uint32_t endpoint, enum isb_reason reason)
{
	isb_tally_add(&tally->endpoint[(size_t)endpoint * ISB_REASONS + reason]);
}
