#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How long it takes to import and to compile round trips, and how much memory: latency.py [NETWORKS] (default 1000000),
times five regions. ISB_BIN names the directory of the programs (default build/release); ISB_GEO a database to roll up by."""
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("ISB_BIN", ROOT / "build/release")).resolve()
REGIONS = {"seoul": (37.57, 126.98), "virginia": (38.95, -77.45), "frankfurt": (50.11, 8.68), "tokyo": (35.68, 139.69),
           "oregon": (45.5, -122.6)}
CATALOG = "regions:\n" + "".join(f"  {name}: {{location: [{at[0]}, {at[1]}]}}\n" for name, at in REGIONS.items())
CATALOG += "pools:\n" + "".join(
    f"  p-{name}: {{endpoints: {{e: {{region: {name}, address: 192.0.2.{n}}}}}}}\n" for n, name in enumerate(REGIONS, 1))
CATALOG += "policies: {fast: {order: latency, of: [" + ", ".join(f"p-{name}" for name in REGIONS) + "]}}\n"
CATALOG += """zones:
  example.com:
    text: |
      $TTL 3600
      @ SOA ns1 hostmaster 1 7200 1800 1209600 300
      @ NS ns1
      ns1 A 192.0.2.53
    records: {www: {types: [A], policy: fast}}
"""


def write_table(path, networks, extra=""):
    rng = random.Random(1)
    with open(path, "w") as out:
        for i in range(networks):
            a = 0x01000000 + (i << 8)
            for region in REGIONS:
                out.write(f"{a >> 24}.{a >> 16 & 255}.{a >> 8 & 255}.0/24,{region},{rng.uniform(2, 300):.3f}{extra}\n")


def measure(what, *words):
    """Runs isobar; prints its wall time and its largest resident set."""
    start = time.monotonic()
    child = subprocess.Popen([str(word) for word in (BIN / "isobar", *words)], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    print(f"{what:44} {time.monotonic() - start:6.1f} s {usage.ru_maxrss / 1024:7.0f} MiB")
    if child.returncode:
        sys.exit(f"isobar {words[2]}: exit status {child.returncode}")


def main():
    networks = int(sys.argv[1]) if len(sys.argv) > 1 else 1000000
    geo = ["--geo", os.environ["ISB_GEO"]] if os.environ.get("ISB_GEO") else []
    with tempfile.TemporaryDirectory(prefix="isobar-bench-") as name:
        store, table = pathlib.Path(name) / "store", pathlib.Path(name) / "rtt.csv"
        catalog = pathlib.Path(name) / "catalog.yaml"
        catalog.write_text(CATALOG)
        measure("an empty store", "--store", store, "apply", "-f", catalog)
        write_table(table, networks)
        measure(f"{networks} networks x 5 regions imported", "--store", store, "latency", "import", table)
        measure("the same again", "--store", store, "latency", "import", table)
        write_table(table, networks, ",3")
        measure("samples added to all of them", "--store", store, "latency", "import", table)
        measure("read, rolled up and compiled, one question", "--store", store, "explain", "www.example.com", "--client",
                "1.2.3.4", *geo)
        print(f"{'latency.mdb':44} {'':8} {(store / 'latency.mdb').stat().st_size / 2**20:7.0f} MiB")


if __name__ == "__main__":
    main()
