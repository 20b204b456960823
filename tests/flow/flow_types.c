/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog.h"
#include "isobar/store/healthdb.h"
#include "story.h"

/* Every type that a pool can answer with, and the names that CNAME and ALIAS lead to. */

static const char catalog[] =
	REGIONS CHECKS
	"pools:\n"
	"  two: {check: web, answers: all, order: failover, endpoints: {\n"
	"    t-1: {address: 192.0.2.1, host: mx1.example.com, port: 443, text: one, alpn: [h2]},\n"
	"    t-2: {address: 192.0.2.2, host: mx2.example.net, port: 8443, text: two, tier: 1, weight: 5}}}\n"
	"  inside: {check: web, order: failover, endpoints: {\n"
	"    i-1: {host: www.example.com}, i-2: {host: plain.example.com, tier: 1}}}\n"
	"  outside: {check: web, order: failover, endpoints: {\n"
	"    o-1: {host: LB.cdn.test.}, o-2: {host: lb2.cdn.test, tier: 1}}}\n"
	"  both: {answers: all, order: failover, endpoints: {\n"
	"    a: {host: lb.cdn.test}, b: {host: lb2.cdn.test, tier: 1}, c: {host: plain.example.com, tier: 2}}}\n"
	"  seoul: {endpoints: {a: {address: 192.0.2.10, region: seoul}}}\n"
	"  berlin: {endpoints: {a: {address: 203.0.113.10, region: frankfurt}}}\n"
	"  chained: {endpoints: {a: {host: to.example.com}}}\n"
	"  chained2: {endpoints: {a: {host: alias.example.com}}}\n"
	"  round: {endpoints: {a: {host: round.example.com}}}\n"
	"  away: {endpoints: {a: {host: leads.example.com}}}\n"
	"  cut: {endpoints: {a: {host: x.sub.example.com}}}\n"
	"  gone: {endpoints: {a: {host: nowhere.example.com}}}\n"
	"  wild: {endpoints: {a: {host: any.wild.example.com}}}\n"
	"  dname: {endpoints: {a: {host: plain.d.example.com}}}\n"
	"policies:\n"
	"  www: {order: geo, rules: [{nets: [198.51.100.0/24], use: seoul}, {default: true, use: berlin}]}\n"
	"zones:\n"
	"  example.com:\n"
	"    text: |\n"
	"      $TTL 3600\n"
	"      @ SOA ns1 hostmaster 1 7200 1800 1209600 300\n"
	"      @ NS ns1\n"
	"      @ MX 5 mail\n"
	"      @ A 192.0.2.77\n"
	"      ns1 A 192.0.2.53\n"
	"      mx1 A 192.0.2.25\n"
	"      plain 12 A 192.0.2.80\n"
	"      to CNAME plain\n"
	"      back CNAME plain\n"
	"      leads CNAME www.elsewhere.test.\n"
	"      sub NS ns.sub\n"
	"      ns.sub A 192.0.2.54\n"
	"      *.wild A 192.0.2.81\n"
	"      d DNAME example.com.\n"
	"    records:\n"
	"      '@':    {types: [ALIAS], policy: outside, ttl: 60s}\n"
	"      mail:   {types: [MX], policy: two}\n"
	"      text:   {types: [TXT], policy: two}\n"
	"      web:    {types: [HTTPS, A], policy: two}\n"
	"      svc:    {types: [SVCB], policy: two}\n"
	"      back:   {types: [CNAME], policy: inside, all_down: fallback}\n"
	"      none:   {types: [CNAME], policy: inside, all_down: nodata}\n"
	"      www:    {types: [A], policy: www}\n"
	"      alias:  {types: [ALIAS], policy: inside}\n"
	"      deep:   {types: [ALIAS], policy: chained2}\n"
	"      chain:  {types: [ALIAS], policy: chained}\n"
	"      many:   {types: [ALIAS], policy: both}\n"
	"      round:  {types: [ALIAS], policy: round}\n"
	"      away:   {types: [ALIAS], policy: away}\n"
	"      cut:    {types: [ALIAS], policy: cut}\n"
	"      gone:   {types: [ALIAS], policy: gone}\n"
	"      wilds:  {types: [ALIAS], policy: wild}\n"
	"      dn:     {types: [ALIAS], policy: dname}\n"
	"      quiet:  {types: [ALIAS], policy: outside, all_down: nodata}\n";

#define SEOUL_CLIENT "198.51.100.0/24"

static struct story *begin(void)
{
	struct story *s = story_new(NULL);
	story_apply(s, catalog);
	return s;
}

static void down(struct story *s, const char *endpoint)
{
	struct isb_health word = {.verdict = ISB_DOWN, .held = ISB_DOWN, .soft = ISB_SOFT_FULL, .flip_s = ISB_FLIP_NONE};
	story_word(s, endpoint, &word);
}

static void every_type_comes_from_the_same_endpoints(void **state)
{
	struct story *s = begin();
	(void)state;
	assert_answer(s, "mail.example.com", "MX", NULL, "10 mx1.example.com. 20 mx2.example.net.");
	assert_answer(s, "text.example.com", "TXT", NULL, "\"one\" \"two\"");
	assert_answer(s, "web.example.com", "A", NULL, "192.0.2.1 192.0.2.2");
	assert_answer(s, "web.example.com", "HTTPS", NULL,
	              "1 mx1.example.com. alpn=\"h2\" port=443 ipv4hint=192.0.2.1 2 mx2.example.net. port=8443 ipv4hint=192.0.2.2");
	assert_answer(s, "svc.example.com", "SVCB", NULL,
	              "1 mx1.example.com. alpn=\"h2\" port=443 ipv4hint=192.0.2.1 2 mx2.example.net. port=8443 ipv4hint=192.0.2.2");
	down(s, "two/t-1");
	assert_answer(s, "mail.example.com", "MX", NULL, "20 mx2.example.net.");
	assert_answer(s, "text.example.com", "TXT", NULL, "\"two\"");
	assert_answer(s, "web.example.com", "HTTPS", NULL, "2 mx2.example.net. port=8443 ipv4hint=192.0.2.2");
	assert_answer(s, "mail.example.com", "A", NULL, "NODATA");
	story_free(s);
}

static void a_steered_cname_answers_all_types_and_is_followed(void **state)
{
	struct story *s = begin();
	(void)state;
	assert_answer(s, "back.example.com", "A", SEOUL_CLIENT, "CNAME www.example.com. 192.0.2.10");
	assert_int_equal(story_last(s)->scope, 24);
	assert_answer(s, "back.example.com", "CNAME", NULL, "www.example.com.");
	assert_answer(s, "back.example.com", "TXT", NULL, "CNAME www.example.com.");
	assert_answer(s, "back.example.com", "ANY", NULL, "CNAME www.example.com.");
	down(s, "inside/i-1");
	assert_answer(s, "back.example.com", "A", NULL, "CNAME plain.example.com. 192.0.2.80");
	down(s, "inside/i-2");
	assert_answer(s, "back.example.com", "A", NULL, "CNAME plain.example.com. 192.0.2.80"); /* the CNAME underneath */
	assert_answer(s, "none.example.com", "A", NULL, "NODATA");
	assert_true(story_last(s)->soa);
	story_free(s);
}

static void an_alias_into_our_zones_is_followed_at_once(void **state)
{
	struct story *s = begin();
	(void)state;
	assert_answer(s, "alias.example.com", "A", SEOUL_CLIENT, "192.0.2.10");
	assert_int_equal(story_last(s)->scope, 24);
	assert_answer(s, "alias.example.com", "A", "9.9.9.0/24", "203.0.113.10");
	assert_answer(s, "alias.example.com", "AAAA", NULL, "NODATA");
	assert_true(story_last(s)->soa);
	assert_answer(s, "alias.example.com", "MX", NULL, "NODATA");
	down(s, "inside/i-1");
	assert_answer(s, "alias.example.com", "A", NULL, "192.0.2.80");
	assert_int_equal(story_last(s)->ttl, 12); /* the rrset's, shorter than the record's */
	assert_answer(s, "chain.example.com", "A", NULL, "192.0.2.80");
	assert_answer(s, "deep.example.com", "A", NULL, "192.0.2.80");
	assert_answer(s, "wilds.example.com", "A", NULL, "192.0.2.81");
	assert_answer(s, "dn.example.com", "A", NULL, "192.0.2.80");
	assert_answer(s, "round.example.com", "A", NULL, "NODATA");
	assert_answer(s, "gone.example.com", "A", NULL, "NODATA"); /* never NXDOMAIN */
	story_free(s);
}

static void an_alias_out_of_our_zones_answers_what_a_probe_resolved(void **state)
{
	struct story *s = begin();
	(void)state;
	/* nothing is known yet: the ordinary rrset, or what all_down says */
	assert_answer(s, "example.com", "A", NULL, "192.0.2.77");
	assert_answer(s, "example.com", "AAAA", NULL, "NODATA");
	assert_answer(s, "quiet.example.com", "A", NULL, "NODATA");
	story_resolved(s, "lb.cdn.test", "198.51.100.7 2001:db8::7", 20);
	assert_answer(s, "example.com", "A", NULL, "198.51.100.7");
	assert_int_equal(story_last(s)->ttl, 20);
	assert_answer(s, "example.com", "AAAA", NULL, "2001:db8::7");
	assert_answer(s, "example.com", "MX", NULL, "5 mail.example.com."); /* what else is there stays */
	assert_answer(s, "example.com", "ANY", NULL, "A 198.51.100.7");
	assert_answer(s, "quiet.example.com", "A", NULL, "198.51.100.7");
	story_pass(s, 12);
	assert_answer(s, "example.com", "A", NULL, "198.51.100.7");
	assert_int_equal(story_last(s)->ttl, 8); /* what is left */
	story_pass(s, 60);
	assert_answer(s, "example.com", "A", NULL, "198.51.100.7"); /* stale, and the best there is */
	assert_int_equal(story_last(s)->ttl, 5);                   /* ttl_min */
	const struct isb_view *view = story_view(s);
	story_resolved(s, "lb.cdn.test", "198.51.100.7 2001:db8::7", 300);
	assert_ptr_equal(story_view(s), view); /* the same addresses need no new view */
	assert_answer(s, "example.com", "A", NULL, "198.51.100.7");
	assert_int_equal(story_last(s)->ttl, 60); /* the record's */
	story_resolved(s, "lb.cdn.test", "198.51.100.8", 300);
	assert_ptr_not_equal(story_view(s), view);
	assert_answer(s, "example.com", "A", NULL, "198.51.100.8");
	assert_answer(s, "example.com", "AAAA", NULL, "NODATA"); /* the other family is known */
	down(s, "outside/o-1");
	story_resolved(s, "lb2.cdn.test", "198.51.100.9", 300);
	assert_answer(s, "example.com", "A", NULL, "198.51.100.9");
	story_resolved(s, "lb2.cdn.test", "", 300); /* it has none any more: as if all were up, and the first has one */
	assert_answer(s, "example.com", "A", NULL, "198.51.100.8");
	story_resolved(s, "lb.cdn.test", NULL, 0);
	assert_answer(s, "example.com", "A", NULL, "192.0.2.77");
	assert_answer(s, "quiet.example.com", "A", NULL, "NODATA");
	story_free(s);
}

static void an_endpoint_whose_name_has_no_address_cannot_answer(void **state)
{
	struct story *s = begin();
	(void)state;
	story_resolved(s, "lb2.cdn.test", "198.51.100.9", 300);
	assert_answer(s, "example.com", "A", NULL, "198.51.100.9"); /* the second tier */
	story_admin(s, "outside/o-1", ISB_ADMIN_UP, 0); /* an operator's word gives it no address */
	assert_answer(s, "example.com", "A", NULL, "198.51.100.9");
	story_resolved(s, "lb.cdn.test", "198.51.100.7", 300);
	assert_answer(s, "example.com", "A", NULL, "198.51.100.7");
	story_free(s);
}

static void several_names_make_one_answer_with_one_ttl(void **state)
{
	struct story *s = begin();
	(void)state;
	assert_answer(s, "many.example.com", "A", NULL, "192.0.2.80");
	story_resolved(s, "lb.cdn.test", "198.51.100.7 198.51.100.8", 9);
	story_resolved(s, "lb2.cdn.test", "198.51.100.8 192.0.2.80", 300);
	assert_answer(s, "many.example.com", "A", NULL, "198.51.100.7 198.51.100.8 192.0.2.80");
	assert_int_equal(story_last(s)->ttl, 9);
	story_free(s);
}

/* No record names the new side, only the rollout does. */
static void a_rollout_leads_every_type_to_the_new_side(void **state)
{
	struct story *s = begin();
	(void)state;
	story_apply(s, "pools: {new: {endpoints: {a: {host: mx9.example.net, text: nine}}}}\n");
	struct isb_rollout rollout = {
		.to = "new", .author = "ada", .reason = "", .slot = (uint32_t)ISB_SLOT_ALL, .begun_ms = story_now(s),
		.times = {.started_ms = story_now(s), .every_ms = 1000, .nstep = 1, .step = {100}}};
	story_rollout(s, "example.com/text", &rollout);
	story_rollout(s, "example.com/mail", &rollout);
	story_rollout(s, "example.com/@", &rollout);
	story_resolved(s, "mx9.example.net", "198.51.100.99", 300);
	story_pass(s, 5);
	assert_answer(s, "text.example.com", "TXT", NULL, "\"nine\"");
	assert_answer(s, "mail.example.com", "MX", NULL, "10 mx9.example.net.");
	assert_answer(s, "example.com", "A", NULL, "198.51.100.99");
	story_free(s);
}

static void a_name_of_ours_that_others_answer_for_is_resolved_too(void **state)
{
	struct story *s = begin();
	(void)state;
	assert_answer(s, "away.example.com", "A", NULL, "NODATA");
	assert_answer(s, "cut.example.com", "A", NULL, "NODATA");
	story_resolved(s, "leads.example.com", "198.51.100.1", 300);
	story_resolved(s, "x.sub.example.com", "198.51.100.2", 300);
	assert_answer(s, "away.example.com", "A", NULL, "198.51.100.1");
	assert_answer(s, "cut.example.com", "A", NULL, "198.51.100.2");
	story_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_comes_from_the_same_endpoints),
		cmocka_unit_test(a_steered_cname_answers_all_types_and_is_followed),
		cmocka_unit_test(an_alias_into_our_zones_is_followed_at_once),
		cmocka_unit_test(an_alias_out_of_our_zones_answers_what_a_probe_resolved),
		cmocka_unit_test(an_endpoint_whose_name_has_no_address_cannot_answer),
		cmocka_unit_test(several_names_make_one_answer_with_one_ttl),
		cmocka_unit_test(a_rollout_leads_every_type_to_the_new_side),
		cmocka_unit_test(a_name_of_ours_that_others_answer_for_is_resolved_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
