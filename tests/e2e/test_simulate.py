# SPDX-License-Identifier: Apache-2.0
"""simulate, diff and apply --max-shift tell beforehand who would move: numbers that were worked out by hand."""
import fcntl
import gzip
import json
import os
import pty
import signal
import subprocess
import termios
import unittest

from harness import BIN, NAME, Story, until

CATALOG = """
regions:
  seoul:     {location: [37.57, 126.98]}
  virginia:  {location: [38.95, -77.45]}
  frankfurt: {location: [50.11, 8.68]}
checks:
  web: {type: tcp, port: 443}
pools:
  asia:
    check: web
    endpoints:
      icn-1: {region: seoul, address: 192.0.2.10, weight: 3}
      icn-2: {region: seoul, address: [192.0.2.11, "2001:db8::11"], weight: 1}
  us:     {check: web, endpoints: {iad-1: {region: virginia, address: 198.51.100.10}}}
  europe: {check: web, endpoints: {fra-1: {region: frankfurt, address: 203.0.113.10}}}
  static: {endpoints: {lon-1: {region: frankfurt, address: 203.0.113.99}}}
policies:
  www:
    order: geo
    rules:
      - {nets: [100.0.0.0/8], use: [asia, us]}
      - {nets: [101.0.0.0/8], use: [europe, us]}
      - {default: true, use: [us, europe, asia]}
zones:
  example.com:
    text: |
      @     3600 SOA ns1 hostmaster 1 7200 1800 1209600 300
      @     3600 NS ns1
      ns1   3600 A 127.0.0.1
      plain 300  A 192.0.2.80
      eu    300  A 192.0.2.81
      alias 300  CNAME www
    records:
      www:    {types: [A, AAAA], policy: www}
      eu:     {types: [A], policy: europe, all_down: fallback}
      empty:  {types: [A], policy: europe, all_down: nodata}
      static: {types: [A], policy: static}
      "*.w":  {types: [A], policy: us}
"""

# 1000 queries for steered names, and eight others
QUERIES = """client,name,type,count
100.1.1.1,www.example.com,A,360
100.1.1.0/24,WWW.example.com.,AAAA,40
101.1.1.1,www.example.com,A,300
9.9.9.9,alias.example.com,A,150
9.9.9.9,eu.example.com,A,50
9.9.9.9,empty.example.com,A,20
9.9.9.9,static.example.com,A,30
9.9.9.9,any.thing.w.example.com,A,50
9.9.9.9,plain.example.com,A,4
9.9.9.9,nowhere.example.com,A,1
9.9.9.9,example.org,A,3
"""

# Names that lead to steered names: hop sends half to www and half away, flat is an ALIAS for hop, ring leads back to itself.
HOSTS = """
pools:
  hosts: {endpoints: {here: {host: www.example.com.}, away: {host: lb.example.org.}}}
  flat:  {endpoints: {hop: {host: step.example.com.}}}
  ring:  {endpoints: {a: {host: ring.example.com.}}}
  none:  {endpoints: {a: {host: missing.example.com.}}}
zones:
  example.com:
    text: |
      @     3600 SOA ns1 hostmaster 1 7200 1800 1209600 300
      @     3600 NS ns1
      ns1   3600 A 127.0.0.1
      plain 300  A 192.0.2.80
      eu    300  A 192.0.2.81
      alias 300  CNAME www
      step  300  CNAME hop
    records:
      hop:  {types: [CNAME], policy: hosts}
      flat: {types: [ALIAS], policy: flat}
      ring: {types: [CNAME], policy: ring}
      none: {types: [CNAME], policy: none}
"""


class Simulate(Story):
    def setUp(self):
        super().setUp()
        (self.site.store / "geo.mmdb").unlink()  # the rules name networks
        self.log = self.file("queries.csv", QUERIES)
        self.site.cli("apply", "-f", self.file("catalog.yaml", CATALOG))

    def file(self, name, text):
        path = self.site.directory / name
        path.write_text(text)
        return path

    def changed(self, *pairs):
        text = CATALOG
        for old, new in pairs:
            self.assertIn(old, text)
            text = text.replace(old, new)
        return self.file("proposed.yaml", text)

    def simulate(self, *words):
        return self.site.cli_json("simulate", self.log, *words)

    def loads(self, said):
        return {row["endpoint"]: (round(row["before"], 6), round(row["after"], 6)) for row in said["load"]}

    def moves(self, said, key="moves"):
        return {(row["from"], row["to"]): round(row["queries"], 6) for row in said[key]}

    def test_the_load_of_today(self):
        said = self.simulate()
        self.assertEqual(said["traffic"]["queries"], 1008)
        self.assertEqual((said["traffic"]["not_steered"], said["traffic"]["not_ours"]), (5, 3))
        self.assertEqual((said["queries"], said["moved"]), (1000, 0))
        self.assertEqual(
            {endpoint: load[0] for endpoint, load in self.loads(said).items()},
            {"asia/icn-1": 270, "asia/icn-2": 100, "(nothing)": 30, "europe/fra-1": 370, "us/iad-1": 200, "static/lon-1": 30},
        )

    def test_a_proposed_catalog_moves_what_the_numbers_say(self):
        proposed = self.changed(("weight: 3", "weight: 1"), ("101.0.0.0/8", "102.0.0.0/8"))
        generation = self.site.cli_json("log")
        said = self.simulate("-f", proposed)
        self.assertEqual(self.moves(said), {("europe/fra-1", "us/iad-1"): 300, ("asia/icn-1", "asia/icn-2"): 90,
                                            ("(nothing)", "asia/icn-2"): 10})
        self.assertEqual(said["moved"], 400)
        self.assertEqual(self.moves(said, "between_regions"), {("frankfurt", "virginia"): 300, ("(nothing)", "seoul"): 10})
        self.assertEqual(self.loads(said)["us/iad-1"], (200, 500))
        self.assertEqual(self.site.cli_json("log"), generation)  # nothing was changed
        text = self.site.cli("simulate", self.log, "-f", proposed)
        self.assertIn("40.0 % (400 of 1 000 queries) get another answer", text)
        self.assertIn("frankfurt -> virginia", text)

    def test_another_name_for_the_same_address_moves_nobody_and_another_address_does(self):
        renamed = self.changed(("asia:", "apac:"), ("[asia, us]", "[apac, us]"), ("europe, asia]", "europe, apac]"))
        self.assertEqual(self.simulate("-f", renamed, "--prune")["moved"], 0)
        moved = self.changed(("198.51.100.10", "198.51.100.11"))
        said = self.simulate("-f", moved)
        self.assertEqual(self.moves(said), {("us/iad-1", "us/iad-1"): 200})
        self.assertEqual(said["between_regions"], [])
        self.assertIn("us/iad-1 -> us/iad-1 (another address)", self.site.cli("simulate", self.log, "-f", moved))

    def test_names_that_are_new_or_go_away(self):
        gone = self.changed(("      empty:  {types: [A], policy: europe, all_down: nodata}\n", ""))
        said = self.simulate("-f", gone, "--prune")
        self.assertEqual(self.moves(said), {("europe/fra-1", "(no such name)"): 20})
        self.assertEqual([(row["name"], row["empty"]) for row in said["worse"]], [("example.com/empty", [0, 20])])
        new = self.changed(("      empty:", "      nowhere: {types: [A], policy: us}\n      empty:"))
        said = self.simulate("-f", new)
        self.assertEqual((said["queries"], said["new"], said["moved"]), (1000, 1, 0))

    def test_a_region_down(self):
        said = self.simulate("--down", "frankfurt")
        self.assertEqual(self.moves(said), {("europe/fra-1", "us/iad-1"): 300, ("europe/fra-1", "(ordinary records)"): 50,
                                            ("europe/fra-1", "(nothing)"): 20})
        self.assertEqual(said["sent_to_what_is_down"], 30)  # without a check nobody learns of it
        self.assertEqual(
            {(row["name"], *row["empty"], *row["ordinary"], *row["failopen"]) for row in said["worse"]},
            {("example.com/eu", 0, 0, 0, 50, 0, 50), ("example.com/empty", 0, 20, 0, 0, 0, 20)},
        )
        text = self.site.cli("simulate", self.log, "--down", "frankfurt")
        self.assertIn("3.0 % (30 of 1 000 queries) would still be sent to what is down", text)
        self.assertIn("example.com/empty A: 100.0 % (20 of 20 queries) go empty (NODATA)", text)
        for name in ("asia/icn-1", "asia"):
            self.assertGreater(self.simulate("--down", name)["moved"], 0)
        self.assertIn("did you mean 'frankfurt'?", self.site.cli("simulate", self.log, "--down", "frankfur", ok=False))

    def test_each_region_down_in_turn(self):
        rows = {row["region"]: row for row in self.simulate("--n-1")["each_region_down"]}
        self.assertEqual({region: row["moved"] for region, row in rows.items()},
                         {"seoul": 370, "virginia": 150, "frankfurt": 370})
        self.assertEqual((rows["frankfurt"]["busiest"], rows["frankfurt"]["usual_load"]), ("us/iad-1", 200))
        self.assertAlmostEqual(rows["frankfurt"]["load"], 500)
        self.assertEqual((rows["seoul"]["grows_most"], rows["seoul"]["grown_usual_load"]), ("us/iad-1", 200))
        self.assertEqual((rows["virginia"]["busiest"], rows["virginia"]["grows_most"]), ("europe/fra-1", "europe/fra-1"))
        self.assertAlmostEqual(rows["virginia"]["load"], 520)  # 370 of its own and 150 of alias
        self.assertAlmostEqual(rows["virginia"]["failopen"], 50)  # *.w has nowhere else to go
        self.assertAlmostEqual(rows["frankfurt"]["empty"], 20)
        self.assertIn("each region down in turn", self.site.cli("simulate", self.log, "--n-1"))

    def test_what_grows_most_is_not_what_is_busiest(self):
        """europe gets a tenth of what asia has, and all of it goes to lon-1, which has one query."""
        self.site.cli("apply", "-f", self.file("more.yaml", """
policies:
  small: {order: failover, of: [europe, static]}
zones:
  example.com: {records: {eu: {types: [A], policy: small}, static: {types: [A], policy: static}}}
"""))
        self.log.write_text("100.1.1.1,www.example.com,A,400\n9.9.9.9,eu.example.com,A,30\n9.9.9.9,static.example.com,A,10\n")
        row = next(row for row in self.simulate("--n-1")["each_region_down"] if row["region"] == "frankfurt")
        self.assertEqual((row["busiest"], row["load"], row["usual_load"]), ("asia/icn-1", 300, 300))
        self.assertEqual((row["grows_most"], row["grown_load"], row["grown_usual_load"]), (None, 0, 0))  # lon-1 is down, too
        moved = "pools: {static: {endpoints: {lon-1: {region: virginia, address: 203.0.113.99}}}}"
        self.site.cli("apply", "-f", self.file("moved.yaml", moved))
        row = next(row for row in self.simulate("--n-1")["each_region_down"] if row["region"] == "frankfurt")
        self.assertEqual((row["busiest"], row["load"]), ("asia/icn-1", 300))
        self.assertEqual((row["grows_most"], row["grown_load"], row["grown_usual_load"]), ("static/lon-1", 40, 10))
        said = self.site.cli("simulate", self.log, "--n-1")
        self.assertRegex(said, r"frankfurt +6\.8 % +asia/icn-1 +68\.2 %, x 1\.00 +static/lon-1 +9\.1 %, x 4\.00")

    def test_each_region_of_none(self):
        self.site.cli("apply", "--prune", "-f", self.file("flat.yaml", """
pools: {us: {endpoints: {iad-1: {address: 198.51.100.10}}}}
zones: {example.com: {records: {www: {types: [A], policy: us}}}}
"""))
        self.assertIn("--n-1: the catalog has no regions to take down; name a pool or an endpoint with --down",
                      self.site.cli("simulate", self.log, "--n-1"))

    def test_names_that_lead_to_steered_names_are_followed(self):
        self.site.cli("apply", "-f", self.file("hosts.yaml", HOSTS))
        self.log.write_text("100.1.1.1,hop.example.com,A,80\n101.1.1.1,hop.example.com,A,40\n9.9.9.9,hop.example.com,CNAME,8\n"
                            "100.1.1.1,flat.example.com,A,40\n100.1.1.1,flat.example.com,AAAA,40\n"
                            "9.9.9.9,ring.example.com,A,1\n9.9.9.9,none.example.com,A,2\n")
        loads = {
            "asia/icn-1": 30 + 15,  # three quarters of the half that goes to www
            "asia/icn-2": 10 + 5 + 5,
            "(nothing)": 15,  # icn-1 has no IPv6
            "europe/fra-1": 20,
            "hosts/here": 4,  # who asks for the CNAME gets just that
            "hosts/away": 40 + 20 + 4 + 20 + 20,
            "ring/a": 1,
            "(no such name)": 2,
        }
        self.assertEqual({name: load[0] for name, load in self.loads(self.simulate()).items()}, loads)
        said = self.simulate("--down", "frankfurt")
        self.assertEqual(self.moves(said), {("europe/fra-1", "us/iad-1"): 20})
        rows = {row["region"]: row["moved"] for row in self.simulate("--n-1")["each_region_down"]}
        # of AAAA, what icn-2 had goes to nothing, and what had nothing has not moved
        self.assertEqual({region: round(moved, 6) for region, moved in rows.items()}, {"seoul": 65, "virginia": 0, "frankfurt": 20})
        rules = "{nets: [101.0.0.0/8], use: [us]}, {default: true, use: [asia]}"
        proposed = self.file("rules.yaml", f"policies: {{www: {{order: geo, rules: [{rules}]}}}}")
        self.assertEqual(self.moves(self.simulate("-f", proposed)), {("europe/fra-1", "us/iad-1"): 20})
        said = self.site.cli("apply", "-f", proposed, "--max-shift", "5%", "--traffic", self.log, ok=False)
        self.assertIn("refused, nothing was changed: 9.5 % of the queries", said)  # 20 of 211

    def test_without_traffic_they_are_followed_too(self):
        self.site.cli("apply", "-f", self.file("hosts.yaml", HOSTS))
        policies = CATALOG[CATALOG.index("policies"):CATALOG.index("zones")]
        proposed = self.file("rules.yaml", policies.replace("[europe, us]", "[us, europe]"))
        said = self.site.cli_json("diff", "-f", proposed)["shift"]
        # www for A, and half of hop and flat; of nine names
        self.assertEqual(list(self.moves(said)), [("europe/fra-1", "us/iad-1")])
        self.assertAlmostEqual(said["moved_share"], (1 / 2 + 1 / 2 + 1 / 2) / 224 / 9)

    def test_what_operators_said_counts_and_verdicts_only_where_asked(self):
        self.site.cli("drain", "europe/fra-1")
        self.assertEqual(self.loads(self.simulate())["us/iad-1"], (500, 500))
        self.assertEqual(self.loads(self.simulate("--all-up"))["us/iad-1"], (500, 500))

    def test_orders_that_draw_in_other_ways(self):
        """Rotate and hash by network share by weight; a name that is hashed has one place; a trickle keeps a tier warm."""
        two = "endpoints: {x: {region: seoul, address: 192.0.2.1, weight: 3}, y: {region: frankfurt, address: 192.0.2.2}}"
        tiers = "endpoints: {x: {address: 192.0.2.1}, y: {address: 192.0.2.2, tier: 1}}"
        self.site.cli("apply", "-f", self.file("orders.yaml", f"""
pools:
  turns:  {{order: rotate, {two}}}
  nets:   {{order: hash, {two}}}
  names:  {{order: hash, hash: {{by: name}}, {two}}}
  warm:   {{order: failover, trickle: 5, {tiers}}}
zones:
  example.net:
    text: |
      @ 3600 SOA ns1.example.com. hostmaster.example.com. 1 7200 1800 1209600 300
      @ 3600 NS ns1.example.com.
    records: {{turns: {{types: [A], policy: turns}}, nets: {{types: [A], policy: nets}}, names: {{types: [A], policy: names}}, warm: {{types: [A], policy: warm}}}}
"""))
        self.log.write_text("".join(f"9.9.9.9,{name}.example.net,A,100\n" for name in ("turns", "nets", "names", "warm")))
        loads = {endpoint: load[0] for endpoint, load in self.loads(self.simulate()).items()}
        named = {endpoint: load for endpoint, load in loads.items() if endpoint.startswith("names/")}
        self.assertEqual({"turns/x": 75, "turns/y": 25, "nets/x": 75, "nets/y": 25, "warm/x": 95, "warm/y": 5, **named}, loads)
        said = self.site.cli("explain", "names.example.net", "A", "--client", "9.9.9.9")
        self.assertEqual(named, {"names/x" if "192.0.2.1" in said else "names/y": 100})

    def test_apply_refuses_what_moves_too_much_and_changes_nothing(self):
        proposed = self.changed(("101.0.0.0/8", "102.0.0.0/8"))
        before = self.site.cli_json("log")
        said = self.site.cli("apply", "-f", proposed, "--max-shift", "29.9%", "--traffic", self.log, ok=False)
        self.assertIn("refused, nothing was changed: 30.0 % of the queries would be answered differently", said)
        self.assertIn("example.com/www  europe (frankfurt) -> us (virginia)  35.3 %", said)
        self.assertEqual(self.site.cli_json("log"), before)
        said = self.site.cli("diff", "-f", proposed, "--traffic", self.log)
        self.assertIn("shift: 30.0 % (300 of 1 000 queries) get another answer", said)
        said = self.site.cli("apply", "-f", proposed, "--max-shift", "30%", "--traffic", self.log)  # exactly as much
        self.assertIn("generation 2", said)
        said = self.site.cli("apply", "-f", proposed, "--max-shift", "0.1", ok=False)
        self.assertIn("'0.1' is no share of queries; write 0.1% or 10%", said)
        for share in ("much", "", "-1%", "101%", "10 %", "nan", "0.1", "10"):
            self.assertIn("no share of queries", self.site.cli("apply", "-f", proposed, f"--max-shift={share}", ok=False))

    def test_ordinary_records_that_take_a_steered_names_clients_away_are_judged(self):
        for pairs, share in (
            (("alias 300  CNAME www", "alias 300  CNAME plain"), "15.0 %"),
            (("alias 300", "w 300 NS ns.other.org.\n      alias 300"), "5.0 %"),
            (("alias 300", "any.thing.w 300 A 192.0.2.82\n      alias 300"), "5.0 %"),
        ):
            proposed = self.changed(pairs)
            said = self.site.cli("apply", "-f", proposed, "--max-shift", "0%", "--traffic", self.log, ok=False)
            self.assertIn(f"refused, nothing was changed: {share} of the queries", said)
        cut = self.changed(("alias 300", "w 300 NS ns.other.org.\n      alias 300"))
        self.assertIn("shift: 20.0 % get", self.site.cli("diff", "-f", cut))  # one of five names
        plain = self.changed(("192.0.2.80", "192.0.2.83"))
        self.assertIn("steering is not touched", self.site.cli("diff", "-f", plain))
        self.assertIn("shift: no client moves\n", self.site.cli("diff", "-f", self.changed(("192.0.2.81", "192.0.2.83"))))

    def test_without_traffic_names_and_addresses_count_alike(self):
        proposed = self.changed(("  www:\n    order", "  other: {order: failover, of: [us]}\n  www:\n    order"),
                                ("eu:     {types: [A], policy: europe, all_down: fallback}", "eu:     {types: [A], policy: us}"))
        said = self.site.cli_json("diff", "-f", proposed)["shift"]
        self.assertEqual(said["traffic"]["from"], "every name and address alike")
        self.assertAlmostEqual(said["moved_share"], 1 / 5)  # one of five names
        half = self.changed(("nets: [100.0.0.0/8]", "nets: [0.0.0.0/2, 64.0.0.0/2]"), ("nets: [101.0.0.0/8]", "nets: [101.1.1.1/32]"))
        said = self.site.cli_json("diff", "-f", half)["shift"]
        # of 224 eights 100/8 stays and 101/8 leaves europe; the other 126 of the first half leave us, but for those
        # that are asked for AAAA, where three quarters had nothing before, too: us had nothing for all of it
        moved = {(row["from"], row["to"]): row["queries"] * 2 for row in said["moves"]}  # A and AAAA are half a name each
        self.assertAlmostEqual(moved["us/iad-1", "asia/icn-1"], 126 / 224 * 3 / 4, places=6)
        self.assertAlmostEqual(moved["(nothing)", "asia/icn-2"], 127 / 224 / 4, places=6)
        self.site.cli("apply", "-f", half, "--max-shift", "5%", ok=False)
        check = self.changed(("port: 443", "port: 444"))
        self.assertIn("steering is not touched", self.site.cli("diff", "-f", check))
        self.assertIn("generation 2", self.site.cli("apply", "-f", check, "--max-shift", "0%"))

    def test_a_store_that_is_not_there_is_not_made(self):
        missing = self.site.directory / "missing"
        done = subprocess.run([BIN / "isobar", "--store", missing, "simulate", self.log, "-f", self.site.directory / "catalog.yaml"],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 5)
        self.assertIn(str(missing), done.stderr)
        self.assertFalse(missing.exists())

    # --- the files ---

    def test_bad_lines_are_named_and_stepped_over(self):
        bad = self.file("bad.csv", QUERIES + "who,www.example.com,A\n9.9.9.9,www.example.com,B\n" + "x\n" * 10)
        done = subprocess.run([BIN / "isobar", "--store", self.site.store, "simulate", bad], capture_output=True, text=True,
                              timeout=60)
        self.assertEqual(done.returncode, 0)
        self.assertIn(f"{bad}:13: the client is neither an address nor a network\n{bad}:14: the type is no record type", done.stderr)
        self.assertIn("... and 7 more", done.stderr)
        self.assertIn("12 that could not be read", done.stdout)
        self.assertNotIn("\r", done.stderr)  # no bar without a terminal
        self.assertIn("none of it could be read as csv; name what it is: --format query-log, csv or dnstap",
                      self.site.cli("simulate", self.site.directory / "catalog.yaml", ok=False))

    def test_a_log_that_was_cut_and_one_that_is_compressed(self):
        line = "client=100.1.1.1 ecs=- name=www.example.com. class=IN type=A"
        cut = self.file("cut.log", f".1.1.1 name=www.example.com.\ntime=1 {line}\n")
        self.assertIn("1 queries read; 0 for names that are not steered, 0 for names that are not ours; 1 that could not be read",
                      self.site.cli("simulate", cut))
        packed = self.site.directory / "query.log.gz"
        packed.write_bytes(gzip.compress(QUERIES.encode()))
        self.assertIn(f"{packed} is compressed; write: zcat {packed} | isobar simulate -",
                      self.site.cli("simulate", packed, ok=False))
        said = self.site.cli("diff", "-f", self.changed(("weight: 3", "weight: 1")), "--traffic", packed, ok=False)
        self.assertIn(f"zcat {packed} | isobar ... --traffic -", said)

    def test_what_the_server_wrote_is_read(self):
        """Its query log and its dnstap file tell the same as a list of the queries."""
        log, tap = self.site.directory / "query.log", self.site.directory / "query.tap"
        server = self.site.run("isobard", "--listen", f"127.0.0.1:{self.site.port}", "--query-log", log, "--dnstap", f"file:{tap}")
        server.until(self.site.answers, 20, "isobard answers")
        for client, count in (("100.1.1.0/24", 7), ("101.1.1.0/24", 5), ("9.9.9.0/24", 3)):
            for _ in range(count):
                self.site.query(NAME, "A", client)
        self.site.query("example.org")
        server.stop()
        want = {"asia/icn-1": 5.25, "asia/icn-2": 1.75, "europe/fra-1": 5, "us/iad-1": 3}
        for path in (log, tap):
            said = self.site.cli_json("simulate", path)
            self.assertEqual({name: load[0] for name, load in self.loads(said).items()}, want, path)
            self.assertEqual((said["traffic"]["not_ours"], said["traffic"]["bad"]), (1, 0), path)
        both = self.site.cli_json("simulate", log, tap)
        self.assertEqual(both["queries"], 30)

    def test_a_million_queries_from_a_pipe(self):
        """www from all of IPv4, one query from each /20 below 224/3 and then some; the shares are those of the networks."""
        rows = "".join(f"{a}.{b}.{c}.1,www.example.com,A\n" for a in range(1, 224) for b in range(0, 256) for c in range(0, 256, 14))
        count = rows.count("\n")
        self.assertGreater(count, 1000000)
        said = json.loads(self.site.cli("simulate", "-", "-o", "json", "--down", "us", text=rows))
        self.assertEqual(said["queries"], count)
        eighth = count / 223
        self.assertEqual(self.loads(said)["us/iad-1"], (round(eighth * 221, 6), 0))
        self.assertEqual(self.moves(said), {("us/iad-1", "europe/fra-1"): round(eighth * 221, 6)})

    def start(self, *words, stderr=subprocess.PIPE):
        return subprocess.Popen([BIN / "isobar", "--store", self.site.store, "simulate", *words], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=stderr, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))

    def test_control_c_shows_what_was_counted_and_a_bar_is_for_terminals(self):
        """The pipe stays open: only the signal ends the reading."""
        main, side = pty.openpty()
        self.addCleanup(os.close, main)
        child = self.start("-", stderr=side)
        seen = b""

        def bar():
            nonlocal seen
            child.stdin.write(b"100.1.1.1,www.example.com,A\n" * 4000)
            child.stdin.flush()
            os.set_blocking(main, False)
            try:
                seen += os.read(main, 65536)
            except BlockingIOError:
                pass
            return b"queries" in seen

        until(bar, 20, "a bar shows")
        child.send_signal(signal.SIGINT)
        out = child.stdout.read().decode()
        self.assertEqual(child.wait(20), 1)
        seen += os.read(main, 65536)
        os.close(side)
        self.assertIn(b"interrupted; that was about the queries read until then", seen)
        child.stdin.close()
        child.stdout.close()
        self.assertIn("queries read;", out)
        self.assertIn("asia/icn-1", out)

    def test_other_edits_do_not_wait_for_a_silent_pipe(self):
        fifo = self.site.directory / "fifo"
        os.mkfifo(fifo)
        proposed = self.changed(("101.0.0.0/8", "102.0.0.0/8"))
        child = subprocess.Popen([BIN / "isobar", "--store", self.site.store, "apply", "-f", proposed, "--max-shift", "30%",
                                  "--traffic", fifo], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        with open(fifo, "w") as pipe:  # opens when the other end reads
            pipe.write(QUERIES)
            for i in range(80000):  # many more than are held in memory, and the second half once more
                pipe.write(f"{100 + i % 2}.1.{i % 40000 >> 8}.{i & 255},www.example.com,A\n")
            pipe.flush()
            until(lambda: fcntl.ioctl(pipe, termios.FIONREAD, b"1234") == b"\0" * 4, 20, "the queries are taken")
            self.assertIn("generation 2", self.site.cli("set", "pool", "static", "endpoints.lon-1.weight=2"))
        said = child.stdout.read()
        self.assertEqual(child.wait(20), 1)
        child.stdout.close()
        self.assertIn("refused, nothing was changed: 49.8 % of the queries", said)  # 40300 of 81000

    def test_a_bar_does_not_say_that_nothing_is_left(self):
        main, side = pty.openpty()
        self.addCleanup(os.close, main)
        child = self.start(self.file("long.csv", "100.1.1.1,www.example.com,A\n" * 2000000), stderr=side)
        os.close(side)
        child.stdin.close()
        seen = b""
        try:
            while part := os.read(main, 65536):
                seen += part
        except OSError:  # the other end is closed
            pass
        child.stdout.close()
        child.wait(60)
        self.assertIn(b"1s left", seen)
        self.assertNotIn(b"0ms left", seen)

    def test_a_gate_that_was_interrupted_stays_shut(self):
        fifo = self.site.directory / "fifo"
        os.mkfifo(fifo)
        proposed = self.changed(("weight: 3", "weight: 2"))
        child = subprocess.Popen([BIN / "isobar", "--store", self.site.store, "apply", "-f", proposed, "--max-shift", "100%",
                                  "--traffic", fifo], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                 preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        with open(fifo, "w") as pipe:  # opens when the other end reads
            pipe.write(QUERIES)
            pipe.flush()
            until(lambda: fcntl.ioctl(pipe, termios.FIONREAD, b"1234") == b"\0" * 4, 20, "the queries are taken")
            child.send_signal(signal.SIGINT)
            said = child.stdout.read()
        self.assertEqual(child.wait(20), 1)
        child.stdout.close()
        self.assertIn("not read to their end; nothing was changed", said)
        self.assertEqual(self.site.cli_json("status")["generation"], 1)


if __name__ == "__main__":
    unittest.main()
