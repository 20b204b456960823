/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/store/healthdb.h"

#include <string.h>

#include "isobar/base/err.h"
#include "isobar/store/codec.h"

/* Rows beside the words: what the probe needs after a restart and what people ask. The words are in words.c. */

static const struct isb_slice everything = {NULL, 0};

static struct isb_slice written(const struct isb_buf *buf)
{
	return (struct isb_slice){buf->data, buf->len};
}

static void add_text(struct isb_buf *out, const char *text)
{
	isb_buf_add(out, text, strlen(text) + 1);
}

/* --- Observations --- */

/* Outcomes and states are stored by number: new ones may only be added at the end of their lists. */
enum { HAS_SOFT = 1, HAS_LOAD = 2, LOAD_MAX = 4095 };

void isb_observation_encode(struct isb_buf *out, const struct isb_observation *observation)
{
	const struct isb_history *h = &observation->history;
	isb_buf_u64(out, (uint64_t)observation->expires_ms);
	isb_buf_u64(out, h->bits);
	isb_buf_putc(out, (char)h->seen);
	isb_buf_putc(out, (char)h->state);
	isb_buf_putc(out, (char)h->run);
	isb_buf_u32(out, h->flaps);
	isb_buf_u64(out, (uint64_t)h->since_ms);
	isb_buf_u64(out, (uint64_t)h->observed_ms);
	isb_buf_u32(out, h->latency_us);
	isb_buf_u32(out, h->connect_us);
	isb_buf_putc(out, (char)h->last.kind);
	isb_buf_u16(out, h->last.status);
	isb_buf_u32(out, h->last.connect_us);
	isb_buf_u32(out, h->last.tls_us);
	isb_buf_u32(out, h->last.first_byte_us);
	isb_buf_u32(out, h->last.total_us);
	isb_buf_putc(out, (char)((h->has_soft ? HAS_SOFT : 0) | (h->has_load ? HAS_LOAD : 0)));
	isb_buf_putc(out, (char)h->soft);
	isb_buf_u16(out, h->load);
	isb_buf_putc(out, (char)h->falls);
	isb_buf_u64(out, (uint64_t)h->fell_ms);
	isb_buf_u32(out, h->p50_us);
	isb_buf_u32(out, h->p95_us);
	isb_buf_u32(out, h->p99_us);
}

/* What rows of older programs do not have: without it nothing is known of load and flaps, or of percentiles. */
static bool read_more(struct isb_reader *r, struct isb_history *h)
{
	uint8_t flags = isb_read_u8(r);
	h->soft = isb_read_u8(r);
	h->load = isb_read_u16(r);
	h->falls = isb_read_u8(r);
	h->fell_ms = (int64_t)isb_read_u64(r);
	h->has_soft = flags & HAS_SOFT;
	h->has_load = flags & HAS_LOAD;
	if (!r->bad && r->pos < r->len) { /* a row of the next older ones ends here */
		h->p50_us = isb_read_u32(r);
		h->p95_us = isb_read_u32(r);
		h->p99_us = isb_read_u32(r);
	}
	return flags <= (HAS_SOFT | HAS_LOAD) && h->soft <= ISB_SOFT_FULL && h->load <= LOAD_MAX;
}

int isb_observation_decode(struct isb_slice value, struct isb_observation *ret)
{
	struct isb_reader r = isb_slice_reader(value);
	struct isb_observation observation = {.slot = ret->slot, .probe = ret->probe};
	struct isb_history *h = &observation.history;
	observation.expires_ms = (int64_t)isb_read_u64(&r);
	h->bits = isb_read_u64(&r);
	h->seen = isb_read_u8(&r);
	h->state = isb_read_u8(&r);
	h->run = isb_read_u8(&r);
	h->flaps = isb_read_u32(&r);
	h->since_ms = (int64_t)isb_read_u64(&r);
	h->observed_ms = (int64_t)isb_read_u64(&r);
	h->latency_us = isb_read_u32(&r);
	h->connect_us = isb_read_u32(&r);
	uint8_t kind = isb_read_u8(&r);
	h->last.kind = (enum isb_outcome_kind)kind;
	h->last.status = isb_read_u16(&r);
	h->last.connect_us = isb_read_u32(&r);
	h->last.tls_us = isb_read_u32(&r);
	h->last.first_byte_us = isb_read_u32(&r);
	h->last.total_us = isb_read_u32(&r);
	bool sane = h->seen <= 64 && h->state <= ISB_DOWN && kind < ISB_OUTCOME_COUNT;
	if (!r.bad && r.pos < r.len)
		sane = read_more(&r, h) && sane;
	if (!sane || !isb_read_whole(&r))
		return ISB_EFORMAT;
	*ret = observation;
	return ISB_OK;
}

int isb_observation_put(struct isb_txn *txn, const struct isb_observation *observation)
{
	struct isb_key key;
	int rc = isb_key_u32_text(&key, observation->slot, observation->probe);
	if (rc != ISB_OK)
		return rc;
	struct isb_buf *out = isb_txn_scratch(txn);
	isb_buf_reset(out);
	isb_observation_encode(out, observation);
	return isb_row_put(txn, ISB_T_OBSERVATION, isb_key_slice(&key), written(out));
}

int isb_observation_get(struct isb_txn *txn, uint32_t slot, const char *probe, struct isb_observation *ret)
{
	struct isb_key key;
	struct isb_slice value;
	struct isb_observation observation = {.slot = slot, .probe = probe};
	int rc = isb_key_u32_text(&key, slot, probe);
	if (rc == ISB_OK)
		rc = isb_row_get(txn, ISB_T_OBSERVATION, isb_key_slice(&key), &value);
	if (rc == ISB_OK)
		rc = isb_observation_decode(value, &observation);
	if (rc == ISB_OK)
		*ret = observation;
	return rc;
}

int isb_observation_delete(struct isb_txn *txn, uint32_t slot, const char *probe)
{
	struct isb_key key;
	int rc = isb_key_u32_text(&key, slot, probe);
	return rc == ISB_OK ? isb_row_delete(txn, ISB_T_OBSERVATION, isb_key_slice(&key)) : rc;
}

/* The first key suffices: a walk must not be written under, and few probes see one slot. */
static int note_key(void *arg, struct isb_slice key, struct isb_slice value)
{
	struct isb_key *first = arg;
	(void)value;
	first->len = key.len;
	memcpy(first->octets, key.data, key.len);
	return 1;
}

int isb_observation_delete_all(struct isb_txn *txn, uint32_t slot)
{
	struct isb_key prefix, first;
	isb_key_u32(&prefix, slot);
	for (;;) {
		int rc = isb_row_each(txn, ISB_T_OBSERVATION, isb_key_slice(&prefix), everything, note_key, &first);
		if (rc != 1)
			return rc;
		rc = isb_row_delete(txn, ISB_T_OBSERVATION, isb_key_slice(&first));
		if (rc != ISB_OK)
			return rc;
	}
}

struct observation_walk {
	int (*each)(void *arg, const struct isb_observation *observation);
	void *arg;
};

static int observation_row(void *arg, struct isb_slice key, struct isb_slice value)
{
	const struct observation_walk *walk = arg;
	struct isb_observation observation = {0};
	struct isb_reader r = isb_slice_reader(key);
	observation.slot = isb_read_u32(&r);
	observation.probe = isb_read_text(&r);
	if (!isb_read_whole(&r) || isb_observation_decode(value, &observation) != ISB_OK)
		return ISB_EFORMAT;
	return walk->each(walk->arg, &observation);
}

int isb_observation_each(struct isb_txn *txn, uint32_t slot,
                         int (*each)(void *arg, const struct isb_observation *observation), void *arg)
{
	struct observation_walk walk = {each, arg};
	struct isb_key key;
	isb_key_u32(&key, slot);
	struct isb_slice prefix = slot == (uint32_t)ISB_SLOT_ALL ? everything : isb_key_slice(&key);
	return isb_row_each(txn, ISB_T_OBSERVATION, prefix, everything, observation_row, &walk);
}

/* --- Transitions --- */

static int last_transition(struct isb_txn *txn, uint64_t *ret_number)
{
	struct isb_slice key, value;
	int rc = isb_row_last(txn, ISB_T_TRANSITION, &key, &value);
	if (rc == ISB_OK && key.len != 8)
		return ISB_EFORMAT;
	if (rc == ISB_OK)
		*ret_number = isb_get_u64(key.data);
	return rc;
}

/* Numbers have no gaps, so what is too old lies right below the oldest to keep. */
static int drop_old(struct isb_txn *txn, uint64_t newest)
{
	int rc = ISB_OK;
	for (uint64_t n = newest; n > ISB_TRANSITIONS_KEPT && rc == ISB_OK; n--) {
		struct isb_key key;
		isb_key_u64(&key, n - ISB_TRANSITIONS_KEPT);
		rc = isb_row_delete(txn, ISB_T_TRANSITION, isb_key_slice(&key));
	}
	return rc == ISB_ENOTFOUND ? ISB_OK : rc;
}

int isb_transition_add(struct isb_txn *txn, const struct isb_transition *transition)
{
	uint64_t number = 0;
	int rc = last_transition(txn, &number);
	if (rc != ISB_OK && rc != ISB_ENOTFOUND)
		return rc;
	number++;
	struct isb_key key;
	struct isb_buf *out = isb_txn_scratch(txn);
	isb_key_u64(&key, number);
	isb_buf_reset(out);
	isb_buf_u64(out, (uint64_t)transition->time_ms);
	isb_buf_u32(out, transition->slot);
	isb_buf_putc(out, (char)transition->from);
	isb_buf_putc(out, (char)transition->to);
	add_text(out, transition->evidence ? transition->evidence : "");
	rc = isb_row_put(txn, ISB_T_TRANSITION, isb_key_slice(&key), written(out));
	return rc == ISB_OK ? drop_old(txn, number) : rc;
}

static int transition_decode(struct isb_slice value, struct isb_transition *transition)
{
	struct isb_reader r = isb_slice_reader(value);
	transition->time_ms = (int64_t)isb_read_u64(&r);
	transition->slot = isb_read_u32(&r);
	uint8_t from = isb_read_u8(&r);
	uint8_t to = isb_read_u8(&r);
	transition->from = (enum isb_verdict)from;
	transition->to = (enum isb_verdict)to;
	transition->evidence = isb_read_text(&r);
	return isb_read_whole(&r) && from <= ISB_DISPUTED && to <= ISB_DISPUTED ? ISB_OK : ISB_EFORMAT;
}

int isb_transition_each(struct isb_txn *txn, int (*each)(void *arg, const struct isb_transition *transition),
                        void *arg)
{
	struct isb_transition transition = {0};
	int rc = last_transition(txn, &transition.number);
	for (; rc == ISB_OK; transition.number--) {
		struct isb_key key;
		struct isb_slice value;
		isb_key_u64(&key, transition.number);
		rc = isb_row_get(txn, ISB_T_TRANSITION, isb_key_slice(&key), &value);
		if (rc == ISB_ENOTFOUND)
			break;
		if (rc == ISB_OK)
			rc = transition_decode(value, &transition);
		if (rc == ISB_OK)
			rc = each(arg, &transition);
		if (rc != 0)
			return rc;
	}
	return rc == ISB_ENOTFOUND ? ISB_OK : rc;
}

/* --- Probes --- */

int isb_probe_put(struct isb_txn *txn, const struct isb_probe_row *row)
{
	struct isb_key key;
	int rc = isb_key_text(&key, row->name);
	if (rc != ISB_OK)
		return rc;
	struct isb_buf *out = isb_txn_scratch(txn);
	isb_buf_reset(out);
	isb_buf_u64(out, (uint64_t)row->started_ms);
	isb_buf_u64(out, (uint64_t)row->seen_ms);
	isb_buf_u64(out, row->boot);
	isb_buf_u32(out, row->checks);
	isb_buf_putc(out, row->blind ? 1 : 0);
	add_text(out, row->region ? row->region : "");
	add_text(out, row->from ? row->from : "");
	return isb_row_put(txn, ISB_T_PROBE, isb_key_slice(&key), written(out));
}

static int probe_decode(struct isb_slice value, struct isb_probe_row *row)
{
	struct isb_reader r = isb_slice_reader(value);
	row->started_ms = (int64_t)isb_read_u64(&r);
	row->seen_ms = (int64_t)isb_read_u64(&r);
	row->boot = isb_read_u64(&r);
	row->checks = isb_read_u32(&r);
	row->blind = isb_read_u8(&r) != 0;
	row->region = isb_read_text(&r);
	row->from = r.pos < r.len ? isb_read_text(&r) : ""; /* older programs wrote none */
	return isb_read_whole(&r) ? ISB_OK : ISB_EFORMAT;
}

int isb_probe_get(struct isb_txn *txn, const char *name, struct isb_probe_row *ret_row)
{
	struct isb_key key;
	struct isb_slice value;
	struct isb_probe_row row = {.name = name};
	int rc = isb_key_text(&key, name);
	if (rc == ISB_OK)
		rc = isb_row_get(txn, ISB_T_PROBE, isb_key_slice(&key), &value);
	if (rc == ISB_OK)
		rc = probe_decode(value, &row);
	if (rc == ISB_OK)
		*ret_row = row;
	return rc;
}

int isb_probe_delete(struct isb_txn *txn, const char *name)
{
	struct isb_key key;
	int rc = isb_key_text(&key, name);
	return rc == ISB_OK ? isb_row_delete(txn, ISB_T_PROBE, isb_key_slice(&key)) : rc;
}

struct probe_walk {
	int (*each)(void *arg, const struct isb_probe_row *row);
	void *arg;
};

static int probe_row(void *arg, struct isb_slice key, struct isb_slice value)
{
	const struct probe_walk *walk = arg;
	struct isb_probe_row row;
	if (probe_decode(value, &row) != ISB_OK || isb_text_decode(key, &row.name) != ISB_OK)
		return ISB_EFORMAT;
	return walk->each(walk->arg, &row);
}

int isb_probe_each(struct isb_txn *txn, int (*each)(void *arg, const struct isb_probe_row *row), void *arg)
{
	struct probe_walk walk = {each, arg};
	return isb_row_each(txn, ISB_T_PROBE, everything, everything, probe_row, &walk);
}

struct roll_call {
	int64_t now_ms;
	bool unattended;
};

static int call_probe(void *arg, const struct isb_probe_row *row)
{
	struct roll_call *call = arg;
	call->unattended &= isb_probe_is_gone(row, call->now_ms);
	return 0;
}

int isb_probes_gone(struct isb_txn *txn, int64_t now_ms, bool *ret_unattended)
{
	struct roll_call call = {now_ms, true};
	int rc = isb_probe_each(txn, call_probe, &call);
	if (rc == ISB_OK)
		*ret_unattended = call.unattended;
	return rc;
}

/* --- Round trips --- */

int isb_rtt_put(struct isb_txn *txn, const char *from_region, const char *to_region, uint32_t rtt_us)
{
	struct isb_key key;
	uint8_t value[4];
	int rc = isb_key_texts(&key, from_region, to_region);
	if (rc != ISB_OK)
		return rc;
	isb_put_u32(value, rtt_us);
	return isb_row_put(txn, ISB_T_RTT, isb_key_slice(&key), (struct isb_slice){value, sizeof(value)});
}

struct rtt_walk {
	int (*each)(void *arg, const char *from, const char *to, uint32_t rtt_us);
	void *arg;
};

static int rtt_row(void *arg, struct isb_slice key, struct isb_slice value)
{
	const struct rtt_walk *walk = arg;
	struct isb_reader r = isb_slice_reader(key);
	const char *from = isb_read_text(&r), *to = isb_read_text(&r);
	uint32_t rtt_us;
	if (!isb_read_whole(&r) || isb_u32_decode(value, &rtt_us) != ISB_OK)
		return ISB_EFORMAT;
	return walk->each(walk->arg, from, to, rtt_us);
}

int isb_rtt_each(struct isb_txn *txn, int (*each)(void *arg, const char *from, const char *to, uint32_t rtt_us),
                 void *arg)
{
	struct rtt_walk walk = {each, arg};
	return isb_row_each(txn, ISB_T_RTT, everything, everything, rtt_row, &walk);
}
