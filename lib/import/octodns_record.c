/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "octodns_parts.h"

/* --- Reading --- */

bool isb_octodns_is_map(struct isb_octodns *o, const struct isb_yaml *node, const char *what)
{
	if (node->kind == ISB_YAML_MAP)
		return true;
	isb_diag(&o->errors, node->mark, "%s must be a map", what);
	return false;
}

bool isb_octodns_is_list(struct isb_octodns *o, const struct isb_yaml *node, const char *what)
{
	if (node->kind == ISB_YAML_LIST)
		return true;
	isb_diag(&o->errors, node->mark, "%s must be a list", what);
	return false;
}

const char *isb_octodns_scalar(struct isb_octodns *o, const struct isb_yaml *node, struct isb_mark at, const char *what)
{
	if (isb_yaml_absent(node))
		isb_diag(&o->errors, node ? node->mark : at, "%s is missing", what);
	else if (node->kind != ISB_YAML_SCALAR)
		isb_diag(&o->errors, node->mark, "%s must be one value, not a %s", what,
		         node->kind == ISB_YAML_LIST ? "list" : "map");
	else if (!*node->text)
		isb_diag(&o->errors, node->mark, "%s is empty", what);
	else
		return node->text;
	return NULL;
}

bool isb_octodns_keys(struct isb_octodns *o, const struct isb_yaml *map, const char *const *words, const char *what)
{
	size_t before = o->errors.count;
	for (size_t i = 0; i < map->count; i++) {
		char shown[ISB_YAML_EXCERPT];
		size_t k = 0;
		while (words[k] && strcmp(words[k], map->pairs[i].key) != 0)
			k++;
		if (words[k])
			continue;
		const char *near = isb_nearest(map->pairs[i].key, words);
		isb_diag(&o->errors, map->pairs[i].mark, "unknown key '%s' in %s%s%s%s",
		         isb_yaml_excerpt(map->pairs[i].key, shown), what, near ? "; did you mean '" : "",
		         near ? near : "", near ? "'?" : "");
	}
	return o->errors.count == before;
}

bool isb_octodns_number(struct isb_octodns *o, const struct isb_yaml *node, const char *what, unsigned min,
                        unsigned max, unsigned *ret_number)
{
	char shown[ISB_YAML_EXCERPT];
	const char *text = isb_octodns_scalar(o, node, node->mark, what);
	if (!text)
		return false;
	size_t len = strlen(text);
	unsigned long number = len <= 9 && strspn(text, "0123456789") == len ? strtoul(text, NULL, 10) : max + 1ul;
	if (number < min || number > max) {
		isb_diag(&o->errors, node->mark, "%s must be a number from %u to %u, not '%s'", what, min, max,
		         isb_yaml_excerpt(text, shown));
		return false;
	}
	*ret_number = (unsigned)number;
	return true;
}

/* Whether a YAML 1.1 reader, as octoDNS' is, takes this for true. */
static bool is_true(const struct isb_yaml *node)
{
	static const char *const words[] = {"true", "yes", "on", NULL};
	for (size_t i = 0; node && node->kind == ISB_YAML_SCALAR && words[i]; i++)
		if (strcasecmp(node->text, words[i]) == 0)
			return true;
	return false;
}

/* --- octodns: --- */

static bool lists(const struct isb_yaml *node, const char *word)
{
	for (size_t i = 0; node->kind == ISB_YAML_LIST && i < node->count; i++)
		if (node->items[i]->kind == ISB_YAML_SCALAR && strcmp(node->items[i]->text, word) == 0)
			return true;
	return false;
}

static bool some(const struct isb_yaml *node)
{
	return node && !isb_yaml_absent(node) && (node->kind == ISB_YAML_SCALAR || node->count);
}

/* Is the record meant for the provider that isobar stands in for? */
static bool is_for_us(struct isb_octodns *o, const struct isb_yaml *section, struct isb_mark at)
{
	const struct isb_yaml *included = isb_yaml_get(section, "included"),
			      *excluded = isb_yaml_get(section, "excluded");
	const char *us = o->how.provider;
	if (is_true(isb_yaml_get(section, "ignored"))) {
		isb_diag(&o->notes, at, "note: this record is 'ignored' and left out");
		return false;
	}
	if (!some(included) && !some(excluded))
		return true;
	if ((some(included) && !isb_octodns_is_list(o, included, "'included'")) ||
	    (some(excluded) && !isb_octodns_is_list(o, excluded, "'excluded'")))
		return false;
	if (!us) {
		isb_diag(&o->errors, some(included) ? included->mark : excluded->mark,
		         "this record is for some providers only; say which of them isobar stands in for: --provider "
		         "NAME");
		return false;
	}
	if ((!some(included) || lists(included, us)) && (!some(excluded) || !lists(excluded, us)))
		return true;
	isb_diag(&o->notes, at, "note: this record is not for provider '%s' and left out", us);
	return false;
}

/* False: the record is left out, for a reason that was said. */
static bool read_section(struct isb_octodns *o, struct octodns_record *record)
{
	static const char *const known[] = {"excluded", "healthcheck", "ignored", "included", "lenient", NULL};
	const struct isb_yaml *section = isb_yaml_get(record->yaml, "octodns");
	if (isb_yaml_absent(section))
		return true;
	if (!isb_octodns_is_map(o, section, "'octodns'") || !is_for_us(o, section, record->yaml->mark))
		return false;
	for (size_t i = 0; i < section->count; i++) {
		char shown[ISB_YAML_EXCERPT];
		size_t k = 0;
		while (known[k] && strcmp(known[k], section->pairs[i].key) != 0)
			k++;
		if (!known[k])
			isb_diag(&o->notes, section->pairs[i].mark,
			         "note: 'octodns.%s' speaks to one provider or processor, and is left out",
			         isb_yaml_excerpt(section->pairs[i].key, shown));
	}
	record->lenient = is_true(isb_yaml_get(section, "lenient"));
	const struct isb_yaml *healthcheck = isb_yaml_get(section, "healthcheck");
	record->healthcheck = isb_yaml_absent(healthcheck) ? NULL : healthcheck;
	return true;
}

/* --- Records --- */

static const struct octodns_type *read_type(struct isb_octodns *o, struct octodns_record *record)
{
	char shown[ISB_YAML_EXCERPT];
	record->type_node = isb_yaml_get(record->yaml, "type");
	record->type = isb_octodns_scalar(o, record->type_node, record->yaml->mark, "'type'");
	if (!record->type)
		return NULL;
	const struct octodns_type *type = isb_octodns_type(record->type);
	if (type)
		return type;
	const char *near = isb_octodns_type_near(record->type);
	isb_yaml_excerpt(record->type, shown);
	if (strcmp(record->type, "URLFWD") == 0)
		isb_diag(&o->errors, record->type_node->mark,
		         "URLFWD is a service of providers over HTTP, not DNS; point the name at a web server that "
		         "redirects");
	else if (strchr(record->type, '/'))
		isb_diag(&o->errors, record->type_node->mark,
		         "type '%s' belongs to one provider; write records that every name server knows", shown);
	else
		isb_diag(&o->errors, record->type_node->mark, "octoDNS has no record type '%s'%s%s%s", shown,
		         near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	return NULL;
}

static bool read_ttl(struct isb_octodns *o, struct octodns_record *record)
{
	unsigned seconds;
	const struct isb_yaml *node = isb_yaml_get(record->yaml, "ttl");
	record->ttl = "3600"; /* of octoDNS' YamlProvider */
	record->ttl_mark = node ? node->mark : record->yaml->mark;
	if (!node)
		return true;
	if (!isb_octodns_number(o, node, "'ttl'", 0, 999999999, &seconds))
		return false;
	record->ttl = node->text;
	return true;
}

/* octoDNS knows one record per name and type, which may have several values. */
static bool is_first(struct isb_octodns *o, const struct octodns_record *record)
{
	uint32_t seen;
	struct isb_map *types = &record->owner->zone->types;
	const char *key = isb_arena_printf(&o->arena, "%s %s", record->owner->fqdn, record->type);
	if (isb_map_get(types, key, strlen(key), &seen)) {
		isb_diag(&o->errors, record->yaml->mark, "a second %s record of '%s'; write one with all the values",
		         record->type, record->owner->fqdn);
		return false;
	}
	isb_map_put(types, key, strlen(key), 1);
	return true;
}

/* What octoDNS, or those that it feeds, refuse, but for a lenient record. */
static bool is_let(struct isb_octodns *o, const struct octodns_record *record, const char *what, const char *instead)
{
	isb_diag(record->lenient ? &o->notes : &o->errors, record->yaml->mark, "%s%s '%s'%s%s",
	         record->lenient ? "note: " : "", what, record->owner->fqdn, record->lenient ? "; taken, as the record is lenient" : "; ",
	         record->lenient ? "" : instead);
	return record->lenient;
}

static bool is_alias_in_place(struct isb_octodns *o, const struct octodns_record *record)
{
	static const char *const others[] = {"A", "AAAA", "CNAME"};
	const char *fqdn = record->owner->fqdn;
	struct isb_map *types = &record->owner->zone->types;
	bool alias = strcmp(record->type, "ALIAS") == 0, beside = false;
	uint32_t seen;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (!alias && strcmp(record->type, others[i]) != 0)
			continue;
		const char *key = isb_arena_printf(&o->arena, "%s %s", fqdn, alias ? others[i] : "ALIAS");
		beside |= isb_map_get(types, key, strlen(key), &seen);
	}
	if (beside && !is_let(o, record, "an ALIAS beside A, AAAA or CNAME at", "write one or the other"))
		return false;
	return !alias || strcmp(record->owner->text, "@") == 0 ||
	       is_let(o, record, "an ALIAS away from the zone's apex, at", "write CNAME, or make the record lenient");
}

static void add_mark(struct isb_octodns *o, struct isb_octodns_zone *zone, struct isb_mark at)
{
	if (zone->nline == zone->room) {
		size_t room = zone->room ? 2 * zone->room : 64, size = sizeof(*zone->lines);
		zone->lines = isb_arena_grow(&o->arena, zone->lines, zone->room * size, room * size);
		zone->room = room;
	}
	zone->lines[zone->nline++] = at;
}

static void add_value(struct isb_octodns *o, const struct octodns_record *record, const struct octodns_type *type,
                      const struct isb_yaml *value)
{
	struct isb_octodns_zone *zone = record->owner->zone;
	struct isb_buf rdata = {0};
	if (isb_octodns_rdata(o, type, value, &rdata)) {
		isb_buf_printf(&zone->body, "%s %s %s %s\n", record->owner->text, record->ttl, record->type,
		               isb_buf_text(&rdata));
		add_mark(o, zone, value->mark);
		if (!zone->server && strcmp(record->type, "NS") == 0 && strcmp(record->owner->text, "@") == 0)
			zone->server = isb_arena_strdup(&o->arena, isb_buf_text(&rdata));
	}
	isb_buf_done(&rdata);
}

/* `value` and `values` mean the same to octoDNS, but for the types of which there can be one only. */
static const struct isb_yaml *values_of(struct isb_octodns *o, const struct octodns_record *record,
                                        const struct octodns_type *type)
{
	const struct isb_yaml *value = isb_yaml_get(record->yaml, "value"),
			      *values = isb_yaml_get(record->yaml, "values");
	if (value && values) {
		isb_diag(&o->errors, values->mark, "both 'value' and 'values'; write 'values' with all of them");
		return NULL;
	}
	values = values ? values : value;
	if (isb_yaml_absent(values) || (values->kind == ISB_YAML_LIST && !values->count)) {
		isb_diag(&o->errors, values ? values->mark : record->yaml->mark, "no value; write 'value' or 'values'");
		return NULL;
	}
	if (isb_octodns_type_single(type) && values->kind == ISB_YAML_LIST && values->count > 1) {
		isb_diag(&o->errors, values->mark, "%s takes one value", record->type);
		return NULL;
	}
	return values;
}

static void add_values(struct isb_octodns *o, const struct octodns_record *record, const struct octodns_type *type)
{
	const struct isb_yaml *values = values_of(o, record, type);
	if (!values)
		return;
	bool alias = strcmp(record->type, "ALIAS") == 0;
	size_t count = values->kind == ISB_YAML_LIST ? values->count : 1;
	for (size_t i = 0; i < count; i++) {
		const struct isb_yaml *value = values->kind == ISB_YAML_LIST ? values->items[i] : values;
		if (alias)
			isb_octodns_alias(o, record, value);
		else
			add_value(o, record, type, value);
	}
}

/* The dynamic part of a name: A and AAAA records, or a CNAME record. */
struct dynamics {
	struct octodns_record record[2]; /* A or CNAME; AAAA */
	struct octodns_dynamic dynamic[2];
	bool has[2];
};

static void read_dynamic(struct isb_octodns *o, const struct octodns_record *record, struct dynamics *d)
{
	const struct isb_yaml *dynamic = isb_yaml_get(record->yaml, "dynamic"),
			      *geo = isb_yaml_get(record->yaml, "geo");
	bool six = strcmp(record->type, "AAAA") == 0;
	if (!isb_yaml_absent(geo))
		isb_diag(&o->errors, geo->mark,
		         "'geo' is not taken, and going away in octoDNS; write the same as 'dynamic'");
	if (isb_yaml_absent(dynamic)) {
		if (record->healthcheck)
			isb_diag(&o->notes, record->healthcheck->mark,
			         "note: a health check means nothing without 'dynamic', and is left out");
		return;
	}
	if (!six && strcmp(record->type, "A") != 0 && strcmp(record->type, "CNAME") != 0) {
		isb_diag(&o->errors, dynamic->mark, "'dynamic' is for A, AAAA and CNAME records, not for %s",
		         record->type);
		return;
	}
	d->record[six] = *record;
	d->has[six] = isb_octodns_read_dynamic(o, &d->record[six], dynamic, &d->dynamic[six]);
}

static void read_record(struct isb_octodns *o, const struct octodns_owner *owner, const struct isb_yaml *yaml,
                        struct dynamics *d)
{
	static const char *const known[] = {"dynamic", "geo", "octodns", "ttl", "type", "value", "values", NULL};
	struct octodns_record record = {.owner = owner, .yaml = yaml};
	if (!isb_octodns_is_map(o, yaml, "a record"))
		return;
	isb_octodns_keys(o, yaml, known, "record");
	if (!read_section(o, &record))
		return;
	const struct octodns_type *type = read_type(o, &record);
	if (!read_ttl(o, &record) || !type || !is_first(o, &record) || !is_alias_in_place(o, &record))
		return;
	add_values(o, &record, type);
	read_dynamic(o, &record, d);
}

void isb_octodns_read_name(struct isb_octodns *o, const struct octodns_owner *owner, const struct isb_yaml *yaml)
{
	struct dynamics d = {0};
	if (yaml->kind == ISB_YAML_LIST)
		for (size_t i = 0; i < yaml->count; i++)
			read_record(o, owner, yaml->items[i], &d);
	else
		read_record(o, owner, yaml, &d);
	if (d.has[0])
		isb_octodns_steer(o, &d.dynamic[0], d.has[1] ? &d.dynamic[1] : NULL);
	else if (d.has[1])
		isb_octodns_steer(o, &d.dynamic[1], NULL);
}
