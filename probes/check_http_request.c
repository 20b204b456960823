/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "check_http_parts.h"

/* The address is pinned by CONNECT_TO, so that name lookups stay out of it while Host, SNI and the certificate's
 * name are the check's. */

static const char *path_of(const struct isb_spec *spec)
{
	return spec->type == ISB_CHECK_GRPC ? ISB_GRPC_PATH : spec->path;
}

static char *url_of(const struct isb_spec *spec)
{
	struct isb_buf url = {0};
	bool v6 = strchr(spec->host, ':') != NULL;
	isb_buf_printf(&url, "%s://%s%s%s:%u%s", spec->tls ? "https" : "http", v6 ? "[" : "", spec->host, v6 ? "]" : "",
	               spec->port, path_of(spec));
	return url.data;
}

static void pin(struct isb_transfer *t, unsigned port)
{
	const struct isb_addr *addr = &t->addr;
	char text[ISB_ADDR_TEXT], entry[ISB_ADDR_TEXT + 16];
	snprintf(entry, sizeof(entry), addr->family == 6 ? "::[%s]:%u" : "::%s:%u", isb_addr_print(addr, text), port);
	curl_slist_free_all(t->connect_to);
	t->connect_to = curl_slist_append(NULL, entry);
	curl_easy_setopt(t->easy, CURLOPT_CONNECT_TO, t->connect_to);
}

/* HTTP/2 is agreed on by TLS (ALPN), or without TLS known beforehand (RFC 9113 §3.3). */
static long version_of(const struct isb_transfer *t)
{
	const struct isb_spec *spec = t->run->spec;
	enum isb_http_version http = spec->type == ISB_CHECK_GRPC ? ISB_HTTP_2 : spec->http;
	if (http == ISB_HTTP_1)
		return CURL_HTTP_VERSION_1_1;
	return http == ISB_HTTP_2 && !t->secure ? CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE : CURL_HTTP_VERSION_2TLS;
}

static void set_trust(CURL *easy, const struct isb_spec *spec)
{
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, spec->verify ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, spec->verify ? 2L : 0L);
	curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	/* The trusted certificates come when TLS begins (check_http.c). curl's own cache must be off: it would
	 * keep the store it finds in one check's context and put it into the next one's, whatever that check
	 * trusts. */
	curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
	if (spec->client_cert) {
		curl_easy_setopt(easy, CURLOPT_SSLCERT, spec->client_cert);
		curl_easy_setopt(easy, CURLOPT_SSLKEY, spec->client_key);
	}
}

static void add_header(struct isb_transfer *t, const char *line)
{
	t->headers = curl_slist_append(t->headers, line);
}

static bool names_type(const char *header)
{
	return strncasecmp(header, "content-type:", 13) == 0;
}

static void set_post(struct isb_transfer *t, const void *body, size_t len)
{
	curl_easy_setopt(t->easy, CURLOPT_POST, 1L);
	curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE, (long)len);
	curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, body);
	add_header(t, "Expect:"); /* the whole request at once */
}

static void set_method(struct isb_transfer *t)
{
	const struct isb_spec *spec = t->run->spec;
	bool typed = false;
	for (size_t i = 0; i < spec->headers.count; i++) {
		add_header(t, spec->headers.list[i]);
		typed |= names_type(spec->headers.list[i]);
	}
	if (spec->type == ISB_CHECK_GRPC) {
		add_header(t, "Content-Type: application/grpc");
		add_header(t, "TE: trailers");
		set_post(t, t->message, isb_grpc_request(spec->service, t->message));
	} else if (strcmp(spec->method, "POST") == 0) {
		if (!typed)
			add_header(t, "Content-Type:"); /* curl would call it a form */
		set_post(t, spec->send ? spec->send : (const uint8_t *)"", spec->nsend);
	} else if (strcmp(spec->method, "HEAD") == 0) {
		curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
	} else if (strcmp(spec->method, "OPTIONS") == 0) {
		curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, "OPTIONS");
	}
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
}

static void set_connection(struct isb_transfer *t)
{
	CURLSH *share = t->run->spec->keep_alive ? isb_kept_share(t->run->keep) : NULL;
	if (share) {
		curl_easy_setopt(t->easy, CURLOPT_SHARE, share);
		return;
	}
	curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, 1L); /* the whole way that a new client makes */
	curl_easy_setopt(t->easy, CURLOPT_FORBID_REUSE, 1L);
}

void isb_transfer_ask(struct isb_transfer *t)
{
	const struct isb_spec *spec = t->run->spec;
	CURL *easy = t->easy;
	char *url = url_of(spec);
	t->secure = spec->tls;
	curl_easy_setopt(easy, CURLOPT_URL, url);
	free(url);
	pin(t, spec->port);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* the environment has no say */
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, version_of(t));
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "isobar-probe/" ISB_VERSION);
	set_connection(t);
	set_method(t);
	set_trust(easy, spec);
}

/* --- Redirects --- */

struct place {
	char *host, *port, *scheme, *user;
};

static void read_place(const char *url, struct place *ret_place)
{
	CURLU *u = curl_url();
	*ret_place = (struct place){0};
	if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK) {
		curl_url_get(u, CURLUPART_HOST, &ret_place->host, 0);
		curl_url_get(u, CURLUPART_PORT, &ret_place->port, CURLU_DEFAULT_PORT);
		curl_url_get(u, CURLUPART_SCHEME, &ret_place->scheme, 0);
		curl_url_get(u, CURLUPART_USER, &ret_place->user, 0);
	}
	curl_url_cleanup(u);
}

static void free_place(struct place *place)
{
	curl_free(place->host);
	curl_free(place->port);
	curl_free(place->scheme);
	curl_free(place->user);
}

/* Why the place is none to go to, or NULL. Another host says nothing about the endpoint that is tested, and is not
 * what its operator asked us to call; what was asked for over TLS is not read without it. */
static const char *objection(const struct isb_transfer *t, const struct place *place)
{
	const char *host = t->run->spec->host;
	size_t len = strlen(host);
	bool https = place->scheme && strcmp(place->scheme, "https") == 0;
	if (place->scheme && !https && strcmp(place->scheme, "http") != 0)
		return "it redirects to another protocol than http and https";
	if (!place->host || !place->port)
		return "it redirects to no place that can be asked";
	if (t->secure && !https)
		return "it redirects from https to http";
	if (place->user)
		return "it redirects with a user's name in the URL";
	const char *there = place->host + (place->host[0] == '[');
	return strncasecmp(there, host, len) == 0 && strcmp(there + len, there > place->host ? "]" : "") == 0
	               ? NULL
	               : "it redirects to another host";
}

/* What came of the hop before is not the reply. */
static void forget_hop(struct isb_transfer *t, long status)
{
	isb_buf_reset(&t->body);
	isb_buf_reset(&t->head);
	isb_load_done(&t->load);
	isb_load_init(&t->load, &t->run->spec->load);
	t->body_seen = 0;
	t->received_before = 0;
	t->tls_began_us = 0;
	if (strcmp(t->run->spec->method, "POST") == 0 && status != 307 && status != 308) { /* RFC 9110 §15.4 */
		curl_easy_setopt(t->easy, CURLOPT_HTTPGET, 1L);
		curl_slist_free_all(t->headers);
		t->headers = NULL;
		for (size_t i = 0; i < t->run->spec->headers.count; i++)
			if (!names_type(t->run->spec->headers.list[i]))
				add_header(t, t->run->spec->headers.list[i]);
		curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
	}
}

bool isb_transfer_follow(struct isb_transfer *t)
{
	const struct isb_spec *spec = t->run->spec;
	struct place place;
	char *url = NULL;
	long status = 0;
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	bool redirects = status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
	if (spec->type == ISB_CHECK_GRPC || !spec->redirects || !redirects)
		return false;
	curl_easy_getinfo(t->easy, CURLINFO_REDIRECT_URL, &url);
	read_place(url ? url : "", &place);
	const char *why = objection(t, &place);
	t->hops++;
	if (why || t->hops > spec->redirects) {
		snprintf(t->why, sizeof(t->why), "%s", why ? why : "it redirects on and on");
		free_place(&place);
		return false;
	}
	curl_easy_setopt(t->easy, CURLOPT_URL, url);
	t->secure = strcmp(place.scheme, "https") == 0;
	pin(t, (unsigned)strtoul(place.port, NULL, 10));
	curl_easy_setopt(t->easy, CURLOPT_HTTP_VERSION, version_of(t));
	forget_hop(t, status);
	free_place(&place);
	return true;
}
