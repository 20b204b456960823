/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/model/health.h"

/* What a quorum of fresh observations says. Pure and deterministic: the same facts give the same verdict on every
 * site, in whatever order they arrived.
 *
 * Clocks. `now` and `expires_ms` must be of one clock: that of the site that judges. Whoever stores a vote from elsewhere
 * stamps it when it arrives, with the lifetime that its sender gives it, so that a probe whose clock is half a minute off
 * votes like any other, and one that falls silent grows old all the same. `observed_ms` may be of the probe's own clock:
 * it is compared only with other votes of the same probe. */

enum isb_quorum_kind { ISB_QUORUM_MAJORITY, ISB_QUORUM_ANY, ISB_QUORUM_ALL, ISB_QUORUM_AT_LEAST, ISB_QUORUM_SHARE };
struct isb_quorum {
	enum isb_quorum_kind kind;
	unsigned n; /* AT_LEAST: probes, 1..ISB_QUORUM_PROBES_MAX; SHARE: per cent, 1..100 */
};
enum { ISB_QUORUM_PROBES_MAX = 1000 };
/* "majority", "any", "all", "at-least 2", "18%". ISB_EFORMAT, ISB_ERANGE. */
int isb_quorum_parse(const char *text, struct isb_quorum *ret_quorum);
enum { ISB_QUORUM_TEXT = 24 };
char *isb_quorum_print(const struct isb_quorum *quorum, char out[ISB_QUORUM_TEXT]);

/* Whose votes are counted. By region, the probes of one region make one vote by majority, and the quorum is one of regions: ten
 * probes in one place do not outvote two in two others. A probe without a region stands for itself. A region that is even has
 * no opinion, but it is there: a verdict is one only if it would be the same whichever side that region took. */
enum isb_quorum_by { ISB_QUORUM_BY_PROBE, ISB_QUORUM_BY_REGION };

struct isb_vote {
	const char *probe;      /* of several votes of one probe the newest is its vote; NULL: of another than all others */
	const char *region;     /* NULL or "": none */
	enum isb_verdict state; /* that probe's own: ISB_UP, ISB_DOWN, or ISB_UNKNOWN (no vote) */
	int64_t observed_ms;
	int64_t expires_ms; /* a vote is fresh while now < expires; the caller sets 3 intervals (5 s at least) + timeout after observed */
	bool blind;         /* that probe fails to reach everything: it withdraws its votes */
};
static inline bool isb_vote_counts(const struct isb_vote *vote, int64_t now_ms)
{
	return !vote->blind && now_ms < vote->expires_ms && (vote->state == ISB_UP || vote->state == ISB_DOWN);
}

/* The kind and n say how many fresh votes for "up" (or "down") make that verdict: majority: more than half of the fresh
 * ones; any: one up vote makes up, down needs all; all: up needs all, one down vote makes down; at-least N: N up votes
 * make up, otherwise one down vote makes down (too few up votes and none against are a lack of probes, not a failure of
 * the endpoint); share: N % of the fresh votes, rounded up, make up, otherwise down.
 * No fresh vote: ISB_UNKNOWN. Neither side has its quorum: ISB_DISPUTED. */
enum isb_verdict isb_verdict(const struct isb_vote *votes, size_t count, const struct isb_quorum *quorum,
                             enum isb_quorum_by by, int64_t now_ms);
