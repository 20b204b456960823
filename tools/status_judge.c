/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "isobar/base/map.h"
#include "isobar/model/dname.h"
#include "isobar/store/rollouts.h"
#include "status.h"

/* Which pools and records can answer now. Endpoints are judged by isb_health_serves(), and what is enough is isb_pool_needs():
 * the same that the answers go by. */

static int compare_times(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

/* The moment when one endpoint too many was out: of those that are out now, and were not before. */
static int64_t fell_ms(const struct status_pool *pool)
{
	size_t n = pool->pool->nendpoint, spare = pool->needs <= n ? n - pool->needs : 0, out = 0;
	int64_t *times = isb_xcalloc(n, sizeof(*times));
	for (size_t i = 0; i < n; i++)
		if (!pool->rows[i].serves)
			times[out++] = status_since(&pool->rows[i]);
	qsort(times, out, sizeof(*times), compare_times);
	int64_t since_ms = out && times[0] && pool->needs <= n ? times[spare] : 0; /* the oldest unknown: all are in doubt */
	free(times);
	return since_ms;
}

static void judge_pools(struct status *s)
{
	const struct status_row *row = s->rows;
	s->pools = isb_xcalloc(s->catalog.npool, sizeof(*s->pools));
	for (size_t i = 0; i < s->catalog.npool; i++) {
		struct status_pool *p = &s->pools[i];
		*p = (struct status_pool){.pool = &s->catalog.pools[i], .rows = row, .needs = isb_pool_needs(&s->catalog.pools[i])};
		for (size_t k = 0; k < p->pool->nendpoint; k++)
			p->serving += row[k].serves;
		row += p->pool->nendpoint;
		p->can = p->serving >= p->needs;
		p->since_ms = p->can ? 0 : fell_ms(p);
	}
}

/* --- Records --- */

static void judge_policy(struct status *s, const struct isb_pool **pools, struct status_policy *p)
{
	size_t out = 0;
	bool known = true;
	int64_t first_ms = 0, last_ms = 0;
	p->npool = isb_pools_beneath(&s->catalog, p->name, pools);
	p->pools = isb_arena_alloc(&s->arena, p->npool * sizeof(const struct status_pool *));
	for (size_t i = 0; i < p->npool; i++) {
		const struct status_pool *pool = &s->pools[pools[i] - s->catalog.pools];
		p->pools[i] = pool;
		if (pool->can)
			continue;
		known = known && pool->since_ms;
		first_ms = !out || pool->since_ms < first_ms ? pool->since_ms : first_ms;
		last_ms = pool->since_ms > last_ms ? pool->since_ms : last_ms;
		out++;
	}
	p->standing = out == 0 ? STATUS_ANSWERS : out < p->npool ? STATUS_REDUCED : STATUS_ALL_DOWN;
	p->since_ms = !known ? 0 : p->standing == STATUS_ALL_DOWN ? last_ms : first_ms;
}

struct judging {
	struct status *s;
	struct isb_map policy_of;
	const struct isb_pool **pools;
};

static uint32_t policy_of(struct judging *j, const char *name)
{
	struct status *s = j->s;
	uint32_t at;
	if (isb_map_get(&j->policy_of, name, strlen(name), &at))
		return at;
	s->policies = isb_xrealloc(s->policies, (s->npolicy + 1) * sizeof(*s->policies));
	s->policies[s->npolicy] = (struct status_policy){.name = name};
	judge_policy(s, j->pools, &s->policies[s->npolicy]);
	isb_map_put(&j->policy_of, name, strlen(name), (uint32_t)s->npolicy);
	return (uint32_t)s->npolicy++;
}

static void judge_record(struct judging *j, const struct isb_zone *zone, const struct isb_record *record)
{
	struct status *s = j->s;
	uint8_t apex[ISB_DNAME_MAX], owner[ISB_DNAME_MAX];
	char text[ISB_DNAME_TEXT];
	const char *name = record->owner;
	if (isb_dname_parse(zone->name, NULL, apex) > 0 && isb_dname_parse(record->owner, apex, owner) > 0)
		name = isb_arena_strdup(&s->arena, isb_dname_print_bare(owner, text));
	s->records[s->nrecord++] = (struct status_record){
		.name = name, .zone = zone, .record = record, .policy = policy_of(j, record->policy.name)};
}

void status_judge(struct status *s)
{
	struct judging j = {.s = s, .pools = isb_xcalloc(s->catalog.npool, sizeof(*j.pools))};
	size_t total = 0;
	judge_pools(s);
	for (size_t i = 0; i < s->catalog.nzone; i++)
		total += s->catalog.zones[i].nrecord;
	s->records = isb_xcalloc(total, sizeof(*s->records));
	for (size_t i = 0; i < s->catalog.nzone; i++)
		for (size_t k = 0; k < s->catalog.zones[i].nrecord; k++)
			judge_record(&j, &s->catalog.zones[i], &s->catalog.zones[i].records[k]);
	isb_map_done(&j.policy_of);
	free(j.pools);
}

/* --- All in all --- */

unsigned status_urgency(const struct status_row *row)
{
	enum isb_admin admin = row->admin.admin;
	if (admin == ISB_ADMIN_AUTO && row->checked && row->health.verdict != ISB_UP)
		return row->health.verdict == ISB_DOWN ? 5 : row->health.verdict == ISB_DISPUTED ? 4 : 3;
	if (admin != ISB_ADMIN_AUTO)
		return 2;
	bool idle = row->checked && row->health.soft == 0; /* up, and nothing to do while others are */
	return row->left_ms || row->damped || idle;
}

static void count_record(const struct status *s, const struct status_record *record, struct status_counts *c)
{
	enum status_standing standing = s->policies[record->policy].standing;
	c->reduced += standing == STATUS_REDUCED;
	if (standing != STATUS_ALL_DOWN)
		return;
	c->fall_back += record->record->all_down == ISB_ALL_DOWN_FALLBACK;
	c->nodata += record->record->all_down == ISB_ALL_DOWN_NODATA;
	c->fail_open += record->record->all_down == ISB_ALL_DOWN_ALL || record->record->all_down == ISB_ALL_DOWN_LAST;
}

struct status_counts status_count(const struct status *s)
{
	struct status_counts c = {0};
	for (size_t i = 0; i < s->count; i++) {
		const struct status_row *row = &s->rows[i];
		++*(row->checked ? &c.verdict[row->health.verdict] : &c.unchecked);
		c.drained += row->admin.admin == ISB_ADMIN_DRAIN;
		c.forced += row->admin.admin == ISB_ADMIN_UP || row->admin.admin == ISB_ADMIN_DOWN;
		c.held += row->admin.admin == ISB_ADMIN_HOLD_UP || row->admin.admin == ISB_ADMIN_HOLD_DOWN;
		c.waiting += row->left_ms && row->admin.admin == ISB_ADMIN_AUTO;
	}
	for (size_t i = 0; i < s->catalog.npool; i++)
		c.pools_out += !s->pools[i].can;
	for (size_t i = 0; i < s->nrecord; i++)
		count_record(s, &s->records[i], &c);
	for (size_t i = 0; i < s->nprobe; i++) {
		bool gone = isb_probe_is_gone(&s->probes[i], s->cli->now_ms);
		++*(gone ? &c.gone : s->probes[i].blind ? &c.blind : &c.live);
	}
	for (size_t i = 0; i < s->rollouts.count; i++)
		c.aborted += s->rollouts.list[i].aborted_ms || !s->rollouts.list[i].can;
	return c;
}

bool status_is_well(const struct status *s, const struct status_counts *c)
{
	for (size_t i = 0; i < s->count; i++)
		if (status_urgency(&s->rows[i]))
			return false;
	return !c->pools_out && !c->blind && !c->gone && !c->aborted && !s->geo_wrong.count &&
	       (c->live || c->unchecked == s->count);
}
