/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/arena.h"
#include "isobar/base/buf.h"
#include "isobar/base/diag.h"

/* Who may use the API: a file of lines
 *
 *     NAME ROLE sha256:SALT:SUM [expires=TIME]
 *
 * with # for comments. A token is 256 random bits, so one SHA-256 is enough to keep it: nobody can try that many, which
 * is what slow hashes of passwords are for. SALT (128 bits) is hashed before the token's text, so that no list of sums
 * made beforehand fits and that two files do not show the same token twice. */

enum isb_role { ISB_ROLE_NONE, ISB_ROLE_READ, ISB_ROLE_OPERATE, ISB_ROLE_ADMIN, ISB_ROLE_COUNT };
const char *isb_role_name(enum isb_role role);       /* "read", "operate", "admin"; "none" */
enum isb_role isb_role_parse(const char *text);      /* ISB_ROLE_NONE: it is no role */

enum { ISB_TOKEN_TEXT = 4 + 64 + 1, ISB_TOKEN_NAME_MAX = 64, ISB_TOKEN_SALT = 16, ISB_TOKEN_SUM = 32 };

struct isb_token {
	const char *name;
	enum isb_role role;
	uint8_t salt[ISB_TOKEN_SALT], sum[ISB_TOKEN_SUM];
	int64_t expires_ms; /* 0: never */
};

struct isb_tokens {
	struct isb_arena arena;
	struct isb_token *list;
	size_t count;
};

/* 1 to 64 letters, digits and . _ @ - */
bool isb_token_name_ok(const char *name);
/* Everything wrong is said with its line; then ISB_EINVAL and *ret_tokens is as before. ISB_EIO: it cannot be read. */
int isb_tokens_read(const char *path, struct isb_diags *diags, struct isb_tokens *ret_tokens);
int isb_tokens_parse(const char *path, const char *text, size_t len, struct isb_diags *diags,
                     struct isb_tokens *ret_tokens);
void isb_tokens_done(struct isb_tokens *tokens);
/* The token of this text that has not expired, or NULL. Takes as long for a wrong one as for any other. */
const struct isb_token *isb_tokens_find(const struct isb_tokens *tokens, const char *text, int64_t now_ms);
/* Random octets become a token's text, "isb_" and 64 hexadecimal digits, and with `token`'s salt its sum. */
void isb_token_make(struct isb_token *token, const uint8_t random[ISB_TOKEN_SUM], char ret_text[ISB_TOKEN_TEXT]);
/* Its line, with the line feed. */
void isb_token_print(struct isb_buf *out, const struct isb_token *token);
