# SPDX-License-Identifier: Apache-2.0
"""The first command, run as a person runs it."""
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import unittest

from harness import ROOT, Process


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

    def test_point_1_keep_leaves_it_running_and_stop_ends_it(self):
        quickstart = self.start("--keep")
        self.assertEqual(quickstart.child.wait(300), 0, quickstart.said())
        kept = str(ROOT / "build/quickstart")
        try:
            self.assertGreaterEqual(len(processes_with(kept)), 5)
            dig = re.search(r"dig @127\.0\.0\.1 -p (\d+) www\.example\.com \+subnet=194.*", quickstart.said())
            answer = subprocess.run([*dig[0].split(), "+short"], capture_output=True, text=True, check=True).stdout
            self.assertEqual(answer.split(), ["127.0.3.10"])
        finally:
            subprocess.run([ROOT / "tools/quickstart", "--stop"], check=True, stdout=subprocess.DEVNULL)
        self.assertEqual(processes_with(kept), [])

    def test_quickstart_explains_itself_and_refuses_unknown_options(self):
        help_ = subprocess.run([ROOT / "tools/quickstart", "--help"], capture_output=True, text=True, check=True)
        self.assertIn("--keep", help_.stdout)
        wrong = subprocess.run([ROOT / "tools/quickstart", "--kepe"], capture_output=True, text=True, check=False)
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("unknown option '--kepe'", wrong.stderr)


if __name__ == "__main__":
    unittest.main()
