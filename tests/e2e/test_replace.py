# SPDX-License-Identifier: Apache-2.0
"""isobard is replaced by another isobard without a lost query; whatever goes wrong with the new one, the old one serves."""
import array
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import unittest

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import harness
from harness import BIN, LIBC, Process, Story, until

CATALOG = """zones: {bench.test: {text: "@ 60 SOA ns h 1 2 3 4 5\\n@ 60 NS ns\\nns 60 A 192.0.2.1\\nwww 60 A 192.0.2.2"}}
"""
NAME = "www.bench.test"
COOKIE, NSID = 10, dns.edns.OptionType.NSID
PATIENCE = 20  # seconds for an answer: what is lost never comes, and a busy machine is no loss


def question(number):
    message = dns.message.make_query(NAME, "A")
    message.flags &= ~dns.flags.RD
    message.id = number & 0xFFFF
    return message.to_wire()


class Asker(threading.Thread):
    """One question after the other until told to stop; `answered` grows, `trouble` says what was wrong."""

    def __init__(self, site, address):
        super().__init__()
        self.address, self.port = address, site.port
        self.family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.answered, self.trouble, self.ends = 0, None, False

    def run(self):
        try:
            while not self.ends:
                self.ask()
        except (OSError, AssertionError) as trouble:
            self.trouble = f"{type(self).__name__} at {self.address}: {trouble!r} after {self.answered} answers"

    def take(self, reply, asked):
        if reply[:2] != asked[:2] or reply[3] & 15 or reply[7] != 1:
            raise AssertionError(f"{asked.hex()} is answered with {reply.hex()}")
        self.answered += 1

    def finish(self):
        self.ends = True
        self.join(2 * PATIENCE)


class UdpAsker(Asker):
    """From another port each time, so that every worker is asked."""

    def ask(self):
        with socket.socket(self.family, socket.SOCK_DGRAM) as s:
            s.settimeout(PATIENCE)
            s.connect((self.address, self.port))
            asked = question(self.answered)
            s.send(asked)
            self.take(s.recv(4096), asked)


class TcpAsker(Asker):
    """Pipelines on one connection, which stays."""

    PIPELINE = 5
    stream = None

    def ask(self):
        if not self.stream:
            self.stream = socket.create_connection((self.address, self.port), PATIENCE)
        asked = [question(self.answered + i) for i in range(self.PIPELINE)]
        self.stream.sendall(b"".join(struct.pack("!H", len(one)) + one for one in asked))
        for one in asked:
            (length,) = struct.unpack("!H", self.receive(2))
            self.take(self.receive(length), one)

    def receive(self, length):
        data = b""
        while len(data) < length:
            piece = self.stream.recv(length - len(data))
            if not piece:
                raise AssertionError("the connection was closed")
            data += piece
        return data

    def finish(self):
        super().finish()
        if self.stream:
            self.stream.close()


class NewConnections(TcpAsker):
    """Each pipeline on a connection of its own."""

    def ask(self):
        super().ask()
        self.stream.close()
        self.stream = None


class Replace(Story):
    def setUp(self):
        super().setUp()
        self.site.apply(CATALOG)
        self.control = self.site.directory / "control"
        self.background = []
        self.addCleanup(self.stop_background)

    def stop_background(self):
        for pid in self.background:
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                continue
            until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), 10, f"isobard {pid} ends")

    def words(self, name, *more, workers=1):
        listen = ["--listen", f"127.0.0.1:{self.site.port}"]
        if self.site.ipv6:
            listen += ["--listen", f"[::1]:{self.site.port}"]
        return [*listen, "--workers", workers, "--control", self.control, "--nsid", name, *more]

    def start(self, name, *more, ready=True, **how):
        process = self.site.run("isobard", *self.words(name, *more, **how))
        if ready:
            process.until(lambda: self.nsid() == name, 20, f"{name} answers")
        return process

    def replace(self, old, name, *more, **how):
        """In the foreground, as a process of ours; returns when nobody but the new one reads queries."""
        new = self.start(name, "--replace", "--foreground", *more, ready=False, **how)
        new.until(lambda: "info replaced pid=" in new.said(), 20, f"{name} has taken over")
        until(lambda: "info replaced by=" in old.said(), 20, f"{name} replaces")
        return new

    def ended(self, old):
        until(lambda: not old.running(), 30, "the old one ends when its connections have")
        self.assertEqual(old.child.returncode, 0, old.said())

    def nsid(self, **how):
        message = dns.message.make_query(NAME, "A", options=[dns.edns.GenericOption(NSID, b"")])
        try:
            reply = dns.query.udp(message, "127.0.0.1", how.get("timeout", 1), self.site.port)
        except (dns.exception.Timeout, OSError):
            return None
        said = [option for option in reply.options if option.otype == NSID]
        return said[0].to_wire().decode() if said else None

    def command(self, *words, under=(), **how):
        """An isobard that is expected to end; its exit status and what it said."""
        log = self.site.directory / "command.log"  # no pipe: what goes on in the background would hold it open
        with log.open("wb") as output:
            done = subprocess.run([str(word) for word in (*under, BIN / "isobard", "--store", self.site.store, *words)],
                                  stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, timeout=60, check=False,
                                  **how)
        return done.returncode, log.read_text()


class WithoutLoss(Replace):
    def load(self):
        """As many questions as the machine carries, 512 of them on their way at any time."""
        questions = self.site.directory / "questions"
        subprocess.run([BIN / "tests/bench-questions", "--store", self.site.store, "--out", questions], check=True,
                       stdout=subprocess.DEVNULL)
        words = ["--port", self.site.port, "--questions", questions, "--server", os.getpid(), "--seconds", 3600, "--window", 512,
                 "--patience", PATIENCE]
        child = subprocess.Popen([str(word) for word in (BIN / "tests/bench-load", *words)], stdout=subprocess.PIPE, text=True,
                                 preexec_fn=harness.in_the_child)
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        return child

    def askers(self):
        kinds = [(kind, address) for kind in (UdpAsker, TcpAsker, NewConnections)
                 for address in (["127.0.0.1", "::1"] if self.site.ipv6 else ["127.0.0.1"])]
        askers = [kind(self.site, address) for kind, address in kinds]
        for asker in askers:
            asker.start()
            self.addCleanup(asker.finish)
        return askers

    def each_goes_on(self, askers):
        """Every one of them has been answered anew, twice over."""
        before = [asker.answered + 2 * TcpAsker.PIPELINE for asker in askers]

        def all_did():
            self.assertEqual([asker.trouble for asker in askers if asker.trouble], [])
            return all(asker.answered >= count for asker, count in zip(askers, before))

        until(all_did, 2 * PATIENCE, "everybody is answered")

    def test_no_query_is_lost_over_replacements_with_more_and_fewer_workers(self):
        servers = [self.start("0")]
        askers, load = self.askers(), self.load()
        self.each_goes_on(askers)
        for i, workers in enumerate((2, 1, 3, 1, 1), 1):
            servers.append(self.replace(servers[-1], str(i), workers=workers))
            self.assertEqual(self.nsid(), str(i))
            self.each_goes_on(askers)
            self.ended(servers[-2])  # though nobody has closed a connection: the new one has them
        load.send_signal(signal.SIGTERM)
        told = json.loads(load.communicate(timeout=2 * PATIENCE)[0])
        for asker in askers:
            asker.finish()
        self.assertEqual([asker.trouble for asker in askers if asker.trouble], [])
        self.assertGreater(told["sent"], 1000)
        self.assertEqual((told["answered"], told["wrong"], told["stray"]), (told["sent"], 0, 0), told)

    def test_new_options_count_and_cookies_stay_valid(self):
        port, more = self.site.port, harness.free_port("127.0.0.1")
        old = self.start("old")

        def cookie(value, to):
            message = dns.message.make_query(NAME, "A", options=[dns.edns.GenericOption(COOKIE, value)])
            reply = dns.query.udp(message, "127.0.0.1", 5, to)
            return next(option.to_wire() for option in reply.options if option.otype == COOKIE)

        given = cookie(b"clientco", port)
        self.assertEqual(len(given), 24)
        words = ["--listen", f"127.0.0.1:{more}"]
        new = self.replace(old, "new", *words)
        self.assertEqual(self.nsid(), "new")
        self.assertEqual(cookie(given, port), given)
        self.assertEqual(cookie(given, more), given)
        self.ended(old)
        last = self.replace(new, "last")  # without the other address again
        self.ended(new)
        with self.assertRaises((dns.exception.Timeout, OSError)):
            dns.query.tcp(dns.message.make_query(NAME, "A"), "127.0.0.1", 5, more)
        self.assertEqual(cookie(given, port), given)
        self.assertIn("listening address=127.0.0.1", last.said())

    def test_who_tells_of_clients_goes_on_where_the_old_one_did(self):
        clients = self.site.directory / "clients"

        def told():
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(5)
                s.connect(str(clients))
                return s.recv(64)

        old = self.start("old", "--clients", clients)
        self.assertTrue(told())
        new = self.replace(old, "new", "--clients", clients)
        self.ended(old)
        self.assertTrue(told())
        new.stop()
        self.assertFalse(clients.exists())
        self.assertFalse(self.control.exists())


class InTheBackground(Replace):
    def test_the_command_returns_when_the_new_one_serves_and_names_it_to_the_service_manager(self):
        old = self.start("old")
        path = self.site.directory / "notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(str(path))
            notify.settimeout(10)
            status, said = self.command(*self.words("new", "--replace"), env={**os.environ, "NOTIFY_SOCKET": str(path)})
            pid = int(re.search(r"replaced by=(\d+)", old.said())[1])
            self.background.append(pid)
            self.assertEqual(status, 0, said)
            self.assertEqual(self.nsid(), "new")
            self.assertEqual(notify.recv(256).decode().split("\n"), [f"MAINPID={pid}", "READY=1"])
        self.assertNotEqual(os.getsid(pid), os.getsid(0))
        self.ended(old)
        self.assertNotIn("STOPPING", said)
        status, said = self.command(*self.words("newer", "--replace", "--geo", "/dev/null"))
        self.assertEqual(status, 1)
        self.assertIn("/dev/null", said)
        self.assertEqual(self.nsid(), "new")


class Failing(Replace):
    def expect_old(self, old, why=None):
        """It answers, and would be replaced by a better one."""
        self.assertEqual(self.nsid(timeout=5), "old")
        if why:
            until(lambda: why in old.said(), 20, f"the old one says {why}:\n{old.said()}")

    def test_one_that_cannot_run_leaves_the_old_one(self):
        old = self.start("old")
        empty = self.site.directory / "empty"
        empty.mkdir()
        taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(taken.close)
        taken.bind(("127.0.0.1", 0))
        for words, status, said in (
            (["--nsidd", "x"], 2, "did you mean '--nsid'?"),
            (["--store", empty], 1, "there is no store in"),
            (["--geo", "/dev/null"], 1, "/dev/null"),
            (["--cookie-secret-file", "/dev/null"], 1, "no secret in the file"),
            (["--listen", f"127.0.0.1:{taken.getsockname()[1]}"], 1, "does another DNS server run here?"),
            (["--query-log", "/nowhere/log"], 1, "cannot open the query log"),
        ):
            for foreground in ([], ["--foreground"]):
                got, text = self.command(*self.words("new", "--replace", *foreground, *words))
                self.assertEqual((got, said in text), (status, True), text)
                self.expect_old(old, None if status == 2 else "replace-failed")
        self.replace(old, "new")
        self.ended(old)

    def test_there_must_be_one_to_replace_and_it_is_not_just_any_file(self):
        status, said = self.command(*self.words("new", "--replace"))
        self.assertEqual((status, "there is no isobard to replace" in said), (1, True), said)
        self.control.write_text("")
        status, said = self.command(*self.words("new"))
        self.assertEqual((status, "there is a file that is no socket" in said), (1, True), said)
        self.control.unlink()
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as other:  # it hangs up at once
            other.bind(str(self.control))
            other.listen()
            threading.Thread(target=lambda: other.accept()[0].close()).start()
            status, said = self.command(*self.words("new", "--replace"))
            self.assertEqual((status, "ended before it had handed over" in said), (1, True), said)

    # Reading the secrets comes behind the handover of the sockets: a FIFO without a writer holds the new one there.

    def held(self, old, name="new"):
        secrets = self.site.directory / f"{name}.secrets"
        os.mkfifo(secrets, 0o600)
        new = self.start(name, "--replace", "--foreground", "--cookie-secret-file", secrets, ready=False)
        until(lambda: f"replace-asked by={new.child.pid}" in old.said(), 20, "the sockets are handed over")
        new.until(lambda: "replacing pid=" in new.said(), 20, "the new one has them")
        return new, secrets

    def let_go(self, secrets):
        with secrets.open("w") as out:
            out.write("00112233445566778899aabbccddeeff\n")

    def test_one_that_is_killed_with_the_sockets_in_its_hands_leaves_the_old_one(self):
        old = self.start("old", workers=2)
        for i in range(3):
            new, _ = self.held(old, f"new-{i}")
            self.expect_old(old)
            new.kill()
            self.expect_old(old, f"replace-failed by={new.child.pid}")
        self.replace(old, "last")
        self.ended(old)

    def test_one_that_is_told_to_end_does_not_begin(self):
        old = self.start("old")
        new, secrets = self.held(old)
        new.child.send_signal(signal.SIGTERM)
        self.let_go(secrets)
        until(lambda: not new.running(), 20, "it ends")
        self.assertEqual(new.child.wait(), 1)
        self.assertIn("told to end before it served", new.said())
        self.site.processes.remove(new)
        self.expect_old(old, "replace-failed")

    def test_one_that_nobody_waits_for_does_not_begin(self):
        old = self.start("old")
        secrets = self.site.directory / "secrets"
        os.mkfifo(secrets, 0o600)
        words = self.words("new", "--replace", "--cookie-secret-file", secrets)
        command = Process(self.site.directory / "command.log", BIN / "isobard", "--store", self.site.store, *words)
        until(lambda: "replace-asked" in old.said(), 20, "the sockets are handed over")
        self.background.append(int(re.search(r"replace-asked by=(\d+)", old.said())[1]))
        self.assertNotEqual(self.background[0], command.child.pid)
        command.kill()
        self.let_go(secrets)
        self.expect_old(old, "replace-failed")
        until(lambda: "nobody waits for this replacement any more" in command.said(), 20, "it says why")

    def test_a_second_one_is_refused_while_the_first_is_at_it(self):
        old = self.start("old")
        new, secrets = self.held(old)
        status, said = self.command(*self.words("second", "--replace"))
        self.assertEqual((status, f"process {new.child.pid} is replacing it already" in said), (1, True), said)
        self.expect_old(old)
        self.let_go(secrets)
        new.until(lambda: self.nsid() == "new", 20, "the first one serves")
        self.ended(old)

    def test_when_the_old_one_is_killed_the_new_one_answers_what_waits(self):
        old = self.start("old")
        new, secrets = self.held(old)
        old.kill()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(PATIENCE)
            s.connect(("127.0.0.1", self.site.port))
            s.send(question(7))  # nobody reads now
            self.let_go(secrets)
            self.assertEqual(s.recv(4096)[:2], b"\0\7")
        new.until(lambda: self.nsid() == "new", 20, "the new one serves")
        self.replace(new, "next")

    def test_when_the_old_one_is_stopped_the_new_one_does_not_begin(self):
        old = self.start("old")
        new, secrets = self.held(old)
        self.assertEqual(old.stop(), 0)
        self.let_go(secrets)
        until(lambda: not new.running(), 20, "the new one gives up")
        self.assertEqual(new.child.wait(), 1)
        self.assertIn("it is being stopped", new.said())
        self.site.processes.remove(new)

    def test_one_that_takes_the_sockets_and_says_it_serves_and_dies_is_a_dead_server(self):
        """The end of the handover as the old one sees it: only DONE makes it stop, and then it does."""
        old = self.start("old")
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.settimeout(PATIENCE)
            s.connect(str(self.control))
            s.send(b"isoH\0\1\0\1" + b"9.9.9".ljust(32, b"\0"))
            message, ancillary, _, _ = s.recvmsg(512, 4096)
            self.assertEqual(message[:8], b"isoH\0\1\0\2")
            fds = array.array("i")
            fds.frombytes(ancillary[0][2])
            self.assertEqual(len(fds), struct.unpack("!I", message[12:16])[0])
            self.expect_old(old)
            s.send(b"isoH\0\1\0\4")
            self.assertEqual(s.recv(512)[:8], b"isoH\0\1\0\5")
            self.ended(old)
            self.assertIn("version=9.9.9", old.said())
            for fd in fds:
                os.close(fd)

    def test_strangers_on_the_control_socket_do_no_harm(self):
        old = self.start("old")
        for octets in (b"x", b"isoH\0\1\0\4", b"isoH\0\2\0\1", os.urandom(512), os.urandom(4096)):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
                s.settimeout(PATIENCE)
                s.connect(str(self.control))
                s.send(octets)
                self.assertEqual(s.recv(512)[6:8], b"\0\3")
            self.expect_old(old)
        self.replace(old, "new")
        self.ended(old)


CLONE_NEWNET, NOBODY = 0x40000000, 65534


@unittest.skipIf(os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "nsenter", "setpriv", "ip"))),
                 "needs root, unshare, nsenter, setpriv and ip")
class WithoutPrivileges(Replace):
    """Port 53 in a network of its own."""

    def within(self, server, ask):
        """Runs in the server's network, on a thread that is not needed any more."""
        said = []

        def enter():
            with open(f"/proc/{server.child.pid}/ns/net", encoding="ascii") as net:
                if LIBC.setns(ctypes.c_int(net.fileno()), ctypes.c_int(CLONE_NEWNET)) == 0:
                    said.append(ask())

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join(PATIENCE)
        return said[0] if said else None

    def setUp(self):
        super().setUp()
        self.site.port, self.site.ipv6 = 53, False
        self.site.directory.chmod(0o777)
        self.site.store.chmod(0o777)
        for path in self.site.store.glob("*"):
            if not path.is_symlink():
                path.chmod(0o666)
        self.nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        if subprocess.run([*self.nobody, BIN / "isobard", "--version"], capture_output=True, check=False).returncode:
            self.skipTest("nobody may not run the programs here")
        if subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode:
            self.skipTest("no network namespaces here")

    def test_who_may_not_bind_the_port_takes_it_over(self):
        lo = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
        caps = ["--inh-caps=+net_bind_service", "--ambient-caps=+net_bind_service"]
        old = self.site.run("isobard", *self.words("old"), under=[*lo, *self.nobody, *caps])
        old.until(lambda: self.within(old, self.nsid) == "old", 20, "the old one answers")
        inside = ["nsenter", f"--net=/proc/{old.child.pid}/ns/net", *self.nobody, "--inh-caps=-all"]
        status, said = self.command(*self.words("alone", "--control", "off"), under=inside)
        self.assertEqual((status, "CAP_NET_BIND_SERVICE" in said or "another DNS server" in said), (1, True), said)
        new = self.site.run("isobard", *self.words("new", "--replace", "--foreground"), under=inside)
        new.until(lambda: self.within(new, self.nsid) == "new", 20, f"the new one answers:\n{old.said()}")
        self.ended(old)

    def test_another_user_may_not_ask_for_the_sockets(self):
        self.site.port = harness.free_port("127.0.0.1")
        old = self.start("old")
        self.control.chmod(0o666)  # even so
        status, said = self.command(*self.words("new", "--replace"), under=self.nobody)
        self.assertEqual((status, "only root and the user that isobard runs as" in said), (1, True), said)
        self.assertEqual(self.nsid(), "old")
        self.assertTrue(old.running())


if __name__ == "__main__":
    unittest.main()
