# SPDX-License-Identifier: Apache-2.0
"""Zones as data: read from the suite's files or grown from a seed, and written in a form that every server reads alike."""
import pathlib
import re

import dns.exception

import wire

HERE = pathlib.Path(__file__).resolve().parent


class Zone:
    """Owners are wire names in lower case; a set is (ttl, list of rdata octets)."""

    def __init__(self, apex):
        self.apex = apex
        self.sets = {}

    def add(self, owner, ttl, type_, rdata):
        ttl, rdatas = self.sets.setdefault(owner, {}).setdefault(type_, (ttl, []))
        if rdata not in rdatas:
            rdatas.append(rdata)

    def add_text(self, owner, ttl, type_text, text):
        """`owner` and the names in `text` are relative to the apex."""
        origin = wire.show_name(self.apex)
        type_ = wire.type_number(type_text)
        owner = wire.lower(wire.name(owner, origin))
        self.add(owner, ttl, type_, wire.fold_rdata(type_, wire.rdata(type_text, text, origin)))

    def has(self, owner, type_):
        return type_ in self.sets.get(owner, {})

    def records(self):
        for owner, sets in self.sets.items():
            for type_, (ttl, rdatas) in sets.items():
                for rdata in rdatas:
                    yield wire.Record(owner, ttl, wire.IN, type_, rdata)

    def cut_above(self, name):
        """The delegation that the name lies at or below, the one nearest to the apex, or None."""
        labels, found = wire.labels_of(name), None
        for i in range(len(labels)):
            above = b"".join(labels[i:]) + b"\0"
            if above == self.apex:
                return found
            if self.has(above, wire.NS):
                found = above
        return found

    def write(self, path):
        """The SOA first, every rdata in the generic form of RFC 3597 §5 but for the SOA."""
        lines = []
        for record in self.records():
            owner = escaped(record.owner)
            if record.type == wire.SOA:
                lines.insert(0, f"{owner} {record.ttl} IN SOA {wire.show_rdata(record)}")
            else:
                octets = f" {record.rdata.hex()}" if record.rdata else ""
                lines.append(f"{owner} {record.ttl} IN TYPE{record.type} \\# {len(record.rdata)}{octets}")
        path.write_text("\n".join(lines) + "\n")


def escaped(name):
    """For readers of zones that are particular about bare octets."""
    labels = (re.sub(rb"[^\w*-]", lambda octet: b"\\%03d" % ord(octet[0]), label[1:]) for label in wire.labels_of(name))
    return "".join(f"{label.decode('ascii')}." for label in labels) or "."


class World(dict):
    """Zones that are served together, by apex."""

    def zone_of(self, name):
        """The nearest zone from above, or None."""
        labels = wire.labels_of(name)
        for i in range(len(labels) + 1):
            zone = self.get(b"".join(labels[i:]) + b"\0")
            if zone:
                return zone
        return None

    def says(self, record):
        """True when some zone has this record, or a wildcard that makes it."""
        return any(
            record.rdata in zone.sets.get(owner, {}).get(record.type, (0, []))[1]
            for zone in self.values()
            for owner in (record.owner, *wildcards(record.owner))
        )


def wildcards(name):
    labels = wire.labels_of(name)
    return [b"\1*" + b"".join(labels[i:]) + b"\0" for i in range(1, len(labels) + 1)]


def read_zone(name):
    """One of the suite's files. They are simple on purpose: a record is one line. Types whose text dnspython does not
    know are left out; the cases look at them octet by octet."""
    origin = "." if name == "root" else f"{name}."
    zone = Zone(wire.name(origin))
    ttl = 3600
    owner = origin
    for line in (HERE / "zones" / f"{name}.zone").read_text().splitlines():
        if not line.strip() or line.startswith(("; ", "$ORIGIN")):
            continue
        if line.startswith("$TTL"):
            ttl = int(line.split()[1])
            continue
        first, step = [None], None
        if line.startswith("$GENERATE"):
            _, span, line = line.split(None, 2)
            low, high = map(int, span.split("-"))
            first, step = range(low, high + 1), True
        for number in first:
            text = line.replace("$", str(number)) if step else line
            owner = text.split()[0] if not text[0].isspace() else owner
            add_line(zone, owner, ttl, text if text[0].isspace() else text[len(owner) :])
    return zone


def add_line(zone, owner, ttl, text):
    own_ttl, type_text, rdata = re.fullmatch(r"\s*(?:(\d+)\s+)?(\S+)\s+(.*)", text).groups()
    try:
        zone.add_text(owner, int(own_ttl or ttl), type_text, rdata)
    except (dns.exception.DNSException, NotImplementedError):
        pass


# --- Grown from a seed ---

LABELS = "a b c d ww mail ns x1 ab _tcp".split()
DATA = {
    "A": lambda rng, name: f"192.0.2.{rng.randrange(1, 255)}",
    "AAAA": lambda rng, name: f"2001:db8::{rng.randrange(1, 65535):x}",
    "TXT": lambda rng, name: '"' + "x" * rng.choice((1, 20, 200)) + f'{rng.randrange(1000)}"',
    "MX": lambda rng, name: f"{rng.randrange(100)} {name}",
    "SRV": lambda rng, name: f"{rng.randrange(9)} {rng.randrange(9)} {rng.randrange(65536)} {name}",
    "PTR": lambda rng, name: name,
    "CAA": lambda rng, name: '0 issue "ca.example"',
    "HTTPS": lambda rng, name: f"1 {name} alpn=h2",
    "RP": lambda rng, name: f"{name} .",
    "TYPE4711": lambda rng, name: "\\# 3 010203",
}


class Grower:
    """One zone. Nothing that the RFCs leave open: no delegation and no DNAME at a wildcard (RFC 4592 §4.2, §4.4), and
    nothing that a zone may not hold."""

    def __init__(self, rng, apex, elsewhere):
        self.rng, self.zone, self.elsewhere = rng, Zone(wire.name(apex)), elsewhere
        self.apex = apex

    def a_name(self):
        """Below the apex, absolute."""
        labels = [self.rng.choice(LABELS) for _ in range(self.rng.choice((1, 1, 1, 2, 2, 3, 4)))]
        return ".".join(labels) + f".{self.apex}".replace("..", ".")

    def a_target(self):
        """Somewhere a name in rdata may lead: mostly here."""
        return self.a_name() if self.rng.random() < 0.7 else self.rng.choice(self.elsewhere)

    def an_owner(self):
        name = self.a_name()
        return f"*.{name.split('.', 1)[1]}" if self.rng.random() < 0.2 else name

    def grow(self, owners):
        ttl = self.rng.choice((60, 300, 3600))
        self.zone.add_text("@", ttl, "SOA", f"ns hostmaster 1 7200 1800 1209600 {self.rng.choice((30, 600, 86400))}")
        self.zone.add_text("@", ttl, "NS", "ns")
        self.zone.add_text("ns", ttl, "A", "192.0.2.1")
        if self.rng.random() < 0.3:
            self.zone.add_text("@", ttl, "NS", self.a_target())
        for _ in range(owners):
            self.grow_owner(self.an_owner(), self.rng.choice((0, 60, 300, 3600)))
        self.prune()
        return self.zone

    def grow_owner(self, owner, ttl):
        rng, add = self.rng, self.zone.add_text
        kind = rng.choices(("data", "alias", "cut", "dname"), (60, 16, 14, 7))[0]
        if owner.startswith("*") and kind in ("cut", "dname"):
            kind = "data"
        if kind == "data":
            for type_ in rng.sample(sorted(DATA), rng.choice((1, 1, 2, 3))):
                for _ in range(rng.choice((1, 1, 1, 2, 5))):
                    add(owner, ttl, type_, DATA[type_](rng, self.a_target()))
        elif kind == "alias":
            add(owner, ttl, "CNAME", self.a_target())
        elif kind == "dname":
            add(owner, ttl, "DNAME", self.a_target())
        else:
            self.grow_cut(owner, ttl)

    def grow_cut(self, owner, ttl):
        rng, add = self.rng, self.zone.add_text
        for _ in range(rng.choice((1, 2, 3))):
            server = rng.choice((f"ns{rng.randrange(3)}.{owner}", f"a.{owner}", owner, self.a_target()))
            add(owner, ttl, "NS", server)
            if server.endswith(owner) and rng.random() < 0.8:
                add(server, ttl, "A", f"192.0.2.{rng.randrange(1, 255)}")
        if rng.random() < 0.3:
            add(owner, ttl, "DS", f"{rng.randrange(65536)} 13 2 {rng.randbytes(32).hex()}")

    def prune(self):
        """An alias stands alone, there is one of each kind, below a DNAME there is nothing, and DS stands at cuts only."""
        sets = self.zone.sets
        for owner, of in list(sets.items()):
            if wire.CNAME in of and len(of) > 1:
                del of[wire.CNAME]
            if wire.DNAME in of and (wire.NS in of and owner != self.zone.apex or wire.CNAME in of):
                del of[wire.DNAME]
            if wire.DS in of and wire.NS not in of:
                del of[wire.DS]
            for single in (wire.CNAME, wire.DNAME):
                if single in of:
                    of[single] = (of[single][0], of[single][1][:1])
        for owner in [owner for owner, of in sets.items() if wire.DNAME in of]:
            for below in [name for name in sets if name != owner and wire.is_under(name, owner)]:
                del sets[below]
        for owner in [owner for owner, of in sets.items() if not of]:
            del sets[owner]


def random_world(rng, zones, owners):
    """Zones side by side, some of them children of others that delegate to them."""
    apexes = [f"z{i}.test." for i in range(zones)]
    children = [f"{rng.choice(LABELS)}.{apex}" for apex in apexes if rng.random() < 0.6]
    elsewhere = [f"{label}.{apex}" for apex in apexes + children for label in ("a", "b", "c.d", "ww", "none", "*")]
    elsewhere += ["outside.example.", "a.b.outside.example.", "ns.example.", *apexes, *children]
    world = World()
    for apex in apexes + children:
        zone = Grower(rng, apex, elsewhere).grow(owners)
        world[zone.apex] = zone
    for child in children:
        delegate(rng, world, child)
    return world


def delegate(rng, world, child):
    """From the parent, which holds nothing else at or below the child's apex: NSD has one table of names for all zones and
    would take such data for the child's."""
    apex = wire.name(child)
    parent = next(zone for zone in world.values() if zone.apex != apex and wire.is_under(apex, zone.apex))
    for name in [name for name in parent.sets if wire.is_under(name, apex)]:
        del parent.sets[name]
    for name in [name for name, of in parent.sets.items() if wire.DNAME in of and wire.is_under(apex, name)]:
        parent.sets[name] = {wire.TXT: (60, [b"\4once"])}
    parent.add_text(child, 3600, "NS", f"ns.{child}")
    parent.add_text(f"ns.{child}", 3600, "A", "192.0.2.1")
    if rng.random() < 0.5:
        parent.add_text(child, 3600, "DS", f"{rng.randrange(65536)} 13 2 {rng.randbytes(32).hex()}")
