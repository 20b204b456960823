/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/wire.h"
#include "isobar/dns/query.h"
#include "isobar/dns/respond.h"
#include "../unit/dns/message.h"
#include "../unit/dns/testview.h"

/* Input: one octet of settings, then messages framed as over TCP (two octets of length). All go through one context.
 * Settings: bit 0 TCP, bits 1..2 who asks, bit 3 everything down, bits 4..5 how much UDP may carry, bit 6 cookies and the
 * like, bit 7 a key that every message is signed with before it is asked: no fuzzer finds a sum that is right. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(what) \
	do { \
		if (!(what)) { \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what); \
			abort(); \
		} \
	} while (0)

static const char zone_text[] =
	"$TTL 300\n@ SOA ns h 1 2 3 4 60\n@ NS ns\n@ NS ns.child\n@ MX 10 www\nns A 192.0.2.1\nns AAAA 2001:db8::1\n"
	"www A 192.0.2.99\nwww TXT \"plain\"\nalias CNAME www\nloop1 CNAME loop2\nloop2 CNAME loop1\nfb A 192.0.2.98\n"
	"a.b.ent TXT x\n*.wild A 192.0.2.3\n*.wild MX 1 ns\n*.walias CNAME x.grow\nd DNAME wild\ngrow DNAME more.grow\n"
	"child NS ns.child\nchild NS ns.other\nns.child A 192.0.2.53\nns.child AAAA 2001:db8::53\n"
	"ns.other A 192.0.2.54\n"
	"_s._tcp SRV 0 0 1 www\n_s._tcp SRV 0 0 1 ns\nmany A 192.0.2.0\nsip A 192.0.2.60\n";

static struct testview *make_view(void)
{
	struct testview *t = malloc(sizeof(*t));
	struct isb_buf text = {0};
	testview_init(t);
	testview_plan(t);
	testview_zone(t, "test.", "$TTL 60\n@ SOA ns h 1 2 3 4 60\n@ NS ns\nns A 192.0.2.2\nexample NS ns.example\n"
	                          "to CNAME alias.example\n");
	isb_buf_puts(&text, zone_text);
	for (unsigned i = 1; i < 80; i++)
		isb_buf_printf(&text, "many A 192.0.2.%u\nbig TXT %0200u\nmx MX %u m%u.child\nm%u.child A 192.0.2.%u\n",
		               i, i, i, i,
		               i, i);
	testview_zone(t, "example.test.", isb_buf_text(&text));
	isb_buf_done(&text);
	testview_record(t, "www", TESTVIEW_GEO);
	testview_record(t, "*.w", TESTVIEW_GEO);
	testview_record(t, "nd", TESTVIEW_NODATA);
	testview_record(t, "fb", TESTVIEW_FALLBACK);
	testview_record(t, "_sip._tcp", TESTVIEW_SRV);
	testview_record(t, "cn", TESTVIEW_CNAME);
	testview_record(t, "al", TESTVIEW_ALIAS);
	testview_record(t, "*.al", TESTVIEW_ALIAS);
	return t;
}

static size_t size_limit(const struct isb_context *ctx, const struct isb_client *client, const struct msg *reply,
                         const uint8_t *in, size_t len)
{
	size_t limit = 512;
	if (client->proto == ISB_TCP)
		return 65535;
	for (size_t i = 12; reply->has_opt && i + 5 <= len; i++) { /* the most any OPT in there might allow */
		size_t payload = isb_get_u16(in + i + 3);
		if (in[i] == 0 && in[i + 1] == 0 && in[i + 2] == 41 && payload > limit)
			limit = payload;
	}
	return limit < ctx->udp_payload ? limit : ctx->udp_payload;
}

static void check_reply(const struct isb_context *ctx, const struct isb_client *client, const uint8_t *in, size_t len,
                        const uint8_t *out, size_t out_len)
{
	struct msg m;
	MUST(msg_read(&m, out, out_len));
	MUST(len >= 12 && !(in[2] & 0x80));
	MUST(m.id == isb_get_u16(in));
	MUST((m.flags & 0xf900) == (0x8000 | (isb_get_u16(in + 2) & 0x7900))); /* QR, opcode, RD */
	MUST((m.flags & 0x00e0) == 0);                                        /* RA, Z, AD */
	MUST(out_len <= size_limit(ctx, client, &m, in, len));
	MUST(m.questions == 0 || memcmp(in + 12, out + 12, isb_dname_len(m.qname) + 4) == 0);
	MUST(m.questions == 1 || out_len <= 12 + 11 + 300 + (size_t)m.has_tsig * 128);
	MUST(m.questions == 1 || m.rcode != 0 || m.opt_len >= 4 + 24); /* a cookie alone, RFC 7873 §5.4 */
	MUST(m.rcode == 0 || m.rcode == 3 || m.rcode == 6 || m.count[0] == 0);
	MUST(!(m.flags & 0x200) || m.count[0] == 0);
	/* NXDOMAIN and NODATA carry the SOA */
	if (m.rcode == 3)
		MUST(m.count[1] == 1 && m.rr[1][0].type == ISB_SOA);
	if (m.rcode == 0 && m.questions == 1 && m.count[0] == 0 && !(m.flags & 0x200))
		MUST(m.count[1] >= 1);
	if (m.has_tsig && !ctx->settings->keys)
		MUST(m.rcode == 9);
	msg_done(&m);
}

/* --- Signing --- */

enum { NOW_S = 1000, TSIG_SIZE = 5 + 10 + 13 + 16 + 32 };
static const char keys_text[] = "key fuzz { algorithm hmac-sha256; secret \"c2l4dGVlbiBvY3RldHMgb3IgbW9yZQ==\"; };";

static struct isb_tsig_keys *make_keys(void)
{
	struct isb_diags diags = {0};
	struct isb_tsig_keys *keys = NULL;
	MUST(isb_tsig_keys_read(keys_text, sizeof(keys_text) - 1, "", &diags, &keys) == 0);
	return keys;
}

/* Adds the TSIG of RFC 8945 §4.3 to a message. The last octet of the id says what is wrong with it: 1 the time, 2 it is cut
 * short, 3 the sum. */
static size_t sign(const struct isb_tsig_key *key, uint8_t *message, size_t len)
{
	static const uint8_t name[] = "\4fuzz", algorithm[] = "\x0bhmac-sha256", any[] = {0, 255, 0, 0, 0, 0}, none[4] = {0};
	uint8_t sum[ISB_HMAC_MAX], timers[8] = {0};
	uint16_t mac_len = message[1] == 2 ? 16 : 32, additional = isb_get_u16(message + 10);
	isb_put_u32(timers + 2, message[1] == 1 ? NOW_S + 301 : NOW_S);
	isb_put_u16(timers + 6, 300);
	const struct isb_hmac_piece pieces[] = {{message, len}, {name, sizeof(name)}, {any, sizeof(any)},
	                                        {algorithm, sizeof(algorithm)}, {timers, sizeof(timers)}, {none, sizeof(none)}};
	MUST(isb_hmac_sum(key->hmac, pieces, sizeof(pieces) / sizeof(pieces[0]), sum));
	sum[0] ^= message[1] == 3;
	isb_put_u16(message + 10, (uint16_t)(additional + 1));
	struct isb_writer w = isb_writer(message + len, TSIG_SIZE + 2);
	isb_write(&w, name, sizeof(name));
	isb_write_u16(&w, ISB_TSIG);
	isb_write(&w, any, sizeof(any));
	isb_write_u16(&w, (uint16_t)(sizeof(algorithm) + 16 + mac_len));
	isb_write(&w, algorithm, sizeof(algorithm));
	isb_write(&w, timers, sizeof(timers));
	isb_write_u16(&w, mac_len);
	isb_write(&w, sum, mac_len);
	isb_write(&w, message, 2); /* original id */
	isb_write(&w, none, sizeof(none));
	MUST(!w.bad);
	return len + w.pos;
}

/* Whoever signs a message that was one before gets a signed answer. */
static void check_signed(const uint8_t *in, size_t unsigned_len, const uint8_t *out, size_t out_len)
{
	struct isb_query query;
	struct msg m;
	uint8_t message[0x10000];
	memcpy(message, in, unsigned_len);
	isb_put_u16(message + 10, (uint16_t)(isb_get_u16(in + 10) - 1));
	int rcode = isb_query_read(&query, message, unsigned_len);
	if ((rcode != ISB_NOERROR && rcode != ISB_BADVERS) || query.tsig.present)
		return;
	MUST(msg_read(&m, out, out_len));
	MUST(m.has_tsig);
	MUST(((out[3] & 15) == ISB_NOTAUTH) == (in[1] > 0 && in[1] <= 3));
	MUST(isb_get_u16(m.tsig_rdata + 13 + 8) == (in[1] == 3 ? 0 : 32));
	msg_done(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const clients[] = {"192.0.2.7", "203.0.113.200", "2001:db8:e::1", "127.0.0.1"};
	static struct testview *t;
	static uint64_t words[ISB_CHUNK_WORDS];
	static const uint16_t payloads[] = {512, 700, 1232, 4096};
	if (!t)
		t = make_view();
	if (size == 0)
		return 0;
	const uint64_t *chunk[1] = {words};
	struct isb_health_table health = {.chunk = chunk, .chunks = 1};
	for (unsigned i = 0; i < 4; i++)
		words[i] = data[0] & 8 ? (uint64_t)1 << 63 | ISB_DOWN << 2 | ISB_DOWN : 0;
	static struct isb_tsig_keys *keys;
	if (!keys)
		keys = make_keys();
	struct isb_settings settings = {.tcp_idle_100ms = 100};
	if (data[0] & 64) {
		settings.cookies = (struct isb_cookie_secrets){.count = 2, .secret = {{1}, {2}}};
		memcpy(settings.nsid, "fuzz", settings.nsid_len = 4);
		settings.explain = (struct isb_explain_allowed){
			.anybody = true, .nfrom = 1, .from = {{.addr = {.family = 4, .octets = {127}}, .len = 8}}};
	}
	if (data[0] & 128) {
		settings.keys = keys;
		settings.explain.anybody = true;
		settings.explain.key[settings.explain.nkey++] = &keys->list[0];
	}
	struct isb_context ctx;
	isb_context_init(&ctx, 1);
	ctx.settings = &settings;
	ctx.udp_payload = payloads[data[0] >> 4 & 3];
	struct isb_client client = {.proto = data[0] & 1 ? ISB_TCP : ISB_UDP};
	isb_addr_parse(clients[data[0] >> 1 & 3], &client.addr);
	size_t cap = client.proto == ISB_TCP ? 65535 : ctx.udp_payload;
	uint8_t *out = malloc(cap), *again = malloc(cap);
	for (size_t at = 1; at + 2 <= size;) {
		size_t len = isb_get_u16(data + at);
		at += 2;
		if (len > size - at)
			len = size - at;
		uint8_t message[0x10000 + TSIG_SIZE + 2];
		memcpy(message, data + at, len);
		bool signs = settings.keys && len >= 12 && len <= 65535 - TSIG_SIZE && isb_get_u16(message + 10) < 65535;
		size_t in_len = signs ? sign(&keys->list[0], message, len) : len;
		uint8_t *in = malloc(in_len ? in_len : 1); /* not an octet too long */
		memcpy(in, message, in_len);
		struct isb_context before = ctx;
		isb_context_begin(&ctx, &t->view, &health, NOW_S * 1000);
		size_t out_len = isb_respond(&ctx, &client, in, in_len, out, cap);
		MUST(out_len <= cap);
		struct isb_view tries = t->view; /* without the table of whole names the same is said */
		tries.exact = NULL;
		isb_context_begin(&before, &tries, &health, NOW_S * 1000);
		MUST(isb_respond(&before, &client, in, in_len, again, cap) == out_len);
		MUST(memcmp(again, out, out_len) == 0);
		if (out_len)
			check_reply(&ctx, &client, in, in_len, out, out_len);
		else
			MUST(len < 12 || in[2] & 0x80);
		if (out_len && signs)
			check_signed(in, len, out, out_len);
		free(in);
		at += len;
	}
	free(out);
	free(again);
	return 0;
}
