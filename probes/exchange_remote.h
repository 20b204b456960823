/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/arena.h"
#include "isobar/base/diag.h"
#include "isobar/model/model.h"
#include "isobar/store/exchange.h"
#include "rtts.h"
#include "schedule.h"

/* The other side of the exchange: a probe that has no store (docs/exchange.md). It takes its catalog from the site,
 * fills a schedule with it, and tells what the schedule's histories say. No sockets and no clocks: `now` is
 * monotonic, `now_ms` the wall clock, both in milliseconds. */
enum {
	ISB_REMOTE_OBJECTS_MAX = 1000000,
	ISB_REMOTE_OCTETS_MAX = 64 * 1024 * 1024 /* of one catalog's frames */
};

struct isb_remote {
	const char *name, *region; /* region "": none */
	uint64_t boot;
	int64_t started_ms;
	struct isb_schedule *schedule;
	/* A target is about to go: end its check. May be NULL. */
	void (*retire)(void *arg, struct isb_target *target);
	void *arg;

	/* The catalog in use. */
	uint64_t generation;
	bool ready;          /* one came on this connection */
	uint32_t next_number; /* for a target that comes anew: what its slot is in a store */

	/* What comes. */
	struct isb_exchange_input input;
	int64_t now, now_ms; /* while input is read */
	bool welcome, receiving;
	char site[ISB_PROBE_NAME_MAX + 1]; /* the name of the site's probe */
	struct isb_catalog catalog;
	struct isb_diags diags; /* of the catalog taken last: what was wrong with it */
	uint32_t objects, expected;
	size_t octets;
	struct isb_exchange_row *known;
	size_t nknown, cknown;
	char fault[256];

	/* What goes. */
	bool greeted, pushing, again; /* again: news came behind the place that a push has reached */
	size_t push_at;
	struct isb_rtts rtts;
};

void isb_remote_init(struct isb_remote *remote, struct isb_schedule *schedule, const char *name, const char *region,
                     uint64_t boot, int64_t started_ms);
void isb_remote_done(struct isb_remote *remote);

/* A connection begins: what was under way on the last one is forgotten, the catalog and the histories stay. */
void isb_remote_connect(struct isb_remote *remote);

enum isb_remote_event {
	ISB_REMOTE_NOTHING,
	ISB_REMOTE_WELCOME, /* by `site` */
	ISB_REMOTE_CATALOG, /* of `generation`: the schedule fits it */
	ISB_REMOTE_BROKEN,  /* a catalog was refused, see `diags`; the one before stays */
};
/* What the site sent. `event` hears of what happened. Not ISB_OK: `fault` says why; the conversation is over.
 * ISB_EREFUSED: the site said no. */
int isb_remote_feed(struct isb_remote *remote, const void *data, size_t len, int64_t now, int64_t now_ms,
                    void (*event)(void *arg, enum isb_remote_event event));

/* There is news, or it is time for a sign of life. */
void isb_remote_push(struct isb_remote *remote);
/* Appends what is to be sent next, about `room` octets at most; nothing: all was said. */
void isb_remote_fill(struct isb_remote *remote, size_t room, int64_t now_ms, struct isb_buf *out);
