/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "control.h"

/* A request becomes a command line. Options come first, each in one word with its value, then "--", then the words: so
 * nothing that a request says can be taken for an option. */

enum { ISB_COMMAND_WORDS = 2048, ISB_COMMAND_FILES = 64 };

struct isb_command {
	const char **words; /* NULL-terminated, after the program's name */
	size_t count;
	const char *input;  /* standard input */
	size_t input_len;
	struct isb_command_file {
		const char *name, *text;
		size_t len;
	} files[ISB_COMMAND_FILES]; /* in the directory it runs in */
	size_t nfile;
};

/* By the route's parameters and these words, the route's or in their place. Memory is the request's. False: the reply
 * says what is wrong with the request, 400. */
bool isb_command_make(struct isb_call *call, const char *words, struct isb_command *ret_command);

/* The JSON object that the route's body is, into call->members; {} for an empty one. False: likewise. */
bool isb_command_read_members(struct isb_call *call);
/* What path, query or body say of a parameter, as text; NULL: nothing. */
const char *isb_command_value(const struct isb_call *call, const char *name);
