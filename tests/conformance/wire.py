# SPDX-License-Identifier: Apache-2.0
"""DNS messages, octet by octet: what a reply says, and whether it is said as the RFCs want it.

dnspython reads what it can make sense of; here every octet must be right, so messages are taken apart by hand. dnspython
helps with the text form of rdata only.
"""
import functools
import ipaddress
import struct
import typing

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

QR, AA, TC, RD, RA, Z, AD, CD = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080, 0x0040, 0x0020, 0x0010
FLAGS = {"QR": QR, "AA": AA, "TC": TC, "RD": RD, "RA": RA, "Z": Z, "AD": AD, "CD": CD}
RCODES = {
    "NOERROR": 0, "FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "NOTIMP": 4, "REFUSED": 5, "YXDOMAIN": 6, "NOTAUTH": 9,
    "BADVERS": 16, "BADCOOKIE": 23,
}
RCODE_NAMES = {number: name for name, number in RCODES.items()}
A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, SRV, DNAME, OPT, DS, TSIG, ANY = 1, 2, 5, 6, 12, 15, 16, 28, 33, 39, 41, 43, 250, 255
IN = 1
OPTION_ECS = 8

# Octets before the names of rdata, and how many names. Those of RFC 1035 may be compressed (RFC 3597 §4).
COMPRESSED = {NS: (0, 1), 3: (0, 1), 4: (0, 1), CNAME: (0, 1), SOA: (0, 2), 7: (0, 1), 8: (0, 1), 9: (0, 1), PTR: (0, 1),
              14: (0, 2), MX: (2, 1)}
PLAIN = {17: (0, 2), 18: (2, 1), 21: (2, 1), 26: (2, 2), SRV: (6, 1), 36: (2, 1), DNAME: (0, 1), 46: (18, 1), 47: (0, 1),
         58: (0, 2), 64: (2, 1), 65: (2, 1), 107: (2, 1)}
# Types of names alone that dnspython does not know.
NUMBERS = {"MD": 3, "MF": 4, "MB": 7, "MG": 8, "MR": 9, "MINFO": 14}


class Malformed(Exception):
    """The message breaks a rule of the wire format."""


class Record(typing.NamedTuple):
    """owner and the names in rdata are in lower case, so that equal records are equal tuples."""

    owner: bytes
    ttl: int
    cls: int
    type: int
    rdata: bytes

    def __str__(self):
        return f"{show_name(self.owner)} {self.ttl} {show_class(self.cls)} {show_type(self.type)} {show_rdata(self)}"


class Message(typing.NamedTuple):
    """A reply. `rcode` has the upper bits of the OPT; opt and tsig are the records, taken out of additional."""

    id: int
    flags: int
    opcode: int
    rcode: int
    question: bytes  # all questions, as they stand
    answer: list
    authority: list
    additional: list
    opt: Record | None
    tsig: Record | None
    size: int


# --- Names ---


def lower(wire):
    """ASCII alone (RFC 4343); lengths of labels are below 'A'."""
    return wire.translate(LOWER)


LOWER = bytes(c + 32 if 0x41 <= c <= 0x5A else c for c in range(256))


def read_name(wire, at, may_point=True):
    """The name at `at` without pointers, and where what follows it begins."""
    labels, end, size, limit = [], None, 1, at
    while True:
        if at >= len(wire):
            raise Malformed("a name runs out of the message")
        length = wire[at]
        if length >= 0xC0:
            if not may_point:
                raise Malformed("a compressed name where RFC 3597 §4 forbids it")
            if at + 1 >= len(wire):
                raise Malformed("a pointer runs out of the message")
            target = (length & 0x3F) << 8 | wire[at + 1]
            end = end or at + 2
            if target >= limit:
                raise Malformed("a pointer that does not lead to a prior name (RFC 1035 §4.1.4)")
            if target < 12:
                raise Malformed("a pointer into the header")
            at = limit = target
            continue
        if length > 63:
            raise Malformed("a label of an unknown type")
        size += length + 1 if length else 0
        if size > 255:
            raise Malformed("a name of more than 255 octets")
        labels.append(wire[at : at + 1 + length])
        at += 1 + length
        if length == 0:
            return b"".join(labels), end or at


@functools.cache
def name(text, origin="."):
    """Wire form; completed with the origin unless it ends in a dot. The case stays."""
    return dns.name.from_text(text, dns.name.from_text(origin)).to_wire()


def labels_of(wire):
    """From the leftmost on, each with its length, without the root."""
    at, labels = 0, []
    while wire[at]:
        labels.append(wire[at : at + 1 + wire[at]])
        at += 1 + wire[at]
    return labels


def is_under(wire, above):
    """At or below `above`; both in lower case."""
    count = len(labels_of(above))
    labels = labels_of(wire)
    return len(labels) >= count and b"".join(labels[len(labels) - count :]) + b"\0" == above


# --- Reading ---


def read_rdata(wire, type_, at, length):
    end = at + length
    if end > len(wire):
        raise Malformed("rdata runs out of the message")
    skip, count = COMPRESSED.get(type_) or PLAIN.get(type_) or (0, 0)
    if not count:
        return wire[at:end]
    parts = [wire[at : at + skip]]
    at += skip
    for _ in range(count):
        part, at = read_name(wire[:end], at, type_ in COMPRESSED)
        parts.append(lower(part))
    if at > end:
        raise Malformed("a name runs out of its rdata")
    parts.append(wire[at:end])
    return b"".join(parts)


def read_record(wire, at):
    owner, at = read_name(wire, at)
    if at + 10 > len(wire):
        raise Malformed("a record runs out of the message")
    type_, cls, ttl, length = struct.unpack_from("!HHIH", wire, at)
    return Record(lower(owner), ttl, cls, type_, read_rdata(wire, type_, at + 10, length)), at + 10 + length


def read_message(wire):
    if len(wire) < 12:
        raise Malformed(f"{len(wire)} octets are no message")
    id_, flags, *counts = struct.unpack_from("!6H", wire)
    at = 12
    for _ in range(counts[0]):
        _, at = read_name(wire, at)
        at += 4
    question = wire[12:at]
    if at > len(wire):
        raise Malformed("the question runs out of the message")
    sections = []
    for count in counts[1:]:
        section = []
        for _ in range(count):
            record, at = read_record(wire, at)
            section.append(record)
        sections.append(section)
    if at != len(wire):
        raise Malformed(f"{len(wire) - at} octets behind the last record")
    opt, tsig = take_out(sections, OPT), take_out(sections, TSIG)
    if opt and opt.owner != b"\0":
        raise Malformed("an OPT not owned by the root (RFC 6891 §6.1.2)")
    rcode = flags & 15 | (opt.ttl >> 24 << 4 if opt else 0)
    return Message(id_, flags, flags >> 11 & 15, rcode, question, *sections, opt, tsig, len(wire))


def take_out(sections, type_):
    """The one record of a pseudo type, which stands in the additional section."""
    found = [record for section in sections for record in section if record.type == type_]
    if not found:
        return None
    if len(found) > 1 or found[0] not in sections[2]:
        raise Malformed(f"{show_type(type_)} more than once or outside the additional section")
    sections[2].remove(found[0])
    return found[0]


def read_options(opt):
    """The options of an OPT: (code, octets) in their order."""
    options, at = [], 0
    while at < len(opt.rdata):
        if at + 4 > len(opt.rdata):
            raise Malformed("an EDNS option without a head")
        code, length = struct.unpack_from("!HH", opt.rdata, at)
        if at + 4 + length > len(opt.rdata):
            raise Malformed("an EDNS option runs out of the OPT")
        options.append((code, opt.rdata[at + 4 : at + 4 + length]))
        at += 4 + length
    return options


# --- Writing ---


def ecs_octets(text):
    """ADDRESS/SOURCE or ADDRESS/SOURCE/SCOPE as the option's octets (RFC 7871 §6)."""
    address, source, scope = (text.split("/") + ["0"])[:3]
    ip = ipaddress.ip_address(address)
    octets = ip.packed[: (int(source) + 7) // 8]
    return struct.pack("!HBB", 1 if ip.version == 4 else 2, int(source), int(scope)) + octets


def write_opt(size=1232, version=0, flags=0, options=()):
    rdata = b"".join(struct.pack("!HH", code, len(octets)) + octets for code, octets in options)
    return b"\0" + struct.pack("!HHIH", OPT, size, version << 16 | flags, len(rdata)) + rdata


def write_query(id_, qname, qtype, qclass=IN, flags=0, opt=b""):
    return struct.pack("!6H", id_, flags, 1, 0, 0, 1 if opt else 0) + qname + struct.pack("!HH", qtype, qclass) + opt


# --- Text ---


def type_number(text):
    return NUMBERS.get(text.upper()) or int(dns.rdatatype.from_text(text))


@functools.cache
def rdata(type_text, text, origin="."):
    """Octets of rdata in its text form, names as they are written."""
    if text.startswith("\\#"):  # RFC 3597 §5
        length, _, digits = text[2:].strip().partition(" ")
        octets = bytes.fromhex(digits)
        if len(octets) != int(length):
            raise ValueError(f"{len(octets)} octets in '{text}'")
        return octets
    if type_text in NUMBERS:
        return b"".join(name(word, origin) for word in text.split())
    number = type_number(type_text)
    parsed = dns.rdata.from_text(IN, number, text, dns.name.from_text(origin), relativize=False)
    return parsed.to_wire()


def fold_rdata(type_, octets):
    """Names in lower case, as read_rdata() gives them."""
    return read_rdata(octets, type_, 0, len(octets)) if type_ in PLAIN or type_ in COMPRESSED else octets


def show_name(wire):
    return dns.name.from_wire(wire, 0)[0].to_text()


def show_type(number):
    for text, value in NUMBERS.items():
        if value == number:
            return text
    return dns.rdatatype.to_text(number)


def show_class(number):
    return dns.rdataclass.to_text(number)


def show_rdata(record):
    if record.type in NUMBERS.values():
        at, names = 0, []
        while at < len(record.rdata):
            part, at = read_name(record.rdata, at)
            names.append(show_name(part))
        return " ".join(names)
    try:
        text = dns.rdata.from_wire(record.cls, record.type, record.rdata, 0, len(record.rdata)).to_text()
    except (dns.exception.DNSException, ValueError):
        text = f"\\# {len(record.rdata)} {record.rdata.hex()}"
    return text if len(text) <= 200 else f"{text[:200]}… ({len(record.rdata)} octets)"


def show_flags(flags):
    return " ".join(text for text, bit in FLAGS.items() if flags & bit and text != "QR")


def show_message(message):
    """For a person who looks for a difference."""
    lines = [f"{RCODE_NAMES.get(message.rcode, message.rcode)} {show_flags(message.flags)} ({message.size} octets)"]
    for section in ("answer", "authority", "additional"):
        records = getattr(message, section)
        lines += [f"{section} {record}" for record in records[:24]]
        if len(records) > 24:
            lines.append(f"{section} … and {len(records) - 24} more")
    if message.opt:
        options = " ".join(f"{code}:{octets.hex()}" for code, octets in read_options(message.opt))
        flags = " DO" if message.opt.ttl & 0x8000 else ""
        lines.append(f"opt version={message.opt.ttl >> 16 & 255} size={message.opt.cls}{flags} {options}".rstrip())
    if message.tsig:
        lines.append(f"tsig {show_name(message.tsig.owner)}")
    return lines
