# SPDX-License-Identifier: Apache-2.0
"""The first command, run as a person runs it."""
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

from harness import FRANKFURT, KOREA, ROOT, SEOUL, VIRGINIA, Process, until

try:
    from browser import MISSING, Browser
except ImportError:  # no selenium
    MISSING = ["python3-selenium"]


def processes_with(word):
    """Command lines of this machine that carry a word."""
    found = []
    for file in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it ended meanwhile
        if word in line:
            found.append(line)
    return found


class Quickstart(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="isobar-e2e-")
        self.addCleanup(directory.cleanup)
        self.log = pathlib.Path(directory.name) / "log"
        self.state = pathlib.Path(directory.name) / "state"
        self.state.mkdir()
        before = os.environ.get("TMPDIR")
        os.environ["TMPDIR"] = str(self.state)
        self.addCleanup(lambda: os.environ.pop("TMPDIR") and before and os.environ.update(TMPDIR=before))

    def start(self, *words):
        quickstart = Process(self.log, ROOT / "tools/quickstart", *words)
        self.addCleanup(quickstart.stop, within=60)
        return quickstart

    def assert_clean(self):
        self.assertEqual(processes_with(str(self.state)), [])
        self.assertEqual(list(self.state.iterdir()), [])

    def test_point_1_quickstart_shows_the_main_job_and_cleans_up(self):
        quickstart = self.start()
        self.assertEqual(quickstart.child.wait(300), 0, quickstart.said())
        said = quickstart.said()
        self.assertRegex(said, r"CC BY-SA 4\.0")
        for country, region in (("Korea", "seoul"), ("USA", "virginia"), ("Germany", "frankfurt")):
            self.assertRegex(said, rf"{country} .*→ \S+ +{region} +/\d+")
        self.assertRegex(said, r"Korea .*TCP +→ 127\.0\.1\.10")
        moved = re.search(r"The answer moved after ([\d.]+) s and returned after ([\d.]+) s", said)
        self.assertIsNotNone(moved, said)
        self.assertLess(float(moved[1]), 30)
        self.assert_clean()

    def interrupted(self, how, status, when):
        quickstart = self.start()
        quickstart.until(lambda: when in quickstart.said(), 300, f"it says '{when}'")
        self.assertNotEqual(processes_with(str(self.state)), [])
        self.assertEqual(quickstart.stop(how, within=60), status, quickstart.said())
        self.assert_clean()

    def test_point_1_quickstart_cleans_up_when_interrupted_by_the_keyboard(self):
        self.interrupted(signal.SIGINT, 130, "all three are up")

    def test_point_1_quickstart_cleans_up_when_terminated_half_way(self):
        self.interrupted(signal.SIGTERM, 143, "three nginx")

    def test_quickstart_cleans_up_when_the_keyboard_interrupts_it_twice(self):
        quickstart = self.start()
        quickstart.until(lambda: "all three are up" in quickstart.said(), 300, "all three are up")
        os.killpg(quickstart.child.pid, signal.SIGINT)
        time.sleep(0.05)  # the second comes into the clean-up
        self.assertTrue(quickstart.running())
        os.killpg(quickstart.child.pid, signal.SIGINT)
        self.assertEqual(quickstart.child.wait(60), 130, quickstart.said())
        self.assert_clean()

    def test_a_second_quickstart_says_that_another_is_running(self):
        quickstart = self.start()
        quickstart.until(lambda: "three nginx" in quickstart.said(), 300, "three nginx run")
        second = subprocess.run([ROOT / "tools/quickstart"], capture_output=True, text=True, check=False)
        self.assertEqual((second.returncode, second.stdout), (1, ""))
        self.assertRegex(second.stderr, r"\Aquickstart: another quickstart is running[^\n]*\n\Z")
        self.assertEqual(quickstart.stop(signal.SIGTERM, within=60), 143, quickstart.said())
        self.assert_clean()

    def refused(self, geo):
        """The one sentence about a database that does not do; no time was measured."""
        quickstart = self.start("--geo", geo)
        self.assertEqual(quickstart.child.wait(300), 1, quickstart.said())
        said = quickstart.said()
        self.assertNotIn("The answer moved", said)
        self.assert_clean()
        return [line for line in said.splitlines() if line.startswith(("quickstart:", "isobar", str(geo)))][1:]

    def test_a_database_that_does_not_know_the_clients_is_refused(self):
        geo = ROOT / "tests/unit/view/geo/country.mmdb"
        self.assertEqual(self.refused(geo), [
            f"quickstart: {geo}: this database does not know where 168.126.63.0/24 is; try one with countries"
        ])

    def test_a_file_that_is_no_database_is_named_as_the_user_named_it(self):
        junk, link = self.log.with_name("junk"), self.log.with_name("link.mmdb")
        junk.write_text("junk\n")
        link.symlink_to(junk)
        (sentence,) = self.refused(link)
        self.assertTrue(sentence.startswith(f"quickstart: {link}: not a geo database"), sentence)

    def test_point_1_keep_leaves_it_running_and_stop_ends_it(self):
        quickstart = self.start("--keep")
        self.assertEqual(quickstart.child.wait(300), 0, quickstart.said())
        kept = str(ROOT / "build/quickstart")
        try:
            self.assertGreaterEqual(len(processes_with(kept)), 6)
            dig = re.search(r"dig @127\.0\.0\.1 -p (\d+) www\.example\.com \+subnet=194.*", quickstart.said())
            answer = subprocess.run([*dig[0].split(), "+short"], capture_output=True, text=True, check=True).stdout
            self.assertEqual(answer.split(), ["127.0.3.10"])
            self.dashboard(quickstart.said())
            if not MISSING:
                self.browse(quickstart.said(), answer=lambda: subprocess.run(
                    [*dig[0].replace("194.25.0.0/24", KOREA).split(), "+short"], capture_output=True, text=True, check=True).stdout)
            second = subprocess.run([ROOT / "tools/quickstart"], capture_output=True, text=True, check=False)
            self.assertEqual(second.returncode, 1)
            self.assertIn("an earlier --keep is running", second.stderr)
        finally:
            subprocess.run([ROOT / "tools/quickstart", "--stop"], check=True, stdout=subprocess.DEVNULL)
        self.assertEqual(processes_with(kept), [])

    def dashboard(self, said):
        """What it says of the dashboard is so: the page, the token, and the server's counters."""
        url = re.search(r"^  (http://127\.0\.0\.1:\d+/)$", said, re.M)[1]
        token = re.search(r"^  token  (\S+)$", said, re.M)[1]

        def get(path, **fields):
            with urllib.request.urlopen(urllib.request.Request(url + path, headers=fields), timeout=10) as reply:
                return reply.read()

        self.assertIn(b"<title>", get(""))
        with self.assertRaises(urllib.error.HTTPError) as refused:
            get("v1/status")
        refused.exception.close()
        self.assertEqual(refused.exception.code, 401)
        who = {"Authorization": f"Bearer {token}"}
        self.assertEqual(json.loads(get("v1/whoami", **who))["role"], "admin")
        self.assertGreater(json.loads(get("v1/top", **who))["queries"], 0)
        top = re.search(r"^  isobar (top --from \S+) --watch$", said, re.M)[1]
        self.assertIn("queries/s", subprocess.run([ROOT / "build/release/isobar", *top.split()], capture_output=True, text=True,
                                                  check=True).stdout)

    def browse(self, said, answer):
        """What --keep invites to: explain, drain, and take it back, in a browser."""
        browser = Browser(re.search(r"^  (http://127\.0\.0\.1:\d+)/$", said, re.M)[1])
        self.addCleanup(browser.done)
        browser.sign_in(re.search(r"^  token  (\S+)$", said, re.M)[1], f"#/record/example.com/www?client={KOREA}&type=A")
        browser.see(".answer pre", SEOUL)
        browser.open("#/")
        browser.click("[data-do=operate][data-on='asia/icn-1']")
        browser.see("dialog[open] .preview", "asia/icn-1 is drained until")
        browser.type("dialog input[name=reason]", "a try")
        browser.click("dialog button[type=submit]")
        browser.see("tr[data-key='asia/icn-1']", "drained")
        until(lambda: answer().split() in ([VIRGINIA], [FRANKFURT]), 20, "Korea is led elsewhere")
        browser.open("#/history")
        browser.see(".log", "a try")
        newest, before = [int(line.split()[0]) for line in browser.texts(".log a[href^='#/history/']")[:2]]
        self.assertEqual(newest, before + 1)
        browser.click(f".log a[href='#/history/{before}']")
        browser.click("[data-do=rollback]")
        browser.see("dialog[open] .preview", "removed admin asia/icn-1")
        browser.type("dialog input[name=reason]", "it was a try")
        browser.click("dialog button[type=submit]")
        browser.see(".log", "it was a try")
        until(lambda: answer().split() == [SEOUL], 20, "Korea is back in Seoul")

    def test_quickstart_explains_itself_and_refuses_unknown_options(self):
        help_ = subprocess.run([ROOT / "tools/quickstart", "--help"], capture_output=True, text=True, check=True)
        self.assertIn("--keep", help_.stdout)
        wrong = subprocess.run([ROOT / "tools/quickstart", "--kepe"], capture_output=True, text=True, check=False)
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("unknown option '--kepe'", wrong.stderr)


if __name__ == "__main__":
    unittest.main()
