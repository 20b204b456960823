/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "parts.h"

enum {
	CONNECTIONS = 64, PER_ADDRESS = 16, HEAD_MAX = 16 << 10, /* where none is given */
	PATIENCE_MS = 15000, READING_MS = 60000,
	TICK_MS = 250,       /* how late a deadline may be noticed */
	BEGIN_MS = 10000,    /* for the library to begin with what it was handed */
	PAUSE_MS = 100,      /* when the system has no descriptor left */
	IPV6_CLIENT_BITS = 64,
	STACK = 512 << 10,   /* of a connection's thread; TLS needs most of it */
};

/* TLS 1.2 and 1.3 (RFC 9325 §3.1.1). */
#define PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* --- Slots ----------------------------------------------------------------------------------------------------- */

static void enter(struct isb_web_slot *slot, enum isb_web_state state, int64_t within_ms)
{
	slot->state = state;
	slot->deadline_us = within_ms ? isb_monotonic_us() + within_ms * 1000 : 0;
}

void isb_web_enter(struct isb_web_slot *slot, enum isb_web_state state, int64_t within_ms)
{
	pthread_mutex_lock(&slot->web->lock);
	enter(slot, state, within_ms);
	pthread_mutex_unlock(&slot->web->lock);
}

static void leave(struct isb_web_slot *slot)
{
	slot->engine->connections--;
	*slot = (struct isb_web_slot){.web = slot->web, .fd = -1};
}

/* Called under the lock. A descriptor that comes again was closed before the library began with it. */
static struct isb_web_slot *take_slot(struct isb_web *web, int fd, const struct isb_web_peer *peer)
{
	struct isb_web_slot *free_slot = NULL;
	struct isb_net client = isb_net_around(&peer->addr, peer->addr.family == 6 ? IPV6_CLIENT_BITS : 32);
	unsigned same = 0;
	for (unsigned i = 0; i < web->options.connections; i++) {
		struct isb_web_slot *slot = &web->slots[i];
		if (slot->state == ISB_WEB_ACCEPTED && slot->fd == fd)
			leave(slot);
		if (slot->state == ISB_WEB_FREE)
			free_slot = slot;
		else
			same += peer->addr.family && isb_net_has(&client, &slot->peer.addr);
	}
	return same < web->options.per_address ? free_slot : NULL;
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
	struct isb_web *web = arg;
	pthread_mutex_lock(&web->lock);
	if (what == MHD_CONNECTION_NOTIFY_CLOSED && *context) {
		leave(*context);
	} else if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
		for (unsigned i = 0; i < web->options.connections; i++)
			if (web->slots[i].state == ISB_WEB_ACCEPTED && web->slots[i].fd == fd) {
				*context = &web->slots[i];
				enter(&web->slots[i], ISB_WEB_RECEIVING, web->options.patience_ms);
			}
	}
	pthread_mutex_unlock(&web->lock);
}

/* --- The library's daemons -------------------------------------------------------------------------------------- */

static void on_message(void *arg, const char *fmt, va_list ap)
{
	struct isb_web_engine *engine = arg;
	if (engine->daemon)
		return; /* what it says of single connections */
	vsnprintf(engine->why, sizeof(engine->why), fmt, ap); /* the last message says most */
	engine->why[strcspn(engine->why, "\n")] = '\0';
}

/* Paths and queries are decoded elsewhere, where "%2F" is no slash. */
static size_t keep_encoded(void *arg, struct MHD_Connection *connection, char *text)
{
	(void)arg;
	(void)connection;
	return strlen(text);
}

static int new_engine(struct isb_web *web, const struct isb_web_tls *tls, struct isb_diags *diags,
                      struct isb_web_engine **ret_engine)
{
	struct isb_web_engine *engine = isb_xcalloc(1, sizeof(*engine));
	unsigned flags = MHD_USE_POLL | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
	                 MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC | MHD_USE_ERROR_LOG;
	struct MHD_OptionItem secure[] = {
		{MHD_OPTION_HTTPS_MEM_CERT, 0, tls ? (void *)(uintptr_t)tls->cert : NULL}, /* they are only read */
		{MHD_OPTION_HTTPS_MEM_KEY, 0, tls ? (void *)(uintptr_t)tls->key : NULL},
		{MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)PRIORITIES},
		{MHD_OPTION_END, 0, NULL},
	};
	if (!tls)
		secure[0].option = MHD_OPTION_END;
	struct MHD_Daemon *made = MHD_start_daemon(
		flags | (tls ? MHD_USE_TLS : 0), 0, NULL, NULL, isb_web_on_request, web,
		MHD_OPTION_EXTERNAL_LOGGER, on_message, engine, /* first, for what the others have to say */
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, web, MHD_OPTION_NOTIFY_COMPLETED, isb_web_on_completed, web,
		MHD_OPTION_UNESCAPE_CALLBACK, keep_encoded, NULL, MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_CONNECTION_LIMIT, web->options.connections + 1, /* which never comes into play */
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, web->options.head_max, MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(web->options.patience_ms / 1000) + 1,
		MHD_OPTION_ARRAY, secure, MHD_OPTION_END);
	if (!made) {
		isb_diag(diags, (struct isb_mark){0}, "cannot serve HTTP%s: %s", tls ? " over TLS" : "",
		         engine->why[0] ? engine->why : strerror(errno));
		free(engine);
		return ISB_EIO;
	}
	engine->daemon = made;
	*ret_engine = engine;
	return ISB_OK;
}

static void free_engines(struct isb_web_engine *engine)
{
	while (engine) {
		struct isb_web_engine *next = engine->next;
		MHD_stop_daemon(engine->daemon);
		free(engine);
		engine = next;
	}
}

/* --- The thread -------------------------------------------------------------------------------------------------- */

static struct isb_web_peer peer_of(int fd, const struct sockaddr_storage *sa, bool tls)
{
	struct isb_web_peer peer = {.addr = isb_addr_from_sockaddr((const struct sockaddr *)sa),
	                            .uid = (uid_t)-1, .gid = (gid_t)-1, .tls = tls};
	struct ucred cred;
	socklen_t len = sizeof(cred);
	if (sa->ss_family == AF_UNIX && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0) {
		peer.uid = cred.uid;
		peer.gid = cred.gid;
	}
	return peer;
}

static void hand_over(struct isb_web *web, const struct isb_web_listener *listener, int fd,
                      const struct sockaddr_storage *sa, socklen_t sa_len)
{
	struct isb_web_peer peer = peer_of(fd, sa, listener->tls);
	pthread_mutex_lock(&web->lock);
	struct isb_web_slot *slot = take_slot(web, fd, &peer);
	struct isb_web_engine *engine = listener->tls ? web->tls : web->plain;
	if (slot) {
		*slot = (struct isb_web_slot){.web = web, .engine = engine, .fd = fd, .peer = peer};
		enter(slot, ISB_WEB_ACCEPTED, BEGIN_MS);
		engine->connections++;
	}
	pthread_mutex_unlock(&web->lock);
	if (!slot) {
		close(fd);
		return;
	}
	/* the descriptor is the library's now, whatever comes of it */
	if (MHD_add_connection(engine->daemon, fd, (const struct sockaddr *)sa, sa_len) == MHD_YES)
		return;
	pthread_mutex_lock(&web->lock);
	if (slot->state == ISB_WEB_ACCEPTED)
		leave(slot);
	pthread_mutex_unlock(&web->lock);
}

static void welcome(struct isb_web *web, const struct isb_web_listener *listener)
{
	struct sockaddr_storage sa = {0};
	socklen_t sa_len = sizeof(sa);
	int fd = accept4(listener->fd, (struct sockaddr *)&sa, &sa_len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0)
		hand_over(web, listener, fd, &sa, sa_len);
	else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
		poll(NULL, 0, PAUSE_MS); /* or it would be asked again at once, for ever */
}

static void end_late(struct isb_web *web)
{
	int64_t now = isb_monotonic_us();
	pthread_mutex_lock(&web->lock);
	for (unsigned i = 0; i < web->options.connections; i++) {
		struct isb_web_slot *slot = &web->slots[i];
		if (!slot->deadline_us || now < slot->deadline_us)
			continue;
		slot->deadline_us = 0;
		if (slot->state == ISB_WEB_ACCEPTED)
			leave(slot);
		else
			shutdown(slot->fd, SHUT_RDWR); /* its thread wakes up and closes it */
	}
	pthread_mutex_unlock(&web->lock);
}

/* Daemons of former certificates whose last connection has ended. */
static void end_former(struct isb_web *web)
{
	struct isb_web_engine *ended = NULL;
	pthread_mutex_lock(&web->lock);
	for (struct isb_web_engine **at = web->tls ? &web->tls->next : NULL; at && *at;) {
		struct isb_web_engine *engine = *at;
		if (engine->connections) {
			at = &engine->next;
			continue;
		}
		*at = engine->next;
		engine->next = ended;
		ended = engine;
	}
	pthread_mutex_unlock(&web->lock);
	free_engines(ended);
}

static void *run(void *arg)
{
	struct isb_web *web = arg;
	struct pollfd *fds = isb_xcalloc(web->nlistener + 1, sizeof(*fds));
	pthread_setname_np(pthread_self(), "web");
	for (size_t i = 0; i < web->nlistener; i++)
		fds[i] = (struct pollfd){.fd = web->listeners[i].fd, .events = POLLIN};
	fds[web->nlistener] = (struct pollfd){.fd = web->kick, .events = POLLIN};
	/* relaxed: the flag carries nothing but itself */
	while (!atomic_load_explicit(&web->stop, memory_order_relaxed)) {
		poll(fds, web->nlistener + 1, TICK_MS);
		for (size_t i = 0; i < web->nlistener; i++)
			if (fds[i].revents)
				welcome(web, &web->listeners[i]);
		end_late(web);
		end_former(web);
	}
	free(fds);
	return NULL;
}

/* --- From outside ------------------------------------------------------------------------------------------------ */

static unsigned or_else(unsigned value, unsigned standard)
{
	return value ? value : standard;
}

static struct isb_web_options fill(const struct isb_web_options *given)
{
	return (struct isb_web_options){
		.connections = or_else(given->connections, CONNECTIONS),
		.per_address = or_else(given->per_address, PER_ADDRESS),
		.head_max = given->head_max ? given->head_max : HEAD_MAX,
		.body_max = given->body_max,
		.admit = given->admit,
		.patience_ms = given->patience_ms ? given->patience_ms : PATIENCE_MS,
		.reading_ms = given->reading_ms ? given->reading_ms : READING_MS,
	};
}

static int open_all(struct isb_web *web, const struct isb_web_options *options, struct isb_diags *diags)
{
	int worst = ISB_OK;
	web->listeners = isb_xcalloc(options->nlisten, sizeof(web->listeners[0]));
	for (size_t i = 0; i < options->nlisten; i++) {
		int rc = isb_web_open(&options->listen[i], diags, &web->listeners[web->nlistener]);
		if (rc == ISB_OK)
			web->nlistener++;
		else if (rc != ISB_ENOTFOUND)
			worst = rc;
	}
	return worst;
}

static int start(struct isb_web *web, const struct isb_web_options *options, struct isb_diags *diags)
{
	int rc = open_all(web, options, diags);
	if (rc == ISB_OK)
		rc = new_engine(web, NULL, diags, &web->plain);
	if (rc == ISB_OK && options->tls)
		rc = new_engine(web, options->tls, diags, &web->tls);
	if (rc != ISB_OK)
		return rc;
	web->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int error = web->kick < 0 ? errno : pthread_create(&web->thread, NULL, run, web);
	if (error) {
		isb_diag(diags, (struct isb_mark){0}, "cannot serve HTTP: %s", strerror(error));
		return ISB_EIO;
	}
	web->running = true;
	return ISB_OK;
}

int isb_web_new(const struct isb_web_options *options, isb_web_handler *handler, void *arg, struct isb_diags *diags,
                struct isb_web **ret_web)
{
	struct isb_web *web = isb_xcalloc(1, sizeof(*web));
	web->options = fill(options);
	web->handler = handler;
	web->arg = arg;
	web->kick = -1;
	pthread_mutex_init(&web->lock, NULL);
	web->slots = isb_xcalloc(web->options.connections, sizeof(web->slots[0]));
	for (unsigned i = 0; i < web->options.connections; i++)
		web->slots[i] = (struct isb_web_slot){.web = web, .fd = -1};
	int rc = start(web, options, diags);
	if (rc != ISB_OK) {
		isb_web_free(web);
		return rc;
	}
	*ret_web = web;
	return ISB_OK;
}

int isb_web_set_tls(struct isb_web *web, const struct isb_web_tls *tls, struct isb_diags *diags)
{
	struct isb_web_engine *engine;
	int rc = new_engine(web, tls, diags, &engine);
	if (rc != ISB_OK)
		return rc;
	pthread_mutex_lock(&web->lock);
	engine->next = web->tls;
	web->tls = engine;
	pthread_mutex_unlock(&web->lock);
	return ISB_OK;
}

uint16_t isb_web_port(const struct isb_web *web)
{
	for (size_t i = 0; i < web->nlistener; i++) {
		struct sockaddr_storage sa = {0};
		socklen_t len = sizeof(sa);
		if (getsockname(web->listeners[i].fd, (struct sockaddr *)&sa, &len) == 0 && sa.ss_family != AF_UNIX)
			return isb_port_from_sockaddr((const struct sockaddr *)&sa);
	}
	return 0;
}

static void stop_thread(struct isb_web *web)
{
	uint64_t one = 1;
	atomic_store_explicit(&web->stop, true, memory_order_relaxed); /* see run() */
	if (write(web->kick, &one, sizeof(one)) < 0) {
		/* it wakes up with its next tick anyway */
	}
	pthread_join(web->thread, NULL);
}

void isb_web_free(struct isb_web *web)
{
	if (!web)
		return;
	if (web->running)
		stop_thread(web);
	for (size_t i = 0; i < web->nlistener; i++)
		isb_web_close(&web->listeners[i]);
	pthread_mutex_lock(&web->lock);
	for (unsigned i = 0; i < web->options.connections; i++)
		if (web->slots[i].state > ISB_WEB_ACCEPTED)
			shutdown(web->slots[i].fd, SHUT_RDWR); /* handlers find that nobody waits for them */
	pthread_mutex_unlock(&web->lock);
	free_engines(web->plain);
	free_engines(web->tls);
	if (web->kick >= 0)
		close(web->kick);
	pthread_mutex_destroy(&web->lock);
	free(web->listeners);
	free(web->slots);
	free(web);
}
