#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the stories of this directory: run.py [WORD…] takes only those with a word in their name. The last line counts
them: `e2e: N passed, N failed, N skipped`."""
import pathlib
import signal
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


def main(words):
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)  # either way the directories are removed
    sys.path.insert(0, str(HERE))
    tests = list(wanted(unittest.defaultTestLoader.discover(str(HERE)), words))
    if not tests:
        print(f"e2e: no test has {' or '.join(words)} in its name")
        return 1
    runner = unittest.TextTestRunner(stream=sys.stdout, resultclass=Lines)
    result = runner.run(unittest.TestSuite(tests))
    failed = len(result.failures) + len(result.errors)
    print(f"e2e: {result.passed} passed, {failed} failed, {len(result.skipped)} skipped")
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
