/* SPDX-License-Identifier: Apache-2.0 */
#include "story_parts.h"

#include <stdio.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "isobar/base/wire.h"
#include "isobar/dns/rcode.h"
#include "isobar/model/dname.h"
#include "isobar/model/rr.h"
#include "isobar/steer/trace.h"
#include "isobar/store/healthdb.h"
#include "../unit/dns/message.h"

enum { ID = 0x1d0b, PAYLOAD = 1232, OPTION_ECS = 8 };

void story_resolver(struct story *s, const char *addr)
{
	assert_int_equal(isb_addr_parse(addr, &s->resolver), ISB_OK);
}

const struct story_answer *story_last(const struct story *s)
{
	return &s->last;
}

/* --- The question -------------------------------------------------------------------------------------------------- */

static size_t write_query(uint8_t *out, size_t cap, const char *name, const char *type, const void *option, size_t len)
{
	uint8_t wire[ISB_DNAME_MAX];
	uint16_t number;
	int name_len = isb_dname_parse(name, NULL, wire);
	assert_true(name_len > 0);
	assert_int_equal(isb_type_parse(type, &number), ISB_OK);
	struct isb_writer w = isb_writer(out, cap);
	isb_write_u16(&w, ID);
	isb_write_u16(&w, 0);
	isb_write_u16(&w, 1);
	isb_write_u32(&w, 0);
	isb_write_u16(&w, option != NULL);
	isb_write(&w, wire, (size_t)name_len);
	isb_write_u16(&w, number);
	isb_write_u16(&w, ISB_CLASS_IN);
	if (option) {
		isb_write_u8(&w, 0);
		isb_write_u16(&w, ISB_OPT);
		isb_write_u16(&w, PAYLOAD);
		isb_write_u32(&w, 0);
		isb_write_u16(&w, (uint16_t)(len + 4));
		isb_write_u16(&w, OPTION_ECS);
		isb_write_u16(&w, (uint16_t)len);
		isb_write(&w, option, len);
	}
	assert_false(w.bad);
	return w.pos;
}

static size_t write_ecs(const char *client, uint8_t out[20])
{
	char addr_text[ISB_NET_TEXT];
	struct isb_addr addr;
	snprintf(addr_text, sizeof(addr_text), "%s", client);
	char *slash = strchr(addr_text, '/');
	if (slash)
		*slash++ = '\0';
	assert_int_equal(isb_addr_parse(addr_text, &addr), ISB_OK);
	unsigned len = 0;
	if (!slash)
		len = addr.family == 4 ? 24 : 56;
	else
		assert_int_equal(sscanf(slash, "%u", &len), 1);
	struct isb_net net = isb_net_around(&addr, len);
	isb_put_u16(out, addr.family == 4 ? 1 : 2);
	out[2] = net.len;
	out[3] = 0;
	memcpy(out + 4, net.addr.octets, (net.len + 7u) / 8);
	return 4 + (net.len + 7u) / 8;
}

/* --- The answer ---------------------------------------------------------------------------------------------------- */

static const char *rcode_name(unsigned rcode)
{
	static const char *const names[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"};
	return rcode < sizeof(names) / sizeof(names[0]) ? names[rcode] : "ODD";
}

/* "A 192.0.2.1" of one record, without "OWNER TTL IN ". */
static void print_record(const struct msg_rr *rr, struct isb_buf *line)
{
	isb_rrset_print(line, rr->owner, rr->set);
	char *at = strstr(line->data, " IN ");
	if (!at)
		at = strstr(line->data, "\tIN\t");
	assert_non_null(at);
	line->data[--line->len] = '\0'; /* the newline */
	memmove(line->data, at + 4, strlen(at + 4) + 1);
}

static void print_answers(const struct msg *m, struct isb_buf *out)
{
	char type[ISB_TYPE_TEXT];
	for (unsigned i = 0; i < m->count[0]; i++) {
		const struct msg_rr *rr = &m->rr[0][i];
		struct isb_buf line = {0};
		print_record(rr, &line);
		const char *rdata = line.data + strcspn(line.data, " \t") + 1;
		isb_buf_puts(out, out->len ? " " : "");
		if (rr->type != m->qtype)
			isb_buf_printf(out, "%s ", isb_type_print(rr->type, type));
		isb_buf_puts(out, rdata);
		isb_buf_done(&line);
	}
}

static void take_apart(struct story *s, const struct msg *m)
{
	struct story_answer *a = &s->last;
	*a = (struct story_answer){.rcode = m->rcode, .aa = m->flags & 0x0400, .tc = m->flags & 0x0200,
	                           .count = m->count[0], .ttl = UINT32_MAX};
	for (unsigned i = 0; i < m->count[0]; i++)
		if (m->rr[0][i].ttl < a->ttl)
			a->ttl = m->rr[0][i].ttl;
	for (unsigned i = 0; i < m->count[1]; i++) {
		a->soa |= m->rr[1][i].type == ISB_SOA;
		if (!m->count[0])
			a->ttl = m->rr[1][i].ttl;
	}
	uint16_t len = 0;
	const uint8_t *ecs = msg_ecs(m, &len);
	if (!ecs)
		return;
	assert_true(len >= 4);
	a->ecs = true;
	a->family = isb_get_u16(ecs) == 1 ? 4 : 6;
	a->source = ecs[2];
	a->scope = ecs[3];
}

enum { REPLY_MAX = 4096 };

/* Where nothing is short: names by the tries alone, decisions by the walk, which a trace asks for. The same random numbers
 * must lead to the same octets. */
static void the_long_way_says_the_same(struct story *s, const struct isb_health_table *health, const struct isb_client *client,
                                       const uint8_t *in, size_t len, const uint8_t *out, size_t out_len)
{
	struct isb_view view = *s->view;
	struct isb_context ctx = s->asked;
	struct isb_trace trace;
	uint8_t again[REPLY_MAX];
	isb_trace_init(&trace);
	view.exact = NULL;
	view.nlarge = 0;
	ctx.trace = &trace;
	isb_context_begin(&ctx, &view, health, s->now_ms);
	assert_int_equal(isb_respond(&ctx, client, in, len, again, REPLY_MAX), out_len);
	assert_memory_equal(again, out, out_len);
	assert_memory_equal(&ctx.rng, &s->ctx.rng, sizeof(ctx.rng));
	isb_trace_done(&trace);
}

/* As it was before a question: the counters of order rotate, too. */
static void remember(struct story *s)
{
	isb_context_done(&s->asked);
	s->asked = s->ctx;
	if (s->ctx.rotor)
		s->asked.rotor = isb_xmalloc(s->ctx.nrotor * sizeof(*s->ctx.rotor));
	if (s->ctx.rotor)
		memcpy(s->asked.rotor, s->ctx.rotor, s->ctx.nrotor * sizeof(*s->ctx.rotor));
}

/* `ret` points into `out`. */
static void respond(struct story *s, const uint8_t *in, size_t len, uint8_t out[REPLY_MAX], struct msg *ret)
{
	struct isb_health_table health;
	struct isb_client client = {.addr = s->resolver, .proto = ISB_UDP};
	if (!s->reader)
		assert_int_equal(isb_health_reader_new(s->store, &s->reader), ISB_OK);
	assert_int_equal(isb_health_reader_begin(s->reader, &health), ISB_OK);
	struct isb_txn *txn;
	assert_int_equal(isb_txn_begin(s->store, ISB_ENV_HEALTH, false, &txn), ISB_OK);
	assert_int_equal(isb_probes_gone(txn, s->now_ms, &health.unattended), ISB_OK);
	isb_txn_abort(txn);
	health.unattended &= !s->attended;
	if (s->view->nviewpoint)
		assert_int_equal(isb_health_reader_paces(s->reader, s->view->viewpoints, s->view->nviewpoint, &health), ISB_OK);
	remember(s);
	isb_context_begin(&s->ctx, s->view, &health, s->now_ms);
	size_t n = isb_respond(&s->ctx, &client, in, len, out, REPLY_MAX);
	the_long_way_says_the_same(s, &health, &client, in, len, out, n);
	isb_health_reader_end(s->reader);
	assert_true(msg_read(ret, out, n));
	assert_int_equal(ret->id, ID);
}

const char *story_ask_ecs(struct story *s, const char *name, const char *type, const void *option, size_t len)
{
	uint8_t in[1024], out[REPLY_MAX];
	struct msg m;
	struct isb_buf *text = story_text(s);
	respond(s, in, write_query(in, sizeof(in), name, type, option, len), out, &m);
	take_apart(s, &m);
	if (m.rcode == ISB_NOERROR && m.count[0])
		print_answers(&m, text);
	else
		isb_buf_puts(text, m.rcode == ISB_NOERROR ? "NODATA" : rcode_name(m.rcode));
	uint16_t echoed_len;
	const uint8_t *echoed = msg_ecs(&m, &echoed_len);
	if (echoed) { /* family, source and address come back as they went */
		assert_int_equal(echoed_len, len);
		assert_memory_equal(echoed, option, 3);
		assert_memory_equal(echoed + 4, (const uint8_t *)option + 4, len - 4);
	}
	assert_true(m.rcode == 1 || (option != NULL) == (echoed != NULL));
	msg_done(&m);
	return isb_buf_text(text);
}

static void ask_by_types(struct story *s, const uint8_t *name)
{
	static const char *const types[] = {"A", "AAAA", "TXT", "NS", "CNAME", "DS", "ANY"};
	char text[ISB_DNAME_TEXT];
	isb_dname_print(name, text);
	for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++)
		story_ask(s, text, types[t], NULL);
}

static unsigned ask_large(struct story *s, const struct isb_large *large)
{
	unsigned names = 0;
	for (uint32_t i = 0; i < large->slots + ISB_LARGE_PROBES; i++) {
		uint64_t word = atomic_load(&large->slot[i]) << 16 >> 16;
		uint8_t name[ISB_DNAME_MAX];
		if (!word || word == ISB_LARGE_DEAD)
			continue;
		const struct isb_node *node = (const struct isb_node *)(uintptr_t)word;
		name[0] = node->label_len;
		memcpy(name + 1, node->data, name[0]);
		memcpy(name + 1 + name[0], large->apex, large->apex_len);
		assert_ptr_equal(isb_large_find(large, name, 1u + name[0] + large->apex_len), node);
		ask_by_types(s, name);
		names++;
	}
	return names;
}

unsigned story_ask_exact(struct story *s)
{
	const struct isb_exact *exact = s->view->exact;
	unsigned names = 0;
	for (uint64_t i = 0; exact && i < (uint64_t)exact->mask + ISB_EXACT_PROBES; i++) {
		uint64_t word = atomic_load(&isb_exact_slots(exact)[i]);
		if (!word || (uint32_t)word == ISB_EXACT_DEAD)
			continue;
		ask_by_types(s, ((const struct isb_exact_entry *)(const void *)((const uint8_t *)exact + (uint32_t)word))->name);
		names++;
	}
	for (uint32_t i = 0; i < s->view->nlarge; i++)
		names += ask_large(s, s->view->large[i]);
	return names;
}

const char *story_ask(struct story *s, const char *name, const char *type, const char *client)
{
	uint8_t option[20];
	return client ? story_ask_ecs(s, name, type, option, write_ecs(client, option))
	              : story_ask_ecs(s, name, type, NULL, 0);
}

/* --- Shares -------------------------------------------------------------------------------------------------------- */

void story_shares(struct story *s, const char *name, const char *client, unsigned total, const char *const *answer,
                  const double *part)
{
	/* the 99.9 % quantiles of chi-square with 1 to 7 degrees of freedom */
	static const double limit[] = {0, 10.828, 13.816, 16.266, 18.467, 20.515, 22.458, 24.322};
	unsigned count[8] = {0}, kinds = 0;
	double parts = 0, chi = 0;
	for (; answer[kinds]; kinds++)
		parts += part[kinds];
	assert_in_range(kinds, 2, 8);
	for (unsigned i = 0; i < total; i++) {
		const char *got = story_ask(s, name, "A", client);
		unsigned k = 0;
		while (k < kinds && strcmp(answer[k], got) != 0)
			k++;
		if (k == kinds)
			fail_msg("'%s' is none of the answers that %s has", got, name);
		count[k]++;
	}
	for (unsigned k = 0; k < kinds; k++) {
		double expected = total * part[k] / parts;
		chi += (count[k] - expected) * (count[k] - expected) / expected;
	}
	if (chi > limit[kinds - 1])
		fail_msg("%s: chi-square is %.2f, more than %.2f", name, chi, limit[kinds - 1]);
}
