/* SPDX-License-Identifier: Apache-2.0 */
#include "simulate.h"

json_t *sim_json_traffic(const struct sim *sim)
{
	if (sim->even)
		return json_pack("{s:s, s:b}", "from", "every name and address alike", "placed_only", sim->even_placed);
	return json_pack("{s:s, s:f, s:f, s:f, s:I, s:I, s:b}", "from", "queries", "queries", sim->queries, "not_steered",
	                 sim->not_steered, "not_ours", sim->not_ours, "bad", (json_int_t)sim->bad, "skipped",
	                 (json_int_t)sim->skipped, "interrupted", sim->interrupted);
}

static json_t *json_flows(const struct sim *sim, const struct sim_flow *flows, size_t count, bool regions)
{
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++) {
		const struct sim_target *from = &sim->targets[flows[i].from], *to = &sim->targets[flows[i].to];
		json_array_append_new(list, json_pack("{s:s, s:s, s:f}", "from", regions ? from->region : from->name, "to",
		                                      regions ? to->region : to->name, "queries", flows[i].count));
	}
	return list;
}

static json_t *loads_of(const struct sim *sim, const struct sim_shift *shift)
{
	json_t *list = json_array();
	for (uint32_t t = 0; t < sim->ntarget; t++)
		if (shift->load[SIM_BEFORE][t] > 0 || shift->load[SIM_AFTER][t] > 0)
			json_array_append_new(list, json_pack("{s:s, s:s, s:f, s:f, s:b}", "endpoint", sim->targets[t].name, "region",
			                                      sim->targets[t].region, "before", shift->load[SIM_BEFORE][t], "after",
			                                      shift->load[SIM_AFTER][t], "down", sim->targets[t].down));
	return list;
}

static json_t *json_names(const struct sim_shift *shift)
{
	json_t *list = json_array();
	for (size_t i = 0; i < shift->nname; i++) {
		const struct sim_name *n = &shift->names[i];
		char type[ISB_TYPE_TEXT];
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:f, s:[f,f], s:[f,f], s:[f,f]}", "name", n->name, "type",
		                        isb_type_print(n->type, type), "queries", n->count, "empty", n->nothing[SIM_BEFORE],
		                        n->nothing[SIM_AFTER], "ordinary", n->ordinary[SIM_BEFORE], n->ordinary[SIM_AFTER],
		                        "failopen", n->failopen[SIM_BEFORE], n->failopen[SIM_AFTER]));
	}
	return list;
}

json_t *sim_json(const struct sim *sim, const struct sim_shift *shift)
{
	return json_pack("{s:o, s:f, s:f, s:f, s:f, s:f, s:o, s:o, s:o, s:o, s:o}", "traffic", sim_json_traffic(sim),
	                 "queries", shift->total, "moved", shift->moved, "moved_share", shift->total > 0 ? shift->moved / shift->total : 0.,
	                 "new", shift->fresh, "sent_to_what_is_down", shift->lost, "between_regions",
	                 json_flows(sim, shift->region_flows, shift->nregion_flow, true), "moves",
	                 json_flows(sim, shift->flows, shift->nflow, false), "load", loads_of(sim, shift), "worse",
	                 json_names(shift), "by_name", sim_json_name_moves(sim, shift));
}

json_t *sim_json_outages(const struct sim_outage *list, size_t count)
{
	json_t *out = json_array();
	for (size_t i = 0; i < count; i++) {
		const struct sim_outage *o = &list[i];
		json_array_append_new(
			out, json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:s?, s:f, s:f, s:s?, s:f, s:f}", "region", o->region,
		                       "queries", o->total, "moved", o->moved, "empty", o->nothing, "ordinary", o->ordinary,
		                       "failopen", o->failopen, "sent_to_what_is_down", o->lost, "busiest", o->busiest.endpoint,
		                       "load", o->busiest.load, "usual_load", o->busiest.usual, "grows_most", o->grown.endpoint,
		                       "grown_load", o->grown.load, "grown_usual_load", o->grown.usual));
	}
	return out;
}
