# SPDX-License-Identifier: Apache-2.0
"""The manual is made from what the programs say of themselves, and leaves nothing of it out."""
import re
import shutil
import subprocess
import unittest

from harness import BIN, ROOT
from test_cli import Cli

PAGES = ("isobar.1", "isobar-catalog.5", "isobard.8", "isobar-probe.8")


@unittest.skipUnless(shutil.which("scdoc") and shutil.which("mandoc"), "scdoc or mandoc is not installed")
class Manual(Cli):
    applied = False

    def setUp(self):
        super().setUp()
        self.pages = self.site.directory / "man"
        subprocess.run([ROOT / "tools/make-man", BIN, self.pages], check=True)

    def text(self, page):
        """As it is read, a paragraph in a line."""
        done = subprocess.run(["mandoc", "-Tutf8", "-Owidth=1000", self.pages / page], capture_output=True, text=True,
                              check=True)
        return re.sub(".\b", "", done.stdout)

    def words(self, text):
        return re.sub(r"\s+", " ", text)

    def test_each_page_is_well_formed(self):
        self.assertLessEqual(set(PAGES), {path.name for path in self.pages.iterdir()})
        for page in (path for path in self.pages.iterdir() if path.suffix in (".1", ".5", ".8")):
            done = subprocess.run(["mandoc", "-Tlint", "-Werror", page], capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stdout), (0, ""), page)

    def test_every_verb_stands_in_it_with_all_that_its_help_says(self):
        text = self.words(self.text("isobar.1"))
        for verb, line in self.json("help").items():
            self.assertIn(f" isobar {verb} ", text)
            self.assertIn(self.words(line), text, verb)
            told = self.says("help", verb)
            usage, _, more = told.partition("\n\n")
            for form in usage.removeprefix("usage: ").splitlines():
                self.assertIn(self.words(form).strip(), text)
            for line in more.splitlines():  # also what is said of each option
                line = self.words(line).strip()
                self.assertIn(line.removeprefix("for example: "), text, verb)

    def test_what_holds_for_all_verbs_stands_in_it(self):
        text = self.words(self.text("isobar.1"))
        for option in ("-s, --store DIR", "-o, --output FORMAT", "--json", "-h, --help", "-V, --version",
                       "--server WHERE", "--token-file FILE", "--ca FILE", "ISOBAR_STORE", "ISOBAR_SERVER", "ISOBAR_TOKEN"):
            self.assertIn(option, text)
        status = text[text.index("EXIT STATUS"):text.index("ENVIRONMENT")]
        for code in re.findall(r"(?<![\w.])(\d) [a-z]", self.says("help")[self.says("help").index("exit status"):]):
            self.assertIn(f" {code} ", status)

    def test_every_field_of_every_kind_stands_in_it(self):
        text = self.words(self.text("isobar-catalog.5"))
        seen = 0
        for kind in "regions checks pools policies zones records".split():
            for fields in self.json("help", kind).values():
                for field in fields:
                    said = f"{field['name']}: {field['type']}"
                    said += f", {field['range']}" if field.get("range") else ""
                    said += f" {field['unit']}" if field.get("unit") else ""
                    said += f"; default {field['default']}" if field.get("default") else ""
                    said += f"; of type {field['only']}" if field.get("only") else ""
                    said += "; required" if field["required"] else ""
                    self.assertIn(f"{self.words(said)} {self.words(field['help'])}", text, kind)
                    seen += 1
        self.assertGreater(seen, 80)

    def test_the_examples_are_one_catalog_without_an_error(self):
        blocks = re.findall(r"(?ms)^```\n(.*?)^```$", (self.pages / "isobar-catalog.5.scd").read_text())
        self.assertEqual(len(blocks), 6)
        path = self.file("examples.yaml", "".join(blocks))
        self.assertRegex(self.says("check", "-f", path), r"^ok: regions 2, checks 1, ")

    def test_a_daemons_page_says_all_that_its_help_says(self):
        for daemon in ("isobard", "isobar-probe"):
            told = subprocess.run([BIN / daemon, "--help"], capture_output=True, text=True, check=True).stdout
            text = self.words(self.text(f"{daemon}.8"))
            for line in told.splitlines():
                for part in re.split(r" {2,}|^usage: |^[A-Z][a-z ]+: ", line):
                    self.assertIn(self.words(part).strip(), text, daemon)
            for option in re.findall(r"(?m)^ .*?(--[a-z0-9-]+)", told):
                self.assertIn(f"{option} ", text, daemon)

    def test_text_may_begin_with_any_sign(self):
        for sign in "'.#-[]|`*_+\\<;:":
            told = (f"usage: d [OPTION]...\nDoes it.\n\n  -o, --one X  {sign}one' of\n               {sign}them\n\n"
                    f"Signals: {sign}none.\n")
            page = subprocess.run([ROOT / "tools/man-of-help", "d", "1", "isobar(1)"], input=told, text=True,
                                  capture_output=True, check=True).stdout
            (self.pages / "d.8").write_text(subprocess.run(["scdoc"], input=page, text=True, capture_output=True,
                                                           check=True).stdout)
            text = self.words(self.text("d.8"))
            self.assertIn(f"{sign}one' of {sign}them", text)
            self.assertIn(f"SIGNALS {sign}none.", text)

    def test_help_that_cannot_be_understood_makes_no_page(self):
        told = subprocess.run([BIN / "isobard", "--help"], capture_output=True, text=True, check=True).stdout
        first = "  -s, --store DIR"
        for odd in (told.replace(first, f"Storage\n{first}"), told.replace(first, f"\n\n{first}"),
                    told.replace(first, f"  --bare\n{first}"), told.replace(first, f"      --bare\n{first}"),
                    told.replace("usage: isobard", "isobard"), told.replace("Signals: ", "  - "), told[:200], ""):
            done = subprocess.run([ROOT / "tools/man-of-help", "isobard", "1", "isobar(1)"], input=odd, text=True,
                                  capture_output=True, check=False)
            self.assertEqual(done.returncode, 1, odd)
            self.assertRegex(done.stderr, r"isobard --help, line \d+: ")
            self.assertNotIn("# NAME", done.stdout)

    def test_another_page_is_refused(self):
        self.assertIn("isobar help man isobar-catalog", self.says("help", "man", "ls", status=2))
        self.assertIn("which page?", self.says("help", "man", status=2))
