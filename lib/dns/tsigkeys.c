/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/dns/tsigkeys.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "isobar/base/arena.h"
#include "isobar/base/basenc.h"
#include "isobar/base/err.h"
#include "isobar/base/wire.h"
#include "isobar/model/dname.h"

/* RFC 8945 §6. MD5 is left out: it must not be used for new keys, and whoever still has one can make a better one. */
static const char *const algorithms[] = {
	[ISB_HMAC_SHA1] = "hmac-sha1",     [ISB_HMAC_SHA224] = "hmac-sha224", [ISB_HMAC_SHA256] = "hmac-sha256",
	[ISB_HMAC_SHA384] = "hmac-sha384", [ISB_HMAC_SHA512] = "hmac-sha512", NULL,
};
enum { SECRET_MAX = 512, SECRET_LEAST = 8 }; /* octets */

bool isb_tsig_algorithm_find(const uint8_t *name, size_t len, enum isb_hmac_hash *ret_hash)
{
	for (int i = 0; algorithms[i]; i++)
		if (len == strlen(algorithms[i]) + 2 && *name == len - 2 && name[len - 1] == 0 &&
		    strncasecmp((const char *)name + 1, algorithms[i], len - 2) == 0) {
			*ret_hash = (enum isb_hmac_hash)i;
			return true;
		}
	return false;
}

const struct isb_tsig_key *isb_tsig_key_find(const struct isb_tsig_keys *keys, const uint8_t *name, size_t name_len)
{
	for (size_t i = 0; i < keys->count; i++)
		if (keys->list[i].name_len == name_len && isb_dname_equal(keys->list[i].name, name))
			return &keys->list[i];
	return NULL;
}

void isb_tsig_keys_free(struct isb_tsig_keys *keys)
{
	for (size_t i = 0; keys && i < keys->count; i++)
		isb_hmac_free(keys->list[i].hmac);
	free(keys);
}

/* --- Words of the text --- */

enum { WORD_MAX = 1024 };
struct lexer {
	const char *at, *end;
	struct isb_mark mark;
	struct isb_diags *diags;
	char word[WORD_MAX]; /* the last one; "" at the end */
	bool quoted;
	unsigned line;       /* that it stands in */
};

static void skip_to(struct lexer *lex, const char *end, size_t end_len)
{
	while (lex->at < lex->end && ((size_t)(lex->end - lex->at) < end_len || memcmp(lex->at, end, end_len) != 0))
		lex->mark.line += *lex->at++ == '\n';
}

static bool starts(const struct lexer *lex, const char *with)
{
	size_t len = strlen(with);
	return (size_t)(lex->end - lex->at) >= len && memcmp(lex->at, with, len) == 0;
}

static void skip_blanks(struct lexer *lex)
{
	while (lex->at < lex->end) {
		if (starts(lex, "#") || starts(lex, "//")) {
			skip_to(lex, "\n", 1);
		} else if (starts(lex, "/*")) {
			lex->at += 2;
			skip_to(lex, "*/", 2);
			lex->at += lex->at < lex->end ? 2 : 0;
		} else if (strchr(" \t\r\n", *lex->at) && *lex->at) {
			lex->mark.line += *lex->at++ == '\n';
		} else {
			return;
		}
	}
}

/* The next word into lex->word. One that is too long, or not closed, is refused as whatever was expected. */
static const char *next(struct lexer *lex)
{
	size_t len = 0;
	skip_blanks(lex);
	lex->line = lex->mark.line;
	lex->quoted = lex->at < lex->end && *lex->at == '"';
	lex->at += lex->quoted;
	while (lex->at < lex->end && *lex->at && len + 1 < WORD_MAX) {
		char c = *lex->at;
		if (lex->quoted ? c == '"' || c == '\n' : len > 0 && strchr("{};\" \t\r\n#", c))
			break;
		lex->word[len++] = c;
		lex->at++;
		if (!lex->quoted && strchr("{};", c))
			break;
	}
	if (lex->quoted && lex->at < lex->end && *lex->at == '"')
		lex->at++;
	else if (!len && lex->at < lex->end)
		lex->at++; /* an octet that no word begins with must not be met again */
	lex->word[len] = '\0';
	return lex->word;
}

static bool at_end(struct lexer *lex)
{
	skip_blanks(lex);
	return lex->at == lex->end;
}

__attribute__((format(printf, 2, 3))) static bool wrong(struct lexer *lex, const char *fmt, ...)
{
	struct isb_mark mark = {.file = lex->mark.file, .line = lex->line};
	struct isb_arena arena = {0};
	va_list ap;
	va_start(ap, fmt);
	isb_diag(lex->diags, mark, "%s", isb_arena_vprintf(&arena, fmt, ap));
	va_end(ap);
	isb_arena_done(&arena);
	return false;
}

static bool expect(struct lexer *lex, const char *word)
{
	if (strcmp(next(lex), word) == 0 && !lex->quoted)
		return true;
	return wrong(lex, "'%s' must stand here; a key is written: key \"NAME\" { algorithm hmac-sha256; secret \"BASE64\"; };",
	             word);
}

/* --- Keys --- */

static bool read_name(struct lexer *lex, const struct isb_tsig_keys *keys, struct isb_tsig_key *key)
{
	uint8_t name[ISB_DNAME_MAX];
	const char *text = next(lex);
	int len = *text ? isb_dname_parse(text, NULL, name) : ISB_EFORMAT;
	if (len < 0)
		return wrong(lex, "'%s' is no name for a key; write a domain name", text);
	if (len > ISB_TSIG_NAME_MAX)
		return wrong(lex, "the key's name has %d octets; %d are the most", len, (int)ISB_TSIG_NAME_MAX);
	key->name_len = (uint8_t)isb_dname_lower(name, name);
	memcpy(key->name, name, key->name_len);
	if (isb_tsig_key_find(keys, key->name, key->name_len))
		return wrong(lex, "there is a key '%s' already; give each a name of its own", text);
	return true;
}

static bool read_algorithm(struct lexer *lex, struct isb_tsig_key *key)
{
	const char *text = next(lex);
	for (int i = 0; algorithms[i]; i++)
		if (strcasecmp(text, algorithms[i]) == 0) {
			key->hash = (enum isb_hmac_hash)i;
			return true;
		}
	const char *near = strcasecmp(text, "hmac-md5") ? isb_nearest(text, algorithms) : NULL;
	if (near)
		return wrong(lex, "unknown algorithm '%s'; did you mean '%s'?", text, near);
	return wrong(lex, "unknown algorithm '%s'; write hmac-sha256, hmac-sha384 or hmac-sha512", text);
}

/* What the secret was is told nobody. */
static bool read_secret(struct lexer *lex, uint8_t secret[SECRET_MAX], size_t *ret_len)
{
	const char *text = next(lex);
	struct isb_writer w = isb_writer(secret, SECRET_MAX);
	bool good = isb_base64_decode(text, strlen(text), &w) && !w.bad && w.pos > 0;
	explicit_bzero(lex->word, sizeof(lex->word));
	if (!good)
		return wrong(lex, "the secret is not base64 of 1 to %d octets; make one with: tsig-keygen", (int)SECRET_MAX);
	if (w.pos < SECRET_LEAST)
		return wrong(lex, "the secret has %zu octets, which anybody can guess; make one with: tsig-keygen", w.pos);
	*ret_len = w.pos;
	return true;
}

/* What stands between the braces, and the braces. */
static bool read_body(struct lexer *lex, struct isb_tsig_key *key, uint8_t secret[SECRET_MAX], size_t *ret_len)
{
	bool has_algorithm = false, has_secret = false, good = expect(lex, "{");
	while (good && strcmp(next(lex), "}") != 0) {
		if (!has_algorithm && strcmp(lex->word, "algorithm") == 0)
			good = has_algorithm = read_algorithm(lex, key);
		else if (!has_secret && strcmp(lex->word, "secret") == 0)
			good = has_secret = read_secret(lex, secret, ret_len);
		else
			return wrong(lex, "'%s' does not belong here; a key has one algorithm and one secret", lex->word);
		good = good && expect(lex, ";");
	}
	if (good && !(has_algorithm && has_secret))
		return wrong(lex, "the key has no %s", has_algorithm ? "secret" : "algorithm");
	return good && expect(lex, ";");
}

static bool read_key(struct lexer *lex, struct isb_tsig_keys *keys)
{
	struct isb_tsig_key key = {0};
	uint8_t secret[SECRET_MAX];
	size_t len = 0;
	if (!expect(lex, "key") || !read_name(lex, keys, &key))
		return false;
	if (keys->count == ISB_TSIG_KEYS_MAX)
		return wrong(lex, "more than %d keys", (int)ISB_TSIG_KEYS_MAX);
	bool good = read_body(lex, &key, secret, &len);
	if (good && !(key.hmac = isb_hmac_new(key.hash, secret, len)))
		good = wrong(lex, "the library for %s takes no such secret", algorithms[key.hash]);
	explicit_bzero(secret, sizeof(secret));
	if (good)
		keys->list[keys->count++] = key;
	return good;
}

int isb_tsig_keys_read(const char *text, size_t len, const char *file, struct isb_diags *diags,
                       struct isb_tsig_keys **ret_keys)
{
	struct isb_tsig_keys *keys = isb_xcalloc(1, sizeof(*keys));
	struct lexer lex = {.at = text, .end = text + len, .mark = {.file = file, .line = 1}, .diags = diags};
	bool good = true;
	while (good && !at_end(&lex))
		good = read_key(&lex, keys);
	if (good && !keys->count)
		good = wrong(&lex, "no key in the file; make one with: tsig-keygen NAME");
	if (!good) {
		isb_tsig_keys_free(keys);
		return ISB_EINVAL;
	}
	*ret_keys = keys;
	return ISB_OK;
}
