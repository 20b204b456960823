# SPDX-License-Identifier: Apache-2.0
"""A million names in one zone, a hundred thousand zones: loaded, served, and edited while questions are answered."""
import unittest

from harness import Story, until
from test_edits import Asker

NAMES = 1_000_000
ZONES = 100_000

HEAD = "$TTL 300\n@ SOA ns h 1 2h 30m 2w 5m\n@ NS ns\nns A 192.0.2.1\n"


def address(number):
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


class Many(Story):
    def edits_disturb_nobody(self, steady, edited, edits):
        """Every question about `steady` is answered while `edited` changes again and again."""
        asker = Asker(self.site.port, steady)
        asker.start()
        for number in range(edits):
            self.site.cli("set", "rrset", edited, "A", "60", f"192.0.2.{number + 1}")
            until(lambda: self.site.answer(name=edited) == [f"192.0.2.{number + 1}"], 20, f"edit {number} is answered")
        asker.enough.set()
        asker.join(10)
        self.assertEqual(asker.answered, asker.asked)
        self.assertEqual(asker.wrong, [])
        self.assertGreater(asker.asked, 100)

    def test_a_zone_of_a_million_names(self):
        with open(self.site.directory / "million.zone", "w", encoding="ascii") as zone:
            zone.write(HEAD)
            zone.writelines(f"h{number} A {address(number)}\n" for number in range(NAMES))
        self.site.apply("zones: {million.test: {file: million.zone}}\n")
        self.site.start_server(ready=False)
        self.site.server.until(lambda: "started" in self.site.server.said(), 60, "isobard has a view")
        for number in (0, 1, 4711, NAMES // 2, NAMES - 1):
            self.assertEqual(self.site.answer(name=f"h{number}.million.test"), [address(number)])
        self.assertEqual(self.site.query(f"h{NAMES}.million.test").rcode(), 3)
        self.edits_disturb_nobody("h4711.million.test", "h4712.million.test", 20)

    def test_a_hundred_thousand_zones(self):
        catalog = ["zones:\n"]
        text = (HEAD + "www A {}\n").replace("\n", "\\n")
        for number in range(ZONES):
            catalog.append(f'  z{number}.test: {{text: "{text.format(address(number))}"}}\n')
        self.site.apply("".join(catalog))
        self.site.start_server(ready=False)
        self.site.server.until(lambda: "started" in self.site.server.said(), 60, "isobard has a view")
        for number in (0, 1, 4711, ZONES // 2, ZONES - 1):
            self.assertEqual(self.site.answer(name=f"www.z{number}.test"), [address(number)])
        self.assertEqual(self.site.query(f"www.z{ZONES}.test").rcode(), 5)
        self.edits_disturb_nobody("www.z4711.test", "www.z4712.test", 5)


if __name__ == "__main__":
    unittest.main()
