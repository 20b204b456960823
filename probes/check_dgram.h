/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "check_run.h"

/* A connected datagram socket of a check: what others than the endpoint send to it is dropped. Every callback may
 * end the check and close the socket; none comes after that. */

struct isb_dgram;
struct isb_dgram_user {
	/* One datagram, in the checker's chunk; it may be empty. */
	void (*got)(struct isb_check_run *run, const uint8_t *data, size_t len);
	/* An errno: what ICMP said about a datagram that was sent, for one. */
	void (*failed)(struct isb_check_run *run, int error);
};

/* Over UDP to the address and the spec's port. 0, or an errno. */
int isb_dgram_open_udp(struct isb_check_run *run, const struct isb_addr *addr, const struct isb_dgram_user *user,
                       struct isb_dgram **ret_dgram);
/* Over a socket that the caller made, and gives away whatever comes of it. 0, or an errno. */
int isb_dgram_open(struct isb_check_run *run, int fd, const struct sockaddr *sa, socklen_t len,
                   const struct isb_dgram_user *user, struct isb_dgram **ret_dgram);
int isb_dgram_send(struct isb_dgram *dgram, const void *data, size_t len); /* 0, or an errno */
void isb_dgram_close(struct isb_dgram *dgram);                             /* NULL is fine */
