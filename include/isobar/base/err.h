/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The one list of errors. Library functions return 0 (ISB_OK) or one of these negative codes and leave their
 * `ret_x` outputs untouched on failure; what a human must read (file, line, what to write instead) goes into a
 * struct isb_diags beside the code. Only programs print. */

#define ISB_ERROR_MAP(X) \
	X(NOMEM, -1, "out of memory") \
	X(INVAL, -2, "invalid argument") \
	X(FORMAT, -3, "malformed data") \
	X(RANGE, -4, "value out of range") \
	X(NOTFOUND, -5, "not found") \
	X(EXISTS, -6, "already exists") \
	X(SPACE, -7, "does not fit") \
	X(IO, -8, "input/output error") \
	X(STORE, -9, "store failure") \
	X(FULL, -10, "store or disk is full") \
	X(BUSY, -11, "busy") \
	X(VERSION, -12, "unknown version of the stored data") \
	X(REFUSED, -13, "refused") \
	X(READONLY, -14, "opened read-only")

enum isb_err {
	ISB_OK = 0,
#define X(name, code, text) ISB_E##name = (code),
	ISB_ERROR_MAP(X)
#undef X
};

/* A sentence without a full stop, in static storage; never NULL. */
const char *isb_strerror(int err);
