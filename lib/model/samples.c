/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/model/samples.h"

#include <stdbool.h>

#include "isobar/base/err.h"
#include "isobar/base/wire.h"

static int64_t number_of(int64_t time_ms)
{
	return time_ms / ISB_SAMPLES_WINDOW_MS;
}

static bool counts(const struct isb_window *w, int64_t now_ms)
{
	return w->histogram.count && now_ms - w->oldest_ms < ISB_SAMPLES_LIFE_MS;
}

void isb_samples_done(struct isb_samples *s)
{
	for (size_t i = 0; i < ISB_SAMPLES_WINDOWS; i++)
		isb_histogram_done(&s->window[i].histogram);
	*s = (struct isb_samples){0};
}

void isb_samples_reset(struct isb_samples *s)
{
	for (size_t i = 0; i < ISB_SAMPLES_WINDOWS; i++)
		isb_histogram_reset(&s->window[i].histogram);
}

/* The window that takes samples of this moment, or NULL when a later one has its place: then they are too old to count
 * beside what came since. */
static struct isb_window *open_window(struct isb_samples *s, int64_t time_ms)
{
	int64_t number = number_of(time_ms);
	struct isb_window *w = &s->window[number % ISB_SAMPLES_WINDOWS];
	if (w->histogram.count && number_of(w->oldest_ms) > number)
		return NULL;
	if (w->histogram.count && number_of(w->oldest_ms) < number)
		isb_histogram_reset(&w->histogram);
	if (!w->histogram.count || time_ms < w->oldest_ms)
		w->oldest_ms = time_ms;
	if (!w->histogram.count || time_ms > w->newest_ms)
		w->newest_ms = time_ms;
	return w;
}

void isb_samples_add(struct isb_samples *s, int64_t time_ms, uint32_t us, uint32_t count)
{
	struct isb_window *w = count ? open_window(s, time_ms) : NULL;
	if (w)
		isb_histogram_add(&w->histogram, us, count);
}

int64_t isb_samples_sum(const struct isb_samples *s, int64_t now_ms, struct isb_histogram *ret_sum,
                        int64_t *ret_newest_ms)
{
	int64_t until_ms = INT64_MAX, newest_ms = 0;
	isb_histogram_reset(ret_sum);
	for (size_t i = 0; i < ISB_SAMPLES_WINDOWS; i++) {
		const struct isb_window *w = &s->window[i];
		if (!counts(w, now_ms))
			continue;
		isb_histogram_merge(ret_sum, &w->histogram);
		if (w->oldest_ms + ISB_SAMPLES_LIFE_MS < until_ms)
			until_ms = w->oldest_ms + ISB_SAMPLES_LIFE_MS;
		if (w->newest_ms > newest_ms)
			newest_ms = w->newest_ms;
	}
	if (ret_newest_ms)
		*ret_newest_ms = newest_ms;
	return until_ms;
}

/* --- Octets -------------------------------------------------------------------------------------------------------- */

static void encode_window(const struct isb_window *w, struct isb_buf *out)
{
	const struct isb_histogram *h = &w->histogram;
	isb_buf_u64(out, (uint64_t)w->oldest_ms);
	isb_buf_u32(out, (uint32_t)(w->newest_ms - w->oldest_ms));
	isb_buf_u32(out, h->min_us);
	isb_buf_u32(out, h->max_us);
	isb_buf_putc(out, (char)h->n);
	for (uint16_t i = 0; i < h->n; i++) {
		isb_buf_putc(out, (char)h->bucket[i].number);
		isb_buf_u32(out, h->bucket[i].count);
	}
}

void isb_samples_encode(const struct isb_samples *s, int64_t now_ms, struct isb_buf *out)
{
	const struct isb_window *next = NULL;
	for (int64_t after = -1;; after = next->oldest_ms) {
		next = NULL;
		for (size_t i = 0; i < ISB_SAMPLES_WINDOWS; i++) {
			const struct isb_window *w = &s->window[i];
			if (counts(w, now_ms) && w->oldest_ms > after && (!next || w->oldest_ms < next->oldest_ms))
				next = w;
		}
		if (!next)
			return;
		encode_window(next, out);
	}
}

/* Windows come ascending; *last is the number of the one before. */
static bool decode_window(struct isb_reader *r, struct isb_samples *s, int64_t *last)
{
	uint64_t oldest = isb_read_u64(r);
	uint32_t span = isb_read_u32(r), min_us = isb_read_u32(r), max_us = isb_read_u32(r);
	unsigned n = isb_read_u8(r), bucket = 0;
	if (r->bad || !n || !oldest || oldest > INT64_MAX - UINT32_MAX || !min_us || min_us > max_us ||
	    max_us > ISB_RTT_MAX_US)
		return false;
	const int64_t number = number_of((int64_t)oldest);
	struct isb_window *w = &s->window[number % ISB_SAMPLES_WINDOWS];
	if (number <= *last || number != number_of((int64_t)(oldest + span)) || w->histogram.count)
		return false;
	*last = number;
	w->oldest_ms = (int64_t)oldest;
	w->newest_ms = (int64_t)(oldest + span);
	for (unsigned i = 0; i < n; i++) {
		unsigned before = bucket;
		uint32_t count;
		bucket = isb_read_u8(r);
		count = isb_read_u32(r);
		bool follows = i ? bucket > before : bucket == isb_histogram_bucket_of(min_us);
		if (!count || bucket >= ISB_HISTOGRAM_BUCKETS || !follows)
			return false;
		isb_histogram_add_bucket(&w->histogram, (uint8_t)bucket, count);
	}
	w->histogram.min_us = min_us;
	w->histogram.max_us = max_us;
	return bucket == isb_histogram_bucket_of(max_us);
}

int isb_samples_decode(const void *data, size_t len, struct isb_samples *s)
{
	struct isb_reader r = isb_reader(data, len);
	int64_t last = -1;
	bool good = len > 0;
	isb_samples_reset(s);
	while (good && r.pos < r.len)
		good = decode_window(&r, s, &last);
	if (!good)
		isb_samples_reset(s);
	return good ? ISB_OK : ISB_EFORMAT;
}
