/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/diag.h"

/* Master-file text cut into entries and tokens (RFC 1035 §5.1): quotes, parentheses, comments and escapes are
 * understood here, meaning is not. Tokens are slices of the text and keep their escapes, so nothing is copied. */

struct isb_token {
	const char *text; /* without the quotes of a token that is one quoted string; not NUL-terminated */
	size_t len;
	bool quoted;
	struct isb_mark mark;
};

struct isb_entry {
	struct isb_token *tokens;
	size_t count, cap;
	bool indented;        /* begins with a blank: the owner is that of the record before */
	bool generated;       /* made by a lexer whose marks are fixed, so not written as it stands by a person */
	struct isb_mark mark; /* of the first token */
};

struct isb_lexer {
	const char *text;
	size_t len, pos;
	struct isb_mark mark; /* file, line and (first line only) column offset of `pos` */
	size_t line_start;    /* position in text of the current line */
	bool fixed;           /* every token carries `mark` as it stands: text made from one place of another */
};

void isb_entry_done(struct isb_entry *entry);

struct isb_lexer isb_lexer(const char *text, size_t len, struct isb_mark at);
/* A lexer whose tokens are all marked `at`. */
struct isb_lexer isb_lexer_fixed(const char *text, size_t len, struct isb_mark at);

/* The next entry that is not empty, into `entry` (its memory is used again). Returns 1, 0 at the end of the text, or
 * ISB_EFORMAT when the entry was malformed: diags says why, and the next call goes on behind it. */
int isb_lex(struct isb_lexer *lexer, struct isb_entry *entry, struct isb_diags *diags);

bool isb_token_is(const struct isb_token *token, const char *word); /* unquoted and this word, case ignored */
/* A plain decimal number of at most `max`. */
bool isb_token_number(const struct isb_token *token, uint32_t max, uint32_t *ret_value);
/* Seconds, or weeks to seconds with units ("1h30m"), at most 2^31-1 (RFC 2181 §8). */
bool isb_token_ttl(const struct isb_token *token, uint32_t *ret_ttl_s);
/* NUL-terminated copy as written; false when it does not fit. */
bool isb_token_copy(const struct isb_token *token, char *out, size_t cap);
/* The octets that are meant, escapes undone. Returns how many, or ISB_EFORMAT, or ISB_ERANGE past `cap`. */
int isb_token_octets(const struct isb_token *token, uint8_t *out, size_t cap);

/* For error sentences: printable and cut to size; returns out. */
enum { ISB_TOKEN_SHOW = 72 };
char *isb_token_show(const struct isb_token *token, char out[ISB_TOKEN_SHOW]);
