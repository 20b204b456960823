/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "isobar/model/rr.h"
#include "schema_parts.h"

/* Fields of a check that do not go together with its type or with each other. A field that no code reads would look
 * like a test; so it is refused, and the sentence says where it belongs. */

static const struct isb_yaml_pair *find_pair(const struct isb_yaml *map, const char *key, size_t len)
{
	for (size_t i = 0; map && map->kind == ISB_YAML_MAP && i < map->count; i++)
		if (strlen(map->pairs[i].key) == len && memcmp(map->pairs[i].key, key, len) == 0)
			return isb_yaml_absent(map->pairs[i].value) ? NULL : &map->pairs[i];
	return NULL;
}

/* Where the field was written, or NULL. */
static const struct isb_yaml_pair *written(const struct isb_yaml *body, const char *name)
{
	size_t len = strcspn(name, ".");
	const struct isb_yaml_pair *pair = find_pair(body, name, len);
	return pair && name[len] ? find_pair(pair->value, name + len + 1, strlen(name + len + 1)) : pair;
}

static void refuse_unread(struct isb_reading *r, const char *type, const struct isb_yaml *body)
{
	const struct isb_field *fields;
	for (size_t i = 0, n = isb_fields(ISB_CHECK, &fields); i < n; i++) {
		const struct isb_field *f = &fields[i];
		const struct isb_yaml_pair *pair =
			f->only && !isb_range_has(f->only, type) ? written(body, f->name) : NULL;
		if (pair)
			isb_diag(r->diags, pair->mark,
			         "a check of type %s does not read '%s', which is for %s; leave it out", type, f->name,
			         f->only);
	}
}

/* The catalog may come from elsewhere: it must not be able to name any other program of the probe's machine. */
static void look_at_command(struct isb_reading *r, const struct isb_check *check, const struct isb_yaml *body)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
	enum { NAME_MOST = 63 };
	char shown[ISB_YAML_EXCERPT];
	const struct isb_yaml_pair *pair = written(body, "command");
	if (!pair) {
		isb_diag(r->diags, body->mark,
		         "type script needs 'command': write the script and its arguments, as [check-queue, --limit, "
		         "100]");
		return;
	}
	const char *name = check->command.count ? check->command.list[0] : NULL;
	size_t len = name ? strlen(name) : 0;
	if (!name || (len && len <= NAME_MOST && strspn(name, allowed) == len && *name != '.' && *name != '-'))
		return; /* NULL: said already */
	isb_diag(r->diags, pair->mark,
	         "command: '%s' is no name of a script; write that of a file in the probe's directory of scripts, 1 to "
	         "%d letters, digits, '_', '.' or '-', with each argument as an item of its own",
	         isb_yaml_excerpt(name, shown), NAME_MOST);
}

/* A reply to HEAD has nothing to look at. */
static void refuse_bodiless(struct isb_reading *r, const struct isb_yaml *body)
{
	static const char *const keys[] = {"expect.body", "expect.regex", "expect.json", "soft.json", "load.format"};
	for (size_t i = 0; i < ISB_LEN(keys); i++) {
		const struct isb_yaml_pair *pair = written(body, keys[i]);
		if (pair)
			isb_diag(r->diags, pair->mark,
			         "the reply to HEAD has no body; leave out '%s', or use method GET", keys[i]);
	}
}

/* Which format needs what, and reads what. */
static void read_load_rest(struct isb_reading *r, const struct isb_check *check, const struct isb_yaml *body)
{
	static const struct {
		const char *key;
		enum isb_load_format of;
		const char *format;
		bool needed;
	} keys[] = {
		{"load.proxy", ISB_LOAD_HAPROXY, "haproxy", true},    {"load.server", ISB_LOAD_HAPROXY, "haproxy", false},
		{"load.field", ISB_LOAD_HAPROXY, "haproxy", false},   {"load.metric", ISB_LOAD_PROMETHEUS, "prometheus", true},
		{"load.labels", ISB_LOAD_PROMETHEUS, "prometheus", false}, {"load.path", ISB_LOAD_JSON, "json", true},
	};
	const struct isb_yaml_pair *load = written(body, "load"), *format = written(body, "load.format");
	if (load && !format)
		isb_diag(r->diags, load->mark, "'load' needs 'format': write haproxy, nginx, prometheus or json");
	if (!format || check->load.format == ISB_LOAD_NONE)
		return;
	for (size_t i = 0; i < ISB_LEN(keys); i++) {
		const struct isb_yaml_pair *pair = written(body, keys[i].key);
		bool reads = check->load.format == keys[i].of;
		if (reads && keys[i].needed && !pair)
			isb_diag(r->diags, format->mark, "'load' of format %s needs '%s'", keys[i].format, keys[i].key);
		else if (pair && !reads)
			isb_diag(r->diags, pair->mark, "'%s' is for format %s; leave it out", keys[i].key, keys[i].format);
	}
}

static void read_http_rest(struct isb_reading *r, const struct isb_check *check, const struct isb_yaml *body)
{
	if (written(body, "send") && strcmp(check->method, "POST") != 0)
		isb_diag(r->diags, written(body, "send")->mark,
		         "a %s request has no body; leave out 'send', or use method POST", check->method);
	if (strcmp(check->method, "HEAD") == 0)
		refuse_bodiless(r, body);
	read_load_rest(r, check, body);
}

/* HTTP/2 that both sides take for granted: libcurl 7.88 greets again on a connection that has been greeted. */
static bool is_bare_http2(const struct isb_check *check)
{
	return check->type == ISB_CHECK_GRPC ? !check->tls : check->type == ISB_CHECK_HTTP && check->http == ISB_HTTP_2;
}

static void refuse_without_tls(struct isb_reading *r, const struct isb_yaml *body)
{
	static const char *const keys[] = {"verify", "ca_file", "client_cert", "client_key"};
	for (size_t i = 0; i < ISB_LEN(keys); i++) {
		const struct isb_yaml_pair *pair = written(body, keys[i]);
		if (pair)
			isb_diag(r->diags, pair->mark, "'%s' means nothing without TLS; add 'tls: true', or leave it out",
			         keys[i]);
	}
}

static void read_dns_rest(struct isb_reading *r, const struct isb_check *check, const struct isb_yaml *body)
{
	const struct isb_yaml_pair *address = written(body, "expect.address");
	if (!written(body, "query.name"))
		isb_diag(r->diags, body->mark,
		         "type dns needs 'query': write the name that is asked for, as {name: www.example.com}");
	else if (address && check->query_type != ISB_A && check->query_type != ISB_AAAA)
		isb_diag(r->diags, address->mark,
		         "only answers of type A and AAAA hold addresses; leave out 'expect.address', or ask for one of these");
}

void isb_read_check_rest(struct isb_reading *r, const struct isb_check *check, const struct isb_yaml *body)
{
	const struct isb_yaml *type = isb_yaml_get(body, "type");
	if (!type || type->kind != ISB_YAML_SCALAR || strcmp(type->text, isb_check_words[check->type]) != 0)
		return; /* said already */
	refuse_unread(r, type->text, body);
	if (check->type == ISB_CHECK_DNS)
		read_dns_rest(r, check, body);
	if (check->type == ISB_CHECK_GRPC && !check->tls)
		refuse_without_tls(r, body);
	if (written(body, "expect.latency") && check->latency_ms >= check->timeout_ms)
		isb_diag(r->diags, written(body, "expect.latency")->mark,
		         "'expect.latency' must be less than the timeout, which ends the test before");
	if (check->type == ISB_CHECK_UDP && !written(body, "send") && !written(body, "send_hex"))
		isb_diag(r->diags, body->mark,
		         "type udp needs 'send' or 'send_hex': nobody answers what was not asked");
	if (check->type == ISB_CHECK_SCRIPT)
		look_at_command(r, check, body);
	if (written(body, "send") && written(body, "send_hex"))
		isb_diag(r->diags, written(body, "send_hex")->mark, "check has both 'send' and 'send_hex'; keep one");
	if (check->type == ISB_CHECK_HTTP || check->type == ISB_CHECK_HTTPS)
		read_http_rest(r, check, body);
	if (check->keep_alive && is_bare_http2(check))
		isb_diag(r->diags, written(body, "keep_alive")->mark,
		         "'keep_alive' cannot be had with HTTP/2 without TLS; leave it out");
	if (written(body, "client_key") && !written(body, "client_cert"))
		isb_diag(r->diags, written(body, "client_key")->mark,
		         "'client_key' is the key of a 'client_cert', which is missing");
}
