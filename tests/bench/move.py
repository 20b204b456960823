#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Time to move: from the moment an endpoint stops accepting to the first answer that leads elsewhere, and back again; and from
the commit of a health word to that answer while the server has all it can do. move.py [probe|commit] [--endpoints N]
[--rounds N] [--flips N]. ISB_BIN names the directory of the programs (default build/release)."""
import argparse
import json
import pathlib
import random
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time

from scale import BIN, HEAD, cli, free_port, start

CATALOG = """
checks: {{c: {{type: {type}{knobs}}}}}
pools:
  spare: {{endpoints: {{e: {{address: 192.0.2.1}}}}}}
{pools}
zones:
  move.test:
    text: "{head}"
    records:
{records}
"""
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
POLL_S = 0.01

# The check's knobs beside its defaults, and what they are: interval, fall, rise, retry, timeout in seconds.
SETTINGS = {
    "defaults": ("", {"interval": 5, "fall": 3, "rise": 2, "retry": 0.5, "timeout": 2}),
    "interval 200ms, fall 2": (", interval: 200ms, fall: 2", {"interval": 0.2, "fall": 2, "rise": 2, "retry": 0.5, "timeout": 2}),
}


def address(number):
    return f"127.0.{50 + (number >> 8)}.{1 + (number & 255)}"


class Target:
    """An endpoint that answers, refuses (`closed`), or accepts and says nothing (`silent`)."""

    def __init__(self, number, port):
        self.at, self.ways, self.listener = (address(number), port), None, None
        self.revive(None)

    def serve(self, listener):
        held = []  # silent: the connection stays, nothing comes
        try:
            while True:
                client, _ = listener.accept()
                if self.ways == "silent":
                    held.append(client)
                    continue
                held.clear()
                client.settimeout(1)
                try:
                    if client.recv(4096):
                        client.sendall(REPLY)
                except OSError:
                    pass  # a check that only connects
                client.close()
        except OSError:
            pass  # closed

    def die(self, ways):
        self.ways = ways
        if ways == "closed":
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None

    def revive(self, _):
        self.ways = None
        if not self.listener:
            self.listener = socket.create_server(self.at, backlog=128)
            threading.Thread(target=self.serve, args=(self.listener,), daemon=True).start()


class Poll:
    """Asks for names again and again, each every 10 ms, and says when one is answered with what is waited for."""

    def __init__(self, port):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setblocking(False)

    def ask(self, number):
        label = f"h{number}".encode()
        wire = number.to_bytes(2, "big") + bytes([0, 0, 0, 1, 0, 0, 0, 0, 0, 0, len(label)]) + label
        self.socket.send(wire + b"\4move\4test\0\0\1\0\1")

    def answers(self, until):
        while (left := until - time.monotonic()) > 0:
            if select.select([self.socket], [], [], left)[0]:
                reply = self.socket.recv(512)
                yield int.from_bytes(reply[:2], "big"), socket.inet_ntoa(reply[-4:])


def wait_for(poll, wanted, within):
    """wanted: {number: (address, since)}; since None: nothing was done yet. Returns seconds by number."""
    took, deadline = {}, time.monotonic() + within
    while len(took) < len(wanted):
        if time.monotonic() > deadline:
            sys.exit(f"move: {len(wanted) - len(took)} endpoints did not move within {within} s")
        for number in wanted.keys() - took.keys():
            poll.ask(number)
        for number, got in poll.answers(time.monotonic() + POLL_S):
            expected, since = wanted[number]
            if got == expected and since() and number not in took:
                took[number] = time.monotonic() - since()
    return took


def change_all(targets, poll, change, expected, spread, within):
    """Each endpoint at a random moment within `spread` seconds."""
    done, begun = {}, time.monotonic()
    moments = sorted((random.uniform(0, spread), number) for number in range(len(targets)))

    def work():
        for moment, number in moments:
            time.sleep(max(0, begun + moment - time.monotonic()))
            done[number] = time.monotonic()
            change(targets[number])

    thread = threading.Thread(target=work)
    thread.start()
    took = wait_for(poll, {number: (expected(number), lambda number=number: done.get(number)) for number in range(len(targets))}, within)
    thread.join()
    return list(took.values())


def spread_of(values, digits=2):
    values = sorted(values)
    at = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1}
    return "  ".join(f"{name} {values[min(len(values) - 1, int(len(values) * part))]:8.{digits}f}" for name, part in at.items())


def theory(knobs, ways, back):
    """The least and the most: somewhere in an interval, that a tenth may be added to, it begins; every check that fails by its
    timeout takes that long. After the first failure comes one retry, and then the interval again."""
    retry = min(knobs["retry"], knobs["interval"])
    waits = [0] + [knobs["interval"]] * (knobs["rise"] - 1) if back else \
        [0] + ([retry] + [knobs["interval"]] * (knobs["fall"] - 2) if knobs["fall"] > 1 else [])
    fails = 0 if back or ways == "closed" else knobs["timeout"] * len(waits)
    under_way = knobs["timeout"] if back and ways == "silent" else 0  # a check that began before
    return sum(waits) + fails, (knobs["interval"] + sum(waits)) * 1.1 + fails + under_way


def measure_probe(directory, name, ways, args):
    more, knobs = SETTINGS[name]
    store, port, target_port = directory / f"{name}-{ways}", free_port(), free_port()
    targets = [Target(number, target_port) for number in range(args.endpoints)]
    kind = "tcp" if ways == "closed" else "http"
    catalog = directory / "catalog.yaml"
    catalog.write_text(CATALOG.format(
        type=kind, knobs=f", port: {target_port}{more}", head=HEAD.replace("\n", "\\n"),
        pools="\n".join(f"  p{n}: {{check: c, endpoints: {{e: {{address: {address(n)}}}}}}}" for n in range(args.endpoints))
        + "\npolicies:\n" + "\n".join(f"  o{n}: [p{n}, spare]" for n in range(args.endpoints)),
        records="\n".join(f"      h{n}: {{types: [A], policy: o{n}}}" for n in range(args.endpoints))))
    subprocess.run([BIN / "isobar", "--store", store, "apply", "-f", catalog], check=True, stdout=subprocess.DEVNULL)
    running = []
    try:
        with open(directory / "log", "a", encoding="utf-8") as log:
            for words in (["isobar-probe", "--store", store, "--name", "p"],
                          ["isobard", "--store", store, "--listen", f"127.0.0.1:{port}", "--workers", "1", "--rrl", "off"]):
                running.append(subprocess.Popen([BIN / words[0], *words[1:]], stdout=log, stderr=log))
        poll, there, back = Poll(port), [], []
        status = [BIN / "isobar", "--store", store, "status", "-o", "json"]
        while any(row["verdict"] != "up" for row in json.loads(subprocess.run(status, check=True, capture_output=True).stdout)["endpoints"]
                  if not row["endpoint"].startswith("spare/")):
            time.sleep(0.2)
        within = 10 * sum(theory(knobs, ways, False))
        for _ in range(args.rounds):
            there += change_all(targets, poll, lambda t: t.die(ways), lambda _: "192.0.2.1", knobs["interval"], within)
            back += change_all(targets, poll, lambda t: t.revive(ways), address, knobs["interval"], within)
        for title, took, returns in (("away", there, False), ("back", back, True)):
            low, high = theory(knobs, ways, returns)
            print(f"{name + ', ' + ways + ', ' + title:40} {spread_of(took)} s   of {len(took)}; by the knobs {low:.1f} to {high:.1f}", flush=True)
    finally:
        for process in running:
            process.terminate()
            process.wait()
        for target in targets:
            if target.listener:
                target.die("closed")


def worker_of(pid):
    """The number of the thread that answers over UDP."""
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().startswith("udp-"):
            return task.name
    sys.exit("move: isobard has no thread udp-0")


def measure_commit(directory, args):
    store, port = directory / "commit", free_port()
    catalog = directory / "commit.yaml"
    catalog.write_text(CATALOG.format(type="tcp", knobs=", port: 80", head=HEAD.replace("\n", "\\n"),
                                      pools="  p0: {check: c, endpoints: {e: {address: 192.0.2.2}}}\npolicies: {o0: [p0, spare]}",
                                      records="      h0: {types: [A], policy: o0}"))
    cli("a store", store, "apply", "-f", catalog)
    with open(directory / "commit.log", "w", encoding="utf-8") as log:
        server = start(store, port, log, "--rrl", "off")
        try:
            said = subprocess.run([BIN / "tests/bench-move", "--store", store, "--port", str(port), "--endpoint", "p0/e", "--name",
                                   "h0.move.test", "--flips", str(args.flips), "--worker", worker_of(server.pid)],
                                  check=True, capture_output=True, text=True).stdout
        finally:
            server.terminate()
            server.wait()
    told = json.loads(said)
    print(f"at {told['answers_per_second']:.0f} answers a second, from commit to the first other answer:")
    for title, key in (("both on a CPU all the time", "calm_us"), ("one waited for a CPU meanwhile", "other_us")):
        if told[key]:
            print(f"  {title:38} {spread_of(told[key], 0)} us   of {len(told[key])}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="?", choices=("probe", "commit"))
    parser.add_argument("--endpoints", type=int, default=24, help="that move at random moments beside each other; more silent ones than "
                        "the 32 checks that a probe has under way at once would wait for each other")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--flips", type=int, default=3000)
    args = parser.parse_args()
    random.seed(1)
    with tempfile.TemporaryDirectory(prefix="isobar-bench-") as name:
        directory = pathlib.Path(name)
        if args.what != "probe":
            measure_commit(directory, args)
        for setting in SETTINGS if args.what != "commit" else ():
            for ways in ("closed", "silent"):
                measure_probe(directory, setting, ways, args)


if __name__ == "__main__":
    main()
