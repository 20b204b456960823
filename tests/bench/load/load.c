/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <glob.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "isobar/base/addr.h"
#include "isobar/base/arena.h"
#include "isobar/base/wire.h"
#include "questions.h"

/* Asks as fast as it can, or at a rate, and looks at every answer. One thread that never sleeps: give it a CPU of its
 * own. */

static const char help[] =
	"usage: bench-load --port PORT --questions FILE --server PID [--seconds S] [--window N | --rate N] [--patience S] [--echo]\n"
	"\n"
	"Sends questions to 127.0.0.1 for S seconds (2) after a fifth of a second that does not count, and prints\n"
	"what came of it as a line of JSON. --server names the process whose CPU time is read. SIGTERM ends it sooner.\n"
	"\n"
	"  --window N  closed loop: so many questions are always on their way (256)\n"
	"  --rate N    open loop: so many a second, whatever comes back; latency counts from when one was due\n"
	"  --patience S  an answer that takes longer is lost (1; and 0.3 behind the last question)\n"
	"  --echo      the answers are the questions themselves\n";

enum {
	SOCKETS = 4, BATCH = 64, IDS = 1 << 16, SIZE = 4096, BUFFER = 4 << 20,
	WARM_NS = 200000000, DRAIN_NS = 300000000, LOST_NS = 1000000000, SWEEP_NS = 100000000,
	BUCKETS = 64 * 32 /* of latency: 32 for each doubling of ns, so 3 % wide */
};

struct question {
	const uint8_t *wire;
	uint16_t len, question_len; /* the latter without OPT */
	uint8_t rcode, answers;
};

struct load {
	uint16_t port;
	int server;
	double seconds, rate; /* rate 0: closed loop */
	uint64_t patience_ns, last_ns; /* for an answer; for those that are out when the time is over */
	unsigned window;
	bool echo;
	struct question *question;
	size_t nquestion, next;
	struct lane {
		int fd;
		uint16_t id;
		unsigned out; /* asked and neither answered nor lost */
		struct asked {
			uint64_t at_ns; /* 0: free */
			uint32_t question;
		} asked[IDS];
	} lane[SOCKETS];
	uint64_t begin_ns, from_ns, to_ns; /* all of it; what counts */
	uint64_t sent_all, late_ns;
	/* of what counts: asked then, answered (whenever), answers that came then */
	uint64_t sent, answered, answers, wrong, truncated, stray;
	uint64_t bucket[BUCKETS];
	uint64_t worst_ns;
};

_Noreturn static void die(const char *what)
{
	fprintf(stderr, "bench-load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;
	if (clock_gettime(clock, &t) != 0)
		die("the server's clock");
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* --- What the machine took --- */

struct usage {
	uint64_t server_ns, own_ns; /* CPU time */
	uint64_t waited_ns;         /* time in which the server or we could have run and something else did */
};

static uint64_t waited_ns(int pid)
{
	char pattern[64];
	glob_t found = {0};
	uint64_t sum = 0;
	snprintf(pattern, sizeof(pattern), "/proc/%d/task/*/schedstat", pid);
	glob(pattern, 0, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		FILE *in = fopen(found.gl_pathv[i], "r");
		uint64_t ran, waited;
		if (in && fscanf(in, "%" SCNu64 " %" SCNu64, &ran, &waited) == 2)
			sum += waited;
		if (in)
			fclose(in);
	}
	globfree(&found);
	return sum;
}

static struct usage usage_now(const struct load *l)
{
	clockid_t clock;
	errno = clock_getcpuclockid(l->server, &clock);
	if (errno)
		die("no such server");
	return (struct usage){.server_ns = clock_ns(clock), .own_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID),
	                      .waited_ns = waited_ns(l->server) + waited_ns(getpid())};
}

/* --- Latency --- */

static unsigned bucket_of(uint64_t ns)
{
	unsigned top = 63 - (unsigned)__builtin_clzll(ns | 32);
	return (top - 5) * 32 + (unsigned)(ns >> (top - 5) & 31);
}

static double bucket_us(unsigned bucket)
{
	return (double)((32 + bucket % 32) * (UINT64_C(1) << bucket / 32)) / 1000;
}

static double quantile_us(const struct load *l, double part)
{
	uint64_t seen = 0;
	for (unsigned i = 0; i < BUCKETS; i++) {
		seen += l->bucket[i];
		if (l->answered && (double)seen >= part * (double)l->answered)
			return bucket_us(i);
	}
	return 0;
}

/* --- Answers --- */

static bool is_right(const struct load *l, const struct question *q, const uint8_t *data, size_t len)
{
	if (len < 12 || !(data[2] & 0x80) || len < q->question_len ||
	    memcmp(data + 12, q->wire + 12, q->question_len - 12u) != 0)
		return false;
	if (l->echo)
		return len == q->len;
	if (data[2] & 2) /* truncated: counted, no error */
		return (data[3] & 15) == q->rcode;
	return (data[3] & 15) == q->rcode && (q->answers == QUESTION_ANY || isb_get_u16(data + 6) == q->answers);
}

static void take(struct load *l, struct lane *lane, const uint8_t *data, size_t len, uint64_t now)
{
	struct asked *asked = len < 2 ? NULL : &lane->asked[isb_get_u16(data)];
	if (!asked || !asked->at_ns) {
		l->stray++;
		return;
	}
	const struct question *q = &l->question[asked->question];
	if (!is_right(l, q, data, len) && !l->wrong++)
		fprintf(stderr,
		        "bench-load: question %" PRIu32 " is answered wrongly: %zu octets, rcode %d, %d answers\n",
		        asked->question, len, len < 12 ? -1 : data[3] & 15, len < 12 ? -1 : isb_get_u16(data + 6));
	if (len >= 12 && data[2] & 2)
		l->truncated++;
	if (now >= l->from_ns && now < l->to_ns)
		l->answers++;
	if (asked->at_ns >= l->from_ns && asked->at_ns < l->to_ns) {
		uint64_t took = now > asked->at_ns ? now - asked->at_ns : 0;
		l->answered++;
		l->bucket[bucket_of(took)]++;
		l->worst_ns = took > l->worst_ns ? took : l->worst_ns;
	}
	asked->at_ns = 0;
	lane->out--;
}

static int receive(struct load *l, struct lane *lane)
{
	static uint8_t data[BATCH][SIZE];
	static struct iovec iov[BATCH];
	static struct mmsghdr msg[BATCH];
	for (int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){.iov_base = data[i], .iov_len = SIZE};
		msg[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
	}
	int n = recvmmsg(lane->fd, msg, BATCH, MSG_DONTWAIT, NULL);
	uint64_t now = n > 0 ? clock_ns(CLOCK_MONOTONIC) : 0;
	for (int i = 0; i < n; i++)
		take(l, lane, data[i], msg[i].msg_len, now);
	return n;
}

/* Questions that never came back make room for others. */
static void sweep(struct load *l, uint64_t now)
{
	for (unsigned i = 0; i < SOCKETS; i++)
		for (unsigned id = 0; id < IDS; id++) {
			struct asked *asked = &l->lane[i].asked[id];
			if (asked->at_ns && now > asked->at_ns && now - asked->at_ns > l->patience_ns) {
				asked->at_ns = 0;
				l->lane[i].out--;
			}
		}
}

/* --- Questions --- */

static unsigned wanted(struct load *l, const struct lane *lane, uint64_t now)
{
	unsigned want;
	if (l->rate > 0) {
		double due = (double)(now - l->begin_ns) * l->rate / 1e9 - (double)l->sent_all;
		want = due < 0 ? 0 : due > BATCH ? BATCH : (unsigned)due;
	} else {
		unsigned room = l->window / SOCKETS;
		want = lane->out < room ? room - lane->out : 0;
	}
	unsigned ids = IDS - 1 - lane->out; /* an open loop whose answers do not come */
	want = want > BATCH ? BATCH : want;
	return want > ids ? ids : want;
}

/* When the next question counts as asked. */
static uint64_t due_at(struct load *l, uint64_t now)
{
	if (l->rate <= 0)
		return now;
	uint64_t due = l->begin_ns + (uint64_t)((double)l->sent_all * 1e9 / l->rate);
	if (due < now && now - due > l->late_ns && now >= l->from_ns)
		l->late_ns = now - due;
	return due;
}

static unsigned send_some(struct load *l, struct lane *lane, uint64_t now)
{
	static uint8_t data[BATCH][SIZE];
	static struct iovec iov[BATCH];
	static struct mmsghdr msg[BATCH];
	unsigned want = wanted(l, lane, now), done = 0;
	for (unsigned i = 0; i < want; i++) {
		const struct question *q = &l->question[l->next];
		while (lane->asked[lane->id].at_ns)
			lane->id++;
		memcpy(data[i], q->wire, q->len);
		isb_put_u16(data[i], lane->id);
		iov[i] = (struct iovec){.iov_base = data[i], .iov_len = q->len};
		msg[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
		uint64_t at_ns = due_at(l, now);
		l->sent += at_ns >= l->from_ns;
		lane->asked[lane->id++] = (struct asked){.at_ns = at_ns, .question = (uint32_t)l->next};
		lane->out++;
		l->sent_all++;
		l->next = l->next + 1 == l->nquestion ? 0 : l->next + 1;
	}
	while (done < want) { /* a full buffer of ours is no loss of the server's: wait for room */
		int n = sendmmsg(lane->fd, msg + done, want - done, 0);
		if (n < 0 && errno != ENOBUFS && errno != EINTR && errno != ECONNREFUSED)
			die("send");
		done += n > 0 ? (unsigned)n : 0;
	}
	return want;
}

/* --- A run --- */

static bool outstanding(const struct load *l)
{
	for (unsigned i = 0; i < SOCKETS; i++)
		if (l->lane[i].out)
			return true;
	return false;
}

static void turn(struct load *l, uint64_t now, bool sends, uint64_t *idle_ns)
{
	bool did = false;
	for (unsigned i = 0; i < SOCKETS; i++) {
		did |= receive(l, &l->lane[i]) > 0;
		if (sends)
			did |= send_some(l, &l->lane[i], now) > 0;
	}
	if (!did && now >= l->from_ns && sends)
		*idle_ns += clock_ns(CLOCK_MONOTONIC) - now;
}

static void print(const struct load *l, const struct usage *u, uint64_t idle_ns)
{
	double s = (double)(l->to_ns - l->from_ns) / 1e9;
	printf("{\"seconds\": %.3f, \"sent\": %" PRIu64 ", \"answered\": %" PRIu64
	       ", \"answers_per_s\": %.0f, \"wrong\": %" PRIu64 ", \"truncated\": %" PRIu64 ", \"stray\": %" PRIu64
	       ", ",
	       s, l->sent, l->answered, (double)l->answers / s, l->wrong, l->truncated, l->stray);
	printf("\"lost_percent\": %.4f, \"server_cpu_us\": %.4f, \"server_busy\": %.4f, \"own_cpu_us\": %.4f, "
	       "\"idle\": %.4f, "
	       "\"waited\": %.4f, \"late_ms\": %.3f, ",
	       l->sent > l->answered ? 100.0 * (double)(l->sent - l->answered) / (double)l->sent : 0,
	       l->answers ? (double)u->server_ns / 1e3 / (double)l->answers : 0, (double)u->server_ns / 1e9 / s,
	       l->answers ? (double)u->own_ns / 1e3 / (double)l->answers : 0, (double)idle_ns / 1e9 / s,
	       (double)u->waited_ns / 1e9 / s, (double)l->late_ns / 1e6);
	printf("\"p50_us\": %.1f, \"p90_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f}\n",
	       quantile_us(l, .5), quantile_us(l, .9), quantile_us(l, .99), quantile_us(l, .999),
	       (double)l->worst_ns / 1e3);
}

static volatile sig_atomic_t ended;

static void on_term(int number)
{
	(void)number;
	ended = 1;
}

static void run(struct load *l)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC), swept = now, idle_ns = 0;
	l->begin_ns = now;
	l->from_ns = l->to_ns = UINT64_MAX;
	while (now < l->begin_ns + WARM_NS) {
		turn(l, now, true, &idle_ns);
		now = clock_ns(CLOCK_MONOTONIC);
	}
	struct usage before = usage_now(l);
	l->from_ns = clock_ns(CLOCK_MONOTONIC);
	l->to_ns = l->from_ns + (uint64_t)(l->seconds * 1e9);
	while ((now = clock_ns(CLOCK_MONOTONIC)) < l->to_ns && !ended) {
		turn(l, now, true, &idle_ns);
		if (now - swept > SWEEP_NS) {
			sweep(l, now);
			swept = now;
		}
	}
	struct usage after = usage_now(l);
	l->to_ns = now < l->to_ns ? now : l->to_ns;
	while (outstanding(l) && clock_ns(CLOCK_MONOTONIC) < l->to_ns + l->last_ns)
		turn(l, l->to_ns, false, &idle_ns);
	after.server_ns -= before.server_ns;
	after.own_ns -= before.own_ns;
	after.waited_ns -= before.waited_ns;
	print(l, &after, idle_ns);
}

static void read_questions(struct load *l, const char *path)
{
	FILE *in = fopen(path, "rb");
	long size = -1;
	if (in && fseek(in, 0, SEEK_END) == 0)
		size = ftell(in);
	if (size <= 0 || fseek(in, 0, SEEK_SET) != 0)
		die(path);
	uint8_t *data = isb_xmalloc((size_t)size); /* kept to the end */
	if (fread(data, (size_t)size, 1, in) != 1)
		die(path);
	fclose(in);
	struct isb_reader r = isb_reader(data, (size_t)size);
	l->question = isb_xcalloc((size_t)size / (QUESTION_HEAD + 12), sizeof(*l->question));
	while (r.pos < r.len) {
		uint16_t len = isb_read_u16(&r);
		struct question *q = &l->question[l->nquestion++];
		q->rcode = isb_read_u8(&r);
		q->answers = isb_read_u8(&r);
		q->wire = isb_read(&r, len);
		q->len = len;
		q->question_len = 12;
		errno = EINVAL;
		if (!q->wire || len < 12 || len > SIZE)
			die(path);
		while (q->question_len < len && q->wire[q->question_len])
			q->question_len = (uint16_t)(q->question_len + 1 + q->wire[q->question_len]);
		q->question_len = (uint16_t)(q->question_len + 5);
		if (q->question_len > len)
			die(path);
	}
}

static void open_lanes(struct load *l)
{
	struct isb_addr loopback = {.family = 4, .octets = {127, 0, 0, 1}};
	struct sockaddr_storage to;
	socklen_t len = isb_addr_to_sockaddr(&loopback, l->port, &to);
	const int size = BUFFER;
	for (unsigned i = 0; i < SOCKETS; i++) {
		int fd = l->lane[i].fd = socket(AF_INET, SOCK_DGRAM, 0);
		if (fd < 0 || connect(fd, (struct sockaddr *)&to, len) != 0)
			die("a socket");
		if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
			setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	}
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{"port", 1, NULL, 'p'},    {"questions", 1, NULL, 'q'}, {"server", 1, NULL, 's'},
		{"seconds", 1, NULL, 't'}, {"window", 1, NULL, 'w'},    {"rate", 1, NULL, 'r'},
		{"patience", 1, NULL, 'P'},
		{"echo", 0, NULL, 'e'},    {"help", 0, NULL, 'h'},      {0}};
	static struct load l = {.seconds = 2, .window = 256, .patience_ns = LOST_NS, .last_ns = DRAIN_NS};
	const char *questions = NULL;
	for (int c; (c = getopt_long(argc, argv, "h", longs, NULL)) != -1;)
		switch (c) {
		case 'p': l.port = (uint16_t)strtoul(optarg, NULL, 10); break;
		case 'q': questions = optarg; break;
		case 's': l.server = atoi(optarg); break;
		case 't': l.seconds = strtod(optarg, NULL); break;
		case 'w': l.window = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'r': l.rate = strtod(optarg, NULL); break;
		case 'P': l.patience_ns = l.last_ns = (uint64_t)(strtod(optarg, NULL) * 1e9); break;
		case 'e': l.echo = true; break;
		case 'h': fputs(help, stdout); return 0;
		default: fputs(help, stderr); return 2;
		}
	if (!l.port || !questions || l.server <= 0 || l.seconds <= 0 || l.window < SOCKETS || l.window > IDS ||
	    optind != argc) {
		fputs(help, stderr);
		return 2;
	}
	signal(SIGTERM, on_term);
	read_questions(&l, questions);
	open_lanes(&l);
	run(&l);
	return 0;
}
