/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "isobar/store/catalogdb.h"

/* Writing the journal is the edit's alone. One header per generation, then its changes, 1.. */
int isb_journal_put_header(struct isb_txn *txn, const struct isb_journal_entry *entry);
int isb_journal_put_change(struct isb_txn *txn, uint64_t generation, uint32_t seq, const struct isb_change *change);
/* Takes away up to `max` rows of edits that need not be kept beside `newest`, oldest first. */
int isb_journal_trim(struct isb_txn *txn, uint64_t newest, int64_t now_ms, uint32_t max);
