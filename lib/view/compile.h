/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/diag.h"
#include "isobar/model/model.h"
#include "isobar/model/rollout.h"
#include "isobar/steer/plan.h"
#include "hosts.h"
#include "tree.h"

/* Policies → plan (steer/plan.h). Room-internal. */

struct isb_compile_record {
	const char *name; /* "zone/owner"; NULL: this number is not in use */
	size_t owner_at;  /* where the owner stands in it: either may hold slashes (RFC 2317) */
	const struct isb_record *record;
	const struct isb_rollout *rollout; /* NULL: none is under way */
};

struct isb_compile_in {
	struct isb_arena *arena;
	const struct isb_catalog *catalog;
	const struct isb_geodb *geodb;                /* NULL: none */
	const struct isb_latencies *latencies;
	const struct isb_compile_record *records;     /* by number */
	size_t nrecord;
	struct isb_tree_map *const *old_maps;         /* to share */
	size_t nold_map;
	/* slot of an endpoint, or ISB_SLOT_NONE */
	uint32_t (*slot)(void *arg, const char *pool, const char *endpoint);
	void *slot_arg;
	struct isb_hosts *hosts; /* what the names that ALIAS gives resolved to; NULL: nothing is known */
};
enum { ISB_SLOT_NONE = 0xffffffff };

struct isb_compiled {
	struct isb_plan *plan;       /* free() */
	struct isb_tree_map **maps;  /* each with a user counted for this; the array is the arena's */
	size_t nmap;
};

int isb_compile(const struct isb_compile_in *in, struct isb_diags *diags, struct isb_compiled *ret);
