/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "isobar/base/err.h"
#include "isobar/model/json.h"
#include "isobar/model/pattern.h"
#include "probes/reply.h"

/* Input: what a check expects (a pattern, a path of JSON, a header), each up to a NUL, then a reply's body, which stands for its
 * headers as well. Whatever a peer says ends in one of the outcomes that the header names. */

static char *text_of(const uint8_t **data, size_t *size)
{
	const uint8_t *end = memchr(*data, 0, *size);
	size_t len = end ? (size_t)(end - *data) : *size;
	char *text = strndup((const char *)*data, len);
	*data += len + (end != NULL);
	*size -= len + (end != NULL);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *texts[3], why[ISB_REPLY_WHY] = "", wrong[ISB_PATTERN_WHY];
	for (size_t i = 0; i < 3; i++)
		texts[i] = text_of(&data, &size);
	char *body = malloc(size); /* without a NUL behind it */
	if (size)
		memcpy(body, data, size);
	struct isb_spec spec = {
		.regex = isb_pattern_check(texts[0], wrong) == ISB_OK ? texts[0] : NULL,
		.soft_json = isb_json_path_ok(texts[1], strlen(texts[1])) ? texts[1] : NULL,
		.expect_json = {&texts[1], isb_json_path_ok(texts[1], isb_json_path_length(texts[1]))},
		.expect_headers = {&texts[2], *texts[2] && *texts[2] != ':' && strlen(texts[2]) != strcspn(texts[2], ":") + 1},
	};
	struct isb_reply reply = {.status = 200, .headers = body, .headers_len = size, .body = body, .body_len = size};
	struct isb_outcome outcome = {0};
	isb_reply_judge(&spec, &reply, &outcome, why);
	MUST(outcome.kind == ISB_OUT_OK || outcome.kind == ISB_OUT_HEADER_MISMATCH || outcome.kind == ISB_OUT_BODY_MISMATCH ||
	     outcome.kind == ISB_OUT_JSON_MISMATCH);
	MUST(outcome.soft <= 100 && memchr(why, 0, sizeof(why)));
	isb_grpc_judge(&reply, &outcome, why);
	MUST(outcome.kind == ISB_OUT_OK || outcome.kind == ISB_OUT_NOT_SERVING || outcome.kind == ISB_OUT_BAD_REPLY);
	for (size_t i = 0; i < 3; i++)
		free(texts[i]);
	free(body);
	return 0;
}
