/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "handover.h"
#include "isobar/base/diag.h"
#include "isobar/dns/cookie.h"
#include "listen.h"

/* What a new isobard got from the one that it replaces (handover.h): its sockets and its cookie secrets. Whoever needs a
 * socket looks here first. NULL stands for a start of its own, with nothing to find.
 *
 * A socket of a reuseport group that is closed takes what waits in it along. So the new one takes all that the old one has
 * for an address, also when it has fewer workers. */
struct isb_handed;

/* Asks the isobard that listens at `control`. ISB_EIO, ISB_EVERSION or ISB_EREFUSED with a diag. */
int isb_handed_ask(const char *control, struct isb_diags *diags, struct isb_handed **ret_handed);
/* Closes what nobody took. Before isb_handed_finish() the old one goes on then as if nothing had been. NULL is fine. */
void isb_handed_free(struct isb_handed *handed);

size_t isb_handed_count(const struct isb_handed *handed); /* sockets */
int isb_handed_pid(const struct isb_handed *handed);      /* of the old one */
const char *isb_handed_release(const struct isb_handed *handed);
const struct isb_cookie_secrets *isb_handed_cookies(const struct isb_handed *handed); /* NULL: it has none */

/* The socket of this type (SOCK_DGRAM or SOCK_STREAM) that is number `i` of those bound to the address, as the old one told
 * them; the caller's from now on. -1: there are not so many. */
int isb_handed_inet(struct isb_handed *handed, int type, const struct isb_listen *listen, unsigned i);
/* The one that listens at a path. */
int isb_handed_local(struct isb_handed *handed, int type, const char *path);
/* Whether the old one has the address, or all addresses, or one of these when this is all: to bind it alone, as
 * isb_listen_check() does, would fail for no other reason. */
bool isb_handed_covers(const struct isb_handed *handed, const struct isb_listen *listen);

/* Before the workers start: whether it still stands. ISB_EREFUSED with a diag: the old one is being stopped, and so must we.
 * That it has died is no reason. */
int isb_handed_check(const struct isb_handed *handed, struct isb_diags *diags);
/* Who takes up a connection: its own from then on. */
typedef void isb_handed_adopt(void *arg, int fd, const struct isb_handover_client *client);
/* When the workers run. Returns when the old one reads no more queries from the sockets, or has died, or says nothing for
 * long; false: the latter. Then closes what nobody took. Connections may come along, and after that until the old one ends. */
bool isb_handed_finish(struct isb_handed *handed, isb_handed_adopt *adopt, void *arg);
/* For those: what to poll for (-1: there is no old one), and what to do then. False: it has ended. */
int isb_handed_polled(const struct isb_handed *handed);
bool isb_handed_turn(const struct isb_handed *handed, isb_handed_adopt *adopt, void *arg);
