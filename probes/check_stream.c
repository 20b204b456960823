/* SPDX-License-Identifier: Apache-2.0 */
#include "check_stream.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "isobar/base/arena.h"

struct isb_stream {
	uv_tcp_t socket;
	uv_connect_t connect;
	const struct isb_stream_user *user;
	struct isb_check_run *run; /* NULL once closed: what was under way still calls back */
	bool half;
};

struct sending {
	uv_write_t request;
	uint8_t data[];
};

static void give_chunk(uv_handle_t *socket, size_t suggested, uv_buf_t *buf)
{
	(void)suggested;
	const struct isb_stream *s = socket->data;
	*buf = uv_buf_init((char *)s->run->checker->chunk, ISB_CHECK_READ);
}

static void on_read(uv_stream_t *socket, ssize_t len, const uv_buf_t *buf)
{
	struct isb_stream *s = socket->data;
	if (!s->run || len == 0)
		return;
	if (len > 0) {
		s->user->data(s->run, (const uint8_t *)buf->base, (size_t)len);
		return;
	}
	uv_read_stop(socket);
	s->user->ended(s->run, len == UV_EOF ? 0 : (int)-len);
}

static void on_connect(uv_connect_t *request, int status)
{
	struct isb_stream *s = request->data;
	if (!s->run)
		return;
	if (status == 0 && !s->half)
		status = uv_read_start((uv_stream_t *)&s->socket, give_chunk, on_read);
	if (status == 0)
		s->user->connected(s->run);
	else
		s->user->ended(s->run, -status);
}

static void free_stream(uv_handle_t *socket)
{
	free(socket->data);
}

/* In "pingpong mode" Linux holds back the third packet of the handshake, to send it with the first data. */
static int delay_ack(struct isb_stream *s, int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), off = 0;
	if (fd < 0)
		return errno;
	int error = setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof(off)) == 0 ? 0 : errno;
	if (!error)
		error = -uv_tcp_open(&s->socket, fd);
	if (error)
		close(fd);
	return error;
}

static int open_stream(struct isb_check_run *run, const struct isb_addr *addr, const struct isb_stream_user *user,
                       bool half, struct isb_stream **ret_stream)
{
	struct sockaddr_storage sa;
	isb_addr_to_sockaddr(addr, run->spec->port, &sa);
	struct isb_stream *s = isb_xcalloc(1, sizeof(*s));
	*s = (struct isb_stream){.user = user, .run = run, .half = half};
	uv_tcp_init(run->checker->loop, &s->socket);
	s->socket.data = s->connect.data = s;
	int error = half ? delay_ack(s, sa.ss_family) : 0;
	if (!error)
		error = -uv_tcp_connect(&s->connect, &s->socket, (const struct sockaddr *)&sa, on_connect);
	if (error) {
		isb_stream_close(s);
		return error;
	}
	*ret_stream = s;
	return 0;
}

int isb_stream_open(struct isb_check_run *run, const struct isb_addr *addr, const struct isb_stream_user *user,
                    struct isb_stream **ret_stream)
{
	return open_stream(run, addr, user, false, ret_stream);
}

int isb_stream_open_half(struct isb_check_run *run, const struct isb_addr *addr, const struct isb_stream_user *user,
                         struct isb_stream **ret_stream)
{
	return open_stream(run, addr, user, true, ret_stream);
}

static void on_sent(uv_write_t *request, int status)
{
	(void)status; /* reading finds the same */
	free(request->data);
}

void isb_stream_send(struct isb_stream *stream, const void *data, size_t len)
{
	struct sending *sending = isb_xmalloc(sizeof(*sending) + len);
	memcpy(sending->data, data, len);
	sending->request.data = sending;
	uv_buf_t buf = uv_buf_init((char *)sending->data, (unsigned)len);
	if (uv_write(&sending->request, (uv_stream_t *)&stream->socket, &buf, 1, on_sent) != 0)
		free(sending);
}

void isb_stream_try(struct isb_stream *stream, const void *data, size_t len)
{
	uv_buf_t buf = uv_buf_init((char *)(uintptr_t)data, (unsigned)len);
	uv_try_write((uv_stream_t *)&stream->socket, &buf, 1);
}

void isb_stream_close(struct isb_stream *stream)
{
	if (!stream)
		return;
	stream->run = NULL;
	uv_close((uv_handle_t *)&stream->socket, free_stream);
}

void isb_stream_reset(struct isb_stream *stream)
{
	if (!stream)
		return;
	stream->run = NULL;
	if (uv_tcp_close_reset(&stream->socket, free_stream) != 0)
		uv_close((uv_handle_t *)&stream->socket, free_stream);
}
