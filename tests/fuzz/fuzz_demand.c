/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "isobar/base/err.h"
#include "isobar/model/demand.h"

/* Input: what a probe reads from the socket of isobard --clients. Every row that is read may be measured: its address lies in
 * its network; and what is printed of them is read as the same rows. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct isb_demand_row rows[ISB_DEMAND_ROWS], again[ISB_DEMAND_ROWS];
	size_t count = SIZE_MAX, same = SIZE_MAX;
	int rc = isb_demand_parse((const char *)data, size, rows, &count);
	MUST(rc == ISB_OK || rc == ISB_EFORMAT);
	MUST((rc == ISB_OK) == (count != SIZE_MAX));
	if (rc != ISB_OK)
		return 0;
	MUST(count <= ISB_DEMAND_ROWS);
	for (size_t i = 0; i < count; i++) {
		struct isb_net cut = isb_demand_net(&rows[i].net);
		MUST(rows[i].net.addr.family == 4 || rows[i].net.addr.family == 6);
		MUST(memcmp(&cut, &rows[i].net, sizeof(cut)) == 0);
		MUST(!rows[i].addr.family || isb_net_has(&rows[i].net, &rows[i].addr));
	}
	struct isb_buf out = {0};
	isb_demand_print(rows, count, 1, &out);
	MUST(isb_demand_parse(out.data, out.len, again, &same) == ISB_OK && same == count);
	MUST(memcmp(rows, again, count * sizeof(*rows)) == 0);
	isb_buf_done(&out);
	return 0;
}
