# SPDX-License-Identifier: Apache-2.0
"""A health result's walk: load balancers stop and return, the probe and the server die and come back."""
import re
import signal
import socketserver
import threading
import time
import unittest

from harness import FRANKFURT, GERMANY, KOREA, NAME, SEOUL, USA, VIRGINIA, Story, until


PAIR = """
checks:
  agent: {{type: agent, interval: 100ms, timeout: 1s}}
pools:
  pair: {{check: agent, endpoints: {{a: {{address: 127.0.0.1, port: {a}}}, b: {{address: 127.0.0.2, port: {b}}}}}}}
zones:
  example.com:
    file: example.com.zone
    records: {{www: {{types: [A], ttl: 30s, policy: pair}}}}
"""


class Agent(socketserver.TCPServer):
    """Says one line to whoever connects."""

    allow_reuse_address = True

    def __init__(self, address, line):
        self.line = line
        super().__init__((address, 0), None)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def finish_request(self, request, client_address):
        request.sendall(self.line.encode() + b"\n")

    def close(self):
        self.shutdown()
        self.server_close()


class Agents(Story):
    def test_what_an_agent_says_is_its_share_and_no_verdict(self):
        a, b = (Agent(address, "100%") for address in ("127.0.0.1", "127.0.0.2"))
        self.addCleanup(a.close)
        self.addCleanup(b.close)
        self.site.apply(PAIR.format(a=a.server_address[1], b=b.server_address[1]))
        self.site.start_server()
        self.site.start_probe()

        def drawn():
            return {self.site.answer(None)[0] for _ in range(60)}

        until(lambda: drawn() == {"127.0.0.1", "127.0.0.2"}, 10, "both are drawn")
        a.line = "drain"
        until(lambda: drawn() == {"127.0.0.2"}, 10, "soft health 0 is taken when nothing else can answer")
        self.assertEqual(self.site.verdicts(), {"pair/a": "up", "pair/b": "up"})
        self.assertRegex(self.site.cli("status"), r"pair/a .* soft health 0%")
        self.assertEqual(self.site.cli_json("status", "pair/a")["endpoints"][0]["observations"][0]["soft"], 0)
        b.line = "down#disk full"
        until(lambda: self.site.verdicts()["pair/b"] == "down", 10, "the agent says down")
        self.assertEqual(drawn(), {"127.0.0.1"})
        a.line = b.line = "up 100%"
        until(lambda: drawn() == {"127.0.0.1", "127.0.0.2"}, 10, "both are back")


class Words(Story):
    def test_status_says_whose_votes_are_too_old_and_what_a_dispute_lacks(self):
        self.site.apply("checks:\n  all: {type: tcp, port: 1, interval: 100ms, timeout: 200ms, quorum: at-least 3, quorum_by: region}\n"
                        "pools:\n  pair: {check: all, endpoints: {a: {address: 127.0.0.1}}}\n")
        agent = Agent("127.0.0.1", "up")
        self.addCleanup(agent.close)
        self.site.cli("set", "check", "all", f"port={agent.server_address[1]}")
        self.site.start_probe("seoul-1", "seoul", ready=False)
        first = self.site.probe
        self.site.start_probe("tokyo-1", "tokyo", ready=False)
        until(lambda: re.search(r"seoul-1: ok x\d+\+?; tokyo-1: ok x\d+\+?; no quorum: at-least 3 of the regions",
                                self.site.cli("status")), 20, "two of three are there")
        self.assertNotIn("too old", self.site.cli("status"))
        first.stop()
        until(lambda: re.search(r"seoul-1: ok x\d+\+?, too old; tokyo-1: ok x\d+\+?; no quorum", self.site.cli("status")), 20,
              "the vote of a probe that is gone is told as what it is")


class Health(Story):
    def setUp(self):
        super().setUp()
        self.site.start()

    def test_point_5_a_stopped_region_moves_away_and_returns(self):
        self.assertEqual(self.site.answer(KOREA), [SEOUL])
        self.site.balancers["seoul"].stop()
        self.site.moves(KOREA, VIRGINIA)
        self.assertEqual(self.site.answer(GERMANY), [FRANKFURT])
        self.assertEqual(self.site.verdicts(), {"asia/icn-1": "down", "us/iad-1": "up", "europe/fra-1": "up"})
        self.site.balancers["seoul"].start()
        self.site.moves(KOREA, SEOUL)

    def test_point_5_a_page_without_the_expected_word_is_down(self):
        conf = self.site.balancers["seoul"].directory / "nginx.conf"
        conf.write_text(conf.read_text().replace('"healthy\\n"', '"on fire\\n"'))
        self.site.balancers["seoul"].process.child.send_signal(signal.SIGHUP)
        self.site.moves(KOREA, VIRGINIA)

    def test_point_5_a_certificate_that_does_not_verify_is_down(self):
        self.site.cli("set", "check", "web", "host=wrong.example.com")
        until(lambda: set(self.site.verdicts().values()) == {"down"}, 20, "every endpoint is down by its certificate")

    def test_all_down_answers_as_if_all_were_up(self):
        for balancer in self.site.balancers.values():
            balancer.stop()
        until(lambda: set(self.site.verdicts().values()) == {"down"}, 20, "every endpoint is down")
        self.site.moves(KOREA, SEOUL)
        self.site.moves(USA, VIRGINIA)

    def test_point_5_answers_hold_when_the_probe_is_killed(self):
        self.site.balancers["seoul"].stop()
        self.site.moves(KOREA, VIRGINIA)
        self.site.probe.kill()
        self.site.balancers["seoul"].start()  # nobody looks any more, so nothing may move
        observed = time.monotonic() + 3  # 15 intervals; the votes are stale long before
        while time.monotonic() < observed:
            self.assertEqual(self.site.answer(KOREA), [VIRGINIA])
            self.assertEqual(self.site.answer(USA), [VIRGINIA])
            self.assertEqual(self.site.answer(GERMANY), [FRANKFURT])
        self.site.start_probe(ready=False)
        self.site.moves(KOREA, SEOUL)

    def test_without_any_probe_endpoints_are_unknown_as_their_pool_wants_it(self):
        self.site.cli("set", "pool", "asia", "unknown=down")
        self.site.balancers["frankfurt"].stop()
        self.site.cli("set", "pool", "europe", "unknown=up")
        self.site.moves(GERMANY, VIRGINIA)
        self.assertEqual(self.site.answer(KOREA), [SEOUL])
        self.site.probe.kill()
        self.site.moves(KOREA, VIRGINIA, within=40)  # once the probe counts as gone
        self.site.moves(GERMANY, FRANKFURT)
        self.assertEqual(self.site.answer(USA), [VIRGINIA], "its pool holds what was seen last")
        self.assertIn("unknown", self.site.cli("explain", NAME, "--client", KOREA))
        self.assertEqual(self.site.cli_json("explain", NAME, "--client", KOREA)["answer"]["rrs"][0].split()[-1], VIRGINIA)
        self.assertEqual(set(self.site.verdicts().values()), {"unknown"})
        self.site.start_probe(ready=False)
        self.site.moves(KOREA, SEOUL)
        self.site.moves(GERMANY, VIRGINIA)

    def test_point_5_verdicts_are_there_at_once_after_the_server_is_killed(self):
        self.site.balancers["seoul"].stop()
        self.site.moves(KOREA, VIRGINIA)
        self.site.probe.kill()
        self.site.server.kill()
        self.site.start_server()
        self.assertEqual(self.site.answer(KOREA), [VIRGINIA], "the first answer already knows the verdict")

    def test_point_5_a_probe_that_returns_does_not_flap(self):
        for _ in range(3):
            self.site.probe.kill()
            self.site.start_probe(ready=False)
            for _ in range(200):
                self.assertEqual(self.site.answer(KOREA), [SEOUL])

    def test_the_programs_stop_cleanly_when_asked(self):
        self.assertEqual(self.site.probe.stop(), 0)
        self.assertEqual(self.site.server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
