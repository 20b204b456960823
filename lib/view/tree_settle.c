/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of a tree for one class of clients. The walk (steer/steer.h) takes children rank by rank, those of weight
 * 0 after all others, and whether a pool can answer does not change while it walks. From that follows what cannot matter:
 *
 *   - numbers between ranks, and the weight of who is alone at a rank;
 *   - a child all of whose pools were tried before it: it has nothing new to say;
 *   - the walls of a policy written in place that is alone at its rank: its children may as well stand there. Only
 *     if it is plain, that is, if it takes its ranks in order and draws among equals by weight: not with a trickle,
 *     which jumps over ranks, nor rotate, hash, least-load, fastest, which look at all equals at once; and not with
 *     children of weight 0, which would come too early. A policy with a name stays one, for those who read `explain`.
 *
 * Nothing else is left out, so what settles to the same is decided by the same walk. */
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "tree.h"

void isb_tree_rank(const struct isb_tree *tree, const struct isb_facts *facts, const struct isb_rtt_source *rtt,
                   uint16_t *ret_rank)
{
	bool *reached = isb_xcalloc(tree->count, sizeof(*reached));
	reached[tree->count - 1] = true;
	for (size_t i = tree->count; i-- > 0;) { /* from the root down: parents stand after their children */
		const struct isb_tree_node *node = &tree->nodes[i];
		uint16_t *rank = node->order->by_client ? ret_rank + node->rank_at : NULL;
		if (rank && reached[i]) {
			struct isb_order_in in = isb_tree_order_in(tree, node, facts, rtt);
			node->order->rank(&in, rank, NULL);
			if (node->order->param)
				rank[node->nchild] = node->order->param(&in);
		} else if (rank && node->order->param) {
			rank[node->nchild] = ISB_RANK_UNSEEN;
		}
		for (size_t j = 0; j < node->nchild; j++) {
			if (rank && !reached[i])
				rank[j] = ISB_RANK_UNSEEN;
			else if (reached[i] && node->policy && !(rank && rank[j] == ISB_RANK_OUT))
				reached[node->child[j]] = true;
		}
	}
	free(reached);
}

/* --- Settling ------------------------------------------------------------------------------------------------------ */

/* A child that is left, before anything is done about it. */
struct entry {
	uint16_t rank, from;
	bool zero; /* weight 0 */
};

struct settling {
	const struct isb_tree *tree;
	struct isb_tree_settled *out;
	const uint16_t *rank;  /* by client */
	uint16_t *own_rank;    /* of the node at hand */
	struct entry *entry;
	uint64_t *seen;        /* pools tried before the rank at hand */
};

static uint64_t *pools_of(const struct isb_tree_settled *out, uint32_t node)
{
	return out->pools + node * out->words;
}

static void join(uint64_t *to, const uint64_t *from, size_t words)
{
	for (size_t i = 0; i < words; i++)
		to[i] |= from[i];
}

static bool within(const uint64_t *part, const uint64_t *whole, size_t words)
{
	for (size_t i = 0; i < words; i++)
		if (part[i] & ~whole[i])
			return false;
	return true;
}

static void add_choice(struct isb_tree_settled *out, unsigned rank, unsigned from, uint32_t sub)
{
	if (out->count == out->cap) {
		out->cap = out->cap ? out->cap * 2 : 64;
		out->choice = isb_xrealloc(out->choice, out->cap * sizeof(*out->choice));
	}
	out->choice[out->count++] = (struct isb_tree_choice){.rank = (uint16_t)rank, .from = (uint16_t)from, .sub = sub};
}

static int by_turn(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	if (x->zero != y->zero)
		return x->zero ? 1 : -1;
	return x->rank != y->rank ? (x->rank > y->rank) - (x->rank < y->rank) : (x->from > y->from) - (x->from < y->from);
}

static bool same_turn(const struct entry *a, const struct entry *b)
{
	return a->zero == b->zero && a->rank == b->rank;
}

static const uint16_t *ranks_of(struct settling *s, const struct isb_tree_node *node)
{
	if (node->order->by_client)
		return s->rank + node->rank_at;
	struct isb_order_in in = isb_tree_order_in(s->tree, node, NULL, NULL);
	node->order->rank(&in, s->own_rank, NULL);
	return s->own_rank;
}

/* Children that lead somewhere for this client. Those of weight 0 have a turn of their own only under policies: what an
 * endpoint weighs is for the walk to say. */
static size_t take_entries(struct settling *s, const struct isb_tree_node *node)
{
	const uint16_t *rank = ranks_of(s, node);
	size_t count = 0;
	for (size_t i = 0; i < node->nchild; i++) {
		if (rank[i] == ISB_RANK_OUT || rank[i] == ISB_RANK_UNSEEN || (node->policy && !s->out->node[node->child[i]].count))
			continue;
		bool zero = node->policy && node->policy->children[i].weight == 0;
		s->entry[count++] = (struct entry){.rank = rank[i], .from = (uint16_t)i, .zero = zero};
	}
	return count;
}

static bool draws_by_weight(const struct isb_tree_node *node)
{
	switch (node->order->id) {
	case ISB_ORDER_FAILOVER:
	case ISB_ORDER_WEIGHTED:
	case ISB_ORDER_GEO:
	case ISB_ORDER_NEAREST:
	case ISB_ORDER_LATENCY: return node->policy && node->policy->trickle == 0;
	default: return false;
	}
}

/* Puts the choices of a child in its place, but those whose pools are all tried by then. Returns the ranks they take. */
static unsigned open_child(struct settling *s, const struct isb_tree_node *node, const struct entry *entry, unsigned rank)
{
	struct isb_tree_settled *out = s->out;
	uint32_t child = node->child[entry->from];
	struct isb_tree_span span = out->node[child];
	unsigned ranks = 0;
	for (uint32_t i = 0, to; i < span.count; i = to) {
		size_t before = out->count;
		for (to = i; to < span.count && out->choice[span.first + to].rank == out->choice[span.first + i].rank; to++) {
			struct isb_tree_end end = isb_tree_end(s->tree, out, child, &out->choice[span.first + to]);
			uint32_t leads_to = s->tree->nodes[end.node].child[end.child];
			if (!within(pools_of(out, leads_to), s->seen, out->words))
				add_choice(out, rank + ranks, entry->from, to);
		}
		for (size_t k = before; k < out->count; k++) {
			struct isb_tree_end end = isb_tree_end(s->tree, out, child, &out->choice[span.first + out->choice[k].sub]);
			join(s->seen, pools_of(out, s->tree->nodes[end.node].child[end.child]), out->words);
		}
		ranks += out->count > before;
	}
	return ranks;
}

/* Everybody whose turn it is at once. Returns the ranks they take. */
static unsigned settle_turn(struct settling *s, const struct isb_tree_node *node, const struct entry *entry, size_t count,
                            unsigned rank, bool may_open)
{
	struct isb_tree_settled *out = s->out;
	const struct entry *only = NULL;
	size_t left = 0, before = out->count;
	for (size_t i = 0; i < count; i++)
		if (!within(pools_of(out, node->child[entry[i].from]), s->seen, out->words)) {
			add_choice(out, rank, entry[i].from, ISB_TREE_WHOLE);
			only = &entry[i];
			left++;
		}
	if (left == 0)
		return 0;
	uint32_t child = node->child[only->from];
	if (left == 1 && may_open && !only->zero && s->tree->nodes[child].in_place && out->node[child].plain) {
		out->count = before;
		return open_child(s, node, only, rank);
	}
	for (size_t i = 0; i < count; i++)
		join(s->seen, pools_of(out, node->child[entry[i].from]), out->words);
	return 1;
}

/* What the walk can hold: see steer.c. */
static bool fits_opened(const struct settling *s, const struct isb_tree_node *node, size_t count)
{
	size_t total = 0;
	for (size_t i = 0; i < count; i++)
		total += s->out->node[node->child[s->entry[i].from]].count;
	return total <= ISB_CHILD_MAX;
}

static void settle_plain(struct settling *s, const struct isb_tree_node *node, size_t count)
{
	unsigned rank = 0;
	bool may_open = fits_opened(s, node, count);
	memset(s->seen, 0, s->out->words * sizeof(*s->seen));
	for (size_t i = 0, to; i < count; i = to) {
		for (to = i + 1; to < count && same_turn(&s->entry[i], &s->entry[to]);)
			to++;
		rank += settle_turn(s, node, &s->entry[i], to - i, rank, may_open);
	}
}

/* By rank; without gaps if the ranks are this client's and not the catalog's own words (tiers). */
static void settle_whole(struct settling *s, const struct isb_tree_node *node, size_t count)
{
	unsigned rank = 0;
	for (size_t i = 0; i < count; i++) {
		rank += i && s->entry[i].rank != s->entry[i - 1].rank;
		add_choice(s->out, node->policy || node->order->by_client ? rank : s->entry[i].rank, s->entry[i].from,
		           ISB_TREE_WHOLE);
	}
}

/* Between the sides of a rollout nothing is to choose where one of them is not there for this client: then the old one
 * serves, as before, or nobody (compile.c). */
static size_t keep_sides(const struct isb_tree_node *node, struct entry *entry, size_t count)
{
	if (count == 2)
		return count;
	return count && entry[0].from == node->listed ? 1 : 0; /* listed: the old side is the second child */
}

static void settle_node(struct settling *s, uint32_t at)
{
	const struct isb_tree_node *node = &s->tree->nodes[at];
	struct isb_tree_settled *out = s->out;
	uint64_t *pools = pools_of(out, at);
	size_t count = take_entries(s, node), first = out->count;
	if (node->rollout)
		count = keep_sides(node, s->entry, count);
	bool plain = draws_by_weight(node) || (node->policy && count == 1); /* of one, all orders make the same */
	if (!plain) /* then weight 0 has no turn of its own here: how to draw is all the order's */
		for (size_t i = 0; i < count; i++)
			s->entry[i].zero = false;
	qsort(s->entry, count, sizeof(*s->entry), by_turn);
	if (plain)
		settle_plain(s, node, count);
	else
		settle_whole(s, node, count);
	out->node[at] = (struct isb_tree_span){
		.first = (uint32_t)first, .count = (uint32_t)(out->count - first), .plain = plain && !(count && s->entry[count - 1].zero)};
	if (node->pool && count)
		pools[node->pool_no / 64] |= UINT64_C(1) << node->pool_no % 64;
	for (size_t i = 0; node->policy && i < count; i++)
		join(pools, pools_of(out, node->child[s->entry[i].from]), out->words);
}

void isb_tree_settle(const struct isb_tree *tree, const uint16_t *rank, struct isb_tree_settled *settled)
{
	size_t widest = 0;
	for (size_t i = 0; i < tree->count; i++)
		widest = tree->nodes[i].nchild > widest ? tree->nodes[i].nchild : widest;
	settled->words = (tree->npool + 63) / 64;
	settled->node = isb_xrealloc(settled->node, tree->count * sizeof(*settled->node));
	free(settled->pools);
	settled->pools = isb_xcalloc(tree->count * settled->words, sizeof(*settled->pools));
	settled->count = 0;
	struct settling s = {
		.tree = tree,
		.out = settled,
		.rank = rank,
		.own_rank = isb_xcalloc(widest, sizeof(*s.own_rank)),
		.entry = isb_xcalloc(widest, sizeof(*s.entry)),
		.seen = isb_xcalloc(settled->words, sizeof(*s.seen)),
	};
	for (uint32_t i = 0; i < tree->count; i++)
		settle_node(&s, i);
	free(s.own_rank);
	free(s.entry);
	free(s.seen);
}

void isb_tree_settled_done(struct isb_tree_settled *settled)
{
	free(settled->node);
	free(settled->choice);
	free(settled->pools);
	*settled = (struct isb_tree_settled){0};
}

struct isb_tree_end isb_tree_end(const struct isb_tree *tree, const struct isb_tree_settled *settled, uint32_t node,
                                 const struct isb_tree_choice *choice)
{
	while (choice->sub != ISB_TREE_WHOLE) {
		node = tree->nodes[node].child[choice->from];
		choice = &settled->choice[settled->node[node].first + choice->sub];
	}
	return (struct isb_tree_end){.node = node, .child = choice->from};
}

/* --- Decisions as octets ------------------------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* Who stands at one rank of a policy: pairs of a node and its weight, in whatever order they stand there; the weight of
 * one alone says nothing. Where the order does not draw by weight, all is left as it is. */
static void decide_equals(const struct isb_tree *tree, const struct isb_tree_settled *settled, uint32_t at,
                          const struct isb_tree_choice *choice, uint32_t count, bool *reached, struct isb_buf *out)
{
	uint64_t *equal = isb_xcalloc(count, sizeof(*equal));
	bool draws = draws_by_weight(&tree->nodes[at]) || settled->node[at].count == 1;
	for (uint32_t i = 0; i < count; i++) {
		struct isb_tree_end end = isb_tree_end(tree, settled, at, &choice[i]);
		const struct isb_tree_node *by = &tree->nodes[end.node];
		reached[by->child[end.child]] = true;
		equal[i] = (uint64_t)by->child[end.child] << 32 | (draws && count == 1 ? UINT32_MAX : by->weight_no[end.child]);
	}
	if (draws)
		qsort(equal, count, sizeof(*equal), by_number);
	for (uint32_t i = 0; i < count; i++)
		isb_buf_u64(out, equal[i]);
	free(equal);
}

/* Each node once, by its place in the tree: for one client it has one form wherever it stands. */
static void decide_node(const struct isb_tree *tree, const uint16_t *rank, const struct isb_tree_settled *settled, uint32_t at,
                        bool *reached, struct isb_buf *out)
{
	const struct isb_tree_node *node = &tree->nodes[at];
	struct isb_tree_span span = settled->node[at];
	const struct isb_tree_choice *choice = &settled->choice[span.first];
	isb_buf_u32(out, at);
	if (node->pool && !node->order->by_client)
		return;
	for (uint32_t i = 0, to; i < span.count; i = to) {
		for (to = i + 1; to < span.count && choice[to].rank == choice[i].rank;)
			to++;
		isb_buf_u32(out, to - i);
		if (node->policy)
			decide_equals(tree, settled, at, &choice[i], to - i, reached, out);
		for (uint32_t k = i; node->pool && k < to; k++)
			isb_buf_u16(out, choice[k].from);
	}
	isb_buf_u32(out, 0);
	if (node->order->param)
		isb_buf_u16(out, span.count > 1 ? rank[node->rank_at + node->nchild] : ISB_PARAM_NONE);
}

void isb_tree_decision(const struct isb_tree *tree, const uint16_t *rank, const struct isb_tree_settled *settled,
                       struct isb_buf *ret_octets)
{
	bool *reached = isb_xcalloc(tree->count, sizeof(*reached));
	uint32_t root = (uint32_t)tree->count - 1;
	reached[root] = settled->node[root].count > 0;
	isb_buf_putc(ret_octets, reached[root]);
	for (uint32_t i = root + 1; i-- > 0;)
		if (reached[i])
			decide_node(tree, rank, settled, i, reached, ret_octets);
	free(reached);
}
