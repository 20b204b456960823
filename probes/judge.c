/* SPDX-License-Identifier: Apache-2.0 */
#include "judge.h"

#include <stdlib.h>

enum { EVIDENCE_PROBES = 8 };

/* --- Soft health and load --- */

/* What the votes say of one of them. */
struct opinions {
	unsigned *list;
	size_t count;
};

static void add_opinion(struct opinions *opinions, unsigned opinion)
{
	size_t at = opinions->count++;
	for (; at && opinions->list[at - 1] > opinion; at--)
		opinions->list[at] = opinions->list[at - 1];
	opinions->list[at] = opinion;
}

static unsigned apart(unsigned a, unsigned b)
{
	return a > b ? a - b : b - a;
}

static unsigned judge_soft(const struct opinions *soft, bool any_up, unsigned old)
{
	if (!any_up)
		return old;
	unsigned is = soft->count ? soft->list[(soft->count - 1) / 2] : ISB_SOFT_FULL;
	return is && is < ISB_SOFT_FULL && old && apart(is, old) < ISB_SOFT_STEP ? old : is;
}

static unsigned judge_load(const struct opinions *load, bool any_up, unsigned old)
{
	if (!any_up)
		return old;
	unsigned is = load->count ? load->list[load->count / 2] : 0;
	return is && old && apart(is, old) < ISB_LOAD_STEP ? old : is;
}

/* --- The word --- */

/* An endpoint whose failback is manual begins to wait when it comes back, and ends when it falls. That it is set when the
 * verdict turns, and not wherever a verdict once turned, lets `failback: manual` take nothing out that serves. */
static bool must_wait(const struct isb_target *target, enum isb_verdict was, enum isb_verdict is, bool waits)
{
	if (!target->failback_manual || is != ISB_UP)
		return false;
	return waits || was == ISB_DOWN;
}

/* What the votes say beside up and down. */
struct hearing {
	struct isb_vote *votes;
	struct opinions soft, load;
	bool any_up;
};

static void hear(struct hearing *hearing, const struct isb_history *h, const struct isb_target *target, struct isb_health *health)
{
	unsigned flip_s = isb_observe_flip_s(h, &target->knobs);
	if (flip_s < health->flip_s)
		health->flip_s = flip_s;
	if (h->latency_us && (!health->latency_us || h->latency_us < health->latency_us))
		health->latency_us = h->latency_us;
	if (h->state != ISB_UP)
		return;
	hearing->any_up = true;
	if (h->has_soft)
		add_opinion(&hearing->soft, h->soft);
	if (h->has_load)
		add_opinion(&hearing->load, h->load);
}

uint64_t isb_judge_word(const struct isb_ballot *ballots, size_t count, const struct isb_target *target,
                        uint64_t old_word, int64_t now_ms)
{
	unsigned *said = isb_xcalloc(2 * count, sizeof(*said));
	struct hearing hearing = {isb_xcalloc(count, sizeof(struct isb_vote)), {said, 0}, {said + count, 0}, false};
	struct isb_health old = isb_health_unpack(old_word), health = {.flip_s = ISB_FLIP_NONE};
	enum isb_verdict held = isb_health_effective(old_word);
	for (size_t i = 0; i < count; i++) {
		hearing.votes[i] = ballots[i].vote;
		if (isb_vote_counts(&ballots[i].vote, now_ms))
			hear(&hearing, &ballots[i].history, target, &health);
	}
	health.verdict = isb_verdict(hearing.votes, count, &target->quorum, target->quorum_by, now_ms);
	health.held = health.verdict == ISB_UP || health.verdict == ISB_DOWN ? health.verdict : held;
	health.soft = judge_soft(&hearing.soft, hearing.any_up, old_word ? old.soft : ISB_SOFT_FULL);
	health.load = judge_load(&hearing.load, hearing.any_up, old.load);
	health.waits = must_wait(target, held, health.held, old.waits);
	free(hearing.votes);
	free(said);
	return isb_health_pack(&health);
}

static void one(struct isb_buf *out, const struct isb_ballot *ballot, const char *host, int64_t now_ms)
{
	bool named = host && ballot->history.last.kind == ISB_OUT_RESOLVE;
	char text[ISB_OUTCOME_TEXT];
	isb_buf_printf(out, "%s%s: ", out->len ? "; " : "", ballot->vote.probe);
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
