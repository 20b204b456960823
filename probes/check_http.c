/* SPDX-License-Identifier: Apache-2.0 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/buf.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "check_run.h"
#include "check_trust.h"

/* HTTP/1.1 and HTTP/2 by libcurl's multi_socket interface. The address is pinned by CONNECT_TO, so that name lookups
 * stay out of it while Host, SNI and the certificate's name are the check's. Handles are never removed inside curl's
 * callbacks; results are collected after each of its steps. */

enum {
	BODY_MAX = 64 * 1024,   /* what is read and searched; then the transfer is cut */
	HEADERS_MAX = 64 * 1024 /* all of them together, interim responses included */
};

struct isb_http {
	uv_loop_t *loop;
	CURLM *multi;
	uv_timer_t timer; /* curl's own */
};

struct transfer {
	struct isb_check_run *run;
	CURL *easy;
	struct curl_slist *connect_to;
	struct isb_buf body; /* kept only where the check wants to search it */
	size_t body_seen, headers_seen;
	bool body_full;
	bool no_trust;         /* its CA file cannot be read */
	uint32_t tls_began_us; /* when TLS began on the connection; 0: not yet */
	char error[CURL_ERROR_SIZE];
};

struct watch { /* one of curl's sockets */
	uv_poll_t poll;
	curl_socket_t fd;
	struct isb_http *http;
};

/* --- curl's callbacks --- */

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
	(void)data;
	struct transfer *t = arg;
	t->headers_seen += size * count;
	return t->headers_seen > HEADERS_MAX ? 0 : size * count;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * count, room = BODY_MAX - t->body_seen, take = len < room ? len : room;
	if (t->run->spec->body)
		isb_buf_add(&t->body, data, take);
	t->body_seen += take;
	t->body_full = t->body_seen == BODY_MAX;
	return t->body_full ? CURL_WRITEFUNC_ERROR : len;
}

/* TLS is about to begin on the connection. (curl tells when the connection stood only once TLS stands as well.) */
static CURLcode on_tls(CURL *easy, void *ssl_ctx, void *arg)
{
	(void)easy;
	struct transfer *t = arg;
	const struct isb_spec *spec = t->run->spec;
	t->tls_began_us = isb_check_elapsed_us(t->run);
	if (!spec->verify)
		return CURLE_OK;
	if (isb_trust_apply(t->run->checker->trust, spec->ca_file, isb_monotonic_us(), ssl_ctx) == ISB_OK)
		return CURLE_OK;
	t->no_trust = true;
	return CURLE_SSL_CACERT_BADFILE;
}

static void free_watch(uv_handle_t *poll)
{
	free(poll->data);
}

static void collect(struct isb_http *http);

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct watch *w = poll->data;
	struct isb_http *http = w->http;
	int flags = status < 0 ? CURL_CSELECT_ERR : 0, running;
	if (events & UV_READABLE)
		flags |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		flags |= CURL_CSELECT_OUT;
	curl_multi_socket_action(http->multi, w->fd, flags, &running); /* may close w */
	collect(http);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	(void)easy;
	struct isb_http *http = arg;
	struct watch *w = socket_arg;
	if (what == CURL_POLL_REMOVE) {
		if (w) { /* before curl closes the descriptor */
			uv_poll_stop(&w->poll);
			uv_close((uv_handle_t *)&w->poll, free_watch);
			curl_multi_assign(http->multi, fd, NULL);
		}
		return 0;
	}
	if (!w) {
		w = isb_xcalloc(1, sizeof(*w));
		w->fd = fd;
		w->http = http;
		if (uv_poll_init_socket(http->loop, &w->poll, fd) != 0) {
			free(w);
			return -1;
		}
		w->poll.data = w;
		curl_multi_assign(http->multi, fd, w);
	}
	int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
	return uv_poll_start(&w->poll, events, on_ready) == 0 ? 0 : -1;
}

static void on_timeout(uv_timer_t *timer)
{
	struct isb_http *http = timer->data;
	int running;
	curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect(http);
}

static int on_timer(CURLM *multi, long wait_ms, void *arg)
{
	(void)multi;
	struct isb_http *http = arg;
	if (wait_ms < 0)
		return uv_timer_stop(&http->timer);
	return uv_timer_start(&http->timer, on_timeout, (uint64_t)wait_ms, 0);
}

/* --- From a transfer to an outcome --- */

static uint32_t span_us(CURL *easy, CURLINFO info)
{
	curl_off_t us = 0;
	curl_easy_getinfo(easy, info, &us);
	return us < 0 ? 0 : us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

static void take_timings(const struct transfer *t, struct isb_outcome *o)
{
	uint32_t tls_done_us = span_us(t->easy, CURLINFO_APPCONNECT_TIME_T);
	o->connect_us = span_us(t->easy, CURLINFO_CONNECT_TIME_T);
	if (!o->connect_us)
		o->connect_us = t->tls_began_us;
	o->tls_us = tls_done_us > o->connect_us ? tls_done_us - o->connect_us : 0;
	o->first_byte_us = span_us(t->easy, CURLINFO_STARTTRANSFER_TIME_T);
	o->total_us = isb_check_elapsed_us(t->run);
}

static enum isb_outcome_kind failure(const struct transfer *t, CURLcode code, bool connected)
{
	long error = 0;
	switch (code) {
	case CURLE_COULDNT_CONNECT:
		curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &error);
		return isb_connect_failure((int)error);
	case CURLE_OPERATION_TIMEDOUT: return connected ? ISB_OUT_TIMEOUT : ISB_OUT_CONNECT_TIMEOUT;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS: return ISB_OUT_TLS_VERIFY;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CIPHER: return ISB_OUT_TLS_HANDSHAKE;
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR: return ISB_OUT_CLOSED_EARLY;
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL: /* not HTTP at all: HTTP/0.9 is off */
	case CURLE_BAD_CONTENT_ENCODING:
	case CURLE_WRITE_ERROR: return ISB_OUT_BAD_REPLY; /* headers without end */
	case CURLE_URL_MALFORMAT:
	case CURLE_SSL_CACERT_BADFILE: return ISB_OUT_INTERNAL;
	/* Nothing a server sends may pass for the probe's own trouble (a header line too long is "out of memory"). */
	default: return connected ? ISB_OUT_BAD_REPLY : ISB_OUT_INTERNAL;
	}
}

/* A status that is not wanted says more than how the transfer went on after it; then the transfer must have come to its
 * end, or to the end of what is read; then the body decides. */
static struct isb_outcome judge(const struct transfer *t, CURLcode code)
{
	const struct isb_spec *spec = t->run->spec;
	struct isb_outcome o = {0};
	long status = 0;
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	take_timings(t, &o);
	if (status >= 200 && status <= 999)
		o.status = (uint16_t)status;
	if (code == CURLE_WRITE_ERROR && t->body_full)
		code = CURLE_OK;
	if (o.status && !isb_spec_status_ok(spec, status))
		o.kind = ISB_OUT_STATUS;
	else if (code != CURLE_OK)
		o.kind = failure(t, code, o.connect_us > 0);
	else if (!o.status)
		o.kind = ISB_OUT_BAD_REPLY;
	else if (spec->body && !memmem(isb_buf_text(&t->body), t->body.len, spec->body, strlen(spec->body)))
		o.kind = ISB_OUT_BODY_MISMATCH;
	else
		o.kind = ISB_OUT_OK;
	return o;
}

static const char *detail_of(const struct transfer *t, CURLcode code)
{
	if (t->no_trust)
		return "cannot read a certificate from the check's ca_file";
	if (t->error[0])
		return t->error;
	return code != CURLE_OK ? curl_easy_strerror(code) : NULL;
}

static void collect(struct isb_http *http)
{
	CURLMsg *message;
	int left;
	while ((message = curl_multi_info_read(http->multi, &left))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		struct transfer *t;
		CURLcode code = message->data.result;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t);
		struct isb_outcome o = judge(t, code);
		isb_check_finish(t->run, &o, detail_of(t, code));
	}
}

/* --- The method --- */

static char *url_of(const struct isb_spec *spec)
{
	struct isb_buf url = {0};
	bool v6 = strchr(spec->host, ':') != NULL;
	isb_buf_printf(&url, "%s://%s%s%s:%u%s%s", spec->type == ISB_CHECK_HTTPS ? "https" : "http", v6 ? "[" : "",
	               spec->host, v6 ? "]" : "", spec->port, spec->path[0] == '/' ? "" : "/", spec->path);
	return url.data;
}

static void set_trust(CURL *easy, const struct isb_spec *spec)
{
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, spec->verify ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, spec->verify ? 2L : 0L);
	curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	/* on_tls() gives the trusted certificates. curl's own cache must be off: it would keep the store it finds in
	 * one check's context and put it into the next one's, whatever that check trusts. */
	curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
}

static void set_request(struct transfer *t, const struct isb_addr *addr)
{
	const struct isb_spec *spec = t->run->spec;
	CURL *easy = t->easy;
	char text[ISB_ADDR_TEXT], pin[ISB_ADDR_TEXT + 16];
	snprintf(pin, sizeof(pin), addr->family == 6 ? "::[%s]:%u" : "::%s:%u", isb_addr_print(addr, text), spec->port);
	t->connect_to = curl_slist_append(NULL, pin);
	char *url = url_of(spec);
	curl_easy_setopt(easy, CURLOPT_URL, url);
	free(url);
	curl_easy_setopt(easy, CURLOPT_CONNECT_TO, t->connect_to);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* the environment has no say */
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L); /* every check makes the whole way that a new client makes */
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "isobar-probe/" ISB_VERSION);
	if (strcmp(spec->method, "HEAD") == 0)
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	set_trust(easy, spec);
}

static void start(struct isb_check_run *run, const struct isb_addr *addr)
{
	struct isb_http *http = run->checker->http;
	struct transfer *t = isb_xcalloc(1, sizeof(*t));
	t->run = run;
	t->easy = curl_easy_init();
	run->state = t;
	if (t->easy) {
		set_request(t, addr);
		curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
		curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->error);
		curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header);
		curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
		curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body);
		curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
		curl_easy_setopt(t->easy, CURLOPT_SSL_CTX_FUNCTION, on_tls);
		curl_easy_setopt(t->easy, CURLOPT_SSL_CTX_DATA, t);
	}
	if (!t->easy || curl_multi_add_handle(http->multi, t->easy) != CURLM_OK) {
		struct isb_outcome o = {.kind = ISB_OUT_INTERNAL};
		isb_check_finish_soon(run, &o);
	}
}

static void stop(struct isb_check_run *run)
{
	struct transfer *t = run->state;
	run->state = NULL;
	if (t->easy) {
		curl_multi_remove_handle(run->checker->http->multi, t->easy);
		curl_easy_cleanup(t->easy);
	}
	curl_slist_free_all(t->connect_to);
	isb_buf_done(&t->body);
	free(t);
}

static struct isb_outcome expire(struct isb_check_run *run)
{
	struct transfer *t = run->state;
	return judge(t, CURLE_OPERATION_TIMEDOUT);
}

const struct isb_check_method isb_check_http = {start, stop, expire};

int isb_http_new(uv_loop_t *loop, struct isb_http **ret_http)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return ISB_ENOMEM;
	CURLM *multi = curl_multi_init();
	if (!multi) {
		curl_global_cleanup();
		return ISB_ENOMEM;
	}
	struct isb_http *http = isb_xcalloc(1, sizeof(*http));
	http->loop = loop;
	http->multi = multi;
	uv_timer_init(loop, &http->timer);
	http->timer.data = http;
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, http);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(multi, CURLMOPT_TIMERDATA, http);
	curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	*ret_http = http;
	return ISB_OK;
}

void isb_http_close(struct isb_http *http)
{
	curl_multi_cleanup(http->multi); /* gives its sockets back through on_socket() and stops its timer */
	http->multi = NULL;
	uv_close((uv_handle_t *)&http->timer, NULL);
}

void isb_http_free(struct isb_http *http)
{
	free(http);
	curl_global_cleanup();
}
