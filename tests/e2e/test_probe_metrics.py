# SPDX-License-Identifier: Apache-2.0
"""What a probe tells of itself, with a store and in another region, and how long checks take by all who see them."""
import concurrent.futures
import ctypes
import http.client
import os
import re
import socket
import subprocess

from harness import BIN, FRANKFURT, LIBC, ROOT, SEOUL, VIRGINIA, Process, Story, free_port, until
from monitored import Monitored
from test_remote import Authority

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT, WALL = 17, 0x4206, 0x4207, 0x40000000
MANUAL = set(re.findall(r"^\| `((?:isobar_probe|process)_\w+|isobar_build_info)`", (ROOT / "docs/metrics.md").read_text(), re.M))


class Told(Story):
    def setUp(self):
        super().setUp()
        self.monitored = Monitored(free_port("127.0.0.1"))
        self.site.start_balancers()
        self.site.apply(self.site.catalog())

    def start(self, *options):
        self.probe = self.site.run("isobar-probe", "--name", "probe-1", "--region", "frankfurt", "--metrics",
                                   f"127.0.0.1:{self.monitored.port}", *options)
        self.probe.until(lambda: set(self.site.verdicts().values()) == {"up"}, 20, "all endpoints are up")


class AtASite(Told):
    def test_promtool_finds_nothing_wrong_and_the_manual_has_it_all(self):
        self.start()
        checked = subprocess.run(["promtool", "check", "metrics"], input=self.monitored.page(), capture_output=True, text=True)
        self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))
        self.assertEqual(self.monitored.names() - MANUAL, set(), "not in docs/metrics.md")
        self.assertEqual(self.monitored.value("isobar_build_info", program="isobar-probe"), 1)

    def test_it_tells_what_status_tells(self):
        self.start()
        value = self.monitored.value
        self.assertEqual(self.monitored.labels("isobar_probe_endpoint_state", "state"), {"up"})
        self.assertEqual(self.monitored.labels("isobar_probe_endpoint_verdict", "verdict"), {"up"})
        self.assertEqual(value("isobar_probe_endpoints"), 3)
        self.assertEqual(value("isobar_probe_endpoints_left_out"), 0)
        self.assertGreater(value("isobar_probe_checks_total", type="https", outcome="ok"), 2)
        self.assertEqual(value("isobar_probe_checks_total", outcome="connect-refused"), 0)
        self.assertGreater(value("isobar_probe_check_duration_seconds_count", type="https"), 2)
        self.assertGreater(value("isobar_probe_check_late_seconds_count"), 2)
        self.assertGreater(value("isobar_probe_report_duration_seconds_count"), 0)
        self.assertGreater(value("isobar_probe_loop_rounds_total"), 2)
        self.assertEqual(value("isobar_probe_catalog_generation"), 1)
        self.assertLess(value("isobar_probe_seen_age_seconds", probe="probe-1", region="frankfurt"), 5)
        self.assertLess(value("isobar_probe_endpoint_check_age_seconds", pool="asia", endpoint="icn-1"), 5)
        self.assertEqual((value("isobar_probe_ready"), value("isobar_probe_blind")), (1, 0))
        self.assertEqual(value("isobar_probe_store_errors_total"), 0)

        self.site.balancers["seoul"].stop()
        until(lambda: value("isobar_probe_endpoint_verdict", pool="asia", verdict="down") == 1, 10, "seoul is down")
        self.assertEqual(value("isobar_probe_endpoint_state", pool="asia", endpoint="icn-1", state="down"), 1)
        self.assertEqual(value("isobar_probe_endpoint_flaps_total", pool="asia", endpoint="icn-1"), 1)
        self.assertGreaterEqual(value("isobar_probe_checks_total", type="https", outcome="connect-refused"), 2)

    def test_percentiles_are_in_status_and_on_the_page_alike(self):
        self.start()

        def told():
            seen = self.site.cli_json("status", "europe/fra-1")["endpoints"][0]
            one = seen["observations"][0]
            page = {p: self.monitored.value("isobar_probe_endpoint_latency_seconds", pool="europe", endpoint="fra-1", percentile=p)
                    for p in ("50", "95", "99")}
            stored = {p: one[f"latency_p{p}_us"] for p in page}
            alike = stored == {p: round(seconds * 1e6) for p, seconds in page.items()}
            of_all = stored == {p: seen[f"latency_p{p}_us"] for p in page}
            return alike and of_all and one

        one = until(told, 20, "the store has what the page has")
        self.assertTrue(0 < one["latency_p50_us"] <= one["latency_p95_us"] <= one["latency_p99_us"] < 1000000, one)
        self.assertTrue(0 < one["last_connect_us"] <= one["last_tls_us"] <= one["last_first_byte_us"] <= one["last_total_us"], one)
        head, row = re.findall(r"^(?:PROBE|probe-1) .*$", self.site.cli("status", "europe/fra-1"), re.M)
        self.assertRegex(head, r"LATENCY +P50 +P95 +P99 +OUTCOMES")
        self.assertRegex(row, r"(?:[\d.]+ms +){4}\+")

    def fill(self, address):
        """A listener whose queue is full: who connects hears nothing."""
        sockets = [socket.socket() for _ in range(4)]
        sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sockets[0].bind((address, self.site.target_port))
        sockets[0].listen(0)
        for s in sockets[1:]:
            s.setblocking(False)
            s.connect_ex((address, self.site.target_port))
        return sockets

    def test_a_blind_probe_is_not_ready(self):
        self.start()
        self.assertEqual(self.monitored.get("/readyz"), (200, "ready\n"))
        for balancer in self.site.balancers.values():
            balancer.stop()
        held = [s for address in (SEOUL, VIRGINIA, FRANKFURT) for s in self.fill(address)]
        until(lambda: self.monitored.get("/readyz") ==
              (503, "blind: of its 3 endpoints none answers, so its votes are withdrawn\n"), 20, "it is blind")
        until(lambda: self.monitored.value("isobar_probe_seen_blind", probe="probe-1"), 10, "the store says so")
        self.assertEqual(self.monitored.value("isobar_probe_blind"), 1)
        self.assertEqual(self.monitored.value("isobar_probe_ready"), 0)
        self.assertEqual(self.monitored.value("isobar_probe_endpoints_silent"), 3)
        self.assertEqual(self.monitored.get("/healthz"), (200, "alive\n"))
        for s in held:
            s.close()
        until(lambda: self.monitored.get("/readyz")[0] == 200, 20, "it sees again, if only that nobody listens")

    def test_a_loop_that_stands_still_is_not_alive(self):
        self.start()
        pid = self.probe.child.pid
        LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        if LIBC.ptrace(PTRACE_SEIZE, pid, None, None) != 0:
            self.skipTest("no thread may be held here")
        LIBC.ptrace(PTRACE_INTERRUPT, pid, None, None)
        os.waitpid(pid, WALL)  # the first thread stands, those that answer HTTP go on
        stuck = "the probe's loop has not come round for 5000 ms, or it is being stopped\n"
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            said = list(pool.map(self.monitored.get, ("/healthz", "/readyz", "/metrics")))
        LIBC.ptrace(PTRACE_DETACH, pid, None, None)
        self.assertEqual(said, [(503, stuck)] * 3)
        until(lambda: self.monitored.get("/healthz")[0] == 200, 10, "it goes on")

    def test_only_its_pages_are_there_and_many_may_ask_at_once(self):
        self.start()
        self.assertEqual(self.monitored.get("/")[0], 404)
        self.assertEqual(self.monitored.get("/metrics", "POST")[0], 405)

        def ask_often(_):
            connection = http.client.HTTPConnection("127.0.0.1", self.monitored.port, timeout=30)
            said = []
            for _ in range(16):
                connection.request("GET", "/metrics")
                reply = connection.getresponse()
                said.append((reply.status, b"\nisobar_probe_endpoints 3\n" in reply.read()))
            connection.close()
            return said

        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            said = sum(pool.map(ask_often, range(6)), [])
        self.assertEqual(said, [(200, True)] * 96)

    def test_a_second_one_on_its_port_is_told(self):
        self.start()
        done = subprocess.run([BIN / "isobar-probe", "--store", self.site.store, "--name", "other", "--metrics",
                               f"127.0.0.1:{self.monitored.port}"], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 1)
        self.assertIn("metrics-failed", done.stderr)
        for wrong, why in (("9154", "is not ADDR:PORT"), ("127.0.0.1:0", "the port must be 1..65535")):
            done = subprocess.run([BIN / "isobar-probe", "--metrics", wrong], capture_output=True, text=True, timeout=30)
            self.assertEqual(done.returncode, 2)
            self.assertIn(why, done.stderr)


class InAnotherRegion(Told):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.site.directory / "authority")
        self.exchange = free_port("127.0.0.1")
        self.far = Monitored(free_port("127.0.0.1"))

    def start_far(self):
        self.site.processes.append(Process(
            self.site.directory / "far.log", BIN / "isobar-probe", "--site", f"localhost:{self.exchange}", "--name", "seoul-1",
            "--region", "seoul", "--metrics", f"127.0.0.1:{self.far.port}", *self.authority.files("seoul-1")))

    def start_home(self):
        self.start("--listen-probes", f"127.0.0.1:{self.exchange}", *self.authority.files("localhost"))

    def test_both_sides_tell_of_each_other(self):
        self.start_far()
        until(lambda: self.far.get("/readyz") == (503, "its site localhost does not hear it; the log says why\n"
                                                       "no catalog has come yet, so nothing is checked\n"), 10, "it is alone")
        self.assertEqual(self.far.get("/healthz")[0], 200)
        self.start_home()
        until(lambda: self.far.get("/readyz") == (200, "ready\n"), 20, "they have met")
        near, far = self.monitored.value, self.far.value
        until(lambda: near("isobar_probe_seen_age_seconds", probe="seoul-1", region="seoul"), 10, "its votes are here")
        self.assertEqual((near("isobar_probe_remotes"), near("isobar_probe_remote_connected", probe="seoul-1")), (1, 1))
        self.assertEqual(near("isobar_probe_remotes_refused_total"), 0)
        for of in ("self", "seoul-1"):
            self.assertTrue(700 < near("isobar_probe_certificate_left_seconds", of=of) / 86400 <= 825, of)
        self.assertTrue(700 < far("isobar_probe_certificate_left_seconds", of="self") / 86400 <= 825)
        until(lambda: self.far.labels("isobar_probe_endpoint_state", "state") == {"up"}, 20, "it sees all of them")
        self.assertEqual(far("isobar_probe_site_connected"), 1)
        self.assertLess(far("isobar_probe_site_heard_age_seconds"), 15)
        self.assertEqual(far("isobar_probe_catalog_generation"), near("isobar_probe_catalog_generation"))
        checked = subprocess.run(["promtool", "check", "metrics"], input=self.far.page(), capture_output=True, text=True)
        self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))
        told = self.far.names() | self.monitored.names()
        self.assertEqual(MANUAL - told, set(), "in docs/metrics.md, and not told")
        self.assertEqual(told - MANUAL, set(), "not in docs/metrics.md")

        self.probe.stop()
        until(lambda: self.far.get("/readyz")[0] == 503, 20, "its site has gone")
        self.assertEqual(far("isobar_probe_site_connected"), 0)
        self.assertGreater(far("isobar_probe_site_lost_total"), 1)

    def test_percentiles_come_with_its_rows_and_the_median_is_of_both(self):
        self.start_home()
        self.start_far()

        def rows():
            seen = self.site.cli_json("status", "asia/icn-1")["endpoints"][0]
            told = sorted(one["latency_p99_us"] for one in seen["observations"])
            return len(told) == 2 and told[0] and seen["latency_p99_us"] == told[1]

        until(rows, 20, "both tell, and of two the slower one counts")
