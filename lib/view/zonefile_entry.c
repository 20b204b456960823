/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <strings.h>

#include "isobar/base/err.h"
#include "isobar/base/wire.h"
#include "rrtext.h"
#include "zonefile_parts.h"

static int parse_name(struct isb_zone_reader *reader, const struct isb_zone_source *source,
                      const struct isb_token *token, uint8_t out[ISB_DNAME_MAX])
{
	char text[ISB_DNAME_TEXT], shown[ISB_TOKEN_SHOW];
	int rc = ISB_ERANGE;
	if (token->quoted)
		rc = ISB_EFORMAT;
	else if (isb_token_copy(token, text, sizeof(text)))
		rc = isb_dname_parse(text, source->origin, out);
	if (rc > 0)
		return ISB_OK;
	isb_diag(reader->diags, token->mark, "'%s' is not a domain name: %s", isb_token_show(token, shown),
	         rc == ISB_ERANGE ? "labels have 1 to 63 octets, a name 255 in all"
	                          : "write special characters as \\X or \\DDD");
	return ISB_EINVAL;
}

/* --- Directives -------------------------------------------------------------------------------------------------- */

static int wrong_count(struct isb_zone_reader *reader, const struct isb_entry *entry, const char *usage)
{
	isb_diag(reader->diags, entry->mark, "write %s", usage);
	return ISB_EINVAL;
}

static int do_origin(struct isb_zone_reader *reader, struct isb_zone_source *source, const struct isb_entry *entry)
{
	if (entry->count != 2)
		return wrong_count(reader, entry, "$ORIGIN NAME");
	uint8_t name[ISB_DNAME_MAX];
	int rc = parse_name(reader, source, &entry->tokens[1], name);
	if (rc == ISB_OK)
		memcpy(source->origin, name, isb_dname_len(name));
	return rc;
}

static int do_ttl(struct isb_zone_reader *reader, struct isb_zone_source *source, const struct isb_entry *entry)
{
	if (entry->count != 2 || !isb_token_ttl(&entry->tokens[1], &source->default_ttl_s))
		return wrong_count(reader, entry,
		                   "$TTL TIME, with a time of 0..2147483647 seconds such as 3600 or 1h30m");
	source->has_default_ttl = true;
	return ISB_OK;
}

static int do_include(struct isb_zone_reader *reader, struct isb_zone_source *source, const struct isb_entry *entry)
{
	uint8_t origin[ISB_DNAME_MAX];
	if (entry->count < 2 || entry->count > 3)
		return wrong_count(reader, entry, "$INCLUDE FILE [ORIGIN]");
	if (!reader->top_dir) {
		isb_diag(reader->diags, entry->mark, "$INCLUDE works in files only; put this text into one");
		return ISB_EINVAL;
	}
	if (entry->count == 3 && parse_name(reader, source, &entry->tokens[2], origin) != ISB_OK)
		return ISB_EINVAL;
	isb_zone_include(reader, source, &entry->tokens[1], entry->count == 3 ? origin : NULL);
	return ISB_OK;
}

static const struct directive {
	const char *name;
	int (*run)(struct isb_zone_reader *reader, struct isb_zone_source *source, const struct isb_entry *entry);
} directives[] = {
	{"$ORIGIN", do_origin},
	{"$TTL", do_ttl},
	{"$INCLUDE", do_include},
	{"$GENERATE", isb_zone_generate},
};

static int run_directive(struct isb_zone_reader *reader, struct isb_zone_source *source, const struct isb_entry *entry)
{
	static const char *const words[] = {"$ORIGIN", "$TTL", "$INCLUDE", "$GENERATE", NULL};
	for (size_t i = 0; i < sizeof(directives) / sizeof(directives[0]); i++)
		if (isb_token_is(&entry->tokens[0], directives[i].name))
			return directives[i].run(reader, source, entry);
	char shown[ISB_TOKEN_SHOW];
	const char *near = isb_nearest(isb_token_show(&entry->tokens[0], shown), words);
	isb_diag(reader->diags, entry->mark, "unknown directive '%s'; %s %s", shown, near ? "did you mean" : "write",
	         near ? near
	              : "$ORIGIN, $TTL, $INCLUDE or $GENERATE, or \\$ for a name that begins with a dollar sign");
	return ISB_EINVAL;
}

/* --- Records ----------------------------------------------------------------------------------------------------- */

/* Labels from the root down, each ended by an octet that sorts before all others: 0 and 1 are moved out of its way. */
static const uint8_t *order_of(struct isb_arena *arena, const uint8_t *name, size_t *ret_len)
{
	uint8_t order[2 * ISB_DNAME_MAX];
	const uint8_t *label[ISB_LABELS_MAX];
	unsigned labels = isb_dname_split(name, label);
	size_t len = 0;
	for (unsigned i = 0; i < labels; i++) {
		for (unsigned k = 1; k <= *label[i]; k++) {
			if (label[i][k] <= 1)
				order[len++] = 1;
			order[len++] = label[i][k] <= 1 ? label[i][k] + 1 : label[i][k];
		}
		order[len++] = 0;
	}
	*ret_len = len;
	return isb_arena_memdup(arena, order, len);
}

static int set_owner(struct isb_zone_reader *reader, struct isb_zone_source *source, const struct isb_token *token)
{
	uint8_t name[ISB_DNAME_MAX];
	source->owner_unreadable = parse_name(reader, source, token, name) != ISB_OK;
	if (source->owner_unreadable) {
		source->owner = NULL;
		return ISB_EINVAL;
	}
	size_t len = isb_dname_lower(name, name);
	if (source->owner && isb_dname_equal(source->owner->name, name))
		return ISB_OK;
	struct isb_arena *arena = &reader->records.arena;
	struct isb_zone_owner *owner = isb_arena_alloc(arena, sizeof(*owner));
	owner->name = isb_arena_memdup(arena, name, len);
	owner->order = order_of(arena, name, &owner->order_len);
	owner->inside = isb_dname_under(name, reader->apex);
	source->owner = owner;
	return ISB_OK;
}

/* ISB_OK: it is a class and ours; ISB_EINVAL: another one; ISB_ENOTFOUND: no class at all. */
static int check_class(struct isb_zone_reader *reader, const struct isb_token *token)
{
	static const char *const others[] = {"CH", "CHAOS", "HS", "CS", NULL};
	if (isb_token_is(token, "IN") || isb_token_is(token, "CLASS1"))
		return ISB_OK;
	bool other = token->len > 5 && !token->quoted && strncasecmp(token->text, "CLASS", 5) == 0;
	for (size_t i = 0; others[i]; i++)
		other |= isb_token_is(token, others[i]);
	if (!other)
		return ISB_ENOTFOUND;
	char shown[ISB_TOKEN_SHOW];
	isb_diag(reader->diags, token->mark, "class '%s'; only IN is served", isb_token_show(token, shown));
	return ISB_EINVAL;
}

struct header {
	bool has_ttl;
	uint32_t ttl_s;
	uint16_t type;
	size_t used; /* tokens up to and with the type */
};

static int parse_type(struct isb_zone_reader *reader, const struct isb_token *token, uint16_t *ret_type)
{
	char text[ISB_TOKEN_SHOW];
	bool digit = token->len && token->text[0] >= '0' && token->text[0] <= '9';
	if (!token->quoted && isb_token_copy(token, text, sizeof(text)) && isb_type_parse(text, ret_type) == ISB_OK) {
		if (isb_type_is_data(*ret_type))
			return ISB_OK;
		isb_diag(reader->diags, token->mark, "type %s cannot be in a zone; it exists in messages only", text);
		return ISB_EINVAL;
	}
	isb_token_show(token, text);
	const char *near = isb_type_nearest(text);
	if (digit)
		isb_diag(reader->diags, token->mark,
		         "'%s' is neither a TTL (0..2147483647 seconds, or with units such as 1h30m) nor a type", text);
	else
		isb_diag(reader->diags, token->mark, "unknown type '%s'; %s%s", text,
		         near ? "did you mean " : "write TYPEnnn (RFC 3597)", near ? near : "");
	return ISB_EINVAL;
}

/* [TTL] [class] type or [class] [TTL] type (RFC 1035 §5.1), from token `i` on. */
static int parse_header(struct isb_zone_reader *reader, const struct isb_entry *entry, size_t i,
                        struct header *ret_header)
{
	struct header header = {0};
	bool has_class = false;
	for (; i < entry->count; i++) {
		const struct isb_token *token = &entry->tokens[i];
		if (!header.has_ttl && isb_token_ttl(token, &header.ttl_s)) {
			header.has_ttl = true;
			continue;
		}
		int rc = has_class ? ISB_ENOTFOUND : check_class(reader, token);
		if (rc == ISB_OK)
			has_class = true;
		else if (rc == ISB_EINVAL)
			return rc;
		else
			break;
	}
	if (i == entry->count) {
		isb_diag(reader->diags, entry->mark, "a record without a type; write OWNER [TTL] [IN] TYPE RDATA");
		return ISB_EINVAL;
	}
	int rc = parse_type(reader, &entry->tokens[i], &header.type);
	header.used = i + 1;
	if (rc == ISB_OK)
		*ret_header = header;
	return rc;
}

/* An explicit TTL, else $TTL (RFC 2308 §4), else the last one written (RFC 1035 §5.1), else, for the SOA that usually
 * comes first, its own minimum. */
static int choose_ttl(struct isb_zone_reader *reader, struct isb_zone_source *source, struct isb_mark at,
                      const struct header *header, struct isb_zone_record *record)
{
	if (header->has_ttl) {
		source->last_ttl_s = header->ttl_s;
		source->has_last_ttl = true;
	} else if (!source->has_default_ttl && !source->has_last_ttl && header->type == ISB_SOA) {
		uint32_t minimum = isb_get_u32(record->rdata + record->len - 4);
		source->last_ttl_s = minimum > INT32_MAX ? 0 : minimum;
		source->has_last_ttl = true;
	}
	if (!header->has_ttl && source->has_default_ttl) {
		record->ttl_s = source->default_ttl_s;
	} else if (source->has_last_ttl) {
		record->ttl_s = source->last_ttl_s;
	} else {
		isb_diag(reader->diags, at, "no TTL; put a line '$TTL 1h' at the top, or write one before the type");
		return ISB_EINVAL;
	}
	return ISB_OK;
}

static int outside(struct isb_zone_reader *reader, const struct isb_zone_owner *owner, struct isb_mark at)
{
	char name[ISB_DNAME_TEXT], apex[ISB_DNAME_TEXT];
	isb_diag(reader->diags, at, "'%s' is outside the zone '%s'; check $ORIGIN and final dots",
	         isb_dname_print(owner->name, name), isb_dname_print(reader->apex, apex));
	return ISB_EINVAL;
}

static int read_record(struct isb_zone_reader *reader, struct isb_zone_source *source, const struct isb_entry *entry)
{
	struct header header;
	int owner_rc = entry->indented ? ISB_OK : set_owner(reader, source, &entry->tokens[0]);
	int rc = parse_header(reader, entry, entry->indented ? 0 : 1, &header);
	if (rc != ISB_OK)
		return rc;
	struct isb_writer w = isb_writer(reader->rdata, ISB_RDATA_ROOM);
	const struct isb_token *type = &entry->tokens[header.used - 1];
	struct isb_rdata_text text = {header.type, type + 1, entry->count - header.used, source->origin, type->mark};
	rc = isb_rdata_parse(&text, reader->diags, &w);
	if (rc != ISB_OK)
		return rc;
	struct isb_zone_record record = {.owner = source->owner,
	                                 .rdata = reader->rdata,
	                                 .len = (uint16_t)w.pos,
	                                 .type = header.type,
	                                 .line = entry->mark.line,
	                                 .file = source->file};
	rc = choose_ttl(reader, source, entry->mark, &header, &record);
	if (rc != ISB_OK || owner_rc != ISB_OK || source->owner_unreadable)
		return ISB_EINVAL;
	if (!source->owner) {
		isb_diag(reader->diags, entry->mark,
		         "no owner: this line begins with a blank and no record stands before it");
		return ISB_EINVAL;
	}
	if (!source->owner->inside)
		return outside(reader, source->owner, entry->mark);
	isb_zone_records_add(&reader->records, &record);
	return ISB_OK;
}

int isb_zone_entry(struct isb_zone_reader *reader, struct isb_zone_source *source, const struct isb_entry *entry)
{
	const struct isb_token *first = &entry->tokens[0];
	/* A dollar sign begins a directive only where an owner would stand, and only in what a person wrote. */
	if (!entry->indented && !entry->generated && !first->quoted && first->text[0] == '$')
		return run_directive(reader, source, entry);
	return read_record(reader, source, entry);
}
