/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "simulate.h"

/* What an edit does, name by name: the pools and regions that its clients leave, and those that they come to. */

/* "asia (seoul)"; who has no region, or is none of the endpoints, by its name alone. */
static void add_place(struct isb_buf *out, const struct sim *sim, uint32_t target)
{
	const struct sim_target *t = &sim->targets[target];
	isb_buf_printf(out, "%.*s", (int)strcspn(t->name, "/"), t->name);
	if (target >= SIM_TARGETS && strcmp(t->region, "-") != 0)
		isb_buf_printf(out, " (%s)", t->region);
}

static void add_way(struct isb_buf *out, const struct sim *sim, const struct sim_move *move)
{
	add_place(out, sim, move->from);
	if (move->from == move->to) {
		isb_buf_puts(out, ": another endpoint or address");
		return;
	}
	isb_buf_puts(out, " -> ");
	add_place(out, sim, move->to);
}

void sim_say_name_moves(const struct sim *sim, const struct sim_shift *shift, size_t most)
{
	struct cli_table table;
	char share[SIM_TEXT];
	if (!shift->nmove)
		return;
	cli_table_init(&table, 3, (const char *const[]){"NAME", "MOVES", "OF ITS CLIENTS"});
	for (size_t i = 0; i < shift->nmove && i < most; i++) {
		const struct sim_move *move = &shift->moves[i];
		const struct sim_moved *name = &shift->moved_names[move->name];
		bool again = i && shift->moves[i - 1].name == move->name;
		struct isb_buf way = {0};
		add_way(&way, sim, move);
		cli_table_row(&table, (const char *const[]){again ? "" : name->name, isb_buf_text(&way),
		                                            sim_percent(move->count, name->count, share)});
		isb_buf_done(&way);
	}
	cli_table_print(&table);
	if (shift->nmove > most)
		printf("... and %zu smaller ones; --output json has them all\n", shift->nmove - most);
}

static json_t *json_place(const struct sim *sim, uint32_t target)
{
	const struct sim_target *t = &sim->targets[target];
	size_t len = strcspn(t->name, "/");
	bool placed = target >= SIM_TARGETS && strcmp(t->region, "-") != 0;
	return json_pack("{s:s%, s:s?}", "pool", t->name, len, "region", placed ? t->region : NULL);
}

json_t *sim_json_name_moves(const struct sim *sim, const struct sim_shift *shift)
{
	json_t *list = json_array(), *moves = NULL;
	for (size_t i = 0; i < shift->nmove; i++) {
		const struct sim_move *move = &shift->moves[i];
		const struct sim_moved *name = &shift->moved_names[move->name];
		if (!i || shift->moves[i - 1].name != move->name) {
			moves = json_array();
			json_array_append_new(list, json_pack("{s:s, s:f, s:f, s:f, s:o}", "name", name->name, "queries", name->count,
			                                      "moved", name->moved, "share", name->moved / name->count, "moves",
			                                      moves));
		}
		json_array_append_new(moves, json_pack("{s:o, s:o, s:f}", "from", json_place(sim, move->from), "to",
		                                       json_place(sim, move->to), "queries", move->count));
	}
	return list;
}
