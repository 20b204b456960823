# SPDX-License-Identifier: Apache-2.0
"""rollback: the catalog as it was, to the octet, as one more edit that is checked and told of like any other."""
import random

from test_cli import Cli


class Rollback(Cli):
    def edits(self, chance):
        """One edit at random; many change nothing, or are refused because something is still in use."""
        net, weight, ttl = chance.randrange(1, 250), chance.randrange(1, 50), chance.randrange(10, 100)
        return chance.choice([
            ("set", "endpoint", "asia/icn-1", f"weight={weight}"),
            ("add", "endpoint", "asia/icn-2", "region=seoul", f"address=192.0.2.{net}"),
            ("remove", "endpoint", "asia/icn-2"),
            ("set", "record", "example.com/www", f"ttl={ttl}s"),
            ("add", "record", "example.com/extra", "types=[A]", "policy=asia"),
            ("remove", "record", "example.com/extra"),
            ("set", "rrset", "plain.example.com", "A", "60", f"192.0.2.{net}"),
            ("remove", "rrset", "plain.example.com", "A"),
            ("add", "zone", "example.net", f"text=@ 60 SOA a. b. {net} 2 3 4 5\n@ 60 NS a.\n"),
            ("remove", "zone", "example.net"),
            ("drain", "asia/icn-1"),
            ("force", "auto", "asia/icn-1"),
            ("set", "check", "web", f"fall={chance.randrange(1, 5)}"),
            ("remove", "check", "web"),
        ])

    def test_any_generation_comes_back_as_it_was(self):
        chance = random.Random(7)
        was = {1: self.says("export")}
        rolled = 0
        while len(was) < 40:
            newest = max(was)
            if newest > 3 and chance.random() < 0.25:
                to = chance.randrange(1, newest)
                self.says("rollback", to)
                self.assertEqual(self.says("export"), was[to], f"generation {to} from {newest}")
                rolled += 1
            else:
                self.run_cli(*self.edits(chance))
            was[self.generation()] = self.says("export")
        self.assertGreater(rolled, 3)

    def test_it_is_one_edit_that_says_who_why_and_what_and_can_be_undone(self):
        before = self.says("export")
        self.says("set", "endpoint", "asia/icn-1", "weight=20", "-r", "new machines")
        self.says("remove", "rrset", "plain.example.com", "A")
        after = self.says("export")
        said = self.says("rollback", 1, "-r", "they were not")
        self.assertTrue(said.endswith("generation 4\n"), said)
        self.assertEqual(self.says("export"), before)
        entry = self.json("show", "generation", 4)
        self.assertEqual((entry["generation"], entry["reason"]), (4, "rollback to generation 1: they were not"))
        self.assertEqual([(change["action"], change["kind"]) for change in entry["changes"]],
                         [("changed", "pool"), ("added", "rrset")])
        self.assertEqual(entry["changes"][0]["before"]["endpoints"]["icn-1"]["weight"], 20)
        self.assertNotIn("weight", entry["changes"][0]["after"]["endpoints"]["icn-1"])
        self.assertEqual(self.json("log", 4), [entry])
        self.says("rollback", 3)
        self.assertEqual(self.says("export"), after)

    def test_the_plan_is_shown_first_and_changes_nothing(self):
        self.says("set", "policy", "www", "order=failover", "rules=", "of=[us, asia]")
        with self.unchanged():
            said = self.says("rollback", 1, "-n")
            plan = self.json("rollback", 1, "-n")
        self.assertTrue(said.startswith("plan: 1 changed; generation 2 -> 3\n~ policy www\n"), said)
        self.assertIn("    - of: [us, asia]\n", said)
        self.assertIn("us (virginia) -> asia (seoul)", said)
        self.assertTrue(said.endswith("dry run: nothing was changed\n"), said)
        self.assertEqual((plan["plan"], plan["committed"]), ({"added": 0, "changed": 1, "removed": 0}, False))
        self.assertGreater(plan["shift"]["moved_share"], 0)

    def test_it_is_refused_like_any_edit_that_moves_too_many(self):
        self.says("set", "policy", "www", "order=failover", "rules=", "of=[us, asia]")
        with self.unchanged():
            done = self.run_cli("rollback", 1, "--max-shift", "1%")
            self.assertIn("at generation 2, not at 1", self.says("rollback", 1, "--if-generation", 1, status=3))
        self.assertEqual(done.returncode, 1)
        self.assertIn("and --max-shift is 1.0 %", done.stderr)
        self.assertIn("us (virginia) -> asia (seoul)", done.stdout)
        self.says("rollback", 1, "--max-shift", "90%")

    def test_without_a_generation_the_last_ten_are_listed(self):
        for weight in range(1, 13):
            self.says("set", "endpoint", "asia/icn-1", f"weight={weight + 1}", "-r", f"step {weight}")
        said = self.says("rollback")
        rows = said.splitlines()
        self.assertEqual([int(row.split()[0]) for row in rows[1:11]], list(range(13, 3, -1)))
        self.assertTrue(rows[1].endswith("step 12"), rows[1])
        self.assertIn("isobar rollback GENERATION", rows[11])
        self.assertEqual(len(rows), 12)
        listed = self.json("rollback")
        self.assertEqual([row["generation"] for row in listed], list(range(13, 3, -1)))
        self.assertEqual(listed[0]["reason"], "step 12")

    def test_what_cannot_be_brought_back_is_refused_with_a_sentence(self):
        with self.unchanged():
            self.assertIn("there is no generation 9; the newest is 1", self.says("rollback", 9, status=4))
            self.assertIn("'0' is no generation", self.says("rollback", 0, status=2))
            self.assertIn("takes one generation", self.says("rollback", 1, 2, status=2))
            self.assertEqual(self.says("rollback", 1), "nothing to change; generation 1\n")

    def test_a_rollout_that_was_ended_comes_back_paused_at_its_step(self):
        self.says("add", "policy", "next", "of=[us]")
        self.says("rollout", "start", "www.example.com", "--to", "next", "--steps", "10,100", "--every", "1h",
                  "--force")
        was = self.generation()
        self.says("rollout", "finish", "www.example.com", "--force")
        self.says("rollback", was)
        (rollout,) = self.json("rollout", "status")["rollouts"]
        self.assertEqual((rollout["to"], rollout["percent"]), ("next", 10), rollout)
        self.assertIn("paused", self.says("rollout", "status"))
        self.says("rollout", "resume", "www.example.com", "--force")

    def test_show_generation_prints_the_change_in_full(self):
        self.says("add", "pool", "oceania", "endpoints={syd-1: {address: 192.0.2.99}}", "-r", "a new place")
        said = self.says("show", "generation", 2)
        self.assertIn(": a new place\nchanges: 1 added\n+ pool oceania\n", said)
        self.assertIn("    +     address: 192.0.2.99\n", said)
        self.assertEqual(self.says("show", "generations"), self.says("log"))
        self.assertIn("there is no generation 3", self.says("show", "generation", 3, status=4))
        self.assertIn("show takes one generation", self.says("show", "generation", 2, 3, status=2))
