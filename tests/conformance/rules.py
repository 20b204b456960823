# SPDX-License-Identifier: Apache-2.0
"""Where isobard and its peers are known to differ, why, and who is right.

A rule takes one known difference out of a pair of replies, or leaves them alone. Rules are tried in the order of the
table at the end until the replies are alike; a pair that stays different is unexplained. A rule must be narrow: it
looks at what it takes away.
"""
import typing

import wire

NSD, KNOT = ("nsd",), ("knotd",)
BOTH = NSD + KNOT
ANY_CLASS, EDE, RRSIG, NSEC = 255, 15, 46, 47
FORMERR, NXDOMAIN, NOTIMP, REFUSED, YXDOMAIN, BADVERS = 1, 3, 4, 5, 6, 16


class Reply:
    """What a reply says, free of what does not matter: order, compression, the id, the EDNS size."""

    def __init__(self, message):
        self.flags = message.flags & 0x87F0  # without opcode and rcode
        self.opcode, self.rcode, self.question = message.opcode, message.rcode, message.question
        self.answer, self.authority = frozenset(message.answer), frozenset(message.authority)
        self.additional = frozenset(message.additional)
        self.opt = message.opt and (message.opt.ttl & 0xFFFFFF, tuple(wire.read_options(message.opt)))

    def essence(self):
        return (self.flags, self.opcode, self.rcode, self.question, self.answer, self.authority, self.additional, self.opt)

    def has(self, flag):
        return bool(self.flags & flag)


class Difference:
    """A pair of replies. `ask(peer's name or None for isobard, octets of a query)` gives a reply over TCP."""

    def __init__(self, peer, question, over, world, ours, theirs, ask):
        self.peer, self.question, self.over, self.world, self.ask = peer, question, over, world, ask
        self.ours, self.theirs = Reply(ours), Reply(theirs)

    def alike(self):
        return self.ours.essence() == self.theirs.essence()

    def agree(self):
        """They are taken to say the same; for rules about replies without records."""
        self.theirs = self.ours
        return True

    def room(self):
        """Octets that a reply over UDP may have."""
        return min(1232, max(512, self.question.opt[0])) if self.question.opt else 512


class Rule(typing.NamedTuple):
    apply: typing.Callable  # takes a Difference; True: it took something away
    peers: tuple
    right: str
    rfc: str
    why: str

    @property
    def name(self):
        return self.apply.__name__.replace("_", "-")


def alike(ours, theirs):
    """Of two messages, or of None for silence."""
    if ours is None or theirs is None:
        return ours is theirs
    return Reply(ours).essence() == Reply(theirs).essence()


def explain(difference):
    """The rules that make the replies alike, or nothing."""
    used = []
    for rule in RULES:
        if difference.peer in rule.peers and rule.apply(difference):
            used.append(rule)
        if difference.alike():
            return used
    return []


# --- Queries that are no ordinary question ---


def rcode_in_query(d):
    wrong = d.question.flags & 0xF and d.theirs.rcode == FORMERR and not d.theirs.question
    return bool(wrong) and d.agree()


def errors_without_question(d):
    if d.theirs.question or d.theirs.rcode not in (FORMERR, NOTIMP, REFUSED):
        return False
    d.theirs.question = d.ours.question
    return True


def notimp_without_opt(d):
    if (d.ours.rcode, d.theirs.rcode) != (NOTIMP, NOTIMP) or not d.ours.opt or d.theirs.opt:
        return False
    d.theirs.opt = d.ours.opt
    return True


def flags_of_errors(d):
    """Flags are left as they came, DO is not copied."""
    if d.ours.rcode != d.theirs.rcode or d.ours.rcode not in (NOTIMP, BADVERS):
        return False
    copied = d.theirs.flags & d.question.flags & (wire.AA | wire.TC | wire.RA | wire.Z | wire.CD)
    forgot_do = d.ours.opt and d.theirs.opt and d.ours.opt[0] & ~d.theirs.opt[0] == 0x8000
    d.theirs.flags &= ~copied
    if forgot_do:
        d.theirs.opt = d.ours.opt
    return bool(copied or forgot_do)


def opcode_or_version(d):
    odd = d.question.flags >> 11 & 15 and d.ours.rcode == NOTIMP
    return bool(odd) and (d.theirs.rcode == BADVERS and d.question.opt[1] > 0 or
                          d.theirs.rcode == REFUSED and d.question.cls != wire.IN) and d.agree()


def class_any(d):
    return d.question.cls == ANY_CLASS and d.ours.rcode == REFUSED and d.agree()


def meta_types(d):
    type_ = d.question.type
    return (type_ in (0, wire.OPT) or 128 <= type_ <= 250 or type_ in (253, 254)) and (
        d.ours.rcode in (FORMERR, NOTIMP) and d.theirs.rcode in (0, NXDOMAIN, NOTIMP, REFUSED)) and d.agree()


def transfers(d):
    return d.question.type in (251, 252) and d.ours.rcode == REFUSED and d.theirs.rcode in (4, 9) and d.agree()


# --- Size ---


def truncation(d):
    """Where only one is truncated, its whole must indeed be too large."""
    if d.over != "udp" or not (d.ours.has(wire.TC) or d.theirs.has(wire.TC)):
        return False
    for reply, name in ((d.ours, None), (d.theirs, d.peer)):
        if reply.has(wire.TC) and wire.read_message(d.ask(name, d.question.octets)).size <= d.room():
            return False
    for reply in (d.ours, d.theirs):
        reply.answer = reply.authority = reply.additional = frozenset()
        reply.flags &= ~(wire.TC | wire.AA)
        reply.rcode = 0
    return True


def over_tcp(d):
    """What the peer says when there is room."""
    return Reply(wire.read_message(d.ask(d.peer, d.question.octets)))


def soa_left_out(d):
    if d.over != "udp" or d.theirs.authority or not all(record.type == wire.SOA for record in d.ours.authority):
        return False
    whole = over_tcp(d)
    if not d.ours.authority or whole.authority != d.ours.authority or d.theirs.answer != whole.answer:
        return False
    d.theirs.authority = whole.authority
    return True


def glue_left_out(d):
    left_out = needed_glue(d.ours) - d.theirs.additional
    if d.over != "udp" or not left_out or not left_out <= over_tcp(d).additional:
        return False
    d.theirs.additional |= left_out
    return True


# --- Aliases ---


def chain_end(question, reply):
    """Where the aliases of an answer lead, and the last alias, which is None when there is none."""
    aliases = {record.owner: record.rdata for record in reply.answer if record.type == wire.CNAME}
    name, last, seen = question.name, None, set()
    while name in aliases and name not in seen:
        seen.add(name)
        name, last = aliases[name], name
    return name, last


def restart_in_other_zone(d):
    """Goes on where the peer stopped, by asking it for the target."""
    changed, seen = False, set()
    while True:
        end, last = chain_end(d.question, d.theirs)
        zone = home(d, end)
        if last is None or end in seen or not zone or zone is d.world.zone_of(last):
            return changed
        if d.question.type == wire.CNAME or d.question.type == wire.ANY and not is_made(d.theirs, last):
            return changed
        if any(record.owner == end for record in d.theirs.answer):
            return changed
        seen.add(end)
        more = Reply(wire.read_message(d.ask(d.peer, wire.write_query(0, end, d.question.type))))
        d.theirs.rcode, d.theirs.authority = more.rcode, more.authority
        d.theirs.answer |= more.answer
        d.theirs.additional = more.additional
        changed = True


def home(d, name):
    """The zone that answers; DS lives above the cut (RFC 4035 §3.1.4.1)."""
    above = d.world.zone_of(name[1 + name[0] :]) if d.question.type == wire.DS and name in d.world else None
    return above or d.world.zone_of(name)


def is_made(reply, alias):
    """From a DNAME above it."""
    return any(record.type == wire.DNAME and alias != record.owner and wire.is_under(alias, record.owner)
               for record in reply.answer)


def endless_aliases(d):
    """The one that gave up first said nothing else than the other."""
    for reply in (d.ours, d.theirs):
        end, last = chain_end(d.question, reply)
        if reply.rcode or reply.authority or last is None or not d.world.zone_of(end):
            return False
        if not all(record.type in (wire.CNAME, wire.DNAME) for record in reply.answer):
            return False
    if not (d.theirs.answer <= d.ours.answer or d.ours.answer <= d.theirs.answer):
        return False
    d.theirs.answer = d.ours.answer
    return True


def signature_of_alias(d):
    """The peer stops at an alias that isobard follows, and has nothing but NODATA to say of it."""
    end, _ = chain_end(d.question, d.theirs)
    if d.question.type not in (RRSIG, NSEC) or d.theirs.rcode or not d.theirs.answer < d.ours.answer:
        return False
    followed = any(record.type == wire.CNAME and record.owner == end for record in d.ours.answer)
    return followed and all(record.type == wire.SOA for record in d.theirs.authority) and d.agree()


def too_long_a_name(d):
    if d.ours.rcode != YXDOMAIN or d.theirs.rcode != NXDOMAIN or d.ours.answer != d.theirs.answer:
        return False
    return any(record.type == wire.DNAME for record in d.ours.answer) and d.agree()


# --- Records more or less ---


def one_rrset_for_any(d):
    """Whatever either says must be true; and both must have something to say, or nothing."""
    if d.question.type != wire.ANY or d.ours.rcode != d.theirs.rcode or bool(d.ours.answer) != bool(d.theirs.answer):
        return False
    made = [frozenset(record for record in reply.answer if not d.world.says(record)) for reply in (d.ours, d.theirs)]
    if made[0] != made[1] or d.ours.answer == d.theirs.answer:
        return False
    d.theirs.answer = d.ours.answer
    return True


def ns_behind_answer(d):
    extra = frozenset(record for record in d.theirs.authority if record.type == wire.NS and record.owner in d.world)
    if not d.theirs.answer or not extra or not all(map(d.world.says, extra)):
        return False
    d.theirs.authority -= extra
    return True


def extended_errors(d):
    changed = False
    for reply in (d.ours, d.theirs):
        if reply.opt and any(code == EDE for code, _ in reply.opt[1]):
            reply.opt = (reply.opt[0], tuple(option for option in reply.opt[1] if option[0] != EDE))
            changed = True
    return changed


def needed_glue(reply):
    """Addresses of servers below the cut that the reply refers to."""
    servers = {record.rdata for record in reply.authority
               if record.type == wire.NS and wire.is_under(record.rdata, record.owner)}
    return frozenset(record for record in reply.additional if record.owner in servers)


def glue_from_wildcard(d):
    """What the peer has more is at no owner of the zone, but at a wildcard below the cut."""
    more = d.theirs.additional - d.ours.additional
    if not more or not more <= needed_glue(d.theirs) or d.ours.additional - d.theirs.additional:
        return False
    if not all(map(d.world.says, more)) or any(record.owner in zone.sets for record in more for zone in d.world.values()):
        return False
    d.theirs.additional -= more
    return True


def kind_additional(d):
    changed = False
    for reply in (d.ours, d.theirs):
        kind = reply.additional - needed_glue(reply)
        if kind and all(map(d.world.says, kind)):
            reply.additional -= kind
            changed = True
    return changed


RULES = (
    Rule(rcode_in_query, NSD, "isobard", "RFC 1035 §4.1.1",
         "NSD calls a query with an rcode malformed; the field means nothing in a query"),
    Rule(errors_without_question, NSD, "isobard", "RFC 1035 §4.1.1, RFC 5452 §9.1",
         "NSD leaves the question out of some errors; a client that checks it cannot match them"),
    Rule(notimp_without_opt, NSD, "isobard", "RFC 6891 §6.1.1, §7",
         "NSD leaves the OPT out of a NOTIMP; a client takes that for a server without EDNS"),
    Rule(flags_of_errors, NSD, "isobard", "RFC 4035 §3.1.6, RFC 3225 §3",
         "NSD makes errors of the query as it came and leaves its flags, CD and TC too, but not DO"),
    Rule(opcode_or_version, BOTH, "both", "RFC 1035 §4.1.1, RFC 6891 §6.1.3",
         "two things are wrong with the query, and each server names another one"),
    Rule(class_any, BOTH, "both", "RFC 1034 §3.7.1",
         "isobard serves one class and refuses all others, ANY too; NSD answers without AA, Knot with it, which nobody can "
         "be for all classes"),
    Rule(meta_types, BOTH, "isobard", "RFC 6895 §3.1, RFC 9824 §3.1",
         "no zone can hold these types; NSD and Knot look for them all the same and find none"),
    Rule(transfers, BOTH, "both", "RFC 5936 §2.2.1, §4.2",
         "nobody may transfer a zone here, and each server has its rcode for that"),
    Rule(truncation, BOTH, "both", "RFC 2181 §9, RFC 9471 §3",
         "one of them has more to say, or needs more octets for it, and what a truncated reply holds is not to be used; the "
         "whole is compared over TCP"),
    Rule(soa_left_out, KNOT, "isobard", "RFC 2308 §2, RFC 2181 §9",
         "behind a long chain of aliases the SOA does not fit: Knot leaves it out and does not say so with TC"),
    Rule(glue_left_out, NSD, "isobard", "RFC 9471 §3.1",
         "not all glue fits: NSD leaves some of it out and does not say so with TC"),
    Rule(restart_in_other_zone, BOTH, "isobard", "RFC 1034 §4.3.2 step 3a, RFC 6672 §3.2",
         "an alias leads into another zone of ours: isobard goes back to step 1 and finds it, a peer stops; asked for the "
         "target it says the same"),
    Rule(endless_aliases, BOTH, "both", "RFC 1034 §5.2.2",
         "aliases that lead round in circles or ever deeper, and each server gives up where it likes"),
    Rule(signature_of_alias, KNOT, "both", "RFC 4035 §2.5",
         "RRSIG and NSEC may stand beside a CNAME: Knot says that there are none, isobard follows the alias"),
    Rule(too_long_a_name, KNOT, "isobard", "RFC 6672 §2.2",
         "a DNAME makes the name too long: Knot says NXDOMAIN, and with it that the name is known not to exist"),
    Rule(one_rrset_for_any, BOTH, "both", "RFC 8482 §4.1", "isobard answers ANY with one rrset, its peers with all of them"),
    Rule(ns_behind_answer, NSD, "both", "RFC 1034 §4.3.2 step 6",
         "NSD adds the zone's NS to an answer, for which nobody asked"),
    Rule(extended_errors, BOTH, "both", "RFC 8914 §2", "who has something to add to an rcode adds it"),
    Rule(kind_additional, BOTH, "both", "RFC 1034 §4.3.2 step 6, RFC 9471 §2",
         "additional records other than glue are a courtesy; each of them is found in our zones"),
    Rule(glue_from_wildcard, BOTH, "both", "RFC 4592 §2.2.1, §3.3.1",
         "an occluded wildcard below the cut covers the server's name: for isobard a cut ends all matching, its peers make "
         "glue of it"),
)
