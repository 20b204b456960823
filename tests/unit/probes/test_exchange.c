/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/model/yaml.h"
#include "probes/exchange_remote.h"
#include "probes/exchange_site.h"

/* Both sides of the exchange, joined by a wire that a test may cut to pieces. */

#define NOW INT64_C(1763726400000)
enum { SKEW = 30000, ROOM = 1000, OURS = ISB_EXCHANGE_VERSION };

static const char catalog_text[] =
	"regions:\n"
	"  seoul: {location: [37.57, 126.98]}\n"
	"  tokyo: {location: [35.68, 139.76]}\n"
	"checks:\n"
	"  web: {type: tcp, port: 443, interval: 5s, timeout: 2s}\n"
	"  unused: {type: tcp, port: 1}\n"
	"pools:\n"
	"  asia: {check: web, endpoints: {icn-1: {region: seoul, address: 192.0.2.1}, nrt-1: {region: tokyo, address: 192.0.2.2}}}\n"
	"  plain: {endpoints: {any-1: {address: 192.0.2.9}}}\n"
	"zones:\n"
	"  example.com: {text: \"@ SOA a b 1 1 1 1 1\", records: {www: {types: [A], policy: asia}}}\n";

struct wire {
	struct isb_catalog catalog;
	struct isb_diags diags;
	struct isb_offer *offer;
	struct isb_schedule schedule;
	struct isb_remote remote;
	struct isb_seat seat;
	struct isb_buf known;
	size_t piece; /* octets that the wire carries at once */
	int64_t now_ms; /* of the site; the probe's clock is SKEW ahead */
	unsigned welcomes, catalogs, broken;
	const char *refusal; /* the site's answer to any hello; NULL: welcome */
	int at_site, at_probe; /* how the last reading ended */
};

static void read_catalog(struct wire *w, const char *text)
{
	struct isb_yaml *root;
	isb_catalog_done(&w->catalog);
	isb_catalog_init(&w->catalog);
	assert_int_equal(isb_yaml_parse(&w->catalog.arena, "test", text, strlen(text), &w->diags, &root), ISB_OK);
	assert_int_equal(isb_schema_read(&w->catalog, root, &w->diags), ISB_OK);
}

static void offer(struct wire *w, const char *text, uint64_t generation)
{
	read_catalog(w, text);
	isb_offer_release(w->offer);
	w->offer = isb_offer_new(&w->catalog, generation);
}

static void on_event(void *arg, enum isb_remote_event event)
{
	struct wire *w = arg;
	w->welcomes += event == ISB_REMOTE_WELCOME;
	w->catalogs += event == ISB_REMOTE_CATALOG;
	w->broken += event == ISB_REMOTE_BROKEN;
}

static void answer_hello(struct wire *w)
{
	if (w->seat.state != ISB_SEAT_ASKED)
		return;
	if (w->refusal)
		isb_seat_refuse(&w->seat, w->refusal);
	else
		isb_seat_welcome(&w->seat, "home", &w->known);
}

static void to_site(struct wire *w, const struct isb_buf *out)
{
	for (size_t at = 0; at < out->len && w->at_site == ISB_OK; at += w->piece) {
		size_t n = out->len - at < w->piece ? out->len - at : w->piece;
		w->at_site = isb_seat_feed(&w->seat, out->data + at, n, w->now_ms);
		answer_hello(w);
	}
}

static void to_probe(struct wire *w, const struct isb_buf *out)
{
	for (size_t at = 0; at < out->len && w->at_probe == ISB_OK; at += w->piece) {
		size_t n = out->len - at < w->piece ? out->len - at : w->piece;
		w->at_probe = isb_remote_feed(&w->remote, out->data + at, n, w->now_ms - NOW, w->now_ms + SKEW, on_event);
	}
}

/* Lets both talk until neither has more to say. */
static void talk(struct wire *w)
{
	struct isb_buf out = {0};
	bool silent = false;
	while (!silent && w->at_site == ISB_OK && w->at_probe == ISB_OK) {
		isb_buf_reset(&out);
		isb_remote_fill(&w->remote, ROOM, w->now_ms + SKEW, &out);
		silent = out.len == 0;
		to_site(w, &out);
		isb_buf_reset(&out);
		isb_seat_fill(&w->seat, w->offer, ROOM, &out);
		silent &= out.len == 0;
		to_probe(w, &out);
	}
	isb_buf_done(&out);
}

static int set_up(void **state)
{
	struct wire *w = calloc(1, sizeof(*w));
	w->piece = SIZE_MAX / 2;
	w->now_ms = NOW;
	isb_catalog_init(&w->catalog);
	isb_diags_init(&w->diags);
	isb_schedule_init(&w->schedule, 1);
	isb_remote_init(&w->remote, &w->schedule, "seoul-1", "seoul", 7, NOW + SKEW - 5000);
	w->remote.arg = w;
	isb_seat_init(&w->seat);
	offer(w, catalog_text, 12);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct wire *w = *state;
	isb_seat_done(&w->seat);
	isb_remote_done(&w->remote);
	isb_schedule_done(&w->schedule);
	isb_offer_release(w->offer);
	isb_catalog_done(&w->catalog);
	isb_diags_done(&w->diags);
	isb_buf_done(&w->known);
	free(w);
	return 0;
}

static struct isb_target *target(struct wire *w, const char *name)
{
	struct isb_target *t = isb_schedule_find(&w->schedule, name);
	assert_non_null(t);
	return t;
}

/* The probe checks everything that is due and finds this. */
static void check_all(struct wire *w, enum isb_outcome_kind kind)
{
	struct isb_outcome outcome = {.kind = kind, .connect_us = 4000, .total_us = 9000};
	struct isb_target *t;
	w->now_ms += 6000;
	while ((t = isb_schedule_take(&w->schedule, w->now_ms - NOW)))
		isb_schedule_record(&w->schedule, t, &outcome, w->now_ms - NOW, w->now_ms + SKEW);
	isb_remote_push(&w->remote);
}

static void reconnect(struct wire *w)
{
	isb_seat_done(&w->seat);
	isb_seat_init(&w->seat);
	isb_remote_connect(&w->remote);
	w->at_site = w->at_probe = ISB_OK;
}

/* --- What comes and goes --- */

static void a_probe_learns_what_is_checked_and_nothing_else(void **state)
{
	struct wire *w = *state;
	talk(w);
	assert_true(w->at_site == ISB_OK && w->at_probe == ISB_OK);
	assert_true(w->welcomes == 1 && w->catalogs == 1 && w->broken == 0);
	assert_string_equal(w->remote.site, "home");
	assert_int_equal(w->schedule.count, 2);
	assert_int_equal(w->remote.generation, 12);
	assert_string_equal(target(w, "asia/icn-1")->region, "seoul");
	assert_null(isb_schedule_find(&w->schedule, "plain/any-1"));
	assert_null(strstr(w->offer->frames.data, "example.com"));
	assert_string_equal(w->seat.name, "seoul-1");
	assert_string_equal(w->seat.region, "seoul");
	assert_int_equal(w->seat.started_ms, NOW - 5000); /* by the site's clock */
	assert_true(w->seat.news && w->seat.checks == 2 && w->seat.nrow == 0);
	assert_false(w->seat.whole); /* it has seen nothing yet */
}

static void a_probe_learns_what_feeds_and_gives_it_the_numbers_of_the_targets(void **state)
{
	struct wire *w = *state;
	offer(w, "checks: {c: {type: tcp, port: 1}, f: {type: http, load: {format: nginx, capacity: 5}}, g: {type: icmp}}\n"
	         "pools: {p: {check: c, feed: f, endpoints: {a: {address: 192.0.2.1}, b: {address: 192.0.2.2}}}}\n", 12);
	talk(w);
	assert_int_equal(w->catalogs, 1);
	assert_int_equal(w->schedule.feeds->count, 2);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(w->schedule.feeds->targets[i]->slot, target(w, w->schedule.feeds->targets[i]->name)->slot);
	assert_null(strstr(w->offer->frames.data, "icmp"));
}

static void everything_comes_through_a_wire_of_single_octets(void **state)
{
	struct wire *w = *state;
	w->piece = 1;
	talk(w);
	check_all(w, ISB_OUT_OK);
	talk(w);
	assert_true(w->catalogs == 1 && w->seat.nrow == 2 && w->seat.whole);
}

static void what_a_probe_sees_arrives_on_the_sites_clock(void **state)
{
	struct wire *w = *state;
	talk(w);
	check_all(w, ISB_OUT_CONNECT_REFUSED);
	talk(w);
	struct isb_remote_table table = isb_seat_table(&w->seat, "192.0.2.77");
	assert_int_equal(table.count, 2);
	assert_true(table.placed);
	assert_string_equal(table.probe.from, "192.0.2.77");
	assert_int_equal(table.probe.seen_ms, w->now_ms);
	for (size_t i = 0; i < 2; i++) {
		const struct isb_exchange_row *row = &table.rows[i];
		assert_int_equal(row->history.state, ISB_DOWN);
		assert_int_equal(row->history.observed_ms, w->now_ms);
		assert_int_equal(row->expires_ms, w->now_ms + 3 * 5000 + 2000);
		assert_int_equal(row->fingerprint, target(w, row->endpoint)->fingerprint);
	}
	assert_int_equal(table.nrtt, 2);
	assert_int_equal(table.rtts[0].us, 4000);
}

static void only_what_changed_is_told_again(void **state)
{
	struct wire *w = *state;
	talk(w);
	check_all(w, ISB_OUT_OK);
	talk(w);
	isb_seat_merged(&w->seat);
	isb_remote_push(&w->remote);
	talk(w);
	assert_true(w->seat.news && w->seat.nrow == 0 && w->seat.nrtt == 0); /* a sign of life */
	struct isb_target *t = target(w, "asia/nrt-1");
	t->dirty = true;
	isb_remote_push(&w->remote);
	talk(w);
	assert_int_equal(w->seat.nrow, 1);
	assert_string_equal(w->seat.rows[0].endpoint, "asia/nrt-1");
}

/* A long table goes out piece by piece; what happens behind the place that was reached is told as well. */
static void news_during_a_push_is_not_lost(void **state)
{
	struct wire *w = *state;
	struct isb_buf out = {0};
	talk(w);
	check_all(w, ISB_OUT_OK);
	isb_remote_fill(&w->remote, 1, w->now_ms + SKEW, &out);
	assert_int_equal(w->remote.push_at, 1);
	w->schedule.targets[0]->dirty = true;
	isb_remote_push(&w->remote);
	to_site(w, &out);
	talk(w);
	isb_buf_done(&out);
	assert_int_equal(w->seat.nrow, 3);
	assert_string_equal(w->seat.rows[2].endpoint, w->schedule.targets[0]->name);
}

static void a_probe_that_was_cut_off_tells_everything_and_believes_itself(void **state)
{
	struct wire *w = *state;
	talk(w);
	check_all(w, ISB_OUT_OK);
	talk(w);
	struct isb_target *t = target(w, "asia/icn-1");
	check_all(w, ISB_OUT_OK); /* while nobody listens */
	uint64_t bits = t->history.bits;
	reconnect(w);
	struct isb_exchange_row old = {"asia/icn-1", t->fingerprint, {.state = ISB_DOWN, .seen = 1}, NOW};
	size_t begin = isb_exchange_rows_begin(&w->known, ISB_X_KNOWN, w->now_ms);
	isb_exchange_row_put(&w->known, &old);
	isb_exchange_rows_end(&w->known, begin);
	talk(w);
	assert_true(t == target(w, "asia/icn-1") && t->history.state == ISB_UP && t->history.bits == bits);
	assert_int_equal(w->seat.nrow, 2);
	assert_true(w->seat.whole && w->seat.nrtt == 2);
}

static void a_probe_that_restarts_gets_back_what_it_said(void **state)
{
	struct wire *w = *state;
	struct isb_exchange_row known = {
		.endpoint = "asia/icn-1", .expires_ms = NOW + 9000,
		.history = {.state = ISB_UP, .bits = 3, .seen = 2, .run = 2, .since_ms = NOW - 100000, .observed_ms = NOW - 1000,
		            .last = {.kind = ISB_OUT_OK}}};
	struct isb_exchange_row other = known;
	known.fingerprint = isb_spec_fingerprint(&w->catalog.checks[0], &w->catalog.pools[0].endpoints[0]);
	other.endpoint = "asia/nrt-1"; /* was tested in another way */
	other.fingerprint = 1;
	size_t begin = isb_exchange_rows_begin(&w->known, ISB_X_KNOWN, NOW);
	isb_exchange_row_put(&w->known, &known);
	isb_exchange_row_put(&w->known, &other);
	isb_exchange_rows_end(&w->known, begin);
	talk(w);
	const struct isb_target *t = target(w, "asia/icn-1");
	assert_int_equal(t->history.state, ISB_UP);
	assert_int_equal(t->history.since_ms, NOW + SKEW - 100000); /* on the probe's clock */
	assert_int_equal(t->expires_ms, NOW + SKEW + 9000);
	assert_int_equal(target(w, "asia/nrt-1")->history.state, ISB_UNKNOWN);
	assert_int_equal(w->seat.nrow, 1);
	assert_int_equal(w->seat.rows[0].expires_ms, NOW + 9000); /* told again, and no fresher than it was */
}

static void an_edit_reaches_the_probe_and_keeps_what_stays(void **state)
{
	struct wire *w = *state;
	talk(w);
	check_all(w, ISB_OUT_OK);
	talk(w);
	const struct isb_target *kept = target(w, "asia/icn-1");
	uint32_t number = kept->slot;
	offer(w,
	      "checks: {web: {type: tcp, port: 443, interval: 1s, timeout: 1s}}\n"
	      "pools: {asia: {check: web, endpoints: {icn-1: {address: 192.0.2.1}, pus-1: {address: 192.0.2.3}}}}\n",
	      13);
	talk(w);
	assert_true(w->catalogs == 2 && w->schedule.count == 2 && w->remote.generation == 13);
	kept = target(w, "asia/icn-1");
	assert_true(kept->slot == number && kept->history.state == ISB_UP && kept->knobs.interval_ms == 1000);
	assert_int_equal(target(w, "asia/pus-1")->history.state, ISB_UNKNOWN);
	assert_true(target(w, "asia/pus-1")->slot != number);
}

static void a_catalog_that_cannot_be_read_leaves_the_old_one(void **state)
{
	struct wire *w = *state;
	talk(w);
	struct isb_exchange_frame f = {.type = ISB_X_CATALOG, .catalog = {13, 1}};
	struct isb_buf out = {0};
	isb_exchange_put(&out, &f);
	f = (struct isb_exchange_frame){.type = ISB_X_OBJECT, .object = {ISB_CHECK, "web", "typ: tcp\n"}};
	isb_exchange_put(&out, &f);
	f = (struct isb_exchange_frame){.type = ISB_X_READY, .catalog = {.generation = 13}};
	isb_exchange_put(&out, &f);
	to_probe(w, &out);
	isb_buf_done(&out);
	assert_int_equal(w->at_probe, ISB_OK);
	assert_true(w->broken == 1 && w->catalogs == 1 && w->schedule.count == 2 && w->remote.generation == 12);
	assert_non_null(strstr(w->remote.diags.list[0].text, "did you mean 'type'"));
}

/* --- What is refused --- */

static void a_refusal_is_told_with_its_reason(void **state)
{
	struct wire *w = *state;
	w->refusal = "its certificate is not for \"seoul-1\"";
	talk(w);
	assert_int_equal(w->at_probe, ISB_EREFUSED);
	assert_string_equal(w->remote.fault, "the site refuses this probe: its certificate is not for ?seoul-1?");
	assert_int_equal(w->seat.state, ISB_SEAT_REFUSED);
}

static int site_reads(struct wire *w, const struct isb_exchange_frame *frame)
{
	struct isb_buf out = {0};
	isb_exchange_put(&out, frame);
	int rc = isb_seat_feed(&w->seat, out.data, out.len, NOW);
	isb_buf_done(&out);
	return rc;
}

static void another_version_is_refused_with_both_numbers(void **state)
{
	struct wire *w = *state;
	const struct isb_exchange_frame hello = {.type = ISB_X_HELLO, .hello = {9, "seoul-1", "", 1, NOW, NOW}};
	assert_int_equal(site_reads(w, &hello), ISB_EFORMAT);
	assert_string_equal(w->seat.fault, "it speaks version 9 of the exchange and this site version 2");
	struct isb_buf out = {0};
	isb_seat_fill(&w->seat, w->offer, ROOM, &out);
	to_probe(w, &out);
	isb_buf_done(&out);
	assert_int_equal(w->at_probe, ISB_EREFUSED);
	assert_non_null(strstr(w->remote.fault, "version 9"));
}

static void frames_out_of_turn_end_the_conversation(void **state)
{
	struct wire *w = *state;
	const struct isb_exchange_frame hello = {.type = ISB_X_HELLO, .hello = {OURS, "seoul-1", "", 1, NOW, NOW}};
	const struct isb_exchange_frame beat = {.type = ISB_X_BEAT}, ping = {.type = ISB_X_PING};
	assert_int_equal(site_reads(w, &beat), ISB_EFORMAT);
	assert_string_equal(w->seat.fault, "it speaks before it is welcome");
	reconnect(w);
	assert_int_equal(site_reads(w, &hello), ISB_OK);
	assert_int_equal(site_reads(w, &hello), ISB_EFORMAT);
	assert_string_equal(w->seat.fault, "it introduced itself twice");
	reconnect(w);
	talk(w);
	assert_int_equal(site_reads(w, &ping), ISB_EFORMAT);
	assert_string_equal(w->seat.fault, "a frame of type 11 is not a probe's to send");
}

static void names_that_would_break_lines_or_keys_are_refused(void **state)
{
	struct wire *w = *state;
	char longest[70];
	memset(longest, 'a', 65);
	longest[65] = '\0';
	const char *const names[] = {"", "a b", "a/b", "a\nb", longest};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct isb_exchange_frame name = {.type = ISB_X_HELLO, .hello = {OURS, names[i], "", 1, NOW, NOW}};
		const struct isb_exchange_frame region = {.type = ISB_X_HELLO, .hello = {OURS, "seoul-1", names[i], 1, NOW, NOW}};
		reconnect(w);
		assert_int_equal(site_reads(w, &name), ISB_EFORMAT);
		reconnect(w);
		assert_int_equal(site_reads(w, &region), *names[i] ? ISB_EFORMAT : ISB_OK);
	}
}

static void a_site_that_lies_is_left(void **state)
{
	static const struct isb_exchange_frame lies[] = {
		{.type = ISB_X_OBJECT, .object = {ISB_CHECK, "web", "{}\n"}}, /* outside of a catalog */
		{.type = ISB_X_READY, .catalog = {.generation = 1}},
		{.type = ISB_X_CATALOG, .catalog = {1, ISB_REMOTE_OBJECTS_MAX + 1}},
		{.type = ISB_X_BEAT},
		{.type = ISB_X_WELCOME, .welcome = {1, "home"}},
	};
	struct wire *w = *state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct isb_buf out = {0};
		reconnect(w);
		talk(w);
		assert_int_equal(w->at_probe, ISB_OK);
		isb_exchange_put(&out, &lies[i]);
		to_probe(w, &out);
		isb_buf_done(&out);
		assert_int_equal(w->at_probe, ISB_EFORMAT);
		assert_true(*w->remote.fault);
	}
	assert_int_equal(w->schedule.count, 2); /* what it checked it goes on checking */
}

static void round_trips_to_places_nobody_knows_are_left_out(void **state)
{
	struct wire *w = *state;
	talk(w);
	struct isb_exchange_frame rtt = {.type = ISB_X_RTT, .rtt = {"atlantis", 1}};
	for (int i = 0; i < 5000; i++)
		assert_int_equal(site_reads(w, &rtt), ISB_OK);
	assert_int_equal(w->seat.nrtt, 0);
	rtt.rtt.region = "tokyo";
	for (int i = 0; i < 4096; i++)
		assert_int_equal(site_reads(w, &rtt), ISB_OK);
	assert_int_equal(site_reads(w, &rtt), ISB_EFORMAT);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_probe_learns_what_feeds_and_gives_it_the_numbers_of_the_targets),
		T(a_probe_learns_what_is_checked_and_nothing_else),
		T(everything_comes_through_a_wire_of_single_octets),
		T(what_a_probe_sees_arrives_on_the_sites_clock),
		T(only_what_changed_is_told_again),
		T(news_during_a_push_is_not_lost),
		T(a_probe_that_was_cut_off_tells_everything_and_believes_itself),
		T(a_probe_that_restarts_gets_back_what_it_said),
		T(an_edit_reaches_the_probe_and_keeps_what_stays),
		T(a_catalog_that_cannot_be_read_leaves_the_old_one),
		T(a_refusal_is_told_with_its_reason),
		T(another_version_is_refused_with_both_numbers),
		T(frames_out_of_turn_end_the_conversation),
		T(names_that_would_break_lines_or_keys_are_refused),
		T(a_site_that_lies_is_left),
		T(round_trips_to_places_nobody_knows_are_left_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
