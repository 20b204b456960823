/* SPDX-License-Identifier: Apache-2.0 */
#include "control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "handed.h"
#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "isobar/base/local.h"
#include "isobar/base/log.h"

enum {
	MODE = 0600,
	BACKLOG = 4,
	PATIENCE_MS = 500, /* for a successor that does not read: meanwhile no signal is heard */
};

struct isb_control {
	const char *path;
	int listener; /* -1: a successor has it */
	bool mine;    /* the path: nobody else listens there */
	int peer;     /* the successor; -1: there is none */
	int pid;      /* of it */
	bool asked;   /* it has our sockets */
	char release[ISB_HANDOVER_RELEASE];
};

void isb_offer_add(struct isb_offer *offer, int fd)
{
	if (offer->count == offer->cap) {
		offer->cap = offer->cap ? 2 * offer->cap : ISB_HANDOVER_FDS;
		offer->fds = isb_xrealloc(offer->fds, offer->cap * sizeof(*offer->fds));
	}
	offer->fds[offer->count++] = fd;
}

int isb_control_new(const char *path, struct isb_handed *handed, struct isb_diags *diags,
                    struct isb_control **ret_control)
{
	const struct isb_local local = {
		.path = path, .option = "--control", .type = SOCK_SEQPACKET, .mode = MODE, .backlog = BACKLOG};
	int fd = isb_handed_local(handed, SOCK_SEQPACKET, path);
	bool mine = fd < 0;
	int rc = mine ? isb_local_listen(&local, diags, &fd) : ISB_OK;
	if (rc != ISB_OK)
		return rc;
	struct isb_control *control = isb_xcalloc(1, sizeof(*control));
	*control = (struct isb_control){.path = path, .listener = fd, .mine = mine, .peer = -1};
	*ret_control = control;
	return ISB_OK;
}

void isb_control_settle(struct isb_control *control)
{
	if (control)
		control->mine = true;
}

/* --- Words --- */

static void refuse(int fd, const char *reason)
{
	struct isb_handover no = {.kind = ISB_HANDOVER_REFUSED};
	snprintf(no.reason, sizeof(no.reason), "%s", reason);
	isb_handover_send(fd, &no, NULL, 0);
}

static void dismiss(struct isb_control *control)
{
	close(control->peer);
	control->peer = -1;
	control->asked = false;
}

static void fail(struct isb_control *control, const char *reason)
{
	isb_log(ISB_LOG_WARNING, "replace-failed", "by=%d reason=\"%s\"", control->pid, reason);
	dismiss(control);
}

static bool send_sockets(struct isb_control *control, const struct isb_offer *offer)
{
	struct isb_handover m = {.kind = ISB_HANDOVER_SOCKETS, .pid = getpid(), .total = (uint32_t)offer->count,
	                         .release = ISB_VERSION, .cookies = offer->cookies};
	for (size_t i = 0; i < offer->count; i += ISB_HANDOVER_FDS) {
		size_t n = offer->count - i < ISB_HANDOVER_FDS ? offer->count - i : ISB_HANDOVER_FDS;
		if (isb_handover_send(control->peer, &m, offer->fds + i, n) != ISB_OK)
			return false;
	}
	return true;
}

static void hand_over(struct isb_control *control, void (*fill)(void *arg, struct isb_offer *offer), void *arg)
{
	struct isb_offer offer = {0};
	isb_offer_add(&offer, control->listener);
	fill(arg, &offer);
	control->asked = send_sockets(control, &offer);
	if (!control->asked)
		fail(control, strerror(errno));
	explicit_bzero(&offer.cookies, sizeof(offer.cookies));
	free(offer.fds);
}

/* --- Who comes --- */

static bool may(const struct ucred *who)
{
	return who->uid == 0 || who->uid == geteuid();
}

static void welcome(struct isb_control *control)
{
	struct ucred who;
	socklen_t len = sizeof(who);
	const struct timeval patience = {.tv_usec = PATIENCE_MS * 1000};
	char text[ISB_HANDOVER_REASON];
	int fd = accept4(control->listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0 || !may(&who)) {
		refuse(fd, "only root and the user that isobard runs as may replace it");
	} else if (control->peer >= 0) {
		snprintf(text, sizeof(text), "process %d is replacing it already; wait for it, or end it", control->pid);
		refuse(fd, text);
	} else {
		control->peer = fd;
		control->pid = who.pid;
		return;
	}
	close(fd);
}

/* True: the successor serves. */
static bool hear(struct isb_control *control, void (*fill)(void *arg, struct isb_offer *offer), void *arg)
{
	struct isb_handover said = {0};
	int fds[ISB_HANDOVER_FDS];
	size_t n = 0;
	int rc = isb_handover_receive(control->peer, &said, fds, &n);
	while (n) /* nothing of theirs is wanted */
		close(fds[--n]);
	if (rc == ISB_OK && said.kind == ISB_HANDOVER_ASK && !control->asked) {
		memcpy(control->release, said.release, sizeof(control->release));
		isb_log(ISB_LOG_INFO, "replace-asked", "by=%d version=%s", control->pid, control->release);
		hand_over(control, fill, arg);
	} else if (rc == ISB_OK && said.kind == ISB_HANDOVER_DONE && control->asked) {
		return true;
	} else if (rc == ISB_ENOTFOUND) {
		fail(control, "it has ended");
	} else if (rc == ISB_EVERSION) {
		refuse(control->peer, "isobard " ISB_VERSION " hands over in another way; restart it instead");
		fail(control, "it speaks another version of the handover");
	} else {
		refuse(control->peer, "that is not what an isobard says");
		fail(control, "it does not speak as an isobard does");
	}
	return false;
}

/* --- From outside --- */

void isb_control_polled(const struct isb_control *control, struct pollfd polled[ISB_CONTROL_POLLED])
{
	polled[0] = (struct pollfd){.fd = control ? control->listener : -1, .events = POLLIN};
	bool talks = control && control->listener >= 0; /* a successor that serves has nothing more to say */
	polled[1] = (struct pollfd){.fd = talks ? control->peer : -1, .events = POLLIN};
}

bool isb_control_turn(struct isb_control *control, const struct pollfd polled[ISB_CONTROL_POLLED],
                      void (*fill)(void *arg, struct isb_offer *offer), void *arg)
{
	if (!control)
		return false;
	/* the one that is there first: it may have ended, and another come after it */
	if (polled[1].fd >= 0 && polled[1].revents && hear(control, fill, arg)) {
		close(control->listener);
		control->listener = -1;
		control->mine = false;
		return true;
	}
	if (control->listener >= 0 && polled[0].revents)
		welcome(control);
	return false;
}

int isb_control_pid(const struct isb_control *control)
{
	return control->pid;
}

const char *isb_control_release(const struct isb_control *control)
{
	return control->release;
}

int isb_control_successor(const struct isb_control *control)
{
	return control->peer;
}

void isb_control_released(struct isb_control *control)
{
	const struct isb_handover released = {.kind = ISB_HANDOVER_RELEASED};
	isb_handover_send(control->peer, &released, NULL, 0); /* who has gone needs no answer */
}

void isb_control_quit(struct isb_control *control)
{
	if (!control || control->peer < 0 || control->listener < 0)
		return;
	refuse(control->peer, "it is being stopped");
	dismiss(control);
}

void isb_control_free(struct isb_control *control)
{
	if (!control)
		return;
	if (control->peer >= 0)
		close(control->peer);
	if (control->mine)
		unlink(control->path);
	if (control->listener >= 0)
		close(control->listener);
	free(control);
}
