# SPDX-License-Identifier: Apache-2.0
"""Zones as master files (RFC 1035): out, through other programs' readers, and in again to the same."""
import os
import shutil
import subprocess
import unittest

import dns.rdatatype
import dns.zone
import dns.zonefile

from harness import ROOT
from test_cli import Cli

ZONES = {
    ROOT / "zones/example.com.zone": "example.com",
    **{path: path.stem for path in sorted((ROOT / "tests/conformance/zones").glob("*.test.zone"))},
}
SOA = "@ 60 SOA a. b. 1 2 3 4 5\n@ 60 NS a.\n"


class Zonefile(Cli):
    applied = False

    def records(self, text, zone):
        """As dnspython reads them: owner, type, TTL and rdata, names in lower case as the store keeps owners."""
        read = dns.zone.from_text(text, origin=zone + ".", relativize=False, check_origin=True)
        return {(str(name).lower(), dns.rdatatype.to_text(rdata.rdtype), ttl, rdata.to_text())
                for name, ttl, rdata in read.iterate_rdatas()}

    def setUp(self):
        super().setUp()
        self.says("apply", "-f", self.file("first.yaml", "regions: {here: {location: [1, 2]}}\n"))

    def test_each_zone_comes_out_and_in_again_the_same(self):
        for path, zone in ZONES.items():
            with self.subTest(zone=zone):
                done = self.run_cli("import", "zone", path, "--zone", zone)
                self.assertEqual(done.returncode, 0, done.stderr)  # differing TTLs are told of there
                text = self.says("export", "zone", zone)
                out = self.file(f"{zone}.zone", text)
                generation = self.generation()
                self.assertEqual(self.says("import", "zone", out), f"nothing to change; generation {generation}\n")
                self.says("remove", "zone", zone)
                self.says("import", "zone", "-", "--zone", zone, input=text)
                self.assertEqual(self.says("export", "zone", zone), text)

    def test_other_readers_find_the_same_records(self):
        """dnspython finds in what comes out what it finds in what went in."""
        compared = 0
        for path, zone in ZONES.items():
            with self.subTest(zone=zone):
                self.run_cli("import", "zone", path, "--zone", zone)
                text = self.says("export", "zone", zone)
                try:
                        before = self.records(path.read_text(), zone)
                except (dns.exception.DNSException, ValueError):
                    continue  # it does not know all that a zone of ours may hold; below, a server's own reader does
                after = self.records(text, zone)
                # of differing TTLs in an rrset the lowest is taken; duplicates differ in case only
                self.assertEqual({(owner, kind, rdata.lower()) for owner, kind, _, rdata in after},
                                 {(owner, kind, rdata.lower()) for owner, kind, _, rdata in before})
                compared += 1
        self.assertGreater(compared, 3)

    @unittest.skipUnless(shutil.which("nsd-checkzone"), "nsd-checkzone is not installed")
    def test_a_server_takes_it(self):
        checked = 0
        for path, zone in ZONES.items():
            if subprocess.run(["nsd-checkzone", zone, path], capture_output=True, check=False).returncode:
                continue  # not what went in, either
            self.run_cli("import", "zone", path, "--zone", zone)
            out = self.file(f"{zone}.zone", self.says("export", "zone", zone))
            done = subprocess.run(["nsd-checkzone", zone, out], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, f"{zone}: {done.stdout}{done.stderr}")
            checked += 1
        self.assertGreater(checked, 3)

    def test_unknown_types_are_written_as_such(self):
        self.says("import", "zone", "-", "--zone", "example.net",
                  input=SOA + "x 60 TYPE65280 \\# 3 abcdef\n* 60 TXT \"a;b\" \"\\\"quoted\\\"\"\n")
        text = self.says("export", "zone", "example.net")
        self.assertIn("\nx.example.net. 60 IN TYPE65280 \\# 3 abcdef\n", text)
        self.assertIn('\n*.example.net. 60 IN TXT "a;b" "\\"quoted\\""\n', text)
        self.assertIn(("x.example.net.", "TYPE65280", 60, "\\# 3 abcdef"), self.records(text, "example.net"))

    def test_what_is_steered_is_told_in_comments_and_stays(self):
        self.site.apply(self.site.catalog())
        text = self.says("export", "zone", "example.com")
        self.assertIn("\n;   www A AAAA by www (isobar show record example.com/www)\n", text)
        self.assertNotIn("\nwww.example.com.", text)
        told = self.json("export", "zone", "Example.COM.")
        self.assertEqual(told["zone"], "example.com")
        self.assertIn({"owner": "www", "types": ["A", "AAAA"], "policy": "www"}, told["steered"])
        self.assertTrue(text.endswith(told["text"]))
        generation = self.generation()
        self.says("import", "zone", self.file("example.com.db", SOA.replace("a.", "ns1") + "ns1 60 A 192.0.2.1\n"),
                  "-r", "from elsewhere")
        entry = self.json("show", "generation", generation + 1)
        self.assertEqual({change["kind"] for change in entry["changes"]}, {"rrset"})
        self.assertIn("policy: www", self.says("show", "record", "example.com/www"))

    def test_a_dry_run_shows_the_plan_and_makes_no_zone(self):
        path = self.file("example.net.zone", SOA)
        with self.unchanged():
            said = self.says("import", "zone", path, "-n")
        self.assertTrue(said.startswith("plan: 3 added; generation 1 -> 2\n+ zone example.net\n"), said)
        self.assertIn("  + example.net. 60 IN NS a.\n", said)

    def test_what_is_wrong_is_refused_with_its_line(self):
        bad = self.file("example.net.zone", SOA + "x 60 A 1.2.3\n")
        self.refused("import", "zone", bad, said=["example.net.zone:3:", "refused, nothing was changed: 1 error"])
        self.refused("import", "zone", self.file("x.zone", "y 60 A 192.0.2.1\n"), said=["no SOA"])
        self.refused("import", "zone", "-", status=2, said=["--zone NAME"])
        self.refused("import", "zone", bad, bad, status=2, said=["one zone's file"])
        self.refused("import", "zone", bad, "--print", status=2, said=["takes no --print"])
        self.refused("import", "zone", os.devnull + "/none", "--zone", "example.net", said=["cannot read"])
        self.assertIn("there is no zone 'example.nte'", self.says("export", "zone", "example.nte", status=4))
        self.refused("export", "everything", status=2, said=["isobar export zone NAME"])
