/* SPDX-License-Identifier: Apache-2.0 */
#include "spec.h"

#include <stdlib.h>
#include <string.h>

#include "isobar/base/buf.h"
#include "isobar/base/hash.h"
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
	case ISB_CHECK_HTTPS: return 443;
	case ISB_CHECK_TCP: break;
	}
	return 0;
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

bool isb_spec_init(struct isb_spec *spec, const struct isb_check *check, const struct isb_endpoint *endpoint)
{
	static const struct isb_span usual = {200, 399};
	uint16_t port = port_of(check, endpoint);
	if (!port || (!endpoint->naddress && !endpoint->host))
		return false;
	const struct isb_span *statuses = check->nstatus ? check->statuses : &usual;
	size_t nstatus = check->nstatus ? check->nstatus : 1;
	*spec = (struct isb_spec){
		.type = check->type,
		.port = port,
		.host = host_of(check, endpoint),
		.path = isb_xstrdup(check->path ? check->path : "/"),
		.method = isb_xstrdup(check->method ? check->method : "GET"),
		.body = dup_or_null(check->body),
		.ca_file = dup_or_null(check->ca_file),
		.verify = check->verify,
		.statuses = isb_xcalloc(nstatus, sizeof(*statuses)),
		.nstatus = nstatus,
	};
	memcpy(spec->statuses, statuses, nstatus * sizeof(*statuses));
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
	*spec = (struct isb_spec){0};
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool isb_spec_equal(const struct isb_spec *a, const struct isb_spec *b)
{
	return a->type == b->type && isb_addr_equal(&a->addr, &b->addr) && a->port == b->port &&
	       a->verify == b->verify && same(a->node, b->node) && same(a->host, b->host) && same(a->path, b->path) &&
	       same(a->method, b->method) && same(a->body, b->body) && same(a->ca_file, b->ca_file) &&
	       a->nstatus == b->nstatus &&
	       memcmp(a->statuses, b->statuses, a->nstatus * sizeof(*a->statuses)) == 0;
}

uint64_t isb_spec_fingerprint(const struct isb_check *check, const struct isb_endpoint *endpoint)
{
	static const struct isb_quorum usual = {.kind = ISB_QUORUM_MAJORITY};
	struct isb_check test = *check;
	struct isb_buf text = {0};
	test.interval_ms = test.timeout_ms = test.down_interval_ms = test.retry_ms = 0;
	test.rise = test.fall = 0;
	test.quorum = usual;
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
