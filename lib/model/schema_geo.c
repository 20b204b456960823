/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "isobar/base/err.h"
#include "schema_parts.h"

/* Field types that speak of places: where a region lies, and what a geo rule matches. */

/* --- Coordinates --- */

enum { DECIMALS = 9 }; /* a tenth of a millimetre; three more digits in front still print and read back exactly */

static bool parse_degrees(const struct isb_yaml *node, double limit, double *ret)
{
	if (node->kind != ISB_YAML_SCALAR)
		return false;
	const char *whole = node->text + (*node->text == '-');
	size_t n = strspn(whole, "0123456789"), decimals = 0;
	const char *end = whole + n;
	if (*end == '.') {
		decimals = strspn(end + 1, "0123456789");
		end += 1 + decimals;
	}
	if (n < 1 || n > 3 || *end || decimals > DECIMALS)
		return false;
	double degrees = strtod(node->text, NULL);
	if (fabs(degrees) > limit)
		return false;
	*ret = degrees + 0.0; /* no negative zero */
	return true;
}

static void location_read(struct isb_reading *r, const struct isb_field *f, void *object, const struct isb_yaml *node)
{
	struct isb_region *region = object;
	if (node->kind != ISB_YAML_LIST || node->count != 2 || !parse_degrees(node->items[0], 90, &region->latitude) ||
	    !parse_degrees(node->items[1], 180, &region->longitude))
		isb_say_expected(r, f, node);
}

static void coordinate_print(struct isb_buf *out, const void *arg, size_t i)
{
	const struct isb_region *region = arg;
	char text[32];
	int len = snprintf(text, sizeof(text), "%.*f", DECIMALS, i ? region->longitude : region->latitude);
	while (text[len - 1] == '0')
		len--;
	if (text[len - 1] == '.')
		len--;
	isb_buf_add(out, text, (size_t)len);
}

static void location_write(struct isb_printing *p, const struct isb_field *f, const void *object)
{
	isb_print_key(p, f->name);
	isb_print_list(p, 2, coordinate_print, object);
}

const struct isb_field_how isb_how_location = {.read = location_read, .write = location_write};

/* --- Networks --- */

static int net_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	char shown[ISB_YAML_EXCERPT], text[ISB_NET_TEXT], bare[ISB_ADDR_TEXT];
	int rc = isb_net_parse(node->text, value);
	if (rc != ISB_ERANGE)
		return rc;
	struct isb_addr addr;
	size_t len = strcspn(node->text, "/");
	snprintf(bare, sizeof(bare), "%.*s", (int)len, node->text);
	if (isb_addr_parse(bare, &addr) != ISB_OK)
		return ISB_EFORMAT;
	struct isb_net net = isb_net_around(&addr, (unsigned)strtoul(node->text + len + 1, NULL, 10));
	isb_diag(r->diags, node->mark, "%s: '%s' has host bits set; write '%s'", f->name,
	         isb_yaml_excerpt(node->text, shown), isb_net_print(&net, text));
	return ISB_EINVAL;
}

static void net_print(struct isb_buf *out, const struct isb_field *f, const void *value)
{
	(void)f;
	char text[ISB_NET_TEXT];
	isb_yaml_quote(out, isb_net_print(value, text));
}

const struct isb_field_how isb_how_net = {.parse = net_parse, .print = net_print};

/* "64500" or, as people write it, "AS64500". */
static int asn_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	struct isb_yaml number = *node;
	if (toupper((unsigned char)node->text[0]) == 'A' && toupper((unsigned char)node->text[1]) == 'S')
		number.text += 2;
	return isb_how_integer.parse(r, f, &number, value);
}

static void asn_print(struct isb_buf *out, const struct isb_field *f, const void *value)
{
	isb_how_integer.print(out, f, value);
}

const struct isb_field_how isb_how_asn = {.parse = asn_parse, .print = asn_print};

/* --- Names of places --- */

/* ISO 3166-1 alpha-2, and XK, which geo databases use for Kosovo. */
static const char countries[] =
	"AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA "
	"CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA "
	"GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP "
	"KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS "
	"MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS "
	"RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW "
	"TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW ";

/* The country's code in upper case at the start of `text`. */
static bool read_country(const char *text, char code[3])
{
	for (int i = 0; i < 2; i++) {
		if (!isalpha((unsigned char)text[i]))
			return false;
		code[i] = (char)toupper((unsigned char)text[i]);
	}
	code[2] = '\0';
	for (const char *c = countries; *c; c += 3)
		if (memcmp(c, code, 2) == 0)
			return true;
	return false;
}

static int say_unknown_country(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node)
{
	char shown[ISB_YAML_EXCERPT];
	bool uk = strncasecmp(node->text, "UK", 2) == 0 && !isalpha((unsigned char)node->text[2]);
	isb_diag(r->diags, node->mark, "%s: '%s' does not begin with an ISO 3166-1 country code%s", f->name,
	         isb_yaml_excerpt(node->text, shown), uk ? "; the United Kingdom is 'GB'" : "");
	return ISB_EINVAL;
}

static int country_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	char code[3];
	if (!read_country(node->text, code))
		return say_unknown_country(r, f, node);
	if (node->text[2])
		return ISB_EFORMAT;
	*(const char **)value = isb_arena_strdup(r->arena, code);
	return ISB_OK;
}

static int subdivision_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	char code[3];
	if (!read_country(node->text, code))
		return say_unknown_country(r, f, node);
	size_t len = strlen(node->text);
	if (node->text[2] != '-' || len < 4 || len > 6)
		return ISB_EFORMAT;
	char *text = isb_arena_strdup(r->arena, node->text);
	for (size_t i = 0; i < len; i++) {
		if (i != 2 && !isalnum((unsigned char)text[i]))
			return ISB_EFORMAT;
		text[i] = (char)toupper((unsigned char)text[i]);
	}
	*(const char **)value = text;
	return ISB_OK;
}

static int city_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	char code[3];
	if (!read_country(node->text, code))
		return say_unknown_country(r, f, node);
	if (node->text[2] != '/' || isb_how_line.parse(r, f, node, value) != ISB_OK)
		return ISB_EFORMAT;
	char *text = isb_arena_strdup(r->arena, node->text);
	memcpy(text, code, 2);
	*(const char **)value = text;
	return ISB_OK;
}

static void place_print(struct isb_buf *out, const struct isb_field *f, const void *value)
{
	isb_how_line.print(out, f, value);
}

const struct isb_field_how isb_how_country = {.parse = country_parse, .print = place_print};
const struct isb_field_how isb_how_subdivision = {.parse = subdivision_parse, .print = place_print};
const struct isb_field_how isb_how_city = {.parse = city_parse, .print = place_print};
