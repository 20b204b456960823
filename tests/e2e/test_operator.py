# SPDX-License-Identifier: Apache-2.0
"""What an operator says beats what the checks found, until it is taken back or expires."""
import time
import unittest

from harness import FRANKFURT, GERMANY, KOREA, SEOUL, VIRGINIA, Story


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


if __name__ == "__main__":
    unittest.main()
