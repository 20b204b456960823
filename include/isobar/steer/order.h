/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/addr.h"
#include "isobar/base/buf.h"
#include "isobar/model/model.h"
#include "isobar/steer/facts.h"

/* An order ranks the children of a policy node or the endpoints of a pool. Rank 0 comes first; equal ranks are a tie and
 * share by weight when a query draws; ISB_RANK_OUT keeps a child out for this client. Orders that look at the client
 * (by_client) are asked once per class of clients while a policy is compiled, the others once; none is asked per query.
 * Each order is one file, order_NAME.c, with one of these at its end; those that rank all alike and differ only in how equals
 * are drawn share order_drawn.c. */

enum { ISB_RANK_OUT = 0xffff, ISB_PARAM_NONE = 0xffff };

/* Orders whose equals are not drawn by weight (rotate, hash, least-load, fastest) rank all alike; how the walk draws among
 * equals is lib/steer/draw.h's. */

/* One child as orders see it. */
struct isb_order_child {
	uint8_t tier;                        /* of an endpoint; children of policies have 0 */
	const struct isb_geo_match *match;   /* geo: the rule; else NULL */
	bool fence;                          /* geo */
	int8_t bias;                         /* nearest: -99..99 % */
	const struct isb_region *const *regions; /* where its endpoints live, each once */
	size_t nregion;
	uint32_t net_base;                   /* geo: facts->nets ids of this rule are net_base .. net_base + match->nnet - 1 */
};

struct isb_order_in {
	const struct isb_order_child *children;
	size_t count;
	bool endpoints; /* the children are a pool's endpoints, not a policy's children */
	const struct isb_facts *facts; /* NULL for orders that do not look at the client */
	const struct isb_rtt_source *rtt; /* latency only */
	const struct isb_region *regions; /* fastest only: all of the catalog */
	size_t nregion;
};

/* Round trips for order latency: from cells of clients to a region, and between regions as probes measure them. A cell is
 * a network (facts->cells has those around the client) or one of what networks are rolled up to, finest first. */
enum isb_rollup { ISB_ROLLUP_ASN, /* × country */ ISB_ROLLUP_COUNTRY, ISB_ROLLUP_CONTINENT, ISB_ROLLUPS };
enum { ISB_CELL_NONE = 0xffffffff, ISB_CELL_TEXT = ISB_NET_TEXT };
struct isb_rtt {
	uint32_t us;      /* the quantile that counts (model/samples.h); 0: unknown, or of too few samples */
	uint32_t samples;
};
struct isb_rtt_source {
	void *arg;
	struct isb_rtt (*cell)(void *arg, uint32_t id, const struct isb_region *region);
	/* The cell that clients with these facts are rolled up to, or ISB_CELL_NONE. */
	uint32_t (*rollup)(void *arg, const struct isb_geo_facts *geo, enum isb_rollup rollup);
	/* "203.0.113.0/24", "AS4766 KR", "country KR", "continent AS"; returns out */
	const char *(*name)(void *arg, uint32_t id, char out[ISB_CELL_TEXT]);
	/* us from the probe region nearest to the client to a region, 0: unknown; `geo` is located */
	uint32_t (*probe)(void *arg, const struct isb_geo_facts *geo, const struct isb_region *region);
};

struct isb_order {
	enum isb_order_id id;
	bool by_client;
	/* Fills ret_rank[count]; adds to why[i] (may be NULL) what explains child i's rank. */
	void (*rank)(const struct isb_order_in *in, uint16_t *ret_rank, struct isb_buf *why);
	/* What else the client decides about the node, or NULL. fastest: the index in `regions` of the one whose probes speak for
	 * this client; ISB_PARAM_NONE: none does. */
	uint16_t (*param)(const struct isb_order_in *in);
};

extern const struct isb_order isb_order_failover, isb_order_weighted, isb_order_rotate, isb_order_geo, isb_order_nearest,
	isb_order_latency, isb_order_hash, isb_order_least_load, isb_order_fastest;
const struct isb_order *isb_order_get(enum isb_order_id id);

/* The rank of orders that are but a way to draw: 0 for all. */
void isb_rank_alike(const struct isb_order_in *in, uint16_t *ret_rank, struct isb_buf *why);

/* Great-circle distance in km (haversine, mean radius 6371 km). */
double isb_distance_km(double latitude1, double longitude1, double latitude2, double longitude2);

/* For orders that sort by a measure: ranks ascending `value`, a child whose value is within the tie band of the best of
 * its group shares that group's rank; `value` < 0 means out. band(best) gives the largest value that still ties. */
void isb_rank_by_value(const double *value, size_t count, double (*band)(double best), uint16_t *ret_rank);
