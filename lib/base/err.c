/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/base/err.h"

const char *isb_strerror(int err)
{
	switch (err) {
	case ISB_OK: return "ok";
#define X(name, code, text) case code: return text;
	ISB_ERROR_MAP(X)
#undef X
	default: return "unknown error";
	}
}
