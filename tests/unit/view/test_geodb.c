/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "isobar/base/err.h"
#include "isobar/base/rng.h"
#include "isobar/model/country.h"
#include "isobar/view/geodb.h"

#define GEO ISB_TESTS_DIR "/unit/view/geo/"

static struct isb_geodb *open_all(size_t count, const char *const *paths)
{
	struct isb_diags diags;
	struct isb_geodb *db = NULL;
	isb_diags_init(&diags);
	int rc = isb_geodb_open(paths, count, &diags, &db);
	isb_diags_print(&diags, stderr);
	assert_int_equal(rc, ISB_OK);
	assert_int_equal(diags.count, 0);
	isb_diags_done(&diags);
	return db;
}

static struct isb_geodb *open_one(const char *path)
{
	return open_all(1, &path);
}

static struct isb_geo_facts find(const struct isb_geodb *db, const char *text, uint8_t *ret_len)
{
	struct isb_addr addr;
	struct isb_geo_facts facts;
	uint8_t len;
	assert_int_equal(isb_addr_parse(text, &addr), ISB_OK);
	isb_geodb_find(db, &addr, &facts, &len);
	if (ret_len)
		*ret_len = len;
	return facts;
}

#define assert_place(facts, where, part, town, number) \
	do { \
		struct isb_geo_facts f_ = (facts); \
		assert_string_equal(f_.country, where); \
		assert_string_equal(f_.subdivision, part); \
		assert_string_equal(f_.city, town); \
		assert_int_equal(f_.asn, number); \
	} while (0)

static void assert_near(const struct isb_geo_facts *facts, double latitude, double longitude)
{
	assert_true(facts->located);
	assert_true(fabs(facts->latitude - latitude) < 0.01 && fabs(facts->longitude - longitude) < 0.01);
}

static void assert_empty(struct isb_geo_facts facts)
{
	assert_place(facts, "", "", "", 0);
	assert_string_equal(facts.continent, "");
	assert_false(facts.located);
}

static void geolite2_city_gives_places_and_lengths(void **state)
{
	(void)state;
	uint8_t len;
	struct isb_geodb *db = open_one(GEO "city.mmdb");
	struct isb_geo_facts facts = find(db, "192.0.2.1", &len);
	assert_place(facts, "KR", "KR-11", "Seoul", 0);
	assert_string_equal(facts.continent, "AS");
	assert_near(&facts, 37.5665, 126.978);
	assert_int_equal(len, 25);
	assert_place(find(db, "192.0.2.130", &len), "KR", "KR-26", "Busan", 0);
	assert_int_equal(len, 26);
	assert_place(find(db, "198.51.100.77", &len), "US", "US-NY", "New York", 0);
	assert_int_equal(len, 32);
	assert_place(find(db, "198.51.100.76", &len), "US", "US-CA", "Los Angeles", 0);
	assert_int_equal(len, 32); /* its sibling */
	assert_place(find(db, "2001:db8::1", &len), "DE", "DE-BE", "K\xc3\xb6penick", 0);
	assert_place(find(db, "2001:db8:1:2:3:4:5:7", &len), "NO", "NO-03", "Oslo", 0);
	assert_int_equal(len, 127); /* deeper than /64 */
	assert_place(find(db, "2001:db8:1:2:3:4:5:8", &len), "FR", "FR-IDF", "Paris", 0);
	isb_geodb_free(db);
}

static void a_gap_is_empty_and_has_a_length_too(void **state)
{
	(void)state;
	uint8_t len;
	struct isb_geodb *db = open_one(GEO "city.mmdb");
	assert_empty(find(db, "192.0.2.192", &len));
	assert_int_equal(len, 26);
	assert_empty(find(db, "2001:db9::", &len));
	assert_int_equal(len, 32);
	isb_geodb_free(db);
}

static void a_country_without_coordinates_gets_those_of_the_table(void **state)
{
	(void)state;
	struct isb_geodb *db = open_one(GEO "city.mmdb");
	struct isb_geo_facts facts = find(db, "203.0.113.9", NULL);
	assert_place(facts, "DE", "", "", 0);
	assert_near(&facts, (double)isb_country_find("DE")->latitude, (double)isb_country_find("DE")->longitude);
	isb_geodb_free(db);
}

static void aliases_of_ipv4_inside_ipv6_are_unknown_networks(void **state)
{
	(void)state;
	static const char *const aliases[] = {"::192.0.2.1", "::ffff:192.0.2.1", "2002:c000:201::1",
	                                      "2001:0:c000:201::"};
	uint8_t len;
	struct isb_geodb *db = open_one(GEO "city.mmdb");
	static const uint8_t lens[] = {96, 96, 16, 32};
	for (size_t i = 0; i < 4; i++) {
		assert_empty(find(db, aliases[i], &len));
		assert_int_equal(len, lens[i]);
	}
	isb_geodb_free(db);
}

static void a_later_file_fills_what_the_earlier_leaves_empty(void **state)
{
	(void)state;
	uint8_t len;
	struct isb_geodb *db = open_all(2, (const char *[]){GEO "city.mmdb", GEO "asn.mmdb"});
	assert_place(find(db, "192.0.2.1", &len), "KR", "KR-11", "Seoul", 4766);
	assert_int_equal(len, 25);
	assert_place(find(db, "192.0.2.200", &len), "", "", "", 4766);
	assert_place(find(db, "198.51.100.200", &len), "US", "US-CA", "Los Angeles", 0);
	assert_place(find(db, "8.8.8.8", &len), "US", "", "", 15169);
	assert_place(find(db, "2001:db8::1", &len), "DE", "DE-BE", "K\xc3\xb6penick", 4200000000);
	assert_string_equal(isb_geodb_describe(db), "GeoLite2-City 2025-11-18, GeoLite2-ASN 2025-11-18");
	isb_geodb_free(db);
}

static void a_later_file_that_means_another_country_adds_no_place(void **state)
{
	(void)state;
	struct isb_geodb *db = open_all(2, (const char *[]){GEO "country.mmdb", GEO "city.mmdb"});
	struct isb_geo_facts facts = find(db, "192.0.2.1", NULL); /* both: KR */
	assert_place(facts, "KR", "KR-11", "Seoul", 0);
	assert_near(&facts, 37.5665, 126.978);
	facts = find(db, "192.0.2.129", NULL); /* JP, not Busan in KR */
	assert_place(facts, "JP", "", "", 0);
	assert_near(&facts, (double)isb_country_find("JP")->latitude, (double)isb_country_find("JP")->longitude);
	isb_geodb_free(db);
}

static void dbip_layout_is_read(void **state)
{
	(void)state;
	struct isb_geodb *db = open_one(GEO "dbip-country.mmdb");
	struct isb_geo_facts facts = find(db, "192.0.2.1", NULL);
	assert_place(facts, "KR", "", "", 0);
	assert_string_equal(facts.continent, "AS");
	assert_true(facts.located);
	assert_empty(find(db, "203.0.113.1", NULL)); /* ZZ */
	isb_geodb_free(db);
}

static void ipinfo_layout_is_read(void **state)
{
	(void)state;
	struct isb_geodb *db = open_one(GEO "ipinfo.mmdb");
	assert_place(find(db, "192.0.2.1", NULL), "KR", "", "", 4766); /* not the long word */
	assert_place(find(db, "198.51.100.1", NULL), "US", "", "", 15169);
	struct isb_geo_facts facts = find(db, "203.0.113.1", NULL); /* numbers as text */
	assert_place(facts, "DE", "", "Berlin", 0);
	assert_near(&facts, 52.5244, 13.4105);
	isb_geodb_free(db);
}

static void the_layouts_of_vendors_are_read(void **state)
{
	(void)state;
	static const struct {
		const char *file, *client, *continent, *country, *subdivision, *city;
		uint32_t asn;
		double latitude, longitude; /* 0, 0: as the table has the country */
	} cases[] = {
		{"geolite2-country", "192.0.2.1", "AS", "KR", "", "", 0, 0, 0}, /* not where it is registered */
		{"geolite2-country", "2001:db8::1", "EU", "DE", "", "", 0, 0, 0},
		{"enterprise", "198.51.100.1", "NA", "US", "US-CA", "Los Angeles", 64496, 34.0544, -118.2441},
		{"enterprise", "2001:db8::1", "EU", "DE", "", "", 64497, 0, 0},
		{"dbip-city", "192.0.2.1", "AS", "KR", "", "Seoul (Jung-gu)", 0, 37.5636, 126.9976},
		{"dbip-city", "2001:db8::1", "EU", "DE", "", "Berlin", 0, 52.52, 13.405},
		{"dbip-asn", "192.0.2.1", "", "", "", "", 4766, 0, 0},
		{"dbip-asn", "2001:db8::1", "", "", "", "", 64497, 0, 0},
		{"ipinfo-country-asn", "192.0.2.1", "AS", "KR", "", "", 4766, 0, 0},
		{"ipinfo-country-asn", "2001:db8::1", "EU", "DE", "", "", 64497, 0, 0},
		{"ipinfo-location", "198.51.100.1", "NA", "US", "US-CA", "Los Angeles", 0, 34.05223, -118.24368},
		{"ipinfo-location", "2001:db8::1", "EU", "DE", "DE-BE", "Berlin", 0, 52.52437, 13.41053},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char path[512];
		snprintf(path, sizeof(path), GEO "%s.mmdb", cases[i].file);
		struct isb_geodb *db = open_one(path);
		struct isb_geo_facts facts = find(db, cases[i].client, NULL);
		assert_place(facts, cases[i].country, cases[i].subdivision, cases[i].city, cases[i].asn);
		assert_string_equal(facts.continent, cases[i].continent);
		if (fabs(cases[i].latitude) > 0)
			assert_near(&facts, cases[i].latitude, cases[i].longitude);
		else if (*cases[i].country)
			assert_near(&facts, (double)isb_country_find(cases[i].country)->latitude,
			            (double)isb_country_find(cases[i].country)->longitude);
		else
			assert_false(facts.located);
		isb_geodb_free(db);
	}
}

static void a_label_is_had_without_the_networks(void **state)
{
	(void)state;
	struct isb_diags diags;
	char *label;
	isb_diags_init(&diags);
	assert_int_equal(isb_geodb_label(GEO "dbip-asn.mmdb", &diags, &label), ISB_OK);
	assert_string_equal(label, "DBIP-ASN-Lite-(compat=GeoLite2-ASN) 2025-11-18");
	free(label);
	assert_int_equal(isb_geodb_label(GEO "make-fixtures", &diags, &label), ISB_EFORMAT);
	assert_int_equal(isb_geodb_label(GEO "none.mmdb", &diags, &label), ISB_EIO);
	assert_int_equal(diags.count, 2);
	isb_diags_done(&diags);
}

static void values_that_make_no_sense_count_as_unknown(void **state)
{
	(void)state;
	struct isb_geodb *db = open_one(GEO "ipinfo.mmdb");
	struct isb_geo_facts facts = find(db, "203.0.113.129", NULL); /* asn "ASx", a control character, 91 degrees */
	assert_place(facts, "DE", "", "", 0);
	assert_near(&facts, (double)isb_country_find("DE")->latitude, (double)isb_country_find("DE")->longitude);
	facts = find(db, "2001:db8::1", NULL);
	assert_string_equal(facts.subdivision, "DE-BE");
	assert_int_equal(facts.asn, 64496);
	assert_string_equal(facts.city, "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch on t");
	assert_int_equal(strlen(facts.city), sizeof(facts.city) - 1); /* cut */
	isb_geodb_free(db);
}

static void an_ipv4_country_list_is_completed_from_the_table(void **state)
{
	(void)state;
	uint8_t len;
	struct isb_geodb *db = open_one(GEO "country.mmdb");
	struct isb_geo_facts facts = find(db, "198.51.100.1", &len);
	assert_string_equal(facts.country, "GB"); /* UK */
	assert_string_equal(facts.continent, "EU");
	assert_int_equal(len, 25);
	facts = find(db, "198.51.100.200", NULL); /* EU: a continent, its populated middle */
	assert_string_equal(facts.country, "");
	assert_string_equal(facts.continent, "EU");
	assert_true(facts.located && facts.latitude > 45 && facts.latitude < 55);
	assert_empty(find(db, "203.0.113.1", NULL)); /* A1 */
	assert_empty(find(db, "2001:db8::1", &len));
	assert_int_equal(len, 0);
	isb_geodb_free(db);
}

/* Files to spoil. */

static void *slurp(const char *path, size_t *ret_size)
{
	FILE *in = fopen(path, "rb");
	assert_non_null(in);
	char *data = malloc(1 << 16);
	*ret_size = fread(data, 1, 1 << 16, in);
	fclose(in);
	return data;
}

static void spill(const char *path, const void *data, size_t size)
{
	FILE *out = fopen(path, "wb");
	assert_non_null(out);
	assert_int_equal(fwrite(data, 1, size, out), size);
	assert_int_equal(fclose(out), 0);
}

static char *temp_name(char name[64])
{
	const char *dir = getenv("TMPDIR");
	snprintf(name, 64, "%.30s/isobar-geodb-XXXXXX", dir && *dir ? dir : "/tmp");
	int fd = mkstemp(name);
	assert_true(fd >= 0);
	close(fd);
	return name;
}

/* Opening must fail, and the sentence contain these words. */
static void assert_refused(const char *path, const char *words)
{
	struct isb_diags diags;
	struct isb_geodb *db = NULL;
	isb_diags_init(&diags);
	assert_int_not_equal(isb_geodb_open(&path, 1, &diags, &db), ISB_OK);
	assert_null(db);
	assert_int_equal(diags.count, 1);
	assert_string_equal(diags.list[0].at.file, path);
	if (!strstr(diags.list[0].text, words))
		fail_msg("'%s' lacks '%s'", diags.list[0].text, words);
	isb_diags_done(&diags);
}

static void rubbish_is_refused_with_a_reason(void **state)
{
	(void)state;
	char name[64];
	temp_name(name);
	assert_refused(name, "MaxMind");
	spill(name, "this is no database", 19);
	assert_refused(name, "MaxMind");
	unlink(name);
	assert_refused(name, "No such file");
	assert_refused(GEO, "not a regular file");
	assert_refused("/dev/null", "not a regular file");
}

static void every_bad_file_is_named(void **state)
{
	(void)state;
	struct isb_diags diags;
	struct isb_geodb *db = NULL;
	isb_diags_init(&diags);
	const char *const paths[] = {"/nonexistent/a.mmdb", GEO "city.mmdb", GEO "make-fixtures"};
	assert_int_equal(isb_geodb_open(paths, 3, &diags, &db), ISB_EIO);
	assert_null(db);
	assert_int_equal(diags.count, 2);
	assert_string_equal(diags.list[1].at.file, GEO "make-fixtures");
	isb_diags_done(&diags);
	isb_diags_init(&diags);
	assert_int_equal(isb_geodb_open(paths, 0, &diags, &db), ISB_EINVAL);
	assert_int_equal(isb_geodb_open(paths, 9, &diags, &db), ISB_EINVAL);
	assert_int_equal(diags.count, 2);
	isb_diags_done(&diags);
}

static void a_file_spoiled_while_open_does_no_harm(void **state)
{
	(void)state;
	char name[64];
	size_t size;
	void *data = slurp(GEO "city.mmdb", &size);
	spill(temp_name(name), data, size);
	struct isb_geodb *db = open_one(name);
	const uint64_t stamp = isb_geodb_stamp((const char *[]){name}, 1);
	memset(data, 0xff, size);
	spill(name, data, size); /* in place: a mapping would see it */
	assert_string_equal(find(db, "192.0.2.1", NULL).city, "Seoul");
	assert_int_equal(truncate(name, 0), 0); /* a mapping would die of SIGBUS */
	assert_string_equal(find(db, "2001:db8:1:2:3:4:5:6", NULL).city, "Oslo");
	const uint64_t truncated = isb_geodb_stamp((const char *[]){name}, 1);
	assert_int_not_equal(truncated, stamp);
	assert_refused(name, "MaxMind");
	unlink(name);
	assert_int_not_equal(isb_geodb_stamp((const char *[]){name}, 1), truncated);
	assert_string_equal(find(db, "198.51.100.1", NULL).city, "Los Angeles");
	isb_geodb_free(db);
	free(data);
}

static void a_file_replaced_by_rename_has_changed(void **state)
{
	(void)state;
	char name[64], other[64];
	size_t size;
	void *data = slurp(GEO "city.mmdb", &size);
	spill(temp_name(name), data, size);
	spill(temp_name(other), data, size);
	const uint64_t stamp = isb_geodb_stamp((const char *[]){GEO "asn.mmdb", name}, 2);
	struct stat st;
	assert_int_equal(stat(name, &st), 0);
	assert_int_equal(utimensat(AT_FDCWD, other, (struct timespec[]){st.st_atim, st.st_mtim}, 0), 0);
	assert_int_equal(isb_geodb_stamp((const char *[]){GEO "asn.mmdb", name}, 2), stamp);
	assert_int_equal(rename(other, name), 0); /* same size, same mtime */
	assert_int_not_equal(isb_geodb_stamp((const char *[]){GEO "asn.mmdb", name}, 2), stamp);
	unlink(name);
	free(data);
}

static void the_fingerprint_follows_the_content_and_the_order(void **state)
{
	(void)state;
	char name[64];
	size_t size;
	void *data = slurp(GEO "city.mmdb", &size);
	spill(temp_name(name), data, size);
	struct isb_geodb *a = open_one(GEO "city.mmdb"), *copy = open_one(name);
	struct isb_geodb *ab = open_all(2, (const char *[]){GEO "city.mmdb", GEO "asn.mmdb"});
	struct isb_geodb *ba = open_all(2, (const char *[]){GEO "asn.mmdb", GEO "city.mmdb"});
	assert_int_equal(isb_geodb_fingerprint(a), isb_geodb_fingerprint(copy));
	assert_int_not_equal(isb_geodb_fingerprint(a), isb_geodb_fingerprint(ab));
	assert_int_not_equal(isb_geodb_fingerprint(ba), isb_geodb_fingerprint(ab));
	isb_geodb_free(a);
	isb_geodb_free(copy);
	isb_geodb_free(ab);
	isb_geodb_free(ba);
	unlink(name);
	free(data);
}

/* A database around any search tree (24-bit records), so that it can be one that no honest writer makes. */
static size_t forge(uint8_t *out, const uint32_t (*nodes)[2], uint16_t count)
{
	static const char tail[] =
		"\xab\xcd\xefMaxMind.com\xe9" /* map of 9 */
		"\x5b" "binary_format_major_version" "\xa1\x02"
		"\x5b" "binary_format_minor_version" "\xa0"
		"\x4b" "build_epoch" "\x04\x02\x69\x1b\xb4\x00"
		"\x4d" "database_type" "\x46" "Forged"
		"\x4b" "description" "\xe1\x42" "en" "\x41" "x"
		"\x4a" "ip_version" "\xa1\x06"
		"\x49" "languages" "\x01\x04\x42" "en"
		"\x4b" "record_size" "\xa1\x18"
		"\x4a" "node_count" "\xc2";
	size_t n = 0;
	for (uint16_t i = 0; i < count; i++)
		for (int bit = 0; bit < 2; bit++)
			for (int shift = 16; shift >= 0; shift -= 8)
				out[n++] = (uint8_t)(nodes[i][bit] >> shift);
	memset(out + n, 0, 16);
	n += 16;
	memcpy(out + n, "\xe1\x47" "country" "\x42" "KR", 12); /* the data section: one record at 0 */
	n += 12;
	memcpy(out + n, tail, sizeof(tail) - 1);
	n += sizeof(tail) - 1;
	out[n++] = (uint8_t)(count >> 8);
	out[n++] = (uint8_t)count;
	return n;
}

enum { CHAIN = 140 };

static void forge_file(const char *name, const uint32_t (*nodes)[2], uint16_t count)
{
	static uint8_t data[8192];
	spill(name, data, forge(data, nodes, count));
}

static void search_trees_with_loops_or_without_end_are_refused(void **state)
{
	(void)state;
	char name[64];
	uint32_t nodes[CHAIN][2];
	temp_name(name);

	uint32_t empty = 1, data = 1 + 16; /* of a tree of one node */
	forge_file(name, (const uint32_t[][2]){{empty, data}}, 1);
	struct isb_geodb *db = open_one(name); /* the forge itself works */
	assert_string_equal(find(db, "8000::", NULL).country, "KR");
	assert_string_equal(find(db, "::1", NULL).country, "");
	assert_string_equal(isb_geodb_describe(db), "Forged 2025-11-17");
	isb_geodb_free(db);

	forge_file(name, (const uint32_t[][2]){{2, 1}, {2, 1}}, 2);
	assert_refused(name, "loop");
	forge_file(name, (const uint32_t[][2]){{1, 2}, {1, 2}}, 2); /* on the way to ::/96 */
	assert_refused(name, "loop");
	forge_file(name, (const uint32_t[][2]){{empty, 0xfffff0}}, 1);
	assert_refused(name, "outside the file");

	for (uint32_t i = 0; i < CHAIN; i++) { /* a path of 140 bits */
		nodes[i][0] = CHAIN;
		nodes[i][1] = i + 1 < CHAIN ? i + 1 : CHAIN;
	}
	forge_file(name, (const uint32_t(*)[2])nodes, CHAIN);
	assert_refused(name, "deeper");

	for (uint32_t i = 0; i < 120; i++) { /* both sides go to the same node: 2^120 leaves in 120 nodes */
		nodes[i][0] = i == 0 ? 120 : i + 1;
		nodes[i][1] = i + 1;
	}
	forge_file(name, (const uint32_t(*)[2])nodes, 120);
	assert_refused(name, "unfolds");
	for (uint32_t levels = 18; levels <= 24; levels += 6) { /* a few nodes that would be millions of networks */
		for (uint32_t i = 0; i < levels; i++) {
			nodes[i][0] = i == 0 ? levels : i + 1;
			nodes[i][1] = i + 1;
		}
		nodes[levels - 1][0] = levels;
		nodes[levels - 1][1] = levels + 16;
		forge_file(name, (const uint32_t(*)[2])nodes, (uint16_t)levels);
		if (levels > 18)
			assert_refused(name, "unfolds");
		else
			isb_geodb_free(open_one(name));
	}
	unlink(name);
}

static void octets_flipped_anywhere_never_crash(void **state)
{
	(void)state;
	static const char *const files[] = {GEO "city.mmdb", GEO "ipinfo.mmdb", GEO "country.mmdb"};
	static const char *const probes[] = {"192.0.2.1", "198.51.100.77", "203.0.113.1", "2001:db8::1", "::1"};
	char name[64];
	struct isb_rng rng;
	unsigned refused = 0;
	isb_rng_seed(&rng, 4);
	temp_name(name);
	for (int round = 0; round < 1500; round++) {
		size_t size;
		uint8_t *data = slurp(files[round % 3], &size);
		for (uint64_t n = 1 + isb_rng_below(&rng, 4); n > 0; n--)
			data[isb_rng_below(&rng, size)] = (uint8_t)isb_rng_next(&rng);
		if (isb_rng_below(&rng, 8) == 0)
			size = isb_rng_below(&rng, size);
		spill(name, data, size);
		free(data);
		struct isb_diags diags;
		struct isb_geodb *db;
		isb_diags_init(&diags);
		if (isb_geodb_open((const char *[]){name}, 1, &diags, &db) != ISB_OK) {
			assert_int_equal(diags.count, 1);
			refused++;
		} else {
			for (size_t i = 0; i < 5; i++) {
				struct isb_geo_facts facts = find(db, probes[i], NULL);
				assert_true(!facts.country[0] || isb_country_find(facts.country));
				assert_non_null(memchr(facts.city, 0, sizeof(facts.city)));
			}
			isb_geodb_free(db);
		}
		isb_diags_done(&diags);
	}
	unlink(name);
	assert_true(refused > 500 && refused < 1450); /* both roads were gone many times */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(geolite2_city_gives_places_and_lengths),
		cmocka_unit_test(a_gap_is_empty_and_has_a_length_too),
		cmocka_unit_test(a_country_without_coordinates_gets_those_of_the_table),
		cmocka_unit_test(aliases_of_ipv4_inside_ipv6_are_unknown_networks),
		cmocka_unit_test(a_later_file_fills_what_the_earlier_leaves_empty),
		cmocka_unit_test(a_later_file_that_means_another_country_adds_no_place),
		cmocka_unit_test(dbip_layout_is_read),
		cmocka_unit_test(ipinfo_layout_is_read),
		cmocka_unit_test(the_layouts_of_vendors_are_read),
		cmocka_unit_test(a_label_is_had_without_the_networks),
		cmocka_unit_test(values_that_make_no_sense_count_as_unknown),
		cmocka_unit_test(an_ipv4_country_list_is_completed_from_the_table),
		cmocka_unit_test(rubbish_is_refused_with_a_reason),
		cmocka_unit_test(every_bad_file_is_named),
		cmocka_unit_test(a_file_spoiled_while_open_does_no_harm),
		cmocka_unit_test(a_file_replaced_by_rename_has_changed),
		cmocka_unit_test(the_fingerprint_follows_the_content_and_the_order),
		cmocka_unit_test(search_trees_with_loops_or_without_end_are_refused),
		cmocka_unit_test(octets_flipped_anywhere_never_crash),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
