/* SPDX-License-Identifier: Apache-2.0 */
#include "script_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { FILES_MAX = 256 };

struct ends {
	int from, to;
};

/* Only the reading end does not block: what a script prints into is as any program expects it. */
static int open_pipe(struct ends *ret)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) != 0)
		return errno;
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	*ret = (struct ends){fds[0], fds[1]};
	return 0;
}

static void usual_signals(void)
{
	sigset_t none;
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL); /* refused for some, which are as they should be */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int limit(void)
{
	const struct rlimit no_core = {0, 0};
	struct rlimit files;
	if (setrlimit(RLIMIT_CORE, &no_core) != 0 || getrlimit(RLIMIT_NOFILE, &files) != 0)
		return errno;
	if (files.rlim_max > FILES_MAX)
		files.rlim_max = FILES_MAX;
	files.rlim_cur = files.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &files) != 0 ? errno : 0;
}

static int become(const struct isb_script_ask *ask, const char *dir, pid_t keeper, int out, int err)
{
	char path[ISB_SCRIPT_NAME_MAX + 3];
	if (setsid() < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		return errno;
	if (getppid() != keeper) /* it died before that */
		_exit(1);
	snprintf(path, sizeof(path), "./%s", ask->words[0]);
	if (dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0 || limit() != 0 || chdir(dir) != 0)
		return errno;
	if (close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC) != 0)
		return errno;
	usual_signals();
	/* the probe's right to raw sockets ends here; refused by kernels that have no such set, and so nothing in it */
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	execve(path, ask->words, ask->env);
	return errno;
}

int isb_script_exec(const struct isb_script_ask *ask, const char *dir, pid_t *ret_pid,
                    struct isb_script_pipes *ret_pipes)
{
	struct ends out = {-1, -1}, err = {-1, -1}, failed = {-1, -1};
	pid_t keeper = getpid();
	int error = open_pipe(&out);
	if (!error)
		error = open_pipe(&err);
	if (!error)
		error = open_pipe(&failed);
	if (error)
		return error; /* the caller's process ends: nothing to close */
	pid_t pid = fork();
	if (pid < 0)
		return errno;
	if (pid == 0) {
		error = become(ask, dir, keeper, out.to, err.to);
		if (write(failed.to, &error, sizeof(error)) < 0)
			_exit(126);
		_exit(127);
	}
	close(out.to);
	close(err.to);
	close(failed.to);
	*ret_pid = pid;
	*ret_pipes = (struct isb_script_pipes){out.from, err.from, failed.from};
	return 0;
}
