/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/arena.h"
#include "isobar/base/diag.h"
#include "isobar/base/map.h"
#include "isobar/model/dname.h"
#include "isobar/model/yaml.h"
#include "isobar/view/zonefile.h"

/* Zones as octoDNS' YamlProvider keeps them, made into a catalog that means the same: each name's records become lines
 * of the zone's text, and the `dynamic:` part of a record becomes pools, a check, a policy and a record laid over them.
 * Pure: trees in, a tree out.
 *
 *   pool                its endpoints with their weights, one per answer
 *   status: up, down    a pool of its own without a check; left out
 *   fallback            the pools of the chain as a list, which is a failover
 *   rules               rules of a geo policy, each fenced: octoDNS goes from a chain to the values, never to another
 * rule values              ordinary rrset, answered when the chain ends (all_down: fallback) octodns.healthcheck a
 * check
 *
 * octoDNS takes the first rule that matches and demands that the more specific ones come first; isobar takes the most
 * specific one. Where a file breaks that demand, what would never be reached is an error, or left out with a note when
 * the record is `lenient`. What cannot be said in a catalog is an error, never left out in silence. */

/* What octoDNS' files do not say. */
struct isb_octodns_how {
	const char *provider;  /* octoDNS' name of the provider that isobar stands in for; NULL: not said */
	const char *const *ns; /* names of servers for zones whose files name none; may be NULL */
	size_t nns;
	const char *soa; /* rdata of the SOA; NULL: made from the zone's name and first server */
};

struct isb_octodns_zone {
	const char *name; /* lower case, without the final dot */
	uint8_t apex[ISB_DNAME_MAX];
	struct isb_mark mark;     /* the first file */
	struct isb_yaml *records; /* what is steered, in the tree */
	const char *text;         /* master file; set by finish() */
	/* lib/import's own */
	struct isb_buf head, body; /* lines made up; lines of the files */
	struct isb_mark *lines;    /* of the body: where each was written */
	size_t nhead, nline, room;
	const char *server;   /* first NS of the apex, NULL: none */
	struct isb_map types; /* owner and type: given already */
};

struct isb_octodns {
	struct isb_arena arena;
	struct isb_octodns_how how;
	struct isb_diags errors, notes; /* notes: what was made up, or has no meaning here */
	struct isb_yaml *root;          /* the catalog, for isb_schema_read(); marks are those of octoDNS' files */
	struct isb_octodns_zone *zones; /* lib/import's own room behind count */
	size_t nzone, room;
	struct isb_yaml *checks, *pools, *policies, *zone_map;
	struct isb_map names, check_names; /* of pools and policies; of checks */
};

/* What `how` points to must live as long. */
void isb_octodns_init(struct isb_octodns *o, const struct isb_octodns_how *how);
void isb_octodns_done(struct isb_octodns *o);

/* The zone that a file of this name holds, as octoDNS has it: "config/example.com.yaml" gives "example.com". NULL when
 * the name says none. */
const char *isb_octodns_zone_name(struct isb_arena *arena, const char *path);
/* Adds what one file says of a zone; a zone may have several. `root` must live as long as o. */
void isb_octodns_add(struct isb_octodns *o, const char *zone, const struct isb_yaml *root);
/* The files name no record of the zone, or none that is for isobar. */
bool isb_octodns_is_empty(const struct isb_octodns_zone *zone);
/* Gives every zone its SOA and NS and its text. ISB_OK, or ISB_EINVAL with everything that is wrong in o->errors. */
int isb_octodns_finish(struct isb_octodns *o);
/* The rrsets of zone `i`; errors bear the marks of octoDNS' files. ISB_OK or ISB_EINVAL with everything in diags. */
int isb_octodns_zonedata(const struct isb_octodns *o, size_t i, struct isb_diags *diags, struct isb_zonedata *ret_data);
