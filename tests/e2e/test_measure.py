# SPDX-License-Identifier: Apache-2.0
"""Probes measure the way to the networks that ask most (isobard --clients, isobar-probe --measure). Each probe lives in a
network namespace of its own, whose whole Internet is far.py; the server's namespace has the clients' addresses."""
import os
import pathlib
import re
import socket
import stat
import subprocess
import tempfile
import unittest
from ipaddress import ip_network

from harness import BIN, Process, Story, until

HERE = pathlib.Path(__file__).resolve().parent
# A resolver that answers from either region, one that never answers, one that is denied, one beside an endpoint of ours, and
# one whose answers are forged.
BUSY, SILENT, DENIED, OURS, FORGED = "168.126.63.1", "8.8.8.8", "1.1.1.1", "194.25.0.25", "200.160.2.3"
SEOUL, FRANKFURT = "194.25.0.7", "202.12.27.33"

CATALOG = f"""
regions:
  seoul:     {{location: [37.57, 126.98]}}
  frankfurt: {{location: [50.11, 8.68]}}
pools:
  asia:   {{endpoints: {{icn-1: {{region: seoul, address: {SEOUL}}}}}}}
  europe: {{endpoints: {{fra-1: {{region: frankfurt, address: {FRANKFURT}}}}}}}
policies:
  www: {{order: latency, of: [asia, europe]}}
zones:
  example.com:
    text: |
      $TTL 3600
      @ SOA ns1 hostmaster 1 7200 1800 1209600 300
      @ NS ns1
      ns1 A 192.0.2.53
    records:
      www: {{types: [A], ttl: 30s, policy: www}}
"""

# So many that each network is in a sample of one in 64, come what may.
ASK = """
import socket, sys
import dns.message
wire = dns.message.make_query("www.example.com", "A").to_wire()
for client in sys.argv[1:]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind((client, 0))
        udp.connect(("127.0.0.1", 53))
        udp.settimeout(5)
        for _ in range(1500):
            udp.send(wire)
            udp.recv(4096)
"""


@unittest.skipUnless(os.geteuid() == 0 and os.path.exists("/dev/net/tun"), "network namespaces with a TUN device take root")
class Measuring(Story):
    def setUp(self):
        super().setUp()
        self.socket = self.site.directory / "clients"
        file = self.site.directory / "catalog.yaml"
        file.write_text(CATALOG)
        self.site.cli("apply", "-f", file)

    def namespace(self, name, *words):
        """A program that holds a namespace, and words that run a command there."""
        holder = Process(self.site.directory / f"{name}.log", "unshare", "--net", *words)
        self.addCleanup(holder.stop)
        holder.until(lambda: "ready" in holder.said(), 10, f"the namespace of {name}")
        return ["nsenter", f"--net=/proc/{holder.child.pid}/ns/net"]

    def start_server(self, *clients):
        addresses = " && ".join(f"ip addr add {client}/32 dev lo" for client in clients)
        self.home = self.namespace("home", "sh", "-c", f"ip link set lo up && {addresses} && echo ready && exec sleep infinity")
        self.server = self.site.run("isobard", "--listen", "127.0.0.1:53", "--workers", 2, "--rrl", "off", "--clients",
                                    self.socket, under=self.home)
        self.server.until(lambda: "NOERROR" in self.dig("example.com", "SOA"), 20, "isobard answers")

    def dig(self, *words):
        words = [*self.home, "dig", "@127.0.0.1", "+tries=1", "+time=2", *words]
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout

    def answer(self, client):
        return self.dig("www.example.com", "A", f"+subnet={client}/32", "+short").strip()

    def ask(self, *clients):
        subprocess.run([*self.home, "/usr/bin/python3", "-c", ASK, *clients], check=True, timeout=60)

    def told(self):
        """What the socket tells, by network."""
        with socket.socket(socket.AF_UNIX) as stream:
            stream.connect(str(self.socket))
            with stream.makefile() as lines:
                said = lines.read().splitlines()
        self.assertEqual((said[0], said[-1]), ("demand 1", "end"))
        return {net: (address, int(count)) for net, address, count in (line.split() for line in said[1:-1])}

    def start_probe(self, region, *options, groups="0 0", world=()):
        """A probe whose world answers in these times."""
        seen = self.site.directory / f"{region}.seen"
        delays = [f"{address}={delay}" for address, delay in dict(world).items()]
        under = self.namespace(region, "/usr/bin/python3", HERE / "far.py", seen, *delays)
        subprocess.run([*under, "sh", "-c", f'echo "{groups}" > /proc/sys/net/ipv4/ping_group_range'], check=True)
        under += ["setpriv", "--bounding-set=-net_raw"]
        name = ["--name", f"probe-{region}", "--log-level", "debug", "--measure", self.socket]
        probe = self.site.run("isobar-probe", *name, *options, under=under)
        return probe, lambda: [line.split()[1] for line in seen.read_text().splitlines()] if seen.exists() else []

    def samples(self):
        """Stored samples, by network and region."""
        rows = self.site.cli_json("latency", "show")
        rows = rows["rows"] if isinstance(rows, dict) else rows
        return {(row["network"], row["region"]): row["samples"] for row in rows}

    def test_order_latency_goes_by_what_probes_measure(self):
        known = "".join(f"168.126.63.0/24,{region},900,15\n" for region in ("seoul", "frankfurt"))
        self.start_server(BUSY, SILENT, DENIED, OURS, FORGED)
        self.site.cli("latency", "import", "-", text=known)  # too few to count: five more, and quicker ones, will
        before = self.answer(BUSY)
        self.assertEqual(before, SEOUL, "by distance")
        self.ask(BUSY, SILENT, DENIED, OURS, FORGED)
        networks = {ip_network(f"{client}/24", strict=False).with_prefixlen for client in (BUSY, SILENT, DENIED, OURS, FORGED)}
        until(lambda: networks <= self.told().keys(), 10, "all networks are told of")
        address, count = self.told()["168.126.63.0/24"]
        self.assertEqual(address, BUSY)
        self.assertTrue(400 < count < 4000, count)
        self.assertEqual(stat.S_IMODE(self.socket.stat().st_mode), 0o660)

        worlds = {"seoul": {BUSY: 150, FORGED: "forged"}, "frankfurt": {BUSY: 20, FORGED: "forged"}}
        probes = {region: self.start_probe(region, "--region", region, "--measure-deny", "1.1.0.0/16", world=world)
                  for region, world in worlds.items()}
        until(lambda: self.answer(BUSY) == FRANKFURT, 40, "frankfurt is measured to be nearer")
        for region, (probe, seen) in probes.items():
            self.assertEqual(self.samples()["168.126.63.0/24", region], 20)
            until(lambda: seen().count(SILENT) == 2 and seen().count(FORGED) == 2, 20, "who does not answer is left alone")
            self.assertEqual(seen().count(BUSY), 5)
            self.assertEqual(set(seen()), {BUSY, SILENT, FORGED}, "nobody who is denied, and not our own")
        self.assertEqual(set(self.samples()), {("168.126.63.0/24", region) for region in worlds}, "nothing forged counts")
        shown = self.site.cli("latency", "show", "168.126.63.0/24")
        self.assertRegex(shown, r"seoul,15\d\.|seoul +15\d\.")
        explained = self.site.cli("explain", "www.example.com", "--client", BUSY)
        self.assertRegex(explained, r"p25 of 20 samples, 168\.126\.63\.0/24")

    def test_without_a_region_or_a_right_it_says_so_once_and_measures_nothing(self):
        self.start_server(BUSY)
        self.ask(BUSY)
        until(self.told, 10, "the network is told of")
        probe, seen = self.start_probe("nowhere", world={BUSY: 1})
        probe.until(lambda: "measure-off" in probe.said(), 10, "a probe without a region says so")
        mute, unseen = self.start_probe("seoul", "--region", "seoul", groups="1 0", world={BUSY: 1})
        mute.until(lambda: "measure-trouble" in mute.said(), 10, "a probe without a right says so")
        self.assertIn("ping socket", mute.said())
        self.assertEqual((seen(), unseen()), ([], []))
        self.assertEqual(self.samples(), {})
        for process, word in ((probe, "measure-off"), (mute, "measure-trouble")):
            process.stop()
            self.assertEqual(len(re.findall(word, process.said())), 1)

    def test_an_import_that_takes_its_time_holds_up_neither_checks_nor_the_end(self):
        self.start_server(BUSY)
        self.ask(BUSY)
        until(self.told, 10, "the network is told of")
        with subprocess.Popen([BIN / "isobar", "--store", self.site.store, "latency", "import", "-"], stdin=subprocess.PIPE,
                              stdout=subprocess.DEVNULL) as slow:
            self.addCleanup(slow.kill)
            slow.stdin.write(b"168.126.63.0/24,seoul,900,1\n" * 2000)  # more than it reads at once, and no end
            slow.stdin.flush()
            probe, _ = self.start_probe("seoul", "--region", "seoul", world={BUSY: 1})
            probe.until(lambda: "round-trips-writing samples=5" in probe.said(), 30, "the probe wants to write")
            edit = self.site.cli("set", "region", "seoul", "location=[37, 127]")
            probe.until(lambda: probe.said().count("catalog-loaded") == 2, 10, f"the probe goes on: {edit}")
            self.assertNotIn("round-trips-written", probe.said())
            self.assertEqual(probe.stop(), 0)
            slow.stdin.close()
            self.assertEqual(slow.wait(10), 0)
        self.assertEqual(self.samples(), {("168.126.63.0/24", "seoul"): 2000})
        again, _ = self.start_probe("seoul-2", "--region", "seoul", world={BUSY: 1})
        again.until(lambda: "round-trips-written" in again.said(), 30, "the store is as good as ever")
        self.assertEqual(self.samples(), {("168.126.63.0/24", "seoul"): 2005})

    def test_a_server_that_is_away_is_told_of_and_asked_again(self):
        probe, seen = self.start_probe("seoul", "--region", "seoul", world={BUSY: 1})
        probe.until(lambda: "measure-list-failed" in probe.said(), 10, "the probe says that nobody tells")
        self.assertIn("no such file", probe.said())
        self.assertEqual(seen(), [])

    def test_the_socket_replaces_a_dead_one_and_nothing_else(self):
        self.start_server(BUSY)
        second = self.site.run("isobard", "--listen", "127.0.0.1:5300", "--clients", self.socket, under=self.home)
        until(lambda: not second.running(), 10, "a second server gives up")
        self.site.processes.remove(second)
        self.assertIn("another process does", second.said())
        self.server.kill()
        self.site.processes.remove(self.server)
        self.assertTrue(self.socket.is_socket(), "a killed server leaves it behind")
        third = self.site.run("isobard", "--listen", "127.0.0.1:5300", "--clients", self.socket, under=self.home)
        third.until(lambda: "started" in third.said(), 10, "the next one takes it over")
        self.assertEqual(self.told(), {})
        third.stop()
        self.assertFalse(self.socket.exists())
        self.socket.write_text("precious")
        fourth = self.site.run("isobard", "--listen", "127.0.0.1:5300", "--clients", self.socket, under=self.home)
        until(lambda: not fourth.running(), 10, "a file is no socket")
        self.site.processes.remove(fourth)
        self.assertIn("a file that is no socket", fourth.said())
        self.assertEqual(self.socket.read_text(), "precious")


class Refusals(unittest.TestCase):
    def test_what_cannot_be_meant_is_refused_with_a_sentence(self):
        with tempfile.NamedTemporaryFile("w", suffix=".deny") as deny:
            deny.write("8.8.8.0/24\n8.8.4.4/24  # one bit too many\n")
            deny.flush()
            for words, sentence in {
                "--measure=": "--measure '' is no path of a unix socket: write 1 to 107 octets",
                f"--measure /{'m' * 107}": "is no path of a unix socket: write 1 to 107 octets",
                "--measure-rate 0": "--measure-rate '0' is not a number from 1 to 100",
                "--measure-rate 101": "--measure-rate '101' is not a number from 1 to 100",
                "--measure-deny 8.8.8.8/24": "'8.8.8.8/24' has bits set beyond its prefix",
                "--measure-deny 1.1.1.1,google": "'google' is not a network; write 192.0.2.0/24 or 2001:db8::/32",
                f"--measure-deny file:{deny.name}": f"{deny.name}:2: '8.8.4.4/24' has bits set beyond its prefix",
                "--measure-deny file:/nowhere": "cannot read '/nowhere': No such file or directory",
                "--measur-rate 5": "did you mean '--measure-rate'?",
                "--measure /run/c --site gslb.example.com": "--measure means nothing with --site",
            }.items():
                with self.subTest(words):
                    done = subprocess.run([BIN / "isobar-probe", *words.split()], capture_output=True, text=True, timeout=10,
                                          check=False)
                    self.assertEqual(done.returncode, 2)
                    self.assertIn(sentence, done.stderr)


if __name__ == "__main__":
    unittest.main()
