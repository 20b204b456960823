/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "own.h"

/* Matches of an address in a prefix set, longest first: what the geo map's walk finds, looked up the slow way. */
static size_t match(struct isb_arena *arena, const struct isb_prefix *prefixes, size_t count, const struct isb_addr *addr,
                    struct isb_prefix_match **ret)
{
	struct isb_prefix_match *found = isb_arena_alloc(arena, (count + 1) * sizeof(*found));
	size_t n = 0;
	for (int len = 128; len >= 0; len--)
		for (size_t i = 0; i < count; i++)
			if (prefixes[i].net.len == len && isb_net_has(&prefixes[i].net, addr))
				found[n++] = (struct isb_prefix_match){.id = prefixes[i].id, .len = (uint8_t)len};
	*ret = found;
	return n;
}

static const char *child_name(const struct isb_tree *tree, const struct isb_tree_node *node, size_t i)
{
	return node->pool ? isb_arena_printf(tree->arena, "%s/%s", node->pool->name, node->pool->endpoints[i].name)
	                  : tree->nodes[node->child[i]].name;
}

static void explain_node(const struct isb_tree *tree, const struct isb_tree_node *node, const struct isb_facts *facts,
                         const struct isb_rtt_source *rtt, void (*each)(void *arg, const struct isb_why *why), void *arg)
{
	uint16_t *rank = isb_arena_alloc(tree->arena, node->nchild * sizeof(*rank));
	struct isb_buf *why = isb_arena_alloc(tree->arena, node->nchild * sizeof(*why));
	struct isb_order_in in = isb_tree_order_in(tree, node, facts, rtt);
	node->order->rank(&in, rank, why);
	for (size_t i = 0; i < node->nchild; i++) {
		struct isb_why one = {.node = node->name, .child = child_name(tree, node, i), .rank = rank[i],
		                      .why = isb_buf_text(&why[i])};
		each(arg, &one);
		isb_buf_done(&why[i]);
	}
}

void isb_view_why(const struct isb_view *view, const struct isb_geodb *geodb, uint32_t record,
                  const struct isb_addr *client, void (*each)(void *arg, const struct isb_why *why), void *arg)
{
	const struct isb_view_own *own = view->own;
	if (record >= own->nrecord || !own->records[record].name)
		return;
	struct isb_arena arena = {0};
	const struct isb_compile_record *from = &own->records[record];
	struct isb_tree *tree = isb_tree_new_rollout(&arena, &own->catalog, from->record->policy.name, from->rollout);
	struct isb_geo_facts geo = {0};
	uint8_t len;
	if (geodb)
		isb_geodb_find(geodb, client, &geo, &len);
	struct isb_prefix_match *nets, cells[ISB_CELLS_AROUND];
	struct isb_facts facts = {.geo = &geo};
	facts.nnet = match(&arena, tree->nets, tree->nnet, client, &nets);
	facts.ncell = isb_cells_around(own->cells, client, cells);
	facts.nets = nets;
	facts.cells = cells;
	for (size_t i = tree->count; i-- > 0;)
		if (tree->nodes[i].order->by_client)
			explain_node(tree, &tree->nodes[i], &facts, isb_latencies_source(own->latencies), each, arg);
	isb_arena_done(&arena);
}

const struct isb_catalog *isb_view_catalog(const struct isb_view *view)
{
	return &view->own->catalog;
}

/* --- The catalog behind the names --- */

const struct isb_policy_node *isb_view_node(const struct isb_view *view, const char *name)
{
	const struct isb_catalog *catalog = isb_view_catalog(view);
	const struct isb_policy_node *node = NULL;
	size_t len = strcspn(name, "[");
	for (size_t i = 0; i < catalog->npolicy && !node; i++)
		if (strlen(catalog->policies[i].name) == len && memcmp(catalog->policies[i].name, name, len) == 0)
			node = catalog->policies[i].root;
	for (const char *at = name + len; node && *at == '[';) {
		char *end;
		size_t i = strtoul(at + 1, &end, 10);
		node = i < node->nchild ? node->children[i].node : NULL;
		at = end + 1;
	}
	return node;
}

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
