/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/addr.h"
#include "isobar/base/rng.h"
#include "isobar/dns/rcode.h"
#include "isobar/dns/rrl.h"
#include "isobar/dns/settings.h"
#include "isobar/model/health.h"
#include "isobar/steer/steer.h"
#include "isobar/view/view.h"

/* One query: bytes in, bytes out; no socket, no clock, no allocation (but by OpenSSL for the sums of a signed one, and to
 * tell why, for those whom the settings let ask: dns/explain.h). The same function is what the server calls, the
 * unit tests' subject, the fuzz target and the benchmark. */

enum isb_proto { ISB_UDP, ISB_TCP };
struct isb_client {
	struct isb_addr addr; /* who sent the datagram or holds the connection: the resolver */
	enum isb_proto proto;
	uint16_t port; /* for logs */
};

/* Queries by how they came and by type: by its number below ISB_ASKED_TYPES, else at 0, where also stands what has no question.
 * Who serves UDP knows the family by its socket. */
enum isb_asked_way { ISB_ASKED_UDP, ISB_ASKED_TCP_IPV4, ISB_ASKED_TCP_IPV6, ISB_ASKED_WAYS };
enum { ISB_ASKED_TYPES = 256 };

/* Counters of one worker. Only the worker adds; anyone may read (relaxed: a count more or less is no harm). A query
 * ends in exactly one of dropped, rrl_dropped, formerr … referral (noerror: with an answer); truncated, steered,
 * failopen, ecs, tsig (signed, and rightly), explained, cookie_*, rrl_limited (over a limit, whatever came of it) and
 * rrl_slipped (sent all the same, truncated or an error) tell more about some of them. */
#define ISB_COUNTER_MAP(X) \
	X(dropped) X(formerr) X(notimp) X(refused) X(badvers) X(servfail) X(nxdomain) \
	X(nodata) X(yxdomain) X(notauth) X(noerror) X(referral) X(truncated) X(steered) X(failopen) X(ecs) \
	X(tsig) X(explained) X(cookie_new) X(cookie_valid) X(rrl_limited) X(rrl_slipped) X(rrl_dropped)
struct isb_counters {
#define X(name) _Atomic uint64_t name;
	ISB_COUNTER_MAP(X)
#undef X
	_Atomic uint64_t asked[ISB_ASKED_WAYS][ISB_ASKED_TYPES]; /* every query, also those that are dropped */
};
static inline void isb_count(_Atomic uint64_t *counter)
{
	isb_tally_add(counter);
}
/* Relaxed: each counter is right by itself, and no order between them is promised. */
static inline uint64_t isb_counted(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}
uint64_t isb_counted_queries(const struct isb_counters *counters, enum isb_asked_way way);

/* What a log tells of a query that was answered. */
struct isb_summary {
	const uint8_t *name;   /* as asked, in the query; NULL: no question could be read, and type and cls mean nothing */
	uint16_t type, cls;
	enum isb_rcode rcode;
	bool truncated, steered, failopen;
	uint8_t scope;         /* as told beside ecs */
	struct isb_net ecs;    /* the network as the resolver told it; family 0: none */
	const char *endpoint;  /* the first one chosen, "pool/endpoint", in the view; "": none */
	const char *region;    /* where that lies, in the view; "": nowhere that is known */
	uint32_t ttl_s;        /* the least of the answer and authority sections, or ISB_NO_TTL */
};
enum { ISB_NO_TTL = UINT32_MAX };

/* What a worker keeps from query to query; init once, done at the end. */
struct isb_context {
	struct isb_rng rng;
	struct isb_counters counters;
	_Atomic uint64_t *asked; /* in counters: the way on which what comes now was asked; UDP after init */
	uint16_t udp_payload;   /* largest UDP answer we send; 512..4096, 1232 by default */
	const struct isb_settings *settings; /* never NULL; all off after init */
	struct isb_rrl *rrl;    /* the caller's; NULL: no limits */
	struct isb_tally *tally; /* the caller's; NULL, or of the plan of the view that isb_context_begin() is told */
	struct isb_trace *trace; /* NULL, or filled by the queries of what isb_context_begin() begins (explain) */
	struct isb_summary *summary; /* NULL, or filled by every query that is answered */
	uint32_t *rotor;        /* counters for order rotate; NULL: every query begins anywhere in the cycle */
	uint32_t nrotor;
	const struct isb_view *turned_to; /* the view that they are for; only its address and generation count */
	uint64_t generation;
	/* What isb_context_begin() was told. */
	const struct isb_view *view;
	struct isb_steer_state steer; /* of each query only the client and the name are set anew */
};
/* It points into itself from then on: what was initialised stays where it is. */
void isb_context_init(struct isb_context *ctx, uint64_t seed);
/* How the queries come that are answered from now on. */
static inline void isb_context_came(struct isb_context *ctx, enum isb_asked_way way)
{
	ctx->asked = ctx->counters.asked[way];
}
void isb_context_done(struct isb_context *ctx);
/* Makes counters for a view's orders rotate, each beginning somewhere in its cycle: else all workers, and all servers, would
 * begin with the same endpoint. Allocates; for the moment a worker takes a view up, not for a query. */
void isb_context_turn_to(struct isb_context *ctx, const struct isb_view *view);
static inline bool isb_context_is_turned(const struct isb_context *ctx, const struct isb_view *view)
{
	return ctx->turned_to == view && ctx->generation == view->generation;
}

/* What the queries from now on are answered from: the view, which ctx may have been turned to before, and the health words
 * must stay as long. For a batch of them. */
void isb_context_begin(struct isb_context *ctx, const struct isb_view *view, const struct isb_health_table *health,
                       int64_t now_ms);

/* What answering a message would wait for begins to come from memory, in two steps: slots for all messages of a batch, then
 * nodes for all of the keys that this gave (0: there is nothing to wait for), then they are answered. Changes nothing and cannot
 * fail; the message may be anything. Worth the while when isb_context_looks_ahead(), that is with zones of more names than
 * caches hold (view/large.h). */
static inline bool isb_context_looks_ahead(const struct isb_context *ctx)
{
	return ctx->view->nlarge > 0;
}
uint64_t isb_ahead_slot(const struct isb_context *ctx, const uint8_t *in, size_t in_len);
void isb_ahead_node(const struct isb_context *ctx, uint64_t key);

/* Answers one message, from what isb_context_begin() was told. Returns the length of the answer in `out`, or 0: drop it
 * (shorter than a header, a response, or over a limit). `out` must hold at least 512 octets; give 65535 for TCP. `in` and
 * `out` must not overlap. */
size_t isb_respond(struct isb_context *ctx, const struct isb_client *client, const uint8_t *in, size_t in_len, uint8_t *out,
                   size_t out_cap);
