/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What is answered without running a verb, or with more than one line of the table says. */

struct isb_call;
void isb_page_asset(struct isb_call *call);
void isb_page_healthz(struct isb_call *call);
void isb_page_readyz(struct isb_call *call);
void isb_page_metrics(struct isb_call *call);
void isb_page_events(struct isb_call *call);
void isb_page_whoami(struct isb_call *call);
void isb_page_openapi(struct isb_call *call);
void isb_page_schema(struct isb_call *call);
void isb_page_rrsets(struct isb_call *call);
void isb_page_state(struct isb_call *call);
void isb_page_top(struct isb_call *call);
void isb_page_run(struct isb_call *call);
