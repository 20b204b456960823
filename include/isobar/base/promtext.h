/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/prometheus.h"

/* Reads what prometheus.h prints, from whoever sent it: text exposition format 0.0.4. Comments are passed over, and so are
 * timestamps. */

enum { ISB_PROMTEXT_LABELS = 16 };
struct isb_prom_sample {
	const char *name;
	struct isb_prom_label label[ISB_PROMTEXT_LABELS]; /* values without their escapes */
	size_t nlabel;
	double value;
};
/* The label's value, or "" where the sample has none. */
const char *isb_prom_label(const struct isb_prom_sample *sample, const char *name);

/* Each sample in its order; what it points to holds during the call. `text` has a NUL behind it that does not count. The first line that is
 * no such thing ends it: ISB_EFORMAT with its number, or ISB_ERANGE when it has more labels than there is room for. */
int isb_promtext_each(const char *text, size_t len, void (*each)(void *arg, const struct isb_prom_sample *sample), void *arg,
                      size_t *ret_line);
