/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/steer/tally.h"
#include "isobar/view/view.h"

/* How often which record and endpoint answered, over all views of this process's life. Workers count into tallies of the view
 * at hand, one for each worker, by numbers that mean something in that view alone; here is what goes by name. One thread,
 * which swaps views, opens and closes; any thread may read. No worker ever waits for either.
 *
 * A name's counts never go down: they are kept while a view has the name, and afterwards until very many names have gone. */
struct isb_ledger;

struct isb_ledger *isb_ledger_new(unsigned workers);
/* When nobody counts any more; NULL is fine. */
void isb_ledger_free(struct isb_ledger *ledger);

/* Gives a view its tallies before it is put in place: those of the view before, where their plans are one, else new ones. */
void isb_ledger_open(struct isb_ledger *ledger, const struct isb_view *before, struct isb_view *view);
/* What was counted for a view that no thread answers from any more goes to the names; not while `now` counts there. */
void isb_ledger_close(struct isb_ledger *ledger, const struct isb_view *view, const struct isb_view *now);

/* Counts of all time, as they stand, for the first records or endpoints of the plan of a view that is open: row i is about
 * number i. */
typedef uint64_t isb_ledger_row[ISB_REASONS];
void isb_ledger_records(struct isb_ledger *ledger, const struct isb_view *view, isb_ledger_row *rows, uint32_t count);
void isb_ledger_endpoints(struct isb_ledger *ledger, const struct isb_view *view, isb_ledger_row *rows, uint32_t count);
