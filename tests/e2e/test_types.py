# SPDX-License-Identifier: Apache-2.0
"""Every type over pools, asked and parsed by others: dnspython, dig and kdig; and ALIAS to a name outside, which a second
isobard holds and unbound resolves for the probe."""
import subprocess
import unittest

import dns.rdatatype

from harness import BIN, Process, Site, Story, free_port, until

CATALOG = """
pools:
  two:
    answers: all
    order: failover
    endpoints:
      t-1: {{address: [192.0.2.1, "2001:db8::1"], host: mail.example.com, port: 443, text: [v=one, second], alpn: [h2, h3],
             ech: AAEC, weight: 7}}
      t-2: {{address: 192.0.2.2, host: b.example.net, port: 8443, text: two, tier: 1, priority: 9}}
  names:   {{order: failover, endpoints: {{n-1: {{host: mail.example.com}}}}}}
  outside: {{endpoints: {{o-1: {{host: lb.cdn.test}}}}}}
zones:
  example.com:
    file: example.com.zone
    records:
      "@":   {{types: [ALIAS], ttl: 60s, ttl_min: 2s, policy: outside}}
      mx:    {{types: [MX], policy: two}}
      txt:   {{types: [TXT], policy: two}}
      srv:   {{types: [SRV], policy: two}}
      web:   {{types: [HTTPS, A, AAAA], policy: two}}
      svc:   {{types: [SVCB], policy: two}}
      name:  {{types: [CNAME], policy: names}}
      local: {{types: [ALIAS], policy: names}}
"""

OUTSIDE = """
zones:
  cdn.test:
    text: |
      $TTL 3
      @   3600 SOA ns hostmaster 1 7200 1800 1209600 1
      @   3600 NS  ns
      ns  3600 A   127.0.0.1
      lb  A    {addresses}
      lb  AAAA 2001:db8::7
"""

UNBOUND = """server:
	directory: "{directory}"
	chroot: ""
	username: ""
	pidfile: "{directory}/unbound.pid"
	use-syslog: no
	interface: 127.0.0.1
	port: {port}
	do-ip6: no
	access-control: 127.0.0.0/8 allow
	do-not-query-localhost: no
	module-config: "iterator"
	local-zone: "test." nodefault
	cache-min-ttl: 0
	cache-max-negative-ttl: 1
	infra-host-ttl: 1
remote-control:
	control-enable: no
stub-zone:
	name: "cdn.test"
	stub-addr: 127.0.0.1@{outside}
	stub-no-cache: yes
"""


class Types(Story):
    def setUp(self):
        super().setUp()
        self.site.apply(self.site.catalog(CATALOG))
        self.site.start_server()

    def dig(self, tool, name, type_):
        words = [tool, "@127.0.0.1", "-p", str(self.site.port), f"{name}.example.com", type_, "+short", "+norecurse"]
        return subprocess.run(words, capture_output=True, text=True, check=True, timeout=20).stdout.splitlines()

    def test_what_dnspython_reads(self):
        def answer(name, type_):
            return self.site.answer(None, f"{name}.example.com", type_)

        self.assertEqual(answer("mx", "MX"), ["10 mail.example.com.", "9 b.example.net."])
        self.assertEqual(answer("txt", "TXT"), ['"v=one" "second"', '"two"'])
        self.assertEqual(answer("srv", "SRV"), ["0 7 443 mail.example.com.", "9 1 8443 b.example.net."])
        service = ['1 mail.example.com. alpn="h2,h3" port="443" ipv4hint="192.0.2.1" ech="AAEC" ipv6hint="2001:db8::1"',
                   '9 b.example.net. port="8443" ipv4hint="192.0.2.2"']
        self.assertEqual(answer("web", "HTTPS"), service)
        self.assertEqual(answer("svc", "SVCB"), service)
        self.assertEqual(answer("web", "A"), ["192.0.2.1", "192.0.2.2"])
        self.assertEqual(answer("name", "A"), ["mail.example.com.", "192.0.2.25"])
        self.assertEqual(answer("name", "TXT"), ["mail.example.com."])
        self.assertEqual(answer("local", "A"), ["192.0.2.25"])
        self.assertEqual(answer("local", "AAAA"), ["2001:db8::25"])

    def test_what_dig_and_kdig_read(self):
        for tool in ("dig", "kdig"):
            https = self.dig(tool, "web", "HTTPS")
            self.assertEqual(len(https), 2, https)
            self.assertRegex(https[0], r'^1 mail\.example\.com\. alpn="?h2,h3"? port="?443"? ipv4hint=192\.0\.2\.1 ech="?AAEC"? ipv6hint=2001:db8::1$')
            self.assertEqual(self.dig(tool, "mx", "MX"), ["10 mail.example.com.", "9 b.example.net."])

    def test_targets_of_ours_come_with_their_addresses(self):
        for name, type_ in (("mx", "MX"), ("srv", "SRV"), ("web", "HTTPS")):
            reply = self.site.query(f"{name}.example.com", type_)
            owners = {(str(rrset.name), rrset.rdtype) for rrset in reply.additional}
            self.assertIn(("mail.example.com.", dns.rdatatype.A), owners)

    def test_the_catalog_is_printed_as_it_was_read(self):
        printed = self.site.cli("export")
        file = self.site.directory / "again.yaml"
        file.write_text(printed)
        self.assertIn("nothing to change", self.site.cli("apply", "-f", file))

    def test_a_cname_has_no_neighbours(self):
        said = self.site.cli("add", "rrset", "name.example.com", "TXT", "60", "beside", ok=False)
        self.assertIn("record 'name' of zone 'example.com' is a CNAME, and the zone has TXT at that name", said)
        self.site.cli("add", "rrset", "name.example.com", "CNAME", "60", "plain")  # what it falls back on
        broken = self.site.catalog(CATALOG).replace("name:  {types: [CNAME]", "plain: {types: [CNAME]")
        (self.site.directory / "broken.yaml").write_text(broken)
        said = self.site.cli("check", "-f", self.site.directory / "broken.yaml", ok=False)
        self.assertIn("record 'plain' of zone 'example.com' is a CNAME, and the zone has A at that name", said)


class Alias(Story):
    """example.com is an ALIAS to lb.cdn.test."""

    def setUp(self):
        super().setUp()
        self.outside = Site()
        self.addCleanup(self.outside.done)
        self.hold("198.51.100.7")
        self.outside.port = free_port("127.0.0.1")
        self.other = self.outside.run("isobard", "--listen", f"127.0.0.1:{self.outside.port}", "--workers", 1)
        self.other.until(lambda: self.asks(self.outside, "lb.cdn.test") == ["198.51.100.7"], 20, "the other server answers")
        self.resolver_port = free_port("127.0.0.1")
        self.start_resolver()
        self.site.apply(self.site.catalog(CATALOG))
        self.site.start_server()

    def hold(self, *addresses):
        file = self.outside.directory / "outside.yaml"
        file.write_text(OUTSIDE.format(addresses="\n      lb  A    ".join(addresses)))
        self.outside.cli("apply", "-f", file)

    def start_resolver(self):
        directory = self.site.directory
        conf = directory / "unbound.conf"
        conf.write_text(UNBOUND.format(directory=directory, port=self.resolver_port, outside=self.outside.port))
        self.resolver = Process(directory / "unbound.log", "unbound", "-d", "-p", "-c", conf)
        self.addCleanup(self.resolver.stop)

    def start_probe(self):
        options = ["--name", "p1", "--resolver", f"127.0.0.1:{self.resolver_port}"]
        return self.site.run("isobar-probe", *options)

    @staticmethod
    def asks(site, name, type_="A"):
        try:
            return sorted(site.answer(None, name, type_, timeout=1))
        except Exception:  # pylint: disable=broad-except  # not yet
            return None

    def apex(self, type_="A"):
        return self.asks(self.site, "example.com", type_)

    def row(self):
        rows = self.site.cli_json("status")["aliases"]
        return rows[0] if rows else None

    def test_an_outside_name_is_resolved_followed_and_kept(self):
        self.assertEqual(self.apex(), [])  # nothing is known yet: no data, and never NXDOMAIN
        probe = self.start_probe()
        until(lambda: self.apex() == ["198.51.100.7"], 20, "the apex has the address")
        self.assertEqual(self.apex("AAAA"), ["2001:db8::7"])
        self.assertEqual(self.apex("MX"), ["10 mail.example.com."])
        self.assertLessEqual(self.site.query("example.com", "A").answer[0].ttl, 3)
        self.assertIn("lb.cdn.test", self.site.cli("status", "--all"))
        told = self.site.cli("explain", "example.com", "A", "--client", "8.8.8.8")
        self.assertIn("alias     lb.cdn.test: 198.51.100.7 2001:db8::7", told)
        self.assertIn("shortened from 1m: that of its target is shorter", told)

        self.hold("198.51.100.9", "198.51.100.8")
        until(lambda: self.apex() == ["198.51.100.8", "198.51.100.9"], 30, "the apex follows")

        self.resolver.stop()
        until(lambda: self.row()["failing_ms"], 60, "the probe says that nobody answers")
        self.assertEqual(self.apex(), ["198.51.100.8", "198.51.100.9"])
        self.assertEqual(self.site.query("example.com", "A").answer[0].ttl, 2)  # ttl_min
        until(lambda: "stale" in self.site.cli("status"), 20, "status says that it is stale")

        self.hold("198.51.100.10")
        self.start_resolver()
        until(lambda: self.apex() == ["198.51.100.10"], 60, "the apex follows again")
        until(lambda: not self.row()["failing_ms"], 10, "and the trouble is over")
        probe.stop()
        self.site.cli("remove", "record", "example.com/@")
        until(lambda: self.apex() == [], 10, "without the record there is no address")

    def test_a_resolver_that_makes_no_sense_ends_the_probe(self):
        probe = self.site.run("isobar-probe", "--resolver", "nowhere at all")
        until(lambda: not probe.running(), 10, "it ends")
        self.assertIn("resolver-failed", probe.said())
        self.site.processes.remove(probe)


if __name__ == "__main__":
    unittest.main()
