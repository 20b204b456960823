/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/addr.h"
#include "isobar/model/model.h"
#include "isobar/model/rollout.h"
#include "isobar/model/rr.h"
#include "isobar/model/schema.h"
#include "isobar/store/env.h"

/* The catalog environment: objects as canonical YAML text, ordinary rrsets in wire form, slots, admin states,
 * and the journal of every change. All functions take a transaction on ISB_ENV_CATALOG. */

uint64_t isb_generation(struct isb_txn *txn); /* 0: nothing was ever committed */

/* --- Reading ----------------------------------------------------------------------------------------------- */

/* The whole model, built from the rows through the schema; a row that cannot be read is a diag and ISB_EFORMAT. Marks
 * name the row: file "pool/asia". `catalog` must be initialised and empty. */
int isb_catalog_load(struct isb_txn *txn, struct isb_catalog *catalog, struct isb_diags *diags);
/* The same without the zones that hold no records: a zone has no fields of its own, so they have no part in steering, and
 * there may be a hundred thousand. */
int isb_catalog_load_steering(struct isb_txn *txn, struct isb_catalog *catalog, struct isb_diags *diags);
/* One zone more with its records, if it is not in the catalog yet; ISB_ENOTFOUND when it is not in the store. */
int isb_catalog_load_zone(struct isb_txn *txn, struct isb_catalog *catalog, const char *name, struct isb_diags *diags);

/* Canonical body of one object; valid until the transaction ends. */
int isb_object_get(struct isb_txn *txn, enum isb_kind kind, const char *key, const char **ret_body);
int isb_object_each(struct isb_txn *txn, enum isb_kind kind,
                    int (*each)(void *arg, const char *key, const char *body), void *arg);

/* Ordinary rrsets of a zone. `zone` and `owner` are absolute wire names; the order of owners is by reversed labels,
 * so a name comes before everything below it (RFC 4034 §6.1), in lower case. `set` is an aligned copy: from get it
 * holds until the transaction's next get or its end, in each until `each` returns. Not in the zone: ISB_EINVAL. */
int isb_rrset_get(struct isb_txn *txn, const uint8_t *zone, const uint8_t *owner, uint16_t type,
                  const struct isb_rrset **ret_set);
int isb_rrset_each(struct isb_txn *txn, const uint8_t *zone,
                   int (*each)(void *arg, const uint8_t *owner, const struct isb_rrset *set), void *arg);
/* Only those of one owner, or of it and all names below it. */
int isb_rrset_each_at(struct isb_txn *txn, const uint8_t *zone, const uint8_t *owner, bool below,
                      int (*each)(void *arg, const uint8_t *owner, const struct isb_rrset *set), void *arg);

/* The number of an endpoint's health word; never given to another endpoint, so that no one inherits a verdict. */
int isb_slot_get(struct isb_txn *txn, const char *pool, const char *endpoint, uint32_t *ret_slot);
/* endpoint: "pool/endpoint". Readers make tables as long as the highest slot: one that was never given is ISB_EFORMAT. */
int isb_slot_each(struct isb_txn *txn, int (*each)(void *arg, const char *endpoint, uint32_t slot), void *arg);

struct isb_admin_row {
	enum isb_admin admin;
	int64_t since_ms, until_ms; /* until 0: no end */
	const char *author, *reason; /* "" when none was given */
};
int isb_admin_get(struct isb_txn *txn, const char *endpoint, struct isb_admin_row *ret_row);
int isb_admin_each(struct isb_txn *txn, int (*each)(void *arg, const char *endpoint, const struct isb_admin_row *row),
                   void *arg);

/* Rollouts under way, by the record's key "zone/owner". From get, nets hold until the transaction's next get; in each,
 * everything holds until `each` returns. A slot that was never given is ISB_EFORMAT. */
int isb_rollout_get(struct isb_txn *txn, const char *record, struct isb_rollout *ret_rollout);
int isb_rollout_each(struct isb_txn *txn, int (*each)(void *arg, const char *record, const struct isb_rollout *rollout),
                     void *arg);

/* --- The journal ------------------------------------------------------------------------------------------- */

struct isb_journal_entry {
	uint64_t generation;
	int64_t time_ms;
	const char *author, *reason;
	uint32_t changes;
};
/* One changed row of the tables object, rrset, admin and rollout; slots follow from the pools. `before` / `after` len 0
 * with data NULL: the row was not there / is gone. codec.h decodes them. */
struct isb_change {
	enum isb_table table;
	struct isb_slice key, before, after;
};
/* The journal ends somewhere in the past. An edit is kept while it is among the newest ISB_JOURNAL_EDITS, and longer while
 * it is younger than ISB_JOURNAL_DAYS and among the newest ISB_JOURNAL_EDITS_MAX (a clock that was wrong once, or a
 * program that edits without end, shall not keep everything). Edits take away what is older, see isb_edit_finish(). */
enum { ISB_JOURNAL_EDITS = 10000, ISB_JOURNAL_DAYS = 90, ISB_JOURNAL_EDITS_MAX = 1000000 };
/* The oldest generation that the journal tells of; one more than isb_generation() when it tells of none. */
int isb_journal_first(struct isb_txn *txn, uint64_t *ret_generation);
/* From generation `from` on, oldest first; 0: from the oldest that is kept. ISB_ENOTFOUND when `from` is older. */
int isb_journal_each(struct isb_txn *txn, uint64_t from, int (*each)(void *arg, const struct isb_journal_entry *entry),
                     void *arg);
int isb_journal_changes(struct isb_txn *txn, uint64_t generation,
                        int (*each)(void *arg, const struct isb_change *change), void *arg);
/* What a change's key means. OBJECT: kind and key text; RRSET: zone, owner, type. Outputs that do not apply stay. */
int isb_change_object(const struct isb_change *change, enum isb_kind *ret_kind, const char **ret_key);
int isb_change_rrset(const struct isb_change *change, uint8_t ret_zone[255], uint8_t ret_owner[255],
                     uint16_t *ret_type);

/* --- One edit = one transaction ------------------------------------------------------------------------------ */

/* Begin with isb_txn_begin(…, write), make an edit over it, put and delete, then finish. Only real differences reach
 * the journal; an edit without any leaves the generation alone. A put that failed in the store (not one refused for its
 * arguments) makes finish fail with the same code. Deleting what is not there is ISB_ENOTFOUND and harms nothing. */
struct isb_edit;
struct isb_edit *isb_edit_new(struct isb_txn *txn, const char *author, const char *reason, int64_t now_ms);
void isb_edit_free(struct isb_edit *edit); /* the transaction is the caller's to commit or abort */

int isb_edit_put_object(struct isb_edit *edit, enum isb_kind kind, const char *key, const char *body);
int isb_edit_delete_object(struct isb_edit *edit, enum isb_kind kind, const char *key);
int isb_edit_put_rrset(struct isb_edit *edit, const uint8_t *zone, const uint8_t *owner, const struct isb_rrset *set);
int isb_edit_delete_rrset(struct isb_edit *edit, const uint8_t *zone, const uint8_t *owner, uint16_t type);
/* Makes the zone hold exactly these rrsets, touching only rows that differ: begin marks, put, end deletes the rest. One
 * zone at a time: ISB_EBUSY. The way to empty a zone that is removed, which finish does not do. */
int isb_edit_zone_begin(struct isb_edit *edit, const uint8_t *zone);
int isb_edit_zone_end(struct isb_edit *edit);
/* AUTO takes the row away, if there is one. */
int isb_edit_admin(struct isb_edit *edit, const char *endpoint, const struct isb_admin_row *row);
/* NULL takes it away. A rollout without a slot (ISB_SLOT_ALL) gets one that nobody had, so that no abort word of an earlier
 * one counts against it. ISB_EINVAL when isb_rollout_check() says no. */
int isb_edit_rollout(struct isb_edit *edit, const char *record, const struct isb_rollout *rollout);

/* Brings every row back to what it was as of `generation`, as changes of this edit, which must have none yet. Endpoints
 * that come back get slots that nobody had: they are judged anew. An admin state that would be over by now is not said
 * again, and a rollout with steps comes back paused at the step where it was when the next edit was made. ISB_ERANGE:
 * there is no such generation yet; ISB_ENOTFOUND: the journal no longer reaches back; ISB_EFORMAT: the store does not
 * hold what the edit *ret_misfit left, or (0) it cannot be read. */
int isb_edit_rollback(struct isb_edit *edit, struct isb_txn *txn, uint64_t generation, int64_t now_ms,
                      uint64_t *ret_misfit);

/* Changes so far, in the order made; for plans (`diff`, `--dry-run`) and messages. */
size_t isb_edit_count(const struct isb_edit *edit);
const struct isb_change *isb_edit_change(const struct isb_edit *edit, size_t i);

/* Gives slots to new endpoints and takes slots and admin states of vanished ones away; refuses admin states of
 * endpoints that are in no pool and rollouts of records that are not there (ISB_ENOTFOUND), and pools whose endpoints cannot be read (ISB_EFORMAT). Writes the
 * journal and generation + 1 into the transaction, and takes some of what the journal need not keep any more, never much
 * more than it adds; *ret_generation is the one that will be current after the caller
 * commits (the old one when nothing changed). On failure the caller aborts. */
int isb_edit_finish(struct isb_edit *edit, uint64_t *ret_generation);
