/* SPDX-License-Identifier: Apache-2.0 */
#include "dnstap.h"

#include <errno.h>
#include <fcntl.h>
#include <fstrm.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "isobar/base/arena.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/base/log.h"
#include "ring.h"

/* The library's queues of one writer order their memory by barriers that ThreadSanitizer cannot see; in its builds they are
 * those with a lock. */
#ifndef __has_feature
#define __has_feature(x) 0 /* gcc says it the other way */
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
static const fstrm_iothr_queue_model queue_model = FSTRM_IOTHR_QUEUE_MODEL_MPSC;
#else
static const fstrm_iothr_queue_model queue_model = FSTRM_IOTHR_QUEUE_MODEL_SPSC;
#endif

/* The library's own socket writer has no time limits: a reader that stopped reading would hold up our end for ever. So the
 * reading and writing is here, below the library's framing and queues. All of it is on the library's thread. */

enum {
	RING_SIZE = 4 << 20, /* per worker; 31 of the largest events, some 12 000 usual ones */
	QUEUE_SIZE = 16384,  /* events; the library's largest */
	WAKE_AT = 128,       /* events that wait before the library's thread is woken; fewer wait for a second at most */
	WAIT_S = 2,          /* for a reader that does not read, before it counts as gone */
	RETRY_S = 1,
	TEXT_MAX = 255,
	NOTHING_YET = 64     /* octets: a file of no more holds a start and an end and no event */
};
static const char content_type[] = "protobuf:dnstap.Dnstap";

struct lane {
	struct isb_dnstap *dnstap;
	struct fstrm_iothr_queue *queue;
	struct isb_ring *ring;
	_Atomic uint64_t lost;
};

struct isb_dnstap {
	struct isb_dnstap_source source;
	char identity[TEXT_MAX + 1];
	const char *path;
	bool file;
	bool told_down;       /* of what is down now the log has a line */
	int fd;
	unsigned greetings;   /* control frames still to be written before the reader takes events */
	atomic_bool up, reopen;
	struct fstrm_iothr *iothr;
	unsigned workers;
	struct lane *lanes;
};

/* --- Up and down --- */

/* relaxed everywhere: `up` only saves the work on events that would be lost */
static bool is_up(const struct isb_dnstap *dnstap)
{
	return atomic_load_explicit(&dnstap->up, memory_order_relaxed);
}

static void set_up(struct isb_dnstap *dnstap)
{
	atomic_store_explicit(&dnstap->up, true, memory_order_relaxed);
	isb_log(ISB_LOG_INFO, "dnstap-up", "path=\"%s\"", dnstap->path);
	dnstap->told_down = false;
}

/* Once until it is up again, not with every try. */
static fstrm_res set_down(struct isb_dnstap *dnstap, const char *reason)
{
	atomic_store_explicit(&dnstap->up, false, memory_order_relaxed);
	if (!dnstap->told_down)
		isb_log(ISB_LOG_WARNING, "dnstap-down", "path=\"%s\" reason=\"%s\"", dnstap->path, reason);
	dnstap->told_down = true;
	return fstrm_res_failure;
}

/* --- Octets out and in --- */

static const char *why(int error)
{
	return error == EAGAIN ? "the reader does not read" : strerror(error);
}

/* errno says why it is false. The socket's own time limit is per call, the one here for all of them together. */
static bool write_all(int fd, const struct iovec *iov, int count)
{
	int64_t end_us = isb_monotonic_us() + WAIT_S * INT64_C(1000000);
	size_t done = 0; /* octets of iov[0] */
	while (count > 0) {
		ssize_t n = done ? write(fd, (const uint8_t *)iov->iov_base + done, iov->iov_len - done)
				 : writev(fd, iov, count);
		if (n < 0 && errno != EINTR)
			return false;
		done += n > 0 ? (size_t)n : 0;
		for (; count > 0 && done >= iov->iov_len; iov++, count--)
			done -= iov->iov_len;
		if (count > 0 && isb_monotonic_us() > end_us) {
			errno = EAGAIN;
			return false;
		}
	}
	return true;
}

static bool write_control(int fd, fstrm_control_type type)
{
	uint8_t frame[FSTRM_CONTROL_FRAME_LENGTH_MAX];
	size_t len = sizeof(frame);
	struct fstrm_control *control = fstrm_control_init();
	fstrm_res res = fstrm_control_set_type(control, type);
	if (res == fstrm_res_success && type == FSTRM_CONTROL_START)
		res = fstrm_control_add_field_content_type(control, (const uint8_t *)content_type,
		                                           sizeof(content_type) - 1);
	if (res == fstrm_res_success)
		res = fstrm_control_encode(control, frame, &len, FSTRM_CONTROL_FLAG_WITH_HEADER);
	fstrm_control_destroy(&control);
	struct iovec iov = {.iov_base = frame, .iov_len = len};
	return res == fstrm_res_success && write_all(fd, &iov, 1);
}

static fstrm_res on_read(void *obj, void *data, size_t len)
{
	struct isb_dnstap *dnstap = obj;
	for (size_t done = 0; done < len;) {
		ssize_t n = read(dnstap->fd, (uint8_t *)data + done, len - done);
		if (n == 0 || (n < 0 && errno != EINTR))
			return fstrm_res_failure;
		done += n > 0 ? (size_t)n : 0;
	}
	return fstrm_res_success;
}

/* --- A file --- */

static int open_regular(const char *path, int flags)
{
	struct stat st;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags, 0640);
	if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
		close(fd);
		errno = EINVAL;
		return -1;
	}
	return fd;
}

/* A second stream in one file is not read by anybody, so the file begins anew; what it held is kept beside it. */
static int open_file(const char *path)
{
	char old[4096];
	struct stat st;
	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > NOTHING_YET) {
		int len = snprintf(old, sizeof(old), "%s.old", path);
		if (len >= (int)sizeof(old) || rename(path, old) != 0)
			return -1;
	}
	return open_regular(path, O_TRUNC);
}

static bool was_moved(const struct isb_dnstap *dnstap)
{
	struct stat open, there;
	return fstat(dnstap->fd, &open) == 0 &&
	       (stat(dnstap->path, &there) != 0 || there.st_ino != open.st_ino || there.st_dev != open.st_dev);
}

/* Ends the old file and begins the new one, between two frames. */
static bool rotate(struct isb_dnstap *dnstap)
{
	if (!write_control(dnstap->fd, FSTRM_CONTROL_STOP))
		return false;
	int fd = open_file(dnstap->path);
	if (fd < 0)
		return false;
	close(dnstap->fd);
	dnstap->fd = fd;
	return write_control(fd, FSTRM_CONTROL_START);
}

/* --- What the library calls --- */

static int open_socket(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	struct timeval wait = {.tv_sec = WAIT_S};
	strcpy(sa.sun_path, path); /* its length was checked */
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0 ||
	    connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0) {
		int saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

static void close_fd(struct isb_dnstap *dnstap)
{
	if (dnstap->fd >= 0)
		close(dnstap->fd);
	dnstap->fd = -1;
}

static fstrm_res on_open(void *obj)
{
	struct isb_dnstap *dnstap = obj;
	if (dnstap->fd >= 0) /* it was opened and not closed: the library gave up in between */
		set_down(dnstap, "no dnstap reader there");
	close_fd(dnstap);
	dnstap->greetings = dnstap->file ? 1 : 2; /* START; READY and START */
	dnstap->fd = dnstap->file ? open_file(dnstap->path) : open_socket(dnstap->path);
	return dnstap->fd < 0 ? set_down(dnstap, why(errno)) : fstrm_res_success;
}

static fstrm_res on_close(void *obj)
{
	struct isb_dnstap *dnstap = obj;
	atomic_store_explicit(&dnstap->up, false, memory_order_relaxed); /* see is_up() */
	close_fd(dnstap);
	return fstrm_res_success;
}

/* Always whole frames. */
static fstrm_res on_write(void *obj, const struct iovec *iov, int count)
{
	struct isb_dnstap *dnstap = obj;
	if (!dnstap->greetings && !is_up(dnstap))
		return fstrm_res_failure; /* a write failed before: not even a farewell */
	for (unsigned i = 0; i < dnstap->workers; i++)
		isb_ring_see(dnstap->lanes[i].ring);
	/* relaxed: the flag carries nothing but itself */
	if (dnstap->file && atomic_exchange_explicit(&dnstap->reopen, false, memory_order_relaxed) && was_moved(dnstap) &&
	    !rotate(dnstap))
		return set_down(dnstap, why(errno));
	if (!write_all(dnstap->fd, iov, count))
		return set_down(dnstap, why(errno));
	if (dnstap->greetings && --dnstap->greetings == 0)
		set_up(dnstap);
	return fstrm_res_success;
}

static void on_done(void *record, void *arg)
{
	struct lane *lane = arg;
	if (!is_up(lane->dnstap))
		isb_count(&lane->lost);
	isb_ring_release(record);
}

/* --- From outside --- */

static struct fstrm_writer *make_writer(struct isb_dnstap *dnstap)
{
	struct fstrm_rdwr *rdwr = fstrm_rdwr_init(dnstap);
	struct fstrm_writer_options *options = fstrm_writer_options_init();
	fstrm_writer_options_add_content_type(options, content_type, sizeof(content_type) - 1);
	fstrm_rdwr_set_open(rdwr, on_open);
	fstrm_rdwr_set_close(rdwr, on_close);
	fstrm_rdwr_set_write(rdwr, on_write);
	if (!dnstap->file)
		fstrm_rdwr_set_read(rdwr, on_read); /* with it the library shakes hands */
	struct fstrm_writer *writer = fstrm_writer_init(options, &rdwr);
	fstrm_writer_options_destroy(&options);
	return writer;
}

static int start(struct isb_dnstap *dnstap, struct isb_diags *diags)
{
	struct fstrm_iothr_options *options = fstrm_iothr_options_init();
	struct fstrm_writer *writer = make_writer(dnstap);
	fstrm_iothr_options_set_num_input_queues(options, dnstap->workers);
	fstrm_iothr_options_set_queue_model(options, queue_model);
	fstrm_iothr_options_set_input_queue_size(options, QUEUE_SIZE);
	/* What counts is how many places are left. A wake-up may get lost between two looks at the queues, and there is no
	 * second one: the queue and the ring hold what comes in the second until the thread looks again by itself. */
	fstrm_iothr_options_set_queue_notify_threshold(options, QUEUE_SIZE - WAKE_AT);
	fstrm_iothr_options_set_buffer_hint(options, FSTRM_IOTHR_BUFFER_HINT_MAX);
	fstrm_iothr_options_set_reopen_interval(options, RETRY_S);
	dnstap->iothr = fstrm_iothr_init(options, &writer);
	fstrm_iothr_options_destroy(&options);
	if (!dnstap->iothr) {
		fstrm_writer_destroy(&writer);
		isb_diag(diags, (struct isb_mark){0}, "cannot start the dnstap thread");
		return ISB_EIO;
	}
	for (unsigned i = 0; i < dnstap->workers; i++)
		dnstap->lanes[i].queue = fstrm_iothr_get_input_queue_idx(dnstap->iothr, i);
	return ISB_OK;
}

/* A socket may come later; a file that cannot be written is a mistake to hear of at once. */
static int check_file(const struct isb_dnstap *dnstap, struct isb_diags *diags)
{
	int fd = open_regular(dnstap->path, 0);
	if (fd < 0) {
		isb_diag(diags, (struct isb_mark){0}, "cannot write dnstap to '%s': %s", dnstap->path,
		         errno == EINVAL ? "not a regular file" : strerror(errno));
		return ISB_EIO;
	}
	close(fd);
	return ISB_OK;
}

int isb_dnstap_new(const char *target, const char *identity, unsigned workers, struct isb_diags *diags,
                   struct isb_dnstap **ret_dnstap)
{
	struct isb_dnstap *dnstap = isb_xcalloc(1, sizeof(*dnstap));
	dnstap->file = strncmp(target, ISB_DNSTAP_FILE, sizeof(ISB_DNSTAP_FILE) - 1) == 0;
	dnstap->path = dnstap->file ? target + sizeof(ISB_DNSTAP_FILE) - 1 : target;
	dnstap->fd = -1;
	if (identity)
		snprintf(dnstap->identity, sizeof(dnstap->identity), "%s", identity);
	else
		gethostname(dnstap->identity, TEXT_MAX);
	dnstap->source = (struct isb_dnstap_source){.identity = dnstap->identity, .version = "isobard " ISB_VERSION};
	dnstap->workers = workers;
	dnstap->lanes = isb_xcalloc(workers, sizeof(*dnstap->lanes));
	for (unsigned i = 0; i < workers; i++) {
		dnstap->lanes[i].dnstap = dnstap;
		dnstap->lanes[i].ring = isb_ring_new(RING_SIZE);
	}
	int rc = dnstap->file ? check_file(dnstap, diags) : ISB_OK;
	if (rc == ISB_OK)
		rc = start(dnstap, diags);
	if (rc != ISB_OK) {
		isb_dnstap_free(dnstap);
		return rc;
	}
	*ret_dnstap = dnstap;
	return ISB_OK;
}

void isb_dnstap_free(struct isb_dnstap *dnstap)
{
	if (!dnstap)
		return;
	fstrm_iothr_destroy(&dnstap->iothr);
	close_fd(dnstap);
	for (unsigned i = 0; i < dnstap->workers; i++)
		isb_ring_free(dnstap->lanes[i].ring);
	free(dnstap->lanes);
	free(dnstap);
}

void isb_dnstap_reopen(struct isb_dnstap *dnstap)
{
	atomic_store_explicit(&dnstap->reopen, true, memory_order_relaxed); /* see on_write() */
}

bool isb_dnstap_add(struct isb_dnstap *dnstap, unsigned worker, const struct isb_dnstap_event *event)
{
	struct lane *lane = &dnstap->lanes[worker];
	size_t len, size = isb_dnstap_size(&dnstap->source, event);
	uint8_t *record = is_up(dnstap) ? isb_ring_reserve(lane->ring, size) : NULL;
	if (!record)
		return false;
	size_t written = isb_dnstap_write(&dnstap->source, event, record, size);
	isb_ring_publish(lane->ring);
	isb_ring_take(lane->ring, &len); /* the queue carries it from here; the ring gives only the memory */
	if (fstrm_iothr_submit(dnstap->iothr, lane->queue, record, written, on_done, lane) == fstrm_res_success)
		return true;
	isb_ring_release(record);
	return false;
}

uint64_t isb_dnstap_lost(const struct isb_dnstap *dnstap, unsigned worker)
{
	return atomic_load_explicit(&dnstap->lanes[worker].lost, memory_order_relaxed); /* a count is right by itself */
}
