/* SPDX-License-Identifier: Apache-2.0 */
#include "answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "isobar/base/err.h"
#include "words.h"

/* --- Problems ----------------------------------------------------------------------------------------------------- */

/* Exit statuses of the command line (docs/operations.md) as HTTP has them. */
static unsigned status_of(const struct isb_ran *ran)
{
	static const unsigned by_exit[] = {200, 422, 400, 412, 404, 503, 403};
	switch (ran->end) {
	case ISB_RUN_BUSY: return 503;
	case ISB_RUN_LATE: return 504;
	case ISB_RUN_DONE:
		return (size_t)ran->status < sizeof(by_exit) / sizeof(by_exit[0]) ? by_exit[ran->status] : 500;
	default: return 500;
	}
}

static const char *why(const struct isb_ran *ran)
{
	switch (ran->end) {
	case ISB_RUN_BUSY: return "too much is being done already; ask again in a second";
	case ISB_RUN_LATE: return "this took too long and was ended";
	case ISB_RUN_LARGE: return "the answer is larger than 64 MiB; ask for less";
	case ISB_RUN_GONE: return "nobody waited for the answer";
	case ISB_RUN_FAILED: return "the command line could not be run, or was ended by somebody else";
	default: return "the command line ended without a word";
	}
}

/* A number that ends with a colon; 0: there is none. */
static unsigned long take_number(char **text)
{
	char *end;
	size_t digits = strspn(*text, "0123456789");
	if (!digits || digits > 9 || (*text)[digits] != ':')
		return 0;
	unsigned long number = strtoul(*text, &end, 10);
	*text = end + 1;
	return number;
}

/* "FILE:LINE:COLUMN: text" in its parts. `places`: whoever asks knows the text that they are about. */
static json_t *read_error(char *line, bool places)
{
	char *rest = line, *colon;
	for (char *at = line; (colon = strchr(at, ':')); at = colon + 1) {
		rest = colon + 1;
		unsigned long number = take_number(&rest), column = number ? take_number(&rest) : 0;
		if (!number)
			continue;
		*colon = '\0';
		json_t *error = json_pack("{s:s}", "message", rest + strspn(rest, " "));
		if (places)
			json_object_set_new(error, "line", json_integer((json_int_t)number));
		if (places && column)
			json_object_set_new(error, "column", json_integer((json_int_t)column));
		if (places && strcmp(line, "-") != 0)
			json_object_set_new(error, "file", json_string(line));
		if (!places) /* but which object it is of */
			json_object_set_new(error, "message", json_sprintf("%s: %s", line, rest + strspn(rest, " ")));
		return error;
	}
	return json_pack("{s:s}", "message", line);
}

/* Sentences of the program itself go into `detail`, those about places into the list. */
static json_t *read_errors(char *said, bool places, struct isb_buf *detail)
{
	static const char ours[] = "isobar: ";
	json_t *list = json_array();
	for (char *line; (line = strsep(&said, "\n"));) {
		if (strncmp(line, ours, sizeof(ours) - 1) == 0)
			isb_buf_printf(detail, "%s%s", detail->len ? "\n" : "", line + sizeof(ours) - 1);
		else if (*line)
			json_array_append_new(list, read_error(line, places));
	}
	return list;
}

/* What is no UTF-8 would make the JSON of none. */
static char *as_utf8(const struct isb_buf *text)
{
	struct isb_buf quoted = {0};
	isb_web_json(&quoted, isb_buf_text(text));
	json_t *string = json_loadb(quoted.data, quoted.len, JSON_DECODE_ANY, NULL);
	char *copy = isb_xstrdup(string ? json_string_value(string) : "");
	json_decref(string);
	isb_buf_done(&quoted);
	return copy;
}

void isb_answer_problem(struct isb_call *call, const struct isb_ran *ran)
{
	unsigned status = status_of(ran);
	bool places = call->route->body == ISB_BODY_TEXT; /* else it is not the text that was sent */
	struct isb_buf detail = {0};
	char *said = as_utf8(&ran->err);
	json_t *errors = read_errors(said, places, &detail);
	if (ran->end != ISB_RUN_DONE || !detail.len) {
		isb_buf_reset(&detail);
		isb_buf_puts(&detail, why(ran));
	}
	isb_answer_json(call, json_pack("{s:s, s:s, s:i, s:s, s:o}", "type", "about:blank", "title", isb_web_reason(status),
	                                "status", (int)status, "detail", isb_buf_text(&detail), "errors", errors));
	call->reply->status = status;
	call->reply->type = "application/problem+json";
	if (ran->end == ISB_RUN_BUSY)
		isb_web_field(call->reply, "Retry-After", "1");
	isb_buf_done(&detail);
	free(said);
}

/* --- Answers ------------------------------------------------------------------------------------------------------ */

void isb_answer_json(struct isb_call *call, json_t *value)
{
	char *text = json_dumps(value, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
	call->reply->type = "application/json";
	isb_buf_puts(&call->reply->body, text ? text : "null");
	isb_buf_putc(&call->reply->body, '\n');
	free(text);
	json_decref(value);
}

/* The tag is of before the verb reads, so that it is never newer than what it tells. True: who asks has it already. */
static bool add_etag(struct isb_call *call)
{
	uint64_t generation;
	const char *has = isb_web_header(call->request, "If-None-Match");
	if (!(call->route->flags & ISB_ROUTE_CATALOG) || !isb_control_generation(call->control, &generation))
		return false;
	const char *tag = isb_arena_printf(call->request->arena, "\"%llu\"", (unsigned long long)generation);
	isb_web_field(call->reply, "ETag", tag);
	if (!has || strcmp(has, tag) != 0)
		return false;
	call->reply->status = 304;
	return true;
}

/* The path is theirs: what would break the line is left out. */
static void log_edit(const struct isb_call *call, const struct isb_ran *ran)
{
	if (!(call->route->flags & ISB_ROUTE_EDITS))
		return;
	char *path = isb_arena_strdup(call->request->arena, call->request->path);
	for (char *c = path; *c; c++)
		if (*c <= ' ' || *c > '~' || *c == '"')
			*c = '?';
	isb_log(ISB_LOG_INFO, "edit", "by=\"%s\" method=%s path=\"%s\" status=%u", call->who.name, call->route->method, path,
	        status_of(ran));
}

/* A text that was forgotten would be a catalog without anything in it. */
static bool has_text(struct isb_call *call)
{
	if (call->request->body_len)
		return true;
	isb_web_problem(call->reply, 400, "the body is empty; send the text itself: curl --data-binary @FILE");
	return false;
}

static bool read_body(struct isb_call *call)
{
	switch (call->route->body) {
	case ISB_BODY_NONE: return true;
	case ISB_BODY_TEXT: return has_text(call);
	default: return isb_command_read_members(call);
	}
}

void isb_answer_verb(struct isb_call *call, const char *words)
{
	struct isb_command command;
	struct isb_ran ran = {0};
	char *dir = NULL;
	if (!read_body(call) || !isb_command_make(call, words, &command) || add_etag(call))
		return;
	if (command.nfile && isb_files_make(command.files, command.nfile, &dir) != ISB_OK) {
		isb_web_problem(call->reply, 503, "cannot set the request's files aside; look for room in the directory for "
		                                  "temporary files");
		return;
	}
	struct isb_run run = {
		.words = command.words, .input = command.input, .input_len = command.input_len, .dir = dir,
		.limit_ms = call->route->flags & ISB_ROUTE_LONG ? ISB_RUN_LONG_MS : ISB_RUN_SHORT_MS,
		.who = call->route->flags & ISB_ROUTE_OURS ? NULL : &call->who, .request = call->request,
	};
	isb_run(call->control->runner, &run, &ran);
	isb_files_remove(dir);
	log_edit(call, &ran);
	if (ran.end == ISB_RUN_DONE && ran.status == 0) {
		call->reply->type = call->route->type ? call->route->type : "application/json";
		call->reply->body = ran.out;
		ran.out = (struct isb_buf){0};
	} else {
		isb_answer_problem(call, &ran);
	}
	isb_buf_done(&ran.out);
	isb_buf_done(&ran.err);
}
