/* SPDX-License-Identifier: Apache-2.0 */
#include "spec.h"

#include <stdlib.h>
#include <string.h>

#include "isobar/base/basenc.h"
#include "isobar/base/buf.h"
#include "isobar/base/hash.h"
#include "isobar/model/rr.h"
#include "isobar/model/schema.h"

static char *dup_or_null(const char *text)
{
	return text ? isb_xstrdup(text) : NULL;
}

static uint16_t port_of(const struct isb_check *check, const struct isb_endpoint *endpoint)
{
	if (check->port)
		return check->port;
	if (endpoint->port)
		return endpoint->port;
	switch (check->type) {
	case ISB_CHECK_HTTP: return 80;
	case ISB_CHECK_HTTPS:
	case ISB_CHECK_TLS: return 443;
	case ISB_CHECK_GRPC: return check->tls ? 443 : 80;
	case ISB_CHECK_DNS: return 53;
	default: return 0;
	}
}

static char *host_of(const struct isb_check *check, const struct isb_endpoint *endpoint)
{
	char text[ISB_ADDR_TEXT];
	if (check->host)
		return isb_xstrdup(check->host);
	if (endpoint->host)
		return isb_xstrdup(endpoint->host);
	return isb_xstrdup(isb_addr_print(&endpoint->addresses[0], text));
}

/* The texts that are copied from the check as they are, and all that a spec owns. */
static const struct {
	size_t from, to;
} copied[] = {
#define COPIED(member) {offsetof(struct isb_check, member), offsetof(struct isb_spec, member)}
	COPIED(body), COPIED(ca_file), COPIED(client_cert), COPIED(regex), COPIED(soft_json),
	COPIED(service), COPIED(load.proxy), COPIED(load.metric), COPIED(load.path),
#undef COPIED
};
static const size_t owned[] = {
	offsetof(struct isb_spec, node), offsetof(struct isb_spec, host), offsetof(struct isb_spec, path),
	offsetof(struct isb_spec, method), offsetof(struct isb_spec, body), offsetof(struct isb_spec, ca_file),
	offsetof(struct isb_spec, client_cert), offsetof(struct isb_spec, client_key),
	offsetof(struct isb_spec, regex), offsetof(struct isb_spec, soft_json), offsetof(struct isb_spec, service),
	offsetof(struct isb_spec, load.proxy), offsetof(struct isb_spec, load.server), offsetof(struct isb_spec, load.field),
	offsetof(struct isb_spec, load.metric), offsetof(struct isb_spec, load.path),
	offsetof(struct isb_spec, endpoint),
};
static const struct {
	size_t from, to;
} lists[] = {
	{offsetof(struct isb_check, headers), offsetof(struct isb_spec, headers)},
	{offsetof(struct isb_check, expect_headers), offsetof(struct isb_spec, expect_headers)},
	{offsetof(struct isb_check, expect_json), offsetof(struct isb_spec, expect_json)},
	{offsetof(struct isb_check, load.labels), offsetof(struct isb_spec, load.labels)},
	{offsetof(struct isb_check, command), offsetof(struct isb_spec, command)},
};
enum { NCOPIED = sizeof(copied) / sizeof(copied[0]), NOWNED = sizeof(owned) / sizeof(owned[0]),
       NLISTS = sizeof(lists) / sizeof(lists[0]) };

static char **text_at(const struct isb_spec *spec, size_t offset)
{
	return (char **)((uintptr_t)spec + offset);
}

static struct isb_texts *texts_at(const struct isb_spec *spec, size_t i)
{
	return (struct isb_texts *)((uintptr_t)spec + lists[i].to);
}

static void copy_texts(struct isb_spec *spec, const struct isb_check *check)
{
	for (size_t i = 0; i < NCOPIED; i++)
		*text_at(spec, copied[i].to) = dup_or_null(*(char *const *)((const char *)check + copied[i].from));
	for (size_t i = 0; i < NLISTS; i++) {
		const struct isb_strings *from = (const struct isb_strings *)((const char *)check + lists[i].from);
		struct isb_texts *to = texts_at(spec, i);
		*to = (struct isb_texts){isb_xcalloc(from->count, sizeof(*to->list)), from->count};
		for (size_t n = 0; n < from->count; n++)
			to->list[n] = isb_xstrdup(from->list[n]);
	}
}

static void take_send(struct isb_spec *spec, const struct isb_check *check)
{
	if (check->send) {
		spec->nsend = strlen(check->send);
		spec->send = (uint8_t *)isb_xstrdup(check->send);
	} else if (check->send_hex) {
		size_t digits = strlen(check->send_hex);
		spec->nsend = digits / 2;
		spec->send = isb_xmalloc(spec->nsend);
		struct isb_writer w = isb_writer(spec->send, spec->nsend);
		isb_hex_decode(check->send_hex, digits, &w); /* the schema has looked at the digits */
	}
}

static void take_alpn(struct isb_spec *spec, const struct isb_strings *alpn)
{
	struct isb_buf wire = {0};
	for (size_t i = 0; i < alpn->count; i++) {
		isb_buf_putc(&wire, (char)strlen(alpn->list[i]));
		isb_buf_puts(&wire, alpn->list[i]);
	}
	spec->alpn = (uint8_t *)wire.data;
	spec->nalpn = wire.len;
}

static void take_question(struct isb_spec *spec, const struct isb_check *check)
{
	struct isb_buf wire = {0};
	uint8_t dname[ISB_DNAME_MAX];
	int len = check->query_name ? isb_dname_parse(check->query_name, NULL, dname) : -1;
	for (size_t i = 0; i < check->nrcode; i++)
		spec->rcodes |= UINT32_C(1) << check->rcodes[i];
	if (len < 0)
		return;
	isb_buf_add(&wire, dname, (size_t)len);
	isb_buf_u16(&wire, check->query_type);
	isb_buf_u16(&wire, ISB_CLASS_IN);
	spec->question = (uint8_t *)wire.data;
	spec->nquestion = wire.len;
	spec->recursion = check->recursion;
	spec->naddress = check->naddress;
	spec->addresses = isb_xcalloc(check->naddress + 1, sizeof(*spec->addresses));
	if (check->naddress)
		memcpy(spec->addresses, check->addresses, check->naddress * sizeof(*spec->addresses));
}

/* Those that can do without. */
static bool needs_port(enum isb_check_type type)
{
	return type != ISB_CHECK_ICMP && type != ISB_CHECK_SCRIPT;
}

bool isb_spec_init(struct isb_spec *spec, const struct isb_check *check, const struct isb_endpoint *endpoint)
{
	static const struct isb_span usual = {200, 399};
	uint16_t port = port_of(check, endpoint);
	if ((!port && needs_port(check->type)) || (!endpoint->naddress && !endpoint->host))
		return false;
	const struct isb_span *statuses = check->nstatus ? check->statuses : &usual;
	size_t nstatus = check->nstatus ? check->nstatus : 1;
	*spec = (struct isb_spec){
		.type = check->type,
		.port = check->type == ISB_CHECK_ICMP ? 0 : port,
		.host = host_of(check, endpoint),
		.path = isb_xstrdup(check->path ? check->path : "/"),
		.method = isb_xstrdup(check->method ? check->method : "GET"),
		.client_key = dup_or_null(check->client_key ? check->client_key : check->client_cert),
		.verify = check->verify,
		.days = check->days,
		.http = check->http,
		.redirects = check->redirects,
		.latency_ms = check->latency_ms,
		.keep_alive = check->keep_alive,
		.tls = check->tls || check->type == ISB_CHECK_HTTPS,
		.statuses = isb_xcalloc(nstatus, sizeof(*statuses)),
		.nstatus = nstatus,
		.load.format = check->load.format,
		.load.capacity = endpoint->capacity ? endpoint->capacity : check->load.capacity,
	};
	memcpy(spec->statuses, statuses, nstatus * sizeof(*statuses));
	copy_texts(spec, check);
	if (check->load.format == ISB_LOAD_HAPROXY) {
		spec->load.server = isb_xstrdup(check->load.server ? check->load.server : "BACKEND");
		spec->load.field = isb_xstrdup(check->load.field ? check->load.field : "scur");
	}
	take_send(spec, check);
	take_alpn(spec, &check->alpn);
	if (check->type == ISB_CHECK_DNS)
		take_question(spec, check);
	if (endpoint->naddress)
		spec->addr = endpoint->addresses[0];
	else
		spec->node = isb_xstrdup(endpoint->host);
	return true;
}

void isb_spec_done(struct isb_spec *spec)
{
	for (size_t i = 0; i < NOWNED; i++)
		free(*text_at(spec, owned[i]));
	for (size_t i = 0; i < NLISTS; i++) {
		struct isb_texts *texts = texts_at(spec, i);
		for (size_t n = 0; n < texts->count; n++)
			free(texts->list[n]);
		free(texts->list);
	}
	free(spec->statuses);
	free(spec->send);
	free(spec->alpn);
	free(spec->question);
	free(spec->addresses);
	*spec = (struct isb_spec){0};
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_texts(const struct isb_spec *a, const struct isb_spec *b)
{
	for (size_t i = 0; i < NOWNED; i++)
		if (!same(*text_at(a, owned[i]), *text_at(b, owned[i])))
			return false;
	for (size_t i = 0; i < NLISTS; i++) {
		const struct isb_texts *x = texts_at(a, i), *y = texts_at(b, i);
		if (x->count != y->count)
			return false;
		for (size_t n = 0; n < x->count; n++)
			if (!same(x->list[n], y->list[n]))
				return false;
	}
	return true;
}

static bool same_octets(const void *a, size_t alen, const void *b, size_t blen)
{
	return alen == blen && (alen == 0 || memcmp(a, b, alen) == 0);
}

bool isb_spec_equal(const struct isb_spec *a, const struct isb_spec *b)
{
	return a->type == b->type && isb_addr_equal(&a->addr, &b->addr) && a->port == b->port &&
	       a->verify == b->verify && a->http == b->http && a->redirects == b->redirects &&
	       a->latency_ms == b->latency_ms && a->keep_alive == b->keep_alive && a->tls == b->tls && a->days == b->days &&
	       a->load.format == b->load.format && a->recursion == b->recursion && a->rcodes == b->rcodes && same_texts(a, b) &&
	       same_octets(a->send, a->nsend, b->send, b->nsend) && same_octets(a->alpn, a->nalpn, b->alpn, b->nalpn) &&
	       same_octets(a->question, a->nquestion, b->question, b->nquestion) &&
	       same_octets(a->addresses, a->naddress * sizeof(*a->addresses), b->addresses,
	                   b->naddress * sizeof(*b->addresses)) &&
	       same_octets(a->statuses, a->nstatus * sizeof(*a->statuses), b->statuses, b->nstatus * sizeof(*b->statuses));
}

uint64_t isb_spec_fingerprint(const struct isb_check *check, const struct isb_endpoint *endpoint)
{
	static const struct isb_quorum usual = {.kind = ISB_QUORUM_MAJORITY};
	struct isb_check test = *check;
	struct isb_buf text = {0};
	test.interval_ms = test.timeout_ms = test.down_interval_ms = test.retry_ms = 0;
	test.rise = test.fall = test.flap_limit = 0;
	test.quorum = usual;
	test.quorum_by = ISB_QUORUM_BY_PROBE;
	test.soft_latency = (struct isb_span_ms){0};
	test.load.capacity = 0;
	isb_schema_print_check(&text, &test);
	isb_buf_puts(&text, endpoint->host ? endpoint->host : "");
	isb_buf_putc(&text, '\0');
	isb_buf_u16(&text, endpoint->port);
	if (endpoint->naddress)
		isb_buf_add(&text, &endpoint->addresses[0], sizeof(endpoint->addresses[0]));
	uint64_t fingerprint = isb_hash(text.data, text.len, 0);
	isb_buf_done(&text);
	return fingerprint;
}

bool isb_spec_status_ok(const struct isb_spec *spec, long status)
{
	for (size_t i = 0; i < spec->nstatus; i++)
		if (status >= spec->statuses[i].from && status <= spec->statuses[i].to)
			return true;
	return false;
}
