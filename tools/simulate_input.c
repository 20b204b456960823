/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "simulate.h"

/* Reads log files from end to end. Ctrl-C ends the reading and not the program: what was counted until then is worth
 * showing. It comes through a descriptor, so that waiting for a pipe ends with it, too. */

enum { WRONG_SHOWN = 5, TICK_MS = 100, HEAD = 4096 };

struct input {
	struct sim *sim;
	const char *path;
	int fd, interrupt;
	bool terminal;        /* there is somebody to watch a bar */
	uint64_t done, size;  /* octets; size 0: unknown */
	int64_t begun_us, told_us;
	uint64_t rows, wrong; /* of the files before; shown so far */
	struct isb_traffic traffic;
};

/* --- The bar --- */

static void print_bar(struct input *in)
{
	char rows[SIM_TEXT], left[ISB_SPAN_TEXT], speed[SIM_TEXT];
	int64_t now_us = isb_monotonic_us(), spent_us = now_us - in->begun_us;
	double all = (double)(in->rows + in->traffic.rows);
	if (!in->terminal || now_us - in->told_us < TICK_MS * 1000 || spent_us <= 0)
		return;
	in->told_us = now_us;
	sim_number(all, rows);
	sim_number(all * 1e6 / (double)spent_us, speed);
	if (in->size && in->done) {
		double part = (double)in->done / (double)in->size;
		int64_t left_ms = (int64_t)((double)spent_us / 1000 * (1 - part) / part);
		left_ms = left_ms < 1000 ? 1000 : left_ms - left_ms % 1000; /* whole seconds, and no bar that says 0 */
		int filled = (int)(part * 30);
		fprintf(stderr, "\r\033[K[%.*s%*s] %3.0f %%  %s queries, %s/s, %s left", filled, "##############################",
		        30 - filled, "", part * 100, rows, speed, isb_span_print(left_ms, left));
	} else {
		fprintf(stderr, "\r\033[K%s queries, %s/s", rows, speed);
	}
	fflush(stderr);
}

static void clear_bar(const struct input *in)
{
	if (in->terminal && in->told_us)
		fputs("\r\033[K", stderr);
}

/* --- What the reader says --- */

static void on_row(void *arg, const struct isb_traffic_row *row)
{
	struct input *in = arg;
	if (in->sim->spool)
		sim_spool_put(in->sim, row);
	else
		sim_count(in->sim, row);
}

static void on_wrong(void *arg, uint64_t at, const char *why)
{
	struct input *in = arg;
	const char *what = in->traffic.format == ISB_TRAFFIC_DNSTAP ? "frame " : "";
	if (in->wrong++ >= WRONG_SHOWN)
		return;
	clear_bar(in);
	fprintf(stderr, "%s:%s%" PRIu64 ": %s\n", in->path, what, at, why);
}

/* --- Octets --- */

/* More octets, 0 at the end, -1 for an error that was said. */
static ssize_t more(struct input *in, void *to, size_t room)
{
	struct pollfd fds[] = {{.fd = in->interrupt, .events = POLLIN}, {.fd = in->fd, .events = POLLIN}};
	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
		if (fds[0].revents) {
			in->sim->interrupted = true;
			return 0;
		}
		ssize_t n = fds[1].revents ? read(in->fd, to, room) : -1;
		if (n >= 0)
			return n;
		if (fds[1].revents && errno != EINTR && errno != EAGAIN)
			break;
	}
	clear_bar(in);
	cli_fail(CLI_FAILED, "cannot read '%s': %s", in->path, strerror(errno));
	return -1;
}

static int refuse_gzip(const struct input *in)
{
	const char *name = in->fd == STDIN_FILENO ? "FILE" : in->path;
	return cli_fail(CLI_FAILED, "%s is compressed; write: zcat %s | isobar %s -", in->path, name,
	                in->sim->spool ? "... --traffic" : "simulate");
}

/* How the file looks decides about its format, unless --format does: that takes the first lines. */
static int begin(struct input *in)
{
	uint8_t head[HEAD];
	size_t len = 0, room;
	enum isb_traffic_format format;
	for (ssize_t n = 1; n > 0 && len < sizeof(head) && !in->sim->interrupted; len += (size_t)n)
		if ((n = more(in, head + len, sizeof(head) - len)) < 0)
			return CLI_FAILED;
	if (len >= 2 && head[0] == 0x1f && head[1] == 0x8b) /* RFC 1952 §2.3.1 */
		return refuse_gzip(in);
	format = isb_traffic_detect(head, len);
	if (in->sim->cli->format)
		isb_traffic_format_parse(in->sim->cli->format, &format);
	isb_traffic_init(&in->traffic, format, on_row, on_wrong, in);
	memcpy(isb_traffic_room(&in->traffic, &room), head, len);
	isb_traffic_take(&in->traffic, len);
	in->done += len;
	return CLI_OK;
}

static int read_open(struct input *in)
{
	ssize_t n = 1;
	int rc = begin(in);
	if (rc != CLI_OK)
		return rc;
	while (n > 0 && !in->sim->interrupted && !in->traffic.broken) {
		size_t room;
		void *to = isb_traffic_room(&in->traffic, &room);
		n = more(in, to, room);
		if (n > 0)
			isb_traffic_take(&in->traffic, (size_t)n);
		in->done += n > 0 ? (size_t)n : 0;
		print_bar(in);
	}
	if (n == 0 && !in->sim->interrupted)
		isb_traffic_end(&in->traffic);
	in->rows += in->traffic.rows;
	in->sim->rows += in->traffic.rows;
	in->sim->skipped += in->traffic.skipped;
	in->sim->bad += in->traffic.bad;
	isb_traffic_done(&in->traffic);
	return n < 0 ? CLI_FAILED : CLI_OK;
}

static int read_file(struct input *in, const char *path)
{
	bool standard = strcmp(path, "-") == 0;
	struct stat st;
	in->path = standard ? "standard input" : path;
	in->fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (in->fd < 0 || fstat(in->fd, &st) != 0)
		return cli_fail(CLI_FAILED, "cannot open '%s': %s", path, strerror(errno));
	int rc = S_ISDIR(st.st_mode) ? cli_fail(CLI_FAILED, "'%s' is a directory; name the log files in it", path)
				     : read_open(in);
	if (!standard)
		close(in->fd);
	return rc;
}

/* Of all files together, 0 when one of them is none that has an end. */
static uint64_t size_of(const char *const *paths, size_t count)
{
	uint64_t sum = 0;
	struct stat st;
	for (size_t i = 0; i < count; i++) {
		int rc = strcmp(paths[i], "-") == 0 ? fstat(STDIN_FILENO, &st) : stat(paths[i], &st);
		if (rc != 0 || !S_ISREG(st.st_mode))
			return 0;
		sum += (uint64_t)st.st_size;
	}
	return sum;
}

static int conclude(const struct input *in)
{
	const struct sim *sim = in->sim;
	if (in->wrong > WRONG_SHOWN)
		fprintf(stderr, "... and %" PRIu64 " more that could not be read\n", in->wrong - WRONG_SHOWN);
	if (sim->interrupted)
		return sim->rows ? CLI_OK : cli_fail(CLI_FAILED, "interrupted before there was a query");
	if (!sim->rows)
		return sim->bad ? cli_fail(CLI_FAILED, "there is no query in '%s': none of it could be read as %s; name what it is: "
		                                       "--format query-log, csv or dnstap",
		                           in->path, isb_traffic_format_name(in->traffic.format))
		                : cli_fail(CLI_FAILED, "there is no query in '%s'", in->path);
	return CLI_OK;
}

int sim_read(struct sim *sim, const char *const *paths, size_t count)
{
	struct input in = {.sim = sim, .terminal = isatty(STDERR_FILENO), .begun_us = isb_monotonic_us()};
	enum isb_traffic_format format;
	sigset_t stop, old;
	int rc = CLI_OK;
	if (sim->cli->format && isb_traffic_format_parse(sim->cli->format, &format) != ISB_OK)
		return cli_fail(CLI_USAGE, "there is no format '%s'; write query-log, csv or dnstap", sim->cli->format);
	sigemptyset(&stop);
	sigaddset(&stop, SIGINT);
	sigprocmask(SIG_BLOCK, &stop, &old);
	in.interrupt = signalfd(-1, &stop, SFD_CLOEXEC);
	in.size = size_of(paths, count);
	for (size_t i = 0; rc == CLI_OK && i < count && !sim->interrupted; i++)
		rc = read_file(&in, paths[i]);
	clear_bar(&in);
	if (sim->interrupted) { /* taken, or it would end the program after all */
		struct signalfd_siginfo info;
		if (read(in.interrupt, &info, sizeof(info)) < 0)
			rc = CLI_FAILED;
	}
	if (in.interrupt >= 0)
		close(in.interrupt);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return rc == CLI_OK ? conclude(&in) : rc;
}
