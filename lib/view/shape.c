/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/base/hash.h"
#include "isobar/model/health.h"
#include "isobar/store/catalogdb.h"
#include "isobar/store/codec.h"
#include "isobar/store/healthdb.h"
#include "own.h"

/* A round trip counts in steps of 6 to 12 percent and at least 4 ms, about what order latency takes for a tie. */
static uint32_t coarse(uint32_t rtt_us)
{
	unsigned shift = 12;
	while (rtt_us >> shift >= 16)
		shift++;
	return rtt_us >> shift << shift;
}

static int add_rtt(void *arg, const char *from, const char *to, uint32_t rtt_us)
{
	uint64_t *sum = arg;
	*sum = isb_hash(from, strlen(from), *sum);
	*sum = isb_hash(to, strlen(to), *sum);
	*sum = isb_hash_mix(*sum, coarse(rtt_us));
	return 0;
}

uint64_t isb_view_rtt_sum(struct isb_txn *health)
{
	uint64_t sum = 0;
	if (health)
		isb_rtt_each(health, add_rtt, &sum);
	return sum;
}

struct isb_shape *isb_shape_new(const struct isb_view_sources *from)
{
	struct isb_shape *shape = isb_xcalloc(1, sizeof(*shape));
	isb_catalog_init(&shape->catalog);
	shape->users = 1;
	shape->given = from->cells;
	if (from->cells) {
		shape->cells = isb_cells_share(from->cells);
	} else {
		shape->cells = isb_cells_new(NULL, 0);
		isb_cells_seal(shape->cells);
	}
	shape->rtt_sum = isb_view_rtt_sum(from->health);
	return shape;
}

void isb_shape_release(struct isb_shape *shape)
{
	if (--shape->users)
		return;
	for (size_t i = 0; i < shape->nmap; i++)
		isb_tree_map_release(shape->maps[i]);
	isb_hosts_done(&shape->hosts);
	isb_cells_release(shape->cells);
	if (!shape->draft)
		isb_catalog_done(&shape->catalog);
	isb_arena_done(&shape->arena);
	free(shape->plan);
	free(shape);
}

/* --- What the journal says since a view --------------------------------------------------------------------------- */

struct since {
	struct isb_txn *txn;
	bool objects;    /* anything but names and admin states */
	uint64_t *admin; /* to be brought up to date */
};

static int look_for_objects(void *arg, const struct isb_change *change)
{
	struct since *since = arg;
	since->objects |= change->table != ISB_T_RRSET && change->table != ISB_T_ADMIN;
	return 0;
}

static int replay_admin(void *arg, const struct isb_change *change)
{
	const struct since *since = arg;
	const char *endpoint;
	struct isb_slice value;
	struct isb_admin_row row;
	uint32_t slot;
	if (change->table != ISB_T_ADMIN)
		return ISB_OK;
	int rc = isb_text_decode(change->key, &endpoint);
	if (rc == ISB_OK)
		rc = isb_row_get(since->txn, ISB_T_SLOT, change->key, &value);
	if (rc == ISB_OK)
		rc = isb_u32_decode(value, &slot);
	if (rc != ISB_OK)
		return rc;
	rc = isb_admin_get(since->txn, endpoint, &row);
	if (rc == ISB_OK)
		since->admin[slot] = isb_admin_pack(row.admin, row.until_ms);
	else if (rc == ISB_ENOTFOUND)
		since->admin[slot] = 0;
	return rc == ISB_ENOTFOUND ? ISB_OK : rc;
}

struct entries {
	struct since *since;
	int (*each)(void *arg, const struct isb_change *change);
};

static int look_at_entry(void *arg, const struct isb_journal_entry *entry)
{
	const struct entries *entries = arg;
	return isb_journal_changes(entries->since->txn, entry->generation, entries->each, entries->since);
}

static int each_change(struct since *since, uint64_t from, int (*each)(void *arg, const struct isb_change *change))
{
	struct entries entries = {since, each};
	return isb_journal_each(since->txn, from, look_at_entry, &entries);
}

bool isb_shape_holds(const struct isb_view *old, const struct isb_view_sources *from)
{
	struct isb_shape *shape = old->own->shape;
	if (isb_generation(from->catalog) <= old->generation) /* no edit: who builds now wants all of it anew */
		return false;
	if (from->geodb != old->geodb || from->cells != shape->given)
		return false;
	if (shape->nmap && isb_view_rtt_sum(from->health) != shape->rtt_sum)
		return false;
	if (shape->hosts.count && (!from->health || !isb_hosts_refresh(&shape->hosts, from->health)))
		return false;
	struct since since = {.txn = from->catalog};
	return each_change(&since, old->generation + 1, look_for_objects) == ISB_OK && !since.objects;
}

void isb_shape_end_admin(struct isb_view *view)
{
	view->admin_end = view->nadmin;
	while (view->admin_end && !view->admin[view->admin_end - 1])
		view->admin_end--;
}

int isb_shape_replay_admin(const struct isb_view *old, struct isb_txn *txn, struct isb_view *view)
{
	uint64_t *admin = isb_xcalloc(old->nadmin, sizeof(*admin));
	if (old->nadmin)
		memcpy(admin, old->admin, old->nadmin * sizeof(*admin));
	view->admin = admin;
	struct since since = {.txn = txn, .admin = admin};
	int rc = each_change(&since, old->generation + 1, replay_admin);
	isb_shape_end_admin(view);
	return rc;
}
