# SPDX-License-Identifier: Apache-2.0
"""TCP as RFC 7766 wants it, and what clients may not do with it: many, slow, silent, greedy ones."""
import itertools
import re
import resource
import socket
import struct
import threading
import time
import unittest

import dns.edns
import dns.flags
import dns.message

from harness import Story, until

CATALOG = "zones: {example.com: {file: example.com.zone}}\n"
ZONE = """$ORIGIN example.com.
$TTL 3600
@     SOA ns1 hostmaster 1 7200 1800 1209600 300
      NS  ns1
ns1   A   127.0.0.1
plain A   192.0.2.80
""" + "".join(f'big TXT "{number:0250}"\n' for number in range(200))  # 50 KiB
IP_BIND_ADDRESS_NO_PORT = 24


def query(name="plain.example.com", type_="A", number=0):
    message = dns.message.make_query(name, type_)
    message.id = number
    message.flags &= ~dns.flags.RD
    return message.to_wire()


def frame(wire):
    return struct.pack("!H", len(wire)) + wire


def receive(connection, size):
    octets = b""
    while len(octets) < size:
        more = connection.recv(size - len(octets))
        if not more:
            raise EOFError(f"closed after {len(octets)} of {size} octets")
        octets += more
    return octets


def answer(connection):
    return dns.message.from_wire(receive(connection, struct.unpack("!H", receive(connection, 2))[0]))


def closed(connection, within):
    """Whether the server ends the connection, in whatever way, in so many seconds."""
    connection.settimeout(within)
    try:
        while connection.recv(1 << 16):
            pass
    except TimeoutError:
        return False
    except ConnectionResetError:
        pass
    return True


class Stream(threading.Thread):
    """A resolver that asks over UDP all the time, and counts."""

    def __init__(self, port, pause=0.002):
        super().__init__(daemon=True)
        self.socket = socket.socket(type=socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", port))
        self.socket.settimeout(2)
        self.pause, self.asked, self.unanswered, self.slowest, self.ended = pause, 0, 0, 0.0, threading.Event()

    def run(self):
        while not self.ended.wait(self.pause):
            begun = time.monotonic()
            self.socket.send(query(number=self.asked & 0xFFFF))
            self.asked += 1
            try:
                while struct.unpack("!H", self.socket.recv(512)[:2])[0] != self.asked - 1 & 0xFFFF:
                    pass
                self.slowest = max(self.slowest, time.monotonic() - begun)
            except TimeoutError:
                self.unanswered += 1

    def end(self):
        self.ended.set()
        self.join()
        self.socket.close()


class Tcp(Story):
    def setUp(self):
        super().setUp()
        self.site.apply(CATALOG, ZONE)
        self.connections = []
        self.addCleanup(self.hang_up)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))

    def serve(self, *options):
        self.site.server = self.site.run("isobard", "--listen", f"127.0.0.1:{self.site.port}", "--workers", 2, *options)
        self.site.server.until(self.site.answers, 20, "isobard answers")

    def connect(self, source="127.0.0.1"):
        connection = socket.socket()
        self.connections.append(connection)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        connection.bind((source, 0))
        connection.settimeout(10)
        connection.connect(("127.0.0.1", self.site.port))
        return connection

    def hang_up(self):
        for connection in self.connections:
            connection.close()
        self.connections.clear()

    def works(self, connection, number=7):
        connection.sendall(frame(query(number=number)))
        return answer(connection).id == number

    def memory(self):
        """Octets of the server's memory in use."""
        with open(f"/proc/{self.site.server.child.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s*(\d+)", status.read()).group(1)) << 10

    # --- what a client may do ---

    def test_rfc7766_6_2_1_1_a_thousand_queries_in_one_write_are_all_answered(self):
        self.serve()
        connection = self.connect()
        connection.sendall(b"".join(frame(query(number=number)) for number in range(1000)))
        self.assertEqual([answer(connection).id for _ in range(1000)], list(range(1000)))

    def test_rfc7766_6_2_4_a_client_that_closes_its_side_gets_all_its_answers(self):
        self.serve()
        connection = self.connect()
        connection.sendall(b"".join(frame(query("big.example.com", "TXT", number)) for number in range(100)))
        connection.shutdown(socket.SHUT_WR)
        for number in range(100):  # 5 MiB, far more than fits on the way
            reply = answer(connection)
            self.assertEqual((reply.id, len(reply.answer[0])), (number, 200))
        self.assertEqual(connection.recv(1), b"")

    def test_rfc7766_8_a_query_may_come_octet_by_octet(self):
        self.serve()
        connection = self.connect()
        for octet in frame(query(number=1)) + frame(query(number=2)):
            connection.sendall(bytes([octet]))
            time.sleep(0.002)
        self.assertEqual([answer(connection).id, answer(connection).id], [1, 2])

    def test_rfc7766_6_2_3_a_client_that_asks_keeps_its_connection_and_a_silent_one_does_not(self):
        self.serve("--tcp-idle", "3s")
        silent, talker = self.connect(), self.connect()
        for number in range(5):  # a quarter of the limit each: a busy machine has the rest
            time.sleep(0.75)
            self.assertTrue(self.works(talker, number))
        self.assertTrue(closed(silent, 5))
        self.assertEqual(self.site.counters()["tcp_idle"], 1)

    def test_rfc7828_3_2_the_time_it_keeps_an_idle_connection_is_what_it_says(self):
        self.serve("--tcp-idle", "4500ms")
        message = dns.message.make_query("plain.example.com", "A", use_edns=0, options=[dns.edns.GenericOption(11, b"")])
        connection = self.connect()
        connection.sendall(frame(message.to_wire()))
        (option,) = answer(connection).options
        self.assertEqual((option.otype, option.data), (11, struct.pack("!H", 45)))

    # --- what it may not ---

    def test_rfc7766_6_1_ten_thousand_idle_connections_do_not_disturb_udp(self):
        count = 10000
        self.serve("--tcp-connections", count + 100, "--tcp-idle", "5m")
        stream = Stream(self.site.port)
        stream.start()
        before = self.memory()
        begun = time.monotonic()
        for number in range(count):
            self.connect(f"127.1.{number % 100}.1")
        until(lambda: self.site.counters()["tcp_opened"] == count, 10, "all connections are accepted")
        opened = time.monotonic() - begun
        per_connection = (self.memory() - before) / count
        time.sleep(1)
        for connection in self.connections[::100]:
            self.assertTrue(self.works(connection))
        self.hang_up()
        until(lambda: self.site.counters()["tcp_closed"] == count, 10, "all connections are gone")
        stream.end()
        got = self.site.counters()
        print(f"{count} connections in {opened:.1f} s, {per_connection:.0f} octets of the server's memory each; "
              f"{stream.asked} UDP queries meanwhile, slowest {1000 * stream.slowest:.1f} ms", flush=True)
        self.assertEqual(stream.unanswered, 0)
        self.assertGreater(stream.asked, 500)
        self.assertLess(per_connection, 1024)
        self.assertEqual([got[name] for name in ("tcp_evicted", "tcp_refused", "tcp_idle", "tcp_errors")], [0, 0, 0, 0])

    def test_more_connections_than_descriptors_are_fewer_connections_and_udp_goes_on(self):
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.serve()
        resource.prlimit(self.site.server.child.pid, resource.RLIMIT_NOFILE, (200, limits[1]))
        stream = Stream(self.site.port)
        stream.start()
        for number in range(600):
            self.connect(f"127.1.{number % 100}.1")
        until(lambda: self.site.counters()["tcp_opened"] == 600, 10, "everybody had a turn")
        self.assertTrue(self.works(self.connections[-1]))
        stream.end()
        self.assertEqual(stream.unanswered, 0)
        self.assertGreater(self.site.counters()["tcp_evicted"], 300)

    def test_an_octet_now_and_then_does_not_hold_a_connection(self):
        self.serve("--tcp-stall", "1s")
        begun = time.monotonic()
        slow = [self.connect(f"127.1.{number}.1") for number in range(200)]
        good = self.connect()
        octets = itertools.cycle(frame(query() + bytes(200)))
        for _ in range(14):  # 2.8 s, and the query would take a minute
            octet = bytes([next(octets)])
            for connection in slow:
                try:
                    connection.send(octet)
                except OSError:
                    pass  # gone, as it should be
            self.assertTrue(self.works(good))
            time.sleep(0.2)
        self.assertTrue(all(closed(connection, 0.1) for connection in slow))
        self.assertLess(time.monotonic() - begun, 10)
        self.assertEqual(self.site.counters()["tcp_stalled"], 200)

    def ask_and_do_not_read(self):
        connection = socket.socket()
        self.connections.append(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", self.site.port))
        connection.sendall(b"".join(frame(query("big.example.com", "TXT", number)) for number in range(100)))
        return connection

    def test_answers_that_nobody_reads_are_let_go(self):
        self.serve("--tcp-stall", "1s")
        self.ask_and_do_not_read()
        until(lambda: self.site.counters()["tcp_stalled"] == 1, 5, "the reader that does not read is gone")

    def test_when_all_places_are_taken_a_slow_reader_goes_before_the_idle(self):
        self.serve("--tcp-connections", 20, "--workers", 1)  # room is made on the worker that needs it
        idle = [self.connect() for _ in range(19)]
        slow = self.ask_and_do_not_read()
        time.sleep(1.2)
        self.assertTrue(self.works(self.connect()))
        self.assertTrue(closed(slow, 5))
        self.assertFalse(any(closed(connection, 0.01) for connection in idle))
        self.assertTrue(self.works(self.connect()))
        self.assertEqual([closed(connection, 0.01) for connection in idle], [True] + [False] * 18)  # then the oldest

    def test_one_client_cannot_take_all_places(self):
        self.serve("--tcp-per-client", 5, "--tcp-connections", 20)
        mine = [self.connect("127.0.0.5") for _ in range(5)]
        self.assertTrue(all(self.works(connection) for connection in mine))  # and have all been accepted
        for _ in range(30):
            self.assertTrue(closed(self.connect("127.0.0.5"), 5))
        self.assertTrue(all(self.works(connection) for connection in mine))
        self.assertTrue(self.works(self.connect("127.0.0.6")))
        mine[0].close()
        until(lambda: not closed(self.connect("127.0.0.5"), 0.1), 5, "where one has left, one may come")
        self.assertEqual(self.site.counters()["tcp_evicted"], 0)

    def test_a_greedy_pipeline_does_not_starve_others(self):
        self.serve("--workers", 1)
        ended, batch = threading.Event(), b"".join(frame(query(number=number)) for number in range(500))

        def write(connection):
            while not ended.is_set():
                connection.sendall(batch)
            connection.shutdown(socket.SHUT_WR)

        def read(connection):
            while connection.recv(1 << 16):
                pass

        threads = []
        for _ in range(4):
            connection = self.connect()
            threads += [threading.Thread(target=work, args=(connection,), daemon=True) for work in (write, read)]
        for thread in threads:
            thread.start()
        stream = Stream(self.site.port)
        stream.start()
        modest = self.connect()
        for number in range(200):
            self.assertTrue(self.works(modest, number))
        ended.set()
        stream.end()
        for thread in threads:
            thread.join()
        self.assertEqual(stream.unanswered, 0)
        self.assertGreater(self.site.counters()["queries_tcp"], 5000)


if __name__ == "__main__":
    unittest.main()
