/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/buf.h"

/* Metrics as Prometheus reads them: the text exposition format, version 0.0.4. First isb_prom_family(), once for each family,
 * then all of its samples. Names of families and labels are the program's own and must be of the letters that the format
 * allows ([a-z_] and digits); values of labels may be anything: what cannot stand there is escaped, and octets that are no UTF-8,
 * for which Prometheus would refuse the whole page, become U+FFFD. */

#define ISB_PROM_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct isb_prom_label {
	const char *name, *value;
};
/* ISB_PROM_LABELS({"pool", pool}, {"endpoint", endpoint}); no labels at all are a NULL. */
#define ISB_PROM_LABELS(...) ((const struct isb_prom_label[]){__VA_ARGS__, {NULL, NULL}})

enum isb_prom_type { ISB_PROM_COUNTER, ISB_PROM_GAUGE, ISB_PROM_HISTOGRAM };
void isb_prom_family(struct isb_buf *out, const char *name, enum isb_prom_type type, const char *help);

/* One sample, of a counter or a gauge. */
void isb_prom_count(struct isb_buf *out, const char *name, const struct isb_prom_label *labels, uint64_t value);
/* Printed so that reading it back gives the same number; NaN, +Inf and -Inf as the format spells them. */
void isb_prom_real(struct isb_buf *out, const char *name, const struct isb_prom_label *labels, double value);

/* A family of one sample without labels. */
void isb_prom_total(struct isb_buf *out, const char *name, const char *help, uint64_t value);
void isb_prom_gauge(struct isb_buf *out, const char *name, const char *help, double value);
/* process_start_time_seconds and isobar_build_info, which every program has. */
void isb_prom_program(struct isb_buf *out, const char *program, int64_t started_ms);

/* One histogram: its buckets, sum and count. */
struct isb_prom_histogram {
	const double *bound;        /* upper bounds, ascending, without +Inf */
	const uint64_t *cumulative; /* observations up to bound[i] */
	size_t n;
	uint64_t count; /* all of them */
	double sum;
};
void isb_prom_histogram(struct isb_buf *out, const char *name, const struct isb_prom_label *labels,
                        const struct isb_prom_histogram *histogram);
