/* SPDX-License-Identifier: Apache-2.0 */
#include "remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "behalf.h"
#include "isobar/base/basenc.h"
#include "isobar/base/err.h"

/* The command line as it is for the other side: its options as they were given, with the names that files have there.
 */

static int take_file(struct remote_files *files, json_t *arguments, const char *option, const char *path,
                     enum remote_kind kind)
{
	const char *there;
	int rc = cli_remote_file(files, path, kind, &there);
	if (rc == CLI_OK)
		json_array_append_new(arguments, option ? json_sprintf("%s=%s", option, there) : json_string(there));
	return rc;
}

static int take_options(const struct cli *cli, struct remote_files *files, json_t *arguments)
{
	int rc = CLI_OK;
	for (size_t i = 0; rc == CLI_OK && i < cli->npassed; i++) {
		const struct cli_passed *one = &cli->passed[i];
		if (strchr(CLI_REMOTE_LETTERS "w", one->letter))
			continue; /* for us to do */
		if (one->letter == 'f')
			rc = take_file(files, arguments, "--file", one->value, REMOTE_CATALOG);
		else if (one->letter == 'T')
			rc = take_file(files, arguments, "--traffic", one->value, REMOTE_PLAIN);
		else
			json_array_append_new(arguments, one->value ? json_sprintf("--%s=%s", one->name, one->value)
			                                            : json_sprintf("--%s", one->name));
	}
	return rc;
}

static int take_words(const struct cli *cli, const struct verb *verb, struct remote_files *files, json_t *arguments)
{
	int rc = CLI_OK, from = cli_file_words(cli, verb);
	bool zone = strcmp(verb->name, "import") == 0 && cli->count && strcmp(cli->words[0], "zone") == 0;
	json_array_append_new(arguments, json_string("--"));
	json_array_append_new(arguments, json_string(verb->name));
	for (int i = 0; rc == CLI_OK && i < cli->count; i++) {
		if (from >= 0 && i >= from)
			rc = take_file(files, arguments, NULL, cli->words[i], zone ? REMOTE_ZONE : REMOTE_PLAIN);
		else
			json_array_append_new(arguments, json_string(cli->words[i]));
	}
	return rc;
}

static int take_stdin(json_t *request)
{
	char piece[1 << 16];
	struct isb_buf text = {0}, data = {0};
	for (size_t n; (n = fread(piece, 1, sizeof(piece), stdin)) > 0;)
		isb_buf_add(&text, piece, n);
	isb_base64_encode(&data, (const uint8_t *)isb_buf_text(&text), text.len);
	json_object_set_new(request, "stdin", json_string(isb_buf_text(&data)));
	isb_buf_done(&text);
	isb_buf_done(&data);
	return ferror(stdin) ? cli_fail(CLI_FAILED, "cannot read standard input") : CLI_OK;
}

static void print(const struct remote_files *files, const json_t *answer, const char *member, FILE *out)
{
	const char *said = json_string_value(json_object_get(answer, member));
	struct isb_buf text = {0};
	cli_remote_names(files, said ? said : "", &text);
	fputs(isb_buf_text(&text), out);
	isb_buf_done(&text);
}

static int once(struct cli *cli)
{
	struct remote_files files = {0};
	json_t *arguments = json_array(), *answer = NULL, *request = json_pack("{s:o}", "arguments", arguments);
	int rc = take_options(cli, &files, arguments);
	if (rc == CLI_OK)
		rc = take_words(cli, cli->remote_verb, &files, arguments);
	if (rc == CLI_OK && files.wants_stdin)
		rc = take_stdin(request);
	if (rc == CLI_OK && files.list)
		json_object_set(request, "files", files.list);
	if (rc == CLI_OK)
		rc = cli_remote_ask(cli, request, &answer);
	if (answer) {
		print(&files, answer, "stdout", stdout);
		fflush(stdout);
		print(&files, answer, "stderr", stderr);
		rc = (int)json_integer_value(json_object_get(answer, "status"));
	}
	json_decref(answer);
	json_decref(request);
	cli_remote_files_done(&files);
	return rc;
}

int cli_remote_check(const char *given)
{
	if (strchr(given, 's') || strchr(given, 'g'))
		return cli_fail(CLI_USAGE, "the server has a store and geo databases of its own; leave out --%s",
		                strchr(given, 's') ? "store" : "geo");
	return CLI_OK;
}

int cli_remote_run(struct cli *cli, const struct verb *verb)
{
	cli->remote_verb = verb;
	return cli_watch(cli, once);
}
