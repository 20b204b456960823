#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Health that changes all the time: what it costs an answer, and how old the health in an answer is. One name in turn after
the other fails over or back, ten thousand a second, each a commit of its own: flips.py [--names N] [--flips N]
[--per-commit N] [--rounds N] [--seconds S]. ISB_BIN names the directory of the programs (default build/release)."""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile

from scale import BIN, cli, free_port, start


def catalog(directory, count):
    path = directory / "catalog.yaml"
    text = ["checks: {up: {type: tcp, port: 80}}\npools:\n"]
    for number in range(count):
        host = f"{number >> 8 & 255}.{number & 255}"
        text.append(f"  p{number:05}: {{check: up, endpoints: {{a: {{address: 10.1.{host}}}}}}}\n"
                    f"  q{number:05}: {{endpoints: {{a: {{address: 10.2.{host}}}}}}}\n")
    text.append("policies:\n")
    text += [f"  o{number:05}: [p{number:05}, q{number:05}]\n" for number in range(count)]
    text.append('zones:\n  flip.test:\n    text: "$TTL 60\\n@ SOA ns h 1 2h 30m 2w 5m\\n@ NS ns\\nns A 192.0.2.1\\n"\n    records:\n')
    text += [f"      h{number:05}: {{types: [A], policy: o{number:05}}}\n" for number in range(count)]
    path.write_text("".join(text))
    return path


def pin(pid, cpus):
    for task in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(task), cpus)


def measure(args, store, port, server, flips):
    words = ["--store", store, "--port", port, "--server", server, "--count", args.names, "--flips", flips,
             "--per-commit", args.per_commit, "--seconds", args.seconds]
    done = subprocess.run([str(word) for word in (BIN / "tests/bench-flips", *words)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", type=int, default=1000)
    parser.add_argument("--flips", type=int, default=10000, help="per second")
    parser.add_argument("--per-commit", type=int, default=1, help="a divisor of --names")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="isobar-bench-") as name:
        directory, port = pathlib.Path(name), free_port()
        store = directory / "store"
        cli(f"{args.names} names that fail over", store, "apply", "-f", catalog(directory, args.names))
        with open(directory / "isobard.log", "w", encoding="utf-8") as log:
            server = start(store, port, log, "--rrl", "off")
            try:
                cpus = sorted(os.sched_getaffinity(0))
                if len(cpus) > 1:
                    pin(server.pid, {cpus[0]})
                    os.sched_setaffinity(0, set(cpus[1:]))
                rounds = []
                for number in range(args.rounds):  # A B B A
                    order = (0, args.flips) if number % 2 == 0 else (args.flips, 0)
                    rounds.append({flips: measure(args, store, port, server.pid, flips) for flips in order})
            finally:
                server.terminate()
                server.wait()
    for flips in (0, args.flips):
        def median(what):
            return statistics.median(results[flips][what] for results in rounds)
        print(f"{median('flips_per_s'):7.0f} flips/s: {median('answers_per_s'):7.0f} answers/s, {median('server_cpu_us'):.3f} us CPU each; "
              f"too late {median('stale_percent'):.3f} %, by p50 {median('age_p50_us'):.0f}, p99 {median('age_p99_us'):.0f}, "
              f"worst {median('age_max_us'):.0f} us; by more than 1 ms {median('late_percent'):.4f} %")
    ratios = sorted(results[args.flips]["server_cpu_us"] / results[0]["server_cpu_us"] for results in rounds)
    print(f"an answer costs {statistics.median(ratios):.3f} as much ({ratios[0]:.3f} to {ratios[-1]:.3f})")


if __name__ == "__main__":
    main()
