/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/base/promtext.h"
#include "top.h"

enum { ITEMS_MAX = 1 << 20 }; /* of a list; further ones are passed over */

/* --- Lists --------------------------------------------------------------------------------------------------------- */

/* The keys with a NUL behind each. */
static void join(struct isb_buf *out, const char *const key[TOP_KEYS])
{
	for (int i = 0; i < TOP_KEYS; i++)
		isb_buf_add(out, key[i], strlen(key[i]) + 1);
}

const struct top_item *top_find(const struct top_list *list, const char *const key[TOP_KEYS])
{
	uint32_t at = 0;
	struct isb_buf joined = {0};
	join(&joined, key);
	bool found = isb_map_get(&list->by_key, joined.data, joined.len, &at);
	isb_buf_done(&joined);
	return found ? &list->item[at] : NULL;
}

/* NULL: there are too many. */
static struct top_item *item_of(struct top_sample *sample, struct top_list *list, const char *a, const char *b)
{
	uint32_t at;
	struct isb_buf joined = {0};
	join(&joined, (const char *const[TOP_KEYS]){a, b});
	if (isb_map_get(&list->by_key, joined.data, joined.len, &at)) {
		isb_buf_done(&joined);
		return &list->item[at];
	}
	const char *key = isb_arena_memdup(&sample->arena, joined.data, joined.len);
	size_t len = joined.len;
	isb_buf_done(&joined);
	if (list->count == ITEMS_MAX)
		return NULL;
	if (list->count == list->room) {
		list->room = list->room ? list->room * 2 : 64;
		list->item = isb_xrealloc(list->item, list->room * sizeof(*list->item));
	}
	isb_map_put(&list->by_key, key, len, (uint32_t)list->count);
	struct top_item *item = &list->item[list->count++];
	*item = (struct top_item){.key = {key}};
	for (int i = 1; i < TOP_KEYS; i++)
		item->key[i] = item->key[i - 1] + strlen(item->key[i - 1]) + 1;
	return item;
}

static void list_done(struct top_list *list)
{
	isb_map_done(&list->by_key);
	free(list->item);
}

/* --- One server's words -------------------------------------------------------------------------------------------- */

struct reading {
	struct top_sample *sample;
	struct top_server *server;
	const struct isb_prom_sample *said;
	bool isobard; /* it tells of queries */
};

/* A label that may be printed in a line. */
static const char *label(struct reading *r, const char *name)
{
	const char *value = isb_prom_label(r->said, name);
	if (cli_printable(value))
		return value;
	char *clean = isb_arena_strdup(&r->sample->arena, value);
	for (char *p = clean; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	return clean;
}

static void add(struct top_item *item, unsigned at, double value)
{
	if (item && value > 0 && isfinite(value))
		item->value[at] += value;
}

static void add_by_reason(struct reading *r, struct top_item *item)
{
	const char *reason = isb_prom_label(r->said, "reason");
	for (enum isb_reason i = 0; i < ISB_REASONS; i++)
		if (strcmp(reason, isb_reason_name(i)) == 0)
			add(item, i, r->said->value);
}

static struct top_item *endpoint_of(struct reading *r)
{
	return item_of(r->sample, &r->sample->endpoints, label(r, "pool"), label(r, "endpoint"));
}

/* What all servers say alike. */
static void agree(struct reading *r, const char **word, const char *said)
{
	if (!*word)
		*word = isb_arena_strdup(&r->sample->arena, said);
	else if (strcmp(*word, said) != 0)
		*word = "";
}

static void take_share(struct reading *r)
{
	struct top_item *item = endpoint_of(r);
	if (!item || !(r->said->value >= 0 && r->said->value <= 1))
		return;
	item->expected += r->said->value;
	item->told++;
}

static void take_state(struct reading *r)
{
	struct top_item *item = r->said->value == 1 ? endpoint_of(r) : NULL;
	if (item)
		agree(r, &item->state, label(r, "state"));
}

static void take_queries(struct reading *r)
{
	struct top_sample *s = r->sample;
	r->isobard = true;
	add(item_of(s, &s->types, label(r, "type"), ""), 0, r->said->value);
	add(item_of(s, &s->transports, label(r, "transport"), ""), 0, r->said->value);
}
static void take_response(struct reading *r)
{
	add(item_of(r->sample, &r->sample->rcodes, label(r, "rcode"), ""), 0, r->said->value);
}
static void take_record(struct reading *r)
{
	add_by_reason(r, item_of(r->sample, &r->sample->records, label(r, "record"), ""));
}
static void take_endpoint(struct reading *r)
{
	struct top_item *item = endpoint_of(r);
	if (item)
		agree(r, &item->region, label(r, "region"));
	add_by_reason(r, item);
}
static void take_bucket(struct reading *r)
{
	add(item_of(r->sample, &r->sample->buckets, label(r, "le"), ""), 0, r->said->value);
}
static void take_duration(struct reading *r)
{
	r->sample->duration_s += r->said->value > 0 && isfinite(r->said->value) ? r->said->value : 0;
}
static void take_answered(struct reading *r)
{
	r->sample->answered += r->said->value > 0 && isfinite(r->said->value) ? r->said->value : 0;
}
static void take_clients(struct reading *r)
{
	add(item_of(r->sample, &r->sample->clients, label(r, "continent"), label(r, "region")), 0, r->said->value);
}
static void take_info(struct reading *r)
{
	if (strcmp(label(r, "program"), "isobard") == 0)
		r->server->version = isb_arena_strdup(&r->sample->arena, label(r, "version"));
}
static void take_start(struct reading *r)
{
	r->server->started_s = isfinite(r->said->value) && fabs(r->said->value) < 1e12 ? r->said->value : 0;
}
static void take_ready(struct reading *r)
{
	r->server->ready = r->said->value == 1;
}

static void take(void *arg, const struct isb_prom_sample *said)
{
	static const struct {
		const char *name;
		void (*take)(struct reading *r);
	} metrics[] = {{"isobar_dns_queries_total", take_queries},
	               {"isobar_dns_responses_total", take_response},
	               {"isobar_dns_record_answers_total", take_record},
	               {"isobar_dns_endpoint_answers_total", take_endpoint},
	               {"isobar_dns_endpoint_expected_share", take_share},
	               {"isobar_dns_endpoint_state", take_state},
	               {"isobar_dns_answer_duration_seconds_bucket", take_bucket},
	               {"isobar_dns_answer_duration_seconds_sum", take_duration},
	               {"isobar_dns_answer_duration_seconds_count", take_answered},
	               {"isobar_dns_clients_answers_estimated_total", take_clients},
	               {"isobar_dns_ready", take_ready},
	               {"isobar_build_info", take_info},
	               {"process_start_time_seconds", take_start}};
	struct reading *r = arg;
	r->said = said;
	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
		if (strcmp(said->name, metrics[i].name) == 0)
			metrics[i].take(r);
}

/* Adds what one server says; its error is set where that is no such text. */
static void read_server(struct top_sample *sample, struct top_server *server, const char *text, size_t len)
{
	struct reading r = {.sample = sample, .server = server};
	size_t line = 0;
	if (isb_promtext_each(text, len, take, &r, &line) != ISB_OK)
		server->error = isb_arena_printf(&sample->arena, "line %zu of what it says is no metric", line);
	else if (!r.isobard)
		server->error = "it tells nothing of queries; is it the address of isobard's --metrics?";
}

/* --- All of them --------------------------------------------------------------------------------------------------- */

double top_bound(const struct top_item *bucket)
{
	return strtod(bucket->key[0], NULL);
}

static int by_bound(const void *a, const void *b)
{
	double x = top_bound(a), y = top_bound(b);
	return (x > y) - (x < y);
}

void top_sample_take(const struct cli *cli, struct top_sample *ret_sample)
{
	static const char *const here[] = {"127.0.0.1:9153"};
	struct top_sample s = {.time_ms = isb_clock_ms(), .monotonic_us = isb_monotonic_us()};
	const char *const *from = cli->nfrom ? cli->from : (const char **)here;
	s.nserver = cli->nfrom ? cli->nfrom : 1;
	s.server = isb_arena_alloc(&s.arena, s.nserver * sizeof(*s.server));
	for (size_t i = 0; i < s.nserver; i++) {
		struct top_server *server = &s.server[i];
		size_t len;
		*server = (struct top_server){.from = from[i], .version = ""};
		const char *text = top_fetch(from[i], &s.arena, &len, &server->error);
		if (text)
			read_server(&s, server, text, len);
	}
	if (s.buckets.count)
		qsort(s.buckets.item, s.buckets.count, sizeof(*s.buckets.item), by_bound);
	isb_map_done(&s.buckets.by_key); /* they have moved, and are not looked for by name */
	*ret_sample = s;
}

void top_sample_done(struct top_sample *sample)
{
	list_done(&sample->records);
	list_done(&sample->endpoints);
	list_done(&sample->rcodes);
	list_done(&sample->types);
	list_done(&sample->transports);
	list_done(&sample->buckets);
	list_done(&sample->clients);
	isb_arena_done(&sample->arena);
	*sample = (struct top_sample){0};
}
