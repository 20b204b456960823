/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <sys/stat.h>

#include "isobar/base/diag.h"
#include "options.h"

/* The certificate with its key, as the files of --tls-cert and --tls-key have it. */
struct isb_certificate {
	char *cert, *key; /* PEM; NULL: HTTP without TLS */
	struct stat seen[2];
};

/* ISB_EIO with a diag. Without options nothing is read. */
int isb_certificate_read(const struct isb_control_options *options, struct isb_diags *diags,
                         struct isb_certificate *ret);
void isb_certificate_done(struct isb_certificate *certificate);
/* Are the files others than those that were looked at last? `always`: say so in any case. What was seen is noted: files
 * that do not fit together, because one of them is still to come, are tried once more when it has. */
bool isb_certificate_changed(const struct isb_control_options *options, struct isb_certificate *certificate,
                             bool always);
