/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "isobar/base/arena.h"

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else /* without valgrind's headers there is nobody to tell */
#define CALLGRIND_START_INSTRUMENTATION (void)0
#define CALLGRIND_STOP_INSTRUMENTATION (void)0
#endif

static const char help[] =
	"usage: bench-micro list\n"
	"       bench-micro SUBJECT [--size N] [--ops N] [--rounds N] [--geo FILE]\n"
	"\n"
	"Measures one subject and prints a line of JSON; tests/bench/run runs them all and prints a table.\n"
	"\n"
	"  --size N    names, networks or policies; default: the full size of the subject\n"
	"  --ops N     operations in a round; default: as many as take 30 ms\n"
	"  --rounds N  default 9\n"
	"  --geo FILE  a geo database for compile/...; default: a small made-up one\n";

volatile uint64_t bench_sink;
static const char *geo; /* of the command line */

enum { ROUNDS_MAX = 1000, ROUND_NS = 30000000, OPS_MAX = 1 << 26 };

static const struct bench_subject *const rooms[] = {bench_compile, bench_draws,   bench_geomap,
                                                    bench_names,   bench_respond, bench_zonefile};
enum { ROOMS = sizeof(rooms) / sizeof(rooms[0]) };

void bench_die(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fputs("bench-micro: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputs("\n", stderr);
	va_end(ap);
	exit(1);
}

const char *bench_geo(void)
{
	return geo;
}

/* CPU time of this thread: what other processes do meanwhile does not count, what the host takes away does. */
static uint64_t cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* A counter of this thread's instructions in user space, or -1 where the kernel or the machine has none to give. */
static int open_counter(void)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_HARDWARE,
	                               .size = sizeof(attr),
	                               .config = PERF_COUNT_HW_INSTRUCTIONS,
	                               .disabled = 1,
	                               .exclude_kernel = 1,
	                               .exclude_hv = 1};
	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

struct measured {
	uint64_t ops, rounds;
	uint64_t ns[ROUNDS_MAX]; /* of each round */
	int counter;             /* -1: none */
	uint64_t instructions;   /* of all rounds */
};

/* So many operations that a round is long beside the clock's grain. Also what warms the caches. */
static uint64_t calibrate(const struct bench_subject *s, void *state)
{
	uint64_t ops = 1, ns;
	for (;;) {
		uint64_t before = cpu_ns();
		s->run(state, (uint32_t)ops);
		ns = cpu_ns() - before;
		if (ns > ROUND_NS / 8 || ops >= OPS_MAX / 8)
			break;
		ops *= 2;
	}
	uint64_t want = ops * ROUND_NS / (ns ? ns : 1);
	return want < 1 ? 1 : want > OPS_MAX ? OPS_MAX : want;
}

static void measure(const struct bench_subject *s, void *state, struct measured *m)
{
	if (!m->ops)
		m->ops = calibrate(s, state);
	m->counter = open_counter();
	for (uint64_t i = 0; i < m->rounds; i++) {
		uint64_t before = cpu_ns();
		CALLGRIND_START_INSTRUMENTATION;
		if (m->counter >= 0)
			ioctl(m->counter, PERF_EVENT_IOC_ENABLE, 0);
		s->run(state, (uint32_t)m->ops);
		if (m->counter >= 0)
			ioctl(m->counter, PERF_EVENT_IOC_DISABLE, 0);
		CALLGRIND_STOP_INSTRUMENTATION;
		m->ns[i] = cpu_ns() - before;
	}
	if (m->counter >= 0 && read(m->counter, &m->instructions, sizeof(m->instructions)) != sizeof(m->instructions))
		bench_die("the counter of instructions cannot be read: %s", strerror(errno));
}

static void print(const struct bench_subject *s, uint32_t size, const struct measured *m)
{
	uint64_t per_round = m->ops * (s->per_item ? size : 1);
	printf("{\"subject\": \"%s\", \"size\": %" PRIu32 ", \"per_round\": %" PRIu64 ", \"instructions\": ", s->name,
	       size, per_round);
	if (m->counter >= 0)
		printf("%.1f", (double)m->instructions / (double)(per_round * m->rounds));
	else
		printf("null");
	printf(", \"ns\": [");
	for (uint64_t i = 0; i < m->rounds; i++)
		printf("%s%.2f", i ? ", " : "", (double)m->ns[i] / (double)per_round);
	printf("]}\n");
}

static void list(void)
{
	printf("{\"compiler\": \"gcc %s\", \"subjects\": [", __VERSION__);
	const char *comma = "";
	for (size_t i = 0; i < ROOMS; i++)
		for (const struct bench_subject *s = rooms[i]; s->name; s++, comma = ",")
			printf("%s\n{\"name\": \"%s\", \"what\": \"%s\", \"full\": %" PRIu32 ", \"small\": %" PRIu32
			       ", \"guard_ops\": %" PRIu32 "}",
			       comma, s->name, s->what, s->full, s->small, s->guard_ops);
	printf("\n]}\n");
}

static const struct bench_subject *find(const char *name)
{
	for (size_t i = 0; i < ROOMS; i++)
		for (const struct bench_subject *s = rooms[i]; s->name; s++)
			if (strcmp(s->name, name) == 0)
				return s;
	bench_die("there is no subject '%s'; bench-micro list tells them", name);
}

static uint64_t number(const char *option, const char *text, uint64_t most)
{
	char *end;
	errno = 0;
	unsigned long long n = strtoull(text, &end, 10);
	if (errno || end == text || *end || n < 1 || n > most)
		bench_die("%s takes a number from 1 to %" PRIu64 ", not '%s'", option, most, text);
	return n;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {{"size", 1, NULL, 's'}, {"ops", 1, NULL, 'o'}, {"rounds", 1, NULL, 'r'},
	                                      {"geo", 1, NULL, 'g'}, {"help", 0, NULL, 'h'}, {0}};
	static struct measured m = {.rounds = 9};
	uint32_t size = 0;
	for (int c; (c = getopt_long(argc, argv, "h", longs, NULL)) != -1;)
		switch (c) {
		case 's': size = (uint32_t)number("--size", optarg, 10000000); break;
		case 'o': m.ops = number("--ops", optarg, OPS_MAX); break;
		case 'r': m.rounds = number("--rounds", optarg, ROUNDS_MAX); break;
		case 'g': geo = optarg; break;
		case 'h': fputs(help, stdout); return 0;
		default: fputs(help, stderr); return 2;
		}
	if (optind + 1 != argc) {
		fputs(help, stderr);
		return 2;
	}
	if (strcmp(argv[optind], "list") == 0) {
		list();
		return 0;
	}
	const struct bench_subject *s = find(argv[optind]);
	if (!size)
		size = s->full;
	void *state = s->set_up(s, size);
	measure(s, state, &m);
	print(s, size, &m);
	s->tear_down(state);
	return 0;
}
