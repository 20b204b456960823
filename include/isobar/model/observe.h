/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* What one probe last saw of one endpoint under one check: a pure function of its history and the next outcome. */

/* Every way a check can end. The names are what logs, status and explain print. */
#define ISB_OUTCOME_MAP(X) \
	X(NONE, "none") X(OK, "ok") X(CONNECT_TIMEOUT, "connect-timeout") X(CONNECT_REFUSED, "connect-refused") \
	X(CONNECT_UNREACHABLE, "unreachable") X(TLS_HANDSHAKE, "tls-handshake") X(TLS_VERIFY, "tls-verify") \
	X(TIMEOUT, "timeout") X(CLOSED_EARLY, "closed-early") X(BAD_REPLY, "bad-reply") X(STATUS, "status") \
	X(BODY_MISMATCH, "body-mismatch") X(INTERNAL, "internal") X(RESOLVE, "resolve-failed") \
	X(HEADER_MISMATCH, "header-mismatch") X(JSON_MISMATCH, "json-mismatch") X(REDIRECTS, "too-many-redirects") \
	X(CERT_EXPIRES, "certificate-expires") X(RCODE, "rcode") X(ANSWER_MISMATCH, "answer-mismatch") \
	X(SAID_DOWN, "said-down") X(EXIT, "exit") X(NOT_SERVING, "not-serving") X(TOO_SLOW, "too-slow") \
	X(NO_REPLY, "no-reply")
enum isb_outcome_kind {
#define X(name, text) ISB_OUT_##name,
	ISB_OUTCOME_MAP(X)
#undef X
};
#define X(name, text) +1
enum { ISB_OUTCOME_COUNT = 0 ISB_OUTCOME_MAP(X) };
#undef X
/* "ok", "status", without a number. */
const char *isb_outcome_name(enum isb_outcome_kind kind);

struct isb_outcome {
	enum isb_outcome_kind kind;
	uint16_t status;      /* what the kind tells by a number: an HTTP status, a DNS rcode, a script's exit status, the days that
	                       * a certificate has left; printed as "status-503", "rcode-2", "exit-1" */
	bool has_soft, has_load;
	uint8_t soft;         /* 0..100, what the endpoint said of itself; multiplies its weight */
	uint16_t load;        /* 0..4095 per mille of its capacity, as it said itself */
	uint32_t connect_us;  /* 0: not reached */
	uint32_t tls_us;
	uint32_t first_byte_us;
	uint32_t total_us;
};
/* Nothing came back at all: the endpoint may be dead or the probe's own network. Every other outcome but INTERNAL proves
 * that the network carries packets. */
static inline bool isb_outcome_silent(enum isb_outcome_kind kind)
{
	return kind == ISB_OUT_CONNECT_TIMEOUT || kind == ISB_OUT_CONNECT_UNREACHABLE || kind == ISB_OUT_RESOLVE ||
	       kind == ISB_OUT_NO_REPLY;
}
/* "ok", "status-503", …; returns out. */
enum { ISB_OUTCOME_TEXT = 24 };
char *isb_outcome_print(const struct isb_outcome *outcome, char out[ISB_OUTCOME_TEXT]);

/* The knobs of a check that matter here. rise and fall: 1..64. */
struct isb_hysteresis {
	unsigned rise, fall;
	int64_t interval_ms, down_interval_ms, retry_ms; /* retry_ms 0: no immediate re-check after a first failure */
	unsigned flap_limit;     /* falls in short succession that are not damped; 0: none ever is */
	bool soft_fed, load_fed; /* a feed brings it: what the check says of it, or leaves out, means nothing */
	uint32_t soft_full_us, soft_least_us; /* latency that means soft health 100, and that means 1; 0: it means nothing */
};

struct isb_history {
	uint64_t bits;          /* newest outcome in bit 0: 1 ok, 0 failed */
	uint8_t seen;           /* outcomes in `bits`, 0..64 */
	uint8_t state;          /* enum isb_verdict: ISB_UNKNOWN before the first decision, then ISB_UP or ISB_DOWN */
	uint8_t run;            /* equal outcomes in a row, saturates at 255 */
	uint32_t flaps;         /* changes of state after the first decision */
	int64_t since_ms;       /* when state was entered; 0 while unknown */
	int64_t observed_ms;    /* when the last outcome was recorded */
	uint32_t latency_us;    /* smoothed total (1/8 of each new one), of successful checks */
	uint32_t connect_us;    /* smoothed connect time, the round trip to the endpoint's region */
	uint32_t p50_us, p95_us, p99_us; /* percentiles of the totals of late, of successful checks; 0: there was none.
	                                  * isb_observe() leaves them: who checks keeps the times (model/timings.h) */
	uint8_t falls;          /* recent ones, as of fell_ms: see isb_observe_rise() */
	int64_t fell_ms;        /* when state last went from up to down; 0: never */
	bool has_soft, has_load;
	uint8_t soft;           /* 0..100: what the endpoint said of itself and what its latency says, whichever is less */
	uint16_t load;          /* 0..4095 per mille, smoothed by a half */
	struct isb_outcome last;
};

/* Records one outcome. The first outcome ever decides the state at once (a cold start must not wait `rise` rounds);
 * later `rise` successes in a row make up and `fall` failures in a row make down. Returns true when state changed.
 * NONE and INTERNAL (the probe's own trouble: no memory, no descriptors, an unreadable CA file) are no evidence about the
 * endpoint: they are kept in `last` and change nothing else, so that the vote grows old and makes unknown, never down.
 *
 * Soft health falls at once and rises by half of the way, so that an endpoint whose word follows its own load does not swing.
 * Both soft health and load go when a success comes without them; a failure that says nothing of them leaves them. */
bool isb_observe(struct isb_history *history, const struct isb_hysteresis *knobs, const struct isb_outcome *outcome,
                 int64_t now_ms);

/* What a feed says of the endpoint between its checks: soft health and load as knobs->soft_fed and load_fed have it; what it
 * does not say goes. Whether the feed itself fared well is nobody's evidence: state and history stay. */
void isb_observe_feed(struct isb_history *history, const struct isb_hysteresis *knobs, const struct isb_outcome *outcome);

/* Damping. Every fall is remembered for ISB_FLAP_QUIET_MS; the first flap_limit of those remembered are forgiven, and each
 * further one doubles the successes that it takes to be up again, up to 2^ISB_FLAP_DOUBLINGS times, at most 255. The memory
 * is one of time and not of checks, because what a flap costs is what caches hold of it. */
enum { ISB_FLAP_QUIET_MS = 5 * 60 * 1000, ISB_FLAP_DOUBLINGS = 4 };
/* Successes in a row that make up, now: knobs->rise when nothing is damped. */
unsigned isb_observe_rise(const struct isb_history *history, const struct isb_hysteresis *knobs, int64_t now_ms);

/* Brings a history that was kept by another clock, which shows `there_ms` while ours shows `here_ms`, onto ours:
 * every time in it keeps its age. What lies in that clock's future counts as now, whatever it says; 0 stays
 * "never". */
void isb_history_rebase(struct isb_history *history, int64_t there_ms, int64_t here_ms);

/* When the next check is due after the last one ended: interval, down_interval once down, or retry_ms, where that is
 * sooner, after the first failure of a run while up. */
int64_t isb_observe_next_ms(const struct isb_history *history, const struct isb_hysteresis *knobs);

/* Whole seconds from the last outcome until `state` could flip at the earliest, if every further check went the other
 * way: 0..ISB_FLIP_NONE - 1 (a later flip saturates: what is foreseen must not read as "none"). 0 while unknown. */
unsigned isb_observe_flip_s(const struct isb_history *history, const struct isb_hysteresis *knobs);
