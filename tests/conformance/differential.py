#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Asks isobard, Debian's NSD and Knot the same generated questions over the same zones and explains every difference.

    differential.py [--seed N] [--questions N]

The zones are the suite's and random ones. Replies are compared as sets of records: order, compression and EDNS size say
nothing. What still differs must be a known difference of rules.py, which says why and who is right; a difference that
no rule explains is shown, and the run fails. Questions whose answer is truncated are asked again over TCP.
"""
import argparse
import collections
import itertools
import pathlib
import random
import select
import socket
import struct
import sys
import tempfile
import time

import rules
import servers
import wire
import zones

WINDOW = 64  # questions under way per server
PATIENCE = 2.0  # seconds until a question over UDP is asked again
TRIES = 5
SHOWN = 20  # unexplained differences

SUITE = ("plain.test child.plain.test other.test wild.test dname.test apex-dname.test names.test types.test big.test "
         "steered.test").split()
COMMON = ("A AAAA NS SOA MX TXT CNAME DNAME DS SRV PTR ANY HTTPS SVCB CAA DNSKEY NSEC RRSIG TYPE4711 NAPTR RP").split()


class Question:
    def __init__(self, octets, name, type_, cls, flags, opt):
        self.octets = octets  # with an id of 0
        self.name, self.type, self.cls, self.flags, self.opt = name, type_, cls, flags, opt

    def __str__(self):
        opcode = f" opcode={self.flags >> 11 & 15}" if self.flags >> 11 & 15 else ""
        opt = f" edns={self.opt[1]} size={self.opt[0]}" + " DO" * bool(self.opt[2] & 0x8000) if self.opt else ""
        cls = "" if self.cls == wire.IN else f" {wire.show_class(self.cls)}"
        flags = f" {wire.show_flags(self.flags)}".rstrip()
        return f"{wire.show_name(self.name)} {wire.show_type(self.type)}{cls}{flags}{opcode}{opt}"


class Asker:
    """Thinks up questions about the zones of a world: names that exist, or stand above, below or beside those that do."""

    def __init__(self, rng, world):
        self.rng, self.world = rng, world
        names = {name for zone in world.values() for name in zone.sets}
        for zone in world.values():
            for record in zone.records():
                if record.type in (wire.CNAME, wire.DNAME, wire.NS, wire.MX):
                    names.add(record.rdata[2:] if record.type == wire.MX else record.rdata)
        names |= {b"".join(wire.labels_of(name)[i:]) + b"\0" for name in names for i in range(len(wire.labels_of(name)))}
        self.names = sorted(names)
        self.labels = sorted({label for name in self.names for label in wire.labels_of(name)} | {b"\1*", b"\4none"})
        self.types = sorted({record.type for zone in world.values() for record in zone.records()})

    def a_name(self):
        rng, name = self.rng, self.rng.choice(self.names)
        how = rng.random()
        labels = wire.labels_of(name)
        if how < 0.35:
            pass
        elif how < 0.65:  # below
            labels[:0] = [rng.choice(self.labels) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
        elif how < 0.85 and labels:  # beside
            labels[0] = rng.choice(self.labels)
        elif how < 0.93 and len(labels) > 1:  # another one in the middle
            labels[rng.randrange(len(labels))] = rng.choice(self.labels)
        elif how < 0.97:
            labels[:0] = [self.any_label() for _ in range(rng.choice((1, 2, 5)))]
        else:
            labels = [self.any_label() for _ in range(rng.choice((0, 1, 2, 3)))]
        name = b"".join(labels) + b"\0"
        return name if len(name) <= 255 else self.a_name()

    def any_label(self):
        octets = self.rng.randbytes(self.rng.choice((1, 2, 8, 63)))
        return bytes([len(octets)]) + octets

    def a_type(self, name):
        rng = self.rng
        how = rng.random()
        zone = self.world.zone_of(name)
        if how < 0.4 and zone and name in zone.sets:
            return rng.choice(sorted(zone.sets[name]))
        if how < 0.8:
            return wire.type_number(rng.choice(COMMON))
        return rng.choice(self.types) if how < 0.95 else rng.randrange(65536)

    def an_opt(self):
        rng = self.rng
        if rng.random() < 0.4:
            return None
        size = rng.choice((0, 512, 600, 1232, 1232, 4096, 65535))
        version = 0 if rng.random() < 0.98 else rng.randrange(1, 256)
        flags = 0x8000 if rng.random() < 0.3 else 0
        if rng.random() < 0.02:
            flags |= rng.randrange(0x8000)
        return size, version, flags

    def flags(self):
        rng = self.rng
        flags = sum(bit for bit in (wire.RD, wire.CD, wire.AD) if rng.random() < 0.25)
        if rng.random() < 0.03:
            flags |= rng.choice((wire.AA, wire.TC, wire.RA, wire.Z)) | rng.randrange(16)
        if rng.random() < 0.01:
            flags |= rng.choice((1, 2, 3, 6, 7, 11, 15)) << 11
        return flags

    def a_question(self):
        rng = self.rng
        name = self.a_name()
        type_ = self.a_type(wire.lower(name))
        cls = wire.IN if rng.random() < 0.98 else rng.choice((2, 4, 254, 255, 4711))
        flags, opt = self.flags(), self.an_opt()
        if rng.random() < 0.5:
            name = mangled(rng, name)
        options = [(rng.randrange(65001, 65535), rng.randbytes(rng.randrange(9)))] if opt and rng.random() < 0.1 else []
        octets = wire.write_query(0, name, type_, cls, flags, wire.write_opt(*opt, options) if opt else b"")
        return Question(octets, wire.lower(name), type_, cls, flags, opt)


def mangled(rng, name):
    """Every letter in a case of its own."""
    return b"".join(
        bytes([label[0]]) + bytes(c ^ 0x20 if chr(c).isalpha() and c < 128 and rng.random() < 0.5 else c for c in label[1:])
        for label in wire.labels_of(name)
    ) + b"\0"


# --- Asking ---


def ask_udp(asked, questions):
    """The replies of all servers: for each server a list in the order of the questions."""
    lanes = [Lane(server, questions) for server in asked]
    try:
        while any(not lane.done() for lane in lanes):
            for lane in lanes:
                lane.fill()
            ready, _, _ = select.select([lane.socket for lane in lanes if not lane.done()], [], [], 0.2)
            for lane in lanes:
                if lane.socket in ready:
                    lane.drain()
                lane.retry()
        return [lane.replies for lane in lanes]
    finally:
        for lane in lanes:
            lane.socket.close()


class Lane:
    """Questions under way to one server; at most 65536, so that an id is an index."""

    def __init__(self, server, questions):
        self.server, self.questions = server, questions
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect((servers.ADDRESS, server.port))
        self.socket.setblocking(False)
        self.replies = [None] * len(questions)
        self.next, self.left = 0, len(questions)
        self.under_way = {}  # index: (when, tries)

    def done(self):
        return self.left == 0

    def send(self, index, tries):
        self.under_way[index] = (time.monotonic(), tries)
        self.socket.send(struct.pack("!H", index) + self.questions[index].octets[2:])

    def fill(self):
        while self.next < len(self.questions) and len(self.under_way) < WINDOW:
            self.send(self.next, 1)
            self.next += 1

    def drain(self):
        while True:
            try:
                reply = self.socket.recv(65535)
            except BlockingIOError:
                return
            index = int.from_bytes(reply[:2])
            if self.under_way.pop(index, None):
                self.replies[index] = reply
                self.left -= 1

    def retry(self):
        now = time.monotonic()
        for index, (when, tries) in list(self.under_way.items()):
            if now - when < PATIENCE:
                continue
            if tries == TRIES:
                del self.under_way[index]
                self.left -= 1  # no reply is a reply too
            else:
                self.send(index, tries + 1)


def ask_tcp(server, queries):
    """One after the other, so that no server has to hold answers back. A server may close a connection that it finds too
    slow (Knot after half a second, and this machine may be busy): then the rest is asked over another, a little later."""
    replies = []
    for _ in range(TRIES + len(queries) // 10):
        with socket.create_connection((servers.ADDRESS, server.port), 10) as connection:
            stream = connection.makefile("rb")
            while len(replies) < len(queries):
                octets = queries[len(replies)]
                try:
                    connection.sendall(struct.pack("!H", len(octets)) + octets)
                    length = stream.read(2)
                    reply = stream.read(int.from_bytes(length)) if len(length) == 2 else b""
                except ConnectionError:
                    break
                if len(length) < 2 or len(reply) < int.from_bytes(length):
                    break
                replies.append(reply)
        if len(replies) == len(queries):
            return replies
        time.sleep(0.1)
    said = server.process.said()[-2000:]
    raise servers.Failed(f"{server.program} closes every TCP connection; the last thing it was asked is\n"
                         f"{queries[len(replies)].hex()}\n{said}")


# --- Comparing ---


class Tally:
    def __init__(self):
        self.questions = self.explained = 0
        self.by_rule = collections.Counter()
        self.unexplained = []

    def compare(self, question, over, world, replies, ask):
        """`replies` by the name of the server, isobard's first."""
        self.questions += 1
        (_, ours), *others = replies.items()
        read = {None: None}
        for peer, theirs in others:
            mine, other = (self.reading(octets, read) for octets in (ours, theirs))
            if rules.alike(mine, other):
                continue
            used = mine and other and rules.explain(rules.Difference(peer, question, over, world, mine, other, ask))
            if used:
                self.explained += 1
                self.by_rule.update((peer, rule) for rule in used)
            else:
                self.unexplained.append((peer, question, over, ours, theirs))

    @staticmethod
    def reading(octets, read):
        if octets not in read:
            read[octets] = wire.read_message(octets)
        return read[octets]


def show(peer, question, over, ours, theirs):
    print(f"UNEXPLAINED {question} over {over}")
    for name, octets in (("isobard", ours), (peer, theirs)):
        print(f"  {name}:")
        for line in wire.show_message(wire.read_message(octets)) if octets else ["no reply"]:
            print(f"    {line}")


def worlds(seed):
    """Name, zones and share of the questions of each."""
    suite, root = zones.World(), zones.World()
    for world, names in ((suite, SUITE), (root, ("root", "com"))):
        for name in names:
            zone = zones.read_zone(name)
            world[zone.apex] = zone
    yield "the suite", suite, 0.3
    yield "the suite's root", root, 0.1
    for number in range(1, 4):
        name = f"random world {number}"
        yield name, zones.random_world(random.Random(f"{seed} {name}"), 8, 60), 0.2


def run_world(name, world, directory, questions, rng, tally):
    files = {}
    for number, zone in enumerate(world.values()):
        path = directory / f"{number}.zone"
        zone.write(path)
        files[wire.show_name(zone.apex)] = path
    asked = [kind(directory / kind.program, files) for kind in (servers.Isobar, servers.Nsd, servers.Knot)]
    begun = time.monotonic()
    try:
        for server in asked:
            server.start()
        asker = Asker(rng, world)
        while questions > 0:
            batch = [asker.a_question() for _ in range(min(questions, 10000))]
            run_batch(asked, batch, world, tally)
            questions -= len(batch)
    finally:
        for server in asked:
            server.stop()
    print(f"{name}: {len(world)} zones, {time.monotonic() - begun:.0f} s", flush=True)


def run_batch(asked, batch, world, tally):
    names = [server.program for server in asked]
    by_name = {server.program: server for server in asked} | {None: asked[0]}
    truncated = []

    def ask(name, octets):
        return ask_tcp(by_name[name], [octets])[0]

    for question, *replies in zip(batch, *ask_udp(asked, batch), strict=True):
        tally.compare(question, "udp", world, dict(zip(names, replies, strict=True)), ask)
        if any(reply and reply[2] & 2 for reply in replies):
            truncated.append(question)
    again = [ask_tcp(server, [question.octets for question in truncated]) for server in asked] if truncated else []
    for question, *replies in zip(truncated, *again, strict=True):
        tally.compare(question, "tcp", world, dict(zip(names, replies, strict=True)), ask)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--questions", type=int, default=40000)
    args = parser.parse_args()
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="isobar-differential-") as directory:
        for number, (name, world, share) in enumerate(worlds(args.seed)):
            here = pathlib.Path(directory) / str(number)
            here.mkdir()
            rng = random.Random(f"{args.seed} questions about {name}")
            try:
                run_world(name, world, here, int(args.questions * share), rng, tally)
            except servers.Failed as failure:
                sys.exit(f"differential.py: {name}: {failure}")
    for (peer, rule), count in sorted(tally.by_rule.items(), key=lambda item: (item[0][0], -item[1])):
        print(f"{peer:5} {count:6}  {rule.name}: {rule.why}. Right: {rule.right} ({rule.rfc})")
    for difference in itertools.islice(tally.unexplained, SHOWN):
        show(*difference)
    print(f"differential: {tally.questions} questions, {tally.explained} differences explained, "
          f"{len(tally.unexplained)} unexplained")
    sys.exit(1 if tally.unexplained else 0)


if __name__ == "__main__":
    main()
