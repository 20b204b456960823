/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "isobar/base/diag.h"
#include "isobar/dns/settings.h"
#include "options.h"

/* The settings that options, the cookie secret file and the file of TSIG keys make: read at the start and again at SIGHUP.
 * ISB_OK; ISB_EINVAL or ISB_EIO with a diag. */
int isb_settings_load(const struct isb_options *options, struct isb_diags *diags, struct isb_settings **ret_settings);
void isb_settings_free(struct isb_settings *settings); /* NULL is fine */
