# SPDX-License-Identifier: Apache-2.0
"""The query log and dnstap tell what was asked and answered, and never hold up an answer."""
import os
import pathlib
import select
import signal
import socket
import struct
import subprocess
import threading
import time
import unittest

import dns.message
import dns.name
import dns.query

from harness import BIN, CATALOG, GERMANY, KOREA, NAME, Story, until

KEYS = "time client proto ecs name class type rcode endpoint scope ttl size flags".split()
CONTENT_TYPE = b"protobuf:dnstap.Dnstap"
ACCEPT, START, STOP, READY, FINISH = 1, 2, 3, 4, 5


def parse(line):
    """A line of the query log as a dict; its keys are all there and in order."""
    pairs = [word.split("=", 1) for word in line.split(" ")]
    assert [key for key, _ in pairs] == KEYS, line
    return dict(pairs)


def lines(path):
    return [parse(line) for line in pathlib.Path(path).read_text("ascii").splitlines()]


def fields(data):
    """A protobuf message as {number: value}: whole numbers, or octets."""
    found, at = {}, 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            octet = data[at]
            at += 1
            value |= (octet & 0x7F) << shift
            shift += 7
            if octet < 0x80:
                return value

    while at < len(data):
        key = varint()
        if key & 7 == 0:
            value = varint()
        elif key & 7 == 5:
            (value,) = struct.unpack_from("<I", data, at)
            at += 4
        else:
            assert key & 7 == 2, f"wire type {key & 7}"
            length = varint()
            value, at = data[at : at + length], at + length
            assert len(value) == length
        found[key >> 3] = value
    return found


class Event:
    """One dnstap payload, taken apart."""

    def __init__(self, frame):
        outer = fields(frame)
        assert outer[15] == 1, "type MESSAGE"
        self.identity, self.version = outer[1].decode(), outer[2].decode()
        inner = fields(outer[14])
        self.type, self.family, self.protocol = inner[1], inner[2], inner[3]
        self.address, self.port = socket.inet_ntop(socket.AF_INET if inner[2] == 1 else socket.AF_INET6, inner[4]), inner[6]
        self.asked, self.answered = inner[8] + inner[9] / 1e9, inner[12] + inner[13] / 1e9
        self.query, self.response = dns.message.from_wire(inner[10]), dns.message.from_wire(inner[14])


class Reader:
    """The reading end of Frame Streams on a unix socket: shakes hands, then gathers frames. `reads` False: takes no frame
    after the handshake."""

    def __init__(self, path, reads=True):
        self.path = str(path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(1)
        self.reads, self.events, self.started, self.finished, self.wrong = reads, [], threading.Event(), False, None
        self.wake, self.woken = os.pipe()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            if self.listener in select.select([self.listener, self.wake], [], [])[0]:
                connection = self.listener.accept()[0]
                with connection:
                    self.serve(connection)
        except Exception as wrong:  # told by close(), in the test's own thread
            self.wrong = wrong

    def read(self, connection, length):
        data = b""
        while len(data) < length:
            if self.wake in select.select([connection, self.wake], [], [])[0]:
                raise EOFError
            more = connection.recv(length - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def frame(self, connection):
        """(True, control frame) or (False, data)."""
        (length,) = struct.unpack(">I", self.read(connection, 4))
        if length:
            return False, self.read(connection, length)
        (length,) = struct.unpack(">I", self.read(connection, 4))
        return True, self.read(connection, length)

    def control(self, connection, type_, field=b""):
        body = struct.pack(">I", type_) + (struct.pack(">II", 1, len(field)) + field if field else b"")
        connection.sendall(struct.pack(">II", 0, len(body)) + body)

    def serve(self, connection):
        announced = struct.pack(">II", 1, len(CONTENT_TYPE)) + CONTENT_TYPE
        assert self.frame(connection) == (True, struct.pack(">I", READY) + announced)
        self.control(connection, ACCEPT, CONTENT_TYPE)
        assert self.frame(connection) == (True, struct.pack(">I", START) + announced)
        self.started.set()
        if not self.reads:
            select.select([self.wake], [], [])
            return
        try:
            while True:
                control, data = self.frame(connection)
                if control:
                    assert data == struct.pack(">I", STOP), data
                    self.control(connection, FINISH)
                    self.finished = True
                    return
                self.events.append(Event(data))
        except EOFError:
            pass  # close() says so, or the test looks at `finished`

    def close(self):
        os.write(self.woken, b"x")
        self.thread.join()
        self.listener.close()
        os.close(self.wake)
        os.close(self.woken)
        os.unlink(self.path)
        if self.wrong:
            raise self.wrong


class Looking(Story):
    """A server over a catalog that needs no probe, with options of the test."""

    def setUp(self):
        super().setUp()
        self.site.apply(CATALOG.replace("check: web, ", "").format(
            ca=self.site.directory / "ca.pem", port=self.site.target_port, interval="1s"))
        self.path = self.site.directory / "log"

    def serve(self, *options):
        self.site.server = self.site.run("isobard", "--listen", f"127.0.0.1:{self.site.port}", "--workers", 1, *options)
        self.site.server.until(self.site.answers, 20, "isobard answers")

    def flood(self, count, name=NAME):
        """Asks so many questions and gets so many answers; returns the longest wait for one in seconds."""
        wire = dns.message.make_query(name, "A", use_edns=0).to_wire()
        longest = 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect(("127.0.0.1", self.site.port))
            client.settimeout(5)
            for _ in range(count // 50):
                begun = time.monotonic()
                for _ in range(50):
                    client.send(wire)
                for _ in range(50):
                    client.recv(4096)
                longest = max(longest, time.monotonic() - begun)
        return longest

    def stop_in_time(self):
        begun = time.monotonic()
        self.assertEqual(self.site.server.stop(), 0)
        self.assertLess(time.monotonic() - begun, 8)


class QueryLog(Looking):
    def asked(self, name):
        return [line for line in lines(self.path) if line["name"] == name] if self.path.exists() else []

    def test_a_line_tells_question_client_and_choice(self):
        self.serve("--query-log", self.path)
        reply = self.site.query("WWW.Example.com", "A", KOREA)
        self.site.query("nothing.example.com", "TXT", tcp=True)
        self.site.query("other.test", "AAAA", edns=False)
        (line,) = until(lambda: self.asked("www.example.com."), 5, "the line is written")
        self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual(
            {key: line[key] for key in KEYS[1:]},
            {"client": "127.0.0.1", "proto": "udp", "ecs": KOREA, "name": "www.example.com.", "class": "IN", "type": "A",
             "rcode": "NOERROR", "endpoint": "asia/icn-1", "scope": line["scope"], "ttl": "30",
             "size": str(len(reply.to_wire())), "flags": "-"},
        )
        self.assertGreater(int(line["scope"]), 0)
        (line,) = until(lambda: self.asked("nothing.example.com."), 5, "the line is written")
        self.assertEqual([line[key] for key in ("proto", "type", "rcode", "endpoint", "scope", "ttl")],
                         ["tcp", "TXT", "NXDOMAIN", "-", "-", "300"])
        (line,) = until(lambda: self.asked("other.test."), 5, "the line is written")
        self.assertEqual((line["rcode"], line["ttl"]), ("REFUSED", "-"))

    def test_what_is_malformed_or_hostile_is_one_line(self):
        self.serve("--query-log", self.path)
        hostile = dns.name.Name([b'a b"\n', b"time=1", b"\xff\x00", b""])
        self.site.query(hostile)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b"\0\1\0\0\0\1\0\0\0\0\0\0\x3f", ("127.0.0.1", self.site.port))
        until(lambda: self.path.exists() and any(line["rcode"] == "FORMERR" for line in lines(self.path)), 5, "FORMERR")
        self.assertEqual(len(self.asked(r"a\032b\"\010.time=1.\255\000.")), 1)
        self.assertEqual([line["name"] for line in lines(self.path) if line["rcode"] == "FORMERR"], ["-"])

    def test_a_sample_is_about_its_share(self):
        self.serve("--query-log", self.path, "--query-log-sample", 10)
        self.flood(5000)
        self.stop_in_time()
        self.assertTrue(400 < len(self.asked(NAME + ".")) < 600, len(self.asked(NAME + ".")))

    def test_nothing_is_lost_at_the_end_and_nothing_is_counted_as_lost(self):
        self.serve("--query-log", self.path)
        self.flood(3000)
        self.assertEqual(self.site.counters()["querylog_dropped"], 0)
        self.stop_in_time()
        self.assertEqual(len(self.asked(NAME + ".")), 3000)

    def test_a_moved_file_is_made_anew_at_hup(self):
        self.serve("--query-log", self.path)
        self.flood(100)
        moved = self.path.with_suffix(".1")
        self.path.rename(moved)
        self.flood(100)
        self.site.server.child.send_signal(signal.SIGHUP)
        until(self.path.exists, 5, "the new file is there")
        self.flood(100)
        self.stop_in_time()
        counts = [sum(line["name"] == NAME + "." for line in lines(path)) for path in (moved, self.path)]
        self.assertEqual(counts, [200, 100])

    def test_a_reader_that_does_not_read_costs_lines_and_no_answers(self):
        os.mkfifo(self.path)
        reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        self.serve("--query-log", self.path)
        self.assertLess(self.flood(15000), 2)
        self.assertGreater(self.site.counters()["querylog_dropped"], 0)
        self.assertEqual(self.site.counters()["queries"] - self.site.counters()["noerror"], 0)
        self.stop_in_time()

    def test_minus_is_stderr(self):
        self.serve("--query-log", "-")
        self.site.query("plain.example.com")
        until(lambda: " name=plain.example.com. " in self.site.server.said(), 5, "the line is there")


class Dnstap(Looking):
    def reader(self, **how):
        reader = Reader(self.path, **how)
        self.addCleanup(reader.close)
        return reader

    def test_events_hold_query_and_answer(self):
        reader = self.reader()
        self.serve("--dnstap", self.path, "--nsid", "icn-1")
        self.assertTrue(reader.started.wait(5))
        until(lambda: "dnstap-up" in self.site.server.said(), 5, "it is up")
        begun = time.time()
        replies = [self.site.query(NAME, "A", KOREA), self.site.query(NAME, "AAAA", GERMANY, tcp=True)]
        self.stop_in_time()
        self.assertTrue(reader.finished, "STOP and FINISH were exchanged")
        events = [event for event in reader.events if event.query.question[0].name.to_text() == NAME + "."]
        self.assertEqual(len(events), 2)
        events.sort(key=lambda event: event.protocol)  # of several threads any may be first
        for event, reply, protocol in zip(events, replies, (1, 2)):
            self.assertEqual((event.identity, event.type, event.family, event.protocol, event.address),
                             ("icn-1", 2, 1, protocol, "127.0.0.1"))
            self.assertRegex(event.version, r"^isobard \d")
            self.assertGreater(event.port, 0)
            self.assertEqual(event.response, reply)
            self.assertEqual((event.query.id, event.query.question), (reply.id, reply.question))
            self.assertTrue(event.query.options, "the client subnet is there")
            self.assertTrue(begun - 1 < event.asked <= event.answered < time.time() + 1)

    def test_a_reader_may_come_late_and_come_back(self):
        self.serve("--dnstap", self.path)
        until(lambda: "dnstap-down" in self.site.server.said(), 5, "it says that nobody is there")
        self.flood(100)
        self.assertGreaterEqual(self.site.counters()["dnstap_dropped"], 100)
        for _ in range(2):
            ups = self.site.server.said().count("dnstap-up")
            reader = Reader(self.path)
            try:
                self.assertTrue(reader.started.wait(10))
                until(lambda: self.site.server.said().count("dnstap-up") > ups, 5, "it is up again")
                self.site.query("plain.example.com")
                until(lambda: reader.events, 10, "an event arrives")
            finally:
                reader.close()
            # The next write finds the reader gone; until then events are taken, and counted when they are lost.
            until(lambda: self.site.query(NAME) and self.site.server.said().count("dnstap-down") > ups + 1, 10, "it noticed")
        self.assertEqual(self.site.server.said().count("dnstap-down"), 3)

    def test_a_reader_that_does_not_read_costs_events_and_no_answers(self):
        reader = self.reader(reads=False)
        self.serve("--dnstap", self.path)
        self.assertTrue(reader.started.wait(5))
        self.assertLess(self.flood(40000), 2)
        self.assertGreater(self.site.counters()["dnstap_dropped"], 0)
        self.assertEqual(self.site.counters()["queries"] - self.site.counters()["noerror"], 0)
        self.stop_in_time()

    def test_every_event_is_read_or_counted(self):
        reader = self.reader()
        self.serve("--dnstap", self.path)
        self.assertTrue(reader.started.wait(5))
        until(lambda: "dnstap-up" in self.site.server.said(), 5, "it is up")
        before = self.site.counters()["queries"] - self.site.counters()["dnstap_dropped"]
        self.flood(10000)
        dropped = self.site.counters()["dnstap_dropped"]
        asked = self.site.counters()["queries"]
        self.stop_in_time()
        self.assertLessEqual(before, 10, "only what asked whether it answers came before")
        self.assertTrue(asked - dropped - before <= len(reader.events) <= asked - dropped, (asked, dropped, len(reader.events)))

    def read_file(self, path):
        """What Debian's own reader makes of a file: one line per event."""
        return subprocess.run(["dnstap-read", path], check=True, capture_output=True, text=True).stdout.splitlines()

    def test_a_file_is_read_by_others_and_rotated_at_hup(self):
        self.serve("--dnstap", f"file:{self.path}")
        self.flood(100)
        moved = self.path.with_suffix(".1")
        until(lambda: self.path.stat().st_size > 100, 5, "events are written")
        self.site.server.child.send_signal(signal.SIGHUP)  # not moved: goes on
        self.flood(100)
        self.path.rename(moved)
        self.site.server.child.send_signal(signal.SIGHUP)
        self.flood(100)
        until(self.path.exists, 5, "the new file is there")
        self.stop_in_time()
        said = self.read_file(moved) + self.read_file(self.path)
        self.assertEqual(sum(f"{NAME}/IN/A" in line for line in said), 300)
        self.assertTrue(all(" AR 127.0.0.1:" in line for line in said), said[0])
        self.assertGreater(len(self.read_file(self.path)), 0)

    def test_what_a_file_held_is_kept_at_a_start(self):
        for _ in range(2):
            self.serve("--dnstap", f"file:{self.path}")
            self.flood(50)
            self.stop_in_time()
        for path in (self.path, pathlib.Path(f"{self.path}.old")):
            self.assertEqual(sum(f"{NAME}/IN/A" in line for line in self.read_file(path)), 50, path)

    def test_a_file_that_cannot_be_written_is_refused_at_the_start(self):
        words = ["--store", self.site.store, "--listen", f"127.0.0.1:{self.site.port}", "--dnstap", f"file:{self.path}/no/tap"]
        done = subprocess.run([BIN / "isobard", *words], capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"cannot write dnstap to '{self.path}/no/tap'", done.stderr)

    def test_a_sample_is_about_its_share(self):
        self.serve("--dnstap", f"file:{self.path}", "--dnstap-sample", 10)
        self.flood(5000)
        self.stop_in_time()
        self.assertTrue(400 < len(self.read_file(self.path)) < 600)


if __name__ == "__main__":
    unittest.main()
