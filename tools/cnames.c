/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "isobar/base/map.h"
#include "isobar/model/dname.h"

/* A steered CNAME is as alone at its name as an ordinary one. The CNAME underneath is what it falls back on, and DNSSEC's
 * own may stand beside it (RFC 2181 §10.1, RFC 4034 §3 and §4). */

struct neighbours {
	const struct isb_zone *zone;
	const struct isb_record *record;
	struct isb_diags *diags;
};

static int refuse(void *arg, const uint8_t *owner, const struct isb_rrset *set)
{
	const struct neighbours *n = arg;
	char type[ISB_TYPE_TEXT];
	(void)owner;
	if (set->type != ISB_CNAME && set->type != ISB_RRSIG && set->type != ISB_NSEC)
		isb_diag(n->diags, n->record->mark, "record '%s' of zone '%s' is a CNAME, and the zone has %s at that name; a "
		         "CNAME stands alone", n->record->owner, n->zone->name, isb_type_print(set->type, type));
	return 0;
}

/* The record's owner in lower case when it is a CNAME. */
static bool owner_of(const struct isb_zone *zone, const struct isb_record *record, uint8_t apex[ISB_DNAME_MAX],
                     uint8_t owner[ISB_DNAME_MAX])
{
	if (!isb_record_has(record, ISB_CNAME) || isb_dname_parse(zone->name, NULL, apex) < 0 ||
	    isb_dname_parse(record->owner, apex, owner) < 0 || !isb_dname_under(owner, apex))
		return false; /* what is wrong with the names, the catalog's own check says */
	isb_dname_lower(apex, apex);
	isb_dname_lower(owner, owner);
	return true;
}

void cli_check_cnames(struct isb_txn *txn, const struct isb_catalog *catalog, struct isb_diags *diags)
{
	uint8_t apex[ISB_DNAME_MAX], owner[ISB_DNAME_MAX];
	for (size_t i = 0; i < catalog->nzone; i++) {
		const struct isb_zone *zone = &catalog->zones[i];
		for (size_t k = 0; k < zone->nrecord; k++) {
			struct neighbours n = {.zone = zone, .record = &zone->records[k], .diags = diags};
			if (owner_of(zone, n.record, apex, owner))
				isb_rrset_each_at(txn, apex, owner, false, refuse, &n);
		}
	}
}

static void check_data(const struct isb_zone *zone, const struct isb_zonedata *data, struct isb_diags *diags)
{
	uint8_t apex[ISB_DNAME_MAX], owner[ISB_DNAME_MAX];
	struct isb_arena arena = {0};
	struct isb_map cnames = {0};
	for (size_t k = 0; k < zone->nrecord; k++)
		if (owner_of(zone, &zone->records[k], apex, owner)) {
			size_t len = isb_dname_len(owner);
			isb_map_put(&cnames, isb_arena_memdup(&arena, owner, len), len, (uint32_t)k);
		}
	for (size_t i = 0; i < data->count; i++) {
		uint32_t k;
		const uint8_t *name = data->sets[i].owner;
		if (isb_map_get(&cnames, name, isb_dname_len(name), &k))
			refuse(&(struct neighbours){.zone = zone, .record = &zone->records[k], .diags = diags}, name, data->sets[i].set);
	}
	isb_map_done(&cnames);
	isb_arena_done(&arena);
}

void cli_wanted_check_cnames(struct cli_wanted *w)
{
	for (size_t i = 0; i < w->nzone; i++)
		check_data(&w->catalog.zones[i], &w->zones[i].data, &w->diags);
}
