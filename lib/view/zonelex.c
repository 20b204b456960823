/* SPDX-License-Identifier: Apache-2.0 */
#include "zonelex.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "isobar/base/err.h"

void isb_entry_done(struct isb_entry *entry)
{
	free(entry->tokens);
	*entry = (struct isb_entry){0};
}

struct isb_lexer isb_lexer(const char *text, size_t len, struct isb_mark at)
{
	if (at.line == 0)
		at.line = 1;
	if (at.column)
		at.column--;
	return (struct isb_lexer){.text = text, .len = len, .mark = at};
}

struct isb_lexer isb_lexer_fixed(const char *text, size_t len, struct isb_mark at)
{
	return (struct isb_lexer){.text = text, .len = len, .mark = at, .fixed = true};
}

static struct isb_mark here(const struct isb_lexer *lexer)
{
	struct isb_mark mark = lexer->mark;
	if (!lexer->fixed)
		mark.column += (unsigned)(lexer->pos - lexer->line_start) + 1;
	return mark;
}

static int peek(const struct isb_lexer *lexer)
{
	return lexer->pos < lexer->len ? (unsigned char)lexer->text[lexer->pos] : -1;
}

static void next_line(struct isb_lexer *lexer)
{
	lexer->pos++;
	if (lexer->fixed)
		return;
	lexer->line_start = lexer->pos;
	lexer->mark.line++;
	lexer->mark.column = 0;
}

static void skip_line(struct isb_lexer *lexer)
{
	const char *from = lexer->text + lexer->pos;
	const char *end = memchr(from, '\n', lexer->len - lexer->pos);
	lexer->pos = end ? (size_t)(end - lexer->text) : lexer->len;
	if (end)
		next_line(lexer);
}

static bool is_blank(int c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct isb_token *add_token(struct isb_entry *entry, struct isb_mark mark, const char *text)
{
	if (entry->count == entry->cap) {
		entry->cap = entry->cap ? entry->cap * 2 : 16;
		entry->tokens = isb_xrealloc(entry->tokens, entry->cap * sizeof(*entry->tokens));
	}
	struct isb_token *token = &entry->tokens[entry->count++];
	*token = (struct isb_token){.text = text, .mark = mark};
	return token;
}

/* Past a quoted string whose opening quote is at pos. Strings end on the line they begin on, as everywhere: a forgotten
 * quote must not eat the file. */
static int skip_quoted(struct isb_lexer *lexer, struct isb_diags *diags)
{
	struct isb_mark opened = here(lexer);
	for (lexer->pos++; peek(lexer) != '"'; lexer->pos++) {
		if (peek(lexer) == '\\')
			lexer->pos++;
		int c = peek(lexer);
		if (c == '\n' || c == -1) {
			isb_diag(
				diags, opened,
				"the quote opened here is not closed on its line; write '\"' at the end of the string");
			return ISB_EFORMAT;
		}
		if (c == 0) {
			isb_diag(diags, here(lexer), "a NUL octet in the text; write it as \\000");
			return ISB_EFORMAT;
		}
	}
	lexer->pos++;
	return ISB_OK;
}

/* An unquoted token; `key="a b"` belongs together, as SvcParams want it (RFC 9460 §2.1). */
static int skip_word(struct isb_lexer *lexer, struct isb_diags *diags)
{
	for (;;) {
		int c = peek(lexer);
		if (c == -1 || c == '\n' || is_blank(c) || strchr("();", c))
			break;
		if (c == '"') {
			int rc = skip_quoted(lexer, diags);
			if (rc != ISB_OK)
				return rc;
			continue;
		}
		if (c == '\\') {
			lexer->pos++;
			if (peek(lexer) == 0)
				break;
			if (peek(lexer) == '\n' || peek(lexer) == -1) {
				isb_diag(diags, here(lexer),
				         "a backslash ends the line; write what it escapes, or group lines in "
				         "parentheses");
				return ISB_EFORMAT;
			}
		}
		lexer->pos++;
	}
	return ISB_OK;
}

static int lex_token(struct isb_lexer *lexer, struct isb_entry *entry, struct isb_diags *diags)
{
	if (peek(lexer) == 0) {
		isb_diag(diags, here(lexer), "a NUL octet in the text; a master file is plain text");
		return ISB_EFORMAT;
	}
	size_t start = lexer->pos;
	struct isb_token *token = add_token(entry, here(lexer), lexer->text + start);
	token->quoted = peek(lexer) == '"';
	int rc = token->quoted ? skip_quoted(lexer, diags) : skip_word(lexer, diags);
	if (rc != ISB_OK)
		return rc;
	token->len = lexer->pos - start;
	if (token->quoted) {
		token->text++;
		token->len -= 2;
	}
	return ISB_OK;
}

/* After an entry that cannot be read: on to the next line; where a parenthesis was open, to the next that begins with
 * an owner or a directive, since indented lines behind it are most likely its own. */
static int recover(struct isb_lexer *lexer, bool open)
{
	do
		skip_line(lexer);
	while (open && (is_blank(peek(lexer)) || peek(lexer) == ')'));
	return ISB_EFORMAT;
}

/* An open parenthesis that is never closed reaches to the next one or to the end of the text; reading goes on in the
 * line after it, so nothing is read more than twice. */
static int unclosed(struct isb_lexer *lexer, const struct isb_lexer *opened, struct isb_diags *diags)
{
	isb_diag(diags, here(opened),
	         "the parenthesis opened here is never closed; write ')' at the end of the record");
	*lexer = *opened;
	return recover(lexer, true);
}

int isb_lex(struct isb_lexer *lexer, struct isb_entry *entry, struct isb_diags *diags)
{
	struct isb_lexer opened = {0}; /* where the parenthesis stands; text NULL: none open */
	entry->count = 0;
	entry->generated = lexer->fixed;
	entry->indented = !lexer->fixed && is_blank(peek(lexer));
	for (;;) {
		int c = peek(lexer);
		if (c == -1) {
			if (opened.text)
				return unclosed(lexer, &opened, diags);
			break;
		} else if (c == ';') {
			const char *end = memchr(lexer->text + lexer->pos, '\n', lexer->len - lexer->pos);
			lexer->pos = end ? (size_t)(end - lexer->text) : lexer->len;
		} else if (c == '\n') {
			next_line(lexer);
			if (!opened.text && entry->count)
				break;
			if (!opened.text)
				entry->indented = !lexer->fixed && is_blank(peek(lexer));
		} else if (is_blank(c)) {
			lexer->pos++;
		} else if (c == '(') {
			if (opened.text)
				return unclosed(lexer, &opened, diags);
			opened = *lexer;
			lexer->pos++;
		} else if (c == ')') {
			if (!opened.text) {
				isb_diag(diags, here(lexer), "')' without '(' before it");
				return recover(lexer, false);
			}
			opened.text = NULL;
			lexer->pos++;
		} else if (lex_token(lexer, entry, diags) != ISB_OK) {
			return recover(lexer, opened.text != NULL);
		}
	}
	if (entry->count)
		entry->mark = entry->tokens[0].mark;
	return entry->count ? 1 : 0;
}

bool isb_token_is(const struct isb_token *token, const char *word)
{
	return !token->quoted && strlen(word) == token->len && strncasecmp(token->text, word, token->len) == 0;
}

bool isb_token_number(const struct isb_token *token, uint32_t max, uint32_t *ret_value)
{
	uint64_t value = 0;
	if (token->quoted || token->len == 0)
		return false;
	for (size_t i = 0; i < token->len; i++) {
		if (token->text[i] < '0' || token->text[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(token->text[i] - '0');
		if (value > max)
			return false;
	}
	*ret_value = (uint32_t)value;
	return true;
}

static uint32_t unit_s(char c)
{
	switch (c) {
	case 's': case 'S': return 1;
	case 'm': case 'M': return 60;
	case 'h': case 'H': return 3600;
	case 'd': case 'D': return 86400;
	case 'w': case 'W': return 604800;
	default: return 0;
	}
}

bool isb_token_ttl(const struct isb_token *token, uint32_t *ret_ttl_s)
{
	uint64_t total = 0, value = 0;
	bool digits = false, units = false;
	if (token->quoted)
		return false;
	for (size_t i = 0; i < token->len; i++) {
		char c = token->text[i];
		if (c >= '0' && c <= '9') {
			value = value * 10 + (uint64_t)(c - '0');
			digits = true;
		} else {
			if (!digits || unit_s(c) == 0)
				return false;
			total += value * unit_s(c);
			value = 0;
			digits = false;
			units = true;
		}
		if (value > INT32_MAX || total > INT32_MAX)
			return false;
	}
	if (digits == units || total + value > INT32_MAX)
		return false;
	*ret_ttl_s = (uint32_t)(total + value);
	return true;
}

bool isb_token_copy(const struct isb_token *token, char *out, size_t cap)
{
	if (token->len >= cap)
		return false;
	memcpy(out, token->text, token->len);
	out[token->len] = '\0';
	return true;
}

static int escaped_octet(const char *p, size_t left, size_t *ret_used)
{
	if (left == 0)
		return ISB_EFORMAT;
	if (p[0] < '0' || p[0] > '9') {
		*ret_used = 1;
		return (unsigned char)p[0];
	}
	if (left < 3 || p[1] < '0' || p[1] > '9' || p[2] < '0' || p[2] > '9')
		return ISB_EFORMAT;
	int value = (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
	*ret_used = 3;
	return value > 255 ? ISB_EFORMAT : value;
}

int isb_token_octets(const struct isb_token *token, uint8_t *out, size_t cap)
{
	size_t n = 0;
	for (size_t i = 0; i < token->len; n++) {
		int octet = (unsigned char)token->text[i++];
		if (octet == '\\') {
			size_t used = 0;
			octet = escaped_octet(token->text + i, token->len - i, &used);
			i += used;
		} else if (octet == '"') {
			return ISB_EFORMAT;
		}
		if (octet < 0)
			return ISB_EFORMAT;
		if (n == cap)
			return ISB_ERANGE;
		out[n] = (uint8_t)octet;
	}
	return (int)n;
}

char *isb_token_show(const struct isb_token *token, char out[ISB_TOKEN_SHOW])
{
	size_t n = token->len < ISB_TOKEN_SHOW - 4 ? token->len : ISB_TOKEN_SHOW - 4;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)token->text[i];
		out[i] = c < ' ' || c == 0x7f ? '?' : (char)c;
	}
	strcpy(out + n, n < token->len ? "..." : "");
	return out;
}
