/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/diag.h"
#include "isobar/dns/respond.h"
#include "live.h"
#include "options.h"

/* Those who look at queries beside answering them: the query log, dnstap, and who counts clients. */
struct isb_taps;

/* What the options ask for, for so many threads; *ret_taps becomes NULL when that is nothing. `handed`: see handed.h. */
struct isb_handed;
int isb_taps_new(const struct isb_options *options, struct isb_handed *handed, unsigned workers, struct isb_live *live,
                 struct isb_diags *diags, struct isb_taps **ret_taps);
/* After all workers have ended; NULL is fine. */
void isb_taps_free(struct isb_taps *taps);
/* Who counts clients, or NULL. */
struct isb_clients *isb_taps_clients(struct isb_taps *taps);
/* The log's files were perhaps moved away; any thread, NULL is fine. */
void isb_taps_reopen(struct isb_taps *taps);

/* See clients.h; NULL is fine, and has no socket: -1. */
int isb_taps_socket(const struct isb_taps *taps);
void isb_taps_leave(struct isb_taps *taps);
void isb_taps_settle(struct isb_taps *taps);

/* One worker's part. NULL without taps. */
struct isb_tap;
struct isb_tap *isb_taps_of(struct isb_taps *taps, unsigned worker);
/* See isb_dnstap_lost(). */
uint64_t isb_tap_lost(const struct isb_tap *tap);

/* isb_respond() with lookers-on, and says in worker->untapped how many queries after this one none of them wants to see. */
struct isb_worker;
struct isb_turn;
size_t isb_tap_respond(struct isb_worker *worker, const struct isb_turn *turn, const struct isb_client *client,
                       const uint8_t *in, size_t in_len, uint8_t *out, size_t out_cap);
