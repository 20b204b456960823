/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "catalog_graph.h"

/* Knobs that mean nothing where they stand: each is an error, for whoever wrote it expected something of it. Part of
 * isb_catalog_check(). */
void isb_check_pool_knobs(struct isb_graph *g, const struct isb_pool *pool);
/* `node` is the policy's or one written in place below it; its children are not looked into. */
void isb_check_node_knobs(struct isb_graph *g, const struct isb_policy *policy, const struct isb_policy_node *node);
