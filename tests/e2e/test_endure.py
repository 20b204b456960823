# SPDX-License-Identifier: Apache-2.0
"""Nothing is lost: probe, server and CLI are killed (SIGKILL) at random moments, while questions are asked and endpoints come
and go. ISB_ENDURE_ROUNDS (default 120, a minute) says how long, ISB_ENDURE_SEED (default 1) which moments.

A second store, where nothing is killed, gets the same edits as far as the first one committed them: both must hold the same
after every round. Every answer must be one that the catalog and the verdicts allowed when it was given."""
import collections
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import threading
import time

import dns.exception
import dns.message

from harness import BIN, Story, free_port, until

FIRST, SECOND, LAST = "127.0.1.10", "127.0.2.10", "127.0.3.10"
ENDPOINTS = {"first/e": FIRST, "second/e": SECOND}
NAMES = 400  # in the zone; all carry one number, so that half an edit would show
NETWORKS = 500

# How long after a change the old answer may still be given, and how long before we hear of it the new one: a busy
# machine runs a thread late. Nothing is decided by less.
LATE, EARLY = 3.0, 1.0
STARTS_WITHIN = 5.0  # seconds from the start of isobard to its first answer
SETTLES_WITHIN = 30.0

CATALOG = """
regions: {{here: {{location: [50.11, 8.68]}}}}
checks: {{port: {{type: tcp, port: {port}, interval: 200ms, timeout: 500ms, fall: 2, rise: 2, retry: 50ms}}}}
pools:
  first:  {{check: port, endpoints: {{e: {{region: here, address: 127.0.1.10}}}}}}
  second: {{check: port, endpoints: {{e: {{region: here, address: 127.0.2.10}}}}}}
  last:   {{endpoints: {{e: {{region: here, address: 127.0.3.10}}}}}}
policies: {{www: {{of: [first, second, last]}}}}
zones:
  example.com:
    text: |
      $TTL 60
      @ SOA ns h {number} 7200 1800 1209600 300
      @ NS ns
      ns A 127.0.0.1
      mark TXT "{number}"
      $GENERATE 1-{names} n$ TXT "{number}"
    records: {{www: {{types: [A], policy: www, ttl: {ttl}s}}}}
"""


class History:
    """The values of something that changes at moments which are known only so well."""

    def __init__(self, value):
        self.changes = [(float("-inf"), float("-inf"), value)]

    def now(self):
        return self.changes[-1][2]

    def turns(self, begin, end, value):
        """From `begin` on it may be `value`; after `end` nothing else."""
        self.changes.append((begin, end, value))

    def within(self, begin, end):
        """All that it may have been at some moment between."""
        values = set()
        for possible, certain, value in reversed(self.changes):
            if possible <= end:
                values.add(value)
            if certain <= begin:
                break
        return values


class Target:
    """What a load balancer's port is to a check: it accepts or refuses."""

    def __init__(self, address, port):
        self.at, self.socket = (address, port), None
        self.truth = History(False)
        self.open()

    def open(self):
        self.socket = socket.create_server(self.at, backlog=64)
        threading.Thread(target=self.accept, args=(self.socket,), daemon=True).start()
        self.truth.turns(time.time(), time.time(), True)

    def accept(self, listener):
        try:
            while True:
                listener.accept()[0].close()
        except OSError:
            pass  # closed

    def close(self):
        begin = time.time()
        self.socket.shutdown(socket.SHUT_RDWR)  # else accept() above would keep it open
        self.socket.close()
        self.socket = None
        self.truth.turns(begin, time.time(), False)

    def flip(self, _):
        if self.socket:
            self.close()
        else:
            self.open()


class Asker(threading.Thread):
    """Asks without a pause, whether anybody is there or not, and keeps what it was answered."""

    def __init__(self, port, name, type_):
        super().__init__(daemon=True)
        self.port, self.wire = port, bytearray(dns.message.make_query(name, type_, use_edns=0).to_wire())
        self.answers = collections.deque()  # (sent, received, rdata)
        self.known = {}  # by wire form
        self.asked = 0
        self.enough = threading.Event()

    def run(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.2)
            client.connect(("127.0.0.1", self.port))
            while not self.enough.is_set():
                self.asked += 1
                self.wire[:2] = (self.asked & 0xFFFF).to_bytes(2, "big")
                sent = time.time()
                try:
                    client.send(self.wire)
                    reply = client.recv(4096)
                    while reply[:2] != self.wire[:2]:  # to a question that was given up
                        reply = client.recv(4096)
                except (TimeoutError, ConnectionRefusedError):
                    time.sleep(0.002)
                    continue
                self.answers.append((sent, time.time(), self.read(reply)))
                time.sleep(0.0005)  # the others are threads of this process, too

    def read(self, reply):
        if reply[2:] not in self.known:
            message = dns.message.from_wire(reply)
            rdata = [rd.to_text() for rrset in message.answer for rd in rrset]
            self.known[reply[2:]] = rdata[0] if len(rdata) == 1 else f"{message.rcode()} {rdata}"
        return self.known[reply[2:]]


class Steps(threading.Thread):
    """What is done at random moments, beside what others do; what goes wrong is the test's."""

    def __init__(self, steps, seed):
        super().__init__(daemon=True)
        self.steps, self.rng, self.wrong = steps, random.Random(seed), None

    def run(self):
        try:
            for step in self.steps:
                time.sleep(self.rng.uniform(0, 0.1))
                step(self.rng)
        except Exception as wrong:  # pylint: disable=broad-except
            if threading.current_thread() is not self:
                raise
            self.wrong = wrong


class Verdicts(threading.Thread):
    """What the probes said, line by line as they said it."""

    LINE = re.compile(r"verdict-changed endpoint=(\S+) from=(\S+) to=(\S+)")

    def __init__(self):
        super().__init__(daemon=True)
        self.effective = {name: History("up") for name in ENDPOINTS}
        self.turned = []  # (when, endpoint, to)
        self.lock = threading.Lock()
        self.log, self.read, self.enough = None, 0, threading.Event()

    def follow(self, log):
        """From now on the words of another process, when all of the last one's were heard."""
        with self.lock:
            self.hear()
            self.log, self.read = pathlib.Path(log), 0

    def hear(self):
        text = self.log.read_text() if self.log and self.log.exists() else ""
        whole = text.rfind("\n") + 1
        for name, _, to in self.LINE.findall(text[self.read : whole]):
            self.believe(name, to, time.time() - EARLY)
        self.read = max(self.read, whole)

    def believe(self, name, to, begin):
        """Unknown and disputed hold what was."""
        if to in ("up", "down") and to != self.effective[name].now():
            self.effective[name].turns(begin, time.time() + LATE, to)
            self.turned.append((time.time(), name, to))

    def correct(self, verdicts, killed):
        """What a probe committed but could no longer say when it was killed."""
        with self.lock:
            self.hear()
            for name in ENDPOINTS:
                self.believe(name, verdicts[name]["held"], killed - EARLY)

    def run(self):
        while not self.enough.wait(0.01):
            with self.lock:
                self.hear()


class Twin:
    """The store that programs are killed over, and the one that shows how it should be."""

    def __init__(self, site):
        self.site = site
        self.other = site.directory / "twin"
        self.count = collections.Counter()

    def run(self, store, *words):
        argv = [str(word) for word in (BIN / "isobar", "--store", store, *words)]
        return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)

    def must(self, store, *words):
        done = self.run(store, *words)
        if done.returncode:
            raise AssertionError(f"isobar {words}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def state(self, store):
        """All that an edit or an import can change, but for times of edits."""
        status = json.loads(self.must(store, "status", "-o", "json"))
        admin = [(row["endpoint"], row["admin"], row["reason"]) for row in status["endpoints"]]
        return {"generation": status["generation"], "admin": admin, "newest": self.journal(store, status["generation"]),
                "export": self.must(store, "export"), "latency": self.must(store, "latency", "show")}

    def journal(self, store, *only):
        text = self.must(store, "log", *only, "-o", "json")
        return json.loads(re.sub(r'"(time|since_ms)": [^,]*,', "", text))

    def edit(self, rng, *words):
        """Kills the CLI in the middle, sooner or later or not at all. Returns whether the edit was committed, and when it began
        and ended."""
        store = self.site.store
        before = self.state(store)
        argv = [str(word) for word in (BIN / "isobar", "--store", store, *words)]
        begin = time.time()
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as child:
            if rng.random() < 0.85:
                time.sleep(rng.uniform(0, 0.012))
                child.send_signal(signal.SIGKILL)
            said = child.communicate(timeout=60)[0].decode()
        end = time.time()
        if child.returncode not in (0, -signal.SIGKILL):
            raise AssertionError(f"isobar {words}: exit status {child.returncode}\n{said}")
        after = self.state(store)
        committed = after != before
        acknowledged = child.returncode == 0 or "generation" in said
        if committed or acknowledged:
            self.must(self.other, *words)
        self.compare(after, words)
        self.count["acknowledged" if acknowledged else "committed, not said" if committed else "not committed"] += 1
        return committed, begin, end

    def compare(self, state, words):
        expected = self.state(self.other)
        for part, value in expected.items():
            if state[part] != value:
                raise AssertionError(f"after isobar {words}: {part} is neither as before nor as after\n{state[part]}\n"
                                     f"instead of\n{value}")

    def journals(self):
        """Both whole, without gaps, and the same."""
        here, there = (self.journal(store) for store in (self.site.store, self.other))
        if [entry["generation"] for entry in here] != list(range(1, len(here) + 1)) or here != there:
            raise AssertionError(f"the journal is not {there}\nbut {here}")
        return len(here)


class Endure(Story):
    def setUp(self):
        super().setUp()
        self.rounds = int(os.environ.get("ISB_ENDURE_ROUNDS", 120))
        self.seed = int(os.environ.get("ISB_ENDURE_SEED", 1))
        self.rng = random.Random(self.seed)
        self.target_port = free_port(FIRST, SECOND)
        self.targets = {name: Target(address, self.target_port) for name, address in ENDPOINTS.items()}
        self.twin = Twin(self.site)
        self.number, self.ttl = 0, 5
        self.kills, self.checked, self.starts = collections.Counter(), 0, []

    # --- the parts ---

    def catalog(self):
        path = self.site.directory / "catalog.yaml"
        path.write_text(CATALOG.format(port=self.target_port, number=self.number, names=NAMES, ttl=self.ttl))
        return path

    def begin(self):
        for store in (self.site.store, self.twin.other):
            self.twin.must(store, "apply", "-f", self.catalog())
        self.verdicts = Verdicts()
        self.start_probe()
        until(lambda: set(self.health("verdict").values()) == {"up"}, 20, "both endpoints are up")
        self.verdicts.start()
        self.mark = History('"0"')
        self.drained = {name: History(False) for name in ENDPOINTS}
        self.askers = {"mark": Asker(self.site.port, "mark.example.com", "TXT"),
                       "www": Asker(self.site.port, "www.example.com", "A")}
        self.start_server()
        for asker in self.askers.values():
            asker.start()

    def status(self):
        rows = json.loads(self.twin.must(self.site.store, "status", "-o", "json"))["endpoints"]
        return {row["endpoint"]: row for row in rows if row["endpoint"] in ENDPOINTS}

    def health(self, key):
        return {name: row[key] for name, row in self.status().items()}

    def launch_server(self):
        self.site.server = self.site.run("isobard", "--listen", f"127.0.0.1:{self.site.port}", "--workers", 2, "--rrl", "off")

    def start_server(self):
        self.launch_server()
        begun = time.time()
        self.site.server.until(self.answers, STARTS_WITHIN, "isobard answers after its start")
        self.starts.append(time.time() - begun)

    def answers(self):
        try:
            return self.site.query("example.com", "SOA", timeout=0.02)
        except (dns.exception.Timeout, OSError):
            return None

    def start_probe(self):
        self.site.start_probe(region="here", ready=False)
        self.verdicts.follow(self.site.probe.log)

    # --- what is done to them ---

    def kill_server(self, rng):
        self.site.server.kill()
        self.kills["server"] += 1
        if rng.random() < 0.3:  # and while it starts
            self.launch_server()
            time.sleep(rng.uniform(0, 0.03))
            self.site.server.kill()
            self.kills["server"] += 1
        self.start_server()

    def kill_probe(self, rng):
        killed = time.time()
        self.site.probe.kill()
        self.kills["probe"] += 1
        self.start_probe()
        if rng.random() < 0.3:
            time.sleep(rng.uniform(0, 0.03))
            self.site.probe.kill()
            self.kills["probe"] += 1
            self.start_probe()
        self.verdicts.correct(self.status(), killed)

    def edit(self, rng):
        kind = rng.choice(("apply", "apply", "set", "rrset", "drain", "import"))
        if kind == "apply":
            self.mark_moves(rng, "apply", "-f", self.catalog_of_the_next())
        elif kind == "rrset":
            self.number += 1
            self.mark_moves(rng, "set", "rrset", "mark.example.com", "TXT", "60", f'"{self.number}"')
        elif kind == "set":
            self.ttl = self.ttl % 60 + 1
            self.twin.edit(rng, "set", "record", "example.com/www", f"ttl={self.ttl}s")
        elif kind == "drain":
            self.drain(rng, rng.choice(list(ENDPOINTS)))
        else:
            self.twin.edit(rng, "latency", "import", self.samples(rng))

    def catalog_of_the_next(self):
        self.number += 1
        return self.catalog()

    def mark_moves(self, rng, *words):
        committed, begin, end = self.twin.edit(rng, *words)
        if committed:
            self.mark.turns(begin, end + LATE, f'"{self.number}"')

    def drain(self, rng, endpoint):
        wanted = not self.drained[endpoint].now()
        words = ("drain", endpoint) if wanted else ("force", "auto", endpoint)
        committed, begin, end = self.twin.edit(rng, *words, "-r", f"number {self.number}")
        if committed:
            self.drained[endpoint].turns(begin, end + LATE, wanted)

    def samples(self, rng):
        path = self.site.directory / "samples.csv"
        value, when = rng.randint(2, 300), time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        path.write_text("".join(f"10.{n >> 8}.{n & 255}.0/24,here,{value}.0,,{when}\n" for n in range(NETWORKS)))
        return path

    def round(self):
        """Some of it at the same time: the moments are drawn first."""
        kills = [kill for kill in (self.kill_server, self.kill_probe) if self.rng.random() < 0.6]
        flips = [target.flip for target in self.targets.values() if self.rng.random() < 0.3]
        edits = [self.edit] * self.rng.randint(1, 3)
        beside = [Steps(work, self.rng.random()) for work in (edits, flips)]
        for steps in beside:
            steps.start()
        Steps(kills, self.rng.random()).run()  # what is started dies with the thread that did: see harness.py
        for steps in beside:
            steps.join()
        for steps in beside:
            if steps.wrong:
                raise steps.wrong

    # --- what must hold ---

    def allowed_www(self, begin, end):
        up = {name: "up" in history.within(begin, end) for name, history in self.verdicts.effective.items()}
        down = {name: "down" in history.within(begin, end) for name, history in self.verdicts.effective.items()}
        drained = {name: history.within(begin, end) for name, history in self.drained.items()}
        allowed, reached = set(), True
        for name, address in ENDPOINTS.items():
            if reached and up[name] and False in drained[name]:
                allowed.add(address)
            reached = reached and (down[name] or True in drained[name])
        return allowed | ({LAST} if reached else set())

    def check_answers(self, before=float("inf")):
        """Those received before that moment; of later ones not all is known yet."""
        for what, allowed in (("mark", self.mark.within), ("www", self.allowed_www)):
            answers = self.askers[what].answers
            while answers and answers[0][1] < before:
                sent, received, value = answers.popleft()
                self.checked += 1
                may = allowed(sent, received)
                self.assertIn(value, may, f"{what}: {value} at {sent - self.begun:.3f} s, when it could be {may}")

    def check_verdicts(self):
        """No verdict turns but by what its endpoint did just before: no restart makes one flap."""
        for when, name, to in self.verdicts.turned:
            seen = self.targets[name].truth.within(when - EARLY - 2, when)
            self.assertIn(to == "up", seen, f"{name} turned {to} at {when - self.begun:.3f} s, and nothing had happened")
        self.verdicts.turned.clear()

    def settle(self):
        """With everybody alive and nothing going on, verdicts are the truth, and so are answers."""
        truth = {name: "up" if target.socket else "down" for name, target in self.targets.items()}
        until(lambda: self.health("verdict") == truth, SETTLES_WITHIN, f"verdicts are {truth}")
        usable = [ENDPOINTS[name] for name in ENDPOINTS if truth[name] == "up" and not self.drained[name].now()]
        expected = {"mark": [self.mark.now()], "www": (usable + [LAST])[:1]}
        for name, type_ in (("mark", "TXT"), ("www", "A")):
            until(lambda: self.site.answer(name=f"{name}.example.com", type_=type_) == expected[name], LATE,
                  f"{name} is {expected[name]}; it is {self.site.answer(name=f'{name}.example.com', type_=type_)}")

    def test_nothing_is_lost_when_anybody_is_killed_at_any_moment(self):
        self.begun = time.time()
        print(f"endure: seed {self.seed}, {self.rounds} rounds", flush=True)
        try:
            self.begin()
            for number in range(1, self.rounds + 1):
                self.round()
                if number % 5 == 0 or number == self.rounds:
                    self.settle()
                    self.check_answers(time.time() - LATE)
                    self.check_verdicts()
            for asker in self.askers.values():
                asker.enough.set()
                asker.join(10)
            self.check_answers()
            edits = self.twin.journals()
        finally:
            print(f"endure: seed {self.seed}: {dict(self.kills)} killed, edits {dict(self.twin.count)}", flush=True)
        self.starts.sort()
        print(f"endure: {self.checked} answers, {edits} generations; isobard answers after {self.starts[len(self.starts) // 2]:.3f} s,"
              f" at most {self.starts[-1]:.3f} s", flush=True)
        self.assertGreater(self.checked, 100 * self.rounds)
        self.verdicts.enough.set()
