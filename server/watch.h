/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>

#include "isobar/base/diag.h"
#include "isobar/store/env.h"
#include "ledger.h"
#include "live.h"

/* The one thread that builds views: it sees the catalog's generation move, a geo database change on disk, or the
 * probes' round trips shift, builds the new view beside the old one and swaps it in. What cannot be built is refused
 * with every reason in the log; what was running keeps running. */
struct isb_watch;

/* Builds the first view and puts it into `live`. `geo`: paths of the databases; none: geo.mmdb in the store, once it
 * exists. On failure diags has every reason. `store`, `geo`, `live` and `ledger` must outlive the watch; `ledger` NULL: nobody
 * counts who answers. */
int isb_watch_new(struct isb_store *store, const char *const *geo, size_t ngeo, struct isb_live *live,
                  struct isb_ledger *ledger, struct isb_diags *diags, struct isb_watch **ret_watch);
int isb_watch_start(struct isb_watch *watch, struct isb_diags *diags);
/* Look now instead of at the next tick; any thread. */
void isb_watch_kick(struct isb_watch *watch);
/* How the watch is getting on, as it stands; any thread. */
struct isb_watch_state {
	uint64_t tried, refused; /* catalogs and other causes to build anew, and those that no view could be built of */
	bool refuses;            /* the newest one is such */
	bool replaced;           /* another file stands in the catalog's place */
	int64_t build_us;        /* of the view in use, or being put in place */
	int64_t built_ms;        /* when that was */
	int64_t geo_built_ms;    /* of the oldest geo database in use; 0: none is */
};
void isb_watch_look(const struct isb_watch *watch, struct isb_watch_state *ret_state);
/* Waits for the thread, then frees the view: no worker may run any more. NULL is fine. */
void isb_watch_free(struct isb_watch *watch);
