/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "check.h"

/* Between check.c, which owns deadline and lookup, and the one file per protocol. */

struct isb_http;
struct isb_trust;
struct isb_tls_setups;
struct isb_scripts;

enum {
	ISB_CHECK_READ = 64 * 1024,  /* octets of a reply that are kept and searched; then reading ends */
	ISB_CHECK_DETAIL = 160
};

struct isb_checker {
	uv_loop_t *loop;
	isb_check_done *done;
	void *arg;
	struct isb_http *http;
	struct isb_trust *trust;
	struct isb_tls_setups *setups;
	struct isb_scripts *scripts; /* NULL: no helper */
	uint8_t *chunk; /* ISB_CHECK_READ octets for whatever is being read; used up before the loop goes on */
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
extern const struct isb_check_method isb_check_tcp, isb_check_tcp_half_open, isb_check_tls, isb_check_http,
	isb_check_dns, isb_check_udp, isb_check_icmp, isb_check_agent, isb_check_script;

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
	char detail[ISB_CHECK_DETAIL]; /* "": none */
	void *item; /* the customer's */
};

/* From the loop: ends the run and reports. `detail` NULL: what isb_check_say() said. */
void isb_check_finish(struct isb_check_run *run, const struct isb_outcome *outcome, const char *detail);
/* From inside start(): reports in the loop's next round. */
void isb_check_finish_soon(struct isb_check_run *run, const struct isb_outcome *outcome);
/* The detail of the outcome to come. What the other side wrote may be part of it: it is made one line of plain text. */
void isb_check_say(struct isb_check_run *run, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Microseconds since the connection was begun, at least 1: 0 would say "not reached". */
uint32_t isb_check_elapsed_us(const struct isb_check_run *run);
/* The test begins only now, with this much time: what waited for the probe itself says nothing of the endpoint. */
void isb_check_begin_again(struct isb_check_run *run, uint32_t timeout_ms);
/* From inside start(), when an errno says at once that nothing can be sent. */
void isb_check_fail_soon(struct isb_check_run *run, int error);
/* errno of a connection that was not made. */
enum isb_outcome_kind isb_connect_failure(int error);

int isb_http_new(uv_loop_t *loop, struct isb_http **ret_http);
void isb_http_close(struct isb_http *http);
void isb_http_free(struct isb_http *http);
