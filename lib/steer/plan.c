/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/steer/plan.h"

#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/model/model.h"
#include "isobar/model/rr.h"
#include "isobar/steer/list.h"
#include "isobar/steer/rollout.h"
#include "isobar/steer/steer.h"

_Static_assert(sizeof(struct isb_plan_child) == 24, "plans hold it as octets: no padding");

static const uint16_t type_rr[ISB_PLAN_TYPES] = {
	[ISB_PLAN_A] = ISB_A, [ISB_PLAN_AAAA] = ISB_AAAA, [ISB_PLAN_SRV] = ISB_SRV, [ISB_PLAN_CNAME] = ISB_CNAME,
	[ISB_PLAN_MX] = ISB_MX, [ISB_PLAN_TXT] = ISB_TXT, [ISB_PLAN_SVCB] = ISB_SVCB, [ISB_PLAN_HTTPS] = ISB_HTTPS,
	[ISB_PLAN_ALIAS] = ISB_ALIAS};

int isb_plan_type_of(uint16_t rrtype)
{
	for (int i = 0; i < ISB_PLAN_TYPES; i++)
		if (type_rr[i] == rrtype)
			return i;
	return -1;
}

uint16_t isb_plan_type_rr(enum isb_plan_type type)
{
	return type_rr[type];
}

uint16_t isb_plan_shape(const struct isb_plan_node *node)
{
	const struct isb_plan_child *child = node->child;
	uint32_t n = node->nchild, tied = 0;
	bool drawn = node->order == ISB_ORDER_ROTATE || node->order == ISB_ORDER_LEAST_LOAD || node->order == ISB_ORDER_FASTEST;
	for (uint32_t i = 1; i < n; i++)
		tied += child[i].rank == child[i - 1].rank;
	if (node->flags & ISB_NODE_POOL)
		return n && tied == n - 1 && !drawn && node->order != ISB_ORDER_HASH && node->answers == 1 &&
		       !(node->flags & ISB_NODE_SPREAD) ? ISB_NODE_ONE_DRAW : 0;
	return !tied && !drawn && !node->trickle && !(node->flags & ISB_NODE_ROLLOUT) ? ISB_NODE_STRAIGHT : 0;
}

const char *isb_plan_text(const struct isb_plan *plan, uint32_t offset)
{
	if (!offset || offset >= plan->size)
		return "";
	const char *text = (const char *)plan + offset;
	return memchr(text, '\0', plan->size - offset) ? text : "";
}

const char *isb_plan_viewpoint(const struct isb_plan *plan, uint32_t number)
{
	if (number >= plan->nviewpoint)
		return "";
	const uint32_t *texts = isb_plan_at(plan, plan->viewpoint);
	return isb_plan_text(plan, texts[number]);
}

/* --- The check: here alone nothing is taken for granted ------------------------------------------------------------ */

/* NULL when the block does not hold so many octets there. */
static const void *octets_at(const struct isb_plan *plan, uint32_t offset, size_t size)
{
	return offset > plan->size || plan->size - offset < size ? NULL : isb_plan_at(plan, offset);
}

static const void *words_at(const struct isb_plan *plan, uint32_t offset, size_t count, size_t size)
{
	return offset % 4 ? NULL : octets_at(plan, offset, count * size);
}

static const struct isb_plan_node *node_at(const struct isb_plan *plan, uint32_t offset)
{
	const struct isb_plan_node *node = words_at(plan, offset, 1, sizeof(*node));
	if (!node || node->nchild > ISB_CHILD_MAX)
		return NULL;
	return words_at(plan, offset, 1, sizeof(*node) + node->nchild * sizeof(node->child[0]));
}

/* Names in rdata are followed per query without another look, so they are looked at here. */
static bool rdata_ok(const struct isb_plan *plan, const struct isb_plan_rdata *rdata, uint16_t type)
{
	const uint8_t *at = octets_at(plan, rdata->offset, rdata->size);
	if (!at)
		return false;
	uint32_t left = rdata->size;
	for (unsigned i = 0; i < rdata->count; i++) {
		if (left < 2)
			return false;
		uint16_t len = (uint16_t)(at[0] << 8 | at[1]);
		if (left - 2 < len || !isb_rdata_check(type, at + 2, len))
			return false;
		at += 2 + len;
		left -= 2u + len;
	}
	return left == 0;
}

static bool endpoint_ok(const struct isb_plan *plan, const struct isb_plan_endpoint *endpoint)
{
	if (endpoint->unknown > ISB_UNKNOWN_DOWN)
		return false;
	for (int t = 0; t < ISB_PLAN_TYPES; t++)
		if (!rdata_ok(plan, &endpoint->rdata[t], t == ISB_PLAN_ALIAS ? ISB_CNAME : type_rr[t]))
			return false;
	return rdata_ok(plan, &endpoint->resolved[0], ISB_A) && rdata_ok(plan, &endpoint->resolved[1], ISB_AAAA);
}

static bool order_ok(const struct isb_plan *plan, const struct isb_plan_node *node)
{
	if (node->order >= ISB_ORDER_COUNT || node->trickle > 100)
		return false;
	if (node->hash_ipv4 > 32 || node->hash_ipv6 > 128 || node->below_ipv4 > 32 || node->below_ipv6 > 128)
		return false;
	if (node->order == ISB_ORDER_ROTATE)
		return plan->nrotor >= ISB_PLAN_TYPES && node->param <= plan->nrotor - ISB_PLAN_TYPES;
	if (node->order == ISB_ORDER_FASTEST)
		return node->param < plan->nviewpoint || node->param == ISB_NO_VIEWPOINT;
	return true;
}

static bool rollout_ok(const struct isb_plan *plan, const struct isb_plan_node *node)
{
	const struct isb_plan_rollout *rollout = node->param % 8 ? NULL : octets_at(plan, node->param, sizeof(*rollout));
	return rollout && isb_timetable_check(&rollout->times) && node->nchild == 2 && !(node->flags & ISB_NODE_POOL);
}

static bool candidate_ok(const struct isb_plan *plan, const struct isb_plan_child *child)
{
	if (child->ref >= plan->nendpoint)
		return false;
	struct isb_plan_child good = isb_plan_candidate(child->ref, isb_plan_endpoint(plan, child->ref));
	return child->slot == good.slot && child->region == good.region && child->flags == good.flags;
}

struct check {
	const struct isb_plan *plan;
	uint8_t *height; /* [offset / 4] levels of a node that was found good, 0: none was seen there */
	uint8_t *listed; /* [offset / 4] classes there were looked at */
};

/* Children lie before their parents in the block, which rules out loops. A node that many share is looked at once: a
 * policy that names another ten times, which names a third ten times, and so on, must not take ten times ten times. */
static bool node_ok(struct check *check, uint32_t offset, unsigned depth)
{
	const struct isb_plan *plan = check->plan;
	const struct isb_plan_node *node = node_at(plan, offset);
	if (!node || depth > ISB_PLAN_DEPTH_MAX || !order_ok(plan, node))
		return false;
	if (node->flags & ISB_NODE_ROLLOUT && !rollout_ok(plan, node))
		return false;
	if (node->flags & (ISB_NODE_STRAIGHT | ISB_NODE_ONE_DRAW) & ~isb_plan_shape(node))
		return false;
	uint8_t *height = &check->height[offset / 4], below = 0;
	if (*height)
		return depth + *height <= ISB_PLAN_DEPTH_MAX + 1;
	for (uint32_t i = 0; i < node->nchild; i++) {
		const struct isb_plan_child *child = &node->child[i];
		if (i && child->rank < child[-1].rank)
			return false;
		if (node->flags & ISB_NODE_POOL) {
			if (!candidate_ok(plan, child))
				return false;
		} else if (child->ref >= offset || !node_ok(check, child->ref, depth + 1)) {
			return false;
		} else if (check->height[child->ref / 4] > below) {
			below = check->height[child->ref / 4];
		}
	}
	*height = (uint8_t)(below + 1);
	return true;
}

/* A list says what the walk would find below the node, octet for octet, or it is none. */
static bool list_ok(const struct isb_plan *plan, const struct isb_plan_class *cls, enum isb_plan_type type)
{
	_Alignas(8) uint8_t room[sizeof(struct isb_list) + ISB_LIST_MAX * sizeof(struct isb_candidate)];
	uint32_t at = cls->list[type];
	if (at == ISB_NO_LIST)
		return true;
	if (cls->node == ISB_NO_NODE)
		return false;
	size_t size = isb_list_build(plan, isb_plan_node(plan, cls->node), type, (struct isb_list *)(void *)room);
	const void *list = words_at(plan, at, 1, size);
	return size && list && memcmp(list, room, size) == 0;
}

/* Those that many records share are looked at once. */
static bool classes_ok(struct check *check, uint32_t offset, uint32_t count)
{
	const struct isb_plan *plan = check->plan;
	const struct isb_plan_class *classes = words_at(plan, offset, count, sizeof(*classes));
	for (uint32_t c = 0; classes && c < count; c++) {
		uint8_t *seen = &check->listed[(offset + c * sizeof(*classes)) / 4];
		if (*seen)
			continue;
		*seen = 1;
		if (classes[c].node != ISB_NO_NODE && !node_ok(check, classes[c].node, 0))
			return false;
		if (!list_ok(plan, &classes[c], ISB_PLAN_A) || !list_ok(plan, &classes[c], ISB_PLAN_AAAA))
			return false;
	}
	return classes != NULL;
}

static bool record_ok(struct check *check, const struct isb_plan_record *record)
{
	const struct isb_plan *plan = check->plan;
	if ((record->map != ISB_NO_MAP && record->map >= plan->nmap) || record->all_down > ISB_ALL_DOWN_LAST)
		return false;
	return !(record->listed & ~isb_plan_listable(record->types)) && classes_ok(check, record->classes, record->nclass);
}

bool isb_plan_check(const void *block, size_t size)
{
	const struct isb_plan *plan = block;
	if (size < sizeof(*plan) || plan->magic != ISB_PLAN_MAGIC || plan->version != ISB_PLAN_VERSION || plan->size != size)
		return false;
	/* every counter is some node's, and workers make room for as many as the plan says */
	if (plan->nrotor > size || !words_at(plan, plan->viewpoint, plan->nviewpoint, sizeof(uint32_t)) ||
	    !words_at(plan, plan->endpoint, plan->nendpoint, sizeof(struct isb_plan_endpoint)) ||
	    !words_at(plan, plan->record, plan->nrecord, sizeof(struct isb_plan_record)))
		return false;
	for (uint32_t i = 0; i < plan->nendpoint; i++)
		if (!endpoint_ok(plan, isb_plan_endpoint(plan, i)))
			return false;
	struct check check = {.plan = plan, .height = isb_xcalloc(size / 4 + 1, 1), .listed = isb_xcalloc(size / 4 + 1, 1)};
	bool good = true;
	for (uint32_t i = 0; good && i < plan->nrecord; i++)
		good = record_ok(&check, isb_plan_record(plan, i));
	free(check.height);
	free(check.listed);
	return good;
}
