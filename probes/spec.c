/* SPDX-License-Identifier: Apache-2.0 */
#include "spec.h"

#include <stdlib.h>
#include <string.h>

#include "isobar/base/basenc.h"
#include "isobar/model/rr.h"

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

static void take_command(struct isb_spec *spec, const struct isb_strings *command)
{
	spec->command = isb_xcalloc(command->count + 1, sizeof(*spec->command));
	for (size_t i = 0; i < command->count; i++)
		spec->command[i] = isb_xstrdup(command->list[i]);
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
		.body = dup_or_null(check->body),
		.ca_file = dup_or_null(check->ca_file),
		.client_cert = dup_or_null(check->client_cert),
		.client_key = dup_or_null(check->client_key ? check->client_key : check->client_cert),
		.verify = check->verify,
		.days = check->days,
		.statuses = isb_xcalloc(nstatus, sizeof(*statuses)),
		.nstatus = nstatus,
	};
	memcpy(spec->statuses, statuses, nstatus * sizeof(*statuses));
	take_send(spec, check);
	take_alpn(spec, &check->alpn);
	if (check->type == ISB_CHECK_DNS)
		take_question(spec, check);
	if (check->type == ISB_CHECK_SCRIPT)
		take_command(spec, &check->command);
	if (endpoint->naddress)
		spec->addr = endpoint->addresses[0];
	else
		spec->node = isb_xstrdup(endpoint->host);
	return true;
}

void isb_spec_done(struct isb_spec *spec)
{
	free(spec->node);
	free(spec->host);
	free(spec->path);
	free(spec->method);
	free(spec->body);
	free(spec->ca_file);
	free(spec->statuses);
	free(spec->send);
	free(spec->client_cert);
	free(spec->client_key);
	free(spec->alpn);
	free(spec->question);
	free(spec->addresses);
	for (char **word = spec->command; word && *word; word++)
		free(*word);
	free(spec->command);
	free(spec->endpoint);
	*spec = (struct isb_spec){0};
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_command(char *const *a, char *const *b)
{
	if (!a || !b)
		return a == b;
	while (*a && *b && strcmp(*a, *b) == 0)
		a++, b++;
	return !*a && !*b;
}

static bool same_octets(const void *a, size_t alen, const void *b, size_t blen)
{
	return alen == blen && (alen == 0 || memcmp(a, b, alen) == 0);
}

bool isb_spec_equal(const struct isb_spec *a, const struct isb_spec *b)
{
	return a->type == b->type && isb_addr_equal(&a->addr, &b->addr) && a->port == b->port &&
	       a->verify == b->verify && same(a->node, b->node) && same(a->host, b->host) && same(a->path, b->path) &&
	       same(a->method, b->method) && same(a->body, b->body) && same(a->ca_file, b->ca_file) &&
	       same(a->client_cert, b->client_cert) && same(a->client_key, b->client_key) && a->days == b->days &&
	       a->recursion == b->recursion && a->rcodes == b->rcodes &&
	       same_command(a->command, b->command) && same(a->endpoint, b->endpoint) &&
	       same_octets(a->send, a->nsend, b->send, b->nsend) && same_octets(a->alpn, a->nalpn, b->alpn, b->nalpn) &&
	       same_octets(a->question, a->nquestion, b->question, b->nquestion) &&
	       same_octets(a->addresses, a->naddress * sizeof(*a->addresses), b->addresses,
	                   b->naddress * sizeof(*b->addresses)) &&
	       same_octets(a->statuses, a->nstatus * sizeof(*a->statuses), b->statuses, b->nstatus * sizeof(*b->statuses));
}

bool isb_spec_status_ok(const struct isb_spec *spec, long status)
{
	for (size_t i = 0; i < spec->nstatus; i++)
		if (status >= spec->statuses[i].from && status <= spec->statuses[i].to)
			return true;
	return false;
}
