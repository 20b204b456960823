# SPDX-License-Identifier: Apache-2.0
"""Response rate limiting: one network floods with queries, others ask a little. 127.7.0.0/24 is the network that the
flood comes from (or is forged to come from), 127.8.0.0/24 somebody else's."""
import socket
import unittest

import dns.flags
import dns.message
import dns.query
import dns.rcode

from harness import Story, rdata, until

CATALOG = """
zones:
  example.com:
    text: |
      @      3600 SOA ns1 hostmaster 1 7200 1800 1209600 300
      @      3600 NS  ns1
      ns1    3600 A   127.0.0.1
      plain  3600 A   192.0.2.80
      *.wild 3600 A   192.0.2.81
"""

# Two workers: each has half of the rate. Whoever exempts a network no longer exempts the loopback addresses.
RATE, WINDOW, WORKERS = 100, 1, 2
LIMITS = ["--rrl-rate", RATE, "--rrl-error-rate", RATE, "--rrl-window", WINDOW, "--rrl-exempt", "192.0.2.0/24"]


class Flood:
    """Sockets in one network, that is, with all kinds of addresses and ports."""

    def __init__(self, site, network, sockets=16):
        self.site = site
        self.sockets = []
        for host in range(1, sockets + 1):
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            one.bind((f"{network}.{host}", 0))
            one.connect(("127.0.0.1", site.port))
            one.setblocking(False)
            self.sockets.append(one)

    def done(self):
        for one in self.sockets:
            one.close()

    def ask(self, names, type_="A"):
        """Asks for every name, and returns the replies once the server has answered or dropped every query."""
        before = self.site.counters()
        replies = []
        for i, name in enumerate(names):
            self.sockets[i % len(self.sockets)].send(dns.message.make_query(name, type_).to_wire())
            if i % 256 == 255:  # before a buffer is full
                done = before["queries"] + i + 1
                until(lambda: self.site.counters()["queries"] == done, 10, "the server has seen the queries")
        sent = before["queries"] + len(names)
        after = until(lambda: (now := self.site.counters())["queries"] == sent and now, 10, "the server has seen them all")
        expected = len(names) - (after["rrl_dropped"] - before["rrl_dropped"])
        until(lambda: self.receive(replies) == expected, 10, f"{expected} replies")
        return replies

    def receive(self, replies):
        for one in self.sockets:
            try:
                while True:
                    replies.append(dns.message.from_wire(one.recv(4096)))
            except BlockingIOError:
                pass
        return len(replies)


def truncated(reply):
    return bool(reply.flags & dns.flags.TC)


class Limits(Story):
    def start(self, *options):
        file = self.site.directory / "catalog.yaml"
        file.write_text(CATALOG)
        self.site.cli("apply", "-f", file)
        listen = f"127.0.0.1:{self.site.port}"
        self.site.server = self.site.run("isobard", "--listen", listen, "--workers", WORKERS, *options)
        self.site.server.until(self.site.answers, 20, "isobard answers for example.com")

    def flood(self, names, network="127.7.0", **how):
        flood = Flood(self.site, network, **how)
        try:
            return flood.ask(names)
        finally:
            flood.done()

    def ask_from(self, source, name="plain.example.com", send=dns.query.udp):
        return send(dns.message.make_query(name, "A"), "127.0.0.1", 5, self.site.port, source=source)

    def full_and_slipped(self, replies):
        return [reply for reply in replies if not truncated(reply)], [reply for reply in replies if truncated(reply)]

    def limited_flood(self, names):
        """A flood, after checking of what it came to: (full answers, truncated ones)."""
        before = self.site.counters()
        full, slipped = self.full_and_slipped(self.flood(names))
        after = self.site.counters()
        counted = {name: after[name] - before[name] for name in ("rrl_limited", "rrl_slipped", "rrl_dropped")}
        self.assertEqual(len(full), len(names) - counted["rrl_limited"])
        self.assertEqual(len(slipped), counted["rrl_slipped"])
        self.assertEqual(counted["rrl_limited"], counted["rrl_slipped"] + counted["rrl_dropped"])
        return full, slipped

    def test_a_flood_is_limited_and_every_second_limited_answer_says_try_tcp(self):
        self.start(*LIMITS)
        full, slipped = self.limited_flood(["plain.example.com"] * 4000)
        self.assertGreaterEqual(len(full), RATE * WINDOW // WORKERS)
        self.assertLess(len(full), 2000, "the flood takes seconds at most")
        self.assertGreaterEqual(len(slipped), (4000 - len(full)) // 2 - WORKERS)
        for reply in slipped:
            self.assertEqual((reply.rcode(), reply.answer, reply.authority), (dns.rcode.NOERROR, [], []))
            self.assertEqual(len(reply.question), 1)

    def test_who_is_in_the_flooded_network_gets_the_answer_over_tcp(self):
        self.start(*LIMITS, "--rrl-slip", 1)
        flood = Flood(self.site, "127.7.0")
        self.addCleanup(flood.done)
        self.assertTrue(any(truncated(reply) for reply in flood.ask(["plain.example.com"] * 1000)))
        question = dns.message.make_query("plain.example.com", "A")
        reply, _ = dns.query.udp_with_fallback(question, "127.0.0.1", 5, self.site.port, source="127.7.0.99")
        self.assertEqual(rdata(reply), ["192.0.2.80"])
        for _ in range(3 * RATE):
            reply = self.ask_from("127.7.0.99", send=dns.query.tcp)
            self.assertEqual((rdata(reply), truncated(reply)), (["192.0.2.80"], False))

    def test_other_networks_and_other_names_are_answered_in_full(self):
        self.start(*LIMITS, "--rrl-slip", 0)
        flood = Flood(self.site, "127.7.0")
        self.addCleanup(flood.done)
        for _ in range(5):
            flood.ask(["plain.example.com"] * 400)
            for source in ("127.8.0.1", "127.7.1.1"):
                self.assertEqual(rdata(self.ask_from(source)), ["192.0.2.80"])
            self.assertEqual(rdata(self.ask_from("127.7.0.99", "ns1.example.com")), ["127.0.0.1"])
        self.assertGreater(self.site.counters()["rrl_dropped"], 0)

    def test_random_names_are_limited_together(self):
        self.start(*LIMITS)
        for zone, rcode in (("wild.example.com", dns.rcode.NOERROR), ("example.com", dns.rcode.NXDOMAIN)):
            full, slipped = self.limited_flood([f"random-{i}.{zone}" for i in range(3000)])
            self.assertLess(len(full), 1500, zone)
            self.assertEqual({reply.rcode() for reply in full + slipped}, {rcode})

    def test_errors_are_limited_and_slip_as_they_are(self):
        self.start(*LIMITS)
        before = self.site.counters()
        replies = self.flood([f"random-{i}.example.net" for i in range(3000)])
        after = self.site.counters()
        self.assertEqual({(reply.rcode(), truncated(reply)) for reply in replies}, {(dns.rcode.REFUSED, False)})
        self.assertGreater(after["rrl_dropped"] - before["rrl_dropped"], 500)
        self.assertGreater(after["rrl_slipped"] - before["rrl_slipped"], 500)

    def test_log_mode_counts_and_names_but_answers_everything(self):
        self.start(*LIMITS, "--rrl", "log")
        replies = self.flood(["plain.example.com"] * 2000)
        self.assertEqual([rdata(reply) for reply in replies], [["192.0.2.80"]] * 2000)
        said = self.site.counters()
        self.assertGreater(said["rrl_limited"], 500)
        self.assertEqual((said["rrl_slipped"], said["rrl_dropped"], said["truncated"]), (0, 0, 0))
        line = r'rrl-limited worker=\d answers=\d+ first=127\.7\.0\.0/24 class=answer name="plain\.example\.com\."'
        self.ask_from("127.8.0.1")
        self.assertRegex(self.site.server.said(), line)

    def test_exempt_networks_are_not_limited_and_off_limits_nobody(self):
        self.start(*LIMITS, "--rrl-exempt", "127.7.0.0/24", "--rrl-exempt", "2001:db8::/32")
        self.assertEqual(sum(truncated(reply) for reply in self.flood(["plain.example.com"] * 2000)), 0)
        self.assertEqual(self.site.counters()["rrl_limited"], 0)
        self.assertGreater(len(self.limited_flood(["nowhere.example.com"] * 10)[0]), 0)
        self.site.server.stop()
        self.start(*LIMITS, "--rrl", "off")
        self.assertEqual(len(self.flood(["plain.example.com"] * 2000)), 2000)
        self.assertEqual(self.site.counters()["rrl_limited"], 0)

    def test_without_options_a_busy_resolver_is_not_noticed_and_loopback_is_exempt(self):
        self.start("--rrl-exempt", "192.0.2.0/24")
        self.assertEqual(sum(truncated(reply) for reply in self.flood(["plain.example.com"] * 1000, sockets=64)), 0)
        self.assertEqual(self.site.counters()["rrl_limited"], 0)
        self.site.server.stop()
        self.start("--rrl-rate", 1)
        self.assertEqual(sum(truncated(reply) for reply in self.flood(["plain.example.com"] * 1000)), 0)


if __name__ == "__main__":
    unittest.main()
