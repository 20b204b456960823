/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "own.h"

static int longest_first(const void *a, const void *b)
{
	const struct isb_prefix_match *x = a, *y = b;
	return x->len != y->len ? y->len - x->len : (x->id > y->id) - (x->id < y->id);
}

/* Matches of an address in a prefix set: what the geo map's walk finds, looked up the slow way. */
static size_t match(struct isb_arena *arena, const struct isb_prefix *prefixes, size_t count, const struct isb_addr *addr,
                    struct isb_prefix_match **ret)
{
	struct isb_prefix_match *found = isb_arena_alloc(arena, (count + 1) * sizeof(*found));
	size_t n = 0;
	for (size_t i = 0; i < count; i++)
		if (isb_net_has(&prefixes[i].net, addr))
			found[n++] = (struct isb_prefix_match){.id = prefixes[i].id, .len = prefixes[i].net.len};
	qsort(found, n, sizeof(*found), longest_first);
	*ret = found;
	return n;
}

struct telling {
	struct isb_tree *tree;
	struct isb_tree_settled settled;
	const struct isb_facts *facts;
	const struct isb_rtt_source *rtt;
	uint16_t *ranks;
	const char ***text; /* [node][child]: what its order says of it; NULL for nodes whose order is not by client */
	void (*each)(void *arg, const struct isb_why *why);
	void *arg;
};

static void ask_order(struct telling *t, uint32_t at)
{
	const struct isb_tree_node *node = &t->tree->nodes[at];
	struct isb_arena *arena = t->tree->arena;
	uint16_t *rank = isb_arena_alloc(arena, node->nchild * sizeof(*rank));
	struct isb_buf *why = isb_arena_alloc(arena, node->nchild * sizeof(*why));
	struct isb_order_in in = isb_tree_order_in(t->tree, node, t->facts, t->rtt);
	node->order->rank(&in, rank, why);
	t->text[at] = isb_arena_alloc(arena, node->nchild * sizeof(*t->text[at]));
	for (size_t i = 0; i < node->nchild; i++) {
		t->text[at][i] = isb_arena_strdup(arena, isb_buf_text(&why[i]));
		isb_buf_done(&why[i]);
	}
}

static const char *name_of(const struct isb_tree *tree, struct isb_tree_end end)
{
	const struct isb_tree_node *node = &tree->nodes[end.node];
	return node->pool ? isb_arena_printf(tree->arena, "%s/%s", node->pool->name, node->pool->endpoints[end.child].name)
	                  : tree->nodes[node->child[end.child]].name;
}

/* All the orders' words on the way from a node to where its choice leads: "default, 8600 km". */
static const char *text_of(const struct telling *t, uint32_t at, const struct isb_tree_choice *choice)
{
	const char *all = "";
	for (;;) {
		const char *word = t->text[at] ? t->text[at][choice->from] : "";
		if (*word)
			all = *all ? isb_arena_printf(t->tree->arena, "%s, %s", all, word) : word;
		if (choice->sub == ISB_TREE_WHOLE)
			return all;
		at = t->tree->nodes[at].child[choice->from];
		choice = &t->settled.choice[t->settled.node[at].first + choice->sub];
	}
}

static void tell_child(struct telling *t, uint32_t at, uint32_t i)
{
	const struct isb_tree_node *node = &t->tree->nodes[at];
	struct isb_tree_span span = t->settled.node[at];
	struct isb_why why = {.node = node->name, .index = i};
	if (node->policy && node->order->id == ISB_ORDER_GEO)
		why.rule = &node->policy->children[i];
	bool any = false;
	for (uint32_t k = 0; k < span.count; k++) {
		const struct isb_tree_choice *choice = &t->settled.choice[span.first + k];
		if (choice->from != i)
			continue;
		any = true;
		why.child = name_of(t->tree, isb_tree_end(t->tree, &t->settled, at, choice));
		why.rank = choice->rank;
		why.why = text_of(t, at, choice);
		if (t->text[at] || *why.why)
			t->each(t->arg, &why);
	}
	if (any || !t->text[at])
		return;
	why.child = name_of(t->tree, (struct isb_tree_end){at, i});
	why.rank = ISB_RANK_OUT;
	why.again = t->ranks[node->rank_at + i] != ISB_RANK_OUT && node->policy && t->settled.node[node->child[i]].count;
	why.why = t->text[at][i];
	t->each(t->arg, &why);
}

static void tell_all(struct telling *t)
{
	const struct isb_tree *tree = t->tree;
	t->ranks = isb_arena_alloc(tree->arena, tree->nrank * sizeof(*t->ranks));
	isb_tree_rank(tree, t->facts, t->rtt, t->ranks);
	isb_tree_settle(tree, t->ranks, &t->settled);
	t->text = isb_arena_alloc(tree->arena, tree->count * sizeof(*t->text));
	for (uint32_t at = 0; at < tree->count; at++)
		if (tree->nodes[at].order->by_client)
			ask_order(t, at);
	for (uint32_t at = (uint32_t)tree->count; at-- > 0;)
		for (uint32_t i = 0; i < tree->nodes[at].nchild; i++)
			tell_child(t, at, i);
	isb_tree_settled_done(&t->settled);
}

void isb_view_why(const struct isb_view *view, uint32_t record, const struct isb_addr *client,
                  void (*each)(void *arg, const struct isb_why *why), void *arg)
{
	const struct isb_shape *shape = view->own->shape;
	if (record >= shape->nrecord || !shape->records[record].name)
		return;
	struct isb_arena arena = {0};
	const struct isb_compile_record *from = &shape->records[record];
	struct isb_tree *tree = isb_tree_new_rollout(&arena, &shape->catalog, from->record->policy.name, from->rollout);
	struct isb_geo_facts geo = {0};
	uint8_t len;
	if (view->geodb)
		isb_geodb_find(view->geodb, client, &geo, &len);
	struct isb_prefix_match *nets, cells[ISB_CELLS_AROUND];
	struct isb_facts facts = {.geo = &geo};
	facts.nnet = match(&arena, tree->nets, tree->nnet, client, &nets);
	facts.ncell = isb_cells_around(shape->cells, client, cells);
	facts.nets = nets;
	facts.cells = cells;
	struct telling t = {
		.tree = tree, .facts = &facts, .rtt = isb_latencies_source(shape->latencies), .each = each, .arg = arg};
	tell_all(&t);
	isb_arena_done(&arena);
}

const struct isb_catalog *isb_view_catalog(const struct isb_view *view)
{
	return &view->own->shape->catalog;
}

/* --- Rules in words --- */

enum { SHOWN = 6 }; /* things of one sort that a rule is shown with */

static void add_item(struct isb_buf *out, const char *word, size_t i, size_t count, const char *text)
{
	if (i == 0)
		isb_buf_printf(out, "%s%s ", out->len ? ", " : "", word);
	else if (i < SHOWN)
		isb_buf_puts(out, " ");
	if (i < SHOWN)
		isb_buf_puts(out, text);
	else if (i + 1 == count)
		isb_buf_printf(out, " and %zu more", count - SHOWN);
}

static void add_strings(struct isb_buf *out, const char *word, const struct isb_strings *strings)
{
	for (size_t i = 0; i < strings->count; i++)
		add_item(out, word, i, strings->count, strings->list[i]);
}

static void print_match(struct isb_buf *out, const struct isb_geo_match *match)
{
	char text[ISB_NET_TEXT], number[16];
	for (size_t i = 0; i < match->nnet; i++)
		add_item(out, "net", i, match->nnet, isb_net_print(&match->nets[i], text));
	for (size_t i = 0; i < match->nasn; i++) {
		snprintf(number, sizeof(number), "%u", match->asns[i]);
		add_item(out, "asn", i, match->nasn, number);
	}
	add_strings(out, "city", &match->cities);
	add_strings(out, "subdivision", &match->subdivisions);
	add_strings(out, "country", &match->countries);
	add_strings(out, "continent", &match->continents);
	if (match->is_default)
		isb_buf_printf(out, "%sdefault", out->len ? ", " : "");
}

void isb_view_rule_print(const struct isb_policy_child *rule, struct isb_buf *out)
{
	print_match(out, &rule->match);
	if (rule->fence)
		isb_buf_puts(out, ", fenced");
}
