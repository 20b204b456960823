#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the stories of this directory: run.py [--jobs N] [WORD…] takes only those with a word in their name. With jobs, so
many files at a time, each in a process of its own. The last line counts them: `e2e: N passed, N failed, N skipped`."""
import argparse
import concurrent.futures
import pathlib
import re
import signal
import subprocess
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent


class Lines(unittest.TextTestResult):
    """One line per test: how it went, the seconds it took, what it shows. After a failure, what the programs said."""

    def __init__(self, stream, descriptions, verbosity):
        super().__init__(stream, descriptions, verbosity)
        self.showAll = self.dots = False
        self.begun = time.monotonic()
        self.passed = 0

    def getDescription(self, test):
        story, _, name = test.id().removeprefix("test_").rpartition(".test_")
        return f"{story}: {name.replace('_', ' ')}" if story else test.id()

    def line(self, how, test):
        self.stream.writeln(f"{how:6} {time.monotonic() - self.begun:5.1f} s  {self.getDescription(test)}")

    def startTest(self, test):
        self.begun = time.monotonic()
        super().startTest(test)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1
        self.line("ok", test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line("skip", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.failed(test)

    def addError(self, test, err):
        super().addError(test, err)
        self.failed(test)

    def failed(self, test):
        self.line("FAILED", test)
        site = getattr(test, "site", None)
        for log in sorted(site.directory.glob("*.log")) if site else []:
            self.stream.writeln(f"    {log.name}")
            for text in log.read_text(errors="replace").splitlines()[-20:]:
                self.stream.writeln(f"        {text}")


def wanted(suite, words):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from wanted(test, words)
        elif not words or any(word in test.id() for word in words):
            yield test


def in_turn(tests):
    result = unittest.TextTestRunner(stream=sys.stdout, resultclass=Lines).run(unittest.TestSuite(tests))
    return result.passed, len(result.failures) + len(result.errors), len(result.skipped)


def run_file(name, words):
    """Its output and counts; a process that does not come to its last line counts as one failure."""
    child = subprocess.run([sys.executable, "-B", __file__, "--file", name, *words], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    counts = re.search(r"^e2e: (\d+) passed, (\d+) failed, (\d+) skipped$", child.stdout, re.MULTILINE)
    text = child.stdout[:counts.start()] if counts else child.stdout + f"FAILED  {name} ended with {child.returncode}\n"
    return text, tuple(map(int, counts.groups())) if counts else (0, 1, 0)


def side_by_side(tests, words, jobs):
    files = dict.fromkeys(type(test).__module__ for test in tests)
    sums = (0, 0, 0)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for done in concurrent.futures.as_completed([pool.submit(run_file, name, words) for name in files]):
            text, counts = done.result()
            print(text, end="", flush=True)
            sums = tuple(a + b for a, b in zip(sums, counts))
    return sums


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--file", help=argparse.SUPPRESS)
    parser.add_argument("words", nargs="*", metavar="WORD")
    options = parser.parse_args()
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)  # either way the directories are removed
    sys.path.insert(0, str(HERE))
    pattern = f"{options.file}.py" if options.file else "test*.py"
    tests = list(wanted(unittest.defaultTestLoader.discover(str(HERE), pattern), options.words))
    if not tests:
        print(f"e2e: no test has {' or '.join(options.words)} in its name")
        return 1
    passed, failed, skipped = side_by_side(tests, options.words, options.jobs) if options.jobs > 1 else in_turn(tests)
    print(f"e2e: {passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
