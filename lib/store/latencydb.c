/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/store/latencydb.h"

#include "isobar/base/err.h"
#include "isobar/store/codec.h"

int isb_latency_get(struct isb_txn *txn, const struct isb_net *net, const char *region, struct isb_samples *samples)
{
	struct isb_key key;
	struct isb_slice value;
	isb_samples_reset(samples);
	int rc = isb_key_latency(&key, net, region);
	if (rc == ISB_OK)
		rc = isb_row_get(txn, ISB_T_LATENCY, isb_key_slice(&key), &value);
	return rc == ISB_OK ? isb_samples_decode(value.data, value.len, samples) : rc;
}

int isb_latency_put(struct isb_txn *txn, const struct isb_net *net, const char *region,
                    const struct isb_samples *samples, int64_t now_ms)
{
	struct isb_key key;
	struct isb_buf *out = isb_txn_scratch(txn);
	int rc = isb_key_latency(&key, net, region);
	if (rc != ISB_OK)
		return rc;
	isb_buf_reset(out);
	isb_samples_encode(samples, now_ms, out);
	if (out->len)
		return isb_row_put(txn, ISB_T_LATENCY, isb_key_slice(&key), (struct isb_slice){out->data, out->len});
	rc = isb_row_delete(txn, ISB_T_LATENCY, isb_key_slice(&key));
	return rc == ISB_ENOTFOUND ? ISB_OK : rc;
}

struct walk {
	int (*each)(void *arg, const struct isb_latency_row *row);
	void *arg;
	struct isb_samples samples; /* of the row at hand */
};

static int walk_row(void *arg, struct isb_slice key, struct isb_slice value)
{
	struct walk *walk = arg;
	struct isb_latency_row row = {.samples = &walk->samples};
	int rc = isb_latency_key_decode(key, &row.net, &row.region);
	if (rc == ISB_OK)
		rc = isb_samples_decode(value.data, value.len, &walk->samples);
	return rc == ISB_OK ? walk->each(walk->arg, &row) : rc;
}

int isb_latency_each(struct isb_txn *txn, int (*each)(void *arg, const struct isb_latency_row *row), void *arg)
{
	const struct isb_slice everything = {NULL, 0};
	struct walk walk = {.each = each, .arg = arg};
	int rc = isb_row_each(txn, ISB_T_LATENCY, everything, everything, walk_row, &walk);
	isb_samples_done(&walk.samples);
	return rc;
}

/* --- Sweeping: rows may not go while they are walked, so their keys are kept, some at a time --- */

enum { SWEEP_AT_ONCE = 1 << 20 }; /* octets of keys */

struct sweep {
	int64_t now_ms;
	struct isb_samples samples;
	struct isb_histogram sum;
	struct isb_buf keys; /* each after 2 octets of length */
	struct isb_key last;
	bool more;
};

static int sweep_row(void *arg, struct isb_slice key, struct isb_slice value)
{
	struct sweep *s = arg;
	int rc = isb_samples_decode(value.data, value.len, &s->samples);
	if (rc != ISB_OK)
		return rc;
	if (isb_samples_sum(&s->samples, s->now_ms, &s->sum, NULL) != INT64_MAX)
		return 0;
	isb_buf_u16(&s->keys, (uint16_t)key.len);
	isb_buf_add(&s->keys, key.data, key.len);
	s->more = s->keys.len >= SWEEP_AT_ONCE;
	return s->more ? 1 : 0;
}

static int delete_keys(struct isb_txn *txn, struct sweep *s, size_t *gone)
{
	struct isb_reader r = isb_reader(s->keys.data, s->keys.len);
	int rc = ISB_OK;
	while (rc == ISB_OK && r.pos < r.len) {
		s->last.len = isb_read_u16(&r);
		memcpy(s->last.octets, isb_read(&r, s->last.len), s->last.len);
		rc = isb_row_delete(txn, ISB_T_LATENCY, isb_key_slice(&s->last));
		*gone += rc == ISB_OK;
	}
	isb_buf_reset(&s->keys);
	return rc;
}

int isb_latency_sweep(struct isb_txn *txn, int64_t now_ms, size_t *ret_gone)
{
	const struct isb_slice everything = {NULL, 0};
	struct sweep s = {.now_ms = now_ms, .more = true};
	size_t gone = 0;
	int rc = ISB_OK;
	while (rc == ISB_OK && s.more) {
		s.more = false;
		rc = isb_row_each(txn, ISB_T_LATENCY, everything, isb_key_slice(&s.last), sweep_row, &s);
		if (rc == ISB_OK || s.more)
			rc = delete_keys(txn, &s, &gone);
	}
	isb_samples_done(&s.samples);
	isb_histogram_done(&s.sum);
	isb_buf_done(&s.keys);
	if (rc == ISB_OK)
		*ret_gone = gone;
	return rc;
}

int isb_latency_clear(struct isb_txn *txn)
{
	return isb_row_delete_all(txn, ISB_T_LATENCY);
}
