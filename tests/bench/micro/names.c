/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/rng.h"

/* The tree of names: looking up one of many, and editing one of many. */

enum { ASKED = 1 << 16 };

struct trie {
	const struct isb_node *root;
	uint32_t size;
	uint8_t (*asked)[16]; /* names in wire form, ASKED of them */
	uint32_t at;
};

/* Ten hexadecimal digits: the numbers of 40 bits that an odd factor scatters, so that all are different. */
static void name_of(uint32_t i, uint8_t out[16])
{
	char text[16];
	uint64_t scattered = (i * UINT64_C(0x9e3779b97f4a7c15)) & ((UINT64_C(1) << 40) - 1);
	snprintf(text, sizeof(text), "%010llx", (unsigned long long)scattered);
	out[0] = 10;
	memcpy(out + 1, text, 11); /* its NUL is the root */
}

/* An A record with this address. */
static const struct isb_rrset *address(uint32_t value)
{
	static _Alignas(8) uint8_t memory[sizeof(struct isb_rrset) + 6];
	struct isb_rrset *set = (struct isb_rrset *)memory;
	*set = (struct isb_rrset){.ttl_s = 300, .type = ISB_A, .count = 1, .size = 6};
	memcpy(set->rdata, "\0\4", 2);
	memcpy(set->rdata + 2, &value, 4);
	return set;
}

static void *set_up(const struct bench_subject *subject, uint32_t size)
{
	struct trie *t = isb_xcalloc(1, sizeof(*t));
	struct isb_names_edit *edit = isb_names_edit_new(NULL);
	struct isb_garbage *garbage;
	struct isb_rng rng;
	uint8_t name[16];
	(void)subject;
	t->size = size;
	for (uint32_t i = 0; i < size; i++) {
		name_of(i, name);
		isb_names_put(edit, name, ISB_A, address(i));
	}
	t->root = isb_names_commit(edit, &garbage);
	isb_garbage_free(garbage);
	isb_rng_seed(&rng, 1);
	t->asked = isb_xcalloc(ASKED, sizeof(*t->asked));
	for (uint32_t i = 0; i < ASKED; i++)
		name_of((uint32_t)isb_rng_below(&rng, size), t->asked[i]);
	return t;
}

static void tear_down(void *state)
{
	struct trie *t = state;
	isb_names_free(t->root);
	free(t->asked);
	free(t);
}

static void find(void *state, uint32_t ops)
{
	struct trie *t = state;
	for (uint32_t i = 0; i < ops; i++) {
		const struct isb_node *node = isb_node_child(t->root, t->asked[t->at++ % ASKED]);
		if (!node)
			bench_die("a name is not found");
		bench_sink += node->nset;
	}
}

static void edit_one(void *state, uint32_t ops)
{
	struct trie *t = state;
	for (uint32_t i = 0; i < ops; i++) {
		struct isb_names_edit *edit = isb_names_edit_new(t->root);
		struct isb_garbage *garbage;
		isb_names_put(edit, t->asked[t->at % ASKED], ISB_A, address(t->at));
		t->at++;
		t->root = isb_names_commit(edit, &garbage);
		isb_garbage_free(garbage);
	}
}

/* --- Whole names, without the trie ---------------------------------------------------------------------------------- */

struct whole {
	struct bench_site *site;
	struct isb_exact *exact;
	struct isb_large *large;
	uint8_t (*asked)[32], *len; /* names in wire form, ASKED of them */
	uint32_t at;
};

static void *set_up_whole(const struct bench_subject *subject, uint32_t size)
{
	struct whole *w = isb_xcalloc(1, sizeof(*w));
	struct isb_buf zone = {0};
	struct isb_rng rng;
	uint8_t apex[ISB_DNAME_MAX];
	char text[32];
	(void)subject;
	isb_buf_puts(&zone, BENCH_APEX);
	for (uint32_t i = 0; i < size; i++)
		isb_buf_printf(&zone, "h%u A 10.%u.%u.%u\n", i, i >> 16, i >> 8 & 255, i & 255);
	w->site = bench_site_new("zones: {example.com: {}}\n", isb_buf_text(&zone), NULL);
	isb_buf_done(&zone);
	const struct isb_view *view = w->site->view;
	struct isb_exact_sources sources = {.names = size + 16};
	w->exact = isb_exact_new(view, &sources);
	int len = isb_dname_parse("example.com.", NULL, apex);
	w->large = isb_large_new(view, isb_view_zone(view, apex, (size_t)len));
	isb_rng_seed(&rng, 1);
	w->asked = isb_xcalloc(ASKED, sizeof(*w->asked));
	w->len = isb_xcalloc(ASKED, 1);
	for (uint32_t i = 0; i < ASKED; i++) {
		uint8_t name[ISB_DNAME_MAX];
		snprintf(text, sizeof(text), "h%u.example.com.", (unsigned)isb_rng_below(&rng, size));
		w->len[i] = (uint8_t)isb_dname_parse(text, NULL, name);
		memcpy(w->asked[i], name, w->len[i]);
	}
	return w;
}

static void tear_down_whole(void *state)
{
	struct whole *w = state;
	bench_site_free(w->site);
	free(w->exact);
	free(w->large);
	free(w->asked);
	free(w->len);
	free(w);
}

static void find_exact(void *state, uint32_t ops)
{
	struct whole *w = state;
	for (uint32_t i = 0; i < ops; i++) {
		uint32_t at = w->at++ % ASKED;
		const struct isb_exact_entry *entry = isb_exact_find(w->exact, w->asked[at], w->len[at]);
		if (!entry)
			bench_die("a name is not found");
		bench_sink += entry->nset;
	}
}

/* A few names find no place. */
static void find_large(void *state, uint32_t ops)
{
	struct whole *w = state;
	for (uint32_t i = 0; i < ops; i++) {
		uint32_t at = w->at++ % ASKED;
		const struct isb_node *node = isb_large_find(w->large, w->asked[at], w->len[at]);
		bench_sink += node ? node->nset : 0;
	}
}

const struct bench_subject bench_names[] = {
	{.name = "names/find", .what = "one of so many names, in one level of the tree", .full = 1000000, .small = 20000,
	 .guard_ops = 20000, .set_up = set_up, .run = find, .tear_down = tear_down},
	{.name = "names/edit", .what = "one rrset of so many names replaced, committed, the old freed", .full = 1000000,
	 .small = 20000, .guard_ops = 5000, .set_up = set_up, .run = edit_one, .tear_down = tear_down},
	{.name = "names/exact", .what = "one of so many whole names", .full = 100000, .small = 20000, .guard_ops = 20000,
	 .set_up = set_up_whole, .run = find_exact, .tear_down = tear_down_whole},
	{.name = "names/large", .what = "one of so many names of a large zone", .full = 1000000, .small = 20000,
	 .guard_ops = 20000, .set_up = set_up_whole, .run = find_large, .tear_down = tear_down_whole},
	{0},
};
