/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/addr.h"
#include "isobar/model/dname.h"

/* Response rate limiting: a server that answers forged datagrams hits whoever owns the address in them, so no network
 * gets the same answer over UDP more often than a limit. What exceeds it is dropped, or truncated ("slip"), so that a
 * real client among the forged ones asks again over TCP, where addresses cannot be forged.
 *
 * "The same" is a class and a name that many questions share, or random names would have no limit: a wildcard's answers
 * count for its closest encloser, a referral for its cut, NXDOMAIN and NODATA for their zone, errors for no name.
 *
 * One token bucket per (client network, class, name): it holds what the rate gives in `window_s` and begins full. The
 * buckets live in a table of fixed size, in sets of four. A new one takes the place of the fullest in its set: to
 * forget a full bucket changes nothing, so a flood from random addresses pushes out its own buckets and not the ones
 * that limit. No allocation after new; one cache line per answer. One thread at a time. */

enum isb_rrl_mode { ISB_RRL_OFF, ISB_RRL_LOG, ISB_RRL_ON }; /* log: counts and notes, lets everything through */

enum {
	ISB_RRL_RATE_MAX = 1000000, ISB_RRL_SLIP_MAX = 100, ISB_RRL_WINDOW_MAX = 60, ISB_RRL_EXEMPT_MAX = 64,
	/* Beyond a /64 IPv6 addresses say nothing: whoever has one of a network has all of them. */
	ISB_RRL_IPV4_LEN_MAX = 32, ISB_RRL_IPV6_LEN_MAX = 64,
	ISB_RRL_SHARE_MIN = 10 /* see isb_rrl_new() */
};

struct isb_rrl_config {
	enum isb_rrl_mode mode;
	uint32_t rate;       /* answers, wildcards, referrals, NODATA: per second, 1..ISB_RRL_RATE_MAX */
	uint32_t error_rate; /* NXDOMAIN and errors; likewise */
	uint32_t slip;       /* every slip-th limited answer goes out truncated; 0: none, 1: all */
	uint32_t window_s;   /* what a quiet network may get at once, in seconds of its rate; 1..ISB_RRL_WINDOW_MAX */
	uint8_t ipv4_len, ipv6_len; /* bits of an address that make a client network; 1..ISB_RRL_IPV[46]_LEN_MAX */
	unsigned nexempt;
	struct isb_net exempt[ISB_RRL_EXEMPT_MAX]; /* never limited */
};
/* Generous: one /24 or /56 may hold a whole public resolver, which asks for a tailored name once per network of its
 * clients and TTL. */
#define ISB_RRL_DEFAULTS \
	{.mode = ISB_RRL_ON, .rate = 500, .error_rate = 200, .slip = 2, .window_s = 5, .ipv4_len = 24, .ipv6_len = 56}

enum isb_rrl_class {
	ISB_RRL_ERROR, ISB_RRL_ANSWER, ISB_RRL_WILDCARD, ISB_RRL_REFERRAL, ISB_RRL_NODATA, ISB_RRL_NXDOMAIN,
	ISB_RRL_CLASSES
};
const char *isb_rrl_class_name(enum isb_rrl_class class);

/* What an answer is one more of. */
struct isb_rrl_key {
	const uint8_t *name; /* wire form in lower case; not read for errors */
	uint8_t name_len;    /* octets */
	uint8_t class;       /* enum isb_rrl_class */
};

enum isb_rrl_verdict {
	ISB_RRL_PASS,
	ISB_RRL_COUNT, /* over the limit, but the mode is log: count it and send it */
	ISB_RRL_SLIP, /* send it truncated; an error, which says nothing that could be cut off, as it is */
	ISB_RRL_DROP
};

struct isb_rrl;
/* One of `shares` tables that limit together, one per worker; NULL when the mode is off. The kernel spreads queries
 * over the workers by addresses and ports, so each gets the shares-th part of a client's queries and of the rates
 * (rounded up). Few queries do not spread evenly: a share is never less than ISB_RRL_SHARE_MIN per second, or the
 * whole rate where that is less. `seed` is secret: who knows it can make buckets collide. The config is copied. */
struct isb_rrl *isb_rrl_new(const struct isb_rrl_config *config, unsigned shares, uint64_t seed);
void isb_rrl_free(struct isb_rrl *rrl); /* NULL is fine */

/* Takes one answer out of its bucket. `proven`: the client showed that the address is its own (TCP, or a valid server
 * cookie, RFC 7873 §5.2), so it is not limited. A bucket that lacks more than a
 * window, because the clock went back, begins anew: a wrong clock limits nobody for long. */
enum isb_rrl_verdict isb_rrl_judge(struct isb_rrl *rrl, const struct isb_addr *client, const struct isb_rrl_key *key,
                                   bool proven, int64_t now_ms);

/* What was limited lately, for the log: how many answers since the last note, and the first of them as an example. */
enum { ISB_RRL_NOTE_MS = 10000 };
struct isb_rrl_note {
	uint64_t limited;
	struct isb_net client;
	enum isb_rrl_class class;
	uint8_t name[ISB_DNAME_MAX]; /* the root for errors */
};
/* False: nothing was limited, or the last note is younger than ISB_RRL_NOTE_MS. */
bool isb_rrl_take_note(struct isb_rrl *rrl, int64_t now_ms, struct isb_rrl_note *ret_note);
