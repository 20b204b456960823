/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/model/schema.h"
#include "routes.h"

/* Which route a path is. Parts are compared as they come apart at the slashes that were sent: "%2F" is none. */

enum { VALUE_MAX = 480 }; /* octets; longer than any name in a store */

const char *isb_route_value(const struct isb_route_values *values, const char *name)
{
	for (size_t i = 0; i < values->count; i++)
		if (strcmp(values->list[i].name, name) == 0)
			return values->list[i].value;
	return NULL;
}

static bool is_number(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	return digits && digits <= 18 && !text[digits];
}

/* Is it something that can stand there at all? What it names is the verb's business. */
static bool fits(const char *name, const char *value)
{
	enum isb_kind kind;
	if (!*value || strlen(value) > VALUE_MAX || strpbrk(value, "\n\r\t"))
		return false;
	if (strcmp(name, "kind") == 0)
		return isb_kind_parse(value, &kind) == ISB_OK && strcmp(isb_kind_plural(kind), value) == 0;
	if (strcmp(name, "generation") == 0)
		return is_number(value);
	/* the command line takes patterns and paths into fields for these, a path names one */
	if (strcmp(name, "pool") == 0 || strcmp(name, "endpoint") == 0)
		return !strpbrk(value, "*?[\\/.=");
	return true;
}

static bool take_part(struct isb_arena *arena, const char *pattern, size_t pattern_len, const char *part,
                      size_t part_len, struct isb_route_values *values)
{
	if (pattern[0] != '{')
		return pattern_len == part_len && memcmp(pattern, part, part_len) == 0;
	const char *name = isb_arena_strndup(arena, pattern + 1, pattern_len - 2);
	const char *value = isb_web_decode(arena, part, part_len, false);
	if (!value || values->count == ISB_ROUTE_VALUES || !fits(name, value))
		return false;
	values->list[values->count++] = (struct isb_web_pair){name, value};
	return true;
}

static bool matches(struct isb_arena *arena, const char *pattern, const char *path, struct isb_route_values *values)
{
	values->count = 0;
	while (*pattern == '/' && *path == '/') {
		size_t pattern_len = strcspn(++pattern, "/"), len = strcspn(++path, "/");
		if (pattern[0] == '*')
			return true; /* all that is below */
		if (!take_part(arena, pattern, pattern_len, path, len, values))
			return false;
		pattern += pattern_len;
		path += len;
	}
	return !*pattern && !*path;
}

enum isb_route_match isb_route_find(struct isb_arena *arena, const char *method, const char *path,
                                    const struct isb_route **ret_route, struct isb_route_values *ret_values,
                                    const char **ret_allow)
{
	struct isb_route_values values;
	const char *allow = NULL;
	for (const struct isb_route *route = isb_routes; route->method; route++) {
		if (!matches(arena, route->path, path, &values))
			continue;
		if (strcmp(route->method, method) == 0) {
			*ret_route = route;
			*ret_values = values;
			return ISB_MATCH;
		}
		const char *also = strcmp(route->method, "GET") == 0 ? "GET, HEAD" : route->method;
		allow = allow ? isb_arena_printf(arena, "%s, %s", allow, also) : also;
	}
	*ret_allow = allow;
	return allow ? ISB_MATCH_NO_METHOD : ISB_MATCH_NO_PATH;
}

unsigned isb_route_count(void)
{
	unsigned count = 0;
	while (isb_routes[count].method)
		count++;
	return count;
}
