/* SPDX-License-Identifier: Apache-2.0 */
#include "script_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "script_children.h"
#include "script_keep.h"

enum { LAST_MS = 1000 }; /* that are waited, at the end, for what does not die of SIGKILL at once */

struct helper {
	int fd, signals;
	const char *dir;
	struct {
		pid_t pid;
		uint64_t id;
	} keepers[ISB_KEEPERS_MAX];
	size_t nkeeper;
};

static void answer(const struct helper *h, uint64_t id, enum isb_script_how how, int number)
{
	const struct isb_script_end end = {.id = id, .how = how, .number = number};
	while (send(h->fd, &end, sizeof(end), MSG_NOSIGNAL) < 0 && errno == EINTR) {
	}
}

static void keep(const struct helper *h, const struct isb_script_ask *ask, pid_t helper)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != helper)
		_exit(1);
	close(h->signals);
	isb_script_keep(ask, h->dir, h->fd);
}

static void start(struct helper *h, const struct isb_script_ask *ask)
{
	if (h->nkeeper == ISB_KEEPERS_MAX) {
		answer(h, ask->id, ISB_SCRIPT_BUSY, 0);
		return;
	}
	pid_t helper = getpid(), pid = fork();
	if (pid == 0)
		keep(h, ask, helper);
	if (pid < 0) {
		answer(h, ask->id, ISB_SCRIPT_FAILED, errno);
		return;
	}
	h->keepers[h->nkeeper].pid = pid;
	h->keepers[h->nkeeper++].id = ask->id;
}

static void end(const struct helper *h, uint64_t id)
{
	for (size_t i = 0; i < h->nkeeper; i++)
		if (h->keepers[i].id == id)
			kill(h->keepers[i].pid, SIGTERM);
}

/* False: the probe is gone. */
static bool serve(struct helper *h)
{
	char message[ISB_SCRIPT_ASK_MAX];
	struct isb_script_ask ask;
	ssize_t n = recv(h->fd, message, sizeof(message), 0);
	if (n <= 0)
		return n < 0 && errno == EINTR;
	if (isb_script_ask_read(message, (size_t)n, &ask) != ISB_OK)
		return true; /* the probe gives up on it in its own time */
	if (ask.timeout_ms)
		start(h, &ask);
	else
		end(h, ask.id);
	return true;
}

static bool is_keeper(const void *arg, pid_t child)
{
	const struct helper *h = arg;
	for (size_t i = 0; i < h->nkeeper; i++)
		if (h->keepers[i].pid == child)
			return true;
	return false;
}

/* True: it ended as it should, having left nothing. */
static bool bury(struct helper *h, pid_t pid, int status)
{
	for (size_t i = 0; i < h->nkeeper; i++) {
		if (h->keepers[i].pid != pid)
			continue;
		if (status)
			answer(h, h->keepers[i].id, ISB_SCRIPT_LOST, 0);
		h->keepers[i] = h->keepers[--h->nkeeper];
		return !status;
	}
	return false;
}

static void look_at_children(struct helper *h)
{
	struct signalfd_siginfo info;
	bool clean = true;
	int status;
	while (read(h->signals, &info, sizeof(info)) > 0) {
	}
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
		clean &= bury(h, pid, status);
	if (!clean)
		isb_children_kill(is_keeper, h);
}

static void end_all(struct helper *h)
{
	int64_t until_us = isb_monotonic_us() + (int64_t)LAST_MS * 1000;
	for (size_t i = 0; i < h->nkeeper; i++)
		kill(h->keepers[i].pid, SIGTERM);
	for (int64_t left_us; h->nkeeper && (left_us = until_us - isb_monotonic_us()) > 0;) {
		struct pollfd fd = {.fd = h->signals, .events = POLLIN};
		poll(&fd, 1, (int)(left_us / 1000) + 1);
		look_at_children(h);
	}
}

static _Noreturn void help(int fd, const char *dir)
{
	struct helper h = {.fd = fd, .dir = dir};
	sigset_t heard;
	sigemptyset(&heard);
	sigaddset(&heard, SIGCHLD);
	h.signals = signalfd(-1, &heard, SFD_CLOEXEC | SFD_NONBLOCK);
	if (h.signals < 0)
		_exit(1);
	prctl(PR_SET_CHILD_SUBREAPER, 1); /* for what a killed keeper leaves */
	struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = h.signals, .events = POLLIN}};
	for (;;) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents)
			look_at_children(&h);
		if (fds[0].revents && !serve(&h))
			break;
	}
	end_all(&h);
	_exit(0);
}

/* Returns the number that the socket has now, or -1. Signals are held back: what stops the probe, a terminal or a
 * service manager, may reach the helper first, and it waits for the probe to end; a keeper begins as deaf and
 * listens by signalfd(2). */
static int settle(int fd)
{
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	signal(SIGCHLD, SIG_DFL); /* where it was ignored, nobody could be waited for */
	prctl(PR_SET_NAME, "isobar-scripts");
	setsid();
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		return -1;
	if (fd != STDERR_FILENO + 1 && dup3(fd, STDERR_FILENO + 1, O_CLOEXEC) < 0)
		return -1;
	close_range(STDERR_FILENO + 2, ~0u, 0);
	return STDERR_FILENO + 1;
}

int isb_helper_start(const char *dir, struct isb_helper *ret_helper)
{
	int fds[2];
	struct stat about;
	if (stat(dir, &about) != 0)
		return errno;
	if (!S_ISDIR(about.st_mode))
		return ENOTDIR;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
		return errno;
	pid_t pid = fork();
	if (pid < 0) {
		int error = errno;
		close(fds[0]);
		close(fds[1]);
		return error;
	}
	if (pid == 0) {
		int fd = settle(fds[1]); /* closes the other end too */
		if (fd < 0)
			_exit(1);
		help(fd, dir);
	}
	close(fds[1]);
	*ret_helper = (struct isb_helper){pid, fds[0]};
	return 0;
}

int isb_helper_wait(struct isb_helper *helper)
{
	int status = 0;
	while (waitpid(helper->pid, &status, 0) < 0 && errno == EINTR) {
	}
	return status;
}
