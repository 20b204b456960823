/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* One value out of a JSON text (RFC 8259) that someone else wrote: no tree, no memory, one pass, nesting bounded.
 *
 * A path is keys and positions with dots between them: "status.db", "checks.0.state". A key stands as it is, without
 * escapes (a key with a dot in it cannot be named); in an array a number counts from 0. Of a key given twice the first
 * counts. */

enum { ISB_JSON_DEPTH_MAX = 64 };

enum isb_json_kind { ISB_JSON_STRING, ISB_JSON_NUMBER, ISB_JSON_WORD, ISB_JSON_LIST, ISB_JSON_MAP };

struct isb_json_value {
	enum isb_json_kind kind; /* WORD: true, false, null */
	const char *text;        /* in the text that was searched: of a string what stands between the quotes */
	size_t len;
};

/* ISB_OK; ISB_ENOTFOUND; ISB_EFORMAT when the text, to its very end, is no JSON or is nested too deep. */
int isb_json_find(const char *text, size_t len, const char *path, size_t path_len, struct isb_json_value *ret_value);
/* Is it this string, this number (1 is 1.0) or this word? A list or a map is nothing of that kind. */
bool isb_json_is(const struct isb_json_value *value, const char *expected);
/* False when it is no number. */
bool isb_json_number(const struct isb_json_value *value, double *ret_number);

bool isb_json_path_ok(const char *path, size_t len); /* no empty key, no control characters */
/* Of an expectation, "path" or "path: value": how long its path is. */
size_t isb_json_path_length(const char *expectation);
