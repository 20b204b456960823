/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "isobar/base/hash.h"
#include "isobar/dns/traffic.h"
#include "isobar/model/rr.h"

/* Input: one octet that picks the format (0: as it looks) and the size of the pieces, then a file. How it is cut into
 * pieces changes nothing; every row is one that the rest of the program may trust. */

struct heard {
	uint64_t hash, rows, wrong;
};

static void on_row(void *arg, const struct isb_traffic_row *row)
{
	struct heard *h = arg;
	uint8_t lower[ISB_DNAME_MAX];
	MUST(row->client.family == 4 || row->client.family == 6);
	MUST(row->count >= 1 && row->count <= ISB_TRAFFIC_COUNT_MAX);
	int len = isb_dname_check(row->name, sizeof(row->name));
	MUST(len > 0);
	MUST(isb_dname_lower(row->name, lower) == (size_t)len && memcmp(lower, row->name, (size_t)len) == 0);
	h->hash = isb_hash(row->name, (size_t)len, h->hash);
	h->hash = isb_hash(row->client.octets, 16, h->hash + row->type + row->count);
	h->rows++;
}

static void on_wrong(void *arg, uint64_t at, const char *why)
{
	struct heard *h = arg;
	MUST(at > 0 && *why);
	h->hash = isb_hash(why, strlen(why), h->hash + at);
	h->wrong++;
}

static struct heard feed(enum isb_traffic_format format, const uint8_t *data, size_t size, size_t piece)
{
	struct heard h = {0};
	struct isb_traffic traffic;
	isb_traffic_init(&traffic, format, on_row, on_wrong, &h);
	for (size_t at = 0; at < size;) {
		size_t room, n = size - at < piece ? size - at : piece;
		void *to = isb_traffic_room(&traffic, &room);
		n = n < room ? n : room;
		memcpy(to, data + at, n);
		isb_traffic_take(&traffic, n);
		at += n;
	}
	isb_traffic_end(&traffic);
	MUST(traffic.rows == h.rows && traffic.bad == h.wrong);
	isb_traffic_done(&traffic);
	return h;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	unsigned pick = data[0] % 4;
	enum isb_traffic_format format =
		pick ? (enum isb_traffic_format)(pick - 1) : isb_traffic_detect(data + 1, size - 1);
	struct heard whole = feed(format, data + 1, size - 1, SIZE_MAX);
	struct heard pieces = feed(format, data + 1, size - 1, data[0] / 4u + 1);
	MUST(whole.hash == pieces.hash && whole.rows == pieces.rows && whole.wrong == pieces.wrong);
	return 0;
}
