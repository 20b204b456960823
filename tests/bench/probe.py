#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How many checks one isobar-probe on one core carries. Targets are loopback addresses behind one nginx (its own core); for
some minutes at full size the probe's log gives the distributions of how late checks began and of what they measured.

    probe.py [https-kept] [https-fresh] [tcp] [--count N] [--interval S] [--warm S] [--seconds S] [--probe-core N] [--target-core N]

ISB_BIN names the directory of the programs (default build/release)."""
import argparse
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("ISB_BIN", ROOT / "build/release")).resolve()
TICK = os.sysconf("SC_CLK_TCK")
POOL = 1000
KINDS = {"https-kept": 20000, "https-fresh": 5000, "tcp": 50000}
CHECKED = re.compile(rb"outcome=(\S+) connect_us=(\d+) total_us=(\d+)(?: soft=\d+)? late_ms=(\d+)")

NGINX = """daemon off; master_process off; pid {dir}/pid; lock_file {dir}/lock; error_log stderr error;
worker_rlimit_nofile 131072;
events {{ worker_connections 60000; }}
http {{ access_log off; keepalive_timeout 120s; keepalive_requests 1000000; ssl_session_tickets off;
client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
server {{ listen 0.0.0.0:{port} backlog=8192; listen 0.0.0.0:{secure} ssl backlog=8192; ssl_certificate {dir}/cert.pem;
ssl_certificate_key {dir}/key.pem; ssl_buffer_size 4k; default_type text/plain;
location / {{ return 200 "healthy\\n"; }} }} }}
"""


def free_port():
    with socket.socket() as trial:
        trial.bind(("0.0.0.0", 0))
        return trial.getsockname()[1]


def pinned(core):
    def pin():
        os.sched_setaffinity(0, {core})
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return pin


def cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def waited_s(pid):
    """Ready to run, and the core was busy with others: what the machine adds to every figure below."""
    return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def memory_kb(pid, key):
    return int(re.search(rf"{key}:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


def catalog(kind, count, interval, port, directory):
    check = f"type: {kind.partition('-')[0]}, port: {port}, interval: {interval}s, timeout: 2s"
    if kind != "tcp":
        check += f", host: www.example.com, path: /health, expect: {{status: 200, body: healthy}}, ca_file: {directory}/cert.pem"
    if kind == "https-kept":
        check += ", keep_alive: true"
    yield f"checks: {{web: {{{check}}}}}\npools:\n"
    for pool in range((count + POOL - 1) // POOL):
        yield f"  p{pool}:\n    check: web\n    endpoints:\n"
        for i in range(pool * POOL, min(count, (pool + 1) * POOL)):
            number = i + 256 + i // 250  # 127.0.1.0 and on
            yield f"      e{i}: {{address: 127.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}}}\n"


def distribution(name, values, unit):
    values.sort()
    at = [values[min(len(values) - 1, int(len(values) * share))] for share in (0.5, 0.9, 0.99, 0.999)]
    print(f"  {name:<22} p50 {at[0]:>7} p90 {at[1]:>7} p99 {at[2]:>7} p99.9 {at[3]:>7} max {values[-1]:>7} {unit}", flush=True)


def read_log(path, offset):
    with open(path, "rb") as log:
        log.seek(offset)
        return log.read()


def warm_up(log, count, most_s):
    """Until every endpoint was checked three times: connections are made, and what came of the start is over."""
    seen, offset, deadline = 0, 0, time.monotonic() + most_s
    while seen < 3 * count and time.monotonic() < deadline:
        time.sleep(1)
        lines = read_log(log, offset)
        offset += len(lines)
        seen += lines.count(b" late_ms=")
    if seen < 3 * count:
        print(f"  not settled after {most_s} s: {seen} checks", flush=True)


def measure(kind, probe, log, args, count):
    warm_up(log, count, args.warm)
    offset, cpu, waited, began = log.stat().st_size, cpu_s(probe.pid), waited_s(probe.pid), time.monotonic()
    time.sleep(args.seconds)
    lasted, cpu = time.monotonic() - began, cpu_s(probe.pid) - cpu
    waited = waited_s(probe.pid) - waited
    lines = read_log(log, offset)
    found = CHECKED.findall(lines)
    failed = sorted({(outcome.decode(), sum(f[0] == outcome for f in found)) for outcome, *_ in found if outcome != b"ok"})
    resident = memory_kb(probe.pid, "VmRSS")
    print(f"{kind}: {count} checks every {args.interval} s", flush=True)
    print(f"  {len(found) / lasted:.0f} checks/s of {count / args.interval / 1.05:.0f} due, failed: {failed or 'none'}")
    for line in [line for line in lines.splitlines() if b" late_ms=" in line and b"outcome=ok" not in line][:3]:
        print("   ", line.decode())
    print(f"  CPU {100 * cpu / lasted:.0f} % of a core (and waited for it {100 * waited / lasted:.0f} %), {1e6 * cpu / max(1, len(found)):.0f} us per check")
    print(f"  memory {resident / 1024:.0f} MB, {resident / count:.1f} kB per check, at most {memory_kb(probe.pid, 'VmHWM') / 1024:.0f} MB")
    if found:
        distribution("begun late by", [int(f[3]) for f in found], "ms")
        distribution("whole check", [int(f[2]) for f in found], "us")
        distribution("round trip", [int(f[1]) for f in found], "us")


def run(kind, args, directory):
    count = args.count or KINDS[kind]
    plain, secure = free_port(), free_port()
    (directory / "nginx.conf").write_text(NGINX.format(dir=directory, port=plain, secure=secure))
    (directory / "catalog.yaml").write_text("".join(
        catalog(kind, count, args.interval, plain if kind == "tcp" else secure, directory)))
    store, log = directory / f"store-{kind}", directory / f"{kind}.log"
    os.environ["ISOBAR_STORE"] = str(store)
    target = subprocess.Popen(["/usr/sbin/nginx", "-e", "stderr", "-p", directory, "-c", directory / "nginx.conf"],
                              preexec_fn=pinned(args.target_core), stderr=open(directory / "nginx.log", "wb"))
    subprocess.run([BIN / "isobar", "apply", "-f", directory / "catalog.yaml"], check=True, stdout=subprocess.DEVNULL)
    probe = subprocess.Popen([BIN / "isobar-probe", "--name", "bench", "--log-level", "debug"], stderr=open(log, "wb"),
                             stdout=subprocess.DEVNULL, preexec_fn=pinned(args.probe_core))
    try:
        measure(kind, probe, log, args, count)
    finally:
        for process in (probe, target):
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("kinds", nargs="*", choices=[[], *KINDS], default=[])
    p.add_argument("--count", type=int)
    p.add_argument("--interval", type=int, default=10)
    p.add_argument("--warm", type=int, default=300, help="seconds at most until it is settled")
    p.add_argument("--seconds", type=int, default=30)
    p.add_argument("--probe-core", type=int, default=0)
    p.add_argument("--target-core", type=int, default=1)
    args = p.parse_args()
    with tempfile.TemporaryDirectory(prefix="isobar-bench-") as name:
        directory = pathlib.Path(name)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                        "-subj", "/CN=www.example.com", "-addext", "subjectAltName=DNS:www.example.com",
                        "-keyout", directory / "key.pem", "-out", directory / "cert.pem"], check=True, capture_output=True)
        for kind in args.kinds or KINDS:
            run(kind, args, directory)


main()
