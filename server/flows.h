/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>

/* Steered answers by where the client is and where it was sent: continents × regions, an estimate from samples. Any thread. */
struct isb_flows;

enum {
	ISB_CONTINENTS = 8,       /* the last is unknown */
	ISB_FLOW_REGIONS = 256,   /* further ones count together, as "other" */
	ISB_FLOW_REGION_TEXT = 64 /* octets of a region's name with its NUL; what is longer is cut */
};
extern const char *const isb_continent_codes[ISB_CONTINENTS]; /* AF AN AS EU NA OC SA unknown */

struct isb_flow {
	char region[ISB_FLOW_REGION_TEXT];
	uint64_t answers[ISB_CONTINENTS];
};

struct isb_flows *isb_flows_new(void);
void isb_flows_free(struct isb_flows *flows); /* NULL is fine */
/* `continent` as geo databases have it, "" unknown; `region` "" where the endpoint lies in none. */
void isb_flows_add(struct isb_flows *flows, const char *continent, const char *region, uint64_t answers);
/* How many there are, and copies of them. */
unsigned isb_flows_list(struct isb_flows *flows, struct isb_flow out[ISB_FLOW_REGIONS]);
