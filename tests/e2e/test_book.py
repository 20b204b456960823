# SPDX-License-Identifier: Apache-2.0
"""The book, executed: each chapter of docs/book from top to bottom in a directory and a network of its own.

What a chapter may hold, and what is done with it:

    ```console          `$ command` is run and must say what stands below it; and succeed, unless `$ echo $?` comes
                        next. `…` stands for anything within a line, by itself for any lines; blanks count as one. A
                        line that ends in a backslash goes on. What only looks (LOOKS) is asked again until it says so,
                        or WITHIN is over. What stands before ` &` runs beside the rest until the chapter ends.
    ```yaml FILE        is written to FILE, in whatever language
    ```text             is not executed: what only a registrar can do, say
    <!-- test … -->     is run without being shown: the reader's surroundings (stage.sh has functions for it)

Nothing else may stand in a fence, so no command in the book goes without being run. README.md has a test of its own.
"""
import concurrent.futures
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import tempfile
import textwrap
import time
import unittest

from harness import BIN, ROOT, geo_database, in_the_child, until

CHAPTERS = sorted((ROOT / "docs/book").glob("*.md"))
STAGE = ROOT / "tests/e2e/stage.sh"
LOOKS = re.compile(r"(dig|curl(?!.* -X )|isobar (-o \w+ )?(status|explain|show|log|top|latency show))\b")
WITHIN = 60  # seconds that a command may take, and that what looks is asked again
MARK = "\x1e"  # ends what a command says


class Command:
    def __init__(self, line, text):
        self.line, self.text, self.said = line, text, []


class Setup(Command):
    pass


class File:
    def __init__(self, line, name, text):
        self.line, self.name, self.text = line, name, text


def fences(text):
    """(line, info, lines) of every fence and hidden comment, in order."""
    info, begun, held = None, 0, []
    for number, line in enumerate(text.splitlines(), 1):
        if info is None:
            if line.startswith(("```", "<!-- test")):
                info, begun, held = line[3:].strip() if line[0] == "`" else "<!--", number, []
        elif line == ("-->" if info == "<!--" else "```"):
            yield begun, info, held
            info = None
        else:
            held.append(line)
    if info is not None:
        raise AssertionError(f"line {begun}: nothing ends it")


def commands(begun, lines):
    command = None
    for number, line in enumerate(lines, begun + 1):
        if command and not command.said and command.text.endswith("\\"):
            command.text += "\n" + line
        elif line.startswith("$ "):
            if command:
                yield command
            command = Command(number, line[2:])
        elif command:
            command.said.append(line)
        else:
            raise AssertionError(f"line {number}: output before any command")
    if not command:
        raise AssertionError(f"line {begun}: no command")
    yield command


def steps(text):
    for begun, info, lines in fences(text):
        words = info.split()
        if info == "<!--":
            yield Setup(begun, "\n".join(lines))
        elif info == "console":
            yield from commands(begun, lines)
        elif len(words) == 2:
            yield File(begun, words[1], "\n".join(lines) + "\n")
        elif info != "text":
            raise AssertionError(f"line {begun}: a fence '{info}' would not be executed; see the head of {__file__}")


def pattern(lines):
    """The expected output as a regular expression."""
    parts = []
    for line in lines:
        if line.strip() == "…":
            parts.append(r"(?:.*\n)*?")
        else:
            words = [re.escape(word).replace("…", ".*?") for word in line.split()]
            parts.append(r"[ \t]*" + r"[ \t]+".join(words) + r"[ \t]*\n")
    return re.compile("".join(parts) + r"\n*\Z")


class Shell:
    """A shell of the chapter's reader, in a network where nobody else is; all of it ends with it."""

    def __init__(self, directory):
        self.log = directory / ".log"
        self.log.mkdir()
        (directory / "tools").symlink_to(ROOT / "tools")
        environment = {
            "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(directory), "LANG": "C.UTF-8", "TERM": "dumb",
            "STAGE": str(STAGE.parent), "LOG": str(self.log), "GEO": str(geo_database()), "USER": "operator",
        }
        environment |= {name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}
        alone = ["--user", "--map-root-user"] if os.geteuid() else []
        self.child = subprocess.Popen(
            ["unshare", *alone, "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "--norc"],
            cwd=directory, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            preexec_fn=in_the_child, start_new_session=True)
        self.kept = b""
        self.background = 0

    def write(self, text):
        self.child.stdin.write(text.encode())
        self.child.stdin.flush()

    def run(self, command):
        """Its output and exit status."""
        if re.search(r" &(?= |$)", command):
            self.background += 1
            command = re.sub(r" &(?= |$)", f' >"$LOG/{self.background}" 2>&1 </dev/null &', command)
        # In braces, so that directories and variables stay; (exit) so that `echo $?` sees the status of the one before.
        self.write(f"(exit ${{status:-0}})\n{{ {command}\n}} 2>&1 </dev/null\n"
                   f"status=$?; printf '{MARK}%s{MARK}' \"$status\"\n")
        end = re.compile(f"{MARK}(\\d+){MARK}".encode())
        deadline = time.monotonic() + WITHIN
        while not (found := end.search(self.kept)):
            ready = select.select([self.child.stdout], [], [], max(0, deadline - time.monotonic()))[0]
            octets = os.read(self.child.stdout.fileno(), 65536) if ready else b""
            if not octets:
                raise AssertionError(f"not done within {WITHIN} s: {self.kept.decode(errors='replace')}")
            self.kept += octets
        said, self.kept = self.kept[:found.start()].decode(errors="replace"), self.kept[found.end():]
        return said if not said or said.endswith("\n") else said + "\n", int(found[1])

    def logs(self):
        return "".join(f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}"
                       for log in sorted(self.log.iterdir()))

    def end(self):
        """Whatever runs beside is told to stop; what does not is killed with the name space."""
        if self.child.poll() is None:
            try:
                self.write("kill $(jobs -p) 2>/dev/null; wait; exit\n")
                self.child.stdin.close()
                self.child.wait(5)
            except (OSError, subprocess.TimeoutExpired):
                os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()
        self.child.stdout.close()


def execute(shell, command, status_is_shown):
    if isinstance(command, Setup):
        said, status = shell.run(command.text)
        if status:
            raise AssertionError(f"line {command.line}: the setup ended with {status}:\n{said}")
        return
    wanted, deadline = pattern(command.said), time.monotonic() + WITHIN
    while True:
        said, status = shell.run(command.text)
        fits = wanted.match(said)
        if (fits and (not status or status_is_shown)) or not LOOKS.match(command.text) or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    if not fits:
        expected = "\n".join(command.said)
        raise AssertionError(f"line {command.line}: $ {command.text}\nsaid:\n{said}\nand not:\n{expected}")
    if status and not status_is_shown:
        raise AssertionError(f"line {command.line}: $ {command.text}\nended with {status}:\n{said}")


def run_chapter(path):
    """Runs it and returns how many commands there were."""
    todo = list(steps(path.read_text()))
    directory = pathlib.Path(tempfile.mkdtemp(prefix=f"isobar-book-{path.stem}-"))
    shell = Shell(directory)
    begun = time.monotonic()
    count = 0
    try:
        execute(shell, Setup(0, '. "$STAGE/stage.sh"'), False)
        for step, after in zip(todo, [*todo[1:], None]):
            if isinstance(step, File):
                (directory / step.name).write_text(step.text)
            else:
                execute(shell, step, isinstance(after, Command) and after.text == "echo $?")
                count += not isinstance(step, Setup)
    except AssertionError as wrong:
        raise AssertionError(f"{path.name}, {wrong}\n{shell.logs()}") from None
    finally:
        shell.end()
        shutil.rmtree(directory)
    return count, time.monotonic() - begun


def running(word):
    """The processes with this word on their command line."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word in path.read_bytes().decode(errors="replace").split("\0"):
                found.append(path.parent.name)
        except OSError:  # it is gone already
            pass
    return found


def begins_with_a_dollar(path):
    """Lines that a reader takes for commands, counted without any of the above."""
    return len(re.findall(r"^\$ ", path.read_text(), re.MULTILINE))


class Book(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        geo_database()
        cls.pool = concurrent.futures.ThreadPoolExecutor(2)
        cls.addClassCleanup(cls.pool.shutdown, cancel_futures=True)
        only = os.environ.get("ISB_CHAPTER")
        cls.running = {path: cls.pool.submit(run_chapter, path) for path in CHAPTERS if only in (None, path.stem)}

    def chapter(self, path):
        if path not in self.running:
            self.skipTest("another chapter was asked for by ISB_CHAPTER")
        count, seconds = self.running[path].result()
        self.assertEqual(count, begins_with_a_dollar(path), "commands that look like some and are none")
        print(f"{'':10}{path.stem}: {count} commands in {seconds:.1f} s")

    def test_a_command_that_says_something_else_is_seen(self):
        for text, expected in (
            ("```console\n$ echo one two 3\none … 3\n```\n", None),
            ("```console\n$ printf 'a\\nb\\nc\\n'\na\n…\nc\n$ echo \\\n  x\nx\n```\n", None),
            ("```console\n$ false\n$ echo $?\n1\n```\n", None),
            ("```yaml a.yaml\nx: 1\n```\n<!-- test\ny=2\n-->\n```console\n$ cat a.yaml; echo $y\nx: 1\n2\n```\n", None),
            ("```console\n$ echo one\ntwo\n```\n", "line 2: .*echo one"),
            ("```console\n$ echo one\n```\n", "line 2: .*echo one"),
            ("```console\n$ false\n```\n", "line 2: .*false\nended with 1"),
            ("<!-- test\nfalse\n-->\n", "line 1: the setup ended with 1"),
            ("```sh\nrm x\n```\n", "line 1: a fence 'sh' would not be executed"),
            ("```console\none\n```\n", "line 2: output before any command"),
        ):
            with self.subTest(text), tempfile.TemporaryDirectory() as directory:
                path = pathlib.Path(directory) / "trial.md"
                path.write_text(text)
                if expected:
                    with self.assertRaisesRegex(AssertionError, expected):
                        run_chapter(path)
                else:
                    self.assertEqual(run_chapter(path)[0], begins_with_a_dollar(path))

    def test_nothing_is_left_running(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "trial.md"
            stubborn = ["$ sleep 4711.25 &", "$ sh -c 'trap \"\" TERM; echo >started; sleep 4711.25' &"]
            look = "$ until test -e started; do sleep 0.01; done"
            path.write_text("\n".join(["```console", *stubborn, look, "```", ""]))
            self.assertEqual(run_chapter(path)[0], 3)
        until(lambda: not running("4711.25"), 5, "both are gone")


class Readme(unittest.TestCase):
    """What README.md tells to type, in the same network: nothing is compared, all of it must succeed."""

    TEXT = (ROOT / "README.md").read_text()
    STAGE = """regions: {seoul: {location: [37.57, 126.98]}}
pools:
  asia:  {endpoints: {icn-1: {region: seoul, address: 192.0.2.10}}}
  next:  {endpoints: {a: {address: 192.0.2.20}}}
  blue:  {endpoints: {a: {address: 192.0.2.30}}}
  green: {endpoints: {a: {address: 192.0.2.40}}}
policies: {www: [blue, asia]}
zones:
  example.com:
    text: "@ 60 SOA ns hostmaster 1 2 3 4 5\\n@ 60 NS ns\\nns 60 A 192.0.2.53\\n"
    records: {www: {types: [A], policy: www}}
"""

    def section(self, title):
        return re.search(rf"^## {title}\n(.*?)^## ", self.TEXT, re.MULTILINE | re.DOTALL)[1]

    def execute(self, lines):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "README.md"
            path.write_text("\n".join(lines) + "\n")
            return run_chapter(path)[0]

    def test_readme_five_minutes(self):
        section = self.section("Five minutes to a zone of your own")
        catalog, zone = re.findall(r"^   ```(?:yaml)?\n(.*?)^   ```$", section, re.MULTILINE | re.DOTALL)[:2]
        typed = re.findall(r"`((?:isobard|isobar-probe|isobar|dig) [^`…]*)`", section)
        self.assertIn("isobar apply -f catalog.yaml", typed)
        lines = ["```yaml catalog.yaml", textwrap.dedent(catalog) + "```", "```zone www.example.com.zone",
                 textwrap.dedent(zone) + "```", "<!-- test", "new_store", "-->", "```console"]
        for command in typed:
            beside = command.startswith(("isobard ", "isobar-probe "))
            lines += [f"$ {command} &"] if beside else [f"$ {command}", "…"]
        self.assertEqual(self.execute([*lines, "```"]), len(typed))

    def test_readme_at_three_in_the_morning(self):
        typed = re.findall(r"^    (isobar .*?)(?:\s+#.*)?$", self.section("At three in the morning"), re.MULTILINE)
        self.assertGreater(len(typed), 8)
        lines = ["```yaml stage.yaml", self.STAGE + "```", "```csv query.log", "client,name,type",
                 "192.0.2.1,www.example.com,A", "```",
                 "<!-- test", "new_store served && isobar apply -f stage.yaml >apply.log", "-->",
                 "```console", "$ isobard --listen 192.0.2.53 --metrics 127.0.0.1:9153 &", "```"]
        for number, command in enumerate(typed):  # each finds the catalog as it was, for they are no story
            command = command.replace(" --watch", "").replace("ADDR", "168.126.63.1")  # what is watched does not end
            lines += ["<!-- test", f"new_store store-{number} && isobar apply -f stage.yaml >apply.log", "-->",
                      "```console", f"$ {command}", "…", "```"]
        self.assertEqual(self.execute(lines), len(typed) + 1)


class Pages(unittest.TestCase):
    """tools/book, which makes HTML of the chapters."""

    def links(self, directory, **pages):
        for name, text in pages.items():
            (directory / f"{name}.html").write_text(text)
        (directory / "files").write_text("".join(f"{name}.html\n" for name in pages))
        words = ["awk", "-f", ROOT / "tools/book-links.awk", "files", *(f"{name}.html" for name in pages)]
        return subprocess.run(words, cwd=directory, capture_output=True, text=True, check=True).stdout.splitlines()

    def body(self, text, file="book/trial.md"):
        with tempfile.TemporaryDirectory() as directory:
            made = subprocess.run(
                ["awk", "-f", ROOT / "tools/book.awk", "-v", f"file={file}", "-v", f"headings={directory}/headings",
                 "-v", f"outside={directory}/outside"], input=text, capture_output=True, text=True, check=True).stdout
            outside = pathlib.Path(directory) / "outside"
            return made, outside.read_text() if outside.exists() else ""

    def test_dead_links_are_found(self):
        with tempfile.TemporaryDirectory() as name:
            directory = pathlib.Path(name)
            well = self.links(directory, a='<h1 id="x"> <a href="b.html#y"> <a href="#x"> <a href="https://x.example">',
                              b='<h1 id="y"> <a href="a.html">')
            dead = self.links(directory, a='<a href="gone.html"> <a href="b.html#gone"> <img src="c.svg">', b="")
            self.assertEqual(well, [])
            self.assertEqual(dead, ["a.html: gone.html leads to no file", "a.html: b.html#gone leads to no heading",
                                    "a.html: c.svg leads to no file"])

    def test_headings_get_the_anchors_of_forges_and_links_lead_to_pages(self):
        made, outside = self.body(
            "<h2>What <code>isobar top</code> says &amp; does</h2>\n<h2>Twice</h2>\n<h2>Twice</h2>\n"
            '<!-- test\nhidden\n-->\n<p><a href="../steering.md#hash">hash</a> <a href="start.md">start</a> '
            '<a href="../../docker/">images\nof it</a></p>\n'
            '<pre><code class="language-yaml" data-meta="a.yaml">x: &lt;y&gt;\n</code></pre>\n')
        self.assertIn('<h2 id="what-isobar-top-says--does">', made)
        self.assertEqual(re.findall('id="(twice[^"]*)"', made), ["twice", "twice-1"])
        self.assertNotIn("hidden", made)
        self.assertIn('<a href="../steering.html#hash">hash</a> <a href="start.html">start</a>', made)
        self.assertIn('<span title="docker in the source">images\nof it</span></p>', made)
        self.assertEqual(outside, "book/trial.md\tdocker\n")
        self.assertIn('<p class="file">a.yaml</p>\n<pre>', made)

    def test_the_book_is_built_and_whole(self):
        with tempfile.TemporaryDirectory() as directory:
            book = pathlib.Path(directory) / "book"
            subprocess.run([ROOT / "tools/book", "--programs", BIN, "--output", book], check=True,
                           stdout=subprocess.DEVNULL)
            for file in (ROOT / "docs").rglob("*.md"):
                page = (book / file.relative_to(ROOT / "docs")).with_suffix(".html").read_text()
                self.assertNotIn("<script", page)
                self.assertNotIn("<!--", page)
            reference = (book / "book/reference.html").read_text()
            for word in ("expect.status", "slow_start", "isobar rollback", "--query-log-sample", "/v1/explain"):
                self.assertIn(word, reference)


def chapter_test(path):
    return lambda self: self.chapter(path)


for chapter in CHAPTERS:
    setattr(Book, f"test_chapter_{chapter.stem.replace('-', '_')}", chapter_test(chapter))


if __name__ == "__main__":
    unittest.main()
