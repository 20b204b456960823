#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Servers that misbehave, one mode per port, for checks to fail on.

    hostile.py [--address ADDR] [--cert FILE --key FILE] MODE=PORT...

A mode with the suffix "-tls" does the same behind TLS. Port 0 takes a free one. Prints "MODE PORT" per line and then
"ready"; stops on SIGTERM or when its standard input ends (with --stdin).
"""
import argparse
import os
import signal
import socket
import ssl
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
                                 longheader, interim, garbage, chunk, late, edge, redirect, redirectloop, redirectaway, redirectplain,
                                 tardy, nesting, nested, bomb, h2silent, h2goaway, h2reset, h2settings, h2ping, h2pong, h2empty,
                                 h2headers, h2trailers, h2untrailed, h2nostatus, h2lie, full)}
KEPT = []
NEEDS_NO_REQUEST = {silent, close, reset}


def serve(connection, mode, context):
    try:
        if context:
            connection = context.wrap_socket(connection, server_side=True)
        with connection as c:
            if mode not in NEEDS_NO_REQUEST:
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
        context = None
        if name.endswith("-tls"):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(args.cert, args.key)
        mode = MODES.get(name.removesuffix("-tls"))
        if not mode:
            p.error(f"unknown mode '{name}'; one of {', '.join(sorted(MODES))}, each with or without -tls")
        print(name, listen(args.address, int(port), mode, context), flush=True)
    print("ready", flush=True)
    if args.stdin:
        sys.stdin.buffer.read()
    else:
        signal.pause()


main()
