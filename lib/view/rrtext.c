/* SPDX-License-Identifier: Apache-2.0 */
#include "rrtext.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/basenc.h"
#include "isobar/base/err.h"
#include "isobar/model/dname.h"
#include "isobar/model/rr.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

/* One letter per field; those after the gap take all tokens that are left, at least one unless it is 'p'. */
static const struct kind {
	char code;
	const char *what;
} kinds[] = {
	{'4', "an IPv4 address"},
	{'6', "an IPv6 address"},
	{'n', "a domain name"},
	{'1', "a number from 0 to 255"},
	{'s', "a number from 0 to 65535"},
	{'u', "a number from 0 to 4294967295"},
	{'t', "a time in seconds or with units, such as 1h30m"},
	{'a', "a DNSSEC algorithm (number or mnemonic)"},
	{'q', "a string of at most 255 octets"},
	{'c', "a property tag (letters and digits)"},
	{'r', "a string in quotes"},

	{'*', "strings of at most 255 octets each"},
	{'h', "an even number of hexadecimal digits"},
	{'b', "base64 text"},
	{'p', "service parameters"},
};

static const struct format {
	uint16_t type;
	const char *fields;
} formats[] = {
	{ISB_A, "4"}, {ISB_AAAA, "6"}, {ISB_NS, "n"}, {ISB_CNAME, "n"}, {ISB_PTR, "n"}, {ISB_MX, "sn"}, {ISB_TXT, "*"},
	{ISB_SRV, "sssn"}, {ISB_SOA, "nnutttt"}, {ISB_HTTPS, "snp"}, {ISB_SVCB, "snp"}, {257 /* CAA */, "1cr"},
	{ISB_DS, "sa1h"}, {48 /* DNSKEY */, "s1ab"}, {52 /* TLSA */, "111h"}, {35 /* NAPTR */, "ssqqqn"},
	{44 /* SSHFP */, "11h"}, {ISB_DNAME, "n"}, {3 /* MD */, "n"}, {4 /* MF */, "n"}, {7 /* MB */, "n"},
	{8 /* MG */, "n"}, {9 /* MR */, "n"}, {13 /* HINFO */, "qq"}, {14 /* MINFO */, "nn"}, {17 /* RP */, "nn"},
	{18 /* AFSDB */, "sn"}, {19 /* X25 */, "q"}, {21 /* RT */, "sn"}, {23 /* NSAP-PTR */, "n"},
	{25 /* KEY */, "s1ab"}, {26 /* PX */, "snn"}, {27 /* GPOS */, "qqq"}, {36 /* KX */, "sn"},
	{49 /* DHCID */, "b"}, {53 /* SMIMEA */, "111h"},
	{56 /* NINFO */, "*"}, {58 /* TALINK */, "nn"}, {59 /* CDS */, "sa1h"}, {60 /* CDNSKEY */, "s1ab"},
	{61 /* OPENPGPKEY */, "b"}, {63 /* ZONEMD */, "u11h"}, {99 /* SPF */, "*"}, {107 /* LP */, "sn"},
	{256 /* URI */, "ssr"}, {258 /* AVC */, "*"}, {261 /* RESINFO */, "*"}, {262 /* WALLET */, "*"},
	{32768 /* TA */, "sa1h"}, {32769 /* DLV */, "sa1h"},
};

/* Mnemonics of IANA's "DNS Security Algorithm Numbers". */
static const struct algorithm {
	const char *name;
	uint8_t number;
} algorithms[] = {
	{"DELETE", 0}, {"RSAMD5", 1}, {"DH", 2}, {"DSA", 3}, {"RSASHA1", 5}, {"DSA-NSEC3-SHA1", 6},
	{"RSASHA1-NSEC3-SHA1", 7}, {"RSASHA256", 8}, {"RSASHA512", 10}, {"ECC-GOST", 12}, {"ECDSAP256SHA256", 13},
	{"ECDSAP384SHA384", 14}, {"ED25519", 15}, {"ED448", 16}, {"INDIRECT", 252}, {"PRIVATEDNS", 253},
	{"PRIVATEOID", 254},
};

static const char *fields_of(uint16_t type)
{
	for (size_t i = 0; i < LEN(formats); i++)
		if (formats[i].type == type)
			return formats[i].fields;
	return NULL;
}

static const char *what(char code)
{
	for (size_t i = 0; i < LEN(kinds); i++)
		if (kinds[i].code == code)
			return kinds[i].what;
	return "anything";
}

static bool takes_rest(char code)
{
	return strchr("*hbp", code) != NULL;
}

bool isb_rdata_is_strings(uint16_t type)
{
	const char *fields = fields_of(type);
	return fields && strspn(fields, "q*") == strlen(fields);
}

/* --- Text to wire ------------------------------------------------------------------------------------------------ */

static bool parse_address(const struct isb_token *token, int family, struct isb_writer *out)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t octets[16];
	if (token->quoted || !isb_token_copy(token, text, sizeof(text)) || inet_pton(family, text, octets) != 1)
		return false;
	isb_write(out, octets, family == AF_INET ? 4 : 16);
	return true;
}

static bool parse_name(const struct isb_token *token, const uint8_t *origin, struct isb_writer *out)
{
	char text[ISB_DNAME_TEXT];
	uint8_t name[ISB_DNAME_MAX];
	if (token->quoted || !isb_token_copy(token, text, sizeof(text)))
		return false;
	int len = isb_dname_parse(text, origin, name);
	if (len < 0)
		return false;
	isb_write(out, name, (size_t)len);
	return true;
}

static bool parse_algorithm(const struct isb_token *token, uint32_t *ret_value)
{
	for (size_t i = 0; i < LEN(algorithms); i++) {
		if (isb_token_is(token, algorithms[i].name)) {
			*ret_value = algorithms[i].number;
			return true;
		}
	}
	return isb_token_number(token, UINT8_MAX, ret_value);
}

static bool parse_string(const struct isb_token *token, struct isb_writer *out)
{
	uint8_t octets[UINT8_MAX];
	int len = isb_token_octets(token, octets, sizeof(octets));
	if (len < 0)
		return false;
	isb_write_u8(out, (uint8_t)len);
	isb_write(out, octets, (size_t)len);
	return true;
}

/* RFC 8659 §4.1: ASCII letters and digits. */
static bool parse_tag(const struct isb_token *token, struct isb_writer *out)
{
	if (token->quoted || token->len == 0 || token->len > UINT8_MAX)
		return false;
	for (size_t i = 0; i < token->len; i++) {
		char c = token->text[i];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
			return false;
	}
	isb_write_u8(out, (uint8_t)token->len);
	isb_write(out, token->text, token->len);
	return true;
}

/* A string of any length without its own length (the value of CAA, the target of URI). */
static bool parse_long_string(const struct isb_token *token, struct isb_writer *out)
{
	if (token->len > 4 * UINT16_MAX)
		return false;
	uint8_t *octets = isb_xmalloc(token->len);
	int len = isb_token_octets(token, octets, token->len);
	if (len >= 0)
		isb_write(out, octets, (size_t)len);
	free(octets);
	return len >= 0;
}

static bool parse_field(char code, const struct isb_token *token, const uint8_t *origin, struct isb_writer *out)
{
	uint32_t value = 0;
	switch (code) {
	case '4': return parse_address(token, AF_INET, out);
	case '6': return parse_address(token, AF_INET6, out);
	case 'n': return parse_name(token, origin, out);
	case 'q': return parse_string(token, out);
	case 'c': return parse_tag(token, out);
	case 'r': return parse_long_string(token, out);
	case '1':
	case 'a':
		if (!(code == '1' ? isb_token_number(token, UINT8_MAX, &value) : parse_algorithm(token, &value)))
			return false;
		isb_write_u8(out, (uint8_t)value);
		return true;
	case 's':
		if (!isb_token_number(token, UINT16_MAX, &value))
			return false;
		isb_write_u16(out, (uint16_t)value);
		return true;
	default: /* 'u' and 't' */
		if (!isb_token_number(token, UINT32_MAX, &value) && !(code == 't' && isb_token_ttl(token, &value)))
			return false;
		isb_write_u32(out, value);
		return true;
	}
}

/* Encodings may be broken into words anywhere (RFC 4034 §2.2). */
static bool parse_encoded(bool (*decode)(const char *, size_t, struct isb_writer *), const struct isb_token *tokens,
                          size_t count, struct isb_writer *out)
{
	struct isb_buf all = {0};
	bool quoted = false;
	for (size_t i = 0; i < count; i++) {
		isb_buf_add(&all, tokens[i].text, tokens[i].len);
		quoted |= tokens[i].quoted;
	}
	bool good = !quoted && all.len && decode(all.data, all.len, out);
	isb_buf_done(&all);
	return good;
}

static bool parse_rest(char code, const struct isb_token *tokens, size_t count, struct isb_writer *out)
{
	if (code == 'h')
		return parse_encoded(isb_hex_decode, tokens, count, out);
	if (code == 'b')
		return parse_encoded(isb_base64_decode, tokens, count, out);
	for (size_t i = 0; i < count; i++)
		if (!parse_string(&tokens[i], out))
			return false;
	return true;
}

static int complain(const struct isb_rdata_text *text, size_t i, char code, struct isb_diags *diags)
{
	char type[ISB_TYPE_TEXT], shown[ISB_TOKEN_SHOW];
	isb_type_print(text->type, type);
	if (i >= text->count)
		isb_diag(diags, text->at, "the rdata of %s ends too early; write %s as field %zu", type, what(code),
		         i + 1);
	else if (code == '\0')
		isb_diag(diags, text->tokens[i].mark, "unexpected '%s' after the rdata of %s",
		         isb_token_show(&text->tokens[i], shown), type);
	else
		isb_diag(diags, text->tokens[i].mark, "'%s' in the rdata of %s is not %s%s",
		         isb_token_show(&text->tokens[i], shown), type, what(code),
		         code == 'n' ? " (labels of 1..63 octets, 255 in all, no quotes)" : "");
	return ISB_EINVAL;
}

static int parse_fields(const struct isb_rdata_text *text, const char *fields, struct isb_diags *diags,
                        struct isb_writer *out)
{
	size_t i = 0;
	for (; *fields; fields++, i++) {
		const struct isb_token *token = &text->tokens[i];
		if (*fields == 'p')
			return isb_svcparams_parse(token, text->count - i, diags, out);
		if (i >= text->count)
			return complain(text, i, *fields, diags);
		if (takes_rest(*fields))
			return parse_rest(*fields, token, text->count - i, out) ? ISB_OK
			                                                        : complain(text, i, *fields, diags);
		if (!parse_field(*fields, token, text->origin, out))
			return complain(text, i, *fields, diags);
	}
	return i < text->count ? complain(text, i, '\0', diags) : ISB_OK;
}

static bool print_fields(struct isb_buf *out, const char *fields, const uint8_t *rdata, size_t len);

/* RFC 3597 §5: \# LENGTH HEX..., for any type; octets of a known type must still make sense for it. */
static int parse_generic(const struct isb_rdata_text *text, struct isb_diags *diags, struct isb_writer *out)
{
	uint32_t len;
	size_t start = out->pos;
	if (text->count < 2 || !isb_token_number(&text->tokens[1], UINT16_MAX, &len)) {
		isb_diag(diags, text->at, "\\# wants the number of octets, then their hexadecimal digits");
		return ISB_EINVAL;
	}
	bool good = text->count == 2 || parse_encoded(isb_hex_decode, text->tokens + 2, text->count - 2, out);
	if (!good || out->bad || out->pos - start != len) {
		isb_diag(diags, text->tokens[1].mark, "\\# %u is not followed by that many octets in hexadecimal", len);
		return ISB_EINVAL;
	}
	const char *fields = fields_of(text->type);
	struct isb_buf sink = {0};
	good = isb_rdata_check(text->type, out->base + start, len) &&
	       (!fields || print_fields(&sink, fields, out->base + start, len));
	isb_buf_done(&sink);
	if (!good) {
		char type[ISB_TYPE_TEXT];
		isb_diag(diags, text->tokens[1].mark, "these octets are not well-formed rdata of %s",
		         isb_type_print(text->type, type));
		return ISB_EINVAL;
	}
	return ISB_OK;
}

int isb_rdata_parse(const struct isb_rdata_text *text, struct isb_diags *diags, struct isb_writer *out)
{
	const char *fields = fields_of(text->type);
	size_t start = out->pos;
	int rc;
	if (text->count && isb_token_is(&text->tokens[0], "\\#"))
		rc = parse_generic(text, diags, out);
	else if (fields)
		rc = parse_fields(text, fields, diags, out);
	else
		rc = isb_ldns_parse(text, diags, out);
	if (rc == ISB_OK && (out->bad || out->pos - start > UINT16_MAX)) {
		isb_diag(diags, text->at, "the rdata is longer than 65535 octets; no message can hold it");
		rc = ISB_EINVAL;
	}
	return rc;
}

/* --- Wire to text ------------------------------------------------------------------------------------------------ */

void isb_print_string(struct isb_buf *out, const uint8_t *data, size_t len)
{
	isb_buf_putc(out, '"');
	for (size_t i = 0; i < len; i++) {
		if (data[i] < ' ' || data[i] >= 0x7f)
			isb_buf_printf(out, "\\%03u", data[i]);
		else if (data[i] == '"' || data[i] == '\\')
			isb_buf_printf(out, "\\%c", data[i]);
		else
			isb_buf_putc(out, (char)data[i]);
	}
	isb_buf_putc(out, '"');
}

static void print_address(struct isb_buf *out, int family, struct isb_reader *r)
{
	char text[INET6_ADDRSTRLEN];
	const uint8_t *octets = isb_read(r, family == AF_INET ? 4 : 16);
	if (octets && inet_ntop(family, octets, text, sizeof(text)))
		isb_buf_puts(out, text);
}

static void print_name(struct isb_buf *out, struct isb_reader *r)
{
	char text[ISB_DNAME_TEXT];
	int len = isb_dname_check(r->base + r->pos, r->len - r->pos);
	const uint8_t *name = isb_read(r, len < 0 ? SIZE_MAX : (size_t)len);
	if (name)
		isb_buf_puts(out, isb_dname_print(name, text));
}

static void print_counted(struct isb_buf *out, char code, struct isb_reader *r)
{
	uint8_t len = isb_read_u8(r);
	const uint8_t *octets = isb_read(r, len);
	if (!octets)
		return;
	if (code == 'c') {
		struct isb_token token = {.text = (const char *)octets, .len = len};
		uint8_t scratch[1 + UINT8_MAX];
		struct isb_writer w = isb_writer(scratch, sizeof(scratch));
		r->bad = !parse_tag(&token, &w);
		isb_buf_add(out, octets, len);
	} else {
		isb_print_string(out, octets, len);
	}
}

static void print_field(struct isb_buf *out, char code, struct isb_reader *r)
{
	size_t left = r->len - r->pos;
	const uint8_t *rest = r->base + r->pos;
	switch (code) {
	case '4': print_address(out, AF_INET, r); break;
	case '6': print_address(out, AF_INET6, r); break;
	case 'n': print_name(out, r); break;
	case '1':
	case 'a': isb_buf_printf(out, "%u", isb_read_u8(r)); break;
	case 's': isb_buf_printf(out, "%u", isb_read_u16(r)); break;
	case 'u':
	case 't': isb_buf_printf(out, "%u", isb_read_u32(r)); break;
	case 'q':
	case 'c': print_counted(out, code, r); break;
	case 'r':
		isb_print_string(out, rest, left);
		isb_read(r, left);
		break;
	case '*':
		do {
			print_counted(out, code, r);
			if (!r->bad && r->pos < r->len)
				isb_buf_putc(out, ' ');
		} while (!r->bad && r->pos < r->len);
		break;
	case 'p':
		r->bad |= !isb_svcparams_print(out, rest, left);
		isb_read(r, left);
		break;
	default:
		(code == 'h' ? isb_hex_encode : isb_base64_encode)(out, rest, left);
		r->bad |= left == 0;
		isb_read(r, left);
	}
}

/* Appends nothing and returns false when the octets do not have this format. */
static bool print_fields(struct isb_buf *out, const char *fields, const uint8_t *rdata, size_t len)
{
	struct isb_reader r = isb_reader(rdata, len);
	size_t start = out->len;
	isb_buf_puts(out, ""); /* there is memory to end with a NUL */
	for (const char *code = fields; *code && !r.bad; code++) {
		bool empty = *code == 'p' && r.pos == r.len;
		if (code != fields && !empty)
			isb_buf_putc(out, ' ');
		print_field(out, *code, &r);
	}
	if (!r.bad && r.pos == r.len)
		return true;
	out->len = start;
	out->data[start] = '\0';
	return false;
}

void isb_rdata_print(struct isb_buf *out, uint16_t type, const uint8_t *rdata, size_t len)
{
	const char *fields = fields_of(type);
	if (fields ? print_fields(out, fields, rdata, len) : isb_ldns_print(out, type, rdata, len))
		return;
	isb_buf_printf(out, "\\# %zu%s", len, len ? " " : "");
	isb_hex_encode(out, rdata, len);
}
