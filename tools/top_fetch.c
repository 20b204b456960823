/* SPDX-License-Identifier: Apache-2.0 */
#include <curl/curl.h>
#include <string.h>

#include "isobar/base/err.h"
#include "top.h"

enum { BODY_MAX = 64 << 20, TIMEOUT_S = 5, CONNECT_S = 2 };

static size_t take(char *data, size_t size, size_t count, void *arg)
{
	struct isb_buf *body = arg;
	if (body->len + size * count > BODY_MAX)
		return 0; /* which ends it */
	isb_buf_add(body, data, size * count);
	return size * count;
}

/* "127.0.0.1:9153", "dns1.example:9153" and "https://dns1.example/" mean the page /metrics there. */
static const char *url_of(struct isb_arena *arena, const char *from)
{
	const char *host = strstr(from, "://");
	if (!host)
		return isb_arena_printf(arena, "http://%s/metrics", from);
	const char *path = strchr(host + 3, '/');
	return path && path[1] ? from : isb_arena_printf(arena, "%.*s/metrics", (int)(path ? path - from : (int)strlen(from)), from);
}

static CURLcode ask(CURL *curl, const char *url, struct isb_buf *body, char error[CURL_ERROR_SIZE])
{
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)TIMEOUT_S);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "isobar/" ISB_VERSION);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
	return curl_easy_perform(curl);
}

char *top_fetch(const char *from, struct isb_arena *arena, size_t *ret_len, const char **ret_error)
{
	char why[CURL_ERROR_SIZE] = "", *text = NULL;
	struct isb_buf body = {0};
	long status = 0;
	CURL *curl = curl_easy_init();
	CURLcode rc = curl ? ask(curl, url_of(arena, from), &body, why) : CURLE_OUT_OF_MEMORY;
	if (rc == CURLE_OK)
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (rc == CURLE_WRITE_ERROR)
		*ret_error = isb_arena_printf(arena, "it says more than %d octets", (int)BODY_MAX);
	else if (rc != CURLE_OK)
		*ret_error = isb_arena_printf(arena, "%s%s", *why ? why : curl_easy_strerror(rc),
		                              rc == CURLE_COULDNT_CONNECT ? "; does isobard run there with --metrics?" : "");
	else if (status != 200)
		*ret_error = isb_arena_printf(arena, "it answers with HTTP status %ld", status);
	else
		text = isb_arena_strndup(arena, isb_buf_text(&body), body.len);
	*ret_len = body.len;
	isb_buf_done(&body);
	curl_easy_cleanup(curl);
	return text;
}
