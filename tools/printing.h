/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "isobar/base/arena.h"
#include "isobar/base/buf.h"

/* How things are printed, whatever they are: YAML, colours, tables. */

enum { CLI_DIGITS = 12 }; /* of a real number; a longitude has three and nine decimals */

/* Appends the document, with a newline at its end. */
void cli_yaml_print(struct isb_buf *out, const json_t *value);

/* Colours mean something: what is as it should be, what is not, what is unusual. Only a terminal gets any, and not where
 * NO_COLOR is set or TERM is dumb; what goes into a file or a pipe, and documents, have none. */
enum cli_tone { CLI_PLAIN, CLI_GOOD, CLI_BAD, CLI_ODD };
bool cli_coloured(void);
const char *cli_tone_on(enum cli_tone tone); /* "" where there are no colours */
const char *cli_tone_off(enum cli_tone tone);
enum cli_tone cli_sign_tone(char sign); /* of '+', '-' and '~' in a diff */
/* The text in that tone; the arena's, or `text` itself. */
const char *cli_paint(struct isb_arena *arena, enum cli_tone tone, const char *text);
/* Columns that a UTF-8 text takes, without the colours in it. */
size_t cli_width(const char *text);

/* Cells are copied; column widths fit the widest cell. */
struct cli_table {
	struct isb_arena arena;
	size_t columns, rows, cap;
	const char **cells;
};
void cli_table_init(struct cli_table *table, size_t columns, const char *const *heads);
void cli_table_row(struct cli_table *table, const char *const *cells);
void cli_table_print(struct cli_table *table); /* and frees it */
