/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/model/demand.h"
#include "deny.h"

/* Whom to send an echo request and when, so that nobody minds: a network is asked a few times in ten minutes, one that
 * does not answer ever more rarely, all together no faster than the rate, and none that is denied. Where that is less than
 * all, those that ask most come first. Pure: points in time are milliseconds of a clock that never steps. */

enum {
	ISB_MEASURE_TRIES = 5,          /* requests in a round */
	ISB_MEASURE_MISSES = 2,         /* so many unanswered end it */
	ISB_MEASURE_GAP_MS = 1000,      /* after one try the next of the same round */
	ISB_MEASURE_ROUND_MS = 600000,  /* from round to round */
	ISB_MEASURE_QUIET = 7,          /* after so many rounds without any answer a round comes after 2^7 times as long, 21 h */
	ISB_MEASURE_QUIET_KNOWN = 2,    /* but only 2^2 times, 40 min, where there was ever one: perhaps it is us */
	ISB_MEASURE_PAUSE_MS = 60000,   /* after a trouble of our own */
	ISB_MEASURE_RATE = 10, ISB_MEASURE_RATE_MAX = 100, /* requests per second */
};

struct isb_measured {
	struct isb_net net;
	struct isb_addr addr; /* of the network; it is what answers */
	int64_t began, due;   /* the round; the next request */
	uint8_t tries, misses, quiet;
	bool asking, answered; /* a request is under way; ever */
	bool listed;           /* still among those that ask most: else only remembered until it might be asked again */
};

struct isb_measure_plan {
	struct isb_measured **list; /* those listed, most demand first; then the others */
	size_t count;
	const struct isb_deny *deny; /* sealed; the caller's */
	struct isb_deny ours;        /* sealed: where our own endpoints are */
	unsigned rate;
	int64_t next; /* no request earlier */
	unsigned asking;
};

void isb_measure_plan_init(struct isb_measure_plan *plan, unsigned rate, const struct isb_deny *deny);
void isb_measure_plan_done(struct isb_measure_plan *plan);
/* Rows by demand, most first; those without an address are passed over. What is known of a network is kept. */
void isb_measure_plan_update(struct isb_measure_plan *plan, const struct isb_demand_row *rows, size_t count, int64_t now);

/* Who is to be asked now, or NULL. Each ends in exactly one record or pause. */
struct isb_measured *isb_measure_plan_take(struct isb_measure_plan *plan, int64_t now);
/* Milliseconds until somebody might be; -1: nobody as things stand. */
int64_t isb_measure_plan_wait(const struct isb_measure_plan *plan, int64_t now);
void isb_measure_plan_record(struct isb_measure_plan *plan, struct isb_measured *measured, bool answered, int64_t now);
/* The request could not be made, through no fault of the network's: nobody is asked for a while. */
void isb_measure_plan_pause(struct isb_measure_plan *plan, struct isb_measured *measured, int64_t now);
/* No round is under way: a good moment to write down what was measured. */
bool isb_measure_plan_idle(const struct isb_measure_plan *plan);
