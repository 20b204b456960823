/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "isobar/base/buf.h"
#include "isobar/base/diag.h"
#include "isobar/model/model.h"
#include "isobar/steer/plan.h"

/* What an endpoint answers with, per type. Room-internal. */

/* Appends the endpoint's records of a type in the form of struct isb_rrset.rdata and gives their number: 0 when it
 * lacks what the type is made of. ISB_EINVAL when they cannot be made, with the reason in diags. */
int isb_endpoint_rdata(const struct isb_endpoint *endpoint, enum isb_plan_type type, struct isb_diags *diags,
                       struct isb_buf *out, unsigned *ret_count);
/* The addresses of one family, 4 or 6; gives their number. */
unsigned isb_addresses_rdata(const struct isb_addr *addresses, size_t count, uint8_t family, struct isb_buf *out);
