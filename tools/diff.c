/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* What differs between two texts, line by line. A line of YAML says little without the lines it stands below, so these
 * are printed with it. */

enum { TABLE_MAX = 4000000 }; /* beyond so many pairs of lines only their numbers are said */

struct line {
	const char *at;
	size_t len, indent;
	bool shown;
	struct line *twin; /* the same line of the other text */
};
struct lines {
	struct line *list;
	size_t count;
};
struct diff {
	struct lines a, b;
	int indent;
};

static struct lines split(const char *text)
{
	struct lines lines = {0};
	size_t most = 1;
	for (const char *p = text; p && *p; p++)
		most += *p == '\n';
	lines.list = isb_xcalloc(most, sizeof(*lines.list));
	for (const char *p = text; p && *p;) {
		struct line *line = &lines.list[lines.count++];
		*line = (struct line){.at = p, .len = strcspn(p, "\n"), .indent = strspn(p, " ")};
		p += line->len + (p[line->len] == '\n');
	}
	return lines;
}

static bool same(const struct line *a, const struct line *b)
{
	return a->len == b->len && memcmp(a->at, b->at, a->len) == 0;
}

static void print_line(const struct diff *d, char sign, struct line *line)
{
	enum cli_tone tone = cli_sign_tone(sign);
	printf("%*s%s%c %.*s%s\n", d->indent, "", cli_tone_on(tone), sign, (int)line->len, line->at, cli_tone_off(tone));
	line->shown = true;
	if (line->twin)
		line->twin->shown = true;
}

static void print_parents(const struct diff *d, const struct lines *lines, size_t i)
{
	for (size_t p = i; p-- > 0;)
		if (lines->list[p].indent < lines->list[i].indent) {
			print_parents(d, lines, p);
			if (!lines->list[p].shown)
				print_line(d, ' ', &lines->list[p]);
			return;
		}
}

static void print_changed(const struct diff *d, char sign, const struct lines *lines, size_t i)
{
	print_parents(d, lines, i);
	print_line(d, sign, &lines->list[i]);
}

static void pair(struct line *a, struct line *b)
{
	a->twin = b;
	b->twin = a;
}

/* Longest common subsequence of a[from, na) and b[from, nb), by the textbook table: lcs[i][j] is its length for what
 * lies from i and j on. */
static void compare(struct diff *d, size_t from, size_t na, size_t nb)
{
	struct line *a = d->a.list + from, *b = d->b.list + from;
	size_t h = na - from, w = nb - from, i = 0, j = 0;
	unsigned(*lcs)[w + 1] = isb_xcalloc(h + 1, sizeof(*lcs));
	for (i = h; i-- > 0;)
		for (j = w; j-- > 0;)
			lcs[i][j] = same(&a[i], &b[j])             ? lcs[i + 1][j + 1] + 1
			            : lcs[i + 1][j] > lcs[i][j + 1] ? lcs[i + 1][j]
			                                            : lcs[i][j + 1];
	for (i = j = 0; i < h || j < w;) {
		if (i < h && j < w && same(&a[i], &b[j]))
			pair(&a[i++], &b[j++]);
		else if (i < h && (j == w || lcs[i + 1][j] >= lcs[i][j + 1]))
			print_changed(d, '-', &d->a, from + i++);
		else
			print_changed(d, '+', &d->b, from + j++);
	}
	free(lcs);
}

void cli_print_diff(const char *before, const char *after, int indent)
{
	struct diff d = {.a = split(before), .b = split(after), .indent = indent};
	size_t from = 0, na = d.a.count, nb = d.b.count;
	while (from < na && from < nb && same(&d.a.list[from], &d.b.list[from])) {
		pair(&d.a.list[from], &d.b.list[from]);
		from++;
	}
	while (na > from && nb > from && same(&d.a.list[na - 1], &d.b.list[nb - 1]))
		na--, nb--;
	if ((na - from) * (nb - from) > TABLE_MAX)
		printf("%*s%zu lines before and %zu after, too many to compare\n", indent, "", na - from, nb - from);
	else
		compare(&d, from, na, nb);
	free(d.a.list);
	free(d.b.list);
}
