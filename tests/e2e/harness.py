# SPDX-License-Identifier: Apache-2.0
"""Real programs for the stories beside this file: load balancers, isobard, isobar-probe and the CLI.

Every wait has a condition and a bound (until); nothing is decided by the passing of time. Every process is started with
a log of its own and stopped by its number. ISB_BIN names the directory of the programs (default build/release).
"""
import atexit
import ctypes
import functools
import ipaddress
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import dns.edns
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("ISB_BIN", ROOT / "build/release")).resolve()
os.environ["PATH"] += ":/usr/sbin:/sbin"  # nginx, unbound

# Clients whose country the database of tools/make-geodb knows.
KOREA, USA, GERMANY, BRAZIL = "168.126.63.0/24", "8.8.8.0/24", "194.25.0.0/24", "200.160.2.0/24"
JAPAN, AUSTRALIA = "202.12.27.0/24", "1.1.1.0/24"
NAME = "www.example.com"


def until(condition, within, what):
    """Asks every 10 ms until the condition holds and returns what it said; fails with `what` after `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        said = condition()
        if said:
            return said
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s: {what}")
        time.sleep(0.01)


def free_port(*addresses):
    """A port that is free on these addresses, for UDP and TCP."""
    for _ in range(100):
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
        try:
            for address in addresses:
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    with socket.socket(family, kind) as trial:
                        trial.bind((address, port))
        except OSError:
            continue
        return port
    raise AssertionError(f"no port is free on {addresses}")


def has_ipv6():
    try:
        free_port("::1")
    except AssertionError:
        return False
    return True


@functools.cache
def geo_database():
    """The country database of tools/make-geodb, made once per machine and whenever its sources are newer."""
    made = ROOT / "build/geo.mmdb"
    sources = [pathlib.Path("/usr/share/tor/geoip"), pathlib.Path("/usr/share/tor/geoip6"), ROOT / "tools/make-geodb"]
    if not made.exists() or made.stat().st_mtime < max(source.stat().st_mtime for source in sources):
        made.parent.mkdir(exist_ok=True)
        subprocess.run([ROOT / "tools/make-geodb", made], check=True, stdout=subprocess.DEVNULL)
    return made


LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def in_the_child():
    """Before the program begins: SIGINT is on again (a shell's background jobs ignore it, and so would what they start),
    and the program is told to stop when these tests end in whatever way."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Process:
    """One program in the background, its output in a log."""

    def __init__(self, log, *argv):
        self.log = pathlib.Path(log)
        with self.log.open("ab") as output:
            self.child = subprocess.Popen(
                [str(word) for word in argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=in_the_child,
            )

    def running(self):
        return self.child.poll() is None

    def said(self):
        return self.log.read_text(errors="replace")

    def stop(self, how=signal.SIGTERM, within=10):
        """Returns the exit status, negative for a signal."""
        if self.running():
            self.child.send_signal(how)
        try:
            return self.child.wait(within)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise AssertionError(f"{self.child.args[0]} did not stop within {within} s:\n{self.said()[-2000:]}") from None

    def kill(self):
        return self.stop(signal.SIGKILL)

    def until(self, condition, within, what):
        """Like until(), but gives up at once when the process is gone, with its last words."""

        def check():
            if not self.running():
                raise AssertionError(f"{self.child.args[0]} ended with {self.child.poll()}:\n{self.said()[-2000:]}")
            return condition()

        try:
            return until(check, within, what)
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self.said()[-2000:]}") from None


class Certificate:
    """A certificate authority and a certificate for NAME, made on the spot."""

    CONF = f"""[req]
distinguished_name = dn
prompt = no
[dn]
CN = {NAME}
[ca]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
[leaf]
basicConstraints = CA:false
subjectAltName = DNS:{NAME}
"""

    def __init__(self, directory):
        directory.mkdir(exist_ok=True)
        (directory / "conf").write_text(self.CONF)
        self.ca, self.pem, self.key = directory / "ca.pem", directory / "cert.pem", directory / "key.pem"
        new_key = "-config conf -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes".split()
        for words in (
            ["req", *new_key, "-x509", "-days", "2", "-extensions", "ca", "-subj", "/CN=tests", "-keyout", "ca.key",
             "-out", "ca.pem"],
            ["req", *new_key, "-keyout", "key.pem", "-out", "request.pem"],
            ["x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
             "-extfile", "conf", "-extensions", "leaf", "-out", "cert.pem"],
        ):
            subprocess.run(["openssl", *words], cwd=directory, check=True, capture_output=True)


class Balancer:
    """A regional load balancer: Debian's nginx on its own loopback address, HTTPS, /health."""

    def __init__(self, directory, name, address, port, certificate):
        self.directory, self.name, self.address, self.port = directory / name, name, address, port
        self.process = None
        self.directory.mkdir()
        temporary = "\n".join(
            f"{kind}_temp_path {self.directory}/{kind};" for kind in "client_body proxy fastcgi uwsgi scgi".split()
        )
        (self.directory / "nginx.conf").write_text(f"""
daemon off;
pid {self.directory}/pid;
lock_file {self.directory}/lock;
error_log stderr;
events {{ worker_connections 256; }}
http {{
access_log off;
{temporary}
server {{
    listen {address}:{port} ssl;
    server_name {NAME};
    ssl_certificate {certificate.pem};
    ssl_certificate_key {certificate.key};
    default_type text/plain;
    location = /health {{ return 200 "healthy\\n"; }}
    location / {{ return 200 "{name}\\n"; }}
}}
}}
""")

    def accepts(self):
        with socket.socket() as trial:
            trial.settimeout(1)
            return trial.connect_ex((self.address, self.port)) == 0

    def start(self):
        conf = self.directory / "nginx.conf"
        self.process = Process(self.directory / "log", "nginx", "-e", "stderr", "-p", self.directory, "-c", conf)
        self.process.until(self.accepts, 5, f"nginx of {self.name} accepts on {self.address} port {self.port}")

    def stop(self):
        if self.process:
            self.process.stop()
            self.process = None


CATALOG = """
regions:
  seoul:     {{location: [37.57, 126.98]}}
  virginia:  {{location: [38.95, -77.45]}}
  frankfurt: {{location: [50.11, 8.68]}}
checks:
  web: {{type: https, host: www.example.com, path: /health, expect: {{status: 200, body: healthy}}, ca_file: {ca},
        interval: {interval}, timeout: 1s, fall: 2, rise: 2, retry: 100ms}}
pools:
  asia:   {{check: web, endpoints: {{icn-1: {{region: seoul, address: 127.0.1.10, port: {port}, host: icn-1.example.com}}}}}}
  us:     {{check: web, endpoints: {{iad-1: {{region: virginia, address: 127.0.2.10, port: {port}, host: iad-1.example.com}}}}}}
  europe: {{check: web, endpoints: {{fra-1: {{region: frankfurt, address: 127.0.3.10, port: {port}, host: fra-1.example.com}}}}}}
policies:
  www:
    order: geo
    rules:
      - {{continent: AS, use: [asia, us]}}
      - {{continent: [EU, AF], use: [europe, us]}}
      - {{default: true, use: [us, europe, asia]}}
zones:
  example.com:
    file: example.com.zone
    records:
      www: {{types: [A, AAAA], ttl: 30s, policy: www}}
      _https._tcp: {{types: [SRV], ttl: 30s, policy: www}}
"""

ZONE = """$ORIGIN example.com.
$TTL 3600
@       SOA   ns1 hostmaster 1 7200 1800 1209600 300
        NS    ns1
        MX    10 mail
        TXT   "generation one"
ns1     A     127.0.0.1
mail    A     192.0.2.25
        AAAA  2001:db8::25
icn-1   A     127.0.1.10
iad-1   A     127.0.2.10
fra-1   A     127.0.3.10
alias   CNAME www
plain   A     192.0.2.80
*.wild  A     192.0.2.81
a.ent   A     192.0.2.82
sub     NS    ns.sub
ns.sub  A     192.0.2.53
$GENERATE 1-40 many A 192.0.2.$
"""

SEOUL, VIRGINIA, FRANKFURT = "127.0.1.10", "127.0.2.10", "127.0.3.10"
ENDPOINTS = {"asia/icn-1": SEOUL, "us/iad-1": VIRGINIA, "europe/fra-1": FRANKFURT}


class Site:
    """A store with the programs over it, in a directory of its own that is gone afterwards."""

    def __init__(self, interval="200ms"):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="isobar-e2e-"))
        atexit.register(shutil.rmtree, self.directory, ignore_errors=True)  # when interrupted; else done() does it
        self.store = self.new_store("store")
        self.balancers = {}
        self.processes = []
        self.server = self.probe = None
        self.ipv6 = has_ipv6()
        self.port = free_port("127.0.0.1", *(["::1"] if self.ipv6 else []))
        self.target_port = free_port(SEOUL, VIRGINIA, FRANKFURT)
        self.interval = interval
        self.numbers = itertools.count(1)

    def done(self):
        """Everything must end well when asked to: a leak or a race that a sanitizer saw shows in the exit status."""
        unwell = []
        for process in reversed(self.processes):
            status = process.stop()
            if status > 0:  # not when a signal came before the program was ready for it
                unwell.append(f"{process.child.args[0]} ended with {status}:\n{process.said()[-4000:]}")
        for balancer in self.balancers.values():
            balancer.stop()
        shutil.rmtree(self.directory)
        if unwell:
            raise AssertionError("\n".join(unwell))

    def new_store(self, name):
        """A directory with the geo database where the programs look for it."""
        store = self.directory / name
        store.mkdir()
        (store / "geo.mmdb").symlink_to(geo_database())
        return store

    # --- parts ---

    def start(self, *, probe=True):
        """The whole of the main job: three load balancers, the catalog, the server and, when asked, the probe."""
        self.start_balancers()
        self.apply(self.catalog())
        self.start_server()
        if probe:
            self.start_probe()
        return self

    def start_balancers(self):
        certificate = Certificate(self.directory / "tls")
        for name, address in (("seoul", SEOUL), ("virginia", VIRGINIA), ("frankfurt", FRANKFURT)):
            self.balancers[name] = Balancer(self.directory, name, address, self.target_port, certificate)
            self.balancers[name].start()

    def catalog(self, text=CATALOG):
        return text.format(ca=self.directory / "tls/ca.pem", port=self.target_port, interval=self.interval)

    def apply(self, catalog, zone=ZONE, *options, ok=True):
        """Writes the files and gives them to `isobar apply`."""
        (self.directory / "example.com.zone").write_text(zone)
        (self.directory / "catalog.yaml").write_text(catalog)
        return self.cli("apply", "-f", self.directory / "catalog.yaml", *options, ok=ok)

    def start_server(self, workers=2, ready=True):
        listen = ["--listen", f"127.0.0.1:{self.port}"]
        if self.ipv6:
            listen += ["--listen", f"[::1]:{self.port}"]
        self.server = self.run("isobard", *listen, "--workers", workers)
        if ready:
            self.server.until(self.answers, 20, "isobard answers for example.com")

    def answers(self):
        try:
            return self.query("example.com", "SOA", timeout=0.2).rcode() == dns.rcode.NOERROR
        except (dns.exception.Timeout, OSError):
            return False

    def start_probe(self, name="probe-1", region="frankfurt", ready=True):
        self.probe = self.run("isobar-probe", "--name", name, "--region", region)
        if ready:
            self.probe.until(lambda: set(self.verdicts().values()) == {"up"}, 20, "all endpoints are up")

    def run(self, program, *options, under=()):
        """`under`: words of a command that starts the program."""
        log = self.directory / f"{program}.{next(self.numbers)}.log"
        process = Process(log, *under, BIN / program, "--store", self.store, *options)
        self.processes.append(process)
        return process

    # --- the operator ---

    def cli(self, *words, ok=True, text=None):
        """Runs `isobar`; ok: it must succeed (or fail, when False). Returns what it printed, errors included."""
        done = subprocess.run(
            [str(word) for word in (BIN / "isobar", "--store", self.store, *words)],
            input=text,
            stdin=None if text is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        if (done.returncode == 0) != ok:
            line = " ".join(str(word) for word in words)
            raise AssertionError(f"isobar {line}: exit status {done.returncode}\n{done.stdout}")
        if done.returncode < 0:
            raise AssertionError(f"isobar {words[0]} died of signal {-done.returncode}\n{done.stdout}")
        return done.stdout

    def cli_json(self, *words):
        return json.loads(self.cli(*words, "-o", "json"))

    def endpoints(self):
        """`isobar status` by endpoint."""
        return {row["endpoint"]: row for row in self.cli_json("status")["endpoints"]}

    def verdicts(self):
        return {name: row["verdict"] for name, row in self.endpoints().items()}

    def counters(self):
        """What the server counted, asked for just now."""
        before = self.server.said().count(" counters ")
        self.server.child.send_signal(signal.SIGUSR1)
        until(lambda: self.server.said().count(" counters ") > before, 5, "the counters are logged")
        line = [line for line in self.server.said().splitlines() if " counters " in line][-1]
        return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", line)}

    # --- the client ---

    def query(self, name, type_="A", client=None, *, tcp=False, server="127.0.0.1", timeout=5, payload=1232, edns=True):
        """One question, one reply."""
        options = [dns.edns.ECSOption(*ecs(client))] if client else []
        message = dns.message.make_query(
            name, type_, use_edns=0 if edns else False, payload=payload if edns else None, options=options if edns else None
        )
        message.flags &= ~dns.flags.RD
        send = dns.query.tcp if tcp else dns.query.udp
        return send(message, server, timeout, self.port)

    def answer(self, client=None, name=NAME, type_="A", **how):
        """The rdata of the answer as a list of texts."""
        return rdata(self.query(name, type_, client, **how))

    def moves(self, client, to, within=20):
        """Waits until a client is answered with this address; returns the seconds it took."""
        begun = time.monotonic()
        until(lambda: self.answer(client) == [to], within, f"{client} is answered with {to}; it is {self.answer(client)}")
        return time.monotonic() - begun


def ecs(client):
    network = ipaddress.ip_network(client)
    return str(network.network_address), network.prefixlen


def rdata(message):
    return [rd.to_text() for rrset in message.answer for rd in rrset]


def scope(message):
    """SCOPE PREFIX-LENGTH of the reply, or None without the option."""
    return next((option.scopelen for option in message.options if isinstance(option, dns.edns.ECSOption)), None)


class Story(unittest.TestCase):
    """A test with a site of its own."""

    interval = "200ms"

    def setUp(self):
        self.site = Site(self.interval)
        self.addCleanup(self.site.done)


class SharedStory(unittest.TestCase):
    """Tests that only look: one running site for the class."""

    @classmethod
    def setUpClass(cls):
        cls.site = Site()
        cls.addClassCleanup(cls.site.done)
        cls.site.start()
