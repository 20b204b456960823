/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "check.h"

/* Between check.c, which owns deadline and lookup, and the one file per protocol. */

struct isb_http;

struct isb_checker {
	uv_loop_t *loop;
	isb_check_done *done;
	void *arg;
	struct isb_http *http;
	unsigned lookups; /* under way, those whose check gave up on them included */
};

struct isb_check_method {
	/* Begins to test the address. An outcome known at once is given to isb_check_finish_soon(). */
	void (*start)(struct isb_check_run *run, const struct isb_addr *addr);
	/* Ends the test and releases run->state; nothing of the method calls back after this. */
	void (*stop)(struct isb_check_run *run);
	/* What the deadline found. */
	struct isb_outcome (*expire)(struct isb_check_run *run);
};
extern const struct isb_check_method isb_check_tcp, isb_check_http;

struct isb_check_run {
	struct isb_checker *checker;
	const struct isb_spec *spec;
	const struct isb_check_method *method; /* NULL while the host is looked up */
	void *state;                           /* the method's; NULL: none yet or no more */
	uv_getaddrinfo_t *lookup;
	uv_timer_t timer;   /* the deadline, or 0 once the outcome is known */
	int64_t started_us; /* when the connection was begun */
	bool decided;       /* `outcome` waits for the timer */
	struct isb_outcome outcome;
	struct isb_kept **keep;
	void *item; /* the customer's */
};

/* From the loop: ends the run and reports. */
void isb_check_finish(struct isb_check_run *run, const struct isb_outcome *outcome, const char *detail);
/* From inside start(): reports in the loop's next round. */
void isb_check_finish_soon(struct isb_check_run *run, const struct isb_outcome *outcome);
/* errno of a connection that was not made. */
enum isb_outcome_kind isb_connect_failure(int error);

int isb_http_new(uv_loop_t *loop, struct isb_http **ret_http);
void isb_http_close(struct isb_http *http);
void isb_http_free(struct isb_http *http);
