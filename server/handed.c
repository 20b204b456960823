/* SPDX-License-Identifier: Apache-2.0 */
#include "handed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "handover.h"
#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "isobar/base/local.h"

enum { PATIENCE_S = 10 }; /* for each word of the old one, which has nothing to wait for */

struct isb_handed {
	int peer;
	struct isb_handover said; /* the last of SOCKETS */
	struct handed_socket {
		int fd; /* -1: taken */
		int type;
		struct isb_addr addr; /* family 0: it listens at `path` */
		uint16_t port;
		char path[ISB_LOCAL_PATH_MAX + 1];
	} *sockets;
	size_t nsocket;
};

/* --- Asking --- */

/* What a socket is, the kernel says. False: nothing that isobard uses. */
static bool identify(int fd, struct handed_socket *ret_socket)
{
	struct handed_socket s = {.fd = fd};
	union {
		struct sockaddr_storage storage;
		struct sockaddr sa;
		struct sockaddr_un un;
	} at = {0};
	socklen_t len = sizeof(at), type_len = sizeof(s.type);
	if (getsockname(fd, &at.sa, &len) != 0 || getsockopt(fd, SOL_SOCKET, SO_TYPE, &s.type, &type_len) != 0)
		return false;
	if (at.sa.sa_family == AF_UNIX) {
		snprintf(s.path, sizeof(s.path), "%.*s", ISB_LOCAL_PATH_MAX, at.un.sun_path);
	} else if (at.sa.sa_family == AF_INET || at.sa.sa_family == AF_INET6) {
		s.addr = isb_addr_from_sockaddr(&at.sa);
		s.port = isb_port_from_sockaddr(&at.sa);
	} else {
		return false;
	}
	*ret_socket = s;
	return true;
}

static void close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

static int refuse(struct isb_diags *diags, int code, const char *control, const char *why)
{
	isb_diag(diags, (struct isb_mark){0}, "the isobard at --control '%s' %s", control, why);
	return code;
}

/* What is wrong with what came, if anything is. */
static int judge(const struct isb_handed *handed, int rc, int error, const struct isb_handover *said, size_t n,
                 const char *control, struct isb_diags *diags)
{
	if (rc == ISB_EIO && error == EMFILE)
		return refuse(diags, rc, control,
		              "has more sockets than this process may open; raise its limit of open files (ulimit -Hn)");
	if (rc == ISB_EIO)
		return refuse(diags, rc, control, error == EAGAIN ? "does not answer" : "cannot be heard");
	if (rc == ISB_ENOTFOUND)
		return refuse(diags, ISB_EIO, control, "ended before it had handed over its sockets");
	if (rc == ISB_EVERSION)
		return refuse(diags, rc, control, "hands over in another way than this release; restart it instead");
	if (rc == ISB_OK && said->kind == ISB_HANDOVER_REFUSED) {
		isb_diag(diags, (struct isb_mark){0}, "the isobard at --control '%s' refuses: %s", control, said->reason);
		return ISB_EREFUSED;
	}
	bool first = !handed->said.kind;
	if (rc != ISB_OK || said->kind != ISB_HANDOVER_SOCKETS || !n || (!first && said->total != handed->said.total) ||
	    n > said->total - handed->nsocket)
		return refuse(diags, ISB_EIO, control, "does not speak as an isobard does");
	return ISB_OK;
}

static int receive_some(struct isb_handed *handed, const char *control, struct isb_diags *diags)
{
	int fds[ISB_HANDOVER_FDS];
	size_t n = 0, kept = 0;
	struct isb_handover said = {0};
	int rc = isb_handover_receive(handed->peer, &said, fds, &n);
	rc = judge(handed, rc, errno, &said, n, control, diags);
	if (rc == ISB_OK && !handed->said.kind)
		handed->sockets = isb_xcalloc(said.total, sizeof(*handed->sockets));
	if (rc == ISB_OK)
		handed->said = said;
	for (; rc == ISB_OK && kept < n && identify(fds[kept], &handed->sockets[handed->nsocket]); kept++)
		handed->nsocket++;
	if (rc == ISB_OK && kept < n)
		rc = refuse(diags, ISB_EIO, control, "handed over what is no socket of an isobard");
	close_all(fds + kept, n - kept);
	return rc;
}

static int ask(struct isb_handed *handed, const char *control, struct isb_diags *diags)
{
	struct isb_handover question = {.kind = ISB_HANDOVER_ASK, .release = ISB_VERSION};
	struct timeval wait = {.tv_sec = PATIENCE_S};
	setsockopt(handed->peer, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(handed->peer, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	/* what a refusal says, stands to be read even when the connection is closed already */
	isb_handover_send(handed->peer, &question, NULL, 0);
	int rc;
	do
		rc = receive_some(handed, control, diags);
	while (rc == ISB_OK && handed->nsocket < handed->said.total);
	return rc;
}

int isb_handed_ask(const char *control, struct isb_diags *diags, struct isb_handed **ret_handed)
{
	const struct isb_local local = {.path = control, .option = "--control", .type = SOCK_SEQPACKET};
	struct isb_handed *handed = isb_xcalloc(1, sizeof(*handed));
	handed->peer = -1;
	int rc = isb_local_connect(&local, diags, &handed->peer);
	if (rc == ISB_ENOTFOUND)
		isb_diag(diags, (struct isb_mark){0}, "there is no isobard to replace; start one without --replace");
	if (rc == ISB_OK)
		rc = ask(handed, control, diags);
	if (rc != ISB_OK) {
		isb_handed_free(handed);
		return rc;
	}
	*ret_handed = handed;
	return ISB_OK;
}

static void close_rest(struct isb_handed *handed)
{
	for (size_t i = 0; i < handed->nsocket; i++)
		if (handed->sockets[i].fd >= 0)
			close(handed->sockets[i].fd);
	handed->nsocket = 0;
}

void isb_handed_free(struct isb_handed *handed)
{
	if (!handed)
		return;
	close_rest(handed);
	if (handed->peer >= 0)
		close(handed->peer);
	explicit_bzero(&handed->said, sizeof(handed->said));
	free(handed->sockets);
	free(handed);
}

/* --- What there is --- */

size_t isb_handed_count(const struct isb_handed *handed)
{
	return handed ? handed->nsocket : 0;
}

int isb_handed_pid(const struct isb_handed *handed)
{
	return handed->said.pid;
}

const char *isb_handed_release(const struct isb_handed *handed)
{
	return handed->said.release;
}

const struct isb_cookie_secrets *isb_handed_cookies(const struct isb_handed *handed)
{
	return handed && handed->said.cookies.count ? &handed->said.cookies : NULL;
}

static int take(struct handed_socket *socket)
{
	int fd = socket->fd;
	socket->fd = -1;
	return fd;
}

int isb_handed_inet(struct isb_handed *handed, int type, const struct isb_listen *listen, unsigned i)
{
	for (size_t k = 0; handed && k < handed->nsocket; k++) {
		struct handed_socket *s = &handed->sockets[k];
		if (s->type == type && s->port == listen->port && isb_addr_equal(&s->addr, &listen->addr) && i-- == 0)
			return take(s);
	}
	return -1;
}

int isb_handed_local(struct isb_handed *handed, int type, const char *path)
{
	for (size_t k = 0; handed && k < handed->nsocket; k++) {
		struct handed_socket *s = &handed->sockets[k];
		if (!s->addr.family && s->type == type && strcmp(s->path, path) == 0)
			return take(s);
	}
	return -1;
}

bool isb_handed_covers(const struct isb_handed *handed, const struct isb_listen *listen)
{
	for (size_t k = 0; handed && k < handed->nsocket; k++) {
		const struct handed_socket *s = &handed->sockets[k];
		if (s->addr.family == listen->addr.family && s->port == listen->port &&
		    (isb_addr_equal(&s->addr, &listen->addr) || isb_listen_is_wildcard(&s->addr) ||
		     isb_listen_is_wildcard(&listen->addr)))
			return true;
	}
	return false;
}

/* --- The end of it --- */

int isb_handed_check(const struct isb_handed *handed, struct isb_diags *diags)
{
	struct isb_handover said;
	int fds[ISB_HANDOVER_FDS];
	size_t n = 0;
	const struct timeval now = {.tv_usec = 1};
	setsockopt(handed->peer, SOL_SOCKET, SO_RCVTIMEO, &now, sizeof(now));
	if (isb_handover_receive(handed->peer, &said, fds, &n) != ISB_OK)
		return ISB_OK; /* nothing to hear, or nobody there any more */
	close_all(fds, n);
	isb_diag(diags, (struct isb_mark){0}, "the isobard that was to be replaced refuses: %s",
	         said.kind == ISB_HANDOVER_REFUSED ? said.reason : "it does not speak as an isobard does");
	return ISB_EREFUSED;
}

/* ISB_EIO with EAGAIN: nothing came; ISB_ENOTFOUND: nothing will. */
static int hear(const struct isb_handed *handed, isb_handed_adopt *adopt, void *arg, struct isb_handover *ret_said)
{
	int fds[ISB_HANDOVER_FDS];
	size_t n = 0;
	int rc = isb_handover_receive(handed->peer, ret_said, fds, &n), error = errno;
	if (rc == ISB_OK && ret_said->kind == ISB_HANDOVER_CONNECTION && n == 1)
		adopt(arg, fds[0], &ret_said->client);
	else
		close_all(fds, n);
	errno = error;
	return rc == ISB_OK || (rc == ISB_EIO && error == EAGAIN) ? rc : ISB_ENOTFOUND;
}

bool isb_handed_finish(struct isb_handed *handed, isb_handed_adopt *adopt, void *arg)
{
	const struct isb_handover done = {.kind = ISB_HANDOVER_DONE};
	const struct timeval wait = {.tv_sec = PATIENCE_S};
	struct isb_handover said;
	int rc;
	setsockopt(handed->peer, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	isb_handover_send(handed->peer, &done, NULL, 0); /* fails when nobody is there to be told */
	do
		rc = hear(handed, adopt, arg, &said);
	while (rc == ISB_OK && said.kind == ISB_HANDOVER_CONNECTION);
	close_rest(handed);
	return rc != ISB_EIO;
}

int isb_handed_polled(const struct isb_handed *handed)
{
	return handed ? handed->peer : -1;
}

bool isb_handed_turn(const struct isb_handed *handed, isb_handed_adopt *adopt, void *arg)
{
	struct isb_handover said;
	return hear(handed, adopt, arg, &said) != ISB_ENOTFOUND;
}
