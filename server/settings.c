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

static int load_secrets(const char *path, struct isb_cookie_secrets *secrets, struct isb_diags *diags)
{
	struct stat st;
	FILE *file = fopen(path, "re");
	if (!file) {
		isb_diag(diags, (struct isb_mark){.file = path}, "cannot open the cookie secrets: %s", strerror(errno));
		return ISB_EIO;
	}
	if (fstat(fileno(file), &st) == 0 && st.st_mode & S_IRWXO)
		isb_log(ISB_LOG_WARNING, "cookie-secret-open", "file=\"%s\" others may read it; chmod o= it", path);
	int rc = read_secrets(file, path, secrets, diags);
	fclose(file);
	return rc;
}

/* Good for one server alone and until it stops: a client then just gets a new cookie. */
static void invent_secret(struct isb_cookie_secrets *secrets)
{
	for (int i = 0; i < 2; i++) {
		uint64_t seed = isb_random_seed();
		memcpy(secrets->secret[0] + 8 * i, &seed, sizeof(seed));
	}
	secrets->count = 1;
}

int isb_settings_load(const struct isb_options *options, struct isb_diags *diags, struct isb_settings **ret_settings)
{
	struct isb_settings s = {.tcp_idle_100ms = (uint16_t)(options->tcp.idle_ms / 100)};
	int rc = ISB_OK;
	if (options->cookie_secret_file)
		rc = load_secrets(options->cookie_secret_file, &s.cookies, diags);
	else if (options->cookies)
		invent_secret(&s.cookies);
	if (rc != ISB_OK)
		return rc;
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
