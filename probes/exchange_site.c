/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange_site.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/model/schema.h"

enum { RTTS_MAX = 4096 }; /* that wait for one merge */

/* --- The offer --- */

static void offer_object(struct isb_offer *offer, enum isb_kind kind, const char *name, const void *object,
                         uint32_t *count)
{
	struct isb_buf body = {0};
	isb_schema_print_object(&body, kind, object);
	struct isb_exchange_frame frame = {.type = ISB_X_OBJECT, .object = {kind, name, isb_buf_text(&body)}};
	isb_exchange_put(&offer->frames, &frame);
	isb_buf_done(&body);
	++*count;
}

static uint32_t offer_objects(struct isb_offer *offer, const struct isb_catalog *catalog)
{
	uint32_t count = 0, any;
	struct isb_map used = {0};
	for (size_t i = 0; i < catalog->npool; i++) {
		const char *names[] = {catalog->pools[i].check.name, catalog->pools[i].feed.name};
		for (size_t n = 0; n < 2; n++)
			if (names[n])
				isb_map_put(&used, names[n], strlen(names[n]), 1);
	}
	for (size_t i = 0; i < catalog->nregion; i++) {
		char *name = isb_arena_strdup(&offer->arena, catalog->regions[i].name);
		isb_map_put(&offer->regions, name, strlen(name), 1);
		offer_object(offer, ISB_REGION, name, &catalog->regions[i], &count);
	}
	for (size_t i = 0; i < catalog->ncheck; i++)
		if (isb_map_get(&used, catalog->checks[i].name, strlen(catalog->checks[i].name), &any))
			offer_object(offer, ISB_CHECK, catalog->checks[i].name, &catalog->checks[i], &count);
	for (size_t i = 0; i < catalog->npool; i++)
		if (catalog->pools[i].check.name)
			offer_object(offer, ISB_POOL, catalog->pools[i].name, &catalog->pools[i], &count);
	isb_map_done(&used);
	return count;
}

struct isb_offer *isb_offer_new(const struct isb_catalog *catalog, uint64_t generation)
{
	struct isb_offer *offer = isb_xcalloc(1, sizeof(*offer));
	struct isb_exchange_frame head = {.type = ISB_X_CATALOG, .catalog = {.generation = generation}};
	struct isb_buf counted = {0};
	*offer = (struct isb_offer){.refs = 1, .generation = generation};
	isb_exchange_put(&offer->frames, &head);
	head.catalog.objects = offer_objects(offer, catalog);
	isb_exchange_put(&counted, &head); /* as long as the first, which did not know the number yet */
	memcpy(offer->frames.data, counted.data, counted.len);
	isb_buf_done(&counted);
	return offer;
}

bool isb_offer_has_region(const struct isb_offer *offer, const char *region)
{
	uint32_t any;
	return offer && isb_map_get(&offer->regions, region, strlen(region), &any);
}

void isb_offer_release(struct isb_offer *offer)
{
	if (!offer || --offer->refs)
		return;
	isb_buf_done(&offer->frames);
	isb_map_done(&offer->regions);
	isb_arena_done(&offer->arena);
	free(offer);
}

/* --- What the probe says --- */

void isb_seat_init(struct isb_seat *seat)
{
	*seat = (struct isb_seat){.input = {.max = ISB_EXCHANGE_TO_SITE_MAX}};
}

void isb_seat_done(struct isb_seat *seat)
{
	isb_exchange_input_done(&seat->input);
	isb_arena_done(&seat->arena);
	isb_buf_done(&seat->own);
	isb_buf_done(&seat->known);
	isb_offer_release(seat->offer);
	*seat = (struct isb_seat){0};
}

__attribute__((format(printf, 2, 3))) static int fault(struct isb_seat *seat, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(seat->fault, sizeof(seat->fault), fmt, ap);
	va_end(ap);
	return ISB_EFORMAT;
}

/* Names go into keys, log lines and evidence as they are. */
static bool is_name(const char *text)
{
	size_t len = strlen(text);
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("._-", text[i]))
			return false;
	return len > 0 && len <= ISB_PROBE_NAME_MAX;
}

static int take_hello(struct isb_seat *seat, const struct isb_exchange_frame *frame)
{
	if (seat->state != ISB_SEAT_EMPTY)
		return fault(seat, "it introduced itself twice");
	if (frame->hello.version != ISB_EXCHANGE_VERSION) {
		char reason[96];
		snprintf(reason, sizeof(reason), "it speaks version %u of the exchange and this site version %d",
		         frame->hello.version, ISB_EXCHANGE_VERSION);
		isb_seat_refuse(seat, reason);
		return fault(seat, "%s", reason);
	}
	if (!is_name(frame->hello.name) || (*frame->hello.region && !is_name(frame->hello.region)))
		return fault(seat, "its name or region is no name");
	strcpy(seat->name, frame->hello.name);
	strcpy(seat->region, frame->hello.region);
	seat->boot = frame->hello.boot;
	int64_t age_ms = frame->hello.now_ms - frame->hello.started_ms;
	seat->started_ms = age_ms > 0 && age_ms < seat->now_ms ? seat->now_ms - age_ms : seat->now_ms;
	seat->state = ISB_SEAT_ASKED;
	return ISB_OK;
}

static void *room_for(struct isb_arena *arena, void *list, size_t count, size_t *cap, size_t size)
{
	if (count < *cap)
		return list;
	size_t more = *cap ? *cap * 2 : 64;
	list = isb_arena_grow(arena, list, *cap * size, more * size);
	*cap = more;
	return list;
}

static int take_rows(struct isb_seat *seat, struct isb_exchange_frame *frame)
{
	struct isb_exchange_row row;
	int rc;
	while ((rc = isb_exchange_row_next(&frame->rows.rows, &row)) == ISB_OK) {
		isb_exchange_row_rebase(&row, frame->rows.now_ms, seat->now_ms);
		row.endpoint = isb_arena_strdup(&seat->arena, row.endpoint);
		seat->rows = room_for(&seat->arena, seat->rows, seat->nrow, &seat->crow, sizeof(*seat->rows));
		seat->rows[seat->nrow++] = row;
	}
	return rc == ISB_ENOTFOUND ? ISB_OK
	                           : fault(seat, "an observation is malformed, or of another version of the program");
}

static int take_rtt(struct isb_seat *seat, const struct isb_exchange_frame *frame)
{
	if (seat->nrtt == RTTS_MAX)
		return fault(seat, "it tells more than %d round trips at once", RTTS_MAX);
	const char *region = frame->rtt.region;
	if (!isb_offer_has_region(seat->offer, region))
		return ISB_OK; /* one that an edit took away */
	seat->rtts = room_for(&seat->arena, seat->rtts, seat->nrtt, &seat->crtt, sizeof(*seat->rtts));
	seat->rtts[seat->nrtt++] = (struct isb_remote_rtt){isb_arena_strdup(&seat->arena, region), frame->rtt.us};
	return ISB_OK;
}

static void take_beat(struct isb_seat *seat, const struct isb_exchange_frame *frame)
{
	seat->blind = frame->beat.blind;
	seat->checks = frame->beat.checks;
	seat->whole |= frame->beat.whole && seat->offer && frame->beat.generation == seat->offer->generation;
}

static int take_frame(void *arg, struct isb_slice octets)
{
	struct isb_seat *seat = arg;
	struct isb_exchange_frame frame;
	if (isb_exchange_read(octets, &frame) != ISB_OK)
		return fault(seat, "a frame is malformed");
	seat->frames++;
	if (frame.type == ISB_X_HELLO)
		return take_hello(seat, &frame);
	if (seat->state != ISB_SEAT_TAKEN)
		return fault(seat, "it speaks before it is welcome");
	seat->news = true;
	seat->heard_ms = seat->now_ms;
	switch (frame.type) {
	case ISB_X_ROWS: return take_rows(seat, &frame);
	case ISB_X_RTT: return take_rtt(seat, &frame);
	case ISB_X_BEAT: take_beat(seat, &frame); return ISB_OK;
	default: return fault(seat, "a frame of type %d is not a probe's to send", frame.type);
	}
}

int isb_seat_feed(struct isb_seat *seat, const void *data, size_t len, int64_t now_ms)
{
	seat->now_ms = now_ms;
	int rc = isb_exchange_feed(&seat->input, data, len, take_frame, seat);
	if (rc == ISB_ERANGE)
		return fault(seat, "a frame is longer than %d octets, or empty", ISB_EXCHANGE_TO_SITE_MAX);
	return rc;
}

/* --- What the site says --- */

void isb_seat_welcome(struct isb_seat *seat, const char *site, struct isb_buf *known)
{
	struct isb_exchange_frame frame = {.type = ISB_X_WELCOME, .welcome = {ISB_EXCHANGE_VERSION, site}};
	isb_exchange_put(&seat->own, &frame);
	seat->known = *known;
	*known = (struct isb_buf){0};
	seat->state = ISB_SEAT_TAKEN;
}

void isb_seat_refuse(struct isb_seat *seat, const char *reason)
{
	struct isb_exchange_frame frame = {.type = ISB_X_REFUSAL, .refusal = {reason}};
	isb_exchange_put(&seat->own, &frame);
	seat->state = ISB_SEAT_REFUSED;
}

void isb_seat_ping(struct isb_seat *seat)
{
	struct isb_exchange_frame frame = {.type = ISB_X_PING};
	if (seat->state == ISB_SEAT_TAKEN && !seat->offering && !seat->own.len)
		isb_exchange_put(&seat->own, &frame);
}

static size_t move(const struct isb_buf *from, size_t at, size_t room, struct isb_buf *out)
{
	size_t n = from->len - at < room ? from->len - at : room;
	isb_buf_add(out, from->data + at, n);
	return n;
}

static void begin_offer(struct isb_seat *seat, struct isb_offer *newest)
{
	isb_offer_release(seat->offer);
	newest->refs++;
	seat->offer = newest;
	seat->offer_at = 0;
	seat->offering = true;
}

static void end_offer(struct isb_seat *seat)
{
	struct isb_exchange_frame ready = {.type = ISB_X_READY, .catalog = {.generation = seat->offer->generation}};
	seat->own = seat->known;
	seat->known = (struct isb_buf){0};
	isb_exchange_put(&seat->own, &ready);
	seat->offering = false;
}

void isb_seat_fill(struct isb_seat *seat, struct isb_offer *newest, size_t room, struct isb_buf *out)
{
	for (size_t end = out->len + room; out->len < end;) {
		if (seat->own.len) {
			seat->own_at += move(&seat->own, seat->own_at, end - out->len, out);
			if (seat->own_at == seat->own.len) {
				isb_buf_done(&seat->own);
				seat->own_at = 0;
			}
		} else if (seat->offering) {
			seat->offer_at += move(&seat->offer->frames, seat->offer_at, end - out->len, out);
			if (seat->offer_at == seat->offer->frames.len)
				end_offer(seat);
		} else if (seat->state == ISB_SEAT_TAKEN && newest && newest != seat->offer) {
			begin_offer(seat, newest);
		} else {
			return;
		}
	}
}

/* --- Merging --- */

struct isb_remote_table isb_seat_table(const struct isb_seat *seat, const char *from)
{
	uint32_t any;
	return (struct isb_remote_table){
		.probe = {.name = seat->name, .region = seat->region, .started_ms = seat->started_ms,
		          .seen_ms = seat->heard_ms, .boot = seat->boot, .blind = seat->blind, .checks = seat->checks,
		          .from = from},
		.rows = seat->rows, .count = seat->nrow,
		.rtts = seat->rtts, .nrtt = seat->nrtt,
		.placed = seat->offer && isb_map_get(&seat->offer->regions, seat->region, strlen(seat->region), &any),
	};
}

void isb_seat_merged(struct isb_seat *seat)
{
	isb_arena_done(&seat->arena);
	seat->rows = NULL;
	seat->rtts = NULL;
	seat->nrow = seat->crow = seat->nrtt = seat->crtt = 0;
	seat->news = false;
}

/* --- Waiting for those who were there --- */

struct roll {
	struct isb_awaited *awaited;
	int64_t own_ms; /* when a probe of the site's own last wrote */
};

static int note_own(void *arg, const struct isb_probe_row *row)
{
	struct roll *roll = arg;
	if (!*row->from && row->seen_ms > roll->own_ms)
		roll->own_ms = row->seen_ms;
	return 0;
}

static int note_remote(void *arg, const struct isb_probe_row *row)
{
	const struct roll *roll = arg;
	struct isb_awaited *a = roll->awaited;
	if (!*row->from || isb_probe_is_gone(row, roll->own_ms) || strlen(row->name) > ISB_PROBE_NAME_MAX)
		return 0;
	a->names = isb_xrealloc(a->names, (a->count + 1) * sizeof(*a->names));
	strcpy(a->names[a->count++], row->name);
	return 0;
}

int isb_awaited_init(struct isb_awaited *awaited, struct isb_txn *txn, int64_t now_ms)
{
	struct roll roll = {.awaited = awaited};
	*awaited = (struct isb_awaited){.until_ms = now_ms + ISB_AWAIT_MS};
	int rc = isb_probe_each(txn, note_own, &roll);
	return rc == ISB_OK && roll.own_ms ? isb_probe_each(txn, note_remote, &roll) : rc;
}

void isb_awaited_done(struct isb_awaited *awaited)
{
	free(awaited->names);
	*awaited = (struct isb_awaited){0};
}

void isb_awaited_came(struct isb_awaited *awaited, const char *name)
{
	for (size_t i = 0; i < awaited->count; i++)
		if (strcmp(awaited->names[i], name) == 0)
			memmove(awaited->names[i], awaited->names[--awaited->count], sizeof(*awaited->names));
}

bool isb_awaited_any(const struct isb_awaited *awaited, int64_t now_ms)
{
	return awaited->count && now_ms < awaited->until_ms;
}
