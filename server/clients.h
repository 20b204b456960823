/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>

#include "isobar/base/diag.h"
#include "flows.h"
#include "isobar/dns/respond.h"
#include "live.h"

/* Which networks of clients the steered answers are about, for probes that measure the way there: told to whoever may connect
 * to a unix socket (model/demand.h shows the text); and from where to where they lead (flows.h), for metrics. Workers hand a sample of their answers over in rings; one thread
 * counts and tells. */
struct isb_clients;

enum {
	ISB_CLIENTS_SAMPLE = 64 /* one of so many answers is counted, on average */
};

/* Listens at `path`, which must outlive it, with mode 0660 (NULL: nowhere); or at a socket that is listening there already (`inherited`;
 * -1: none). What a dead process left there is replaced; anything else that stands there is ISB_EIO with a diag, like all
 * that goes wrong. `live`: whose geo databases say where clients are; NULL: nobody asks. */
int isb_clients_new(const char *path, int inherited, unsigned workers, struct isb_live *live, struct isb_diags *diags,
                    struct isb_clients **ret_clients);
/* The socket it listens at, for a successor. The path, and who comes there, are the successor's from the old one's leave and
 * its own settle on. */
int isb_clients_socket(const struct isb_clients *clients);
void isb_clients_leave(struct isb_clients *clients);
void isb_clients_settle(struct isb_clients *clients);
/* After all workers have ended; NULL is fine. */
void isb_clients_free(struct isb_clients *clients);

/* NULL without `live`. */
struct isb_flows *isb_clients_flows(struct isb_clients *clients);

/* From the worker: one answer. It counts for the network that was steered for and, when that is another one, for the
 * resolver's: what is measured there holds for all that lies near it. What was not steered is passed over. When the ring is
 * full the sample is the smaller by one. */
void isb_clients_add(struct isb_clients *clients, unsigned worker, const struct isb_summary *summary,
                     const struct isb_client *client);
