/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "isobar/base/err.h"
#include "isobar/base/rng.h"
#include "probes/exchange_remote.h"
#include "probes/exchange_site.h"

/* Input: one octet, then a stream. The octet says how the network cuts it and who hears it: a site to which a
 * stranger talks, a site to which a probe talks that is welcome already, or a probe to which a site talks. Frames
 * that can be read are also written again. */

#define NOW INT64_C(1763726400000)
enum { SITE_STRANGER, SITE_GUEST, PROBE, LISTENERS };

/* --- Frames to octets again --- */

static void try_rows(struct isb_slice octets, const struct isb_exchange_frame *frame)
{
	struct isb_buf again = {0};
	struct isb_reader rows = frame->rows.rows;
	struct isb_exchange_row row;
	int rc;
	size_t begin = isb_exchange_rows_begin(&again, frame->type, frame->rows.now_ms);
	while ((rc = isb_exchange_row_next(&rows, &row)) == ISB_OK) {
		isb_exchange_row_put(&again, &row);
		isb_exchange_row_rebase(&row, frame->rows.now_ms, NOW);
		MUST(row.history.observed_ms <= NOW && row.history.since_ms <= NOW);
		MUST(row.history.observed_ms >= 0 && row.history.since_ms >= 0);
	}
	isb_exchange_rows_end(&again, begin);
	MUST(rc == ISB_ENOTFOUND || rc == ISB_EFORMAT);
	if (rc == ISB_ENOTFOUND && again.len == octets.len + ISB_EXCHANGE_PREFIX) /* rows of older programs are shorter */
		MUST(memcmp(again.data + ISB_EXCHANGE_PREFIX, octets.data, octets.len) == 0);
	isb_buf_done(&again);
}

static int try_frame(void *arg, struct isb_slice octets)
{
	struct isb_exchange_frame frame;
	struct isb_buf again = {0};
	(void)arg;
	if (isb_exchange_read(octets, &frame) != ISB_OK)
		return ISB_OK;
	if (frame.type == ISB_X_ROWS || frame.type == ISB_X_KNOWN) {
		try_rows(octets, &frame);
		return ISB_OK;
	}
	if (frame.type == ISB_X_HELLO && frame.hello.version != ISB_EXCHANGE_VERSION)
		return ISB_OK;
	isb_exchange_put(&again, &frame);
	MUST(again.len == octets.len + ISB_EXCHANGE_PREFIX);
	MUST(memcmp(again.data + ISB_EXCHANGE_PREFIX, octets.data, octets.len) == 0);
	isb_buf_done(&again);
	return ISB_OK;
}

/* --- Conversations --- */

static size_t next_piece(struct isb_rng *rng, unsigned cuts, size_t left)
{
	size_t most = cuts == 0 ? left : (size_t)1 << (2 * cuts);
	return isb_rng_below(rng, most < left ? most : left) + 1;
}

static void hear_as_site(const uint8_t *data, size_t len, unsigned cuts, bool welcome)
{
	struct isb_seat seat;
	struct isb_rng rng;
	struct isb_buf none = {0}, out = {0};
	int rc = ISB_OK;
	isb_rng_seed(&rng, cuts);
	isb_seat_init(&seat);
	if (welcome)
		isb_seat_welcome(&seat, "home", &none);
	for (size_t at = 0, n; at < len && rc == ISB_OK; at += n) {
		n = next_piece(&rng, cuts, len - at);
		rc = isb_seat_feed(&seat, data + at, n, NOW);
		MUST((rc == ISB_OK) == !*seat.fault);
		MUST(seat.input.held.len <= ISB_EXCHANGE_TO_SITE_MAX + ISB_EXCHANGE_PREFIX + n);
		if (rc == ISB_OK && seat.state == ISB_SEAT_ASKED) {
			MUST(*seat.name && seat.started_ms <= NOW);
			isb_seat_welcome(&seat, "home", &none);
		}
	}
	if (seat.nrow) {
		struct isb_remote_table table = isb_seat_table(&seat, "192.0.2.1");
		MUST(seat.news && table.count == seat.nrow);
		for (size_t i = 0; i < table.count; i++)
			MUST(table.rows[i].history.state <= ISB_DOWN && table.rows[i].endpoint);
	}
	isb_seat_fill(&seat, NULL, len, &out);
	isb_buf_done(&out);
	isb_seat_merged(&seat);
	isb_seat_done(&seat);
}

static void no_event(void *arg, enum isb_remote_event event)
{
	(void)arg, (void)event;
}

static void hear_as_probe(const uint8_t *data, size_t len, unsigned cuts)
{
	struct isb_schedule schedule;
	struct isb_remote remote;
	struct isb_rng rng;
	struct isb_buf out = {0};
	int rc = ISB_OK;
	isb_rng_seed(&rng, cuts);
	isb_schedule_init(&schedule, 1);
	isb_remote_init(&remote, &schedule, "seoul-1", "seoul", 1, NOW);
	isb_remote_fill(&remote, 1000, NOW, &out);
	for (size_t at = 0, n; at < len && rc == ISB_OK; at += n) {
		n = next_piece(&rng, cuts, len - at);
		rc = isb_remote_feed(&remote, data + at, n, 0, NOW, no_event);
		MUST((rc == ISB_OK) == !*remote.fault);
		isb_buf_reset(&out);
		isb_remote_push(&remote);
		isb_remote_fill(&remote, 100000, NOW, &out);
		struct isb_exchange_input input = {.max = ISB_EXCHANGE_TO_SITE_MAX};
		MUST(isb_exchange_feed(&input, out.data, out.len, try_frame, NULL) == ISB_OK && input.held.len == 0);
		isb_exchange_input_done(&input);
	}
	isb_buf_done(&out);
	isb_remote_done(&remote);
	isb_schedule_done(&schedule);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct isb_exchange_input input = {.max = ISB_EXCHANGE_TO_SITE_MAX};
	unsigned cuts = data[0] & 3, who = (data[0] >> 2) % LISTENERS;
	isb_exchange_feed(&input, data + 1, size - 1, try_frame, NULL);
	isb_exchange_input_done(&input);
	if (who == PROBE)
		hear_as_probe(data + 1, size - 1, cuts);
	else
		hear_as_site(data + 1, size - 1, cuts, who == SITE_GUEST);
	return 0;
}
