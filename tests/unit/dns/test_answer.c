/* SPDX-License-Identifier: Apache-2.0 */
#include "ask.h"
#include "isobar/dns/answer.h"

#define SOA "example.test. 300 IN SOA ns1.example.test. h.example.test. 1 2 3 4 300\n"
#define ROOT_SOA "test. 60 IN SOA ns.test. h.test. 1 2 3 4 60\n"

#define CHILD_NS \
	"child.example.test. 3600 IN NS ns.child.example.test.\n" \
	"child.example.test. 3600 IN NS ns.sibling.example.test.\n" \
	"child.example.test. 3600 IN NS ns.elsewhere.invalid.\n"
/* of what lies in the delegated zone first: nothing else can be asked for it */
#define CHILD_GLUE \
	"ns.child.example.test. 3600 IN A 192.0.2.53\n" \
	"ns.child.example.test. 3600 IN AAAA 2001:db8::53\n" \
	"ns.sibling.example.test. 3600 IN A 192.0.2.54\n"

static const char example[] =
	"$TTL 3600\n"
	"@ SOA ns1 h 1 2 3 4 300\n"
	"@ NS ns1\n"
	"@ NS ns.child\n"
	"@ MX 10 mail\n"
	"ns1 A 192.0.2.1\n"
	"ns1 AAAA 2001:db8::1\n"
	"www A 192.0.2.80\n"
	"www TXT \"hello\"\n"
	"mail A 192.0.2.25\n"
	"a.b.ent TXT \"deep\"\n"
	"alias CNAME www\n"
	"alias2 CNAME alias\n"
	"dangling CNAME nowhere\n"
	"away CNAME www.elsewhere.invalid.\n"
	"loop1 CNAME loop2\n"
	"loop2 CNAME loop1\n"
	"tochild CNAME x.child\n"
	"toother CNAME host.other.test.\n"
	"_sip._tcp SRV 0 0 5060 www\n"
	"_far._tcp SRV 0 0 5060 host.other.test.\n"
	"child NS ns.child\n"
	"child NS ns.sibling\n"
	"child NS ns.elsewhere.invalid.\n"
	"child DS 1 8 1 0000000000000000000000000000000000000000\n"
	"ns.child A 192.0.2.53\n"
	"ns.child AAAA 2001:db8::53\n"
	"mx.child A 192.0.2.26\n"
	"glued MX 10 mx.child\n"
	"sibling NS ns.sibling\n"
	"ns.sibling A 192.0.2.54\n"
	"*.wild A 192.0.2.99\n"
	"*.wild MX 5 mail\n"
	"ent.wild TXT \"here\"\n"
	"x.below.wild TXT \"below\"\n"
	"*.walias CNAME www\n"
	"d DNAME target\n"
	"d A 192.0.2.33\n"
	"y.target A 192.0.2.34\n"
	"grow DNAME more.grow\n";

static int set_up(void **state)
{
	struct testview *t = malloc(sizeof(*t));
	testview_init(t);
	testview_zone(t, "test.", "$TTL 60\n@ SOA ns h 1 2 3 4 60\n@ NS ns\nns A 192.0.2.2\nexample NS ns1.example\n"
	                          "ns1.example A 192.0.2.1\nexample DS 2 8 1 "
	                          "1111111111111111111111111111111111111111\n");
	testview_zone(t, "example.test.", example);
	testview_zone(t, "other.test.", "$TTL 60\n@ SOA ns h 1 2 3 4 60\n@ NS ns.test.\nhost A 192.0.2.200\n");
	*state = t;
	return 0;
}

static int tear_down(void **state)
{
	testview_done(*state);
	free(*state);
	return 0;
}

static const struct msg *asks(void **state, const char *name, uint16_t type)
{
	const struct testview *t = *state;
	return ask(&t->view, &(struct ask){.name = name, .type = type});
}

static void an_exact_name_is_answered(void **state)
{
	expect(asks(state, "www.example.test.", ISB_A), "NOERROR aa", "www.example.test. 3600 IN A 192.0.2.80\n", "",
	       "");
	expect(asks(state, "wWw.ExAmPle.TEST.", ISB_TXT), "NOERROR aa", "wWw.ExAmPle.TEST. 3600 IN TXT \"hello\"\n", "",
	       "");
	expect(asks(state, "example.test.", ISB_SOA), "NOERROR aa",
	       "example.test. 3600 IN SOA ns1.example.test. h.example.test. 1 2 3 4 300\n", "", "");
}

static void a_type_that_is_not_there_is_nodata_with_soa(void **state)
{
	expect(asks(state, "www.example.test.", ISB_AAAA), "NOERROR aa", "", SOA, "");
	expect(asks(state, "www.example.test.", ISB_RRSIG), "NOERROR aa", "", SOA, "");
	expect(asks(state, "www.example.test.", 65280), "NOERROR aa", "", SOA, "");
}

static void an_empty_non_terminal_is_nodata(void **state)
{
	expect(asks(state, "ent.example.test.", ISB_A), "NOERROR aa", "", SOA, "");
	expect(asks(state, "b.ent.example.test.", ISB_TXT), "NOERROR aa", "", SOA, "");
	expect(asks(state, "c.ent.example.test.", ISB_TXT), "NXDOMAIN aa", "", SOA, "");
}

static void a_name_that_is_not_there_is_nxdomain_with_soa(void **state)
{
	expect(asks(state, "nowhere.example.test.", ISB_A), "NXDOMAIN aa", "", SOA, "");
	expect(asks(state, "a.b.c.www.example.test.", ISB_A), "NXDOMAIN aa", "", SOA, "");
	expect(asks(state, "nowhere.test.", ISB_A), "NXDOMAIN aa", "", ROOT_SOA, "");
}

static void a_zone_that_is_not_ours_is_refused(void **state)
{
	expect(asks(state, "www.invalid.", ISB_A), "REFUSED", "", "", "");
	expect(asks(state, ".", ISB_NS), "REFUSED", "", "", "");
}

static void cnames_are_followed_as_far_as_our_zones_go(void **state)
{
	expect(asks(state, "alias2.example.test.", ISB_A), "NOERROR aa",
	       "alias2.example.test. 3600 IN CNAME alias.example.test.\n"
	       "alias.example.test. 3600 IN CNAME www.example.test.\n"
	       "www.example.test. 3600 IN A 192.0.2.80\n",
	       "", "");
	expect(asks(state, "alias.example.test.", ISB_CNAME), "NOERROR aa",
	       "alias.example.test. 3600 IN CNAME www.example.test.\n", "", "");
	expect(asks(state, "alias.example.test.", ISB_AAAA), "NOERROR aa",
	       "alias.example.test. 3600 IN CNAME www.example.test.\n", SOA, "");
	expect(asks(state, "dangling.example.test.", ISB_A), "NXDOMAIN aa",
	       "dangling.example.test. 3600 IN CNAME nowhere.example.test.\n", SOA, "");
	expect(asks(state, "away.example.test.", ISB_A), "NOERROR aa",
	       "away.example.test. 3600 IN CNAME www.elsewhere.invalid.\n", "", "");
	expect(asks(state, "toother.example.test.", ISB_A), "NOERROR aa",
	       "toother.example.test. 3600 IN CNAME host.other.test.\nhost.other.test. 60 IN A 192.0.2.200\n", "", "");
}

static void a_cname_into_a_delegation_ends_with_the_referral(void **state)
{
	/* AA is about the alias, not about its target */
	expect(asks(state, "tochild.example.test.", ISB_A), "NOERROR aa",
	       "tochild.example.test. 3600 IN CNAME x.child.example.test.\n", CHILD_NS, CHILD_GLUE);
}

static void cname_loops_end(void **state)
{
	expect(asks(state, "loop1.example.test.", ISB_A), "NOERROR aa",
	       "loop1.example.test. 3600 IN CNAME loop2.example.test.\n"
	       "loop2.example.test. 3600 IN CNAME loop1.example.test.\n",
	       "", "");
}

static void a_delegation_is_a_referral_with_glue(void **state)
{
	static const char *const names[] = {"child.example.test.", "a.b.child.example.test.", "ns.child.example.test."};
	for (unsigned i = 0; i < 3; i++)
		expect(asks(state, names[i], ISB_A), "NOERROR", "", CHILD_NS, CHILD_GLUE);
}

static void ds_at_a_cut_is_answered_by_the_parent(void **state)
{
	expect(asks(state, "child.example.test.", ISB_DS), "NOERROR aa",
	       "child.example.test. 3600 IN DS 1 8 1 0000000000000000000000000000000000000000\n",
	       "", "");
	expect(asks(state, "sibling.example.test.", ISB_DS), "NOERROR aa", "", SOA, "");
	/* an apex of ours whose parent is ours too */
	expect(asks(state, "example.test.", ISB_DS), "NOERROR aa",
	       "example.test. 60 IN DS 2 8 1 1111111111111111111111111111111111111111\n", "", "");
	expect(asks(state, "x.child.example.test.", ISB_DS), "NOERROR", "", CHILD_NS, CHILD_GLUE);
	expect(asks(state, "test.", ISB_DS), "NOERROR aa", "", ROOT_SOA, "");
}

static void wildcards_stand_in_for_names_that_do_not_exist(void **state)
{
	expect(asks(state, "x.wild.example.test.", ISB_A), "NOERROR aa", "x.wild.example.test. 3600 IN A 192.0.2.99\n",
	       "", "");
	expect(asks(state, "x.y.wild.example.test.", ISB_A), "NOERROR aa",
	       "x.y.wild.example.test. 3600 IN A 192.0.2.99\n",
	       "", "");
	expect(asks(state, "*.wild.example.test.", ISB_A), "NOERROR aa", "*.wild.example.test. 3600 IN A 192.0.2.99\n",
	       "",
	       "");
	expect(asks(state, "x.*.wild.example.test.", ISB_A), "NXDOMAIN aa", "", SOA, "");
	expect(asks(state, "x.wild.example.test.", ISB_TXT), "NOERROR aa", "", SOA, "");
	expect(asks(state, "ent.wild.example.test.", ISB_A), "NOERROR aa", "", SOA, "");
	expect(asks(state, "below.wild.example.test.", ISB_A), "NOERROR aa", "", SOA, "");
	expect(asks(state, "y.below.wild.example.test.", ISB_A), "NXDOMAIN aa", "", SOA, "");
	expect(asks(state, "x.walias.example.test.", ISB_A), "NOERROR aa",
	       "x.walias.example.test. 3600 IN CNAME www.example.test.\n"
	       "www.example.test. 3600 IN A 192.0.2.80\n", "", "");
}

static void dname_redirects_what_lies_below(void **state)
{
	expect(asks(state, "y.d.example.test.", ISB_A), "NOERROR aa",
	       "d.example.test. 3600 IN DNAME target.example.test.\n"
	       "y.d.example.test. 3600 IN CNAME y.target.example.test.\n"
	       "y.target.example.test. 3600 IN A 192.0.2.34\n",
	       "", "");
	expect(asks(state, "d.example.test.", ISB_A), "NOERROR aa", "d.example.test. 3600 IN A 192.0.2.33\n", "", "");
	expect(asks(state, "y.d.example.test.", ISB_CNAME), "NOERROR aa",
	       "d.example.test. 3600 IN DNAME target.example.test.\n"
	       "y.d.example.test. 3600 IN CNAME y.target.example.test.\n",
	       "", "");
	expect(asks(state, "n.d.example.test.", ISB_A), "NXDOMAIN aa",
	       "d.example.test. 3600 IN DNAME target.example.test.\n"
	       "n.d.example.test. 3600 IN CNAME n.target.example.test.\n",
	       SOA, "");
}

static void a_dname_that_grows_for_ever_ends(void **state)
{
	const struct msg *m = asks(state, "x.grow.example.test.", ISB_A);
	assert_int_equal(m->rcode, 0);
	assert_int_equal(m->count[0], 1 + ISB_CHAIN_MAX);
}

static void a_name_that_a_dname_makes_too_long_is_yxdomain(void **state)
{
	char name[256] = "";
	for (unsigned i = 0; i < 3; i++)
		strcat(name, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.");
	strcat(name, "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.grow.example.test."); /* 251 octets, and "more." is 5 */
	expect(asks(state, name, ISB_A), "YXDOMAIN aa", "grow.example.test. 3600 IN DNAME more.grow.example.test.\n",
	       "", "");
}

static void any_is_answered_with_one_rrset(void **state)
{
	expect(asks(state, "www.example.test.", ISB_ANY), "NOERROR aa", "www.example.test. 3600 IN A 192.0.2.80\n", "",
	       "");
	expect(asks(state, "alias.example.test.", ISB_ANY), "NOERROR aa",
	       "alias.example.test. 3600 IN CNAME www.example.test.\n", "", "");
	expect(asks(state, "ent.example.test.", ISB_ANY), "NOERROR aa", "", SOA, "");
}

static void targets_bring_their_addresses(void **state)
{
	expect(asks(state, "example.test.", ISB_NS), "NOERROR aa",
	       "example.test. 3600 IN NS ns.child.example.test.\nexample.test. 3600 IN NS ns1.example.test.\n", "",
	       "ns.child.example.test. 3600 IN A 192.0.2.53\nns.child.example.test. 3600 IN AAAA 2001:db8::53\n"
	       "ns1.example.test. 3600 IN A 192.0.2.1\nns1.example.test. 3600 IN AAAA 2001:db8::1\n");
	expect(asks(state, "example.test.", ISB_MX), "NOERROR aa", "example.test. 3600 IN MX 10 mail.example.test.\n",
	       "",
	       "mail.example.test. 3600 IN A 192.0.2.25\n");
	expect(asks(state, "_sip._tcp.example.test.", ISB_SRV), "NOERROR aa",
	       "_sip._tcp.example.test. 3600 IN SRV 0 0 5060 www.example.test.\n", "",
	       "www.example.test. 3600 IN A 192.0.2.80\n");
	expect(asks(state, "_far._tcp.example.test.", ISB_SRV), "NOERROR aa",
	       "_far._tcp.example.test. 3600 IN SRV 0 0 5060 host.other.test.\n", "",
	       "host.other.test. 60 IN A 192.0.2.200\n");
	expect(asks(state, "x.wild.example.test.", ISB_MX), "NOERROR aa",
	       "x.wild.example.test. 3600 IN MX 5 mail.example.test.\n", "",
	       "mail.example.test. 3600 IN A 192.0.2.25\n");
}

static void glue_is_no_answer_to_mx(void **state)
{
	expect(asks(state, "glued.example.test.", ISB_MX), "NOERROR aa",
	       "glued.example.test. 3600 IN MX 10 mx.child.example.test.\n", "", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exact_name_is_answered),
		cmocka_unit_test(a_type_that_is_not_there_is_nodata_with_soa),
		cmocka_unit_test(an_empty_non_terminal_is_nodata),
		cmocka_unit_test(a_name_that_is_not_there_is_nxdomain_with_soa),
		cmocka_unit_test(a_zone_that_is_not_ours_is_refused),
		cmocka_unit_test(cnames_are_followed_as_far_as_our_zones_go),
		cmocka_unit_test(a_cname_into_a_delegation_ends_with_the_referral),
		cmocka_unit_test(cname_loops_end),
		cmocka_unit_test(a_delegation_is_a_referral_with_glue),
		cmocka_unit_test(ds_at_a_cut_is_answered_by_the_parent),
		cmocka_unit_test(wildcards_stand_in_for_names_that_do_not_exist),
		cmocka_unit_test(dname_redirects_what_lies_below),
		cmocka_unit_test(a_dname_that_grows_for_ever_ends),
		cmocka_unit_test(a_name_that_a_dname_makes_too_long_is_yxdomain),
		cmocka_unit_test(any_is_answered_with_one_rrset),
		cmocka_unit_test(targets_bring_their_addresses),
		cmocka_unit_test(glue_is_no_answer_to_mx),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
