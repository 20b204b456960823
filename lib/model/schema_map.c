/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/model/dname.h"
#include "schema_parts.h"

/* The fields that hold maps of named things: a pool's endpoints, a zone's records; and a zone's text. */

static bool is_map(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node)
{
	if (node->kind == ISB_YAML_MAP)
		return true;
	isb_say_expected(r, f, node);
	return false;
}

/* --- Endpoints --- */

static void endpoints_read(struct isb_reading *r, const struct isb_field *f, void *object, const struct isb_yaml *node)
{
	struct isb_pool *pool = object;
	const struct isb_field *fields;
	size_t count = isb_endpoint_fields(&fields);
	if (!is_map(r, f, node))
		return;
	pool->endpoints = isb_arena_alloc(r->arena, node->count * sizeof(*pool->endpoints));
	for (size_t i = 0; i < node->count; i++) {
		const struct isb_yaml_pair *pair = &node->pairs[i];
		struct isb_endpoint *e = &pool->endpoints[pool->nendpoint];
		/* No dots: `endpoints.icn-1.weight` is how one field of one endpoint is set. */
		if (!isb_read_name(r, pair->key, pair->mark, "endpoint", false))
			continue;
		pool->nendpoint++;
		e->name = isb_arena_strdup(r->arena, pair->key);
		e->mark = isb_keep_mark(r, pair->mark);
		isb_read_fields(r, fields, count, e, pair->value, "endpoint");
	}
}

static void endpoints_write(struct isb_printing *p, const struct isb_field *f, const void *object)
{
	const struct isb_pool *pool = object;
	const struct isb_field *fields;
	size_t count = isb_endpoint_fields(&fields);
	if (!pool->nendpoint)
		return;
	isb_print_key(p, f->name);
	isb_buf_putc(p->out, '\n');
	p->indent += 2;
	for (size_t i = 0; i < pool->nendpoint; i++) {
		isb_print_key(p, pool->endpoints[i].name);
		isb_print_map(p, fields, count, &pool->endpoints[i]);
	}
	p->indent -= 2;
}

const struct isb_field_how isb_how_endpoints = {.read = endpoints_read, .write = endpoints_write};

/* --- Records --- */

/* Bounds what the owner grows to when it is quoted as a key: YAML keys end at 1024 characters. */
enum { OWNER_TEXT_MAX = 500 };

void isb_read_record(struct isb_reading *r, struct isb_record *record, struct isb_mark at, const struct isb_yaml *body)
{
	char shown[ISB_YAML_EXCERPT];
	uint8_t dname[ISB_DNAME_MAX];
	const struct isb_field *fields;
	size_t count = isb_fields(ISB_RECORD, &fields);
	record->mark = isb_keep_mark(r, at);
	if (strlen(record->owner) > OWNER_TEXT_MAX || isb_dname_parse(record->owner, r->origin, dname) < 0)
		isb_diag(r->diags, at, "record '%s': the owner is no domain name",
		         isb_yaml_excerpt(record->owner, shown));
	isb_read_fields(r, fields, count, record, body, "record");
}

static void records_read(struct isb_reading *r, const struct isb_field *f, void *object, const struct isb_yaml *node)
{
	struct isb_zone *zone = object;
	if (!is_map(r, f, node))
		return;
	for (size_t i = 0; i < node->count; i++)
		isb_read_record(r, isb_zone_append(r->arena, zone, node->pairs[i].key), node->pairs[i].mark,
		                node->pairs[i].value);
}

static void records_write(struct isb_printing *p, const struct isb_field *f, const void *object)
{
	const struct isb_zone *zone = object;
	const struct isb_field *fields;
	size_t count = isb_fields(ISB_RECORD, &fields);
	if (!zone->nrecord)
		return;
	isb_print_key(p, f->name);
	isb_buf_putc(p->out, '\n');
	p->indent += 2;
	for (size_t i = 0; i < zone->nrecord; i++) {
		isb_print_key(p, zone->records[i].owner);
		isb_print_map(p, fields, count, &zone->records[i]);
	}
	p->indent -= 2;
}

const struct isb_field_how isb_how_records = {.read = records_read, .write = records_write};

/* --- Master-file text --- */

static void zone_text_read(struct isb_reading *r, const struct isb_field *f, void *object, const struct isb_yaml *node)
{
	struct isb_zone *zone = object;
	if (node->kind != ISB_YAML_SCALAR) {
		isb_say_expected(r, f, node);
		return;
	}
	zone->text = isb_arena_strdup(r->arena, node->text);
	zone->text_mark = isb_keep_mark(r, node->mark);
	if (node->block)
		zone->text_mark = (struct isb_mark){zone->text_mark.file, node->mark.line + 1, 1};
}

static void zone_text_write(struct isb_printing *p, const struct isb_field *f, const void *object)
{
	const struct isb_zone *zone = object;
	const char *text = p->zone_text ? p->zone_text(p->arg, zone) : zone->text;
	if (!text)
		return;
	isb_print_key(p, f->name);
	isb_buf_putc(p->out, ' ');
	isb_yaml_block(p->out, text, p->indent + 2);
	isb_buf_putc(p->out, '\n');
}

const struct isb_field_how isb_how_zone_text = {.read = zone_text_read, .write = zone_text_write};
