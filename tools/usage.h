/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cli.h"

/* What the verb table says, taken apart for those who generate from it: completions and the manual. */

/* A word that stands for itself, or for something: "up|down|hold|auto", "POOL/ENDPOINT". */
struct usage_slot {
	const char *word;
	bool repeats;
};
enum { USAGE_SLOTS = 8, USAGE_FORMS = 8 };
struct usage_form {
	struct usage_slot slots[USAGE_SLOTS]; /* without the options */
	size_t count;
};
/* The forms of the verb's usage; texts are the arena's. */
size_t usage_forms(struct isb_arena *arena, const struct verb *verb, struct usage_form ret[USAGE_FORMS]);

/* "FILE" and "catalog file; may be given several times" of an option. */
struct usage_option {
	const char *metavar; /* "" when it takes no value */
	const char *help;    /* in one line */
};
struct usage_option usage_option(struct isb_arena *arena, const struct cli_option *option);
bool usage_takes(const struct verb *verb, const struct cli_option *option);

int cli_print_completion(const char *shell); /* NULL: none was given */
int cli_print_man(const char *page);
