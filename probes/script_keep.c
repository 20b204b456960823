/* SPDX-License-Identifier: Apache-2.0 */
#include "script_keep.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "isobar/base/clock.h"
#include "script_children.h"
#include "script_exec.h"

enum { REAP_FIRST_MS = 20, REAP_MOST_MS = 1000 };

struct stream {
	int fd; /* -1: at its end */
	bool whole;
	uint32_t nline;
	char line[ISB_SCRIPT_LINE];
};

struct keeper {
	pid_t script;
	int signals;
	struct isb_script_pipes pipes;
	struct stream out, err;
	size_t octets; /* of both */
	bool over;
	struct isb_script_end end;
};

static void finish(struct keeper *k, enum isb_script_how how, int number)
{
	if (!k->over) {
		k->end.how = how;
		k->end.number = number;
	}
	k->over = true;
}

/* --- What it prints --- */

static void take(struct stream *s, const char *data, size_t len)
{
	const char *newline = memchr(data, '\n', len);
	size_t n = newline ? (size_t)(newline - data) : len, room = sizeof(s->line) - s->nline;
	if (s->whole)
		return;
	s->whole = newline;
	n = n < room ? n : room;
	memcpy(s->line + s->nline, data, n);
	s->nline += (uint32_t)n;
}

/* Until nothing more is there now. */
static void hear(struct keeper *k, struct stream *s)
{
	char chunk[4096];
	ssize_t n;
	while (s->fd >= 0 && k->octets <= ISB_SCRIPT_OUTPUT) {
		n = read(s->fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			close(s->fd);
			s->fd = -1;
			return;
		}
		k->octets += (size_t)n;
		take(s, chunk, (size_t)n);
	}
	if (k->octets > ISB_SCRIPT_OUTPUT)
		finish(k, ISB_SCRIPT_FLOOD, 0);
}

/* --- How it ends --- */

/* Orphans of the script are ours: they are taken away. The script itself stays a zombie as long as its group may
 * have members, so that nobody else gets its number. */
static void look_at_children(struct keeper *k)
{
	siginfo_t child = {0};
	while (waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) == 0 && child.si_pid) {
		if (child.si_pid == k->script) {
			bool left = child.si_code == CLD_EXITED;
			kill(-k->script, SIGKILL);
			hear(k, &k->out);
			hear(k, &k->err);
			finish(k, left ? ISB_SCRIPT_EXITED : ISB_SCRIPT_SIGNALED, child.si_status);
			return;
		}
		waitpid(child.si_pid, NULL, 0);
		child.si_pid = 0;
	}
}

static void look_at_signals(struct keeper *k)
{
	struct signalfd_siginfo info;
	while (read(k->signals, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo == SIGTERM)
			finish(k, ISB_SCRIPT_LOST, 0);
	look_at_children(k);
}

/* Its other end closes by itself when the program runs. */
static void look_at_start(struct keeper *k)
{
	int error;
	ssize_t n = read(k->pipes.failed, &error, sizeof(error));
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	close(k->pipes.failed);
	k->pipes.failed = -1;
	if (n == sizeof(error))
		finish(k, ISB_SCRIPT_FAILED, error);
}

static void watch(struct keeper *k, uint32_t timeout_ms)
{
	int64_t deadline_us = isb_monotonic_us() + (int64_t)timeout_ms * 1000;
	while (!k->over) {
		struct pollfd fds[] = {{.fd = k->signals, .events = POLLIN}, {.fd = k->pipes.failed, .events = POLLIN},
		                       {.fd = k->out.fd, .events = POLLIN}, {.fd = k->err.fd, .events = POLLIN}};
		int64_t left_us = deadline_us - isb_monotonic_us();
		if (left_us <= 0) {
			finish(k, ISB_SCRIPT_TIMEOUT, 0);
			break;
		}
		if (poll(fds, 4, (int)(left_us / 1000) + 1) <= 0)
			continue;
		if (fds[1].revents)
			look_at_start(k); /* first: what could not start has exited too */
		if (fds[2].revents)
			hear(k, &k->out);
		if (fds[3].revents)
			hear(k, &k->err);
		if (fds[0].revents)
			look_at_signals(k);
	}
}

/* --- The keeper's life --- */

static void answer(struct keeper *k, int fd)
{
	const struct stream *said = k->out.nline ? &k->out : &k->err;
	k->end.nline = said->nline;
	memcpy(k->end.line, said->line, said->nline);
	k->end.from_error = said == &k->err;
	if (k->end.nline && k->end.line[k->end.nline - 1] == '\r')
		k->end.nline--;
	while (send(fd, &k->end, sizeof(k->end), MSG_NOSIGNAL) < 0 && errno == EINTR) {
	}
}

static bool has_children(void)
{
	pid_t child;
	do
		child = waitpid(-1, NULL, WNOHANG);
	while (child > 0);
	return child == 0;
}

/* Most scripts leave nothing: then /proc is not looked at. What cannot be killed yet, as it waits for a disk, is
 * waited for. */
static void end_all(struct keeper *k)
{
	struct signalfd_siginfo info;
	int wait_ms = REAP_FIRST_MS;
	if (k->script > 0)
		kill(-k->script, SIGKILL);
	for (bool again = false; has_children(); again = true) {
		struct pollfd fd = {.fd = k->signals, .events = POLLIN};
		if (again)
			isb_children_kill(NULL, NULL);
		poll(&fd, 1, wait_ms);
		while (read(k->signals, &info, sizeof(info)) > 0) {
		}
		wait_ms = again && wait_ms < REAP_MOST_MS ? wait_ms * 2 : wait_ms;
	}
}

_Noreturn void isb_script_keep(const struct isb_script_ask *ask, const char *dir, int fd)
{
	struct keeper k = {.signals = -1, .out.fd = -1, .err.fd = -1, .end.id = ask->id};
	sigset_t heard;
	sigemptyset(&heard);
	sigaddset(&heard, SIGTERM);
	sigaddset(&heard, SIGCHLD);
	k.signals = signalfd(-1, &heard, SFD_CLOEXEC | SFD_NONBLOCK);
	int error = k.signals < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0 ? errno : 0;
	if (!error)
		error = isb_script_exec(ask, dir, &k.script, &k.pipes);
	k.out.fd = error ? -1 : k.pipes.out;
	k.err.fd = error ? -1 : k.pipes.err;
	if (error)
		finish(&k, ISB_SCRIPT_FAILED, error);
	watch(&k, ask->timeout_ms);
	if (k.script > 0)
		kill(-k.script, SIGKILL);
	answer(&k, fd);
	end_all(&k);
	_exit(0);
}
