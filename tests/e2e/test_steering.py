# SPDX-License-Identifier: Apache-2.0
"""The orders that the main catalog does not show: latency, nearest, weighted, nested."""
import collections
import time
import unittest

from harness import BRAZIL, FRANKFURT, GERMANY, JAPAN, KOREA, SEOUL, USA, VIRGINIA, Story, scope, until

CATALOG = """
regions:
  seoul:     {{location: [37.57, 126.98]}}
  virginia:  {{location: [38.95, -77.45]}}
  frankfurt: {{location: [50.11, 8.68]}}
pools:
  asia:   {{endpoints: {{icn-1: {{region: seoul, address: 127.0.1.10}}}}}}
  us:     {{endpoints: {{iad-1: {{region: virginia, address: 127.0.2.10}}}}}}
  europe: {{endpoints: {{fra-1: {{region: frankfurt, address: 127.0.3.10}}}}}}
  pair:
    order: weighted
    endpoints:
      three: {{region: seoul, address: 192.0.2.3, weight: 3}}
      one:   {{region: seoul, address: 192.0.2.1, weight: 1}}
  both: {{answers: all, order: failover, endpoints: {{b-1: {{address: 192.0.2.11, tier: 0}}, b-2: {{address: 192.0.2.12, tier: 1}}}}}}
policies:
  latency: {{order: latency, of: [asia, us, europe]}}
  nearest: {{order: nearest, of: [asia, us, europe]}}
  nested:
    order: geo
    rules:
      - {{country: KR, use: {{order: weighted, of: [{{use: asia, weight: 0}}, {{use: {{order: failover, of: [europe, us]}}, weight: 1}}]}}}}
      - {{default: true, use: nearest}}
zones:
  example.com:
    file: example.com.zone
    records:
      latency:  {{types: [A], policy: latency}}
      nearest:  {{types: [A], policy: nearest}}
      nested:   {{types: [A], policy: nested}}
      weighted: {{types: [A], policy: pair}}
      both:     {{types: [A], policy: both}}
"""


class Steering(Story):
    def setUp(self):
        super().setUp()
        self.site.apply(self.site.catalog(CATALOG))
        self.site.start_server()

    def answers(self, name, *clients):
        return [self.site.answer(client, f"{name}.example.com")[0] for client in clients]

    def test_point_4_nearest_answers_with_the_region_closest_to_the_client(self):
        got = self.answers("nearest", KOREA, JAPAN, USA, BRAZIL, GERMANY)
        self.assertEqual(got, [SEOUL, SEOUL, VIRGINIA, VIRGINIA, FRANKFURT])

    def test_point_4_imported_round_trips_decide_where_they_are_known(self):
        table = self.site.directory / "latency.csv"
        table.write_text("194.25.0.0/16,seoul,250\n194.25.0.0/16,virginia,20\n194.25.0.0/16,frankfurt,80\n")
        self.site.cli("latency", "import", table)
        name = "latency.example.com"
        until(lambda: self.site.answer(GERMANY, name) == [VIRGINIA], 10, "the measured region is answered")
        self.assertIn(scope(self.site.query(name, "A", GERMANY)), range(16, 25))
        self.assertEqual(self.site.answer(KOREA, name), [SEOUL], "without measurements: the nearest")
        table.write_text("194.25.0.0/16,virginia,120\n")
        self.site.cli("latency", "import", table)
        until(lambda: self.site.answer(GERMANY, name) == [FRANKFURT], 10, "the new measurement is followed")

    def test_point_4_a_network_too_little_measured_is_answered_as_its_country(self):
        table, name = self.site.directory / "latency.csv", "latency.example.com"
        lines = [f"194.25.{n}.0/24,{region},{ms},{count}\n"
                 for n, count in ((0, 12), (8, 8))
                 for region, ms in (("seoul", 250), ("virginia", 20), ("frankfurt", 80))]
        table.write_text("".join(lines[:3]))
        self.site.cli("latency", "import", table)
        told = self.site.cli("explain", name, "--client", "194.25.0.1")
        self.assertNotIn("p25", told, "12 samples decide nothing")
        table.write_text("".join(lines[3:]))
        self.site.cli("latency", "import", table)
        for client in ("194.25.0.1", "194.25.99.1"):
            told = self.site.cli("explain", name, "--client", client)
            self.assertRegex(told, r"us +20\.0 ms p25 of 20 samples, (AS\d+( [A-Z][A-Z])?|country DE)\n")
            until(lambda: self.site.answer(f"{client}/32", name) == [VIRGINIA], 10, "its country's round trips decide")
        self.assertEqual(self.site.answer(KOREA, name), [SEOUL], "without measurements: the nearest")

    def test_point_4_round_trips_age_out_while_nobody_edits_anything(self):
        name, soon = "latency.example.com", time.time() - 24 * 3600 + 8
        self.site.cli("latency", "import", "-", text="".join(
            f"194.25.0.0/16,{region},{ms},,{soon:.3f}\n" for region, ms in (("seoul", 250), ("virginia", 20), ("frankfurt", 80))))
        until(lambda: self.site.answer(GERMANY, name) == [VIRGINIA], 7, "the measured region is answered")
        until(lambda: self.site.answer(GERMANY, name) == [FRANKFURT], 60, "what is a day old decides no more")
        self.assertGreaterEqual(time.time(), soon + 24 * 3600)

    def test_point_4_explain_names_the_network_that_decides(self):
        self.site.cli("latency", "import", "-", text="194.25.0.0/16,seoul,250\n194.25.0.0/16,virginia,20,30\n"
                      "194.25.0.0/16,frankfurt,80,132\n")
        told = self.site.cli("explain", "latency.example.com", "--client", "194.25.0.1")
        self.assertRegex(told, r"us +20\.0 ms p25 of 30 samples, 194\.25\.0\.0/16\n")
        self.assertRegex(told, r"europe +80\.0 ms p25 of 132 samples, 194\.25\.0\.0/16\n")

    def test_point_4_a_wrong_line_of_a_latency_file_is_refused_with_its_line(self):
        table = self.site.directory / "latency.csv"
        table.write_text("194.25.0.0/16,virginia,20\n194.25.0.0/16,virgina,80\n")
        said = self.site.cli("latency", "import", table, ok=False)
        self.assertIn("latency.csv:2", said)
        self.assertIn("virginia", said)

    def test_point_4_weighted_endpoints_are_answered_in_proportion(self):
        # 4000 draws with p = 3/4: standard deviation 27.4; the bound is five of them.
        got = collections.Counter(self.site.answer(name="weighted.example.com")[0] for _ in range(4000))
        self.assertEqual(set(got), {"192.0.2.3", "192.0.2.1"})
        self.assertLess(abs(got["192.0.2.3"] - 3000), 137)

    def test_point_4_policies_nest(self):
        self.assertEqual(self.answers("nested", KOREA, USA, JAPAN), [FRANKFURT, VIRGINIA, SEOUL])

    def test_point_4_a_pool_may_answer_with_all_its_endpoints_in_order(self):
        self.assertEqual(self.site.answer(name="both.example.com"), ["192.0.2.11", "192.0.2.12"])
        self.site.cli("force", "down", "both/b-1", "--for", "1h", "--reason", "x")
        until(lambda: self.site.answer(name="both.example.com") == ["192.0.2.12"], 10, "the forced one is left out")


if __name__ == "__main__":
    unittest.main()
