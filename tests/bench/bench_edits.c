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
#include <unistd.h>

#include "isobar/base/arena.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/base/rng.h"
#include "isobar/base/wire.h"
#include "isobar/model/dname.h"
#include "isobar/store/catalogdb.h"

static const char help[] =
	"usage: bench-edits --store DIR --port PORT --server PID --zone ZONE --owner OWNER --count N [options]\n"
	"\n"
	"Edits one A rrset after the other in the store of a running isobard and asks it on 127.0.0.1 until the\n"
	"new address comes back; prints how long after the commit that was, and the server's memory on the way.\n"
	"\n"
	"  --zone, --owner  names; %u stands for a number below N: example.com and h%u.example.com, or z%u.test\n"
	"                   and www.z%u.test\n"
	"  --edits N        how many; default 1000\n"
	"  --burst N        edits from one look at the answers to the next; default 1: each is waited for\n"
	"  --rate N         other questions per second meanwhile, on a thread of their own; default 0\n"
	"  --seed N         which names; default 1\n";

struct bench {
	const char *store_dir, *zone, *owner;
	uint16_t port;
	int server;
	uint32_t count;
	unsigned edits, burst, rate;
	uint64_t seed;
	struct isb_store *store;
	atomic_bool enough;
	uint64_t sent, answered; /* the other questions; read once the thread has ended */
};

_Noreturn static void die(const char *what, const char *why)
{
	fprintf(stderr, "bench-edits: %s: %s\n", what, why);
	exit(1);
}

/* --- Names and questions --------------------------------------------------------------------------------------------- */

/* `pattern` with the number in place of its %u, as a wire name. */
static void name_of(const char *pattern, uint32_t number, uint8_t out[ISB_DNAME_MAX])
{
	char text[ISB_DNAME_TEXT];
	const char *at = strstr(pattern, "%u");
	if (at)
		snprintf(text, sizeof(text), "%.*s%" PRIu32 "%s", (int)(at - pattern), pattern, number, at + 2);
	else
		snprintf(text, sizeof(text), "%s", pattern);
	if (isb_dname_parse(text, NULL, out) < 0)
		die(text, "no domain name");
}

enum { HEAD = 12, QUESTION_MAX = HEAD + ISB_DNAME_MAX + 4 };

static size_t question(const struct bench *b, uint32_t number, uint16_t id, uint8_t out[QUESTION_MAX])
{
	memset(out, 0, HEAD);
	isb_put_u16(out, id);
	out[5] = 1; /* QDCOUNT */
	name_of(b->owner, number, out + HEAD);
	size_t len = HEAD + isb_dname_len(out + HEAD);
	isb_put_u16(out + len, ISB_A);
	isb_put_u16(out + len + 2, ISB_CLASS_IN);
	return len + 4;
}

static int connect_to(uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		die("socket", strerror(errno));
	return fd;
}

/* The address in the only answer, 0 when there is none within a second. It ends the message, since it is asked without
 * EDNS and there is no authority section. */
static uint32_t ask(int fd, const struct bench *b, uint32_t number, uint16_t id)
{
	uint8_t out[QUESTION_MAX], in[512];
	size_t len = question(b, number, id, out);
	struct timeval wait = {.tv_sec = 1};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (send(fd, out, len, 0) < 0)
		die("send", strerror(errno));
	for (;;) {
		ssize_t got = recv(fd, in, sizeof(in), 0);
		if (got < 0)
			return 0;
		if (got > HEAD + 16 && in[0] == id >> 8 && in[1] == (id & 0xff))
			return in[7] == 1 ? isb_get_u32(in + got - 4) : 0;
	}
}

/* --- The other questions --------------------------------------------------------------------------------------------- */

/* As many as are due, every millisecond, and whatever came back. */
static void *others(void *arg)
{
	struct bench *b = arg;
	int fd = connect_to(b->port);
	int room = 4 << 20;
	struct isb_rng rng;
	isb_rng_seed(&rng, b->seed + 1);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	int64_t begin_us = isb_monotonic_us();
	while (!atomic_load_explicit(&b->enough, memory_order_relaxed)) {
		uint8_t octets[QUESTION_MAX];
		uint64_t due = (uint64_t)(isb_monotonic_us() - begin_us) * b->rate / 1000000;
		for (; b->sent < due; b->sent++) {
			size_t len = question(b, (uint32_t)isb_rng_below(&rng, b->count), (uint16_t)b->sent, octets);
			send(fd, octets, len, 0);
		}
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		while (recv(fd, octets, sizeof(octets), MSG_DONTWAIT) > 0)
			b->answered++;
	}
	close(fd);
	return NULL;
}

/* --- Edits ----------------------------------------------------------------------------------------------------------- */

static void commit(const struct bench *b, uint32_t number, uint32_t address)
{
	static const char who[] = "bench";
	uint8_t zone[ISB_DNAME_MAX], owner[ISB_DNAME_MAX], room[sizeof(struct isb_rrset) + 8];
	struct isb_rrset *set = (void *)room;
	struct isb_txn *txn;
	uint64_t generation;
	name_of(b->zone, number, zone);
	name_of(b->owner, number, owner);
	*set = (struct isb_rrset){.ttl_s = 60, .type = ISB_A, .count = 1, .size = 6};
	isb_put_u16(set->rdata, 4);
	isb_put_u32(set->rdata + 2, address);
	int rc = isb_txn_begin(b->store, ISB_ENV_CATALOG, true, &txn);
	if (rc != ISB_OK)
		die("write", isb_strerror(rc));
	struct isb_edit *edit = isb_edit_new(txn, who, "", isb_clock_ms());
	rc = isb_edit_put_rrset(edit, zone, owner, set);
	if (rc == ISB_OK)
		rc = isb_edit_finish(edit, &generation);
	isb_edit_free(edit);
	if (rc == ISB_OK)
		rc = isb_txn_commit(txn);
	if (rc != ISB_OK)
		die("edit", isb_strerror(rc));
}

/* kB of the server that are its own and no file's. */
static long own_kb(int pid)
{
	char path[64], line[128];
	long kb = 0;
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	FILE *in = fopen(path, "r");
	if (!in)
		die(path, strerror(errno));
	while (fgets(line, sizeof(line), in))
		if (strncmp(line, "RssAnon:", 8) == 0)
			kb = strtol(line + 8, NULL, 10);
	fclose(in);
	return kb;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void run(struct bench *b)
{
	enum { LOOKS = 10 };
	int64_t *took_us = isb_xcalloc(b->edits, sizeof(*took_us)), committing_us = 0;
	size_t looks = 0;
	int fd = connect_to(b->port);
	struct isb_rng rng;
	isb_rng_seed(&rng, b->seed);
	printf("memory of the server, MiB: %.1f", (double)own_kb(b->server) / 1024);
	for (unsigned i = 0; i < b->edits; i++) {
		uint32_t number = (uint32_t)isb_rng_below(&rng, b->count), address = 0xc0000000 + i;
		int64_t begin_us = isb_monotonic_us();
		commit(b, number, address);
		int64_t at_us = isb_monotonic_us();
		committing_us += at_us - begin_us;
		if (i % b->burst == b->burst - 1) {
			for (uint16_t id = 0; ask(fd, b, number, id) != address; id++)
				if (isb_monotonic_us() - at_us > 60 * 1000000)
					die("edit", "not answered within a minute");
			took_us[looks++] = isb_monotonic_us() - at_us;
		}
		if (b->edits >= LOOKS && i % (b->edits / LOOKS) == b->edits / LOOKS - 1) {
			printf(" %.1f", (double)own_kb(b->server) / 1024);
			fflush(stdout);
		}
	}
	qsort(took_us, looks, sizeof(*took_us), compare);
	printf("\n%u edits, %.2f ms each to commit; from commit to answer, ms: p50 %.2f p99 %.2f worst %.2f of %zu\n", b->edits,
	       (double)committing_us / 1000 / b->edits, (double)took_us[looks / 2] / 1000,
	       (double)took_us[looks * 99 / 100] / 1000, (double)took_us[looks - 1] / 1000, looks);
	close(fd);
	free(took_us);
}

static unsigned number_of(const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);
	if (!*text || *end || value > UINT32_MAX)
		die(text, "no number");
	return (unsigned)value;
}

static void options(int argc, char **argv, struct bench *b)
{
	static const struct option known[] = {
		{"store", 1, NULL, 's'}, {"port", 1, NULL, 'p'}, {"server", 1, NULL, 'P'}, {"zone", 1, NULL, 'z'},
		{"owner", 1, NULL, 'o'}, {"count", 1, NULL, 'n'}, {"edits", 1, NULL, 'e'}, {"burst", 1, NULL, 'b'},
		{"rate", 1, NULL, 'r'}, {"seed", 1, NULL, 'S'}, {"help", 0, NULL, 'h'}, {0}};
	for (int c; (c = getopt_long(argc, argv, "h", known, NULL)) != -1;) {
		switch (c) {
		case 's': b->store_dir = optarg; break;
		case 'p': b->port = (uint16_t)number_of(optarg); break;
		case 'P': b->server = (int)number_of(optarg); break;
		case 'z': b->zone = optarg; break;
		case 'o': b->owner = optarg; break;
		case 'n': b->count = number_of(optarg); break;
		case 'e': b->edits = number_of(optarg); break;
		case 'b': b->burst = number_of(optarg); break;
		case 'r': b->rate = number_of(optarg); break;
		case 'S': b->seed = number_of(optarg); break;
		case 'h': fputs(help, stdout); exit(0);
		default: fputs(help, stderr); exit(2);
		}
	}
	if (optind != argc || !b->store_dir || !b->port || !b->server || !b->zone || !b->owner || !b->count || !b->burst ||
	    b->edits < b->burst) {
		fputs(help, stderr);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct bench b = {.edits = 1000, .burst = 1, .seed = 1};
	pthread_t thread;
	const char *message;
	options(argc, argv, &b);
	if (isb_store_open(b.store_dir, ISB_STORE_WRITE_CATALOG, &b.store, &message) != ISB_OK)
		die(b.store_dir, message);
	if (b.rate && pthread_create(&thread, NULL, others, &b) != 0)
		die("thread", "cannot be made");
	run(&b);
	/* relaxed: the flag carries nothing but itself */
	atomic_store_explicit(&b.enough, true, memory_order_relaxed);
	if (b.rate) {
		pthread_join(thread, NULL);
		printf("meanwhile %" PRIu64 " other questions, %" PRIu64 " answered\n", b.sent, b.answered);
	}
	isb_store_close(b.store);
	return 0;
}
