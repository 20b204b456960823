# SPDX-License-Identifier: Apache-2.0
"""Case files: what to ask and what the RFCs want to be said. README.md is the manual of their form."""
import itertools
import pathlib
import re
import typing

import dns.opcode
import dns.rdataclass

import wire

SECTIONS = ("answer", "authority", "additional")
ANYTHING = "?"


class Wrong(Exception):
    """A case file breaks its own rules."""


class Pattern(typing.NamedTuple):
    """A record as a case describes it; None stands for anything."""

    text: str
    owner: bytes | None
    ttl: range | None
    type: int | None
    rdata: bytes | None

    def fits(self, record):
        return (
            (self.owner is None or self.owner == record.owner)
            and (self.ttl is None or record.ttl in self.ttl)
            and (self.type is None or self.type == record.type)
            and (self.rdata is None or self.rdata == record.rdata)
            and record.cls == wire.IN
        )


class Exchange:
    """One query and what shall come back."""

    def __init__(self, octets, *, id_, question=None, opt=None):
        self.octets = octets  # of the query
        self.id = id_  # None: too short to have one
        self.question = question  # to be echoed, or None: not looked at
        self.opt = opt  # the query's OPT as (size, version, flags), None: it has none, "?": nobody knows
        self.reply = None  # "none", "closed" or (rcodes, flags)
        self.must = {section: [] for section in SECTIONS}
        self.may = {section: [] for section in SECTIONS}
        self.never = []  # (section, Pattern)
        self.counts = []  # (section, range)
        self.in_order = False
        self.options = []  # (code, octets or None)
        self.may_options = []
        self.opt_size = None
        self.size = None
        self.tsig = None  # error code, whether it is signed
        self.whole = None  # the reply, octet by octet


class Case:
    def __init__(self, name, file, line):
        self.name, self.file, self.line = name, file, line
        self.over = ("udp", "tcp")
        self.exchanges = []
        self.pieces = None  # octets per write over TCP
        self.hang_up = False


class CaseFile:
    """The cases of one file and the server they need."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.zones, self.catalog, self.options = [], None, []
        self.cases = []
        self.origin, self.lets = ".", {}
        for number, line in enumerate(self.path.read_text().splitlines(), 1):
            try:
                self.take(line.rstrip(), number)
            except Wrong as wrong:
                raise Wrong(f"{self.path}:{number}: {wrong}") from None
            except (ValueError, KeyError, TypeError, wire.Malformed, wire.dns.exception.DNSException) as wrong:
                raise Wrong(f"{self.path}:{number}: {wrong!r} in '{line.strip()}'") from wrong
        self.finish()

    def finish(self):
        for case in self.cases:
            if not case.exchanges or not all(exchange.reply for exchange in case.exchanges):
                raise Wrong(f"{self.path}:{case.line}: {case.name} lacks an 'ask' or 'send', or a 'reply' to one")

    @property
    def server(self):
        """Files with the same one are run on one server."""
        return (self.catalog, tuple(self.zones), tuple(self.options))

    def take(self, line, number):
        if not line.strip() or line.lstrip().startswith("#"):
            return
        words = line.split()
        rest = line.strip().partition(" ")[2].strip()
        if line[0].isspace():
            if not self.cases:
                raise Wrong("a directive before the first case")
            getattr(self, "do_" + words[0].replace("-", "_"), self.unknown(words[0]))(words[1:], rest)
        elif words[0] == "zones":
            self.zones = words[1:]
        elif words[0] == "catalog":
            self.catalog = words[1]
        elif words[0] == "options":
            self.options = words[1:]
        elif words[0] == "origin":
            self.origin = words[1]
        elif words[0] == "let":
            self.lets[words[1]] = self.pattern(rest.partition(" ")[2].strip())
        elif len(words) == 1 and re.fullmatch(r"[\w.-]+/[\w.-]+", words[0]):
            self.cases.append(Case(words[0], self.path.name, number))
        else:
            raise Wrong(f"'{line}' is neither a case's name (rfcNNNN-SECTION/what-it-shows) nor a directive of files")

    @staticmethod
    def unknown(word):
        def refuse(_words, _rest):
            raise Wrong(f"unknown directive '{word}'")

        return refuse

    @property
    def case(self):
        return self.cases[-1]

    @property
    def exchange(self):
        if not self.case.exchanges:
            raise Wrong("an expectation before 'ask' or 'send'")
        return self.case.exchanges[-1]

    # --- the query ---

    def do_ask(self, words, _rest):
        query = Query(len(self.cases), len(self.case.exchanges))
        query.name = wire.name(words[0], self.origin)
        query.type = int(words[1]) if words[1].isdigit() else wire.type_number(words[1])
        for word in words[2:]:
            query.take(word)
        self.case.exchanges.append(query.exchange())

    def do_send(self, _words, rest):
        octets = raw(rest, self.origin)
        id_ = int.from_bytes(octets[:2]) if len(octets) >= 2 else None
        self.case.exchanges.append(Exchange(octets, id_=id_, opt=ANYTHING))

    def do_over(self, words, _rest):
        self.case.over = tuple(words)

    def do_pieces(self, words, _rest):
        self.case.pieces = int(words[0])

    def do_hang_up(self, _words, _rest):
        self.case.hang_up = True

    # --- the reply ---

    def do_reply(self, words, _rest):
        if words[0] in ("none", "closed"):
            self.exchange.reply = words[0]
            return
        flags = sum(wire.FLAGS[word] for word in words[1:])
        self.exchange.reply = ([wire.RCODES[word] for word in words[0].split("|")], flags)

    def do_answer(self, _words, rest):
        self.expect("answer", rest)

    def do_authority(self, _words, rest):
        self.expect("authority", rest)

    def do_additional(self, _words, rest):
        self.expect("additional", rest)

    def expect(self, section, text):
        self.exchange.must[section] += self.patterns(text)

    def do_may(self, words, rest):
        if words[0] == "option":
            self.exchange.may_options.append(int(words[1]))
        else:
            self.exchange.may[words[0]] += self.patterns(rest.partition(" ")[2])

    def do_never(self, words, rest):
        self.exchange.never += [(words[0], pattern) for pattern in self.patterns(rest.partition(" ")[2])]

    def do_count(self, words, _rest):
        self.exchange.counts.append((words[0], bounds(words[1])))

    def do_in_order(self, _words, _rest):
        self.exchange.in_order = True

    def do_question(self, words, rest):
        self.exchange.question = None if words == ["any"] else b"" if words == ["none"] else raw(rest, self.origin)

    def do_opt(self, words, _rest):
        if words == ["none"] or words == ["any"]:
            self.exchange.opt = None if words == ["none"] else ANYTHING
            return
        flags = 0
        for word in words:
            key, _, value = word.partition("=")
            if key == "DO":
                flags = 0x8000
            elif key == "size":
                self.exchange.opt_size = bounds(value)
            elif key != "plain":
                raise Wrong(f"'opt {word}'")
        self.exchange.opt = (1232, 0, flags)

    def do_option(self, words, _rest):
        octets = None if words[1] == ANYTHING else bytes.fromhex("".join(words[1:]))
        self.exchange.options.append((int(words[0]), octets))

    def do_ecs(self, words, _rest):
        self.exchange.options.append((wire.OPTION_ECS, wire.ecs_octets(words[0])))

    def do_size(self, words, _rest):
        self.exchange.size = bounds(words[0])

    def do_tsig(self, words, _rest):
        self.exchange.tsig = (int(words[0]), words[1:] == ["signed"])

    def do_octets(self, _words, rest):
        self.exchange.whole = (self.exchange.whole or b"") + raw(rest, self.origin)

    # --- records ---

    def patterns(self, text):
        """One, or with $1-40 in front as many, each with its number in place of every other dollar sign."""
        if text.startswith("$"):
            head, _, rest = text.partition(" ")
            counted = re.fullmatch(r"\$(\d+)-(\d+)", head)
            if counted:
                first, last = map(int, counted.groups())
                return [self.pattern(rest.replace("$", str(number))) for number in range(first, last + 1)]
            return [self.lets[head[1:]]]
        return [self.pattern(text)]

    def pattern(self, text):
        owner, ttl, type_, *rest = text.split(None, 3)
        rdata = rest[0] if rest else ANYTHING
        number = None if type_ == ANYTHING else wire.type_number(type_)
        octets = None
        if rdata != ANYTHING:
            octets = wire.fold_rdata(number, wire.rdata(type_, rdata, self.origin))
        return Pattern(
            text,
            None if owner == ANYTHING else wire.lower(wire.name(owner, self.origin)),
            None if ttl == ANYTHING else bounds(ttl),
            number,
            octets,
        )


class Query:
    """A question in words."""

    def __init__(self, case, exchange):
        self.id = (case * 7919 + exchange * 104729 + 4660) & 0xFFFF
        self.type, self.cls, self.name = 1, wire.IN, b"\0"
        self.flags = 0
        self.opt = None
        self.options = []

    def take(self, word):
        key, _, value = word.partition("=")
        if word in wire.FLAGS:
            self.flags |= wire.FLAGS[word]
        elif key == "opcode":
            self.flags |= (int(value) if value.isdigit() else int(dns.opcode.from_text(value))) << 11
        elif key == "rcode":
            self.flags |= int(value)
        elif key in ("edns", "size", "DO", "ednsflags", "option", "ecs"):
            self.take_edns(key, value)
        elif key == "id":
            self.id = int(value, 16)
        else:
            self.cls = int(dns.rdataclass.from_text(word))

    def take_edns(self, key, value):
        size, version, flags = self.opt or (1232, 0, 0)
        if key == "edns":
            version = int(value or 0)
        elif key == "size":
            size = int(value)
        elif key == "DO":
            flags |= 0x8000
        elif key == "ednsflags":
            flags |= int(value, 16)
        elif key == "option":
            code, _, octets = value.partition(":")
            self.options.append((int(code), raw(octets, ".")))
        else:
            self.options.append((wire.OPTION_ECS, wire.ecs_octets(value)))
        self.opt = (size, version, flags)

    def exchange(self):
        opt = wire.write_opt(*self.opt, self.options) if self.opt else b""
        octets = wire.write_query(self.id, self.name, self.type, self.cls, self.flags, opt)
        question = octets[12 : 12 + len(self.name) + 4]
        return Exchange(octets, id_=self.id, question=question, opt=self.opt)


def bounds(text):
    """N, N..M, ..M or N.. as a range."""
    low, dots, high = text.partition("..")
    if not dots:
        return range(int(low), int(low) + 1)
    return range(int(low or 0), int(high) + 1 if high else 1 << 32)


def raw(text, origin):
    """Octets in hex, <names>, "letters", and what repeats as HEX*TIMES."""
    octets = b""
    for token in re.findall(r'"[^"]*"|<[^>]*>|\S+', text):
        if token[0] == '"':
            octets += token[1:-1].encode()
        elif token[0] == "<":
            octets += wire.name(token[1:-1], origin)
        else:
            digits, _, times = token.partition("*")
            octets += bytes.fromhex(digits) * int(times or 1)
    return octets


# --- Judging a reply ---


def judge(exchange, reply, over):
    """What is wrong with the octets of a reply, in sentences; empty when all is well."""
    try:
        message = wire.read_message(reply)
    except wire.Malformed as malformed:
        return [f"the reply is malformed: {malformed}", f"  {reply.hex()}"], None
    wrong = list(
        itertools.chain(
            judge_header(exchange, message),
            judge_sections(exchange, message),
            judge_hygiene(message),
            judge_opt(exchange, message),
            judge_size(exchange, message, over),
            judge_tsig(exchange, message),
        )
    )
    if exchange.whole is not None and reply != exchange.whole:
        wrong.append(f"the octets are\n      {reply.hex()}\n    and should be\n      {exchange.whole.hex()}")
    return wrong, message


def judge_header(exchange, message):
    rcodes, flags = exchange.reply
    query_flags = int.from_bytes(exchange.octets[2:4])
    if message.id != exchange.id:
        yield f"the id is {message.id:#06x}, not {exchange.id:#06x}"
    if message.rcode not in rcodes:
        wanted = " or ".join(wire.RCODE_NAMES[rcode] for rcode in rcodes)
        yield f"rcode {wire.RCODE_NAMES.get(message.rcode, message.rcode)}, not {wanted}"
    if message.opcode != query_flags >> 11 & 15:
        yield f"opcode {message.opcode}, not that of the query"
    wanted = flags | wire.QR | query_flags & wire.RD  # RFC 1035 §4.1.1
    differing = (message.flags ^ wanted) & 0x87F0
    for text, bit in wire.FLAGS.items():
        if differing & bit:
            yield f"{text} is {int(bool(message.flags & bit))}"
    if exchange.question is not None and message.question != exchange.question:
        yield f"the question is {message.question.hex()}, not {exchange.question.hex()}"


def judge_sections(exchange, message):
    for section in SECTIONS:
        records = getattr(message, section)
        left = list(records)
        for pattern in sorted(exchange.must[section], key=lambda pattern: pattern.count(None)):  # the strictest first
            found = next((record for record in left if pattern.fits(record)), None)
            if found:
                left.remove(found)
            else:
                yield f"{section} lacks {pattern.text}"
        for record in left:
            if not any(pattern.fits(record) for pattern in exchange.may[section]):
                yield f"{section} has {record}"
        must = exchange.must[section]
        if exchange.in_order and len(records) == len(must):
            if not all(pattern.fits(record) for pattern, record in zip(must, records, strict=True)):
                yield f"{section} is not in order"
    for section, pattern in exchange.never:
        for record in getattr(message, section):
            if pattern.fits(record):
                yield f"{section} must not have {record}"
    for section, wanted in exchange.counts:
        count = len(getattr(message, section))
        if count not in wanted:
            yield f"{section} has {count} records, not {wanted.start}..{wanted.stop - 1}"


def judge_hygiene(message):
    """What holds for every reply: RFC 2181 §5 and good sense."""
    seen = {}
    for section in SECTIONS:
        records = getattr(message, section)
        for record in records:
            if record in seen:
                yield f"{record} stands in {seen[record]} and again in {section}"
            seen[record] = section
        keys = [(record.owner, record.type) for record in records]
        runs = [key for key, _ in itertools.groupby(keys)]
        if len(runs) != len(set(runs)):
            yield f"the records of one rrset are scattered over {section}"
        if len({(record.owner, record.type, record.ttl) for record in records}) != len(set(runs)):
            yield f"an rrset with several TTLs in {section} (RFC 2181 §5.2)"


def judge_opt(exchange, message):
    if exchange.opt == ANYTHING:
        return
    if (message.opt is not None) != (exchange.opt is not None):
        yield "there is an OPT" if message.opt else "there is no OPT"
        return
    if not message.opt:
        return
    version, flags = message.opt.ttl >> 16 & 255, message.opt.ttl & 0xFFFF
    if version:
        yield f"EDNS version {version}, not 0, the highest we know (RFC 6891 §6.1.3)"
    if flags != exchange.opt[2] & 0x8000:  # DO is copied (RFC 3225 §3), the rest is zero (RFC 6891 §6.1.4)
        yield f"EDNS flags {flags:#06x}, not {exchange.opt[2] & 0x8000:#06x}"
    if message.opt.cls not in (exchange.opt_size or range(512, 65536)):
        yield f"EDNS size {message.opt.cls}"
    options = wire.read_options(message.opt)
    for code, octets in exchange.options:
        found = next((option for option in options if option[0] == code and octets in (None, option[1])), None)
        if found:
            options.remove(found)
        else:
            yield f"no EDNS option {code}" + (f" with {octets.hex()}" if octets is not None else "")
    for code, octets in options:
        if code not in exchange.may_options:
            yield f"EDNS option {code} with {octets.hex() or 'nothing'}"


def judge_size(exchange, message, over):
    if exchange.size and message.size not in exchange.size:
        yield f"{message.size} octets, not {exchange.size.start}..{exchange.size.stop - 1}"
    if over == "udp" and exchange.opt != ANYTHING:
        most = max(512, exchange.opt[0]) if exchange.opt else 512  # RFC 1035 §4.2.1, RFC 6891 §6.2.3
        if message.size > min(most, 1232):
            yield f"{message.size} octets over UDP, for a client that takes {most}"
    if over == "tcp" and message.flags & wire.TC and exchange.reply[1] & wire.TC == 0:
        yield "truncated over TCP"


def judge_tsig(exchange, message):
    if (message.tsig is not None) != (exchange.tsig is not None):
        yield "there is a TSIG" if message.tsig else "there is no TSIG"
    elif message.tsig:
        _, at = wire.read_name(message.tsig.rdata, 0, False)
        mac = int.from_bytes(message.tsig.rdata[at + 8 : at + 10])
        error = int.from_bytes(message.tsig.rdata[at + 12 + mac : at + 14 + mac])
        if (error, mac > 0) != exchange.tsig:
            yield f"TSIG with a MAC of {mac} octets and error {error}, not {exchange.tsig}"
