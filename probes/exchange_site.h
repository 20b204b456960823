/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/arena.h"
#include "isobar/base/map.h"
#include "isobar/model/model.h"
#include "isobar/store/exchange.h"
#include "merge.h"

/* The site's side of the exchange: one conversation with one probe in another region (docs/exchange.md). No sockets
 * and no clocks: octets in, octets out, times are arguments. `now_ms` is the wall clock. */

/* What probes are to check as of one generation, as frames that all conversations share. */
struct isb_offer {
	unsigned refs;
	uint64_t generation;
	struct isb_buf frames;
	struct isb_map regions; /* of the catalog: those that round trips may speak of */
	struct isb_arena arena;
};
/* Regions, the pools that are checked, and their checks. The caller holds one reference. */
struct isb_offer *isb_offer_new(const struct isb_catalog *catalog, uint64_t generation);
bool isb_offer_has_region(const struct isb_offer *offer, const char *region); /* of NULL: none */
void isb_offer_release(struct isb_offer *offer); /* NULL is fine */

enum isb_seat_state {
	ISB_SEAT_EMPTY,   /* nothing was said yet */
	ISB_SEAT_ASKED,   /* it told its name: welcome it or refuse it */
	ISB_SEAT_TAKEN,   /* it is welcome */
	ISB_SEAT_REFUSED
};

struct isb_seat {
	enum isb_seat_state state;
	char name[ISB_PROBE_NAME_MAX + 1], region[ISB_PROBE_NAME_MAX + 1]; /* as it says; region "": none */
	uint64_t boot;
	int64_t started_ms;
	bool blind, whole; /* whole: what it sees of every endpoint has come */
	uint32_t checks;
	bool news;           /* something came since the last merge */
	int64_t heard_ms;    /* when */
	uint64_t frames;     /* whole ones that came */
	char fault[128];     /* why the conversation cannot go on */

	struct isb_exchange_input input;
	int64_t now_ms;      /* while input is read */
	struct isb_arena arena; /* of what waits for the merge */
	struct isb_exchange_row *rows;
	size_t nrow, crow;
	struct isb_remote_rtt *rtts;
	size_t nrtt, crtt;

	struct isb_buf own, known; /* known: what the probe gets back once the first catalog was sent */
	size_t own_at;
	struct isb_offer *offer; /* the one being sent, or the last that was */
	size_t offer_at;
	bool offering;
};

void isb_seat_init(struct isb_seat *seat);
void isb_seat_done(struct isb_seat *seat);

/* What the probe sent. Not ISB_OK: `fault` says why; the conversation is over. */
int isb_seat_feed(struct isb_seat *seat, const void *data, size_t len, int64_t now_ms);

/* Answers to ISB_SEAT_ASKED. `known`: frames of isb_merge_known(), taken over. After a refusal nothing is read. */
void isb_seat_welcome(struct isb_seat *seat, const char *site, struct isb_buf *known);
void isb_seat_refuse(struct isb_seat *seat, const char *reason);

/* Says that the site lives, unless something else is being said. */
void isb_seat_ping(struct isb_seat *seat);
/* Appends what is to be sent next, at most `room` octets; the newest offer (NULL: none yet) once what was begun is
 * sent. */
void isb_seat_fill(struct isb_seat *seat, struct isb_offer *newest, size_t room, struct isb_buf *out);

/* What waits for the merge; `from` is the probe's address. Holds until isb_seat_merged(). */
struct isb_remote_table isb_seat_table(const struct isb_seat *seat, const char *from);
void isb_seat_merged(struct isb_seat *seat);

/* Probes that reported until the site's own probe stopped. Verdicts rested on their votes, so a probe that starts
 * waits for them a while before it judges, lest its own vote alone turn what many had agreed upon. */
enum { ISB_AWAIT_MS = 15000 };
struct isb_awaited {
	char (*names)[ISB_PROBE_NAME_MAX + 1];
	size_t count;
	int64_t until_ms;
};
/* From the rows of the store, before the own row is written again. */
int isb_awaited_init(struct isb_awaited *awaited, struct isb_txn *txn, int64_t now_ms);
void isb_awaited_done(struct isb_awaited *awaited);
void isb_awaited_came(struct isb_awaited *awaited, const char *name); /* whole */
bool isb_awaited_any(const struct isb_awaited *awaited, int64_t now_ms);
