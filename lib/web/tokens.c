/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/web/tokens.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/basenc.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/base/wire.h"

enum { FILE_MAX = 1 << 20, FIELDS = 4 };

static const char prefix[] = "isb_", scheme[] = "sha256:", expiry[] = "expires=";
static const char *const roles[ISB_ROLE_COUNT] = {"none", "read", "operate", "admin"};

const char *isb_role_name(enum isb_role role)
{
	return roles[role];
}

enum isb_role isb_role_parse(const char *text)
{
	for (enum isb_role role = ISB_ROLE_READ; role < ISB_ROLE_COUNT; role++)
		if (strcmp(text, roles[role]) == 0)
			return role;
	return ISB_ROLE_NONE;
}

bool isb_token_name_ok(const char *name)
{
	size_t len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@-");
	return len && len <= ISB_TOKEN_NAME_MAX && !name[len] && name[0] != '-';
}

/* False: OpenSSL had no memory. */
static bool sum_of(const struct isb_token *token, const char *text, uint8_t ret_sum[ISB_TOKEN_SUM])
{
	struct isb_buf data = {0};
	isb_buf_add(&data, token->salt, sizeof(token->salt));
	isb_buf_puts(&data, text);
	bool done = EVP_Digest(data.data, data.len, ret_sum, NULL, EVP_sha256(), NULL) == 1;
	OPENSSL_cleanse(data.data, data.len);
	isb_buf_done(&data);
	return done;
}

/* --- The file --------------------------------------------------------------------------------------------------- */

static bool read_octets(const char *text, size_t len, uint8_t *out, size_t size)
{
	struct isb_writer writer = isb_writer(out, size);
	return len == 2 * size && isb_hex_decode(text, len, &writer);
}

static bool read_sum(const char *text, struct isb_token *token)
{
	if (strncmp(text, scheme, sizeof(scheme) - 1) != 0)
		return false;
	text += sizeof(scheme) - 1;
	const char *colon = strchr(text, ':');
	return colon && read_octets(text, (size_t)(colon - text), token->salt, sizeof(token->salt)) &&
	       read_octets(colon + 1, strlen(colon + 1), token->sum, sizeof(token->sum));
}

static int wrong(struct isb_diags *diags, struct isb_mark at, const char *what, const char *word)
{
	isb_diag(diags, at, what, word);
	return ISB_EINVAL;
}

static int read_fields(struct isb_tokens *tokens, char *fields[FIELDS + 1], struct isb_mark at, struct isb_diags *diags,
                       struct isb_token *token)
{
	if (!fields[2] || fields[FIELDS])
		return wrong(diags, at, "%s is not NAME ROLE sha256:SALT:SUM [expires=TIME]; make lines with: isobar token add",
		             "the line");
	if (!isb_token_name_ok(fields[0]))
		return wrong(diags, at, "'%s' is no name of a token; write letters, digits and . _ @ -", fields[0]);
	token->role = isb_role_parse(fields[1]);
	if (token->role == ISB_ROLE_NONE)
		return wrong(diags, at, "there is no role '%s'; write read, operate or admin", fields[1]);
	if (!read_sum(fields[2], token))
		return wrong(diags, at, "'%s' is no sum of a token; make lines with: isobar token add", fields[2]);
	if (fields[3] && (strncmp(fields[3], expiry, sizeof(expiry) - 1) != 0 ||
	                  isb_time_parse(fields[3] + sizeof(expiry) - 1, &token->expires_ms) != ISB_OK))
		return wrong(diags, at, "'%s' is no expiry; write expires=2027-01-01T00:00:00Z", fields[3]);
	for (size_t i = 0; i < tokens->count; i++)
		if (strcmp(tokens->list[i].name, fields[0]) == 0)
			return wrong(diags, at, "there are two tokens of the name '%s'; take one away", fields[0]);
	token->name = isb_arena_strdup(&tokens->arena, fields[0]);
	return ISB_OK;
}

static int read_line(struct isb_tokens *tokens, char *line, struct isb_mark at, struct isb_diags *diags)
{
	char *fields[FIELDS + 1] = {NULL}, *rest = line, *field;
	size_t count = 0;
	struct isb_token token = {0};
	line[strcspn(line, "#")] = '\0';
	while (count <= FIELDS && (field = strtok_r(rest, " \t\r", &rest)))
		fields[count++] = field;
	if (!count)
		return ISB_OK;
	int rc = read_fields(tokens, fields, at, diags, &token);
	if (rc == ISB_OK)
		tokens->list[tokens->count++] = token;
	return rc;
}

int isb_tokens_parse(const char *path, const char *text, size_t len, struct isb_diags *diags,
                     struct isb_tokens *ret_tokens)
{
	struct isb_tokens tokens = {0};
	size_t lines = 1;
	int worst = ISB_OK;
	if (memchr(text, '\0', len))
		return wrong(diags, (struct isb_mark){.file = path}, "%s holds a zero octet; it is a file of lines", path);
	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	tokens.list = isb_arena_alloc(&tokens.arena, lines * sizeof(tokens.list[0]));
	char *copy = isb_arena_strndup(&tokens.arena, text, len), *line;
	for (unsigned n = 1; (line = strsep(&copy, "\n")); n++) {
		int rc = read_line(&tokens, line, (struct isb_mark){.file = path, .line = n}, diags);
		worst = rc != ISB_OK ? rc : worst;
	}
	if (worst != ISB_OK) {
		isb_tokens_done(&tokens);
		return worst;
	}
	isb_tokens_done(ret_tokens);
	*ret_tokens = tokens;
	return ISB_OK;
}

int isb_tokens_read(const char *path, struct isb_diags *diags, struct isb_tokens *ret_tokens)
{
	FILE *file = fopen(path, "re");
	if (!file) {
		isb_diag(diags, (struct isb_mark){0}, "cannot open '%s': %s", path, strerror(errno));
		return ISB_EIO;
	}
	char *text = isb_xmalloc(FILE_MAX);
	size_t len = fread(text, 1, FILE_MAX, file);
	int rc = ISB_EIO;
	if (ferror(file))
		isb_diag(diags, (struct isb_mark){0}, "cannot read '%s': %s", path, strerror(errno));
	else if (len == FILE_MAX)
		isb_diag(diags, (struct isb_mark){0}, "'%s' is too large for a file of tokens", path);
	else
		rc = isb_tokens_parse(path, text, len, diags, ret_tokens);
	fclose(file);
	free(text);
	return rc;
}

void isb_tokens_done(struct isb_tokens *tokens)
{
	isb_arena_done(&tokens->arena);
	*tokens = (struct isb_tokens){0};
}

/* --- Tokens ------------------------------------------------------------------------------------------------------ */

const struct isb_token *isb_tokens_find(const struct isb_tokens *tokens, const char *text, int64_t now_ms)
{
	const struct isb_token *found = NULL;
	if (strlen(text) != ISB_TOKEN_TEXT - 1)
		return NULL; /* no token is like that, and sums of long texts take long */
	for (size_t i = 0; i < tokens->count; i++) { /* all of them, so that the time does not tell which */
		const struct isb_token *token = &tokens->list[i];
		uint8_t sum[ISB_TOKEN_SUM];
		if (sum_of(token, text, sum) && CRYPTO_memcmp(sum, token->sum, sizeof(sum)) == 0 &&
		    (!token->expires_ms || now_ms < token->expires_ms))
			found = token;
	}
	return found;
}

void isb_token_make(struct isb_token *token, const uint8_t random[ISB_TOKEN_SUM], char ret_text[ISB_TOKEN_TEXT])
{
	struct isb_buf text = {0};
	isb_buf_puts(&text, prefix);
	isb_hex_encode(&text, random, ISB_TOKEN_SUM);
	memcpy(ret_text, text.data, ISB_TOKEN_TEXT);
	OPENSSL_cleanse(text.data, text.len);
	isb_buf_done(&text);
	if (!sum_of(token, ret_text, token->sum))
		abort(); /* out of memory, as everywhere */
}

void isb_token_print(struct isb_buf *out, const struct isb_token *token)
{
	char time[24];
	isb_buf_printf(out, "%s %s %s", token->name, roles[token->role], scheme);
	isb_hex_encode(out, token->salt, sizeof(token->salt));
	isb_buf_putc(out, ':');
	isb_hex_encode(out, token->sum, sizeof(token->sum));
	if (token->expires_ms)
		isb_buf_printf(out, " %s%s", expiry, isb_time_print(token->expires_ms, time));
	isb_buf_putc(out, '\n');
}
