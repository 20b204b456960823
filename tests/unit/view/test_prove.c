/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../world/world.h"
#include "isobar/base/err.h"
#include "isobar/model/schema.h"
#include "isobar/view/prove.h"

/* The proof of the scopes: what it says of sound tables, and that it sees what is wrong with others. */

struct proved {
	struct isb_catalog catalog;
	struct isb_geodb *geodb;
	struct isb_view *view;
	struct isb_diags diags;
	int rc;
	struct isb_buf text; /* a line per group of records */
};

static void add_line(void *arg, const struct isb_proof *proof)
{
	struct proved *p = arg;
	for (size_t i = 0; i < proof->nrecord; i++)
		isb_buf_printf(&p->text, "%s%s", i ? " " : "", proof->records[i]);
	isb_buf_printf(&p->text, ": %zu %zu\n", proof->networks, proof->decisions);
}

static void begin(struct proved *p, const char *yaml, const char *geo)
{
	struct isb_yaml *root;
	memset(p, 0, sizeof(*p));
	isb_catalog_init(&p->catalog);
	isb_diags_init(&p->diags);
	int rc = isb_yaml_parse(&p->catalog.arena, "test", yaml, strlen(yaml), &p->diags, &root);
	if (rc == ISB_OK)
		rc = isb_schema_read(&p->catalog, root, &p->diags);
	if (rc == ISB_OK)
		rc = isb_catalog_check(&p->catalog, &p->diags);
	if (rc == ISB_OK && geo)
		rc = isb_geodb_open(&geo, 1, &p->diags, &p->geodb);
	if (rc == ISB_OK)
		rc = isb_view_draft(&p->catalog, p->geodb, &p->diags, &p->view);
	isb_diags_print(&p->diags, stderr);
	assert_int_equal(rc, ISB_OK);
}

static void prove(struct proved *p, const struct isb_view *view)
{
	isb_buf_reset(&p->text);
	p->rc = isb_view_prove(view, &p->diags, add_line, p);
}

static void done(struct proved *p)
{
	isb_view_free(p->view);
	isb_geodb_free(p->geodb);
	isb_diags_done(&p->diags);
	isb_catalog_done(&p->catalog);
	isb_buf_done(&p->text);
}

#define CATALOG \
	"pools: {a: {endpoints: {e: {address: 192.0.2.1}}}, b: {endpoints: {e: {address: 192.0.2.2}}}}\n" \
	"policies:\n" \
	"  one: {order: geo, rules: [{nets: [192.0.0.0/3], use: a}, {default: true, use: b}]}\n" \
	"  two: {order: geo, rules: [{nets: [192.0.0.0/3], use: b}, {default: true, use: a}]}\n" \
	"  any: [a, b]\n" \
	"zones: {example.com: {records: {x: {types: [A], policy: one}, y: {types: [A], policy: two},\n" \
	"  z: {types: [AAAA], policy: one}, w: {types: [A], policy: any}}}}\n"

static void records_that_share_their_decisions_are_proved_together(void **state)
{
	struct proved p;
	(void)state;
	begin(&p, CATALOG, NULL);
	assert_int_equal(p.view->plan->nmap, 1);
	prove(&p, p.view);
	assert_int_equal(p.rc, ISB_OK);
	/* 0/1, 128/2, 192/3, 224/3 and all of IPv6 */
	assert_string_equal(isb_buf_text(&p.text), "example.com/x example.com/z: 5 2\nexample.com/y: 5 2\n");
	done(&p);
}

static void assert_said(struct proved *p, const char *words)
{
	assert_int_equal(p->rc, ISB_EFORMAT);
	assert_true(p->diags.count > 0);
	if (!strstr(p->diags.list[0].text, words))
		fail_msg("'%s' lacks '%s'", p->diags.list[0].text, words);
	isb_diags_done(&p->diags);
	isb_diags_init(&p->diags);
}

static void halves_of_one_decision_are_seen(void **state)
{
	struct proved p;
	(void)state;
	begin(&p, CATALOG, NULL);
	size_t size = p.view->plan->size;
	struct isb_plan *plan = malloc(size);
	assert_non_null(plan);
	memcpy(plan, p.view->plan, size);
	const struct isb_plan_record *x = isb_plan_record(plan, 0);
	struct isb_plan_class *classes = (struct isb_plan_class *)(void *)((uint8_t *)plan + x->classes);
	assert_int_equal(x->nclass, 2);
	classes[0] = classes[1]; /* as if the two classes were one answer */
	struct isb_view wrong = *p.view;
	wrong.plan = plan;
	prove(&p, &wrong);
	assert_string_equal(isb_buf_text(&p.text), "example.com/y: 5 2\n"); /* the other record's are what they were */
	assert_said(&p, "record example.com/x: 192.0.0.0/3 and 224.0.0.0/3 have the same decision (a, b), so the scope should be "
	                "192.0.0.0/2");
	free(plan);
	done(&p);
}

static void maps_that_are_no_partition_or_lead_nowhere_are_seen(void **state)
{
	struct proved p;
	(void)state;
	begin(&p, CATALOG, NULL);
	size_t size = isb_geomap_size(p.view->maps[0]);
	uint32_t *block = malloc(size);
	assert_non_null(block);
	memcpy(block, isb_geomap_block(p.view->maps[0]), size);
	size_t at = 0; /* the words of 192.0.0.0/3, which are many */
	while (at < size / 4 && (block[at] & 0xff) != 3)
		at++;
	assert_true(at + 3 < size / 4 && block[at + 3] == block[at]);
	const uint32_t word = block[at + 3];
	static const struct {
		uint32_t flip;
		bool all;
		const char *words;
	} cases[] = {
		{0x100, false, "its networks end before the address space does"}, /* another class within */
		{0x001, false, "its networks end before the address space does"}, /* another scope within */
		{0x400, true, "its geo map knows class"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t *copy = malloc(size);
		assert_non_null(copy);
		memcpy(copy, block, size);
		for (size_t k = at; k < size / 4; k++)
			if (cases[i].all ? copy[k] == word : k == at + 3)
				copy[k] ^= cases[i].flip;
		struct isb_geomap *map = isb_geomap_copy(copy, size);
		const struct isb_geomap *maps[] = {map};
		struct isb_view wrong = *p.view;
		wrong.maps = maps;
		prove(&p, &wrong);
		assert_said(&p, cases[i].words);
		isb_geomap_free(map);
		free(copy);
	}
	free(block);
	done(&p);
}

#define PLACES \
	"regions: {seoul: {location: [37.57, 126.98]}, virginia: {location: [38.95, -77.45]}, frankfurt: {location: [50.11, 8.68]}}\n" \
	"pools: {a: {endpoints: {e: {address: 192.0.2.1, region: seoul}}}, b: {endpoints: {e: {address: 192.0.2.2, region: virginia}}},\n" \
	"  c: {endpoints: {e: {address: 192.0.2.3, region: frankfurt}}}}\n" \
	"policies: {near: {order: nearest, of: [a, b, c]}}\n" \
	"zones: {example.com: {records: {www: {types: [A], policy: near}}}}\n"

static void a_small_world_compiles_into_exact_scopes(void **state)
{
	struct proved p;
	char name[] = "/tmp/isobar-world-XXXXXX";
	size_t networks = 0, decisions = 0;
	(void)state;
	close(mkstemp(name));
	const struct world world = {.seed = 7, .networks = 20000, .places = 500};
	assert_int_equal(world_write(&world, name), 0);
	begin(&p, PLACES, name);
	prove(&p, p.view);
	unlink(name);
	assert_int_equal(p.rc, ISB_OK);
	assert_int_equal(sscanf(isb_buf_text(&p.text), "example.com/www: %zu %zu", &networks, &decisions), 2);
	assert_true(networks > 2000 && networks < 20000); /* neighbours merged */
	assert_true(decisions > 6 && decisions < 20);      /* six orders, ties, and clients of no place */
	done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_that_share_their_decisions_are_proved_together),
		cmocka_unit_test(halves_of_one_decision_are_seen),
		cmocka_unit_test(maps_that_are_no_partition_or_lead_nowhere_are_seen),
		cmocka_unit_test(a_small_world_compiles_into_exact_scopes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
