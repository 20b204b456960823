/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "isobar/base/addr.h"
#include "isobar/base/buf.h"

/* Octets between two programs over TLS 1.3 with certificates on both sides, on a libuv loop. OpenSSL sees memory
 * only; this file moves it. There is no resumption: both certificates are looked at anew with every connection. */

/* What the connections of one side share: its certificate and whom it trusts. */
struct isb_tls;
struct isb_tls_files {
	const char *cert, *key; /* PEM: the certificate, then those between it and the authority; its key */
	const char *ca;         /* PEM: authorities that the other side's certificate may come from */
};
enum { ISB_TLS_WHY = 256 };
/* ISB_EIO, ISB_EINVAL with a sentence in `why`. */
int isb_tls_new(const struct isb_tls_files *files, bool server, struct isb_tls **ret_tls, char why[ISB_TLS_WHY]);
/* A number that changes when a file does; 0: one is not there. */
uint64_t isb_tls_files_look(const struct isb_tls_files *files);
/* Whole days until its certificate ends, at most INT_MAX; below 0: it is over. */
int isb_tls_days(const struct isb_tls *tls);
void isb_tls_free(struct isb_tls *tls); /* NULL is fine; connections keep what they need */

struct isb_link;
/* Called from the loop. isb_link_close() may be called from inside any of them. */
struct isb_link_user {
	void (*ready)(void *arg); /* both certificates are good */
	void (*data)(void *arg, const void *data, size_t len);
	void (*drained)(void *arg); /* all that was sent has left: there is room */
	/* The connection is over; `why` is a phrase for the log. `mute`: nothing was ever received, as when a port is
	 * only looked at. Close the link. */
	void (*ended)(void *arg, const char *why, bool mute);
	void *arg;
};

/* Takes the connection that `listener` reports; NULL: it was gone already. */
struct isb_link *isb_link_accept(uv_stream_t *listener);
/* Begins TLS on it; until then only its address is known. */
int isb_link_serve(struct isb_link *link, const struct isb_tls *tls, const struct isb_link_user *user);
/* `host` is a name or an address that the certificate must have. */
struct isb_link *isb_link_connect(uv_loop_t *loop, const struct isb_tls *tls, const struct sockaddr *to,
                                      const char *host, const struct isb_link_user *user);

/* Sends all of it in the end; keep to small pieces, and wait for `drained` while not idle. */
void isb_link_send(struct isb_link *link, const void *data, size_t len);
bool isb_link_idle(const struct isb_link *link);
/* The other side has to wait: nothing more is read until this is taken back. */
void isb_link_pause(struct isb_link *link, bool pause);
/* No callback comes after it. What was sent still leaves, within a second; cut does not wait for that. */
void isb_link_close(struct isb_link *link);
void isb_link_cut(struct isb_link *link);

const struct isb_addr *isb_link_peer(const struct isb_link *link);
/* A name of the other side's certificate, once ready: one of its DNS names, exactly; its common name where it has
 * none. */
bool isb_link_peer_is(const struct isb_link *link, const char *name);
int isb_link_peer_days(const struct isb_link *link); /* as isb_tls_days() of the other side's, once ready */
/* Those names, for a sentence: "seoul-1, seoul-2"; cut where there are many. */
void isb_link_peer_names(const struct isb_link *link, struct isb_buf *out);
