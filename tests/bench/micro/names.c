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

const struct bench_subject bench_names[] = {
	{.name = "names/find", .what = "one of so many names, in one level of the tree", .full = 1000000, .small = 20000,
	 .guard_ops = 20000, .set_up = set_up, .run = find, .tear_down = tear_down},
	{.name = "names/edit", .what = "one rrset of so many names replaced, committed, the old freed", .full = 1000000,
	 .small = 20000, .guard_ops = 5000, .set_up = set_up, .run = edit_one, .tear_down = tear_down},
	{0},
};
