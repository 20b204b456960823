# SPDX-License-Identifier: Apache-2.0
"""What the probe makes of servers that misbehave (hostile.py): each a named outcome, in time and in bounded memory."""
import pathlib
import re
import sys

from harness import NAME, Certificate, Process, Story, until

HERE = pathlib.Path(__file__).resolve().parent
TIMEOUT_MS = 500
LOOKS_FOR = "expect: {status: 200-299, body: healthy}"
ALL_DONE = re.compile(r"checked endpoint=[^/ ]+/(\S+) outcome=(\S+) connect_us=(\d+) total_us=(\d+)")

# Mode of hostile.py (a `-tls` one is asked over https) and how a check of it ends.
OUTCOMES = {
    "healthy": "ok",
    "healthy-tls": "ok",
    "edge": "ok",
    "late": "body-mismatch",
    "endless": "body-mismatch",
    "endless-tls": "body-mismatch",
    "sick": "status-503",
    "redirect": "status-302",
    "close": "closed-early",
    "reset": "closed-early",
    "short": "closed-early",
    "short-tls": "closed-early",
    "close-tls": "closed-early",
    "silent": "timeout",
    "silent-tls": "timeout",
    "drip": "timeout",
    "dripbody": "timeout",
    "full": "connect-timeout",
    "garbage": "bad-reply",
    "garbage-tls": "bad-reply",
    "interim": "bad-reply",
    "longheader": "bad-reply",
    "endlessheader": "bad-reply",
}


class Checking(Story):
    """What stories of checks share: servers that misbehave, and a probe that looks at them."""

    def serve(self, *modes):
        """hostile.py in these modes; mode → port."""
        self.tls = Certificate(self.site.directory / "tls")
        hostile = Process(self.site.directory / "hostile.log", sys.executable, HERE / "hostile.py", "--cert", self.tls.pem,
                          "--key", self.tls.key, *(f"{mode}=0" for mode in modes))
        self.site.processes.append(hostile)
        hostile.until(lambda: "ready" in hostile.said(), 10, "hostile.py is ready")
        return dict(line.split() for line in hostile.said().splitlines() if " " in line)

    def outcomes(self, checks, address="127.0.0.1", under=()):
        """Applies one endpoint per check and lets each be checked three times; endpoint → its outcomes. `under`: words of
        a command that starts the probe."""
        lines = ["checks:"]
        lines += [f"  {name}: {{{check}, interval: 200ms, timeout: {TIMEOUT_MS}ms}}" for name, check in checks.items()]
        lines += ["pools:"]
        lines += [f"  p-{name}: {{check: {name}, endpoints: {{{name}: {{address: '{address}'}}}}}}" for name in checks]
        self.site.apply("\n".join(lines) + "\n")
        self.probe = self.site.run("isobar-probe", "--name", "probe-1", "--log-level", "debug", under=under)

        def seen():
            found = {}
            for name, outcome, _, total_us in ALL_DONE.findall(self.probe.said()):
                found.setdefault(name, []).append((outcome, int(total_us)))
            return found if all(len(found.get(name, ())) >= 3 for name in checks) else None

        return self.probe.until(seen, 30, "every endpoint was checked three times")

    def ends(self, checks, **how):
        """The same; endpoint → how its checks end, which must be the same each time."""
        found = self.outcomes(checks, **how)
        self.assertEqual([name for name in checks if len({outcome for outcome, _ in found[name]}) > 1], [])
        return {name: found[name][0][0] for name in checks}

    def detail(self, name):
        """What the log says about the last check of the endpoint besides its outcome."""
        return re.findall(rf'checked endpoint=[^/ ]+/{name} .* detail="(.*)"', self.probe.said())[-1]


class Checks(Checking):
    def test_every_misbehaviour_is_a_named_outcome_in_time_and_bounded_memory(self):
        ports = self.serve(*OUTCOMES)
        checks = {}
        for mode, port in ports.items():
            secure = f"type: https, host: {NAME}, ca_file: {self.tls.ca}" if mode.endswith("-tls") else "type: http"
            checks[mode] = f"{secure}, port: {port}, path: /health, {LOOKS_FOR}"
        found = self.outcomes(checks)
        self.assertEqual({mode: {outcome for outcome, _ in found[mode]} for mode in OUTCOMES},
                         {mode: {outcome} for mode, outcome in OUTCOMES.items()})
        for mode, ended in found.items():
            for _, total_us in ended:
                self.assertLess(total_us, (TIMEOUT_MS + 400) * 1000, f"{mode} outlived its deadline")
        status = pathlib.Path(f"/proc/{self.probe.child.pid}/status").read_text()
        self.assertLess(int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]), 256 * 1024, "peak memory in kB")

    def test_a_check_trusts_its_own_ca_file_and_no_other_ones(self):
        ports = self.serve("healthy-tls", "silent", "close", "full")
        secure = f"type: https, port: {ports['healthy-tls']}, path: /health, {LOOKS_FOR}"
        found = self.outcomes({
            "own": f"{secure}, host: {NAME}, ca_file: {self.tls.ca}",
            "system": f"{secure}, host: {NAME}",
            "own-again": f"{secure}, host: {NAME}, ca_file: {self.tls.ca}",
            "wrong-name": f"{secure}, host: other.example.com, ca_file: {self.tls.ca}",
            "address-only": f"{secure}, ca_file: {self.tls.ca}",
            "unverified": f"{secure}, host: other.example.com, verify: false",
            "no-file": f"{secure}, host: {NAME}, ca_file: /nonexistent/ca.pem",
            "to-silent": f"type: https, port: {ports['silent']}, ca_file: {self.tls.ca}",
            "to-close": f"type: https, port: {ports['close']}, ca_file: {self.tls.ca}",
            "to-full": f"type: https, port: {ports['full']}, ca_file: {self.tls.ca}",
        })
        trouble = re.findall(r"check-trouble endpoint=p-(\S+)/", self.probe.said())
        self.assertEqual(trouble, ["no-file"], "the probe's own trouble is said once")
        self.assertIn("the check's ca_file cannot be read (No such file or directory): /nonexistent/ca.pem", self.probe.said())
        downs = re.findall(r'endpoint-down endpoint=p-(\S+)/\S+ outcome=tls-verify detail="([^"]+)"', self.probe.said())
        self.assertEqual(sorted(name for name, _ in downs), ["address-only", "system", "wrong-name"], "said once each, and why")
        self.assertIn("subject name", dict(downs)["wrong-name"])
        self.assertEqual({name: {outcome for outcome, _ in found[name]} for name in found}, {
            "own": {"ok"}, "system": {"tls-verify"}, "own-again": {"ok"}, "wrong-name": {"tls-verify"},
            "address-only": {"tls-verify"}, "unverified": {"ok"}, "no-file": {"internal"}, "to-silent": {"timeout"},
            "to-close": {"tls-handshake"}, "to-full": {"connect-timeout"},
        })
        until(lambda: self.site.verdicts()["p-no-file/no-file"] == "unknown", 10, "own trouble is no verdict")

    def test_tcp_connects_are_told_apart(self):
        ports = self.serve("healthy", "full")
        found = self.outcomes({
            "listening": f"type: tcp, port: {ports['healthy']}",
            "nobody": "type: tcp, port: 1",
            "full": f"type: tcp, port: {ports['full']}",
        })
        self.assertEqual({name: {outcome for outcome, _ in found[name]} for name in found},
                         {"listening": {"ok"}, "nobody": {"connect-refused"}, "full": {"connect-timeout"}})

    def test_the_probe_stops_at_once_with_checks_under_way(self):
        ports = self.serve("silent", "drip", "endless", "full")
        self.outcomes({mode: f"type: http, port: {port}, {LOOKS_FOR}" for mode, port in ports.items()})
        self.assertEqual(self.probe.stop(within=1), 0)
