/* SPDX-License-Identifier: Apache-2.0 */
#include "story_parts.h"

#include "isobar/base/err.h"
#include "probes/merge.h"

/* Probes in other regions: probes/remote.c and probes/site.c without their sockets. A link carries everything at
 * once. */

enum { ROOM = 32 * 1024 };

void story_site_begins(struct story *s, struct story_probe *site)
{
	struct isb_txn *txn = story_txn(s, ISB_ENV_HEALTH, false);
	assert_null(s->site);
	s->site = site;
	assert_int_equal(isb_awaited_init(&s->awaited, txn, s->now_ms), ISB_OK);
	isb_txn_abort(txn);
}

static void part(struct story_probe *p)
{
	if (p->far.joined)
		isb_seat_done(&p->far.seat);
	p->far.joined = false;
}

void story_site_ends(struct story *s)
{
	for (size_t i = 0; i < STORY_PROBES; i++)
		part(&s->probe[i]);
	isb_awaited_done(&s->awaited);
	isb_offer_release(s->offer);
	s->offer = NULL;
	s->site = NULL;
}

void story_site_offers(struct story *s, const struct isb_catalog *catalog, uint64_t generation)
{
	isb_offer_release(s->offer);
	s->offer = isb_offer_new(catalog, generation);
}

void story_remote_begins(struct story *s, struct story_probe *p)
{
	isb_remote_init(&p->far.talk, &p->schedule, p->name, p->region, (uint64_t)s->now_ms, s->now_ms + p->far.ahead_ms);
}

void story_remote_ends(struct story_probe *p)
{
	part(p);
	isb_remote_done(&p->far.talk);
}

static void welcome(struct story *s, struct story_probe *p)
{
	struct isb_buf known = {0};
	struct isb_txn *txn = story_txn(s, ISB_ENV_HEALTH, false);
	assert_string_equal(p->far.seat.name, p->name);
	assert_int_equal(isb_merge_known(txn, &s->site->schedule, p->name, s->now_ms, &known), ISB_OK);
	isb_txn_abort(txn);
	isb_seat_welcome(&p->far.seat, s->site->name, &known);
}

static void no_event(void *arg, enum isb_remote_event event)
{
	(void)arg;
	assert_int_not_equal(event, ISB_REMOTE_BROKEN);
}

static void exchange(struct story *s, struct story_probe *p)
{
	struct story_far *far = &p->far;
	struct isb_buf out = {0};
	for (bool silent = false; !silent;) {
		isb_buf_reset(&out);
		isb_remote_fill(&far->talk, ROOM, s->now_ms + far->ahead_ms, &out);
		silent = out.len == 0;
		assert_int_equal(isb_seat_feed(&far->seat, out.data, out.len, s->now_ms), ISB_OK);
		if (far->seat.state == ISB_SEAT_ASKED)
			welcome(s, p);
		isb_buf_reset(&out);
		isb_seat_fill(&far->seat, s->offer, ROOM, &out);
		silent &= out.len == 0;
		assert_int_equal(isb_remote_feed(&far->talk, out.data, out.len, story_ms(s), s->now_ms + far->ahead_ms, no_event),
		                 ISB_OK);
	}
	isb_buf_done(&out);
}

static void merge(struct story *s, struct story_probe *p)
{
	size_t stale = 0;
	struct isb_seat *seat = &p->far.seat;
	struct isb_txn *txn = story_txn(s, ISB_ENV_HEALTH, true);
	const struct isb_remote_table table = isb_seat_table(seat, "192.0.2.77");
	assert_int_equal(isb_merge_table(txn, &s->site->schedule, &table, s->now_ms, &stale), ISB_OK);
	assert_int_equal(isb_txn_commit(txn), ISB_OK);
	if (seat->whole)
		isb_awaited_came(&s->awaited, seat->name);
	isb_seat_merged(seat);
	story_report(s, s->site, false);
}

void story_remote_talks(struct story *s, struct story_probe *p)
{
	struct story_far *far = &p->far;
	if (!far->linked || !s->site) {
		part(p);
		return;
	}
	if (!far->joined) {
		isb_seat_init(&far->seat);
		isb_remote_connect(&far->talk);
		far->joined = true;
	}
	exchange(s, p);
	if (far->seat.news)
		merge(s, p);
}
