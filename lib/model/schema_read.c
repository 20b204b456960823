/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/model/dname.h"
#include "schema_parts.h"

/* From the document's tree to the catalog, driven by the tables. Nothing stops at the first error. */

struct isb_mark isb_keep_mark(struct isb_reading *r, struct isb_mark mark)
{
	if (mark.file && mark.file != r->file_seen) {
		r->file_seen = mark.file;
		r->file = isb_arena_strdup(r->arena, mark.file);
	}
	return (struct isb_mark){.file = mark.file ? r->file : NULL, .line = mark.line, .column = mark.column};
}

bool isb_read_name(struct isb_reading *r, const char *name, struct isb_mark at, const char *what, bool dots)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
	enum { NAME_MAX_LEN = 63 };
	char shown[ISB_YAML_EXCERPT];
	size_t len = strlen(name);
	if (len > 0 && len <= NAME_MAX_LEN && strspn(name, allowed) == len && *name != '-' && *name != '.' &&
	    (dots || !strchr(name, '.')))
		return true;
	isb_diag(r->diags, at, "%s: '%s' is no name; write 1 to %d letters, digits, '_'%s or '-', not '-' first", what,
	         isb_yaml_excerpt(name, shown), NAME_MAX_LEN, dots ? ", '.'" : "");
	return false;
}

/* --- One value --- */

static const char *kind_of(const struct isb_yaml *node)
{
	return node->kind == ISB_YAML_LIST ? "a list" : "a map";
}

/* The allowed word nearest to `word`, copied into out, or NULL. */
static const char *nearest_in_range(const char *range, const char *word, char out[32])
{
	char copy[128];
	const char *words[16];
	size_t n = 0;
	if (strlen(range) >= sizeof(copy))
		return NULL;
	char *rest = strcpy(copy, range), *item;
	while ((item = strsep(&rest, ",")) && n < ISB_LEN(words) - 1)
		words[n++] = item + strspn(item, " ");
	words[n] = NULL;
	const char *best = isb_nearest(word, words);
	return best ? strncat(strcpy(out, ""), best, 31) : NULL;
}

/* "an integer (1..65535)", "one of GET, HEAD" */
static void add_expected(struct isb_buf *out, const struct isb_field *f)
{
	if (strcmp(f->type, "word") == 0) {
		isb_buf_printf(out, "one of %s", f->range);
		return;
	}
	isb_buf_printf(out, "%s %s", strchr("aeiou", f->type[0]) ? "an" : "a", f->type);
	if (f->range)
		isb_buf_printf(out, " (%s%s%s)", f->range, f->unit ? " " : "", f->unit ? f->unit : "");
}

void isb_say_expected(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node)
{
	char shown[ISB_YAML_EXCERPT], near[32];
	struct isb_buf expected = {0};
	add_expected(&expected, f);
	if (node->kind != ISB_YAML_SCALAR) {
		isb_diag(r->diags, node->mark, "%s takes %s, not %s", f->name, isb_buf_text(&expected), kind_of(node));
	} else {
		bool words = f->range && strstr(f->range, ", ") && !f->unit;
		const char *hint = words ? nearest_in_range(f->range, node->text, near) : NULL;
		isb_diag(r->diags, node->mark, "%s takes %s, not '%s'%s%s%s", f->name, isb_buf_text(&expected),
		         isb_yaml_excerpt(node->text, shown), hint ? "; did you mean '" : "", hint ? hint : "",
		         hint ? "'?" : "");
	}
	isb_buf_done(&expected);
}

static bool read_scalar(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	int rc = node->kind == ISB_YAML_SCALAR ? f->how->parse(r, f, node, value) : ISB_EFORMAT;
	if (rc != ISB_OK && rc != ISB_EINVAL)
		isb_say_expected(r, f, node);
	return rc == ISB_OK;
}

static void refuse_repetition(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, char *list,
                              size_t count)
{
	char shown[ISB_YAML_EXCERPT];
	for (size_t i = 1; i < count; i++)
		for (size_t j = 0; j < i; j++)
			if (memcmp(list + i * f->size, list + j * f->size, f->size) == 0)
				isb_diag(r->diags, node->items[i]->mark, "%s: '%s' is given twice", f->name,
				         isb_yaml_excerpt(node->items[i]->text, shown));
}

/* A scalar stands for a list of one. */
static void read_list(struct isb_reading *r, const struct isb_field *f, void *object, const struct isb_yaml *node)
{
	if (node->kind == ISB_YAML_MAP) {
		isb_say_expected(r, f, node);
		return;
	}
	bool single = node->kind == ISB_YAML_SCALAR, ok = true;
	size_t count = single ? 1 : node->count;
	if (count == 0 || (f->most && count > f->most)) {
		if (count)
			isb_diag(r->diags, node->mark, "%s holds %zu items; at most %u are allowed", f->name, count,
			         f->most);
		else
			isb_diag(r->diags, node->mark, "%s is an empty list; fill it or leave it out", f->name);
		return;
	}
	char *list = isb_arena_alloc(r->arena, count * f->size);
	for (size_t i = 0; i < count; i++)
		ok &= read_scalar(r, f, single ? node : node->items[i], list + i * f->size);
	if (ok && f->most)
		refuse_repetition(r, f, node, list, count);
	memcpy((char *)object + f->offset, &list, sizeof(list));
	memcpy((char *)object + f->count_at, &count, sizeof(count));
}

static void read_field(struct isb_reading *r, const struct isb_field *f, void *object, const struct isb_yaml *node)
{
	if (f->how->read)
		f->how->read(r, f, object, node);
	else if (f->count_at)
		read_list(r, f, object, node);
	else
		read_scalar(r, f, node, (char *)object + f->offset);
}

/* --- One map --- */

void isb_read_presets(struct isb_reading *r, const struct isb_field *fields, size_t count, void *object)
{
	for (size_t i = 0; i < count; i++) {
		const struct isb_yaml preset = {.kind = ISB_YAML_SCALAR, .plain = true, .text = fields[i].preset};
		if (fields[i].preset)
			read_field(r, &fields[i], object, &preset);
	}
}

/* The fields of one map: all of a table, or those below a group ("expect." in "expect.status"). */
struct group {
	const struct isb_field *fields;
	size_t count;
	const char *prefix; /* of the fields' names */
	size_t prefix_len;
	const char *what; /* for sentences */
};

static bool in_group(const struct group *g, const struct isb_field *f)
{
	return strncmp(f->name, g->prefix, g->prefix_len) == 0;
}

/* The field, or the first field of the group, that `key` names here. */
static const struct isb_field *find_field(const struct group *g, const char *key)
{
	size_t len = strlen(key);
	for (size_t i = 0; i < g->count; i++) {
		const char *rest = g->fields[i].name + g->prefix_len;
		if (in_group(g, &g->fields[i]) && strcspn(rest, ".") == len && memcmp(rest, key, len) == 0)
			return &g->fields[i];
	}
	return NULL;
}

static void say_unknown_key(struct isb_reading *r, const struct group *g, const struct isb_yaml_pair *pair)
{
	char shown[ISB_YAML_EXCERPT], text[64][32];
	const char *words[65];
	size_t n = 0;
	for (size_t i = 0; i < g->count && n < ISB_LEN(text); i++) {
		if (!in_group(g, &g->fields[i]))
			continue;
		const char *rest = g->fields[i].name + g->prefix_len;
		words[n] = strncat(strcpy(text[n], ""), rest, strcspn(rest, "."));
		n += n == 0 || strcmp(words[n - 1], words[n]) != 0; /* a group counts once */
	}
	words[n] = NULL;
	const char *near = isb_nearest(pair->key, words);
	isb_diag(r->diags, pair->mark, "unknown key '%s' in %s%s%s%s", isb_yaml_excerpt(pair->key, shown), g->what,
	         near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static void read_group(struct isb_reading *r, const struct group *g, void *object, const struct isb_yaml *map)
{
	if (map->kind != ISB_YAML_MAP) {
		isb_diag(r->diags, map->mark, "%s must be a map of its fields, not %s", g->what,
		         map->kind == ISB_YAML_LIST ? "a list" : "one value");
		return;
	}
	for (size_t i = 0; i < map->count; i++) {
		const struct isb_yaml_pair *pair = &map->pairs[i];
		const struct isb_field *f = find_field(g, pair->key);
		if (!f)
			say_unknown_key(r, g, pair);
		else if (isb_yaml_absent(pair->value))
			continue;
		else if (f->name[g->prefix_len + strlen(pair->key)] != '.')
			read_field(r, f, object, pair->value);
		else
			read_group(r, &(struct group){.fields = g->fields, .count = g->count, .prefix = f->name,
			                              .prefix_len = g->prefix_len + strlen(pair->key) + 1,
			                              .what = pair->key}, object, pair->value);
	}
}

void isb_read_fields(struct isb_reading *r, const struct isb_field *fields, size_t count, void *object,
                     const struct isb_yaml *map, const char *what)
{
	struct group all = {.fields = fields, .count = count, .prefix = "", .what = what};
	const struct isb_yaml empty = {.kind = ISB_YAML_MAP, .mark = map->mark};
	if (isb_yaml_absent(map)) /* `us:` with nothing behind it */
		map = &empty;
	isb_read_presets(r, fields, count, object);
	read_group(r, &all, object, map);
	for (size_t i = 0; map->kind == ISB_YAML_MAP && i < count; i++)
		if (fields[i].required && isb_yaml_absent(isb_yaml_get(map, fields[i].name)))
			isb_diag(r->diags, map->mark, "%s needs '%s': %s", what, fields[i].name, fields[i].help);
}

/* --- Objects --- */

static void read_zone(struct isb_reading *r, struct isb_zone *zone, const struct isb_yaml *body,
                      const struct isb_field *fields, size_t count)
{
	isb_read_fields(r, fields, count, zone, body, "zone");
	if (zone->file && zone->text)
		isb_diag(r->diags, zone->text_mark, "zone has both 'file' and 'text'; keep one");
}

static void read_body(struct isb_reading *r, enum isb_kind kind, void *object, const struct isb_yaml *body)
{
	const struct isb_field *fields;
	size_t count = isb_fields(kind, &fields);
	if (kind == ISB_POLICY)
		isb_read_policy(r, object, body);
	else if (kind == ISB_ZONE)
		read_zone(r, object, body, fields, count);
	else
		isb_read_fields(r, fields, count, object, body, isb_kind_name(kind));
	if (kind == ISB_CHECK)
		isb_read_check_rest(r, object, body);
}

/* Checks the name; wire form into `origin`, lower-case text without the final dot into `name`. */
static bool read_zone_name(struct isb_reading *r, const char *text, struct isb_mark at, uint8_t *origin, char *name)
{
	char shown[ISB_YAML_EXCERPT];
	uint8_t dname[ISB_DNAME_MAX];
	if (strlen(text) >= ISB_DNAME_TEXT / 2 || isb_dname_parse(text, NULL, dname) < 0) {
		isb_diag(r->diags, at, "'%s' is no domain name", isb_yaml_excerpt(text, shown));
		return false;
	}
	isb_dname_lower(dname, origin);
	isb_dname_print_bare(origin, name);
	return true;
}

static void read_object(struct isb_reading *r, struct isb_catalog *catalog, enum isb_kind kind, const char *name,
                        struct isb_mark at, const struct isb_yaml *body)
{
	uint8_t origin[ISB_DNAME_MAX];
	char lower[ISB_DNAME_TEXT];
	if (kind == ISB_ZONE) {
		if (!read_zone_name(r, name, at, origin, lower))
			return;
		name = lower;
		r->origin = origin;
	} else if (!isb_read_name(r, name, at, isb_kind_name(kind), true)) {
		return;
	}
	const struct isb_region *twin = isb_catalog_find(catalog, kind, name);
	if (twin) {
		isb_diag(r->diags, at, "%s '%s' is declared twice; first in line %u", isb_kind_name(kind), name,
		         twin->mark.line);
		return;
	}
	struct isb_region *object = isb_catalog_append(catalog, kind, name);
	object->mark = isb_keep_mark(r, at);
	read_body(r, kind, object, body);
}

static size_t errors(const struct isb_diags *diags)
{
	return diags->count + diags->dropped;
}

static void read_section(struct isb_reading *r, struct isb_catalog *catalog, enum isb_kind kind,
                         const struct isb_yaml *section)
{
	if (isb_yaml_absent(section))
		return;
	if (section->kind != ISB_YAML_MAP) {
		isb_diag(r->diags, section->mark, "%s must be a map, one key for each %s", isb_kind_plural(kind),
		         isb_kind_name(kind));
		return;
	}
	for (size_t i = 0; i < section->count; i++)
		read_object(r, catalog, kind, section->pairs[i].key, section->pairs[i].mark, section->pairs[i].value);
}

int isb_schema_read(struct isb_catalog *catalog, const struct isb_yaml *root, struct isb_diags *diags)
{
	struct isb_reading r = {.arena = &catalog->arena, .diags = diags};
	const char *words[ISB_KIND_COUNT] = {0};
	size_t before = errors(diags);
	for (unsigned kind = 0; kind < ISB_RECORD; kind++)
		words[kind] = isb_kind_plural((enum isb_kind)kind);
	if (root->kind != ISB_YAML_MAP)
		isb_diag(diags, root->mark,
		         "a catalog is a map with the keys regions, checks, pools, policies and zones");
	for (size_t i = 0; root->kind == ISB_YAML_MAP && i < root->count; i++) {
		const struct isb_yaml_pair *pair = &root->pairs[i];
		char shown[ISB_YAML_EXCERPT];
		unsigned kind = 0;
		while (words[kind] && strcmp(words[kind], pair->key) != 0)
			kind++;
		const char *near = words[kind] ? NULL : isb_nearest(pair->key, words);
		if (words[kind])
			read_section(&r, catalog, (enum isb_kind)kind, pair->value);
		else
			isb_diag(diags, pair->mark, "unknown key '%s' in catalog%s%s%s",
			         isb_yaml_excerpt(pair->key, shown), near ? "; did you mean '" : "", near ? near : "",
			         near ? "'?" : "");
	}
	return errors(diags) == before ? ISB_OK : ISB_EINVAL;
}

/* A zone's name may hold slashes (RFC 2317), an owner too: the zone that is there decides. */
static const struct isb_zone *zone_of_record(const struct isb_catalog *catalog, const char *key, const char **ret_owner)
{
	char name[ISB_DNAME_TEXT];
	for (const char *slash = strchr(key, '/'); slash; slash = strchr(slash + 1, '/')) {
		size_t len = (size_t)(slash - key);
		if (len >= sizeof(name))
			return NULL;
		memcpy(name, key, len);
		name[len] = '\0';
		const struct isb_zone *zone = isb_catalog_zone(catalog, name);
		if (zone) {
			*ret_owner = slash + 1;
			return zone;
		}
	}
	return NULL;
}

static void read_record_row(struct isb_reading *r, struct isb_catalog *catalog, const char *key,
                            const struct isb_yaml *body)
{
	const char *owner;
	char shown[ISB_YAML_EXCERPT], name[ISB_DNAME_TEXT];
	uint8_t origin[ISB_DNAME_MAX];
	const struct isb_zone *zone = zone_of_record(catalog, key, &owner);
	if (!zone) {
		isb_diag(r->diags, body->mark, "record '%s' lies in no zone of the catalog; write ZONE/OWNER",
		         isb_yaml_excerpt(key, shown));
		return;
	}
	if (!read_zone_name(r, zone->name, body->mark, origin, name))
		return;
	r->origin = origin;
	struct isb_zone *mine = &catalog->zones[zone - catalog->zones];
	struct isb_record *record = isb_zone_append(&catalog->arena, mine, owner);
	isb_read_record(r, record, body->mark, body);
}

int isb_schema_read_object(struct isb_catalog *catalog, enum isb_kind kind, const char *name,
                           const struct isb_yaml *body, struct isb_diags *diags)
{
	struct isb_reading r = {.arena = &catalog->arena, .diags = diags};
	size_t before = errors(diags);
	if (kind == ISB_RECORD)
		read_record_row(&r, catalog, name, body);
	else
		read_object(&r, catalog, kind, name, body->mark, body);
	return errors(diags) == before ? ISB_OK : ISB_EINVAL;
}
