# SPDX-License-Identifier: Apache-2.0
"""The command line program by itself: every verb, what it says, what it leaves alone, how it ends."""
import concurrent.futures
import contextlib
import functools
import json
import os
import re
import shutil
import subprocess
import time
import unittest

from harness import (BIN, FRANKFURT, GERMANY, JAPAN, KOREA, NAME, ROOT, SEOUL, USA, VIRGINIA, ZONE, Story,
                     geo_database, scope)

VERBS = ("apply diff check export import show set add remove status drain force rollout switch explain simulate latency "
         "log help").split()
KINDS = "region check pool endpoint policy zone record rrset".split()


class Cli(Story):
    """A store without programs around it; what is said on both streams, and the exit status, one by one."""

    applied = True

    def setUp(self):
        super().setUp()
        if self.applied:
            self.site.apply(self.site.catalog())

    def run_cli(self, *words, store=None, **how):
        how = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how}
        if "input" in how:
            del how["stdin"]
        line = [str(word) for word in (BIN / "isobar", "--store", store or self.site.store, *words)]
        return subprocess.run(line, timeout=60, **{"text": True, **how})

    def says(self, *words, status=0, **how):
        """What is printed; nothing may stand on the other stream."""
        done = self.run_cli(*words, **how)
        self.assertEqual(done.returncode, status, f"{words}: {done.stdout}{done.stderr}")
        said, other = (done.stderr, done.stdout) if status else (done.stdout, done.stderr)
        self.assertEqual(other, "", words)
        return said

    def json(self, *words, **how):
        return json.loads(self.says(*words, "-o", "json", **how))

    def generation(self):
        return self.json("status")["generation"]

    def state(self):
        return self.says("export"), self.generation(), self.says("latency", "show"), self.says("log")

    @contextlib.contextmanager
    def unchanged(self):
        before = self.state()
        yield
        self.assertEqual(self.state(), before, "nothing was changed")

    def refused(self, *words, said=(), status=1, **how):
        with self.unchanged():
            text = self.says(*words, status=status, **how)
            for part in said:
                self.assertIn(part, text)
        return text

    def file(self, name, text):
        path = self.site.directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path


class Help(Cli):
    applied = False

    def test_help_fits_a_screen_of_24_by_80_and_names_every_verb(self):
        text = self.says("--help")
        lines = text.splitlines()
        self.assertLessEqual(len(lines), 24)
        self.assertLessEqual(max(len(line) for line in lines), 80)
        for verb in VERBS:
            self.assertRegex(text, rf"(?m)[ ]{{2}}{verb} +\w")
        self.assertNotRegex(text, r"(?m) $")
        self.assertEqual(self.says("help"), text)

    def test_every_verb_has_help_with_usage_and_an_example_and_help_verb_says_the_same(self):
        for verb in VERBS:
            text = self.says(verb, "--help")
            self.assertIn(f"usage: isobar {verb}", text)
            self.assertIn(f"for example: isobar {verb}", text)
            self.assertEqual(self.says("help", verb), text)
            self.assertEqual(self.json("help", verb)["verb"], verb)
            self.assertLessEqual(max(len(line) for line in text.splitlines()), 80, verb)
            self.assertLessEqual(len(text.splitlines()), 28 if verb in ("rollout", "import") else 24, verb)
            self.assertNotRegex(text, r"(?m) $")

    def test_help_kind_lists_each_field_with_type_range_default_and_sentence(self):
        text = self.says("help", "checks")
        self.assertRegex(text, r"interval +duration: 10ms\.\.1d; default 5s\n +time from the start")
        self.assertRegex(text, r"type +word: tcp, .*https, .*; required\n")
        self.assertIn("isobar help checks", self.says("help", "check"), "a verb of that name comes first")
        for kind in KINDS:
            self.assertIn(kind, self.says("help", kind))
        fields = {field["name"]: field for field in self.json("help", "pool")["endpoint"]}
        self.assertEqual((fields["weight"]["default"], fields["weight"]["range"]), ("1", "0..65535"))
        self.assertEqual(set(self.json("help", "policies")), {"policy", "child", "rule"})

    def test_a_wrong_command_line_is_exit_status_2_with_the_nearest_word(self):
        for words, said in (
            (["aply"], "apply"),
            (["--dry-rum", "apply"], "--dry-run"),
            (["help", "polcy"], "policy"),
            (["-o", "xml", "status"], "json"),
            (["apply", "--file"], "needs a value"),
            (["status", "--dry-run=3"], "no value"),
            (["-x", "status"], "-x"),
            (["export", "--for", "2h"], "--for"),
            (["status", "asia", "now"], "now"),
            (["status", "asia", "--all"], "--all"),
            (["apply"], "-f FILE"),
            (["apply", "catalog.yaml"], "apply -f catalog.yaml"),
            (["set", "pol", "a", "b=c"], "pool"),
            (["remove", "pool", "asia", "check"], "set pool asia check="),
            (["force", "dwn", "a/b"], "down"),
            (["force", "auto", "a/b", "--for", "2h"], "--for"),
            (["drain"], "POOL/ENDPOINT"),
            (["drain", "a/b", "--for", "30"], "30m"),
            (["drain", "a/b", "--for", "-5m"], "span"),
            (["drain", "a/b", "--for", "99999999d"], "too long"),
            (["drain", "a/b", "-r", "two\nlines"], "reason"),
            (["drain", "a/b", "-r", b"\xff"], "reason"),
            (["explain", NAME], "--client"),
            (["explain", NAME, "AAA", "--client", "1.2.3.4"], "AAAA"),
            (["explain", NAME, "--client", "1.2.3.4/8"], "1.2.3.4/8"),
            (["latency", "export"], "latency import"),
            (["log", "abc"], "abc"),
        ):
            line = [os.fsencode(word) if not isinstance(word, bytes) else word for word in (BIN / "isobar", *words)]
            done = subprocess.run(line, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
            self.assertEqual(done.returncode, 2, words)
            self.assertEqual(done.stdout, b"", words)
            self.assertIn(said, done.stderr.decode(errors="replace"), words)

    def test_a_store_that_is_not_there_is_named_and_not_made_by_a_look_or_an_edit_by_hand(self):
        missing = self.site.directory / "missing"
        for words in (["status"], ["export"], ["show"], ["log"], ["drain", "a/b"], ["check"],
                      ["set", "check", "web", "fall=3"]):
            self.assertIn(str(missing), self.says(*words, store=missing, status=5))
            self.assertFalse(missing.exists(), words)

    def test_an_empty_store_says_that_nothing_was_edited(self):
        empty = self.site.directory / "empty"
        self.says("init", store=empty)
        for verb in ("log", "rollback"):
            self.assertEqual(self.says(verb, store=empty), "nothing was edited yet; generation 0\n")
            self.assertEqual(self.says(verb, "-o", "json", store=empty).split(), ["[]"])


class Apply(Cli):
    def test_what_files_do_not_name_stays_and_prune_removes_it(self):
        more = self.file("more.yaml", "regions: {tokyo: {location: [35.68, 139.69]}}\n")
        self.assertIn("+ region tokyo", self.says("apply", "-f", more))
        self.says("apply", "-f", self.site.directory / "catalog.yaml")
        self.assertIn("region tokyo", self.says("show", "regions"))
        self.assertIn("- region tokyo", self.says("apply", "-f", self.site.directory / "catalog.yaml", "--prune"))
        self.assertNotIn("tokyo", self.says("export"))
        for empty in ("", "# gone\n", "regions: {}\n"):
            self.refused("apply", "-f", self.file("empty.yaml", empty), "--prune", said=["--prune would remove everything"])

    def test_prune_takes_a_zone_away_with_its_rrsets(self):
        text = "'@ 60 SOA a. b. 1 2 3 4 5\n\n    @ 60 NS a.\n\n    www 60 A 192.0.2.1\n'"
        self.says("apply", "-f", self.file("net.yaml", f"zones: {{example.net: {{text: {text}}}}}\n"))
        self.assertIn("192.0.2.1", self.says("show", "rrset", "www.example.net"))
        self.says("apply", "-f", self.site.directory / "catalog.yaml", "--prune")
        self.assertNotIn("example.net", self.says("show", "rrsets"))

    def test_several_files_are_one_edit_and_may_refer_to_each_other(self):
        one = self.file("one.yaml", "regions: {tokyo: {location: [35.68, 139.69]}}\n")
        two = self.file("two.yaml", "pools: {jp: {endpoints: {nrt-1: {region: tokyo, address: 192.0.2.1}}}}\n")
        before = self.generation()
        self.says("apply", "-f", two, "-f", one, "-r", "Tokyo opens")
        self.assertEqual(self.generation(), before + 1)
        self.assertIn("Tokyo opens", self.says("log"))

    def test_a_zone_file_lies_beside_the_catalog_file_that_names_it(self):
        self.file("below/net.zone", "@ 60 SOA a. b. 1 2 3 4 5\n@ 60 NS a.\nhere 60 A 192.0.2.9\n")
        path = self.file("below/net.yaml", "zones: {example.net: {file: net.zone}}\n")
        self.says("apply", "-f", path, cwd="/")
        self.assertIn("192.0.2.9", self.says("show", "rrset", "here.example.net", "A"))
        done = self.run_cli("apply", "-f", "-", input="zones: {example.org: {file: net.zone}}\n", cwd=path.parent)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("here.example.org. 60 IN A 192.0.2.9", self.says("show", "rrset", "here.example.org"))

    def test_dry_run_and_diff_print_the_plan_and_change_nothing(self):
        text = self.site.catalog().replace("fall: 2", "fall: 4")
        (self.site.directory / "example.com.zone").write_text(ZONE.replace("192.0.2.80", "192.0.2.88"))
        path = self.file("changed.yaml", text)
        with self.unchanged():
            for words in (["diff", "-f", path], ["apply", "-f", path, "--dry-run"], ["apply", "-n", "-f", path]):
                said = self.says(*words)
                self.assertIn("~ check web\n    - fall: 2\n    + fall: 4\n", said)
                self.assertIn("rrsets: 1 changed\n", said)
                line = "plain.example.com. 3600 IN A 192.0.2."
                self.assertIn(f"  - {line}80\n  + {line}88\n", said)
                self.assertIn("nothing was changed", said)
            plan = self.json("diff", "-f", path)
        self.assertFalse(plan["committed"])
        changes = {change["kind"]: change for change in plan["changes"]}
        self.assertEqual((changes["check"]["before"]["fall"], changes["check"]["after"]["fall"]), (2, 4))
        self.assertEqual(changes["rrset"]["after"], ["plain.example.com. 3600 IN A 192.0.2.88"])

    def test_many_rrsets_are_summed_up_by_apply_and_shown_by_diff_and_log(self):
        (self.site.directory / "example.com.zone").write_text(ZONE.replace("1-40 many ", "1-60 more$ "))
        path = self.site.directory / "catalog.yaml"
        self.assertIn("more60.example.com.", self.says("diff", "-f", path))
        said = self.says("apply", "-f", path)
        self.assertNotIn("more60", said)
        self.assertIn("rrsets: 60 added, 1 removed; isobar log 2 shows them\n", said)
        self.assertIn("  + more60.example.com. 3600 IN A 192.0.2.60\n", self.says("log", 2))

    def test_a_second_apply_changes_nothing_and_says_so(self):
        with self.unchanged():
            said = self.says("apply", "-f", self.site.directory / "catalog.yaml", "--prune")
            self.assertEqual(said, f"nothing to change; generation {self.generation()}\n")
            self.assertEqual(self.json("apply", "-f", self.site.directory / "catalog.yaml"),
                             {"generation": self.generation(), "committed": False, "changes": [],
                              "plan": {"added": 0, "changed": 0, "removed": 0}})

    def test_every_error_of_every_file_is_listed_with_its_line_and_nothing_is_changed(self):
        zone = self.file("bad.zone", "@ 60 SOA a. b. 1 2 3 4 5\n@ 60 NS a.\nx 60 A 1.2.3.400\ny 60 AAAA nonsense\n")
        bad = self.file("bad.yaml", f"""regions:
  tokyo: {{location: [35.68, 139.69], locaton: [1, 2]}}
pools:
  jp: {{anwers: 2, endpoints: {{nrt-1: {{region: tokyo, address: 192.0.2.300, weight: heavy}}}}}}
zones:
  example.net: {{file: {zone.name}}}
""")
        said = self.refused("apply", "-f", bad, said=[
            "bad.yaml:2:", "did you mean 'location'?", "bad.yaml:4:", "did you mean 'answers'?", "192.0.2.300", "heavy",
            "bad.zone:3", "bad.zone:4", "nothing was changed: 6 errors"])
        self.assertEqual(len(said.splitlines()), 7, said)

    def test_each_kind_of_mistake_is_refused_with_its_place_and_what_to_write(self):
        for text, said in (
            ("regions: {a: {location: [1, 2]}, a: {location: [1, 2]}}\n", ["bad.yaml:1:", "'a'"]),
            ("regions: {a: {location: [91, 2]}}\n", ["bad.yaml:1:", "90"]),
            ("pools: {p: {check: wed, endpoints: {e: {address: 192.0.2.1}}}}\n", ["wed", "did you mean 'web'?"]),
            ("policies: {p: [asia, euroqe]}\n", ["euroqe", "did you mean 'europe'?"]),
            ("policies: {p: [q], q: [p]}\n", ["loop"]),
            ("pools: {p: [1, 2]}\n", ["bad.yaml:1:"]),
            ("zones: {example.net: {}}\n", ["example.net", "SOA"]),
            ("zones: {example.net: {file: none.zone}}\n", ["none.zone", "No such file"]),
            ("zones: {example.net: {text: '@ 60 NS a.'}}\n", ["SOA"]),
            ("regions: {a: {location: [1, 2}\n", ["bad.yaml:"]),
            ("a: [", ["bad.yaml:"]),
            ("\x00", ["bad.yaml"]),
        ):
            with self.subTest(text=text):
                self.refused("apply", "-f", self.file("bad.yaml", text), said=said)

    def test_what_is_wrong_between_files_and_store_is_told_with_the_line_of_the_file(self):
        part = self.file("part.yaml", "\npolicies:\n  spare:\n    - us\n    - europa\n")
        self.refused("apply", "-f", part, said=["part.yaml:5:7: unknown pool or policy 'europa'", "mean 'europe'?"])
        self.says("apply", "-f", self.file("part.yaml", "policies: {spare: [us, europe]}\n"))
        whole = self.site.catalog().replace("  us: ", "  uz: ")
        whole = whole.replace("[us, europe", "[uz, europe").replace(", us]", ", uz]")
        late = self.file("late.yaml", part.read_text())
        said = self.refused("apply", "--prune", "-f", self.file("whole.yaml", whole), "-f", late, said=["late.yaml:1:"])
        self.assertNotIn("policy/", said)
        bad = self.file("bad.yaml", "pools: {us: {check: wed}}\n")
        self.refused("apply", "-f", bad, said=["bad.yaml:1:21: ", "'web'"])

    def test_files_that_cannot_be_read_are_named(self):
        good = self.site.directory / "catalog.yaml"
        self.refused("apply", "-f", good, "-f", self.site.directory / "none.yaml", said=["none.yaml", "No such file"])
        self.refused("apply", "-f", self.site.directory, said=[str(self.site.directory)])

    def test_check_reads_files_without_a_store(self):
        missing = self.site.directory / "missing"
        path = self.site.directory / "catalog.yaml"
        said = self.says("check", "-f", path, store=missing)
        self.assertRegex(said, r"^ok: regions 3, checks 1, pools 3, .* records 2, ")
        self.assertEqual(self.json("check", "-f", path, store=missing)["zones"], 1)
        self.assertIn(" are exact: 2 networks, 1 decision\n", said, "without a database all clients are one")
        said = self.says("check", "-f", path, "--geo", geo_database(), store=missing)
        self.assertRegex(said, r" are exact: \d{4,} networks, 3 decisions\n$")
        bad = self.file("bad.yaml", self.site.catalog().replace("use: [asia, us]", "use: [asia, su]"))
        said = self.says("check", "-f", bad, store=missing, status=1)
        self.assertRegex(said, r"bad\.yaml:\d+:\d+: .*'su'")
        self.assertFalse(missing.exists())

    def test_check_notes_what_is_no_error_and_hardly_meant(self):
        soa = "@ 3600 SOA ns1 hostmaster 1 7200 1800 1209600 300\n      @ 3600 NS  ns1"
        path = self.file("notes.yaml", f"""
pools:
  p: {{endpoints: {{a: {{address: 192.0.2.1}}}}}}
  h: {{endpoints: {{gone: {{host: gone.example.com, port: 1}}, short: {{host: www, port: 1}}, wild: {{host: w.wild.example.com, port: 1}},
                  steered: {{host: WWW.example.com., port: 1}}, below: {{host: x.sub.example.com, port: 1}},
                  else: {{host: www.example.org, port: 1}}}}}}
  l: {{endpoints: {{a: {{host: two.example.com}}}}}}
  m: {{endpoints: {{a: {{host: mid.example.com}}}}}}
policies: {{q: [l]}}
zones:
  child.example.com:
    text: |
      {soa}
  example.com:
    text: |
      {soa}
      sub 60 NS ns.example.net.
      d 60 DNAME example.net.
      half 60 CNAME www
      whole 60 CNAME www
      mid 60 CNAME one
      *.wild 60 A 192.0.2.7
    records:
      www: {{types: [A, AAAA], policy: p}}
      a.sub: {{types: [A], policy: p}}
      below.d: {{types: [A], policy: p}}
      d: {{types: [A], policy: p}}
      half: {{types: [A], policy: p}}
      whole: {{types: [A, AAAA], policy: p}}
      y.child: {{types: [A], policy: p}}
      srv: {{types: [SRV], policy: h}}
      one: {{types: [ALIAS], policy: q}}
      two: {{types: [CNAME], policy: m}}
      three: {{types: [CNAME], policy: q}}
""")
        wanted = [
            "'a.sub' .* never answers: sub.example.com is delegated", "'below.d' .* never answers: d.example.com has a DNAME",
            "'half' .* over a CNAME", "'y.child' .* never answers: its name lies in zone 'child.example.com'",
            "'gone.example.com' of endpoint 'h/gone'.* no such name", "'www' of endpoint 'h/short'.* single label",
            "'one' .* back to itself, by 'mid.example.com'", "'two' .* back to itself, by 'one.example.com'",
        ]
        notes = self.json("check", "-f", path)["notes"]
        self.says("apply", "-f", path, "--prune")
        for told in (notes, self.json("check")["notes"]):
            self.assertEqual(len(told), len(wanted), told)
            for words in wanted:
                self.assertTrue(any(re.search(words, note["text"]) for note in told), words)
        self.assertRegex(self.says("check", "-f", path), r"\nnote: \S+notes\.yaml:27: record 'a\.sub' of zone")
        self.refused("remove", "endpoint", "p/a", said=["pool 'p' has no endpoints"])

    def test_check_without_files_proves_the_store_as_the_server_compiles_it(self):
        said = self.json("check")
        self.assertEqual((said["generation"], said["zones"], said["records"], said["geo maps"]), (1, 1, 2, 1))
        self.assertGreater(said["networks"], 1000)
        self.assertEqual([group["records"] for group in said["scopes"]], [["example.com/_https._tcp", "example.com/www"]])
        self.assertEqual(said["scopes"][0]["networks"], said["networks"])
        self.assertRegex(self.says("check"), r"\nscopes of example\.com/\S+ and 1 more are exact: \d+ networks, 3 decisions\n$")


class RoundTrip(Cli):
    def setUp(self):
        super().setUp()
        shutil.copy(ROOT / "zones/example.com.zone", self.site.directory)
        self.says("apply", "-f", self.file("all.yaml", (ROOT / "zones/catalog.yaml").read_text()), "--prune")

    def test_export_applied_again_changes_nothing_as_yaml_and_as_json(self):
        for output in ("table", "json"):
            printed = self.says("export", "-o", output)
            with self.unchanged():
                self.assertIn("nothing to change", self.says("apply", "--prune", "-f", "-", input=printed))

    def test_export_makes_the_same_store_elsewhere(self):
        for output in ("table", "json"):
            other = self.site.directory / f"other-{output}"
            self.says("apply", "-f", "-", store=other, input=self.says("export", "-o", output))
            self.assertEqual(self.says("export", store=other), self.says("export"))

    def test_values_that_look_like_other_types_survive(self):
        zone = ('@ 60 SOA a. b. 1 2 3 4 5\n@ 60 NS a.\n@ 60 TXT "no" "\\"quoted\\"; \\200\\000" "#"\n'
                "\\042\\.x\\032y 60 A 192.0.2.1\nu 60 TYPE65280 \\# 3 abcdef\n")
        text = json.dumps({
            "regions": {"no": {"location": [-0.123456789, 179.987654321]}, "1e3": {"location": [0.5, 10]}},
            "checks": {"true": {"type": "http", "path": "/0x1F", "expect": {"body": "1.50"}, "host": "1.2"},
                       "octal": {"type": "http", "expect": {"body": "0755"}}},
            "pools": {"null": {"endpoints": {"007": {"region": "no", "address": "2001:db8::1"}}}},
            "zones": {"example.net": {"text": zone, "records": {"*": {"types": "A", "policy": "null"}}}},
        })
        self.says("apply", "-f", "-", input=text)
        printed = self.says("export")
        for output in ("table", "json"):
            other = self.site.directory / f"odd-{output}"
            self.says("apply", "-f", "-", store=other, input=self.says("export", "-o", output))
            self.assertEqual(self.says("export", store=other), printed)


class Edit(Cli):
    def test_every_kind_is_added_shown_changed_and_removed(self):
        for kind, name, add, change, shown in (
            ("region", "tokyo", ["location=[35.68, 139.69]"], ["location=[35.7, 139.7]"], "location: [35.7, 139.7]\n"),
            ("check", "tcp", ["type=tcp"], ["fall=7", "interval=1m"], "type: tcp\ninterval: 1m\nfall: 7\n"),
            ("pool", "jp", ["check=tcp", "endpoints={a: {region: tokyo, address: 192.0.2.1}}"],
             ["min_up=100%", "check="],
             "min_up: 100%\nendpoints:\n  a:\n    region: tokyo\n    address: 192.0.2.1\n"),
            ("endpoint", "jp/b", ["address=192.0.2.2"], ["weight=9", "address=[192.0.2.3, '2001:db8::3']"],
             "address: [192.0.2.3, 2001:db8::3]\nweight: 9\n"),
            ("policy", "east", ["of=[jp, us]"], ["order=weighted", "of=[{use: jp, weight: 2}, us]"],
             "order: weighted\nof:\n  - use: jp\n    weight: 2\n  - us\n"),
            ("record", "example.com/east", ["types=A", "policy=east"], ["ttl=7s"], "types: A\nttl: 7s\npolicy: east\n"),
        ):
            with self.subTest(kind=kind):
                before = self.generation()
                self.assertIn("generation", self.says("add", kind, name, *add))
                self.refused("add", kind, name, *add, said=["there already"])
                self.says("set", kind, name, *change)
                self.assertEqual(self.says("show", kind, name), shown)
                self.assertIsInstance(self.json("show", kind, name), dict)
                self.assertIn(name, self.says("show", kind))
                self.assertEqual(self.generation(), before + 2)
        for kind, name in (("record", "example.com/east"), ("policy", "east"), ("endpoint", "jp/b"), ("pool", "jp"),
                           ("check", "tcp"), ("region", "tokyo")):
            self.says("remove", kind, name)
            self.assertNotIn(f"{kind} {name}\n", self.says("show"))
            self.assertIn("there is no", self.says("show", kind, name, status=4))

    def test_a_record_may_be_called_by_its_name_as_status_does(self):
        self.says("add", "record", "example.com/@", "types=A", "policy=www")
        for key, name in (("example.com/www", "WWW.example.com."), ("example.com/@", "example.com")):
            self.assertEqual(self.says("show", "record", name), self.says("show", "record", key))
            self.says("set", "record", name, "ttl=17s")
            self.assertIn("ttl: 17s\n", self.says("show", "record", key))
            self.assertIn(f"- record {key}\n", self.says("remove", "record", name))
        self.assertIn("there is no record 'www.example.com'", self.says("show", "record", "www.example.com", status=4))
        self.refused("add", "rrset", "new.example.com", "300", "A", "192.0.2.1", status=2, said=["stands behind the name"])

    def test_a_change_is_shown_with_the_lines_it_stands_below(self):
        said = self.says("set", "endpoint", "asia/icn-1", "weight=20")
        self.assertEqual(said, "~ pool asia\n      endpoints:\n        icn-1:\n    +     weight: 20\ngeneration 2\n")

    def test_a_zone_is_added_from_a_file_and_goes_with_records_and_rrsets(self):
        zone = self.file("net.zone", "@ 60 SOA a. b. 1 2 3 4 5\n@ 60 NS a.\nwww 60 A 192.0.2.1\n")
        self.refused("add", "zone", "example.net", said=["SOA"])
        self.says("add", "zone", "example.net", f"file={zone}")
        self.says("add", "record", "example.net/www", "types=[A]", "policy=us")
        self.refused("add", "zone", "EXAMPLE.net.", f"file={zone}", said=["there already"])
        zone.write_text(zone.read_text().replace("192.0.2.1", "192.0.2.2"))
        self.says("set", "zone", "example.net", f"file={zone}")
        self.assertIn("192.0.2.2", self.says("show", "rrset", "www.example.net"))
        self.says("remove", "zone", "example.net")
        for kind in ("zones", "records", "rrsets"):
            self.assertNotIn("example.net", self.says("show", kind))

    def test_an_rrset_is_added_replaced_and_removed(self):
        self.says("add", "rrset", "new.example.com", "TXT", "5m", '"two words"', "second")
        self.assertEqual(self.says("show", "rrset", "new.example.com"),
                         'new.example.com. 300 IN TXT "second"\nnew.example.com. 300 IN TXT "two words"\n')
        self.refused("add", "rrset", "NEW.example.com.", "txt", "60", "x", said=["there already"])
        said = self.says("set", "rrset", "new.example.com", "TXT", "300", "second", "third")
        for line in ("rrsets: 1 changed", '  - new.example.com. 300 IN TXT "two words"',
                     '  + new.example.com. 300 IN TXT "third"'):
            self.assertIn(line, said.splitlines())
        self.says("set", "rrset", "mx.example.com", "MX", "60", "10 mail")
        shown = self.json("show", "rrset", "mx.example.com", "MX")
        self.assertEqual(shown, ["mx.example.com. 60 IN MX 10 mail.example.com."])
        self.says("remove", "rrset", "new.example.com", "TXT")
        self.assertIn("there is no rrset", self.says("show", "rrset", "new.example.com", status=4))

    def test_an_rrset_cannot_break_its_zone(self):
        for words, said in (
            (["set", "rrset", "plain.example.com", "CNAME", "60", "a.b."], "CNAME stands alone"),
            (["add", "rrset", "alias.example.com", "A", "60", "192.0.2.1"], "CNAME stands alone"),
            (["set", "rrset", "new.example.com", "CNAME", "60", "a.b.", "c.d."], "one CNAME"),
            (["set", "rrset", "new.example.com", "SOA", "60", "a. b. 1 2 3 4 5"], "apex"),
            (["set", "rrset", "a.example.com", "DNAME", "60", "x.y."], None),
            (["add", "rrset", "b.a.example.com", "A", "60", "192.0.2.1"], "below the DNAME"),
            (["set", "rrset", "example.com", "DNAME", "60", "x.y."], "below this DNAME"),
            (["remove", "rrset", "example.com", "NS"], "needs its NS"),
            (["remove", "rrset", "example.com", "SOA"], "needs its SOA"),
            (["remove", "rrset", "none.example.com", "A"], "there is no rrset"),
            (["set", "rrset", "new.example.org", "A", "60", "192.0.2.1"], "no zone"),
            (["set", "rrset", "new.example.com", "A", "60", "192.0.2.256", "x"], "2 errors"),
            (["set", "rrset", "new.example.com", "ANY", "60", "x"], "ANY"),
        ):
            with self.subTest(words=words):
                if said:
                    self.refused(*words, said=[said], status=4 if said in ("there is no rrset", "no zone") else 1)
                else:
                    self.says("remove", "rrset", "a.ent.example.com", "A")
                    self.says(*words)
        for ttl in ("", "1.5", "1500ms", "3000000000"):
            self.refused("set", "rrset", "x.example.com", "A", ttl, "192.0.2.1", said=["TTL"], status=2)
        self.refused("set", "rrset", "x.example.com", "AAA", "60", "::1", said=["AAAA"], status=2)

    def test_a_wrong_edit_names_the_argument_and_the_nearest_word(self):
        for words, said in (
            (["set", "endpoint", "asia/icn-1", "wieght=3"], ["argument 'wieght=3'", "'weight'"]),
            (["set", "endpoint", "asia/icn-1", "weight=70000"], ["argument 'weight=70000'", "65535"]),
            (["set", "endpoint", "asia/icn-2", "weight=3"], ["asia/icn-1"]),
            (["set", "endpoint", "asai/icn-1", "weight=3"], ["asia"]),
            (["set", "endpoint", "asia/icn-1", "tier="], ["not set"]),
            (["set", "pool", "asia", "check=wed"], ["wed", "'web'"]),
            (["set", "pool", "asia", "order=[a"], ["argument 'order=[a'"]),
            (["set", "check", "web", "expect.status=99"], ["99"]),
            (["add", "pool", "a/b"], ["a/b"]),
            (["add", "record", "example.org/www", "types=A", "policy=us"], ["example.org"]),
            (["remove", "pool", "asia"], ["asia", "policy/www:"]),
            (["remove", "region", "seoul"], ["seoul", "pool/asia:"]),
        ):
            with self.subTest(words=words):
                self.refused(*words, said=said, status=4 if words[2] in ("asia/icn-2", "asai/icn-1") else 1)
        self.refused("set", "endpoint", "asia/icn-1", "weight", said=["field=value"], status=2)

    def test_dry_run_shows_an_edit_by_hand_and_makes_none(self):
        with self.unchanged():
            for words in (["set", "check", "web", "fall=9"], ["add", "region", "x", "location=[1,2]"],
                          ["remove", "record", "example.com/www"], ["drain", "asia/icn-1"],
                          ["remove", "zone", "example.com"]):
                self.assertIn("dry run: nothing was changed", self.says(*words, "-n"))
                self.assertFalse(self.json(*words, "-n")["committed"])

    def test_the_log_says_who_when_why_and_what(self):
        self.says("set", "check", "web", "fall=9", "-r", "flapping", env={**os.environ, "SUDO_USER": "kim"})
        newest = self.json("log")[-1]
        self.assertEqual((newest["generation"], newest["author"], newest["reason"]), (2, "kim", "flapping"))
        self.assertRegex(newest["time"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual((newest["changes"][0]["kind"], newest["changes"][0]["name"]), ("check", "web"))
        self.assertRegex(self.says("log"), r"generation 2  \S+  kim: flapping\n    ~ check web\n$")
        self.assertIn("    - fall: 2\n    + fall: 9\n", self.says("log", 2))
        self.assertEqual(len(self.json("log", 2)), 1)
        self.assertIn("newest is 2", self.says("log", 3, status=4))

    def test_the_log_shows_the_newest_few(self):
        for fall in range(3, 7):
            self.says("set", "check", "web", f"fall={fall}")
        generations = lambda *words: [edit["generation"] for edit in self.json("log", *words)]
        self.assertEqual(generations("--limit", 2), [4, 5])
        self.assertEqual(generations("--limit=5"), generations())
        self.assertEqual(generations("--limit", 2**62), [1, 2, 3, 4, 5])
        self.assertEqual(re.findall(r"^generation (\d)", self.says("log", "--limit", 1), re.M), ["5"])
        self.assertIn("would show nothing", self.says("log", "--limit", 0, status=2))
        self.assertIn("is not a number", self.says("log", "--limit", "-1", status=2))
        self.assertIn("leave out '3'", self.says("log", 3, "--limit", 1, status=2))


class Operators(Cli):
    def admin(self):
        return {name: row["admin"] for name, row in self.site.endpoints().items()}

    def test_json_tells_until_when_older_answers_may_be_held(self):
        for words in (("drain", "asia/icn-1"), ("force", "down", "asia/icn-1"), ("drain", "asia/icn-1", "-n")):
            begun = time.time() * 1000
            told = self.json(*words)
            self.assertEqual(told["cached_ttl_s"], 30, words)
            self.assertTrue(begun - 1000 < told["cached_until_ms"] - 30000 < time.time() * 1000 + 1000, words)
        self.assertNotIn("cached_ttl_s", self.json("force", "up", "asia/icn-1"))

    def test_drain_force_and_auto_take_several_names_and_patterns(self):
        said = self.says("drain", "asia/*", "us/iad-1", "--for", "2h", "-r", "power work")
        self.assertRegex(said, r"asia/icn-1 is drained until 20\S+Z\n(.*\n)*us/iad-1 is drained until")
        self.assertIn("resolvers may hold older answers until", said)
        self.assertEqual(self.admin(), {"asia/icn-1": "drain", "europe/fra-1": "auto", "us/iad-1": "drain"})
        row = self.site.endpoints()["asia/icn-1"]
        self.assertEqual(row["reason"], "power work")
        self.assertAlmostEqual(row["until_ms"] - row["since_ms"], 2 * 3600 * 1000)
        self.assertRegex(self.says("status"), r"asia/icn-1 .* drained .*power work; ends in 1h59m")
        self.assertNotIn("older answers", self.says("force", "up", "us/*"))
        self.assertRegex(self.says("force", "down", "e*"), r"resolvers may hold older answers until 20\S+Z")
        self.assertEqual(self.admin(), {"asia/icn-1": "drain", "europe/fra-1": "down", "us/iad-1": "up"})
        self.assertIn("follows its checks", self.says("force", "auto", "*"))
        self.assertEqual(set(self.admin().values()), {"auto"})
        with self.unchanged():
            self.assertIn("nothing to change", self.says("force", "auto", "*"))

    def test_one_wrong_name_among_several_changes_nothing(self):
        self.refused("drain", "asia/icn-1", "us/iad-2", said=["'us/iad-2'", "did you mean 'us/iad-1'?"], status=4)
        self.refused("force", "down", "x*", said=["'x*'"], status=4)
        self.refused("force", "freeze", "asia/icn-1", said=["up, down, hold or auto"], status=2)

    def test_the_word_goes_with_the_endpoint(self):
        self.says("add", "pool", "spare", "endpoints={x: {address: 192.0.2.1}}")
        self.says("force", "down", "spare/x")
        said = self.says("remove", "pool", "spare")
        self.assertIn("- admin spare/x: auto", said)
        self.says("add", "pool", "spare", "endpoints={x: {address: 192.0.2.1}}")
        self.assertEqual(self.admin()["spare/x"], "auto")

    def test_json_says_what_was_done(self):
        done = self.json("drain", "asia/icn-1", "-r", "x")
        self.assertEqual((done["generation"], done["committed"]), (2, True))
        change, = done["changes"]
        self.assertEqual((change["kind"], change["name"], change["action"]), ("admin", "asia/icn-1", "added"))
        self.assertEqual((change["before"], change["after"]["admin"]), (None, "drain"))


class Latency(Cli):
    def shown(self, *words):
        """What is known, without its time."""
        return [line.rsplit(",", 1)[0] for line in self.says("latency", "show", *words).splitlines()]

    def test_a_summary_takes_the_place_of_what_was_known_and_counts_as_enough(self):
        table = self.file("rtt.csv", "network,region,ms\r\n# measured\r\n192.0.2.0/24,seoul,12.345\r\n"
                          "2001:db8::/32,virginia,0.001\r\n")
        self.assertIn("2 summaries, each taken for 20 samples in place of what was known",
                      self.says("latency", "import", table))
        self.assertEqual(self.shown(), ["192.0.2.0/24,seoul,12.345,20", "2001:db8::/32,virginia,0.001,20"])
        self.says("latency", "import", "-", input="192.0.2.0/24,seoul,59999.999\n198.51.100.0/24,seoul,5\n")
        self.assertEqual(self.shown(), ["192.0.2.0/24,seoul,59999.999,20", "198.51.100.0/24,seoul,5.000,20",
                                        "2001:db8::/32,virginia,0.001,20"])

    def test_samples_with_a_count_are_added_to_those_of_before(self):
        self.assertIn("4 samples in 2 lines, added", self.says(
            "latency", "import", "-", input="192.0.2.0/24,seoul,10,1\n192.0.2.0/24,seoul,90,3\n"))
        self.assertIn("0 networks are known by at least 20 samples", self.says(
            "latency", "import", "-", input="192.0.2.0/24,seoul,90,15\n"))
        said = self.says("latency", "import", "-", input="192.0.2.0/24,seoul,10,1\n")
        self.assertIn("1 network is known by at least 20 samples", said)
        self.assertIn("1 sample in 1 line, added", said)
        row, = self.json("latency", "show")
        self.assertEqual((row["network"], row["region"], row["samples"], row["enough"]), ("192.0.2.0/24", "seoul", 20, True))
        self.assertAlmostEqual(row["p25_us"], 90000, delta=90000 / 32)
        left = row["until_ms"] - row["newest_ms"] - 24 * 3600 * 1000
        self.assertTrue(-60000 < left <= 0, "until the oldest of them is a day old")

    def test_show_prints_what_import_reads(self):
        self.says("latency", "import", "-", input="192.0.2.0/24,seoul,10,19\n2001:db8::/32,virginia,99\n10.0.0.0/8,seoul,5\n")
        shown = self.says("latency", "show")
        self.says("latency", "import", "-", "--prune", input=shown)
        self.assertEqual(self.says("latency", "show"), shown)
        self.assertEqual(self.shown("192.0.2.1"), ["192.0.2.0/24,seoul,10.000,19"])
        self.assertEqual(self.shown("10.1.0.0/16"), ["10.0.0.0/8,seoul,5.000,20"])
        self.assertEqual(len(self.shown("0.0.0.0/0")), 2)
        self.refused("latency", "import", "-", "--prune", input="# cut off\n", said=["--prune would remove everything"])
        self.assertEqual(self.says("latency", "show"), shown)
        self.says("latency", "import", "-", "--prune", input="198.51.100.0/24,seoul,5\n")
        self.assertEqual(self.shown(), ["198.51.100.0/24,seoul,5.000,20"])

    def test_times_are_read_and_what_is_a_day_old_is_left_out(self):
        now = int(time.time())
        old = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - 23 * 3600))
        done = self.json("latency", "import", "-", input=f"192.0.2.0/24,seoul,10,,{old}\n192.0.2.0/25,seoul,10,2,{now - 60}\n"
                         f"192.0.2.0/26,seoul,10,2,{now - 24 * 3600 - 1}\n")
        self.assertEqual((done["summaries"], done["samples"], done["too_old"], done["committed"]), (1, 2, 1, True))
        self.assertEqual(done["until_ms"], (now + 3600) * 1000)
        self.assertEqual(self.shown(), ["192.0.2.0/24,seoul,10.000,20", "192.0.2.0/25,seoul,10.000,2"])
        self.refused("latency", "import", "-", input=f"192.0.2.0/24,seoul,10,1,{now + 3600}\n", said=["future"])

    def test_a_dry_run_changes_nothing(self):
        with self.unchanged():
            said = self.says("latency", "import", "-", "-n", input="10.0.0.0/8,seoul,5\n")
        self.assertIn("dry run: nothing was changed", said)
        self.assertIn("1 summary, taken for 20 samples in place of what was known", said)

    def test_single_samples_without_a_count_are_told_apart_from_summaries(self):
        said = self.says("latency", "import", "-", input="192.0.2.0/24,seoul,10\n192.0.2.0/24,seoul,11\n192.0.2.0/24,seoul,9\n")
        self.assertIn("2 summaries took the place of another one of this import", said)
        again = self.says("latency", "import", "-", input="192.0.2.0/24,seoul,10\n")
        self.assertNotIn("took the place of another", again)

    def test_import_counts_the_networks_that_lack_a_region_which_others_have(self):
        both = "192.0.2.0/24,seoul,5\n192.0.2.0/24,virginia,90\n"
        self.assertNotIn("lack", self.says("latency", "import", "-", input=both))
        said = self.says("latency", "import", "-", input="192.0.0.0/16,seoul,5\n")
        self.assertIn("1 network lacks a round trip to some region; ", said)
        said = self.says("latency", "import", "-", input="192.0.2.0/24,frankfurt,70\n2001:db8::/32,seoul,5\n")
        self.assertIn("2 networks lack a round trip to some region; ", said)
        self.assertNotIn("lack", self.says("latency", "import", "-", "--prune", input=both))
        self.assertIn("next wider network", self.says("help", "latency"))

    def test_every_bad_line_is_listed_and_nothing_is_imported(self):
        lines = ["192.0.2.0/24,seoul,5", "192.0.2.1/24,seoul,5", "x,seoul,5", "192.0.2.0/24,seul,5",
                 "192.0.2.0/24,seoul,fast", "192.0.2.0/24,seoul,0", "192.0.2.0/24,seoul,nan",
                 "192.0.2.0/24", "1" * 2000, "192.0.2.0/24,seoul,5,0", "192.0.2.0/24,seoul,5,1000001",
                 "192.0.2.0/24,seoul,5,-1", "192.0.2.0/24,seoul,5,many", "192.0.2.0/24,seoul,5,1,yesterday",
                 "192.0.2.0/24,seoul,5,1,1795262400,x"]
        table = self.file("rtt.csv", "\n".join(lines))
        said = self.refused("latency", "import", table, said=["did you mean 'seoul'?", "14 errors"])
        for number in range(2, 16):
            self.assertIn(f"rtt.csv:{number}: ", said)
        self.refused("latency", "import", self.site.directory / "none.csv", said=["none.csv"])
        self.refused("latency", "import", self.site.directory, said=[str(self.site.directory)])
        self.refused("latency", "show", "here", status=2, said=["here"])
        bad = self.refused("latency", "import", "-", input="x\n" * 100000, said=["100000 errors"])
        self.assertLess(len(bad.splitlines()), 300)

    def test_an_import_is_no_edit_and_waits_for_none(self):
        before = self.generation()
        self.says("latency", "import", "-", input="192.0.2.0/24,seoul,5\n")
        self.assertEqual(self.generation(), before)
        reading = subprocess.Popen([BIN / "isobar", "--store", self.site.store, "latency", "import", "-"],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        with reading:
            reading.stdin.write("198.51.100.0/24,seoul,5\n" * 10000)
            reading.stdin.flush()
            self.says("drain", "asia/icn-1")
            reading.stdin.close()
            self.assertIn("10000 summaries", reading.stdout.read())
        self.assertEqual(reading.returncode, 0)


class Explain(Story):
    def steps(self, told, kind):
        return [step for step in told["steps"] if step["step"] == kind]

    def test_explain_agrees_with_what_the_server_answers(self):
        site = self.site
        site.start()
        for change in ([], ["drain", "asia/icn-1"], ["force", "down", "*"]):
            if change:
                site.cli(*change)
            for client, type_ in ((KOREA, "A"), (GERMANY, "A"), (USA, "A"), (KOREA, "AAAA"), (USA, "SRV"),
                                  ("2a02::/24", "A")):
                name = NAME if type_ != "SRV" else "_https._tcp.example.com"
                told = site.cli_json("explain", name, type_, "--client", client)
                told_rdata = rdata_of(told)
                answers = functools.partial(site.answer, client, name, type_)
                same = functools.partial(lambda ask, wanted: ask() == wanted, answers, told_rdata)
                site.server.until(same, 10, f"the server answers as {told['answer']}")
                self.assertEqual(scope(site.query(name, type_, client)), told["answer"]["scope"])

    def test_explain_shows_rules_ranks_verdicts_and_the_operators_word(self):
        site = self.site
        site.start()
        site.cli("drain", "asia/icn-1", "--for", "1h", "-r", "power work")
        told = site.cli("explain", NAME, "--client", "168.126.63.0/24")
        self.assertRegex(told, r"client +168\.126\.63\.0/24: country KR, continent AS \(")
        self.assertRegex(told, r"record +example\.com/www: policy www, ttl 30s")
        self.assertRegex(told, r"1  continent AS: asia +matches continent AS\n +2  continent AS: us +matches continent AS\n")
        self.assertRegex(told, r"-  continent EU AF: europe, us +not for this client\n")
        self.assertRegex(told, r"asia/icn-1  weight 1, drained by \w+: power work, until 20\S+Z; checks say up for ")
        self.assertIn("cannot answer: 0 usable, 1 needed", told)
        self.assertIn("=> us/iad-1\n", told)
        self.assertRegex(told, r"answer +NOERROR, scope /\d+: the same for all of 168\.")
        json_told = site.cli_json("explain", NAME, "--client", "168.126.63.1")
        self.assertEqual([step["name"] for step in self.steps(json_told, "chosen")], ["us/iad-1"])
        self.assertEqual([step["usable"] for step in self.steps(json_told, "endpoint")], [False, True])
        self.assertEqual([(rank["rule"], rank["child"], rank["rank"]) for rank in json_told["ranks"]],
                         [("continent AS", "asia", 0), ("continent AS", "us", 1), ("continent EU AF", "europe, us", None),
                          ("default", "europe", 2)])

    def test_explain_is_right_for_whichever_rule_leads_to_the_same_decision(self):
        rules = """
      - {country: [KR], use: asia}
      - {country: [KR, JP], use: asia}
      - {continent: AS, use: [asia, us]}
      - {default: true, use: {order: nearest, of: [us, europe, asia]}}
"""
        self.site.apply(re.sub(r"\n      - \{continent: AS.*?default: true, use: [^\n]*\n", rules, self.site.catalog(), flags=re.S))
        korea, japan, us = (self.site.cli("explain", NAME, "--client", client) for client in (KOREA, JAPAN, USA))
        for told, first in ((korea, "country KR: asia +matches country KR"), (japan, "country KR JP: asia +matches country JP")):
            self.assertRegex(told, rf"1  {first}\n +2  continent AS: us +matches continent AS\n"
                                   r" +3  default: europe +matches default, \d+ km\n")
        self.assertRegex(korea, r"-  country KR JP: asia +nothing that is not tried before\n")
        self.assertRegex(japan, r"-  country KR: asia +not for this client\n")
        self.assertRegex(us, r"1  default: us +matches default, \d+ km\n +2  default: europe +matches default, \d+ km\n"
                             r" +3  default: asia +matches default, \d+ km\n")
        classes = [self.steps(self.site.cli_json("explain", NAME, "--client", client), "record")[0]["class"]
                   for client in (KOREA, JAPAN, USA)]
        self.assertEqual(classes[0], classes[1], "one decision")
        self.assertNotEqual(classes[0], classes[2])

    def test_explain_says_when_nothing_is_steered_hosted_or_left(self):
        site = self.site
        site.apply(site.catalog())
        self.assertIn("no zone of the catalog", site.cli("explain", "www.example.org", "--client", KOREA))
        self.assertIn("ordinary data", site.cli("explain", "plain.example.com", "--client", KOREA))
        self.assertIn("NXDOMAIN", site.cli("explain", "none.example.com", "--client", KOREA))
        self.assertIn("the chosen endpoints have no AAAA", site.cli("explain", NAME, "AAAA", "--client", KOREA))
        self.assertIn("alias.example.com. 3600 IN CNAME", site.cli("explain", "alias.example.com", "--client", KOREA))
        site.cli("force", "down", "*")
        told = site.cli("explain", NAME, "--client", KOREA)
        self.assertIn("nothing can answer; all_down all", told)
        self.assertIn(SEOUL, told)
        (site.store / "geo.mmdb").unlink()
        self.assertIn("no geo database", site.cli("explain", NAME, "--client", KOREA))
        (site.store / "geo.mmdb").write_text("garbage")
        self.assertIn("geo.mmdb", site.cli("explain", NAME, "--client", KOREA, ok=False))

    def test_explain_names_the_servers_that_a_referral_leads_to(self):
        site = self.site
        site.apply(site.catalog())
        for name in ("h.sub.example.com", "sub.example.com"):
            told = site.cli("explain", name, "--client", KOREA)
            self.assertIn("record    none: sub.example.com. is delegated to other name servers\n", told)
            self.assertRegex(told, r"answer +NOERROR, a referral.*\n  to name server ns\.sub\.example\.com\. of sub\.")
            self.assertNotIn("no data", told)
            self.assertEqual(site.cli_json("explain", name, "--client", KOREA)["answer"]["referral"],
                             {"zone": "sub.example.com.", "servers": ["ns.sub.example.com."]})
        told = site.cli_json("explain", "plain.example.com", "AAAA", "--client", KOREA)
        self.assertIsNone(told["answer"]["referral"], "no data is no referral")

    def test_explain_of_any_does_not_miss_records_of_that_type(self):
        self.site.apply(self.site.catalog())
        told = self.site.cli("explain", NAME, "ANY", "--client", KOREA)
        self.assertIn("=> asia/icn-1", told)
        self.assertNotIn("have no", told)

    def test_since_is_the_last_change_of_the_verdict_whichever_probe_joined_later(self):
        site = self.site
        site.start()
        before = {name: row["since_ms"] for name, row in site.endpoints().items()}
        second = site.run("isobar-probe", "--name", "probe-2", "--region", "seoul")

        def joined():
            return all("probe-2: ok" in row["why"] for row in site.endpoints().values())

        second.until(joined, 20, "the second probe has reported of every endpoint")
        self.assertEqual({name: row["since_ms"] for name, row in site.endpoints().items()}, before)
        site.balancers["seoul"].stop()
        second.until(lambda: site.verdicts()["asia/icn-1"] == "down", 20, "both probes see it down")
        after = {name: row["since_ms"] for name, row in site.endpoints().items()}
        self.assertGreater(after.pop("asia/icn-1"), before.pop("asia/icn-1"))
        self.assertEqual(after, before)
        self.assertRegex(site.cli("explain", NAME, "--client", KOREA), r"asia/icn-1  weight 1, down for \d")

    def test_explain_draws_weights_as_declared(self):
        site = self.site
        site.apply(site.catalog())
        site.cli("add", "policy", "canary", "order=weighted", "of=[{use: us, weight: 95}, {use: europe, weight: 5}]")
        site.cli("add", "record", "example.com/beta", "types=A", "policy=canary")
        told = site.cli_json("explain", "beta.example.com", "--client", USA)
        self.assertEqual([step["weight"] for step in self.steps(told, "child")], [95, 5])
        self.assertIn(self.steps(told, "draw")[0]["share"], (0.95, 0.05))
        self.assertRegex(site.cli("explain", "beta.example.com", "--client", USA), r"drawn with (95|5) of 100")
        self.assertIn(rdata_of(told), ([VIRGINIA], [FRANKFURT]))


def rdata_of(told):
    return [rr.split(" ", 4)[4] for rr in told["answer"]["rrs"]]


class Streams(Cli):
    """What happens around the program: pipes, full disks, closed streams, other users, others at work."""

    def test_a_reader_that_leaves_early_is_no_trouble(self):
        line = f"'{BIN}/isobar' --store '{self.site.store}' export | head -n 1"
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.stdout, done.stderr), ("regions:\n", ""))

    def test_output_that_cannot_be_written_is_a_failure_that_says_what_was_made(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            done = self.run_cli("export", stdout=full)
            self.assertEqual(done.returncode, 1)
            self.assertIn("cannot write to standard output", done.stderr)
            done = self.run_cli("set", "check", "web", "fall=9", stdout=full)
        self.assertEqual(done.returncode, 1)
        self.assertIn("generation 2 is made", done.stderr)
        self.assertIn("fall: 9", self.says("show", "check", "web"))

    def test_closed_streams_cannot_write_into_the_store(self):
        for number, redirection in enumerate((">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"), 3):
            for words in (f"set check web fall={number}", "status", "set check web fall=x"):
                line = f"'{BIN}/isobar' --store '{self.site.store}' {words} {redirection}"
                done = subprocess.run(["sh", "-c", line], capture_output=True, timeout=60)
                self.assertIn(done.returncode, (0, 1), line)
            self.assertIn(f"fall: {number}" if number != 3 else "type: https", self.says("show", "check", "web"))
        self.assertIn("ok:", self.says("check"))

    def test_a_store_of_another_user_is_refused_with_its_path(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to become somebody else")
        program = self.site.directory / "isobar"
        shutil.copy(BIN / "isobar", program)
        self.site.directory.chmod(0o755)
        unreadable = self.file("secret.yaml", "regions: {}\n")
        unreadable.chmod(0)
        with self.unchanged():
            for words in (["status"], ["export"], ["set", "check", "web", "fall=9"], ["apply", "-f", unreadable],
                          ["check", "-f", unreadable]):
                line = [str(word) for word in (program, "--store", self.site.store, *words)]
                done = subprocess.run(line, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                                      user=65534, group=65534, extra_groups=[])
                self.assertEqual(done.returncode, 1 if unreadable in words else 5, done.stdout)
                path = re.escape(str(self.site.store))
                self.assertRegex(done.stderr, f"({path}|secret.yaml).*(?i:permission denied)")

    def test_many_at_once_lose_no_edit(self):
        with concurrent.futures.ThreadPoolExecutor(4) as many:
            done = list(many.map(lambda n: self.run_cli("add", "region", f"r{n}", f"location=[{n}, {n}]"), range(24)))
        self.assertEqual([one.stderr for one in done if one.returncode], [])
        self.assertEqual(self.generation(), 25)
        self.assertEqual(len(self.json("show", "regions")["regions"]), 3 + 24)
        self.assertEqual([entry["generation"] for entry in self.json("log")], list(range(1, 26)))

    def test_json_is_valid_for_every_verb(self):
        path = self.site.directory / "catalog.yaml"
        for words in (
            ["apply", "-f", path], ["diff", "-f", path], ["check", "-f", path], ["check"], ["export"],
            ["show"], ["show", "rrsets"], ["show", "pools"], ["show", "pool", "asia"], ["show", "endpoints"],
            ["show", "endpoint", "asia/icn-1"],
            ["show", "rrset", "example.com"], ["set", "check", "web", "fall=5"],
            ["add", "region", "x", "location=[1, 2]"], ["remove", "region", "x"],
            ["status"], ["drain", "asia/icn-1", "-r", 'say "why"'], ["force", "down", "us/*"],
            ["force", "auto", "*"], ["explain", NAME, "--client", KOREA], ["explain", "none.org", "--client", KOREA],
            ["latency", "show"], ["log"], ["log", "1"], ["help"], ["help", "set"], ["help", "policy"],
        ):
            with self.subTest(words=words):
                self.assertIsInstance(self.json(*words), (dict, list))

    def test_no_line_of_a_table_ends_in_blanks(self):
        self.says("drain", "asia/icn-1", "-r", "x")
        for words in (["status"], ["explain", NAME, "--client", KOREA], ["log"], ["show"], ["help", "policy"],
                      ["--help"]):
            for line in self.says(*words).splitlines():
                self.assertEqual(line, line.rstrip(), words)


if __name__ == "__main__":
    unittest.main()
