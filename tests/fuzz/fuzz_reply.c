/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "isobar/base/err.h"
#include "isobar/model/json.h"
#include "isobar/model/pattern.h"
#include "probes/load.h"

/* Input: what a check expects (a pattern, a path of JSON, a header), each up to a NUL, then a reply's body, which stands for its
 * headers as well. The same three name what a page of load is looked through for, in every format, in pieces of a size that the
 * first octet says: however it comes, it says the same. Whatever a peer says ends in one of the outcomes that the header names. */

static char *text_of(const uint8_t **data, size_t *size)
{
	const uint8_t *end = memchr(*data, 0, *size);
	size_t len = end ? (size_t)(end - *data) : *size;
	char *text = text_copy(*data, len);
	*data += len + (end != NULL);
	*size -= len + (end != NULL);
	return text;
}

static struct isb_outcome told(const struct isb_spec_load *from, const char *body, size_t size, size_t piece)
{
	struct isb_reply reply = {.body = body, .body_len = size};
	struct isb_outcome outcome = {0};
	struct isb_load load;
	char why[ISB_REPLY_WHY] = "";
	isb_load_init(&load, from);
	for (size_t at = 0; at < size; at += piece)
		isb_load_read(&load, body + at, size - at < piece ? size - at : piece);
	MUST(load.line.cap <= 2 * ISB_LOAD_LINE_MAX);
	isb_load_tell(&load, &reply, &outcome, why);
	MUST(outcome.load <= ISB_LOAD_MAX && memchr(why, 0, sizeof(why)) && outcome.has_load == !*why);
	isb_load_done(&load);
	return outcome;
}

static void look_for_load(char *texts[3], const char *body, size_t size)
{
	struct isb_spec_load from = {.proxy = texts[0], .server = texts[1], .field = texts[2], .metric = texts[0], .path = texts[1],
	                             .labels = {&texts[2], strstr(texts[2], ": ") != NULL}, .capacity = (uint8_t)*texts[0]};
	for (unsigned format = ISB_LOAD_HAPROXY; format <= ISB_LOAD_JSON; format++) {
		from.format = (enum isb_load_format)format;
		struct isb_outcome whole = told(&from, body, size, size + 1);
		struct isb_outcome pieces = told(&from, body, size, 1 + (size ? (uint8_t)*body : 0u));
		MUST(whole.has_load == pieces.has_load && whole.load == pieces.load);
	}
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
	look_for_load(texts, body, size);
	for (size_t i = 0; i < 3; i++)
		free(texts[i]);
	free(body);
	return 0;
}
