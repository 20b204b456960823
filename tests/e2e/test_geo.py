# SPDX-License-Identifier: Apache-2.0
"""The geo database changes under a running server: it is read anew when it is good, and the old one stays when it is not."""
import os
import time
import unittest

from harness import FRANKFURT, KOREA, NAME, ROOT, SEOUL, Story, geo_database, scope, until

FIXTURES = ROOT / "tests/unit/view/geo"
OTHER = FIXTURES / "city.mmdb"  # knows documentation networks only, and none of KOREA's
PLACED = "192.0.2.0/25"  # Seoul, says OTHER

CATALOG = """
regions:
  seoul: {{location: [37.57, 126.98]}}
  frankfurt: {{location: [50.11, 8.68]}}
pools:
  asia: {{endpoints: {{a: {{region: seoul, address: %s}}}}}}
  europe: {{endpoints: {{a: {{region: frankfurt, address: %s}}}}}}
policies:
  www: {{order: geo, rules: [{{country: KR, use: asia}}, {{default: true, use: europe}}]}}
zones:
  example.com:
    file: example.com.zone
    records: {{www: {{types: [A], policy: www}}}}
""" % (SEOUL, FRANKFURT)


class Geo(Story):
    def setUp(self):
        super().setUp()
        self.path = self.site.store / "geo.mmdb"
        self.path.unlink()  # a link to what all tests share

    def start(self, database=None):
        if database:
            self.path.write_bytes(database.read_bytes())
        self.site.apply(self.site.catalog(CATALOG))
        self.site.start_server()

    def said(self, event):
        return [line for line in self.site.server.said().splitlines() if event in line]

    def waits(self, condition, what):
        self.site.server.until(condition, 20, what)

    def refused(self, reason):
        """The database as it stands is refused, once, and what was known before still is."""
        before = len(self.said("geo-refused"))
        asked = 0

        def heard():
            nonlocal asked
            asked += 1
            self.assertEqual(self.site.answer(KOREA), [SEOUL], "asked while the file is bad")
            return len(self.said("geo-refused")) > before

        self.waits(heard, f"the server says {reason}")
        self.assertIn(reason, self.said("geo-refused")[-1])
        self.assertIn("Tor-IPFire-Country", self.said("geo-kept")[-1])
        time.sleep(2.5)  # two more looks, as a rule; with fewer there is less to see, and nothing to fail
        self.assertEqual(len(self.said("geo-refused")), before + 1, "said once")
        self.assertEqual(self.site.answer(KOREA), [SEOUL])

    def test_point_2_a_database_that_is_replaced_or_overwritten_in_place_is_read_anew(self):
        self.start(geo_database())
        self.assertEqual(self.site.answer(KOREA), [SEOUL])
        inode = self.path.stat().st_ino
        with self.path.open("r+b") as file:  # shorter, and in place: a mapping of the file would end in SIGBUS
            file.truncate(0)
            file.write(OTHER.read_bytes())
        self.assertEqual(self.path.stat().st_ino, inode)
        self.site.moves(KOREA, FRANKFURT)
        self.assertEqual(self.site.answer(PLACED), [SEOUL])
        self.assertEqual(scope(self.site.query(NAME, "A", PLACED)), 25)
        fresh = self.site.store / "fresh.mmdb"
        fresh.write_bytes(geo_database().read_bytes())
        os.replace(fresh, self.path)
        self.site.moves(KOREA, SEOUL)
        self.assertEqual(len(self.said("geo-opened")), 3)
        self.assertEqual(self.said("geo-refused"), [])

    def test_point_2_rubbish_a_torn_file_and_none_leave_the_old_one_and_are_said_once_each(self):
        self.start(geo_database())
        whole = geo_database().read_bytes()
        self.path.write_text("this is no database")
        self.refused("not a geo database in MaxMind's format")
        told = self.site.cli("status")
        self.assertRegex(told, r"geo: .*geo\.mmdb: not a geo database .*; isobard keeps what it has")
        self.assertEqual(self.site.cli_json("status")["geo"]["databases"], None)
        self.path.write_bytes(whole[: len(whole) // 2])
        self.refused("not a geo database in MaxMind's format")
        self.path.write_bytes(whole[: len(whole) // 4] + bytes(len(whole) // 2) + whole[3 * len(whole) // 4 :])
        self.refused("damaged")
        self.path.unlink()
        self.refused("gone")
        self.path.write_bytes(OTHER.read_bytes())
        self.site.moves(KOREA, FRANKFURT)
        self.assertIn("geo: GeoLite2-City 2025-11-18\n", self.site.cli("status", "--all"))

    def test_point_2_a_database_that_comes_later_is_found(self):
        self.start()
        self.assertEqual(self.site.answer(KOREA), [FRANKFURT])
        self.assertIn("geo: no database\n", self.site.cli("status", "--all"))
        self.path.write_bytes(geo_database().read_bytes())
        self.site.moves(KOREA, SEOUL)


if __name__ == "__main__":
    unittest.main()
