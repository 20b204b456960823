/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "draw.h"
#include "isobar/base/hash.h"
#include "isobar/model/dname.h"

/* Weighted rendezvous (highest random weight). A client's key and a child's key make a uniform u in (0, 1), and −log(u) / w
 * is the child's score: the least comes first, with probability w / Σw. No score depends on another child, so whoever goes
 * takes only its own clients along, and whoever gains weight takes clients from everybody in proportion. */

uint64_t isb_minus_log2(uint64_t h)
{
	/* h = m × 2^e with 1 ≤ m < 2; squaring m brings forth the digits of its logarithm one by one. The half matters for
	 * h = 0 alone. */
	unsigned zeros = h ? (unsigned)__builtin_clzll(h) : 64;
	uint64_t m = h ? h << zeros : UINT64_C(1) << 63, log = 0;
	for (int i = 0; i < ISB_LOG_BITS; i++) {
		unsigned __int128 square = (unsigned __int128)m * m; /* in 2^126 .. 2^128 */
		unsigned carry = (unsigned)(square >> 127);
		log = log << 1 | carry;
		m = (uint64_t)(square >> (63 + carry));
	}
	return ((uint64_t)(1 + zeros) << ISB_LOG_BITS) - log; /* never 0, for log is below 1: nothing would beat every weight */
}

static uint64_t key_of_name(const struct isb_walk *walk, uint32_t seed)
{
	const char *record = isb_plan_text(walk->plan, walk->record->name);
	if (walk->state->name)
		return isb_hash(walk->state->name, isb_dname_len(walk->state->name), seed);
	return isb_hash(record, strlen(record), seed);
}

static uint64_t key_of_network(const struct isb_walk *walk, const struct isb_plan_node *node)
{
	static const struct isb_addr nobody = {0};
	const struct isb_addr *client = walk->state->client ? walk->state->client : &nobody;
	struct isb_net net = isb_net_around(client, isb_hash_bits(node, client));
	uint8_t octets[17] = {net.addr.family};
	memcpy(octets + 1, net.addr.octets, 16);
	return isb_hash(octets, sizeof(octets), node->param);
}

static void begin(struct isb_equals *equals)
{
	struct isb_walk *walk = equals->walk;
	const struct isb_plan_node *node = equals->node;
	bool by_name = node->flags & ISB_NODE_HASH_NAME;
	equals->key = by_name ? key_of_name(walk, node->param) : key_of_network(walk, node);
	if (!walk->state->trace)
		return;
	struct isb_step *step = isb_walk_step(walk, ISB_STEP_KEY, equals->depth, node->name);
	step->at = equals->key;
	step->got = by_name || !walk->state->client ? 0 : isb_hash_bits(node, walk->state->client);
}

uint32_t isb_draw_by_hash(struct isb_equals *equals)
{
	uint32_t best = equals->to;
	uint64_t best_score = 0, best_share = 1;
	if (!equals->begun)
		begin(equals);
	equals->total = 0; /* not by chance */
	for (uint32_t i = equals->from; i < equals->to; i++) {
		uint64_t share = isb_share(equals, i);
		if (!share)
			continue;
		uint64_t h = isb_hash_mix(isb_hash_mix(equals->key, equals->node->child[i].key), equals->key);
		uint64_t score = isb_minus_log2(h);
		/* score / share < best_score / best_share */
		if (best == equals->to || (unsigned __int128)score * best_share < (unsigned __int128)best_score * share) {
			best = i;
			best_score = score;
			best_share = share;
		}
	}
	return best;
}
