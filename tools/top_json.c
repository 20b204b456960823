/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "top.h"

/* Counters as they stand, for programs that make rates of their own. */

static json_t *number(double value)
{
	return value < 9e15 ? json_integer((json_int_t)value) : json_real(value);
}

static json_t *counts(const struct top_list *list)
{
	json_t *object = json_object();
	for (size_t i = 0; i < list->count; i++)
		json_object_set_new(object, list->item[i].key[0], number(list->item[i].value[0]));
	return object;
}

static json_t *answers(const struct top_item *item)
{
	json_t *object = json_object();
	for (enum isb_reason r = 0; r < ISB_REASONS; r++)
		if (item->value[r] > 0 || r == ISB_REASON_FIRST)
			json_object_set_new(object, isb_reason_name(r), number(item->value[r]));
	return object;
}

static json_t *servers(const struct top_sample *s)
{
	json_t *array = json_array();
	for (size_t i = 0; i < s->nserver; i++) {
		const struct top_server *server = &s->server[i];
		json_t *row = json_pack("{s:s}", "from", server->from);
		if (server->error)
			json_object_set_new(row, "error", json_string(server->error));
		else
			json_object_update_new(row, json_pack("{s:s, s:I, s:b}", "version", server->version, "started_ms",
			                                      (json_int_t)(server->started_s * 1000), "ready", server->ready));
		json_array_append_new(array, row);
	}
	return array;
}

static json_t *records(const struct top_sample *s)
{
	json_t *array = json_array();
	for (size_t i = 0; i < s->records.count; i++)
		json_array_append_new(array, json_pack("{s:s, s:o}", "record", s->records.item[i].key[0], "answers",
		                                       answers(&s->records.item[i])));
	return array;
}

static json_t *endpoints(const struct top_sample *s)
{
	json_t *array = json_array();
	for (size_t i = 0; i < s->endpoints.count; i++) {
		const struct top_item *item = &s->endpoints.item[i];
		json_t *row = json_pack("{s:s, s:s, s:s, s:s, s:o}", "pool", item->key[0], "endpoint", item->key[1], "region",
		                        item->region ? item->region : "", "state", item->state ? item->state : "", "answers",
		                        answers(item));
		if (item->told)
			json_object_set_new(row, "expected_share", json_real(item->expected / item->told));
		json_array_append_new(array, row);
	}
	return array;
}

static json_t *clients(const struct top_sample *s)
{
	json_t *array = json_array();
	for (size_t i = 0; i < s->clients.count; i++)
		json_array_append_new(array, json_pack("{s:s, s:s, s:o}", "continent", s->clients.item[i].key[0], "region",
		                                       s->clients.item[i].key[1], "answers", number(s->clients.item[i].value[0])));
	return array;
}

/* Buckets without the last, whose bound is infinite and whose count is that of all. */
static json_t *duration(const struct top_sample *s)
{
	json_t *buckets = json_array();
	for (size_t i = 0; i < s->buckets.count; i++)
		if (isfinite(top_bound(&s->buckets.item[i])))
			json_array_append_new(buckets, json_pack("{s:f, s:o}", "le", top_bound(&s->buckets.item[i]), "count",
			                                         number(s->buckets.item[i].value[0])));
	return json_pack("{s:o, s:o, s:f}", "buckets", buckets, "count", number(s->answered), "sum", s->duration_s);
}

json_t *top_json(const struct top_sample *s)
{
	double queries = 0;
	for (size_t i = 0; i < s->transports.count; i++)
		queries += s->transports.item[i].value[0];
	json_t *told = json_pack("{s:I, s:o, s:o, s:o, s:o, s:o}", "time_ms", (json_int_t)s->time_ms, "servers", servers(s), "queries",
	                         number(queries), "types", counts(&s->types), "transports", counts(&s->transports), "responses",
	                         counts(&s->rcodes));
	json_object_update_new(told, json_pack("{s:o, s:o, s:o, s:o}", "duration_seconds", duration(s), "records", records(s),
	                                       "endpoints", endpoints(s), "clients", clients(s)));
	return told;
}
