/* SPDX-License-Identifier: Apache-2.0 */
#include "udp.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "worker.h"

enum {
	BATCH = 64,
	ROUNDS = 8,      /* batches in a row, so that a flood on one socket does not starve the others */
	LAST_ROUNDS = 256, /* likewise at the end: what a socket's buffer holds of the smallest queries */
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
	uint8_t before[ISB_CACHE_LINE]; /* and `behind`: of what stands there in memory another thread may write */
	struct isb_worker *worker;
	struct socket {
		int fd;
		bool proxy;
	} *sockets;
	struct pollfd *polled; /* one for each socket */
	size_t nsocket;
	atomic_bool stopped;
	size_t received; /* messages of the last batch: their lengths are not room any more */
	struct mmsghdr in[BATCH], out[BATCH];
	struct iovec in_iov[BATCH], out_iov[BATCH];
	union peer peer[BATCH];
	union control control[BATCH];
	uint8_t in_data[BATCH][IN_SIZE + APART], out_data[BATCH][OUT_SIZE + APART];
	uint8_t behind[ISB_CACHE_LINE];
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

static size_t receive(struct isb_udp *udp, int fd, int wait)
{
	for (size_t i = 0; i < udp->received; i++)
		make_room(udp, i);
	int n = recvmmsg(fd, udp->in, BATCH, wait, NULL);
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

static bool stopped(const struct isb_udp *udp)
{
	/* relaxed: the flag carries nothing but itself */
	return atomic_load_explicit(&udp->stopped, memory_order_relaxed);
}

/* Fetches what the batch will need, so that its questions wait for memory together and not one after the other. */
static void look_ahead(const struct isb_udp *udp, size_t n)
{
	uint64_t key[BATCH];
	for (size_t i = 0; i < n; i++)
		key[i] = isb_ahead_slot(&udp->worker->ctx, udp->in_data[i], udp->in[i].msg_len);
	for (size_t i = 0; i < n; i++)
		isb_ahead_node(&udp->worker->ctx, key[i]);
}

/* `wait`: MSG_WAITFORONE or MSG_DONTWAIT. */
static size_t serve_batch(struct isb_udp *udp, const struct socket *socket, int wait)
{
	size_t n = receive(udp, socket->fd, wait), answers = 0;
	if (!n)
		return 0;
	struct isb_turn turn;
	isb_worker_begin(udp->worker);
	isb_turn_begin(udp->worker, &turn);
	if (n > 1 && !socket->proxy && isb_context_looks_ahead(&udp->worker->ctx)) /* a PROXY header would have to be read twice */
		look_ahead(udp, n);
	for (size_t i = 0; i < n; i++)
		answers += answer(udp, &turn, socket->proxy, i, answers);
	isb_turn_end(udp->worker);
	send_all(udp, socket->fd, answers);
	isb_worker_end(udp->worker, n);
	return n;
}

void isb_udp_poll(struct isb_udp *udp, int timeout_ms)
{
	if (poll(udp->polled, udp->nsocket, timeout_ms) <= 0)
		return;
	for (size_t i = 0; i < udp->nsocket; i++)
		for (int round = 0; udp->polled[i].revents && round < ROUNDS; round++)
			if (serve_batch(udp, &udp->sockets[i], MSG_DONTWAIT) < BATCH)
				break; /* drained; what comes next is seen by the next poll */
}

static void on_wake(int number)
{
	(void)number; /* that a call was interrupted is all that is wanted */
}

/* The one signal that a thread that serves takes: it ends the call that waits. */
static void be_woken(void)
{
	const struct sigaction action = {.sa_handler = on_wake}; /* without SA_RESTART */
	sigset_t set;
	sigaction(ISB_UDP_WAKE, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, ISB_UDP_WAKE);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* What had come is answered, as far as it fits into a socket's buffer; a flood does not hold up the end. */
static void drain(struct isb_udp *udp)
{
	for (size_t i = 0; i < udp->nsocket; i++)
		for (int round = 0; round < LAST_ROUNDS; round++)
			if (!serve_batch(udp, &udp->sockets[i], MSG_DONTWAIT))
				break;
}

/* While little is asked, every question wakes this thread, and then a system call counts: one socket is waited for where
 * it is read. Only several have to be polled. */
void isb_udp_run(struct isb_udp *udp)
{
	be_woken();
	while (!stopped(udp)) {
		if (udp->nsocket == 1)
			serve_batch(udp, &udp->sockets[0], MSG_WAITFORONE);
		else
			isb_udp_poll(udp, -1);
	}
	drain(udp);
}

void isb_udp_stop(struct isb_udp *udp)
{
	atomic_store_explicit(&udp->stopped, true, memory_order_relaxed);
}

struct isb_udp *isb_udp_new(struct isb_worker *worker, size_t most)
{
	struct isb_udp *udp = isb_xcalloc(1, sizeof(*udp));
	udp->worker = worker;
	udp->sockets = isb_xcalloc(most, sizeof(*udp->sockets));
	udp->polled = isb_xcalloc(most, sizeof(*udp->polled));
	prepare(udp);
	return udp;
}

int isb_udp_listen(struct isb_udp *udp, const struct isb_listen *listen, struct isb_diags *diags)
{
	int fd;
	int rc = isb_listen_udp(listen, diags, &fd);
	if (rc == ISB_OK)
		isb_udp_take(udp, listen, fd);
	return rc;
}

void isb_udp_take(struct isb_udp *udp, const struct isb_listen *listen, int fd)
{
	size_t n = udp->nsocket++;
	udp->sockets[n] = (struct socket){.fd = fd, .proxy = listen->proxy};
	udp->polled[n] = (struct pollfd){.fd = fd, .events = POLLIN};
}

int isb_udp_socket(const struct isb_udp *udp, size_t i)
{
	return i < udp->nsocket ? udp->sockets[i].fd : -1;
}

void isb_udp_free(struct isb_udp *udp)
{
	if (!udp)
		return;
	for (size_t i = 0; i < udp->nsocket; i++)
		close(udp->sockets[i].fd);
	free(udp->sockets);
	free(udp->polled);
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
