/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli.h"

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

void cli_table_print(struct cli_table *table)
{
	size_t n = table->columns;
	for (size_t r = 0; r < table->rows; r++)
		for (size_t c = 0; c < n; c++) {
			int width = 0;
			for (size_t i = 0; c + 1 < n && i < table->rows; i++) {
				int len = (int)strlen(table->cells[i * n + c]);
				width = len > width ? len : width;
			}
			printf("%-*s%s", width, table->cells[r * n + c], c + 1 < n ? "  " : "\n");
		}
	isb_arena_done(&table->arena);
}
