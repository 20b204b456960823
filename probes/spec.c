/* SPDX-License-Identifier: Apache-2.0 */
#include "spec.h"

#include <stdlib.h>
#include <string.h>

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
	case ISB_CHECK_GRPC: return check->tls ? 443 : 80;
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

/* The texts that are copied from the check as they are, and all that a spec owns. */
static const struct {
	size_t from, to;
} copied[] = {
#define COPIED(member) {offsetof(struct isb_check, member), offsetof(struct isb_spec, member)}
	COPIED(body), COPIED(ca_file), COPIED(client_cert), COPIED(client_key), COPIED(send), COPIED(regex), COPIED(soft_json),
	COPIED(service),
#undef COPIED
};
static const size_t owned[] = {
	offsetof(struct isb_spec, node), offsetof(struct isb_spec, host), offsetof(struct isb_spec, path),
	offsetof(struct isb_spec, method), offsetof(struct isb_spec, body), offsetof(struct isb_spec, ca_file),
	offsetof(struct isb_spec, client_cert), offsetof(struct isb_spec, client_key), offsetof(struct isb_spec, send),
	offsetof(struct isb_spec, regex), offsetof(struct isb_spec, soft_json), offsetof(struct isb_spec, service),
};
static const struct {
	size_t from, to;
} lists[] = {
	{offsetof(struct isb_check, headers), offsetof(struct isb_spec, headers)},
	{offsetof(struct isb_check, expect_headers), offsetof(struct isb_spec, expect_headers)},
	{offsetof(struct isb_check, expect_json), offsetof(struct isb_spec, expect_json)},
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
		.verify = check->verify,
		.http = check->http,
		.redirects = check->redirects,
		.latency_ms = check->latency_ms,
		.keep_alive = check->keep_alive,
		.tls = check->tls || check->type == ISB_CHECK_HTTPS,
		.statuses = isb_xcalloc(nstatus, sizeof(*statuses)),
		.nstatus = nstatus,
	};
	memcpy(spec->statuses, statuses, nstatus * sizeof(*statuses));
	copy_texts(spec, check);
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

bool isb_spec_equal(const struct isb_spec *a, const struct isb_spec *b)
{
	return a->type == b->type && isb_addr_equal(&a->addr, &b->addr) && a->port == b->port &&
	       a->verify == b->verify && a->http == b->http && a->redirects == b->redirects &&
	       a->latency_ms == b->latency_ms && a->keep_alive == b->keep_alive && a->tls == b->tls && same_texts(a, b) &&
	       a->nstatus == b->nstatus &&
	       memcmp(a->statuses, b->statuses, a->nstatus * sizeof(*a->statuses)) == 0;
}

bool isb_spec_status_ok(const struct isb_spec *spec, long status)
{
	for (size_t i = 0; i < spec->nstatus; i++)
		if (status >= spec->statuses[i].from && status <= spec->statuses[i].to)
			return true;
	return false;
}
