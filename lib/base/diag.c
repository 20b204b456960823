/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/base/diag.h"

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

void isb_diags_init(struct isb_diags *diags)
{
	*diags = (struct isb_diags){0};
}

void isb_diags_done(struct isb_diags *diags)
{
	isb_arena_done(&diags->arena);
	isb_diags_init(diags);
}

void isb_diag(struct isb_diags *diags, struct isb_mark at, const char *fmt, ...)
{
	if (diags->count == ISB_DIAGS_MAX) {
		diags->dropped++;
		return;
	}
	if (diags->count == diags->cap) {
		size_t cap = diags->cap ? diags->cap * 2 : 8, size = sizeof(*diags->list);
		diags->list = isb_arena_grow(&diags->arena, diags->list, diags->cap * size, cap * size);
		diags->cap = cap;
	}
	struct isb_diag *d = &diags->list[diags->count++];
	va_list ap;
	va_start(ap, fmt);
	d->at = at;
	if (at.file)
		d->at.file = isb_arena_strdup(&diags->arena, at.file);
	d->text = isb_arena_vprintf(&diags->arena, fmt, ap);
	va_end(ap);
}

void isb_diags_move(struct isb_diags *diags, struct isb_diags *from)
{
	for (size_t i = 0; i < from->count; i++)
		isb_diag(diags, from->list[i].at, "%s", from->list[i].text);
	diags->dropped += from->dropped;
	isb_diags_done(from);
}

void isb_diags_print(const struct isb_diags *diags, FILE *out)
{
	for (size_t i = 0; i < diags->count; i++) {
		const struct isb_diag *d = &diags->list[i];
		if (d->at.file)
			fprintf(out, "%s:", d->at.file);
		if (d->at.line)
			fprintf(out, "%u:", d->at.line);
		if (d->at.line && d->at.column)
			fprintf(out, "%u:", d->at.column);
		fprintf(out, "%s%s\n", d->at.file || d->at.line ? " " : "", d->text);
	}
	if (diags->dropped)
		fprintf(out, "... and %zu more\n", diags->dropped);
}

/* Optimal string alignment distance (edits and swaps of neighbours), case ignored; words here are short. */
static unsigned distance(const char *a, const char *b)
{
	enum { MAX = 48 };
	size_t na = strlen(a), nb = strlen(b);
	if (na >= MAX || nb >= MAX)
		return UINT_MAX; /* near nothing, however much a long word may differ */
	unsigned row[3][MAX];
	for (size_t j = 0; j <= nb; j++)
		row[0][j] = (unsigned)j;
	for (size_t i = 1; i <= na; i++) {
		unsigned *now = row[i % 3], *prev = row[(i + 2) % 3], *prev2 = row[(i + 1) % 3];
		now[0] = (unsigned)i;
		for (size_t j = 1; j <= nb; j++) {
			int ca = tolower((unsigned char)a[i - 1]), cb = tolower((unsigned char)b[j - 1]);
			unsigned d = prev[j - 1] + (ca != cb);
			if (prev[j] + 1 < d)
				d = prev[j] + 1;
			if (now[j - 1] + 1 < d)
				d = now[j - 1] + 1;
			if (i > 1 && j > 1 && ca == tolower((unsigned char)b[j - 2]) &&
			    cb == tolower((unsigned char)a[i - 2]) && prev2[j - 2] + 1 < d)
				d = prev2[j - 2] + 1;
			now[j] = d;
		}
	}
	return row[na % 3][nb];
}

/* With half of it or less in common it is another word, unless one begins with the other ("Asia" and "AS"). */
static bool is_alike(const char *a, const char *b, unsigned d)
{
	size_t na = strlen(a), nb = strlen(b), most = na > nb ? na : nb, least = na > nb ? nb : na;
	return d * 2 < most || (least && strncasecmp(a, b, least) == 0);
}

const char *isb_nearest(const char *word, const char *const *words)
{
	const char *best = NULL;
	unsigned best_d = (unsigned)strlen(word) / 3 + 2;
	for (; *words; words++) {
		unsigned d = distance(word, *words);
		if (d < best_d && is_alike(word, *words, d)) {
			best_d = d;
			best = *words;
		}
	}
	return best;
}
