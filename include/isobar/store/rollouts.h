/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "isobar/base/buf.h"
#include "isobar/base/diag.h"
#include "isobar/model/model.h"
#include "isobar/model/rollout.h"
#include "isobar/store/env.h"

/* What rollouts and the rest of the catalog owe one another, and whether the new side of one can answer. */

/* The record with the key "zone/owner", or NULL. */
struct isb_record *isb_record_of(const struct isb_catalog *catalog, const char *key);

/* The pools that a pool or policy can lead to, each once; `ret_pools` has room for all of the catalog's. */
size_t isb_pools_beneath(const struct isb_catalog *catalog, const char *name, const struct isb_pool **ret_pools);

/* Every rollout's record is there and served by something else than what it is led to, and that is there and has
 * endpoints for every type of the record that is answered today. Adds errors that say how to end the rollout first. ISB_OK,
 * ISB_EINVAL, or why the rows cannot be read. */
int isb_rollouts_check(struct isb_txn *catalog_txn, const struct isb_catalog *catalog, struct isb_diags *diags);

/* Something beneath `to` must have data for every type of the record that its own policy answers. */
void isb_record_check_types(const struct isb_catalog *catalog, const struct isb_record *record, const char *to,
                            struct isb_mark at, struct isb_diags *diags);

/* Whether a pool or policy can answer what another answers of a record today, whoever asks: for each of these types a
 * pool beneath it has min_up usable endpoints, of which one has data of that type. Of an ALIAS to a host outside our
 * zones usable means, too, that the host has an address. What must be known of the catalog is kept, so that a probe may
 * ask each second. */
struct isb_standing;
/* NULL: the catalog has neither pool nor policy called `to`. */
struct isb_standing *isb_standing_new(struct isb_txn *catalog_txn, const struct isb_catalog *catalog,
                                      const struct isb_record *record, const char *from, const char *to);
void isb_standing_free(struct isb_standing *standing); /* NULL is fine */
/* What a host that no probe was asked for yet counts as. Nobody asks for it before the new side is in use. */
enum isb_unasked { ISB_UNASKED_MAY, ISB_UNASKED_CANNOT };
/* ISB_OK or what reading the words said. ret_evidence: "next: 0 of 2 up", pool by pool. */
int isb_standing_ask(const struct isb_standing *standing, struct isb_txn *health, int64_t now_ms,
                     enum isb_unasked unasked, bool *ret_can, struct isb_buf *ret_evidence);
