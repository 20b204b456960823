/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>

#include "isobar/base/buf.h"
#include "routes.h"

/* What was asked and how it went, for /metrics: by route (not by path, which anybody may make up) and status. */

struct isb_control;
struct isb_counts;
struct isb_counts *isb_counts_new(void);
void isb_counts_free(struct isb_counts *counts); /* NULL is fine */
/* `route` NULL: none was found. Streams count when they begin. */
void isb_counts_add(struct isb_counts *counts, const struct isb_route *route, unsigned status, int64_t took_us);
/* All metrics of isobar-control. */
void isb_counts_print(struct isb_control *control, struct isb_buf *out);
