/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts.h"

#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "isobar/model/model.h"

static int add(struct isb_hosts *hosts, const char *name)
{
	struct isb_resolved row;
	int rc = hosts->health ? isb_resolved_get(hosts->health, name, &row) : ISB_ENOTFOUND;
	if (rc != ISB_OK && rc != ISB_ENOTFOUND)
		return rc;
	if (hosts->count == hosts->cap) {
		hosts->cap = hosts->cap ? hosts->cap * 2 : 16;
		hosts->list = isb_xrealloc(hosts->list, hosts->cap * sizeof(*hosts->list));
		hosts->until_ms = isb_xrealloc((void *)hosts->until_ms, hosts->cap * sizeof(*hosts->until_ms));
	}
	struct isb_host *host = &hosts->list[hosts->count];
	*host = (struct isb_host){.name = isb_arena_strdup(hosts->arena, name), .known = rc == ISB_OK && row.since_ms};
	atomic_init(&hosts->until_ms[hosts->count], rc == ISB_OK ? row.until_ms : 0);
	if (host->known) {
		host->count = row.count;
		host->addresses = isb_arena_memdup(hosts->arena, row.addresses, row.count * sizeof(*row.addresses));
	}
	isb_map_put(&hosts->by_name, host->name, strlen(host->name), (uint32_t)hosts->count++);
	return ISB_OK;
}

int isb_hosts_find(struct isb_hosts *hosts, const char *host, size_t *ret_place)
{
	char name[ISB_DNAME_TEXT];
	uint32_t at;
	int rc = isb_host_normal(host, name) ? ISB_OK : ISB_EINVAL;
	if (rc == ISB_OK && !isb_map_get(&hosts->by_name, name, strlen(name), &at)) {
		at = (uint32_t)hosts->count;
		rc = add(hosts, name);
	}
	if (rc == ISB_OK)
		*ret_place = at;
	return rc;
}

bool isb_hosts_refresh(struct isb_hosts *hosts, struct isb_txn *health)
{
	for (size_t i = 0; i < hosts->count; i++) {
		const struct isb_host *host = &hosts->list[i];
		struct isb_resolved row;
		int rc = isb_resolved_get(health, host->name, &row);
		if (rc != ISB_OK && rc != ISB_ENOTFOUND)
			continue; /* a row that cannot be read says nothing new */
		bool known = rc == ISB_OK && row.since_ms;
		if (known != host->known)
			return false;
		if (!known)
			continue;
		if (row.count != host->count || memcmp(row.addresses, host->addresses, row.count * sizeof(*row.addresses)) != 0)
			return false;
		/* relaxed: a time alone, no other data comes with it */
		atomic_store_explicit(&hosts->until_ms[i], row.until_ms, memory_order_relaxed);
	}
	return true;
}

void isb_hosts_done(struct isb_hosts *hosts)
{
	isb_map_done(&hosts->by_name);
	free(hosts->list);
	free((void *)hosts->until_ms);
}
