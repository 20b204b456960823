#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Many names or many zones: how long they take to import and to load, how much memory, and how soon an edit is answered
while questions are. scale.py names|zones [N] [--edits N] [--flat N] [--rate N]. ISB_BIN names the directory of the programs
(default build/release)."""
import argparse
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("ISB_BIN", ROOT / "build/release")).resolve()
HEAD = "$TTL 300\n@ SOA ns h 1 2h 30m 2w 5m\n@ NS ns\nns A 192.0.2.1\n"
TICK = os.sysconf("SC_CLK_TCK")


def address(number):
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def names(directory, count):
    with open(directory / "big.zone", "w", encoding="ascii") as zone:
        zone.write(HEAD)
        zone.writelines(f"h{number} A {address(number)}\n" for number in range(count))
    (directory / "catalog.yaml").write_text("zones: {big.test: {file: big.zone}}\n")
    return "big.test", "h%u.big.test"


def zones(directory, count):
    text = (HEAD + "www A {}\n").replace("\n", "\\n")
    with open(directory / "catalog.yaml", "w", encoding="ascii") as catalog:
        catalog.write("zones:\n")
        catalog.writelines(f'  z{number}.test: {{text: "{text.format(address(number))}"}}\n' for number in range(count))
    return "z%u.test", "www.z%u.test"


def cli(what, store, *words):
    """Runs isobar; prints its times and its largest resident set."""
    start = time.monotonic()
    child = subprocess.Popen([str(word) for word in (BIN / "isobar", "--store", store, *words)], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    print(f"{what:36} {time.monotonic() - start:7.3f} s, {usage.ru_utime + usage.ru_stime:7.3f} s CPU, "
          f"{usage.ru_maxrss / 1024:6.0f} MiB", flush=True)
    if child.returncode:
        sys.exit(f"isobar {words[0]}: exit status {child.returncode}")


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        trial.bind(("127.0.0.1", 0))
        return trial.getsockname()[1]


def start(store, port, log):
    server = subprocess.Popen([BIN / "isobard", "--store", store, "--listen", f"127.0.0.1:{port}", "--workers", "1"],
                              stdout=log, stderr=log)
    while " started " not in pathlib.Path(log.name).read_text():
        if server.poll() is not None:
            sys.exit(f"isobard ended:\n{pathlib.Path(log.name).read_text()}")
        time.sleep(0.01)
    fields = pathlib.Path(f"/proc/{server.pid}/stat").read_text().rsplit(")", 1)[1].split()
    print(f"{'the server is ready':36} {(int(fields[11]) + int(fields[12])) / TICK:7.3f} s CPU", flush=True)
    return server


def memory(pid, before, count):
    status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    own, mapped = (int(status[name].split()[0]) * 1024 for name in ("RssAnon", "RssFile"))
    print(f"{'its memory':36} {own / 2**20:7.1f} MiB, {(own - before) / count:.1f} octets each; of files {mapped / 2**20:.1f} MiB",
          flush=True)
    return own


def empty_server(directory):
    """What a server takes that has next to nothing to serve."""
    store = directory / "empty"
    (directory / "one.yaml").write_text('zones: {one.test: {text: "' + HEAD.replace("\n", "\\n") + '"}}\n')
    cli("a store of one zone", store, "apply", "-f", directory / "one.yaml")
    with open(directory / "empty.log", "w") as log:
        server = start(store, free_port(), log)
    try:
        return memory(server.pid, 0, 1)
    finally:
        server.terminate()
        server.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("names", "zones"))
    parser.add_argument("count", nargs="?", type=int)
    parser.add_argument("--edits", type=int, default=2000, help="waited for one by one")
    parser.add_argument("--flat", type=int, default=0, help="more edits, every hundredth waited for, to see memory stay flat")
    parser.add_argument("--rate", type=int, default=20000, help="other questions per second")
    options = parser.parse_args()
    count = options.count or {"names": 1000000, "zones": 100000}[options.what]
    with tempfile.TemporaryDirectory(prefix="isobar-bench-") as name:
        directory = pathlib.Path(name)
        before = empty_server(directory)
        store, port = directory / "store", free_port()
        zone, owner = {"names": names, "zones": zones}[options.what](directory, count)
        cli(f"{count} {options.what} imported", store, "apply", "-f", directory / "catalog.yaml")
        with open(directory / "log", "w") as log:
            server = start(store, port, log)
        try:
            memory(server.pid, before, count)
            one = owner.replace("%u", "1")
            cli("one rrset set", store, "set", "rrset", one, "A", "60", "192.0.2.7")
            cli("the same again", store, "set", "rrset", one, "A", "60", "192.0.2.8")
            cli("a pool added", store, "add", "pool", "p", "endpoints={e: {address: 192.0.2.9}}")
            cli("a record added", store, "add", "record", f"{zone.replace('%u', '1')}/www", "types=[A]", "policy=p")
            cli("an endpoint drained", store, "drain", "p/e")
            bench = [BIN / "tests/bench-edits", "--store", store, "--port", port, "--server", server.pid, "--zone", zone, "--owner",
                     owner, "--count", count, "--rate", options.rate]
            runs = [["--edits", options.edits]]
            if options.flat:
                runs.append(["--edits", options.flat, "--burst", 100, "--seed", 2])
            for more in runs:
                subprocess.run([str(word) for word in bench + more], check=True)
            builds = [float(line.rsplit("build_ms=", 1)[1]) for line in (directory / "log").read_text().splitlines()
                      if "view-swapped" in line]
            print(f"builds, ms: of the objects and all {' '.join(f'{ms:.1f}' for ms in builds[:6])}; of the last edits "
                  f"{sum(builds[-100:]) / len(builds[-100:]):.2f} each")
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
