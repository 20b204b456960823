/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/steer/plan.h"

#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/model/model.h"
#include "isobar/model/rr.h"
#include "isobar/steer/rollout.h"
#include "isobar/steer/steer.h"

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

const struct isb_plan_node *isb_plan_root(const struct isb_plan *plan, const struct isb_plan_record *record, uint32_t cls)
{
	if (cls >= record->nclass)
		return NULL;
	const uint32_t *offset = isb_plan_at(plan, record->class_node + cls * (uint32_t)sizeof(*offset), sizeof(*offset));
	return offset && *offset != ISB_NO_NODE ? isb_plan_node(plan, *offset) : NULL;
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
	const uint32_t *text = isb_plan_at(plan, plan->viewpoint + number * (uint32_t)sizeof(*text), sizeof(*text));
	return text ? isb_plan_text(plan, *text) : "";
}

const uint8_t *isb_plan_rdata(const struct isb_plan *plan, const struct isb_plan_rdata *rdata)
{
	if (rdata->offset > plan->size || plan->size - rdata->offset < rdata->size)
		return NULL;
	return (const uint8_t *)plan + rdata->offset;
}

/* Names in rdata are followed per query without another look, so they are looked at here. */
static bool rdata_ok(const struct isb_plan *plan, const struct isb_plan_rdata *rdata, uint16_t type)
{
	const uint8_t *at = isb_plan_rdata(plan, rdata);
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
	if (!endpoint || endpoint->unknown > ISB_UNKNOWN_DOWN)
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

struct check {
	const struct isb_plan *plan;
	uint8_t *height; /* [offset / 4] levels of a node that was found good, 0: none was seen there */
};

/* Children lie before their parents in the block, which rules out loops. A node that many share is looked at once: a
 * policy that names another ten times, which names a third ten times, and so on, must not take ten times ten times. */
static bool node_ok(struct check *check, uint32_t offset, unsigned depth)
{
	const struct isb_plan *plan = check->plan;
	const struct isb_plan_node *node = isb_plan_node(plan, offset);
	if (!node || depth > ISB_PLAN_DEPTH_MAX || node->nchild > ISB_CHILD_MAX || !order_ok(plan, node))
		return false;
	bool rollout = node->flags & ISB_NODE_ROLLOUT;
	if (rollout && (node->flags & ISB_NODE_POOL || node->nchild != 2 || !isb_plan_rollout(plan, node)))
		return false;
	uint8_t *height = &check->height[offset / 4], below = 0;
	if (*height)
		return depth + *height <= ISB_PLAN_DEPTH_MAX + 1;
	for (uint32_t i = 0; i < node->nchild; i++) {
		const struct isb_plan_child *child = &node->child[i];
		if (i && child->rank < child[-1].rank)
			return false;
		if (node->flags & ISB_NODE_POOL) {
			if (child->ref >= plan->nendpoint)
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

static bool record_ok(struct check *check, const struct isb_plan_record *record)
{
	const struct isb_plan *plan = check->plan;
	if (!record || (record->map != ISB_NO_MAP && record->map >= plan->nmap) || record->all_down > ISB_ALL_DOWN_LAST)
		return false;
	if (!record->name)
		return true;
	const uint32_t *roots = isb_plan_at(plan, record->class_node, (size_t)record->nclass * sizeof(*roots));
	for (uint32_t c = 0; roots && c < record->nclass; c++)
		if (roots[c] != ISB_NO_NODE && !node_ok(check, roots[c], 0))
			return false;
	return roots != NULL;
}

bool isb_plan_check(const struct isb_plan *plan, size_t size)
{
	if (size < sizeof(*plan) || plan->magic != ISB_PLAN_MAGIC || plan->version != ISB_PLAN_VERSION || plan->size != size)
		return false;
	/* every counter is some node's, and workers make room for as many as the plan says */
	if (plan->nrotor > size || !isb_plan_at(plan, plan->viewpoint, (size_t)plan->nviewpoint * sizeof(uint32_t)))
		return false;
	for (uint32_t i = 0; i < plan->nendpoint; i++)
		if (!endpoint_ok(plan, isb_plan_endpoint(plan, i)))
			return false;
	struct check check = {.plan = plan, .height = isb_xcalloc(size / 4 + 1, 1)};
	bool good = true;
	for (uint32_t i = 0; good && i < plan->nrecord; i++)
		good = record_ok(&check, isb_plan_record(plan, i));
	free(check.height);
	return good;
}
