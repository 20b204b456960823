/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>

#include "isobar/base/diag.h"
#include "isobar/view/view.h"

/* The proof of every ECS scope (RFC 7871 §7.2.1, §7.3.1), over the very tables that answer. For each steered record:
 *
 *   - its networks are a partition of IPv4 and of IPv6, and looking up their first and last addresses finds them, with
 *     the network's own length as the scope: so no scope covers two clients with different decisions;
 *   - the two halves of a network never have the same decision while each is whole: so no scope could be wider.
 *
 * A decision is the node that the walk begins with. It says all that an answer can depend on but health, the operator,
 * the dice, and the client's network where order hash takes it as its key (that scope is as long as the key). */

struct isb_proof {
	const char *const *records; /* that share the map and what it leads to */
	size_t nrecord;
	size_t networks, decisions;
};

/* `each` (may be NULL) is called once per group of records for which all holds. What does not goes into diags, by
 * record, networks and decisions; then ISB_EFORMAT. */
int isb_view_prove(const struct isb_view *view, struct isb_diags *diags,
                   void (*each)(void *arg, const struct isb_proof *proof), void *arg);
