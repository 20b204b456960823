/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/addr.h"
#include "isobar/dns/cookie.h"

/* What two isobards say to each other when one takes over from the other: messages over a SOCK_SEQPACKET connection to
 * --control. The new one speaks first.
 *
 *   new  ASK       give me your sockets                        release
 *   old  SOCKETS   … here they are, in as many messages as it takes, each with its descriptors (SCM_RIGHTS)
 *                                                              pid, release, how many in all, cookie secrets
 *        REFUSED   … no, and why                               a sentence
 *   new  DONE      my workers answer on them                   nothing
 *   old  RELEASED  mine do not read them any more              nothing
 *        CONNECTION … a TCP connection of which nothing is here, with its descriptor: from DONE on, as they come, until
 *                  the old one ends                          whose it is, and whether a PROXY header is still to come
 *
 * Who closes the connection without a word leaves the other as it was: the old one serves until it hears DONE, the new one
 * serves once it has all sockets and its workers run. A descriptor tells by itself what it is (handed.h), so no message
 * describes one.
 *
 * Octets 0..3 are "isoH", 4..5 the version, 6..7 the kind, big-endian; the fields follow. These eight, and REFUSED, whose
 * sentence is all that follows, stay the same in every version, so that two that do not understand each other can say so. */

enum {
	ISB_HANDOVER_VERSION = 1,
	ISB_HANDOVER_RELEASE = 32,     /* octets of a release's name, NUL included */
	ISB_HANDOVER_REASON = 256,     /* of a sentence, NUL included */
	ISB_HANDOVER_MESSAGE = 512,    /* no message is longer */
	ISB_HANDOVER_FDS = 128,        /* with one message; the kernel takes 253 */
	ISB_HANDOVER_FDS_MAX = 1 << 16 /* in all */
};

enum isb_handover_kind {
	ISB_HANDOVER_ASK = 1, ISB_HANDOVER_SOCKETS, ISB_HANDOVER_REFUSED, ISB_HANDOVER_DONE, ISB_HANDOVER_RELEASED,
	ISB_HANDOVER_CONNECTION
};

struct isb_handover_client {
	struct isb_addr addr;
	uint16_t port;
	bool header; /* the address is the front end's, and a PROXY header must come first */
};

/* A message; what its kind does not have is zero. */
struct isb_handover {
	uint16_t version;
	enum isb_handover_kind kind;
	int32_t pid;
	uint32_t total; /* sockets in all */
	char release[ISB_HANDOVER_RELEASE];
	char reason[ISB_HANDOVER_REASON];
	struct isb_cookie_secrets cookies; /* count 0: it has none */
	struct isb_handover_client client;
};

/* Octets of the message, at most ISB_HANDOVER_MESSAGE. `version` is always ours. */
size_t isb_handover_encode(const struct isb_handover *message, uint8_t out[ISB_HANDOVER_MESSAGE]);
/* ISB_EFORMAT: it is no such message. ISB_EVERSION: it is of another version, in ret_message->version, and not REFUSED;
 * nothing else of it is known. */
int isb_handover_decode(const uint8_t *in, size_t len, struct isb_handover *ret_message);

/* With up to ISB_HANDOVER_FDS descriptors. ISB_OK, ISB_EIO with errno set. */
int isb_handover_send(int fd, const struct isb_handover *message, const int *fds, size_t nfd);
/* The descriptors are closed on exec, and the caller's; on failure none is left open. ISB_ENOTFOUND: the other end is
 * closed. ISB_EIO with errno: EAGAIN for a socket that ran out of time, EMFILE when there was no room for the descriptors.
 * Else as isb_handover_decode(). */
int isb_handover_receive(int fd, struct isb_handover *ret_message, int ret_fds[ISB_HANDOVER_FDS], size_t *ret_nfd);
