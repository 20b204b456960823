/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <uv.h>

#include "isobar/model/model.h"
#include "isobar/store/env.h"
#include "deny.h"

/* Measures the way from the probe's region to the networks that the server's clients are in: asks the server which they are
 * (isobard --clients), sends echo requests to addresses that have asked it (measure_plan.h says when), and adds the round
 * trips to the latency environment. All on the loop but the writing, which may wait for an import. */
struct isb_measure;

struct isb_measure_options {
	const char *socket; /* NULL: nothing is measured */
	unsigned rate;      /* requests per second */
	struct isb_deny deny;
};

/* `store` is open as ISB_STORE_WRITE_MEASURED. ISB_ENOMEM. */
int isb_measure_new(uv_loop_t *loop, struct isb_store *store, const char *region,
                    const struct isb_measure_options *options, struct isb_measure **ret_measure);
/* Where our own endpoints are, and whether there is such a region: before that nothing is measured. */
void isb_measure_follow(struct isb_measure *measure, const struct isb_catalog *catalog);
void isb_measure_tick(struct isb_measure *measure); /* once a second */
/* Then let the loop run until it is empty before it is freed. What was not written yet is lost. NULL is fine for all. */
void isb_measure_close(struct isb_measure *measure);
/* Another thread uses the store: it may not be closed. */
bool isb_measure_is_writing(const struct isb_measure *measure);
void isb_measure_free(struct isb_measure *measure);
