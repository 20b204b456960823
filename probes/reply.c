/* SPDX-License-Identifier: Apache-2.0 */
#include "reply.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "isobar/base/err.h"
#include "isobar/model/json.h"
#include "isobar/model/pattern.h"

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

const char *isb_reply_header(const struct isb_reply *reply, const char *name, size_t name_len, const char *wanted,
                             size_t *ret_len)
{
	const char *end = reply->headers + reply->headers_len;
	for (const char *line = reply->headers, *next; line < end; line = next) {
		const char *stop = memchr(line, '\n', (size_t)(end - line)), *value = line + name_len + 1;
		stop = stop ? stop : end;
		next = stop + (stop < end);
		if ((size_t)(stop - line) <= name_len || line[name_len] != ':' || strncasecmp(line, name, name_len) != 0)
			continue;
		while (value < stop && blank(*value))
			value++;
		while (stop > value && blank(stop[-1]))
			stop--;
		size_t len = (size_t)(stop - value);
		if (wanted && (len != strlen(wanted) || memcmp(value, wanted, len) != 0))
			continue;
		*ret_len = len;
		return value;
	}
	return NULL;
}

/* "Name" or "Name: value" */
static bool has_header(const struct isb_reply *reply, const char *expected)
{
	size_t name = strcspn(expected, ":"), len;
	const char *wanted = expected[name] ? expected + name + 2 : NULL;
	return isb_reply_header(reply, expected, name, wanted, &len) != NULL;
}

static bool has_json(const struct isb_reply *reply, const char *expected, char why[ISB_REPLY_WHY])
{
	struct isb_json_value value;
	size_t path = isb_json_path_length(expected);
	int rc = isb_json_find(reply->body, reply->body_len, expected, path, &value);
	if (rc == ISB_OK && (!expected[path] || isb_json_is(&value, expected + path + 2)))
		return true;
	if (rc == ISB_EFORMAT)
		snprintf(why, ISB_REPLY_WHY, "the body is %s",
		         reply->cut ? "longer than 64 KiB" : "no JSON, or nested too deep");
	else if (rc != ISB_OK)
		snprintf(why, ISB_REPLY_WHY, "no '%.*s' in the body", (int)(path < 64 ? path : 64), expected);
	else
		snprintf(why, ISB_REPLY_WHY, "'%.*s' is another value", (int)(path < 64 ? path : 64), expected);
	return false;
}

/* What an endpoint does not say, or not as a share of a hundred, changes nothing of its weight. */
static void read_soft(const struct isb_spec *spec, const struct isb_reply *reply, struct isb_outcome *outcome,
                      char why[ISB_REPLY_WHY])
{
	struct isb_json_value value;
	double soft;
	int rc = isb_json_find(reply->body, reply->body_len, spec->soft_json, strlen(spec->soft_json), &value);
	if (rc == ISB_OK && isb_json_number(&value, &soft) && soft >= 0 && soft <= 100) {
		outcome->has_soft = true;
		outcome->soft = (uint8_t)(soft + 0.5);
	} else {
		snprintf(why, ISB_REPLY_WHY, "no number from 0 to 100 at '%.64s'; the weight stays whole", spec->soft_json);
	}
}

void isb_reply_judge(const struct isb_spec *spec, const struct isb_reply *reply, struct isb_outcome *outcome,
                     char why[ISB_REPLY_WHY])
{
	for (size_t i = 0; i < spec->expect_headers.count; i++) {
		const char *expected = spec->expect_headers.list[i];
		if (!has_header(reply, expected)) {
			outcome->kind = ISB_OUT_HEADER_MISMATCH;
			snprintf(why, ISB_REPLY_WHY, "no header '%.100s'", expected);
			return;
		}
	}
	bool body = !spec->body || memmem(reply->body, reply->body_len, spec->body, strlen(spec->body));
	if (!body || (spec->regex && !isb_pattern_search(spec->regex, reply->body, reply->body_len))) {
		outcome->kind = ISB_OUT_BODY_MISMATCH;
		return;
	}
	for (size_t i = 0; i < spec->expect_json.count; i++) {
		if (!has_json(reply, spec->expect_json.list[i], why)) {
			outcome->kind = ISB_OUT_JSON_MISMATCH;
			return;
		}
	}
	outcome->kind = ISB_OUT_OK;
	if (spec->soft_json)
		read_soft(spec, reply, outcome, why);
}
