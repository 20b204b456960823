#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Servers that misbehave, one mode per port, for checks to fail on.

    hostile.py [--address ADDR] [--cert FILE --key FILE] MODE=PORT...

A mode with the suffix "-tls" does the same behind TLS; one with the prefix "udp-" or "dns-" answers datagrams, and dns- what
comes over TCP as well. Port 0 takes a free one. Prints "MODE PORT" per line and then "ready"; stops on SIGTERM or when
its standard input ends (with --stdin).
"""
import argparse
import os
import signal
import socket
import ssl
import struct
import sys
import threading
import time

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


def healthy(c):
    c.sendall(OK + b"Content-Length: 8\r\nConnection: close\r\n\r\nhealthy\n")


def sick(c):
    c.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 5\r\nConnection: close\r\n\r\nsick\n")


def silent(c):
    while c.recv(4096):
        pass


def close(c):
    pass


def reset(c):
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def short(c):
    """Promises more than it sends."""
    c.sendall(OK + b"Content-Length: 1000\r\n\r\nhealthy")


def drip(c):
    """A byte a second."""
    for octet in OK + b"Content-Length: 8\r\n\r\nhealthy\n":
        c.sendall(bytes([octet]))
        time.sleep(1)


def dripbody(c):
    c.sendall(OK + b"Content-Length: 1000\r\n\r\n")
    while True:
        c.sendall(b"h")
        time.sleep(1)


def endless(c):
    c.sendall(OK + b"\r\n")
    while True:
        c.sendall(b"x" * 65536)


def endlessheader(c):
    c.sendall(OK)
    while True:
        c.sendall(b"X-Again: " + b"y" * 1000 + b"\r\n")


def longheader(c):
    c.sendall(OK + b"X-Long: ")
    while True:
        c.sendall(b"z" * 65536)


def interim(c):
    while True:
        c.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100)


def garbage(c):
    c.sendall(bytes(range(256)) * 16)


def chunk(c):
    """A chunk length that is none."""
    c.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\nzzzz\r\nhealthy\r\n")


def late(c):
    """What is looked for stands just past the first 64 KiB."""
    c.sendall(OK + b"Connection: close\r\n\r\n" + b"." * 65536 + b"healthy")


def edge(c):
    """What is looked for are the last octets of the first 64 KiB."""
    c.sendall(OK + b"Connection: close\r\n\r\n" + b"." * (65536 - 7) + b"healthy" + b"." * 1000)


def redirect(c):
    c.sendall(b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def banner(c):
    c.sendall(b"220 mail.example.com ESMTP\r\n")
    if c.recv(4096).startswith(b"QUIT"):
        c.sendall(b"221 2.0.0 Bye\r\n")
    silent(c)


def stutter(c):
    c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for octet in b"120 wait\r\n220 mail.example.com\r\n":
        c.sendall(bytes([octet]))
        time.sleep(0.002)


def busy(c):
    """Says no, and waits."""
    c.sendall(b'421 "too" busy\r\n')
    silent(c)


def halfline(c):
    c.sendall(b"22")


def flood(c):
    while True:
        c.sendall(b"x" * 65536)


def dribble(c):
    """A byte a second, unasked."""
    for octet in b"220 mail.example.com ESMTP\r\n":
        c.sendall(bytes([octet]))
        time.sleep(1)


def parrot(c):
    while said := c.recv(4096):
        c.sendall(said)


def bighello(c):
    """A handshake message that claims 16 MB."""
    c.sendall(b"\x16\x03\x03\x40\x00\x02\xff\xff\xff" + b"z" * 16380)
    flood(c)


def slowhello(c):
    """Claims a record and never sends it."""
    c.sendall(b"\x16\x03\x03\x40\x00\x02")
    silent(c)


def redirectloop(c):
    c.sendall(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def redirectaway(c):
    c.sendall(b"HTTP/1.1 301 Moved\r\nLocation: http://elsewhere.example/health\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def redirectplain(c):
    """From TLS to where there is none, on the same host."""
    c.sendall(b"HTTP/1.1 307 Go\r\nLocation: http://www.example.com/health\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def tardy(c):
    time.sleep(0.15)
    healthy(c)


def nesting(c):
    """JSON that opens and opens, without end."""
    c.sendall(OK + b"\r\n")
    while True:
        c.sendall(b"[{\"a\":" * 8192)


def nested(c):
    """JSON that is whole, and deeper than anything means."""
    body = b"[" * 20000 + b"]" * 20000
    c.sendall(OK + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)


def bomb(c):
    """What a backtracking matcher of (a|a)*$ or (a*)*b does not come back from."""
    c.sendall(OK + b"Connection: close\r\n\r\n" + b"a" * 65000 + b"!")


def frame(kind, flags, stream, payload=b""):
    """RFC 9113 section 4.1."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
END_STREAM, END_HEADERS = 1, 4
STATUS_200 = b"\x88"  # HPACK's static table


def literal(name, value):
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def h2silent(c):
    c.sendall(frame(SETTINGS, 0, 0))
    silent(c)


def h2goaway(c):
    c.sendall(frame(SETTINGS, 0, 0) + frame(GOAWAY, 0, 0, bytes(8)))
    silent(c)


def h2reset(c):
    c.sendall(frame(SETTINGS, 0, 0) + frame(RST_STREAM, 0, 1, (2).to_bytes(4, "big")))
    silent(c)


def h2settings(c):
    while True:
        c.sendall(frame(SETTINGS, 0, 0, b"\0\4\0\0\xff\xff") * 500)


def h2ping(c):
    c.sendall(frame(SETTINGS, 0, 0))
    while True:
        c.sendall(frame(PING, 0, 0, bytes(8)) * 500)


def h2pong(c):
    """Answers that nobody asked for, which need no answer."""
    c.sendall(frame(SETTINGS, 0, 0))
    while True:
        c.sendall(frame(PING, 1, 0, bytes(8)) * 500)


def h2empty(c):
    """The body comes in frames with nothing in them."""
    c.sendall(frame(SETTINGS, 0, 0) + frame(HEADERS, END_HEADERS, 1, STATUS_200))
    while True:
        c.sendall(frame(DATA, 0, 1) * 500)


def h2headers(c):
    """Headers that go on and on."""
    c.sendall(frame(SETTINGS, 0, 0) + frame(HEADERS, 0, 1, STATUS_200))
    while True:
        c.sendall(frame(CONTINUATION, 0, 1, literal(b"x-more", b"y" * 100) * 100))


def h2trailers(c):
    """A good reply, and trailers without end behind it."""
    c.sendall(frame(SETTINGS, 0, 0) + frame(HEADERS, END_HEADERS, 1, STATUS_200) + frame(DATA, 0, 1, b"\0\0\0\0\2\x08\1"))
    c.sendall(frame(HEADERS, END_STREAM, 1, literal(b"grpc-status", b"0")))
    while True:
        c.sendall(frame(CONTINUATION, 0, 1, literal(b"x-more", b"y" * 100) * 100))


def h2untrailed(c):
    """A good reply, and the call's status never comes."""
    c.sendall(frame(SETTINGS, 0, 0) + frame(HEADERS, END_HEADERS, 1, STATUS_200) + frame(DATA, 0, 1, b"\0\0\0\0\2\x08\1"))
    silent(c)


def h2nostatus(c):
    """Whole, but without the call's status."""
    c.sendall(frame(SETTINGS, 0, 0) + frame(HEADERS, END_HEADERS, 1, STATUS_200)
              + frame(DATA, END_STREAM, 1, b"\0\0\0\0\2\x08\1"))
    silent(c)


def h2lie(c):
    """gRPC's own frame promises more than there is."""
    c.sendall(frame(SETTINGS, 0, 0) + frame(HEADERS, END_HEADERS, 1, STATUS_200) + frame(DATA, 0, 1, b"\0\x7f\0\0\0\x08\1")
              + frame(HEADERS, END_HEADERS | END_STREAM, 1, literal(b"grpc-status", b"0")))
    silent(c)


def full(c):
    """Its queue is full: connections are never completed."""


MODES = {f.__name__: f for f in (healthy, sick, silent, close, reset, short, drip, dripbody, endless, endlessheader,
                                 longheader, interim, garbage, chunk, late, edge, redirect, banner, stutter, busy, halfline,
                                 flood, dribble, parrot, bighello, slowhello, redirectloop,
                                 redirectaway, redirectplain, tardy, nesting, nested, bomb, h2silent, h2goaway, h2reset,
                                 h2settings, h2ping, h2pong, h2empty, h2headers, h2trailers, h2untrailed, h2nostatus, h2lie,
                                 full)}
KEPT = []
NEEDS_NO_REQUEST = {silent, close, reset, banner, stutter, busy, halfline, flood, dribble, parrot}

# --- datagrams: each mode is what is sent back for one, as a list ---

FORMERR, SERVFAIL, CUT = 0x8001, 0x8002, 0x8200
ADDRESS = b"\xc0\x0c\0\1\0\1\0\0\0\x1e\0\4\xc0\0\2\7"  # the question's name has the address 192.0.2.7


def answer(query, flags=0x8180, records=ADDRESS, id_=None):
    counts = (flags, 1, 1 if records else 0, 0, 0)
    return (id_ or query[:2]) + struct.pack(">5H", *counts) + query[12:] + records


DATAGRAMS = {
    "udp-parrot": lambda query: [query],
    "udp-empty": lambda query: [b""],
    "udp-silent": lambda query: [],
    "dns-good": lambda query: [answer(query)],
    "dns-late": lambda query: [answer(query, id_=b"\0\0"), query, b"", b"\xff" * 12, answer(query)],
    "dns-stray": lambda query: [answer(query, id_=bytes([query[0] ^ 1, query[1]]))],
    "dns-storm": lambda query: [answer(query, id_=bytes([query[0] ^ 1, query[1]]))] * 200,
    "dns-other": lambda query: [answer(query.replace(b"\7example", b"\7exemple"))],
    "dns-lies": lambda query: [answer(query, records=b"\xc0\x0c\0\1\0\1\0\0\0\x1e\xff\xff\xc0\0\2\7")],
    "dns-failing": lambda query: [answer(query, SERVFAIL, b"")],
    "dns-bare": lambda query: [query[:2] + struct.pack(">5H", FORMERR, 0, 0, 0, 0)],
    "dns-mute": lambda query: [],
}


def over_tcp(message):
    return struct.pack(">H", len(message)) + message


def cut_short(c, query):
    c.sendall(over_tcp(answer(query))[:-1])


def cut_silent(c, query):
    silent(c)


def cut_stray(c, query):
    c.sendall(over_tcp(answer(query, id_=b"\0\0")) * 2)


def cut_again(c, query):
    c.sendall(over_tcp(answer(query, CUT, b"")))


def cut_drip(c, query):
    for octet in over_tcp(answer(query)):
        c.sendall(bytes([octet]))
        time.sleep(1)


def cut_flood(c, query):
    c.sendall(b"\xff\xff")
    flood(c)


def cut_good(c, query):
    for octet in over_tcp(answer(query)):
        c.sendall(bytes([octet]))


CUTS = {"dns-" + f.__name__.replace("_", "-"): f for f in (cut_short, cut_silent, cut_stray, cut_again, cut_drip, cut_flood,
                                                          cut_good)}
DATAGRAMS |= {name: lambda query: [answer(query, CUT, b"")] for name in (*CUTS, "dns-cut-refused")}


def bind_both(address, port, name):
    """A UDP socket on a port on which TCP is served too, where the mode says how."""
    while True:
        s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((address, port))
        try:
            if name in CUTS:
                listen(address, s.getsockname()[1], lambda c: CUTS[name](c, c.recv(4096)[2:]), None)
            return s
        except OSError:
            s.close()
            if port:
                raise


def listen_datagrams(address, port, name):
    s = bind_both(address, port, name)

    def answer_all():
        while True:
            query, asker = s.recvfrom(65535)
            for reply in DATAGRAMS[name](query):
                s.sendto(reply, asker)

    threading.Thread(target=answer_all, daemon=True).start()
    return s.getsockname()[1]

# --- connections ---



def serve(connection, mode, context):
    try:
        if context:
            connection = context.wrap_socket(connection, server_side=True)
        with connection as c:
            if mode in MODES.values() and mode not in NEEDS_NO_REQUEST:
                c.recv(4096)
            mode(c)
    except (OSError, ssl.SSLError):
        pass


def listen(address, port, mode, context):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    s = socket.socket(family)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, port))
    if mode is full:
        s.listen(0)
        for _ in range(4):
            filler = socket.socket(family)
            filler.setblocking(False)
            filler.connect_ex(s.getsockname())
            KEPT.append(filler)
        KEPT.append(s)
        return s.getsockname()[1]
    s.listen(128)

    def accept():
        while True:
            c, _ = s.accept()
            threading.Thread(target=serve, args=(c, mode, context), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return s.getsockname()[1]


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--address", default="127.0.0.1")
    p.add_argument("--cert")
    p.add_argument("--key")
    p.add_argument("--stdin", action="store_true", help="stop when standard input ends")
    p.add_argument("modes", nargs="+", metavar="MODE=PORT")
    args = p.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    for item in args.modes:
        name, _, port = item.partition("=")
        if name in DATAGRAMS:
            print(name, listen_datagrams(args.address, int(port), name), flush=True)
            continue
        context = None
        if name.endswith("-tls"):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(args.cert, args.key)
        mode = MODES.get(name.removesuffix("-tls"))
        if not mode:
            p.error(f"unknown mode '{name}'; one of {', '.join(sorted(DATAGRAMS))}, or of "
                    f"{', '.join(sorted(MODES))}, each with or without -tls")
        print(name, listen(args.address, int(port), mode, context), flush=True)
    print("ready", flush=True)
    if args.stdin:
        sys.stdin.buffer.read()
    else:
        signal.pause()


main()
