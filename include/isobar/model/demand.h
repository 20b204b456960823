/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/addr.h"
#include "isobar/base/buf.h"

/* Which networks of clients ask most, in memory that is given once (space-saving: Metwally, Agrawal, El Abbadi 2005). A
 * network that is not in a full table takes the place of the one with the least count, and that count with it. So every
 * network that was added more often than (all that was added) / (places) is there, whatever strangers add besides. Pure. */

enum {
	ISB_DEMAND_IPV4_LEN = 24, ISB_DEMAND_IPV6_LEN = 48, /* longer networks are cut to this */
	ISB_DEMAND_ROWS = 4096,  /* places in the server's table, and the most lines of its text */
	ISB_DEMAND_LINE = 128,   /* octets of a line at most */
	ISB_DEMAND_TEXT = (ISB_DEMAND_ROWS + 2) * ISB_DEMAND_LINE
};

struct isb_demand_row {
	struct isb_net net;
	struct isb_addr addr; /* of the network, the last that asked itself; family 0: none did */
	uint64_t count;       /* times added, and no less: what it took over may be too much */
	uint64_t over;        /* by so much at most */
};

/* The network of clients that this one counts for. */
struct isb_net isb_demand_net(const struct isb_net *net);

struct isb_demand;
/* `rows` > 0. `seed` must be nobody's to know: strangers choose the networks. */
struct isb_demand *isb_demand_new(size_t rows, uint64_t seed);
void isb_demand_free(struct isb_demand *demand); /* NULL is fine */
/* One more. `addr`: NULL, or an address of the network. */
void isb_demand_add(struct isb_demand *demand, const struct isb_net *net, const struct isb_addr *addr);
/* All counts become half of what they were; a network without one goes. */
void isb_demand_halve(struct isb_demand *demand);
/* Room for as many as the table has places; the surest (count - over) first. Returns how many there are. */
size_t isb_demand_list(const struct isb_demand *demand, struct isb_demand_row *ret_rows);

/* The text in which the server tells a probe:
 *
 *     demand 1
 *     168.126.63.0/24 168.126.63.1 640
 *     2001:4860::/48 - 64
 *     end
 *
 * network, address, count less `over` times `scale`. */
void isb_demand_print(const struct isb_demand_row *rows, size_t count, uint64_t scale, struct isb_buf *out);
/* The whole text and nothing else, or ISB_EFORMAT. Room for ISB_DEMAND_ROWS; `over` is 0. */
int isb_demand_parse(const char *text, size_t len, struct isb_demand_row *ret_rows, size_t *ret_count);
