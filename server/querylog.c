/* SPDX-License-Identifier: Apache-2.0 */
#include "querylog.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "isobar/base/arena.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/base/log.h"
#include "querylog_line.h"
#include "ring.h"

enum {
	RING_SIZE = 1 << 20,   /* some 8000 queries; a reader is told at every quarter */
	OUT_SIZE = 64 << 10,
	PIPE_PIECE = 4096,     /* PIPE_BUF: what poll() promises to take without blocking, and in one piece */
	TICK_MS = 200,         /* how long a line waits at most when there are few */
	RETRY_MS = 1000,       /* after a write that failed */
	LAST_MS = 1000         /* to write what is left at the end */
};

struct isb_querylog {
	const char *path; /* NULL: stderr */
	int fd, kick;     /* kick: an eventfd that wakes the thread */
	bool regular;     /* a file on disk: poll() means nothing there */
	bool failed;      /* the last write did */
	bool running;
	atomic_bool stop, reopen;
	pthread_t thread;
	unsigned workers, first;
	struct isb_ring **rings;
	size_t off, len; /* of out, not written yet */
	char out[OUT_SIZE];
};

/* --- The file --- */

static int open_path(const char *path)
{
	/* non-blocking for the sake of a FIFO, which would wait for its reader here */
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0640);
}

static void use(struct isb_querylog *log, int fd)
{
	struct stat st;
	log->fd = fd;
	log->regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static void reopen(struct isb_querylog *log)
{
	if (!log->path)
		return;
	int fd = open_path(log->path);
	if (fd < 0) {
		isb_log(ISB_LOG_ERROR, "query-log-kept", "file=\"%s\" reason=\"%s\"", log->path, strerror(errno));
		return;
	}
	while (log->off && log->off < log->len && log->out[log->off - 1] != '\n')
		log->off--; /* a line that was cut off begins anew in the new file */
	close(log->fd);
	use(log, fd);
}

/* A failure is told of once, not with every try. */
static void set_failed(struct isb_querylog *log, bool failed, int error)
{
	if (failed && !log->failed)
		isb_log(ISB_LOG_ERROR, "query-log-failed", "file=\"%s\" reason=\"%s\"", log->path ? log->path : "-",
		        strerror(error));
	else if (!failed && log->failed)
		isb_log(ISB_LOG_INFO, "query-log-recovered", "file=\"%s\"", log->path ? log->path : "-");
	log->failed = failed;
}

/* Octets for the next write(2): for a pipe, a socket or a terminal whole lines that it takes at once, so that they do not
 * mix with what others write there; 0 when it takes none now. */
static size_t piece(const struct isb_querylog *log)
{
	size_t len = log->len - log->off;
	if (log->regular)
		return len;
	struct pollfd fd = {.fd = log->fd, .events = POLLOUT};
	if (poll(&fd, 1, 0) <= 0)
		return 0;
	if (len <= PIPE_PIECE)
		return len;
	const char *end = memrchr(log->out + log->off, '\n', PIPE_PIECE);
	return (size_t)(end + 1 - log->out) - log->off; /* no line is longer than a piece */
}

/* False when something is left that cannot be written now. */
static bool flush(struct isb_querylog *log)
{
	while (log->off < log->len) {
		size_t len = piece(log);
		if (!len)
			return false;
		ssize_t n = write(log->fd, log->out + log->off, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			if (errno != EAGAIN)
				set_failed(log, true, errno);
			return false;
		}
		set_failed(log, false, 0);
		log->off += (size_t)n;
	}
	log->off = log->len = 0;
	return true;
}

/* --- The thread --- */

/* False when the rings are empty. Each time another ring comes first, so that a busy one does not starve the others. */
static bool fill(struct isb_querylog *log)
{
	bool any = false;
	log->first = (log->first + 1) % log->workers;
	for (unsigned i = 0; i < log->workers; i++) {
		struct isb_ring *ring = log->rings[(log->first + i) % log->workers];
		size_t len;
		const void *record;
		while (OUT_SIZE - log->len >= ISB_QUERYLOG_LINE && (record = isb_ring_take(ring, &len))) {
			log->len += isb_querylog_print(record, log->out + log->len);
			isb_ring_release(record);
			any = true;
		}
	}
	return any;
}

static void wait(struct isb_querylog *log)
{
	uint64_t kicks;
	bool blocked = log->off < log->len && !log->failed;
	struct pollfd fds[2] = {{.fd = log->kick, .events = POLLIN}, {.fd = log->fd, .events = POLLOUT}};
	poll(fds, blocked ? 2 : 1, log->failed ? RETRY_MS : TICK_MS);
	if (read(log->kick, &kicks, sizeof(kicks)) < 0) {
		/* not kicked */
	}
}

/* Writes what the workers have published; false when some of it cannot be written now. */
static bool drain(struct isb_querylog *log)
{
	bool all = flush(log);
	while (all && fill(log))
		all = flush(log);
	return all;
}

static void *run(void *arg)
{
	struct isb_querylog *log = arg;
	int64_t last_us = 0;
	pthread_setname_np(pthread_self(), "query-log");
	for (;;) {
		/* acquire, and before the rings are looked at: what was published before the stop is written */
		bool stop = atomic_load_explicit(&log->stop, memory_order_acquire);
		/* acquire for the same reason: what was asked before the file was to be changed stands in the old one */
		bool anew = atomic_exchange_explicit(&log->reopen, false, memory_order_acquire);
		bool all = drain(log);
		if (anew) {
			reopen(log);
			all = drain(log);
		}
		if (stop && !last_us)
			last_us = isb_monotonic_us() + LAST_MS * 1000;
		if (stop && (all || log->failed || isb_monotonic_us() >= last_us))
			return NULL;
		wait(log);
	}
}

static void kick(struct isb_querylog *log)
{
	uint64_t one = 1;
	if (write(log->kick, &one, sizeof(one)) < 0) {
		/* kicked more often than it can count: it wakes up anyway */
	}
}

/* --- From outside --- */

static int start(struct isb_querylog *log, struct isb_diags *diags)
{
	int fd = log->path ? open_path(log->path) : STDERR_FILENO;
	if (fd < 0) {
		isb_diag(diags, (struct isb_mark){0}, "cannot open the query log '%s': %s%s", log->path, strerror(errno),
		         errno == ENXIO ? " (nobody reads this FIFO)" : "");
		return ISB_EIO;
	}
	use(log, fd);
	log->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int error = log->kick < 0 ? errno : pthread_create(&log->thread, NULL, run, log);
	if (error) {
		isb_diag(diags, (struct isb_mark){0}, "cannot start the query log: %s", strerror(error));
		return ISB_EIO;
	}
	log->running = true;
	return ISB_OK;
}

int isb_querylog_new(const char *path, unsigned workers, struct isb_diags *diags, struct isb_querylog **ret_log)
{
	struct isb_querylog *log = isb_xcalloc(1, sizeof(*log));
	log->path = strcmp(path, "-") == 0 ? NULL : path;
	log->fd = log->kick = -1;
	log->workers = workers;
	log->rings = isb_xcalloc(workers, sizeof(struct isb_ring *));
	for (unsigned i = 0; i < workers; i++)
		log->rings[i] = isb_ring_new(RING_SIZE);
	int rc = start(log, diags);
	if (rc != ISB_OK) {
		isb_querylog_free(log);
		return rc;
	}
	*ret_log = log;
	return ISB_OK;
}

void isb_querylog_free(struct isb_querylog *log)
{
	if (!log)
		return;
	if (log->running) {
		/* release pairs with run() */
		atomic_store_explicit(&log->stop, true, memory_order_release);
		kick(log);
		pthread_join(log->thread, NULL);
	}
	if (log->path && log->fd >= 0)
		close(log->fd);
	if (log->kick >= 0)
		close(log->kick);
	for (unsigned i = 0; i < log->workers; i++)
		isb_ring_free(log->rings[i]);
	free(log->rings);
	free(log);
}

void isb_querylog_reopen(struct isb_querylog *log)
{
	atomic_store_explicit(&log->reopen, true, memory_order_release); /* pairs with run() */
	kick(log);
}

bool isb_querylog_add(struct isb_querylog *log, unsigned worker, const struct isb_summary *summary,
                      const struct isb_client *client, int64_t time_ms, size_t size)
{
	struct isb_ring *ring = log->rings[worker];
	struct isb_querylog_record *record = isb_ring_reserve(ring, isb_querylog_size(summary));
	if (!record)
		return false;
	isb_querylog_pack(record, summary, client, time_ms, size);
	if (isb_ring_publish(ring))
		kick(log);
	return true;
}
