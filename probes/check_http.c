/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "isobar/base/arena.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "check_http_parts.h"
#include "tcp_facts.h"

/* HTTP/1.1 and HTTP/2 by libcurl's multi_socket interface. Handles are never removed inside curl's callbacks;
 * results are collected after each of its steps. */

enum {
	HEADERS_MAX = 64 * 1024,    /* all of a check together, interim and redirecting responses included */
	RECEIVED_MAX = 1024 * 1024, /* for one request, a page of load aside: HTTP/2 has frames that nobody asked for */
	SOCKET_ROOM = 64 * 1024,    /* a peer can make the kernel keep twice this */
	STEP_MS = 20,               /* of CPU; an honest step, a handshake's, is about one */
	CACHE_MAX = 4               /* connections that one check may keep: redirects may go to another port */
};

struct isb_watch { /* one of curl's sockets */
	uv_poll_t poll;
	curl_socket_t fd;
	struct isb_http *http;
	struct isb_transfer *transfer; /* valid while the watch is not closing */
	struct isb_watch *next, **link;
};

/* --- curl's callbacks --- */

static bool keeps_headers(const struct isb_spec *spec)
{
	return spec->expect_headers.count || spec->type == ISB_CHECK_GRPC;
}

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
	struct isb_transfer *t = arg;
	size_t len = size * count;
	t->head_seen += len;
	if (t->head_seen > HEADERS_MAX)
		return 0;
	if (len >= 5 && memcmp(data, "HTTP/", 5) == 0)
		isb_buf_reset(&t->head); /* what stood before was an interim response */
	if (keeps_headers(t->run->spec))
		isb_buf_add(&t->head, data, len);
	return len;
}

static bool keeps_body(const struct isb_spec *spec)
{
	return spec->body || spec->regex || spec->expect_json.count || spec->soft_json || spec->type == ISB_CHECK_GRPC ||
	       spec->load.format == ISB_LOAD_JSON;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
	struct isb_transfer *t = arg;
	size_t len = size * count, room = t->body_seen < ISB_BODY_MAX ? ISB_BODY_MAX - t->body_seen : 0;
	if (keeps_body(t->run->spec))
		isb_buf_add(&t->body, data, len < room ? len : room);
	isb_load_read(&t->load, data, len);
	t->body_seen += len;
	t->body_full = t->body_seen >= isb_load_wants(&t->load);
	return t->body_full ? CURL_WRITEFUNC_ERROR : len;
}

/* TLS is about to begin on the connection. (curl tells when the connection stood only once TLS stands as well.) */
static CURLcode on_tls(CURL *easy, void *ssl_ctx, void *arg)
{
	(void)easy;
	struct isb_transfer *t = arg;
	const struct isb_spec *spec = t->run->spec;
	struct isb_http *http = t->run->checker->http;
	t->tls_began_us = isb_check_elapsed_us(t->run);
	if (!spec->verify)
		return CURLE_OK;
	isb_step_guard_pause(http->guard); /* the system's certificates take a while to read, which is not the peer's doing */
	int rc = isb_trust_apply(t->run->checker->trust, spec->ca_file, isb_monotonic_us(), ssl_ctx);
	isb_step_guard_resume(http->guard);
	if (rc == ISB_OK)
		return CURLE_OK;
	t->no_trust = true;
	isb_trust_blame("ca_file", spec->ca_file, t->why, sizeof(t->why));
	return CURLE_SSL_CACERT_BADFILE;
}

/* libcurl would not tell why there is no socket, and that there is none says nothing about the endpoint. */
static curl_socket_t on_new_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	static const int room = SOCKET_ROOM;
	struct isb_transfer *t = arg;
	(void)purpose;
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	if (fd < 0) {
		t->no_socket = errno;
		return CURL_SOCKET_BAD;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)); /* without it, it is only more */
	return fd;
}

static void free_watch(uv_handle_t *poll)
{
	free(poll->data);
}

static void collect(struct isb_http *http);

/* How much the connection has brought so far. */
static uint64_t look_at(const struct isb_watch *w)
{
	struct isb_tcp_facts facts = {0};
	if (isb_tcp_facts(w->fd, &facts) && facts.rtt_us)
		w->transfer->rtt_us = facts.rtt_us;
	return facts.received;
}

static void end_flood(struct isb_transfer *t)
{
	struct isb_outcome o = isb_transfer_judge(t, CURLE_WEIRD_SERVER_REPLY);
	isb_check_finish(t->run, &o, "it sends more than a reply takes");
}

static bool floods(const struct isb_watch *w)
{
	size_t page = w->transfer->run->spec->load.format != ISB_LOAD_NONE ? ISB_LOAD_PAGE_MAX : 0;
	return look_at(w) > w->transfer->received_before + page + RECEIVED_MAX;
}

/* libcurl reads HTTP/2 until there is nothing left to read: a peer that sends frames which mean nothing, faster
 * than they are read, would keep it there, and all other checks waiting. In a signal handler: the next read finds
 * the end. */
static void end_step(void *arg)
{
	struct isb_http *http = arg;
	for (struct isb_watch *w = http->watches; w; w = w->next) {
		if (floods(w)) {
			w->transfer->endless = true;
			shutdown(w->fd, SHUT_RD);
		}
	}
}

static void step(struct isb_http *http, curl_socket_t fd, int flags)
{
	int running;
	isb_step_guard_enter(http->guard);
	curl_multi_socket_action(http->multi, fd, flags, &running); /* may close the socket's watch */
	isb_step_guard_leave(http->guard);
	collect(http);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct isb_watch *w = poll->data;
	int flags = status < 0 ? CURL_CSELECT_ERR : 0;
	if (events & UV_READABLE)
		flags |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		flags |= CURL_CSELECT_OUT;
	if (floods(w))
		end_flood(w->transfer);
	else
		step(w->http, w->fd, flags);
}

static struct isb_watch *new_watch(struct isb_http *http, curl_socket_t fd, CURL *easy)
{
	struct isb_watch *w = isb_xcalloc(1, sizeof(*w));
	w->fd = fd;
	w->http = http;
	if (uv_poll_init_socket(http->loop, &w->poll, fd) != 0) {
		free(w);
		return NULL;
	}
	w->poll.data = w;
	curl_multi_assign(http->multi, fd, w);
	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &w->transfer);
	w->transfer->received_before = look_at(w);
	isb_step_guard_pause(http->guard);
	w->next = http->watches;
	w->link = &http->watches;
	if (w->next)
		w->next->link = &w->next;
	http->watches = w;
	isb_step_guard_resume(http->guard);
	return w;
}

/* Before curl closes the descriptor. */
static void drop_watch(struct isb_watch *w)
{
	struct isb_http *http = w->http;
	isb_step_guard_pause(http->guard);
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	isb_step_guard_resume(http->guard);
	curl_multi_assign(http->multi, w->fd, NULL);
	uv_poll_stop(&w->poll);
	uv_close((uv_handle_t *)&w->poll, free_watch);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct isb_watch *w = socket_arg;
	if (what == CURL_POLL_REMOVE) {
		if (w)
			drop_watch(w);
		return 0;
	}
	if (!w)
		w = new_watch(arg, fd, easy);
	int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
	return w && uv_poll_start(&w->poll, events, on_ready) == 0 ? 0 : -1;
}

static void on_timeout(uv_timer_t *timer)
{
	step(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer(CURLM *multi, long wait_ms, void *arg)
{
	(void)multi;
	struct isb_http *http = arg;
	if (wait_ms < 0)
		return uv_timer_stop(&http->timer);
	return uv_timer_start(&http->timer, on_timeout, (uint64_t)wait_ms, 0);
}

/* --- From transfers to outcomes --- */

static bool goes_on(struct isb_http *http, struct isb_transfer *t, CURLcode code)
{
	if ((code != CURLE_OK && !t->body_full) || !isb_transfer_follow(t))
		return false;
	t->body_full = false;
	curl_multi_remove_handle(http->multi, t->easy);
	return curl_multi_add_handle(http->multi, t->easy) == CURLM_OK;
}

static void collect(struct isb_http *http)
{
	CURLMsg *message;
	int left;
	while ((message = curl_multi_info_read(http->multi, &left))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		struct isb_transfer *t;
		CURLcode code = message->data.result;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t);
		if (t->endless) {
			end_flood(t);
			continue;
		}
		if (goes_on(http, t, code))
			continue;
		struct isb_outcome o = isb_transfer_judge(t, code);
		const char *detail = isb_transfer_detail(t, code);
		if (detail)
			isb_check_say(t->run, "%s", detail);
		isb_check_finish(t->run, &o, NULL);
	}
}

/* --- The method --- */

static void set_callbacks(struct isb_transfer *t)
{
	curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->error);
	curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETFUNCTION, on_new_socket);
	curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_SSL_CTX_FUNCTION, on_tls);
	curl_easy_setopt(t->easy, CURLOPT_SSL_CTX_DATA, t);
}

static void start(struct isb_check_run *run, const struct isb_addr *addr)
{
	struct isb_http *http = run->checker->http;
	struct isb_transfer *t = isb_xcalloc(1, sizeof(*t));
	t->run = run;
	t->addr = *addr;
	isb_load_init(&t->load, &run->spec->load);
	t->easy = curl_easy_init();
	run->state = t;
	if (t->easy) {
		set_callbacks(t);
		isb_transfer_ask(t);
	}
	if (!t->easy || curl_multi_add_handle(http->multi, t->easy) != CURLM_OK) {
		struct isb_outcome o = {.kind = ISB_OUT_INTERNAL};
		isb_check_finish_soon(run, &o);
	}
}

static void stop(struct isb_check_run *run)
{
	struct isb_transfer *t = run->state;
	run->state = NULL;
	if (t->easy) {
		curl_multi_remove_handle(run->checker->http->multi, t->easy);
		curl_easy_cleanup(t->easy);
	}
	curl_slist_free_all(t->connect_to);
	curl_slist_free_all(t->headers);
	isb_buf_done(&t->body);
	isb_buf_done(&t->head);
	isb_load_done(&t->load);
	free(t);
}

static struct isb_outcome expire(struct isb_check_run *run)
{
	struct isb_transfer *t = run->state;
	return isb_transfer_judge(t, CURLE_OPERATION_TIMEDOUT);
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
	http->guard = isb_step_guard_new(STEP_MS, end_step, http);
	uv_timer_init(loop, &http->timer);
	http->timer.data = http;
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, http);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(multi, CURLMOPT_TIMERDATA, http);
	curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)CACHE_MAX);
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
	isb_step_guard_free(http->guard);
	free(http);
	curl_global_cleanup();
}
