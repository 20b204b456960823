/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "isobar/base/err.h"
#include "isobar/import/octodns.h"
#include "isobar/model/schema.h"

/* Input: a zone of octoDNS' YamlProvider. Whatever it says, what comes out is a catalog that reads back, or is refused. */

static void check_printed(const struct isb_catalog *catalog)
{
	struct isb_buf text = {0};
	struct isb_arena arena = {0};
	struct isb_diags diags = {0};
	struct isb_catalog again;
	struct isb_yaml *root = NULL;
	isb_catalog_init(&again);
	isb_schema_print(&text, catalog, NULL, NULL);
	int rc = isb_yaml_parse(&arena, "printed", isb_buf_text(&text), text.len, &diags, &root);
	if (rc == ISB_OK)
		rc = isb_schema_read(&again, root, &diags);
	if (rc != ISB_OK)
		isb_diags_print(&diags, stderr);
	MUST(rc == ISB_OK);
	isb_catalog_done(&again);
	isb_diags_done(&diags);
	isb_arena_done(&arena);
	isb_buf_done(&text);
}

/* Every line of the zone's text is one that was made from one value: nothing in a value begins a line of its own. */
static void check_lines(const struct isb_octodns_zone *zone)
{
	size_t lines = 0;
	for (const char *p = zone->text; *p; p++)
		lines += *p == '\n';
	MUST(lines == zone->nhead + zone->nline);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const servers[] = {"ns1.example.net"};
	const struct isb_octodns_how how = {.ns = servers, .nns = 1, .provider = "us"};
	struct isb_octodns o;
	struct isb_catalog catalog;
	struct isb_diags diags = {0};
	struct isb_zonedata zone = {0};
	struct isb_yaml *root;
	isb_octodns_init(&o, &how);
	isb_catalog_init(&catalog);
	if (isb_yaml_parse(&o.arena, "zone", (const char *)data, size, &o.errors, &root) == ISB_OK)
		isb_octodns_add(&o, "example.com", root);
	int rc = isb_octodns_finish(&o), read = isb_schema_read(&catalog, o.root, &diags);
	MUST(rc == ISB_OK || o.errors.count);
	if (o.nzone)
		check_lines(&o.zones[0]);
	if (o.nzone && isb_octodns_zonedata(&o, 0, &diags, &zone) != ISB_OK)
		MUST(diags.count > 0);
	if (rc == ISB_OK && read == ISB_OK)
		check_printed(&catalog);
	isb_zonedata_done(&zone);
	isb_catalog_done(&catalog);
	isb_diags_done(&diags);
	isb_octodns_done(&o);
	return 0;
}
