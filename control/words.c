/* SPDX-License-Identifier: Apache-2.0 */
#include "words.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/diag.h"

enum { NAMES_MAX = 64, DEPTH_MAX = 64, READ_FLAGS = JSON_REJECT_DUPLICATES };

/* As short as it was: 38.95, not 38.950000000000003. */
#define PRINT_FLAGS (JSON_ENCODE_ANY | JSON_REAL_PRECISION(15))

/* What every edit takes beside its own. */
static const struct isb_parameter edit_parameters[] = {
	{"reason", ISB_PARAM_TEXT, "--reason", false, "why; kept in the journal", NULL},
	{"dry_run", ISB_PARAM_FLAG, "--dry-run", false, "show what would change, and change nothing", NULL},
	{0},
};

struct builder {
	struct isb_call *call;
	struct isb_command *command;
	struct isb_arena *arena;
	bool full;
};

__attribute__((format(printf, 2, 3))) static bool wrong(struct isb_call *call, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	isb_web_problem(call->reply, 400, "%s", text);
	return false;
}

static void add(struct builder *b, const char *word)
{
	b->full |= b->command->count == ISB_COMMAND_WORDS;
	if (!b->full)
		b->command->words[b->command->count++] = word;
}

static void add_option(struct builder *b, const char *option, const char *value)
{
	add(b, value ? isb_arena_printf(b->arena, "%s=%s", option, value) : option);
}

/* --- What the request says ---------------------------------------------------------------------------------------- */

/* The library takes 2048 levels, each of which is a call, on the small stack of a connection's thread. */
static bool is_deep(const char *text, size_t len)
{
	unsigned depth = 0;
	bool quoted = false;
	for (size_t i = 0; i < len; i++) {
		if (quoted && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			quoted = !quoted;
		else if (!quoted && (text[i] == '[' || text[i] == '{') && ++depth > DEPTH_MAX)
			return true;
		else if (!quoted && (text[i] == ']' || text[i] == '}') && depth)
			depth--;
	}
	return false;
}

bool isb_command_read_members(struct isb_call *call)
{
	const struct isb_web_request *request = call->request;
	json_error_t error;
	if (call->members)
		return true; /* by who had to look at it before */
	if (is_deep(request->body, request->body_len))
		return wrong(call, "the body is nested deeper than %d levels", (int)DEPTH_MAX);
	call->members =
		request->body_len ? json_loadb(request->body, request->body_len, READ_FLAGS, &error) : json_object();
	if (!call->members)
		return wrong(call, "the body is no JSON: line %d: %s", error.line, error.text);
	return json_is_object(call->members) || wrong(call, "the body is no JSON object; write {\"member\": value}");
}

/* A scalar as the command line writes it; NULL: it is none. */
static const char *scalar(struct isb_arena *arena, const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_STRING: return json_string_value(value);
	case JSON_INTEGER: return isb_arena_printf(arena, "%lld", (long long)json_integer_value(value));
	case JSON_REAL: return isb_arena_printf(arena, "%.15g", json_real_value(value));
	case JSON_TRUE: return "true";
	case JSON_FALSE: return "false";
	default: return NULL;
	}
}

static json_t *member(const struct isb_call *call, const char *name)
{
	return call->route->body == ISB_BODY_MEMBERS ? json_object_get(call->members, name) : NULL;
}

const char *isb_command_value(const struct isb_call *call, const char *name)
{
	const char *value = isb_route_value(&call->values, name);
	if (!value)
		value = isb_web_query(call->request, name);
	json_t *in_body = value ? NULL : member(call, name);
	return in_body ? scalar(call->request->arena, in_body) : value;
}

static const struct isb_parameter *find(const struct isb_parameter *list, const char *name)
{
	for (; list && list->name; list++)
		if (strcmp(list->name, name) == 0)
			return list;
	return NULL;
}

static const struct isb_parameter *find_any(const struct isb_route *route, const char *name)
{
	const struct isb_parameter *found = find(route->parameters, name);
	return found || !(route->flags & ISB_ROUTE_EDITS) ? found : find(edit_parameters, name);
}

static bool unknown(struct isb_call *call, const char *what, const char *name)
{
	const char *names[NAMES_MAX + 1] = {NULL};
	size_t n = 0;
	for (const struct isb_parameter *p = call->route->parameters; p && p->name && n < NAMES_MAX; p++)
		names[n++] = p->name;
	for (const struct isb_parameter *p = edit_parameters; (call->route->flags & ISB_ROUTE_EDITS) && p->name; p++)
		names[n++] = p->name;
	const char *near = isb_nearest(name, names);
	if (near)
		return wrong(call, "unknown %s '%s'; did you mean '%s'?", what, name, near);
	return wrong(call, "unknown %s '%s'; see /v1/openapi.json", what, name);
}

/* Whatever is given must be known, fit its kind and be given once. */
static bool check_given(struct isb_call *call)
{
	const struct isb_web_request *request = call->request;
	for (size_t i = 0; i < request->nquery; i++) {
		const struct isb_parameter *p = find_any(call->route, request->query[i].name);
		if (!p || p->kind == ISB_PARAM_FILE || p->kind == ISB_PARAM_STDIN)
			return unknown(call, "parameter", request->query[i].name);
		for (size_t k = 0; k < i && p->kind != ISB_PARAM_MANY; k++)
			if (strcmp(request->query[k].name, p->name) == 0)
				return wrong(call, "'%s' is given twice", p->name);
	}
	const char *name;
	json_t *value;
	if (call->route->body != ISB_BODY_MEMBERS)
		return true;
	json_object_foreach(call->members, name, value) {
		const struct isb_parameter *p = find_any(call->route, name);
		if (!p)
			return unknown(call, "member", name);
		if (p->kind == ISB_PARAM_FILES)
			return unknown(call, "member", name); /* has a handler of its own */
		if (p->kind == ISB_PARAM_MANY ? !json_is_array(value) : !scalar(request->arena, value) && !json_is_null(value))
			return wrong(call, "'%s' takes %s: %s", name,
			             p->kind == ISB_PARAM_MANY ? "a list" : "a text, a number or a boolean", p->help);
		if (isb_web_query(request, name))
			return wrong(call, "'%s' is given twice, in the query and in the body", name);
	}
	return true;
}

/* --- Options ------------------------------------------------------------------------------------------------------ */

/* Calls `use` for each value of a list. False: one of them is no text. */
static bool each_of_many(struct builder *b, const struct isb_parameter *p,
                         void (*use)(struct builder *b, const struct isb_parameter *p, const char *value))
{
	const struct isb_web_request *request = b->call->request;
	const json_t *list = member(b->call, p->name);
	for (size_t i = 0; i < request->nquery; i++)
		if (strcmp(request->query[i].name, p->name) == 0)
			use(b, p, request->query[i].value);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *value = scalar(b->arena, json_array_get(list, i));
		if (!value)
			return wrong(b->call, "'%s' takes a list of texts", p->name);
		use(b, p, value);
	}
	return true;
}

static void use_option(struct builder *b, const struct isb_parameter *p, const char *value)
{
	add_option(b, p->option, value);
}

static void use_word(struct builder *b, const struct isb_parameter *p, const char *value)
{
	(void)p;
	add(b, value);
}

static bool is_one_of(const char *words, const char *value)
{
	for (size_t len; *words; words += len + (words[len] == ' ')) {
		len = strcspn(words, " ");
		if (strlen(value) == len && memcmp(words, value, len) == 0)
			return true;
	}
	return false;
}

static bool add_flag(struct builder *b, const struct isb_parameter *p, const char *value)
{
	if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
		return wrong(b->call, "'%s' is neither true nor false", p->name);
	if (strcmp(value, "true") == 0)
		add_option(b, p->option, NULL);
	return true;
}

static bool add_parameter(struct builder *b, const struct isb_parameter *p)
{
	struct isb_command *command = b->command;
	if (p->kind == ISB_PARAM_MANY)
		return !p->option || each_of_many(b, p, use_option);
	const char *value = isb_command_value(b->call, p->name);
	if (!value)
		return !p->required || wrong(b->call, "'%s' is needed: %s", p->name, p->help);
	if (p->words && !is_one_of(p->words, value))
		return wrong(b->call, "'%s' is none of: %s", p->name, p->words);
	switch (p->kind) {
	case ISB_PARAM_FLAG: return add_flag(b, p, value);
	case ISB_PARAM_STDIN:
		command->input = value;
		command->input_len = strlen(value);
		return true;
	case ISB_PARAM_FILE:
		command->files[command->nfile++] = (struct isb_command_file){p->name, value, strlen(value)};
		add_option(b, p->option, p->name);
		return true;
	default:
		if (p->option)
			add_option(b, p->option, value);
		return true;
	}
}

/* If-Match: "41" (RFC 9110 §13.1.1): the edit is of what generation 41 was. */
static bool add_if_match(struct builder *b)
{
	const char *tag = isb_web_header(b->call->request, "If-Match");
	if (!tag || strcmp(tag, "*") == 0)
		return true;
	size_t digits = *tag == '"' ? strspn(tag + 1, "0123456789") : 0;
	if (!digits || digits > 18 || strcmp(tag + 1 + digits, "\"") != 0)
		return wrong(b->call, "If-Match is no ETag of the catalog; write the one that was read: \"41\"");
	add_option(b, "--if-generation", isb_arena_strndup(b->arena, tag + 1, digits));
	return true;
}

static bool add_options(struct builder *b)
{
	const struct isb_route *route = b->call->route;
	if (!route->type)
		add_option(b, "--output", "json");
	for (const struct isb_parameter *p = route->parameters; p && p->name; p++)
		if (!add_parameter(b, p))
			return false;
	if (!(route->flags & ISB_ROUTE_EDITS))
		return true;
	for (const struct isb_parameter *p = edit_parameters; p->name; p++)
		if (!add_parameter(b, p))
			return false;
	return add_if_match(b);
}

/* --- Words -------------------------------------------------------------------------------------------------------- */

/* One word of the template with the values in it; NULL: it is left out. */
static const char *expand(struct builder *b, const char *word, size_t len)
{
	struct isb_buf out = {0};
	const char *end = word + len;
	while (word < end) {
		if (*word != '{') {
			isb_buf_putc(&out, *word++);
			continue;
		}
		size_t name_len = strcspn(word + 1, "?}");
		bool optional = word[1 + name_len] == '?';
		const char *value = isb_command_value(b->call, isb_arena_strndup(b->arena, word + 1, name_len));
		if (!value && optional) {
			isb_buf_done(&out);
			return NULL;
		}
		isb_buf_puts(&out, value ? value : "");
		word += 1 + name_len + optional + 1;
	}
	const char *text = isb_arena_strdup(b->arena, isb_buf_text(&out));
	isb_buf_done(&out);
	return text;
}

/* "{x*}": a word for each. */
static const struct isb_parameter *many(const struct builder *b, const char *word, size_t len)
{
	if (len < 4 || word[0] != '{' || word[len - 2] != '*')
		return NULL;
	return find(b->call->route->parameters, isb_arena_strndup(b->arena, word + 1, len - 3));
}

/* `options`: those words of the template that are, or the others. */
static bool add_words(struct builder *b, const char *words, bool options)
{
	for (size_t len; *words; words += len + (words[len] == ' ')) {
		len = strcspn(words, " ");
		if ((strncmp(words, "--", 2) == 0) != options)
			continue;
		const struct isb_parameter *list = many(b, words, len);
		const char *word = list ? NULL : expand(b, words, len);
		if (list && !each_of_many(b, list, use_word))
			return false;
		if (word)
			add(b, word);
	}
	return true;
}

/* field=value, where a value is JSON, which is YAML; null takes the field away. */
static bool add_fields(struct builder *b)
{
	const char *name;
	json_t *value;
	json_object_foreach(b->call->members, name, value) {
		if (!*name || strchr(name, '='))
			return wrong(b->call, "'%s' is no field", name);
		char *text = json_is_null(value) ? NULL : json_dumps(value, PRINT_FLAGS | JSON_COMPACT);
		add(b, isb_arena_printf(b->arena, "%s=%s", name, text ? text : ""));
		free(text);
	}
	return json_object_size(b->call->members) || wrong(b->call, "no field is given; write {\"weight\": 20}");
}

/* The body as a catalog of one object; records stand in their zone's. NULL: there is no such catalog. */
static json_t *wrap(const char *kind, const char *name, json_t *object)
{
	const char *slash = strchr(name, '/');
	if (strcmp(kind, "records") != 0)
		return json_pack("{s:{s:O}}", kind, name, object);
	if (!slash)
		return NULL;
	json_t *records = json_pack("{s:{s:O}}", "records", slash + 1, object);
	return json_pack("{s:{s%:o}}", "zones", name, (size_t)(slash - name), records);
}

static bool wrap_object(struct builder *b)
{
	const char *endpoint = isb_command_value(b->call, "endpoint");
	if (endpoint) { /* inside of its pool */
		char *body = json_dumps(b->call->members, PRINT_FLAGS | JSON_COMPACT);
		add(b, isb_arena_printf(b->arena, "endpoints.%s=%s", endpoint, body));
		free(body);
		return true;
	}
	json_t *catalog = wrap(isb_command_value(b->call, "kind"), isb_command_value(b->call, "name"), b->call->members);
	char *text = catalog ? json_dumps(catalog, PRINT_FLAGS | JSON_INDENT(1)) : NULL;
	json_decref(catalog);
	if (!text)
		return wrong(b->call,
		             "this is no name: records are ZONE/OWNER with %%2F for the slash, and all of it is UTF-8");
	b->command->input = isb_arena_strdup(b->arena, text);
	b->command->input_len = strlen(text);
	free(text);
	return true;
}

static bool add_body(struct builder *b)
{
	const struct isb_web_request *request = b->call->request;
	switch (b->call->route->body) {
	case ISB_BODY_FIELDS: return add_fields(b);
	case ISB_BODY_OBJECT: return wrap_object(b);
	case ISB_BODY_TEXT:
		b->command->input = request->body;
		b->command->input_len = request->body_len;
		return true;
	case ISB_BODY_NONE: return !request->body_len || wrong(b->call, "this takes no body");
	case ISB_BODY_MEMBERS: break;
	}
	return true;
}

bool isb_command_make(struct isb_call *call, const char *words, struct isb_command *ret_command)
{
	struct isb_arena *arena = call->request->arena;
	struct isb_command command = {.words = isb_arena_alloc(arena, (ISB_COMMAND_WORDS + 1) * sizeof(char *))};
	struct builder b = {.call = call, .command = &command, .arena = arena};
	if (!check_given(call) || !add_options(&b) || !add_words(&b, words, true))
		return false;
	add(&b, "--");
	if (!add_words(&b, words, false) || !add_body(&b))
		return false;
	if (b.full)
		return wrong(call, "this is more than %d words", (int)ISB_COMMAND_WORDS);
	*ret_command = command;
	return true;
}
