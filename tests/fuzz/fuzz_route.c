/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "control/words.h"

/* A request (method, target and body, a line feed between them) becomes a command line or is refused; nothing of it
 * ever stands where an option could. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_query(struct isb_web_request *request, char *text)
{
	struct isb_web_pair *list = isb_arena_alloc(request->arena, 64 * sizeof(*list));
	for (char *one; request->nquery < 64 && (one = strsep(&text, "&"));) {
		char *value = strchr(one, '=');
		if (value)
			*value++ = '\0';
		const char *name = isb_web_decode(request->arena, one, strlen(one), true);
		const char *decoded = isb_web_decode(request->arena, value ? value : "", value ? strlen(value) : 0, true);
		if (name && decoded)
			list[request->nquery++] = (struct isb_web_pair){name, decoded};
	}
	request->query = list;
}

/* Before "--" every word is an option that this program knows, whole or up to its "=". */
static void check(const struct isb_command *command)
{
	size_t i = 0;
	for (; strcmp(command->words[i], "--") != 0; i++)
		if (strncmp(command->words[i], "--", 2) != 0 ||
		    strspn(command->words[i] + 2, "abcdefghijklmnopqrstuvwxyz-1") < 2)
			abort();
	if (i + 1 >= command->count || command->words[i + 1][0] == '-' || command->words[command->count])
		abort(); /* a verb follows */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct isb_arena arena = {0};
	struct isb_web_reply reply = {0};
	char *text = isb_arena_strndup(&arena, (const char *)data, size), *rest = text;
	const char *method = strsep(&rest, "\n"), *allow;
	char *path = strsep(&rest, "\n");
	if (path) {
		char *query = path;
		strsep(&query, "?");
		struct isb_web_request request = {.method = method, .path = path, .body = rest ? rest : "",
		                                  .body_len = rest ? strlen(rest) : 0, .arena = &arena};
		struct isb_call call = {.request = &request, .reply = &reply};
		struct isb_command command;
		read_query(&request, query);
		if (isb_route_find(&arena, method, path, &call.route, &call.values, &allow) == ISB_MATCH &&
		    call.route->words &&
		    (call.route->body == ISB_BODY_NONE || call.route->body == ISB_BODY_TEXT ||
		     isb_command_read_members(&call)) &&
		    isb_command_make(&call, call.route->words, &command))
			check(&command);
		json_decref(call.members);
	}
	isb_buf_done(&reply.body);
	isb_arena_done(&arena);
	return 0;
}
