/* SPDX-License-Identifier: Apache-2.0 */
#include "tcp.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "census.h"
#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "isobar/base/log.h"
#include "proxy.h"
#include "tcp_parts.h"
#include "worker.h"

enum {
	BACKLOG = 4096,      /* the kernel takes net.core.somaxconn when that is less */
	ACCEPTS = 32,        /* per wake-up, so that a burst of clients does not hold up the others */
	VAIN_MAX = 3,        /* tries of a worker to find a descriptor that no other takes first */
	SLOW_MS = 1000,      /* unfinished for longer: the first to go when room is needed */
	SWEEP_MAX_MS = 1000, /* how late a limit of time may be noticed */
	SWEEP_MIN_MS = 10,
	LEAVE_MS = 10000,    /* how long connections that a successor did not get are served on, at most */
	KEPT_MAX = 32 << 20, /* octets of queries and answers that all connections may make a worker hold */
};

static uint64_t now(const struct isb_tcp *tcp)
{
	return uv_now(&tcp->worker->loop);
}

/* --- Who is there, by how long it has done nothing --- */

static void unlink_conn(struct isb_conn *conn)
{
	struct isb_conn_list *list = conn->list;
	*(conn->older ? &conn->older->newer : &list->oldest) = conn->newer;
	*(conn->newer ? &conn->newer->older : &list->newest) = conn->older;
}

static void link_newest(struct isb_conn *conn, struct isb_conn_list *list)
{
	conn->list = list;
	conn->since_ms = now(conn->tcp);
	conn->older = list->newest;
	conn->newer = NULL;
	*(list->newest ? &list->newest->newer : &list->oldest) = conn;
	list->newest = conn;
}

static uint64_t age(const struct isb_conn *conn)
{
	return now(conn->tcp) - conn->since_ms;
}

/* Slow writers and slow readers first, the slowest of them; then whoever was silent for longest. Nobody is slow who has
 * not had time for a few round trips. */
static bool make_room(struct isb_tcp *tcp)
{
	struct isb_conn *slow = tcp->busy.oldest, *silent = tcp->idle.oldest;
	struct isb_conn *victim = slow && (!silent || age(slow) >= SLOW_MS) ? slow : silent;
	if (victim)
		isb_conn_drop(victim, &tcp->worker->net.tcp_evicted, victim == slow);
	return victim;
}

static void on_sweep(uv_timer_t *timer);

static void start_sweep(struct isb_tcp *tcp)
{
	const struct isb_tcp_limits *limits = &tcp->worker->options->tcp;
	uint64_t shortest = limits->idle_ms < limits->stall_ms ? limits->idle_ms : limits->stall_ms,
		 every = shortest / 4;
	every = every > SWEEP_MAX_MS ? SWEEP_MAX_MS : every < SWEEP_MIN_MS ? SWEEP_MIN_MS : every;
	if (!uv_is_active((uv_handle_t *)&tcp->sweep))
		uv_timer_start(&tcp->sweep, on_sweep, every, every);
}

/* What has not been read is read by who takes over. */
static bool hand_over(struct isb_conn *conn)
{
	struct isb_tcp *tcp = conn->tcp;
	const struct isb_handover m = {
		.kind = ISB_HANDOVER_CONNECTION,
		.client = {.addr = conn->client.addr, .port = conn->client.port, .header = conn->header},
	};
	if (isb_handover_send(tcp->successor, &m, &conn->fd, 1) != ISB_OK) {
		tcp->successor = -1; /* it is gone, or does not read: then this process serves on */
		return false;
	}
	isb_conn_drop(conn, &tcp->worker->net.tcp_handed, false);
	return true;
}

void isb_tcp_settle(struct isb_conn *conn, bool progress)
{
	struct isb_tcp *tcp = conn->tcp;
	uint32_t kept = (uint32_t)conn->in.len + (conn->out ? conn->out_len : 0);
	struct isb_conn_list *list = kept || conn->ending ? &tcp->busy : &tcp->idle;
	tcp->kept += kept;
	tcp->kept -= conn->kept;
	conn->kept = kept;
	if (!conn->list) {
		tcp->nconn++;
		start_sweep(tcp);
		link_newest(conn, list);
	} else if (progress || list != conn->list) {
		unlink_conn(conn);
		link_newest(conn, list);
	}
	if (tcp->successor >= 0 && list == &tcp->idle)
		hand_over(conn);
	while (tcp->kept > KEPT_MAX && tcp->busy.oldest)
		isb_conn_drop(tcp->busy.oldest, &tcp->worker->net.tcp_evicted, true);
}

void isb_tcp_forget(struct isb_conn *conn)
{
	struct isb_tcp *tcp = conn->tcp;
	unlink_conn(conn);
	tcp->kept -= conn->kept;
	tcp->nconn--;
}

/* --- Listening --- */

static void on_acceptable(uv_poll_t *handle, int status, int events);

static void rest(struct isb_tcp *tcp, int error)
{
	for (size_t i = 0; i < tcp->nlistener; i++)
		uv_poll_stop(&tcp->listeners[i].poll);
	tcp->resting = true;
	start_sweep(tcp);
	isb_log(ISB_LOG_WARNING, "tcp-rests", "worker=%u reason=\"%s\"", tcp->worker->number, strerror(error));
}

static void go_on(struct isb_tcp *tcp)
{
	for (size_t i = 0; i < tcp->nlistener; i++)
		uv_poll_start(&tcp->listeners[i].poll, UV_READABLE, on_acceptable);
	tcp->resting = false;
}

static void on_sweep(uv_timer_t *timer)
{
	struct isb_tcp *tcp = timer->data;
	const struct isb_tcp_limits *limits = &tcp->worker->options->tcp;
	struct isb_net_counters *count = &tcp->worker->net;
	uint32_t idle_ms = isb_tcp_is_over(tcp) ? 0 : limits->idle_ms;
	while (tcp->idle.oldest && age(tcp->idle.oldest) >= idle_ms)
		isb_conn_drop(tcp->idle.oldest, &count->tcp_idle, false);
	while (tcp->busy.oldest && age(tcp->busy.oldest) >= limits->stall_ms)
		isb_conn_drop(tcp->busy.oldest, &count->tcp_stalled, true);
	if (tcp->resting)
		go_on(tcp);
	if (!tcp->nconn)
		uv_timer_stop(timer);
}

/* Behind a front end the client is known, and counted, only when the header has come. */
static void seat(struct isb_tcp *tcp, int fd, const struct isb_handover_client *client)
{
	struct isb_census *census = tcp->worker->census;
	bool joined = !client->header && isb_census_join(census, &client->addr);
	/* room made here may be taken by another worker before we have it: then this client comes again */
	if ((client->header || joined) && (isb_census_open(census) || (make_room(tcp) && isb_census_open(census)))) {
		isb_conn_start(tcp, fd, client);
		return;
	}
	if (joined)
		isb_census_leave(census, &client->addr);
	isb_count(&tcp->worker->net.tcp_refused);
	close(fd);
}

static void admit(struct isb_listener *listener, int fd, const struct sockaddr *sa)
{
	struct isb_tcp *tcp = listener->poll.data;
	struct isb_worker *worker = tcp->worker;
	const struct isb_handover_client client = {
		.addr = isb_addr_from_sockaddr(sa), .port = isb_port_from_sockaddr(sa), .header = listener->proxy};
	if (!listener->proxy || isb_proxy_allows(&worker->options->proxy_from, &client.addr)) {
		seat(tcp, fd, &client);
		return;
	}
	isb_count(&worker->net.proxy_refused);
	close(fd);
}

void isb_tcp_adopt(struct isb_tcp *tcp, int fd, const struct isb_handover_client *client)
{
	seat(tcp, fd, client);
}

/* Out of descriptors or memory: a connection less may help. Where it does not, pending clients would wake us without
 * end, so nobody is accepted for a while; whoever is here, and UDP, is served on. */
static bool shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* The kernel looks for a descriptor before it looks for a client. */
static bool pending(int fd)
{
	struct pollfd wanted = {.fd = fd, .events = POLLIN};
	return poll(&wanted, 1, 0) > 0;
}

static void on_acceptable(uv_poll_t *handle, int status, int events)
{
	struct isb_listener *listener = (struct isb_listener *)handle; /* its first member */
	struct isb_tcp *tcp = handle->data;
	int vain = 0; /* times in a row that room was made and something else took it */
	(void)events;
	if (status < 0)
		rest(tcp, -status); /* libuv has stopped watching; not accepting is not the end */
	for (int i = 0; i < ACCEPTS && !tcp->resting; i++) {
		struct sockaddr_storage sa;
		socklen_t len = sizeof(sa);
		int fd = accept4(listener->fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			admit(listener, fd, (struct sockaddr *)&sa);
			vain = 0;
			continue;
		}
		int error = errno;
		if (error == EAGAIN || (shortage(error) && !pending(listener->fd)))
			break;
		if (error != EINTR)
			isb_count(&tcp->worker->net.tcp_errors); /* most are of one client that is gone again */
		if (shortage(error) && (vain++ == VAIN_MAX || !make_room(tcp)))
			rest(tcp, error);
	}
}

struct isb_tcp *isb_tcp_new(struct isb_worker *worker, size_t most)
{
	struct isb_tcp *tcp = isb_xcalloc(1, sizeof(*tcp));
	tcp->worker = worker;
	tcp->successor = -1;
	tcp->listeners = isb_xcalloc(most, sizeof(*tcp->listeners));
	uv_timer_init(&worker->loop, &tcp->sweep);
	tcp->sweep.data = tcp;
	return tcp;
}

int isb_tcp_take(struct isb_tcp *tcp, const struct isb_listen *listen_on, int fd, struct isb_diags *diags)
{
	struct isb_listener *listener = &tcp->listeners[tcp->nlistener];
	/* again, for a socket that listens already: that changes no more than its backlog */
	int error = listen(fd, BACKLOG) < 0 ? -errno : uv_poll_init(&tcp->worker->loop, &listener->poll, fd);
	if (error != 0) {
		char text[ISB_LISTEN_TEXT];
		close(fd);
		isb_diag(diags, (struct isb_mark){0}, "cannot listen on %s: %s", isb_listen_print(listen_on, text),
		         uv_strerror(error));
		return ISB_EIO;
	}
	listener->fd = fd;
	listener->poll.data = tcp;
	listener->proxy = listen_on->proxy;
	tcp->nlistener++; /* from here on closed with the others */
	uv_poll_start(&listener->poll, UV_READABLE, on_acceptable);
	return ISB_OK;
}

int isb_tcp_listen(struct isb_tcp *tcp, const struct isb_listen *listen_on, struct isb_diags *diags)
{
	int fd;
	int rc = isb_listen_tcp(listen_on, diags, &fd);
	return rc == ISB_OK ? isb_tcp_take(tcp, listen_on, fd, diags) : rc;
}

int isb_tcp_socket(const struct isb_tcp *tcp, size_t i)
{
	return i < tcp->nlistener ? tcp->listeners[i].fd : -1;
}

static void close_listeners(struct isb_tcp *tcp)
{
	for (; tcp->nlistener; tcp->nlistener--) {
		struct isb_listener *listener = &tcp->listeners[tcp->nlistener - 1];
		uv_close((uv_handle_t *)&listener->poll, NULL);
		close(listener->fd);
	}
}

void isb_tcp_leave(struct isb_tcp *tcp, int successor)
{
	uint32_t idle_ms = tcp->worker->options->tcp.idle_ms;
	close_listeners(tcp);
	tcp->resting = false;
	tcp->over_ms = now(tcp) + (idle_ms < LEAVE_MS ? idle_ms : LEAVE_MS);
	tcp->successor = successor;
	while (tcp->successor >= 0 && tcp->idle.oldest)
		hand_over(tcp->idle.oldest);
}

bool isb_tcp_is_over(const struct isb_tcp *tcp)
{
	return tcp->over_ms && now(tcp) >= tcp->over_ms;
}

void isb_tcp_close(struct isb_tcp *tcp)
{
	while (tcp->idle.oldest)
		isb_conn_drop(tcp->idle.oldest, NULL, false);
	while (tcp->busy.oldest)
		isb_conn_drop(tcp->busy.oldest, NULL, false);
	close_listeners(tcp);
	uv_close((uv_handle_t *)&tcp->sweep, NULL);
}

void isb_tcp_free(struct isb_tcp *tcp)
{
	if (!tcp)
		return;
	free(tcp->listeners);
	free(tcp);
}
