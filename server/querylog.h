/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/diag.h"
#include "isobar/dns/respond.h"

/* The query log: a line per query, written by one thread from a ring per worker. Whatever becomes of the file — a full
 * disk, a reader that does not read — no worker waits: when its ring is full, the line is left out. */
struct isb_querylog;

/* `path`: a file, which lines are added to, or a FIFO that is being read; "-": stderr. ISB_EIO with a diag. The thread runs
 * when this returns. */
int isb_querylog_new(const char *path, unsigned workers, struct isb_diags *diags, struct isb_querylog **ret_log);
/* Writes what is waiting, as long as that goes on (a second at most), and ends the thread. NULL is fine. */
void isb_querylog_free(struct isb_querylog *log);
/* Opens the path anew, after the file was moved away; any thread. What was asked before stands in the old file; what cannot
 * be opened leaves that in use. */
void isb_querylog_reopen(struct isb_querylog *log);

/* On the worker's thread. False: no room, the line is lost. */
bool isb_querylog_add(struct isb_querylog *log, unsigned worker, const struct isb_summary *summary,
                      const struct isb_client *client, int64_t time_ms, size_t size);
