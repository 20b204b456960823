/* SPDX-License-Identifier: Apache-2.0 */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "isobar/base/clock.h"
#include "isobar/base/err.h"

enum {
	RUNNING_MAX = 8, LOOKING_MAX = 6, OUTPUT_MAX = 64 << 20, ERRORS_MAX = 1 << 20,
	BLOCK = 64 << 10, TICK_MS = 100, GRACE_MS = 2000,
};

struct isb_runner {
	char *program;
	int empty;           /* a directory with nothing in it, and without a name; -1: none */
	const char *store;
	atomic_uint running;
};

/* --- The program ------------------------------------------------------------------------------------------------- */

static char *beside_us(const char *name)
{
	char path[4096];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (len <= 0)
		return NULL;
	path[len] = '\0';
	char *slash = strrchr(path, '/');
	size_t dir = slash ? (size_t)(slash - path) : 0, size = dir + strlen(name) + 2;
	char *beside = isb_xmalloc(size);
	snprintf(beside, size, "%.*s/%s", (int)dir, path, name);
	return beside;
}

/* Its name is gone at once: nobody can put anything into it, and nobody who tidies up old files can take it away. */
static int make_empty(void)
{
	const char *tmp = getenv("TMPDIR");
	char path[4096];
	snprintf(path, sizeof(path), "%s/isobar-control-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(path))
		return -1;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rmdir(path);
	return fd;
}

int isb_runner_new(const struct isb_control_options *options, struct isb_diags *diags, struct isb_runner **ret_runner)
{
	struct isb_runner *runner = isb_xcalloc(1, sizeof(*runner));
	runner->store = options->store;
	runner->program = beside_us("isobar");
	runner->empty = make_empty();
	if (!runner->program || access(runner->program, X_OK) != 0)
		isb_diag(diags, (struct isb_mark){0}, "cannot run '%s', which does what is asked for: %s",
		         runner->program ? runner->program : "isobar", strerror(errno));
	else if (runner->empty < 0)
		isb_diag(diags, (struct isb_mark){0}, "cannot make a directory for temporary files: %s", strerror(errno));
	else {
		*ret_runner = runner;
		return ISB_OK;
	}
	isb_runner_free(runner);
	return ISB_EIO;
}

void isb_runner_free(struct isb_runner *runner)
{
	if (!runner)
		return;
	if (runner->empty >= 0)
		close(runner->empty);
	free(runner->program);
	free(runner);
}

unsigned isb_runner_running(struct isb_runner *runner)
{
	return atomic_load_explicit(&runner->running, memory_order_relaxed); /* a number for people */
}

/* --- One process ------------------------------------------------------------------------------------------------- */

enum { TO_IN, FROM_OUT, FROM_ERR, STREAMS };

struct child {
	pid_t pid;
	int fd[STREAMS]; /* our ends; -1: closed */
	size_t written;  /* of the input */
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static bool make_pipes(int ours[STREAMS], int theirs[STREAMS])
{
	for (int i = 0; i < STREAMS; i++)
		ours[i] = theirs[i] = -1;
	for (int i = 0; i < STREAMS; i++) {
		int ends[2];
		if (pipe2(ends, O_CLOEXEC) != 0)
			return false;
		ours[i] = ends[i == TO_IN];
		theirs[i] = ends[i != TO_IN];
		if (fcntl(ours[i], F_SETFL, O_NONBLOCK) != 0)
			return false;
	}
	return true;
}

/* The standard locale, so that what is said does not depend on who started us. What is not named here is not passed on,
 * but for what sanitizers are told. */
static char **make_environment(struct isb_arena *arena, const struct isb_runner *runner, const struct isb_identity *who)
{
	enum { MOST = 16 };
	static const char *const kept[] = {"TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"};
	char **env = isb_arena_alloc(arena, MOST * sizeof(env[0]));
	size_t n = 0;
	env[n++] = isb_arena_strdup(arena, "LC_ALL=C.UTF-8");
	env[n++] = isb_arena_strdup(arena, "NO_COLOR=1");
	env[n++] = isb_arena_printf(arena, "ISOBAR_STORE=%s", runner->store);
	if (who) {
		env[n++] = isb_arena_printf(arena, "ISOBAR_FOR=%s", who->name);
		env[n++] = isb_arena_printf(arena, "ISOBAR_FOR_ROLE=%s", isb_role_name(who->role));
	}
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (getenv(kept[i]))
			env[n++] = isb_arena_printf(arena, "%s=%s", kept[i], getenv(kept[i]));
	return env;
}

/* A group of its own, so that all of it can be ended; no signal blocked or ignored as they are here. */
static void set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, usual;
	sigemptyset(&none);
	sigemptyset(&usual);
	sigaddset(&usual, SIGPIPE);
	posix_spawnattr_init(attributes);
	posix_spawnattr_setsigmask(attributes, &none);
	posix_spawnattr_setsigdefault(attributes, &usual);
	posix_spawnattr_setpgroup(attributes, 0);
	posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
}

static char **make_argv(struct isb_arena *arena, const struct isb_run *run)
{
	size_t count = 0;
	while (run->words[count])
		count++;
	char **argv = isb_arena_alloc(arena, (count + 2) * sizeof(argv[0]));
	argv[0] = isb_arena_strdup(arena, "isobar");
	for (size_t i = 0; i < count; i++)
		argv[i + 1] = isb_arena_strdup(arena, run->words[i]);
	return argv;
}

static bool spawn(const struct isb_runner *runner, const struct isb_run *run, struct child *child)
{
	struct isb_arena *arena = run->request->arena;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int theirs[STREAMS];
	bool done = make_pipes(child->fd, theirs);
	posix_spawn_file_actions_init(&actions);
	set_attributes(&attributes);
	for (int i = 0; done && i < STREAMS; i++)
		posix_spawn_file_actions_adddup2(&actions, theirs[i], i); /* the descriptors are 0, 1, 2 in their order */
	if (run->dir)
		posix_spawn_file_actions_addchdir_np(&actions, run->dir);
	else
		posix_spawn_file_actions_addfchdir_np(&actions, runner->empty);
	done = done && posix_spawn(&child->pid, runner->program, &actions, &attributes, make_argv(arena, run),
	                           make_environment(arena, runner, run->who)) == 0;
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	for (int i = 0; i < STREAMS; i++) {
		close_fd(&theirs[i]);
		if (!done)
			close_fd(&child->fd[i]);
	}
	return done;
}

static void feed(struct child *child, const struct isb_run *run)
{
	ssize_t n = write(child->fd[TO_IN], run->input + child->written, run->input_len - child->written);
	if (n > 0)
		child->written += (size_t)n;
	if (child->written == run->input_len || (n < 0 && errno != EAGAIN && errno != EINTR))
		close_fd(&child->fd[TO_IN]); /* it has all of it, or wants no more */
}

/* False: it says too much. */
static bool take(int *fd, struct isb_buf *out, size_t most)
{
	char block[BLOCK];
	ssize_t n = read(*fd, block, sizeof(block));
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		close_fd(fd);
	if (n > 0)
		isb_buf_add(out, block, (size_t)n);
	return out->len <= most;
}

/* Feeds it and takes what it says until it closes both streams. */
static enum isb_run_end attend(struct child *child, const struct isb_run *run, struct isb_ran *ran)
{
	int64_t until_us = isb_monotonic_us() + run->limit_ms * 1000;
	while (child->fd[FROM_OUT] >= 0 || child->fd[FROM_ERR] >= 0) {
		struct pollfd fds[STREAMS + 1] = {
			[TO_IN] = {.fd = child->fd[TO_IN], .events = POLLOUT},
			[FROM_OUT] = {.fd = child->fd[FROM_OUT], .events = POLLIN},
			[FROM_ERR] = {.fd = child->fd[FROM_ERR], .events = POLLIN},
			[STREAMS] = {.fd = isb_web_socket(run->request), .events = POLLRDHUP},
		};
		poll(fds, STREAMS + 1, TICK_MS);
		if (fds[STREAMS].revents)
			return ISB_RUN_GONE;
		if (isb_monotonic_us() > until_us)
			return ISB_RUN_LATE;
		if (fds[TO_IN].revents)
			feed(child, run);
		if (fds[FROM_OUT].revents && !take(&child->fd[FROM_OUT], &ran->out, OUTPUT_MAX))
			return ISB_RUN_LARGE;
		if (fds[FROM_ERR].revents && !take(&child->fd[FROM_ERR], &ran->err, ERRORS_MAX))
			return ISB_RUN_LARGE;
	}
	return ISB_RUN_DONE;
}

/* Ends what is not done: asked first, so that an edit is either made or not and temporary files go; then for good. */
static int reap(struct child *child, enum isb_run_end end)
{
	int status;
	int64_t until_us = isb_monotonic_us() + GRACE_MS * 1000;
	if (end != ISB_RUN_DONE)
		kill(-child->pid, SIGTERM);
	while (waitpid(child->pid, &status, WNOHANG) == 0) {
		if (isb_monotonic_us() > until_us)
			kill(-child->pid, SIGKILL);
		poll(NULL, 0, 1);
	}
	return status;
}

static void run_one(struct isb_runner *runner, const struct isb_run *run, struct isb_ran *ran)
{
	struct child child = {0};
	if (!spawn(runner, run, &child)) {
		ran->end = ISB_RUN_FAILED;
		return;
	}
	if (!run->input_len)
		close_fd(&child.fd[TO_IN]);
	ran->end = attend(&child, run, ran);
	for (int i = 0; i < STREAMS; i++)
		close_fd(&child.fd[i]);
	int status = reap(&child, ran->end);
	ran->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	if (ran->end == ISB_RUN_DONE && !WIFEXITED(status))
		ran->end = ISB_RUN_FAILED;
}

/* Who may only look leaves places to those who operate: a drain shall not wait for simulations. */
static unsigned most(const struct isb_run *run)
{
	return run->who && run->who->role > ISB_ROLE_READ ? RUNNING_MAX : LOOKING_MAX;
}

void isb_run(struct isb_runner *runner, const struct isb_run *run, struct isb_ran *ret_ran)
{
	*ret_ran = (struct isb_ran){.end = ISB_RUN_BUSY};
	/* relaxed: it counts and orders nothing */
	if (atomic_fetch_add_explicit(&runner->running, 1, memory_order_relaxed) < most(run))
		run_one(runner, run, ret_ran);
	atomic_fetch_sub_explicit(&runner->running, 1, memory_order_relaxed);
}
