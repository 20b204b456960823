# SPDX-License-Identifier: Apache-2.0
"""The Debian packages: built, looked into, and installed into a fresh root, where what their units start answers.

The fresh root is this machine's own file system under an overlay, in namespaces of its own: what is installed is gone with
it, port 53 is free, and nothing is fetched. There is no systemd in it: a unit's command is run as the unit's user with the
unit's capabilities, and told at a socket when it is ready, as systemd does.
"""
import json
import os
import pathlib
import re
import shlex
import signal
import socket
import stat
import subprocess
import tempfile
import time
import unittest

from harness import BIN, ROOT, in_the_child, until

PROGRAMS = {"isobar": "/usr/bin/isobar", "isobard": "/usr/sbin/isobard", "isobar-probe": "/usr/sbin/isobar-probe"}
if (ROOT / "control/main.c").exists():
    PROGRAMS["isobar-control"] = "/usr/bin/isobar-control"  # beside isobar, which it starts
DAEMONS = set(PROGRAMS) - {"isobar"}
NAMES = {"isobar-common", *PROGRAMS}
SETUP = r"""
set -eu
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
for dir in tmp run srv; do mount -t tmpfs -o mode=755 tmpfs /mnt/root/$dir; done
chmod 1777 /mnt/root/tmp
mount -t proc proc /mnt/root/proc
mount --rbind /dev /mnt/root/dev
cp "$@" /mnt/root/srv/
ip link set lo up
echo ready
exec chroot /mnt/root sleep infinity
"""
CATALOG = """
regions: {here: {location: [0, 0]}}
checks:
  port: {type: tcp, port: 53, interval: 200ms, timeout: 1s}
  ping: {type: icmp, interval: 200ms, timeout: 1s}
  look: {type: script, command: [look], interval: 1s, timeout: 5s}
pools:
  port: {check: port, endpoints: {e: {region: here, address: 127.0.0.1}}}
  ping: {check: ping, endpoints: {e: {region: here, address: 127.0.0.1}}}
  look: {check: look, endpoints: {e: {region: here, address: 127.0.0.1}}}
policies:
  www: [port, ping, look]
zones:
  example.com:
    text: |
      @ 3600 SOA ns1 hostmaster 1 7200 1800 1209600 300
      @ 3600 NS ns1
      ns1 3600 A 127.0.0.1
    records:
      www: {types: [A], ttl: 30s, policy: www}
"""
LOOK = """#!/bin/sh
grep -q '^CapPrm:.*0000000000000000$' /proc/self/status || exit 3
grep -q '^NoNewPrivs:.*1$' /proc/self/status || exit 4
"""


def output(*words):
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True).stdout


def build():
    """Their paths by name. What another run has built already takes a moment only."""
    done = subprocess.run([ROOT / "tools/package"], capture_output=True, text=True, timeout=900, check=False)
    if done.returncode != 0:
        raise AssertionError(f"tools/package: exit status {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    packages = {path.name.partition("_")[0]: path for path in map(pathlib.Path, done.stdout.splitlines()[-len(NAMES):])}
    return {name: ROOT / path for name, path in packages.items()}


class Contents(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.packages = build()

    def fields(self, name):
        return dict(line.split(": ", 1) for line in output("dpkg-deb", "-f", self.packages[name]).splitlines() if ": " in line)

    def files(self, name):
        """Mode and owner by path."""
        lines = (line.split() for line in output("dpkg-deb", "-c", self.packages[name]).splitlines())
        return {line[5][1:]: (line[0], line[1]) for line in lines if not line[5].endswith("/")}

    def test_they_need_each_other_in_the_same_version(self):
        self.assertEqual(set(self.packages), NAMES)
        version = self.fields("isobard")["Version"]
        self.assertIn(f"isobar (= {version})", self.fields("isobard")["Depends"])
        for name in NAMES - {"isobar-common"}:
            fields = self.fields(name)
            self.assertIn(f"isobar-common (= {version})", fields["Depends"])
            self.assertIn("liblmdb0", fields["Depends"])
            self.assertNotIn("Multi-Arch", fields)
        self.assertEqual(self.fields("isobar-common")["Architecture"], "all")

    def test_files_are_roots_and_stand_where_debian_has_them(self):
        for name in NAMES:
            files = self.files(name)
            for path, (mode, owner) in files.items():
                self.assertEqual(owner, "root/root", path)
                self.assertIn(mode, ("-rw-r--r--", "-rwxr-xr-x"), path)
                self.assertRegex(path, "^/(usr/(bin|sbin|lib|share)|etc/isobar)/")
            self.assertIn(f"/usr/share/doc/{name}/copyright", files)
            self.assertIn(f"/usr/share/doc/{name}/changelog.Debian.gz", files)
        for name, path in PROGRAMS.items():
            self.assertEqual(self.files(name)[path][0], "-rwxr-xr-x")
        for name in DAEMONS:
            self.assertIn(f"/usr/lib/systemd/system/{name}.service", self.files(name))
            self.assertEqual(output("dpkg-deb", "-I", self.packages[name], "conffiles"), f"/etc/isobar/{name}.yaml\n")

    def test_programs_are_hardened(self):
        for name, path in PROGRAMS.items():
            tar = subprocess.run(["dpkg-deb", "--fsys-tarfile", self.packages[name]], check=True, capture_output=True).stdout
            program = subprocess.run(["tar", "-xO", f".{path}"], input=tar, check=True, capture_output=True).stdout
            with tempfile.NamedTemporaryFile() as file:
                file.write(program)
                file.flush()
                said = output("readelf", "-hdlsW", file.name)
            self.assertRegex(said, r"Type: +DYN")
            self.assertIn("GNU_RELRO", said)
            self.assertRegex(said, r"FLAGS.*BIND_NOW")
            self.assertRegex(said, r"GNU_STACK.* RW ")
            self.assertIn("__stack_chk_fail", said)
            self.assertRegex(said, r"__\w+_chk@")
            self.assertNotRegex(said, "RPATH|RUNPATH")
            self.assertNotIn(str(ROOT).encode(), program)

    def test_the_same_tree_gives_the_same_octets(self):
        before = {name: path.read_bytes() for name, path in self.packages.items()}
        until(lambda: time.time() > self.packages["isobard"].stat().st_mtime + 1, 5, "another second")
        self.assertEqual({name: path.read_bytes() for name, path in build().items()}, before)

    def test_lintian_finds_nothing(self):
        waived = "initial-upload-closes-no-bugs,no-manual-page"
        said = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", "--suppress-tags", waived,
                               *self.packages.values()], capture_output=True, text=True, check=False)
        self.assertEqual((said.returncode, said.stdout), (0, ""))


class RunTime(unittest.TestCase):
    """tools/packages.txt lists, program by program, what it needs where it was not built; images are made of that."""

    def test_the_list_holds_every_library_that_a_program_is_linked_with(self):
        for program in PROGRAMS:
            said = subprocess.run(["readelf", "-d", BIN / program], capture_output=True, text=True, check=True).stdout
            listed = (ROOT / "tools/packages.txt").read_text().split(f"[run-{program}]\n")[1].split("\n\n")[0].split()
            for library in re.findall(r"\(NEEDED\).*\[(.*)\]", said):
                if not library.startswith(("libc.", "libm.")):  # Debian has these before anything else
                    self.assertTrue(self.packages_of(library) & set(listed), f"{program} needs {library}")

    @staticmethod
    def packages_of(library):
        said = subprocess.run(["dpkg-query", "-S", f"*/{library}*"], capture_output=True, text=True, check=True).stdout
        return {line.split(":")[0] for line in said.splitlines()}


class Machine:
    """This machine's file system under an overlay, with processes, network and port 53 of its own."""

    def __init__(self, *files):
        self.holder = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--net", "--uts", "--fork", "--kill-child=KILL", "sh", "-c", SETUP, "sh", *map(str, files)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=in_the_child)
        said = self.holder.stdout.readline()
        if said != "ready\n":
            raise AssertionError(f"no namespaces: {said}{self.holder.stdout.read()}")
        self.first = int(pathlib.Path(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children").read_text().split()[0])
        self.root = pathlib.Path(f"/proc/{self.first}/root")
        until(lambda: (self.root / "srv").exists() and not (self.root / "mnt/upper").exists(), 5, "its root is another")
        self.processes = []

    def done(self):
        for process in self.processes:
            process.stop()
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()

    def words(self, *words):
        return ["nsenter", "-t", str(self.first), "--mount", "--pid", "--net", "--uts", "--root", "--wd=/",
                "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", *map(str, words)]

    def run(self, *words, ok=True):
        """What it said; ok: it must succeed (or fail, when False)."""
        done = subprocess.run(self.words(*words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=60, check=False)
        if (done.returncode == 0) != ok:
            raise AssertionError(f"{shlex.join(map(str, words))}: exit status {done.returncode}\n{done.stdout}")
        return done.stdout

    def as_user(self, user, *words, ok=True):
        return self.run("setpriv", "--reuid", user, "--regid", user, "--init-groups", *words, ok=ok)

    def start(self, *words):
        process = Service(self, words)
        self.processes.append(process)
        return process

    def start_unit(self, name):
        """What systemd would start, as it would."""
        unit = (self.root / f"usr/lib/systemd/system/{name}.service").read_text()
        settings = dict(line.split("=", 1) for line in unit.splitlines() if "=" in line and line[0] != "#")
        capability = settings["AmbientCapabilities"].removeprefix("CAP_").lower()
        sets = (f"--{kind}=-all,+{capability}" for kind in ("bounding-set", "inh-caps", "ambient-caps"))
        self_words = ("setpriv", "--reuid", settings["User"], "--regid", settings["User"], "--init-groups", "--no-new-privs", *sets)
        return self.start(*self_words, *shlex.split(settings["ExecStart"]))

    def dig(self, *words):
        return self.run("dig", "@127.0.0.1", "+tries=1", "+timeout=2", *words)


class Service:
    """A program in the machine, whose notes to the service manager are kept."""

    def __init__(self, machine, words):
        self.machine, self.notes = machine, []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        inside = f"/run/notify.{len(machine.processes)}"
        self.socket.bind(str(machine.root) + inside)
        os.chmod(str(machine.root) + inside, 0o777)
        self.log = open(str(machine.root) + inside + ".log", "w+b")
        self.child = subprocess.Popen(machine.words("env", f"NOTIFY_SOCKET={inside}", *words), stdin=subprocess.DEVNULL,
                                      stdout=self.log, stderr=subprocess.STDOUT, preexec_fn=in_the_child)

    def said(self):
        return pathlib.Path(f"/proc/self/fd/{self.log.fileno()}").read_text(errors="replace")

    def take_notes(self):
        try:
            while True:
                self.notes.append(self.socket.recv(4096, socket.MSG_DONTWAIT).decode())
        except BlockingIOError:
            pass

    def told(self, note):
        self.take_notes()
        if self.child.poll() is not None:
            raise AssertionError(f"ended with {self.child.returncode}:\n{self.said()}")
        return note in self.notes

    def ready(self):
        until(lambda: self.told("READY=1"), 20, "it tells that it is ready")
        return self

    def pid(self):
        """Its number out here: nsenter stays behind as its parent, for it forks into the namespace."""
        return int(pathlib.Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children").read_text().split()[0])

    def status(self):
        """Of the process, by the kernel."""
        return dict(re.findall(r"^(\w+):\s*(.*?)\s*$", pathlib.Path(f"/proc/{self.pid()}/status").read_text(), re.MULTILINE))

    def stop(self):
        if self.log.closed:
            return self.child.returncode
        if self.child.poll() is None:
            os.kill(self.pid(), signal.SIGTERM)
        try:
            return self.child.wait(20)
        finally:
            self.take_notes()
            self.socket.close()
            self.log.close()


def may(file):
    """Mode, user and group, as ls has them."""
    return stat.filemode(file.stat().st_mode), file.stat().st_uid, file.stat().st_gid


@unittest.skipIf(os.getuid() != 0, "only root can make namespaces and install packages")
class FreshMachine(unittest.TestCase):
    def setUp(self):
        self.machine = Machine(*build().values())
        self.addCleanup(self.machine.done)

    def install(self, *names):
        """All of them, or these."""
        files = [f"/srv/{path.name}" for path in (self.machine.root / "srv").glob("*.deb")
                 if not names or path.name.partition("_")[0] in names]
        return self.machine.run("dpkg", "--force-unsafe-io", "-i", *files)

    def users(self):
        lines = (line.split(":") for line in (self.machine.root / "etc/passwd").read_text().splitlines())
        return {line[0]: int(line[2]) for line in lines}

    def groups(self):
        lines = (line.split(":") for line in (self.machine.root / "etc/group").read_text().splitlines())
        return {line[0]: (int(line[2]), line[3]) for line in lines}

    def add(self, name, *groups):
        self.machine.run("useradd", "--no-create-home", "-G", ",".join(groups), name)

    def apply(self, user):
        (self.machine.root / "srv/catalog.yaml").write_text(CATALOG)
        return self.machine.as_user(user, "isobar", "apply", "-f", "/srv/catalog.yaml")

    def answers(self):
        return self.machine.dig("www.example.com", "+short") == "127.0.0.1\n"

    def traces(self):
        return self.machine.run("find", "/etc", "/usr", "/var", "/run", "-xdev", "-iname", "*isobar*").splitlines()

    def verdicts(self):
        """By pool, each of which has one endpoint."""
        rows = json.loads(self.machine.run("isobar", "status", "-o", "json"))["endpoints"]
        return {row["endpoint"].removesuffix("/e"): row["verdict"] for row in rows}

    def test_it_answers_empty_and_safe_and_then_with_what_an_operator_applies(self):
        before = self.traces()
        self.install()
        server = self.machine.start_unit("isobard").ready()
        self.assertIn("status: REFUSED", self.machine.dig("www.example.com"))
        self.assertIn("status: REFUSED", self.machine.run("dig", "@::1", "+tries=1", "+tcp", "www.example.com"))
        listening = set(re.findall(r"(\S+):53 ", self.machine.run("ss", "-Hlntu")))
        self.assertEqual(listening, {"127.0.0.1", "[::1]"})
        status = server.status()
        self.assertEqual(set(status["Uid"].split()), {str(self.users()["isobard"])})
        self.assertEqual(status["CapPrm"], "0000000000000400")  # CAP_NET_BIND_SERVICE

        self.add("alice", "isobar", "isobar-admin")
        self.assertIn("generation 1", self.apply("alice"))
        until(self.answers, 10, "the operator's catalog answers")
        probe = self.machine.start_unit("isobar-probe").ready()
        until(lambda: self.verdicts() == {"port": "up", "ping": "up", "look": "unknown"}, 20, "checks see what is up")
        self.assertEqual((server.stop(), probe.stop()), (0, 0))
        self.assertEqual(server.notes[-1], "STOPPING=1")

        self.install()  # the same again, as an upgrade: the catalog stays
        self.machine.run("dpkg", "-r", *NAMES)
        self.install()
        self.machine.start_unit("isobard").ready()
        self.assertTrue(self.answers())
        self.assertIn("cannot listen on 127.0.0.1:53: Address already in use", self.machine.run("isobard", "--user", "isobard", ok=False))

        self.machine.run("dpkg", "-P", *NAMES)
        self.assertEqual(set(self.traces()), set(before))
        self.assertIn("isobard", self.users())  # as Debian has it: files elsewhere may be theirs

    def test_who_may_what_in_the_store(self):
        self.install()
        users, groups = self.users(), self.groups()
        store = self.machine.root / "var/lib/isobar"
        isobar, admin = groups["isobar"][0], groups["isobar-admin"][0]
        self.assertEqual(set(groups["isobar"][1].split(",")), {"isobard", "isobar-probe"})
        self.assertEqual(may(store), ("drwxr-s---", 0, isobar))
        self.assertEqual(may(store / "catalog.mdb"), ("-rw-rw-r--", users["isobar"], admin))
        self.assertEqual(may(store / "health.mdb"), ("-rw-r--r--", users["isobar-probe"], isobar))
        self.assertEqual(may(store / "latency.mdb"), ("-rw-rw-r--", users["isobar-probe"], admin))
        for file in store.glob("*-lock"):
            self.assertEqual(may(file), ("-rw-rw----", 0, isobar))
        self.assertEqual(may(self.machine.root / "run/isobar"), ("drwxrws--T", 0, isobar))

        self.add("alice", "isobar", "isobar-admin")
        self.add("bob", "isobar")
        self.add("eve")
        self.apply("alice")
        self.assertIn("generation 1;", self.machine.as_user("bob", "isobar", "status"))
        for user in "bob", "isobard", "isobar-probe":
            said = self.machine.as_user(user, "isobar", "drain", "port/e", ok=False)
            self.assertIn("cannot open '/var/lib/isobar/catalog.mdb' for writing: permission denied; "
                          "become a member of group 'isobar-admin'", said)
            self.machine.as_user(user, "sh", "-c", ">>/var/lib/isobar/catalog.mdb", ok=False)
            self.machine.as_user(user, "rm", "-f", "/var/lib/isobar/catalog.mdb", ok=False)
        self.assertIn("permission denied; become a member of group 'isobar'", self.machine.as_user("eve", "isobar", "status", ok=False))
        self.machine.as_user("isobard", "sh", "-c", ">>/var/lib/isobar/health.mdb", ok=False)
        self.machine.as_user("alice", "isobar", "drain", "port/e")

    def test_without_systemd_root_is_given_up(self):
        self.install()
        (self.machine.root / "srv/scripts").mkdir()
        look = self.machine.root / "srv/scripts/look"
        look.write_text(LOOK)
        look.chmod(0o755)
        (self.machine.root / "srv/scripts").chmod(0o755)
        self.add("alice", "isobar", "isobar-admin")
        self.apply("alice")
        server = self.machine.start("isobard", "--user", "isobard:isobar", "--nsid", "here").ready()
        probe = self.machine.start("isobar-probe", "--user", "isobar-probe", "--scripts", "/srv/scripts").ready()
        for service, user, group, kept in ((server, "isobard", "isobar", 0x400), (probe, "isobar-probe", "isobar-probe", 0x2000)):
            status = service.status()
            self.assertEqual(status["Uid"].split(), 4 * [str(self.users()[user])])
            self.assertEqual(status["Gid"].split(), 4 * [str(self.groups()[group][0])])
            for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                self.assertEqual(int(status[kind], 16), kept, kind)
            self.assertEqual(status["NoNewPrivs"], "1")
            self.assertNotIn("running-as-root", service.said())
        self.assertTrue(self.answers())
        until(lambda: set(self.verdicts().values()) == {"up"}, 20, "checks see what is up")
        os.kill(server.pid(), signal.SIGHUP)
        until(lambda: "settings-reloaded" in server.said(), 5, "it reads again what it read at the start")
        self.assertEqual((server.stop(), probe.stop()), (0, 0))

    def test_who_cannot_be_given_up_is_told_why(self):
        self.install()
        self.assertIn("there is no user 'isobrd'; make it with:", self.machine.run("isobard", "--user", "isobrd", ok=False))
        self.assertIn("'root' is root", self.machine.run("isobar-probe", "--user", "root", ok=False))
        self.assertIn("only root can become user 'isobar'", self.machine.as_user("isobard", "isobard", "--user", "isobar", ok=False))
        self.assertIn("ports below 1024 need CAP_NET_BIND_SERVICE", self.machine.as_user("isobard", "isobard", ok=False))
        server = self.machine.start("isobard").ready()
        self.assertIn("warning running-as-root ", server.said())

    def test_a_store_that_is_missing_is_waited_for_and_never_made_behind_ones_back(self):
        self.install()
        store = self.machine.root / "var/lib/isobar"
        self.machine.run("mv", "/var/lib/isobar", "/srv/away")  # its file system is not mounted
        said = self.machine.run("isobard", ok=False)
        self.assertIn("there is no store in '/var/lib/isobar': mount its file system, or make an empty one with: "
                      "isobar --store /var/lib/isobar init", said)
        self.install()  # an upgrade
        self.assertEqual(list(store.glob("*.mdb")), [])
        self.machine.run("isobar", "init")
        self.assertIn("there is a store in '/var/lib/isobar' already, at generation 0", self.machine.run("isobar", "init"))
        self.assertEqual(json.loads(self.machine.run("isobar", "init", "-o", "json")),
                         {"store": "/var/lib/isobar", "made": False, "generation": 0})
        self.machine.run("systemd-tmpfiles", "--create", "isobar.conf")
        self.machine.start_unit("isobard").ready()

    def test_units_are_what_systemd_takes_and_calls_safe(self):
        self.install()
        units = [f"/usr/lib/systemd/system/{name}.service" for name in DAEMONS]
        said = self.machine.run("systemd-analyze", "verify", "--man=no", *units)
        self.assertEqual([line for line in said.splitlines() if "isobar" in line], [])
        for unit in units:  # tenths of the exposure level, of 100
            self.machine.run("systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold=20", unit)


if __name__ == "__main__":
    unittest.main()
