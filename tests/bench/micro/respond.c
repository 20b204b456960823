/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/rng.h"
#include "isobar/base/wire.h"
#include "isobar/dns/respond.h"

/* A whole query without its socket: the octets of a question in, those of the answer out. Every question has EDNS with
 * 1232 octets, as resolvers send it. Each is answered once before the clock runs and must get the right answer. */

enum {
	QUESTIONS = 1 << 12, QUESTION_MAX = 96, ANSWER_MAX = 1232,
	BATCH = 64, /* divides QUESTIONS */
	PLAIN = 1000, SERVICES = 100, WEIGHTED = 4, STANDBYS = 1000, CLASSES = 20, OPTION_ECS = 8
};

struct question {
	uint8_t wire[QUESTION_MAX];
	uint16_t len;
	/* What must come back: this rcode, so many answers, and of the first one's address the bits under the mask. */
	uint8_t rcode, answers;
	uint32_t address, mask;
};

struct asking {
	struct bench_site *site;
	struct isb_context ctx;
	struct question *question;
	uint32_t count, at;
	struct isb_rng rng;
};

/* --- Questions and answers --- */

static void ask(struct question *q, const char *name, const uint8_t *ecs)
{
	uint8_t wire[ISB_DNAME_MAX];
	int len = isb_dname_parse(name, NULL, wire);
	struct isb_writer w = isb_writer(q->wire, sizeof(q->wire));
	static const uint8_t head[] = {0x1d, 0x0b, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1}, type_class[] = {0, ISB_A, 0, ISB_CLASS_IN},
	                     opt[] = {0, 0, ISB_OPT, 4, 208, 0, 0, 0, 0};
	isb_write(&w, head, sizeof(head));
	isb_write(&w, wire, len > 0 ? (size_t)len : 0);
	isb_write(&w, type_class, sizeof(type_class));
	isb_write(&w, opt, sizeof(opt));
	isb_write_u16(&w, ecs ? 11 : 0);
	if (ecs) { /* an IPv4 network of 24 bits */
		isb_write_u16(&w, OPTION_ECS);
		isb_write_u16(&w, 7);
		isb_write(&w, "\0\1\30\0", 4);
		isb_write(&w, ecs, 3);
	}
	if (w.bad || len <= 0)
		bench_die("'%s' does not fit a question", name);
	q->len = (uint16_t)w.pos;
}

static size_t skip_name(const uint8_t *data, size_t len, size_t at)
{
	while (at < len && data[at] && data[at] < 0xc0)
		at += 1u + data[at];
	return at + (at < len && data[at] ? 2 : 1);
}

/* The first answer's address; 0 when it is none. */
static uint32_t first_address(const uint8_t *data, size_t len)
{
	size_t at = skip_name(data, len, 12) + 4;
	if (at >= len)
		return 0;
	at = skip_name(data, len, at);
	if (len < at + 14 || isb_get_u16(data + at) != ISB_A || isb_get_u16(data + at + 8) != 4)
		return 0;
	return isb_get_u32(data + at + 10);
}

static size_t respond(struct asking *a, const struct question *q, uint8_t out[ANSWER_MAX])
{
	static const struct isb_client client = {.addr = {.family = 4, .octets = {198, 18, 0, 1}}, .proto = ISB_UDP, .port = 5353};
	return isb_respond(&a->ctx, &client, q->wire, q->len, out, ANSWER_MAX);
}

static void verify(struct asking *a)
{
	uint8_t out[ANSWER_MAX];
	for (uint32_t i = 0; i < a->count; i++) {
		const struct question *q = &a->question[i];
		size_t len = respond(a, q, out);
		if (len < 12 || memcmp(out, q->wire, 2) != 0 || !(out[2] & 0x80) || (out[3] & 15) != q->rcode ||
		    isb_get_u16(out + 6) != q->answers ||
		    (q->answers && (first_address(out, len) & q->mask) != (q->address & q->mask)))
			bench_die("question %u is answered wrongly: %zu octets, rcode %u, %u answers, %08x", i, len,
			          len < 12 ? 0 : out[3] & 15, len < 12 ? 0 : isb_get_u16(out + 6), first_address(out, len));
	}
}

static void run(void *state, uint32_t ops)
{
	struct asking *a = state;
	uint8_t out[ANSWER_MAX];
	for (uint32_t i = 0; i < ops; i++) {
		bench_sink += respond(a, &a->question[a->at], out);
		if (++a->at == a->count)
			a->at = 0;
	}
}

/* As UDP does it (server/udp.c). */
static void run_batches(void *state, uint32_t ops)
{
	struct asking *a = state;
	uint64_t key[BATCH];
	uint8_t out[ANSWER_MAX];
	bool ahead = isb_context_looks_ahead(&a->ctx);
	for (uint32_t i = 0; i < ops; i += BATCH) {
		const struct question *q = &a->question[a->at];
		for (uint32_t k = 0; ahead && k < BATCH; k++)
			key[k] = isb_ahead_slot(&a->ctx, q[k].wire, q[k].len);
		for (uint32_t k = 0; ahead && k < BATCH; k++)
			isb_ahead_node(&a->ctx, key[k]);
		for (uint32_t k = 0; k < BATCH && i + k < ops; k++)
			bench_sink += respond(a, &q[k], out);
		a->at = (a->at + BATCH) % a->count;
	}
}

/* --- What is asked --- */

/* One kind of question: the catalog, the zone, and the i-th question. */
struct kind {
	void (*catalog)(struct isb_buf *yaml, uint32_t size);
	void (*zone)(struct isb_buf *text, uint32_t size); /* beyond its apex; NULL: nothing */
	void (*question)(struct asking *a, struct question *q, uint32_t size);
	bool (*is_down)(const char *endpoint); /* NULL: all are up */
};

static void *set_up(const struct bench_subject *subject, uint32_t size)
{
	const struct kind *kind = subject->arg;
	struct asking *a = isb_xcalloc(1, sizeof(*a));
	struct isb_buf yaml = {0}, zone = {0};
	isb_buf_puts(&zone, BENCH_APEX);
	kind->catalog(&yaml, size);
	if (kind->zone)
		kind->zone(&zone, size);
	a->site = bench_site_new(isb_buf_text(&yaml), isb_buf_text(&zone), NULL);
	isb_buf_done(&yaml);
	isb_buf_done(&zone);
	if (kind->is_down)
		bench_site_down(a->site, kind->is_down);
	isb_context_init(&a->ctx, 3);
	isb_context_turn_to(&a->ctx, a->site->view);
	a->ctx.tally = isb_tally_new(a->site->view->plan); /* as a worker counts */
	isb_context_begin(&a->ctx, a->site->view, &a->site->health, a->site->now_ms);
	isb_rng_seed(&a->rng, 4);
	a->count = size > QUESTIONS ? QUESTIONS * 64 : QUESTIONS;
	a->question = isb_xcalloc(a->count, sizeof(*a->question));
	for (uint32_t i = 0; i < a->count; i++)
		kind->question(a, &a->question[i], size);
	verify(a);
	return a;
}

static void tear_down(void *state)
{
	struct asking *a = state;
	isb_tally_free(a->ctx.tally);
	isb_context_done(&a->ctx);
	bench_site_free(a->site);
	free(a->question);
	free(a);
}

static uint32_t any(struct asking *a, uint32_t below)
{
	return (uint32_t)isb_rng_below(&a->rng, below);
}

static void no_policies(struct isb_buf *yaml, uint32_t size)
{
	(void)size;
	isb_buf_puts(yaml, "zones: {example.com: {}}\n");
}

/* --- Ordinary data --- */

static void plain_zone(struct isb_buf *text, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		isb_buf_printf(text, "h%u A 10.%u.%u.%u\n", i, i >> 16, i >> 8 & 255, i & 255);
}

static void plain_question(struct asking *a, struct question *q, uint32_t size)
{
	char name[64];
	uint32_t i = any(a, size);
	snprintf(name, sizeof(name), "h%u.example.com.", i);
	ask(q, name, NULL);
	q->answers = 1;
	q->address = 10u << 24 | i;
	q->mask = UINT32_MAX;
}

static void missing_question(struct asking *a, struct question *q, uint32_t size)
{
	char name[64];
	snprintf(name, sizeof(name), "none%u.example.com.", any(a, size));
	ask(q, name, NULL);
	q->rcode = ISB_NXDOMAIN;
}

/* One of ten is not there. */
static void mixed_question(struct asking *a, struct question *q, uint32_t size)
{
	if (any(a, 10))
		plain_question(a, q, size);
	else
		missing_question(a, q, size);
}

static void delegations(struct isb_buf *text, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		isb_buf_printf(text, "d%u NS ns1.d%u\nd%u NS ns2.d%u\nns1.d%u A 10.0.0.1\nns2.d%u A 10.0.0.2\n", i, i, i, i, i, i);
}

static void below_question(struct asking *a, struct question *q, uint32_t size)
{
	char name[64];
	snprintf(name, sizeof(name), "www.d%u.example.com.", any(a, size));
	ask(q, name, NULL);
}

/* --- Steered --- */

static void records(struct isb_buf *yaml, const char *label, const char *policy, uint32_t count)
{
	isb_buf_puts(yaml, "zones:\n  example.com:\n    records:\n");
	for (uint32_t i = 0; i < count; i++)
		isb_buf_printf(yaml, "      %s%u: {types: [A], policy: %s%u}\n", label, i, policy, i);
}

/* Pools whose i-th has the addresses 10.i.x.1 .. n, weights 40 30 20 10. */
static void pools(struct isb_buf *yaml, uint32_t count)
{
	isb_buf_puts(yaml, "checks: {web: {type: tcp, port: 443}}\npools:\n");
	for (uint32_t i = 0; i < count; i++) {
		isb_buf_printf(yaml, "  p%u:\n    check: web\n    endpoints:\n", i);
		for (unsigned e = 0; e < WEIGHTED; e++)
			isb_buf_printf(yaml, "      e%u: {address: 10.%u.%u.%u, weight: %u}\n", e, i >> 8, i & 255, e + 1, 40 - 10 * e);
	}
}

static void weighted_catalog(struct isb_buf *yaml, uint32_t size)
{
	pools(yaml, size);
	records(yaml, "w", "p", size);
}

static void weighted_question(struct asking *a, struct question *q, uint32_t size)
{
	char name[64];
	uint32_t i = any(a, size);
	snprintf(name, sizeof(name), "w%u.example.com.", i);
	ask(q, name, NULL);
	q->answers = 1;
	q->address = 10u << 24 | i << 8;
	q->mask = 0xffffff00;
}

/* The primary of every third service is down. */
static bool is_down(const char *endpoint)
{
	unsigned i;
	char which;
	return sscanf(endpoint, "s%u/%c", &i, &which) == 2 && which == 'a' && i % 3 == 0;
}

static void failover_catalog(struct isb_buf *yaml, uint32_t size)
{
	isb_buf_puts(yaml, "checks: {web: {type: tcp, port: 443}}\npools:\n");
	for (uint32_t i = 0; i < size; i++)
		isb_buf_printf(yaml, "  s%u: {check: web, order: failover, endpoints: {a: {address: 10.1.%u.%u}, "
		               "b: {address: 10.2.%u.%u, tier: 1}}}\n", i, i >> 8, i & 255, i >> 8, i & 255);
	records(yaml, "f", "s", size);
}

static void failover_question(struct asking *a, struct question *q, uint32_t size)
{
	char name[64];
	uint32_t i = any(a, size);
	snprintf(name, sizeof(name), "f%u.example.com.", i);
	ask(q, name, NULL);
	q->answers = 1;
	q->address = 10u << 24 | (i % 3 == 0 ? 2u : 1u) << 16 | i;
	q->mask = UINT32_MAX;
}

/* The i-th network of 24 bits, one of every sixteen, belongs to class i % CLASSES. */
static uint32_t network(uint32_t i)
{
	return (1u << 24) + (i << 12);
}

/* A hundred services share twenty pools by the client's network: first the pool of its class, then the next one. */
static void geo_catalog(struct isb_buf *yaml, uint32_t size)
{
	pools(yaml, CLASSES);
	isb_buf_puts(yaml, "policies:\n  geo0:\n    order: geo\n    rules:\n");
	for (uint32_t cls = 0; cls < CLASSES; cls++) {
		isb_buf_puts(yaml, "    - nets: [");
		for (uint32_t i = cls; i < size; i += CLASSES)
			isb_buf_printf(yaml, "%s%u.%u.%u.0/24", i == cls ? "" : ", ", network(i) >> 24, network(i) >> 16 & 255,
			               network(i) >> 8 & 255);
		isb_buf_printf(yaml, "]\n      use: [p%u, p%u]\n", cls, (cls + 1) % CLASSES);
	}
	isb_buf_puts(yaml, "    - {default: true, use: p0}\n");
	for (uint32_t i = 1; i < SERVICES; i++)
		isb_buf_printf(yaml, "  geo%u: [geo0]\n", i);
	records(yaml, "g", "geo", SERVICES);
}

static void geo_question(struct asking *a, struct question *q, uint32_t size)
{
	char name[64];
	uint32_t i = any(a, size), net = network(i);
	uint8_t ecs[3] = {(uint8_t)(net >> 24), (uint8_t)(net >> 16), (uint8_t)(net >> 8)};
	snprintf(name, sizeof(name), "g%u.example.com.", any(a, SERVICES));
	ask(q, name, ecs);
	q->answers = 1;
	q->address = 10u << 24 | i % CLASSES << 8;
	q->mask = 0xffffff00;
}

static const struct kind plain = {no_policies, plain_zone, plain_question, NULL};
static const struct kind missing = {no_policies, plain_zone, missing_question, NULL};
static const struct kind mixed = {no_policies, plain_zone, mixed_question, NULL};
static const struct kind referral = {no_policies, delegations, below_question, NULL};
static const struct kind weighted = {weighted_catalog, NULL, weighted_question, NULL};
static const struct kind failover = {failover_catalog, NULL, failover_question, is_down};
static const struct kind geo = {geo_catalog, NULL, geo_question, NULL};

#define ALIKE .guard_ops = QUESTIONS, .set_up = set_up, .run = run, .tear_down = tear_down
const struct bench_subject bench_respond[] = {
	{.name = "respond/static", .what = "an A record of a zone with so many", .full = PLAIN, .small = PLAIN, .arg = &plain, ALIKE},
	{.name = "respond/many", .what = "the same with so many that caches miss", .full = 1000000, .small = 10000, .arg = &plain,
	 ALIKE},
	{.name = "respond/nxdomain", .what = "a name that is not there", .full = PLAIN, .small = PLAIN, .arg = &missing, ALIKE},
	{.name = "respond/batch", .what = "of so many names, a tenth not there, in batches that are looked ahead of", .full = 1000000,
	 .small = 140000, .guard_ops = QUESTIONS, .arg = &mixed, .set_up = set_up, .run = run_batches, .tear_down = tear_down},
	{.name = "respond/referral", .what = "a name below one of so many delegations, with glue", .full = PLAIN, .small = PLAIN,
	 .arg = &referral, ALIKE},
	{.name = "respond/weighted", .what = "one of four endpoints by weight, so many records", .full = SERVICES, .small = SERVICES,
	 .arg = &weighted, ALIKE},
	{.name = "respond/failover", .what = "the first that is up, so many records, a third of the first ones down",
	 .full = STANDBYS, .small = STANDBYS, .arg = &failover, ALIKE},
	{.name = "respond/geo", .what = "by the network in ECS, one of so many, then by weight", .full = 20000, .small = 2000,
	 .arg = &geo, ALIKE},
	{0},
};
