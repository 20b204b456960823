/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <stdlib.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "isobar/view/zonefile.h"

/* Reading a master file. */

struct text {
	struct isb_buf zone;
	uint8_t apex[ISB_DNAME_MAX];
	uint32_t size;
};

static void *set_up(const struct bench_subject *subject, uint32_t size)
{
	struct text *t = isb_xcalloc(1, sizeof(*t));
	(void)subject;
	t->size = size;
	isb_dname_parse("example.com.", NULL, t->apex);
	isb_buf_puts(&t->zone, BENCH_APEX);
	for (uint32_t i = 0; i + 3 < size; i++) {
		if (i % 10 == 9)
			isb_buf_printf(&t->zone, "h%u IN TXT \"v=%u some words of text\"\n", i, i);
		else if (i % 10 == 8)
			isb_buf_printf(&t->zone, "h%u MX 10 h%u\n", i, i - 1);
		else
			isb_buf_printf(&t->zone, "h%u A 10.%u.%u.%u\n", i, i >> 16 & 255, i >> 8 & 255, i & 255);
	}
	return t;
}

static void tear_down(void *state)
{
	struct text *t = state;
	isb_buf_done(&t->zone);
	free(t);
}

static void parse(void *state, uint32_t ops)
{
	struct text *t = state;
	for (uint32_t i = 0; i < ops; i++) {
		struct isb_diags diags;
		struct isb_zonedata data;
		isb_diags_init(&diags);
		isb_zonedata_init(&data);
		if (isb_zonetext_read(t->zone.data, t->zone.len, (struct isb_mark){.file = "zone", .line = 1}, t->apex, &diags,
		                      &data) != ISB_OK || data.count != t->size)
			bench_die("the zone is not read");
		isb_zonedata_done(&data);
		isb_diags_done(&diags);
	}
}

const struct bench_subject bench_zonefile[] = {
	{.name = "zonefile/parse", .what = "a record of a master file with so many", .full = 100000, .small = 1000, .guard_ops = 1,
	 .set_up = set_up, .run = parse, .tear_down = tear_down, .per_item = true},
	{0},
};
