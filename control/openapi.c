/* SPDX-License-Identifier: Apache-2.0 */
#include "openapi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/model/schema.h"
#include "routes.h"

/* --- What can be set ---------------------------------------------------------------------------------------------- */

struct kind {
	const char *name;
	const struct isb_field *fields;
	size_t count;
};
enum { KINDS = ISB_KIND_COUNT + 3 };

static void list_kinds(struct kind list[KINDS])
{
	for (int i = 0; i < ISB_KIND_COUNT; i++) {
		list[i].name = isb_kind_name((enum isb_kind)i);
		list[i].count = isb_fields((enum isb_kind)i, &list[i].fields);
	}
	struct kind *more = list + ISB_KIND_COUNT;
	more[0].name = "endpoint";
	more[0].count = isb_endpoint_fields(&more[0].fields);
	more[1].name = "child";
	more[1].count = isb_child_fields(&more[1].fields);
	more[2].name = "rule";
	more[2].count = isb_rule_fields(&more[2].fields);
}

json_t *isb_openapi_fields(void)
{
	struct kind kinds[KINDS];
	json_t *all = json_object();
	list_kinds(kinds);
	for (size_t i = 0; i < KINDS; i++) {
		json_t *list = json_array();
		for (size_t k = 0; k < kinds[i].count; k++) {
			const struct isb_field *f = &kinds[i].fields[k];
			json_array_append_new(list, json_pack("{s:s, s:s, s:s?, s:s?, s:s?, s:s?, s:b, s:s}", "name",
			                                      f->name, "type", f->type, "range", f->range, "default",
			                                      f->preset, "unit", f->unit, "only", f->only, "required",
			                                      f->required, "help", f->help));
		}
		json_object_set_new(all, kinds[i].name, list);
	}
	return all;
}

/* Of what JSON takes for it: a duration may be a number of seconds, one value may stand for a list of one. */
static json_t *field_schema(const struct isb_field *f)
{
	char text[1024];
	snprintf(text, sizeof(text), "%s (%s%s%s%s%s)", f->help, f->type, f->range ? ": " : "", f->range ? f->range : "",
	         f->preset ? "; default " : "", f->preset ? f->preset : "");
	json_t *schema = json_pack("{s:s}", "description", text);
	if (strcmp(f->type, "integer") == 0)
		json_object_set_new(schema, "type", json_string("integer"));
	else if (strcmp(f->type, "boolean") == 0)
		json_object_set_new(schema, "type", json_string("boolean"));
	else if (strncmp(f->type, "map ", 4) == 0)
		json_object_set_new(schema, "type", json_string("object"));
	return schema;
}

/* Fields with dots in their names are inside of maps. */
static void add_field(json_t *properties, const struct isb_field *f)
{
	const char *dot = strchr(f->name, '.');
	if (!dot) {
		json_object_set_new(properties, f->name, field_schema(f));
		return;
	}
	char outer[64];
	snprintf(outer, sizeof(outer), "%.*s", (int)(dot - f->name), f->name);
	json_t *map = json_object_get(properties, outer);
	if (!json_object_get(map, "properties")) {
		map = json_pack("{s:s, s:{}}", "type", "object", "properties");
		json_object_set_new(properties, outer, map);
	}
	json_object_set_new(json_object_get(map, "properties"), dot + 1, field_schema(f));
}

static void add_kinds(json_t *schemas)
{
	struct kind kinds[KINDS];
	list_kinds(kinds);
	for (size_t i = 0; i < KINDS; i++) {
		json_t *properties = json_object();
		for (size_t k = 0; k < kinds[i].count; k++)
			add_field(properties, &kinds[i].fields[k]);
		json_object_set_new(schemas, kinds[i].name,
		                    json_pack("{s:s, s:o}", "type", "object", "properties", properties));
	}
}

/* --- Operations --------------------------------------------------------------------------------------------------- */

static json_t *text_schema(const struct isb_parameter *p)
{
	if (p->kind == ISB_PARAM_FILES)
		return json_pack("{s:s, s:{s:s, s:[s,s], s:{s:{s:s}, s:{s:s}}}}", "type", "array", "items", "type",
		                 "object", "required", "name", "data", "properties", "name", "type", "string", "data",
		                 "type", "string");
	const char *type = p->kind == ISB_PARAM_FLAG ? "boolean" : p->kind == ISB_PARAM_NUMBER ? "integer" : "string";
	json_t *schema = json_pack("{s:s}", "type", type);
	char words[128], *rest = words, *word;
	if (p->words) {
		json_t *list = json_array();
		snprintf(words, sizeof(words), "%s", p->words);
		while ((word = strtok_r(rest, " ", &rest)))
			json_array_append_new(list, json_string(word));
		json_object_set_new(schema, "enum", list);
	}
	return p->kind == ISB_PARAM_MANY ? json_pack("{s:s, s:o}", "type", "array", "items", schema) : schema;
}

static json_t *parameter(const char *in, const char *name, bool required, const char *help, json_t *schema)
{
	return json_pack("{s:s, s:s, s:b, s:s, s:o}", "name", name, "in", in, "required", required, "description", help,
	                 "schema", schema);
}

static const char *path_help(const char *name)
{
	static const char *const help[][2] = {
		{"kind", "a kind of object"},        {"name", "of the object; of a record ZONE/OWNER, its slash as %2F"},
		{"pool", "name of a pool"},          {"endpoint", "name of an endpoint of the pool"},
		{"zone", "name of a zone"},          {"record", "www.example.com, or ZONE/OWNER with its slash as %2F"},
		{"type", "A, AAAA, MX ..."},         {"generation", "number of an edit"},
	};
	for (size_t i = 0; i < sizeof(help) / sizeof(help[0]); i++)
		if (strcmp(help[i][0], name) == 0)
			return help[i][1];
	return name;
}

static json_t *path_schema(const char *name)
{
	json_t *schema = json_pack("{s:s}", "type", "string");
	if (strcmp(name, "kind") != 0)
		return schema;
	json_t *list = json_array();
	for (int i = 0; i < ISB_KIND_COUNT; i++)
		json_array_append_new(list, json_string(isb_kind_plural((enum isb_kind)i)));
	json_object_set_new(schema, "enum", list);
	return schema;
}

static bool in_body(const struct isb_route *route, const struct isb_parameter *p)
{
	return route->body == ISB_BODY_MEMBERS && (p->required || p->kind == ISB_PARAM_FILE || p->kind == ISB_PARAM_MANY ||
	                                           strcmp(route->method, "GET") != 0);
}

static json_t *parameters(const struct isb_route *route)
{
	json_t *list = json_array();
	char name[64];
	for (const char *at = route->path; (at = strchr(at, '{')); at++) {
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(at + 1, "}"), at + 1);
		json_array_append_new(list, parameter("path", name, true, path_help(name), path_schema(name)));
	}
	for (const struct isb_parameter *p = route->parameters; p && p->name; p++)
		if (!in_body(route, p))
			json_array_append_new(list, parameter("query", p->name, p->required, p->help, text_schema(p)));
	if (route->flags & ISB_ROUTE_EDITS) {
		static const char *const refs[] = {"reason", "dry_run", "if_match"};
		char ref[64];
		for (size_t i = 0; i < sizeof(refs) / sizeof(refs[0]); i++) {
			snprintf(ref, sizeof(ref), "#/components/parameters/%s", refs[i]);
			json_array_append_new(list, json_pack("{s:s}", "$ref", ref));
		}
	}
	return list;
}

static json_t *members(const struct isb_route *route)
{
	json_t *properties = json_object(), *required = json_array();
	for (const struct isb_parameter *p = route->parameters; p && p->name; p++) {
		json_t *schema = text_schema(p);
		json_object_set_new(schema, "description", json_string(p->help));
		json_object_set_new(properties, p->name, schema);
		if (p->required)
			json_array_append_new(required, json_string(p->name));
	}
	if (route->flags & ISB_ROUTE_EDITS) {
		json_object_set_new(properties, "reason", json_pack("{s:s}", "type", "string"));
		json_object_set_new(properties, "dry_run", json_pack("{s:s}", "type", "boolean"));
	}
	json_t *schema =
		json_pack("{s:s, s:o, s:b}", "type", "object", "properties", properties, "additionalProperties", 0);
	if (json_array_size(required))
		json_object_set(schema, "required", required);
	json_decref(required);
	return schema;
}

static json_t *object_schema(const struct isb_route *route)
{
	if (strstr(route->path, "{endpoint}"))
		return json_pack("{s:s}", "$ref", "#/components/schemas/endpoint");
	json_t *any = json_array();
	char ref[64];
	for (int i = 0; i < ISB_KIND_COUNT; i++) {
		snprintf(ref, sizeof(ref), "#/components/schemas/%s", isb_kind_name((enum isb_kind)i));
		json_array_append_new(any, json_pack("{s:s}", "$ref", ref));
	}
	return json_pack("{s:o}", "anyOf", any);
}

static json_t *body(const struct isb_route *route)
{
	bool needed = route->body != ISB_BODY_MEMBERS;
	for (const struct isb_parameter *p = route->parameters; p && p->name; p++)
		needed |= p->required;
	json_t *content = json_object();
	if (route->body == ISB_BODY_TEXT) {
		json_object_set_new(content, "*/*", json_pack("{s:{s:s}}", "schema", "type", "string"));
	} else {
		json_t *schema = route->body == ISB_BODY_MEMBERS  ? members(route)
		                 : route->body == ISB_BODY_OBJECT ? object_schema(route)
		                                                  : json_pack("{s:s}", "type", "object");
		json_object_set_new(content, "application/json", json_pack("{s:o}", "schema", schema));
	}
	return json_pack("{s:b, s:o}", "required", needed, "content", content);
}

static json_t *reply(const char *type, const char *text, json_t *schema)
{
	return json_pack("{s:s, s:{s:{s:o}}}", "description", text, "content", type, "schema", schema);
}

static json_t *responses(const struct isb_route *route)
{
	const char *type = route->type ? route->type : "application/json";
	json_t *ok = reply(type, route->answer, route->type ? json_pack("{s:s}", "type", "string") : json_object());
	if (route->flags & ISB_ROUTE_CATALOG)
		json_object_set_new(ok, "headers",
		                    json_pack("{s:{s:s, s:{s:s}}}", "ETag", "description",
		                              "the catalog's generation, for If-Match of an edit", "schema", "type",
		                              "string"));
	json_t *list = json_pack("{s:o}", "200", ok);
	json_object_set_new(list, "default", json_pack("{s:s}", "$ref", "#/components/responses/problem"));
	return list;
}

static json_t *operation(const struct isb_route *route)
{
	char id[128], description[512];
	snprintf(id, sizeof(id), "%s %s", route->method, route->path);
	snprintf(description, sizeof(description), "Role: %s.%s%s", isb_role_name(route->role),
	         route->words ? " As: isobar " : "", route->words ? route->words : "");
	json_t *made = json_pack("{s:s, s:s, s:s, s:o, s:o}", "operationId", id, "summary", route->summary, "description",
	                         description, "parameters", parameters(route), "responses", responses(route));
	if (route->body != ISB_BODY_NONE)
		json_object_set_new(made, "requestBody", body(route));
	if (route->flags & ISB_ROUTE_OPEN)
		json_object_set_new(made, "security", json_array());
	return made;
}

/* --- The document --------------------------------------------------------------------------------------------------
 */

static json_t *components(void)
{
	json_t *schemas = json_object();
	add_kinds(schemas);
	json_object_set_new(schemas, "problem",
	                    json_pack("{s:s, s:[s,s,s], s:{s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s, s:{s:s, s:[s], "
	                              "s:{s:{s:s}, s:{s:s}, s:{s:s}, "
	                              "s:{s:s}}}}}}",
	                              "type", "object", "required", "title", "status", "detail", "properties", "type",
	                              "type", "string", "title", "type", "string", "status", "type", "integer",
	                              "detail", "type", "string", "errors", "type", "array", "items", "type", "object",
	                              "required", "message", "properties", "file", "type", "string", "line", "type",
	                              "integer", "column", "type", "integer", "message", "type", "string"));
	json_t *problem = reply("application/problem+json", "what is wrong and what to do instead (RFC 9457)",
	                        json_pack("{s:s}", "$ref", "#/components/schemas/problem"));
	json_t *texts = json_pack("{s:s}", "type", "string");
	json_t *given = json_pack("{s:o, s:o, s:o}", "reason",
	                          parameter("query", "reason", false, "why; kept in the journal", texts), "dry_run",
	                          parameter("query", "dry_run", false, "show what would change, and change nothing",
	                                    json_pack("{s:s}", "type", "boolean")),
	                          "if_match",
	                          parameter("header", "If-Match", false,
	                                    "the ETag that was read: refused with 412 when the catalog moved on since",
	                                    json_pack("{s:s}", "type", "string")));
	return json_pack("{s:o, s:o, s:{s:o}, s:{s:{s:s, s:s}}}", "schemas", schemas, "parameters", given, "responses",
	                 "problem", problem, "securitySchemes", "token", "type", "http", "scheme", "bearer");
}

static char *lower(char *text)
{
	for (char *p = text; *p; p++)
		*p = (char)(*p >= 'A' && *p <= 'Z' ? *p | 0x20 : *p);
	return text;
}

json_t *isb_openapi(void)
{
	json_t *paths = json_object();
	char method[16];
	for (const struct isb_route *route = isb_routes; route->method; route++) {
		if (route->flags & ISB_ROUTE_HIDDEN)
			continue;
		json_t *path = json_object_get(paths, route->path);
		if (!path) {
			path = json_object();
			json_object_set_new(paths, route->path, path);
		}
		snprintf(method, sizeof(method), "%s", route->method);
		json_object_set_new(path, lower(method), operation(route));
	}
	return json_pack("{s:s, s:{s:s, s:s, s:s}, s:[{s:[]}], s:o, s:o}", "openapi", "3.0.3", "info", "title",
	                 "isobar", "version", ISB_VERSION, "description",
	                 "Everything that the command line does, by its own words: each answer is the JSON of a verb.",
	                 "security", "token", "paths", paths, "components", components());
}
