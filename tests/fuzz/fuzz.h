/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What all targets share. A target makes its input into calls of one module and says with MUST what has to hold,
 * whatever the octets were; memory and undefined behaviour are the sanitizers' part. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(what) \
	do { \
		if (!(what)) { \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what); \
			abort(); \
		} \
	} while (0)

/* Octets with a NUL behind them, for free(). strndup() would do, but under strict_string_checks it wants one to be there. */
static inline char *text_copy(const void *octets, size_t size)
{
	char *copy = malloc(size + 1);
	MUST(copy);
	if (size)
		memcpy(copy, octets, size);
	copy[size] = 0;
	return copy;
}
