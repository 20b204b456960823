# SPDX-License-Identifier: Apache-2.0
"""Shares as clients see them: hundreds of thousands of questions over UDP, answered by several workers at once."""
import collections
import math
import selectors
import socket
import struct
import unittest

from harness import Story

WORKERS = 4
SOCKETS = 48  # ports to send from, so that the kernel gives every worker its part
WINDOW = 8  # questions under way per socket
# Chance gives less than one false alarm in a billion runs of each test.
ALARM = 1e-9

CATALOG = """
checks: {{web: {{type: tcp, port: {port}}}}}
pools:
  weighted:
    check: web
    endpoints:
{weighted}
  rotating:
    order: rotate
    endpoints:
      a: {{address: 192.0.2.1, weight: 5}}
      b: {{address: 192.0.2.2, weight: 3}}
      c: {{address: 192.0.2.3, weight: 2}}
  hashed:
    order: hash
    hash: {{by: name}}
    endpoints:
      a: {{address: 192.0.2.1, weight: 5}}
      b: {{address: 192.0.2.2, weight: 3}}
      c: {{address: 192.0.2.3, weight: 2}}
zones:
  example.com:
    file: example.com.zone
    records:
      weighted: {{types: [A], policy: weighted}}
      rotating: {{types: [A], policy: rotating}}
      "*.hashed": {{types: [A], policy: hashed}}
"""
WEIGHTS = [1, 2, 3, 5, 8, 13, 21, 34, 0, 55, 144, 89, 65, 7, 700, 1000]
DRAINED = {3, 15}  # indexes


def p_value(x, k):
    """P(chi-square with k degrees of freedom > x)."""
    half = x / 2
    if k % 2:
        total, term, first = math.erfc(math.sqrt(half)), math.sqrt(half) * math.exp(-half) / math.gamma(1.5), 3
    else:
        total, term, first = 0.0, math.exp(-half), 2
    for i in range(first, k + 1, 2):
        total += term
        term *= half / (i / 2)
    return total


def question(name, number):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!HHHHHH", number, 0, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"


class Asker:
    """Keeps a window of questions under way on every socket, and leaves none under way. What is lost is asked again."""

    def __init__(self, port):
        self.sockets = []
        self.lost = 0
        self.selector = selectors.DefaultSelector()
        for _ in range(SOCKETS):
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.connect(("127.0.0.1", port))
            s.setblocking(False)
            self.sockets.append(s)
            self.selector.register(s, selectors.EVENT_READ)

    def close(self):
        self.selector.close()
        for s in self.sockets:
            s.close()

    def ask(self, name, total):
        """How many times each address was the first of the answer; `name` is one, or gives the n-th."""
        seen, answered, sent, lost = collections.Counter(), 0, 0, 0

        def send(s):
            nonlocal sent
            if sent - lost < total:
                s.send(question(name if isinstance(name, str) else name(sent), sent & 0xFFFF))
                sent += 1

        for s in self.sockets * WINDOW:
            send(s)
        while answered < total:
            ready = self.selector.select(2)
            if not ready:
                self.lost += sent - lost - answered
                lost = sent - answered
                if self.lost > 10_000:
                    raise AssertionError(f"no more answers after {answered}")
                for s in self.sockets:
                    send(s)
            for key, _ in ready:
                try:
                    while True:
                        reply = key.fileobj.recv(2048)
                        if reply[3] & 15 or reply[6:8] != b"\0\1":
                            raise AssertionError(f"no single record in {reply!r}")
                        seen[socket.inet_ntoa(reply[-4:])] += 1
                        answered += 1
                        send(key.fileobj)
                except BlockingIOError:
                    pass
        return seen


class Weights(Story):
    def setUp(self):
        super().setUp()
        endpoints = "\n".join(
            f"      e-{n}: {{{{address: 10.0.0.{n}, weight: {weight}}}}}" for n, weight in enumerate(WEIGHTS)
        )
        self.site.apply(self.site.catalog(CATALOG.replace("{weighted}", endpoints)))
        server = self.site.run(
            "isobard", "--listen", f"127.0.0.1:{self.site.port}", "--workers", WORKERS, "--rrl", "off"
        )
        server.until(self.site.answers, 20, "isobard answers")
        self.asker = Asker(self.site.port)
        self.addCleanup(self.asker.close)

    def follows(self, seen, share):
        total, whole = seen.total(), sum(share.values())
        self.assertLessEqual(set(seen), {address for address, part in share.items() if part})
        expected = {address: total * part / whole for address, part in share.items() if part}
        x = sum((seen[address] - n) ** 2 / n for address, n in expected.items())
        p = p_value(x, len(expected) - 1)
        self.assertGreater(p, ALARM, f"{x:.1f} with {len(expected) - 1} degrees of freedom: {seen}")

    def test_point_3_shares_are_exact_over_udp_from_several_workers(self):
        share = {f"10.0.0.{n}": weight for n, weight in enumerate(WEIGHTS)}
        self.follows(self.asker.ask("weighted.example.com", 200_000), share)
        for n in DRAINED:
            self.site.cli("drain", f"weighted/e-{n}")
            share[f"10.0.0.{n}"] = 0
        gone = {f"10.0.0.{n}" for n in DRAINED}
        for _ in range(100):  # until every worker has the new view
            if not gone & set(self.asker.ask("weighted.example.com", 5000)):
                break
        self.follows(self.asker.ask("weighted.example.com", 200_000), share)

    def test_point_3_a_rotation_is_off_by_no_more_than_a_cycle_of_each_worker(self):
        seen = self.asker.ask("rotating.example.com", 50_000)
        for n, part in enumerate((0.5, 0.3, 0.2), 1):
            self.assertLessEqual(abs(seen[f"192.0.2.{n}"] - 50_000 * part), 2 * WORKERS + self.asker.lost)

    def test_point_3_names_are_dealt_by_weight_and_every_worker_deals_alike(self):
        names = [f"n{number}.hashed.example.com" for number in range(20_000)]
        share = {"192.0.2.1": 5, "192.0.2.2": 3, "192.0.2.3": 2}
        self.follows(self.asker.ask(lambda number: names[number % len(names)], len(names)), share)
        for name in names[:20]:
            self.assertEqual(len(self.asker.ask(name, 1000)), 1, name)


if __name__ == "__main__":
    unittest.main()
