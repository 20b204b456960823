/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "isobar/base/addr.h"
#include "isobar/base/buf.h"
#include "isobar/base/diag.h"
#include "isobar/model/dname.h"
#include "isobar/model/rr.h"
#include "isobar/steer/steer.h"
#include "isobar/store/env.h"
#include "isobar/view/cells.h"
#include "isobar/view/exact.h"
#include "isobar/view/geodb.h"
#include "isobar/view/geomap.h"
#include "isobar/view/large.h"
#include "isobar/view/names.h"

/* The immutable compiled catalog that queries are answered from. A view is built beside the one in use, shares what did
 * not change (names, geo maps), and replaces it by one pointer swap; the old one is freed when no reader can hold it. */

/* How one of the two names in an SOA goes into a message whose question ends with the apex: some octets of its own, then a
 * pointer to what it shares. Every denial carries these names, so what they share is looked for once. */
struct isb_soa_name {
	uint8_t len;  /* octets, as it is stored */
	uint8_t own;  /* of these go into the message as they stand */
	uint8_t last; /* where the last label of them begins, when there are any */
	uint8_t at;   /* where the rest begins in the name that it is shared with */
	bool points;  /* false: nothing is shared, the rest is the root */
};

struct isb_zone_view {
	const struct isb_node *root; /* node of the apex; children are relative to it */
	const struct isb_rrset *soa; /* never NULL; inside root */
	uint32_t negative_ttl_s;     /* min(SOA TTL, SOA MINIMUM), RFC 2308 §5 */
	struct isb_soa_name mname;   /* shared with the apex */
	struct isb_soa_name rname;   /* shared with the apex, or with more labels of mname */
	bool rname_in_mname;
	uint8_t apex_len;            /* octets */
	uint8_t labels;              /* without the root */
	uint8_t apex[];              /* lower case */
};

struct isb_view {
	uint64_t generation;
	const struct isb_node *zones; /* a child for each apex (isb_apex_key()); payload: struct isb_zone_view */
	uint64_t apex_labels[2];      /* bit n: there is a zone whose apex has n labels, so it is worth looking for one */
	const struct isb_exact *exact; /* names that are answered without a walk down the tries; NULL: none are */
	const struct isb_large *const *large; /* nlarge of them: likewise, of zones too large for that */
	uint32_t nlarge;
	const struct isb_plan *plan;  /* never NULL */
	const struct isb_geomap *const *maps; /* plan->nmap of them */
	const uint64_t *admin;        /* admin words by slot */
	uint32_t nadmin;
	uint32_t admin_end;           /* the last of them that says anything, + 1; queries look no further */
	uint32_t slots;               /* highest slot + 1 */
	const struct isb_geodb *geodb; /* that it was built with; the builder's */
	const char *const *viewpoints; /* regions whose probes order fastest asks, as the plan numbers them */
	uint32_t nviewpoint;
	const _Atomic int64_t *host_until_ms; /* of what ALIAS gives: until when it holds, by isb_plan_endpoint.host - 1 */
	uint32_t nhost;
	size_t nzone, nrecord;
	struct isb_tally *const *tallies; /* where those who answer from it count, one for each; the server's; NULL: nobody does */
	struct isb_view_own *own;     /* what the builder must know to share and to free */
};

/* An apex (lower case, `len` octets with the root's zero) as a name of one label, which is how editing takes it. */
static inline void isb_apex_key(const uint8_t *apex, size_t len, uint8_t out[2 + ISB_DNAME_MAX])
{
	out[0] = (uint8_t)len;
	memcpy(out + 1, apex, len);
	out[1 + len] = 0;
}
/* The zone with exactly this apex, or NULL. */
static inline struct isb_zone_view *isb_view_zone(const struct isb_view *view, const uint8_t *apex, size_t len)
{
	const struct isb_node *node = isb_node_child_of(view->zones, apex, len);
	return node ? node->payload : NULL;
}
/* Takes over what a zone's SOA says, once apex and root are set. A root without one has zone->soa NULL, and no more is set. */
void isb_zone_view_set_soa(struct isb_zone_view *zone);
static inline void isb_apex_labels_add(uint64_t apex_labels[2], unsigned labels)
{
	apex_labels[labels / 64] |= 1ull << labels % 64;
}

/* The client's class by the record's map, and how much of the client makes it (0 without a map). The record is one of the
 * view's plan. */
static inline struct isb_geoleaf isb_view_leaf(const struct isb_view *view, const struct isb_plan_record *record,
                                               const struct isb_addr *client)
{
	return record->map != ISB_NO_MAP ? isb_geomap_find(view->maps[record->map], client) : (struct isb_geoleaf){0};
}

/* Steers for one client: class from the record's map, then isb_steer(). ret_scope: bits of the client the answer
 * depends on, by its class or by what the walk looked at beyond that (0 without either). The record is one of
 * the view's plan. `state->client` is `client` or NULL. */
static inline void isb_view_steer(const struct isb_view *view, const struct isb_plan_record *record,
                                  enum isb_plan_type type, const struct isb_addr *client,
                                  const struct isb_steer_state *state, struct isb_choice *ret_choice, uint8_t *ret_scope)
{
	struct isb_geoleaf leaf = isb_view_leaf(view, record, client);
	isb_steer(view->plan, record, leaf.cls, type, state, ret_choice);
	*ret_scope = ret_choice->client_bits > leaf.scope ? ret_choice->client_bits : leaf.scope;
}

/* For explain: what the client-dependent nodes of the record's policy make of this client, by the very orders that
 * compiled the plan. `each` is called for the children of each such node, nodes nearest to the root first, children as
 * declared; a child that stands open in the plan (a policy written in place) is told by what it leads to, each with its
 * own rank. */
struct isb_why {
	const char *node, *child;
	size_t index;  /* of the child in its node, as declared */
	uint16_t rank; /* as in the plan; ISB_RANK_OUT: not there */
	bool again;    /* not there because all its pools are tried before */
	const char *why;
	const struct isb_policy_child *rule; /* of order geo, else NULL; the catalog's */
};
void isb_view_why(const struct isb_view *view, uint32_t record, const struct isb_addr *client,
                  void (*each)(void *arg, const struct isb_why *why), void *arg);
/* The catalog that the view was compiled from. */
const struct isb_catalog *isb_view_catalog(const struct isb_view *view);
/* What a geo rule matches, for people: "country KR JP, fenced"; long lists are cut short. */
void isb_view_rule_print(const struct isb_policy_child *rule, struct isb_buf *out);

/* --- Building (one thread at a time) ----------------------------------------------------------------------------- */

/* What a view is made of, as of the transactions' snapshots. */
struct isb_view_sources {
	struct isb_txn *catalog;
	struct isb_txn *health;  /* the probes' round trips for order latency, and what they resolved for ALIAS; NULL: none */
	struct isb_cells *cells; /* the clients', made with the same geodb; the view becomes a user of them; NULL: none */
	const struct isb_geodb *geodb; /* NULL: none; it must live as long as the view, which explains by it */
	size_t exact_names; /* that the table of whole names takes up; 0: ISB_EXACT_NAMES */
};
/* A sum over the probes' round trips that moves when they lead to another view: they count in steps, since only a shift
 * that can change an order is worth one. `health` NULL: 0. */
uint64_t isb_view_rtt_sum(struct isb_txn *health);
/* `old` (may be NULL) is the newest view built before; what did not change is shared with it. When only rrsets and admin
 * states were edited since, and the round trips' sum is the same, that is everything but the names on the way to the edited
 * ones; building at the old view's generation compiles all anew. On failure nothing changed and diags says why. */
int isb_view_build(const struct isb_view_sources *from, struct isb_view *old, struct isb_diags *diags,
                   struct isb_view **ret_view);
/* Takes over until when the names that ALIAS gives hold, while readers go on. False when one of them has other addresses
 * now, so that the view should be built anew. */
bool isb_view_refresh(struct isb_view *view, struct isb_txn *health);
/* The plans and maps of a catalog that is in no store, without names or health: to look at and to prove, not to answer
 * from. No round trips are known. The catalog was checked, and must live as long as the view. */
int isb_view_draft(const struct isb_catalog *catalog, const struct isb_geodb *geodb, struct isb_diags *diags,
                   struct isb_view **ret_view);
/* Frees a view that no reader can hold; parts that a newer view built from it shares stay. Views are freed in the order
 * they were built. */
void isb_view_free(struct isb_view *view);
