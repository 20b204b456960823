/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "printing.h"

void cli_table_init(struct cli_table *table, size_t columns, const char *const *heads)
{
	*table = (struct cli_table){.columns = columns};
	cli_table_row(table, heads);
}

void cli_table_row(struct cli_table *table, const char *const *cells)
{
	size_t n = table->columns;
	if (table->rows == table->cap) {
		size_t cap = table->cap ? table->cap * 2 : 16;
		table->cells = isb_arena_grow(&table->arena, table->cells, table->cap * n * sizeof(*table->cells),
		                              cap * n * sizeof(*table->cells));
		table->cap = cap;
	}
	for (size_t i = 0; i < n; i++)
		table->cells[table->rows * n + i] = isb_arena_strdup(&table->arena, cells[i]);
	table->rows++;
}

/* Nothing is padded that nothing follows: no line ends in blanks. */
static void print_row(const char *const *cells, size_t n, const int *width)
{
	while (n > 1 && !*cells[n - 1])
		n--;
	for (size_t c = 0; c + 1 < n; c++)
		printf("%s%*s", cells[c], width[c] + 2 - (int)cli_width(cells[c]), "");
	printf("%s\n", cells[n - 1]);
}

void cli_table_print(struct cli_table *table)
{
	size_t n = table->columns;
	int *width = isb_arena_alloc(&table->arena, n * sizeof(*width));
	for (size_t i = 0; i < table->rows * n; i++) {
		int len = (int)cli_width(table->cells[i]);
		if (len > width[i % n])
			width[i % n] = len;
	}
	for (size_t r = 0; r < table->rows; r++)
		print_row(table->cells + r * n, n, width);
	isb_arena_done(&table->arena);
}
