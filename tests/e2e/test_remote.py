# SPDX-License-Identifier: Apache-2.0
"""Probes in other regions: a site's probe, two without a store, and whoever else finds the port."""
import contextlib
import pathlib
import re
import socket
import ssl
import struct
import subprocess
import threading
import time

from harness import BIN, GERMANY, KOREA, ROOT, SEOUL, VIRGINIA, Process, Story, free_port, until

# Types of frames, as docs/exchange.md has them.
HELLO, WELCOME, REFUSAL, KNOWN, READY, ROWS, BEAT = 1, 2, 3, 6, 7, 8, 10


def documented_commands():
    """The openssl commands of docs/operations.md, which are what an operator will paste."""
    section = (ROOT / "docs/operations.md").read_text().split("\n## Probes in other regions\n")[1].split("\n## ")[0]
    commands = re.search(r"```sh\n(.*?)```", section, re.S)[1]
    return [line for line in commands.replace("\\\n", " ").splitlines() if line.startswith("openssl")]


class Authority:
    """A certificate authority of its own, made with the documented commands."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir()
        self.authority, self.site, self.probe = documented_commands()
        self.run(self.authority)
        self.run(self.site.replace("gslb.example.com", "localhost"))
        self.ca = directory / "ca.pem"

    def shorten(self, name, days):
        """Makes its certificate anew, for so many days."""
        command = self.site.replace("gslb.example.com", "localhost") if name == "localhost" else self.probe.replace("seoul-1", name)
        self.run(command.replace("-days 825", f"-days {days}"))

    def run(self, command):
        subprocess.run(command, shell=True, cwd=self.directory, check=True, capture_output=True)

    def files(self, name):
        """A certificate for this name, as options."""
        cert = self.directory / f"{name}.pem"
        if not cert.exists():
            self.run(self.probe.replace("seoul-1", name))
        return ["--cert", cert, "--key", cert.with_suffix(".key"), "--ca", self.ca]


class Relay:
    """Between a probe and its site: carries octets, until the line is cut or falls silent."""

    def __init__(self, to):
        self.to, self.up, self.frozen, self.pairs = to, True, False, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                if not self.up:
                    near.close()
                    continue
                try:
                    far = socket.create_connection(("127.0.0.1", self.to))
                except OSError:
                    near.close()
                    continue
                self.pairs.append((near, far))
                for a, b in ((near, far), (far, near)):
                    threading.Thread(target=self.carry, args=(a, b), daemon=True).start()

    def carry(self, a, b):
        with contextlib.suppress(OSError):
            while octets := a.recv(65536):
                while self.frozen:
                    time.sleep(0.01)
                b.sendall(octets)
        for end in (a, b):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self):
        self.up = False
        for pair in self.pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def mend(self):
        self.up, self.frozen = True, False

    def close(self):
        self.mend()
        self.cut()
        self.listener.close()


class Talker:
    """A client of our own making that speaks the exchange, well or badly, with a good certificate."""

    def __init__(self, port, authority, name):
        files = authority.files(name)
        context = ssl.create_default_context(cafile=authority.ca)
        context.load_cert_chain(files[1], files[3])
        self.tcp = socket.create_connection(("127.0.0.1", port), 10)
        self.tls = context.wrap_socket(self.tcp, server_hostname="localhost")

    def send(self, kind, body=b""):
        self.tls.sendall(struct.pack("!IB", len(body) + 1, kind) + body)

    def hello(self, name, version=2):
        now = int(time.time() * 1000)
        self.send(HELLO, b"ISBX" + struct.pack("!H", version) + name.encode() + b"\0seoul\0" + struct.pack("!QQQ", 1, now, now))

    def read(self, count):
        octets = b""
        while len(octets) < count:
            more = self.tls.recv(count - len(octets))
            if not more:
                raise EOFError
            octets += more
        return octets

    def frame(self):
        body = self.read(struct.unpack("!I", self.read(4))[0])
        return body[0], body[1:]

    def until_ready(self):
        kinds = []
        while not kinds or kinds[-1] != READY:
            kinds.append(self.frame()[0])
        return kinds

    def is_closed(self):
        try:
            while self.tls.recv(65536):
                pass
        except (TimeoutError, socket.timeout):
            return False
        except OSError:
            pass
        return True

    def close(self):
        self.tls.close()


class Remote(Story):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.site.directory / "authority")
        self.exchange = free_port("127.0.0.1")
        self.relays = []
        self.remotes = {}
        self.site.start_balancers()

    def tearDown(self):
        for relay in self.relays:
            relay.close()
        super().tearDown()

    def place(self, name, trusts=None):
        """A directory of a probe's own, with the file ca.pem by which it checks."""
        directory = self.site.directory / name
        directory.mkdir(exist_ok=True)
        (directory / "checked.pem").write_bytes(pathlib.Path(trusts or self.site.directory / "tls/ca.pem").read_bytes())
        return directory

    def apply(self):
        """The usual catalog, but each probe has a file of its own to trust: so two can see one endpoint differently."""
        self.site.apply(self.site.catalog().replace(str(self.site.directory / "tls/ca.pem"), "checked.pem"))

    def start_site(self, trusts=None):
        """The site's probe. What it checks is trusted by the file in its own directory."""
        self.home = Process(self.site.directory / "home.log", "env", "-C", self.place("home", trusts), BIN / "isobar-probe",
                            "--store", self.site.store, "--name", "home", "--region", "frankfurt", "--log-level", "debug",
                            "--listen-probes", f"127.0.0.1:{self.exchange}", *self.authority.files("localhost"))
        self.site.processes.append(self.home)
        self.home.until(lambda: "listening-for-probes" in self.home.said(), 10, "the site listens")

    def start_remote(self, name, *options, region="seoul", files=None, port=None, trusts=None, site="localhost"):
        process = Process(self.site.directory / f"{name}.log", "env", "-C", self.place(name, trusts), BIN / "isobar-probe",
                          "--site", f"{site}:{port or self.exchange}", "--name", name, "--region", region,
                          *(files or self.authority.files(name)), *options)
        self.site.processes.append(process)
        self.remotes[name] = process
        return process

    def relay(self):
        self.relays.append(Relay(self.exchange))
        return self.relays[-1]

    def probes(self):
        return {row["name"]: row for row in self.site.cli_json("status")["probes"]}

    def why(self, endpoint="asia/icn-1"):
        return self.site.endpoints()[endpoint]["why"]

    def verdict_is(self, verdict, within=20, endpoint="asia/icn-1"):
        until(lambda: self.site.verdicts()[endpoint] == verdict, within, f"{endpoint} is {verdict}")

    # --- Many eyes ---

    def test_a_remote_runs_the_scripts_of_its_own_machine(self):
        """The site has none: to it the check is its own trouble, and the remote's word is the only one."""
        scripts = self.place("seoul-1") / "scripts"
        scripts.mkdir()
        (scripts / "check").write_text('#!/bin/sh\necho "$ISOBAR_ENDPOINT at $ISOBAR_ADDRESS $1"; exit 5\n')
        (scripts / "check").chmod(0o755)
        self.site.apply("checks: {c: {type: script, command: [check, here], interval: 200ms}}\n"
                        "pools: {asia: {check: c, endpoints: {icn-1: {address: 127.0.1.10}}}}\n")
        self.start_site()
        self.start_remote("seoul-1", "--scripts", "scripts", "--log-level", "debug")
        self.verdict_is("down")
        self.assertIn("seoul-1: exit-5", self.why())
        until(lambda: "started without --scripts" in self.home.said(), 20, "the home probe says why it has no voice here")
        self.assertIn('detail="asia/icn-1 at 127.0.1.10 here"', self.remotes["seoul-1"].said())
        self.assertEqual(self.remotes["seoul-1"].stop(within=5), 0)

    def test_two_remotes_outvote_a_site_that_alone_sees_a_failure(self):
        other = Authority(self.site.directory / "other")
        self.apply()
        self.site.start_server()
        self.start_site(trusts=other.ca)  # to it, every certificate is bad
        self.verdict_is("down")
        lines = [self.relay(), self.relay()]
        self.start_remote("seoul-1", port=lines[0].port)
        self.start_remote("iad-1", region="virginia", port=lines[1].port)
        self.verdict_is("up")
        self.site.moves(KOREA, SEOUL)
        why = self.why()
        for told in ("home: tls-verify", "seoul-1: ok", "iad-1: ok"):
            self.assertIn(told, why)
        probes = self.probes()
        self.assertEqual({name: (row["region"], row["state"], row["checks"], row["from"]) for name, row in probes.items()},
                         {"home": ("frankfurt", "ok", 3, ""), "seoul-1": ("seoul", "ok", 3, "127.0.0.1"),
                          "iad-1": ("virginia", "ok", 3, "127.0.0.1")})
        self.assertRegex(self.site.cli("status", "--all"), r"seoul-1 +seoul +ok +\S+ +3 +127\.0\.0\.1\n")

        for line in lines:  # the site goes by the votes that are fresh; then only its own is
            line.cut()
        self.verdict_is("down")
        self.assertIn("remote-lost name=seoul-1", self.home.said())
        self.assertIn("site-lost", self.remotes["seoul-1"].said())
        for line in lines:
            line.mend()
        self.verdict_is("up")
        self.assertEqual(self.site.answer(KOREA), [SEOUL])

    def test_a_failure_that_all_see_moves_the_answer_and_the_evidence_names_them(self):
        self.apply()
        self.site.start_server()
        self.start_site()
        self.start_remote("seoul-1")
        self.start_remote("iad-1", region="virginia")
        until(lambda: self.why().count("ok x") == 3, 20, "three probes see asia/icn-1")
        self.site.balancers["seoul"].stop()
        self.site.moves(KOREA, VIRGINIA)
        until(lambda: self.why().count("connect-refused x") == 3, 20, "three probes see the failure")
        self.site.balancers["seoul"].start()
        self.site.moves(KOREA, SEOUL)

    def test_an_edit_reaches_probes_that_have_no_store(self):
        self.apply()
        self.start_site()
        self.start_remote("seoul-1")
        until(lambda: self.probes().get("seoul-1", {}).get("checks") == 3, 20, "seoul-1 checks three endpoints")
        self.site.cli("set", "pool", "us", "check=")
        until(lambda: self.probes()["seoul-1"]["checks"] == 2, 20, "and then two")
        until(lambda: "seoul-1" not in self.why("us/iad-1"), 20, "what it saw of the third is gone")

    # --- Links and lives ---

    def test_a_line_that_falls_silent_is_noticed_on_both_sides(self):
        self.apply()
        self.start_site()
        line = self.relay()
        remote = self.start_remote("seoul-1", port=line.port)
        until(lambda: "seoul-1: ok" in self.why(), 20, "seoul-1 reports")
        line.frozen = True
        until(lambda: 'name=seoul-1 from=127.0.0.1 reason="it is silent"' in self.home.said(), 30, "the site notices")
        until(lambda: "site-lost" in remote.said(), 30, "and the probe")
        self.assertEqual(self.site.verdicts()["asia/icn-1"], "up")
        line.mend()
        until(lambda: remote.said().count("site-connected") == 2, 30, "they find each other again")

    def test_restarts_of_either_side_do_not_move_a_verdict(self):
        other = Authority(self.site.directory / "other")
        self.apply()
        self.start_site(trusts=other.ca)
        self.start_remote("seoul-1")
        self.start_remote("iad-1", region="virginia")
        until(lambda: self.why().count("ok x") == 2, 20, "both votes are in the store")
        self.verdict_is("up")
        seen = len(self.home.said())

        self.home.kill()
        # home may have voted or not before it ended
        until(lambda: self.why().count("too old") == self.why().count(" x"), 30, "nothing is left to judge by but what comes back")
        self.start_site(trusts=other.ca)
        until(lambda: self.home.said().count("remote-connected") == 4, 30, "both came back")
        until(lambda: self.why().count("ok x") == 2 and "too old" not in self.why(), 20, "and told what they see")
        self.remotes["iad-1"].kill()
        self.start_remote("iad-1", region="virginia")
        until(lambda: self.home.said().count("remote-connected") == 5, 30, "iad-1 is back")
        until(lambda: self.probes()["iad-1"]["state"] == "ok", 20, "iad-1 reports")
        turns = re.findall(r"verdict-changed endpoint=asia/icn-1 from=(\w+) to=(\w+)", self.home.said()[seen:])
        self.assertEqual([turn for turn in turns if "down" in turn], [], "no verdict fell")

    def test_a_renewed_certificate_needs_no_restart(self):
        self.apply()
        self.start_site()
        line = self.relay()
        files = self.authority.files("seoul-1")
        remote = self.start_remote("seoul-1", port=line.port, files=files)
        until(lambda: "site-connected" in remote.said(), 20, "they speak")
        other = Authority(self.site.directory / "other")
        for fresh, old in zip(other.files("seoul-1")[1::2], files[1::2]):
            old.write_bytes(fresh.read_bytes())  # the authority as well
        for fresh, old in zip(other.files("localhost")[1:4:2], self.authority.files("localhost")[1:4:2]):
            old.write_bytes(fresh.read_bytes())
        until(lambda: "certificate-renewed" in self.home.said(), 20, "the site reads its files again")
        line.cut()
        line.mend()
        until(lambda: remote.said().count("site-connected") == 2, 30, "both took the new ones")

    # --- Who is let in ---

    def test_who_is_not_who_it_says_is_refused_with_the_reason(self):
        other = Authority(self.site.directory / "other")
        self.apply()
        self.start_site()
        stranger = self.start_remote("stranger-1", files=other.files("stranger-1")[:4] + ["--ca", self.authority.ca])
        until(lambda: re.search(r'site-lost .*unknown ca', stranger.said()), 20, "a certificate of another authority is refused")
        until(lambda: re.search(r'remote-refused .*its certificate: ', self.home.said()), 20, "the site says why")
        wary = self.start_remote("wary-1", files=self.authority.files("wary-1")[:4] + ["--ca", other.ca])
        until(lambda: re.search(r'site-lost .*its certificate: ', wary.said()), 20, "so is a site of another authority")
        lost = self.start_remote("lost-1", site="127.0.0.1")
        until(lambda: re.search(r'site-lost .*its certificate: ', lost.said()), 20, "and one under a name that is not its own")
        liar = self.start_remote("liar-1", files=self.authority.files("honest-1"))
        said = "its certificate is not for liar-1 but for honest-1"
        until(lambda: said in liar.said() and said in self.home.said(), 20, "a probe has the name of its certificate")
        home = self.start_remote("home")
        until(lambda: "the site's own probe has that name" in home.said(), 20, "nobody speaks as the site")
        self.assertEqual(set(self.probes()), {"home"})
        self.assertEqual(self.home.said().count("remote-connected"), 0)

    def test_what_will_break_is_said_before_it_does(self):
        self.apply()
        self.start_site()
        self.authority.shorten("seoul-1", 20)
        self.start_remote("seoul-1", region="soul")
        until(lambda: re.search("certificate-ends name=seoul-1 days=(19|20) ", self.home.said()), 20, "the probe's certificate ends soon")
        until(lambda: "region-unknown name=seoul-1 region=soul" in self.home.said(), 20, "its region is misspelt")
        self.start_remote("iad-1", region="virginia")
        until(lambda: "remote-connected name=iad-1" in self.home.said(), 20, "another is there")
        self.authority.shorten("localhost", 10)
        until(lambda: re.search(r"certificate-ends file=\S+localhost.pem days=(9|10) ", self.home.said()), 20, "so does the site's own")
        self.assertEqual(self.home.said().count("certificate-ends"), 2)
        self.assertEqual(self.home.said().count("region-unknown"), 1)

    def test_the_newer_of_two_connections_under_one_name_wins(self):
        self.apply()
        self.start_site()
        older, newer = (Talker(self.exchange, self.authority, "seoul-1") for _ in range(2))
        older.hello("seoul-1")
        self.assertEqual(older.frame()[0], WELCOME)
        newer.hello("seoul-1")
        self.assertEqual(newer.frame()[0], WELCOME)
        self.assertTrue(older.is_closed())
        self.assertIn('reason="a newer connection came under its name"', self.home.said())
        newer.send(BEAT, struct.pack("!BIQ", 0, 3, 1))
        until(lambda: self.probes().get("seoul-1", {}).get("checks") == 3, 10, "the newer one is heard")

    def test_another_version_is_told_so(self):
        self.apply()
        self.start_site()
        talker = Talker(self.exchange, self.authority, "seoul-1")
        talker.hello("seoul-1", version=7)
        kind, reason = talker.frame()
        self.assertEqual((kind, reason), (REFUSAL, b"it speaks version 7 of the exchange and this site version 2\0"))

    # --- Who means harm ---

    def test_harm_costs_bounded_memory_and_delays_no_check(self):
        self.apply()
        self.site.start_server()
        self.start_site()
        self.start_remote("seoul-1")
        until(lambda: "seoul-1: ok" in self.why(), 20, "seoul-1 reports")
        garbage = []
        for i in range(1000):  # some are refused at once, some are forgotten after their time
            c = socket.socket()
            c.settimeout(5)
            c.bind(("127.0.0.2", 0))
            c.connect(("127.0.0.1", self.exchange))
            with contextlib.suppress(OSError):
                c.sendall((b"GET / HTTP/1.0\r\n\r\n", b"", b"\x16\x03\x01\x02\x00\x01", b"\x16\x03\x01\x40\x00" * 3000)[i % 4])
            garbage.append(c)
        talkers = [Talker(self.exchange, self.authority, f"evil-{i}") for i in range(4)]
        for i, talker in enumerate(talkers):
            talker.hello(f"evil-{i}")
            self.assertEqual(talker.until_ready()[0], WELCOME)
        talkers[0].tls.sendall(struct.pack("!I", 1 << 30) + b"x")  # a gigabyte is announced
        self.assertTrue(talkers[0].is_closed())
        talkers[1].send(200, b"no such frame")
        self.assertTrue(talkers[1].is_closed())
        talkers[2].send(ROWS, struct.pack("!Q", int(time.time() * 1000)) + b"asia/icn-1\0" + b"\0" * 8 + b"\0\2xx")
        self.assertTrue(talkers[2].is_closed())

        def flood(talker):  # well-formed, and without end
            row = b"asia/nobody\0" + b"\0" * 8
            row += struct.pack("!H", self.row_len) + b"\0" * self.row_len
            frame = struct.pack("!Q", int(time.time() * 1000)) + row * (60000 // len(row))
            with contextlib.suppress(OSError):
                while not self.enough:
                    talker.send(ROWS, frame)

        self.enough, self.row_len = False, len(self.any_row())
        flooder = threading.Thread(target=flood, args=(talkers[3],), daemon=True)
        flooder.start()
        before = len(self.home.said())
        self.site.balancers["seoul"].stop()
        self.assertLess(self.site.moves(KOREA, VIRGINIA), 5)
        took = [int(us) for us in re.findall(r"endpoint=us/\S+ outcome=ok connect_us=\d+ total_us=(\d+)", self.home.said()[before:])]
        self.assertTrue(took and max(took) < 500000, f"checks beside the flood: {took}")
        self.assertEqual(self.site.answer(GERMANY), ["127.0.3.10"])
        status = pathlib.Path(f"/proc/{self.home.child.pid}/status").read_text()
        self.assertLess(int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]), 128 * 1024, "peak memory in kB")
        self.assertIn("seoul-1: connect-refused", self.why())
        self.enough = True
        for c in garbage:
            c.close()
        for talker in talkers:
            talker.close()
        reasons = set(re.findall(r'name=evil-\d from=127.0.0.1 reason="([^"]+)"', self.home.said()))
        self.assertTrue(reasons >= {"a frame is longer than 65536 octets, or empty", "a frame is malformed",
                                    "an observation is malformed, or of another version of the program"}, reasons)

    def any_row(self):
        """A row's value as the site gives it back, which says how long one is."""
        talker = Talker(self.exchange, self.authority, "seoul-1")
        talker.hello("seoul-1")
        kind, body = talker.frame()
        while kind != KNOWN:
            kind, body = talker.frame()
        talker.close()
        at = body.index(b"\0", 8) + 1 + 8
        return body[at + 2:at + 2 + struct.unpack("!H", body[at:at + 2])[0]]

    def test_silence_and_dripping_are_not_waited_for(self):
        self.apply()
        self.start_site()
        begun = time.monotonic()
        silent = socket.create_connection(("127.0.0.1", self.exchange), 20)
        drip = socket.create_connection(("127.0.0.1", self.exchange), 20)
        mute = Talker(self.exchange, self.authority, "seoul-1")  # a good certificate, and no name

        def dripping():
            with contextlib.suppress(OSError):
                for octet in b"\x16\x03\x01\x02\x00" + b"\x01" * 100:
                    drip.sendall(bytes([octet]))
                    time.sleep(0.5)

        threading.Thread(target=dripping, daemon=True).start()
        self.assertEqual(silent.recv(1), b"")
        with contextlib.suppress(OSError):
            self.assertNotEqual(drip.recv(100), None)
        self.assertTrue(mute.is_closed())
        self.assertLess(time.monotonic() - begun, 12)
        until(lambda: self.home.said().count("it did not introduce itself in time") == 3, 10, "the log says why")
        for c in (silent, drip):
            c.close()

    # --- The command line ---

    def test_options_that_do_not_fit_together_are_refused(self):
        files = ["--cert", "c", "--key", "k", "--ca", "a"]
        for words, said in (
            (["--site", "x"], "--site needs --cert, --key and --ca"),
            (["--listen-probes", "127.0.0.1"], "--listen-probes needs --cert, --key and --ca"),
            (["--site", "x", "--store", "s", *files], "--site and --store exclude each other"),
            (["--site", "x", "--listen-probes", "127.0.0.1", *files], "--site and --listen-probes exclude each other"),
            (["--site", "x", "--resolver", "127.0.0.1", *files], "--resolver means nothing with --site"),
            (["--site", "x:0", *files], "--site 'x:0' is not a host"),
            (["--listen-probes", "gslb.example.com", *files], "'gslb.example.com' is not an address"),
            (["--ca", "a"], "mean nothing without --listen-probes or --site"),
        ):
            done = subprocess.run([BIN / "isobar-probe", "--name", "p", *words], capture_output=True, text=True, timeout=10)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn(said, done.stderr)
        help_ = subprocess.run([BIN / "isobar-probe", "--help"], capture_output=True, text=True, timeout=10).stdout
        self.assertLessEqual(len(help_.splitlines()), 28, "one screen, if not a small one")
        self.apply()
        broken = subprocess.run([BIN / "isobar-probe", "--store", self.site.store, "--name", "p", "--listen-probes",
                                 "127.0.0.1", "--cert", "/nonexistent", "--key", "k", "--ca", "a"],
                                capture_output=True, text=True, timeout=10)
        self.assertEqual(broken.returncode, 1)
        self.assertIn("cannot read the certificate '/nonexistent': No such file or directory", broken.stderr)
