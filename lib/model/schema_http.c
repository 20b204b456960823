/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <strings.h>

#include "isobar/base/err.h"
#include "isobar/model/json.h"
#include "isobar/model/pattern.h"
#include "schema_parts.h"

/* Field types of what checks say and expect over HTTP. Whatever goes into a request goes there as it stands: what could
 * end a line there, or make another request of it, is refused. */

/* A token of RFC 9110 §5.6.2. */
static size_t name_length(const char *text)
{
	return strspn(text, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

/* What frames the message, names the host or binds the connection is the check's own business. */
static const char *owner_of(const char *header, size_t len)
{
	static const struct {
		const char *name, *owner;
	} owned[] = {
		{"host", "key 'host'"}, {"content-length", "request itself"}, {"transfer-encoding", "request itself"},
		{"connection", "key 'keep_alive'"}, {"keep-alive", "key 'keep_alive'"}, {"upgrade", "key 'http'"},
		{"http2-settings", "key 'http'"}, {"te", "request itself"}, {"trailer", "request itself"},
		{"expect", "request itself"},
	};
	for (size_t i = 0; i < ISB_LEN(owned); i++)
		if (strlen(owned[i].name) == len && strncasecmp(owned[i].name, header, len) == 0)
			return owned[i].owner;
	return NULL;
}

static int header_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	const char *text = node->text;
	size_t name = name_length(text);
	if (!name || text[name] != ':' || text[name + 1] != ' ' || !text[name + 2] || isb_has_control(text))
		return ISB_EFORMAT;
	const char *owner = owner_of(text, name);
	if (owner) {
		isb_diag(r->diags, node->mark, "%s: '%.*s' is not given here; the %s decides it", f->name, (int)name, text, owner);
		return ISB_EINVAL;
	}
	return isb_text_parse(r, f, node, value);
}

const struct isb_field_how isb_how_header = {.parse = header_parse, .print = isb_text_print};

static int expect_header_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node,
                               void *value)
{
	size_t name = name_length(node->text);
	bool alone = !node->text[name], valued = node->text[name] == ':' && node->text[name + 1] == ' ';
	if (!name || (!alone && !valued) || isb_has_control(node->text))
		return ISB_EFORMAT;
	return isb_text_parse(r, f, node, value);
}

const struct isb_field_how isb_how_expect_header = {.parse = expect_header_parse, .print = isb_text_print};

static int json_path_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	return isb_json_path_ok(node->text, strlen(node->text)) ? isb_text_parse(r, f, node, value) : ISB_EFORMAT;
}

const struct isb_field_how isb_how_json_path = {.parse = json_path_parse, .print = isb_text_print};

static int json_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	return isb_json_path_ok(node->text, isb_json_path_length(node->text)) ? isb_text_parse(r, f, node, value)
	                                                                        : ISB_EFORMAT;
}

const struct isb_field_how isb_how_json = {.parse = json_parse, .print = isb_text_print};

/* Names as the Prometheus text format has them; those of labels are without the colon. */
static size_t metric_name_length(const char *text, bool colons)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:";
	size_t len = strspn(text, allowed), colon = strcspn(text, ":");
	return *text >= '0' && *text <= '9' ? 0 : colons || colon > len ? len : colon;
}

static int metric_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	size_t len = metric_name_length(node->text, true);
	return len && !node->text[len] ? isb_text_parse(r, f, node, value) : ISB_EFORMAT;
}

const struct isb_field_how isb_how_metric = {.parse = metric_parse, .print = isb_text_print};

static int label_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	size_t len = metric_name_length(node->text, false);
	bool valued = len && node->text[len] == ':' && node->text[len + 1] == ' ' && node->text[len + 2];
	return valued ? isb_text_parse(r, f, node, value) : ISB_EFORMAT;
}

const struct isb_field_how isb_how_label = {.parse = label_parse, .print = isb_text_print};

static int regex_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	char why[ISB_PATTERN_WHY];
	if (isb_pattern_check(node->text, why) == ISB_OK)
		return isb_text_parse(r, f, node, value);
	isb_diag(r->diags, node->mark, "%s: %s", f->name, why);
	return ISB_EINVAL;
}

const struct isb_field_how isb_how_regex = {.parse = regex_parse, .print = isb_text_print};
