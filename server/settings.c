/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "isobar/base/log.h"
#include "isobar/base/rng.h"
#include "isobar/model/dname.h"

enum { HEX_DIGITS = 2 * ISB_COOKIE_SECRET };

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool parse_secret(const char *text, uint8_t ret_secret[ISB_COOKIE_SECRET])
{
	uint8_t secret[ISB_COOKIE_SECRET];
	if (strlen(text) != HEX_DIGITS)
		return false;
	for (int i = 0; i < ISB_COOKIE_SECRET; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		secret[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(ret_secret, secret, sizeof(secret));
	return true;
}

static int read_secrets(FILE *file, const char *path, struct isb_cookie_secrets *secrets, struct isb_diags *diags)
{
	char line[128];
	for (unsigned number = 1; fgets(line, sizeof(line), file); number++) {
		struct isb_mark at = {.file = path, .line = number};
		line[strcspn(line, "#\r\n \t")] = '\0';
		if (!*line)
			continue;
		if (secrets->count == ISB_COOKIE_SECRETS_MAX)
			isb_diag(diags, at, "more than %d secrets; the first signs, the others are still accepted",
			         (int)ISB_COOKIE_SECRETS_MAX);
		else if (parse_secret(line, secrets->secret[secrets->count]))
			secrets->count++;
		else
			isb_diag(diags, at, "a secret is %d hexadecimal digits; make one with: openssl rand -hex %d", (int)HEX_DIGITS,
			         (int)ISB_COOKIE_SECRET);
	}
	if (!secrets->count && !diags->count)
		isb_diag(diags, (struct isb_mark){.file = path}, "no secret in the file; make one with: openssl rand -hex %d",
		         (int)ISB_COOKIE_SECRET);
	return diags->count ? ISB_EINVAL : ISB_OK;
}

/* A file that only the server and its operators should be able to read; NULL with a diag. */
static FILE *open_secret(const char *path, const char *what, const char *event, struct isb_diags *diags)
{
	struct stat st;
	FILE *file = fopen(path, "re");
	if (!file)
		isb_diag(diags, (struct isb_mark){.file = path}, "cannot open the %s: %s", what, strerror(errno));
	else if (fstat(fileno(file), &st) == 0 && st.st_mode & S_IRWXO)
		isb_log(ISB_LOG_WARNING, event, "file=\"%s\" others may read it; chmod o= it", path);
	return file;
}

static int load_secrets(const char *path, struct isb_cookie_secrets *secrets, struct isb_diags *diags)
{
	FILE *file = open_secret(path, "cookie secrets", "cookie-secret-open", diags);
	if (!file)
		return ISB_EIO;
	int rc = read_secrets(file, path, secrets, diags);
	fclose(file);
	return rc;
}

static int load_keys(const char *path, struct isb_tsig_keys **ret_keys, struct isb_diags *diags)
{
	enum { FILE_MAX = 256 << 10 }; /* all the keys there may be, with long comments */
	FILE *file = open_secret(path, "TSIG keys", "tsig-keys-open", diags);
	if (!file)
		return ISB_EIO;
	char *text = isb_xmalloc(FILE_MAX);
	setvbuf(file, NULL, _IONBF, 0); /* no copy of the secrets stays behind */
	size_t len = fread(text, 1, FILE_MAX, file);
	int rc = ferror(file) ? ISB_EIO : len == FILE_MAX ? ISB_EINVAL : ISB_OK;
	if (rc != ISB_OK)
		isb_diag(diags, (struct isb_mark){.file = path}, "%s",
		         rc == ISB_EIO ? "cannot read the TSIG keys" : "this is too long for a file of TSIG keys");
	fclose(file);
	if (rc == ISB_OK)
		rc = isb_tsig_keys_read(text, len, path, diags, ret_keys);
	explicit_bzero(text, FILE_MAX);
	free(text);
	return rc;
}

static int set_explain(const struct isb_options *options, struct isb_settings *s, struct isb_diags *diags)
{
	struct isb_explain_allowed *allowed = &s->explain;
	memcpy(allowed->from, options->explain_from, sizeof(allowed->from));
	allowed->nfrom = options->nexplain_from;
	for (unsigned i = 0; i < options->nexplain_key; i++) {
		uint8_t name[ISB_DNAME_MAX];
		int len = isb_dname_parse(options->explain_key[i], NULL, name);
		const struct isb_tsig_key *key = s->keys && len > 0 ? isb_tsig_key_find(s->keys, name, (size_t)len) : NULL;
		if (key)
			allowed->key[allowed->nkey++] = key;
		else
			isb_diag(diags, (struct isb_mark){.file = options->tsig_keys}, "there is no key '%s', which --explain-key names",
			         options->explain_key[i]);
	}
	allowed->anybody = allowed->nfrom || allowed->nkey;
	return diags->count ? ISB_EINVAL : ISB_OK;
}

struct isb_cookie_secrets isb_settings_own_secret(void)
{
	struct isb_cookie_secrets secrets = {.count = 1};
	for (int i = 0; i < 2; i++) {
		uint64_t seed = isb_random_seed();
		memcpy(secrets.secret[0] + 8 * i, &seed, sizeof(seed));
	}
	return secrets;
}

int isb_settings_load(const struct isb_options *options, const struct isb_cookie_secrets *own, struct isb_diags *diags,
                      struct isb_settings **ret_settings)
{
	struct isb_settings s = {.tcp_idle_100ms = (uint16_t)(options->tcp.idle_ms / 100)};
	int rc = ISB_OK;
	if (options->cookie_secret_file)
		rc = load_secrets(options->cookie_secret_file, &s.cookies, diags);
	else if (options->cookies)
		s.cookies = *own;
	if (rc == ISB_OK && options->tsig_keys)
		rc = load_keys(options->tsig_keys, &s.keys, diags);
	if (rc == ISB_OK)
		rc = set_explain(options, &s, diags);
	if (rc != ISB_OK) {
		isb_tsig_keys_free(s.keys);
		return rc;
	}
	if (options->nsid) {
		s.nsid_len = (uint8_t)strlen(options->nsid);
		memcpy(s.nsid, options->nsid, s.nsid_len);
	}
	isb_chaos_set(&s.version, options->version_text);
	isb_chaos_set(&s.id, options->id_text);
	struct isb_settings *settings = isb_xmalloc(sizeof(*settings));
	*settings = s;
	*ret_settings = settings;
	return ISB_OK;
}

void isb_settings_free(struct isb_settings *settings)
{
	if (settings)
		isb_tsig_keys_free(settings->keys);
	free(settings);
}
