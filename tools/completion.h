/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "usage.h"

/* What all shells complete alike; how they are told stands in completion.c (bash and zsh, in the language they share) and
 * completion_fish.c. A word is completed from sources: a word that stands for itself, or one of these, which the script
 * knows how to ask for: @verbs @kinds @types @fields @of-kind @sides @places @records @names @rrsets @generations @regions
 * @pools @policies @zones @endpoints @files @dirs. */

/* For each word that may follow a verb a line "RULE FROM TO PATTERN SOURCE...": as words FROM to TO, counted from the verb,
 * behind words that look like PATTERN when they are joined by colons: "rollout:pause", "set:*". */
void completion_print_rules(struct isb_arena *arena, const char *rule);
/* Sources of an option's value; "" when it is nothing that could be known. */
const char *completion_value(const struct cli_option *option, const char *metavar);
/* "name=" of each field of a kind, each behind a blank. */
void completion_fields(struct isb_buf *out, int kind);
/* All types of records that have a name, each behind a blank. */
void completion_types(struct isb_buf *out);
/* In single quotes, for the shells of Bourne's family; `fish`: for fish. */
const char *completion_quote(struct isb_arena *arena, const char *text, bool fish);

void completion_print_fish(struct isb_arena *arena);
