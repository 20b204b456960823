/* SPDX-License-Identifier: Apache-2.0 */
#include "compile.h"

#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/base/map.h"
#include "isobar/steer/steer.h"
#include "rdata.h"

/* The compiled form of one pool or policy that records use: shared by all of them. */
struct root {
	uint32_t map, class_node, nclass;
};

struct builder {
	const struct isb_compile_in *in;
	struct isb_diags *diags;
	struct isb_buf block;
	struct isb_map interned;      /* text, rdata, nodes and lists of classes → offset; keys are the arena's */
	struct isb_map pool_base;     /* pool's name → index of its first endpoint */
	struct isb_map root_of;       /* policy's name → index in roots */
	struct root *roots;
	size_t nroot;
	struct isb_tree_map **maps;
	size_t nmap;
	uint32_t *node_at; /* of the tree and class at hand: offset of each node, 0: not added yet */
};

/* Whatever is the same is there once: nodes of a pool that many policies use, rdata, names. `kind` keeps octets of
 * different alignment apart. */
static uint32_t intern(struct builder *b, char kind, const void *data, size_t len)
{
	uint32_t offset;
	uint8_t *key = isb_arena_alloc(b->in->arena, len + 1);
	key[0] = (uint8_t)kind;
	memcpy(key + 1, data, len);
	if (isb_map_get(&b->interned, key, len + 1, &offset))
		return offset;
	static const char zeros[8] = {0};
	if (b->block.len % 8)
		isb_buf_add(&b->block, zeros, 8 - b->block.len % 8);
	offset = (uint32_t)b->block.len;
	isb_buf_add(&b->block, data, len);
	isb_map_put(&b->interned, key, len + 1, offset);
	return offset;
}

static uint32_t intern_text(struct builder *b, const char *text)
{
	return *text ? intern(b, 't', text, strlen(text) + 1) : 0;
}

static uint32_t reserve(struct builder *b, size_t count, size_t size)
{
	static const char zeros[64] = {0};
	if (b->block.len % 8)
		isb_buf_add(&b->block, zeros, 8 - b->block.len % 8);
	uint32_t offset = (uint32_t)b->block.len;
	for (size_t left = count * size, n; left; left -= n) {
		n = left < sizeof(zeros) ? left : sizeof(zeros);
		isb_buf_add(&b->block, zeros, n);
	}
	return offset;
}

/* --- Endpoints ----------------------------------------------------------------------------------------------------- */

static void add_rdata(struct builder *b, struct isb_plan_rdata *to, unsigned count, const struct isb_buf *rdata)
{
	if (!count)
		return;
	to->count = (uint16_t)count;
	to->size = (uint16_t)rdata->len;
	to->offset = intern(b, 'd', rdata->data, rdata->len);
}

/* Only for types that some record asks of the pool. */
static int add_records_of(struct builder *b, struct isb_plan_endpoint *to, const struct isb_endpoint *endpoint,
                          uint32_t types)
{
	struct isb_buf rdata = {0};
	int rc = ISB_OK;
	for (int type = 0; rc == ISB_OK && type < ISB_PLAN_TYPES; type++) {
		unsigned count = 0;
		if (!(types >> type & 1))
			continue;
		isb_buf_reset(&rdata);
		rc = isb_endpoint_rdata(endpoint, (enum isb_plan_type)type, b->diags, &rdata, &count);
		add_rdata(b, &to->rdata[type], count, &rdata);
	}
	isb_buf_done(&rdata);
	return rc;
}

/* What the name that ALIAS gives resolved to, outside our zones. */
static int add_resolved(struct builder *b, struct isb_plan_endpoint *to, const struct isb_endpoint *endpoint)
{
	struct isb_hosts *hosts = b->in->hosts;
	struct isb_buf rdata = {0};
	size_t place;
	int rc = isb_hosts_find(hosts, endpoint->host, &place);
	if (rc != ISB_OK) {
		isb_diag(b->diags, endpoint->mark, "what '%s' resolved to cannot be read: %s", endpoint->host, isb_strerror(rc));
		return rc;
	}
	const struct isb_host *host = &hosts->list[place];
	to->host = (uint32_t)place + 1;
	for (unsigned i = 0; i < 2; i++) {
		isb_buf_reset(&rdata);
		unsigned count = isb_addresses_rdata(host->addresses, host->count, i ? 6 : 4, &rdata);
		add_rdata(b, &to->resolved[i], count, &rdata);
	}
	isb_buf_done(&rdata);
	return ISB_OK;
}

static int add_endpoint(struct builder *b, const struct isb_pool *pool, const struct isb_endpoint *endpoint,
                        uint32_t types, uint32_t at)
{
	char *name = isb_arena_printf(b->in->arena, "%s/%s", pool->name, endpoint->name);
	struct isb_plan_endpoint e = {
		.name = intern_text(b, name),
		.slot = b->in->slot(b->in->slot_arg, pool->name, endpoint->name),
		.region = endpoint->region.name ? intern_text(b, endpoint->region.name) : 0,
		.checked = pool->check.name != NULL,
	};
	if (e.slot == ISB_SLOT_NONE) {
		isb_diag(b->diags, endpoint->mark, "endpoint '%s' has no slot in the store", name);
		return ISB_EINVAL;
	}
	int rc = add_records_of(b, &e, endpoint, types);
	if (rc == ISB_OK && types >> ISB_PLAN_ALIAS & 1 && endpoint->host && b->in->hosts)
		rc = add_resolved(b, &e, endpoint);
	memcpy(b->block.data + at, &e, sizeof(e));
	return rc;
}

/* Per pool, the types that records ask of it. */
static uint32_t *types_of_pools(const struct isb_catalog *catalog)
{
	uint32_t *types = isb_xcalloc(catalog->npool, sizeof(*types));
	bool *used = isb_xcalloc(catalog->npool, sizeof(*used));
	for (int type = 0; type < ISB_PLAN_TYPES; type++) {
		isb_catalog_pools_of(catalog, isb_plan_type_rr((enum isb_plan_type)type), used);
		for (size_t i = 0; i < catalog->npool; i++)
			types[i] |= used[i] ? 1u << type : 0;
	}
	free(used);
	return types;
}

static int add_endpoints(struct builder *b)
{
	const struct isb_catalog *catalog = b->in->catalog;
	uint32_t total = 0;
	for (size_t i = 0; i < catalog->npool; i++) {
		const struct isb_pool *pool = &catalog->pools[i];
		isb_map_put(&b->pool_base, pool->name, strlen(pool->name), total);
		total += (uint32_t)pool->nendpoint;
	}
	uint32_t at = reserve(b, total, sizeof(struct isb_plan_endpoint));
	struct isb_plan *plan = (struct isb_plan *)(void *)b->block.data;
	plan->endpoint = at;
	plan->nendpoint = total;
	uint32_t *types = types_of_pools(catalog);
	int rc = ISB_OK;
	for (size_t i = 0; i < catalog->npool; i++)
		for (size_t j = 0; j < catalog->pools[i].nendpoint; j++, at += (uint32_t)sizeof(struct isb_plan_endpoint))
			if (add_endpoint(b, &catalog->pools[i], &catalog->pools[i].endpoints[j], types[i], at) != ISB_OK)
				rc = ISB_EINVAL;
	free(types);
	return rc;
}

/* --- Nodes --------------------------------------------------------------------------------------------------------- */

static uint32_t count_min_up(const struct isb_pool *pool)
{
	uint32_t n = pool->min_up.n;
	if (pool->min_up.percent)
		n = (uint32_t)((pool->nendpoint * n + 99) / 100);
	return n ? n : 1;
}

/* Children sorted by rank; equal ranks keep their order. Few, and mostly sorted already. */
static void sort_children(struct isb_plan_node *node)
{
	for (uint32_t i = 1; i < node->nchild; i++) {
		struct isb_plan_child child = node->child[i];
		uint32_t j = i;
		for (; j && node->child[j - 1].rank > child.rank; j--)
			node->child[j] = node->child[j - 1];
		node->child[j] = child;
	}
}

/* The ranks that a class gives this node's children, or those of an order that does not look at the client. */
static const uint16_t *ranks_of(const struct isb_tree *tree, const struct isb_tree_map *map, uint32_t cls, uint32_t at,
                                uint16_t *scratch)
{
	const struct isb_tree_node *node = &tree->nodes[at];
	if (node->order->by_client) {
		size_t skip = 0;
		for (uint32_t i = 0; i < at; i++)
			skip += tree->nodes[i].order->by_client ? tree->nodes[i].nchild : 0;
		return map->rank + (size_t)cls * map->nrank + skip;
	}
	struct isb_order_in in = {.children = node->children, .count = node->nchild, .endpoints = node->pool != NULL};
	node->order->rank(&in, scratch, NULL);
	return scratch;
}

static uint32_t add_node(struct builder *b, const struct isb_tree *tree, const struct isb_tree_map *map, uint32_t cls,
                         uint32_t at);

static bool add_child(struct builder *b, const struct isb_tree *tree, const struct isb_tree_map *map, uint32_t cls,
                      uint32_t at, size_t i, struct isb_plan_child *child)
{
	const struct isb_tree_node *node = &tree->nodes[at];
	if (node->pool) {
		uint32_t base = 0;
		isb_map_get(&b->pool_base, node->pool->name, strlen(node->pool->name), &base);
		child->ref = base + (uint32_t)i;
		child->weight = node->pool->endpoints[i].weight;
		return true;
	}
	child->ref = add_node(b, tree, map, cls, node->child[i]);
	child->weight = node->policy->children[i].weight;
	return child->ref != ISB_NO_NODE;
}

/* Offset of the node for one class, or ISB_NO_NODE when no child is left for it. */
static uint32_t add_node(struct builder *b, const struct isb_tree *tree, const struct isb_tree_map *map, uint32_t cls,
                         uint32_t at)
{
	if (b->node_at[at])
		return b->node_at[at];
	const struct isb_tree_node *from = &tree->nodes[at];
	uint16_t *scratch = isb_xcalloc(from->nchild, sizeof(*scratch));
	const uint16_t *rank = ranks_of(tree, map, cls, at, scratch);
	struct isb_plan_node *node = isb_xcalloc(1, sizeof(*node) + from->nchild * sizeof(node->child[0]));
	node->name = intern_text(b, from->name);
	node->order = (uint16_t)from->order->id;
	if (from->pool) {
		node->flags = ISB_NODE_POOL;
		node->answers = from->pool->answers;
		node->min_up = count_min_up(from->pool);
	}
	for (size_t i = 0; i < from->nchild; i++) {
		struct isb_plan_child child = {.rank = rank[i]};
		if (rank[i] != ISB_RANK_OUT && add_child(b, tree, map, cls, at, i, &child))
			node->child[node->nchild++] = child;
	}
	sort_children(node);
	uint32_t offset = ISB_NO_NODE;
	if (node->nchild)
		offset = intern(b, 'n', node, sizeof(*node) + node->nchild * sizeof(node->child[0]));
	free(node);
	free(scratch);
	b->node_at[at] = offset;
	return offset;
}

/* --- Roots and records --------------------------------------------------------------------------------------------- */

static bool in_use(const struct builder *b, const struct isb_tree_map *map)
{
	for (size_t i = 0; i < b->nmap; i++)
		if (b->maps[i] == map)
			return true;
	return false;
}

/* New round trips mostly lead where the old ones led: then the map in use stays, and stands for the new shape. */
static struct isb_tree_map *keep_equal(struct builder *b, struct isb_tree_map *map)
{
	for (size_t i = 0; i < b->in->nold_map; i++) {
		struct isb_tree_map *old = b->in->old_maps[i];
		if (in_use(b, old) || !isb_tree_map_equal(old, map))
			continue; /* one map cannot stand for two shapes */
		struct isb_buf shape = old->shape;
		old->shape = map->shape;
		map->shape = shape;
		old->users++;
		isb_tree_map_release(map);
		return old;
	}
	return map;
}

/* The tree's map: one of this build or of the last view when all it depends on is the same, else a new one. */
static uint32_t map_of(struct builder *b, const struct isb_tree *tree)
{
	struct isb_buf shape = {0};
	struct isb_tree_map *map = NULL;
	isb_tree_shape(tree, b->in->geodb, b->in->latencies, &shape);
	for (size_t i = 0; i < b->nmap; i++)
		if (b->maps[i]->shape.len == shape.len && memcmp(b->maps[i]->shape.data, shape.data, shape.len) == 0) {
			isb_buf_done(&shape);
			return (uint32_t)i;
		}
	for (size_t i = 0; i < b->in->nold_map && !map; i++)
		if (b->in->old_maps[i]->shape.len == shape.len &&
		    memcmp(b->in->old_maps[i]->shape.data, shape.data, shape.len) == 0) {
			map = b->in->old_maps[i];
			map->users++;
		}
	if (!map)
		map = keep_equal(b, isb_tree_map_new(tree, b->in->geodb, b->in->latencies, &shape));
	isb_buf_done(&shape);
	b->maps = isb_arena_grow(b->in->arena, b->maps, b->nmap * sizeof(*b->maps), (b->nmap + 1) * sizeof(*b->maps));
	b->maps[b->nmap] = map;
	return (uint32_t)b->nmap++;
}

static int check_sizes(struct builder *b, const struct isb_tree *tree)
{
	int rc = ISB_OK;
	for (size_t i = 0; i < tree->count; i++) {
		const struct isb_tree_node *node = &tree->nodes[i];
		if (node->nchild > ISB_CHILD_MAX) {
			isb_diag(b->diags, node->pool ? node->pool->mark : node->policy->mark,
			         "'%s' has %zu children; at most %d: split it into several pools under a policy", node->name,
			         node->nchild, ISB_CHILD_MAX);
			rc = ISB_EINVAL;
		}
	}
	return rc;
}

static int root_of(struct builder *b, const char *name, struct root *ret_root)
{
	uint32_t index;
	if (isb_map_get(&b->root_of, name, strlen(name), &index)) {
		*ret_root = b->roots[index];
		return ISB_OK;
	}
	const struct isb_tree *tree = isb_tree_new(b->in->arena, b->in->catalog, name);
	if (check_sizes(b, tree) != ISB_OK)
		return ISB_EINVAL;
	struct root root = {.map = ISB_NO_MAP, .nclass = 1};
	const struct isb_tree_map *map = NULL;
	if (tree->by_client) {
		root.map = map_of(b, tree);
		map = b->maps[root.map];
		root.nclass = map->nclass;
	}
	uint32_t *nodes = isb_xcalloc(root.nclass, sizeof(*nodes));
	for (uint32_t c = 0; c < root.nclass; c++) {
		b->node_at = isb_xcalloc(tree->count, sizeof(*b->node_at));
		nodes[c] = add_node(b, tree, map, c, (uint32_t)tree->count - 1);
		free(b->node_at);
	}
	root.class_node = intern(b, 'c', nodes, root.nclass * sizeof(*nodes));
	free(nodes);
	isb_map_put(&b->root_of, name, strlen(name), (uint32_t)b->nroot);
	b->roots = isb_arena_grow(b->in->arena, b->roots, b->nroot * sizeof(root), (b->nroot + 1) * sizeof(root));
	b->roots[b->nroot++] = root;
	*ret_root = root;
	return ISB_OK;
}

static int add_records(struct builder *b)
{
	const struct isb_compile_in *in = b->in;
	struct isb_plan_record *records = isb_arena_alloc(in->arena, in->nrecord * sizeof(*records));
	int rc = ISB_OK;
	for (size_t i = 0; i < in->nrecord; i++) {
		const struct isb_record *from = in->records[i].record;
		struct root root;
		records[i].map = ISB_NO_MAP;
		if (!in->records[i].name)
			continue;
		if (root_of(b, from->policy.name, &root) != ISB_OK) {
			rc = ISB_EINVAL;
			continue;
		}
		records[i] = (struct isb_plan_record){
			.name = intern_text(b, in->records[i].name),
			.ttl_s = from->ttl_s,
			.ttl_min_s = from->ttl_min_s < from->ttl_s ? from->ttl_min_s : from->ttl_s,
			.all_down = from->all_down,
			.map = root.map,
			.class_node = root.class_node,
			.nclass = root.nclass,
		};
		for (size_t t = 0; t < from->ntype; t++)
			records[i].types |= 1u << isb_plan_type_of(from->types[t]);
	}
	uint32_t at = reserve(b, in->nrecord, sizeof(*records));
	if (in->nrecord)
		memcpy(b->block.data + at, records, in->nrecord * sizeof(*records));
	struct isb_plan *plan = (struct isb_plan *)(void *)b->block.data;
	plan->record = at;
	plan->nrecord = (uint32_t)in->nrecord;
	return rc;
}

int isb_compile(const struct isb_compile_in *in, struct isb_diags *diags, struct isb_compiled *ret)
{
	struct builder b = {.in = in, .diags = diags};
	reserve(&b, 1, sizeof(struct isb_plan));
	int rc = add_endpoints(&b);
	if (rc == ISB_OK)
		rc = add_records(&b);
	struct isb_plan *plan = (struct isb_plan *)(void *)b.block.data;
	plan->magic = ISB_PLAN_MAGIC;
	plan->version = ISB_PLAN_VERSION;
	plan->nmap = (uint32_t)b.nmap;
	plan->size = (uint32_t)b.block.len;
	isb_map_done(&b.interned);
	isb_map_done(&b.pool_base);
	isb_map_done(&b.root_of);
	if (rc == ISB_OK && !isb_plan_check(plan, b.block.len)) {
		isb_diag(diags, (struct isb_mark){0}, "the compiled plan does not check out (%zu octets); please report this",
		         b.block.len);
		rc = ISB_EINVAL;
	}
	if (rc != ISB_OK) {
		for (size_t i = 0; i < b.nmap; i++)
			isb_tree_map_release(b.maps[i]);
		isb_buf_done(&b.block);
		return rc;
	}
	*ret = (struct isb_compiled){.plan = plan, .maps = b.maps, .nmap = b.nmap};
	return ISB_OK;
}
