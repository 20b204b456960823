/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/import/octodns.h"

#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"
#include "octodns_parts.h"

void isb_octodns_init(struct isb_octodns *o, const struct isb_octodns_how *how)
{
	*o = (struct isb_octodns){.how = *how};
	struct isb_mark none = {0};
	o->root = isb_octodns_map(o, none);
	o->checks = isb_octodns_map(o, none);
	o->pools = isb_octodns_map(o, none);
	o->policies = isb_octodns_map(o, none);
	o->zone_map = isb_octodns_map(o, none);
	isb_octodns_put(o, o->root, "checks", none, o->checks);
	isb_octodns_put(o, o->root, "pools", none, o->pools);
	isb_octodns_put(o, o->root, "policies", none, o->policies);
	isb_octodns_put(o, o->root, "zones", none, o->zone_map);
}

void isb_octodns_done(struct isb_octodns *o)
{
	for (size_t i = 0; i < o->nzone; i++) {
		isb_buf_done(&o->zones[i].head);
		isb_buf_done(&o->zones[i].body);
		isb_map_done(&o->zones[i].types);
	}
	isb_map_done(&o->names);
	isb_map_done(&o->check_names);
	isb_diags_done(&o->errors);
	isb_diags_done(&o->notes);
	isb_arena_done(&o->arena);
}

/* --- Zones --- */

const char *isb_octodns_zone_name(struct isb_arena *arena, const char *path)
{
	static const char suffix[] = ".yaml";
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	size_t len = strlen(base), end = sizeof(suffix) - 1;
	if (len <= end || strcmp(base + len - end, suffix) != 0)
		return NULL;
	return isb_arena_strndup(arena, base, len - end);
}

static struct isb_octodns_zone *make_zone(struct isb_octodns *o, const char *name, const uint8_t *apex,
                                          struct isb_mark at)
{
	if (o->nzone == o->room) {
		size_t room = o->room ? 2 * o->room : 8, size = sizeof(*o->zones);
		o->zones = isb_arena_grow(&o->arena, o->zones, o->room * size, room * size);
		o->room = room;
	}
	struct isb_octodns_zone *zone = &o->zones[o->nzone++];
	zone->name = isb_arena_strdup(&o->arena, name);
	memcpy(zone->apex, apex, isb_dname_len(apex));
	zone->mark = at;
	zone->records = isb_octodns_map(o, at);
	return zone;
}

/* A zone's file is marked without a line: it is the whole of it that is meant. */
static struct isb_octodns_zone *find_zone(struct isb_octodns *o, const char *name, struct isb_mark at)
{
	char text[ISB_DNAME_TEXT], shown[ISB_YAML_EXCERPT];
	uint8_t apex[ISB_DNAME_MAX];
	at.line = at.column = 0;
	if (isb_dname_parse(name, NULL, apex) < 0) {
		isb_diag(&o->errors, at, "'%s' is no zone's name; say which zone this is: --zone NAME",
		         isb_yaml_excerpt(name, shown));
		return NULL;
	}
	isb_dname_lower(apex, apex);
	for (size_t i = 0; i < o->nzone; i++)
		if (isb_dname_equal(o->zones[i].apex, apex))
			return &o->zones[i];
	return make_zone(o, isb_dname_print_bare(apex, text), apex, at);
}

/* The key of a name as the text of a relative name, in lower case; NULL after saying why. */
static const char *owner_text(struct isb_octodns *o, const char *key, struct isb_mark at)
{
	char shown[ISB_YAML_EXCERPT];
	size_t len = strlen(key);
	isb_yaml_excerpt(key, shown);
	if (!len)
		return "@";
	if (strcmp(key, "@") == 0)
		isb_diag(&o->errors, at, "'@' is no name to octoDNS; write '' for the zone itself");
	else if (key[len - 1] == '.')
		isb_diag(&o->errors, at, "'%s' ends with a dot; names are relative to the zone here", shown);
	else if (strpbrk(key, " \t\r\n"))
		isb_diag(&o->errors, at, "'%s' holds white space, which no name can", shown);
	else
		return key;
	return NULL;
}

static bool is_plain_name(const char *text)
{
	return !text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.*@")];
}

static void add_name(struct isb_octodns *o, struct isb_octodns_zone *zone, const struct isb_yaml_pair *pair)
{
	uint8_t dname[ISB_DNAME_MAX];
	char shown[ISB_YAML_EXCERPT], fqdn[ISB_DNAME_TEXT];
	const char *text = owner_text(o, pair->key, pair->mark);
	if (!text)
		return;
	if (isb_dname_parse(text, zone->apex, dname) < 0) {
		isb_diag(&o->errors, pair->mark,
		         "'%s' is no domain name: labels have 1 to 63 octets, a name 255 in all",
		         isb_yaml_excerpt(pair->key, shown));
		return;
	}
	for (const char *p = text; *p; p++) {
		if ((unsigned char)*p >= 0x80) {
			isb_diag(&o->errors, pair->mark, "'%s' is not ASCII; write the name in its IDNA form, xn--...",
			         isb_yaml_excerpt(pair->key, shown));
			return;
		}
	}
	isb_dname_lower(dname, dname);
	struct octodns_owner owner = {.zone = zone, .mark = pair->mark};
	owner.text = is_plain_name(text) ? text : isb_arena_strdup(&o->arena, isb_dname_print(dname, fqdn));
	owner.fqdn = isb_arena_strdup(&o->arena, isb_dname_print_bare(dname, fqdn));
	isb_octodns_read_name(o, &owner, pair->value);
}

void isb_octodns_add(struct isb_octodns *o, const char *name, const struct isb_yaml *root)
{
	struct isb_octodns_zone *zone = find_zone(o, name, root->mark);
	if (!zone || (!isb_yaml_absent(root) && !isb_octodns_is_map(o, root, "a zone")))
		return;
	if (isb_yaml_absent(root) || !root->count)
		isb_diag(&o->notes, (struct isb_mark){.file = root->mark.file},
		         "note: this file is empty; zone '%s' gets nothing from it", zone->name);
	for (size_t i = 0; i < root->count; i++)
		add_name(o, zone, &root->pairs[i]);
}

bool isb_octodns_is_empty(const struct isb_octodns_zone *zone)
{
	return !zone->nline && !zone->records->count;
}

/* --- The parts that octoDNS leaves to its providers --- */

static void add_line(struct isb_octodns_zone *zone, struct isb_buf *to, const char *type, const char *rdata)
{
	isb_buf_printf(to, "@ 3600 %s %s\n", type, rdata);
	zone->nhead++;
}

/* A name or rdata from the command line stands in one line of the text. */
static bool is_line(struct isb_octodns *o, const char *text, const char *what)
{
	if (!strpbrk(text, "\r\n;()\"$"))
		return true;
	isb_diag(&o->errors, (struct isb_mark){0}, "%s: '%s' is not made of names and numbers", what, text);
	return false;
}

static const char *absolute(struct isb_octodns *o, const char *name)
{
	uint8_t dname[ISB_DNAME_MAX];
	char text[ISB_DNAME_TEXT];
	if (isb_dname_parse(name, NULL, dname) < 0) {
		isb_diag(&o->errors, (struct isb_mark){0}, "--ns: '%s' is no domain name", name);
		return NULL;
	}
	return isb_arena_strdup(&o->arena, isb_dname_print(dname, text));
}

static void add_servers(struct isb_octodns *o, struct isb_octodns_zone *zone, struct isb_buf *to)
{
	if (zone->server)
		return;
	if (!o->how.nns) {
		isb_diag(&o->errors, zone->mark,
		         "zone '%s' has no NS records of its own, which octoDNS leaves to its providers; name its "
		         "servers: "
		         "--ns NAME",
		         zone->name);
		return;
	}
	for (size_t i = 0; i < o->how.nns; i++) {
		const char *server = absolute(o, o->how.ns[i]);
		if (!server)
			continue;
		add_line(zone, to, "NS", server);
		zone->server = zone->server ? zone->server : server;
	}
}

static void add_soa(struct isb_octodns *o, struct isb_octodns_zone *zone)
{
	char apex[ISB_DNAME_TEXT];
	const char *soa = o->how.soa;
	if (!soa && zone->server) {
		isb_dname_print(zone->apex, apex);
		soa = isb_arena_printf(&o->arena, "%s hostmaster%s%s 1 7200 1800 1209600 300", zone->server,
		                       zone->apex[0] ? "." : "", apex);
		isb_diag(&o->notes, zone->mark,
		         "note: zone '%s' has no SOA, as always in octoDNS; made up: %s (another one: --soa)",
		         zone->name, soa);
	}
	if (soa && is_line(o, soa, "--soa"))
		add_line(zone, &zone->head, "SOA", soa);
}

static void finish_zone(struct isb_octodns *o, struct isb_octodns_zone *zone)
{
	char apex[ISB_DNAME_TEXT];
	struct isb_buf servers = {0};
	isb_buf_printf(&zone->head, "$ORIGIN %s\n", isb_dname_print(zone->apex, apex));
	zone->nhead++;
	add_servers(o, zone, &servers); /* the SOA names the first of them */
	add_soa(o, zone);
	zone->text = isb_arena_printf(&o->arena, "%s%s%s", isb_buf_text(&zone->head), isb_buf_text(&servers),
	                              isb_buf_text(&zone->body));
	isb_buf_done(&servers);
	struct isb_yaml *map = isb_octodns_map(o, zone->mark);
	isb_octodns_put_text(o, map, "text", zone->text, zone->mark);
	isb_octodns_put(o, map, "records", zone->mark, zone->records);
	isb_octodns_put(o, o->zone_map, zone->name, zone->mark, map);
}

int isb_octodns_finish(struct isb_octodns *o)
{
	for (size_t i = 0; i < o->nzone; i++)
		finish_zone(o, &o->zones[i]);
	return o->errors.count ? ISB_EINVAL : ISB_OK;
}

/* --- Rrsets --- */

/* Where a line of the zone's text was written. */
static struct isb_mark line_mark(const struct isb_octodns_zone *zone, size_t line)
{
	if (line > zone->nhead && line - zone->nhead <= zone->nline)
		return zone->lines[line - zone->nhead - 1];
	return zone->mark;
}

/* The sentence with the line of octoDNS' file wherever it ends in "line 5)". */
static void say(struct isb_diags *diags, const struct isb_octodns_zone *zone, const struct isb_diag *diag)
{
	static const char words[] = "line ";
	struct isb_buf text = {0};
	const char *from = diag->text, *found;
	while ((found = strstr(from, words))) {
		char *end;
		found += sizeof(words) - 1;
		isb_buf_add(&text, from, (size_t)(found - from));
		unsigned long line = strtoul(found, &end, 10);
		if (*end == ')')
			isb_buf_printf(&text, "%u", line_mark(zone, line).line);
		from = *end == ')' ? end : found;
	}
	isb_buf_puts(&text, from);
	isb_diag(diags, line_mark(zone, diag->at.line), "%s", isb_buf_text(&text));
	isb_buf_done(&text);
}

/* The reader of master files knows the lines of the text that was made here; the operator knows those of octoDNS'. */
int isb_octodns_zonedata(const struct isb_octodns *o, size_t i, struct isb_diags *diags, struct isb_zonedata *ret_data)
{
	const struct isb_octodns_zone *zone = &o->zones[i];
	struct isb_diags own = {0};
	int rc = isb_zonetext_read(zone->text, strlen(zone->text), (struct isb_mark){.file = "", .line = 1}, zone->apex,
	                           &own, ret_data);
	for (size_t k = 0; k < own.count; k++) /* that servers, and with them the SOA, are missing was said */
		if (zone->server || own.list[k].at.line > zone->nhead)
			say(diags, zone, &own.list[k]);
	diags->dropped += own.dropped;
	isb_diags_done(&own);
	return rc;
}
