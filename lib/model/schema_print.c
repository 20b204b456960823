/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "schema_parts.h"

/* From the catalog to canonical text, driven by the same tables that read it. */

void isb_print_indent(struct isb_printing *p)
{
	isb_buf_printf(p->out, "%*s%s", (int)p->indent - (p->dash ? 2 : 0), "", p->dash ? "- " : "");
	p->dash = false;
}

void isb_print_key(struct isb_printing *p, const char *key)
{
	isb_print_indent(p);
	isb_yaml_quote(p->out, key);
	isb_buf_putc(p->out, ':');
}

void isb_print_list(struct isb_printing *p, size_t count,
                    void (*item)(struct isb_buf *out, const void *arg, size_t i), const void *arg)
{
	enum { WIDTH = 100 };
	size_t start = p->out->len, line = start;
	while (line > 0 && p->out->data[line - 1] != '\n')
		line--;
	isb_buf_puts(p->out, " [");
	for (size_t i = 0; i < count && p->out->len - line <= WIDTH; i++) {
		isb_buf_puts(p->out, i ? ", " : "");
		item(p->out, arg, i);
	}
	isb_buf_puts(p->out, "]\n");
	if (p->out->len - line <= WIDTH)
		return;
	p->out->len = start;
	isb_buf_putc(p->out, '\n');
	p->indent += 4;
	for (size_t i = 0; i < count; i++) {
		p->dash = true;
		isb_print_indent(p);
		item(p->out, arg, i);
		isb_buf_putc(p->out, '\n');
	}
	p->indent -= 4;
}

void isb_print_map(struct isb_printing *p, const struct isb_field *fields, size_t count, const void *object)
{
	size_t start = p->out->len;
	isb_buf_putc(p->out, '\n');
	p->indent += 2;
	isb_print_fields(p, fields, count, object);
	p->indent -= 2;
	if (p->out->len == start + 1) {
		p->out->len = start;
		isb_buf_puts(p->out, " {}\n");
	}
}

/* --- Fields --- */

struct items {
	const struct isb_field *f;
	const char *list;
};

static void list_item(struct isb_buf *out, const void *arg, size_t i)
{
	const struct items *items = arg;
	items->f->how->print(out, items->f, items->list + i * items->f->size);
}

static bool is_zero(const char *value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (value[i])
			return false;
	return true;
}

/* The value as text when it is one scalar, or a list of one; false when it is absent. */
static bool print_single(struct isb_buf *out, const struct isb_field *f, const char *value, size_t count)
{
	if (count == 0 || (!f->required && !f->preset && !f->count_at && is_zero(value, f->size)))
		return false;
	f->how->print(out, f, value);
	return !f->preset || strcmp(isb_buf_text(out), f->preset) != 0;
}

/* `group` is the prefix under whose header the fields before this one were printed. */
static void print_field(struct isb_printing *p, const struct isb_field *f, const void *object, const char **group)
{
	const char *value = (const char *)object + f->offset, *dot = strchr(f->name, '.');
	size_t count = 1, prefix = dot ? (size_t)(dot - f->name) + 1 : 0;
	struct isb_buf single = {0};
	if (f->count_at) {
		memcpy(&count, (const char *)object + f->count_at, sizeof(count));
		memcpy(&value, (const char *)object + f->offset, sizeof(value));
	}
	if (count > 1 || print_single(&single, f, value, count)) {
		if (prefix && (!*group || strncmp(*group, f->name, prefix) != 0)) {
			isb_print_indent(p);
			isb_buf_printf(p->out, "%.*s:\n", (int)prefix - 1, f->name);
			*group = f->name;
		}
		p->indent += prefix ? 2 : 0;
		isb_print_key(p, f->name + prefix);
		if (count > 1)
			isb_print_list(p, count, list_item, &(struct items){.f = f, .list = value});
		else
			isb_buf_printf(p->out, " %s\n", isb_buf_text(&single));
		p->indent -= prefix ? 2 : 0;
	}
	isb_buf_done(&single);
}

void isb_print_fields(struct isb_printing *p, const struct isb_field *fields, size_t count, const void *object)
{
	const char *group = NULL;
	for (size_t i = 0; i < count; i++) {
		const struct isb_field *f = &fields[i];
		if (p->row && f->outside)
			continue;
		if (f->how->write)
			f->how->write(p, f, object);
		else
			print_field(p, f, object, &group);
	}
}

/* --- Objects --- */

/* What the tables of a kind describe: a policy's fields are those of its root. */
static const void *fields_of(enum isb_kind kind, const void *object)
{
	return kind == ISB_POLICY ? ((const struct isb_policy *)object)->root : object;
}

void isb_schema_print_object(struct isb_buf *out, enum isb_kind kind, const void *object)
{
	struct isb_printing p = {.out = out, .row = true};
	const struct isb_field *fields;
	size_t count = isb_fields(kind, &fields), before = out->len;
	isb_print_fields(&p, fields, count, fields_of(kind, object));
	if (out->len == before)
		isb_buf_puts(out, "{}\n");
}

void isb_schema_print_check(struct isb_buf *out, const struct isb_check *check)
{
	isb_schema_print_object(out, ISB_CHECK, check);
}

void isb_schema_print_policy(struct isb_buf *out, const struct isb_policy *policy)
{
	isb_schema_print_object(out, ISB_POLICY, policy);
}

void isb_schema_print_record(struct isb_buf *out, const struct isb_record *record)
{
	isb_schema_print_object(out, ISB_RECORD, record);
}

/* With a text from elsewhere, the file it once came from is not named any more. */
static struct isb_zone without_file(const struct isb_zone *zone)
{
	struct isb_zone copy = *zone;
	copy.file = NULL;
	return copy;
}

void isb_schema_print(struct isb_buf *out, const struct isb_catalog *catalog,
                      const char *(*zone_text)(void *arg, const struct isb_zone *zone), void *arg)
{
	struct isb_printing p = {.out = out, .zone_text = zone_text, .arg = arg};
	size_t start = out->len;
	for (unsigned k = 0; k < ISB_RECORD; k++) {
		enum isb_kind kind = (enum isb_kind)k;
		const struct isb_field *fields;
		size_t nfield = isb_fields(kind, &fields), n = isb_catalog_count(catalog, kind);
		if (!n)
			continue;
		isb_buf_printf(out, "%s%s:\n", out->len == start ? "" : "\n", isb_kind_plural(kind));
		p.indent = 2;
		for (size_t i = 0; i < n; i++) {
			const struct isb_region *object = isb_catalog_at(catalog, kind, i);
			struct isb_zone bare;
			isb_print_key(&p, object->name);
			if (kind == ISB_ZONE && zone_text) {
				bare = without_file((const struct isb_zone *)object);
				isb_print_map(&p, fields, nfield, &bare);
			} else {
				isb_print_map(&p, fields, nfield, fields_of(kind, object));
			}
		}
	}
	if (out->len == start)
		isb_buf_puts(out, "{}\n");
}

/* --- Rows --- */

struct rows {
	struct isb_buf body, key;
	int (*row)(void *arg, enum isb_kind kind, const char *key, const char *body);
	void *arg;
};

static int give_row(struct rows *rows, enum isb_kind kind, const char *key, const void *object)
{
	isb_buf_reset(&rows->body);
	isb_schema_print_object(&rows->body, kind, object);
	return rows->row(rows->arg, kind, key, isb_buf_text(&rows->body));
}

static int give_records(struct rows *rows, const struct isb_zone *zone)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < zone->nrecord; i++) {
		isb_buf_reset(&rows->key);
		isb_buf_printf(&rows->key, "%s/%s", zone->name, zone->records[i].owner);
		rc = give_row(rows, ISB_RECORD, isb_buf_text(&rows->key), &zone->records[i]);
	}
	return rc;
}

int isb_schema_rows(const struct isb_catalog *catalog,
                    int (*row)(void *arg, enum isb_kind kind, const char *key, const char *body), void *arg)
{
	struct rows rows = {.row = row, .arg = arg};
	int rc = 0;
	for (unsigned k = 0; rc == 0 && k < ISB_RECORD; k++) {
		enum isb_kind kind = (enum isb_kind)k;
		for (size_t i = 0; rc == 0 && i < isb_catalog_count(catalog, kind); i++) {
			const struct isb_region *object = isb_catalog_at(catalog, kind, i);
			rc = give_row(&rows, kind, object->name, object);
		}
	}
	for (size_t i = 0; rc == 0 && i < catalog->nzone; i++)
		rc = give_records(&rows, &catalog->zones[i]);
	isb_buf_done(&rows.body);
	isb_buf_done(&rows.key);
	return rc;
}
