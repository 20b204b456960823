/* SPDX-License-Identifier: Apache-2.0 */
#include "flows.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"

struct isb_flows {
	pthread_mutex_t lock;
	unsigned count;
	struct isb_flow flow[ISB_FLOW_REGIONS];
};

const char *const isb_continent_codes[ISB_CONTINENTS] = {"AF", "AN", "AS", "EU", "NA", "OC", "SA", "unknown"};

struct isb_flows *isb_flows_new(void)
{
	struct isb_flows *flows = isb_xcalloc(1, sizeof(*flows));
	pthread_mutex_init(&flows->lock, NULL);
	return flows;
}

void isb_flows_free(struct isb_flows *flows)
{
	if (!flows)
		return;
	pthread_mutex_destroy(&flows->lock);
	free(flows);
}

static unsigned continent_number(const char *code)
{
	unsigned i = 0;
	while (i < ISB_CONTINENTS - 1 && strcmp(code, isb_continent_codes[i]) != 0)
		i++;
	return i;
}

static struct isb_flow *flow_of(struct isb_flows *flows, const char *region)
{
	char name[ISB_FLOW_REGION_TEXT];
	snprintf(name, sizeof(name), "%s", region);
	for (unsigned i = 0; i < flows->count; i++)
		if (strcmp(flows->flow[i].region, name) == 0)
			return &flows->flow[i];
	if (flows->count == ISB_FLOW_REGIONS)
		return &flows->flow[ISB_FLOW_REGIONS - 1];
	struct isb_flow *flow = &flows->flow[flows->count++];
	snprintf(flow->region, sizeof(flow->region), "%s", flows->count == ISB_FLOW_REGIONS ? "other" : name);
	return flow;
}

void isb_flows_add(struct isb_flows *flows, const char *continent, const char *region, uint64_t answers)
{
	pthread_mutex_lock(&flows->lock);
	flow_of(flows, region)->answers[continent_number(continent)] += answers;
	pthread_mutex_unlock(&flows->lock);
}

unsigned isb_flows_list(struct isb_flows *flows, struct isb_flow out[ISB_FLOW_REGIONS])
{
	pthread_mutex_lock(&flows->lock);
	unsigned count = flows->count;
	memcpy(out, flows->flow, count * sizeof(*out));
	pthread_mutex_unlock(&flows->lock);
	return count;
}
