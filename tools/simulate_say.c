/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulate.h"

/* For somebody who must decide now: the one number first, then from where to where, then who carries it. */

enum { MOVES_SHOWN = 20, NAMES_SHOWN = 20, LOADS_SHOWN = 60 };

char *sim_percent(double part, double whole, char out[SIM_TEXT])
{
	double percent = whole > 0 ? part / whole * 100 : 0;
	if (percent > 1e-9 && percent < 0.05)
		snprintf(out, SIM_TEXT, "< 0.1 %%");
	else
		snprintf(out, SIM_TEXT, "%.1f %%", percent);
	return out;
}

char *sim_number(double count, char out[SIM_TEXT])
{
	char digits[SIM_TEXT];
	size_t at = 0, len = (size_t)snprintf(digits, sizeof(digits), "%.0f", count);
	for (size_t i = 0; i < len && at + 2 < SIM_TEXT; i++) {
		if (i && (len - i) % 3 == 0)
			out[at++] = ' ';
		out[at++] = digits[i];
	}
	out[at] = '\0';
	return out;
}

/* Without a catalog or an outage there is nothing to compare: the load alone is asked for. */
static bool proposed(const struct sim *sim)
{
	return sim->cli->nfile || sim->cli->ndown;
}

/* "4.2 % (12 345 of 294 000 queries)"; without a log there are no queries to count. */
void sim_say_share(const struct sim *sim, double part, double whole)
{
	char percent[SIM_TEXT], of[SIM_TEXT], all[SIM_TEXT];
	printf("%s", sim_percent(part, whole, percent));
	if (!sim->even)
		printf(" (%s of %s queries)", sim_number(part, of), sim_number(whole, all));
}

void sim_say_traffic(const struct sim *sim)
{
	char all[SIM_TEXT], plain[SIM_TEXT], others[SIM_TEXT];
	if (sim->even) {
		printf("without --traffic: every steered name counts alike, and in each every IPv4 address%s\n",
		       sim->even_placed ? " that the geo database places" : "");
		return;
	}
	printf("%s queries read; %s for names that are not steered, %s for names that are not ours",
	       sim_number(sim->queries, all), sim_number(sim->not_steered, plain), sim_number(sim->not_ours, others));
	if (sim->bad)
		printf("; %" PRIu64 " that could not be read", sim->bad);
	putchar('\n');
}

/* "after: catalog.yaml; seoul, asia/icn-1 down" */
static void print_after(const struct cli *cli)
{
	for (size_t i = 0; i < cli->nfile; i++)
		printf("%s%s", i ? ", " : "after: ", cli->files[i]);
	for (size_t i = 0; i < cli->ndown; i++)
		printf("%s%s", i ? ", " : cli->nfile ? "; " : "after: ", cli->down[i]);
	puts(cli->ndown ? " down" : "");
}

static void print_flows(const struct sim *sim, const struct sim_flow *flows, size_t count, size_t most, bool regions,
                        double total)
{
	struct cli_table table;
	char percent[SIM_TEXT], queries[SIM_TEXT];
	const char *const heads[] = {regions ? "BETWEEN REGIONS" : "MOVES", "SHARE", sim->even ? "" : "QUERIES"};
	cli_table_init(&table, 3, heads);
	for (size_t i = 0; i < count && i < most; i++) {
		const struct sim_target *from = &sim->targets[flows[i].from], *to = &sim->targets[flows[i].to];
		struct isb_buf text = {0};
		isb_buf_printf(&text, "%s -> %s%s", regions ? from->region : from->name, regions ? to->region : to->name,
		               from == to ? " (another address)" : "");
		cli_table_row(&table, (const char *const[]){isb_buf_text(&text), sim_percent(flows[i].count, total, percent),
		                                            sim->even ? "" : sim_number(flows[i].count, queries)});
		isb_buf_done(&text);
	}
	cli_table_print(&table);
	if (count > most)
		printf("... and %zu smaller ones\n", count - most);
}

void sim_say_region_moves(const struct sim *sim, const struct sim_shift *shift, size_t most)
{
	if (shift->nregion_flow)
		print_flows(sim, shift->region_flows, shift->nregion_flow, most, true, shift->total);
}

void sim_say_moves(const struct sim *sim, const struct sim_shift *shift, size_t most)
{
	sim_say_share(sim, shift->moved, shift->total);
	printf(" get another answer\n");
	sim_say_region_moves(sim, shift, most);
	if (shift->nflow)
		print_flows(sim, shift->flows, shift->nflow, most, false, shift->total);
}

/* --- Load --- */

struct order {
	const struct sim *sim;
	const struct sim_shift *shift;
};

static int busiest(const void *a, const void *b, void *arg)
{
	const struct order *o = arg;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	for (int s = SIM_AFTER; s >= SIM_BEFORE; s--)
		if (o->shift->load[s][x] != o->shift->load[s][y])
			return o->shift->load[s][x] > o->shift->load[s][y] ? -1 : 1;
	return strcmp(o->sim->targets[x].name, o->sim->targets[y].name);
}

static void print_load(const struct sim *sim, const struct sim_shift *shift, uint32_t t, struct cli_table *table)
{
	char before[SIM_TEXT], after[SIM_TEXT], was[SIM_TEXT], is[SIM_TEXT], times[SIM_TEXT] = "";
	double b = shift->load[SIM_BEFORE][t], a = shift->load[SIM_AFTER][t], all = shift->total + shift->fresh;
	if (b <= 0)
		snprintf(times, sizeof(times), "idle before");
	else if (fabs(a - b) > 1e-9 * all)
		snprintf(times, sizeof(times), "x %.2f", a / b);
	bool two = proposed(sim);
	cli_table_row(table, (const char *const[]){
				     sim->targets[t].name, t < SIM_TARGETS ? "-" : sim->targets[t].region, sim_number(b, before),
				     sim_percent(b, shift->total, was), two ? sim_number(a, after) : "",
				     two ? sim_percent(a, all, is) : "", two ? times : "", sim->targets[t].down ? "down" : ""});
}

static void print_loads(const struct sim *sim, const struct sim_shift *shift)
{
	struct order order = {sim, shift};
	uint32_t *list = isb_xcalloc(sim->ntarget, sizeof(*list));
	size_t n = 0;
	for (uint32_t t = 0; t < sim->ntarget; t++)
		if (shift->load[SIM_BEFORE][t] > 0 || shift->load[SIM_AFTER][t] > 0)
			list[n++] = t;
	if (n)
		qsort_r(list, n, sizeof(*list), busiest, &order);
	struct cli_table table;
	cli_table_init(&table, 8, (const char *const[]){"ENDPOINT", "REGION", proposed(sim) ? "BEFORE" : "QUERIES", "",
	                                                proposed(sim) ? "AFTER" : "", "", "", ""});
	for (size_t i = 0; i < n && i < LOADS_SHOWN; i++)
		print_load(sim, shift, list[i], &table);
	cli_table_print(&table);
	if (n > LOADS_SHOWN)
		printf("... and %zu with less; --output json has them all\n", n - LOADS_SHOWN);
	free(list);
}

/* --- Names --- */

static void print_worse(const struct sim *sim, const struct sim_name *name, const double side[SIM_SIDES], const char *what)
{
	double more = side[SIM_AFTER] - side[SIM_BEFORE];
	char type[ISB_TYPE_TEXT];
	if (more <= 1e-9 * name->count)
		return;
	printf("  %s %s: ", name->name, isb_type_print(name->type, type));
	sim_say_share(sim, more, name->count);
	printf(" %s\n", what);
}

static void print_names(const struct sim *sim, const struct sim_shift *shift)
{
	if (!shift->nname)
		return;
	puts("names that would no longer be answered as before:");
	for (size_t i = 0; i < shift->nname && i < NAMES_SHOWN; i++) {
		const struct sim_name *name = &shift->names[i];
		print_worse(sim, name, name->nothing, "go empty (NODATA)");
		print_worse(sim, name, name->ordinary, "get the ordinary records");
		print_worse(sim, name, name->failopen, "find nothing that is up (failopen)");
	}
	if (shift->nname > NAMES_SHOWN)
		printf("... and %zu more names\n", shift->nname - NAMES_SHOWN);
}

void sim_say(const struct sim *sim, const struct sim_shift *shift)
{
	sim_say_traffic(sim);
	if (shift->total + shift->fresh <= 0) {
		puts("none of them is for a steered name");
		return;
	}
	putchar('\n');
	if (proposed(sim)) {
		print_after(sim->cli);
		sim_say_moves(sim, shift, MOVES_SHOWN);
	}
	if (shift->fresh > 0) {
		sim_say_share(sim, shift->fresh, shift->total + shift->fresh);
		puts(" are for names that are new; they do not count as moved");
	}
	if (shift->lost > 0) {
		sim_say_share(sim, shift->lost, shift->total);
		puts(" would still be sent to what is down: it has no check, is forced up, or nothing else is left");
	}
	if (proposed(sim))
		putchar('\n');
	print_loads(sim, shift);
	if (shift->nname)
		putchar('\n');
	print_names(sim, shift);
}

/* "50.0 %, x 2.50" */
static const char *print_peak(const struct sim_peak *peak, double total, char out[2 * SIM_TEXT])
{
	char load[SIM_TEXT];
	sim_percent(peak->load, total, load);
	if (!peak->endpoint)
		*out = '\0';
	else if (peak->usual > 0)
		snprintf(out, 2 * SIM_TEXT, "%s, x %.2f", load, peak->load / peak->usual);
	else
		snprintf(out, 2 * SIM_TEXT, "%s, idle before", load);
	return out;
}

static void print_outage(const struct sim_outage *o, struct cli_table *table)
{
	char moved[SIM_TEXT], busiest[2 * SIM_TEXT], grown[2 * SIM_TEXT], empty[SIM_TEXT], ordinary[SIM_TEXT],
		failopen[SIM_TEXT], lost[SIM_TEXT];
	cli_table_row(table, (const char *const[]){
				     o->region, sim_percent(o->moved, o->total, moved),
				     o->busiest.endpoint ? o->busiest.endpoint : "-", print_peak(&o->busiest, o->total, busiest),
				     o->grown.endpoint ? o->grown.endpoint : "-", print_peak(&o->grown, o->total, grown),
				     sim_percent(o->nothing, o->total, empty), sim_percent(o->ordinary, o->total, ordinary),
				     sim_percent(o->failopen, o->total, failopen), sim_percent(o->lost, o->total, lost)});
}

void sim_say_outages(const struct sim *sim, const struct sim_outage *list, size_t count)
{
	struct cli_table table;
	if (!count) {
		puts("--n-1: the catalog has no regions to take down; name a pool or an endpoint with --down");
		return;
	}
	cli_table_init(&table, 10, (const char *const[]){"DOWN", "MOVED", "BUSIEST THEN", "", "GROWS MOST", "", "EMPTY",
	                                                 "FALLBACK", "FAILOPEN", "SENT TO IT"});
	for (size_t i = 0; i < count; i++)
		print_outage(&list[i], &table);
	puts(sim->one_catalog ? "each region down in turn:" : "each region down in turn, with the proposed catalog:");
	cli_table_print(&table);
}
