/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/model/country.h"
#include "geodb_fields.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "geodb_walk.h"

/* Where vendors keep a field, tried in this order: GeoIP2 and GeoLite2 (DB-IP is the same where it has the field), then
 * the flat layouts of IPinfo, new before old. IPinfo Lite has `country: "Germany"` beside `country_code: "DE"`, its
 * older files `country: "DE"`: so the long word is asked last and must look like a code. */
typedef const char *const path[4];
static const path country_paths[] = {{"country", "iso_code"}, {"country_code"}, {"country"}, {NULL}};
static const path continent_paths[] = {{"continent", "code"}, {"continent_code"}, {"continent"}, {NULL}};
static const path subdivision_paths[] = {{"subdivisions", "0", "iso_code"}, {"region_code"}, {NULL}};
static const path city_paths[] = {{"city", "names", "en"}, {"city"}, {NULL}};
static const path latitude_paths[] = {{"location", "latitude"}, {"latitude"}, {"lat"}, {NULL}};
static const path longitude_paths[] = {{"location", "longitude"}, {"longitude"}, {"lng"}, {NULL}};
static const path asn_paths[] = {
	{"autonomous_system_number"}, {"asn"}, {"traits", "autonomous_system_number"}, {NULL}};

struct record {
	MMDB_entry_s entry;
	int err; /* sticky */
};

static bool get(struct record *r, const path *paths, MMDB_entry_data_s *ret_data)
{
	for (; (*paths)[0] && r->err == MMDB_SUCCESS; paths++) {
		MMDB_entry_data_s data;
		int err = MMDB_aget_value(&r->entry, &data, *paths);
		if (err == MMDB_SUCCESS && data.has_data && data.type != MMDB_DATA_TYPE_MAP &&
		    data.type != MMDB_DATA_TYPE_ARRAY) {
			*ret_data = data;
			return true;
		}
		if (err != MMDB_SUCCESS && err != MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR &&
		    err != MMDB_INVALID_LOOKUP_PATH_ERROR)
			r->err = err;
	}
	return false;
}

/* A string that fits, NUL-terminated; false for anything else. */
static bool get_word(struct record *r, const path *paths, char *out, size_t size)
{
	MMDB_entry_data_s data;
	if (!get(r, paths, &data) || data.type != MMDB_DATA_TYPE_UTF8_STRING || data.data_size >= size)
		return false;
	memcpy(out, data.utf8_string, data.data_size);
	out[data.data_size] = '\0';
	return true;
}

static bool get_number(struct record *r, const path *paths, double *ret_value)
{
	MMDB_entry_data_s data;
	if (!get(r, paths, &data))
		return false;
	switch (data.type) {
	case MMDB_DATA_TYPE_DOUBLE: *ret_value = data.double_value; return true;
	case MMDB_DATA_TYPE_FLOAT: *ret_value = (double)data.float_value; return true;
	case MMDB_DATA_TYPE_INT32: *ret_value = data.int32; return true;
	case MMDB_DATA_TYPE_UINT16: *ret_value = data.uint16; return true;
	case MMDB_DATA_TYPE_UINT32: *ret_value = data.uint32; return true;
	case MMDB_DATA_TYPE_UTF8_STRING: break; /* IPinfo: "37.4056" */
	default: return false;
	}
	char text[32], *end;
	if (data.data_size == 0 || data.data_size >= sizeof(text))
		return false;
	memcpy(text, data.utf8_string, data.data_size);
	text[data.data_size] = '\0';
	double value = strtod(text, &end);
	if (*end)
		return false;
	*ret_value = value;
	return true;
}

static bool is_code(const char *word)
{
	return strlen(word) == 2 && isalpha((unsigned char)word[0]) && isalpha((unsigned char)word[1]);
}

static void take_country(struct record *r, struct isb_geo_facts *facts)
{
	char word[8];
	if (get_word(r, continent_paths, word, sizeof(word)) && is_code(word) && isb_continent_find(word))
		memcpy(facts->continent, word, 3);
	if (!get_word(r, country_paths, word, sizeof(word)) || !is_code(word))
		return;
	const struct isb_country *country = isb_country_find(word);
	if (country)
		memcpy(facts->country, country->code, 3);
	else if (!facts->continent[0] && strcmp(word, "EU") == 0) /* registries: somewhere in Europe */
		memcpy(facts->continent, "EU", 3);
	else if (!facts->continent[0] && strcmp(word, "AP") == 0) /* registries: somewhere around Asia */
		memcpy(facts->continent, "AS", 3);
}

/* "CA" of the country US, or "US-CA" as it is. */
static void take_subdivision(struct record *r, struct isb_geo_facts *facts)
{
	char word[8];
	if (!facts->country[0] || !get_word(r, subdivision_paths, word, sizeof(word)))
		return;
	const char *part = word;
	if (strncmp(word, facts->country, 2) == 0 && word[2] == '-')
		part += 3;
	size_t len = strlen(part);
	if (len < 1 || len > 3)
		return;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)part[i]))
			return;
	snprintf(facts->subdivision, sizeof(facts->subdivision), "%s-%.3s", facts->country, part);
}

/* Octets of the well-formed UTF-8 character at p (RFC 3629 §4), 0 for a broken one or a control character. */
static size_t character(const unsigned char *p, size_t left)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
	if (n == 0 || n > left || p[0] < 0x20 || p[0] == 0x7f)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
	    (p[0] == 0xf4 && p[1] > 0x8f) || (p[0] == 0xc2 && p[1] < 0xa0))
		return 0;
	return n;
}

/* The name ends up in terminals and JSON: a broken one is no name, a long one is cut between two characters. */
static void take_city(struct record *r, struct isb_geo_facts *facts)
{
	MMDB_entry_data_s data;
	if (!get(r, city_paths, &data) || data.type != MMDB_DATA_TYPE_UTF8_STRING)
		return;
	const unsigned char *p = (const unsigned char *)data.utf8_string;
	size_t len = 0, n;
	while (len < data.data_size && (n = character(p + len, data.data_size - len)) > 0) {
		if (len + n >= sizeof(facts->city))
			break;
		len += n;
	}
	if (len < data.data_size && len + 4 < sizeof(facts->city))
		return;
	memcpy(facts->city, p, len);
}

static void take_location(struct record *r, struct isb_geo_facts *facts)
{
	double lat, lon;
	if (!get_number(r, latitude_paths, &lat) || !get_number(r, longitude_paths, &lon))
		return;
	if (!(lat >= -90 && lat <= 90 && lon >= -180 && lon <= 180)) /* false for NaN */
		return;
	facts->located = true;
	facts->latitude = lat + 0.0; /* no negative zero: equal facts must have equal octets */
	facts->longitude = lon + 0.0;
}

/* 15169, "AS15169" or "15169". */
static void take_asn(struct record *r, struct isb_geo_facts *facts)
{
	MMDB_entry_data_s data;
	char word[16];
	if (!get(r, asn_paths, &data))
		return;
	if (data.type == MMDB_DATA_TYPE_UINT32)
		facts->asn = data.uint32;
	else if (data.type == MMDB_DATA_TYPE_UINT16)
		facts->asn = data.uint16;
	else if (data.type == MMDB_DATA_TYPE_UTF8_STRING && data.data_size < sizeof(word)) {
		memcpy(word, data.utf8_string, data.data_size);
		word[data.data_size] = '\0';
		const char *digits = strncmp(word, "AS", 2) == 0 ? word + 2 : word;
		char *end;
		unsigned long long asn = strtoull(digits, &end, 10);
		if (isdigit((unsigned char)digits[0]) && !*end && asn <= UINT32_MAX)
			facts->asn = (uint32_t)asn;
	}
}

int isb_geodb_decode(const MMDB_entry_s *entry, struct isb_geo_facts *ret_facts)
{
	struct record r = {.entry = *entry};
	struct isb_geo_facts facts;
	memset(&facts, 0, sizeof(facts));
	take_country(&r, &facts);
	take_subdivision(&r, &facts);
	take_city(&r, &facts);
	take_location(&r, &facts);
	take_asn(&r, &facts);
	if (r.err == MMDB_SUCCESS)
		memcpy(ret_facts, &facts, sizeof(facts));
	return r.err;
}
