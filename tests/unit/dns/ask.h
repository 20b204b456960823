/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "isobar/dns/respond.h"
#include "message.h"
#include "testview.h"

/* Asks a view one question and reads the answer back as text. */

enum { ASK_ID = 0x4242, ASK_NO_EDNS = 0, ASK_MAX = 65535 };
struct ask {
	const char *name;
	uint16_t type;
	uint16_t cls;        /* 0: IN */
	uint16_t flags;      /* of the header */
	uint16_t payload;    /* EDNS with this payload; 0: without EDNS */
	uint32_t opt_ttl;    /* extended rcode, version, flags */
	const char *options; /* of the OPT, octets of a string literal */
	size_t options_len;
	bool udp;            /* else TCP */
	const char *client;  /* 127.0.0.1 when NULL */
	const uint64_t *health; /* one chunk of words; NULL: all up */
};

static inline size_t ask_write(const struct ask *ask, uint8_t out[1024])
{
	uint8_t name[ISB_DNAME_MAX];
	struct isb_writer w = isb_writer(out, 1024);
	int len = isb_dname_parse(ask->name, NULL, name);
	assert_true(len > 0);
	isb_write_u16(&w, ASK_ID);
	isb_write_u16(&w, ask->flags);
	isb_write_u16(&w, 1);
	isb_write_u32(&w, 0);
	isb_write_u16(&w, ask->payload != 0);
	isb_write(&w, name, (size_t)len);
	isb_write_u16(&w, ask->type);
	isb_write_u16(&w, ask->cls ? ask->cls : ISB_CLASS_IN);
	if (ask->payload) {
		isb_write_u8(&w, 0);
		isb_write_u16(&w, ISB_OPT);
		isb_write_u16(&w, ask->payload);
		isb_write_u32(&w, ask->opt_ttl);
		isb_write_u16(&w, (uint16_t)ask->options_len);
		isb_write(&w, ask->options, ask->options_len);
	}
	assert_false(w.bad);
	return w.pos;
}

static inline size_t ask_octets_with(struct isb_context *ctx, const struct isb_view *view, const struct ask *ask,
                                     uint8_t out[ASK_MAX])
{
	uint8_t in[1024];
	size_t in_len = ask_write(ask, in);
	const uint64_t *chunk[1] = {ask->health};
	struct isb_health_table health = {.chunk = chunk, .chunks = 1};
	struct isb_client client = {.proto = ask->udp ? ISB_UDP : ISB_TCP};
	assert_int_equal(isb_addr_parse(ask->client ? ask->client : "127.0.0.1", &client.addr), ISB_OK);
	isb_context_begin(ctx, view, &health, 1000000);
	size_t len = isb_respond(ctx, &client, in, in_len, out, ASK_MAX);
	assert_true(len >= 12);
	return len;
}

static inline size_t ask_octets(const struct isb_view *view, const struct ask *ask, uint8_t out[ASK_MAX])
{
	struct isb_context ctx;
	struct isb_view tries = *view; /* without the table of whole names the same is said */
	uint8_t again[ASK_MAX];
	tries.exact = NULL;
	isb_context_init(&ctx, 1);
	size_t len = ask_octets_with(&ctx, &tries, ask, again);
	isb_context_init(&ctx, 1);
	assert_int_equal(ask_octets_with(&ctx, view, ask, out), len);
	assert_memory_equal(out, again, len);
	return len;
}

/* The answer stays valid until the next question; no msg_done() needed. */
static inline struct msg *ask(const struct isb_view *view, const struct ask *question)
{
	static struct msg m;
	static uint8_t out[ASK_MAX];
	msg_done(&m);
	size_t len = ask_octets(view, question, out);
	assert_true(msg_read(&m, out, len));
	assert_int_equal(m.id, ASK_ID);
	assert_int_equal(m.questions, 1);
	assert_int_equal(m.qtype, question->type);
	uint8_t name[ISB_DNAME_MAX];
	assert_int_equal(isb_dname_parse(question->name, NULL, name), isb_dname_len(m.qname));
	assert_memory_equal(name, m.qname, isb_dname_len(name));
	assert_int_equal(m.has_opt, question->payload != 0);
	return &m;
}

static inline const char *ask_rcode(unsigned rcode)
{
	static const char *const names[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED",
	                                    "YXDOMAIN"};
	return rcode < 7 ? names[rcode] : rcode == 9 ? "NOTAUTH" : rcode == 16 ? "BADVERS" : "?";
}

static inline void expect_section(const struct msg *m, unsigned section, const char *lines)
{
	struct isb_buf buf = {0};
	msg_print(m, section, &buf);
	assert_string_equal(isb_buf_text(&buf), lines);
	isb_buf_done(&buf);
}

/* `head`: rcode, then aa and tc where set. Sections as master-file lines. */
#define expect(m, head, answer, authority, additional) \
	do { \
		char head_[32]; \
		snprintf(head_, sizeof(head_), "%s%s%s", ask_rcode((m)->rcode), (m)->flags & 0x400 ? " aa" : "", \
		         (m)->flags & 0x200 ? " tc" : ""); \
		assert_string_equal(head_, head); \
		expect_section(m, 0, answer); \
		expect_section(m, 1, authority); \
		expect_section(m, 2, additional); \
	} while (0)
