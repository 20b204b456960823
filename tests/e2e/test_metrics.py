# SPDX-License-Identifier: Apache-2.0
"""Metrics: what the server tells of itself is exact, never goes down, and an announcer can hang on it."""
import http.server
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import unittest

from harness import GERMANY, KOREA, ROOT, SEOUL, USA, VIRGINIA, ZONE, Story, free_port, until
from monitored import Monitored


class Metrics(Story):
    """A server with a listener for metrics, over three endpoints that operators force up or down."""

    OPTIONS = ()

    def setUp(self):
        super().setUp()
        self.metrics = free_port("127.0.0.1")
        self.monitored = Monitored(self.metrics)
        self.site.apply(self.site.catalog().replace("check: web, ", ""))
        self.serve(*self.OPTIONS)

    def serve(self, *options):
        self.server = self.site.run("isobard", "--listen", f"127.0.0.1:{self.site.port}", "--workers", 2, "--metrics",
                                    f"127.0.0.1:{self.metrics}", "--rrl", "off", *options)
        self.server.until(self.site.answers, 20, "isobard answers")

    def get(self, path, method="GET"):
        return self.monitored.get(path, method)

    def page(self):
        return self.monitored.page()

    def all(self):
        return self.monitored.all()

    def value(self, name, **labels):
        return self.monitored.value(name, **labels)

    def reasons(self, record):
        return {dict(pairs)["reason"]: value for (name, pairs), value in self.all().items()
                if name == "isobar_dns_record_answers_total" and dict(pairs)["record"] == record and value}

    def endpoint_reasons(self, pool):
        return {dict(pairs)["reason"]: value for (name, pairs), value in self.all().items()
                if name == "isobar_dns_endpoint_answers_total" and dict(pairs)["pool"] == pool and value}


class Exact(Metrics):
    def test_promtool_finds_nothing_wrong(self):
        for _ in range(3):
            self.site.answer(KOREA)
        text = self.page()
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
        self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))
        self.assertEqual(self.value("isobar_build_info", program="isobard"), 1)
        for name in set(re.findall(r"^# TYPE (\S+)", text, re.M)):
            self.assertEqual(text.count(f"# TYPE {name} "), 1)

    def test_every_metric_stands_in_the_manual_and_nothing_else(self):
        self.site.cli("drain", "us/iad-1")
        manual = set(re.findall(r"^\| `((?:isobar|process)_\w+)", (ROOT / "docs/metrics.md").read_text(), re.M))
        told = set(re.findall(r"^# TYPE (\S+)", self.page(), re.M))
        self.assertEqual(told - manual, set(), "not in docs/metrics.md")
        self.assertEqual({name for name in manual if not name.startswith(("isobar_probe_", "isobar_control_"))} - told, set(),
                         "in docs/metrics.md, and not told")

    def test_queries_and_answers_are_counted_exactly(self):
        before = self.all()

        def more(name, **labels):
            now = self.value(name, **labels)
            return now - sum(v for (said, pairs), v in before.items() if said == name and labels.items() <= dict(pairs).items())

        for _ in range(5):
            self.assertEqual(self.site.answer(KOREA), [SEOUL])
        for _ in range(2):
            self.site.answer(USA, tcp=True)
        self.site.answer(GERMANY, type_="AAAA")
        self.site.query("nowhere.example.com", "CAA")
        self.site.query("plain.example.com", "MX")
        self.site.query("elsewhere.test", "A")
        self.assertEqual(more("isobar_dns_queries_total", transport="udp", family="ipv4", type="A"), 6)
        self.assertEqual(more("isobar_dns_queries_total", transport="tcp", family="ipv4", type="A"), 2)
        self.assertEqual(more("isobar_dns_queries_total", type="AAAA"), 1)
        self.assertEqual(more("isobar_dns_queries_total", type="other"), 1)
        self.assertEqual(more("isobar_dns_queries_total", type="MX"), 1)
        self.assertEqual(more("isobar_dns_queries_total"), 11)
        self.assertEqual(more("isobar_dns_responses_total", rcode="NOERROR"), 9)
        self.assertEqual(more("isobar_dns_responses_total", rcode="NXDOMAIN"), 1)
        self.assertEqual(more("isobar_dns_responses_total", rcode="REFUSED"), 1)
        self.assertEqual(more("isobar_dns_answer_duration_seconds_count"), 11)
        self.assertEqual(more("isobar_dns_answer_duration_seconds_bucket", le="+Inf", transport="tcp"), 2)
        self.assertEqual(self.reasons("example.com/www"), {"first": 7, "nodata": 1})
        self.assertEqual(self.endpoint_reasons("asia"), {"first": 5})
        self.assertEqual(self.endpoint_reasons("us"), {"first": 2})
        self.assertEqual(self.endpoint_reasons("europe"), {"nodata": 1})
        self.assertEqual(self.value("isobar_dns_endpoint_answers_total", region="seoul"), 5)

    def test_counts_survive_edits_and_never_go_down(self):
        asked, last = 0, 0
        for edit in range(8):
            for _ in range(3):
                self.site.answer(KOREA)
                asked += 1
            catalog = self.site.catalog().replace("check: web, ", "")
            if edit % 2:  # other names take the numbers of these
                catalog = catalog.replace("  asia: ", f"  aaa{edit}: {{endpoints: {{a: {{region: seoul, address: 127.0.9.{edit}}}}}}}\n  asia: ")
                catalog = catalog.replace("      www: {{", f"      aa{edit}: {{{{types: [A], policy: aaa{edit}}}}}\n      www: {{{{")
            said = self.site.apply(catalog, ZONE, "--prune")
            generation = float(re.search(r"generation (\d+)", said).group(1)) if "generation" in said else 0
            until(lambda: self.value("isobar_dns_catalog_generation") >= generation, 10, "the edit is in use")
            now = self.value("isobar_dns_endpoint_answers_total", pool="asia")
            self.assertGreaterEqual(now, last)
            self.assertEqual(now, asked)
            self.assertEqual(self.reasons("example.com/www"), {"first": asked})
            last = now

    def test_failover_failopen_and_fallback_have_their_reasons(self):
        self.site.cli("force", "down", "asia/icn-1")
        until(lambda: self.site.answer(KOREA) == [VIRGINIA], 10, "the next pool answers")
        before = self.endpoint_reasons("us").get("failover", 0)
        for _ in range(4):
            self.site.answer(KOREA)
        self.assertEqual(self.endpoint_reasons("us")["failover"], before + 4)
        self.assertEqual(self.value("isobar_dns_endpoint_admin", pool="asia", state="down"), 1)
        for endpoint in ("us/iad-1", "europe/fra-1"):
            self.site.cli("force", "down", endpoint)
        until(lambda: self.site.answer(KOREA) and "failopen" in self.reasons("example.com/www"), 10, "everything is down")
        before = self.reasons("example.com/www")["failopen"]
        for _ in range(3):
            self.site.answer(KOREA)
        self.assertEqual(self.reasons("example.com/www")["failopen"], before + 3)
        self.assertGreaterEqual(self.value("isobar_dns_responses_failopen_total"), 3)

    def test_what_should_be_stands_beside_what_is(self):
        catalog = self.site.catalog().replace("check: web, ", "").replace(
            "asia:   {endpoints: {", "asia:   {endpoints: {icn-2: {region: seoul, address: 127.0.1.11, weight: 3, port: 1, host: icn-2.example.com}, ")
        self.site.apply(catalog, ZONE + "icn-2 A 127.0.1.11\n")
        until(lambda: self.value("isobar_dns_endpoint_expected_share", pool="asia", endpoint="icn-2") == 0.75, 10, "3 of 4")
        self.assertEqual(self.value("isobar_dns_endpoint_expected_share", pool="asia", endpoint="icn-1"), 0.25)
        before = self.value("isobar_dns_endpoint_answers_total", pool="asia", endpoint="icn-2")
        for _ in range(400):
            self.site.answer(KOREA)
        share = (self.value("isobar_dns_endpoint_answers_total", pool="asia", endpoint="icn-2") - before) / 400
        self.assertAlmostEqual(share, 0.75, delta=0.12)
        self.site.cli("drain", "asia/icn-2")
        until(lambda: self.value("isobar_dns_endpoint_expected_share", pool="asia", endpoint="icn-1") == 1, 10, "the other drains")

    def test_clients_are_counted_by_continent(self):
        def seen():
            self.site.answer(KOREA)
            return self.value("isobar_dns_clients_answers_estimated_total", continent="AS", region="seoul")

        until(lambda: seen() >= 128, 60, "two samples of 64")
        self.assertEqual(self.value("isobar_dns_clients_answers_estimated_total", continent="EU"), 0)


class Capped(Metrics):
    OPTIONS = ("--metrics-rows", "100")

    def test_what_is_too_much_is_left_out_and_counted(self):
        endpoints = ", ".join(f"e{i}: {{address: 127.0.7.{i}}}" for i in range(130))
        records = "\n".join(f"      r{i}: {{types: [A], policy: big}}" for i in range(130))
        catalog = self.site.catalog().replace("check: web, ", "").replace("pools:\n", f"pools:\n  big: {{endpoints: {{{endpoints}}}}}\n")
        self.site.apply(catalog.replace("    records:\n", f"    records:\n{records}\n"))
        until(lambda: self.value("isobar_dns_records") == 132, 10, "the records are there")
        told = [pairs for name, pairs in self.all() if name == "isobar_dns_record_answers_total"]
        self.assertEqual(len(told), 100)
        self.assertEqual(self.value("isobar_dns_metrics_lines_left_out", metric="isobar_dns_record_answers_total"), 32)
        self.assertEqual(self.value("isobar_dns_metrics_lines_left_out", metric="isobar_dns_endpoint_state"), 33)


class Ready(Metrics):
    OPTIONS = ("--drain", "2s")

    def test_ready_until_told_to_stop_and_answering_until_the_end(self):
        self.assertEqual(self.get("/healthz"), (200, "alive\n"))
        self.assertEqual(self.get("/readyz"), (200, "ready\n"))
        self.assertEqual(self.value("isobar_dns_ready"), 1)
        os.kill(self.server.child.pid, signal.SIGTERM)
        until(lambda: self.get("/readyz")[0] == 503, 5, "not ready while draining")
        status, why = self.get("/readyz")
        self.assertEqual((status, why), (503, "told to stop, and draining\n"))
        self.assertEqual(self.get("/healthz")[0], 200)
        self.assertEqual(self.site.answer(KOREA), [SEOUL])
        self.assertEqual(self.value("isobar_dns_draining"), 1)
        begun = time.monotonic()
        self.assertEqual(self.server.child.wait(15), 0)
        self.assertLess(time.monotonic() - begun, 10)

    def test_a_second_word_to_stop_ends_the_drain(self):
        self.server.stop()
        self.serve("--drain", "1h")
        os.kill(self.server.child.pid, signal.SIGTERM)
        until(lambda: self.get("/readyz")[0] == 503, 5, "it drains")
        self.assertEqual(self.server.stop(), 0)

    def test_no_zone_no_clients(self):
        self.site.cli("apply", "-f", "-", "--prune", text="regions: {here: {location: [0, 0]}}\n")
        until(lambda: self.get("/readyz") == (503, "the catalog has no zone, so every query is refused\n"), 10, "it says so")
        self.assertEqual(self.get("/healthz")[0], 200)


class Replaced(Metrics):
    def test_a_successor_tells_at_the_same_address(self):
        self.server.stop()
        control = self.site.directory / "control"
        self.serve("--control", control)
        self.site.answer(KOREA)
        old, began = self.server, self.value("process_start_time_seconds")
        self.serve("--control", control, "--replace", "--foreground")
        self.assertEqual(old.child.wait(20), 0)
        until(lambda: "started" in self.server.said() and self.get("/readyz") == (200, "ready\n"), 10, "the successor is ready")
        self.assertGreater(self.value("process_start_time_seconds"), began)
        self.site.answer(KOREA)
        self.assertEqual(self.value("isobar_dns_endpoint_answers_total", pool="asia"), 1)


class Hostile(Metrics):
    def say(self, octets):
        """What comes back until the server ends the connection."""
        with socket.create_connection(("127.0.0.1", self.metrics), timeout=30) as s:
            try:
                s.sendall(octets)
                s.shutdown(socket.SHUT_WR)
                said = b""
                while more := s.recv(65536):
                    said += more
            except OSError:  # ended, and reset, before all was said
                return b""
            return said

    def test_only_its_pages_are_there(self):
        self.assertEqual(self.get("/")[0], 404)
        self.assertEqual(self.get("/metrics/../metrics")[0], 404)
        self.assertEqual(self.get("/metrics", "POST")[0], 405)
        self.assertEqual(self.get("/readyz", "DELETE")[0], 405)
        self.assertEqual(self.get("/metrics?x=%ff")[0], 200)

    def test_garbage_changes_nothing(self):
        for octets in (b"\x00" * 5000, b"GET " + b"x" * 100000 + b" HTTP/1.1\r\n\r\n", b"GET /metrics HTTP/9.9\r\n\r\n", b"GET",
                       b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", b"\r\n" * 1000,
                       b"GET /metrics HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 10000 + b"\r\n"):
            self.assertNotIn(b" 200 ", self.say(octets)[:20])
        self.assertEqual(self.get("/readyz")[0], 200)
        self.assertEqual(self.site.answer(KOREA), [SEOUL])

    def test_many_scrapes_hold_up_neither_answers_nor_edits(self):
        held = [socket.create_connection(("127.0.0.1", self.metrics)) for _ in range(8)]
        for s in held:
            s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n")  # and no end
        self.site.cli("force", "down", "asia/icn-1")
        until(lambda: self.site.answer(KOREA) == [VIRGINIA], 10, "the edit is in use")
        self.assertEqual(self.get("/healthz")[0], 200)
        for s in held:
            s.close()


class Top(Metrics):
    def top(self, *words, ok=True):
        return self.site.cli("top", "--from", f"127.0.0.1:{self.metrics}", *words, ok=ok)

    def test_json_is_the_counters_as_they_stand(self):
        for _ in range(5):
            self.site.answer(KOREA)
        said = json.loads(self.top("-o", "json"))
        self.assertEqual(next(row for row in said["records"] if row["record"] == "example.com/www")["answers"], {"first": 5})
        icn = next(row for row in said["endpoints"] if row["endpoint"] == "icn-1")
        self.assertEqual((icn["pool"], icn["region"], icn["state"], icn["answers"]), ("asia", "seoul", "unchecked", {"first": 5}))
        self.assertEqual(icn["expected_share"], 1.0)
        self.assertEqual(said["types"]["A"], 5)
        self.assertEqual(said["duration_seconds"]["count"], said["queries"])
        self.assertTrue(said["servers"][0]["ready"])
        self.assertLess(abs(said["time_ms"] / 1000 - time.time()), 60)
        twice = json.loads(self.site.cli("top", "--from", f"127.0.0.1:{self.metrics}", "--from",
                                         f"http://127.0.0.1:{self.metrics}/metrics", "-o", "json"))
        self.assertEqual(twice["types"]["A"], 10)

    def test_the_table_is_of_one_second(self):
        stop = []

        def ask():
            while not stop:
                self.site.answer(KOREA)

        asker = threading.Thread(target=ask)
        asker.start()
        try:
            text = self.top()
        finally:
            stop.append(True)
            asker.join()
        self.assertRegex(text, r"^[\d.]+ queries/s, answered within .* \(p50\), .* \(p99\)\n")
        self.assertRegex(text, r"example\.com/www +[\d.]*[1-9]")
        self.assertRegex(text, r"asia/icn-1 +seoul +unchecked +\d+ +100\.0 % +100\.0 %")
        self.assertRegex(text, r"(?m)^seoul +\d+ +100\.0 %")

    def test_servers_that_say_nothing_of_use(self):
        self.assertIn("Could", self.site.cli("top", "--from", f"127.0.0.1:{free_port('127.0.0.1')}", ok=False))
        self.assertIn("HTTP status 404", self.site.cli("top", "--from", f"http://127.0.0.1:{self.metrics}/nothing", ok=False))
        self.assertIn("tells nothing of queries", self.site.cli("top", "--from", f"http://127.0.0.1:{self.metrics}/metrics?",
                                                                "--from", self.odd(b"other 1\n"), ok=True))
        self.assertIn("line 2 of what it says is no metric", self.site.cli("top", "--from", self.odd(b"a 1\n\xff\x00{\n"), ok=False))
        wild = b'isobar_dns_queries_total{transport="udp",type="\x1b[31m\xff"} 1e300\nisobar_dns_queries_total NaN\n'
        text = self.site.cli("top", "--from", self.odd(wild), "-o", "json")
        self.assertNotIn("\x1b", text)
        self.assertIn("?[31m?", json.loads(text)["types"])

    def odd(self, body):
        """An URL that says this to everybody."""
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return f"http://127.0.0.1:{server.server_address[1]}/"


if __name__ == "__main__":
    unittest.main()
