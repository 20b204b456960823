/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "isobar/dns/answer.h"
#include "isobar/model/rr.h"

/* The additional section: addresses that save whoever asked another question. */

static void add_addresses(struct isb_answer *answer, enum isb_section section, const struct isb_node *node,
                          const struct isb_name *name)
{
	static const uint16_t types[] = {ISB_A, ISB_AAAA};
	for (unsigned i = 0; i < 2; i++) {
		const struct isb_rrset *set = isb_node_set(node, types[i]);
		if (set && !isb_answer_has(answer, set))
			isb_answer_add(answer, section, name, 0,
			               &(struct isb_part){.type = set->type, .count = set->count, .ttl_s = set->ttl_s,
			                                  .rdata = set->rdata});
	}
}

const struct isb_node *isb_zone_find(const struct isb_zone_view *zone, const struct isb_name *name, bool *ret_below)
{
	const struct isb_node *node = zone->root;
	bool below = false;
	for (unsigned left = (unsigned)name->labels - zone->labels; left > 0; left--) {
		node = isb_node_child(node, name->lower + name->label[left - 1]);
		if (!node)
			return NULL;
		below |= node->flags & ISB_NODE_CUT;
	}
	*ret_below = below;
	return node;
}

/* At or below the `labels` rightmost labels of `suffix`, which is in lower case. */
static bool lies_under(const struct isb_name *name, const uint8_t *suffix, size_t suffix_len, unsigned labels)
{
	if (name->labels < labels)
		return false;
	size_t at = name->label[name->labels - labels];
	return name->len - at == suffix_len && memcmp(name->lower + at, suffix, suffix_len) == 0;
}

void isb_answer_glue(struct isb_answer *answer, const struct isb_zone_view *zone, const struct isb_name *name,
                     unsigned label, const struct isb_rrset *ns)
{
	const uint8_t *cut = name->lower + name->label[label], *at = ns->rdata;
	size_t cut_len = (size_t)name->len - name->label[label];
	for (unsigned i = 0; i < ns->count; i++) {
		struct isb_name target;
		uint16_t len;
		bool below;
		isb_name_set(&target, isb_rdata_next(&at, &len));
		if (!lies_under(&target, zone->apex, zone->apex_len, zone->labels))
			continue;
		const struct isb_node *node = isb_zone_find(zone, &target, &below);
		bool in_domain = lies_under(&target, cut, cut_len, (unsigned)name->labels - label);
		if (node)
			add_addresses(answer, in_domain ? ISB_GLUE : ISB_ADDITIONAL, node, &target);
	}
}

void isb_answer_targets(struct isb_answer *answer, const struct isb_view *view, uint16_t type, const uint8_t *rdata,
                        unsigned count)
{
	const struct isb_rdata_layout *layout = isb_rdata_layout(type);
	if (!layout || layout->target < 0)
		return;
	for (unsigned i = 0; i < count; i++) {
		struct isb_name target;
		uint16_t len;
		bool below;
		const uint8_t *wire = isb_rdata_next(&rdata, &len) + layout->skip;
		for (int k = 0; k < layout->target; k++)
			wire += isb_dname_len(wire);
		isb_name_set(&target, wire);
		const struct isb_zone_view *zone = target.labels ? isb_zone_of(view, &target, false) : NULL;
		const struct isb_node *node = zone ? isb_zone_find(zone, &target, &below) : NULL;
		/* Glue is for servers of zones alone; but the root's own may stand below a cut of the root zone. */
		if (node && node->record == ISB_NO_RECORD && (!below || type == ISB_NS))
			add_addresses(answer, ISB_ADDITIONAL, node, &target);
	}
}
