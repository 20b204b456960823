/* SPDX-License-Identifier: Apache-2.0 */
#include "merge.h"

#include "isobar/base/err.h"
#include "rtts.h"

enum { KNOWN_FRAME = 32 * 1024 }; /* octets after which a frame of rows ends */

/* A vote is fresh for as long as one that was cast just now by this catalog's knobs, at most. */
static int64_t bounded_expiry(const struct isb_exchange_row *row, const struct isb_target *t, int64_t now_ms)
{
	int64_t latest_ms = now_ms + isb_target_vote_ms(t, &row->history);
	return row->expires_ms < latest_ms ? row->expires_ms : latest_ms;
}

static int put_pace(struct isb_txn *txn, const char *region, uint32_t slot, uint32_t latency_us)
{
	uint32_t old_us;
	int rc = isb_pace_get(txn, region, slot, &old_us);
	return rc == ISB_OK && isb_rtt_step(old_us, latency_us) ? isb_pace_put(txn, region, slot, latency_us) : rc;
}

int isb_merge_table(struct isb_txn *txn, struct isb_schedule *schedule, const struct isb_remote_table *table,
                    int64_t now_ms, size_t *ret_stale)
{
	const struct isb_probe_row *probe = &table->probe;
	int rc = isb_probe_put(txn, probe);
	for (size_t i = 0; i < table->count && rc == ISB_OK; i++) {
		const struct isb_exchange_row *row = &table->rows[i];
		struct isb_target *t = isb_schedule_find(schedule, row->endpoint);
		if (!t || t->fingerprint != row->fingerprint) {
			++*ret_stale;
			continue;
		}
		const struct isb_observation o = {t->slot, probe->name, row->history, bounded_expiry(row, t, now_ms)};
		rc = isb_observation_put(txn, &o);
		if (rc == ISB_OK && table->placed)
			rc = put_pace(txn, probe->region, t->slot, row->history.latency_us);
		t->heard = true;
	}
	for (size_t i = 0; i < table->nrtt && rc == ISB_OK && table->placed; i++)
		rc = isb_rtt_put(txn, probe->region, table->rtts[i].region, table->rtts[i].us);
	return rc;
}

int isb_merge_known(struct isb_txn *txn, const struct isb_schedule *schedule, const char *probe, int64_t now_ms,
                    struct isb_buf *out)
{
	size_t begin = isb_exchange_rows_begin(out, ISB_X_KNOWN, now_ms);
	for (size_t i = 0; i < schedule->count; i++) {
		const struct isb_target *t = schedule->targets[i];
		struct isb_observation o;
		int rc = isb_observation_get(txn, t->slot, probe, &o);
		if (rc == ISB_ENOTFOUND || rc == ISB_EFORMAT) /* a row that cannot be read is none */
			continue;
		if (rc != ISB_OK)
			return rc;
		const struct isb_exchange_row row = {t->name, t->fingerprint, o.history, o.expires_ms};
		isb_exchange_row_put(out, &row);
		if (out->len - begin >= KNOWN_FRAME) {
			isb_exchange_rows_end(out, begin);
			begin = isb_exchange_rows_begin(out, ISB_X_KNOWN, now_ms);
		}
	}
	isb_exchange_rows_end(out, begin);
	return ISB_OK;
}
