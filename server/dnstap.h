/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dnstap_message.h"
#include "isobar/base/diag.h"

/* The dnstap stream, over Frame Streams: the one door to libfstrm, whose thread writes what the workers put into a queue
 * of their own. No worker waits: while nobody reads, or not fast enough, events are lost and counted. */
struct isb_dnstap;

/* `target`: the path of a unix socket where a reader listens or will, or "file:" and the path of a regular file. `identity`
 * NULL: the name of this machine. ISB_EIO with a diag. */
enum { ISB_DNSTAP_SOCKET_MAX = 107 }; /* octets of a socket's path: what struct sockaddr_un holds */
#define ISB_DNSTAP_FILE "file:"
int isb_dnstap_new(const char *target, const char *identity, unsigned workers, struct isb_diags *diags,
                   struct isb_dnstap **ret_dnstap);
/* Writes what is waiting, unless that takes seconds. NULL is fine. */
void isb_dnstap_free(struct isb_dnstap *dnstap);
/* Goes on in a new file when the one in use was moved away; any thread. */
void isb_dnstap_reopen(struct isb_dnstap *dnstap);

/* On the worker's thread. False: the event is lost. */
bool isb_dnstap_add(struct isb_dnstap *dnstap, unsigned worker, const struct isb_dnstap_event *event);
/* Events of this worker that were taken and then lost because the reader went away; any thread. */
uint64_t isb_dnstap_lost(const struct isb_dnstap *dnstap, unsigned worker);
