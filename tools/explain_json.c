/* SPDX-License-Identifier: Apache-2.0 */
#include "explain.h"
#include "isobar/base/clock.h"
#include "isobar/model/dname.h"

static const char *step_word(enum isb_step_kind kind)
{
	switch (kind) {
	case ISB_STEP_RECORD: return "record";
	case ISB_STEP_ENTER: return "enter";
	case ISB_STEP_CHILD: return "child";
	case ISB_STEP_ENDPOINT: return "endpoint";
	case ISB_STEP_ROLLOUT: return "rollout";
	case ISB_STEP_TRICKLE: return "trickle";
	case ISB_STEP_TURN: return "turn";
	case ISB_STEP_KEY: return "key";
	case ISB_STEP_COMPARE: return "compare";
	case ISB_STEP_DRAW: return "draw";
	case ISB_STEP_SHORT: return "short";
	case ISB_STEP_LEAVE: return "leave";
	case ISB_STEP_CHOSEN: return "chosen";
	case ISB_STEP_FAILOPEN: return "failopen";
	case ISB_STEP_AGAIN: return "again";
	}
	return "";
}

static json_t *json_step(struct explain *e, const struct isb_step *step)
{
	json_t *o = json_pack("{s:s, s:I, s:s}", "step", step_word(step->kind), "depth", (json_int_t)step->depth, "name",
	                      step->name);
	switch (step->kind) {
	case ISB_STEP_RECORD: json_object_set_new(o, "class", json_integer(step->got)); break;
	case ISB_STEP_ENTER:
		json_object_set_new(o, "order", json_string(isb_order_words[step->order]));
		break;
	case ISB_STEP_ENDPOINT:
		json_object_set_new(o, "state", json_string(explain_verdict(e, step)));
		json_object_set_new(o, "verdict", json_string(isb_verdict_name(isb_health_unpack(step->word).verdict)));
		json_object_set_new(o, "held", json_string(isb_verdict_name(isb_health_unpack(step->word).held)));
		json_object_set_new(o, "admin", json_string(isb_admin_name(step->admin)));
		json_object_set_new(o, "usable", json_boolean(step->usable == ISB_USABLE));
		json_object_set_new(o, "rank", json_integer(step->rank));
		json_object_set_new(o, "weight", json_real(step->weight / 100.0));
		json_object_set_new(o, "slow_start_per_cent", json_integer(step->got));
		json_object_set_new(o, "waits", json_boolean(step->at != 0));
		break;
	case ISB_STEP_CHILD:
		json_object_set_new(o, "rank", json_integer(step->rank));
		json_object_set_new(o, "weight", json_integer(step->weight));
		break;
	case ISB_STEP_ROLLOUT:
		json_object_set_new(o, "per_cent", json_integer(step->weight));
		json_object_set_new(o, "number", json_integer(step->rank));
		json_object_set_new(o, "aborted", json_boolean(step->got));
		break;
	case ISB_STEP_DRAW:
	case ISB_STEP_CHOSEN:
		json_object_set_new(o, "share", json_real(step->total ? step->weight / (double)step->total : 1.0));
		break;
	case ISB_STEP_SHORT:
		json_object_set_new(o, "usable", json_integer(step->got));
		json_object_set_new(o, "needed", json_integer(step->need));
		break;
	case ISB_STEP_TRICKLE:
		json_object_set_new(o, "rank", json_integer(step->rank));
		json_object_set_new(o, "per_cent", json_integer(step->got));
		break;
	case ISB_STEP_TURN:
		json_object_set_new(o, "turn", json_integer((json_int_t)step->at));
		json_object_set_new(o, "of", json_integer((json_int_t)step->of));
		break;
	case ISB_STEP_KEY:
		json_object_set_new(o, "by", json_string(step->got ? "network" : "name"));
		json_object_set_new(o, "network", step->got ? json_string(explain_key(e, step)) : json_null());
		break;
	case ISB_STEP_COMPARE:
		json_object_set_new(o, "weight", json_real(step->weight));
		if (step->order == ISB_ORDER_LEAST_LOAD)
			json_object_set_new(o, "load_per_mille", json_integer((json_int_t)step->at));
		else
			json_object_set_new(o, "latency_us", step->at ? json_integer((json_int_t)step->at) : json_null());
		break;
	case ISB_STEP_AGAIN: json_object_set_new(o, "text", json_string(explain_again(step))); break;
	case ISB_STEP_LEAVE:
	case ISB_STEP_FAILOPEN: break;
	}
	return o;
}

static json_t *json_moment(int64_t time_ms)
{
	char text[24];
	return time_ms ? json_string(isb_time_print(time_ms, text)) : json_null();
}

static json_t *json_time(const struct explain *e)
{
	bool past = explain_is_past(e);
	return json_pack("{s:o, s:o, s:s, s:s, s:s, s:o, s:o, s:I, s:I, s:I, s:I}", "at", json_moment(e->cli->at_ms), "now",
	                 json_moment(e->cli->now_ms), "catalog", "now", "verdicts", past ? "then" : "now",
	                 "admin", e->cli->at_ms == e->cli->now_ms ? "now" : "then",
	                 "verdicts_from", past ? json_moment(e->past.verdicts_from_ms) : json_null(),
	                 "edits_from", past ? json_moment(e->past.edits_from_ms) : json_null(), "verdicts_changed",
	                 (json_int_t)e->past.verdicts, "admin_changed", (json_int_t)e->past.admins, "edits_since",
	                 (json_int_t)e->past.edits, "generation", (json_int_t)e->view->generation);
}

static json_t *json_draws(const struct explain *e)
{
	json_t *shares = json_array();
	double all = e->cli->draws;
	for (size_t i = 0; i < e->draws.count; i++) {
		const struct explain_share *share = &e->draws.list[i];
		json_array_append_new(shares, json_pack("{s:s, s:I, s:I, s:f, s:f}", "endpoint", share->endpoint, "answers",
		                                        (json_int_t)share->in, "first", (json_int_t)share->first, "share",
		                                        share->in / all, "share_first", share->first / all));
	}
	return json_pack("{s:I, s:I, s:o}", "count", (json_int_t)e->cli->draws, "none", (json_int_t)e->draws.none, "shares",
	                 shares);
}

static json_t *json_client(const struct explain *e)
{
	char net[ISB_NET_TEXT];
	return json_pack("{s:s, s:b, s:s, s:s, s:s, s:s, s:I, s:s?}", "network", isb_net_print(&e->client, net), "ecs",
	                 e->told, "country", e->geo.country, "continent", e->geo.continent, "subdivision", e->geo.subdivision, "city", e->geo.city,
	                 "asn", (json_int_t)e->geo.asn, "database", e->geodb ? isb_geodb_describe(e->geodb) : NULL);
}

static json_t *json_record(struct explain *e)
{
	if (!e->record)
		return json_null();
	return json_pack("{s:s, s:s?, s:I, s:I, s:s}", "name", isb_plan_text(e->view->plan, e->record->name), "policy",
	                 e->declared ? e->declared->policy.name : NULL, "ttl_s", (json_int_t)e->record->ttl_s, "ttl_min_s",
	                 (json_int_t)e->record->ttl_min_s, "all_down", explain_all_down(e));
}

static json_t *json_ranks(struct explain *e)
{
	json_t *list = json_array();
	for (size_t i = 0; i < e->nrank; i++) {
		const struct explain_rank *r = &e->ranks[i];
		json_array_append_new(list, json_pack("{s:s, s:s, s:s?, s:o, s:s}", "node", r->node, "child", r->child, "rule",
		                                      explain_rule(e, r), "rank",
		                                      r->rank == ISB_RANK_OUT ? json_null() : json_integer(r->rank), "why", r->why));
	}
	return list;
}

static json_t *json_referral(const struct explain *e)
{
	if (!e->cut)
		return json_null();
	json_t *servers = json_array();
	for (size_t i = 0; i < e->nserver; i++)
		json_array_append_new(servers, json_string(e->servers[i]));
	return json_pack("{s:s, s:o}", "zone", e->cut, "servers", servers);
}

void explain_json(struct explain *e)
{
	char name[ISB_DNAME_TEXT], type[ISB_TYPE_TEXT];
	json_t *steps = json_array(), *rrs = json_array();
	for (size_t i = 0; i < e->trace.count; i++)
		json_array_append_new(steps, json_step(e, &e->trace.steps[i]));
	for (size_t i = 0; i < e->nrr; i++)
		json_array_append_new(rrs, json_string(e->rrs[i]));
	json_t *answer = json_pack("{s:s, s:o, s:o, s:o}", "rcode", e->rcode, "scope",
	                           e->scope < 0 ? json_null() : json_integer(e->scope), "rrs", rrs, "referral",
	                           json_referral(e));
	cli_print_json(e->cli, json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:I, s:o}", "name",
	                         isb_dname_print(e->name, name), "type", isb_type_print(e->type, type), "time", json_time(e),
	                         "client", json_client(e), "record", json_record(e), "ranks", json_ranks(e), "steps", steps,
	                         "steps_left_out", (json_int_t)e->trace.dropped, "answer", answer, "aliases", explain_hosts_json(e), "seed",
	                         (json_int_t)e->cli->seed, "draws", e->cli->draws ? json_draws(e) : json_null()));
}
