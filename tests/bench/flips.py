#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Health that changes all the time: what it costs an answer, and how old the health in an answer is. One name in turn after
the other fails over or back, ten thousand a second, each a commit of its own; in turns with rounds in which the same is
committed to a store that nobody reads, so that the machine has as much to do. flips.py [--names N] [--flips N]
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


def measure(args, store, port, server, elsewhere):
    words = ["--store", store, "--port", port, "--server", server, "--count", args.names, "--flips", args.flips,
             "--per-commit", args.per_commit, "--seconds", args.seconds, *elsewhere]
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
        store, other = directory / "store", directory / "other"
        for each in store, other:
            cli(f"{args.names} names that fail over", each, "apply", "-f", catalog(directory, args.names))
        here, there = (), ("--elsewhere", other)
        with open(directory / "isobard.log", "w", encoding="utf-8") as log:
            server = start(store, port, log, "--rrl", "off")
            try:
                cpus = sorted(os.sched_getaffinity(0))
                if len(cpus) > 1:
                    pin(server.pid, {cpus[0]})
                    os.sched_setaffinity(0, set(cpus[1:]))
                rounds = []
                for number in range(args.rounds):  # A B B A
                    order = (there, here) if number % 2 == 0 else (here, there)
                    rounds.append({where: measure(args, store, port, server.pid, where) for where in order})
            finally:
                server.terminate()
                server.wait()
    for where, title in (there, "elsewhere"), (here, "in its store"):
        def median(what):
            return statistics.median(results[where][what] for results in rounds)
        print(f"{median('flips_per_s'):.0f} flips/s {title}: {median('answers_per_s'):7.0f} answers/s, {median('server_cpu_us'):.3f} us CPU each; "
              f"too late {median('stale_percent'):.3f} %, by p50 {median('age_p50_us'):.0f}, p99 {median('age_p99_us'):.0f}, "
              f"worst {median('age_max_us'):.0f} us; by more than 1 ms {median('late_percent'):.4f} %")
    ratios = sorted(results[here]["server_cpu_us"] / results[there]["server_cpu_us"] for results in rounds)
    print(f"an answer costs {statistics.median(ratios):.3f} as much ({ratios[0]:.3f} to {ratios[-1]:.3f})")


if __name__ == "__main__":
    main()
