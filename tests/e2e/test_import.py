# SPDX-License-Identifier: Apache-2.0
"""Zones of octoDNS: what `isobar import octodns` makes of them, and that it answers as octoDNS means it."""
import collections
import unittest

from harness import AUSTRALIA, BRAZIL, FRANKFURT, GERMANY, JAPAN, KOREA, NAME, SEOUL, USA, VIRGINIA, Story, until

# Pools with fallbacks, rules by place and by subnet, a catch-all, and values of last resort.
DYNAMIC = """---
'':
- type: MX
  values:
  - exchange: mx1.example.net.
    preference: 10
  - exchange: mx2.example.net.
    preference: 20
- type: TXT
  value: 'v=spf1 -all\\; still one text'
'*.wild':
  type: CNAME
  value: www.example.com.
www:
  dynamic:
    pools:
      asia:
        fallback: america
        values:
        - value: 127.0.1.10
      america:
        values:
        - value: 127.0.2.10
      europe:
        values:
        - value: 127.0.3.10
    rules:
    - subnets: [194.25.7.16/28]
      geos: [AS-KR]
      pool: asia
    - geos: [AS, EU]
      pool: europe
    - pool: america
  octodns:
    healthcheck:
      host: www.example.com
      path: /health
      port: {port}
  ttl: 60
  type: A
  values:
  - 192.0.2.98
  - 192.0.2.99
"""

PLAIN = "plain: {type: A, value: 192.0.2.1}\n"

# A weighted pool, of which one value is never checked, one never answers, and nothing answers the check of the others.
WEIGHTED = """
w:
  type: A
  value: 192.0.2.9
  dynamic:
    pools:
      one:
        values:
        - {value: 192.0.2.1, weight: 3, status: up}
        - {value: 192.0.2.2, weight: 1, status: up}
        - {value: 192.0.2.3, weight: 90, status: down}
    rules:
    - pool: one
"""

# Names to be answered with: a CNAME by rule, and the zone itself as another name of ours.
NAMES = """
'':
- {type: ALIAS, value: www.example.com.}
www:
  type: A
  value: 192.0.2.80
shop:
  type: CNAME
  ttl: 60
  value: shop.example.net.
  dynamic:
    pools:
      asia:
        values:
        - {value: www.example.com., status: up}
      rest:
        values:
        - {value: lb.example.org., status: up}
    rules:
    - {geos: [AS], pool: asia}
    - {pool: rest}
"""


class Import(Story):
    def write(self, text, name="example.com.yaml"):
        path = self.site.directory / name
        path.write_text(text)
        return path

    def load(self, text, *options, name="example.com.yaml", ok=True):
        path = self.write(text, name)
        return self.site.cli("import", "octodns", path, "--ns", "ns1.example.net", *options, ok=ok)


class Answers(Import):
    def test_octodns_a_dynamic_record_answers_by_rule_then_by_fallback_then_with_its_values(self):
        site = self.site
        site.start_balancers()
        self.load(DYNAMIC.replace("{port}", str(site.target_port)))
        site.cli("set", "check", NAME, "interval=200ms", "timeout=1s", "fall=2", "rise=2", "retry=100ms")
        site.start_server()
        probe = site.run("isobar-probe", "--name", "probe-1")
        probe.until(lambda: set(site.verdicts().values()) == {"up"}, 20, "all endpoints are up")

        by_rule = {KOREA: SEOUL, JAPAN: FRANKFURT, GERMANY: FRANKFURT, USA: VIRGINIA, BRAZIL: VIRGINIA, AUSTRALIA: VIRGINIA}
        for client, answer in by_rule.items():
            self.assertEqual(site.answer(client), [answer], client)
        self.assertEqual(site.answer("194.25.7.16/28"), [SEOUL], "the subnet goes before the country around it")
        self.assertEqual(site.query(NAME, "A", KOREA).answer[0].ttl, 60)
        self.assertEqual(site.answer(KOREA, "a.wild.example.com", "CNAME"), [f"{NAME}."])

        site.balancers["seoul"].stop()
        site.moves(KOREA, VIRGINIA)
        site.balancers["virginia"].stop()
        values = ["192.0.2.98", "192.0.2.99"]
        until(lambda: sorted(site.answer(KOREA)) == values, 20, "the end of the chain is the record's values")
        self.assertEqual(sorted(site.answer(USA)), values)
        self.assertEqual(site.answer(GERMANY), [FRANKFURT])
        site.balancers["frankfurt"].stop()
        until(lambda: sorted(site.answer(GERMANY)) == values, 20, "no rule leads on to another rule")
        site.balancers["virginia"].start()
        site.moves(KOREA, VIRGINIA)
        self.assertEqual(sorted(site.answer(GERMANY)), values, "a rule that matches less closely is not taken either")

    def test_octodns_weights_are_kept_and_a_value_that_is_down_is_never_answered(self):
        self.load(WEIGHTED)
        self.site.start_server()
        # 4000 draws with p = 3/4: standard deviation 27.4; the bound is five of them.
        got = collections.Counter(self.site.answer(name="w.example.com")[0] for _ in range(4000))
        self.assertEqual(set(got), {"192.0.2.1", "192.0.2.2"})
        self.assertLess(abs(got["192.0.2.1"] - 3000), 137)

    def test_octodns_names_are_answered_by_rule_and_the_zone_itself_as_another_name(self):
        self.load(NAMES)
        self.site.start_server()
        self.assertEqual(self.site.answer(KOREA, "shop.example.com", "CNAME"), [f"{NAME}."])
        self.assertEqual(self.site.answer(GERMANY, "shop.example.com", "CNAME"), ["lb.example.org."])
        sections = self.site.query("shop.example.com", "A", KOREA).answer
        self.assertEqual([rrset.to_text() for rrset in sections],
                         [f"shop.example.com. 60 IN CNAME {NAME}.", f"{NAME}. 3600 IN A 192.0.2.80"])
        self.assertEqual(self.site.answer(name="example.com"), ["192.0.2.80"])
        self.assertEqual(self.site.answer(name="example.com", type_="AAAA"), [])


    def test_octodns_only_a_ttl_that_steering_shortened_is_told_of(self):
        self.load(NAMES.replace("  ttl: 60", "  ttl: 600").replace("  type: A\n", "  ttl: 60\n  type: A\n"))
        told = self.site.cli("explain", "shop.example.com", "A", "--client", KOREA)
        self.assertIn("www.example.com. 60 IN A", told)
        self.assertNotIn("shortened", told)
        told = self.site.cli("explain", "example.com", "A", "--client", KOREA)
        self.assertIn("example.com. 60 IN A", told)
        self.assertIn("shortened from 1h: that of its target is shorter, or", told)
        self.site.cli("set", "record", "example.com/shop", "ttl_min=1s")
        self.site.cli("force", "up", "shop.example.com-asia/*", "--for", "20s")
        told = self.site.cli("explain", "shop.example.com", "A", "--client", KOREA)
        self.assertIn("shortened from 10m: what it rests on", told)


class Files(Import):
    def test_octodns_a_zone_is_imported_as_one_edit_and_a_second_time_changes_nothing(self):
        said = self.load(DYNAMIC.replace("{port}", "443"), "-n")
        self.assertIn("dry run", said)
        self.assertIn("note: zone 'example.com' has no SOA", said)
        said = self.load(DYNAMIC.replace("{port}", "443"), "-r", "moving in")
        self.assertIn("+ policy www.example.com\n", said)
        self.assertIn("generation 1\n", said)
        self.assertIn("moving in", self.site.cli("log"))
        self.assertIn("nothing to change; generation 1", self.load(DYNAMIC.replace("{port}", "443")))
        self.site.cli("check")

    def test_octodns_the_files_are_the_whole_zone_and_only_of_their_own(self):
        self.load(WEIGHTED, name="example.net.yaml")
        self.load(DYNAMIC.replace("{port}", "443"))
        said = self.load(PLAIN)
        self.assertIn("- record example.com/www\n", said)
        self.assertNotIn("example.net/", said)
        self.assertIn("192.0.2.1", self.site.cli("show", "rrset", "plain.example.com"))
        self.assertIn("example.net/w", self.site.cli("show", "records"))

    def test_octodns_what_was_made_for_a_name_goes_with_it_unless_something_uses_it(self):
        self.load(WEIGHTED, name="example.net.yaml")
        self.load(DYNAMIC.replace("{port}", "443"))
        self.site.cli("add", "pool", "www.example.com-mine", "endpoints={a: {address: 192.0.2.7}}")
        self.site.cli("add", "policy", "own", "of=[www.example.com-europe]")
        said = self.load(PLAIN)
        for gone in ("policy www.example.com", "pool www.example.com-asia", "pool www.example.com-america"):
            self.assertIn(f"- {gone}\n", said)
        self.assertNotIn("www.example.com-mine", said)
        self.assertNotIn("europe", said, "own uses it")
        self.assertIn("www.example.com", self.site.cli("show", "checks"))
        self.assertIn("w.example.net-one", self.site.cli("show", "pools"))
        self.site.cli("set", "policy", "own", "of=[www.example.com-mine]")
        self.site.cli("check")
        self.assertIn("--prune", self.load(PLAIN, "--prune", ok=False))

    def test_octodns_an_empty_file_takes_nothing_away_unasked(self):
        self.assertIn("this file is empty; zone 'example.com' gets nothing from it", self.load(""))
        self.load(PLAIN)
        for empty in ("", "---\n", "{}\n"):
            said = self.load(empty, ok=False)
            self.assertRegex(said, "example.com.yaml.* no records in the files of zone 'example.com', .* --force")
        self.assertIn("192.0.2.1", self.site.cli("show", "rrset", "plain.example.com"))
        self.assertIn("- plain.example.com. 3600 IN A 192.0.2.1", " ".join(self.load("", "--force").split()))

    def test_octodns_an_import_may_be_limited_in_what_it_moves(self):
        self.load(WEIGHTED)
        said = self.load(WEIGHTED.replace("weight: 1,", "weight: 30,"), "--max-shift", "1%", ok=False)
        self.assertIn("and --max-shift is 1.0 %", said)
        self.assertIn("shift: ", self.load(WEIGHTED.replace("weight: 1,", "weight: 30,"), "--max-shift", "90%"))

    def test_octodns_print_gives_a_catalog_that_means_the_same_and_needs_no_store(self):
        path = self.write(DYNAMIC.replace("{port}", "443"))
        nowhere = self.site.directory / "nowhere"
        printed = self.site.cli("import", "octodns", path, "--ns", "a.example.net", "--soa", "a.example.net. b. 5 1 2 3 4",
                                "--print", "--store", nowhere)
        self.assertFalse(nowhere.exists())
        catalog = self.write(printed, "catalog.yaml")
        self.assertIn("records 1", self.site.cli("check", "-f", catalog))
        self.site.cli("apply", "-f", catalog)
        said = self.site.cli("import", "octodns", path, "--ns", "a.example.net", "--soa", "a.example.net. b. 5 1 2 3 4")
        self.assertIn("nothing to change", said)

    def test_octodns_several_files_are_one_zone_when_it_is_named(self):
        one, two = self.write(PLAIN, "one.yaml"), self.write("'': {type: NS, value: ns.example.org.}\n", "two.yaml")
        self.site.cli("import", "octodns", one, two, "--zone", "example.org")
        self.assertIn("192.0.2.1", self.site.cli("show", "rrset", "plain.example.org"))
        self.assertIn("--zone", self.site.cli("import", "octodns", "-", ok=False))

    def test_octodns_whatever_is_wrong_is_all_listed_and_nothing_is_changed(self):
        self.load(PLAIN)
        said = self.load("a: {type: A, value: 192.0.2}\nb: {type: B, value: x}\nc: {type: A, ttl: 1y, value: 192.0.2.1}\n",
                         ok=False)
        for part in ("example.com.yaml:1:", "example.com.yaml:2:", "example.com.yaml:3:", "nothing was changed: 3 errors"):
            self.assertIn(part, said)
        self.assertIn("192.0.2.1", self.site.cli("show", "rrset", "plain.example.com"))
        self.assertIn("octodns", self.site.cli("import", "octdns", "x.yaml", ok=False))


if __name__ == "__main__":
    unittest.main()
