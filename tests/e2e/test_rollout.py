# SPDX-License-Identifier: Apache-2.0
"""Canary and blue-green: a record is led to another pool step by step, held, taken back, or switched at once."""
import time
import unittest

from harness import CATALOG, SEOUL, VIRGINIA, Story, until

NAME = "app.example.com"
LISTED, OTHERS = "192.0.2.0/25", "198.51.100.0/24"
STEPS = CATALOG + "      app: {{types: [A], ttl: 30s, policy: asia}}\n"


class Rollout(Story):
    def setUp(self):
        super().setUp()
        self.site.start_balancers()
        self.site.apply(self.site.catalog(STEPS))
        self.site.start_server()
        self.site.start_probe()

    def ask(self, count=40, client=None):
        """Who answers how often."""
        answers = [self.site.answer(client, NAME)[0] for _ in range(count)]
        return {address: answers.count(address) for address in answers}

    def only(self, address, within=20):
        until(lambda: self.ask() == {address: 40}, within, f"{NAME} is {address}")

    def rollout(self):
        found = self.site.cli_json("status")["rollouts"]
        self.assertLessEqual(len(found), 1)
        return found[0] if found else None

    def start(self, *options):
        return self.site.cli("rollout", "start", NAME, "--to", "us", *options)

    def test_steps_follow_the_clock_and_finish_makes_it_the_policy(self):
        self.only(SEOUL)
        begun = time.time()
        told = self.start("--steps", "1,50,100", "--every", "3s", "-r", "release 42")
        self.assertIn("step 1 of 3: 1 %", told)
        self.assertIn(f"isobar rollout abort {NAME}", told)
        state = self.rollout()
        self.assertEqual((state["from"], state["to"], state["state"], state["reason"]), ("asia", "us", "running", "release 42"))
        self.assertEqual(state["steps"], [1, 50, 100])
        self.site.probe.kill()  # nobody carries it on but the clock
        until(lambda: self.rollout()["step"] == 3, 20, "the last step")
        self.assertGreaterEqual(time.time(), begun + 6)
        self.only(VIRGINIA)
        self.site.cli("rollout", "finish", "app", "-r", "all is well")
        self.assertIsNone(self.rollout())
        self.only(VIRGINIA)
        self.assertIn("policy: us", self.site.cli("show", "record", "example.com/app"))
        log = self.site.cli("log")
        self.assertIn("+ rollout example.com/app to us: 1, 50, 100 % every 3s", log)
        self.assertIn("- rollout example.com/app: ended", log)

    def test_a_share_is_held_survives_restarts_and_an_abort_takes_it_back(self):
        self.start("--steps", "50")
        until(lambda: len(self.ask()) == 2, 10, "both sides answer")
        self.site.server.kill()
        self.site.start_server()
        self.site.apply(self.site.catalog(STEPS))  # files say nothing of rollouts
        counts = self.ask(800)
        self.assertTrue(300 < counts[SEOUL] < 500, counts)  # seven standard deviations
        told = self.site.cli("explain", NAME, "--client", OTHERS)
        self.assertIn("step 1: 50 % are given us", told)
        self.assertIn("with 50 of 100", told)
        self.assertIn("resolvers may hold older answers until", self.site.cli("rollout", "abort", NAME))
        self.only(SEOUL, within=2)
        self.assertIn("no rollout of", self.site.cli("rollout", "abort", NAME, ok=False))

    def test_the_short_explanation_tells_of_it(self):
        self.site.server.stop()
        self.site.server = self.site.run("isobard", "--listen", f"127.0.0.1:{self.site.port}", "--explain-from", "127.0.0.1")
        self.site.server.until(self.site.answers, 20, "isobard answers")
        self.start("--steps", "50")

        def told():
            return " ".join(self.site.answer(name=f"_explain.{NAME}", type_="TXT", tcp=True))

        until(lambda: "rollout to us: step 1, 50 per cent" in told(), 10, "the explanation tells of the rollout")
        self.assertRegex(told(), "rollout to us takes (us|asia), drawn with 50 of 100")

    def test_pause_holds_the_step_and_resume_goes_on(self):
        self.start("--steps", "1,100", "--every", "4s")
        self.site.cli("rollout", "pause", NAME, "-r", "lunch")
        paused = self.rollout()
        self.assertEqual((paused["state"], paused["next_ms"], paused["reason"]), ("paused", 0, "lunch"))
        held = time.monotonic() + 5
        while time.monotonic() < held:
            self.assertEqual(self.rollout(), paused)
        self.assertIn(f"paused at step {paused['step']} of 2", self.site.cli("status"))
        self.assertIn("paused already", self.site.cli("rollout", "pause", NAME, ok=False))
        self.site.cli("rollout", "resume", NAME)
        self.assertEqual(self.rollout()["state"], "running")
        self.only(VIRGINIA)

    def test_a_new_side_that_fails_is_left_until_an_operator_says_otherwise(self):
        self.start("--steps", "50,100", "--every", "1s", "--abort-if", "down")
        self.only(VIRGINIA)
        self.site.balancers["virginia"].stop()
        self.only(SEOUL)
        until(lambda: self.rollout()["state"] == "aborted", 10, "status says that it was aborted")
        self.assertEqual(self.rollout()["evidence"], "us: 0 of 1 up")
        self.assertIn("us: 0 of 1 up", self.site.cli("rollout", "status", NAME))
        self.assertIn("rollout-aborted", self.site.probe.said())
        self.assertIn("cannot answer now", self.site.cli("rollout", "resume", NAME, ok=False))
        self.site.balancers["virginia"].start()
        until(lambda: self.site.verdicts()["us/iad-1"] == "up", 20, "the endpoint is up again")
        self.assertEqual(self.ask(), {SEOUL: 40})
        self.site.probe.kill()
        self.site.start_probe()
        self.assertEqual(self.ask(), {SEOUL: 40})
        self.assertIn("aborted: nobody is given us", self.site.cli("explain", NAME, "--client", OTHERS))
        self.assertIn("aborted at", self.site.cli("rollout", "finish", NAME, ok=False))
        self.site.cli("rollout", "resume", NAME)
        self.only(VIRGINIA)
        self.site.cli("rollout", "abort", NAME)
        log = self.site.cli("log")
        self.assertEqual(log.count("aborted by the probes at "), 1, log)
        self.assertRegex(log, r"\+ rollout example.com/app .*\n +aborted by the probes at 20\S+: us: 0 of 1 up\n")
        self.assertEqual(sum(len(entry["aborts"]) for entry in self.site.cli_json("log")), 1)

    def test_a_new_side_that_is_down_is_not_begun_with(self):
        self.site.balancers["virginia"].stop()
        until(lambda: self.site.verdicts()["us/iad-1"] == "down", 20, "the endpoint is down")
        words = ("rollout", "start", NAME, "--to", "us", "--steps", "50")
        for refused in (words, (*words, "--abort-if", "down"), ("switch", NAME, "asia", "us")):
            self.assertRegex(self.site.cli(*refused, ok=False), r"'us' cannot answer now \(us: 0 of 1 up\); .* --force")
        self.assertIsNone(self.rollout())
        self.site.cli(*words, "--force")
        self.assertIn("but 0 % now: it cannot answer (us: 0 of 1 up)", self.site.cli("rollout", "status"))
        self.site.cli("rollout", "pause", NAME)
        self.assertIn("cannot answer now", self.site.cli("rollout", "resume", NAME, ok=False))
        self.site.cli("rollout", "resume", NAME, "--force")
        self.assertEqual(self.rollout()["state"], "running")

    def test_nobody_is_left_with_a_side_that_is_down(self):
        self.start("--steps", "100")
        self.only(VIRGINIA)
        self.assertTrue(self.rollout()["can_answer"])
        self.site.balancers["virginia"].stop()
        self.only(SEOUL)
        self.assertIn("cannot answer now (us: 0 of 1 up)", self.site.cli("rollout", "finish", NAME, ok=False))
        state = self.rollout()
        self.assertEqual((state["can_answer"], state["standing"]), (False, "us: 0 of 1 up"))
        self.assertIn("but 0 % now: it cannot answer (us: 0 of 1 up)", self.site.cli("status"))
        self.site.cli("rollout", "finish", NAME, "--force")
        self.assertIn("policy: us", self.site.cli("show", "record", "example.com/app"))

    def test_a_new_side_must_have_what_the_record_is_made_of(self):
        self.site.cli("add", "pool", "six", "endpoints={a: {address: [192.0.2.66, '2001:db8::66']}, b: {address: '2001:db8::67'}}")
        words = ("rollout", "start", NAME, "--to", "six", "--steps", "100")
        self.site.cli(*words)
        self.site.cli("drain", "six/a")
        self.assertIn("(six: 1 of 2 up, none of them with A)", self.site.cli("rollout", "finish", NAME, ok=False))
        self.site.cli("rollout", "abort", NAME)
        self.assertIn("none of them with A", self.site.cli(*words, ok=False))

    def test_what_a_dry_run_says_is_not_done(self):
        told = self.start("--steps", "5", "-n")
        self.assertTrue(told.startswith(f"dry run: would be done: {NAME}: asia -> us, 5 %\n"), told)
        self.assertTrue(self.site.cli("switch", NAME, "asia", "us", "-n").startswith("dry run: "))
        self.start("--steps", "100")
        told = self.site.cli("rollout", "finish", NAME, "-n")
        self.assertTrue(told.startswith("dry run: "), told)
        self.assertNotIn("resolvers may hold", told)
        self.assertIsNotNone(self.rollout())

    def test_a_share_below_all_is_not_made_all_by_the_way(self):
        self.start("--steps", "50")
        self.assertIn("not at 100 % (step 1 of 1: 50 %)", self.site.cli("rollout", "finish", NAME, ok=False))
        self.site.cli("rollout", "finish", NAME, "--force")

    def test_listed_networks_get_the_new_side_and_nobody_else(self):
        self.assertIn("asia -> us, 2 networks only\n", self.start("--nets", f"{LISTED},2001:db8::/32"))
        self.assertIn(f"{NAME} is led for {LISTED}, 2001:db8::/32\n", self.site.cli("rollout", "status"))
        until(lambda: self.ask(5, LISTED) == {VIRGINIA: 5}, 10, "the listed network is led over")
        self.assertEqual(self.ask(40, LISTED), {VIRGINIA: 40})
        self.assertEqual(self.ask(40, OTHERS), {SEOUL: 40})
        self.assertEqual(self.ask(), {SEOUL: 40})
        self.assertIn("2 networks only", self.site.cli("status"))

    def test_what_it_needs_stays(self):
        self.start("--steps", "50,100", "--every", "1h")
        self.assertIn("100 % at", self.site.cli("status"))
        self.assertIn("not at 100 % (step 1 of 2: 50 %)", self.site.cli("rollout", "finish", NAME, ok=False))
        for words in (["remove", "record", "example.com/app"], ["remove", "zone", "example.com"],
                      ["set", "record", "example.com/app", "policy=us"]):
            self.assertIn("example.com/app", self.site.cli(*words, ok=False))
        self.assertIn("already", self.site.cli("rollout", "start", "app", "--to", "europe", "--steps", "5", ok=False))
        self.assertIn("isobar rollout abort", self.site.cli("switch", NAME, "asia", "us", ok=False))
        self.site.cli("rollout", "finish", NAME, "--force")
        self.only(VIRGINIA)

    def test_switch_there_and_back(self):
        self.only(SEOUL)
        told = self.site.cli("switch", NAME, "asia", "us", "-r", "green it is")
        self.assertIn("resolvers may hold older answers until", told)
        self.assertIn(f"to go back: isobar switch {NAME} us asia", told)
        self.only(VIRGINIA, within=2)
        self.assertIn("which is not 'asia'", self.site.cli("switch", NAME, "asia", "us", ok=False))
        self.site.cli("switch", "app", "us", "asia")
        self.only(SEOUL, within=2)

    def test_switch_within_a_policy_that_only_this_record_has(self):
        self.site.cli("add", "policy", "own", "of=[asia]")
        self.site.cli("set", "record", "example.com/app", "policy=own")
        self.assertIn("in policy own", self.site.cli("switch", NAME, "asia", "us"))
        self.only(VIRGINIA, within=2)
        self.assertIn("serves record", self.site.cli("switch", "www.example.com", "us", "own", ok=False))


if __name__ == "__main__":
    unittest.main()
