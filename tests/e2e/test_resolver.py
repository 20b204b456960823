# SPDX-License-Identifier: Apache-2.0
"""Behind a real resolver: unbound starts at a root of ours, follows the delegation to isobard and forwards the clients'
subnets. All of it on port 53 of a network namespace of its own, where nothing of the machine is in the way."""
import os
import subprocess
import unittest

from harness import BIN, FRANKFURT, GERMANY, KOREA, SEOUL, USA, VIRGINIA, Process, Story, until

PARENT, CHILD, RESOLVER = "127.0.53.1", "127.0.53.2", "127.0.53.3"

PARENT_CATALOG = """
zones:
  ".":
    text: |
      $TTL 3600
      .              SOA  ns.root. hostmaster.root. 1 7200 1800 1209600 300
      .              NS   ns.root.
      ns.root.       A    127.0.53.1
      example.com.   NS   ns1.example.com.
      ns1.example.com. A  127.0.53.2
"""

CHILD_CATALOG = """
regions: {seoul: {location: [37.57, 126.98]}, virginia: {location: [38.95, -77.45]}, frankfurt: {location: [50.11, 8.68]}}
pools:
  asia:   {endpoints: {icn-1: {region: seoul, address: 127.0.1.10}}}
  us:     {endpoints: {iad-1: {region: virginia, address: 127.0.2.10}}}
  europe: {endpoints: {fra-1: {region: frankfurt, address: 127.0.3.10}}}
policies:
  www: {order: geo, rules: [{continent: AS, use: asia}, {continent: [EU, AF], use: europe}, {default: true, use: us}]}
zones:
  example.com:
    text: |
      @    3600 SOA ns1 hostmaster 1 7200 1800 1209600 300
      @    3600 NS  ns1
      ns1  3600 A   127.0.53.2
      text 3600 TXT "through a resolver"
    records: {www: {types: [A], policy: www}}
"""

UNBOUND = """server:
	directory: "{directory}"
	chroot: ""
	username: ""
	pidfile: "{directory}/unbound.pid"
	use-syslog: no
	interface: {resolver}
	port: 53
	do-ip6: no
	access-control: 127.0.0.0/8 allow
	do-not-query-localhost: no
	root-hints: "{directory}/root.hints"
	module-config: "subnetcache iterator"
	send-client-subnet: {child}
	client-subnet-always-forward: yes
	max-client-subnet-ipv4: 24
	num-threads: 1
remote-control:
	control-enable: no
"""


class BehindUnbound(Story):
    def setUp(self):
        super().setUp()
        self.inside = self.namespace()
        self.start_isobard("parent", PARENT_CATALOG, PARENT)
        self.start_isobard("child", CHILD_CATALOG, CHILD)
        self.start_unbound()

    def namespace(self):
        """Words that run a command in a network namespace of its own."""
        ours = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        script = "ip link set lo up && echo ready && exec sleep infinity"
        holder = Process(self.site.directory / "namespace.log", "unshare", *ours, "--net", "sh", "-c", script)
        self.addCleanup(holder.stop)
        holder.until(lambda: "ready" in holder.said(), 5, "a network namespace")
        ours = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        return ["nsenter", "--target", str(holder.child.pid), *ours, "--net"]

    def start(self, log, *words):
        process = Process(self.site.directory / log, *self.inside, *words)
        self.addCleanup(process.stop)
        return process

    def start_isobard(self, name, catalog, address):
        self.site.store = self.site.new_store(name)
        file = self.site.directory / f"{name}.yaml"
        file.write_text(catalog)
        self.site.cli("apply", "-f", file)
        options = ["--store", self.site.store, "--listen", f"{address}:53", "--workers", 1]
        server = self.start(f"{name}.log", BIN / "isobard", *options)
        server.until(lambda: "NOERROR" in self.dig(address, "example.com", "NS"), 10, f"{name} answers")

    def start_unbound(self):
        directory = self.site.directory
        (directory / "root.hints").write_text(f". 3600 NS ns.root.\nns.root. 3600 A {PARENT}\n")
        (directory / "unbound.conf").write_text(UNBOUND.format(directory=directory, resolver=RESOLVER, child=CHILD))
        unbound = self.start("unbound.log", "unbound", "-d", "-p", "-c", directory / "unbound.conf")
        unbound.until(lambda: "NOERROR" in self.dig(RESOLVER, "text.example.com", "TXT"), 10, "unbound resolves")

    def dig(self, server, *words):
        words = ["dig", f"@{server}", "+tries=1", "+time=2", *words]
        return subprocess.run([*self.inside, *words], capture_output=True, text=True, check=False).stdout

    def resolve(self, client):
        return self.dig(RESOLVER, "www.example.com", "A", f"+subnet={client}", "+short").split()

    def test_point_7_clients_get_their_region_through_unbound(self):
        expected = {KOREA: [SEOUL], USA: [VIRGINIA], GERMANY: [FRANKFURT]}
        for _ in range(2):  # the second time from its cache, where the scopes keep them apart
            self.assertEqual({client: self.resolve(client) for client in expected}, expected)

    def test_point_7_a_neighbour_within_the_scope_is_answered_from_the_cache(self):
        self.assertEqual(self.resolve("168.126.63.0/24"), [SEOUL])
        self.site.store = self.site.directory / "child"
        self.site.cli("set", "pool", "asia", "endpoints.icn-1.address=127.0.1.99")
        direct = lambda: self.dig(CHILD, "www.example.com", "A", "+subnet=168.126.64.0/24", "+short").split()
        until(lambda: direct() == ["127.0.1.99"], 10, "isobard has the new address")
        self.assertEqual(self.resolve("168.126.64.0/24"), [SEOUL], "covered by the scope of the first answer")

    def test_point_7_the_name_servers_are_found_by_delegation(self):
        referral = self.dig(PARENT, "www.example.com", "A", "+norecurse")
        self.assertIn("ANSWER: 0", referral)
        self.assertRegex(referral, r"example\.com\.\s+3600\s+IN\s+NS\s+ns1\.example\.com\.")
        self.assertIn("through a resolver", self.dig(RESOLVER, "text.example.com", "TXT", "+short"))


if __name__ == "__main__":
    unittest.main()
