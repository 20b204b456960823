/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "isobar/base/arena.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/base/wire.h"
#include "isobar/model/rr.h"
#include "isobar/store/catalogdb.h"
#include "isobar/store/healthdb.h"

static const char help[] =
	"usage: bench-flips --store DIR --port PORT --server PID --count N [options]\n"
	"\n"
	"Plays the probe of a running isobard: endpoint `a` of one pool after the other, p00000 to N-1, goes up and\n"
	"down, while another thread asks 127.0.0.1 for h00000.flip.test and so on in a closed loop. An answer from\n"
	"10.1/16 says that `a` is up. Prints a line of JSON: what an answer cost the server, and how long the health\n"
	"of those that came too late had been over.\n"
	"\n"
	"  --flips N       per second, each a commit of its own; default 10000, 0: none\n"
	"  --elsewhere DIR commit them to this store instead, which nobody reads: the same work for this machine\n"
	"  --per-commit N  so many in one commit instead\n"
	"  --seconds S     default 2, after a fifth of a second that does not count\n"
	"  --window N      questions always on their way; default 256\n";

enum { SOCKETS = 4, BATCH = 64, IDS = 1 << 16, SIZE = 512, BUFFER = 4 << 20, LATE_US = 1000, AGES = 1 << 20 };
static const uint64_t second = 1000000000, warm_ns = 200000000, lost_ns = 500000000;

struct bench {
	const char *store, *elsewhere;
	uint16_t port;
	int server;
	uint32_t count;
	unsigned flips, per_commit, window;
	double seconds;
	uint32_t *slot;
	_Atomic uint64_t *flipped; /* by name: when that was committed, ns since 1970, times two; plus one: is up */
	atomic_bool enough;
	uint64_t flips_done; /* read once the thread has ended */
	struct lane {
		int fd;
		uint16_t id;
		unsigned out;
		uint64_t heard_ns; /* an answer came */
		uint32_t asked[IDS];
	} lane[SOCKETS];
	uint32_t next;
	uint64_t answers, stale, late, worst_us; /* late: stale for longer than LATE_US */
	uint32_t *age_us;                        /* of the stale ones */
};

_Noreturn static void die(const char *what, const char *why)
{
	fprintf(stderr, "bench-flips: %s: %s\n", what, why);
	exit(1);
}

static void must(int rc, const char *what)
{
	if (rc != ISB_OK)
		die(what, isb_strerror(rc));
}

static uint64_t now_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * second + (uint64_t)t.tv_nsec;
}

/* --- The probe ------------------------------------------------------------------------------------------------------- */

static void find_slots(struct bench *b, struct isb_store *store)
{
	struct isb_txn *txn;
	must(isb_txn_begin(store, ISB_ENV_CATALOG, false, &txn), "the catalog");
	for (uint32_t i = 0; i < b->count; i++) {
		char pool[16];
		snprintf(pool, sizeof(pool), "p%05" PRIu32, i);
		must(isb_slot_get(txn, pool, "a", &b->slot[i]), pool);
	}
	isb_txn_abort(txn);
}

static void say(struct bench *b, struct isb_txn *txn, uint32_t name, bool up)
{
	enum isb_verdict verdict = up ? ISB_UP : ISB_DOWN;
	const struct isb_health health = {
		.verdict = verdict, .held = verdict, .soft = ISB_SOFT_FULL, .flip_s = ISB_FLIP_NONE};
	must(isb_word_put(txn, b->slot[name], isb_health_pack(&health)), "a word");
	must(isb_since_put(txn, b->slot[name], isb_clock_ms()), "since");
}

/* From here on whoever hears the other state hears an old one. */
static void note(struct bench *b, uint32_t name, bool up)
{
	atomic_store_explicit(&b->flipped[name], now_ns(CLOCK_REALTIME) << 1 | up, memory_order_release);
}

static void say_first(struct bench *b, struct isb_store *store)
{
	struct isb_txn *txn;
	int64_t now_ms = isb_clock_ms(), end_ms = now_ms + 1000 * (int64_t)b->seconds;
	const struct isb_probe_row probe = {
		.name = "bench", .region = "", .started_ms = now_ms, .seen_ms = end_ms, .boot = 1, .checks = b->count};
	must(isb_txn_begin(store, ISB_ENV_HEALTH, true, &txn), "the health words");
	must(isb_probe_put(txn, &probe), "the probe");
	for (uint32_t i = 0; i < b->count; i++)
		say(b, txn, i, true);
	must(isb_txn_commit(txn), "commit");
	for (uint32_t i = 0; i < b->count; i++)
		note(b, i, true);
}

static struct isb_store *take_store(struct bench *b, const char *dir)
{
	struct isb_store *store;
	const char *message;
	if (isb_store_open(dir, ISB_STORE_WRITE_HEALTH, &store, &message) != ISB_OK)
		die(dir, message);
	find_slots(b, store);
	say_first(b, store);
	return store;
}

static void commit_flips(struct bench *b, struct isb_store *store, uint32_t first, bool up)
{
	struct isb_txn *txn;
	must(isb_txn_begin(store, ISB_ENV_HEALTH, true, &txn), "the health words");
	for (unsigned i = 0; i < b->per_commit; i++)
		say(b, txn, first + i, up);
	must(isb_txn_commit(txn), "commit");
	for (unsigned i = 0; i < b->per_commit && !b->elsewhere; i++)
		note(b, first + i, up);
}

static void *flip(void *arg)
{
	struct bench *b = arg;
	struct isb_store *store = take_store(b, b->store);
	if (b->elsewhere) {
		isb_store_close(store);
		store = take_store(b, b->elsewhere);
	}
	uint64_t begin = now_ns(CLOCK_MONOTONIC);
	bool up = false; /* each name in turn, down in one round and up in the next */
	for (uint32_t name = 0; b->flips && !atomic_load(&b->enough);) {
		uint64_t due = begin + b->flips_done * second / b->flips;
		const struct timespec at = {.tv_sec = (time_t)(due / second), .tv_nsec = (long)(due % second)};
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
		commit_flips(b, store, name, up);
		b->flips_done += b->per_commit;
		name += b->per_commit;
		if (name == b->count) { /* which it divides */
			name = 0;
			up = !up;
		}
	}
	isb_store_close(store);
	return NULL;
}

/* --- Who asks -------------------------------------------------------------------------------------------------------- */

static size_t question(uint32_t name, uint16_t id, uint8_t out[SIZE])
{
	static const char zone[] = "\4flip\4test"; /* and the root behind it */
	char label[16];
	size_t len = (size_t)snprintf(label, sizeof(label), "h%05" PRIu32, name), at = 13 + len;
	memset(out, 0, 12);
	isb_put_u16(out, id);
	out[5] = 1; /* QDCOUNT */
	out[12] = (uint8_t)len;
	memcpy(out + 13, label, len);
	memcpy(out + at, zone, sizeof(zone));
	isb_put_u16(out + at + sizeof(zone), ISB_A);
	isb_put_u16(out + at + sizeof(zone) + 2, ISB_CLASS_IN);
	return at + sizeof(zone) + 4;
}

/* When the kernel had the answer, not when this thread, which shares its CPU with the probe, came to read it. */
static uint64_t arrival(struct msghdr *msg)
{
	struct timespec t = {0};
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS)
			memcpy(&t, CMSG_DATA(c), sizeof(t));
	return (uint64_t)t.tv_sec * second + (uint64_t)t.tv_nsec;
}

static void hear(struct bench *b, struct lane *lane, const uint8_t *data, size_t len, uint64_t at_ns)
{
	/* an answer without EDNS ends with the address */
	if (len < 28 || isb_get_u16(data + 6) != 1 || data[len - 4] != 10)
		die("an answer", "not one address of 10/8");
	bool up = data[len - 3] == 1;
	uint64_t flipped = atomic_load_explicit(&b->flipped[lane->asked[isb_get_u16(data)]], memory_order_acquire);
	lane->out--;
	b->answers++;
	if (up == (bool)(flipped & 1) || at_ns <= flipped >> 1)
		return;
	uint64_t age_us = (at_ns - (flipped >> 1)) / 1000;
	if (b->stale < AGES)
		b->age_us[b->stale] = (uint32_t)age_us;
	b->stale++;
	b->late += age_us > LATE_US;
	b->worst_us = age_us > b->worst_us ? age_us : b->worst_us;
}

static void receive(struct bench *b, struct lane *lane)
{
	static uint8_t data[BATCH][SIZE], control[BATCH][CMSG_SPACE(sizeof(struct timespec))];
	static struct iovec iov[BATCH];
	static struct mmsghdr msg[BATCH];
	for (int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){.iov_base = data[i], .iov_len = SIZE};
		msg[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1, .msg_control = control[i],
		                                 .msg_controllen = sizeof(control[i])};
	}
	int n = recvmmsg(lane->fd, msg, BATCH, MSG_DONTWAIT, NULL);
	uint64_t now = now_ns(CLOCK_MONOTONIC);
	for (int i = 0; i < n; i++)
		hear(b, lane, data[i], msg[i].msg_len, arrival(&msg[i].msg_hdr));
	if (n > 0)
		lane->heard_ns = now;
	else if (lane->out && now - lane->heard_ns > lost_ns)
		die("no answers", "is isobard running, with --rrl off?");
}

static void ask(struct bench *b, struct lane *lane)
{
	static uint8_t data[BATCH][SIZE];
	static struct iovec iov[BATCH];
	static struct mmsghdr msg[BATCH];
	unsigned room = b->window / SOCKETS, want = room > lane->out ? room - lane->out : 0;
	want = want > BATCH ? BATCH : want;
	for (unsigned i = 0; i < want; i++) {
		b->next = (b->next + 7919) % b->count; /* a prime: every name comes, and not in the order of the flips */
		lane->asked[lane->id] = b->next;
		iov[i] = (struct iovec){.iov_base = data[i], .iov_len = question(b->next, lane->id++, data[i])};
		msg[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
	}
	for (unsigned done = 0; done < want;) {
		int n = sendmmsg(lane->fd, msg + done, want - done, 0);
		if (n < 0 && errno != ENOBUFS && errno != EINTR)
			die("send", strerror(errno));
		done += n > 0 ? (unsigned)n : 0;
	}
	lane->out += want;
}

static void ask_until(struct bench *b, uint64_t end_ns)
{
	while (now_ns(CLOCK_MONOTONIC) < end_ns)
		for (unsigned i = 0; i < SOCKETS; i++) {
			receive(b, &b->lane[i]);
			ask(b, &b->lane[i]);
		}
}

static void open_lanes(struct bench *b)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(b->port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	const int size = BUFFER, on = 1;
	for (unsigned i = 0; i < SOCKETS; i++) {
		int fd = b->lane[i].fd = socket(AF_INET, SOCK_DGRAM, 0);
		if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0 ||
		    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) != 0)
			die("a socket", strerror(errno));
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
		b->lane[i].heard_ns = now_ns(CLOCK_MONOTONIC);
	}
}

static int by_age(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static void print(struct bench *b, uint64_t server_ns, uint64_t flips)
{
	size_t kept = b->stale < AGES ? b->stale : AGES;
	qsort(b->age_us, kept, sizeof(b->age_us[0]), by_age);
	double answers = (double)b->answers;
	printf("{\"answers_per_s\": %.0f, \"server_cpu_us\": %.4f, \"flips_per_s\": %.0f, \"stale_percent\": %.4f, "
	       "\"late_percent\": %.4f, \"age_p50_us\": %" PRIu32 ", \"age_p99_us\": %" PRIu32
	       ", \"age_max_us\": %" PRIu64 "}\n",
	       answers / b->seconds, (double)server_ns / 1e3 / answers, (double)flips / b->seconds,
	       100 * (double)b->stale / answers, 100 * (double)b->late / answers, kept ? b->age_us[kept / 2] : 0,
	       kept ? b->age_us[kept * 99 / 100] : 0, b->worst_us);
}

static void run(struct bench *b)
{
	clockid_t server;
	pthread_t probe;
	if (clock_getcpuclockid(b->server, &server) != 0)
		die("--server", "no such process");
	pthread_create(&probe, NULL, flip, b);
	while (!atomic_load(&b->flipped[b->count - 1]) || !atomic_load(&b->flipped[0]))
		clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){.tv_nsec = 1000000}, NULL);
	open_lanes(b);
	ask_until(b, now_ns(CLOCK_MONOTONIC) + warm_ns);
	b->answers = b->stale = b->late = b->worst_us = 0;
	uint64_t before = now_ns(server), begin = now_ns(CLOCK_MONOTONIC);
	ask_until(b, begin + (uint64_t)(b->seconds * 1e9));
	uint64_t spent = now_ns(server) - before;
	atomic_store(&b->enough, true);
	pthread_join(probe, NULL);
	print(b, spent, (uint64_t)((double)b->flips_done * b->seconds / (b->seconds + (double)warm_ns / 1e9)));
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{"store", 1, NULL, 's'},   {"elsewhere", 1, NULL, 'e'}, {"port", 1, NULL, 'p'}, {"server", 1, NULL, 'P'},
		{"count", 1, NULL, 'n'},   {"flips", 1, NULL, 'f'},  {"per-commit", 1, NULL, 'c'},
		{"seconds", 1, NULL, 't'}, {"window", 1, NULL, 'w'}, {"help", 0, NULL, 'h'},
		{0}};
	static struct bench b = {.flips = 10000, .per_commit = 1, .seconds = 2, .window = 256};
	for (int c; (c = getopt_long(argc, argv, "h", longs, NULL)) != -1;)
		switch (c) {
		case 's': b.store = optarg; break;
		case 'e': b.elsewhere = optarg; break;
		case 'p': b.port = (uint16_t)strtoul(optarg, NULL, 10); break;
		case 'P': b.server = atoi(optarg); break;
		case 'n': b.count = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 'f': b.flips = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'c': b.per_commit = (unsigned)strtoul(optarg, NULL, 10); break;
		case 't': b.seconds = strtod(optarg, NULL); break;
		case 'w': b.window = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'h': fputs(help, stdout); return 0;
		default: fputs(help, stderr); return 2;
		}
	if (!b.store || !b.port || !b.server || !b.count || !b.per_commit || b.count % b.per_commit || b.seconds <= 0 ||
	    b.window < SOCKETS || b.window > IDS) {
		fputs(help, stderr);
		return 2;
	}
	b.slot = isb_xcalloc(b.count, sizeof(*b.slot));
	b.flipped = isb_xcalloc(b.count, sizeof(*b.flipped));
	b.age_us = isb_xcalloc(AGES, sizeof(*b.age_us));
	run(&b);
	return 0;
}
