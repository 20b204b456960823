#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Many names or many zones: how long they take to import and to load, how much memory, and how soon an edit is answered
while questions are. Or many policies with fifty different geo maps over a made-up database of City size: the same, and how
long a changed rule takes. scale.py names|zones|policies [N] [--edits N] [--flat N] [--rate N]. ISB_BIN names the directory
of the programs (default build/release)."""
import argparse
import os
import pathlib
import random
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


REGIONS = {"seoul": (37.57, 126.98), "tokyo": (35.68, 139.69), "sydney": (-33.87, 151.21), "mumbai": (19.08, 72.88),
           "frankfurt": (50.11, 8.68), "london": (51.51, -0.13), "saopaulo": (-23.55, -46.63), "virginia": (38.95, -77.45),
           "oregon": (45.5, -122.6), "capetown": (-33.93, 18.42)}
COUNTRIES = "AR AT AU BE BR CA CH CL CN CO CZ DE DK EG ES FI FR GB GR HU ID IE IL IN IT JP KR MX MY NG NL NO NZ PE PH PK PL PT".split()
MAPS = 50


def rules(which, pools, seed=0):
    """One of fifty ways to part the world between the pools: by distance, by country, or by both and some networks."""
    rng = random.Random(which * 1000 + seed)
    some = rng.sample(list(zip(REGIONS, pools)), 3 + which % 4)
    if which % 5 == 0:
        return "order: nearest, of: [" + ", ".join(pool for _, pool in some) + "]"
    parts = [f"{{country: [{', '.join(rng.sample(COUNTRIES, 6))}], use: {pool}}}" for _, pool in some[1:]]
    if which % 5 == 1:
        parts.insert(0, f"{{nets: [{', '.join(f'{rng.randrange(1, 224)}.{rng.randrange(256)}.0.0/16' for _ in range(50))}], "
                        f"use: {some[0][1]}}}")
    return f"order: geo, rules: [{', '.join(parts)}, {{default: true, use: {some[0][1]}}}]"


def pools_of(group):
    return [f"{region}-{group}" for region in REGIONS]


def policies(directory, count):
    """Policy n parts the world in way n % 50 and leads to the pools of group n / 50."""
    text = ["regions:\n", *(f"  {name}: {{location: [{at[0]}, {at[1]}]}}\n" for name, at in REGIONS.items()), "pools:\n"]
    for group in range((count + MAPS - 1) // MAPS):
        for number, (region, pool) in enumerate(zip(REGIONS, pools_of(group))):
            text.append(f"  {pool}: {{endpoints: {{a: {{region: {region}, address: {address(group * 20 + number)}}}, "
                        f"b: {{region: {region}, address: {address(group * 20 + number + 10)}}}}}}}\n")
    text.append("policies:\n")
    text += [f"  way-{number}: {{{rules(number % MAPS, pools_of(number // MAPS))}}}\n" for number in range(count)]
    text.append(f'zones:\n  big.test:\n    text: "{HEAD}"\n    records:\n'.replace("\n@", "\\n@").replace("\nns", "\\nns")
                .replace('2.1\n"', '2.1\\n"'))
    text += [f"      h{number}: {{types: [A], policy: way-{number}}}\n" for number in range(count)]
    (directory / "catalog.yaml").write_text("".join(text))
    trivial = directory / "trivial.yaml"
    trivial.write_text("pools: {p: {endpoints: {a: {address: 192.0.2.1}}}}\n")
    subprocess.run([BIN / "tests/bench-compile", "--keep", directory / "world.mmdb", "--catalog", trivial], check=True,
                   stdout=subprocess.DEVNULL)
    return "big.test", "x%u.big.test"


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
    """Of UDP and of TCP."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind(("127.0.0.1", 0))
            try:
                tcp.bind(udp.getsockname())
            except OSError:
                continue
            return udp.getsockname()[1]


def start(store, port, log, *options):
    server = subprocess.Popen([BIN / "isobard", "--store", store, "--listen", f"127.0.0.1:{port}", "--workers", "1", *options],
                              stdout=log, stderr=log)
    while " started " not in pathlib.Path(log.name).read_text():
        if server.poll() is not None:
            sys.exit(f"isobard ended:\n{pathlib.Path(log.name).read_text()}")
        time.sleep(0.01)
    fields = pathlib.Path(f"/proc/{server.pid}/stat").read_text().rsplit(")", 1)[1].split()
    print(f"{'the server is ready':36} {(int(fields[11]) + int(fields[12])) / TICK:7.3f} s CPU", flush=True)
    return server


def settle(server):
    """Until the server has taken up all edits: no thread of it has run for a while."""
    def ticks():
        return pathlib.Path(f"/proc/{server.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    while True:
        before = ticks()
        time.sleep(1)
        if ticks() == before:
            return


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
    parser.add_argument("what", choices=("names", "zones", "policies"))
    parser.add_argument("count", nargs="?", type=int)
    parser.add_argument("--edits", type=int, default=2000, help="waited for one by one")
    parser.add_argument("--flat", type=int, default=0, help="more edits, every hundredth waited for, to see memory stay flat")
    parser.add_argument("--rate", type=int, default=20000, help="other questions per second")
    options = parser.parse_args()
    count = options.count or {"names": 1000000, "zones": 100000, "policies": 1000}[options.what]
    with tempfile.TemporaryDirectory(prefix="isobar-bench-") as name:
        directory = pathlib.Path(name)
        before = empty_server(directory)
        store, port = directory / "store", free_port()
        zone, owner = {"names": names, "zones": zones, "policies": policies}[options.what](directory, count)
        cli(f"{count} {options.what} imported", store, "apply", "-f", directory / "catalog.yaml")
        geo = ["--geo", directory / "world.mmdb"] if options.what == "policies" else []
        with open(directory / "log", "w") as log:
            server = start(store, port, log, *geo)
        try:
            memory(server.pid, before, count)
            one = owner.replace("%u", "1")
            cli("one rrset set", store, "set", "rrset", one, "A", "60", "192.0.2.7")
            cli("the same again", store, "set", "rrset", one, "A", "60", "192.0.2.8")
            cli("a pool added", store, "add", "pool", "p", "endpoints={e: {address: 192.0.2.9}}")
            cli("a record added", store, "add", "record", f"{zone.replace('%u', '1')}/www", "types=[A]", "policy=p")
            cli("an endpoint drained", store, "drain", "p/e")
            if options.what == "policies":
                word, rest = rules(7, pools_of(0), 1).split(", ", 1)
                cli("a rule changed", store, "set", "policy", "way-7", word.replace(": ", "="), rest.replace(": ", "=", 1))
                settle(server)
                memory(server.pid, before, count)
            bench = [BIN / "tests/bench-edits", "--store", store, "--port", port, "--server", server.pid, "--zone", zone, "--owner",
                     owner, "--count", count, "--rate", options.rate]
            runs = [["--edits", options.edits]]
            if options.flat:
                runs.append(["--edits", options.flat, "--burst", 100, "--seed", 2])
            for more in runs:
                subprocess.run([str(word) for word in bench + more], check=True)
            builds = [float(line.rsplit("build_ms=", 1)[1]) for line in (directory / "log").read_text().splitlines()
                      if "view-swapped" in line]
            print(f"builds, ms: of the first {' '.join(f'{ms:.1f}' for ms in builds[:7])}; of the last edits "
                  f"{sum(builds[-100:]) / len(builds[-100:]):.2f} each")
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
