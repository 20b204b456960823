# SPDX-License-Identifier: Apache-2.0
"""Asking the server why, and signing what one asks: dig, kdig and dnspython are the clients."""
import datetime
import json
import re
import signal
import socket
import subprocess
import time
import unittest.mock

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.tsig

from harness import AUSTRALIA, FRANKFURT, KOREA, NAME, SEOUL, VIRGINIA, SharedStory, Site, Story, until

SECRET, OTHER = "c2l4dGVlbiBvY3RldHMgb3IgbW9yZSB0aGFuIHRoYXQ=", "YW5vdGhlciBzZWNyZXQsIGFzIGxvbmcgYXMgaXQgaXM="
KEY = 'key "%s" {\n\talgorithm %s;\n\tsecret "%s";\n};\n'
ALGORITHMS = "hmac-sha1 hmac-sha224 hmac-sha256 hmac-sha384 hmac-sha512".split()


class Asked(SharedStory):
    """Address 127.0.0.2 may ask why, and so may whoever signs as ops.example; plain.example only signs."""

    @classmethod
    def setUpClass(cls):
        cls.site = site = Site()
        cls.addClassCleanup(site.done)
        cls.keys = site.directory / "keys"
        cls.write_keys()
        site.start_balancers()
        site.apply(site.catalog())
        run = site.run
        site.run = lambda program, *options: run(program, *options, *cls.options(program))
        site.start_server()
        site.start_probe()

    @classmethod
    def options(cls, program):
        return ["--tsig-keys", cls.keys, "--explain-from", "127.0.0.2", "--explain-key", "ops.example"] if program == "isobard" else []

    @classmethod
    def write_keys(cls, more=""):
        text = KEY % ("ops.example", "hmac-sha256", SECRET) + KEY % ("plain.example", "hmac-sha512", SECRET)
        text += "".join(KEY % (f"{name}.example", name, SECRET) for name in ALGORITHMS)
        cls.keys.write_text(text + more)
        cls.keys.chmod(0o600)

    def dig(self, *words, program="dig"):
        said = subprocess.run(
            [program, "@127.0.0.1", "-p", str(self.site.port), *map(str, words)], text=True, capture_output=True, timeout=30
        )
        return said.stdout + said.stderr

    def key_file(self, name, algorithm="hmac-sha256", secret=SECRET):
        path = self.site.directory / f"{name}.key"
        path.write_text(KEY % (name, algorithm, secret))
        return path


class Explained(Asked):
    def test_an_address_on_the_list_is_told_the_decision(self):
        told = self.dig("-b", "127.0.0.2", "TXT", f"_explain.{NAME}", f"+subnet={KOREA}", "+short")
        self.assertIn("policy www (geo) takes ", told)
        self.assertIn("by rule 1: continent AS", told)
        self.assertIn("pool asia (weighted) chooses asia/icn-1", told)
        self.assertRegex(told, rf'"\d\d record A {SEOUL}, ttl \d+"')
        self.assertIn("catalog generation 1", told)
        self.assertEqual([int(n) for n in re.findall(r'^"(\d\d) ', told, re.M)], list(range(1, told.count("\n") + 1)))

    def test_what_is_told_is_what_is_answered(self):
        for client in (KOREA, AUSTRALIA):
            told = self.dig("-b", "127.0.0.2", "TXT", f"_explain.{NAME}", f"+subnet={client}", "+short")
            self.assertIn(f"record A {self.site.answer(client)[0]},", told)
        told = self.dig("-b", "127.0.0.2", "TXT", "_srv._explain._https._tcp.example.com", f"+subnet={KOREA}", "+short")
        self.assertIn("icn-1.example.com.", told)

    def test_others_meet_a_name_that_is_not_there(self):
        for words in ([], ["-y", f"hmac-sha512:plain.example:{SECRET}"]):
            said = self.dig("TXT", f"_explain.{NAME}", f"+subnet={KOREA}", *words)
            self.assertIn("status: NXDOMAIN", said)
        told = self.dig("-b", "127.0.0.2", "TXT", "_explain.x.wild.example.com", "+short")
        self.assertIn("record A 192.0.2.81", told)

    def test_an_address_over_udp_gets_no_more_than_it_sent(self):
        query = dns.message.make_query(f"_explain.{NAME}", "TXT")
        reply = dns.query.udp(query, "127.0.0.1", 5, self.site.port, source="127.0.0.2", ignore_trailing=False)
        self.assertTrue(reply.flags & dns.flags.TC)
        self.assertEqual(len(reply.to_wire()), len(query.to_wire()))
        reply = dns.query.tcp(query, "127.0.0.1", 5, self.site.port, source="127.0.0.2")
        self.assertGreater(len(reply.answer[0]), 3)
        self.assertEqual(reply.answer[0].ttl, 0)

    def test_a_key_opens_it_from_any_address(self):
        for how in (["-y", f"hmac-sha256:ops.example:{SECRET}"], ["-k", self.key_file("ops.example")]):
            told = self.dig("TXT", f"_explain.{NAME}", f"+subnet={KOREA}", "+ignore", *how)
            self.assertIn("pool asia (weighted) chooses", told)
            self.assertIn("NOERROR", told.partition("TSIG PSEUDOSECTION")[2])
        told = self.dig("TXT", f"_explain.{NAME}", f"+subnet={KOREA}", "-y", f"hmac-sha256:ops.example:{SECRET}", program="kdig")
        self.assertIn("pool asia (weighted) chooses", told)


class Signed(Asked):
    def ask(self, *, keyname="ops.example", algorithm="hmac-sha256", tcp=False, shift=0):
        """The reply, verified by dnspython, which raises every TSIG error; `shift`: seconds that the client's clock is wrong."""
        query = dns.message.make_query("plain.example.com", "A")
        query.use_tsig(dns.tsig.Key(keyname, SECRET, algorithm))
        with unittest.mock.patch("time.time", return_value=time.time() + shift):
            wire = query.to_wire()
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as plain:
            plain.settimeout(5)
            plain.connect(("127.0.0.1", self.site.port))
            plain.sendall(len(wire).to_bytes(2, "big") + wire if tcp else wire)
            if tcp:
                reply = plain.recv(int.from_bytes(plain.recv(2, socket.MSG_WAITALL), "big"), socket.MSG_WAITALL)
            else:
                reply = plain.recv(4096)
        return dns.message.from_wire(reply, keyring=query.keyring, request_mac=query.mac)

    def test_answers_are_signed_with_every_algorithm(self):
        for algorithm in ALGORITHMS:
            for tcp in (False, True):
                reply = self.ask(keyname=f"{algorithm}.example", algorithm=algorithm, tcp=tcp)
                self.assertTrue(reply.had_tsig)
                self.assertEqual(reply.answer[0][0].to_text(), "192.0.2.80")
            for program in ("dig", "kdig"):
                said = self.dig("plain.example.com", "-y", f"{algorithm}:{algorithm}.example:{SECRET}", program=program)
                self.assertIn("192.0.2.80", said)
                self.assertNotRegex(said.lower(), "couldn't verify|bad ?sig|failed")
        self.assertNotRegex(self.dig("nothing.example.com", "-k", self.key_file("ops.example")), "verify")

    def test_a_wrong_secret_and_an_unknown_key_are_refused_unsigned(self):
        for keyname, secret, error in (("ops.example", OTHER, "BADSIG"), ("nobody.example", SECRET, "BADKEY")):
            said = self.dig("plain.example.com", "-y", f"hmac-sha256:{keyname}:{secret}")
            self.assertIn("NOTAUTH", said)
            self.assertIn(error, said)
            self.assertNotIn("192.0.2.80", said)
        said = self.dig("plain.example.com", "-y", f"hmac-sha384:ops.example:{SECRET}")
        self.assertIn("BADKEY", said)

    def test_a_wrong_clock_is_told_the_time_signed(self):
        for shift in (-600, 600):
            with self.assertRaises(dns.tsig.PeerBadTime):
                self.ask(shift=shift)
        self.assertEqual(self.ask(shift=120).rcode(), dns.rcode.NOERROR)

    def test_a_truncated_sum_is_refused_signed(self):
        said = self.dig("plain.example.com", "-y", f"hmac-sha256-128:ops.example:{SECRET}")
        self.assertIn("NOTAUTH", said)
        self.assertIn("BADTRUNC", said)

    def test_a_long_signed_answer_is_truncated_and_whole_over_tcp(self):
        said = self.dig("many.example.com", "+notcp", "+ignore", "+bufsize=512", "-k", self.key_file("ops.example"))
        self.assertRegex(said, "flags: qr aa tc|flags: qr aa tc rd")
        self.assertNotIn("verify", said)
        said = self.dig("many.example.com", "+tcp", "-k", self.key_file("ops.example"))
        self.assertEqual(len(re.findall(r"\sA\s192\.0\.2\.", said)), 40)

    def test_keys_are_read_again_and_bad_ones_leave_the_old(self):
        log = self.site.server
        self.addCleanup(self.write_keys)
        before = log.said().count("settings-reloaded")
        self.write_keys(KEY % ("new.example", "hmac-sha256", OTHER))
        log.child.send_signal(signal.SIGHUP)
        until(lambda: log.said().count("settings-reloaded") > before, 10, "the settings are read again")
        self.assertIn("192.0.2.80", self.dig("plain.example.com", "-y", f"hmac-sha256:new.example:{OTHER}"))
        self.keys.write_text("key new.example { algorithm hmac-sha256; };\n")
        log.child.send_signal(signal.SIGHUP)
        until(lambda: "settings-refused" in log.said(), 10, "the settings are refused")
        self.assertIn("the key has no secret", log.said())
        self.assertNotIn(OTHER, log.said())
        self.assertIn("192.0.2.80", self.dig("plain.example.com", "-y", f"hmac-sha256:new.example:{OTHER}"))
        self.write_keys()
        self.keys.chmod(0o644)
        log.child.send_signal(signal.SIGHUP)
        until(lambda: "tsig-keys-open" in log.said(), 10, "the warning that others may read them")


class Then(Story):
    """`isobar explain --at`: an endpoint fails, an operator drains another, and both can be asked about before and after."""

    def setUp(self):
        super().setUp()
        self.site.start()

    def explain(self, *words):
        return self.site.cli_json("explain", NAME, "--client", KOREA, *words)

    @staticmethod
    def verdicts(told):
        return {step["name"]: (step["verdict"], step["admin"]) for step in told["steps"] if step["step"] == "endpoint"}

    def test_the_past_is_told_as_it_was(self):
        site = self.site
        before = now()
        until(lambda: now() > before, 3, "a later time")
        site.balancers["seoul"].stop()
        until(lambda: site.verdicts()["asia/icn-1"] == "down", 20, "asia/icn-1 is down")
        site.cli("drain", "us/iad-1", "--reason", "works", "--for", "2h")
        told = self.explain()
        self.assertEqual(
            self.verdicts(told), {"asia/icn-1": ("down", "auto"), "us/iad-1": ("up", "drain"), "europe/fra-1": ("up", "auto")}
        )
        time_ = told["time"]
        self.assertEqual((time_["verdicts"], time_["admin"], time_["verdicts_changed"]), ("now", "now", 0))
        told = self.explain("--at", before)
        self.assertEqual(self.verdicts(told), {"asia/icn-1": ("up", "auto")})
        self.assertTrue(told["answer"]["rrs"][0].endswith(SEOUL))
        time_ = told["time"]
        self.assertEqual((time_["at"], time_["verdicts"], time_["verdicts_from"]), (before[:19] + "Z", "then", None))
        self.assertEqual((time_["verdicts_changed"], time_["admin_changed"], time_["edits_since"]), (1, 1, 0))
        text = site.cli("explain", NAME, "--client", KOREA, "--at", before)
        self.assertIn("verdicts (1 not as now), what operators said of endpoints (1 not as now)", text)
        self.assertIn("the catalog, of generation 2 (0 edits since then)", text)
        site.cli("set", "pool", "asia", "answers=2")
        self.assertEqual(self.explain("--at", before)["time"]["edits_since"], 1)
        # before the first check there was no verdict, and no word of an operator
        told = self.explain("--at", "-1h")
        self.assertEqual(self.verdicts(told), {"asia/icn-1": ("unknown", "auto")})

    def test_the_first_verdict_of_then_began_no_slow_start(self):
        site = self.site
        site.cli("set", "pool", "asia", "slow_start=1h")
        until(lambda: "slow start" not in site.cli("explain", NAME, "--client", KOREA), 1, "no slow start now")
        then = now()
        until(lambda: now() > then, 3, "a later time")
        told = [step for step in self.explain("--at", then)["steps"] if step["step"] == "endpoint"]
        self.assertEqual([(step["verdict"], step["slow_start_per_cent"]) for step in told], [("up", 100)])
        site.balancers["seoul"].stop()
        until(lambda: site.verdicts()["asia/icn-1"] == "down", 20, "asia/icn-1 is down")
        site.balancers["seoul"].start()
        until(lambda: site.verdicts()["asia/icn-1"] == "up", 20, "asia/icn-1 is up again")
        recovered = now()
        told = [step for step in self.explain("--at", then)["steps"] if step["step"] == "endpoint"]
        self.assertEqual([(step["verdict"], step["slow_start_per_cent"]) for step in told], [("up", 100)])
        until(lambda: now() > recovered, 3, "a later time")
        site.balancers["seoul"].stop()
        until(lambda: site.verdicts()["asia/icn-1"] == "down", 20, "asia/icn-1 is down once more")
        told = [step for step in self.explain("--at", recovered)["steps"] if step["step"] == "endpoint"]
        self.assertEqual((told[0]["verdict"], told[0]["slow_start_per_cent"]), ("up", 1))

    def test_an_operators_word_of_then_has_its_author_and_reason(self):
        site = self.site
        site.cli("drain", "asia/icn-1", "--reason", "first works")
        drained = now()
        until(lambda: now() > drained, 3, "a later time")
        site.cli("force", "auto", "asia/icn-1")
        self.assertEqual(self.verdicts(self.explain())["asia/icn-1"][1], "auto")
        text = site.cli("explain", NAME, "--client", KOREA, "--at", drained)
        self.assertRegex(text, r"asia/icn-1 .*drained by \S+: first works")

    def test_the_future_lets_an_operators_word_expire(self):
        self.site.cli("drain", "asia/icn-1", "--reason", "works", "--for", "2h")
        self.assertEqual(self.verdicts(self.explain("--at", "+119m"))["asia/icn-1"], ("up", "drain"))
        told = self.explain("--at", "+121m")
        self.assertEqual(self.verdicts(told)["asia/icn-1"], ("up", "auto"))
        self.assertEqual((told["time"]["verdicts"], told["time"]["admin"]), ("now", "then"))
        self.assertTrue(told["answer"]["rrs"][0].endswith(SEOUL))
        self.assertIn("what operators said and will not have expired",
                      self.site.cli("explain", NAME, "--client", KOREA, "--at", "+121m"))

    def test_times_and_numbers_that_are_none_are_refused(self):
        for words, says in ((["--at", "yesterday"], "no time"), (["--at", "2026-02-30"], "no time"), (["--draws", "x"], "--draws"),
                            (["--draws", "10000001"], "--draws"), (["--seed", "-1"], "--seed")):
            self.assertIn(says, self.site.cli("explain", NAME, "--client", KOREA, *words, ok=False))


class Clients(Story):
    """`isobar explain --client`: an address asks for itself, a network is told by a resolver, and nobody believes a private one."""

    CATALOG = f"""
pools:
  one: {{endpoints: {{a: {{address: {SEOUL}}}}}}}
  two: {{endpoints: {{a: {{address: {VIRGINIA}}}}}}}
  rest: {{endpoints: {{a: {{address: {FRANKFURT}}}}}}}
policies:
  www:
    order: geo
    rules:
      - {{nets: [8.8.8.8/32, 10.0.0.0/9], use: one}}
      - {{nets: [127.0.0.0/8], use: two}}
      - {{default: true, use: rest}}
zones:
  example.com:
    text: |
      @ 3600 SOA ns1 hostmaster 1 7200 1800 1209600 300
      @ 3600 NS  ns1
    records:
      www: {{types: [A], policy: www}}
"""

    def told(self, client):
        return self.site.cli_json("explain", NAME, "--client", client)

    def test_an_address_asks_for_itself_and_a_network_is_told(self):
        site = self.site
        site.apply(self.CATALOG)
        site.start_server()
        for client, ecs, answer in (("8.8.8.8", False, SEOUL), ("8.8.8.0/24", True, FRANKFURT), ("8.8.8.8/32", True, SEOUL),
                                    ("10.1.2.3", False, SEOUL), ("10.200.2.3", False, FRANKFURT), ("127.0.0.1", False, VIRGINIA)):
            told = self.told(client)
            self.assertEqual((told["client"]["ecs"], told["answer"]["rrs"][0].split()[-1]), (ecs, answer), client)
            self.assertEqual(told["answer"]["scope"] is not None, ecs, client)
            if ecs:
                self.assertEqual(site.answer(client), [answer])
        text = site.cli("explain", NAME, "--client", "10.1.2.3")
        self.assertIn("client    10.1.2.3 itself, without ECS", text)
        self.assertNotIn("the same for all of", text)
        self.assertEqual(site.answer(), [VIRGINIA], "as explained for 127.0.0.1")

    def test_a_network_that_no_server_believes_is_refused(self):
        site = self.site
        site.apply(self.CATALOG)
        site.start_server()
        for client in ("10.1.2.0/24", "127.0.0.0/8", "100.64.0.0/16", "0.0.0.0/0", "fd00::/56"):
            self.assertIn("give that of the resolver", site.cli("explain", NAME, "--client", client, ok=False))
        self.assertEqual(site.answer("10.1.2.0/24"), [VIRGINIA], "by the asker's own address")


class Draws(Story):
    CATALOG = """
pools:
  few: {answers: 2, endpoints: {a: {address: 192.0.2.1, weight: 3}, b: {address: 192.0.2.2}, c: {address: 192.0.2.3, weight: 0}}}
zones:
  example.com:
    text: |
      @ 3600 SOA ns1 hostmaster 1 7200 1800 1209600 300
      @ 3600 NS  ns1
    records:
      www: {types: [A], policy: few}
"""

    def test_shares_come_of_the_walk_and_of_the_seed(self):
        site = self.site
        site.apply(self.CATALOG)
        told = site.cli_json("explain", NAME, "--client", KOREA, "--draws", 40000, "--seed", 7)
        again = site.cli_json("explain", NAME, "--client", KOREA, "--draws", 40000, "--seed", 7)
        self.assertEqual((told["draws"], told["steps"], told["seed"]), (again["draws"], again["steps"], 7))
        shares = {share["endpoint"]: share for share in told["draws"]["shares"]}
        self.assertEqual(set(shares), {"few/a", "few/b"})
        self.assertEqual((shares["few/a"]["answers"], shares["few/b"]["share"]), (40000, 1))
        self.assertAlmostEqual(shares["few/a"]["share_first"], 0.75, delta=0.01)  # 4.6 standard deviations
        self.assertEqual(sum(share["first"] for share in shares.values()), 40000)
        plain = json.loads(site.cli("explain", NAME, "--client", KOREA, "--seed", 7, "--json"))
        self.assertEqual((plain["draws"], plain["steps"]), (None, told["steps"]))
        text = site.cli("explain", NAME, "--client", KOREA, "--draws", 100, "--seed", 7)
        self.assertIn("shares    of 100 draws, --seed 7", text)
        self.assertRegex(text, r"100\.000 %  few/a, first in \d+\.000 %")
        self.assertIn("100.000 %  no endpoint", site.cli("explain", "ns1.example.com", "--client", KOREA, "--draws", 10))


def now():
    """As --at takes it."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:23] + "Z"
