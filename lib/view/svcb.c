/* SPDX-License-Identifier: Apache-2.0 */
/* Service parameters of SVCB and HTTPS (RFC 9460 §2). ldns lets wrong ones pass (a port of 99999 wraps, keys repeat,
 * `mandatory` is not looked at), so they are read and printed here. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/basenc.h"
#include "isobar/base/err.h"
#include "rrtext.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

enum { MANDATORY, ALPN, NO_DEFAULT_ALPN, PORT, IPV4HINT, ECH, IPV6HINT, DOHPATH, OHTTP, INVALID = 65535 };
enum { VALUE_TEXT_MAX = 4 * UINT16_MAX };

/* In the order of the keys' numbers. */
static const struct key {
	const char *name, *value; /* value: what to write behind '='; NULL: nothing */
} keys[] = {
	{"mandatory", "a list of other keys that are present, each once"},
	{"alpn", "a list of protocol names"},
	{"no-default-alpn", NULL},
	{"port", "a number from 0 to 65535"},
	{"ipv4hint", "a list of IPv4 addresses"},
	{"ech", "base64 text"},
	{"ipv6hint", "a list of IPv6 addresses"},
	{"dohpath", "a URI template"},
	{"ohttp", NULL},
};

struct param {
	uint16_t key;
	uint8_t *value;
	size_t len;
	const struct isb_token *token;
};

static bool parse_key(const char *text, size_t len, uint16_t *ret_key)
{
	for (size_t i = 0; i < LEN(keys); i++) {
		if (strlen(keys[i].name) == len && memcmp(keys[i].name, text, len) == 0) {
			*ret_key = (uint16_t)i;
			return true;
		}
	}
	struct isb_token digits = {.text = text + 3, .len = len - 3};
	uint32_t number;
	if (len < 4 || memcmp(text, "key", 3) != 0 || (text[3] == '0' && len > 4) ||
	    !isb_token_number(&digits, INVALID - 1, &number))
		return false;
	*ret_key = (uint16_t)number;
	return true;
}

static void print_key(struct isb_buf *out, uint16_t key)
{
	if (key < LEN(keys))
		isb_buf_puts(out, keys[key].name);
	else
		isb_buf_printf(out, "key%u", key);
}

static int compare_u16(const void *a, const void *b)
{
	return (int)isb_get_u16(a) - (int)isb_get_u16(b);
}

/* One item of a comma-separated list into wire form. */
static bool parse_item(uint16_t key, const char *item, size_t len, struct isb_writer *out)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t octets[16];
	uint16_t other;
	if (key == ALPN) {
		if (len == 0 || len > UINT8_MAX)
			return false;
		isb_write_u8(out, (uint8_t)len);
		isb_write(out, item, len);
		return true;
	}
	if (key == MANDATORY) {
		if (!parse_key(item, len, &other))
			return false;
		isb_write_u16(out, other);
		return true;
	}
	if (len >= sizeof(text))
		return false;
	memcpy(text, item, len);
	text[len] = '\0';
	if (memchr(text, '\0', len) || inet_pton(key == IPV4HINT ? AF_INET : AF_INET6, text, octets) != 1)
		return false;
	isb_write(out, octets, key == IPV4HINT ? 4 : 16);
	return true;
}

/* RFC 9460 appendix A.1: commas separate, a backslash keeps a comma or backslash inside an item. */
static bool parse_list(uint16_t key, const char *text, size_t len, struct isb_writer *out)
{
	char *item = isb_xmalloc(len);
	bool good = true;
	size_t n = 0, start = out->pos;
	for (size_t i = 0; good && i <= len; i++) {
		if (i == len || text[i] == ',') {
			good = parse_item(key, item, n, out);
			n = 0;
			continue;
		}
		if (text[i] == '\\' && (++i == len || !strchr(",\\", text[i]) || !text[i]))
			good = false;
		else
			item[n++] = text[i];
	}
	free(item);
	if (good && !out->bad && key == MANDATORY)
		qsort(out->base + start, (out->pos - start) / 2, 2, compare_u16);
	return good;
}

/* Presentation value (escapes undone) into wire form; the sense of it is value_good()'s business. */
static bool parse_value(uint16_t key, const char *text, size_t len, struct isb_writer *out)
{
	struct isb_token token = {.text = text, .len = len};
	uint32_t number;
	switch (key) {
	case MANDATORY:
	case ALPN:
	case IPV4HINT:
	case IPV6HINT: return parse_list(key, text, len, out);
	case ECH: return isb_base64_decode(text, len, out);
	case PORT:
		if (!isb_token_number(&token, UINT16_MAX, &number))
			return false;
		isb_write_u16(out, (uint16_t)number);
		return true;
	default: isb_write(out, text, len); return true;
	}
}

static bool mandatory_good(const uint8_t *v, size_t len)
{
	for (size_t i = 0; i + 2 <= len; i += 2)
		if (isb_get_u16(v + i) <= (i ? isb_get_u16(v + i - 2) : MANDATORY))
			return false;
	return len && len % 2 == 0;
}

static bool alpn_good(const uint8_t *v, size_t len)
{
	size_t i = 0;
	while (i < len && v[i])
		i += 1 + (size_t)v[i];
	return len && i == len;
}

static bool value_good(uint16_t key, const uint8_t *v, size_t len)
{
	switch (key) {
	case MANDATORY: return mandatory_good(v, len);
	case ALPN: return alpn_good(v, len);
	case NO_DEFAULT_ALPN:
	case OHTTP: return len == 0;
	case PORT: return len == 2;
	case IPV4HINT: return len && len % 4 == 0;
	case IPV6HINT: return len && len % 16 == 0;
	case ECH:
	case DOHPATH: return len != 0;
	default: return key != INVALID;
	}
}

static int complain(const struct param *param, struct isb_diags *diags)
{
	struct isb_buf name = {0};
	print_key(&name, param->key);
	const char *value = param->key < LEN(keys) ? keys[param->key].value : "a string";
	if (value)
		isb_diag(diags, param->token->mark, "the value of '%s' is not right; write %s=VALUE with %s", name.data,
		         name.data, value);
	else
		isb_diag(diags, param->token->mark, "'%s' takes no value; write it without '='", name.data);
	isb_buf_done(&name);
	return ISB_EINVAL;
}

/* keyNNNNN is opaque even where its number has a name, and then must hold what that name wants. */
static bool parse_octets(struct isb_arena *arena, const struct isb_token *value, bool opaque, struct param *param)
{
	if (value->len > VALUE_TEXT_MAX)
		return false;
	char *text = isb_arena_alloc(arena, value->len + 1);
	int len = isb_token_octets(value, (uint8_t *)text, value->len);
	size_t room = value->len * 16 + 16; /* an octet of text is at most one address */
	struct isb_writer w = isb_writer(isb_arena_alloc(arena, room), room);
	if (len < 0)
		return false;
	if (opaque)
		isb_write(&w, text, (size_t)len);
	else if (!parse_value(param->key, text, (size_t)len, &w))
		return false;
	param->value = w.base;
	param->len = w.pos;
	return !w.bad && w.pos <= UINT16_MAX && value_good(param->key, w.base, w.pos);
}

static int parse_param(struct isb_arena *arena, const struct isb_token *token, struct isb_diags *diags,
                       struct param *ret_param)
{
	const char *equals = token->quoted ? NULL : memchr(token->text, '=', token->len);
	size_t name_len = equals ? (size_t)(equals - token->text) : token->len;
	struct param param = {.token = token};
	if (token->quoted || !parse_key(token->text, name_len, &param.key)) {
		char shown[ISB_TOKEN_SHOW];
		struct isb_token name = {.text = token->text, .len = name_len};
		isb_diag(diags, token->mark, "unknown service parameter '%s'; write a registered name or keyNNNNN",
		         isb_token_show(&name, shown));
		return ISB_EINVAL;
	}
	struct isb_token value = {.text = equals ? equals + 1 : "", .len = equals ? token->len - name_len - 1 : 0};
	if (value.len >= 2 && value.text[0] == '"' && value.text[value.len - 1] == '"') {
		value.text++;
		value.len -= 2;
	}
	if (!parse_octets(arena, &value, strncmp(token->text, "key", 3) == 0, &param))
		return complain(&param, diags);
	*ret_param = param;
	return ISB_OK;
}

static int compare_params(const void *a, const void *b)
{
	const struct param *pa = a, *pb = b;
	return (int)pa->key - (int)pb->key;
}

static const struct param *find(const struct param *params, size_t count, uint16_t key)
{
	struct param wanted = {.key = key};
	return count ? bsearch(&wanted, params, count, sizeof(*params), compare_params) : NULL;
}

/* What spans parameters: each key once, every mandatory one present (§8), no-default-alpn beside alpn only (§7.1.1).
 * Returns the parameter at fault, or NULL. */
static const struct param *check(const struct param *params, size_t count, const char **ret_why)
{
	for (size_t i = 1; i < count; i++) {
		if (params[i].key == params[i - 1].key) {
			*ret_why = "this service parameter is given twice; write it once";
			return &params[i];
		}
	}
	const struct param *p = find(params, count, MANDATORY);
	for (size_t i = 0; p && i < p->len; i += 2) {
		if (!find(params, count, isb_get_u16(p->value + i))) {
			*ret_why = "'mandatory' lists a key that is not present; add the key or take it from the list";
			return p;
		}
	}
	p = find(params, count, NO_DEFAULT_ALPN);
	if (p && !find(params, count, ALPN)) {
		*ret_why = "'no-default-alpn' leaves no protocol at all; add alpn=...";
		return p;
	}
	return NULL;
}

int isb_svcparams_parse(const struct isb_token *tokens, size_t count, struct isb_diags *diags, struct isb_writer *out)
{
	struct isb_arena arena = {0};
	struct param *params = isb_arena_alloc(&arena, count * sizeof(*params));
	int rc = ISB_OK;
	for (size_t i = 0; rc == ISB_OK && i < count; i++)
		rc = parse_param(&arena, &tokens[i], diags, &params[i]);
	if (rc == ISB_OK) {
		const char *why;
		qsort(params, count, sizeof(*params), compare_params);
		const struct param *wrong = check(params, count, &why);
		if (wrong) {
			isb_diag(diags, wrong->token->mark, "%s", why);
			rc = ISB_EINVAL;
		}
	}
	for (size_t i = 0; rc == ISB_OK && i < count; i++) {
		isb_write_u16(out, params[i].key);
		isb_write_u16(out, (uint16_t)params[i].len);
		isb_write(out, params[i].value, params[i].len);
	}
	isb_arena_done(&arena);
	return rc;
}

static void print_alpn(struct isb_buf *out, const uint8_t *v, size_t len)
{
	struct isb_buf list = {0};
	for (size_t i = 0; i < len; i += 1 + (size_t)v[i]) {
		if (i)
			isb_buf_putc(&list, ',');
		for (size_t k = i + 1; k <= i + v[i]; k++) {
			if (v[k] == ',' || v[k] == '\\')
				isb_buf_putc(&list, '\\');
			isb_buf_putc(&list, (char)v[k]);
		}
	}
	isb_print_string(out, (const uint8_t *)list.data, list.len);
	isb_buf_done(&list);
}

static void print_hints(struct isb_buf *out, int family, const uint8_t *v, size_t len)
{
	char text[INET6_ADDRSTRLEN];
	size_t size = family == AF_INET ? 4 : 16;
	for (size_t i = 0; i < len; i += size)
		isb_buf_printf(out, "%s%s", i ? "," : "", inet_ntop(family, v + i, text, sizeof(text)));
}

static void print_param(struct isb_buf *out, const struct param *p)
{
	print_key(out, p->key);
	if (p->len == 0)
		return;
	isb_buf_putc(out, '=');
	switch (p->key) {
	case MANDATORY:
		for (size_t i = 0; i < p->len; i += 2) {
			if (i)
				isb_buf_putc(out, ',');
			print_key(out, isb_get_u16(p->value + i));
		}
		break;
	case ALPN: print_alpn(out, p->value, p->len); break;
	case PORT: isb_buf_printf(out, "%u", isb_get_u16(p->value)); break;
	case IPV4HINT: print_hints(out, AF_INET, p->value, p->len); break;
	case IPV6HINT: print_hints(out, AF_INET6, p->value, p->len); break;
	case ECH: isb_base64_encode(out, p->value, p->len); break;
	default: isb_print_string(out, p->value, p->len);
	}
}

bool isb_svcparams_print(struct isb_buf *out, const uint8_t *octets, size_t len)
{
	struct isb_reader r = isb_reader(octets, len);
	struct param *params = isb_xcalloc(len / 4 + 1, sizeof(*params));
	size_t count = 0;
	bool good = true;
	while (good && r.pos < r.len) {
		struct param p = {.key = isb_read_u16(&r)};
		p.len = isb_read_u16(&r);
		p.value = (uint8_t *)(uintptr_t)isb_read(&r, p.len);
		good = !r.bad && value_good(p.key, p.value, p.len) && (!count || params[count - 1].key < p.key);
		if (good)
			params[count++] = p;
	}
	const char *why;
	good = good && !check(params, count, &why);
	for (size_t i = 0; good && i < count; i++) {
		if (i)
			isb_buf_putc(out, ' ');
		print_param(out, &params[i]);
	}
	free(params);
	return good;
}
