# SPDX-License-Identifier: Apache-2.0
"""What an operator says beats what the checks found, until it is taken back or expires."""
import time
import unittest

from harness import FRANKFURT, GERMANY, KOREA, SEOUL, VIRGINIA, Story, until


class Operator(Story):
    def setUp(self):
        super().setUp()
        self.site.start()

    def test_point_6_drain_moves_clients_away_and_auto_brings_them_back(self):
        said = self.site.cli("drain", "asia/icn-1")
        self.assertIn("asia/icn-1", said)
        self.site.moves(KOREA, VIRGINIA)
        self.assertEqual(self.site.endpoints()["asia/icn-1"]["verdict"], "up", "drained, not down")
        self.site.cli("force", "auto", "asia/icn-1")
        self.site.moves(KOREA, SEOUL)

    def test_point_6_force_down_with_a_reason_is_shown_and_moves_clients(self):
        self.site.cli("force", "down", "europe/fra-1", "--for", "1h", "--reason", "power work")
        self.site.moves(GERMANY, VIRGINIA)
        self.assertIn("power work", self.site.cli("status"))

    def test_point_6_force_up_beats_a_verdict(self):
        self.site.balancers["seoul"].stop()
        self.site.moves(KOREA, VIRGINIA)
        self.site.cli("force", "up", "asia/icn-1", "--for", "1h", "--reason", "the check is wrong")
        self.site.moves(KOREA, SEOUL)
        self.assertEqual(self.site.verdicts()["asia/icn-1"], "down")

    def test_point_6_a_forced_state_expires_by_itself(self):
        begun = time.monotonic()
        self.site.cli("force", "down", "asia/icn-1", "--for", "2s", "--reason", "short work")
        self.site.moves(KOREA, VIRGINIA, within=2)
        self.site.moves(KOREA, SEOUL, within=10)
        self.assertGreater(time.monotonic() - begun, 1.9)

    def test_point_6_a_forced_state_survives_a_restart_of_everything(self):
        self.site.cli("force", "down", "europe/fra-1", "--for", "1h", "--reason", "power work")
        self.site.moves(GERMANY, VIRGINIA)
        self.site.probe.kill()
        self.site.server.kill()
        self.site.start_server()
        self.assertEqual(self.site.answer(GERMANY), [VIRGINIA])
        self.site.start_probe()
        self.assertEqual(self.site.answer(GERMANY), [VIRGINIA])
        self.assertEqual(self.site.answer(KOREA), [SEOUL])

    def test_point_6_an_unknown_endpoint_is_refused_with_the_nearest_name(self):
        self.assertIn("asia/icn-1", self.site.cli("drain", "asia/icn-2", ok=False))

    def test_point_6_explain_tells_of_the_operators_word(self):
        self.site.cli("force", "down", "asia/icn-1", "--for", "1h", "--reason", "x")
        self.site.moves(KOREA, VIRGINIA)
        told = self.site.cli("explain", "www.example.com", "A", "--client", KOREA)
        self.assertIn(VIRGINIA, told)
        self.assertIn("asia/icn-1", told)
        self.assertNotEqual(self.site.answer(KOREA), [FRANKFURT])

    def test_a_hold_keeps_what_counted_when_it_was_said(self):
        self.assertIn("asia/icn-1 is held up", self.site.cli("force", "hold", "asia/icn-1", "--for", "1h", "-r", "test of a link"))
        self.site.balancers["seoul"].stop()
        until(lambda: self.site.verdicts()["asia/icn-1"] == "down", 20, "the check sees it")
        self.assertEqual(self.site.answer(KOREA), [SEOUL])
        told = self.site.cli("explain", "www.example.com", "A", "--client", KOREA)
        self.assertIn("held up by", told)
        self.assertIn("checks say down", told)
        self.assertIn("held up", self.site.cli("force", "hold", "asia/icn-1", "--for", "2h"), "prolonged, not taken anew")
        self.assertEqual(self.site.endpoints()["asia/icn-1"]["admin"], "hold-up")
        self.site.cli("force", "auto", "asia/icn-1")
        self.site.moves(KOREA, VIRGINIA)
        self.assertIn("is held down", self.site.cli("force", "hold", "asia/icn-1", "--for", "1h"))
        self.site.balancers["seoul"].start()
        until(lambda: self.site.verdicts()["asia/icn-1"] == "up", 20, "the check sees it back")
        self.assertEqual(self.site.answer(KOREA), [VIRGINIA])
        self.assertIn("1 held", self.site.cli("status"))

    def test_a_drained_endpoint_has_no_verdict_that_could_be_held(self):
        self.site.cli("drain", "asia/icn-1")
        self.assertIn("isobar force auto asia/icn-1", self.site.cli("force", "hold", "*", ok=False))
        self.assertEqual({e["admin"] for e in self.site.endpoints().values()}, {"auto", "drain"}, "nothing was changed")

    def test_what_comes_back_waits_until_an_operator_lets_it(self):
        self.site.cli("set", "pool", "asia", "failback=manual")
        self.site.probe.until(lambda: "catalog-loaded generation=2" in self.site.probe.said(), 5, "the probe knows of it")
        self.assertIn("nothing there waits", self.site.cli("failback", "asia/icn-1", ok=False))
        self.site.balancers["seoul"].stop()
        self.site.moves(KOREA, VIRGINIA)
        self.site.balancers["seoul"].start()
        until(lambda: self.site.verdicts()["asia/icn-1"] == "up", 20, "the check sees it back")
        self.assertEqual(self.site.answer(KOREA), [VIRGINIA])
        self.assertTrue(self.site.endpoints()["asia/icn-1"]["waits"])
        self.assertIn("isobar failback asia/icn-1", self.site.cli("status"))
        self.assertIn("waits for an operator", self.site.cli("explain", "www.example.com", "A", "--client", KOREA))
        self.site.probe.kill()
        self.site.server.kill()
        self.site.start_server()
        self.site.start_probe()
        self.assertEqual(self.site.answer(KOREA), [VIRGINIA], "a restart is no consent")
        self.assertIn("serves again", self.site.cli("failback", "asia/*", "-r", "disk replaced"))
        self.site.moves(KOREA, SEOUL)
        self.assertIn("failback, by", self.site.cli("log"))
        self.assertFalse(self.site.endpoints()["asia/icn-1"]["waits"])

    def test_status_of_one_endpoint_shows_its_outcomes_and_why_it_turned(self):
        self.site.balancers["seoul"].stop()
        self.site.moves(KOREA, VIRGINIA)
        seen = self.site.cli_json("status", "asia/icn-1")["endpoints"][0]
        self.assertRegex(seen["observations"][0]["history"], r"^\++--+$")
        self.assertEqual((seen["observations"][0]["state"], seen["observations"][0]["flaps"]), ("down", 1))
        self.assertEqual([(t["from"], t["to"]) for t in seen["transitions"]], [("up", "down"), ("unknown", "up")])
        text = self.site.cli("status", "asia/icn-1")
        self.assertIn("OUTCOMES", text)
        self.assertRegex(text, r"up -> down  probe-1: connect-refused x\d")
        self.assertNotIn("europe/fra-1", text)
        self.assertIn("asia/icn-1", self.site.cli("status", "asia/icn-2", ok=False))

    def test_status_tells_of_damping(self):
        self.site.cli("set", "check", "web", "flap_limit=1", "rise=20")
        for turn in range(2):
            self.site.balancers["seoul"].stop()
            until(lambda: self.site.verdicts()["asia/icn-1"] == "down", 20, "down")
            if turn == 0:
                self.site.cli("set", "check", "web", "rise=1")
                self.site.balancers["seoul"].start()
                until(lambda: self.site.verdicts()["asia/icn-1"] == "up", 20, "up")
                self.site.cli("set", "check", "web", "rise=20")
        self.assertRegex(self.site.cli("status"), r"damped: 3 flaps, up after 40 more successes")


if __name__ == "__main__":
    unittest.main()
