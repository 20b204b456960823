/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdio.h>

#include "isobar/base/arena.h"

/* Where something was said. file may be a path, "-" or an argument in quotes; line 0 means "no line". */
struct isb_mark {
	const char *file; /* NULL: unknown; must outlive the mark */
	unsigned line, column;
};

/* Everything wrong with one input, in the order found: a file is refused as a whole with every error listed. */
struct isb_diags {
	struct isb_arena arena;
	struct isb_diag {
		struct isb_mark at; /* file is copied */
		const char *text;   /* one sentence: what is wrong and what to write instead; no full stop */
	} *list;
	size_t count, cap;
	size_t dropped; /* past ISB_DIAGS_MAX they are only counted */
};
enum { ISB_DIAGS_MAX = 200 };

void isb_diags_init(struct isb_diags *diags);
void isb_diags_done(struct isb_diags *diags);
void isb_diag(struct isb_diags *diags, struct isb_mark at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Appends everything that `from` holds, and empties it. */
void isb_diags_move(struct isb_diags *diags, struct isb_diags *from);
/* "FILE:LINE:COLUMN: text\n" per entry, then how many were dropped. Parts that are unknown are left out. */
void isb_diags_print(const struct isb_diags *diags, FILE *out);

/* The word of `words` (NULL-terminated) a typist most likely meant, or NULL when none is near. */
const char *isb_nearest(const char *word, const char *const *words);
