/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/map.h"
#include "isobar/store/resolveddb.h"

/* What the hosts of ALIAS records resolved to, as one view was compiled with it. The addresses are in the plan, so other
 * addresses are another view; until when they hold moves with every refresh and is stored in place, while queries read
 * it. Room-internal. */

struct isb_host {
	const char *name; /* lower case, without the final dot */
	bool known;       /* addresses were got once */
	size_t count;
	struct isb_addr *addresses;
};

struct isb_hosts {
	struct isb_arena *arena;
	struct isb_txn *health; /* while the view is built; NULL: nothing is known */
	struct isb_map by_name;
	struct isb_host *list;
	size_t count, cap;
	_Atomic int64_t *until_ms; /* by place in `list`; the view's */
};

/* The host's place in the list, where it is entered when it is not there yet. ISB_EFORMAT: its row cannot be read. */
int isb_hosts_find(struct isb_hosts *hosts, const char *host, size_t *ret_place);
/* False when the addresses of a host are others now than in the list, so that a new view is needed. Else stores until
 * when they hold. */
bool isb_hosts_refresh(struct isb_hosts *hosts, struct isb_txn *health);
void isb_hosts_done(struct isb_hosts *hosts);
