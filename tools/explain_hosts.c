/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "explain.h"
#include "isobar/base/err.h"
#include "isobar/model/dname.h"
#include "isobar/store/resolveddb.h"

/* What the names that ALIAS gave resolved to, as a probe wrote it down. A name of our own zones has no such row: it was
 * followed when the question came. */

static const struct isb_endpoint *find_endpoint(const struct isb_catalog *catalog, const char *name)
{
	size_t len = strcspn(name, "/");
	for (size_t i = 0; i < catalog->npool; i++) {
		const struct isb_pool *pool = &catalog->pools[i];
		if (strlen(pool->name) != len || strncmp(pool->name, name, len) != 0)
			continue;
		for (size_t k = 0; k < pool->nendpoint; k++)
			if (strcmp(pool->endpoints[k].name, name + len + 1) == 0)
				return &pool->endpoints[k];
	}
	return NULL;
}

static void each_host(struct explain *e, void (*each)(struct explain *e, const struct isb_resolved *row, void *arg), void *arg)
{
	char host[ISB_DNAME_TEXT];
	struct isb_resolved row;
	for (size_t i = 0; e->record && i < e->trace.count; i++) {
		if (e->trace.steps[i].kind != ISB_STEP_CHOSEN)
			continue;
		const struct isb_endpoint *endpoint = find_endpoint(isb_view_catalog(e->view), e->trace.steps[i].name);
		if (endpoint && endpoint->host && isb_host_normal(endpoint->host, host) &&
		    isb_resolved_get(e->reader.health, host, &row) == ISB_OK)
			each(e, &row, arg);
	}
}

static void tell(struct explain *e, const struct isb_resolved *row, void *arg)
{
	(void)arg;
	printf("alias     %s: %s, %s\n", row->host, cli_resolved_addresses(&e->arena, row),
	       cli_resolved_state(&e->arena, row, e->cli->at_ms));
}

static void add(struct explain *e, const struct isb_resolved *row, void *arg)
{
	(void)e;
	json_array_append_new(arg, cli_resolved_json(row));
}

void explain_hosts(struct explain *e)
{
	if (e->record && e->record->types >> ISB_PLAN_ALIAS & 1)
		each_host(e, tell, NULL);
}

json_t *explain_hosts_json(struct explain *e)
{
	json_t *list = json_array();
	if (e->record && e->record->types >> ISB_PLAN_ALIAS & 1)
		each_host(e, add, list);
	return list;
}
