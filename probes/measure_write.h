/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/addr.h"
#include "isobar/store/env.h"

/* A round trip between a client network and the probe's region. */
struct isb_trip {
	struct isb_net net;
	uint32_t us;
	int64_t time_ms;
};

/* Adds them to what the latency environment holds, each a sample as `isobar latency import` adds one; with `sweep`, rows that
 * count no more go. One transaction: on failure nothing has changed. May wait for an import. */
int isb_measure_write(struct isb_store *store, const char *region, const struct isb_trip *trips, size_t count,
                      int64_t now_ms, bool sweep);
