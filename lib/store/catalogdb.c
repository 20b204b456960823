/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/store/catalogdb.h"

#include <stdio.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/model/yaml.h"
#include "isobar/store/codec.h"
#include "slots.h"

static const struct isb_slice everything = {NULL, 0};

uint64_t isb_generation(struct isb_txn *txn)
{
	struct isb_key key;
	struct isb_slice value;
	isb_key_text(&key, ISB_META_GENERATION);
	if (isb_row_get(txn, ISB_T_META, isb_key_slice(&key), &value) != ISB_OK || value.len != 8)
		return 0;
	return isb_get_u64(value.data);
}

/* --- Objects --- */

int isb_object_get(struct isb_txn *txn, enum isb_kind kind, const char *name, const char **ret_body)
{
	struct isb_key key;
	struct isb_slice value;
	int rc = isb_key_object(&key, kind, name);
	if (rc == ISB_OK)
		rc = isb_row_get(txn, ISB_T_OBJECT, isb_key_slice(&key), &value);
	return rc == ISB_OK ? isb_text_decode(value, ret_body) : rc;
}

struct object_walk {
	int (*each)(void *arg, const char *key, const char *body);
	void *arg;
};

static int object_row(void *arg, struct isb_slice key, struct isb_slice value)
{
	const struct object_walk *walk = arg;
	enum isb_kind kind;
	const char *name, *body;
	if (isb_object_key_decode(key, &kind, &name) != ISB_OK || isb_text_decode(value, &body) != ISB_OK)
		return ISB_EFORMAT;
	return walk->each(walk->arg, name, body);
}

int isb_object_each(struct isb_txn *txn, enum isb_kind kind,
                    int (*each)(void *arg, const char *key, const char *body), void *arg)
{
	struct isb_key prefix;
	int rc = isb_key_kind(&prefix, kind);
	if (rc != ISB_OK)
		return rc;
	struct object_walk walk = {each, arg};
	return isb_row_each(txn, ISB_T_OBJECT, isb_key_slice(&prefix), everything, object_row, &walk);
}

static const char EMPTY_BODY[] = "{}\n"; /* as the schema prints it; every zone's, so worth no parser */

struct load {
	struct isb_txn *txn;
	struct isb_catalog *catalog;
	struct isb_diags *diags;
	enum isb_kind kind;
	bool bad;
};

static int read_row(struct isb_catalog *catalog, enum isb_kind kind, const char *key, const char *body,
                    struct isb_diags *diags)
{
	struct isb_arena *arena = &catalog->arena; /* marks point into it */
	const char *row = isb_arena_printf(arena, "%s/%s", isb_kind_name(kind), key);
	struct isb_yaml empty = {.kind = ISB_YAML_MAP, .mark = {.file = row, .line = 1, .column = 1}}, *root = &empty;
	if (strcmp(body, EMPTY_BODY) != 0) {
		int rc = isb_yaml_parse(arena, row, body, strlen(body), diags, &root);
		if (rc != ISB_OK)
			return rc;
	}
	return isb_schema_read_object(catalog, kind, key, root, diags);
}

/* Goes on after a bad row, so that all of them are listed. */
static int load_object(void *arg, const char *key, const char *body)
{
	struct load *load = arg;
	load->bad |= read_row(load->catalog, load->kind, key, body, load->diags) != ISB_OK;
	return 0;
}

static int load_zone(struct isb_txn *txn, struct isb_catalog *catalog, const char *name, struct isb_diags *diags)
{
	const char *body;
	if (isb_catalog_zone(catalog, name))
		return ISB_OK;
	int rc = isb_object_get(txn, ISB_ZONE, name, &body);
	return rc == ISB_OK ? read_row(catalog, ISB_ZONE, name, body, diags) : rc;
}

/* Of the zones whose names its key may begin with, the one that the schema will choose: the shortest. */
static int load_record(void *arg, const char *key, const char *body)
{
	struct load *load = arg;
	char zone[ISB_KEY_MAX];
	int rc = ISB_ENOTFOUND;
	for (const char *slash = strchr(key, '/'); slash && rc == ISB_ENOTFOUND; slash = strchr(slash + 1, '/')) {
		snprintf(zone, sizeof(zone), "%.*s", (int)(slash - key), key);
		rc = load_zone(load->txn, load->catalog, zone, load->diags);
	}
	load->bad |= rc != ISB_OK && rc != ISB_ENOTFOUND;
	return load_object(arg, key, body);
}

static int load_kinds(struct isb_txn *txn, struct isb_catalog *catalog, bool all, struct isb_diags *diags)
{
	struct load load = {.txn = txn, .catalog = catalog, .diags = diags};
	for (load.kind = 0; load.kind < ISB_KIND_COUNT; load.kind++) { /* a record's zone comes before it */
		if (load.kind == ISB_ZONE && !all)
			continue;
		int rc = isb_object_each(txn, load.kind, load.kind == ISB_RECORD && !all ? load_record : load_object, &load);
		if (rc != ISB_OK) {
			isb_diag(diags, (struct isb_mark){.file = isb_kind_name(load.kind)},
			         "the stored %s cannot be read: %s", isb_kind_plural(load.kind), isb_strerror(rc));
			load.bad = true;
		}
	}
	return load.bad ? ISB_EFORMAT : ISB_OK;
}

int isb_catalog_load(struct isb_txn *txn, struct isb_catalog *catalog, struct isb_diags *diags)
{
	return load_kinds(txn, catalog, true, diags);
}

int isb_catalog_load_steering(struct isb_txn *txn, struct isb_catalog *catalog, struct isb_diags *diags)
{
	return load_kinds(txn, catalog, false, diags);
}

int isb_catalog_load_zone(struct isb_txn *txn, struct isb_catalog *catalog, const char *name, struct isb_diags *diags)
{
	struct load load = {.txn = txn, .catalog = catalog, .diags = diags, .kind = ISB_RECORD};
	struct object_walk walk = {load_object, &load};
	struct isb_key prefix;
	char records[ISB_KEY_MAX];
	if (isb_catalog_zone(catalog, name))
		return ISB_OK;
	int rc = load_zone(txn, catalog, name, diags);
	if (rc == ISB_OK) {
		snprintf(records, sizeof(records), "%s/", name);
		rc = isb_key_object(&prefix, ISB_RECORD, records);
	}
	if (rc == ISB_OK) {
		prefix.len--; /* the owner goes on where the text ends */
		rc = isb_row_each(txn, ISB_T_OBJECT, isb_key_slice(&prefix), everything, object_row, &walk);
	}
	return rc == ISB_OK && load.bad ? ISB_EFORMAT : rc;
}

/* --- Rrsets --- */

int isb_rrset_get(struct isb_txn *txn, const uint8_t *zone, const uint8_t *owner, uint16_t type,
                  const struct isb_rrset **ret_set)
{
	struct isb_key key;
	struct isb_slice value;
	int rc = isb_key_rrset(&key, zone, owner, type);
	if (rc == ISB_OK)
		rc = isb_row_get(txn, ISB_T_RRSET, isb_key_slice(&key), &value);
	return rc == ISB_OK ? isb_rrset_decode(value, type, isb_txn_scratch(txn), ret_set) : rc;
}

struct rrset_walk {
	const uint8_t *zone;
	size_t prefix_len;
	struct isb_buf scratch; /* not the transaction's: `each` may look up other rrsets */
	int (*each)(void *arg, const uint8_t *owner, const struct isb_rrset *set);
	void *arg;
};

static int rrset_row(void *arg, struct isb_slice key, struct isb_slice value)
{
	struct rrset_walk *walk = arg;
	struct isb_reader r = isb_slice_reader(key);
	r.pos = walk->prefix_len;
	uint8_t owner[ISB_DNAME_MAX];
	const struct isb_rrset *set;
	if (isb_key_read_name(&r, walk->zone, owner) != ISB_OK)
		return ISB_EFORMAT;
	uint16_t type = isb_read_u16(&r);
	if (!isb_read_whole(&r) || isb_rrset_decode(value, type, &walk->scratch, &set) != ISB_OK)
		return ISB_EFORMAT;
	return walk->each(walk->arg, owner, set);
}

static int each_rrset(struct isb_txn *txn, const uint8_t *zone, struct isb_slice prefix,
                      int (*each)(void *arg, const uint8_t *owner, const struct isb_rrset *set), void *arg)
{
	struct isb_key key;
	int rc = isb_key_zone(&key, zone);
	if (rc != ISB_OK)
		return rc;
	uint8_t lower[ISB_DNAME_MAX];
	isb_dname_lower(zone, lower);
	struct rrset_walk walk = {.zone = lower, .prefix_len = key.len, .each = each, .arg = arg};
	rc = isb_row_each(txn, ISB_T_RRSET, prefix.len ? prefix : isb_key_slice(&key), everything, rrset_row, &walk);
	isb_buf_done(&walk.scratch);
	return rc;
}

int isb_rrset_each(struct isb_txn *txn, const uint8_t *zone,
                   int (*each)(void *arg, const uint8_t *owner, const struct isb_rrset *set), void *arg)
{
	return each_rrset(txn, zone, everything, each, arg);
}

int isb_rrset_each_at(struct isb_txn *txn, const uint8_t *zone, const uint8_t *owner, bool below,
                      int (*each)(void *arg, const uint8_t *owner, const struct isb_rrset *set), void *arg)
{
	struct isb_key key;
	int rc = isb_key_rrset(&key, zone, owner, 0);
	if (rc != ISB_OK)
		return rc;
	key.len -= below ? 3 : 2; /* less the type; and less the end of the name, where another label may follow */
	return each_rrset(txn, zone, isb_key_slice(&key), each, arg);
}

/* --- Slots --- */

int isb_slot_get(struct isb_txn *txn, const char *pool, const char *endpoint, uint32_t *ret_slot)
{
	char name[ISB_KEY_MAX];
	int n = snprintf(name, sizeof(name), "%s/%s", pool, endpoint);
	if (n < 0 || (size_t)n >= sizeof(name))
		return ISB_ERANGE;
	struct isb_key key;
	struct isb_slice value;
	int rc = isb_key_text(&key, name);
	if (rc == ISB_OK)
		rc = isb_row_get(txn, ISB_T_SLOT, isb_key_slice(&key), &value);
	return rc == ISB_OK ? isb_u32_decode(value, ret_slot) : rc;
}

struct slot_walk {
	int (*each)(void *arg, const char *endpoint, uint32_t slot);
	void *arg;
	uint32_t next;
};

static int slot_row(void *arg, struct isb_slice key, struct isb_slice value)
{
	const struct slot_walk *walk = arg;
	const char *endpoint;
	uint32_t slot;
	if (isb_text_decode(key, &endpoint) != ISB_OK || isb_u32_decode(value, &slot) != ISB_OK || slot >= walk->next)
		return ISB_EFORMAT;
	return walk->each(walk->arg, endpoint, slot);
}

int isb_slot_each(struct isb_txn *txn, int (*each)(void *arg, const char *endpoint, uint32_t slot), void *arg)
{
	struct slot_walk walk = {.each = each, .arg = arg};
	int rc = isb_slots_next(txn, &walk.next);
	return rc == ISB_OK ? isb_row_each(txn, ISB_T_SLOT, everything, everything, slot_row, &walk) : rc;
}

/* --- Admin states --- */

int isb_admin_get(struct isb_txn *txn, const char *endpoint, struct isb_admin_row *ret_row)
{
	struct isb_key key;
	struct isb_slice value;
	int rc = isb_key_text(&key, endpoint);
	if (rc == ISB_OK)
		rc = isb_row_get(txn, ISB_T_ADMIN, isb_key_slice(&key), &value);
	return rc == ISB_OK ? isb_admin_decode(value, ret_row) : rc;
}

struct admin_walk {
	int (*each)(void *arg, const char *endpoint, const struct isb_admin_row *row);
	void *arg;
};

static int admin_row(void *arg, struct isb_slice key, struct isb_slice value)
{
	const struct admin_walk *walk = arg;
	const char *endpoint;
	struct isb_admin_row row;
	if (isb_text_decode(key, &endpoint) != ISB_OK || isb_admin_decode(value, &row) != ISB_OK)
		return ISB_EFORMAT;
	return walk->each(walk->arg, endpoint, &row);
}

int isb_admin_each(struct isb_txn *txn, int (*each)(void *arg, const char *endpoint, const struct isb_admin_row *row),
                   void *arg)
{
	struct admin_walk walk = {each, arg};
	return isb_row_each(txn, ISB_T_ADMIN, everything, everything, admin_row, &walk);
}

/* --- Rollouts --- */

int isb_rollout_get(struct isb_txn *txn, const char *record, struct isb_rollout *ret_rollout)
{
	struct isb_key key;
	struct isb_slice value;
	int rc = isb_key_text(&key, record);
	if (rc == ISB_OK)
		rc = isb_row_get(txn, ISB_T_ROLLOUT, isb_key_slice(&key), &value);
	return rc == ISB_OK ? isb_rollout_decode(value, isb_txn_scratch(txn), ret_rollout) : rc;
}

struct rollout_walk {
	int (*each)(void *arg, const char *record, const struct isb_rollout *rollout);
	void *arg;
	uint32_t next;
	struct isb_buf scratch;
};

static int rollout_row(void *arg, struct isb_slice key, struct isb_slice value)
{
	struct rollout_walk *walk = arg;
	const char *record;
	struct isb_rollout rollout;
	if (isb_text_decode(key, &record) != ISB_OK || isb_rollout_decode(value, &walk->scratch, &rollout) != ISB_OK ||
	    rollout.slot >= walk->next)
		return ISB_EFORMAT;
	return walk->each(walk->arg, record, &rollout);
}

int isb_rollout_each(struct isb_txn *txn, int (*each)(void *arg, const char *record, const struct isb_rollout *rollout),
                     void *arg)
{
	struct rollout_walk walk = {.each = each, .arg = arg};
	int rc = isb_slots_next(txn, &walk.next);
	if (rc == ISB_OK)
		rc = isb_row_each(txn, ISB_T_ROLLOUT, everything, everything, rollout_row, &walk);
	isb_buf_done(&walk.scratch);
	return rc;
}
