/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "census.h"
#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "isobar/base/wire.h"
#include "proxy.h"
#include "tcp_parts.h"
#include "worker.h"

/* One connection. It is read only while nothing of it waits: no answer for room in the socket, no query for its turn.
 * So a client that does not read its answers is not read either, and TCP tells it to wait. */

/* Queries per wake-up. A client with an endless pipeline gets its next turn after everybody else, by way of poll. */
enum { TURN = 32 };

static bool is_closing(const struct isb_conn *conn)
{
	return uv_is_closing((const uv_handle_t *)&conn->poll);
}

static void on_closed(uv_handle_t *handle)
{
	struct isb_conn *conn = (struct isb_conn *)handle;
	isb_frames_done(&conn->in);
	free(conn->out);
	free(conn);
}

void isb_conn_drop(struct isb_conn *conn, _Atomic uint64_t *why, bool reset)
{
	struct isb_worker *worker = conn->tcp->worker;
	if (is_closing(conn))
		return;
	if (why)
		isb_count(why);
	isb_count(&worker->net.tcp_closed);
	if (reset)
		setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
	isb_tcp_forget(conn);
	if (conn->joined)
		isb_census_leave(worker->census, &conn->client.addr);
	isb_census_close(worker->census);
	uv_close((uv_handle_t *)&conn->poll, on_closed);
	close(conn->fd); /* it is not polled any more; the memory goes later */
}

static void fail(struct isb_conn *conn)
{
	isb_conn_drop(conn, &conn->tcp->worker->net.tcp_errors, false);
}

/* --- Answers out --- */

/* Octets the socket took. */
static size_t put(struct isb_conn *conn, const uint8_t *data, size_t len)
{
	ssize_t n = len ? send(conn->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		fail(conn);
	return n > 0 ? (size_t)n : 0;
}

static void send_answers(struct isb_conn *conn, const uint8_t *data, size_t len)
{
	size_t sent = put(conn, data, len);
	if (sent == len || is_closing(conn))
		return;
	conn->out_len = (uint32_t)(len - sent);
	conn->out_pos = 0;
	conn->out = isb_xmalloc(conn->out_len);
	memcpy(conn->out, data + sent, conn->out_len);
}

static void send_rest(struct isb_conn *conn)
{
	conn->out_pos += (uint32_t)put(conn, conn->out + conn->out_pos, conn->out_len - conn->out_pos);
	if (conn->out_pos == conn->out_len) {
		free(conn->out);
		conn->out = NULL;
	}
}

/* --- Queries in --- */

/* What is answered in one turn: from one view, into the worker's scratch, to leave in as few segments as possible. */
struct batch {
	struct isb_conn *conn;
	struct isb_turn turn;
	size_t out; /* octets of answers */
	unsigned queries;
};

/* Answers may leave in any order (RFC 7766 §6.2.1.1). Nothing here waits for anything, so the first answer to be ready
 * is the one to the first query, and the order stays. */
static bool answer(void *arg, const uint8_t *query, size_t len)
{
	struct batch *b = arg;
	struct isb_tcp *tcp = b->conn->tcp;
	if (b->out > ISB_TCP_UNSENT_MAX || b->queries == TURN)
		return false;
	uint8_t *frame = tcp->out + b->out;
	size_t n = isb_turn_respond(tcp->worker, &b->turn, &b->conn->client, query, len, frame + ISB_FRAME_PREFIX,
	                            ISB_MESSAGE_MAX);
	if (n) {
		isb_put_u16(frame, (uint16_t)n);
		b->out += ISB_FRAME_PREFIX + n;
	}
	b->queries++;
	return true;
}

static void end(struct isb_conn *conn, _Atomic uint64_t *why)
{
	isb_count(why);
	conn->ending = true;
	conn->waiting = false;
	isb_frames_done(&conn->in);
}

/* True when a query was answered. A client that stays forever would stay on the worker, and at the site, that the
 * network chose when it came; so its connection ends some day, and it comes again. */
static bool serve(struct isb_conn *conn, const uint8_t *data, size_t len)
{
	struct isb_worker *worker = conn->tcp->worker;
	struct batch b = {.conn = conn};
	isb_worker_begin(worker);
	isb_turn_begin(worker, &b.turn);
	isb_context_came(&worker->ctx, conn->client.addr.family == 6 ? ISB_ASKED_TCP_IPV6 : ISB_ASKED_TCP_IPV4);
	enum isb_frames_end frames = isb_frames_feed(&conn->in, data, len, answer, &b);
	isb_turn_end(worker);
	conn->waiting = frames == ISB_FRAMES_WAIT;
	if (frames == ISB_FRAMES_MALFORMED)
		end(conn, &worker->net.tcp_malformed);
	else if (b.queries && (uv_now(&worker->loop) - conn->opened_ms >= worker->options->tcp.lifetime_ms ||
	                       isb_tcp_is_over(conn->tcp)))
		end(conn, &worker->net.tcp_expired);
	send_answers(conn, conn->tcp->out, b.out);
	isb_worker_end(worker, b.queries);
	return b.queries > 0;
}

/* Counts the connection among those of the client that the header names; false, and closed, when it has too many. */
static bool join(struct isb_conn *conn)
{
	struct isb_worker *worker = conn->tcp->worker;
	conn->joined = isb_census_join(worker->census, &conn->client.addr);
	if (!conn->joined)
		isb_conn_drop(conn, &worker->net.tcp_refused, false);
	return conn->joined;
}

/* True when the header is whole, and what came behind it is served. */
static bool take_header(struct isb_conn *conn, const uint8_t *data, size_t len)
{
	struct isb_frames came = conn->in;
	struct isb_proxy proxy;
	came.held = isb_xrealloc(came.held, came.len + len);
	memcpy(came.held + came.len, data, len);
	came.len += len;
	conn->in = came;
	int rc = isb_proxy_parse(came.held, came.len, &proxy);
	if (rc == ISB_EFORMAT)
		isb_conn_drop(conn, &conn->tcp->worker->net.proxy_malformed, false);
	if (rc != ISB_OK)
		return false;
	conn->in = (struct isb_frames){0};
	conn->header = false;
	if (proxy.client.family) {
		conn->client.addr = proxy.client;
		conn->client.port = proxy.port;
	}
	if (join(conn) && proxy.len < came.len)
		serve(conn, came.held + proxy.len, came.len - proxy.len);
	isb_frames_done(&came);
	return true;
}

/* Reads once: poll says again when there is more. True when something was finished. */
static bool read_some(struct isb_conn *conn)
{
	uint8_t *in = conn->tcp->in;
	ssize_t n = recv(conn->fd, in, ISB_TCP_IN, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n < 0)
		fail(conn);
	else if (n == 0)
		isb_conn_drop(conn, NULL, false); /* everything it asked is answered: else it would not be read */
	else if (conn->header)
		return take_header(conn, in, (size_t)n);
	else if (!conn->ending)
		return serve(conn, in, (size_t)n);
	return false;
}

/* --- What to wait for --- */

static void on_event(uv_poll_t *poll, int status, int events);

static void watch(struct isb_conn *conn)
{
	int events = conn->out || conn->waiting ? UV_WRITABLE : UV_READABLE;
	if (events != conn->events) {
		conn->events = events;
		uv_poll_start(&conn->poll, events, on_event);
	}
}

/* Only our end is closed at first. Were the socket closed with queries unread, the kernel would send a reset, and that
 * may overtake answers. */
static void shut_when_sent(struct isb_conn *conn)
{
	if (conn->ending && !conn->out && !conn->shut) {
		shutdown(conn->fd, SHUT_WR);
		conn->shut = true;
	}
}

static void on_event(uv_poll_t *poll, int status, int events)
{
	struct isb_conn *conn = (struct isb_conn *)poll;
	bool progress = false;
	(void)events; /* only one is watched */
	if (status < 0) {
		fail(conn);
		return;
	}
	if (conn->out) {
		send_rest(conn);
		progress = !conn->out;
	} else if (conn->waiting) {
		progress = serve(conn, NULL, 0);
	} else {
		progress = read_some(conn);
	}
	if (is_closing(conn))
		return;
	shut_when_sent(conn);
	watch(conn);
	isb_tcp_settle(conn, progress);
}

void isb_conn_start(struct isb_tcp *tcp, int fd, const struct isb_handover_client *client)
{
	struct isb_worker *worker = tcp->worker;
	struct isb_conn *conn = isb_xcalloc(1, sizeof(*conn));
	int error = uv_poll_init(&worker->loop, &conn->poll, fd);
	if (error != 0) {
		/* epoll had no room for it (fs.epoll.max_user_watches) */
		isb_count(&worker->net.tcp_errors);
		isb_census_close(worker->census);
		if (!client->header)
			isb_census_leave(worker->census, &client->addr);
		close(fd);
		free(conn);
		return;
	}
	isb_count(&worker->net.tcp_opened);
	conn->tcp = tcp;
	conn->fd = fd;
	conn->header = client->header;
	conn->joined = !client->header;
	conn->client = (struct isb_client){.addr = client->addr, .proto = ISB_TCP, .port = client->port};
	conn->opened_ms = uv_now(&worker->loop);
	watch(conn);
	isb_tcp_settle(conn, true);
}
