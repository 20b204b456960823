# SPDX-License-Identifier: Apache-2.0
"""A flood of what no client should send: the server lives, forgets nothing, grows by nothing, and answers the others."""
import os
import pathlib
import random
import socket
import unittest

import dns.edns
import dns.message

from harness import NAME, Story
from test_edits import Asker

PACKETS = int(os.environ.get("MALFORMED_PACKETS", "150000"))
SEED = 20261121


def originals():
    """Well-formed queries of every kind the server reads."""
    options = [
        dns.edns.ECSOption("203.0.113.0", 24),
        dns.edns.GenericOption(10, b"clientck"),
        dns.edns.GenericOption(3, b""),
    ]
    for name, kind in ((NAME, "A"), ("nowhere.example.com", "AAAA"), ("example.com", "ANY"), ("a.b.c.d.e.f.wild.example.com", "TXT")):
        yield dns.message.make_query(name, kind).to_wire()
        yield dns.message.make_query(name, kind, use_edns=0, payload=4096, options=options).to_wire()
    yield dns.message.make_query(".", "NS").to_wire()
    yield dns.message.make_query("x" * 63 + "." + "y" * 63 + ".example.com", "A").to_wire()


def mutate(wire, chance):
    """One of: octets changed, cut short, prolonged, two queries spliced, counts that lie, nothing but noise."""
    data = bytearray(wire)
    how = chance.randrange(6)
    if how == 0:
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
    elif how == 1:
        del data[chance.randrange(len(data)) :]
    elif how == 2:
        data += chance.randbytes(chance.randrange(1, 600))
    elif how == 3:
        cut = chance.randrange(12, len(data))
        data = data[:cut] + wire[chance.randrange(12, len(wire)) :]
    elif how == 4:
        data[4:12] = chance.randbytes(8)
    else:
        data = bytearray(chance.randbytes(chance.randrange(0, 1400)))
    return bytes(data)


class Flood(Story):
    def test_malformed_traffic_harms_nobody(self):
        self.site.start()
        chance = random.Random(SEED)
        sources = list(originals())
        flood = [mutate(chance.choice(sources), chance) for _ in range(20000)]
        asker = Asker(self.site.port, "plain.example.com")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect(("127.0.0.1", self.site.port))
            client.setblocking(False)

            def send(count):
                for number in range(count):
                    try:
                        client.send(flood[number % len(flood)])
                        client.recv(4096)
                    except (BlockingIOError, ConnectionRefusedError):
                        pass

            send(len(flood))  # once through everything: what is allocated once is allocated now
            before = self.memory()
            asker.start()
            send(PACKETS)
        asker.enough.set()
        asker.join(10)
        self.assertEqual(asker.wrong, [])
        lost = asker.asked - asker.answered  # the kernel drops what nobody had time to read, and says so
        self.assertLessEqual(lost, self.site.counters()["udp_overruns"])
        self.assertGreater(asker.asked, 100)
        self.assertTrue(self.site.server.running())
        self.assertLess(self.memory() - before, 1 << 20, "a flood left more than a mebibyte behind")

    def memory(self):
        """Octets resident."""
        status = pathlib.Path(f"/proc/{self.site.server.child.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024


if __name__ == "__main__":
    unittest.main()
