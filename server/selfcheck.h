/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>

#include "isobar/base/diag.h"
#include "isobar/dns/settings.h"
#include "isobar/view/view.h"

/* Before a server serves, and before one that serves well is replaced by it: asks, by the function that answers on the
 * network, for the SOA of every zone of the view; without zones for the root's, which must be refused. ISB_EINVAL with a
 * diag on the first wrong answer. */
int isb_selfcheck(const struct isb_view *view, const struct isb_settings *settings, int64_t now_ms, struct isb_diags *diags);
