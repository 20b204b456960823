/* SPDX-License-Identifier: Apache-2.0 */
#include "udp.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "worker.h"

enum {
	BATCH = 64,
	ROUNDS = 8,      /* batches per wake-up, so that a flood on one socket does not starve the others */
	IN_SIZE = 4096,  /* a longer query is cut, and what is cut is malformed */
	OUT_SIZE = 4096, /* the largest udp_payload */
	APART = 64,      /* between buffers: a page apart, their beginnings would all want the same few lines of the cache */
};

union control {
	struct cmsghdr align;
	uint8_t octets[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};
union peer {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

struct isb_udp {
	struct isb_worker *worker;
	struct socket {
		uv_poll_t poll;
		int fd;
		bool proxy;
	} *sockets;
	size_t nsocket;
	size_t received; /* messages of the last batch: their lengths are not room any more */
	struct mmsghdr in[BATCH], out[BATCH];
	struct iovec in_iov[BATCH], out_iov[BATCH];
	union peer peer[BATCH];
	union control control[BATCH];
	uint8_t in_data[BATCH][IN_SIZE + APART], out_data[BATCH][OUT_SIZE + APART];
};

static void make_room(struct isb_udp *udp, size_t i)
{
	udp->in[i].msg_hdr.msg_namelen = sizeof(udp->peer[i]);
	udp->in[i].msg_hdr.msg_controllen = sizeof(udp->control[i]);
}

/* What never changes from batch to batch is set once. The answer to in[i] goes back to peer[i], with the same control
 * message; only which of out[] carries it varies. */
static void prepare(struct isb_udp *udp)
{
	for (size_t i = 0; i < BATCH; i++) {
		udp->in_iov[i] = (struct iovec){.iov_base = udp->in_data[i], .iov_len = IN_SIZE};
		udp->in[i].msg_hdr = (struct msghdr){.msg_name = &udp->peer[i],
		                                     .msg_iov = &udp->in_iov[i],
		                                     .msg_iovlen = 1,
		                                     .msg_control = &udp->control[i]};
		udp->out[i].msg_hdr = (struct msghdr){.msg_iov = &udp->out_iov[i], .msg_iovlen = 1};
		make_room(udp, i);
	}
}

static size_t receive(struct isb_udp *udp, int fd)
{
	for (size_t i = 0; i < udp->received; i++)
		make_room(udp, i);
	int n = recvmmsg(fd, udp->in, BATCH, MSG_DONTWAIT, NULL);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		isb_count(&udp->worker->net.udp_errors);
	udp->received = n > 0 ? (size_t)n : 0;
	return udp->received;
}

/* The address the query was sent to becomes the one the answer leaves from: it is the one control message that our sockets
 * ask for, those bound to a wildcard. Which interface it leaves by is for the routing table to say, except from link-local
 * addresses, which mean nothing without it. */
static void turn_around(struct msghdr *msg)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	if (!c)
		return;
	void *data = CMSG_DATA(c); /* aligned as the kernel's structures are */
	if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
		struct in_pktinfo *info = data;
		info->ipi_ifindex = 0;
	} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
		struct in6_pktinfo *info = data;
		if (!IN6_IS_ADDR_LINKLOCAL(&info->ipi6_addr))
			info->ipi6_ifindex = 0;
	}
}

/* Octets of the PROXY header before in[i], whose client replaces the sender; 0 when there is no right one. */
static size_t unwrap(struct isb_udp *udp, size_t i, struct isb_client *client)
{
	struct isb_net_counters *count = &udp->worker->net;
	struct isb_proxy proxy;
	if (!isb_proxy_allows(&udp->worker->options->proxy_from, &client->addr)) {
		isb_count(&count->proxy_refused);
		return 0;
	}
	if (isb_proxy_parse(udp->in_data[i], udp->in[i].msg_len, &proxy) != ISB_OK) {
		isb_count(&count->proxy_malformed);
		return 0;
	}
	if (proxy.client.family) {
		client->addr = proxy.client;
		client->port = proxy.port;
	}
	return proxy.len;
}

/* Puts the answer to in[i] into out[j]; false when there is none. The answer goes to the sender, without a header. */
static bool answer(struct isb_udp *udp, const struct isb_turn *turn, bool proxy, size_t i, size_t j)
{
	struct msghdr *in = &udp->in[i].msg_hdr, *out = &udp->out[j].msg_hdr;
	const struct sockaddr *peer = &udp->peer[i].sa;
	struct isb_client client = {
		.addr = isb_addr_from_sockaddr(peer), .proto = ISB_UDP, .port = isb_port_from_sockaddr(peer)};
	size_t skip = proxy ? unwrap(udp, i, &client) : 0;
	if (proxy && !skip)
		return false;
	size_t len = isb_turn_respond(udp->worker, turn, &client, udp->in_data[i] + skip, udp->in[i].msg_len - skip,
	                              udp->out_data[i], OUT_SIZE);
	if (!len)
		return false;
	turn_around(in);
	udp->out_iov[j] = (struct iovec){.iov_base = udp->out_data[i], .iov_len = len};
	out->msg_name = in->msg_name;
	out->msg_namelen = in->msg_namelen;
	out->msg_control = in->msg_control;
	out->msg_controllen = in->msg_controllen;
	return true;
}

/* An answer that cannot go out now is dropped and counted: the client asks again, and a queue would only make the
 * answers older. A full socket buffer takes the rest of the batch with it, any other error only its own answer. */
static void send_all(struct isb_udp *udp, int fd, size_t n)
{
	for (size_t done = 0; done < n;) {
		int sent = sendmmsg(fd, udp->out + done, (unsigned)(n - done), MSG_DONTWAIT);
		if (sent > 0) {
			done += (size_t)sent;
		} else if (errno != EINTR) {
			bool full = errno == EAGAIN || errno == ENOBUFS;
			size_t lost = full ? n - done : 1;
			for (size_t i = 0; i < lost; i++)
				isb_count(&udp->worker->net.udp_unsent);
			done += lost;
		}
	}
}

static size_t serve_batch(struct isb_udp *udp, const struct socket *socket)
{
	size_t n = receive(udp, socket->fd), answers = 0;
	if (!n)
		return 0;
	struct isb_turn turn;
	isb_turn_begin(udp->worker, &turn);
	for (size_t i = 0; i < n; i++)
		answers += answer(udp, &turn, socket->proxy, i, answers);
	isb_turn_end(udp->worker);
	send_all(udp, socket->fd, answers);
	return n;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct isb_udp *udp = poll->data;
	struct socket *socket = (struct socket *)poll; /* its first member */
	(void)events;
	if (status < 0) {
		/* libuv stops watching a socket that has an error pending: take the error away and go on */
		int error;
		socklen_t len = sizeof(error);
		getsockopt(socket->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		isb_count(&udp->worker->net.udp_errors);
		uv_poll_start(poll, UV_READABLE, on_readable);
		return;
	}
	for (int round = 0; round < ROUNDS; round++)
		if (serve_batch(udp, socket) < BATCH)
			break; /* drained; poll is level-triggered, so what comes next wakes us again */
}

struct isb_udp *isb_udp_new(struct isb_worker *worker, size_t nlisten)
{
	struct isb_udp *udp = isb_xcalloc(1, sizeof(*udp));
	udp->worker = worker;
	udp->sockets = isb_xcalloc(nlisten, sizeof(*udp->sockets));
	prepare(udp);
	return udp;
}

int isb_udp_listen(struct isb_udp *udp, const struct isb_listen *listen, struct isb_diags *diags)
{
	struct socket *socket = &udp->sockets[udp->nsocket];
	int rc = isb_listen_udp(listen, diags, &socket->fd);
	if (rc != ISB_OK)
		return rc;
	int error = uv_poll_init(&udp->worker->loop, &socket->poll, socket->fd);
	if (error != 0) {
		close(socket->fd);
		isb_diag(diags, (struct isb_mark){0}, "cannot watch a UDP socket: %s", uv_strerror(error));
		return ISB_EIO;
	}
	socket->poll.data = udp;
	socket->proxy = listen->proxy;
	udp->nsocket++;
	uv_poll_start(&socket->poll, UV_READABLE, on_readable);
	return ISB_OK;
}

void isb_udp_close(struct isb_udp *udp)
{
	for (size_t i = 0; i < udp->nsocket; i++)
		uv_close((uv_handle_t *)&udp->sockets[i].poll, NULL);
}

void isb_udp_free(struct isb_udp *udp)
{
	if (!udp)
		return;
	for (size_t i = 0; i < udp->nsocket; i++)
		close(udp->sockets[i].fd);
	free(udp->sockets);
	free(udp);
}

uint64_t isb_udp_overruns(const struct isb_udp *udp)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < udp->nsocket; i++) {
		uint32_t info[SK_MEMINFO_VARS] = {0};
		socklen_t len = sizeof(info);
		if (getsockopt(udp->sockets[i].fd, SOL_SOCKET, SO_MEMINFO, info, &len) == 0)
			sum += info[SK_MEMINFO_DROPS];
	}
	return sum;
}
