# SPDX-License-Identifier: Apache-2.0
"""Behind a front end that passes the client's address on: the PROXY protocol, version 2."""
import shutil
import socket
import struct
import unittest

import dns.edns
import dns.flags
import dns.message
import dns.query
import dns.rcode

from harness import Process, Story, free_port, rdata, scope, until

CATALOG = """
pools:
  one:   {endpoints: {e-1: {address: 192.0.2.1}}}
  two:   {endpoints: {e-2: {address: 192.0.2.2}}}
  six:   {endpoints: {e-6: {address: 192.0.2.6}}}
  other: {endpoints: {e-9: {address: 192.0.2.9}}}
policies:
  by-net:
    order: geo
    rules:
      - {nets: [203.0.113.0/24, 127.0.5.0/24], use: one}
      - {nets: [198.51.100.0/24, 127.0.6.0/24], use: two}
      - {nets: ["2001:db8::/32"], use: six}
      - {default: true, use: other}
zones:
  example.com:
    file: example.com.zone
    records: {www: {types: [A], policy: by-net}}
"""
ZONE = """$ORIGIN example.com.
$TTL 3600
@     SOA ns1 hostmaster 1 7200 1800 1209600 300
      NS  ns1
ns1   A   127.0.0.1
"""
ONE, TWO, SIX, OTHER = ["192.0.2.1"], ["192.0.2.2"], ["192.0.2.6"], ["192.0.2.9"]
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL = SIGNATURE + b"\x20\0\0\0"


def header(client, stream=False, more=b""):
    family = socket.AF_INET6 if ":" in client else socket.AF_INET
    addresses = socket.inet_pton(family, client) + socket.inet_pton(family, "::1" if ":" in client else "127.0.0.1")
    kind = (0x20 if ":" in client else 0x10) | (1 if stream else 2)
    rest = addresses + struct.pack("!HH", 4242, 53) + more
    return SIGNATURE + struct.pack("!BBH", 0x21, kind, len(rest)) + rest


def query(client=None):
    options = [dns.edns.ECSOption(client, 24)] if client else []
    message = dns.message.make_query("www.example.com", "A", use_edns=0, options=options)
    message.flags &= ~dns.flags.RD
    return message


class Proxy(Story):
    def setUp(self):
        super().setUp()
        self.site.apply(CATALOG, ZONE)
        self.port = free_port("127.0.0.1")
        self.site.server = self.site.run(
            "isobard", "--listen", f"127.0.0.1:{self.site.port}", "--proxy-listen", f"127.0.0.1:{self.port}",
            "--proxy-from", "127.0.0.0/29", "--workers", 2)
        self.site.server.until(self.site.answers, 20, "isobard answers")

    def udp(self, octets, source="127.0.0.1", port=None, timeout=5):
        with socket.socket(type=socket.SOCK_DGRAM) as front:
            front.bind((source, 0))
            front.connect(("127.0.0.1", port or self.port))
            front.settimeout(timeout)
            front.send(octets)
            return dns.message.from_wire(front.recv(4096))

    def tcp(self, *pieces, source="127.0.0.1", port=None, replies=1):
        with socket.socket() as front:
            front.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            front.bind((source, 0))
            front.connect(("127.0.0.1", port or self.port))
            front.settimeout(5)
            for piece in pieces:
                front.sendall(piece)
            reader = front.makefile("rb")
            got = []
            for _ in range(replies):
                length = reader.read(2)
                if len(length) < 2:
                    raise EOFError
                got.append(dns.message.from_wire(reader.read(struct.unpack("!H", length)[0])))
            return got

    def test_the_client_in_the_header_is_steered_over_udp(self):
        wire = query().to_wire()
        for client, to in (("203.0.113.5", ONE), ("198.51.100.5", TWO), ("2001:db8::5", SIX), ("192.0.2.77", OTHER),
                           ("::ffff:203.0.113.5", ONE)):
            self.assertEqual(rdata(self.udp(header(client) + wire)), to, client)
            self.assertEqual(rdata(self.udp(header(client, stream=True, more=b"\xe0\0\3abc") + wire)), to, client)
        self.assertEqual(rdata(self.udp(LOCAL + wire)), OTHER)

    def test_the_client_in_the_header_is_steered_over_tcp_for_the_whole_connection(self):
        wire = query().to_wire()
        message = struct.pack("!H", len(wire)) + wire
        for client, to in (("203.0.113.5", ONE), ("198.51.100.5", TWO), ("2001:db8::5", SIX)):
            got = self.tcp(header(client, stream=True) + message, message, message, replies=3)
            self.assertEqual([rdata(reply) for reply in got], [to] * 3)
        whole = header("203.0.113.5") + message
        self.assertEqual(rdata(self.tcp(*(whole[at : at + 1] for at in range(len(whole))))[0]), ONE)

    def test_ecs_still_goes_before_the_client_in_the_header(self):
        reply = self.udp(header("203.0.113.5") + query("198.51.100.0").to_wire())
        self.assertEqual((rdata(reply), scope(reply)), (TWO, 24))
        reply = self.udp(header("203.0.113.5") + query("10.1.2.0").to_wire())  # tells nothing: back to the client
        self.assertEqual(rdata(reply), ONE)

    def test_without_a_right_header_nothing_is_answered(self):
        wire = query().to_wire()
        wrong = [wire, header("203.0.113.5"), b"PROXY UDP4 203.0.113.5 127.0.0.1 1 53\r\n" + wire,
                 SIGNATURE + b"\x21\0\0\0" + wire, SIGNATURE + b"\x21\x12\0\x0b" + bytes(11) + wire,
                 SIGNATURE + b"\x21\x12\xff\xff" + wire]
        for octets in wrong:
            with self.assertRaises(TimeoutError):
                self.udp(octets, timeout=0.2)
        self.assertEqual(self.site.counters()["proxy_malformed"], len(wrong) - 1)  # a header alone is right, but no query
        for octets in (struct.pack("!H", len(wire)) + wire, b"PROXY TCP4 203.0.113.5 127.0.0.1 1 53\r\n"):
            with self.assertRaises((EOFError, ConnectionResetError)):
                self.tcp(octets)

    def test_only_the_named_front_ends_are_heard(self):
        wire = query().to_wire()
        self.assertEqual(rdata(self.udp(header("203.0.113.5") + wire, source="127.0.0.7")), ONE)
        with self.assertRaises(TimeoutError):
            self.udp(header("203.0.113.5") + wire, source="127.0.0.8", timeout=0.2)
        with self.assertRaises((EOFError, ConnectionResetError, BrokenPipeError)):
            self.tcp(header("203.0.113.5") + struct.pack("!H", len(wire)) + wire, source="127.0.0.8")
        self.assertEqual(self.site.counters()["proxy_refused"], 2)

    def test_elsewhere_nobody_can_pass_for_another_client(self):
        wire = query().to_wire()
        # The signature begins like a message of opcode 1, IQUERY.
        reply = self.udp(header("203.0.113.5") + wire, port=self.site.port)
        self.assertEqual((reply.rcode(), reply.answer), (dns.rcode.NOTIMP, []))
        # And like a frame of 3338 octets.
        (reply,) = self.tcp((header("203.0.113.5") + struct.pack("!H", len(wire)) + wire).ljust(2 + 3338, b"\0"),
                            port=self.site.port)
        self.assertEqual((reply.rcode(), reply.answer), (dns.rcode.FORMERR, []))
        self.assertEqual(rdata(self.udp(wire, source="127.0.5.1", port=self.site.port)), ONE)

    @unittest.skipUnless(shutil.which("dnsdist"), "dnsdist is not installed")
    def test_through_dnsdist_each_client_is_steered_by_its_own_address(self):
        port = free_port("127.0.0.1")
        conf = self.site.directory / "dnsdist.conf"
        conf.write_text(f"""
setLocal('127.0.0.1:{port}')
setACL('127.0.0.0/8')
newServer({{address='127.0.0.1:{self.port}', useProxyProtocol=true, checkName='example.com.', checkType='SOA',
           mustResolve=true, checkInterval=1}})
""")
        front = Process(self.site.directory / "dnsdist.log", "dnsdist", "-C", conf, "--supervised", "--disable-syslog")
        self.site.processes.append(front)

        def ask(source, send):
            message = query()
            return rdata(send(message, "127.0.0.1", 2, port, source))

        def ready():
            try:
                return ask("127.0.5.1", dns.query.udp) == ONE
            except (dns.exception.Timeout, OSError):
                return False

        front.until(ready, 10, "dnsdist passes a query on")
        for send in (dns.query.udp, dns.query.tcp):
            for _ in range(3):
                got = [ask(source, send) for source in ("127.0.5.1", "127.0.6.1", "127.0.7.1")]
                self.assertEqual(got, [ONE, TWO, OTHER], send.__name__)
        self.assertEqual(self.site.counters()["proxy_malformed"], 0)


if __name__ == "__main__":
    unittest.main()
