/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "isobar/model/model.h"
#include "isobar/store/env.h"
#include "options.h"
#include "schedule.h"

/* Where a site's probe takes in those of other regions: listens, lets in who has a certificate for its name, gives
 * out the catalog, and merges what they see. Whatever comes from a connection costs bounded memory, and bounded work
 * per second. One thread: everything happens on the loop. */
enum {
	ISB_SITE_PROBES_MAX = 256,
	ISB_SITE_STRANGERS_MAX = 64,      /* connections that have not proved who they are; the oldest goes for a new one */
	ISB_SITE_STRANGERS_NEAR = 8,      /* of them from one address, or one IPv6 /64 */
	ISB_SITE_HANDSHAKES_S = 50,       /* begun in a second */
	ISB_SITE_INTRODUCE_MS = 5000,     /* from connection to name */
	ISB_SITE_SILENCE_MS = 15000,      /* without a whole frame from a probe, or without its reading anything */
	ISB_SITE_OCTETS_S = 2 * 1024 * 1024 /* read from one probe in a second */
};

struct isb_site;

/* `options`, `store` and `schedule` stay. On failure the log says why. */
int isb_site_new(uv_loop_t *loop, const struct isb_probe_options *options, struct isb_store *store,
                 struct isb_schedule *schedule, struct isb_site **ret_site);
/* Then let the loop run until it is empty. */
void isb_site_close(struct isb_site *site);
void isb_site_free(struct isb_site *site);

/* The schedule fits this catalog now; probes hear of it. */
void isb_site_offer(struct isb_site *site, const struct isb_catalog *catalog, uint64_t generation);
/* Every second. */
void isb_site_tick(struct isb_site *site);
/* Writes what came since the last time, in one transaction. True: judge. */
bool isb_site_merge(struct isb_site *site, int64_t now_ms);
/* Who is connected, and what was turned away and could not be written since the start. */
struct isb_look;
void isb_site_look(const struct isb_site *site, struct isb_look *look);
/* Probes that were there when the last process stopped are still on their way; see exchange_site.h. */
bool isb_site_awaits(const struct isb_site *site, int64_t now_ms);
