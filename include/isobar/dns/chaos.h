/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "isobar/dns/answer.h"
#include "isobar/dns/settings.h"

/* Questions of class CH, which ask for the server itself (RFC 4892). What is not set, and any other name, is REFUSED. */
void isb_chaos_find(struct isb_answer *answer, const struct isb_query *query, const struct isb_settings *settings);
