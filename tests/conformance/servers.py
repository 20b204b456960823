# SPDX-License-Identifier: Apache-2.0
"""Name servers on loopback, each in a directory of its own, stopped by their number: isobard, and Debian's NSD and Knot
to compare it with."""
import pathlib
import socket
import subprocess
import sys

import wire

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from harness import BIN, Process, free_port, until  # noqa: E402

ADDRESS = "127.0.0.1"
ZONES = pathlib.Path(__file__).resolve().parent / "zones"


class Failed(Exception):
    """A server does not come up."""


class Server:
    """`zones` maps names (with their final dot) to files."""

    program = None

    def __init__(self, directory, zones, options=()):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir()
        self.zones, self.options = zones, options
        self.port = free_port(ADDRESS)
        self.process = None

    def start(self):
        self.process = Process(self.directory / "log", *self.command())
        try:
            until(self.ready, 30, f"{self.program} serves {len(self.zones)} zones")
        except AssertionError as late:
            self.stop()
            raise Failed(f"{late}\n{self.process.said()[-4000:]}") from None
        return self

    def ready(self):
        if not self.process.running():
            raise Failed(f"{self.program} ended:\n{self.process.said()[-4000:]}")
        return all(self.serves(name) for name in self.zones)

    def serves(self, name):
        query = wire.write_query(1, wire.name(name), wire.SOA)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.5)
            client.connect((ADDRESS, self.port))
            try:
                client.send(query)
                reply = client.recv(65535)
            except OSError:
                return False
        return reply[3] & 15 == 0 and bool(reply[2] & 4)

    def running(self):
        return self.process.running()

    def stop(self):
        """Returns the exit status."""
        return self.process.stop() if self.process else 0


class Isobar(Server):
    """From the catalog through the CLI, as an operator would. `catalog`: the text of one, in place of `zones`."""

    program = "isobard"

    def __init__(self, directory, zones, options=(), catalog=None):
        super().__init__(directory, zones, options)
        self.store = self.directory / "store"
        text = catalog or "zones:\n" + "".join(
            f"  {name.rstrip('.') or '.'!r}: {{file: {str(file)!r}}}\n" for name, file in zones.items()
        )
        (self.directory / "catalog.yaml").write_text(text)

    def apply(self):
        done = subprocess.run(
            [BIN / "isobar", "--store", self.store, "apply", "-f", self.directory / "catalog.yaml"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        if done.returncode != 0:
            raise Failed(f"isobar apply refuses the zones:\n{done.stdout}")

    def start(self):
        self.apply()
        return super().start()

    def stop(self):
        status = super().stop()
        if status:
            raise Failed(f"isobard ends with {status}:\n{self.process.said()[-4000:]}")

    def command(self):
        listen = f"{ADDRESS}:{self.port}"
        options = [ZONES.parent / word if word.startswith("zones/") else word for word in self.options]
        return [BIN / "isobard", "--store", self.store, "--listen", listen, "--workers", "1", *options]


class Nsd(Server):
    program = "nsd"

    def command(self):
        d = self.directory
        zones = "".join(f'zone:\n  name: "{name}"\n  zonefile: "{file}"\n' for name, file in self.zones.items())
        (d / "nsd.conf").write_text(f"""
server:
  ip-address: {ADDRESS}@{self.port}
  server-count: 1
  username: ""
  chroot: ""
  zonesdir: "{d}"
  pidfile: "{d}/pid"
  xfrdfile: "{d}/xfrd.state"
  xfrdir: "{d}"
  zonelistfile: "{d}/zone.list"
  rrl-ratelimit: 0
  ipv4-edns-size: 1232
  tcp-count: 100
remote-control:
  control-enable: no
{zones}""")
        return ["nsd", "-d", "-c", d / "nsd.conf"]


class Knot(Server):
    program = "knotd"

    def command(self):
        d = self.directory
        zones = "".join(f'  - domain: "{name}"\n    file: "{file}"\n' for name, file in self.zones.items())
        (d / "knot.conf").write_text(f"""
server:
  rundir: "{d}"
  listen: {ADDRESS}@{self.port}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
  udp-max-payload: 1232
database:
  storage: "{d}/db"
log:
  - target: stderr
    any: warning
template:
  - id: default
    semantic-checks: off
    journal-content: none
    zonefile-load: whole
    zonefile-sync: -1
zone:
{zones}""")
        (d / "db").mkdir()
        return ["knotd", "-c", d / "knot.conf"]
