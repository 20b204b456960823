/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/steer/tally.h"

#include <stdlib.h>

#include "isobar/base/arena.h"

const char *isb_reason_name(enum isb_reason reason)
{
	static const char *const names[ISB_REASONS] = {
		[ISB_REASON_FIRST] = "first",       [ISB_REASON_ROLLOUT] = "rollout",   [ISB_REASON_TRICKLE] = "trickle",
		[ISB_REASON_FAILOVER] = "failover", [ISB_REASON_FAILOPEN] = "failopen", [ISB_REASON_LAST] = "last",
		[ISB_REASON_FALLBACK] = "fallback", [ISB_REASON_NODATA] = "nodata"};
	return names[reason];
}

/* Fresh pages of the system are zero already: so calloc(), and not what would write all of it. */
struct isb_tally *isb_tally_new(const struct isb_plan *plan)
{
	size_t cells = ((size_t)plan->nrecord + plan->nendpoint) * ISB_REASONS;
	size_t size = sizeof(struct isb_tally) + cells * sizeof(uint64_t) + 2 * ISB_CACHE_LINE;
	void *memory = isb_xcalloc(1, size);
	uintptr_t line = ((uintptr_t)memory + ISB_CACHE_LINE - 1) & ~(uintptr_t)(ISB_CACHE_LINE - 1);
	struct isb_tally *tally = (struct isb_tally *)line;
	tally->memory = memory;
	tally->nrecord = plan->nrecord;
	tally->nendpoint = plan->nendpoint;
	tally->endpoint = tally->record + (size_t)plan->nrecord * ISB_REASONS;
	return tally;
}

void isb_tally_free(struct isb_tally *tally)
{
	if (tally)
		free(tally->memory);
}
