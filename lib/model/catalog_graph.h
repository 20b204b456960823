/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "schema_parts.h"

/* Which policy uses which: what isb_catalog_check() knows beyond single objects. Chains of policies may be as long as a
 * hostile catalog likes, so they are walked without recursion; only trees written in place are recursed into, and
 * those end where YAML's depth does. */

/* A record that leads to a pool, and so wants something of its endpoints. */
struct isb_need {
	const struct isb_zone *zone;
	const struct isb_record *record; /* NULL: there is none */
};
enum { ISB_NEEDS = 8 }; /* sorts of needs; what each is, the caller says */

struct isb_graph {
	const struct isb_catalog *catalog;
	struct isb_diags *diags;
	struct isb_arena arena;
	struct isb_pool_facts {
		bool placed; /* an endpoint has a region */
		struct isb_need need[ISB_NEEDS]; /* the first record of each sort */
	} *pools;
	struct isb_policy_facts {
		struct isb_policy_edge {
			size_t to;      /* a policy */
			unsigned depth; /* nodes from the root down to the one that names it */
		} *edges;
		size_t nedge, room, cursor;
		enum { ISB_WALK_NEW, ISB_WALK_OPEN, ISB_WALK_DONE } walk;
		unsigned height; /* nodes on the longest way down */
		size_t size;     /* nodes and endpoints, unfolded; stops counting beyond ISB_POLICY_SIZE_MAX */
		bool placed;     /* an endpoint below has a region */
		uint8_t needed;  /* bit 1 << sort: a record of that sort leads here */
	} *policies;
	size_t *stack; /* policies whose walk is open, and later a list of those to visit */
};

void isb_graph_init(struct isb_graph *g, const struct isb_catalog *catalog, struct isb_diags *diags);
void isb_graph_done(struct isb_graph *g);
/* Visits every policy, children before parents; adds loops and trees that are too deep to the diags. */
void isb_graph_walk(struct isb_graph *g);
/* After the walk: does an endpoint below this child have a region? True for names that are not there. */
bool isb_graph_placed(const struct isb_graph *g, const struct isb_policy_child *child);
/* Marks every pool below the record's policy that has no need of that sort yet. */
void isb_graph_need(struct isb_graph *g, unsigned sort, const struct isb_zone *zone, const struct isb_record *record);
