# SPDX-License-Identifier: Apache-2.0
"""What a store can suffer: no room, nothing writable, no right, no directory. What runs goes on answering, says so once, and
goes on by itself when the trouble is over; who cannot do what was asked says what to do instead."""
import os
import pathlib
import shutil
import subprocess
import time
import unittest

from harness import BIN, GERMANY, KOREA, NAME, SEOUL, USA, VIRGINIA, ZONE, Story, until

NOBODY = 65534
LARGE = ZONE + "$GENERATE 1-20000 filler$ TXT \"some more octets, so that it needs room\"\n"


class Trouble(Story):
    def mount(self, size):
        """A small file system of its own; only root may make one."""
        place = self.site.directory / f"mount-{size}"
        place.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], capture_output=True, text=True, check=False)
        if done.returncode:
            self.skipTest(f"cannot mount a small file system: {done.stderr.strip()}")
        self.addCleanup(self.unmount, place)
        return place

    def unmount(self, place):
        for process in self.site.processes:
            process.stop()
        subprocess.run(["umount", place], check=True)

    def fill(self, place):
        """Until not one more page fits."""
        filler = place / "filler"
        with open(filler, "wb", buffering=0) as out:
            try:
                while True:
                    out.write(bytes(4096))
            except OSError:
                pass
        return filler

    def answers(self, within):
        """For so many seconds every question is answered, and as before."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            self.assertEqual(self.site.answer(KOREA), [SEOUL])
            time.sleep(0.01)

    def said(self, process, event):
        return [line for line in process.said().splitlines() if f" {event} " in line]

    def test_a_full_disk_refuses_the_edit_and_takes_it_when_there_is_room(self):
        self.site.store = self.mount("4m")
        (self.site.store / "geo.mmdb").symlink_to(self.site.directory / "store/geo.mmdb")
        self.site.start()
        before = self.site.cli("export"), self.site.cli("log")
        filler = self.fill(self.site.store)
        for _ in range(3):
            said = self.site.apply(self.site.catalog(), LARGE, ok=False)
            self.assertIn("full; nothing was changed; make room on its file system and try again", said)
        self.assertEqual((self.site.cli("export"), self.site.cli("log")), before)
        self.answers(3)
        self.assertLessEqual(len(self.said(self.site.probe, "report-failed")), 1)
        filler.unlink()
        self.site.apply(self.site.catalog(), ZONE.replace("generation one", "generation two"))
        until(lambda: self.site.answer(name="example.com", type_="TXT") == ['"generation two"'], 10, "the edit is answered")
        self.site.balancers["seoul"].stop()
        self.site.moves(KOREA, VIRGINIA)

    def test_a_probe_that_cannot_write_is_told_once_and_its_verdicts_grow_old(self):
        place = self.mount("512k")
        (self.site.store / "health.mdb").symlink_to(place / "health.mdb")
        self.site.start()
        gone = len(self.said(self.site.server, "probes-gone"))  # before the first one had come
        filler = self.fill(place)
        many = ", ".join(f"e{n}: {{address: 127.0.3.10, port: {self.site.target_port}}}" for n in range(1000))
        catalog = self.site.catalog().replace("policies:", f"  many: {{check: slow, endpoints: {{{many}}}}}\npolicies:", 1)
        self.site.apply(catalog.replace("checks:", "checks:\n  slow: {type: tcp, interval: 10s}", 1))
        self.site.probe.until(lambda: self.said(self.site.probe, "report-failed"), 20, "the probe says that it cannot write")
        self.assertIn("full", self.said(self.site.probe, "report-failed")[0])
        self.site.server.until(lambda: len(self.said(self.site.server, "probes-gone")) > gone, 60, "the server knows that nobody reports")
        self.answers(1)
        self.assertEqual(set(self.site.verdicts().values()), {"unknown"})
        self.assertEqual(len(self.said(self.site.probe, "report-failed")), 1, "once, not every second")
        filler.unlink()
        self.site.probe.until(lambda: len(self.said(self.site.probe, "report-failed")) > 1, 20, "the probe writes again")
        self.assertRegex(self.said(self.site.probe, "report-failed")[-1], "info report-failed over after_s=[0-9]+")
        self.site.balancers["seoul"].stop()
        self.site.moves(KOREA, VIRGINIA)

    def test_a_read_only_file_system_is_answered_from_and_edits_say_why_not(self):
        self.site.store = self.mount("5m")
        (self.site.store / "geo.mmdb").symlink_to(self.site.directory / "store/geo.mmdb")
        self.site.apply(self.site.catalog())
        subprocess.run(["mount", "-o", "remount,ro", self.site.store], check=True)
        said = self.site.cli("drain", "asia/icn-1", ok=False)
        self.assertRegex(said, "cannot (open|write).*read-only|Read-only")
        self.assertIn("icn-1", self.site.cli("status"))
        self.site.start_server()
        self.assertEqual(self.site.answer(KOREA), [SEOUL])
        probe = self.site.run("isobar-probe", "--name", "p")
        until(lambda: not probe.running(), 10, "the probe gives up")
        self.assertRegex(probe.said(), "health.mdb.*Read-only")
        self.site.processes.remove(probe)

    def test_what_an_older_program_left_out_of_the_store_any_edit_makes(self):
        self.site.apply(self.site.catalog())
        for words in ("drain", "asia/icn-1"), ("force", "auto", "asia/icn-1"), ("set", "pool", "asia", "slow_start=10s"):
            (self.site.store / "health.mdb").unlink()
            self.assertIn("any edit by this one makes it anew", self.site.cli("status", ok=False))
            self.site.cli(*words)
            self.site.cli("status")

    def test_who_has_no_right_is_told_which_file_it_is(self):
        self.site.apply(self.site.catalog())
        if os.getuid() != 0:
            self.skipTest("only root can become somebody else")
        home = pathlib.Path(shutil.copy(BIN / "isobar", self.site.directory))  # where everybody may run it
        self.site.directory.chmod(0o755)
        for mode, words, sentence in ((0o700, ["status"], "ermission denied"), (0o755, ["status"], "every reader registers there"),
                                      (0o755, ["drain", "asia/icn-1"], "ermission denied|permission denied")):
            self.site.store.chmod(mode)
            for file in self.site.store.glob("*.mdb*"):
                file.chmod(0o644)
            done = subprocess.run([home, "--store", self.site.store, *words], capture_output=True, text=True, user=NOBODY,
                                  group=NOBODY, extra_groups=[], timeout=60, check=False)
            self.assertEqual(done.returncode, 5, done.stderr)
            self.assertRegex(done.stderr, sentence)
            self.assertIn(str(self.site.store), done.stderr)

    def test_a_store_removed_under_everybody_is_said_once_and_answers_go_on(self):
        self.site.start()
        shutil.rmtree(self.site.store)
        for process in (self.site.server, self.site.probe):
            process.until(lambda process=process: self.said(process, "catalog-replaced"), 10, "the loss is told")
        self.answers(2)
        self.site.balancers["seoul"].stop()
        self.site.moves(KOREA, VIRGINIA)  # they share what they have open
        self.assertEqual(self.site.answer(USA), [VIRGINIA])
        self.assertTrue(self.site.answer(GERMANY, NAME))
        self.assertIn("there is no store in", self.site.cli("status", ok=False))
        for process in (self.site.server, self.site.probe):
            self.assertEqual(len(self.said(process, "catalog-replaced")), 1)
            self.assertIn("restart", self.said(process, "catalog-replaced")[0])


if __name__ == "__main__":
    unittest.main()
