/* SPDX-License-Identifier: Apache-2.0 */
#include "compile.h"

#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/base/hash.h"
#include "isobar/base/map.h"
#include "isobar/steer/list.h"
#include "isobar/steer/rollout.h"
#include "isobar/steer/steer.h"
#include "rdata.h"

/* The compiled form of one pool or policy that records use: shared by all of them. */
struct root {
	uint32_t map, classes, nclass;
	uint32_t listed; /* types that some class has a list for */
};

struct builder {
	const struct isb_compile_in *in;
	struct isb_diags *diags;
	struct isb_buf block;
	struct isb_map interned;      /* text, rdata, nodes and lists of classes → offset; keys are the arena's */
	struct isb_map pool_base;     /* pool's name → index of its first endpoint */
	struct isb_map root_of;       /* policy's name → index in roots */
	struct isb_map rotor_of;      /* node's name → its first counter */
	uint32_t nrotor;
	uint32_t *viewpoint_of;       /* by region of the catalog: number of the viewpoint + 1, 0: none asks it */
	uint32_t *viewpoints;         /* offsets of their names */
	uint32_t nviewpoint;
	struct root *roots;
	size_t nroot;
	struct isb_tree_map **maps;
	size_t nmap;
	uint32_t *node_at; /* of the tree and class at hand: offset of each node, 0: not added yet */
	const uint16_t *rank; /* likewise: its ranks; NULL without orders by client */
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
	to->unresolved = !host->count && !isb_catalog_zone_of(b->in->catalog, host->name);
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
		.unknown = (uint8_t)pool->unknown,
		.failback_ms = (uint32_t)pool->failback_ms,
		.slow_start_ms = (uint32_t)pool->slow_start_ms,
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

static uint32_t types_of(const struct isb_record *record)
{
	uint32_t types = 0;
	for (size_t i = 0; i < record->ntype; i++)
		types |= 1u << isb_plan_type_of(record->types[i]);
	return types;
}

/* Per pool, the types that records ask of it, also those that a rollout leads there. */
static uint32_t *types_of_pools(const struct isb_compile_in *in)
{
	uint32_t *types = isb_xcalloc(in->catalog->npool, sizeof(*types));
	struct isb_use *uses = isb_xcalloc(2 * in->nrecord, sizeof(*uses));
	size_t count = 0;
	for (size_t i = 0; i < in->nrecord; i++) {
		const struct isb_compile_record *record = &in->records[i];
		if (!record->name)
			continue;
		uint32_t bits = types_of(record->record);
		uses[count++] = (struct isb_use){record->record->policy.name, bits};
		if (record->rollout)
			uses[count++] = (struct isb_use){record->rollout->to, bits};
	}
	isb_catalog_spread(in->catalog, uses, count, types);
	free(uses);
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
	uint32_t *types = types_of_pools(b->in);
	int rc = ISB_OK;
	for (size_t i = 0; i < catalog->npool; i++)
		for (size_t j = 0; j < catalog->pools[i].nendpoint; j++, at += (uint32_t)sizeof(struct isb_plan_endpoint))
			if (add_endpoint(b, &catalog->pools[i], &catalog->pools[i].endpoints[j], types[i], at) != ISB_OK)
				rc = ISB_EINVAL;
	free(types);
	return rc;
}

/* --- Nodes --------------------------------------------------------------------------------------------------------- */

static uint32_t add_node(struct builder *b, const struct isb_tree *tree, const struct isb_tree_settled *settled, uint32_t at);

/* One set of counters for every class and record that comes to the node. */
static uint32_t rotor_of(struct builder *b, const char *name)
{
	uint32_t rotor;
	if (!isb_map_get(&b->rotor_of, name, strlen(name), &rotor)) {
		rotor = b->nrotor;
		b->nrotor += ISB_PLAN_TYPES;
		isb_map_put(&b->rotor_of, name, strlen(name), rotor);
	}
	return rotor;
}

/* Only regions that some client lies nearest to, of those that some order fastest asks for. */
static uint32_t viewpoint_of(struct builder *b, uint16_t region)
{
	const struct isb_catalog *catalog = b->in->catalog;
	if (region >= catalog->nregion)
		return ISB_NO_VIEWPOINT;
	if (!b->viewpoint_of[region]) {
		b->viewpoints[b->nviewpoint] = intern_text(b, catalog->regions[region].name);
		b->viewpoint_of[region] = ++b->nviewpoint;
	}
	return b->viewpoint_of[region] - 1;
}

/* How equals are drawn. `param` is the order's own for the class at hand. */
static void set_drawing(struct builder *b, const struct isb_tree_node *from, uint16_t param, struct isb_plan_node *node)
{
	const struct isb_hash *hash = from->pool ? &from->pool->hash : &from->policy->hash;
	node->order = (uint16_t)from->order->id;
	if (from->order->id == ISB_ORDER_FAILOVER)
		node->trickle = from->pool ? from->pool->trickle : from->policy->trickle;
	if (from->order->id == ISB_ORDER_ROTATE)
		node->param = rotor_of(b, from->name);
	if (from->order->id == ISB_ORDER_FASTEST)
		node->param = viewpoint_of(b, param);
	if (from->order->id == ISB_ORDER_HASH) {
		node->param = hash->seed;
		node->flags |= hash->by == ISB_HASH_NAME ? ISB_NODE_HASH_NAME : 0;
		node->hash_ipv4 = hash->ipv4;
		node->hash_ipv6 = hash->ipv6;
	}
}

static void add_bits(struct isb_plan_node *node, uint8_t ipv4, uint8_t ipv6)
{
	if (ipv4 > node->below_ipv4)
		node->below_ipv4 = ipv4;
	if (ipv6 > node->below_ipv6)
		node->below_ipv6 = ipv6;
}

/* How much of a client may matter from here on. */
static void set_bits_below(const struct builder *b, struct isb_plan_node *node)
{
	if (node->order == ISB_ORDER_HASH && !(node->flags & ISB_NODE_HASH_NAME) && node->nchild > 1)
		add_bits(node, node->hash_ipv4, node->hash_ipv6);
	for (uint32_t i = 0; !(node->flags & ISB_NODE_POOL) && i < node->nchild; i++) {
		const struct isb_plan_node *child = (const void *)(b->block.data + node->child[i].ref);
		add_bits(node, child->below_ipv4, child->below_ipv6);
	}
}

/* Siblings of one key would have one score under order hash, and the second never a client. */
static void part_namesakes(struct isb_plan_node *node)
{
	for (uint32_t i = 1; i < node->nchild; i++)
		for (uint32_t j = 0, nth = 0; j < i; j++)
			if (node->child[j].key == node->child[i].key)
				node->child[i].key = (uint32_t)isb_hash_mix(node->child[i].key, ++nth);
}

static uint32_t key_of(const char *pool, const char *endpoint)
{
	return (uint32_t)isb_hash(endpoint, strlen(endpoint), isb_hash(pool, strlen(pool), 0));
}

static struct isb_plan_child plan_child(struct builder *b, const struct isb_tree *tree,
                                        const struct isb_tree_settled *settled, uint32_t at,
                                        const struct isb_tree_choice *choice)
{
	const struct isb_tree_node *node = &tree->nodes[at];
	struct isb_plan_child child = {.rank = choice->rank};
	if (node->pool) {
		uint32_t base = 0;
		isb_map_get(&b->pool_base, node->pool->name, strlen(node->pool->name), &base);
		const struct isb_plan *plan = (const void *)b->block.data;
		child = isb_plan_candidate(base + choice->from, isb_plan_endpoint(plan, base + choice->from));
		child.rank = choice->rank;
		child.weight = node->pool->endpoints[choice->from].weight;
		child.key = key_of(node->name, node->pool->endpoints[choice->from].name);
		return child;
	}
	struct isb_tree_end end = isb_tree_end(tree, settled, at, choice);
	uint32_t leads_to = tree->nodes[end.node].child[end.child];
	child.ref = add_node(b, tree, settled, leads_to);
	child.weight = tree->nodes[end.node].policy->children[end.child].weight;
	child.key = tree->nodes[leads_to].key;
	return child;
}

/* Between the sides of a rollout. A class of clients that only one side serves is not led anywhere: whom no rule of the old
 * side matches is answered as before until the rollout is finished, and whom no rule of the new side matches stays. */
static uint32_t add_sides(struct builder *b, const struct isb_tree *tree, const struct isb_tree_settled *settled, uint32_t at)
{
	const struct isb_tree_node *from = &tree->nodes[at];
	const struct isb_rollout *rollout = from->rollout;
	uint32_t old = add_node(b, tree, settled, from->child[from->listed]);
	uint32_t new = add_node(b, tree, settled, from->child[!from->listed]);
	if (old == ISB_NO_NODE || new == ISB_NO_NODE)
		return old;
	struct isb_plan_rollout sides = {.times = rollout->times, .seed = (uint64_t)rollout->begun_ms, .slot = rollout->slot,
	                                 .sticky = rollout->sticky, .abortable = rollout->abort_if == ISB_ABORT_DOWN};
	if (from->listed)
		sides.times = (struct isb_timetable){.nstep = 1, .step = {100}};
	struct isb_plan_node *node = isb_xcalloc(1, sizeof(*node) + 2 * sizeof(node->child[0]));
	node->name = intern_text(b, from->name);
	node->order = (uint16_t)from->order->id;
	node->flags = ISB_NODE_ROLLOUT;
	node->param = intern(b, 'r', &sides, sizeof(sides));
	node->nchild = 2;
	node->child[ISB_ROLLOUT_FROM].ref = old;
	node->child[ISB_ROLLOUT_TO].ref = new;
	set_bits_below(b, node);
	if (rollout->sticky)
		add_bits(node, ISB_STICKY_IPV4, ISB_STICKY_IPV6);
	uint32_t offset = intern(b, 'n', node, sizeof(*node) + 2 * sizeof(node->child[0]));
	free(node);
	return offset;
}

/* Offset of the node for one class, or ISB_NO_NODE when no child is left for it. */
static uint32_t add_node(struct builder *b, const struct isb_tree *tree, const struct isb_tree_settled *settled, uint32_t at)
{
	if (b->node_at[at])
		return b->node_at[at];
	const struct isb_tree_node *from = &tree->nodes[at];
	if (from->rollout)
		return b->node_at[at] = add_sides(b, tree, settled, at);
	struct isb_tree_span span = settled->node[at];
	struct isb_plan_node *node = isb_xcalloc(1, sizeof(*node) + span.count * sizeof(node->child[0]));
	node->name = intern_text(b, from->name);
	set_drawing(b, from, from->order->param ? b->rank[from->rank_at + from->nchild] : ISB_PARAM_NONE, node);
	if (from->pool) {
		node->flags |= ISB_NODE_POOL | (from->pool->spread ? ISB_NODE_SPREAD : 0);
		node->answers = from->pool->answers;
		node->min_up = isb_pool_needs(from->pool);
	}
	node->nchild = span.count;
	for (uint32_t i = 0; i < span.count; i++)
		node->child[i] = plan_child(b, tree, settled, at, &settled->choice[span.first + i]);
	if (from->order->id == ISB_ORDER_HASH)
		part_namesakes(node);
	node->flags |= isb_plan_shape(node);
	set_bits_below(b, node);
	uint32_t offset = ISB_NO_NODE;
	if (node->nchild)
		offset = intern(b, 'n', node, sizeof(*node) + node->nchild * sizeof(node->child[0]));
	free(node);
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

/* What is decided below a node, once more as a list, where it is that plain. Many classes and records lead to the same one. */
static uint32_t add_list(struct builder *b, uint32_t node, enum isb_plan_type type)
{
	_Alignas(8) uint8_t room[sizeof(struct isb_list) + ISB_LIST_MAX * sizeof(struct isb_candidate)];
	const struct isb_plan *plan = (const void *)b->block.data;
	size_t size = 0;
	if (node != ISB_NO_NODE)
		size = isb_list_build(plan, isb_plan_node(plan, node), type, (struct isb_list *)(void *)room);
	return size ? intern(b, 'l', room, size) : ISB_NO_LIST;
}

static int compile_tree(struct builder *b, const struct isb_tree *tree, struct root *ret_root)
{
	if (check_sizes(b, tree) != ISB_OK)
		return ISB_EINVAL;
	struct root root = {.map = ISB_NO_MAP, .nclass = 1};
	const struct isb_tree_map *map = NULL;
	if (tree->by_client) {
		root.map = map_of(b, tree);
		map = b->maps[root.map];
		root.nclass = map->nclass;
	}
	struct isb_plan_class *classes = isb_xcalloc(root.nclass, sizeof(*classes));
	struct isb_tree_settled settled = {0};
	for (uint32_t c = 0; c < root.nclass; c++) {
		b->node_at = isb_xcalloc(tree->count, sizeof(*b->node_at));
		b->rank = map ? map->rank + (size_t)c * map->nrank : NULL;
		isb_tree_settle(tree, b->rank, &settled);
		classes[c].node = add_node(b, tree, &settled, (uint32_t)tree->count - 1);
		for (enum isb_plan_type type = ISB_PLAN_A; type <= ISB_PLAN_AAAA; type++) {
			classes[c].list[type] = add_list(b, classes[c].node, type);
			root.listed |= (uint32_t)(classes[c].list[type] != ISB_NO_LIST) << type;
		}
		free(b->node_at);
	}
	isb_tree_settled_done(&settled);
	root.classes = intern(b, 'c', classes, root.nclass * sizeof(*classes));
	free(classes);
	*ret_root = root;
	return ISB_OK;
}

static int root_of(struct builder *b, const char *name, struct root *ret_root)
{
	uint32_t index;
	struct root root;
	if (isb_map_get(&b->root_of, name, strlen(name), &index)) {
		*ret_root = b->roots[index];
		return ISB_OK;
	}
	if (compile_tree(b, isb_tree_new(b->in->arena, b->in->catalog, name), &root) != ISB_OK)
		return ISB_EINVAL;
	isb_map_put(&b->root_of, name, strlen(name), (uint32_t)b->nroot);
	b->roots = isb_arena_grow(b->in->arena, b->roots, b->nroot * sizeof(root), (b->nroot + 1) * sizeof(root));
	b->roots[b->nroot++] = root;
	*ret_root = root;
	return ISB_OK;
}

/* Both sides are compiled for themselves too: that keeps their geo maps, so that an abort and a finish take effect at once
 * and not after the seconds that a map of a whole database takes. */
static int root_of_record(struct builder *b, const struct isb_compile_record *record, struct root *ret_root)
{
	const char *from = record->record->policy.name;
	struct root alone;
	if (!record->rollout)
		return root_of(b, from, ret_root);
	if (root_of(b, from, &alone) != ISB_OK || root_of(b, record->rollout->to, &alone) != ISB_OK)
		return ISB_EINVAL;
	return compile_tree(b, isb_tree_new_rollout(b->in->arena, b->in->catalog, from, record->rollout), ret_root);
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
		if (root_of_record(b, &in->records[i], &root) != ISB_OK) {
			rc = ISB_EINVAL;
			continue;
		}
		records[i] = (struct isb_plan_record){
			.name = intern_text(b, in->records[i].name),
			.ttl_s = from->ttl_s,
			.ttl_min_s = from->ttl_min_s < from->ttl_s ? from->ttl_min_s : from->ttl_s,
			.all_down = from->all_down,
			.map = root.map,
			.classes = root.classes,
			.nclass = root.nclass,
		};
		records[i].types = types_of(from);
		records[i].listed = root.listed & isb_plan_listable(records[i].types);
	}
	uint32_t at = reserve(b, in->nrecord, sizeof(*records));
	if (in->nrecord)
		memcpy(b->block.data + at, records, in->nrecord * sizeof(*records));
	struct isb_plan *plan = (struct isb_plan *)(void *)b->block.data;
	plan->record = at;
	plan->nrecord = (uint32_t)in->nrecord;
	return rc;
}

static void add_viewpoints(struct builder *b)
{
	uint32_t at = reserve(b, b->nviewpoint, sizeof(*b->viewpoints));
	if (b->nviewpoint)
		memcpy(b->block.data + at, b->viewpoints, b->nviewpoint * sizeof(*b->viewpoints));
	struct isb_plan *plan = (struct isb_plan *)(void *)b->block.data;
	plan->viewpoint = at;
	plan->nviewpoint = b->nviewpoint;
}

int isb_compile(const struct isb_compile_in *in, struct isb_diags *diags, struct isb_compiled *ret)
{
	struct builder b = {.in = in, .diags = diags};
	b.viewpoint_of = isb_arena_alloc(in->arena, in->catalog->nregion * sizeof(*b.viewpoint_of));
	b.viewpoints = isb_arena_alloc(in->arena, in->catalog->nregion * sizeof(*b.viewpoints));
	reserve(&b, 1, sizeof(struct isb_plan));
	int rc = add_endpoints(&b);
	if (rc == ISB_OK)
		rc = add_records(&b);
	add_viewpoints(&b);
	struct isb_plan *plan = (struct isb_plan *)(void *)b.block.data;
	plan->magic = ISB_PLAN_MAGIC;
	plan->version = ISB_PLAN_VERSION;
	plan->nmap = (uint32_t)b.nmap;
	plan->nrotor = b.nrotor;
	plan->size = (uint32_t)b.block.len;
	isb_map_done(&b.interned);
	isb_map_done(&b.pool_base);
	isb_map_done(&b.root_of);
	isb_map_done(&b.rotor_of);
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
