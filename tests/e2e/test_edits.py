# SPDX-License-Identifier: Apache-2.0
"""An edit's walk: applied under load, refused when wrong, made while the server is down, read back as printed."""
import socket
import threading
import unittest

import dns.message
import dns.rcode

from harness import FRANKFURT, KOREA, NAME, SEOUL, USA, VIRGINIA, ZONE, Story, until


class Asker(threading.Thread):
    """Asks without a pause over one socket; each question must be answered before the next."""

    def __init__(self, port, name, type_="A"):
        super().__init__(daemon=True)
        self.port, self.question = port, dns.message.make_query(name, type_, use_edns=0)
        self.asked = self.answered = 0
        self.wrong = []
        self.enough = threading.Event()

    def run(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(3)
            client.connect(("127.0.0.1", self.port))
            wire = bytearray(self.question.to_wire())
            while not self.enough.is_set():
                self.asked += 1
                wire[:2] = (self.asked & 0xFFFF).to_bytes(2, "big")
                client.send(wire)
                try:
                    reply = client.recv(4096)
                except TimeoutError:
                    continue
                self.answered += 1
                if reply[:2] != wire[:2] or reply[3] & 15 or reply[7] == 0:
                    self.wrong.append(reply.hex())


class UnderLoad(Story):
    def test_point_3_thirty_generations_are_picked_up_without_a_lost_query(self):
        self.site.start()
        askers = [Asker(self.site.port, name) for name in (NAME, "plain.example.com", "any.wild.example.com", "alias.example.com")]
        for asker in askers:
            asker.start()
        for number in range(30):
            zone = ZONE.replace("generation one", f"generation {number}")
            catalog = self.site.catalog().replace("ttl: 30s", f"ttl: {30 + number}s")
            self.site.apply(catalog, zone)
            told = f'"generation {number}"'
            until(lambda: self.site.answer(name="example.com", type_="TXT") == [told], 10, f"the server answers {told}")
        for asker in askers:
            asker.enough.set()
        for asker in askers:
            asker.join(10)
            self.assertEqual(asker.answered, asker.asked)
            self.assertEqual(asker.wrong, [])
            self.assertGreater(asker.asked, 1000)

    def test_point_3_a_new_zone_and_a_removed_one_are_picked_up(self):
        self.site.start(probe=False)
        more = self.site.catalog() + """
  example.net:
    text: |
      @ 3600 SOA ns1.example.com. hostmaster.example.com. 1 7200 1800 1209600 300
      @ 3600 NS ns1.example.com.
      www 60 A 192.0.2.99
"""
        self.site.apply(more)
        until(lambda: self.site.answer(name="www.example.net") == ["192.0.2.99"], 10, "the new zone answers")
        self.site.apply(self.site.catalog(), ZONE, "--prune")
        refused = dns.rcode.REFUSED
        until(lambda: self.site.query("www.example.net").rcode() == refused, 10, "the removed zone is refused")


class Refused(Story):
    def setUp(self):
        super().setUp()
        self.site.start(probe=False)

    def refused(self, *words, catalog=None, zone=ZONE):
        before = self.site.cli("export")
        said = self.site.apply(catalog or self.site.catalog(), zone, ok=False)
        for word in words:
            self.assertIn(word, said)
        self.assertEqual(self.site.cli("export"), before, "nothing was changed")
        self.assertEqual(self.site.answer(USA), [VIRGINIA], "what was running keeps running")

    def test_point_6_an_unknown_key_names_file_line_and_the_nearest_word(self):
        catalog = self.site.catalog().replace("address: 127.0.1.10", "wieght: 3, address: 127.0.1.10")
        line = catalog[: catalog.index("wieght")].count("\n") + 1
        self.refused(f"catalog.yaml:{line}", "wieght", "weight", catalog=catalog)

    def test_point_6_a_dangling_name_is_refused_with_the_nearest_one(self):
        catalog = self.site.catalog().replace("use: [europe, us]", "use: [europa, us]")
        line = catalog[: catalog.index("europa")].count("\n") + 1
        self.refused(f"catalog.yaml:{line}", "europa", "europe", catalog=catalog)

    def test_point_3_every_error_of_a_zone_file_is_listed_with_its_line(self):
        zone = ZONE.replace("192.0.2.80", "192.0.2.888").replace("192.0.2.82", "not-an-address")
        lines = [n for n, text in enumerate(zone.splitlines(), 1) if "888" in text or "not-an" in text]
        self.assertEqual(len(lines), 2)
        self.refused(*(f"example.com.zone:{line}" for line in lines), zone=zone)

    def test_a_zone_without_soa_is_refused(self):
        self.refused("SOA", zone="$ORIGIN example.com.\n@ 60 NS ns1\nns1 60 A 192.0.2.1\n")

    def test_broken_yaml_is_refused_with_its_line(self):
        self.refused("catalog.yaml:4", catalog="regions:\n  seoul: {location: [1, 2]}\n  virginia: {location: [1, 2\nchecks: {}\n")


class ByHand(Story):
    def setUp(self):
        super().setUp()
        self.site.start_balancers()
        self.site.apply(self.site.catalog())

    def test_point_6_everything_works_while_the_server_is_down(self):
        site = self.site
        self.assertIn("icn-1", site.cli("show", "pool", "asia"))
        self.assertIn("asia", site.cli("show", "pools"))
        self.assertIn("asia/icn-1", site.cli("status"))
        self.assertIn(SEOUL, site.cli("explain", NAME, "A", "--client", KOREA))
        site.cli("set", "pool", "asia", f"endpoints.icn-1.address={FRANKFURT}")
        site.start_server()
        site.moves(KOREA, FRANKFURT)

    def test_point_6_set_add_and_remove_reach_the_running_server(self):
        site = self.site
        site.start_server()
        site.cli("add", "pool", "spare", "endpoints={x-1: {region: frankfurt, address: 192.0.2.7}}")
        site.cli("add", "record", "example.com/new", "types=[A]", "policy=spare", "ttl=7s")
        until(lambda: site.answer(name="new.example.com") == ["192.0.2.7"], 10, "the added record answers")
        site.cli("set", "pool", "spare", "endpoints.x-1.address=192.0.2.8")
        until(lambda: site.answer(name="new.example.com") == ["192.0.2.8"], 10, "the changed address is answered")
        site.cli("remove", "record", "example.com/new")
        until(lambda: site.query("new.example.com").rcode() == dns.rcode.NXDOMAIN, 10, "the removed record is gone")

    def test_point_6_an_object_in_use_cannot_be_removed(self):
        said = self.site.cli("remove", "pool", "asia", ok=False)
        self.assertRegex(said, r"policy/\S+: unknown pool or policy 'asia'\n")
        self.assertIn("pool 'asia' is still in use there, nothing was changed", said)
        self.assertIn("icn-1", self.site.cli("show", "pool", "asia"))

    def test_point_6_diff_and_dry_run_show_the_change_and_change_nothing(self):
        site = self.site
        before = site.cli("export")
        changed = site.directory / "changed.yaml"
        changed.write_text(site.catalog().replace("fall: 2", "fall: 4"))
        for words in (("diff", "-f", changed), ("apply", "-f", changed, "--dry-run")):
            self.assertRegex(site.cli(*words), "(?s)fall.*4")
            self.assertEqual(site.cli("export"), before)

    def test_point_6_what_export_prints_apply_reads_back_to_the_same(self):
        site = self.site
        printed = site.cli("export")
        copy = site.directory / "copy.yaml"
        copy.write_text(printed)
        site.store = site.new_store("another")
        site.cli("apply", "-f", copy)
        self.assertEqual(site.cli("export"), printed)

    def test_point_6_applying_twice_changes_nothing_the_second_time(self):
        first = self.site.cli("log")
        self.site.apply(self.site.catalog())
        self.assertEqual(self.site.cli("log"), first)

    def test_point_6_the_log_says_who_changed_what(self):
        self.site.cli("set", "check", "web", "fall=4")
        self.assertRegex(self.site.cli("log"), "(?s)web")


if __name__ == "__main__":
    unittest.main()
