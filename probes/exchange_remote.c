/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange_remote.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/model/yaml.h"

enum { ROW_MAX = 1024 }; /* octets that a row may take: a name is a key of the store */

void isb_remote_init(struct isb_remote *remote, struct isb_schedule *schedule, const char *name, const char *region,
                     uint64_t boot, int64_t started_ms)
{
	*remote = (struct isb_remote){.name = name, .region = region, .boot = boot, .started_ms = started_ms,
	                              .schedule = schedule, .input = {.max = ISB_EXCHANGE_TO_PROBE_MAX}};
	isb_catalog_init(&remote->catalog);
	isb_diags_init(&remote->diags);
}

static void forget_catalog(struct isb_remote *remote)
{
	isb_catalog_done(&remote->catalog);
	isb_catalog_init(&remote->catalog);
	remote->known = NULL; /* they lay in its arena */
	remote->nknown = remote->cknown = 0;
	remote->receiving = false;
}

void isb_remote_done(struct isb_remote *remote)
{
	isb_exchange_input_done(&remote->input);
	isb_catalog_done(&remote->catalog);
	isb_diags_done(&remote->diags);
	isb_rtts_done(&remote->rtts);
}

void isb_remote_connect(struct isb_remote *remote)
{
	isb_exchange_input_done(&remote->input);
	forget_catalog(remote);
	remote->greeted = remote->welcome = remote->ready = false;
	remote->pushing = remote->again = false;
}

__attribute__((format(printf, 2, 3))) static int fault(struct isb_remote *remote, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(remote->fault, sizeof(remote->fault), fmt, ap);
	va_end(ap);
	return ISB_EFORMAT;
}

/* --- The catalog --- */

static bool find_number(void *arg, const char *pool, const char *endpoint, uint32_t *ret_slot)
{
	struct isb_remote *remote = arg;
	char name[ROW_MAX];
	snprintf(name, sizeof(name), "%s/%s", pool, endpoint);
	const struct isb_target *old = isb_schedule_find(remote->schedule, name);
	*ret_slot = old ? old->slot : remote->next_number++;
	return true;
}

static void retire(void *arg, struct isb_target *target, bool gone)
{
	struct isb_remote *remote = arg;
	(void)gone; /* the site takes the observation away itself */
	if (remote->retire)
		remote->retire(remote->arg, target);
}

/* What the site remembers is for a probe that does not: one that was only cut off knows better. */
static void restore(struct isb_remote *remote)
{
	for (size_t i = 0; i < remote->nknown; i++) {
		const struct isb_exchange_row *row = &remote->known[i];
		struct isb_target *t = isb_schedule_find(remote->schedule, row->endpoint);
		if (!t || t->fingerprint != row->fingerprint || t->history.state != ISB_UNKNOWN || t->run)
			continue;
		t->history = row->history;
		t->expires_ms = row->expires_ms;
	}
}

static void take_catalog(struct isb_remote *remote)
{
	struct isb_schedule_source source = {find_number, retire, remote};
	struct isb_schedule *schedule = remote->schedule;
	isb_schedule_update(schedule, &remote->catalog, &source, remote->now);
	restore(remote);
	for (size_t i = 0; i < schedule->count; i++) {
		struct isb_target *t = schedule->targets[i];
		t->dirty = t->dirty || !remote->ready;
		if (t->place == ISB_NOT_QUEUED && !t->run)
			isb_schedule_enter(schedule, t, remote->now, remote->now_ms);
	}
	for (size_t i = 0; i < remote->rtts.count && !remote->ready; i++)
		remote->rtts.list[i].known_us = 0;
	remote->ready = true;
	isb_remote_push(remote);
}

/* --- What the site says --- */

static int begin_catalog(struct isb_remote *remote, const struct isb_exchange_frame *frame)
{
	if (remote->receiving || frame->catalog.objects > ISB_REMOTE_OBJECTS_MAX)
		return fault(remote, "a catalog begins inside another, or with more than %d objects",
		             ISB_REMOTE_OBJECTS_MAX);
	forget_catalog(remote);
	isb_diags_done(&remote->diags);
	isb_diags_init(&remote->diags);
	remote->receiving = true;
	remote->expected = frame->catalog.objects;
	remote->objects = 0;
	remote->octets = 0;
	return ISB_OK;
}

static int add_object(struct isb_remote *remote, const struct isb_exchange_frame *frame)
{
	struct isb_catalog *catalog = &remote->catalog;
	struct isb_yaml *body;
	const char *name = frame->object.name;
	if (!remote->receiving)
		return fault(remote, "an object comes outside of a catalog");
	remote->objects++;
	char *mark = isb_arena_printf(&catalog->arena, "%s/%s", isb_kind_name(frame->object.kind), name);
	const char *text = frame->object.body;
	int rc = isb_yaml_parse(&catalog->arena, mark, text, strlen(text), &remote->diags, &body);
	if (rc == ISB_OK) /* what is wrong stands in diags, and the whole is refused at the end */
		isb_schema_read_object(catalog, frame->object.kind, isb_arena_strdup(&catalog->arena, name), body,
		                       &remote->diags);
	return ISB_OK;
}

static int add_known(struct isb_remote *remote, struct isb_exchange_frame *frame)
{
	struct isb_arena *arena = &remote->catalog.arena;
	struct isb_exchange_row row;
	int rc;
	if (!remote->receiving)
		return fault(remote, "observations come outside of a catalog");
	while ((rc = isb_exchange_row_next(&frame->rows.rows, &row)) == ISB_OK) {
		isb_exchange_row_rebase(&row, frame->rows.now_ms, remote->now_ms);
		if (remote->nknown == remote->cknown) {
			size_t cap = remote->cknown ? remote->cknown * 2 : 64, size = sizeof(row);
			remote->known = isb_arena_grow(arena, remote->known, remote->cknown * size, cap * size);
			remote->cknown = cap;
		}
		row.endpoint = isb_arena_strdup(arena, row.endpoint);
		remote->known[remote->nknown++] = row;
	}
	return rc == ISB_ENOTFOUND ? ISB_OK
	                           : fault(remote, "an observation is malformed, or of another version of the program");
}

static int end_catalog(struct isb_remote *remote, const struct isb_exchange_frame *frame,
                       enum isb_remote_event *ret_event)
{
	if (!remote->receiving || remote->objects != remote->expected)
		return fault(remote, "a catalog ends that did not begin, or before all of it came");
	if (!remote->diags.count)
		isb_catalog_check(&remote->catalog, &remote->diags);
	*ret_event = remote->diags.count ? ISB_REMOTE_BROKEN : ISB_REMOTE_CATALOG;
	if (!remote->diags.count) {
		take_catalog(remote);
		remote->generation = frame->catalog.generation;
	}
	forget_catalog(remote);
	return ISB_OK;
}

static int welcome(struct isb_remote *remote, const struct isb_exchange_frame *frame)
{
	if (!remote->greeted || remote->welcome || frame->welcome.version != ISB_EXCHANGE_VERSION)
		return fault(remote, "the site's welcome comes at the wrong moment, or is of version %u of the exchange",
		             frame->welcome.version);
	snprintf(remote->site, sizeof(remote->site), "%s", frame->welcome.name);
	remote->welcome = true;
	return ISB_OK;
}

static int refused(struct isb_remote *remote, const char *reason)
{
	char text[192];
	size_t n = 0;
	for (; reason[n] && n < sizeof(text) - 1; n++) /* it goes into a log line */
		text[n] = (unsigned char)reason[n] < ' ' || reason[n] == '"' ? '?' : reason[n];
	text[n] = '\0';
	fault(remote, "the site refuses this probe: %s", text);
	return ISB_EREFUSED;
}

static int handle(struct isb_remote *remote, struct isb_exchange_frame *frame, enum isb_remote_event *ret_event)
{
	if (frame->type == ISB_X_REFUSAL)
		return refused(remote, frame->refusal.reason);
	if (frame->type == ISB_X_WELCOME) {
		*ret_event = ISB_REMOTE_WELCOME;
		return welcome(remote, frame);
	}
	if (!remote->welcome)
		return fault(remote, "the site speaks before its welcome");
	switch (frame->type) {
	case ISB_X_CATALOG: return begin_catalog(remote, frame);
	case ISB_X_OBJECT: return add_object(remote, frame);
	case ISB_X_KNOWN: return add_known(remote, frame);
	case ISB_X_READY: return end_catalog(remote, frame, ret_event);
	case ISB_X_PING: return ISB_OK;
	default: return fault(remote, "a frame of type %d is not a site's to send", frame->type);
	}
}

struct feeding {
	struct isb_remote *remote;
	void (*event)(void *arg, enum isb_remote_event event);
};

static int take_frame(void *arg, struct isb_slice octets)
{
	const struct feeding *feeding = arg;
	struct isb_remote *remote = feeding->remote;
	struct isb_exchange_frame frame;
	enum isb_remote_event event = ISB_REMOTE_NOTHING;
	if (isb_exchange_read(octets, &frame) != ISB_OK)
		return fault(remote, "a frame is malformed");
	remote->octets += octets.len;
	if (remote->receiving && remote->octets > ISB_REMOTE_OCTETS_MAX)
		return fault(remote, "a catalog is larger than %d octets", ISB_REMOTE_OCTETS_MAX);
	int rc = handle(remote, &frame, &event);
	if (rc == ISB_OK && event != ISB_REMOTE_NOTHING)
		feeding->event(remote->arg, event);
	return rc;
}

int isb_remote_feed(struct isb_remote *remote, const void *data, size_t len, int64_t now, int64_t now_ms,
                    void (*event)(void *arg, enum isb_remote_event event))
{
	struct feeding feeding = {remote, event};
	remote->now = now;
	remote->now_ms = now_ms;
	int rc = isb_exchange_feed(&remote->input, data, len, take_frame, &feeding);
	if (rc == ISB_ERANGE)
		return fault(remote, "a frame is longer than %d octets, or empty", ISB_EXCHANGE_TO_PROBE_MAX);
	return rc;
}

/* --- What the probe says --- */

void isb_remote_push(struct isb_remote *remote)
{
	if (!remote->ready)
		return;
	remote->again |= remote->pushing;
	if (!remote->pushing)
		remote->push_at = 0;
	remote->pushing = true;
}

static void put_hello(struct isb_remote *remote, int64_t now_ms, struct isb_buf *out)
{
	struct isb_exchange_frame frame = {
		.type = ISB_X_HELLO,
		.hello = {.version = ISB_EXCHANGE_VERSION, .name = remote->name, .region = remote->region,
		          .boot = remote->boot, .started_ms = remote->started_ms, .now_ms = now_ms}};
	isb_exchange_put(out, &frame);
	remote->greeted = true;
}

/* One frame of rows, at most, and at least one row however little room there is; true when there are no more. */
static bool put_rows(struct isb_remote *remote, size_t end, int64_t now_ms, struct isb_buf *out)
{
	const struct isb_schedule *schedule = remote->schedule;
	size_t begin = isb_exchange_rows_begin(out, ISB_X_ROWS, now_ms), empty = out->len;
	size_t most = begin + ISB_EXCHANGE_TO_SITE_MAX - ROW_MAX;
	size_t limit = end < empty ? empty + 1 : end < most ? end : most;
	for (; remote->push_at < schedule->count && out->len < limit; remote->push_at++) {
		struct isb_target *t = schedule->targets[remote->push_at];
		const struct isb_exchange_row row = {t->name, t->fingerprint, t->history, t->expires_ms};
		if (t->dirty && t->history.last.kind != ISB_OUT_NONE && strlen(t->name) < ROW_MAX / 2)
			isb_exchange_row_put(out, &row);
		t->dirty = false;
	}
	if (out->len == empty)
		out->len = begin;
	else
		isb_exchange_rows_end(out, begin);
	return remote->push_at >= schedule->count;
}

static void put_rtts(struct isb_remote *remote, struct isb_buf *out)
{
	if (!*remote->region)
		return;
	isb_rtts_measure(&remote->rtts, remote->schedule);
	for (size_t i = 0; i < remote->rtts.count; i++) {
		struct isb_region_rtt *rtt = &remote->rtts.list[i];
		if (!isb_rtt_step(rtt->known_us, rtt->best_us))
			continue;
		const struct isb_exchange_frame frame = {.type = ISB_X_RTT, .rtt = {rtt->region, rtt->best_us}};
		isb_exchange_put(out, &frame);
		rtt->known_us = rtt->best_us;
	}
}

/* It saw every endpoint itself, or what the site gave back is still fresh. */
static bool sees_all(const struct isb_schedule *schedule, int64_t now_ms)
{
	for (size_t i = 0; i < schedule->count; i++)
		if (schedule->targets[i]->latest == ISB_OUT_NONE && now_ms >= schedule->targets[i]->expires_ms)
			return false;
	return true;
}

static void end_push(struct isb_remote *remote, int64_t now_ms, struct isb_buf *out)
{
	put_rtts(remote, out);
	const struct isb_exchange_frame beat = {
		.type = ISB_X_BEAT,
		.beat = {.blind = isb_schedule_blind(remote->schedule), .whole = sees_all(remote->schedule, now_ms),
		         .checks = (uint32_t)remote->schedule->count, .generation = remote->generation}};
	isb_exchange_put(out, &beat);
	remote->pushing = remote->again;
	remote->again = false;
	remote->push_at = 0;
}

void isb_remote_fill(struct isb_remote *remote, size_t room, int64_t now_ms, struct isb_buf *out)
{
	size_t end = out->len + room;
	if (!remote->greeted)
		put_hello(remote, now_ms, out);
	while (remote->pushing && out->len < end)
		if (put_rows(remote, end, now_ms, out))
			end_push(remote, now_ms, out);
}
