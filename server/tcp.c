/* SPDX-License-Identifier: Apache-2.0 */
#include "tcp.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "isobar/base/wire.h"
#include "worker.h"

enum {
	CONNS_MAX = 1000,
	BACKLOG = 512,
	SWEEP_MS = 1000,
	MESSAGE_MIN = 12,      /* a DNS header */
	MESSAGE_MAX = 65535,
	PREFIX = 2,            /* the length before every message, RFC 1035 §4.2.2 */
	UNSENT_MAX = 64 << 10, /* beyond this a client must read before it is answered again */
	IN_SIZE = 8 << 10,
	OUT_SIZE = UNSENT_MAX + PREFIX + MESSAGE_MAX, /* room for one more answer while the limit is not passed */
};

struct conn {
	uv_tcp_t handle; /* first: a pointer to it is one to the connection */
	struct isb_tcp *tcp;
	struct conn *older, *newer;
	struct isb_client client;
	/* Loop time of the last query answered or answer sent. Octets alone do not count, or a client could hold a
	 * connection with one of them every now and then. */
	uint64_t active_ms;
	uint8_t *in; /* what came and is not answered: less than a message, or held back while paused */
	size_t in_len;
	bool paused; /* not reading: too much unsent */
	bool ending; /* the client will ask no more: close when everything is sent */
};

/* The part of some answers that did not fit into the socket at once. */
struct unsent {
	uv_write_t req;
	uint8_t data[];
};

struct isb_tcp {
	struct isb_worker *worker;
	uv_tcp_t *listeners;
	size_t nlistener, nconn;
	struct conn *oldest, *newest; /* by active_ms */
	uv_timer_t sweep;
	uint8_t in[IN_SIZE], out[OUT_SIZE];
};

/* --- The list by activity, and the end of a connection --- */

static void unlink_conn(struct conn *conn)
{
	struct isb_tcp *tcp = conn->tcp;
	*(conn->older ? &conn->older->newer : &tcp->oldest) = conn->newer;
	*(conn->newer ? &conn->newer->older : &tcp->newest) = conn->older;
}

static void link_newest(struct conn *conn)
{
	struct isb_tcp *tcp = conn->tcp;
	conn->active_ms = uv_now(&tcp->worker->loop);
	conn->older = tcp->newest;
	conn->newer = NULL;
	*(tcp->newest ? &tcp->newest->newer : &tcp->oldest) = conn;
	tcp->newest = conn;
}

static void touch(struct conn *conn)
{
	unlink_conn(conn);
	link_newest(conn);
}

static bool closing(const struct conn *conn)
{
	return uv_is_closing((const uv_handle_t *)&conn->handle);
}

static size_t unsent(const struct conn *conn)
{
	return uv_stream_get_write_queue_size((const uv_stream_t *)&conn->handle);
}

static void on_closed(uv_handle_t *handle)
{
	struct conn *conn = (struct conn *)handle;
	free(conn->in);
	free(conn);
}

/* `why`, when given, counts it. */
static void drop(struct conn *conn, _Atomic uint64_t *why)
{
	if (closing(conn))
		return;
	if (why)
		isb_count(why);
	unlink_conn(conn);
	if (--conn->tcp->nconn == 0)
		uv_timer_stop(&conn->tcp->sweep);
	uv_close((uv_handle_t *)&conn->handle, on_closed);
}

static void on_sweep(uv_timer_t *timer)
{
	struct isb_tcp *tcp = timer->data;
	while (tcp->oldest && uv_now(timer->loop) - tcp->oldest->active_ms >= ISB_TCP_IDLE_MS)
		drop(tcp->oldest, &tcp->worker->net.tcp_idle);
}

/* --- Answers out --- */

static void on_drained(struct conn *conn);

static void on_written(uv_write_t *req, int status)
{
	struct conn *conn = (struct conn *)req->handle;
	free(req->data);
	if (closing(conn))
		return;
	if (status < 0) {
		drop(conn, &conn->tcp->worker->net.tcp_errors);
		return;
	}
	touch(conn);
	if (unsent(conn) == 0)
		on_drained(conn);
}

static void flush(struct conn *conn, const uint8_t *data, size_t len)
{
	uv_stream_t *stream = (uv_stream_t *)&conn->handle;
	uv_buf_t buf = uv_buf_init((char *)(uintptr_t)data, (unsigned)len);
	int sent = len ? uv_try_write(stream, &buf, 1) : 0;
	if (sent < 0 && sent != UV_EAGAIN) {
		drop(conn, &conn->tcp->worker->net.tcp_errors);
		return;
	}
	size_t done = sent > 0 ? (size_t)sent : 0;
	if (done == len)
		return;
	struct unsent *rest = isb_xmalloc(sizeof(*rest) + len - done);
	memcpy(rest->data, data + done, len - done);
	rest->req.data = rest;
	buf = uv_buf_init((char *)rest->data, (unsigned)(len - done));
	if (uv_write(&rest->req, stream, &buf, 1, on_written) != 0) {
		free(rest);
		drop(conn, &conn->tcp->worker->net.tcp_errors);
	}
}

/* --- Queries in --- */

/* Answers the whole queries at the front of `data` until they are used up or the client has to read first. Answers
 * gather in the worker's scratch and leave in as few segments as possible. Returns the octets used. */
static size_t serve(struct conn *conn, const uint8_t *data, size_t len)
{
	struct isb_tcp *tcp = conn->tcp;
	struct isb_worker *worker = tcp->worker;
	struct isb_turn turn;
	size_t pos = 0, out = 0;
	bool malformed = false;
	conn->paused = false;
	isb_turn_begin(worker, &turn);
	while (len - pos >= PREFIX) {
		size_t n = isb_get_u16(data + pos);
		malformed = n < MESSAGE_MIN;
		if (malformed || len - pos - PREFIX < n)
			break;
		conn->paused = unsent(conn) + out > UNSENT_MAX;
		if (conn->paused)
			break;
		size_t answer = isb_turn_respond(worker, &turn, &conn->client, data + pos + PREFIX, n,
		                                 tcp->out + out + PREFIX, MESSAGE_MAX);
		if (answer) {
			isb_put_u16(tcp->out + out, (uint16_t)answer);
			out += PREFIX + answer;
		}
		pos += PREFIX + n;
	}
	isb_turn_end(worker);
	if (pos)
		touch(conn);
	flush(conn, tcp->out, out);
	if (malformed)
		drop(conn, &worker->net.tcp_malformed);
	return pos;
}

/* Keeps the `len` octets at `rest`, which may lie inside conn->in, for later. The buffer is as large as what came, not
 * as what a length announced. */
static void keep(struct conn *conn, const uint8_t *rest, size_t len)
{
	uint8_t *old = conn->in;
	conn->in = NULL;
	if (len) {
		conn->in = isb_xmalloc(len);
		memcpy(conn->in, rest, len);
	}
	conn->in_len = len;
	free(old);
}

/* Serves what came, and reads no more while a query has to wait until answers are read. */
static void pump(struct conn *conn, const uint8_t *data, size_t len)
{
	size_t used = 0;
	do
		used += serve(conn, data + used, len - used);
	while (!closing(conn) && conn->paused && unsent(conn) == 0);
	if (closing(conn))
		return;
	if (used || data != conn->in)
		keep(conn, data + used, len - used);
	if (conn->paused)
		uv_read_stop((uv_stream_t *)&conn->handle);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct conn *conn = (struct conn *)handle;
	(void)suggested;
	*buf = uv_buf_init((char *)conn->tcp->in, IN_SIZE);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct conn *conn = (struct conn *)stream;
	if (n == UV_EOF) {
		/* it may still be reading what it asked for */
		uv_read_stop(stream);
		conn->ending = true;
		if (unsent(conn) == 0)
			drop(conn, NULL);
	} else if (n < 0) {
		drop(conn, &conn->tcp->worker->net.tcp_errors);
	} else if (n > 0 && !conn->in_len) {
		pump(conn, (const uint8_t *)buf->base, (size_t)n);
	} else if (n > 0) {
		conn->in = isb_xrealloc(conn->in, conn->in_len + (size_t)n);
		memcpy(conn->in + conn->in_len, buf->base, (size_t)n);
		conn->in_len += (size_t)n;
		pump(conn, conn->in, conn->in_len);
	}
}

static void on_drained(struct conn *conn)
{
	if (conn->ending) {
		drop(conn, NULL);
	} else if (conn->paused) {
		pump(conn, conn->in, conn->in_len);
		if (!closing(conn) && !conn->paused &&
		    uv_read_start((uv_stream_t *)&conn->handle, on_alloc, on_read) != 0)
			drop(conn, &conn->tcp->worker->net.tcp_errors);
	}
}

/* --- Connections --- */

static void on_connection(uv_stream_t *listener, int status)
{
	struct isb_tcp *tcp = listener->data;
	_Atomic uint64_t *errors = &tcp->worker->net.tcp_errors;
	if (status < 0) {
		isb_count(errors);
		return;
	}
	if (tcp->nconn == CONNS_MAX)
		drop(tcp->oldest, &tcp->worker->net.tcp_evicted);
	struct conn *conn = isb_xcalloc(1, sizeof(*conn));
	conn->tcp = tcp;
	uv_tcp_init(listener->loop, &conn->handle);
	if (tcp->nconn++ == 0)
		uv_timer_start(&tcp->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
	link_newest(conn);
	struct sockaddr_storage peer;
	int len = sizeof(peer);
	if (uv_accept(listener, (uv_stream_t *)&conn->handle) != 0 ||
	    uv_tcp_getpeername(&conn->handle, (struct sockaddr *)&peer, &len) != 0 ||
	    uv_tcp_nodelay(&conn->handle, 1) != 0 ||
	    uv_read_start((uv_stream_t *)&conn->handle, on_alloc, on_read) != 0) {
		drop(conn, errors);
		return;
	}
	conn->client = (struct isb_client){.addr = isb_addr_from_sockaddr((struct sockaddr *)&peer),
	                                   .proto = ISB_TCP,
	                                   .port = isb_port_from_sockaddr((struct sockaddr *)&peer)};
	isb_count(&tcp->worker->net.tcp_opened);
}

struct isb_tcp *isb_tcp_new(struct isb_worker *worker, size_t nlisten)
{
	struct isb_tcp *tcp = isb_xcalloc(1, sizeof(*tcp));
	tcp->worker = worker;
	tcp->listeners = isb_xcalloc(nlisten, sizeof(*tcp->listeners));
	uv_timer_init(&worker->loop, &tcp->sweep);
	tcp->sweep.data = tcp;
	return tcp;
}

int isb_tcp_listen(struct isb_tcp *tcp, const struct isb_listen *listen, struct isb_diags *diags)
{
	uv_tcp_t *listener = &tcp->listeners[tcp->nlistener];
	int fd, rc = isb_listen_tcp(listen, diags, &fd);
	if (rc != ISB_OK)
		return rc;
	uv_tcp_init(&tcp->worker->loop, listener);
	listener->data = tcp;
	tcp->nlistener++; /* from here on closed with the others */
	int error = uv_tcp_open(listener, fd);
	if (error != 0)
		close(fd);
	else
		error = uv_listen((uv_stream_t *)listener, BACKLOG, on_connection);
	if (error != 0) {
		char text[ISB_LISTEN_TEXT];
		isb_diag(diags, (struct isb_mark){0}, "cannot listen on %s: %s", isb_listen_print(listen, text),
		         uv_strerror(error));
		return ISB_EIO;
	}
	return ISB_OK;
}

void isb_tcp_close(struct isb_tcp *tcp)
{
	while (tcp->oldest)
		drop(tcp->oldest, NULL);
	for (size_t i = 0; i < tcp->nlistener; i++)
		uv_close((uv_handle_t *)&tcp->listeners[i], NULL);
	uv_close((uv_handle_t *)&tcp->sweep, NULL);
}

void isb_tcp_free(struct isb_tcp *tcp)
{
	if (!tcp)
		return;
	free(tcp->listeners);
	free(tcp);
}
