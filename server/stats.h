/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>

#include "worker.h"

/* One log line with the workers' counters added up; any thread, while the workers exist. */
void isb_stats_log(struct isb_worker *const *workers, size_t count);
