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

/* The block as octets: where it lies, cut short, damaged. */

static struct isb_addr addr_of(const char *text)
{
	struct isb_addr addr;
	assert_int_equal(isb_addr_parse(text, &addr), ISB_OK);
	return addr;
}

static uint32_t by_longest(void *arg, const struct isb_facts *facts)
{
	(void)arg;
	return facts->nnet ? facts->nets[0].id : 0;
}

/* Every network is a class of its own, the first one is `first`. */
static struct isb_geomap *map_from(uint32_t first)
{
	static const char *const texts[] = {"10.1.0.0/16",   "10.3.0.0/16",    "192.0.2.0/25",       "192.0.2.77/32",
	                                    "2001:db8::/32", "2001:db8:1::/48", "2001:db8:1:2::6/127"};
	struct isb_prefix nets[7];
	for (uint32_t i = 0; i < 7; i++) {
		nets[i].id = first + i;
		assert_int_equal(isb_net_parse(texts[i], &nets[i].net), ISB_OK);
	}
	return isb_geomap_new(NULL, nets, 7, NULL, 0, by_longest, NULL);
}

static struct isb_geomap *small_map(void)
{
	return map_from(1);
}

struct shift {
	const struct isb_geomap *other;
	uint32_t by;
	size_t count;
};

static void same_but_shifted(void *arg, const struct isb_net *net, uint32_t cls)
{
	struct shift *s = arg;
	struct isb_geoleaf leaf = isb_geomap_find(s->other, &net->addr);
	assert_int_equal(leaf.scope, net->len);
	assert_int_equal(leaf.cls, cls ? cls + s->by : 0);
	s->count++;
}

/* Classes up to 255 fit a leaf of 16 bits beside their scope. */
static void larger_classes_only_make_leaves_wider(void **state)
{
	(void)state;
	struct isb_geomap *narrow = map_from(249), *wide = map_from(250);
	struct shift shift = {wide, 1, 0};
	size_t leaves;
	assert_true(isb_geomap_size(narrow) < isb_geomap_size(wide));
	isb_geomap_each(narrow, same_but_shifted, &shift);
	assert_int_equal(isb_geomap_prove(wide, &leaves), ISB_OK);
	assert_int_equal(leaves, shift.count);
	isb_geomap_free(narrow);
	isb_geomap_free(wide);
}

static void a_copied_block_is_the_same_map(void **state)
{
	(void)state;
	size_t leaves, before;
	struct isb_geomap *map = small_map();
	struct isb_geomap *copy = isb_geomap_copy(isb_geomap_block(map), isb_geomap_size(map));
	assert_int_equal(isb_geomap_prove(map, &before), ISB_OK);
	isb_geomap_free(map);
	assert_int_equal(isb_geomap_prove(copy, &leaves), ISB_OK);
	assert_int_equal(leaves, before);
	struct isb_addr a = addr_of("192.0.2.77"), b = addr_of("2001:db8:1:2::7");
	assert_true(isb_geomap_find(copy, &a).cls == 4 && isb_geomap_find(copy, &a).scope == 32);
	assert_true(isb_geomap_find(copy, &b).cls == 7 && isb_geomap_find(copy, &b).scope == 127);
	isb_geomap_free(copy);
}

static void count_leaf(void *arg, const struct isb_net *net, uint32_t cls)
{
	size_t *count = arg;
	assert_true(net->len <= isb_addr_bits(&net->addr) && cls <= ISB_CLASS_NONE);
	++*count;
}

/* What is asked of a damaged map: any answer that could be one, and no read outside (the sanitizer sees to that). */
static void try_all(const struct isb_geomap *map, struct isb_rng *rng)
{
	static const char *const known[] = {"10.1.0.1", "192.0.2.77", "192.0.2.1", "2001:db8:1:2::7", "2001:db8:1::"};
	size_t count = 0, leaves;
	for (int i = 0; i < 25; i++) {
		struct isb_addr a = addr_of(known[i % 5]);
		if (i >= 5)
			a.octets[isb_rng_below(rng, isb_addr_bits(&a) / 8)] = (uint8_t)isb_rng_next(rng);
		assert_true(isb_geomap_find(map, &a).scope <= isb_addr_bits(&a));
	}
	isb_geomap_each(map, count_leaf, &count);
	if (isb_geomap_prove(map, &leaves) == ISB_OK)
		assert_int_equal(leaves, count);
}

/* The header, the nodes and the leaves are a few hundred octets beside two direct tables of 256 KiB: most damage is
 * done there. */
static size_t somewhere(struct isb_rng *rng, size_t size)
{
	enum { HEADER = 88, DIRECT = 65536 * 4, CLASSES = 600 };
	switch (isb_rng_below(rng, 8)) {
	case 0: return isb_rng_below(rng, size);
	case 1: return isb_rng_below(rng, HEADER);
	case 2:
	case 3:
	case 4: return HEADER + DIRECT + isb_rng_below(rng, CLASSES);
	default: return size - 1 - isb_rng_below(rng, CLASSES);
	}
}

static void damaged_blocks_are_never_read_out_of_bounds(void **state)
{
	(void)state;
	struct isb_rng rng;
	struct isb_geomap *map = small_map();
	size_t size = isb_geomap_size(map), leaves;
	uint8_t *block = malloc(size);
	unsigned unsound = 0;
	isb_rng_seed(&rng, 11);
	for (int round = 0; round < 250; round++) {
		memcpy(block, isb_geomap_block(map), size);
		for (uint64_t n = 1 + isb_rng_below(&rng, 4); n > 0; n--)
			block[somewhere(&rng, size)] = (uint8_t)isb_rng_next(&rng);
		struct isb_geomap *copy = isb_geomap_copy(block, size);
		try_all(copy, &rng);
		unsound += isb_geomap_prove(copy, &leaves) != ISB_OK;
		isb_geomap_free(copy);
	}
	assert_true(unsound > 150);
	free(block);
	isb_geomap_free(map);
}

static void cut_blocks_are_never_read_out_of_bounds(void **state)
{
	(void)state;
	struct isb_rng rng;
	struct isb_geomap *map = small_map();
	size_t leaves, size = isb_geomap_size(map);
	isb_rng_seed(&rng, 12);
	for (size_t round = 0; round < 150; round++) {
		size_t kept = round < 100 ? round : round < 120 ? size - (round - 99) : isb_rng_below(&rng, size);
		struct isb_geomap *copy = isb_geomap_copy(isb_geomap_block(map), kept);
		assert_int_equal(isb_geomap_prove(copy, &leaves), ISB_EFORMAT);
		struct isb_addr a = addr_of("2001:db8::1");
		assert_int_equal(isb_geomap_find(copy, &a).cls, ISB_CLASS_NONE);
		try_all(copy, &rng);
		isb_geomap_free(copy);
	}
	isb_geomap_free(map);
}

/* The direct table of IPv4; the header's second word says where it is. */
static uint32_t *direct_of(uint8_t *block)
{
	uint64_t at;
	memcpy(&at, block + 8, sizeof(at));
	return (uint32_t *)(void *)(block + at);
}

static void the_proof_sees_what_is_wrong(void **state)
{
	(void)state;
	static const struct {
		unsigned slot; /* the first 16 bits */
		uint32_t word;
		int rc;
	} wrongs[] = {
		{10 << 8 | 1, 5 << 8 | 16, ISB_OK},       /* another class is another truth, but sound */
		{10 << 8 | 1, 0 << 8 | 16, ISB_EFORMAT},  /* siblings of one class: 10.0/16 has it too */
		{10 << 8 | 1, 1 << 8 | 15, ISB_EFORMAT},  /* a scope that covers another class */
		{10 << 8 | 1, 1 << 8 | 17, ISB_EFORMAT},  /* a scope narrower than its slot */
		{10 << 8 | 1, 1 << 8 | 33, ISB_EFORMAT},  /* no scope of IPv4 */
		{10 << 8 | 1, 0 << 8 | 255, ISB_EFORMAT}, /* a node that has its place elsewhere */
		{10 << 8 | 1, 1 << 8 | 255, ISB_EFORMAT}, /* a node that is not there */
		{200 << 8 | 3, 9 << 8 | 16, ISB_EFORMAT}, /* a hole in a wide leaf */
	};
	struct isb_geomap *map = small_map();
	size_t size = isb_geomap_size(map);
	uint8_t *block = malloc(size);
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		memcpy(block, isb_geomap_block(map), size);
		direct_of(block)[wrongs[i].slot] = wrongs[i].word;
		struct isb_geomap *copy = isb_geomap_copy(block, size);
		size_t leaves = 77;
		assert_int_equal(isb_geomap_prove(copy, &leaves), wrongs[i].rc);
		assert_true(wrongs[i].rc == ISB_OK || leaves == 77); /* untouched on failure */
		isb_geomap_free(copy);
	}
	free(block);
	isb_geomap_free(map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copied_block_is_the_same_map),
		cmocka_unit_test(larger_classes_only_make_leaves_wider),
		cmocka_unit_test(damaged_blocks_are_never_read_out_of_bounds),
		cmocka_unit_test(cut_blocks_are_never_read_out_of_bounds),
		cmocka_unit_test(the_proof_sees_what_is_wrong),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
