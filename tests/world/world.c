/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/rng.h"
#include "mmdb.h"

/* Countries by weight: how much of the address space they hold, about. */
static const struct country {
	const char *code, *continent;
	double latitude, longitude;
	unsigned weight;
} countries[] = {
	{"US", "NA", 39.8, -98.6, 40}, {"CN", "AS", 35.0, 105.0, 10}, {"JP", "AS", 36.2, 138.3, 6}, {"DE", "EU", 51.2, 10.4, 5},
	{"GB", "EU", 54.0, -2.0, 5},   {"KR", "AS", 36.5, 127.9, 4},  {"BR", "SA", -10.8, -52.9, 4}, {"FR", "EU", 46.6, 2.5, 4},
	{"CA", "NA", 56.1, -106.3, 3}, {"IT", "EU", 42.8, 12.8, 2},   {"AU", "OC", -25.3, 133.8, 2}, {"NL", "EU", 52.1, 5.3, 2},
	{"RU", "EU", 61.5, 96.7, 2},   {"IN", "AS", 22.9, 79.6, 2},   {"TW", "AS", 23.7, 121.0, 1},  {"ES", "EU", 40.4, -3.6, 1},
	{"MX", "NA", 23.9, -102.5, 1}, {"ZA", "AF", -29.0, 25.1, 1},  {"EG", "AF", 26.5, 29.9, 1},   {"AR", "SA", -34.9, -64.9, 1},
	{"SE", "EU", 62.8, 16.7, 1},   {"PL", "EU", 52.1, 19.4, 1},   {"NG", "AF", 9.6, 8.1, 1},     {"NZ", "OC", -41.8, 172.8, 1},
	{"ID", "AS", -2.2, 117.3, 1},  {"TR", "AS", 39.1, 35.2, 1},   {"CL", "SA", -37.8, -71.4, 1}, {"KE", "AF", 0.6, 37.8, 1},
};
enum { COUNTRIES = sizeof(countries) / sizeof(countries[0]) };


struct making {
	struct isb_rng rng;
	struct mmdb *db;
	uint32_t *place;             /* records of cities, by country */
	uint32_t first[COUNTRIES + 1];
	unsigned weights;
};

static uint32_t below(struct making *m, uint32_t n)
{
	return (uint32_t)isb_rng_below(&m->rng, n);
}

static unsigned some_country(struct making *m)
{
	uint32_t at = below(m, m->weights);
	unsigned c = 0;
	while (at >= countries[c].weight)
		at -= countries[c++].weight;
	return c;
}

static double around(struct making *m, double middle, double spread)
{
	return middle + spread * ((double)below(m, 2000001) / 1e6 - 1);
}

static void add_place(struct making *m, unsigned c, uint32_t country, uint32_t continent, uint32_t number)
{
	struct isb_buf *data = mmdb_data(m->db);
	char name[32], part[4];
	snprintf(name, sizeof(name), "%s town %u", countries[c].code, number);
	snprintf(part, sizeof(part), "%c%u", 'A' + number / 64 % 26, number / 64 / 26 % 9 + 1);
	m->place[m->first[c] + number] = (uint32_t)data->len;
	mmdb_map(data, 5);
	mmdb_word(data, "city");
	mmdb_map(data, 1);
	mmdb_word(data, "names");
	mmdb_map(data, 1);
	mmdb_word(data, "en");
	mmdb_word(data, name);
	mmdb_word(data, "continent");
	mmdb_pointer(data, continent);
	mmdb_word(data, "country");
	mmdb_pointer(data, country);
	mmdb_word(data, "location");
	mmdb_map(data, 2);
	mmdb_word(data, "latitude");
	mmdb_double(data, around(m, countries[c].latitude, 6));
	mmdb_word(data, "longitude");
	mmdb_double(data, around(m, countries[c].longitude, 9));
	mmdb_word(data, "subdivisions");
	mmdb_array(data, 1);
	mmdb_map(data, 1);
	mmdb_word(data, "iso_code");
	mmdb_word(data, part);
}

static void add_places(struct making *m, uint32_t places)
{
	struct isb_buf *data = mmdb_data(m->db);
	m->place = isb_xcalloc(places + COUNTRIES, sizeof(*m->place));
	for (unsigned c = 0; c < COUNTRIES; c++) {
		uint32_t continent = (uint32_t)data->len;
		mmdb_map(data, 1);
		mmdb_word(data, "code");
		mmdb_word(data, countries[c].continent);
		uint32_t country = (uint32_t)data->len;
		mmdb_map(data, 1);
		mmdb_word(data, "iso_code");
		mmdb_word(data, countries[c].code);
		uint32_t n = 1 + (uint32_t)((uint64_t)places * countries[c].weight / m->weights);
		m->first[c + 1] = m->first[c] + n;
		for (uint32_t i = 0; i < n; i++)
			add_place(m, c, country, continent, i);
	}
}

/* Where a network belongs, as far as it is settled. */
struct owner {
	int country;   /* -1: not yet */
	uint32_t home; /* number of the provider's main city in its country */
};

static void flip(struct isb_addr *addr, unsigned bit)
{
	addr->octets[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
}

/* Most customers of a provider live around its home; some anywhere in the country. */
static void give(struct making *m, const struct isb_net *net, const struct owner *owner)
{
	if (below(m, 200) == 0)
		return; /* nobody's */
	unsigned c = owner->country < 0 ? some_country(m) : (unsigned)owner->country;
	uint32_t n = m->first[c + 1] - m->first[c];
	uint32_t city = below(m, 10) ? (owner->home + below(m, 12)) % n : below(m, n);
	mmdb_add(m->db, net, m->place[m->first[c] + city]);
}

/* Cuts a network into `count` parts of very different size. */
static void cut(struct making *m, struct isb_net net, uint32_t count, struct owner owner)
{
	bool four = net.addr.family == 4;
	unsigned deepest = four ? 32 : 64, national = four ? 11 : 28, local = four ? 17 : 36;
	if (owner.country < 0 && net.len >= national && below(m, 3) == 0)
		owner = (struct owner){.country = (int)some_country(m), .home = below(m, 1 << 20)};
	else if (net.len == local)
		owner.home = below(m, 1 << 20);
	if (count <= 1 || net.len >= deepest) {
		give(m, &net, &owner);
		return;
	}
	uint64_t room = deepest - net.len - 1 >= 31 ? UINT32_MAX : UINT64_C(1) << (deepest - net.len - 1);
	uint32_t left = 1 + (uint32_t)((uint64_t)(count - 1) * (150 + below(m, 701)) / 1000);
	left = left >= count ? count - 1 : left;
	if (left > room)
		left = (uint32_t)room;
	if (count - left > room)
		count = left + (uint32_t)room;
	net.len++;
	cut(m, net, left, owner);
	flip(&net.addr, net.len - 1u);
	cut(m, net, count - left, owner);
}

int world_write(const struct world *world, const char *path)
{
	struct making m = {.db = mmdb_new()};
	const struct owner nobody = {.country = -1};
	isb_rng_seed(&m.rng, world->seed);
	for (unsigned c = 0; c < COUNTRIES; c++)
		m.weights += countries[c].weight;
	add_places(&m, world->places);
	cut(&m, (struct isb_net){.addr = {.family = 4}, .len = 0}, world->networks / 5 * 4, nobody);
	cut(&m, (struct isb_net){.addr = {.family = 6, .octets = {0x24}}, .len = 6}, world->networks / 5, nobody);
	int rc = mmdb_write(m.db, path, "Made-Up-City");
	mmdb_free(m.db);
	free(m.place);
	return rc;
}
