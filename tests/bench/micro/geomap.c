/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <stdlib.h>

#include "isobar/base/arena.h"
#include "isobar/base/rng.h"

/* Client → class, in a table over networks of mixed lengths. */

enum { ASKED = 1 << 16, CLASSES = 20 };

struct table {
	struct isb_geomap *map;
	struct isb_addr *asked;
	uint32_t at;
};

static uint32_t class_of(void *arg, const struct isb_facts *facts)
{
	(void)arg;
	return facts->nnet ? facts->nets[0].id : ISB_CLASS_NONE;
}

/* Three in four lie in a network that is there; the others anywhere. */
static struct isb_addr client(struct isb_rng *rng, const struct isb_prefix *nets, uint32_t size, uint8_t family)
{
	struct isb_addr addr = {.family = family};
	uint64_t host = isb_rng_next(rng);
	if (host % 4) {
		const struct isb_net *net = &nets[isb_rng_below(rng, size)].net;
		addr = net->addr;
		for (unsigned bit = net->len; bit < (family == 4 ? 32 : 64); bit++)
			addr.octets[bit / 8] |= (uint8_t)((host >> bit & 1) << (7 - bit % 8));
		return addr;
	}
	for (unsigned i = 0; i < (family == 4 ? 4 : 8); i++)
		addr.octets[i] = (uint8_t)(host >> (8 * i));
	return addr;
}

static struct isb_net network(struct isb_rng *rng, uint8_t family)
{
	uint64_t bits = isb_rng_next(rng);
	struct isb_addr addr = {.family = family, .octets = {family == 4 ? (uint8_t)(1 + bits % 222) : 0x2a}};
	for (unsigned i = 1; i < 8 && (family == 6 || i < 4); i++)
		addr.octets[i] = (uint8_t)(bits >> (8 * i));
	unsigned len = family == 4 ? 12 + (unsigned)isb_rng_below(rng, 13) : 28 + (unsigned)isb_rng_below(rng, 21);
	return isb_net_around(&addr, len);
}

static void *set_up(const struct bench_subject *subject, uint32_t size)
{
	uint8_t family = *(const uint8_t *)subject->arg;
	struct table *t = isb_xcalloc(1, sizeof(*t));
	struct isb_prefix *nets = isb_xcalloc(size, sizeof(*nets));
	struct isb_rng rng;
	isb_rng_seed(&rng, 2);
	for (uint32_t i = 0; i < size; i++)
		nets[i] =
			(struct isb_prefix){.net = network(&rng, family), .id = (uint32_t)isb_rng_below(&rng, CLASSES)};
	t->map = isb_geomap_new(NULL, nets, size, NULL, 0, class_of, NULL);
	t->asked = isb_xcalloc(ASKED, sizeof(*t->asked));
	for (uint32_t i = 0; i < ASKED; i++)
		t->asked[i] = client(&rng, nets, size, family);
	free(nets);
	return t;
}

static void tear_down(void *state)
{
	struct table *t = state;
	isb_geomap_free(t->map);
	free(t->asked);
	free(t);
}

static void find(void *state, uint32_t ops)
{
	struct table *t = state;
	for (uint32_t i = 0; i < ops; i++) {
		struct isb_geoleaf leaf = isb_geomap_find(t->map, &t->asked[t->at++ % ASKED]);
		bench_sink += leaf.cls + leaf.scope;
	}
}

static const uint8_t ipv4 = 4, ipv6 = 6;

const struct bench_subject bench_geomap[] = {
	{.name = "geomap/find-ipv4", .what = "the class and scope of a client among so many networks", .full = 200000,
	 .small = 5000, .guard_ops = 20000, .arg = &ipv4, .set_up = set_up, .run = find, .tear_down = tear_down},
	{.name = "geomap/find-ipv6", .what = "the same for IPv6", .full = 200000, .small = 5000, .guard_ops = 20000,
	 .arg = &ipv6, .set_up = set_up, .run = find, .tear_down = tear_down},
	{0},
};
