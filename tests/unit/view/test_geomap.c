/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/base/rng.h"
#include "isobar/view/geomap.h"

#define GEO ISB_TESTS_DIR "/unit/view/geo/"

static struct isb_geodb *open_db(const char *path)
{
	struct isb_diags diags;
	struct isb_geodb *db = NULL;
	isb_diags_init(&diags);
	assert_int_equal(isb_geodb_open(&path, 1, &diags, &db), ISB_OK);
	isb_diags_done(&diags);
	return db;
}

static struct isb_addr addr_of(const char *text)
{
	struct isb_addr addr;
	assert_int_equal(isb_addr_parse(text, &addr), ISB_OK);
	return addr;
}

static struct isb_prefix prefix(const char *text, uint32_t id)
{
	struct isb_prefix p = {.id = id};
	assert_int_equal(isb_net_parse(text, &p.net), ISB_OK);
	return p;
}

static void assert_leaf(const struct isb_geomap *map, const char *text, uint32_t cls, unsigned scope)
{
	struct isb_addr addr = addr_of(text);
	struct isb_geoleaf leaf = isb_geomap_find(map, &addr);
	if (leaf.cls != cls || leaf.scope != scope)
		fail_msg("%s: class %u/%u, not %u/%u", text, leaf.cls, leaf.scope, cls, scope);
}

static size_t assert_sound(const struct isb_geomap *map)
{
	size_t leaves = 0;
	assert_int_equal(isb_geomap_prove(map, &leaves), ISB_OK);
	return leaves;
}

/* Classes: 0 unknown, else by the first letters. */
static uint32_t by_country(void *arg, const struct isb_facts *facts)
{
	unsigned *calls = arg;
	++*calls;
	const char *c = facts->geo->country;
	return c[0] ? (uint32_t)c[0] << 8 | (uint32_t)c[1] : 0;
}

static uint32_t by_continent(void *arg, const struct isb_facts *facts)
{
	unsigned *calls = arg;
	++*calls;
	return facts->geo->continent[0] ? (uint32_t)facts->geo->continent[0] << 8 : 0;
}

enum { KR = 'K' << 8 | 'R', JP = 'J' << 8 | 'P', US = 'U' << 8 | 'S', DE = 'D' << 8 | 'E', FR = 'F' << 8 | 'R' };
enum { NO = 'N' << 8 | 'O' };

/* By the longest network, else the longest cell plus 1000, else 0. */
static uint32_t by_longest(void *arg, const struct isb_facts *facts)
{
	unsigned *calls = arg;
	++*calls;
	if (facts->nnet)
		return facts->nets[0].id;
	return facts->ncell ? facts->cells[0].id + 1000 : 0;
}

static void with_nothing_to_tell_clients_apart_there_is_one_leaf_per_family(void **state)
{
	(void)state;
	unsigned calls = 0;
	struct isb_geomap *map = isb_geomap_new(NULL, NULL, 0, NULL, 0, by_longest, &calls);
	assert_int_equal(assert_sound(map), 2);
	assert_leaf(map, "192.0.2.1", 0, 0);
	assert_leaf(map, "2001:db8::1", 0, 0);
	assert_int_equal(calls, 1);
	isb_geomap_free(map);
}

static void scopes_are_exact_also_in_gaps(void **state)
{
	(void)state;
	unsigned calls = 0;
	struct isb_geodb *db = open_db(GEO "city.mmdb");
	struct isb_geomap *map = isb_geomap_new(db, NULL, 0, NULL, 0, by_country, &calls);
	assert_sound(map);
	assert_leaf(map, "192.0.2.1", KR, 25);
	assert_leaf(map, "192.0.2.129", KR, 26);
	assert_leaf(map, "192.0.2.192", 0, 26); /* the gap */
	assert_leaf(map, "192.0.3.0", 0, 24);
	assert_leaf(map, "198.51.100.77", US, 24); /* two cities, one class */
	assert_leaf(map, "8.8.8.8", US, 24);
	assert_leaf(map, "9.0.0.0", 0, 8);
	assert_leaf(map, "64.0.0.0", 0, 2);
	assert_leaf(map, "2001:db8::", DE, 48);
	assert_leaf(map, "2001:db8:1::", FR, 63);
	assert_leaf(map, "2001:db8:1:2:3:4:5:6", NO, 127);
	assert_leaf(map, "2001:db8:1:2:3:4:5:7", NO, 127);
	assert_leaf(map, "2001:db8:1:2:3:4:5:5", FR, 127);
	assert_leaf(map, "2001:db8:8000::", DE, 33);
	isb_geomap_free(map);
	isb_geodb_free(db);
}

static void the_same_files_and_another_policy_give_wider_scopes(void **state)
{
	(void)state;
	unsigned calls = 0;
	struct isb_geodb *db = open_db(GEO "city.mmdb");
	struct isb_geomap *map = isb_geomap_new(db, NULL, 0, NULL, 0, by_continent, &calls);
	assert_sound(map);
	assert_leaf(map, "2001:db8:1:2:3:4:5:6", 'E' << 8, 32); /* DE, FR, NO: all Europe */
	assert_leaf(map, "192.0.2.192", 0, 26);
	isb_geomap_free(map);
	isb_geodb_free(db);
}

static void aliases_of_ipv4_inside_ipv6_fall_through(void **state)
{
	(void)state;
	unsigned calls = 0;
	struct isb_geodb *db = open_db(GEO "city.mmdb");
	struct isb_geomap *map = isb_geomap_new(db, NULL, 0, NULL, 0, by_country, &calls);
	assert_leaf(map, "::192.0.2.1", 0, 3);
	assert_leaf(map, "::ffff:192.0.2.1", 0, 3);
	assert_leaf(map, "2002:c000:201::", 0, 15);
	isb_geomap_free(map);
	isb_geodb_free(db);
}

static void an_ipv4_only_database_leaves_ipv6_one_leaf(void **state)
{
	(void)state;
	unsigned calls = 0;
	struct isb_geodb *db = open_db(GEO "country.mmdb");
	struct isb_geomap *map = isb_geomap_new(db, NULL, 0, NULL, 0, by_country, &calls);
	assert_sound(map);
	assert_leaf(map, "192.0.2.1", KR, 25);
	assert_leaf(map, "192.0.2.128", JP, 25);
	assert_leaf(map, "2001:db8::", 0, 0);
	isb_geomap_free(map);
	isb_geodb_free(db);
}

static void nested_networks_are_cut_out_of_their_parents(void **state)
{
	(void)state;
	unsigned calls = 0;
	const struct isb_prefix nets[] = {
		prefix("10.0.0.0/8", 1),       prefix("10.1.0.0/16", 2),    prefix("10.1.2.3/32", 3),
		prefix("10.1.3.0/24", 2),      prefix("2001:db8::/32", 1),  prefix("2001:db8::/127", 2),
		prefix("2001:db8::/128", 3),   prefix("2001:db8:0:1::/64", 4)};
	struct isb_geomap *map = isb_geomap_new(NULL, nets, 8, NULL, 0, by_longest, &calls);
	assert_sound(map);
	assert_leaf(map, "10.1.2.3", 3, 32);
	assert_leaf(map, "10.1.2.2", 2, 32);
	assert_leaf(map, "10.1.2.0", 2, 31);
	assert_leaf(map, "10.1.3.9", 2, 24); /* merged away, but for its neighbour */
	assert_leaf(map, "10.1.128.0", 2, 17);
	assert_leaf(map, "10.2.0.0", 1, 15);
	assert_leaf(map, "10.128.0.0", 1, 9);
	assert_leaf(map, "11.0.0.0", 0, 8);
	assert_leaf(map, "128.0.0.0", 0, 1);
	assert_leaf(map, "2001:db8::", 3, 128);
	assert_leaf(map, "2001:db8::1", 2, 128);
	assert_leaf(map, "2001:db8::2", 1, 127);
	assert_leaf(map, "2001:db8:0:1::ffff", 4, 64);
	isb_geomap_free(map);
}

static void the_whole_of_a_family_can_be_a_network(void **state)
{
	(void)state;
	unsigned calls = 0;
	const struct isb_prefix nets[] = {prefix("0.0.0.0/0", 7), prefix("::/0", 8), prefix("::/1", 8)};
	struct isb_geomap *map = isb_geomap_new(NULL, nets, 3, NULL, 0, by_longest, &calls);
	assert_int_equal(assert_sound(map), 2);
	assert_leaf(map, "255.255.255.255", 7, 0);
	assert_leaf(map, "ffff::", 8, 0);
	isb_geomap_free(map);
}

struct expected {
	unsigned calls;
	struct isb_prefix_match nets[4], cells[4];
	size_t nnet, ncell;
};

static uint32_t look(void *arg, const struct isb_facts *facts)
{
	struct expected *e = arg;
	e->calls++;
	if (facts->nnet + facts->ncell <= e->nnet + e->ncell)
		return 1;
	e->nnet = facts->nnet;
	e->ncell = facts->ncell;
	for (size_t i = 0; i < facts->nnet; i++)
		e->nets[i] = facts->nets[i];
	for (size_t i = 0; i < facts->ncell; i++)
		e->cells[i] = facts->cells[i];
	return 1;
}

static void facts_list_all_matches_longest_first_and_once(void **state)
{
	(void)state;
	struct expected e = {0};
	const struct isb_prefix nets[] = {prefix("10.0.0.0/8", 5), prefix("10.1.0.0/16", 9), prefix("10.1.0.0/16", 5),
	                                  prefix("10.1.0.0/16", 9)};
	const struct isb_prefix cells[] = {prefix("10.0.0.0/8", 1), prefix("10.1.0.0/17", 2)};
	struct isb_geomap *map = isb_geomap_new(NULL, nets, 4, cells, 2, look, &e);
	assert_int_equal(e.nnet, 3);
	assert_true(e.nets[0].id == 5 && e.nets[0].len == 16);
	assert_true(e.nets[1].id == 9 && e.nets[1].len == 16);
	assert_true(e.nets[2].id == 5 && e.nets[2].len == 8);
	assert_int_equal(e.ncell, 2);
	assert_true(e.cells[0].id == 2 && e.cells[0].len == 17);
	assert_true(e.cells[1].id == 1 && e.cells[1].len == 8);
	assert_int_equal(assert_sound(map), 2); /* the one class */
	isb_geomap_free(map);
}

static void classify_is_called_once_per_combination(void **state)
{
	(void)state;
	struct expected e = {0};
	struct isb_prefix nets[256];
	for (unsigned i = 0; i < 256; i++) { /* one set of many networks */
		nets[i] = prefix("10.0.0.0/24", 1);
		nets[i].net.addr.octets[2] = (uint8_t)i;
		nets[i].net.addr.octets[1] = (uint8_t)(i % 7);
	}
	struct isb_geomap *map = isb_geomap_new(NULL, nets, 256, NULL, 0, look, &e);
	assert_int_equal(e.calls, 2); /* in the set, or not */
	isb_geomap_free(map);
}

static uint32_t too_much(void *arg, const struct isb_facts *facts)
{
	(void)arg;
	return facts->nnet ? ISB_CLASS_MAX : UINT32_MAX;
}

static void the_largest_class_fits_and_a_larger_one_is_none(void **state)
{
	(void)state;
	const struct isb_prefix nets[] = {prefix("10.0.0.0/30", 1)};
	struct isb_geomap *map = isb_geomap_new(NULL, nets, 1, NULL, 0, too_much, NULL);
	assert_sound(map);
	assert_leaf(map, "10.0.0.1", ISB_CLASS_MAX, 30);
	assert_leaf(map, "11.0.0.1", ISB_CLASS_NONE, 8);
	isb_geomap_free(map);
}

static void networks_and_cells_refine_a_database(void **state)
{
	(void)state;
	unsigned calls = 0;
	struct isb_geodb *db = open_db(GEO "city.mmdb");
	const struct isb_prefix nets[] = {prefix("192.0.2.64/28", 1)}, cells[] = {prefix("192.0.2.0/27", 0)};
	struct isb_geomap *map = isb_geomap_new(db, nets, 1, cells, 1, by_longest, &calls);
	assert_sound(map);
	assert_leaf(map, "192.0.2.70", 1, 28);
	assert_leaf(map, "192.0.2.1", 1000, 27);
	assert_leaf(map, "192.0.2.33", 0, 27);
	assert_leaf(map, "198.51.100.1", 0, 6); /* the database makes no difference here */
	isb_geomap_free(map);
	isb_geodb_free(db);
}

/* The slow model: every answer by looking at all networks. A network around an address has one class if its first
 * address has that class and no boundary of any network inside it changes the class. */

enum { NETS = 120, POOL = 24 };

static uint32_t slow_class(const struct isb_prefix *nets, size_t n, const struct isb_addr *addr)
{
	const struct isb_prefix *best = NULL;
	for (size_t i = 0; i < n; i++)
		if (isb_net_has(&nets[i].net, addr) &&
		    (!best || nets[i].net.len > best->net.len ||
		     (nets[i].net.len == best->net.len && nets[i].id < best->id)))
			best = &nets[i];
	return best ? best->id : 0;
}

static struct isb_addr plus_one(struct isb_addr a)
{
	for (unsigned i = isb_addr_bits(&a) / 8; i-- > 0 && ++a.octets[i] == 0;)
		continue;
	return a;
}

static struct isb_addr last_of(const struct isb_net *net)
{
	struct isb_addr a = net->addr;
	for (unsigned i = net->len; i < isb_addr_bits(&a); i++)
		a.octets[i / 8] |= (uint8_t)(0x80 >> i % 8);
	return a;
}

static bool uniform(const struct isb_prefix *nets, size_t n, const struct isb_net *around, uint32_t cls)
{
	if (slow_class(nets, n, &around->addr) != cls)
		return false;
	for (size_t i = 0; i < n; i++) {
		struct isb_addr last = last_of(&nets[i].net), after = plus_one(last);
		if ((isb_net_has(around, &nets[i].net.addr) && slow_class(nets, n, &nets[i].net.addr) != cls) ||
		    (isb_net_has(around, &after) && slow_class(nets, n, &after) != cls))
			return false;
	}
	return true;
}

static void assert_as_slow(const struct isb_geomap *map, const struct isb_prefix *nets, size_t n,
                           const struct isb_addr *addr)
{
	uint32_t cls = slow_class(nets, n, addr);
	unsigned lo = 0, hi = isb_addr_bits(addr); /* uniform at hi, and at every longer length than a uniform one */
	while (lo < hi) {
		struct isb_net around = isb_net_around(addr, (lo + hi) / 2);
		if (uniform(nets, n, &around, cls))
			hi = (lo + hi) / 2;
		else
			lo = (lo + hi) / 2 + 1;
	}
	char text[ISB_ADDR_TEXT];
	assert_leaf(map, isb_addr_print(addr, text), cls, hi);
}

/* Addresses that share their beginnings, so that networks nest. */
static struct isb_addr random_addr(struct isb_rng *rng, unsigned family, const struct isb_addr *pool, size_t npool)
{
	struct isb_addr a = {.family = (uint8_t)family};
	unsigned bits = isb_addr_bits(&a), from = npool ? (unsigned)isb_rng_below(rng, bits + 1) : 0;
	if (npool)
		a = pool[isb_rng_below(rng, npool)];
	for (unsigned i = from; i < bits; i++) {
		a.octets[i / 8] &= (uint8_t)~(0x80 >> i % 8);
		if (isb_rng_next(rng) & 1)
			a.octets[i / 8] |= (uint8_t)(0x80 >> i % 8);
	}
	return a;
}

static void compare_with_the_slow_model(unsigned family, uint64_t seed)
{
	struct isb_rng rng;
	struct isb_addr pool[POOL];
	struct isb_prefix nets[NETS];
	unsigned calls = 0;
	isb_rng_seed(&rng, seed);
	for (size_t i = 0; i < POOL; i++)
		pool[i] = random_addr(&rng, family, pool, i);
	size_t n = 1 + isb_rng_below(&rng, NETS);
	for (size_t i = 0; i < n; i++) {
		struct isb_addr a = random_addr(&rng, family, pool, POOL);
		nets[i].net = isb_net_around(&a, (unsigned)isb_rng_below(&rng, isb_addr_bits(&a) + 1));
		nets[i].id = 1 + (uint32_t)isb_rng_below(&rng, 3);
	}
	struct isb_geomap *map = isb_geomap_new(NULL, nets, n, NULL, 0, by_longest, &calls);
	assert_sound(map);
	for (int i = 0; i < 20; i++) {
		struct isb_addr a = random_addr(&rng, family, pool, POOL);
		assert_as_slow(map, nets, n, &a);
	}
	for (size_t i = 0; i < n; i += 6) { /* where it can go wrong: first, last, and one after */
		struct isb_addr last = last_of(&nets[i].net), after = plus_one(last);
		assert_as_slow(map, nets, n, &nets[i].net.addr);
		assert_as_slow(map, nets, n, &last);
		assert_as_slow(map, nets, n, &after);
	}
	isb_geomap_free(map);
}

static void random_networks_agree_with_a_slow_model_in_ipv4(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++)
		compare_with_the_slow_model(4, seed);
}

static void random_networks_agree_with_a_slow_model_in_ipv6(void **state)
{
	(void)state;
	for (uint64_t seed = 100; seed < 115; seed++)
		compare_with_the_slow_model(6, seed);
}

struct partition {
	const struct isb_geomap *map;
	struct isb_addr next;
	size_t count;
};

static void check_leaf(void *arg, const struct isb_net *net, uint32_t cls)
{
	struct partition *p = arg;
	struct isb_addr zero = {.family = net->addr.family}, last = last_of(net);
	if (p->count == 0 || p->next.family != net->addr.family)
		assert_true(isb_addr_equal(&net->addr, &zero));
	else
		assert_true(isb_addr_equal(&net->addr, &p->next));
	struct isb_geoleaf first = isb_geomap_find(p->map, &net->addr), end = isb_geomap_find(p->map, &last);
	assert_true(first.cls == cls && end.cls == cls && first.scope == net->len && end.scope == net->len);
	p->next = plus_one(last);
	p->count++;
}

static void each_gives_a_partition_in_address_order_that_find_agrees_with(void **state)
{
	(void)state;
	unsigned calls = 0;
	struct isb_geodb *db = open_db(GEO "city.mmdb");
	const struct isb_prefix nets[] = {prefix("2001:db8:7::/48", 1), prefix("0.0.0.0/2", 2),
	                                  prefix("192.0.2.3/32", 3)};
	struct isb_geomap *maps[] = {isb_geomap_new(db, NULL, 0, NULL, 0, by_country, &calls),
	                             isb_geomap_new(db, nets, 3, NULL, 0, by_longest, &calls)};
	for (int i = 0; i < 2; i++) {
		struct partition p = {.map = maps[i]};
		isb_geomap_each(maps[i], check_leaf, &p);
		assert_int_equal(p.count, assert_sound(maps[i]));
		assert_true(p.count > 10);
		static const struct isb_addr wrapped = {.family = 6};
		assert_true(isb_addr_equal(&p.next, &wrapped));
		isb_geomap_free(maps[i]);
	}
	isb_geodb_free(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_nothing_to_tell_clients_apart_there_is_one_leaf_per_family),
		cmocka_unit_test(scopes_are_exact_also_in_gaps),
		cmocka_unit_test(the_same_files_and_another_policy_give_wider_scopes),
		cmocka_unit_test(aliases_of_ipv4_inside_ipv6_fall_through),
		cmocka_unit_test(an_ipv4_only_database_leaves_ipv6_one_leaf),
		cmocka_unit_test(nested_networks_are_cut_out_of_their_parents),
		cmocka_unit_test(the_whole_of_a_family_can_be_a_network),
		cmocka_unit_test(facts_list_all_matches_longest_first_and_once),
		cmocka_unit_test(classify_is_called_once_per_combination),
		cmocka_unit_test(the_largest_class_fits_and_a_larger_one_is_none),
		cmocka_unit_test(networks_and_cells_refine_a_database),
		cmocka_unit_test(random_networks_agree_with_a_slow_model_in_ipv4),
		cmocka_unit_test(random_networks_agree_with_a_slow_model_in_ipv6),
		cmocka_unit_test(each_gives_a_partition_in_address_order_that_find_agrees_with),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
