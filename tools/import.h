/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cli.h"
#include "isobar/base/map.h"

/* Objects that an earlier import made for names which the files no longer steer: used by a record of an imported zone
 * so far, called after a name of that zone, not among what the files make, and used by nothing else afterwards. What an
 * operator made stays, whatever it is called, unless it served such a record. */
struct import_stale {
	struct isb_arena arena;
	struct isb_map candidates[ISB_KIND_COUNT];
};
/* Before the edit puts anything. ISB_OK or the store's error; done() in any case. */
int import_stale_find(struct import_stale *stale, struct cli_edit *e, const struct isb_catalog *wanted);
/* After it put everything. */
int import_stale_remove(const struct import_stale *stale, struct cli_edit *e);
void import_stale_done(struct import_stale *stale);

/* import zone FILE: the verb's second form (import_zone.c). */
int import_zone(struct cli *cli);
