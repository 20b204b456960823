/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/addr.h"

/* The PROXY protocol, version 2: what a front end (dnsdist, HAProxy) puts before a datagram, or once at the beginning
 * of a connection, to pass on its client's address. Pure: octets in, an address out.
 *
 *   0d0a0d0a000d0a515549540a  signature
 *   21                        version 2, command PROXY (20: LOCAL, the front end speaks for itself)
 *   12                        IPv4 (2x: IPv6), datagram (x1: stream)
 *   000c                      octets that follow: source, destination, their ports, then TLVs
 *   cb007107 c0000235 d431 0035
 *
 * Whoever may send it can be anybody: see isb_proxy_allows(). */
struct isb_proxy {
	struct isb_addr client; /* family 0: LOCAL; the client is the sender */
	uint16_t port;          /* of the client */
	size_t len;             /* octets of the header; the message, or the connection's octets, begin there */
};

/* ISB_OK; ISB_ESPACE: right so far but not whole, read more; ISB_EFORMAT: no header of this version for an IP client.
 * The transport of the client may be another than the one the header came by (dnsdist asks over UDP what it was asked
 * over HTTPS). TLVs are skipped. */
int isb_proxy_parse(const uint8_t *data, size_t len, struct isb_proxy *ret_proxy);

/* The senders whose word is taken. */
enum { ISB_PROXY_FROM_MAX = 64 };
struct isb_proxy_from {
	struct isb_net nets[ISB_PROXY_FROM_MAX];
	size_t count;
};
bool isb_proxy_allows(const struct isb_proxy_from *from, const struct isb_addr *sender);
