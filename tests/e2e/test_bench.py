# SPDX-License-Identifier: Apache-2.0
"""tools/bench and the guard over instructions: what they tell is told of right answers, and what is wrong is seen."""
import importlib.machinery
import importlib.util
import json
import os
import subprocess
import unittest

from harness import BIN, ROOT, Process, Story, free_port


def load_run():
    """tests/bench/run as a module."""
    loader = importlib.machinery.SourceFileLoader("bench_run", str(ROOT / "tests/bench/run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench_run", loader))
    loader.exec_module(module)
    return module


class Bench(Story):
    def bench(self, *words):
        ran = subprocess.run([str(ROOT / "tools/bench"), "--rounds", "1", "--seconds", "0.2", "--json", *words],
                             capture_output=True, text=True, timeout=120, env={**os.environ, "ISB_BIN": str(BIN)})
        self.assertEqual(ran.returncode, 0, ran.stderr)
        told = json.loads(ran.stdout)
        for loop in ("closed", "open"):
            for name in ("echo", "isobard"):
                self.assertGreater(told[loop][name][0]["answers_per_s"], 0)
                self.assertEqual(told[loop][name][0]["wrong"], 0)
        return told

    def test_a_master_file_with_cuts_and_wildcards_is_asked_for_what_it_holds(self):
        told = self.bench("--zone", str(ROOT / "tests/conformance/zones/plain.test.zone"), "--ecs")
        self.assertGreater(told["names_and_types"], 50)

    def test_a_store_is_only_read(self):
        self.site.apply("zones: {bench.test: {text: \"@ 60 SOA ns h 1 2 3 4 5\\n@ 60 NS ns\\nns 60 A 192.0.2.1\"}}\n")
        store = self.site.directory / "store"
        before = (store / "catalog.mdb").read_bytes()
        self.assertEqual(self.bench("--store", str(store), "--rate", "1000")["rate"], 1000)
        self.assertEqual((store / "catalog.mdb").read_bytes(), before)

    def test_wrong_answers_are_counted(self):
        self.site.apply("zones: {bench.test: {text: \"@ 60 SOA ns h 1 2 3 4 5\\n@ 60 NS ns\\nns 60 A 192.0.2.1\"}}\n")
        questions, port = self.site.directory / "questions", free_port("127.0.0.1")
        subprocess.run([BIN / "tests/bench-questions", "--store", self.site.directory / "store", "--out", questions], check=True,
                       stdout=subprocess.DEVNULL)
        echo = Process(self.site.directory / "echo.log", BIN / "tests/bench-echo", "127.0.0.1", port)
        self.addCleanup(echo.stop)
        words = [BIN / "tests/bench-load", "--port", port, "--questions", questions, "--server", echo.child.pid, "--seconds", "0.2"]
        ran = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=True, timeout=60)
        told = json.loads(ran.stdout)
        self.assertGreater(told["answered"], 0)
        self.assertGreaterEqual(told["wrong"], told["answered"])  # an echo has no answers in it
        self.assertIn("is answered wrongly", ran.stderr)


class Guard(unittest.TestCase):
    def test_three_per_cent_more_or_less_are_told(self):
        judge = load_run().judge
        self.assertEqual(judge("a/b", 1029, 1000)[0], "ok")
        self.assertEqual(judge("a/b", 971, 1000)[0], "ok")
        for counted, expected in ((1031, 1000), (969, 1000), (1000, None), (None, 1000)):
            self.assertEqual(judge("a/b", counted, expected)[0], "FAILED")

    def test_what_a_call_costs_is_counted_once_and_for_its_own_object(self):
        path = ROOT / "build/test-callgrind"
        path.parent.mkdir(exist_ok=True)
        self.addCleanup(path.unlink)
        path.write_text("events: Ir\nob=/bin/a\nfn=f\n0 10\ncob=/lib/c\ncfn=memcmp\ncalls=2 0\n0 500\n0 5\n\nob=/lib/c\nfn=memcmp\n0 500\n")
        self.assertEqual(load_run().objects(path), {"/bin/a": 15, "/lib/c": 500})
