# SPDX-License-Identifier: Apache-2.0
"""The dashboard over real queries: clients of six continents, a region that is out, loads that servers tell. Its pictures in
build/log/dashboard are the manual's."""
import re
import threading
import unittest

import harness
from harness import AUSTRALIA, BRAZIL, GERMANY, JAPAN, KOREA, USA, free_port, until
from test_dashboard import EXPECTED, MISSING, PICTURES, Dashboard
from test_load import Pages

EGYPT = "41.128.0.0/16"
# How many of 100 queries are whose; Asia's are the most.
CLIENTS = {KOREA: 22, JAPAN: 14, GERMANY: 24, USA: 22, BRAZIL: 8, EGYPT: 6, AUSTRALIA: 4}
# Address and load of each; seoul's are out.
SERVERS = {"icn-1": ("127.0.1.10", None), "icn-2": ("127.0.1.11", None), "iad-1": ("127.0.2.10", 61), "iad-2": ("127.0.2.11", 48),
           "fra-1": ("127.0.3.10", 83), "fra-2": ("127.0.3.11", 35)}

CATALOG = """
regions:
  seoul:     {{location: [37.57, 126.98]}}
  virginia:  {{location: [38.95, -77.45]}}
  frankfurt: {{location: [50.11, 8.68]}}
checks:
  web: {{type: http, port: {port}, path: /load, interval: 200ms, timeout: 1s, fall: 2, rise: 2, retry: 100ms,
        load: {{format: json, path: load, capacity: 100}}}}
pools:
  asia:
    check: web
    endpoints: {{icn-1: {{region: seoul, address: 127.0.1.10, weight: 2}}, icn-2: {{region: seoul, address: 127.0.1.11}}}}
  us:
    check: web
    endpoints: {{iad-1: {{region: virginia, address: 127.0.2.10, weight: 3}}, iad-2: {{region: virginia, address: 127.0.2.11}}}}
  europe:
    check: web
    endpoints: {{fra-1: {{region: frankfurt, address: 127.0.3.10}}, fra-2: {{region: frankfurt, address: 127.0.3.11}}}}
policies:
  overseas: {{order: nearest, of: [us, europe]}}
  apac:     {{order: failover, of: [asia, overseas]}}
  www:
    order: geo
    rules:
      - {{continent: [AS, OC], use: apac}}
      - {{continent: [EU, AF], use: [europe, us]}}
      - {{default: true, use: [us, europe]}}
zones:
  example.com:
    file: example.com.zone
    records:
      www: {{types: [A, AAAA], ttl: 30s, policy: www}}
      shop: {{types: [A], ttl: 1m, policy: apac}}
"""


@unittest.skipIf(MISSING, f"needs {', '.join(MISSING)}; tools/install test")
class TestTraffic(Dashboard):
    names = {**Dashboard.names, "admin": "ada"}

    @classmethod
    def prepare(cls, site):
        port = free_port(*(address for address, _ in SERVERS.values()))
        for address, load in SERVERS.values():
            if load is not None:
                pages = Pages(address, port, load=f'{{"load": {load}}}')
                cls.addClassCleanup(pages.server_close)
                cls.addClassCleanup(pages.shutdown)
        site.apply(CATALOG.format(port=port), harness.ZONE, "-r", "three regions")
        metrics = f"127.0.0.1:{free_port('127.0.0.1')}"
        cls.options = ("--metrics-from", f"http://{metrics}")
        site.server = site.run("isobard", "--listen", f"127.0.0.1:{site.port}", "--workers", 2, "--metrics", metrics, "--rrl", "off")
        site.server.until(site.answers, 20, "isobard answers")
        site.start_probe("fra-probe", "frankfurt", ready=False)
        site.run("isobar-probe", "--name", "iad-probe", "--region", "virginia")
        site.probe.until(cls.seoul_is_out, 30, "seoul is out, and the others are up")
        cls.flow()

    @classmethod
    def seoul_is_out(cls):
        return all(verdict == ("down" if name.startswith("asia/") else "up") for name, verdict in cls.site.verdicts().items())

    @classmethod
    def flow(cls):
        """Queries without end while the class runs, a hundred at a time."""
        over = threading.Event()

        def go_on():
            while not over.wait(0.1):
                cls.site.pour(CLIENTS)

        thread = threading.Thread(target=go_on, daemon=True)
        thread.start()
        cls.addClassCleanup(thread.join)
        cls.addClassCleanup(over.set)

    @staticmethod
    def flows(browser):
        """What the arrows say: (per cent, continent, region)."""
        titles = browser.script("return [...document.querySelectorAll('.flow title')].map((e) => e.textContent)")
        return [re.match(r"([\d.]+) % of all answers: clients in (.*), led to (\w+)", title).groups() for title in titles]

    def overview(self, browser):
        """Waits until rates are of the last minute, of some thousands of queries."""
        browser.open("#/")
        browser.see("figcaption", "queries/s; rings are shares of the answers, arrows lead")
        led = {("Asia", "frankfurt"), ("South America", "virginia")}
        until(lambda: led <= {(continent, region) for _, continent, region in self.flows(browser)}, 40, f"there are arrows of {led}")

    def test_arrows_shares_and_rates_are_those_of_the_queries(self):
        browser = self.browse()
        self.overview(browser)
        self.assertNotIn("seoul", [region for _, _, region in self.flows(browser)])

        def asia():
            return next((float(share) for share, continent, region in self.flows(browser) if (continent, region) == ("Asia", "frankfurt")), 0)

        until(lambda: 30 <= asia() <= 42, 60, "36 of 100 come from Asia")  # one of 64 answers is looked at
        labels = browser.script("return Object.fromEntries([...document.querySelectorAll('a.region')]"
                                ".map((e) => e.getAttribute('aria-label').split(': ')))")
        self.assertEqual(labels["seoul"], "0 of 2 serve")
        self.assertRegex(labels["frankfurt"], r"^2 of 2 serve · (6[4-9]|7[0-2]) %$")  # Australia is as near to either
        self.assertRegex(labels["virginia"], r"^2 of 2 serve · (2[89]|3[0-6]) %$")
        for name, weight in (("iad-1", 75), ("iad-2", 25), ("fra-1", 50), ("fra-2", 50)):
            rate, share, expected = self.traffic_of(browser, name)
            self.assertGreater(rate, 0)
            self.assertEqual(expected, weight)
            self.assertLess(abs(share - weight), 10, name)
        self.assertIn("83 %", browser.texts("tr[data-key='europe/fra-1'] .bar"))  # its load
        self.judge(browser, "overview with traffic")

    def traffic_of(self, browser, name):
        """Answers/s, the share of its pool's answers and the expected one in the table, per cent."""
        cells = browser.texts(f"tr[data-key$='/{name}'] td")
        rate, share = next((cells[i], cells[i + 1]) for i in range(len(cells)) if " / " in cells[i + 1])
        actual, expected = re.match(r"([\d.]+) % / ([\d.]+) %", share).groups()
        return float(rate.replace(",", "")), float(actual), float(expected)

    def test_the_pictures_of_the_manual(self):
        for name, how in (("light", {"width": 1440}), ("dark", {"width": 1440, "dark": True}), ("tablet", {"width": 768}),
                          ("phone", {"width": 360, "height": 740})):
            browser = self.browse(**how)
            self.overview(browser)
            browser.picture(PICTURES / f"traffic-{name}-overview.png")
            self.judge(browser, name)
            browser.open(f"#/record/example.com/www?client={KOREA}&type=A")
            browser.see(".answer")
            self.assertIn("apac", browser.text(".tree"))
            browser.picture(PICTURES / f"traffic-{name}-record.png")
            self.judge(browser, name)
            browser.open("#/pool/us")
            browser.see("table.endpoints", "iad-2" if name == "phone" else " / 75 %")
            browser.picture(PICTURES / f"traffic-{name}-pool.png")
            self.judge(browser, name)
            browser.done()


@unittest.skipIf(MISSING, f"needs {', '.join(MISSING)}; tools/install test")
class TestEmpty(Dashboard):
    """Before there is a catalog, before there are probes, and without anybody who asks."""

    @classmethod
    def prepare(cls, site):
        site.cli("init")

    def test_a_beginner_is_told_what_is_next(self):
        for width in (1440, 360):
            browser = self.browse(width=width, height=800)
            browser.see(".empty", "isobar apply -f catalog.yaml")
            self.judge(browser, "nothing")
            browser.picture(PICTURES / f"empty-{width}-overview.png")
            for name, words in (("records", "None yet"), ("rollouts", "None is under way"), ("history", "Nobody has edited")):
                browser.open(f"#/{name}")
                browser.see(".page", words)
                self.judge(browser, name)
                browser.picture(PICTURES / f"empty-{width}-{name}.png")
        browser.open("#/")
        browser.see(".empty")
        self.site.apply(self.site.catalog())
        browser.see(".attention", "No probe has reported yet")  # by itself
        self.assertIn("started without --metrics-from", browser.text("figcaption"))
        browser.picture(PICTURES / "empty-360-first.png")
        self.judge(browser, "first catalog")
        browser.open("#/pool/asia")
        browser.see("main", "No probe has reported.")
        self.judge(browser, "a pool without probes")


@unittest.skipIf(MISSING, f"needs {', '.join(MISSING)}; tools/install test")
class TestHistory(Dashboard):
    @classmethod
    def prepare(cls, site):
        site.apply(site.catalog())
        for i in range(60):
            site.cli("set", "record", "example.com/www", f"ttl={i + 40}s", "-r", f"edit {i}")

    def test_many_edits_are_listed_on_demand(self):
        browser = self.browse(where="#/history")
        count = lambda: len(browser.all(".log li"))
        until(lambda: count() == 50, 20, "fifty are listed")
        self.assertIn("edit 59", browser.texts(".log li")[0])
        browser.open("#/history/1")  # older than those that are listed
        browser.see("#edit", "Generation 1")
        self.assertEqual(count(), 50)
        browser.click("a.more")
        until(lambda: count() == 61, 20, "all are listed")
        self.assertFalse(browser.find("a.more"))
        browser.see("#edit", "Generation 1")
        self.content(browser)
        browser.open("#/history/4711")
        browser.see("main", "There is no generation 4711")
        self.assertEqual(browser.complaints((*EXPECTED, "/v1/generations/4711")), [])


if __name__ == "__main__":
    unittest.main()
