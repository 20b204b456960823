/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "isobar/web/tokens.h"
#include "isobar/web/web.h"
#include "options.h"

/* Who asks, and what they may: over HTTP by a bearer token (RFC 6750), over the unix socket by what the kernel says of
 * the process. The file of tokens is looked at with every request, so that a token is gone as soon as its line is. */

enum { ISB_IDENTITY_NAME = ISB_TOKEN_NAME_MAX + 1 };
struct isb_identity {
	char name[ISB_IDENTITY_NAME];
	enum isb_role role;
};

struct isb_guard;
/* ISB_EINVAL or ISB_EIO with diags when the file of tokens is wrong. `options` must outlive it. */
int isb_guard_new(const struct isb_control_options *options, struct isb_diags *diags, struct isb_guard **ret_guard);
void isb_guard_free(struct isb_guard *guard); /* NULL is fine */

/* False: the reply is made, 401. Who shows wrong tokens waits for that, longer each time. */
bool isb_guard_identify(struct isb_guard *guard, const struct isb_web_request *request, struct isb_identity *ret_who,
                        struct isb_web_reply *reply);
uint64_t isb_guard_failures(struct isb_guard *guard); /* so far */
/* A browser may be led to 127.0.0.1 by a name of somebody else's (DNS rebinding); then its Host is that name. */
bool isb_guard_host_ok(const struct isb_guard *guard, const struct isb_web_request *request);
