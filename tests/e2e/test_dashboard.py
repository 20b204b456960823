# SPDX-License-Identifier: Apache-2.0
"""The dashboard in a browser, over a running isobar-control with real load balancers, isobard and probes."""
import json
import signal
import subprocess
import unittest
import urllib.request

import harness
from harness import BIN, CATALOG, FRANKFURT, GERMANY, KOREA, ROOT, SEOUL, USA, VIRGINIA, free_port, until

try:
    from browser import MISSING, Browser, Keys
except ImportError:  # no selenium
    MISSING = ["python3-selenium"]

PICTURES = ROOT / "build/log/dashboard"

# A second pool for the rollout; the same load balancer stands behind it.
DASHBOARD = CATALOG.replace("policies:\n", """  europe-next: {{check: web, endpoints: {{fra-2: {{region: frankfurt, address: 127.0.3.10, port: {port}, weight: 2}}}}}}
policies:
""").replace("      _https._tcp:", "      eu:  {{types: [A], ttl: 1m, policy: europe}}\n      _https._tcp:")

# Before anybody has signed in, the API says 401 to /v1/whoami, and Chromium tells of it.
EXPECTED = ("/v1/whoami - Failed to load resource: the server responded with a status of 401",
            "/v1/top - Failed to load resource")  # no server tells its traffic here


class Dashboard(unittest.TestCase):
    """A site with isobar-control, a token of each role, and browsers."""

    options = ()  # of isobar-control
    names = {"read": "reader", "operate": "operateer", "admin": "adminer"}  # who has the token of a role

    @classmethod
    def setUpClass(cls):
        cls.site = harness.Site()
        cls.addClassCleanup(cls.site.done)
        cls.prepare(cls.site)
        cls.tokens = {role: cls.make_token(role) for role in ("read", "operate", "admin")}
        cls.port = free_port("127.0.0.1")
        cls.url = f"http://127.0.0.1:{cls.port}"
        cls.start_control()

    @classmethod
    def make_token(cls, role):
        words = ("token", "add", cls.names[role], "--role", role, "--tokens", cls.site.directory / "tokens", "-o", "json")
        made = subprocess.run([BIN / "isobar", *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
        return json.loads(made.stdout)["token"]

    @classmethod
    def start_control(cls):
        cls.control = cls.site.run("isobar-control", "--listen", f"127.0.0.1:{cls.port}", "--socket", "",
                                   "--tokens", cls.site.directory / "tokens", *cls.options)
        cls.control.until(cls.answers, 20, "isobar-control answers")

    @classmethod
    def answers(cls):
        try:
            with urllib.request.urlopen(f"{cls.url}/ui/style.css", timeout=1) as reply:
                return reply.status == 200
        except OSError:
            return False

    def browse(self, role="admin", where="#/", **how):
        browser = Browser(self.url, **how)
        self.addCleanup(browser.done)
        browser.sign_in(self.tokens[role], where)
        return browser

    def content(self, browser):
        """No complaint, however it was used."""
        self.assertEqual(browser.complaints(EXPECTED), [])

    def judge(self, browser, name):
        self.assertEqual(browser.nameless(), [], name)
        self.assertEqual(browser.doubled_ids(), [], name)
        self.assertEqual(browser.faint(), [], name)
        self.assertLessEqual(browser.sideways(), 0, name)
        self.assertEqual(browser.script("return document.querySelectorAll('h1').length"), 1, name)
        self.content(browser)


@unittest.skipIf(MISSING, f"needs {', '.join(MISSING)}; tools/install test")
class TestDashboard(Dashboard):
    @classmethod
    def prepare(cls, site):
        site.start_balancers()
        site.apply(site.catalog(DASHBOARD))
        site.start_server()
        site.start_probe("fra-probe", "frankfurt", ready=False)
        site.run("isobar-probe", "--name", "icn-probe", "--region", "seoul")
        site.probe.until(lambda: set(site.verdicts().values()) == {"up"}, 20, "all endpoints are up")

    def status(self, endpoint):
        return self.site.endpoints()[endpoint]

    def generation(self):
        return self.site.cli_json("status")["generation"]

    def auto(self, endpoint):
        if self.status(endpoint)["admin"] != "auto":
            self.site.cli("force", "auto", endpoint)

    # --- signing in ---

    def test_who_has_no_token_is_asked_and_a_wrong_one_is_refused(self):
        browser = Browser(self.url)
        self.addCleanup(browser.done)
        browser.open()
        browser.see("form.sign-in", "Token")
        browser.type("input[name=token]", "nobody" + Keys.ENTER)
        browser.see(".sign-in .alarm", "not accepted")
        browser.type("input[name=token]", self.tokens["read"] + Keys.ENTER)
        browser.see(".who", "reader")
        browser.click("[data-do=sign-out]")
        browser.see("form.sign-in", "Token")
        self.assertIsNone(browser.script("return sessionStorage.getItem('isobar-token')"))

    def test_a_role_that_may_not_is_told_why(self):
        browser = self.browse("read")
        browser.see("table.endpoints", "icn-1")
        before = self.generation()
        button = "[data-do=operate][data-on='asia/icn-1']"
        self.assertEqual(browser.script("return document.querySelector(arguments[0]).getAttribute('aria-disabled')", button), "true")
        browser.click(button)
        browser.see("#said", "this needs operate")
        self.assertFalse(browser.find("dialog[open]"))
        self.assertEqual(self.generation(), before)
        self.content(browser)

    # --- looking ---

    def test_the_overview_tells_what_status_tells(self):
        browser = self.browse()
        for name, row in self.site.endpoints().items():
            pool, endpoint = name.split("/")
            browser.see(f"tbody[data-key='pool {pool}'] tr[data-key='{name}']", endpoint)
            shown = browser.text(f"tr[data-key='{name}']")
            self.assertIn(row["verdict"], shown)
            self.assertIn(row["region"], shown)
            self.assertIn(row["addresses"][0], shown)
        self.assertEqual(sorted(browser.script(
            "return [...document.querySelectorAll('a.region')].map((e) => e.getAttribute('aria-label'))")),
            ["frankfurt: 2 of 2 serve", "seoul: 1 of 1 serve", "virginia: 1 of 1 serve"])
        self.assertIn("generation", browser.text(".link"))
        browser.click("a.region[data-key=region-seoul] .name")
        browser.see(".chip", "region seoul")
        self.assertEqual(browser.texts("table.endpoints tr[data-key] th[scope=row] a"), ["icn-1"])
        browser.click(".chip")
        browser.type("input[type=search]", "fra")
        until(lambda: browser.texts("table.endpoints tr[data-key] th[scope=row] a") == ["fra-1", "fra-2"], 10, "two are found")
        self.content(browser)

    def test_what_happens_is_shown_without_asking(self):
        browser = self.browse(where="#/endpoint/us/iad-1")
        browser.see("h1", "us/iad-1")
        self.site.balancers["virginia"].stop()
        try:
            browser.see(".bar-of .state", "down")
            browser.see(".times", "connect-refused")
            self.assertIn("icn-probe", browser.text("table"))
            browser.open("#/")
            browser.see(".attention", "us/iad-1")
            browser.see("a.region[data-key=region-virginia] .is-down")
        finally:
            self.site.balancers["virginia"].start()
        until(lambda: "us/iad-1" not in browser.text(".attention"), 30, "nothing needs attention any more")
        self.content(browser)

    def test_a_lost_connection_is_told_and_comes_back(self):
        browser = self.browse()
        type(self).control.stop(signal.SIGTERM)
        try:
            browser.see(".banner", "trying again")
            browser.see(".link.lost", "as of")
            self.assertIn("icn-1", browser.text("table.endpoints"))
        finally:
            self.start_control()
        browser.see(".link.live", "live", 40)
        browser.gone(".banner")

    def test_the_map_draws_who_is_led_where(self):
        """What `isobar top -o json` would tell of servers, at two moments: rates are of the time between."""
        def look(time_ms, asia, europe):
            return {"time_ms": time_ms, "servers": [{"from": "a"}, {"from": "b", "error": "gone"}], "queries": 1000 + asia + europe,
                    "endpoints": [{"pool": "asia", "endpoint": "icn-1", "region": "seoul", "answers": {"first": 500 + asia}},
                                  {"pool": "europe", "endpoint": "fra-1", "region": "frankfurt", "answers": {"failover": europe}}],
                    "clients": [{"continent": "AS", "region": "seoul", "answers": 500 + asia},
                                {"continent": "AF", "region": "frankfurt", "answers": europe}]}

        browser = self.browse()
        browser.cdp("Page.addScriptToEvaluateOnNewDocument", source=f"""const looks = {json.dumps([look(1000, 0, 0), look(11000, 300, 100)])};
            const real = fetch;
            window.fetch = (url, how) => String(url).startsWith("/v1/top") ?
                Promise.resolve(new Response(JSON.stringify(looks.length > 1 ? looks.shift() : looks[0]))) : real(url, how);""")
        browser.open("#/")
        browser.see("figcaption", "40 queries/s")
        self.assertIn("1 of 2 servers did not answer", browser.text("figcaption"))
        labels = browser.script("return [...document.querySelectorAll('a.region')].map((e) => e.getAttribute('aria-label'))")
        self.assertIn("seoul: 1 of 1 serve · 75 %", labels)
        self.assertIn("frankfurt: 2 of 2 serve · 25 %", labels)
        titles = browser.script("return [...document.querySelectorAll('.flow title')].map((e) => e.textContent)")
        self.assertEqual(titles, ["75 % of all answers: clients in Asia, led to seoul", "25 % of all answers: clients in Africa, led to frankfurt"])
        self.content(browser)

    def test_a_pool_shows_endpoints_by_probes(self):
        browser = self.browse(where="#/pool/asia")
        browser.see(".matrix", "fra-probe")
        self.assertEqual(browser.texts(".matrix thead th"), ["Endpoint", "fra-probe", "icn-probe"])
        self.assertEqual(len(browser.all(".matrix tbody td .outcomes")), 2)
        self.content(browser)

    # --- explaining ---

    def explained(self, browser, client):
        """The lit path for a client: kind and name of each chosen thing, from the record down."""
        browser.type("input[name=client]", client + Keys.ENTER)
        until(lambda: browser.script("return new URLSearchParams(location.hash.split('?')[1]).get('client')") == client and
              browser.find(".answer"), 20, "it is explained")
        return browser.script("""return [...document.querySelectorAll(".tree .lit-chosen")].map((e) => e.dataset.name)""")

    def test_explain_lights_the_way_to_the_answer(self):
        browser = self.browse(where="#/record/example.com/www")
        for client, rule, pool, endpoint, address in (
                (KOREA, "continent AS", "asia", "asia/icn-1", SEOUL),
                (GERMANY, "continent EU AF", "europe", "europe/fra-1", FRANKFURT),
                (USA, "default", "us", "us/iad-1", VIRGINIA)):
            path = self.explained(browser, client)
            until(lambda: address in (browser.text(".answer pre") or ""), 20, f"{client} is answered with {address}")
            path = browser.script("return [...document.querySelectorAll('.tree .lit-chosen')].map((e) => e.dataset.name)")
            self.assertEqual(path, ["example.com/www", "www", rule, pool, endpoint])
            self.assertEqual(self.site.answer(client), [address])
        self.content(browser)

    def test_explain_says_who_was_set_aside_and_goes_step_by_step(self):
        self.site.cli("drain", "asia/icn-1", "-r", "fan <b>broken</b>")
        self.addCleanup(self.auto, "asia/icn-1")
        browser = self.browse(where=f"#/record/example.com/www?client={KOREA}&type=A")
        browser.see(".answer pre", VIRGINIA)
        path = browser.script("return [...document.querySelectorAll('.tree .lit-chosen')].map((e) => e.dataset.name)")
        self.assertEqual(path, ["example.com/www", "www", "continent AS", "us", "us/iad-1"])
        self.assertIn("asia/icn-1 is set aside: drained by", browser.text(".asides"))
        self.assertIn("fan <b>broken</b>", browser.text(".asides"))  # what somebody wrote is text
        steps = len(browser.all(".steps li"))
        browser.click("[data-do=step-first]")
        self.assertFalse(browser.find(".answer"))
        self.assertEqual(len(browser.all(".tree .lit-chosen")), 0)
        self.assertEqual(len(browser.all(".steps .ahead")), steps - 1)
        browser.click("[data-do=step-on]")
        self.assertEqual(len(browser.all(".steps .ahead")), steps - 2)
        browser.click("[data-do=step-last]")
        browser.see(".answer pre", VIRGINIA)
        self.content(browser)

    def test_explain_plays_where_movement_is_welcome(self):
        browser = self.browse(where=f"#/record/example.com/www?client={KOREA}&type=A", motion=True)
        seen = set()

        def over():
            seen.add(len(browser.all(".steps .ahead")))
            return browser.find(".answer")

        until(over, 20, "the walk is over")
        self.assertGreater(len(seen), 3)  # not all at once
        until(lambda: SEOUL in browser.text("#said"), 10, "the answer is said to who does not see it")
        browser.click("[data-do=step-back]")
        self.assertEqual(len(browser.all(".steps .ahead")), 1)
        self.content(browser)

    def test_explain_refuses_in_words(self):
        browser = self.browse(where="#/record/example.com/www")
        browser.type("input[name=client]", "somewhere" + Keys.ENTER)
        browser.see(".alarm[role=alert]", "somewhere")
        self.assertEqual(browser.complaints((*EXPECTED, "/v1/explain")), [])

    # --- doing ---

    def test_drain_says_what_will_happen_and_does_it(self):
        browser = self.browse("operate")
        before = self.generation()
        browser.click("[data-do=operate][data-on='asia/icn-1']")
        browser.see("dialog[open] .preview", "asia/icn-1 is drained until")
        self.assertIn("No other endpoint of asia can answer", browser.text(".preview"))
        self.assertIn("Resolvers may hold older answers until", browser.text(".preview"))
        self.assertEqual(self.generation(), before)  # that was a dry run
        browser.click("dialog button[type=submit]")
        browser.see("dialog [role=alert]", "Reason")  # who did it must say why
        browser.type("dialog input[name=reason]", "kernel update")
        self.addCleanup(self.auto, "asia/icn-1")
        browser.click("dialog button[type=submit]")
        browser.gone("dialog[open]")
        said = self.status("asia/icn-1")
        self.assertEqual((said["admin"], said["reason"], said["author"]), ("drain", "kernel update", "operateer"))
        self.assertGreater(said["until_ms"], 0)
        self.assertEqual(self.site.answer(KOREA), [VIRGINIA])
        browser.see("tr[data-key='asia/icn-1']", "drained")
        browser.see(".attention", "kernel update")
        browser.click("[data-do=operate][data-on='asia/icn-1']")
        browser.see("dialog[open] .preview", "follows its checks again")
        browser.type("dialog input[name=reason]", "done")
        browser.click("dialog button[type=submit]")
        self.site.moves(KOREA, SEOUL)
        browser.see("tr[data-key='asia/icn-1']", "up")
        self.content(browser)

    def test_drain_with_the_keyboard_alone(self):
        browser = self.browse("operate")
        browser.see("table.endpoints", "fra-1")
        browser.press(Keys.TAB)
        browser.tab_to("[data-do=operate][data-on='us/iad-1']")
        browser.press(Keys.ENTER)
        browser.see("dialog[open] .preview", "is drained")
        browser.press(Keys.ESCAPE)
        browser.gone("dialog[open]")
        self.assertEqual(browser.focused(), "Operate us/iad-1")  # back where it was
        browser.press(Keys.ENTER)
        browser.see("dialog[open] .preview", "is drained")
        self.assertEqual(browser.focused("e.value"), "drain")
        browser.press(Keys.ARROW_DOWN)
        browser.see(".preview", "is forced down")
        browser.tab_to("dialog input[name=reason]", 4)
        browser.press("by hand")
        self.addCleanup(self.auto, "us/iad-1")
        browser.press(Keys.ENTER)
        browser.gone("dialog[open]")
        until(lambda: self.status("us/iad-1")["admin"] == "down", 10, "it is forced down")
        browser.see("tr[data-key='us/iad-1']", "forced down")
        self.content(browser)

    def test_skip_link_and_focus_that_is_seen(self):
        browser = self.browse()
        browser.open("#/")
        browser.see(".link.live")
        browser.press(Keys.TAB)
        self.assertEqual(browser.focused("e.className"), "skip")
        browser.press(Keys.ENTER)
        self.assertEqual(browser.focused("e.id"), "main")
        browser.press(Keys.TAB)
        width, style = browser.focused("[getComputedStyle(e).outlineWidth, getComputedStyle(e).outlineStyle]")
        region = browser.focused("e.matches('a.region')")  # whose ring is drawn in the map
        self.assertTrue(region or (width != "0px" and style != "none"), (width, style))

    def test_rollback_shows_its_plan_first(self):
        start = self.generation()
        self.site.cli("set", "endpoint", "europe-next/fra-2", "weight=7", "-r", "a <i>new</i> machine")
        self.site.cli("set", "record", "example.com/www", "ttl=45s", "-r", "calmer")
        browser = self.browse(where="#/history")
        browser.see(".log", "a <i>new</i> machine")
        browser.click(f".log a[href='#/history/{start + 1}']")
        browser.see(".changes ins", "weight: 7")
        self.assertIn("weight: 2", browser.text(".changes del"))
        browser.click(f".log a[href='#/history/{start}']")
        browser.click("[data-do=rollback]")
        browser.see("dialog[open] .preview", "2 changed")
        self.assertIn("of the clients get another answer", browser.text(".preview"))
        self.assertEqual(self.generation(), start + 2)
        browser.type("dialog input[name=reason]", "not that")
        browser.click("dialog button[type=submit]")
        browser.gone("dialog[open]")
        until(lambda: self.generation() == start + 3, 10, "one more edit")
        self.assertEqual(self.site.cli_json("show", "endpoint", "europe-next/fra-2")["weight"], 2)
        self.assertEqual(self.site.cli_json("log", str(start + 3))[0]["author"], "adminer")
        browser.see(".log", "not that")
        self.content(browser)

    def test_an_edit_of_another_meanwhile_is_told(self):
        start = self.generation()
        self.site.cli("set", "endpoint", "europe-next/fra-2", "weight=3")
        self.addCleanup(self.site.cli, "set", "endpoint", "europe-next/fra-2", "weight=2")
        browser = self.browse(where=f"#/history/{start}")
        browser.click("[data-do=rollback]")
        browser.see("dialog[open] .preview", "1 changed")
        self.site.cli("set", "endpoint", "europe-next/fra-2", "weight=4")
        browser.type("dialog input[name=reason]", "x")
        browser.script("document.querySelector('dialog form').requestSubmit()")
        browser.see("dialog [role=alert]", "Somebody else has edited")
        self.assertEqual(self.generation(), start + 2)
        self.assertEqual(browser.complaints((*EXPECTED, "status of 412")), [])

    def test_a_rollout_from_start_to_abort(self):
        def rollout():
            return next(iter(self.site.cli_json("rollout", "status")["rollouts"]), None)

        browser = self.browse("operate", where="#/record/example.com/eu")
        browser.click("[data-do=rollout]")
        browser.see("dialog[open] .preview")
        browser.script("""const to = document.querySelector("dialog select[name=to]");
            to.value = "europe-next"; to.dispatchEvent(new Event("input", { bubbles: true }))""")
        browser.type("dialog input[name=reason]", "release 42")
        browser.see("dialog .preview", "are led to europe-next at once")
        browser.click("dialog button[type=submit]")
        browser.gone("dialog[open]")
        until(rollout, 10, "a rollout is under way")
        self.assertEqual((rollout()["to"], rollout()["steps"], rollout()["abort_if_down"]), ("europe-next", [10, 30, 50, 100], True))
        browser.see(".tree", "10 % to europe-next")
        browser.open("#/rollouts")
        browser.see(".cards", "running")
        for action, shown, holds in (("pause", "paused", lambda: rollout()["state"] == "paused"),
                                     ("resume", "running", lambda: rollout()["state"] == "running"),
                                     ("abort", "None is under way", lambda: not rollout())):
            browser.click(f"[data-do=rollout-act][data-how={action}]")
            browser.see("dialog[open] .preview", "eu.example.com")
            browser.type("dialog input[name=reason]", f"to {action}")
            browser.click("dialog button[type=submit]")
            browser.gone("dialog[open]")
            until(holds, 10, f"{action} is done")
            browser.see("main", shown)
        self.content(browser)

    def test_switch(self):
        browser = self.browse("operate", where="#/record/example.com/eu")
        browser.click("[data-do=switch]")
        browser.see("dialog[open] .preview")
        browser.script("""const to = document.querySelector("dialog select[name=to]");
            to.value = "us"; to.dispatchEvent(new Event("input", { bubbles: true }))""")
        browser.see("dialog .preview", "is served by us instead of europe")
        browser.type("dialog input[name=reason]", "blue to green")
        browser.click("dialog button[type=submit]")
        browser.gone("dialog[open]")
        self.addCleanup(self.site.cli, "switch", "eu.example.com", "us", "europe")
        self.assertEqual(self.site.cli_json("show", "record", "example.com/eu")["policy"], "us")
        browser.see(".tree", "iad-1")
        self.content(browser)

    # --- every page ---

    PAGES = {"overview": "#/", "endpoint": "#/endpoint/asia/icn-1", "pool": "#/pool/europe", "records": "#/records",
             "record": f"#/record/example.com/www?client={KOREA}&type=A", "rollouts": "#/rollouts", "history": "#/history"}

    def pages(self, scheme, **how):
        self.site.cli("drain", "europe-next/fra-2", "--for", "2h", "-r", "kernel update")
        self.addCleanup(self.auto, "europe-next/fra-2")
        browser = self.browse(**how)
        for name, where in self.PAGES.items():
            browser.open(where)
            browser.see(".link.live")
            browser.see(".answer" if name == "record" else "main h1")
            browser.see(".page")
            browser.picture(PICTURES / f"{scheme}-{name}.png")
            self.judge(browser, f"{scheme} {name}")
        browser.open("#/")
        browser.click("[data-do=operate][data-on='asia/icn-1']")
        browser.see("dialog[open] .preview", "is drained")
        browser.picture(PICTURES / f"{scheme}-dialog.png", browser.height)
        self.judge(browser, f"{scheme} dialog")
        return browser

    def test_every_page_in_light(self):
        self.pages("light")

    def test_every_page_in_the_dark(self):
        self.pages("dark", dark=True)

    def test_every_page_on_a_phone(self):
        self.pages("phone", width=360, height=740)

    def test_it_is_small_and_all_its_own(self):
        browser = self.browse()
        sizes = browser.transferred()
        self.assertIn("/ui/world.js", sizes)
        self.assertLess(sum(sizes.values()), 200_000, sizes)
        here = browser.script("return performance.getEntriesByType('resource').every((e) => e.name.startsWith(location.origin))")
        self.assertTrue(here)
        with urllib.request.urlopen(self.url) as reply:
            policy = reply.headers["Content-Security-Policy"]
        self.assertIn("default-src 'self'", policy)
        self.assertNotIn("unsafe", policy)
        self.content(browser)
