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

enum isb_verdict isb_verdict(const struct isb_vote *votes, size_t count, const struct isb_quorum *quorum, int64_t now_ms)
{
	size_t up = 0, down = 0;
	for (size_t i = 0; i < count; i++) {
		if (!isb_vote_counts(&votes[i], now_ms))
			continue;
		up += votes[i].state == ISB_UP;
		down += votes[i].state == ISB_DOWN;
	}
	return up + down ? decide(quorum, up, down) : ISB_UNKNOWN;
}
