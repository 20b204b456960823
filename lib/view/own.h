/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "compile.h"
#include "isobar/view/view.h"

/* Room-internal: view.c builds and frees, why.c explains. */

/* All that follows from the objects of a catalog. The views between two edits of objects are users of one shape, so that
 * an edited name costs no look at them. */
struct isb_shape {
	size_t users;
	struct isb_arena arena;
	struct isb_catalog catalog;
	bool draft;                          /* the catalog is the caller's; there are no names */
	const struct isb_cells *given;       /* as they were given, NULL: none */
	struct isb_cells *cells;             /* one user of them */
	struct isb_latencies *latencies;
	uint64_t rtt_sum;                    /* isb_view_rtt_sum() of what they were made of */
	struct isb_compile_record *records;  /* by number; names are the arena's */
	size_t nrecord;
	struct isb_plan *plan;
	struct isb_tree_map **maps;
	size_t nmap;
	struct isb_hosts hosts;
};

/* Of whole names: made anew when edits have taken much out of it, or would bring much in. */
struct isb_exact_table {
	size_t users;
	struct isb_exact *block; /* NULL: no name is in it */
	struct isb_large *large[ISB_EXACT_LEFT];
	uint32_t nlarge;
	size_t names;            /* in the block and beside it */
	size_t edits;            /* names edited since it was made, also those that came to be */
};
/* Of a view whose zones and shape are there. One user. `names`: what the block takes up, as in struct isb_view_sources. */
struct isb_exact_table *isb_exact_table_new(const struct isb_view *view, size_t names);
void isb_exact_table_release(struct isb_exact_table *table);
/* False: after these edits a view should have one of its own. */
bool isb_exact_table_holds(const struct isb_exact_table *table);
/* The name's answer will differ in the next view. Names are in lower case. */
void isb_exact_table_edit(struct isb_exact_table *table, const uint8_t *name, size_t len);
/* The answers of all names at and below the node of this name will. */
void isb_exact_table_edit_all(struct isb_exact_table *table, const uint8_t *name, const struct isb_node *node);
/* The zone goes. */
void isb_exact_table_leave(struct isb_exact_table *table, const struct isb_zone_view *zone);

/* What a view owns, or shares with its neighbours in time. */
struct isb_view_own {
	struct isb_shape *shape;
	struct isb_exact_table *exact;       /* NULL in a draft */
	uint32_t apexes[ISB_LABELS_MAX + 1]; /* zones by their apexes' labels */

	/* Set when a newer view was built from this one: what only this one still uses. */
	bool superseded;
	struct isb_garbage **garbage;        /* array is malloc'ed */
	size_t ngarbage;
	struct isb_zone_view **dead_zones;   /* replaced; array is malloc'ed */
	const struct isb_node **dead_roots;  /* of zones that left the catalog; array is malloc'ed */
	size_t ndead_zone, ndead_root;
};

/* The shape of these sources, empty, with one user. */
struct isb_shape *isb_shape_new(const struct isb_view_sources *from);
void isb_shape_release(struct isb_shape *shape);
/* True when nothing that the old view's shape was made of has changed: the journal speaks of names and admin states only. */
bool isb_shape_holds(const struct isb_view *old, const struct isb_view_sources *from);
/* Finds admin_end, once the words are there. */
void isb_shape_end_admin(struct isb_view *view);
/* The old view's admin states with what the journal says since, into `view`; for a shape that holds. */
int isb_shape_replay_admin(const struct isb_view *old, struct isb_txn *txn, struct isb_view *view);
