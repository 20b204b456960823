/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "isobar/base/diag.h"
#include "isobar/dns/settings.h"
#include "options.h"

/* The settings that options and the cookie secret file make: read at the start and again at SIGHUP. ISB_OK; ISB_EINVAL or
 * ISB_EIO with a diag. The caller frees. */
int isb_settings_load(const struct isb_options *options, struct isb_diags *diags, struct isb_settings **ret_settings);
