# SPDX-License-Identifier: Apache-2.0
"""How the command line behaves, whatever the verb: exit statuses, outputs, colours, watching, and who edits what when."""
import concurrent.futures
import fcntl
import itertools
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios

import yaml

from harness import BIN, in_the_child, until
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


def documents(site, log):
    """Every verb that prints a document, in an order in which each has something to say."""
    catalog = site.directory / "catalog.yaml"
    yield from (
        ["help"], ["help", "set"], ["help", "pool"], ["help", "policies"], ["status"], ["status", "asia/icn-1"], ["export"],
        ["show"], ["show", "rrsets"], ["show", "check", "web"], ["show", "policy", "www"], ["show", "endpoint", "asia/icn-1"],
        ["show", "rrset", "example.com"], ["check"], ["check", "-f", catalog], ["apply", "-f", catalog, "-n"],
        ["diff", "-f", catalog], ["set", "check", "web", "fall=5", "-n", "-r", "no: 'really'"], ["drain", "asia/*", "-n"],
        ["add", "rrset", "x.example.com", "TXT", "60", "\"12:30 # no\"", "-n"],
        ["rollout", "start", "www", "--to", "us", "--steps", "10,100", "--every", "10m", "-n", "--force"], ["rollout", "status"],
        ["explain", "www.example.com", "A", "--client", "192.0.2.7", "--seed", "1"], ["simulate", log, "--down", "asia"],
        ["latency", "show"], ["log"], ["log", 1],
    )


def still(document):
    """Without what is another each time."""
    if isinstance(document, dict):
        return {key: still(value) for key, value in document.items() if not re.search("_ms$|^time$|^now$|^at$|^why$", key)}
    return [still(value) for value in document] if isinstance(document, list) else document


class Outputs(Cli):
    def test_yaml_is_the_same_document_as_json_to_readers_that_guess_types(self):
        log = self.file("queries.csv", "192.0.2.7,www.example.com,A\n")
        self.says("latency", "import", self.file("rtt.csv", "192.0.2.0/24,seoul,12.5\n"))
        self.says("drain", "asia/icn-1", "-r", "yes: \"power\" work, 1:30 #2")
        for words in documents(self.site, log):
            with self.subTest(words=words):
                said = self.says(*words, "-o", "yaml")
                self.assertEqual(still(yaml.safe_load(said)), still(self.json(*words)))
                self.assertNotRegex(said, r"(?m)^\{|[ \t]$")

    def test_an_export_as_yaml_is_applied_like_the_plain_one(self):
        plain, document = self.says("export"), self.says("export", "-o", "yaml")
        self.assertIn("nothing to change", self.says("apply", "-f", "-", "--prune", input=document))
        self.assertIn("nothing to change", self.says("apply", "-f", "-", "--prune", input=plain))

    def test_a_document_has_no_colours_and_what_goes_into_a_pipe_has_none(self):
        for words in (["-o", "json"], ["-o", "yaml"]):
            self.assertNotIn("\x1b", self.on_a_terminal("set", "check", "web", "fall=5", "-n", *words))
        self.assertNotIn("\x1b", self.says("set", "check", "web", "fall=5", "-n"))

    def test_signs_and_verdicts_are_coloured_on_a_terminal_unless_told_otherwise(self):
        edit = ["set", "check", "web", "fall=5", "-n"]
        self.assertRegex(self.on_a_terminal(*edit), r"\x1b\[32m\+ fall: 5\x1b\[0m")
        for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": ""}):
            self.assertNotIn("\x1b", self.on_a_terminal(*edit, **environment))
        self.assertIn("\x1b", self.on_a_terminal(*edit, NO_COLOR=""))

    def on_a_terminal(self, *words, **environment):
        with Terminal(self.site, *words, **environment) as terminal:
            self.assertEqual(terminal.ends(), 0)
            return terminal.text


class Terminal:
    """isobar on a pseudo-terminal of 24 by 80."""

    def __init__(self, site, *words, lines=24, **environment):
        self.text = ""
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, 80, 0, 0))
        line = [str(word) for word in (BIN / "isobar", "--store", site.store, *words)]
        environment = {**os.environ, "TERM": "xterm", **environment}
        self.child = subprocess.Popen(line, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True,
                                      preexec_fn=in_the_child)
        os.close(slave)

    def __enter__(self):
        return self

    def __exit__(self, *why):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        os.close(self.master)

    def reads(self):
        """Takes what is there; False at the end."""
        try:
            said = os.read(self.master, 65536) if select.select([self.master], [], [], 0.05)[0] else None
        except OSError:  # the other side is closed
            return False
        if said:
            self.text += said.decode()
        return said != b""

    def shows(self, pattern):
        """Waits until it was shown, and takes everything up to there away."""

        def look():
            self.reads()
            return re.search(pattern, self.text, re.S)

        found = until(look, 20, f"the terminal shows {pattern!r}; it shows {self.text!r}")
        self.text = self.text[found.end():]
        return found

    def ends(self):
        until(lambda: not self.reads() or self.child.poll() is not None, 20, "it ends")
        while self.reads() and select.select([self.master], [], [], 0)[0]:
            pass
        return self.child.wait(20)


class Watch(Cli):
    def watch(self, *words, **how):
        line = [str(word) for word in (BIN / "isobar", "--store", self.site.store, *words)]
        child = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                 preexec_fn=in_the_child, **how)
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.stderr.close)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        return child

    def stops(self, child, how=signal.SIGINT):
        child.send_signal(how)
        self.assertEqual(child.wait(20), 0)
        self.assertEqual(child.stderr.read(), "")

    def test_in_a_pipe_json_is_one_document_a_line_each_as_of_then(self):
        child = self.watch("status", "--watch=100ms", "-o", "json")
        self.assertEqual(json.loads(child.stdout.readline())["generation"], 1)
        self.says("drain", "asia/icn-1")
        for _ in range(100):
            if json.loads(child.stdout.readline())["generation"] == 2:
                break
        else:
            self.fail("a watch does not see the drain")
        self.stops(child)

    def test_in_a_pipe_frames_follow_one_another_and_yaml_is_a_stream_of_documents(self):
        child = self.watch("show", "pools", "--watch=100ms")
        frame = [child.stdout.readline() for _ in range(5)]
        self.assertRegex(frame[0], r"^20\d\d-\S+Z\n$")
        self.assertIn("pool asia\n", frame)
        while child.stdout.readline() != "\n":
            pass
        self.assertRegex(child.stdout.readline(), r"^20\d\d-\S+Z\n$")
        self.stops(child, signal.SIGTERM)
        child = self.watch("log", 1, "--watch=100ms", "-o", "yaml")
        said = "".join(itertools.takewhile(lambda line: line != "---\n", child.stdout))
        self.assertEqual(yaml.safe_load(said)[0]["generation"], 1)
        self.stops(child)

    def test_on_a_terminal_it_draws_in_place_and_leaves_the_screen_as_it_was(self):
        with Terminal(self.site, "log", "--watch=100ms") as terminal:
            terminal.shows(r"^\x1b\[\?1049h.*\x1b\[H20\d\d-\S+Z\x1b\[K\r\n")
            terminal.shows(r"generation 1 .*\x1b\[J\x1b\[H20\d\d")
            self.says("drain", "asia/icn-1", "-r", "seen")
            terminal.shows("generation 2 .*: seen")
            terminal.child.send_signal(signal.SIGINT)
            self.assertEqual(terminal.ends(), 0)
            self.assertTrue(terminal.text.endswith("\x1b[?1049l"), terminal.text)

    def test_how_it_is_all_in_all_is_folded_where_it_would_be_cut(self):
        self.says("force", "down", "asia/icn-1")
        self.says("drain", "europe/*")
        whole = self.says("status").splitlines()[0]
        self.assertGreater(len(whole), 80)
        with Terminal(self.site, "status", NO_COLOR="1") as terminal:
            self.assertEqual(terminal.ends(), 0)
            lines = terminal.text.split("\r\n\r\n")[0].split("\r\n")
        self.assertEqual(" ".join(lines), whole)
        self.assertLessEqual(max(map(len, lines)), 80)
        self.assertGreater(len(lines), 1)

    def test_a_frame_that_is_longer_than_the_screen_is_cut_and_says_so(self):
        with Terminal(self.site, "export", "--help", lines=10) as terminal:
            self.assertEqual(terminal.ends(), 0)
        with Terminal(self.site, "show", "rrsets", "--watch", lines=5) as terminal:
            said = terminal.shows(r"\x1b\[H(.*)\.\.\. and \d+ more lines\x1b\[J").group(1)
            self.assertEqual(said.count("\n"), 3)

    def test_an_error_ends_it_with_its_exit_status_and_its_sentence_where_it_stays(self):
        with Terminal(self.site, "show", "pool", "asai", "--watch") as terminal:
            self.assertEqual(terminal.ends(), 4)
            self.assertRegex(terminal.text, r"\x1b\[\?1049l.*did you mean 'asia'")
        self.assertIn("100ms", self.says("status", "--watch=1ms", status=2))
        self.assertIn("span", self.says("status", "--watch=x", status=2))
        self.assertIn("--watch", self.says("drain", "asia/icn-1", "--watch", status=2))
        self.assertIn("--watch", self.says("rollout", "abort", "www", "--watch", status=2))


class Nouns(Cli):
    def test_a_kind_may_stand_before_its_verb(self):
        for noun_first, verb_first in (
            (["pool", "show", "asia"], ["show", "pool", "asia"]),
            (["pools", "show"], ["show", "pools"]),
            (["endpoint", "show", "asia/icn-1", "-o", "json"], ["show", "endpoint", "asia/icn-1", "-o", "json"]),
            (["check", "show", "web"], ["show", "check", "web"]),
            (["policy", "help"], ["help", "policy"]),
            (["rrset", "show", "plain.example.com", "A"], ["show", "rrset", "plain.example.com", "A"]),
            (["pool", "set", "asia", "order=rotate", "-n"], ["set", "pool", "asia", "order=rotate", "-n"]),
            (["check", "set", "web", "fall=5", "-n"], ["set", "check", "web", "fall=5", "-n"]),
            (["endpoint", "-n", "drain", "asia/icn-1"], ["drain", "asia/icn-1", "-n"]),
            (["endpoint", "force", "down", "asia/icn-1", "-n"], ["force", "down", "asia/icn-1", "-n"]),
            (["record", "switch", "www", "www", "us", "-n", "--force"], ["switch", "www", "www", "us", "-n", "--force"]),
            (["pool", "set", "--help"], ["set", "--help"]),
        ):
            with self.subTest(words=noun_first):
                self.assertEqual(self.run_cli(*noun_first).stderr, "")
                self.assertEqual(self.says(*noun_first), self.says(*verb_first))

    def test_a_kind_alone_or_before_what_is_not_its_verb_is_told_what_to_write(self):
        for words, said in ((["pool", "asia"], "isobar show pool asia"), (["pools"], "isobar show pools"),
                            (["pool", "drain", "asia"], "isobar show pool"), (["region", "export"], "isobar show region")):
            self.assertIn(said, self.says(*words, status=2))


class StandardInput(Cli):
    def test_a_dash_is_standard_input_wherever_a_file_is_taken(self):
        new = "regions: {tokyo: {location: [35.68, 139.69]}}\n"
        queries = "192.0.2.7,www.example.com,A\n"
        log = self.file("queries.csv", queries)
        self.assertIn("+ region tokyo", self.says("apply", "-n", "-f", "-", input=new))
        self.assertIn("+ region tokyo", self.says("diff", "-f", "-", input=new))
        self.assertIn("regions", self.says("check", "-f", "-", input=new))
        self.assertIn("1 ", self.says("simulate", "-", input=queries))
        self.assertTrue(self.says("simulate", log, "-f", "-", input=new))
        self.says("apply", "-n", "-f", self.site.directory / "catalog.yaml", "--traffic", "-", "--max-shift", "10%", input=queries)
        self.assertTrue(self.says("latency", "import", "-", input="192.0.2.0/24,seoul,12.5\n"))
        imported = self.run_cli("import", "octodns", "-", "--zone", "example.net", "--print", "--ns", "ns1.example.net",
                                input="www: {type: A, value: 192.0.2.1}\n")
        self.assertIn("192.0.2.1", imported.stdout)
        self.assertEqual(imported.returncode, 0)
        self.assertIn("--zone", self.says("import", "octodns", "-", status=2, input="{}"))

    def test_standard_input_can_be_read_once(self):
        for words in (["apply", "-f", "-", "-f", "-"], ["simulate", "-", "-"], ["simulate", "-", "-f", "-"],
                      ["apply", "-f", "-", "--traffic", "-"]):
            self.assertIn("once", self.says(*words, status=2, input=""))
