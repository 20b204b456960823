/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <getopt.h>
#include <stdbool.h>

#include "isobar/base/arena.h"
#include "isobar/base/diag.h"
#include "isobar/base/log.h"

/* Options of a daemon from a file, `--config FILE`: a YAML map whose keys are the long names of getopt's own table, so that
 * there is one list of options. One that may be repeated takes a list. What the command line gives replaces what the file
 * says. */
struct isb_option_file {
	const char *program;          /* its name, for "see isobard --help" */
	const struct option *options; /* up to the row of zeros; those without an argument are for the command line only */
	const char *letters;          /* getopt's short options */
	int config;                   /* val of the option that names the file, which is for the command line only too */
	/* Takes the option of this val; false after printing what is wrong with the value. */
	bool (*set)(void *arg, int val, const char *value);
	void *arg;
	struct isb_arena *arena; /* of the texts given to set(): as long as the options */
};

/* Looks for the file's name on the command line and gives what the file says to set(); then the command line is to be read
 * as if there were no file. False when something is wrong, with its place; getopt begins anew either way. */
bool isb_option_file_read(const struct isb_option_file *file, int argc, char **argv, struct isb_diags *diags);

/* Says of a word that getopt does not know ("--lisen", "--lisen=x", "-y") what was probably meant. */
void isb_option_unknown(const char *program, const struct option *options, const char *given, struct isb_diags *diags);

/* The value of --log-level: error, warning, info or debug. False after saying what to write. */
bool isb_option_log_level(const char *word, enum isb_log_level *ret_level, struct isb_diags *diags);
