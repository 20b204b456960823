/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "isobar/base/diag.h"
#include "isobar/base/map.h"
#include "isobar/store/catalogdb.h"
#include "isobar/view/view.h"

/* The names of a new view: edits beside the old view's trees, all of them committed together or not at all.
 * Room-internal. */

struct isb_zone_edit {
	uint8_t apex[ISB_DNAME_MAX];
	size_t apex_len;
	struct isb_zone_view *old;    /* NULL: new in this view */
	struct isb_names_edit *edit;
	struct isb_mark mark;
};

struct isb_zones {
	struct isb_arena *arena;
	struct isb_txn *txn;
	const struct isb_view *old;   /* NULL: none */
	struct isb_zone_edit **edits;
	size_t count, cap;
	struct isb_map by_apex;       /* apex → index in edits */
	struct isb_diags *diags;
	int (*each)(void *arg, const struct isb_change *change); /* the pass over the journal at hand */
	struct isb_zone_view **gone;  /* of the old view, no longer in the catalog */
	size_t ngone;
	struct isb_map gone_at;       /* apex → place in `gone` */
};

/* Begins edits for every zone whose ordinary rrsets differ between `old` and the transaction's snapshot: from the
 * journal where the old view is known, whole where a zone is new. Costs nothing for zones that the journal does not name. */
int isb_zones_begin(struct isb_zones *zones, struct isb_diags *diags);
/* Lays record `number` over an owner (absolute, lower case), or takes it off with ISB_NO_RECORD. */
void isb_zones_put_record(struct isb_zones *zones, const uint8_t *apex, const uint8_t *owner, uint32_t number);
/* Every zone has an SOA; to be asked after the last edit. */
int isb_zones_check(struct isb_zones *zones, struct isb_diags *diags);
/* The new trees; what only the old view used goes to its `own`. */
void isb_zones_commit(struct isb_zones *zones, struct isb_view *view);
void isb_zones_abort(struct isb_zones *zones);
