/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <curl/curl.h>

#include "isobar/base/buf.h"
#include "check_run.h"
#include "check_trust.h"
#include "load.h"
#include "reply.h"
#include "step_guard.h"

/* Between check_http.c (sockets and life), check_http_request.c (what is asked), check_http_keep.c (connections
 * that stay) and check_http_judge.c (what came of it). */

struct isb_http {
	uv_loop_t *loop;
	CURLM *multi;
	uv_timer_t timer; /* curl's own */
	struct isb_step_guard *guard;
	struct isb_watch *watches; /* those that are not closing; the guard reads the list */
};

struct isb_transfer {
	struct isb_check_run *run;
	CURL *easy;
	struct isb_addr addr;
	struct curl_slist *connect_to, *headers;
	struct isb_buf body, head; /* kept only where the check looks at them */
	struct isb_load load; /* where the check reads it */
	size_t body_seen, head_seen;
	bool body_full; /* all that is wanted of it is there */
	bool endless;             /* the step guard ended it */
	int no_socket;            /* errno; 0: there was one */
	bool no_trust;            /* its CA file cannot be read */
	bool secure;              /* this hop is https */
	unsigned hops;            /* redirects followed */
	uint32_t tls_began_us;    /* when TLS began on the connection; 0: not yet */
	uint32_t rtt_us;          /* as the kernel measured it; 0: not known */
	uint64_t received_before; /* octets that the connection had brought before this request */
	char error[CURL_ERROR_SIZE], why[ISB_REPLY_WHY];
	uint8_t message[ISB_GRPC_REQUEST_MAX];
};

/* Everything but the callbacks. */
void isb_transfer_ask(struct isb_transfer *t);
/* After a reply: makes the transfer ready for the place it redirects to. False when there is none to follow;
 * t->why says why one is not followed. */
bool isb_transfer_follow(struct isb_transfer *t);

/* The cache that keeps the check's connection, made when it is first asked for; NULL: no memory. */
CURLSH *isb_kept_share(struct isb_kept **keep);

struct isb_outcome isb_transfer_judge(struct isb_transfer *t, CURLcode code);
const char *isb_transfer_detail(const struct isb_transfer *t, CURLcode code);
