# SPDX-License-Identifier: Apache-2.0
"""Completions, by the shells themselves: bash, zsh and fish load what `isobar help completion` prints, and complete."""
import os
import re
import shlex
import shutil
import subprocess
import unittest

from harness import BIN
from test_cli import Cli

# The line, and what must be offered; "<" in front: nothing else.
LINES = [
    ("isobar dr", ["<", "drain"]),
    ("isobar drain a", ["<", "asia/icn-1"]),
    ("isobar drain asia/icn-1 u", ["<", "us/iad-1"]),
    ("isobar drain --for 2h e", ["<", "europe/fra-1"]),
    ("isobar force ", ["<", "up", "down", "hold", "auto"]),
    ("isobar force up eu", ["<", "europe/fra-1"]),
    ("isobar drain --f", ["<", "--for"]),
    ("isobar show ", ["pool", "record", "rrset", "generation"]),
    ("isobar show pool ", ["<", "asia", "europe", "us"]),
    ("isobar show rrset mail", ["<", "mail.example.com."]),
    ("isobar set endpoint asia/icn-1 we", ["<", "weight="]),
    ("isobar rollout start example.com/www --to eu", ["<", "europe"]),
    ("isobar rollout pa", ["<", "pause"]),
    ("isobar explain ww", ["<", "www.example.com"]),
    ("isobar rollback ", ["<", "1", "2"]),
    ("isobar help completion ", ["<", "bash", "zsh", "fish"]),
    ("isobar simulate quer", ["<", "queries.csv"]),
    ("isobar --output ", ["<", "table", "json", "yaml"]),
    ("isobar show generation ", ["<", "1", "2"]),
    ("isobar token add ada --role ", ["<", "read", "operate", "admin"]),
    ("isobar status --ser", ["<", "--server"]),
]

BASH = """
. {script}
COMP_WORDS=({words})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_isobar
printf '%s\\n' "${{COMPREPLY[@]}}"
"""

# A terminal in which compadd also says what it was given.
ZSH = """
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z {setup}
zpty -r z out '*ready*'
zpty -n -w z {line}$'\\t'
zpty -r z out '*{last}*'
print -r -- "$out"
zpty -d z
"""
ZSH_SETUP = """autoload -U compinit && compinit -u -d {directory}/zcompdump; source {script}; PS1=
compadd() {{ local -a got; builtin compadd -A got "$@"; print -rl -- "GOT:"${{^got}}:; builtin compadd "$@" }}
echo rea''dy"""


class Completion(Cli):
    def setUp(self):
        super().setUp()
        self.says("set", "endpoint", "asia/icn-1", "weight=2")
        self.file("queries.csv", "")
        self.environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "ISOBAR_STORE": str(self.site.store),
                            "HOME": str(self.site.directory), "TERM": "dumb", "COLUMNS": "200"}

    def script(self, shell):
        return self.file(f"completion.{shell}", self.says("help", "completion", shell))

    def run_shell(self, *words):
        done = subprocess.run([str(word) for word in words], cwd=self.site.directory, env=self.environment, timeout=60,
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        self.assertEqual(done.stderr, "", words)
        return done.stdout

    def bash(self, line):
        words = " ".join(shlex.quote(word) for word in line.split(" "))
        said = self.run_shell("bash", "--norc", "-c", BASH.format(script=self.script("bash"), words=words))
        return [word for word in said.splitlines() if word]

    def fish(self, line):
        said = self.run_shell("fish", "-N", "-c", f"source {self.script('fish')}; complete -C{shlex.quote(line)}")
        return [word.partition("\t")[0] for word in said.splitlines()]

    def zsh(self, line, last):
        setup = shlex.quote(ZSH_SETUP.format(directory=self.site.directory, script=self.script("zsh")))
        said = self.run_shell("zsh", "-f", "-c", ZSH.format(setup=setup, line=shlex.quote(line), last=f"GOT:{last}:"))
        return re.findall(r"GOT:([^\r\n]*):", said)

    def check(self, offered, expected, line):
        exact = expected[0] == "<"
        words = set(expected) - {"<"}
        self.assertLessEqual(words, set(offered), line)
        if exact:
            self.assertEqual(set(offered), words, line)

    def test_bash_completes(self):
        for line, expected in LINES:
            with self.subTest(line=line):
                self.check(self.bash(line), expected, line)

    @unittest.skipUnless(shutil.which("fish"), "fish is not installed")
    def test_fish_completes(self):
        for line, expected in LINES:
            with self.subTest(line=line):
                self.check(self.fish(line), expected, line)

    @unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
    def test_zsh_completes(self):
        """What is waited for is offered; else the terminal would never say so."""
        for line, expected in LINES[::3]:
            if "queries" in line:
                continue  # files go by zsh's own ways
            with self.subTest(line=line):
                self.assertIn(expected[-1], self.zsh(line, expected[-1]), line)

    @unittest.skipUnless(shutil.which("zsh") and shutil.which("fish"), "zsh or fish is not installed")
    def test_the_scripts_are_well_formed_and_know_every_verb_and_option(self):
        verbs = self.json("help")
        for shell in ("bash", "zsh", "fish"):
            script = self.script(shell)
            self.run_shell(shell, "-n", script)
            text = script.read_text()
            for verb in verbs:
                self.assertRegex(text, rf"(?m)^\t\t{verb} '", shell)
        for verb in verbs:
            options = set(re.findall(r"(?m)^  (?:-\w, )?(--[a-z0-9-]+)", self.says("help", verb)))
            self.assertLessEqual(options | {"--store", "--help"}, set(self.bash(f"isobar {verb} --")), verb)
            if options:
                self.assertLessEqual(options, set(self.fish(f"isobar {verb} --")), verb)

    def test_the_store_of_the_line_is_asked_and_none_is_no_harm(self):
        self.environment["ISOBAR_STORE"] = str(self.site.directory / "none")
        self.assertEqual(self.bash("isobar drain a"), [])
        self.assertEqual(self.bash(f"isobar --store {self.site.store} drain a"), ["asia/icn-1"])
        if shutil.which("fish"):
            self.assertEqual(self.fish(f"isobar --store {self.site.store} drain a"), ["asia/icn-1"])

    def test_names_are_never_run(self):
        """A name of the zone is data, whatever it looks like to a shell."""
        self.says("add", "rrset", "\\$\\(touch${IFS}pwned\\).example.com", "A", "60", "192.0.2.1")
        self.says("add", "rrset", "`touch${IFS}pwned`.example.com", "A", "60", "192.0.2.1")
        offered = self.bash("isobar show rrset ")
        self.assertIn("\\*.wild.example.com.", offered)  # nor does a shell take it for a pattern, once it is on the line
        self.assertEqual(len([word for word in offered if word.startswith(("\\`touch\\", "\\\\\\$"))]), 2, offered)
        if shutil.which("fish"):
            self.assertGreater(len(self.fish("isobar show rrset ")), 5)
        self.assertFalse((self.site.directory / "pwned").exists())

    def test_another_shell_is_refused(self):
        self.refused("help", "completion", "csh", status=2, said=["bash, zsh or fish"])
        self.refused("help", "completion", status=2, said=["bash, zsh or fish"])
