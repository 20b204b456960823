/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "isobar/base/arena.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/base/rng.h"
#include "isobar/base/wire.h"
#include "isobar/model/rr.h"
#include "isobar/store/catalogdb.h"
#include "isobar/store/healthdb.h"

static const char help[] =
	"usage: bench-move --store DIR --port PORT --worker TID --endpoint POOL/ENDPOINT --name NAME [--flips N] [--window N]\n"
	"\n"
	"Plays the probe of a running isobard and asks it for A records of NAME in a closed loop, so that it is busy all the\n"
	"time. N times (1000), at random moments, it commits the other verdict of the endpoint and waits for the first answer\n"
	"that is another. Prints the microseconds from the commit to that answer as a line of JSON, ascending; apart from the others\n"
	"those where neither the worker (by its thread's number) nor this program had to wait for a CPU.\n"
	"\n"
	"  --window N  questions always on their way; default 64\n";

enum { BATCH = 32, SIZE = 512, BUFFER = 4 << 20, PAUSE_US = 2000, LOST_NS = 200000000, CALM_NS = 20000 };
static const uint64_t second = 1000000000;

struct bench {
	const char *dir, *endpoint, *name;
	uint16_t port;
	unsigned flips, window;
	struct isb_store *store;
	uint32_t slot;
	int fd, waits[2]; /* schedstat of the worker and of this thread */
	uint8_t question[SIZE];
	size_t len;
	unsigned out;
	uint64_t heard_ns, answers;
	uint8_t last[4]; /* the newest answer */
};

_Noreturn static void die(const char *what, const char *why)
{
	fprintf(stderr, "bench-move: %s: %s\n", what, why);
	exit(1);
}

static void must(int rc, const char *what)
{
	if (rc != ISB_OK)
		die(what, isb_strerror(rc));
}

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * second + (uint64_t)t.tv_nsec;
}

/* --- The probe ----------------------------------------------------------------------------------------------------- */

static void open_store(struct bench *b)
{
	const char *message, *slash = strchr(b->endpoint, '/');
	struct isb_txn *txn;
	if (isb_store_open(b->dir, ISB_STORE_WRITE_HEALTH, &b->store, &message) != ISB_OK)
		die(b->dir, message);
	if (!slash)
		die(b->endpoint, "is not POOL/ENDPOINT");
	char pool[64];
	snprintf(pool, sizeof(pool), "%.*s", (int)(slash - b->endpoint), b->endpoint);
	must(isb_txn_begin(b->store, ISB_ENV_CATALOG, false, &txn), "the catalog");
	must(isb_slot_get(txn, pool, slash + 1, &b->slot), b->endpoint);
	isb_txn_abort(txn);
}

/* Returns when the commit was done. */
static uint64_t say(struct bench *b, enum isb_verdict verdict)
{
	struct isb_txn *txn;
	const struct isb_health health = {.verdict = verdict, .held = verdict, .soft = ISB_SOFT_FULL, .flip_s = ISB_FLIP_NONE};
	const struct isb_probe_row probe = {.name = "bench", .region = "", .seen_ms = isb_clock_ms(), .boot = 1, .checks = 1};
	must(isb_txn_begin(b->store, ISB_ENV_HEALTH, true, &txn), "the health words");
	must(isb_probe_put(txn, &probe), "the probe");
	must(isb_word_put(txn, b->slot, isb_health_pack(&health)), "the word");
	must(isb_txn_commit(txn), "commit");
	return now_ns();
}

/* --- Who asks -------------------------------------------------------------------------------------------------------- */

static void make_question(struct bench *b)
{
	uint8_t name[ISB_DNAME_MAX];
	if (isb_dname_parse(b->name, NULL, name) < 0)
		die(b->name, "is not a domain name");
	b->question[5] = 1; /* QDCOUNT */
	size_t at = 12 + isb_dname_len(name);
	memcpy(b->question + 12, name, isb_dname_len(name));
	isb_put_u16(b->question + at, ISB_A);
	isb_put_u16(b->question + at + 2, ISB_CLASS_IN);
	b->len = at + 4;
}

static void connect_to(struct bench *b)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(b->port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	const int size = BUFFER;
	b->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (b->fd < 0 || connect(b->fd, (const struct sockaddr *)&to, sizeof(to)) != 0)
		die("connect", strerror(errno));
	setsockopt(b->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

static void ask(struct bench *b)
{
	struct iovec iov = {b->question, b->len};
	struct mmsghdr msgs[BATCH];
	while (b->out < b->window) {
		unsigned count = b->window - b->out < BATCH ? b->window - b->out : BATCH;
		for (unsigned i = 0; i < count; i++)
			msgs[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};
		int sent = sendmmsg(b->fd, msgs, count, 0);
		if (sent <= 0)
			return;
		b->out += (unsigned)sent;
	}
}

/* True when an answer has come that is not `old`. */
static bool hear(struct bench *b, const uint8_t old[4])
{
	static uint8_t data[BATCH][SIZE];
	struct iovec iov[BATCH];
	struct mmsghdr msgs[BATCH];
	bool other = false;
	for (unsigned i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){data[i], SIZE};
		msgs[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &iov[i], .msg_iovlen = 1}};
	}
	int count = recvmmsg(b->fd, msgs, BATCH, 0, NULL);
	for (int i = 0; i < count; i++) {
		unsigned len = msgs[i].msg_len; /* without EDNS an answer ends with the address */
		if (len < b->len + 16 || isb_get_u16(data[i] + 6) != 1)
			die(b->name, "is not answered with one address");
		memcpy(b->last, data[i] + len - 4, 4);
		other |= memcmp(b->last, old, 4) != 0;
	}
	if (count > 0) {
		b->out -= (unsigned)count < b->out ? (unsigned)count : b->out;
		b->heard_ns = now_ns();
		b->answers += (unsigned)count;
	} else if (b->out && now_ns() - b->heard_ns > LOST_NS) {
		b->out = 0;
		b->heard_ns = now_ns();
	}
	return other;
}

/* Questions and answers until then, and until the old answers are all there. */
static void keep_busy(struct bench *b, uint64_t until_ns)
{
	uint8_t old[4];
	while (now_ns() < until_ns) {
		ask(b);
		memcpy(old, b->last, sizeof(old));
		hear(b, old);
	}
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static int open_waits(const char *task)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%s/schedstat", task);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die(path, strerror(errno));
	return fd;
}

/* How long both have waited for a CPU while they could have run: the second number of schedstat. */
static uint64_t waited_ns(const struct bench *b)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < 2; i++) {
		char text[128] = "", *end;
		if (pread(b->waits[i], text, sizeof(text) - 1, 0) <= 0)
			die("schedstat", strerror(errno));
		strtoull(text, &end, 10);
		sum += strtoull(end, NULL, 10);
	}
	return sum;
}

static void print(const char *name, uint64_t *ns, size_t count)
{
	qsort(ns, count, sizeof(*ns), by_size);
	printf(", \"%s\": [", name);
	for (size_t i = 0; i < count; i++)
		printf("%s%.1f", i ? ", " : "", (double)ns[i] / 1000);
	putchar(']');
}

static void run(struct bench *b)
{
	struct isb_rng rng;
	uint64_t *calm_ns = isb_xcalloc(b->flips, sizeof(*calm_ns)), *other_ns = isb_xcalloc(b->flips, sizeof(*other_ns));
	uint64_t begun = now_ns();
	size_t ncalm = 0, nother = 0;
	enum isb_verdict verdict = ISB_UP;
	isb_rng_seed(&rng, 1);
	say(b, verdict);
	keep_busy(b, now_ns() + second / 2);
	for (unsigned i = 0; i < b->flips; i++) {
		uint8_t old[4];
		keep_busy(b, now_ns() + (PAUSE_US + isb_rng_below(&rng, PAUSE_US)) * 1000);
		memcpy(old, b->last, sizeof(old));
		verdict = verdict == ISB_UP ? ISB_DOWN : ISB_UP;
		uint64_t waited = waited_ns(b), committed = say(b, verdict);
		do
			ask(b);
		while (!hear(b, old) && now_ns() - committed < 5 * second);
		uint64_t took = now_ns() - committed;
		if (took >= 5 * second)
			die(b->endpoint, "has another verdict, and the answer is the same");
		if (waited_ns(b) - waited < CALM_NS)
			calm_ns[ncalm++] = took;
		else
			other_ns[nother++] = took;
	}
	uint64_t all = now_ns() - begun;
	printf("{\"answers_per_second\": %.0f", (double)b->answers * 1e9 / (double)all);
	print("calm_us", calm_ns, ncalm);
	print("other_us", other_ns, nother);
	puts("}");
	free(calm_ns);
	free(other_ns);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"store", required_argument, NULL, 's'}, {"port", required_argument, NULL, 'p'},
		{"endpoint", required_argument, NULL, 'e'}, {"name", required_argument, NULL, 'n'},
		{"worker", required_argument, NULL, 'r'}, {"flips", required_argument, NULL, 'f'}, {"window", required_argument, NULL, 'w'},
		{"help", no_argument, NULL, 'h'}, {0},
	};
	struct bench b = {.flips = 1000, .window = 64};
	const char *worker = NULL;
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (c) {
		case 's': b.dir = optarg; break;
		case 'p': b.port = (uint16_t)strtoul(optarg, NULL, 10); break;
		case 'e': b.endpoint = optarg; break;
		case 'n': b.name = optarg; break;
		case 'r': worker = optarg; break;
		case 'f': b.flips = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'w': b.window = (unsigned)strtoul(optarg, NULL, 10); break;
		default: fputs(help, c == 'h' ? stdout : stderr); return c == 'h' ? 0 : 2;
		}
	}
	if (!b.dir || !b.port || !worker || !b.endpoint || !b.name || !b.flips || !b.window) {
		fputs(help, stderr);
		return 2;
	}
	open_store(&b);
	b.waits[0] = open_waits(worker);
	b.waits[1] = open_waits("self");
	make_question(&b);
	connect_to(&b);
	run(&b);
	close(b.fd);
	close(b.waits[0]);
	close(b.waits[1]);
	isb_store_close(b.store);
	return 0;
}
