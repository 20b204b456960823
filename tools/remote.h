/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cli.h"

/* `isobar --server URL|unix:PATH VERB …`: the same verb, run by an isobar-control elsewhere. The files that the command
 * line names travel along, with those that catalogs and zones name; what comes back is printed as if it had run here.
 */

/* Letters of the options that say where, which do not travel. */
#define CLI_REMOTE_LETTERS "LQC"

/* Are its options, whose letters are `given`, such that it can? CLI_USAGE after saying why not. */
int cli_remote_check(const char *given);
int cli_remote_run(struct cli *cli, const struct verb *verb);

/* remote_files.c: files by the names they have there. Relative ones below the current directory keep theirs, so that
 * what is said about them needs no change; directories of others are called otherwise there. */
struct remote_files {
	struct isb_arena arena;
	json_t *list;    /* of {name, data} */
	struct remote_dir {
		const char *here, *there; /* both with a final slash */
	} *dirs;
	size_t ndir;
	bool wants_stdin;
};
/* Takes a file up with all it names; *ret_there is its name there. CLI_FAILED after saying why. */
enum remote_kind { REMOTE_PLAIN, REMOTE_CATALOG, REMOTE_ZONE };
int cli_remote_file(struct remote_files *files, const char *path, enum remote_kind kind, const char **ret_there);
/* Text of the other side with our names in it. */
void cli_remote_names(const struct remote_files *files, const char *text, struct isb_buf *out);
void cli_remote_files_done(struct remote_files *files);

/* remote_http.c: sends the request to /v1/run. CLI_OK with the answer's JSON, or a code after saying why. */
int cli_remote_ask(const struct cli *cli, const json_t *request, json_t **ret_answer);
