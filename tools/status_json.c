/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/base/err.h"
#include "status.h"

static void add_times(struct status *s, const struct status_row *r, json_t *json)
{
	const struct status_times times = status_times(s, r);
	json_object_set_new(json, "latency_p50_us", json_integer(times.p50_us));
	json_object_set_new(json, "latency_p95_us", json_integer(times.p95_us));
	json_object_set_new(json, "latency_p99_us", json_integer(times.p99_us));
}

static json_t *json_row(struct status *s, const struct status_row *r)
{
	json_t *addresses = json_array();
	for (size_t i = 0; i < r->endpoint->naddress; i++) {
		char text[ISB_ADDR_TEXT];
		json_array_append_new(addresses, json_string(isb_addr_print(&r->endpoint->addresses[i], text)));
	}
	json_t *json = json_pack("{s:s, s:s?, s:o, s:s, s:s, s:s, s:I, s:s, s:s, s:I, s:I, s:s}", "endpoint", r->name, "region",
	                 r->endpoint->region.name, "addresses", addresses, "verdict", status_verdict(r), "held",
	                 isb_verdict_name(r->health.held), "admin", isb_admin_name(r->admin.admin), "until_ms",
	                 (json_int_t)r->admin.until_ms, "author", r->admin.author, "reason", r->admin.reason, "latency_us",
	                 (json_int_t)r->health.latency_us, "since_ms", (json_int_t)status_since(r), "why", status_why(s, r));
	add_times(s, r, json);
	if (r->checked) {
		json_object_set_new(json, "soft", json_integer(r->health.soft));
		json_object_set_new(json, "load_per_mille", json_integer(r->health.load));
		json_object_set_new(json, "waits", json_boolean(r->left_ms && r->admin.admin == ISB_ADMIN_AUTO));
	}
	json_object_set_new(json, "pool", json_string(r->pool->name));
	json_object_set_new(json, "name", json_string(r->endpoint->name));
	json_object_set_new(json, "weight", json_integer(r->endpoint->weight));
	json_object_set_new(json, "serves", json_boolean(r->serves));
	json_object_set_new(json, "damped", json_boolean(r->damped));
	if (r->checked && s->one)
		cli_history_json(s->reader.health, r->slot, &r->knobs, r->now_ms, json);
	return json;
}

static json_t *json_regions(const struct status *s)
{
	json_t *list = json_array();
	for (size_t i = 0; i < s->catalog.nregion; i++) {
		const struct isb_region *region = &s->catalog.regions[i];
		json_array_append_new(list, json_pack("{s:s, s:[f, f]}", "name", region->name, "location", region->latitude,
		                                      region->longitude));
	}
	return list;
}

static json_t *json_pools(struct status *s)
{
	json_t *list = json_array();
	for (size_t i = 0; i < s->catalog.npool; i++) {
		const struct status_pool *p = &s->pools[i];
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s?, s:I, s:I, s:I, s:b, s:I, s:s}", "name", p->pool->name, "order",
		                    isb_order_words[p->pool->order], "check", p->pool->check.name, "endpoints",
		                    (json_int_t)p->pool->nendpoint, "serving", (json_int_t)p->serving, "needed",
		                    (json_int_t)p->needs, "can_answer", p->can, "since_ms", (json_int_t)p->since_ms, "why",
		                    status_pool_why(s, p)));
	}
	return list;
}

static json_t *json_record(struct status *s, const struct status_record *r)
{
	static const char *const standings[] = {
		[STATUS_ANSWERS] = "answers", [STATUS_REDUCED] = "reduced", [STATUS_ALL_DOWN] = "all_down"};
	const struct status_policy *policy = &s->policies[r->policy];
	json_t *types = json_array(), *pools = json_array();
	for (size_t i = 0; i < r->record->ntype; i++) {
		char text[ISB_TYPE_TEXT];
		bool alias = r->record->types[i] == ISB_ALIAS;
		json_array_append_new(types, json_string(alias ? "ALIAS" : isb_type_print(r->record->types[i], text)));
	}
	for (size_t i = 0; i < policy->npool; i++)
		json_array_append_new(pools, json_string(policy->pools[i]->pool->name));
	return json_pack("{s:s, s:s, s:s, s:o, s:I, s:s, s:o, s:s, s:s, s:s, s:I, s:s}", "name", r->name, "zone", r->zone->name,
	                 "owner", r->record->owner, "types", types, "ttl_s", (json_int_t)r->record->ttl_s, "policy",
	                 policy->name, "pools", pools, "all_down", cli_all_down_name(r->record->all_down), "standing",
	                 standings[policy->standing], "now", status_record_words(s, r), "since_ms",
	                 (json_int_t)policy->since_ms, "why", status_policy_why(s, policy));
}

static json_t *json_probes(struct status *s)
{
	json_t *probes = json_array();
	for (size_t i = 0; i < s->nprobe; i++) {
		const struct isb_probe_row *p = &s->probes[i];
		json_array_append_new(probes, json_pack("{s:s, s:s, s:s, s:I, s:I, s:s}", "name", p->name, "region", p->region, "state",
		                                        status_probe_state(s, p), "seen_ms", (json_int_t)p->seen_ms, "checks",
		                                        (json_int_t)p->checks, "from", p->from));
	}
	return probes;
}

static json_t *json_geo(const struct status *s)
{
	json_t *wrong = json_array();
	for (size_t i = 0; i < s->geo_wrong.count; i++)
		json_array_append_new(wrong, json_pack("{s:s, s:s}", "file", s->geo_wrong.list[i].at.file, "reason",
		                                       s->geo_wrong.list[i].text));
	return json_pack("{s:s?, s:o}", "databases", s->geo.len ? s->geo.data : NULL, "refused", wrong);
}

static json_t *json_summary(const struct status *s)
{
	const struct status_counts c = status_count(s);
	const struct {
		const char *key;
		size_t n;
	} counts[] = {
		{"endpoints", s->count}, {"up", c.verdict[ISB_UP]}, {"down", c.verdict[ISB_DOWN]},
		{"disputed", c.verdict[ISB_DISPUTED]}, {"unknown", c.verdict[ISB_UNKNOWN]}, {"unchecked", c.unchecked},
		{"forced", c.forced}, {"drained", c.drained}, {"held", c.held}, {"waiting", c.waiting},
		{"pools", s->catalog.npool}, {"pools_that_cannot_answer", c.pools_out}, {"records", s->nrecord},
		{"records_fail_open", c.fail_open}, {"records_fall_back", c.fall_back}, {"records_without_data", c.nodata},
		{"records_reduced", c.reduced}, {"probes", s->nprobe}, {"probes_live", c.live}, {"probes_blind", c.blind},
		{"probes_gone", c.gone}, {"rollouts", s->rollouts.count},
	};
	json_t *json = json_pack("{s:b}", "well", status_is_well(s, &c));
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		json_object_set_new(json, counts[i].key, json_integer((json_int_t)counts[i].n));
	return json;
}

void status_json(struct status *s)
{
	json_t *endpoints = json_array(), *records = json_array(), *aliases = json_array();
	for (size_t i = 0; i < s->count; i++)
		if (s->rows[i].shown)
			json_array_append_new(endpoints, json_row(s, &s->rows[i]));
	for (size_t i = 0; i < s->nrecord; i++)
		json_array_append_new(records, json_record(s, &s->records[i]));
	cli_resolved_json_all(s->reader.health, aliases);
	cli_print_json(s->cli, json_pack("{s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "generation",
	                                 (json_int_t)s->generation, "now_ms", (json_int_t)s->cli->now_ms, "summary",
	                                 json_summary(s), "endpoints", endpoints, "pools", json_pools(s), "records", records,
	                                 "regions", json_regions(s), "aliases", aliases, "rollouts",
	                                 cli_rollouts_json(&s->rollouts), "probes", json_probes(s), "geo", json_geo(s)));
}
