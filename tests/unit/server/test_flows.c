/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "server/flows.h"

static struct isb_flow list[ISB_FLOW_REGIONS];

static void continents_and_regions_cross(void **state)
{
	struct isb_flows *flows = isb_flows_new();
	(void)state;
	isb_flows_add(flows, "AS", "seoul", 64);
	isb_flows_add(flows, "EU", "seoul", 64);
	isb_flows_add(flows, "AS", "seoul", 64);
	isb_flows_add(flows, "", "frankfurt", 1);
	isb_flows_add(flows, "XX", "frankfurt", 2);
	assert_int_equal(isb_flows_list(flows, list), 2);
	assert_string_equal(list[0].region, "seoul");
	assert_string_equal(isb_continent_codes[2], "AS");
	assert_int_equal(list[0].answers[2], 128);
	assert_int_equal(list[0].answers[3], 64);
	assert_int_equal(list[1].answers[ISB_CONTINENTS - 1], 3);
	isb_flows_free(flows);
	isb_flows_free(NULL);
}

static void what_is_too_many_counts_together(void **state)
{
	struct isb_flows *flows = isb_flows_new();
	(void)state;
	for (unsigned i = 0; i < 2 * ISB_FLOW_REGIONS; i++) {
		char region[100];
		snprintf(region, sizeof(region), "%080u", i); /* all alike in what is kept of them … */
		isb_flows_add(flows, "AS", region, 1);
		snprintf(region, sizeof(region), "r%u", i);
		isb_flows_add(flows, "AS", region, 1);
	}
	assert_int_equal(isb_flows_list(flows, list), ISB_FLOW_REGIONS);
	assert_int_equal(strlen(list[0].region), ISB_FLOW_REGION_TEXT - 1);
	assert_int_equal(list[0].answers[2], 2 * ISB_FLOW_REGIONS);
	assert_string_equal(list[ISB_FLOW_REGIONS - 1].region, "other");
	assert_int_equal(list[ISB_FLOW_REGIONS - 1].answers[2], 2 * ISB_FLOW_REGIONS - (ISB_FLOW_REGIONS - 2));
	isb_flows_free(flows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(continents_and_regions_cross),
		cmocka_unit_test(what_is_too_many_counts_together),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
