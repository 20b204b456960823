/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "isobar/base/addr.h"
#include "isobar/base/diag.h"

/* Networks that must never be sent a packet. All-zero is valid and empty. */
struct isb_deny {
	struct isb_net *nets; /* sorted once sealed */
	size_t count, cap;
	bool has_len[2][129]; /* IPv4, IPv6: any of this length */
};

void isb_deny_done(struct isb_deny *deny);
void isb_deny_reset(struct isb_deny *deny);
void isb_deny_add(struct isb_deny *deny, const struct isb_net *net);
/* Adds "NET[,NET…]", or of "file:PATH" a network a line, where '#' begins a comment. ISB_EINVAL with a diag for each that
 * is wrong; ISB_EIO with one when the file cannot be read. */
int isb_deny_read(struct isb_deny *deny, const char *text, struct isb_diags *diags);
/* After the last was added, before any is looked up. */
void isb_deny_seal(struct isb_deny *deny);
bool isb_deny_covers(const struct isb_deny *deny, const struct isb_addr *addr);

/* Addresses that no client on the Internet has, and those of whole networks: a ping to a broadcast address would be answered
 * by many. */
bool isb_deny_always(const struct isb_addr *addr);
