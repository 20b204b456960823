/* SPDX-License-Identifier: Apache-2.0 */
/* $GENERATE START-STOP[/STEP] OWNER [TTL] [IN] TYPE RDATA: one record per number. `$` stands for the number,
 * `${OFFSET[,WIDTH[,BASE]]}` for the number moved, padded with zeros and in base d, o, x or X; `\$` and `$$` are a
 * dollar sign. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"
#include "rrtext.h"
#include "zonefile_parts.h"

enum { WIDTH_MAX = 63 };

struct range {
	uint32_t start, stop, step;
};

static bool parse_range(const struct isb_token *token, struct range *ret_range)
{
	struct range range = {.step = 1};
	const char *end = token->text + token->len;
	const char *dash = memchr(token->text, '-', token->len);
	if (token->quoted || !dash)
		return false;
	const char *slash = memchr(dash, '/', (size_t)(end - dash));
	const char *stop_end = slash ? slash : end;
	struct isb_token start = {.text = token->text, .len = (size_t)(dash - token->text)};
	struct isb_token stop = {.text = dash + 1, .len = (size_t)(stop_end - dash - 1)};
	struct isb_token step = {.text = slash ? slash + 1 : "1", .len = slash ? (size_t)(end - slash - 1) : 1};
	if (!isb_token_number(&start, INT32_MAX, &range.start) || !isb_token_number(&stop, INT32_MAX, &range.stop) ||
	    !isb_token_number(&step, INT32_MAX, &range.step) || range.step == 0 || range.stop < range.start)
		return false;
	*ret_range = range;
	return true;
}

/* The part of a modifier up to ',' or '}' at *text. */
static struct isb_token take_part(const char **text, const char *end)
{
	struct isb_token part = {.text = *text};
	while (*text < end && **text != ',' && **text != '}')
		(*text)++;
	part.len = (size_t)(*text - part.text);
	return part;
}

/* What stands between '{' and '}'; moves *text behind the '}'. */
static bool print_modified(const char **text, const char *end, int64_t number, struct isb_buf *out)
{
	uint32_t offset, width = 0;
	char base = 'd';
	struct isb_token part = take_part(text, end);
	bool negative = part.len && part.text[0] == '-';
	part.text += negative;
	part.len -= negative;
	if (!isb_token_number(&part, INT32_MAX, &offset))
		return false;
	if (*text < end && **text == ',') {
		(*text)++;
		part = take_part(text, end);
		if (!isb_token_number(&part, WIDTH_MAX, &width))
			return false;
	}
	if (*text < end && **text == ',') {
		(*text)++;
		part = take_part(text, end);
		if (part.len != 1 || !memchr("doxX", part.text[0], 4))
			return false;
		base = part.text[0];
	}
	if (*text == end || **text != '}')
		return false;
	(*text)++;
	number += negative ? -(int64_t)offset : (int64_t)offset;
	if (number < 0)
		return false;
	if (base == 'd')
		isb_buf_printf(out, "%0*" PRId64, (int)width, number);
	else if (base == 'o')
		isb_buf_printf(out, "%0*" PRIo64, (int)width, (uint64_t)number);
	else if (base == 'x')
		isb_buf_printf(out, "%0*" PRIx64, (int)width, (uint64_t)number);
	else
		isb_buf_printf(out, "%0*" PRIX64, (int)width, (uint64_t)number);
	return true;
}

static bool expand(const struct isb_token *token, uint32_t number, struct isb_buf *out)
{
	const char *p = token->text, *end = p + token->len;
	while (p < end) {
		char c = *p++;
		if (c == '\\' && p < end) {
			isb_buf_putc(out, c);
			isb_buf_putc(out, *p++);
		} else if (c != '$') {
			isb_buf_putc(out, c);
		} else if (p < end && *p == '$') {
			isb_buf_puts(out, "\\$");
			p++;
		} else if (p < end && *p == '{') {
			p++;
			if (!print_modified(&p, end, number, out))
				return false;
		} else {
			isb_buf_printf(out, "%u", number);
		}
	}
	return true;
}

/* A single quoted token after the type stands for the whole rdata (`MX "0 host$"`), unless strings are what the type
 * wants. */
static bool is_whole_rdata(const struct isb_entry *entry)
{
	char text[ISB_TYPE_TEXT];
	uint16_t type;
	return entry->count >= 2 && entry->tokens[entry->count - 1].quoted &&
	       isb_token_copy(&entry->tokens[entry->count - 2], text, sizeof(text)) &&
	       isb_type_parse(text, &type) == ISB_OK && !isb_rdata_is_strings(type);
}

static int make_record(struct isb_zone_reader *reader, struct isb_zone_source *source, const struct isb_entry *entry,
                       uint32_t number, struct isb_buf *line, struct isb_entry *made)
{
	bool unwrap = is_whole_rdata(entry);
	isb_buf_reset(line);
	for (size_t i = 2; i < entry->count; i++) {
		const struct isb_token *token = &entry->tokens[i];
		const char *quote = token->quoted && !unwrap ? "\"" : "";
		isb_buf_puts(line, quote);
		if (!expand(token, number, line)) {
			isb_diag(reader->diags, token->mark,
			         "wrong modifier behind '$' or a number below 0; write ${OFFSET,WIDTH,BASE} with a "
			         "width of 0..63 "
			         "and a base of d, o, x or X");
			return ISB_EINVAL;
		}
		isb_buf_puts(line, quote);
		isb_buf_putc(line, ' ');
	}
	struct isb_lexer lexer = isb_lexer_fixed(isb_buf_text(line), line->len, entry->mark);
	return isb_lex(&lexer, made, reader->diags) > 0 ? isb_zone_entry(reader, source, made) : ISB_EINVAL;
}

int isb_zone_generate(struct isb_zone_reader *reader, struct isb_zone_source *source, const struct isb_entry *entry)
{
	struct range range;
	if (entry->count < 5) {
		isb_diag(reader->diags, entry->mark, "write $GENERATE START-STOP[/STEP] OWNER [TTL] [IN] TYPE RDATA");
		return ISB_EINVAL;
	}
	if (!parse_range(&entry->tokens[1], &range)) {
		isb_diag(reader->diags, entry->tokens[1].mark,
		         "write the range as START-STOP or START-STOP/STEP, with numbers of "
		         "0..2147483647, STOP not below START and STEP not 0");
		return ISB_EINVAL;
	}
	uint32_t count = (range.stop - range.start) / range.step + 1;
	if (count > ISB_GENERATED_MAX - reader->generated) {
		isb_diag(reader->diags, entry->mark,
		         "$GENERATE makes more than 1000000 records in this zone; use smaller ranges");
		return ISB_EINVAL;
	}
	reader->generated += count;
	struct isb_buf line = {0};
	struct isb_entry made = {0};
	int rc = ISB_OK;
	/* What is wrong with one is wrong with all: say it once. */
	for (uint32_t i = 0; rc == ISB_OK && i < count; i++)
		rc = make_record(reader, source, entry, range.start + i * range.step, &line, &made);
	isb_entry_done(&made);
	isb_buf_done(&line);
	return rc;
}
