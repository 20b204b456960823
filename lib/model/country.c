/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/model/country.h"

#include <stdlib.h>
#include <string.h>

/* ISO 3166-1 in order of the codes, and XK, which every geo database uses for Kosovo. The place is about where an
 * average inhabitant lives, not the middle of the land: Canada's is near Toronto, Russia's on the Volga. Continents
 * are drawn as GeoNames draws them (Russia and Cyprus in EU; Turkey and the Caucasus in AS), so that a database with
 * continents of its own agrees. */
static const struct isb_country countries[] = {
	{"AD", "EU", 42.5f, 1.5f},     {"AE", "AS", 24.9f, 55.1f},    {"AF", "AS", 34.4f, 67.9f},
	{"AG", "NA", 17.1f, -61.8f},   {"AI", "NA", 18.2f, -63.1f},   {"AL", "EU", 41.2f, 19.9f},
	{"AM", "AS", 40.2f, 44.5f},    {"AO", "AF", -10.7f, 14.8f},   {"AQ", "AN", -77.8f, 166.7f},
	{"AR", "SA", -33.6f, -60.8f},  {"AS", "OC", -14.3f, -170.7f}, {"AT", "EU", 47.9f, 15.1f},
	{"AU", "OC", -33.6f, 146.2f},  {"AW", "NA", 12.5f, -70.0f},   {"AX", "EU", 60.1f, 20.0f},
	{"AZ", "AS", 40.4f, 48.6f},    {"BA", "EU", 44.2f, 17.9f},    {"BB", "NA", 13.1f, -59.6f},
	{"BD", "AS", 23.9f, 90.3f},    {"BE", "EU", 50.9f, 4.4f},     {"BF", "AF", 12.4f, -1.5f},
	{"BG", "EU", 42.7f, 25.0f},    {"BH", "AS", 26.2f, 50.6f},    {"BI", "AF", -3.3f, 29.7f},
	{"BJ", "AF", 7.6f, 2.4f},      {"BL", "NA", 17.9f, -62.8f},   {"BM", "NA", 32.3f, -64.8f},
	{"BN", "AS", 4.8f, 114.8f},    {"BO", "SA", -17.2f, -65.9f},  {"BQ", "NA", 12.2f, -68.3f},
	{"BR", "SA", -17.5f, -45.8f},  {"BS", "NA", 25.1f, -77.4f},   {"BT", "AS", 27.3f, 90.1f},
	{"BV", "AN", -54.4f, 3.4f},    {"BW", "AF", -23.6f, 25.8f},   {"BY", "EU", 53.7f, 27.7f},
	{"BZ", "NA", 17.4f, -88.5f},   {"CA", "NA", 46.0f, -83.5f},   {"CC", "AS", -12.2f, 96.8f},
	{"CD", "AF", -3.6f, 22.9f},    {"CF", "AF", 5.4f, 18.5f},     {"CG", "AF", -3.7f, 14.7f},
	{"CH", "EU", 47.1f, 8.0f},     {"CI", "AF", 6.4f, -5.0f},     {"CK", "OC", -21.2f, -159.8f},
	{"CL", "SA", -34.2f, -71.2f},  {"CM", "AF", 5.4f, 11.3f},     {"CN", "AS", 32.7f, 113.3f},
	{"CO", "SA", 5.6f, -74.6f},    {"CR", "NA", 9.9f, -84.1f},    {"CU", "NA", 22.1f, -80.0f},
	{"CV", "AF", 15.2f, -23.7f},   {"CW", "NA", 12.1f, -68.9f},   {"CX", "OC", -10.4f, 105.7f},
	{"CY", "EU", 35.0f, 33.2f},    {"CZ", "EU", 49.8f, 15.7f},    {"DE", "EU", 50.9f, 9.5f},
	{"DJ", "AF", 11.6f, 43.0f},    {"DK", "EU", 55.8f, 10.9f},    {"DM", "NA", 15.4f, -61.4f},
	{"DO", "NA", 18.8f, -70.2f},   {"DZ", "AF", 35.7f, 3.4f},     {"EC", "SA", -1.5f, -79.3f},
	{"EE", "EU", 59.0f, 25.4f},    {"EG", "AF", 29.6f, 31.3f},    {"EH", "AF", 26.8f, -13.2f},
	{"ER", "AF", 15.2f, 38.6f},    {"ES", "EU", 39.8f, -3.0f},    {"ET", "AF", 8.9f, 38.9f},
	{"FI", "EU", 61.5f, 24.9f},    {"FJ", "OC", -17.9f, 178.0f},  {"FK", "SA", -51.7f, -57.9f},
	{"FM", "OC", 7.0f, 155.0f},    {"FO", "EU", 62.0f, -6.8f},    {"FR", "EU", 47.2f, 2.6f},
	{"GA", "AF", 0.0f, 10.4f},     {"GB", "EU", 52.6f, -1.5f},    {"GD", "NA", 12.1f, -61.7f},
	{"GE", "AS", 41.9f, 43.9f},    {"GF", "SA", 4.9f, -52.6f},    {"GG", "EU", 49.5f, -2.6f},
	{"GH", "AF", 6.8f, -1.0f},     {"GI", "EU", 36.1f, -5.4f},    {"GL", "NA", 65.5f, -51.2f},
	{"GM", "AF", 13.4f, -16.4f},   {"GN", "AF", 10.0f, -11.8f},   {"GP", "NA", 16.2f, -61.5f},
	{"GQ", "AF", 2.4f, 10.0f},     {"GR", "EU", 38.9f, 23.2f},    {"GS", "AN", -54.3f, -36.5f},
	{"GT", "NA", 14.8f, -90.8f},   {"GU", "OC", 13.5f, 144.8f},   {"GW", "AF", 12.0f, -15.3f},
	{"GY", "SA", 6.6f, -58.1f},    {"HK", "AS", 22.3f, 114.2f},   {"HM", "AN", -53.1f, 73.5f},
	{"HN", "NA", 14.7f, -87.2f},   {"HR", "EU", 45.4f, 16.3f},    {"HT", "NA", 18.8f, -72.5f},
	{"HU", "EU", 47.3f, 19.3f},    {"ID", "AS", -6.2f, 109.6f},   {"IE", "EU", 53.2f, -7.1f},
	{"IL", "AS", 32.1f, 34.9f},    {"IM", "EU", 54.2f, -4.5f},    {"IN", "AS", 22.9f, 79.6f},
	{"IO", "AS", -7.3f, 72.4f},    {"IQ", "AS", 33.3f, 44.3f},    {"IR", "AS", 34.4f, 51.3f},
	{"IS", "EU", 64.3f, -21.1f},   {"IT", "EU", 42.9f, 12.1f},    {"JE", "EU", 49.2f, -2.1f},
	{"JM", "NA", 18.1f, -77.1f},   {"JO", "AS", 32.0f, 35.9f},    {"JP", "AS", 35.6f, 137.2f},
	{"KE", "AF", -0.6f, 36.9f},    {"KG", "AS", 41.9f, 73.8f},    {"KH", "AS", 11.9f, 104.7f},
	{"KI", "OC", 1.4f, 173.0f},    {"KM", "AF", -11.9f, 43.7f},   {"KN", "NA", 17.3f, -62.7f},
	{"KP", "AS", 39.4f, 126.3f},   {"KR", "AS", 36.6f, 127.6f},   {"KW", "AS", 29.3f, 47.9f},
	{"KY", "NA", 19.3f, -81.3f},   {"KZ", "AS", 46.8f, 70.6f},    {"LA", "AS", 18.2f, 103.5f},
	{"LB", "AS", 33.9f, 35.6f},    {"LC", "NA", 13.9f, -61.0f},   {"LI", "EU", 47.2f, 9.5f},
	{"LK", "AS", 7.1f, 80.4f},     {"LR", "AF", 6.5f, -10.2f},    {"LS", "AF", -29.4f, 27.8f},
	{"LT", "EU", 55.1f, 24.0f},    {"LU", "EU", 49.6f, 6.1f},     {"LV", "EU", 56.9f, 24.5f},
	{"LY", "AF", 32.1f, 15.5f},    {"MA", "AF", 33.2f, -6.8f},    {"MC", "EU", 43.7f, 7.4f},
	{"MD", "EU", 47.2f, 28.7f},    {"ME", "EU", 42.5f, 19.2f},    {"MF", "NA", 18.1f, -63.1f},
	{"MG", "AF", -19.1f, 47.2f},   {"MH", "OC", 7.4f, 171.0f},    {"MK", "EU", 41.9f, 21.5f},
	{"ML", "AF", 13.3f, -6.5f},    {"MM", "AS", 19.5f, 95.9f},    {"MN", "AS", 47.8f, 105.6f},
	{"MO", "AS", 22.2f, 113.5f},   {"MP", "OC", 15.2f, 145.7f},   {"MQ", "NA", 14.6f, -61.0f},
	{"MR", "AF", 17.4f, -13.6f},   {"MS", "NA", 16.8f, -62.2f},   {"MT", "EU", 35.9f, 14.5f},
	{"MU", "AF", -20.2f, 57.5f},   {"MV", "AS", 4.0f, 73.4f},     {"MW", "AF", -14.2f, 34.6f},
	{"MX", "NA", 20.6f, -100.2f},  {"MY", "AS", 3.6f, 103.5f},    {"MZ", "AF", -18.1f, 36.3f},
	{"NA", "AF", -19.7f, 16.6f},   {"NC", "OC", -22.0f, 166.2f},  {"NE", "AF", 13.7f, 6.4f},
	{"NF", "OC", -29.0f, 167.9f},  {"NG", "AF", 9.1f, 7.1f},      {"NI", "NA", 12.4f, -86.0f},
	{"NL", "EU", 52.1f, 5.2f},     {"NO", "EU", 60.7f, 9.8f},     {"NP", "AS", 27.6f, 84.7f},
	{"NR", "OC", -0.5f, 166.9f},   {"NU", "OC", -19.1f, -169.9f}, {"NZ", "OC", -39.4f, 174.6f},
	{"OM", "AS", 23.2f, 57.6f},    {"PA", "NA", 8.8f, -80.0f},    {"PE", "SA", -10.1f, -76.4f},
	{"PF", "OC", -17.4f, -149.6f}, {"PG", "OC", -6.4f, 146.0f},   {"PH", "AS", 13.0f, 122.1f},
	{"PK", "AS", 30.7f, 71.7f},    {"PL", "EU", 51.8f, 19.4f},    {"PM", "NA", 46.8f, -56.2f},
	{"PN", "OC", -25.1f, -130.1f}, {"PR", "NA", 18.3f, -66.3f},   {"PS", "AS", 31.8f, 34.9f},
	{"PT", "EU", 39.7f, -8.7f},    {"PW", "OC", 7.3f, 134.5f},    {"PY", "SA", -25.3f, -57.0f},
	{"QA", "AS", 25.3f, 51.5f},    {"RE", "AF", -21.1f, 55.5f},   {"RO", "EU", 45.6f, 25.7f},
	{"RS", "EU", 44.4f, 20.6f},    {"RU", "EU", 54.1f, 51.6f},    {"RW", "AF", -2.0f, 30.0f},
	{"SA", "AS", 23.4f, 43.2f},    {"SB", "OC", -9.2f, 160.0f},   {"SC", "AF", -4.6f, 55.5f},
	{"SD", "AF", 14.2f, 31.2f},    {"SE", "EU", 58.8f, 15.4f},    {"SG", "AS", 1.3f, 103.8f},
	{"SH", "AF", -15.9f, -5.7f},   {"SI", "EU", 46.2f, 14.9f},    {"SJ", "EU", 78.2f, 15.6f},
	{"SK", "EU", 48.7f, 19.2f},    {"SL", "AF", 8.4f, -12.2f},    {"SM", "EU", 43.9f, 12.5f},
	{"SN", "AF", 14.5f, -16.0f},   {"SO", "AF", 4.2f, 44.9f},     {"SR", "SA", 5.8f, -55.2f},
	{"SS", "AF", 7.4f, 30.2f},     {"ST", "AF", 0.3f, 6.7f},      {"SV", "NA", 13.7f, -89.0f},
	{"SX", "NA", 18.0f, -63.1f},   {"SY", "AS", 34.9f, 37.1f},    {"SZ", "AF", -26.4f, 31.4f},
	{"TC", "NA", 21.8f, -72.2f},   {"TD", "AF", 11.3f, 16.8f},    {"TF", "AN", -49.4f, 70.2f},
	{"TG", "AF", 7.4f, 1.1f},      {"TH", "AS", 14.7f, 101.1f},   {"TJ", "AS", 38.5f, 69.2f},
	{"TK", "OC", -9.2f, -171.8f},  {"TL", "OC", -8.7f, 125.8f},   {"TM", "AS", 38.6f, 60.0f},
	{"TN", "AF", 35.9f, 10.0f},    {"TO", "OC", -21.0f, -175.2f}, {"TR", "AS", 39.3f, 32.7f},
	{"TT", "NA", 10.5f, -61.4f},   {"TV", "OC", -8.5f, 179.2f},   {"TW", "AS", 24.3f, 120.9f},
	{"TZ", "AF", -5.9f, 35.5f},    {"UA", "EU", 49.1f, 31.4f},    {"UG", "AF", 0.9f, 32.3f},
	{"UM", "OC", 19.3f, 166.6f},   {"US", "NA", 37.5f, -92.4f},   {"UY", "SA", -34.3f, -56.0f},
	{"UZ", "AS", 40.5f, 67.5f},    {"VA", "EU", 41.9f, 12.5f},    {"VC", "NA", 13.2f, -61.2f},
	{"VE", "SA", 9.6f, -67.8f},    {"VG", "NA", 18.4f, -64.6f},   {"VI", "NA", 18.1f, -64.8f},
	{"VN", "AS", 16.0f, 106.4f},   {"VU", "OC", -16.8f, 168.0f},  {"WF", "OC", -13.4f, -176.6f},
	{"WS", "OC", -13.8f, -171.9f}, {"XK", "EU", 42.6f, 21.0f},    {"YE", "AS", 14.5f, 44.8f},
	{"YT", "AF", -12.8f, 45.2f},   {"ZA", "AF", -28.3f, 28.6f},   {"ZM", "AF", -13.7f, 28.2f},
	{"ZW", "AF", -18.6f, 30.7f},
};

/* The same for whole continents, where nothing finer is known. */
static const struct isb_country continents[] = {
	{"", "AF", 7.0f, 20.5f},  {"", "AN", -77.8f, 166.7f}, {"", "AS", 27.0f, 93.0f},   {"", "EU", 50.2f, 16.0f},
	{"", "NA", 35.0f, -92.5f}, {"", "OC", -31.0f, 149.0f}, {"", "SA", -15.0f, -57.0f},
};

/* Codes that registries and databases still carry: withdrawn or only reserved ones, and the country that holds (most
 * of) that land today. */
static const struct {
	char was[3], is[3];
} successors[] = {
	{"AN", "CW"}, {"BU", "MM"}, {"CS", "RS"}, {"DD", "DE"}, {"FX", "FR"},
	{"SU", "RU"}, {"TP", "TL"}, {"UK", "GB"}, {"YU", "RS"}, {"ZR", "CD"},
};

static char upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static int by_code(const void *key, const void *row)
{
	return memcmp(key, ((const struct isb_country *)row)->code, 2);
}

const struct isb_country *isb_country_find(const char code[2])
{
	const char wanted[2] = {upper(code[0]), code[0] ? upper(code[1]) : '\0'};
	const char *key = wanted;
	for (size_t i = 0; i < sizeof(successors) / sizeof(successors[0]); i++)
		if (memcmp(successors[i].was, wanted, 2) == 0)
			key = successors[i].is;
	return bsearch(key, countries, sizeof(countries) / sizeof(countries[0]), sizeof(countries[0]), by_code);
}

const struct isb_country *isb_continent_find(const char code[2])
{
	for (size_t i = 0; i < sizeof(continents) / sizeof(continents[0]); i++)
		if (memcmp(continents[i].continent, code, 2) == 0)
			return &continents[i];
	return NULL;
}
