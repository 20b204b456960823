/* SPDX-License-Identifier: Apache-2.0 */
#include "story_parts.h"

#include <stdio.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/store/catalogdb.h"
#include "isobar/store/resolveddb.h"

/* The probes of a story: probes/daemon.c without its sockets. A check takes no time, so none is ever under way. */

enum { TICK_MS = 1000, CONNECT_US = 8000, TOTAL_US = 16000 };

int64_t story_ms(const struct story *s)
{
	return s->now_ms - s->start_ms;
}

int64_t story_now(const struct story *s)
{
	return s->now_ms;
}

static struct story_probe *find_probe(struct story *s, const char *name)
{
	for (size_t i = 0; i < STORY_PROBES; i++)
		if (strcmp(s->probe[i].name, name) == 0)
			return &s->probe[i];
	return NULL;
}

/* --- The catalog --------------------------------------------------------------------------------------------------- */

struct following {
	struct story_probe *probe;
	struct isb_txn *catalog;
};

static bool find_slot(void *arg, const char *pool, const char *endpoint, uint32_t *ret_slot)
{
	struct following *f = arg;
	assert_int_equal(isb_slot_get(f->catalog, pool, endpoint, ret_slot), ISB_OK);
	return true;
}

static void retire(void *arg, struct isb_target *target, bool gone)
{
	struct following *f = arg;
	if (gone)
		isb_report_withdraw(&f->probe->report, target->slot);
}

static void follow(struct story *s, struct story_probe *p)
{
	struct isb_catalog catalog;
	struct isb_diags diags;
	struct following f = {p, story_txn(s, ISB_ENV_CATALOG, false)};
	struct isb_txn *health = story_txn(s, ISB_ENV_HEALTH, false);
	struct isb_schedule_source source = {find_slot, retire, &f};
	isb_catalog_init(&catalog);
	isb_diags_init(&diags);
	assert_int_equal(isb_catalog_load(f.catalog, &catalog, &diags), ISB_OK);
	isb_schedule_update(&p->schedule, &catalog, &source, story_ms(s));
	assert_int_equal(isb_guards_load(&p->report.guards, f.catalog, &catalog), ISB_OK);
	if (p == s->site)
		story_site_offers(s, &catalog, isb_generation(f.catalog));
	for (size_t i = 0; i < p->schedule.count; i++) {
		struct isb_target *t = p->schedule.targets[i];
		if (t->place != ISB_NOT_QUEUED)
			continue;
		if (t->history.state == ISB_UNKNOWN)
			isb_report_restore(&p->report, health, t);
		isb_schedule_enter(&p->schedule, t, story_ms(s), s->now_ms);
	}
	isb_txn_abort(health);
	isb_txn_abort(f.catalog);
	isb_diags_done(&diags);
	isb_catalog_done(&catalog);
}

void story_probes_follow(struct story *s)
{
	for (size_t i = 0; i < STORY_PROBES; i++)
		if (s->probe[i].runs && !s->probe[i].far.remote)
			follow(s, &s->probe[i]);
}

/* --- Life ---------------------------------------------------------------------------------------------------------- */

static struct story_probe *begin(struct story *s, const char *name, const char *region)
{
	struct story_probe *p = find_probe(s, name);
	if (!p)
		p = find_probe(s, "");
	assert_non_null(p);
	assert_false(p->runs);
	snprintf(p->name, sizeof(p->name), "%s", name);
	snprintf(p->region, sizeof(p->region), "%s", region ? region : "");
	p->runs = true;
	isb_schedule_init(&p->schedule, (uint64_t)s->now_ms ^ (uint64_t)(p - s->probe));
	return p;
}

static void begin_with_store(struct story *s, struct story_probe *p)
{
	isb_report_init(&p->report, story_store(s, ISB_STORE_WRITE_HEALTH), p->name, p->region, (uint64_t)s->now_ms,
	                s->now_ms);
	follow(s, p);
}

void story_probe(struct story *s, const char *name, const char *region)
{
	begin_with_store(s, begin(s, name, region));
}

void story_site(struct story *s, const char *name, const char *region)
{
	struct story_probe *p = begin(s, name, region);
	story_site_begins(s, p);
	begin_with_store(s, p);
}

void story_remote(struct story *s, const char *name, const char *region, int64_t ahead_ms)
{
	struct story_probe *p = begin(s, name, region);
	p->far = (struct story_far){.remote = true, .linked = true, .ahead_ms = ahead_ms};
	story_remote_begins(s, p);
}

void story_link(struct story *s, const char *name, bool up)
{
	struct story_probe *p = find_probe(s, name);
	assert_true(p && p->far.remote);
	p->far.linked = up;
}

static void stop(struct story *s, struct story_probe *p)
{
	if (p->far.remote)
		story_remote_ends(p);
	else
		isb_report_done(&p->report);
	if (p == s->site)
		story_site_ends(s);
	isb_schedule_done(&p->schedule);
	p->far.remote = false;
	p->runs = false;
}

void story_kill(struct story *s, const char *name)
{
	struct story_probe *p = find_probe(s, name);
	assert_true(p && p->runs);
	stop(s, p);
}

void story_probes_stop(struct story *s)
{
	for (size_t i = 0; i < STORY_PROBES; i++)
		if (s->probe[i].runs)
			stop(s, &s->probe[i]);
}

void story_outcome(struct story *s, const char *probe, const char *endpoint, enum isb_outcome_kind kind)
{
	assert_true(s->nfound < STORY_OUTCOMES);
	struct story_found *found = &s->found[s->nfound++];
	snprintf(found->probe, sizeof(found->probe), "%s", probe ? probe : "");
	snprintf(found->endpoint, sizeof(found->endpoint), "%s", endpoint);
	found->kind = kind;
}

void story_says(struct story *s, const char *probe, const char *endpoint, int soft, int load, unsigned ms)
{
	assert_true(s->nsaid < STORY_OUTCOMES);
	struct story_said *said = &s->said[s->nsaid++];
	snprintf(said->probe, sizeof(said->probe), "%s", probe ? probe : "");
	snprintf(said->endpoint, sizeof(said->endpoint), "%s", endpoint);
	said->soft = soft;
	said->load = load;
	said->ms = ms;
}

/* --- Time ---------------------------------------------------------------------------------------------------------- */

static void bring(struct isb_outcome *outcome, const struct story_said *said)
{
	outcome->has_soft = said->soft >= 0;
	outcome->has_load = said->load >= 0;
	outcome->soft = (uint8_t)(outcome->has_soft ? said->soft : 0);
	outcome->load = (uint16_t)(outcome->has_load ? said->load : 0);
	outcome->total_us = said->ms ? said->ms * 1000 : TOTAL_US;
}

static struct isb_outcome outcome_of(const struct story *s, const struct story_probe *p, const struct isb_target *t)
{
	struct isb_outcome outcome = {.kind = ISB_OUT_OK};
	for (size_t i = 0; i < s->nfound; i++)
		if ((!*s->found[i].probe || strcmp(s->found[i].probe, p->name) == 0) &&
		    strcmp(s->found[i].endpoint, t->name) == 0)
			outcome.kind = s->found[i].kind;
	if (outcome.kind == ISB_OUT_STATUS)
		outcome.status = 503;
	if (!isb_outcome_silent(outcome.kind))
		outcome.connect_us = CONNECT_US;
	outcome.total_us = TOTAL_US;
	for (size_t i = 0; i < s->nsaid; i++)
		if (outcome.kind == ISB_OUT_OK && (!*s->said[i].probe || strcmp(s->said[i].probe, p->name) == 0) &&
		    strcmp(s->said[i].endpoint, t->name) == 0)
			bring(&outcome, &s->said[i]);
	return outcome;
}

void story_report(struct story *s, struct story_probe *p, bool all)
{
	p->report.hold = p == s->site && isb_awaited_any(&s->awaited, s->now_ms);
	p->report.store = story_store(s, ISB_STORE_WRITE_HEALTH);
	assert_int_equal(isb_report_write(&p->report, &p->schedule, all, s->now_ms), ISB_OK);
}

/* True: others should hear of it at once. */
static bool check_what_is_due(struct story *s, struct story_probe *p)
{
	struct isb_target *t;
	bool urgent = false;
	while ((t = isb_schedule_take(&p->schedule, story_ms(s)))) {
		struct isb_outcome outcome = outcome_of(s, p, t);
		urgent |= isb_schedule_record(&p->schedule, t, &outcome, story_ms(s), s->now_ms + p->far.ahead_ms);
		if (s->left && strcmp(p->name, s->counted_probe) == 0 && strcmp(t->name, s->counted) == 0)
			s->left--;
	}
	return urgent;
}

static void tell(struct story *s, struct story_probe *p, bool urgent)
{
	bool tick = story_ms(s) % TICK_MS == 0;
	if (p->far.remote) {
		if (urgent || tick)
			isb_remote_push(&p->far.talk);
		story_remote_talks(s, p);
		return;
	}
	if (urgent)
		story_report(s, p, false);
	if (tick)
		story_report(s, p, true);
}

/* Milliseconds to the next thing that happens by itself. */
static int64_t next_event(const struct story *s)
{
	int64_t wait = TICK_MS - story_ms(s) % TICK_MS;
	for (size_t i = 0; i < STORY_PROBES; i++) {
		int64_t due = s->probe[i].runs ? isb_schedule_wait(&s->probe[i].schedule, story_ms(s)) : -1;
		if (due >= 0 && due < wait)
			wait = due;
	}
	return wait;
}

static void happen(struct story *s)
{
	for (size_t i = 0; i < STORY_PROBES; i++) {
		if (!s->probe[i].runs)
			continue;
		tell(s, &s->probe[i], check_what_is_due(s, &s->probe[i]));
	}
}

void story_pass_ms(struct story *s, int64_t ms)
{
	for (int64_t end = s->now_ms + ms;;) {
		int64_t step = next_event(s);
		if (s->now_ms + step > end) {
			s->now_ms = end;
			return;
		}
		s->now_ms += step;
		happen(s);
	}
}

void story_pass(struct story *s, int64_t seconds)
{
	story_pass_ms(s, seconds * 1000);
}

void story_checks(struct story *s, const char *probe, const char *endpoint, unsigned count)
{
	snprintf(s->counted_probe, sizeof(s->counted_probe), "%s", probe);
	snprintf(s->counted, sizeof(s->counted), "%s", endpoint);
	s->left = count;
	for (int64_t end = s->now_ms + 600 * 1000; s->left && s->now_ms < end;) {
		s->now_ms += next_event(s);
		happen(s);
	}
	if (s->left)
		fail_msg("%s checked %s too seldom in ten minutes: %u to go", probe, endpoint, s->left);
}

/* --- Words --------------------------------------------------------------------------------------------------------- */

static uint32_t slot_of(struct story *s, const char *endpoint)
{
	char pool[64];
	uint32_t slot;
	const char *slash = strchr(endpoint, '/');
	assert_non_null(slash);
	snprintf(pool, sizeof(pool), "%.*s", (int)(slash - endpoint), endpoint);
	struct isb_txn *txn = story_txn(s, ISB_ENV_CATALOG, false);
	assert_int_equal(isb_slot_get(txn, pool, slash + 1, &slot), ISB_OK);
	isb_txn_abort(txn);
	return slot;
}

struct isb_history story_history(struct story *s, const char *probe, const char *endpoint)
{
	struct isb_observation observation;
	uint32_t slot = slot_of(s, endpoint);
	struct isb_txn *txn = story_txn(s, ISB_ENV_HEALTH, false);
	assert_int_equal(isb_observation_get(txn, slot, probe, &observation), ISB_OK);
	isb_txn_abort(txn);
	return observation.history;
}

struct isb_health story_health(struct story *s, const char *endpoint)
{
	uint64_t word;
	uint32_t slot = slot_of(s, endpoint);
	struct isb_txn *txn = story_txn(s, ISB_ENV_HEALTH, false);
	assert_int_equal(isb_word_get(txn, slot, &word), ISB_OK);
	isb_txn_abort(txn);
	return isb_health_unpack(word);
}

void story_word(struct story *s, const char *endpoint, const struct isb_health *health)
{
	uint32_t slot = slot_of(s, endpoint);
	struct isb_txn *txn = story_txn(s, ISB_ENV_HEALTH, true);
	assert_int_equal(isb_word_put(txn, slot, isb_health_pack(health)), ISB_OK);
	s->attended = true;
	assert_int_equal(isb_txn_commit(txn), ISB_OK);
}

void story_since(struct story *s, const char *endpoint, int64_t ms_ago)
{
	uint32_t slot = slot_of(s, endpoint);
	struct isb_txn *txn = story_txn(s, ISB_ENV_HEALTH, true);
	assert_int_equal(isb_since_put(txn, slot, ms_ago < 0 ? 0 : s->now_ms - ms_ago), ISB_OK);
	assert_int_equal(isb_txn_commit(txn), ISB_OK);
}

void story_pace(struct story *s, const char *region, const char *endpoint, unsigned ms)
{
	uint32_t slot = slot_of(s, endpoint);
	struct isb_txn *txn = story_txn(s, ISB_ENV_HEALTH, true);
	assert_int_equal(isb_pace_put(txn, region, slot, ms * 1000), ISB_OK);
	assert_int_equal(isb_txn_commit(txn), ISB_OK);
}

void story_rtt(struct story *s, const char *from, const char *to, unsigned ms)
{
	struct isb_txn *txn = story_txn(s, ISB_ENV_HEALTH, true);
	assert_int_equal(isb_rtt_put(txn, from, to, ms * 1000), ISB_OK);
	assert_int_equal(isb_txn_commit(txn), ISB_OK);
}

struct wanted {
	const char *from, *to;
	unsigned us;
};

static int find_rtt(void *arg, const char *from, const char *to, uint32_t rtt_us)
{
	struct wanted *wanted = arg;
	if (strcmp(from, wanted->from) == 0 && strcmp(to, wanted->to) == 0)
		wanted->us = rtt_us;
	return 0;
}

unsigned story_rtt_of(struct story *s, const char *from, const char *to)
{
	struct wanted wanted = {from, to, 0};
	struct isb_txn *txn = story_txn(s, ISB_ENV_HEALTH, false);
	assert_int_equal(isb_rtt_each(txn, find_rtt, &wanted), ISB_OK);
	isb_txn_abort(txn);
	return wanted.us;
}

void story_resolved(struct story *s, const char *host, const char *addresses, unsigned ttl_s)
{
	struct isb_txn *txn = story_txn(s, ISB_ENV_HEALTH, true);
	struct isb_resolved row = {.host = host, .probe = "p", .trouble = "", .since_ms = s->now_ms, .asked_ms = s->now_ms,
	                           .until_ms = s->now_ms + ttl_s * 1000};
	char copy[256], *save, *word = NULL;
	if (addresses) {
		snprintf(copy, sizeof(copy), "%s", addresses);
		word = strtok_r(copy, " ", &save);
	}
	for (; word; word = strtok_r(NULL, " ", &save))
		assert_int_equal(isb_addr_parse(word, &row.addresses[row.count++]), ISB_OK);
	assert_int_equal(addresses ? isb_resolved_put(txn, &row) : isb_resolved_delete(txn, host), ISB_OK);
	assert_int_equal(isb_txn_commit(txn), ISB_OK);
	story_follow_hosts(s);
}
