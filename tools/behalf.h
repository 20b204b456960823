/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>

#include "cli.h"

/* Verbs run for somebody else: isobar-control starts this program for each request and says for whom by the
 * environment, ISOBAR_FOR=NAME and ISOBAR_FOR_ROLE=read|operate|admin, which no word of a request can change. Then the
 * author is that name, the role decides which verbs there are, the store is the one it was started with, and no file is
 * read but those below the current directory, where the request's own are. */

/* After the command line is understood, before anything is done. `given`: the letters of its options. CLI_OK, or why
 * not. */
int cli_behalf_check(struct cli *cli, const struct verb *verb, const char *given);
/* May this file be read? For those that are named elsewhere than on the command line. */
bool cli_behalf_may_read(const char *path);
bool cli_behalf_has(const char *path); /* is it there? Here that is for whoever reads it to find out */
/* Does the verb take files as words? From which word on; -1: it does not. */
int cli_file_words(const struct cli *cli, const struct verb *verb);
