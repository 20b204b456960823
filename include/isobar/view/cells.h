/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "isobar/steer/order.h"
#include "isobar/store/latencydb.h"
#include "isobar/view/geodb.h"
#include "isobar/view/geomap.h"

/* Measured round trips as of one moment: for each network, and for each AS × country, country and continent that networks
 * are rolled up to by the facts of their first address, the quantile towards each region. What has too few samples is
 * left out, here once and not at every look. Made beside the one in use, then never changed; counted, because views
 * share it: reading a million networks takes seconds, and an edit of the catalog does not wait for it. */
struct isb_cells;

/* Reads all; geodb (NULL: none) lives longer. An error of the store leaves *ret_cells untouched. */
int isb_cells_read(struct isb_txn *latency, const struct isb_geodb *geodb, int64_t now_ms,
                   struct isb_cells **ret_cells);
/* The same by hand: begin, add rows in the store's order, seal before anything below is asked. */
struct isb_cells *isb_cells_new(const struct isb_geodb *geodb, int64_t now_ms);
void isb_cells_add(struct isb_cells *cells, const struct isb_latency_row *row);
void isb_cells_seal(struct isb_cells *cells);
struct isb_cells *isb_cells_share(struct isb_cells *cells); /* one user more */
void isb_cells_release(struct isb_cells *cells); /* NULL is fine */

/* The same for the same quantiles, whatever they were made of. */
uint64_t isb_cells_fingerprint(const struct isb_cells *cells);
/* When the first sample of those used ends to count; INT64_MAX: none ever. */
int64_t isb_cells_until_ms(const struct isb_cells *cells);
/* Networks, ascending; ids are positions, and those of roll-ups follow. */
size_t isb_cells_networks(const struct isb_cells *cells, const struct isb_prefix **ret_networks);
/* Those around an address, longest first. */
enum { ISB_CELLS_AROUND = 129 };
size_t isb_cells_around(const struct isb_cells *cells, const struct isb_addr *addr,
                        struct isb_prefix_match ret[ISB_CELLS_AROUND]);
uint32_t isb_cells_rollup(const struct isb_cells *cells, const struct isb_geo_facts *geo, enum isb_rollup rollup);
const char *isb_cells_name(const struct isb_cells *cells, uint32_t id, char out[ISB_CELL_TEXT]);

/* Regions that something was measured to, by number; NULL past the last. */
const char *isb_cells_region(const struct isb_cells *cells, uint32_t region);
struct isb_rtt isb_cells_get(const struct isb_cells *cells, uint32_t id, uint32_t region);
