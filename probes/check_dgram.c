/* SPDX-License-Identifier: Apache-2.0 */
#include "check_dgram.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "isobar/base/arena.h"

enum { BATCH = 16 }; /* datagrams taken before others have their turn */

struct isb_dgram {
	uv_poll_t poll;
	int fd;
	struct isb_addr peer;
	const struct isb_dgram_user *user;
	struct isb_check_run *run; /* NULL once closed */
};

/* One datagram; *ret_known: it is the peer's. The kernel sees to that for UDP and raw sockets; but a ping socket, connected
 * or not, is given replies from anywhere. */
static ssize_t receive(struct isb_dgram *d, uint8_t *chunk, bool *ret_known)
{
	struct sockaddr_storage from = {0};
	socklen_t room = sizeof(from);
	ssize_t len = recvfrom(d->fd, chunk, ISB_CHECK_READ, MSG_DONTWAIT, (struct sockaddr *)&from, &room);
	struct isb_addr addr = isb_addr_from_sockaddr((const struct sockaddr *)&from);
	*ret_known = len >= 0 && isb_addr_equal(&addr, &d->peer);
	return len;
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	(void)events; /* an error that waits is given by recvfrom() */
	struct isb_dgram *d = poll->data;
	for (int i = 0; i < BATCH && d->run; i++) {
		uint8_t *chunk = d->run->checker->chunk;
		bool known;
		ssize_t len = receive(d, chunk, &known);
		if (known)
			d->user->got(d->run, chunk, (size_t)len);
		else if (len < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		else if (len < 0)
			d->user->failed(d->run, errno);
	}
	if (d->run && status < 0) /* libuv stops polling at an error that recvfrom() has taken */
		uv_poll_start(poll, UV_READABLE, on_ready);
}

int isb_dgram_open(struct isb_check_run *run, int fd, const struct sockaddr *sa, socklen_t len,
                   const struct isb_dgram_user *user, struct isb_dgram **ret_dgram)
{
	struct isb_dgram *d = isb_xcalloc(1, sizeof(*d));
	*d = (struct isb_dgram){.fd = fd, .peer = isb_addr_from_sockaddr(sa), .user = user, .run = run};
	d->poll.data = d;
	int error = connect(fd, sa, len) == 0 ? 0 : errno;
	if (!error)
		error = -uv_poll_init(run->checker->loop, &d->poll, fd);
	if (error) {
		close(fd);
		free(d);
		return error;
	}
	error = -uv_poll_start(&d->poll, UV_READABLE, on_ready);
	if (error) {
		isb_dgram_close(d);
		return error;
	}
	*ret_dgram = d;
	return 0;
}

int isb_dgram_open_udp(struct isb_check_run *run, const struct isb_addr *addr, const struct isb_dgram_user *user,
                       struct isb_dgram **ret_dgram)
{
	struct sockaddr_storage sa;
	socklen_t len = isb_addr_to_sockaddr(addr, run->spec->port, &sa);
	int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return fd < 0 ? errno : isb_dgram_open(run, fd, (const struct sockaddr *)&sa, len, user, ret_dgram);
}

int isb_dgram_send(struct isb_dgram *dgram, const void *data, size_t len)
{
	return send(dgram->fd, data, len, MSG_NOSIGNAL) < 0 ? errno : 0;
}

static void free_dgram(uv_handle_t *poll)
{
	free(poll->data);
}

void isb_dgram_close(struct isb_dgram *dgram)
{
	if (!dgram)
		return;
	dgram->run = NULL;
	uv_poll_stop(&dgram->poll);
	uv_close((uv_handle_t *)&dgram->poll, free_dgram);
	close(dgram->fd);
}
