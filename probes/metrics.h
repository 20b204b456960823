/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <uv.h>

#include "isobar/store/env.h"
#include "look.h"
#include "options.h"

/* What a probe tells of itself over HTTP (--metrics): see isobar/web/monitor.h. */
struct isb_probe_metrics;

/* Listens where the options say. `take` is called from the loop whenever somebody asks, and fills a look; `store` NULL: there
 * is none. On failure the log says why. */
int isb_probe_metrics_new(uv_loop_t *loop, const struct isb_probe_options *options, struct isb_store *store,
                          void (*take)(void *arg, struct isb_look *look), void *arg, struct isb_probe_metrics **ret_metrics);
/* Listens no more; then let the loop run until it is empty. NULL is fine, here and below. */
void isb_probe_metrics_close(struct isb_probe_metrics *metrics);
void isb_probe_metrics_free(struct isb_probe_metrics *metrics);
