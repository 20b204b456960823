/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/addr.h"
#include "isobar/base/diag.h"

/* An address to answer on, and the sockets for it. Every worker opens its own UDP and TCP socket on every address
 * (SO_REUSEPORT): the kernel spreads clients over them by a hash of the addresses and ports. */
struct isb_listen {
	struct isb_addr addr;
	uint16_t port;
	bool proxy;    /* every datagram and connection begins with a PROXY header (proxy.h) */
	bool optional; /* a default nobody asked for: left out where the machine does not have the address */
};

enum { ISB_LISTEN_TEXT = ISB_ADDR_TEXT + 8, ISB_DNS_PORT = 53 };

/* "127.0.0.1", "127.0.0.1:5300", "::1", "[::1]:5300"; the port is 53 when none is given. ISB_EFORMAT when it is no
 * such thing, ISB_ERANGE when the port is not in 1..65535. */
int isb_listen_parse(const char *text, struct isb_listen *ret_listen);
char *isb_listen_print(const struct isb_listen *listen, char out[ISB_LISTEN_TEXT]);

bool isb_listen_is_wildcard(const struct isb_addr *addr); /* 0.0.0.0, or :: */

/* Binds without SO_REUSEPORT and lets go again: with it, a second server on the same address would come up without
 * a word and take half of the queries. ISB_ENOTFOUND for an optional address that this machine does not have;
 * ISB_EIO with a diag otherwise. */
int isb_listen_check(const struct isb_listen *listen, struct isb_diags *diags);

/* Bound, non-blocking, closed on exec. ISB_EIO with a diag. The TCP socket is not listening yet. */
int isb_listen_udp(const struct isb_listen *listen, struct isb_diags *diags, int *ret_fd);
int isb_listen_tcp(const struct isb_listen *listen, struct isb_diags *diags, int *ret_fd);
