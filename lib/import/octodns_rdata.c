/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>

#include "octodns_parts.h"

/* The types of octoDNS: how their values' fields stand in a master file, in that order. The reader of master files then
 * says what it thinks of numbers, addresses and digits; here it is only seen to that a value stays within its word. */

enum form {
	WORD,   /* a number, an address, digits: one word without special characters */
	METRES, /* the same with "m" behind it */
	NAME,   /* an absolute domain name */
	QUOTED, /* presentation form, put into quotes: backslashes stand as they are */
	TEXT,   /* any text, in quotes, in pieces of 255 octets; "\;" is a semicolon */
	BASE64, /* a word that may be broken by white space */
	PARAMS  /* a map of service parameters */
};
struct field {
	const char *name, *other; /* an older spelling; NULL: none */
	const char *preset;       /* NULL: must be given */
	enum form form;
	bool empty;               /* may be empty */
};
enum { FIELDS_MAX = 12 };

struct octodns_type {
	const char *name;
	bool single;
	struct field fields[FIELDS_MAX]; /* one without a name: the value itself */
};

static const struct octodns_type types[] = {
	{"A", false, {{.form = WORD}}},
	{"AAAA", false, {{.form = WORD}}},
	{"ALIAS", true, {{.form = NAME}}},
	{"CAA", false,
	 {{.name = "flags", .preset = "0"}, {.name = "tag"}, {.name = "value", .form = QUOTED, .empty = true}}},
	{"CNAME", true, {{.form = NAME}}},
	{"DNAME", true, {{.form = NAME}}},
	{"DS", false, {{.name = "key_tag"}, {.name = "algorithm"}, {.name = "digest_type"}, {.name = "digest"}}},
	{"HTTPS", false,
	 {{.name = "svcpriority"}, {.name = "targetname", .form = NAME},
	  {.name = "svcparams", .preset = "", .form = PARAMS}}},
	{"LOC", false,
	 {{.name = "lat_degrees"}, {.name = "lat_minutes"}, {.name = "lat_seconds"}, {.name = "lat_direction"},
	  {.name = "long_degrees"}, {.name = "long_minutes"}, {.name = "long_seconds"}, {.name = "long_direction"},
	  {.name = "altitude", .form = METRES}, {.name = "size", .form = METRES},
	  {.name = "precision_horz", .form = METRES}, {.name = "precision_vert", .form = METRES}}},
	{"MX", false,
	 {{.name = "preference", .other = "priority"}, {.name = "exchange", .other = "value", .form = NAME}}},
	{"NAPTR", false,
	 {{.name = "order"}, {.name = "preference"}, {.name = "flags", .form = QUOTED, .empty = true},
	  {.name = "service", .form = QUOTED, .empty = true}, {.name = "regexp", .form = QUOTED, .empty = true},
	  {.name = "replacement", .form = NAME}}},
	{"NS", false, {{.form = NAME}}},
	{"OPENPGPKEY", false, {{.form = BASE64}}},
	{"PTR", false, {{.form = NAME}}},
	{"SPF", false, {{.form = TEXT, .empty = true}}},
	{"SRV", false, {{.name = "priority"}, {.name = "weight"}, {.name = "port"}, {.name = "target", .form = NAME}}},
	{"SSHFP", false, {{.name = "algorithm"}, {.name = "fingerprint_type"}, {.name = "fingerprint"}}},
	{"SVCB", false,
	 {{.name = "svcpriority"}, {.name = "targetname", .form = NAME},
	  {.name = "svcparams", .preset = "", .form = PARAMS}}},
	{"TLSA", false,
	 {{.name = "certificate_usage", .preset = "0"}, {.name = "selector", .preset = "0"},
	  {.name = "matching_type", .preset = "0"}, {.name = "certificate_association_data"}}},
	{"TXT", false, {{.form = TEXT, .empty = true}}},
	{"URI", false, {{.name = "priority"}, {.name = "weight"}, {.name = "target", .form = QUOTED}}},
};

/* DS before octoDNS named its fields as RFC 4034 does. */
static const struct octodns_type old_ds = {
	"DS", false, {{.name = "flags"}, {.name = "protocol"}, {.name = "algorithm"}, {.name = "public_key"}}};

enum { TYPES = sizeof(types) / sizeof(types[0]) };

const struct octodns_type *isb_octodns_type(const char *name)
{
	for (size_t i = 0; i < TYPES; i++)
		if (strcmp(types[i].name, name) == 0)
			return &types[i];
	return NULL;
}

const char *isb_octodns_type_near(const char *name)
{
	const char *words[TYPES + 1];
	for (size_t i = 0; i < TYPES; i++)
		words[i] = types[i].name;
	words[TYPES] = NULL;
	return isb_nearest(name, words);
}

bool isb_octodns_type_single(const struct octodns_type *type)
{
	return type->single;
}

/* --- Forms --- */

static bool is_word(const char *text)
{
	for (; *text; text++)
		if (!isgraph((unsigned char)*text) || strchr("\"();\\", *text))
			return false;
	return true;
}

const char *isb_octodns_target(struct isb_octodns *o, const struct isb_yaml *node, const char *what)
{
	uint8_t dname[ISB_DNAME_MAX];
	char text[ISB_DNAME_TEXT], shown[ISB_YAML_EXCERPT];
	const char *name = isb_octodns_scalar(o, node, node->mark, what);
	if (!name)
		return NULL;
	isb_yaml_excerpt(name, shown);
	for (const char *p = name; *p; p++) {
		if ((unsigned char)*p >= 0x80 || isspace((unsigned char)*p)) {
			isb_diag(&o->errors, node->mark, "%s: '%s' is no name in ASCII without blanks; write IDNs as xn--...",
			         what, shown);
			return NULL;
		}
	}
	if (isb_dname_parse(name, NULL, dname) < 0 || strcmp(name, "@") == 0)
		isb_diag(&o->errors, node->mark, "%s: '%s' is no domain name", what, shown);
	else if (name[strlen(name) - 1] != '.')
		isb_diag(&o->errors, node->mark,
		         "%s: '%s' has no final dot, and octoDNS' providers differ in what that means; write the whole name "
		         "with one", what, shown);
	else
		return isb_arena_strdup(&o->arena, isb_dname_print(dname, text));
	return NULL;
}

static void add_octet(struct isb_buf *out, unsigned char c)
{
	if (c < 0x20 || c >= 0x7f)
		isb_buf_printf(out, "\\%03u", c);
	else
		isb_buf_putc(out, (char)c);
}

/* RFC 1035 §5.1: a backslash and three digits, or a backslash and anything but a digit. */
static bool is_escape(const char *text)
{
	if (text[0] != '\\' || !text[1])
		return false;
	return !isdigit((unsigned char)text[1]) || (isdigit((unsigned char)text[2]) && isdigit((unsigned char)text[3]));
}

/* What begins no escape stands for itself: so does the "\1" of a NAPTR's substitution. */
static void add_quoted(struct isb_buf *out, const char *text)
{
	isb_buf_putc(out, '"');
	for (; *text; text++) {
		bool escape = is_escape(text);
		if (*text == '"' || (*text == '\\' && !escape))
			isb_buf_putc(out, '\\');
		add_octet(out, (unsigned char)*text);
		if (escape)
			add_octet(out, (unsigned char)*++text);
	}
	isb_buf_putc(out, '"');
}

/* What octoDNS means by a text: quotes around it are taken off, pieces joined, and "\;" is ";". */
static char *plain_text(struct isb_octodns *o, const char *text)
{
	size_t n = 0, len = strlen(text);
	bool quoted = text[0] == '"';
	char *plain = isb_arena_alloc(&o->arena, len + 1);
	const char *end = text + len - (quoted && len > 1);
	for (text += quoted; text < end; text++) {
		if (end - text >= 3 && memcmp(text, "\" \"", 3) == 0)
			text += 2;
		else if (!(text[0] == '\\' && end - text >= 2 && text[1] == ';'))
			plain[n++] = *text;
	}
	return plain;
}

static void add_text(struct isb_octodns *o, struct isb_buf *out, const char *text)
{
	enum { PIECE = 255 };
	const char *plain = plain_text(o, text);
	size_t n = 0;
	isb_buf_putc(out, '"');
	for (; *plain; plain++) {
		if (n++ == PIECE) {
			isb_buf_puts(out, "\" \"");
			n = 1;
		}
		if (*plain == '"' || *plain == '\\')
			isb_buf_putc(out, '\\');
		add_octet(out, (unsigned char)*plain);
	}
	isb_buf_putc(out, '"');
}

static void add_base64(struct isb_buf *out, const char *text)
{
	for (; *text; text++)
		if (!isspace((unsigned char)*text))
			isb_buf_putc(out, *text);
}

static bool say_no_word(struct isb_octodns *o, const struct isb_yaml *node, const char *what)
{
	char shown[ISB_YAML_EXCERPT];
	isb_diag(&o->errors, node->mark, "%s: '%s' holds characters that cannot stand there", what,
	         isb_yaml_excerpt(node->text, shown));
	return false;
}

/* key=item,item; a key without a value is a flag. */
static bool add_param(struct isb_octodns *o, const struct isb_yaml_pair *pair, struct isb_buf *out)
{
	const struct isb_yaml *value = pair->value;
	const struct isb_yaml key = {.kind = ISB_YAML_SCALAR, .mark = pair->mark, .text = pair->key};
	if (!is_word(pair->key) || strchr(pair->key, '='))
		return say_no_word(o, &key, "'svcparams'");
	isb_buf_printf(out, " %s", pair->key);
	if (isb_yaml_absent(value))
		return true;
	isb_buf_putc(out, '=');
	if (value->kind != ISB_YAML_LIST) {
		const char *text = isb_octodns_scalar(o, value, value->mark, pair->key);
		if (text && is_word(text))
			isb_buf_puts(out, text);
		return text && (is_word(text) || say_no_word(o, value, pair->key));
	}
	for (size_t i = 0; i < value->count; i++) {
		const char *text = isb_octodns_scalar(o, value->items[i], value->mark, pair->key);
		if (!text)
			return false;
		if (!is_word(text) || strchr(text, ','))
			return say_no_word(o, value->items[i], pair->key);
		isb_buf_printf(out, "%s%s", i ? "," : "", text);
	}
	return true;
}

static bool add_params(struct isb_octodns *o, const struct isb_yaml *map, struct isb_buf *out)
{
	if (!isb_octodns_is_map(o, map, "'svcparams'"))
		return false;
	for (size_t i = 0; i < map->count; i++)
		if (!add_param(o, &map->pairs[i], out))
			return false;
	return true;
}

/* --- Values --- */

static bool add_form(struct isb_octodns *o, enum form form, const struct isb_yaml *node, const char *what,
                     struct isb_buf *out)
{
	const char *name;
	switch (form) {
	case PARAMS: return add_params(o, node, out);
	case QUOTED: add_quoted(out, node->text); return true;
	case TEXT: add_text(o, out, node->text); return true;
	case NAME:
		name = isb_octodns_target(o, node, what);
		isb_buf_puts(out, name ? name : "");
		return name != NULL;
	case BASE64: add_base64(out, node->text); break;
	case METRES:
	case WORD: isb_buf_puts(out, node->text); break;
	}
	if (form == METRES)
		isb_buf_putc(out, 'm');
	return true;
}

static bool add_field(struct isb_octodns *o, const struct field *field, const struct isb_yaml *node,
                      struct isb_mark at, struct isb_buf *out)
{
	const char *what = field->name ? isb_arena_printf(&o->arena, "'%s'", field->name) : "the value";
	if (isb_yaml_absent(node) && field->preset) {
		isb_buf_puts(out, field->preset);
		return true;
	}
	bool empty = field->empty && !isb_yaml_absent(node) && node->kind == ISB_YAML_SCALAR;
	if (field->form != PARAMS && !empty && !isb_octodns_scalar(o, node, at, what))
		return false;
	if ((field->form == WORD || field->form == METRES) && !is_word(node->text))
		return say_no_word(o, node, what);
	if (field->form == TEXT && strstr(node->text, "\\\\;")) {
		isb_diag(&o->errors, node->mark, "a semicolon that is escaped twice; write '\\;'");
		return false;
	}
	struct isb_buf word = {0};
	bool good = add_form(o, field->form, node, what, &word);
	if (good && field->form == BASE64 && !is_word(isb_buf_text(&word)))
		good = say_no_word(o, node, what);
	isb_buf_puts(out, isb_buf_text(&word));
	isb_buf_done(&word);
	return good;
}

/* Every field is read, so that all that is wrong in a value is said at once. */
static bool add_fields(struct isb_octodns *o, const struct octodns_type *type, const struct isb_yaml *value,
                       struct isb_buf *out)
{
	const char *words[2 * FIELDS_MAX + 1];
	size_t nword = 0;
	bool good = true;
	for (size_t i = 0; i < FIELDS_MAX && type->fields[i].name; i++) {
		const struct field *field = &type->fields[i];
		const struct isb_yaml *node = isb_yaml_get(value, field->name);
		words[nword++] = field->name;
		if (field->other)
			words[nword++] = field->other;
		if (!node && field->other)
			node = isb_yaml_get(value, field->other);
		if (i && field->form != PARAMS)
			isb_buf_putc(out, ' ');
		good &= add_field(o, field, node, value->mark, out);
	}
	words[nword] = NULL;
	return isb_octodns_keys(o, value, words, isb_arena_printf(&o->arena, "%s value", type->name)) && good;
}

bool isb_octodns_rdata(struct isb_octodns *o, const struct octodns_type *type, const struct isb_yaml *value,
                       struct isb_buf *out)
{
	if (!type->fields[0].name)
		return add_field(o, &type->fields[0], value, value->mark, out);
	if (!isb_octodns_is_map(o, value, isb_arena_printf(&o->arena, "a value of %s", type->name)))
		return false;
	if (strcmp(type->name, "DS") == 0 && (isb_yaml_get(value, "public_key") || isb_yaml_get(value, "flags")))
		type = &old_ds;
	return add_fields(o, type, value, out);
}
