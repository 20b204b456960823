# SPDX-License-Identifier: Apache-2.0
"""How the command line behaves, whatever the verb: exit statuses, outputs, colours, watching, and who edits what when."""
import concurrent.futures

from test_cli import Cli

EDITS = (
    ["set", "check", "web", "fall=5"],
    ["add", "region", "tokyo", "location=[35.68, 139.69]"],
    ["remove", "rrset", "plain.example.com", "A"],
    ["drain", "asia/icn-1"],
    ["force", "down", "asia/icn-1"],
    ["force", "auto", "asia/icn-1"],
    ["rollout", "start", "www", "--to", "us", "--steps", "10", "--force"],
    ["rollout", "abort", "www"],
    ["switch", "www", "www", "us", "--force"],
)


class Exit(Cli):
    def test_the_exit_status_says_what_kind_of_failure_it_is(self):
        empty = self.site.directory / "empty"
        for status, words in (
            (0, ["status"]),
            (1, ["add", "pool", "asia"]),
            (1, ["remove", "pool", "asia"]),
            (1, ["apply", "-f", self.file("bad.yaml", "pools: {asia: {order: wieghted}}\n")]),
            (2, ["statsu"]),
            (2, ["set", "pool", "asia"]),
            (3, ["drain", "asia/icn-1", "--if-generation", "7"]),
            (4, ["show", "pool", "asai"]),
            (4, ["status", "asia/icn-9"]),
            (4, ["drain", "asia/icn-9"]),
            (4, ["remove", "endpoint", "asia/icn-9"]),
            (4, ["rollout", "start", "www", "--to", "nowhere", "--steps", "10"]),
            (4, ["rollout", "abort", "www"]),
            (4, ["switch", "nowhere.example.com", "www", "us"]),
            (4, ["simulate", self.file("queries.csv", "www.example.com,A,192.0.2.0/24\n"), "--down", "mars"]),
            (4, ["log", 99]),
            (5, ["status", "--store", empty]),
            (5, ["set", "check", "web", "fall=3", "--store", empty]),
        ):
            with self.subTest(words=words):
                self.assertEqual(self.run_cli(*words).returncode, status)


class Concurrency(Cli):
    def test_every_edit_keeps_to_the_generation_it_was_meant_for_and_names_its_author(self):
        for words in EDITS:
            with self.subTest(words=words):
                now = self.generation()
                self.refused(*words, "--if-generation", now - 1, status=3, said=[f"generation {now}, not at {now - 1}"])
                done = self.json(*words, "--if-generation", now, "--author", "deploy bot")
                self.assertEqual(done["generation"], now + 1)
                self.assertEqual(self.json("log", now + 1)[0]["author"], "deploy bot")

    def test_who_comes_too_late_is_told_who_moved_the_catalog_on_when_and_why(self):
        self.says("drain", "asia/icn-1", "--author", "kim", "-r", "power work")
        said = self.refused("set", "check", "web", "fall=5", "--if-generation", 1, status=3)
        self.assertRegex(said, r"at generation 2, not at 1: kim made it at 20\d\d-\S+Z: power work; .*isobar log 2")
        said = self.refused("apply", "-f", self.site.directory / "catalog.yaml", "--dry-run", "--if-generation", 9, status=3)
        self.assertIn("at generation 2, not at 9: kim", said)

    def test_of_many_edits_for_one_generation_exactly_one_is_made(self):
        now = self.generation()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            done = list(pool.map(lambda n: self.run_cli("set", "check", "web", f"fall={n}", "--if-generation", now), range(11, 19)))
        self.assertEqual(sorted(one.returncode for one in done), [0] + 7 * [3])
        self.assertEqual(self.generation(), now + 1)

    def test_an_author_is_one_line_of_text_and_a_generation_a_number(self):
        for option, value in (("--author", "two\nlines"), ("--author", ""), ("--author", "\x1b[31m"), ("--if-generation", "x"),
                              ("--if-generation", "-1"), ("--if-generation", "")):
            with self.subTest(option=option, value=value):
                self.refused("drain", "asia/icn-1", option, value, status=2)


class EmptyStore(Cli):
    applied = False

    def test_the_first_edit_can_be_bound_to_the_empty_store(self):
        catalog = self.file("new.yaml", "regions: {tokyo: {location: [35.68, 139.69]}}\n")
        self.says("apply", "-f", catalog, "--if-generation", 1, status=3)
        self.assertEqual(self.json("apply", "-f", catalog, "--if-generation", 0)["generation"], 1)
        said = self.says("apply", "-f", catalog, "--if-generation", 0, status=3)
        self.assertIn("at generation 1, not at 0", said)
