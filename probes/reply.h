/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "isobar/model/observe.h"
#include "spec.h"

/* From an HTTP reply to an outcome. Pure: no socket, no library; whatever the reply says is looked at with bounds. */

enum { ISB_BODY_MAX = 64 * 1024, ISB_REPLY_WHY = 160 };

struct isb_reply {
	long status;
	const char *headers; /* of the last response and its trailers, line by line, CR LF at each end */
	size_t headers_len;
	const char *body; /* the first ISB_BODY_MAX octets; `cut`: there is more */
	size_t body_len;
	bool cut;
};

/* Does it say what the check expects, its status aside? Sets outcome->kind, and soft where the reply tells it;
 * `why` is then a sentence, or empty. */
void isb_reply_judge(const struct isb_spec *spec, const struct isb_reply *reply, struct isb_outcome *outcome,
                     char why[ISB_REPLY_WHY]);
/* The value of the first header of that name that is `wanted` (NULL: any), without the blanks around it, or NULL. */
const char *isb_reply_header(const struct isb_reply *reply, const char *name, size_t name_len, const char *wanted,
                             size_t *ret_len);

/* grpc.health.v1.Health/Check (https://github.com/grpc/grpc/blob/master/doc/health-checking.md): a message with
 * one text there, a message with one enum back, the call's own status in grpc-status. */
#define ISB_GRPC_PATH "/grpc.health.v1.Health/Check"
enum { ISB_GRPC_REQUEST_MAX = 5 + 3 + 255 };
/* The framed request; returns its length. */
size_t isb_grpc_request(const char *service, uint8_t out[ISB_GRPC_REQUEST_MAX]);
void isb_grpc_judge(const struct isb_reply *reply, struct isb_outcome *outcome, char why[ISB_REPLY_WHY]);
