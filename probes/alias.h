/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/model/model.h"
#include "isobar/store/catalogdb.h"
#include "resolve.h"

/* The hosts of ALIAS records that lie outside our zones: which they are, when each is asked for again, and what an
 * answer makes of its row in the store. No sockets, no clocks: `now` is monotonic milliseconds, `now_ms` the wall clock.
 *
 * Several probes may share a store. A host is the business of the probe that its row names, for as long as that keeps it
 * fresh; ISB_ALIAS_GRACE_MS after it went stale another may take it over. So the addresses do not swing between what two
 * resolvers see. */
enum {
	ISB_ALIAS_LEAST_MS = 5000,    /* asked again no sooner, whatever the TTL */
	ISB_ALIAS_MOST_MS = 3600000,  /* and no later */
	ISB_ALIAS_RETRY_MS = 5000,    /* after a failure */
	ISB_ALIAS_GONE_MS = 60000,    /* "no such name" is believed when it was said for this long */
	ISB_ALIAS_GRACE_MS = 30000,
	ISB_ALIAS_ASKS_MAX = 32       /* under way at once */
};

struct isb_alias_host {
	char *name;
	int64_t due;
	bool asking, gone; /* gone: no record wants it any more; freed when its answer comes */
};
struct isb_aliases {
	struct isb_store *store;
	const char *probe;
	struct isb_alias_host **hosts;
	size_t count;
	unsigned asking;
};

void isb_aliases_init(struct isb_aliases *aliases, struct isb_store *store, const char *probe);
void isb_aliases_done(struct isb_aliases *aliases);
/* Takes over the hosts of the catalog. Rows of others go. */
int isb_aliases_update(struct isb_aliases *aliases, const struct isb_catalog *catalog, struct isb_txn *txn, int64_t now);
/* The next host to ask for now, marked as being asked for, or NULL. */
struct isb_alias_host *isb_aliases_take(struct isb_aliases *aliases, int64_t now, int64_t now_ms);
/* What came of it; writes the row. Logs changes of the addresses, and when trouble begins and ends. */
int isb_aliases_record(struct isb_aliases *aliases, struct isb_alias_host *host, const struct isb_resolve_result *result,
                       int64_t now, int64_t now_ms);

/* The row after an answer: what a family was told replaces it; what failed is kept, also past its TTL. Gives the time
 * until the host should be asked for again. */
int64_t isb_alias_merge(struct isb_resolved *row, const struct isb_resolve_result *result, int64_t now_ms);
