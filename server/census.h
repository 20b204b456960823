/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "isobar/base/addr.h"

/* How many TCP connections there are, in all and per client, counted over all workers: the kernel spreads one client's
 * connections over them. Asked when a connection begins and ends, never for a query; any thread. A client is an IPv4
 * address or an IPv6 /64, which is what one subscriber has at the least. */
struct isb_census;

struct isb_census *isb_census_new(uint32_t connections, uint32_t per_client, uint64_t seed);
void isb_census_free(struct isb_census *census); /* NULL is fine */

/* False when there are as many as may be; each true needs its close or leave. */
bool isb_census_open(struct isb_census *census);
void isb_census_close(struct isb_census *census);
bool isb_census_join(struct isb_census *census, const struct isb_addr *client);
void isb_census_leave(struct isb_census *census, const struct isb_addr *client);
