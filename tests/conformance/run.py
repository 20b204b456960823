#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the cases of cases/ against isobard, over UDP and over TCP, and shows what differs from what the RFCs want.

    run.py [-v] [WORD…]    all of them, or those with a word in their name or that of their file

A case passes when it does over every transport it is for. ISB_BIN names the directory of the programs.
"""
import argparse
import itertools
import pathlib
import socket
import struct
import sys
import tempfile
import time

import cases
import servers
import wire

HERE = pathlib.Path(__file__).resolve().parent
WAIT = 5
PROBE_ID = 0xFFFE  # asked behind a query that nothing may be said to


class Udp:
    """One socket: the server answers in order, so that what has not come before the answer to a later query never will."""

    def __init__(self, server):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(WAIT)
        self.socket.connect((servers.ADDRESS, server.port))
        self.probe = wire.write_query(PROBE_ID, b"\0", wire.NS)

    def exchange(self, exchange):
        """The reply's octets, or None when there is none."""
        self.forget()
        self.socket.send(exchange.octets)
        if exchange.reply == "none":
            self.socket.send(self.probe)
        try:
            reply = self.socket.recv(65535)
        except TimeoutError:
            return None
        if exchange.reply == "none" and reply[:2] == self.probe[:2]:
            return None
        return reply

    def forget(self):
        """What a failed case left behind."""
        self.socket.setblocking(False)
        try:
            while self.socket.recv(65535):
                pass
        except BlockingIOError:
            self.socket.settimeout(WAIT)

    def run(self, case):
        return [self.exchange(exchange) for exchange in case.exchanges]

    def close(self):
        self.socket.close()


class Tcp:
    """A connection per case, all queries at once; answers may come in any order (RFC 7766 §7)."""

    def __init__(self, server):
        self.port = server.port
        self.probe = wire.write_query(PROBE_ID, b"\0", wire.NS)

    def run(self, case):
        stream = b"".join(struct.pack("!H", len(e.octets)) + e.octets for e in case.exchanges)
        silent = any(exchange.reply == "none" for exchange in case.exchanges)
        if silent:
            stream += struct.pack("!H", len(self.probe)) + self.probe
        wanted = sum(1 for exchange in case.exchanges if isinstance(exchange.reply, tuple)) + silent
        with socket.create_connection((servers.ADDRESS, self.port), WAIT) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.send(connection, stream, case)
            replies, ended = self.receive(connection, wanted, any(e.reply == "closed" for e in case.exchanges))
        by_id = {int.from_bytes(reply[:2]): reply for reply in replies}
        return [by_id.get(e.id, "closed" if ended and e.reply == "closed" else None) for e in case.exchanges]

    @staticmethod
    def send(connection, stream, case):
        step = case.pieces or len(stream)
        for at in range(0, len(stream), step):
            connection.sendall(stream[at : at + step])
            if case.pieces:
                time.sleep(0.0005)  # so that pieces stay pieces
        if case.hang_up:
            connection.shutdown(socket.SHUT_WR)

    @staticmethod
    def receive(connection, wanted, until_closed):
        """Replies, and whether the server ended the connection."""
        data, replies, ended = b"", [], False
        while len(replies) < wanted or until_closed:
            try:
                more = connection.recv(65536)
            except ConnectionResetError:
                more = b""
            except TimeoutError:
                break
            if not more:
                ended = True
                break
            data += more
            while len(data) >= 2 and len(data) >= 2 + int.from_bytes(data[:2]):
                size = int.from_bytes(data[:2])
                replies.append(data[2 : 2 + size])
                data = data[2 + size :]
        return replies, ended

    def close(self):
        pass


def judge(exchange, reply, over):
    """Sentences about what is wrong, and what came."""
    if exchange.reply in ("none", "closed"):
        wanted = None if exchange.reply == "none" or over == "udp" else "closed"
        if reply == wanted:
            return [], []
        return [f"a reply, where there shall be {exchange.reply}" if reply else "the connection stays open"], []
    if reply is None:
        return ["no reply"], []
    wrong, message = cases.judge(exchange, reply, over)
    return wrong, wire.show_message(message) if message else []


def run_case(case, transports):
    """Lines about what failed; none when all is well."""
    lines = []
    for over in case.over:
        for exchange, reply in zip(case.exchanges, transports[over].run(case), strict=True):
            wrong, came = judge(exchange, reply, over)
            if wrong:
                lines.append(f"  over {over}, query {exchange.octets[:300].hex()}")
                lines += [f"    - {sentence}" for sentence in wrong[:20]]
                lines += [f"    | {line}" for line in came]
    return lines


def start(server_key, directory):
    catalog, names, options = server_key
    zones = {"." if name == "root" else name: servers.ZONES / f"{name.rstrip('.')}.zone" for name in names}
    text = None
    if catalog:
        text = (servers.ZONES / catalog).read_text().replace("file: ", f"file: {servers.ZONES}/")
    return servers.Isobar(directory, zones, options, text).start()


def run_server(server_key, files, wanted, verbose):
    """Counts passed and failed cases of the files that one server is for."""
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="isobar-conformance-") as directory:
        server = start(server_key, pathlib.Path(directory) / "isobar")
        try:
            transports = {"udp": Udp(server), "tcp": Tcp(server)}
            for case in itertools.chain.from_iterable(file.cases for file in files):
                if not wanted(case):
                    continue
                lines = run_case(case, transports)
                if not server.running():
                    raise servers.Failed(f"{case.name} ended isobard:\n{server.process.said()[-4000:]}")
                failed += bool(lines)
                passed += not lines
                if lines or verbose:
                    print(f"{'FAILED' if lines else 'ok'} {case.name} ({case.file}:{case.line})", *lines, sep="\n")
        finally:
            for transport in transports.values():
                transport.close()
            server.stop()
    return passed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-v", "--verbose", action="store_true", help="say which cases passed")
    parser.add_argument("words", nargs="*", metavar="WORD", help="only cases with a word in their name or file")
    args = parser.parse_args()

    def wanted(case):
        return not args.words or any(word in case.name or word in case.file for word in args.words)

    try:
        files = [cases.CaseFile(path) for path in sorted((HERE / "cases").glob("*.cases"))]
    except cases.Wrong as wrong:
        sys.exit(f"run.py: {wrong}")
    every = [case for file in files for case in file.cases]
    twice = {case.name for case in every if sum(other.name == case.name for other in every) > 1}
    if twice:
        sys.exit(f"run.py: several cases are called {', '.join(sorted(twice))}")
    chosen = [file for file in files if any(map(wanted, file.cases))]
    skipped = sum(not wanted(case) for case in every)
    passed = failed = 0
    for key, group in itertools.groupby(sorted(chosen, key=lambda file: str(file.server)), lambda file: file.server):
        group = list(group)
        try:
            more = run_server(key, group, wanted, args.verbose)
        except servers.Failed as failure:
            print(f"FAILED {key}: {failure}")
            more = (0, sum(wanted(case) for file in group for case in file.cases))
        passed += more[0]
        failed += more[1]
    print(f"conformance: {passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(0 if passed and not failed else 1)


if __name__ == "__main__":
    main()
