/* SPDX-License-Identifier: Apache-2.0 */
/* The only door to ldns: rdata of the types that rrtext.c has no format for. ldns is lax in known ways (numbers wrap,
 * unknown types in a bitmap become TYPE0, prefix lengths are not looked at), so what it reads is checked again. */
#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/model/dname.h"
#include "isobar/model/rr.h"
#include "rrtext.h"

enum {
	WKS = 11,
	LOC = 29,
	APL = 42,
	IPSECKEY = 45,
	HIP = 55,
	LDNS_TEXT_MAX = 60000, /* ldns keeps rdata text in a buffer of 65535 octets */
	FIXED = 11             /* root owner, type, class, TTL and length before the rdata */
};

static bool digits_only(const struct isb_token *token)
{
	for (size_t i = 0; i < token->len; i++)
		if (token->text[i] < '0' || token->text[i] > '9')
			return false;
	return token->len && !token->quoted;
}

static bool is_number(const ldns_rdf *rdf)
{
	switch (ldns_rdf_get_type(rdf)) {
	case LDNS_RDF_TYPE_INT8:
	case LDNS_RDF_TYPE_INT16:
	case LDNS_RDF_TYPE_INT32:
	case LDNS_RDF_TYPE_ALG:
	case LDNS_RDF_TYPE_CERT_ALG: return true;
	default: return false;
	}
}

static bool number_kept(const struct isb_token *token, const ldns_rdf *rdf)
{
	uint32_t written, read = 0;
	for (size_t i = 0; i < ldns_rdf_size(rdf); i++)
		read = read << 8 | ldns_rdf_data(rdf)[i];
	return !digits_only(token) || (isb_token_number(token, UINT32_MAX, &written) && written == read);
}

static bool type_known(const struct isb_token *token)
{
	char text[ISB_TYPE_TEXT];
	uint16_t type;
	return !token->quoted && isb_token_copy(token, text, sizeof(text)) && isb_type_parse(text, &type) == ISB_OK;
}

/* Relative names inside these are completed with the root, whatever the origin. */
static bool is_absolute(const struct isb_token *token)
{
	return token->len && token->text[token->len - 1] == '.';
}

static bool ipseckey_kept(const struct isb_rdata_text *text)
{
	uint32_t number;
	for (size_t i = 0; i < 3; i++)
		if (i >= text->count || !isb_token_number(&text->tokens[i], UINT8_MAX, &number))
			return false;
	return !isb_token_is(&text->tokens[1], "3") || (text->count > 3 && is_absolute(&text->tokens[3]));
}

/* RFC 1876 §3, written in full: where minutes or seconds of one coordinate are left out, ldns takes those of the other.
 */
static bool loc_kept(const struct isb_rdata_text *text)
{
	static const struct {
		const char *marks;
		uint32_t degrees;
	} sides[] = {{"NSns", 90}, {"EWew", 180}};
	if (text->count < 9)
		return false;
	for (size_t side = 0; side < 2; side++) {
		const struct isb_token *token = text->tokens + 4 * side;
		uint32_t degrees, minutes, seconds;
		struct isb_token whole = token[2];
		const char *dot = memchr(whole.text, '.', whole.len);
		whole.len = dot ? (size_t)(dot - whole.text) : whole.len;
		if (!isb_token_number(&token[0], sides[side].degrees, &degrees) ||
		    !isb_token_number(&token[1], 59, &minutes) || !isb_token_number(&whole, 59, &seconds) ||
		    token[3].len != 1 || !strchr(sides[side].marks, token[3].text[0]) ||
		    (degrees == sides[side].degrees && (minutes || seconds)))
			return false;
	}
	for (size_t i = 8; i < text->count; i++)
		for (size_t k = 0; k < text->tokens[i].len; k++)
			if (!strchr("0123456789.-m", text->tokens[i].text[k]))
				return false;
	return true;
}

/* RFC 3123 §4. */
static bool apl_kept(const uint8_t *rdata, size_t len)
{
	struct isb_reader r = isb_reader(rdata, len);
	while (r.pos < r.len && !r.bad) {
		uint16_t family = isb_read_u16(&r);
		uint8_t prefix = isb_read_u8(&r);
		isb_read(&r, isb_read_u8(&r) & 0x7f);
		if ((family == 1 && prefix > 32) || (family == 2 && prefix > 128))
			return false;
	}
	return !r.bad;
}

/* Whether ldns took the tokens for what they say. */
static bool kept(const struct isb_rdata_text *text, const ldns_rr *rr, const uint8_t *rdata, size_t len)
{
	for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
		const ldns_rdf *rdf = ldns_rr_rdf(rr, i);
		if (i < text->count && is_number(rdf) && !number_kept(&text->tokens[i], rdf))
			return false;
		if (ldns_rdf_get_type(rdf) == LDNS_RDF_TYPE_BITMAP || ldns_rdf_get_type(rdf) == LDNS_RDF_TYPE_NSEC)
			for (size_t k = i; k < text->count; k++)
				if (!type_known(&text->tokens[k]))
					return false;
	}
	switch (text->type) {
	case LOC: return loc_kept(text);
	case APL: return apl_kept(rdata, len);
	case IPSECKEY: return ipseckey_kept(text);
	case HIP:
		for (size_t i = 3; i < text->count; i++)
			if (!is_absolute(&text->tokens[i]))
				return false;
		return true;
	default: return true;
	}
}

static bool convert(const struct isb_rdata_text *text, const char *line, struct isb_writer *out)
{
	ldns_rdf *origin = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, isb_dname_len(text->origin), text->origin);
	ldns_rr *rr = NULL;
	uint8_t *wire = NULL;
	size_t len = 0;
	bool good = origin && ldns_rr_new_frm_str(&rr, line, 0, origin, NULL) == LDNS_STATUS_OK &&
	            ldns_rr2wire(&wire, rr, LDNS_SECTION_ANSWER, &len) == LDNS_STATUS_OK && len >= FIXED &&
	            kept(text, rr, wire + FIXED, len - FIXED);
	if (good)
		isb_write(out, wire + FIXED, len - FIXED);
	free(wire);
	ldns_rr_free(rr);
	ldns_rdf_deep_free(origin);
	return good;
}

static const char *hint(uint16_t type)
{
	switch (type) {
	case WKS: return "the type is obsolete";
	case LOC: return "write it in full: D M S N D M S E ALTITUDEm [SIZEm HORIZONTALm VERTICALm]";
	case IPSECKEY:
	case HIP: return "write names in it with a final dot";
	default: return "check the ranges of its numbers";
	}
}

int isb_ldns_parse(const struct isb_rdata_text *text, struct isb_diags *diags, struct isb_writer *out)
{
	static const uint8_t root[1] = {0};
	struct isb_rdata_text copy = *text;
	struct isb_buf line = {0};
	char type[ISB_TYPE_TEXT];
	if (!copy.origin)
		copy.origin = root;
	isb_buf_printf(&line, ". 0 IN %s", isb_type_print(text->type, type));
	for (size_t i = 0; i < text->count; i++) {
		const char *quote = text->tokens[i].quoted ? "\"" : "";
		isb_buf_printf(&line, " %s%.*s%s", quote, (int)text->tokens[i].len, text->tokens[i].text, quote);
	}
	/* WKS makes ldns ask the system's services, which is neither the same everywhere nor thread-safe. */
	bool good = text->type != WKS && text->count && line.len <= LDNS_TEXT_MAX && convert(&copy, line.data, out);
	isb_buf_done(&line);
	if (good)
		return ISB_OK;
	isb_diag(diags, text->count ? text->tokens[0].mark : text->at,
	         "cannot read this as rdata of %s; %s, or use \\# LENGTH HEX (RFC 3597)", type, hint(text->type));
	return ISB_EINVAL;
}

static char *to_text(uint16_t type, const uint8_t *rdata, size_t len)
{
	uint8_t *wire = isb_xmalloc(FIXED + len);
	struct isb_writer w = isb_writer(wire, FIXED + len);
	isb_write_u8(&w, 0);
	isb_write_u16(&w, type);
	isb_write_u16(&w, ISB_CLASS_IN);
	isb_write_u32(&w, 0);
	isb_write_u16(&w, (uint16_t)len);
	isb_write(&w, rdata, len);
	ldns_rr *rr = NULL;
	size_t pos = 0;
	char *line = NULL;
	if (ldns_wire2rr(&rr, wire, w.pos, &pos, LDNS_SECTION_ANSWER) == LDNS_STATUS_OK)
		line = ldns_rr2str_fmt(ldns_output_format_nocomments, rr);
	ldns_rr_free(rr);
	free(wire);
	return line;
}

/* Whether reading `text` gives these octets again. */
static bool reads_back(uint16_t type, const char *text, const uint8_t *rdata, size_t len)
{
	struct isb_diags diags = {0};
	struct isb_entry entry = {0};
	struct isb_lexer lexer = isb_lexer_fixed(text, strlen(text), (struct isb_mark){0});
	uint8_t *again = isb_xmalloc(UINT16_MAX);
	struct isb_writer w = isb_writer(again, UINT16_MAX);
	bool same = false;
	if (isb_lex(&lexer, &entry, &diags) == 1) {
		struct isb_rdata_text tokens = {.type = type, .tokens = entry.tokens, .count = entry.count};
		same = isb_ldns_parse(&tokens, &diags, &w) == ISB_OK && !w.bad && w.pos == len &&
		       memcmp(again, rdata, len) == 0;
	}
	free(again);
	isb_entry_done(&entry);
	isb_diags_done(&diags);
	return same;
}

bool isb_ldns_print(struct isb_buf *out, uint16_t type, const uint8_t *rdata, size_t len)
{
	char *line = type == WKS ? NULL : to_text(type, rdata, len);
	const char *text = line;
	for (int tabs = 0; text && tabs < 4; tabs++) { /* owner, TTL, class, type */
		text = strchr(text, '\t');
		text += text != NULL;
	}
	bool good = text && *text;
	if (good) {
		size_t n = strlen(text);
		while (n && strchr(" \n", text[n - 1]))
			n--;
		line[(size_t)(text - line) + n] = '\0';
		good = n && reads_back(type, text, rdata, len);
	}
	if (good)
		isb_buf_puts(out, text);
	free(line);
	return good;
}
