/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "compile.h"
#include "isobar/view/view.h"

/* What a view owns, or shares with its neighbours in time. Room-internal: view.c builds and frees, why.c explains. */
struct isb_view_own {
	struct isb_arena arena;
	struct isb_catalog catalog;
	bool draft;                          /* the catalog is the caller's; there are no names */
	struct isb_cells *cells; /* one user of them */
	struct isb_latencies *latencies;
	struct isb_compile_record *records;  /* by number; names are the arena's */
	size_t nrecord;
	struct isb_tree_map **maps;
	size_t nmap;
	struct isb_hosts hosts;

	/* Set when a newer view was built from this one: what only this one still uses. */
	bool superseded;
	struct isb_garbage **garbage;        /* array is malloc'ed */
	size_t ngarbage;
	struct isb_zone_view **dead_zones;   /* replaced; array is malloc'ed */
	const struct isb_node **dead_roots;  /* of zones that left the catalog; array is malloc'ed */
	size_t ndead_zone, ndead_root;
};
