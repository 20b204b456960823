# SPDX-License-Identifier: Apache-2.0
"""`isobar status`: one screen for whoever is woken at night, and all of it for programs."""
import itertools
import json
import re

from harness import NAME, Story, until
from test_cli import Cli

SHOP = """
regions:
  seoul: {location: [37.57, 126.98]}
  tokyo: {location: [35.68, 139.69]}
pools:
  blue:  {min_up: 2, endpoints: {a: {region: seoul, address: 192.0.2.1}, b: {region: tokyo, address: 192.0.2.2, weight: 7},
                                 c: {region: tokyo, address: 192.0.2.3}}}
  green: {min_up: "60%", endpoints: {a: {region: seoul, address: 192.0.2.11}, b: {region: tokyo, address: 192.0.2.12}}}
policies:
  both: {order: failover, of: [blue, green]}
  outer: {order: weighted, of: [both, {use: green, weight: 3}]}
zones:
  example.com:
    text: |
      @ SOA ns1 hostmaster 1 7200 1800 1209600 300
      @ NS ns1
      ns1 A 192.0.2.53
      fall A 192.0.2.80
    records:
      open: {types: [A, AAAA], ttl: 30s, policy: outer, all_down: all}
      last: {types: A, ttl: 30s, policy: both, all_down: last}
      fall: {types: A, ttl: 30s, policy: blue, all_down: fallback}
      none: {types: A, ttl: 30s, policy: green, all_down: nodata}
"""
ENDPOINTS = ("blue/a", "blue/b", "blue/c", "green/a", "green/b")


class Standing(Cli):
    applied = False

    def setUp(self):
        super().setUp()
        self.says("apply", "-f", self.file("shop.yaml", SHOP))

    def records(self):
        return {record["owner"]: record for record in self.json("status")["records"]}

    def test_when_all_is_well_it_says_so_in_one_line(self):
        self.assertEqual(self.says("status"),
                         "all is well; generation 1; endpoints: 5 unchecked; pools: 2; records: 4; probes: 0\n")

    def test_a_record_stands_as_its_answers_do_whatever_is_out(self):
        """Every subset of endpoints is taken out; explain asks the very function that answers."""
        said = {"answers": {False}, "reduced": {False}, "all_down": {True}}
        seen = set()
        for out in itertools.chain.from_iterable(itertools.combinations(ENDPOINTS, n) for n in range(len(ENDPOINTS) + 1)):
            self.says("force", "auto", "*")
            if out:
                self.says("force", "down", *out)
            for owner, record in self.records().items():
                told = self.json("explain", f"{owner}.example.com", "A", "--client", "203.0.113.7", "--seed", "1")
                failopen = any(step["step"] == "failopen" for step in told["steps"])
                self.assertIn(failopen, said[record["standing"]], (out, record))
                seen.add((owner, record["standing"]))
        self.assertEqual({owner for owner, standing in seen if standing == "all_down"}, {"open", "last", "fall", "none"})
        self.assertIn(("open", "reduced"), seen)

    def test_what_is_wrong_comes_first_and_says_since_when_why_and_by_whom(self):
        self.says("force", "down", "blue/a", "blue/b", "--author", "kim", "-r", "power work", "--for", "2h")
        lines = self.says("status").splitlines()
        self.assertEqual(lines[0], "generation 2; endpoints: 5 unchecked, 2 forced; pools: 1 of 2 cannot answer; "
                         "records: 1 of 4 falls back, 2 of 4 lack a pool; probes: 0")
        text = "\n".join(lines)
        self.assertRegex(text, r"fall\.example\.com +falls back to the ordinary records +\S+s +blue: 1 of 3 serve, 2 needed")
        self.assertRegex(text, r"open\.example\.com +answers, but not with all of its pools +\S+s +blue: 1 of 3 serve, 2 needed")
        self.assertRegex(text, r"\nblue +no +1 of 3 +2 +\S+s +a forced down, b forced down\n")
        self.assertRegex(text, r"\nblue/a +seoul +192\.0\.2\.1 +forced down +\S+s +- +kim: power work; ends in 1h59m")
        for fine in ("green/a", "blue/c", "none.example.com", "\ngreen "):
            self.assertNotIn(fine, text)
        self.says("force", "down", "*")
        text = self.says("status")
        self.assertIn("records: 2 of 4 fail open, 1 of 4 falls back, 1 of 4 answers without data", text)
        self.assertRegex(text, r"last\.example\.com +fails open: as it last answered well")

    def test_a_pool_fell_when_one_endpoint_too_many_did(self):
        self.says("drain", "blue/c")
        first = self.json("status")["now_ms"]
        self.says("drain", "blue/a")
        pool = self.json("status")["pools"][0]
        self.assertEqual((pool["serving"], pool["needed"], pool["can_answer"]), (1, 2, False))
        self.assertGreaterEqual(pool["since_ms"], first)
        self.says("drain", "blue/b")
        again = self.json("status")
        self.assertEqual(again["pools"][0]["since_ms"], pool["since_ms"])
        fell = {record["owner"]: record["since_ms"] for record in again["records"]}
        self.assertEqual((fell["fall"], fell["open"], fell["none"]), (pool["since_ms"], pool["since_ms"], 0))

    def test_all_lists_what_is_fine_too_and_a_pool_or_region_its_own(self):
        text = self.says("status", "--all")
        for endpoint in ENDPOINTS:
            self.assertRegex(text, rf"(?m)^{endpoint} ")
        blue = self.says("status", "blue")
        self.assertRegex(blue, r"\nblue +yes +3 of 3 +2 ")
        self.assertRegex(blue, r"\nfall\.example\.com +answers")
        self.assertNotIn("green/a", blue)
        self.assertNotIn("none.example.com", blue)
        self.assertEqual(re.findall(r"(?m)^(\w+/\w) ", self.says("status", "tokyo")), ["blue/b", "blue/c", "green/b"])
        self.assertEqual([row["endpoint"] for row in self.json("status", "seoul")["endpoints"]], ["blue/a", "green/a"])
        self.assertIn("did you mean 'green'?", self.says("status", "gren", status=4))
        self.assertIn("POOL/ENDPOINT", self.says("status", "qqqqqq", status=4))

    def test_a_long_list_is_cut_to_the_screen_and_says_where_the_rest_is(self):
        many = ", ".join(f"e{n}: {{address: 192.0.2.{n}}}" for n in range(1, 41))
        self.says("apply", "-f", self.file("many.yaml", f"pools: {{many: {{endpoints: {{{many}}}}}}}\n"))
        self.says("drain", "*/*")
        text = self.says("status")
        self.assertIn("... and 37 more: isobar status --all\n", text)
        self.assertIn("e4 drained and 36 more\n", text)
        self.assertLess(len(text.splitlines()), 30)
        self.assertEqual(len(re.findall(r"(?m)^\w+/\w+ ", self.says("status", "--all"))), 45)

    def test_the_document_has_all_that_a_screen_draws(self):
        status = self.json("status")
        self.assertEqual(status["regions"][0], {"name": "seoul", "location": [37.57, 126.98]})
        row = next(row for row in status["endpoints"] if row["endpoint"] == "blue/b")
        self.assertEqual((row["pool"], row["name"], row["weight"], row["serves"]), ("blue", "b", 7, True))
        self.assertEqual(self.records()["open"]["types"], ["A", "AAAA"])
        self.assertEqual(self.records()["open"]["pools"], ["blue", "green"])
        summary = status["summary"]
        self.assertEqual((summary["well"], summary["endpoints"], summary["records"], summary["pools"]), (True, 5, 4, 2))


class Running(Story):
    def test_with_probes_a_dead_endpoint_is_told_with_their_evidence_and_a_dead_probe_too(self):
        site = self.site.start()
        until(lambda: site.cli("status").startswith("all is well; "), 20, "all are up and the probe is live")
        self.assertRegex(site.cli("status"), r"^all is well; generation \d+; endpoints: 3 of 3 up; pools: 3; records: 2; "
                         r"probes: 1 of 1 live\n$")
        site.balancers["seoul"].stop()
        text = until(lambda: (lambda text: "1 down" in text and text)(site.cli("status")), 20, "the balancer is down")
        self.assertRegex(text, r"pools: 1 of 3 cannot answer; records: 2 of 2 lack a pool")
        self.assertRegex(text, r"\nasia/icn-1 +seoul +127\.0\.1\.10 +down +\S+ +\S+ +probe-1: \S+ x\d+")
        self.assertNotIn("us/iad-1", text)
        self.assertIn(NAME, text)
        site.probe.stop()
        text = until(lambda: (lambda text: "1 gone" in text and text)(site.cli("status")), 60, "the probe is gone")
        self.assertIn("no probe reports any more", text)
        self.assertRegex(text, r"\nprobe-1 +\S+ +gone ")
        self.assertFalse(json.loads(site.cli("status", "-o", "json"))["summary"]["well"])
