/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "answer.h"
#include "files.h"
#include "isobar/base/basenc.h"
#include "isobar/base/err.h"
#include "isobar/base/wire.h"
#include "pages.h"
#include "words.h"

/* POST /v1/run: a command line with the files it names, for `isobar --server`. What it may do is for the command line
 * itself to say, which knows its verbs and options; it is told for whom it runs (tools/behalf.h). */

static bool wrong(struct isb_call *call, const char *why)
{
	isb_web_problem(call->reply, 400, "%s", why);
	return false;
}

/* Base64, since a file may hold any octets. */
static bool decode(struct isb_call *call, const json_t *value, const char **ret_data, size_t *ret_len)
{
	size_t len = json_string_length(value);
	char *data = isb_arena_alloc(call->request->arena, len + 1);
	struct isb_writer writer = isb_writer(data, len);
	if (!json_is_string(value) || !isb_base64_decode(json_string_value(value), len, &writer))
		return wrong(call, "'stdin' and 'data' of files are texts in base64");
	*ret_data = data;
	*ret_len = writer.pos;
	return true;
}

static bool read_files(struct isb_call *call, struct isb_command *command)
{
	const json_t *files = json_object_get(call->members, "files");
	size_t i;
	json_t *file;
	if (files && (!json_is_array(files) || json_array_size(files) > ISB_COMMAND_FILES))
		return wrong(call, "'files' is a list of {name, data}, of 64 at most");
	json_array_foreach(files, i, file) {
		struct isb_command_file *one = &command->files[command->nfile];
		one->name = json_string_value(json_object_get(file, "name"));
		if (!one->name || !isb_files_name_ok(one->name))
			return wrong(call, "the name of a file is a relative path without . and ..");
		if (!decode(call, json_object_get(file, "data"), &one->text, &one->len))
			return false;
		command->nfile++;
	}
	return true;
}

static bool read_words(struct isb_call *call, struct isb_command *command)
{
	const json_t *list = json_object_get(call->members, "arguments");
	size_t i;
	json_t *word;
	if (!json_is_array(list) || json_array_size(list) > ISB_COMMAND_WORDS)
		return wrong(call, "'arguments' is a list of texts: the words and options of a command line");
	command->words = isb_arena_alloc(call->request->arena, (json_array_size(list) + 1) * sizeof(char *));
	json_array_foreach(list, i, word) {
		if (!json_is_string(word))
			return wrong(call, "'arguments' is a list of texts: the words and options of a command line");
		command->words[command->count++] = json_string_value(word);
	}
	return true;
}

static bool read_command(struct isb_call *call, struct isb_command *command)
{
	static const char *const known[] = {"arguments", "stdin", "files"};
	const json_t *input;
	const char *name;
	json_t *value;
	if (!isb_command_read_members(call))
		return false;
	json_object_foreach(call->members, name, value)
		if (strcmp(name, known[0]) != 0 && strcmp(name, known[1]) != 0 && strcmp(name, known[2]) != 0)
			return wrong(call, "unknown member; there are arguments, stdin and files");
	input = json_object_get(call->members, "stdin");
	return (!input || decode(call, input, &command->input, &command->input_len)) && read_files(call, command) &&
	       read_words(call, command);
}

/* As it stands in JSON; octets that are no UTF-8 become U+FFFD. */
static void tell(struct isb_call *call, const struct isb_ran *ran)
{
	struct isb_buf *body = &call->reply->body;
	call->reply->type = "application/json";
	isb_buf_printf(body, "{\"status\": %d, \"stdout\": ", ran->status);
	isb_web_json(body, isb_buf_text(&ran->out));
	isb_buf_puts(body, ", \"stderr\": ");
	isb_web_json(body, isb_buf_text(&ran->err));
	isb_buf_puts(body, "}\n");
}

/* For the log, which quotes nothing: the first word that can be a verb. `isobar --server` puts it behind "--". */
static const char *verb_of(const struct isb_command *command)
{
	for (size_t i = 0; i < command->count; i++)
		if (strspn(command->words[i], "abcdefghijklmnopqrstuvwxyz") == strlen(command->words[i]) && *command->words[i])
			return command->words[i];
	return "-";
}

void isb_page_run(struct isb_call *call)
{
	enum { FORBIDDEN = 6 }; /* an exit status, see docs/operations.md */
	struct isb_command command = {0};
	struct isb_ran ran = {0};
	char *dir = NULL;
	if (!read_command(call, &command))
		return;
	if (command.nfile && isb_files_make(command.files, command.nfile, &dir) != ISB_OK) {
		isb_web_problem(call->reply, 503,
		                "cannot set the files aside; give each name once, and look for room where temporary "
		                "files are");
		return;
	}
	struct isb_run run = {.words = command.words, .input = command.input, .input_len = command.input_len, .dir = dir,
	                      .limit_ms = ISB_RUN_LONG_MS, .who = &call->who, .request = call->request};
	isb_run(call->control->runner, &run, &ran);
	isb_files_remove(dir);
	isb_log(ISB_LOG_INFO, "run", "by=\"%s\" verb=%s status=%d", call->who.name, verb_of(&command), ran.status);
	if (ran.end == ISB_RUN_DONE && ran.status != FORBIDDEN)
		tell(call, &ran);
	else
		isb_answer_problem(call, &ran);
	isb_buf_done(&ran.out);
	isb_buf_done(&ran.err);
}
