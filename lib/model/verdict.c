/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/model/verdict.h"

#include <stdio.h>
#include <string.h>

#include "isobar/base/err.h"

/* A decimal number followed by exactly `tail`; sign, blanks and leading zeros are refused. */
static int parse_count(const char *text, const char *tail, unsigned max, unsigned *ret)
{
	unsigned n = 0;
	const char *p = text;
	for (; *p >= '0' && *p <= '9'; p++)
		n = n > max ? n : n * 10 + (unsigned)(*p - '0');
	if (p == text || strcmp(p, tail) != 0 || (*text == '0' && p - text > 1))
		return ISB_EFORMAT;
	if (n < 1 || n > max)
		return ISB_ERANGE;
	*ret = n;
	return ISB_OK;
}

int isb_quorum_parse(const char *text, struct isb_quorum *ret_quorum)
{
	static const char at_least[] = "at-least ";
	struct isb_quorum q = {0};
	int rc = ISB_OK;
	if (strcmp(text, "majority") == 0)
		q.kind = ISB_QUORUM_MAJORITY;
	else if (strcmp(text, "any") == 0)
		q.kind = ISB_QUORUM_ANY;
	else if (strcmp(text, "all") == 0)
		q.kind = ISB_QUORUM_ALL;
	else if (strncmp(text, at_least, sizeof(at_least) - 1) == 0) {
		q.kind = ISB_QUORUM_AT_LEAST;
		rc = parse_count(text + sizeof(at_least) - 1, "", ISB_QUORUM_PROBES_MAX, &q.n);
	} else {
		q.kind = ISB_QUORUM_SHARE;
		rc = parse_count(text, "%", 100, &q.n);
	}
	if (rc == ISB_OK)
		*ret_quorum = q;
	return rc;
}

char *isb_quorum_print(const struct isb_quorum *quorum, char out[ISB_QUORUM_TEXT])
{
	switch (quorum->kind) {
	case ISB_QUORUM_MAJORITY: strcpy(out, "majority"); break;
	case ISB_QUORUM_ANY: strcpy(out, "any"); break;
	case ISB_QUORUM_ALL: strcpy(out, "all"); break;
	case ISB_QUORUM_AT_LEAST: snprintf(out, ISB_QUORUM_TEXT, "at-least %u", quorum->n); break;
	case ISB_QUORUM_SHARE: snprintf(out, ISB_QUORUM_TEXT, "%u%%", quorum->n); break;
	}
	return out;
}

static enum isb_verdict decide(const struct isb_quorum *quorum, size_t up, size_t down)
{
	size_t fresh = up + down;
	switch (quorum->kind) {
	case ISB_QUORUM_MAJORITY: return up * 2 > fresh ? ISB_UP : down * 2 > fresh ? ISB_DOWN : ISB_DISPUTED;
	case ISB_QUORUM_ANY: return up ? ISB_UP : ISB_DOWN;
	case ISB_QUORUM_ALL: return down ? ISB_DOWN : ISB_UP;
	case ISB_QUORUM_AT_LEAST: return up >= quorum->n ? ISB_UP : down ? ISB_DOWN : ISB_DISPUTED;
	case ISB_QUORUM_SHARE: return up >= (fresh * quorum->n + 99) / 100 ? ISB_UP : ISB_DOWN;
	}
	return ISB_DISPUTED;
}

static int order_of(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

/* Which of one probe's votes is the newer one. Those of one moment are ordered by what else they say, so that it does not
 * matter which came first. */
static bool is_newer(const struct isb_vote *a, const struct isb_vote *b)
{
	int order = order_of(a->observed_ms, b->observed_ms);
	order = order ? order : order_of(a->expires_ms, b->expires_ms);
	order = order ? order : (int)a->blind - (int)b->blind;
	return (order ? order : order_of(a->state, b->state)) > 0;
}

static bool same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

/* Votes are few: one per probe. */
static bool counts(const struct isb_vote *votes, size_t count, size_t i, int64_t now_ms)
{
	if (!isb_vote_counts(&votes[i], now_ms))
		return false;
	for (size_t k = 0; k < count; k++) {
		bool twin = k < i && !is_newer(&votes[i], &votes[k]); /* of equal ones the first counts */
		if (k != i && (twin || is_newer(&votes[k], &votes[i])) && same(votes[k].probe, votes[i].probe))
			return false;
	}
	return true;
}

struct tally {
	size_t up, down, even;
};

static void add_vote(struct tally *tally, const struct isb_vote *vote)
{
	tally->up += vote->state == ISB_UP;
	tally->down += vote->state == ISB_DOWN;
}

/* The vote of a region, at the first of its votes that counts. */
static void add_region(struct tally *tally, const struct isb_vote *votes, size_t count, size_t first, int64_t now_ms)
{
	struct tally own = {0};
	for (size_t k = 0; k < count; k++) {
		if (!same(votes[k].region, votes[first].region) || !counts(votes, count, k, now_ms))
			continue;
		if (k < first)
			return; /* that one was the first, and has spoken for all */
		add_vote(&own, &votes[k]);
	}
	tally->up += own.up > own.down;
	tally->down += own.down > own.up;
	tally->even += own.up == own.down;
}

enum isb_verdict isb_verdict(const struct isb_vote *votes, size_t count, const struct isb_quorum *quorum,
                             enum isb_quorum_by by, int64_t now_ms)
{
	struct tally t = {0};
	for (size_t i = 0; i < count; i++) {
		if (!counts(votes, count, i, now_ms))
			continue;
		if (by == ISB_QUORUM_BY_REGION && votes[i].region && *votes[i].region)
			add_region(&t, votes, count, i, now_ms);
		else
			add_vote(&t, &votes[i]);
	}
	if (t.up + t.down + t.even == 0)
		return ISB_UNKNOWN;
	enum isb_verdict best = decide(quorum, t.up + t.even, t.down), worst = decide(quorum, t.up, t.down + t.even);
	return best == worst ? best : ISB_DISPUTED;
}
