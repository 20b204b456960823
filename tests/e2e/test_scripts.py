# SPDX-License-Identifier: Apache-2.0
"""Checks of type script: how each ends, and that nothing a script ever started is left, whatever it does."""
import http.server
import os
import pathlib
import re
import secrets
import signal
import subprocess
import threading

import test_checks
from harness import BIN, ROOT, until

TIMEOUT_MS = test_checks.TIMEOUT_MS
MOST_AT_ONCE = 64

# What a script does (sh, or a whole file that begins with "#!"), how a check of it ends, and its detail.
ENDS = {
    "silent": ("exit 0", "ok", None),
    "says": ("echo all is well; echo and more", "ok", "all is well"),
    "half-line": ("printf unfinished", "ok", "unfinished"),
    "unprintable": (r"""printf 'a"\033[31m\377\000b\r\nrest'""", "ok", "a'.[31m."),
    "soft": ("echo UP 40%", "ok", None),
    "text-with-share": ("echo 5% packet loss", "ok", "5% packet loss"),
    "down": ("echo 'down#disk full'", "said-down", "disk full"),
    "one": ("echo disk is full; exit 1", "exit-1", "disk is full"),
    "one-up": ("echo up 40%; exit 1", "exit-1", "up 40%"),
    "last": ("exit 255", "exit-255", None),
    "no-program": ("nonesuch-program", "exit-127", "./no-program: 2: nonesuch-program: not found"),
    "complains": ("echo 'down#oops' >&2", "ok", "down#oops"),
    "complains-too": ("echo careful >&2; echo fine", "ok", "fine"),
    "kills-itself": ("kill -SEGV $$", "exit-139", "killed by SIGSEGV"),
    "kills-group": ("kill -KILL 0", "exit-137", "killed by SIGKILL"),
    "not-executable": (None, "internal", "cannot run 'not-executable': Permission denied"),
    "missing": (None, "internal", "cannot run 'missing': No such file or directory"),
    "directory": (None, "internal", "cannot run 'directory': Permission denied"),
    "no-format": (None, "internal", "cannot run 'no-format': Exec format error"),
    "no-interpreter": ("#!/nonexistent/sh\n", "internal", "cannot run 'no-interpreter': No such file or directory"),
    "gigabyte": ("head -c 1000000000 /dev/zero", "bad-reply", "it printed more than 65536 octets and was killed"),
    "gigabyte-of-errors": ("yes >&2", "bad-reply", "it printed more than 65536 octets and was killed"),
    "much": ("echo first; head -c 65530 /dev/zero", "ok", "first"),
    "sleeps": ("echo tired; sleep 86400", "timeout", None),
    "deaf": ("trap '' TERM INT HUP; while :; do sleep 1; done", "timeout", None),
    "stops": ("kill -STOP $$", "timeout", None),
    "closes": ("exec >&- 2>&-; sleep 0.05; exit 4", "exit-4", None),
    "closes-and-sleeps": ("exec >&- 2>&-; sleep 86400", "timeout", None),
    "leaves": ("echo left; sleep 86400 & exit 0", "ok", "left"),
    "reads": ("read line; echo read $?", "ok", "read 1"),
}


def descendants(pid):
    """The processes below pid: number → (name, parent)."""
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            head, _, rest = (entry / "stat").read_text().rpartition(")")
        except OSError:
            continue
        parent = int(rest.split()[1])
        children.setdefault(parent, []).append((int(entry.name), (head.partition("(")[2], parent)))
    found, todo = {}, [pid]
    while todo:
        for child, about in children.get(todo.pop(), ()):
            found[child] = about
            todo.append(child)
    return found


def alive(mark):
    """Processes with this word in their command line."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else ()
        except OSError:
            continue
        if mark.encode() in words:
            found.append(int(entry.name))
    return found


class Scripts(test_checks.Checking):
    def setUp(self):
        super().setUp()
        self.scripts = self.site.directory / "scripts"
        self.scripts.mkdir()
        self.options = ["--scripts", self.scripts]
        run = self.site.run
        self.site.run = lambda program, *words, **how: run(
            program, *words, *(self.options if program == "isobar-probe" else ()), **how)
        self.mark = f"86400.{secrets.randbelow(10**15)}"  # a time to sleep that nobody else sleeps

    def script(self, name, text):
        path = self.scripts / name
        path.write_text(text if text.startswith("#!") else f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return name

    def once(self, checks, timeout="10s", options=()):
        """Starts a probe that checks each endpoint once. `checks`: endpoint → command."""
        lines = ["checks:"]
        lines += [f"  {name}: {{type: script, command: {command}, interval: 1d, retry: 0s, timeout: {timeout}}}"
                  for name, command in checks.items()]
        lines += ["pools:"]
        lines += [f"  p-{name}: {{check: {name}, endpoints: {{{name}: {{address: 127.0.0.1}}}}}}" for name in checks]
        self.site.apply("\n".join(lines) + "\n")
        self.probe = self.site.run("isobar-probe", "--name", "probe-1", "--log-level", "debug", *options)

    def checked(self, name):
        return re.findall(rf"endpoint=[^/ ]+/{name} outcome=(\S+)", self.probe.said())

    def helper(self):
        """The helper's number."""
        pid = self.probe.child.pid
        return self.probe.until(lambda: [child for child, about in descendants(pid).items() if about == ("isobar-scripts", pid)],
                                5, "the helper")[0]

    def nothing_left(self, within=5):
        helper = self.helper()
        until(lambda: not descendants(helper), within, f"the helper has no children, no zombie either: {descendants(helper)}")

    # --- how each ends ---

    def test_every_end_of_a_script_is_a_named_outcome_in_time(self):
        for name, (text, _, _) in ENDS.items():
            if text is not None:
                self.script(name, text)
        (self.scripts / "not-executable").write_text("#!/bin/sh\n")
        (self.scripts / "no-format").write_text("hello\n")
        (self.scripts / "no-format").chmod(0o755)
        (self.scripts / "directory").mkdir()
        found = self.outcomes({name: f"type: script, command: {name}" for name in ENDS})
        self.assertEqual({name: {outcome for outcome, _ in found[name]} for name in ENDS},
                         {name: {outcome} for name, (_, outcome, _) in ENDS.items()})
        for name, ended in found.items():
            self.assertLess(max(total_us for _, total_us in ended), (TIMEOUT_MS + 400) * 1000, f"{name} outlived its deadline")
        for name, (_, _, detail) in ENDS.items():
            said = re.findall(rf'checked endpoint=[^/ ]+/{name} [^"]*?(?: detail="(.*)")?$', self.probe.said(), re.M)
            self.assertEqual(said[-1] or None, detail, name)
        self.assertRegex(self.probe.said(), r"/soft outcome=ok connect_us=0 total_us=\d+ soft=40")
        helper = self.helper()
        for pid, most in ((self.probe.child.pid, 256), (helper, 64 if "asan" not in str(BIN) else 256)):
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            self.assertLess(int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]), most * 1024, "peak memory in kB")
        self.assertEqual(self.probe.stop(within=5), 0)
        self.assertFalse(pathlib.Path(f"/proc/{helper}").exists())

    def test_what_a_script_is_given(self):
        self.script("arguments", r"""printf '[%s]' "$0" "$@" | tr '\n' '~'""")
        self.script("environment", r"tr '\0' ' ' < /proc/$$/environ")
        self.script("surroundings", "echo $(pwd) $(readlink /proc/$$/fd/0) $(ulimit -c) $(ulimit -n) "
                                    "$(grep -c 'Sig\\(Blk\\|Ign\\).*0000000000000000' /proc/$$/status)")
        (self.scripts / "ls").symlink_to("/bin/ls")
        self.site.apply("checks:\n"
                        r"""  a: {type: script, command: [arguments, "two words", "two\nlines", "", "$(id)", "--", "*", "ä"]}""" "\n"
                        "  e: {type: script, command: environment, port: 9, timeout: 9s}\n"
                        "  h: {type: script, command: environment, timeout: 9s}\n"
                        "  s: {type: script, command: surroundings}\n"
                        "  l: {type: script, command: [ls, -m, /proc/self/fd]}\n"
                        "pools:\n"
                        "  pa: {check: a, endpoints: {a: {address: 127.0.0.1}}}\n"
                        "  pe: {check: e, endpoints: {e: {address: '::1', host: h.example, port: 7}}}\n"
                        "  ph: {check: h, endpoints: {h: {host: localhost}}}\n"
                        "  ps: {check: s, endpoints: {s: {address: 127.0.0.1}}}\n"
                        "  pl: {check: l, endpoints: {l: {address: 127.0.0.1}}}\n")
        self.probe = self.site.run("isobar-probe", "--name", "probe-1", "--log-level", "debug")
        self.probe.until(lambda: all(self.checked(name) for name in "aehsl"), 10, "all are checked")
        self.assertEqual(self.detail("a"), "[./arguments][two words][two~lines][][$(id)][--][*][..]")
        for name, rest in (("e", ("pe/e", "::1", "9", "h.example")), ("h", ("ph/h", r"(127\.0\.0\.1|::1)", "", "localhost"))):
            said = re.findall(rf'checked endpoint=[^/ ]+/{name} .* detail="(.*)', self.probe.said())[-1]
            self.assertRegex(said, "^PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C "
                                   "ISOBAR_ENDPOINT={} ISOBAR_ADDRESS={} ISOBAR_PORT={} ISOBAR_HOST={}".format(*rest))
        self.assertEqual(self.detail("s"), f"{self.scripts} /dev/null 0 256 2")
        self.assertEqual(self.detail("l"), "0, 1, 2, 3", "what ls opened itself is the last one")

    def test_the_manuals_script_does_what_it_says(self):
        text = (ROOT / "docs/operations.md").read_text().partition("\n### Scripts\n")[2].partition("```sh\n")[2].partition("```")[0]
        self.script("check-backlog", text)
        jobs = {"idle": b"0", "half": b"250", "busy": b"500", "odd": None}
        ports = {}
        for name, said in jobs.items():
            class Backlog(http.server.BaseHTTPRequestHandler):
                said_ = said

                def do_GET(self):
                    self.send_response(200 if self.said_ and self.path == "/backlog" else 404)
                    self.end_headers()
                    self.wfile.write(self.said_ or b"what?")

                def log_message(self, *_):
                    pass

            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Backlog)
            self.addCleanup(server.server_close)
            self.addCleanup(server.shutdown)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            ports[name] = server.server_port
        ends = self.ends({name: f"type: script, command: [check-backlog, 500], port: {port}" for name, port in ports.items()})
        self.assertEqual(ends, {"idle": "ok", "half": "ok", "busy": "exit-1", "odd": "exit-2"})
        soft = dict(re.findall(r"/(\w+) outcome=ok connect_us=0 total_us=\d+ soft=(\d+)", self.probe.said()))
        self.assertEqual((soft, self.detail("busy")), ({"idle": "100", "half": "50"}, "500 jobs wait"))

    # --- what is left ---

    def test_nothing_that_a_script_started_outlives_it(self):
        sleep = f"sleep {self.mark}"
        ways = {
            "child": f"{sleep} & echo begun",
            "orphan": f"({sleep} &); echo begun",
            "session": f"setsid {sleep} & echo begun",
            "daemon": f"setsid sh -c 'setsid {sleep} & {sleep} &' & sleep 0.1; echo begun",
            "deaf": f"setsid sh -c 'trap \"\" TERM HUP; {sleep}; {sleep}' & echo begun",
            "chain": f"i=0; while [ $i -lt 20 ]; do setsid {sleep} & i=$((i+1)); done; echo begun",
            "slow": f"setsid {sleep} & ({sleep} &) ; {sleep}",
        }
        self.once({self.script(name, text): name for name, text in ways.items()}, timeout="1s")
        self.probe.until(lambda: all(self.checked(name) for name in ways), 15, "all are checked")
        self.assertEqual({name: self.checked(name)[-1] for name in ways},
                         {name: "timeout" if name == "slow" else "ok" for name in ways})
        self.nothing_left()
        self.assertEqual(alive(self.mark), [])

    def test_a_check_that_is_taken_back_takes_its_script_along(self):
        self.once({self.script("slow", f"setsid sleep {self.mark} & sleep {self.mark}"): "slow"}, timeout="1h")
        self.probe.until(lambda: len(alive(self.mark)) == 2, 10, "the script runs")
        self.site.apply("pools: {p-slow: {endpoints: {slow: {address: 127.0.0.1}}}}\n")
        self.nothing_left()
        self.assertEqual(alive(self.mark), [])

    def test_no_script_survives_the_probe(self):
        ways = {"plain": f"sleep {self.mark}", "daemon": f"setsid sh -c 'sleep {self.mark} & sleep {self.mark}' & sleep {self.mark}"}
        for name, text in ways.items():
            self.script(name, text)
        for how, status in ((signal.SIGKILL, -9), (signal.SIGTERM, 0), (signal.SIGINT, 0)):
            with self.subTest(how=how.name):
                self.once({name: name for name in ways}, timeout="1h")
                self.probe.until(lambda: len(alive(self.mark)) == 4, 10, "the scripts run")
                helper = self.helper()
                self.assertEqual(self.probe.stop(how, within=3), status)
                until(lambda: not alive(self.mark) and not pathlib.Path(f"/proc/{helper}").exists(), 5, "all are gone")

    def test_signals_to_the_whole_group_of_processes_leave_the_end_to_the_probe(self):
        """As a service manager stops it: everybody gets SIGTERM at once."""
        self.once({self.script("slow", f"trap '' TERM; sleep {self.mark}"): "slow"}, timeout="1h")
        self.probe.until(lambda: alive(self.mark), 10, "the script runs")
        helper = self.helper()
        os.kill(helper, signal.SIGTERM)
        os.kill(helper, signal.SIGINT)
        self.assertTrue(alive(self.mark))
        self.assertEqual(self.probe.stop(within=3), 0)
        until(lambda: not alive(self.mark), 5, "it is gone")
        self.assertNotIn("script-helper-gone", self.probe.said())

    # --- what goes wrong ---

    def test_a_helper_that_dies_is_told_and_nothing_of_it_is_left(self):
        self.script("slow", f"setsid sleep {self.mark} & sleep {self.mark}")
        self.script("good", "exit 0")
        self.site.apply("checks:\n"
                        "  slow: {type: script, command: slow, timeout: 1h}\n"
                        "  good: {type: script, command: good, interval: 100ms}\n"
                        "pools:\n"
                        "  ps: {check: slow, endpoints: {slow: {address: 127.0.0.1}}}\n"
                        "  pg: {check: good, endpoints: {good: {address: 127.0.0.1}}}\n")
        self.probe = self.site.run("isobar-probe", "--name", "probe-1", "--log-level", "debug")
        self.probe.until(lambda: len(alive(self.mark)) == 2 and self.checked("good"), 10, "the scripts run")
        os.kill(self.helper(), signal.SIGKILL)
        self.probe.until(lambda: "script-helper-gone signal=9 reason=" in self.probe.said(),
                         10, "it is said")
        self.probe.until(lambda: self.checked("slow")[-1:] == ["internal"] and self.checked("good")[-3:] == ["internal"] * 3, 10,
                         "checks are the probe's own trouble from then on")
        self.assertEqual(self.detail("good"), "the helper that runs scripts is gone")
        until(lambda: not alive(self.mark), 5, "what ran is gone")
        self.assertEqual(self.probe.said().count("script-helper-gone"), 1)
        self.assertEqual(self.probe.stop(within=3), 0)

    def test_a_keeper_that_is_killed_costs_one_check(self):
        self.once({self.script("slow", f"setsid sleep {self.mark} & sleep {self.mark}"): "slow"}, timeout="1h")
        self.probe.until(lambda: len(alive(self.mark)) == 2, 10, "the script runs")
        keeper = next(pid for pid, (name, _) in descendants(self.helper()).items() if name == "isobar-scripts")
        os.kill(keeper, signal.SIGKILL)
        self.probe.until(lambda: self.checked("slow") == ["internal"], 10, "it is the probe's own trouble")
        self.nothing_left()
        self.assertEqual(alive(self.mark), [])

    def keepers(self):
        return [name for name, _ in descendants(self.helper()).values()].count("isobar-scripts")

    def test_of_two_hundred_at_once_each_has_its_turn_and_its_time(self):
        gate = self.site.directory / "gate"
        self.script("waits", f"while [ ! -e {gate} ]; do sleep 0.1; done")
        names = [f"e{i}" for i in range(200)]
        self.once(dict.fromkeys(names, "waits"), timeout="1m")
        self.probe.until(lambda: self.keepers() == MOST_AT_ONCE, 30, "as many run as may")
        gate.touch()
        self.probe.until(lambda: all(self.checked(name) for name in names), 30, "all are checked")
        self.assertEqual({outcome for name in names for outcome in self.checked(name)}, {"ok"})
        self.nothing_left()

    def test_a_script_that_has_no_turn_is_the_probes_own_trouble(self):
        gate = self.site.directory / "gate"
        self.script("waits", f"while [ ! -e {gate} ]; do sleep 0.1; done")
        self.script("good", "exit 0")
        names = [f"e{i}" for i in range(MOST_AT_ONCE)]
        self.once(dict.fromkeys(names, "waits"), timeout="1h")
        self.probe.until(lambda: self.keepers() == MOST_AT_ONCE, 30, "as many run as may")
        self.site.apply("checks:\n"
                        "  late: {type: script, command: good, interval: 200ms, timeout: 100ms}\n"
                        "  patient: {type: script, command: good, interval: 200ms, timeout: 1h}\n"
                        "pools:\n"
                        "  late: {check: late, endpoints: {late: {address: 127.0.0.1}}}\n"
                        "  patient: {check: patient, endpoints: {patient: {address: 127.0.0.1}}}\n")
        self.probe.until(lambda: len(self.checked("late")) >= 12, 20, "it is checked, for more than two seconds")
        self.assertEqual((set(self.checked("late")), self.detail("late")), ({"internal"}, "too many scripts under way"))
        self.assertEqual(self.keepers(), MOST_AT_ONCE)
        gate.touch()
        self.probe.until(lambda: self.checked("late")[-1] == "ok", 10, "it has its turn")
        self.assertEqual({outcome for name in names for outcome in self.checked(name)}, {"ok"})
        took = self.probe.until(lambda: re.findall(r"/patient outcome=ok connect_us=0 total_us=(\d+)", self.probe.said()), 10, "so has this")
        self.assertLess(int(took[0]), 1500000, "what it waited for its turn is not counted")

    def test_without_the_option_no_script_is_run(self):
        self.script("good", "exit 0")
        self.options = []
        self.assertEqual(self.ends({"c": "type: script, command: good"}), {"c": "internal"})
        self.assertEqual(self.detail("c"), "this probe runs no scripts: it was started without --scripts")
        self.assertEqual(descendants(self.probe.child.pid), {})

    def test_the_helper_holds_nothing_of_the_probes(self):
        self.once({self.script("good", "exit 0"): "good"})
        self.probe.until(lambda: self.checked("good"), 10, "it is checked")
        links = pathlib.Path(f"/proc/{self.helper()}/fd").iterdir()
        held = sorted(re.sub(r":\[\d+\]", "", os.readlink(link)) for link in links)
        self.assertEqual(held, sorted(["/dev/null", "/dev/null", str(self.probe.log), "socket", "anon_inode:[signalfd]"]))

    def test_a_directory_that_is_none_is_said_at_the_start(self):
        for path, why in ((self.scripts / "none", "No such file or directory"), (__file__, "Not a directory")):
            done = subprocess.run([BIN / "isobar-probe", "--store", self.site.store, "--scripts", path], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (1, f"isobar-probe: cannot take scripts from '{path}': {why}\n"))

    # --- what the catalog may say ---

    def test_the_catalog_names_a_file_in_the_directory_and_nothing_else(self):
        for name in ("/bin/sh", "../sh", "..", ".", "a/b", "'a b'", "''", "-x", '"a\\nb"', "ä", "x" * 64):
            said = self.site.apply(f"checks: {{c: {{type: script, command: [{name}, more]}}}}\n", ok=False)
            self.assertIn("is no name of a script; write that of a file in the probe's directory of scripts", said)
        self.assertIn("type script needs 'command': write the script and its arguments, as [check-queue, --limit, 100]",
                      self.site.apply("checks: {c: {type: script}}\n", ok=False))
        self.assertIn("a check of type tcp does not read 'command', which is for script; leave it out",
                      self.site.apply("checks: {c: {type: tcp, command: x}}\n", ok=False))
        self.assertIn("command holds 33 items; at most 32 are allowed",
                      self.site.apply(f"checks: {{c: {{type: script, command: [{', '.join('x' * 33)}]}}}}\n", ok=False))
        self.site.apply("checks: {c: {type: script, command: check_http.sh}}\n")
