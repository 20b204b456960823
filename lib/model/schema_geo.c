/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "isobar/model/country.h"
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

/* The country's code in upper case at the start of `text`; NULL: none, or one that is no longer given out. */
static const char *read_country(const char *text)
{
	const struct isb_country *country = isb_country_find(text);
	return country && strncasecmp(country->code, text, 2) == 0 ? country->code : NULL;
}

static int say_unknown_country(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node)
{
	char shown[ISB_YAML_EXCERPT];
	bool two = strlen(node->text) >= 2 && !isalpha((unsigned char)node->text[2]);
	const struct isb_country *now = two ? isb_country_find(node->text) : NULL;
	isb_yaml_excerpt(node->text, shown);
	if (now)
		isb_diag(r->diags, node->mark, "%s: '%s' is not an ISO 3166-1 country code; write '%s'", f->name, shown, now->code);
	else
		isb_diag(r->diags, node->mark, "%s: '%s' does not begin with an ISO 3166-1 country code", f->name, shown);
	return ISB_EINVAL;
}

static int country_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	const char *code = read_country(node->text);
	if (!code)
		return say_unknown_country(r, f, node);
	if (node->text[2])
		return ISB_EFORMAT;
	*(const char **)value = code;
	return ISB_OK;
}

static int subdivision_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	if (!read_country(node->text))
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
	const char *code = read_country(node->text);
	if (!code)
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
