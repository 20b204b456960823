/* SPDX-License-Identifier: Apache-2.0 */
#include "judge.h"

#include <stdlib.h>

enum { EVIDENCE_PROBES = 8 };

uint64_t isb_judge_word(const struct isb_ballot *ballots, size_t count, const struct isb_target *target,
                        uint64_t old_word, int64_t now_ms)
{
	struct isb_vote *votes = isb_xcalloc(count, sizeof(*votes));
	struct isb_health health = {
		.held = isb_health_effective(old_word), .soft = ISB_SOFT_FULL, .flip_s = ISB_FLIP_NONE};
	for (size_t i = 0; i < count; i++) {
		const struct isb_history *h = &ballots[i].history;
		votes[i] = ballots[i].vote;
		if (!isb_vote_counts(&votes[i], now_ms))
			continue;
		unsigned flip_s = isb_observe_flip_s(h, &target->knobs);
		if (flip_s < health.flip_s)
			health.flip_s = flip_s;
		if (h->latency_us && (!health.latency_us || h->latency_us < health.latency_us))
			health.latency_us = h->latency_us;
	}
	health.verdict = isb_verdict(votes, count, &target->quorum, now_ms);
	if (health.verdict == ISB_UP || health.verdict == ISB_DOWN)
		health.held = health.verdict;
	free(votes);
	return isb_health_pack(&health);
}

static void one(struct isb_buf *out, const struct isb_ballot *ballot, const char *host, int64_t now_ms)
{
	bool named = host && ballot->history.last.kind == ISB_OUT_RESOLVE;
	char text[ISB_OUTCOME_TEXT];
	isb_buf_printf(out, "%s%s: ", out->len ? "; " : "", ballot->probe);
	if (ballot->vote.blind)
		isb_buf_puts(out, "blind");
	else if (now_ms >= ballot->vote.expires_ms)
		isb_buf_puts(out, "too old");
	else
		isb_buf_printf(out, "%s%s%s x%u", isb_outcome_print(&ballot->history.last, text), named ? " " : "",
		               named ? host : "", ballot->history.run);
}

void isb_judge_evidence(struct isb_buf *out, const struct isb_ballot *ballots, size_t count, const char *host,
                        int64_t now_ms)
{
	for (size_t i = 0; i < count && i < EVIDENCE_PROBES; i++)
		one(out, &ballots[i], host, now_ms);
	if (count > EVIDENCE_PROBES)
		isb_buf_printf(out, "; and %zu more", count - EVIDENCE_PROBES);
	if (!count)
		isb_buf_puts(out, "no observation");
}
