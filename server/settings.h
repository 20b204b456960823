/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "isobar/base/diag.h"
#include "isobar/dns/settings.h"
#include "options.h"

/* A cookie secret that is good for one server alone. */
struct isb_cookie_secrets isb_settings_own_secret(void);

/* The settings that options, the cookie secret file and the file of TSIG keys make: read at the start and again at SIGHUP.
 * `own`: what signs cookies without a file; the same each time, so that clients need no new ones. ISB_OK; ISB_EINVAL or
 * ISB_EIO with a diag. */
int isb_settings_load(const struct isb_options *options, const struct isb_cookie_secrets *own, struct isb_diags *diags,
                      struct isb_settings **ret_settings);
void isb_settings_free(struct isb_settings *settings); /* NULL is fine */
