/* SPDX-License-Identifier: Apache-2.0 */
#include "measure_write.h"

#include "isobar/base/err.h"
#include "isobar/store/latencydb.h"

static int add(struct isb_txn *txn, const char *region, const struct isb_trip *trip, struct isb_samples *samples,
               int64_t now_ms)
{
	if (trip->time_ms + ISB_SAMPLES_LIFE_MS <= now_ms)
		return ISB_OK; /* the clock was set, or the store was busy for a day */
	int rc = isb_latency_get(txn, &trip->net, region, samples);
	if (rc != ISB_OK && rc != ISB_ENOTFOUND)
		return rc;
	isb_samples_add(samples, trip->time_ms < now_ms ? trip->time_ms : now_ms, trip->us, 1);
	return isb_latency_put(txn, &trip->net, region, samples, now_ms);
}

int isb_measure_write(struct isb_store *store, const char *region, const struct isb_trip *trips, size_t count,
                      int64_t now_ms, bool sweep)
{
	struct isb_samples samples = {0};
	struct isb_txn *txn;
	size_t gone;
	int rc = isb_txn_begin(store, ISB_ENV_LATENCY, true, &txn);
	if (rc != ISB_OK)
		return rc;
	for (size_t i = 0; i < count && rc == ISB_OK; i++)
		rc = add(txn, region, &trips[i], &samples, now_ms);
	if (rc == ISB_OK && sweep)
		rc = isb_latency_sweep(txn, now_ms, &gone);
	isb_samples_done(&samples);
	if (rc == ISB_OK)
		return isb_txn_commit(txn);
	isb_txn_abort(txn);
	return rc;
}
