/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog_graph.h"

#include <stdlib.h>

static size_t pool_index(const struct isb_graph *g, const struct isb_pool *pool)
{
	return (size_t)(pool - g->catalog->pools);
}

static size_t policy_index(const struct isb_graph *g, const struct isb_policy *policy)
{
	return (size_t)(policy - g->catalog->policies);
}

static void add_edge(struct isb_graph *g, struct isb_policy_facts *p, size_t to, unsigned depth)
{
	if (p->nedge == p->room) {
		size_t size = sizeof(*p->edges);
		p->room = p->room ? p->room * 2 : 4;
		p->edges = isb_arena_grow(&g->arena, p->edges, p->nedge * size, p->room * size);
	}
	p->edges[p->nedge++] = (struct isb_policy_edge){.to = to, .depth = depth};
}

static void collect(struct isb_graph *g, struct isb_policy_facts *p, const struct isb_policy_node *node, unsigned depth)
{
	if (depth > p->height)
		p->height = depth;
	p->size++;
	for (size_t i = 0; i < node->nchild; i++) {
		const struct isb_policy_child *child = &node->children[i];
		const struct isb_policy *policy = child->node ? NULL : isb_catalog_policy(g->catalog, child->use.name);
		const struct isb_pool *pool = child->node ? NULL : isb_catalog_pool(g->catalog, child->use.name);
		if (child->node)
			collect(g, p, child->node, depth + 1);
		else if (policy)
			add_edge(g, p, policy_index(g, policy), depth);
		else if (pool)
			p->size += 1 + pool->nendpoint;
	}
}

static bool has_region(const struct isb_pool *pool)
{
	for (size_t i = 0; i < pool->nendpoint; i++)
		if (pool->endpoints[i].region.name)
			return true;
	return false;
}

void isb_graph_init(struct isb_graph *g, const struct isb_catalog *catalog, struct isb_diags *diags)
{
	*g = (struct isb_graph){.catalog = catalog, .diags = diags};
	g->pools = isb_xcalloc(catalog->npool, sizeof(*g->pools));
	g->policies = isb_xcalloc(catalog->npolicy, sizeof(*g->policies));
	g->stack = isb_xcalloc(catalog->npolicy, sizeof(*g->stack));
	for (size_t i = 0; i < catalog->npool; i++)
		g->pools[i].placed = has_region(&catalog->pools[i]);
	for (size_t i = 0; i < catalog->npolicy; i++)
		collect(g, &g->policies[i], catalog->policies[i].root, 1);
}

void isb_graph_done(struct isb_graph *g)
{
	free(g->pools);
	free(g->policies);
	free(g->stack);
	isb_arena_done(&g->arena);
}

bool isb_graph_placed(const struct isb_graph *g, const struct isb_policy_child *child)
{
	if (child->node) {
		for (size_t i = 0; i < child->node->nchild; i++)
			if (isb_graph_placed(g, &child->node->children[i]))
				return true;
		return false;
	}
	const struct isb_pool *pool = isb_catalog_pool(g->catalog, child->use.name);
	const struct isb_policy *policy = isb_catalog_policy(g->catalog, child->use.name);
	if (pool)
		return g->pools[pool_index(g, pool)].placed;
	return !policy || g->policies[policy_index(g, policy)].placed;
}

static void say_loop(struct isb_graph *g, size_t depth, size_t to)
{
	enum { SHOWN = 16 };
	const struct isb_policy *policies = g->catalog->policies;
	struct isb_buf way = {0};
	size_t from = depth;
	while (from > 0 && g->stack[from - 1] != to)
		from--;
	from--;
	for (size_t i = from; i < depth && i < from + SHOWN; i++)
		isb_buf_printf(&way, "%s -> ", policies[g->stack[i]].name);
	isb_diag(g->diags, policies[to].mark, "policies loop: %s%s%s", isb_buf_text(&way),
	         depth - from > SHOWN ? "... -> " : "", policies[to].name);
	isb_buf_done(&way);
}

/* All children are known now. Only the first policy on the way up that is too deep, or too large, is named. */
static void finish(struct isb_graph *g, size_t i)
{
	const struct isb_policy *policy = &g->catalog->policies[i];
	struct isb_policy_facts *p = &g->policies[i];
	bool deep_below = false, said_below = false;
	for (size_t k = 0; k < p->nedge; k++) {
		const struct isb_policy_facts *to = &g->policies[p->edges[k].to];
		unsigned below = to->walk == ISB_WALK_DONE ? to->height : 0;
		deep_below |= below > ISB_POLICY_DEPTH_MAX;
		said_below |= to->size > ISB_POLICY_SIZE_MAX;
		if (p->size <= ISB_POLICY_SIZE_MAX)
			p->size += to->size;
		if (p->edges[k].depth + below > p->height)
			p->height = p->edges[k].depth + below;
	}
	said_below |= p->height > ISB_POLICY_DEPTH_MAX;
	if (p->height > ISB_POLICY_DEPTH_MAX && !deep_below)
		isb_diag(g->diags, policy->mark, "policy '%s' is nested %u levels deep; %d are allowed", policy->name,
		         p->height, ISB_POLICY_DEPTH_MAX);
	if (p->size > ISB_POLICY_SIZE_MAX && !said_below)
		isb_diag(g->diags, policy->mark,
		         "policy '%s' unfolds to more than %d nodes and endpoints; use fewer shared policies below it", policy->name,
		         ISB_POLICY_SIZE_MAX);
	p->placed = isb_graph_placed(g, &(struct isb_policy_child){.node = policy->root});
	p->walk = ISB_WALK_DONE;
}

static void walk_from(struct isb_graph *g, size_t start)
{
	size_t depth = 0;
	g->stack[depth++] = start;
	g->policies[start].walk = ISB_WALK_OPEN;
	while (depth) {
		struct isb_policy_facts *top = &g->policies[g->stack[depth - 1]];
		if (top->cursor == top->nedge) {
			finish(g, g->stack[--depth]);
			continue;
		}
		size_t to = top->edges[top->cursor++].to;
		if (g->policies[to].walk == ISB_WALK_OPEN) {
			say_loop(g, depth, to);
		} else if (g->policies[to].walk == ISB_WALK_NEW) {
			g->policies[to].walk = ISB_WALK_OPEN;
			g->stack[depth++] = to;
		}
	}
}

void isb_graph_walk(struct isb_graph *g)
{
	for (size_t i = 0; i < g->catalog->npolicy; i++)
		if (g->policies[i].walk == ISB_WALK_NEW)
			walk_from(g, i);
}

/* --- What records want of pools --- */

struct need_visit {
	struct isb_graph *g;
	unsigned sort;
	struct isb_need need;
	size_t pending; /* policies on g->stack: each gets there once */
};

static void visit_name(struct need_visit *v, const char *name)
{
	struct isb_graph *g = v->g;
	const struct isb_pool *pool = isb_catalog_pool(g->catalog, name);
	const struct isb_policy *policy = isb_catalog_policy(g->catalog, name);
	if (pool && !g->pools[pool_index(g, pool)].need[v->sort].record)
		g->pools[pool_index(g, pool)].need[v->sort] = v->need;
	if (policy && !(g->policies[policy_index(g, policy)].needed >> v->sort & 1)) {
		g->policies[policy_index(g, policy)].needed |= (uint8_t)(1u << v->sort);
		g->stack[v->pending++] = policy_index(g, policy);
	}
}

static void visit_node(struct need_visit *v, const struct isb_policy_node *node)
{
	for (size_t i = 0; i < node->nchild; i++) {
		if (node->children[i].node)
			visit_node(v, node->children[i].node);
		else
			visit_name(v, node->children[i].use.name);
	}
}

void isb_graph_need(struct isb_graph *g, unsigned sort, const struct isb_zone *zone, const struct isb_record *record)
{
	struct need_visit v = {.g = g, .sort = sort, .need = {.zone = zone, .record = record}};
	visit_name(&v, record->policy.name);
	while (v.pending)
		visit_node(&v, g->catalog->policies[g->stack[--v.pending]].root);
}

/* --- What uses pools --- */

struct spread {
	const struct isb_catalog *catalog;
	uint32_t *pools;    /* bits of each */
	struct {
		uint32_t bits;
		bool waits; /* is in `todo` */
	} *policies;
	size_t *todo, ntodo; /* policies whose children have not got all their bits yet */
};

static void spread_to(struct spread *s, const char *name, uint32_t bits)
{
	const struct isb_pool *pool = isb_catalog_pool(s->catalog, name);
	const struct isb_policy *policy = isb_catalog_policy(s->catalog, name);
	if (pool)
		s->pools[pool - s->catalog->pools] |= bits;
	if (!policy)
		return;
	size_t at = (size_t)(policy - s->catalog->policies);
	if (!(bits & ~s->policies[at].bits))
		return;
	s->policies[at].bits |= bits;
	if (!s->policies[at].waits)
		s->todo[s->ntodo++] = at;
	s->policies[at].waits = true;
}

static void spread_node(struct spread *s, const struct isb_policy_node *node, uint32_t bits)
{
	for (size_t i = 0; i < node->nchild; i++) {
		if (node->children[i].node)
			spread_node(s, node->children[i].node, bits);
		else
			spread_to(s, node->children[i].use.name, bits);
	}
}

void isb_catalog_spread(const struct isb_catalog *catalog, const struct isb_use *uses, size_t count, uint32_t *ret_bits)
{
	struct spread s = {.catalog = catalog, .pools = ret_bits};
	s.policies = isb_xcalloc(catalog->npolicy, sizeof(*s.policies));
	s.todo = isb_xcalloc(catalog->npolicy, sizeof(*s.todo));
	for (size_t i = 0; i < count; i++)
		spread_to(&s, uses[i].name, uses[i].bits);
	while (s.ntodo) {
		size_t at = s.todo[--s.ntodo];
		s.policies[at].waits = false;
		spread_node(&s, catalog->policies[at].root, s.policies[at].bits);
	}
	free(s.policies);
	free(s.todo);
}
