# SPDX-License-Identifier: Apache-2.0
"""What a dry run shows: how much changes, every line that differs, and whose clients move from where to where."""
from test_cli import Cli

CATALOG = """
regions:
  seoul:    {location: [37.57, 126.98]}
  virginia: {location: [38.95, -77.45]}
pools:
  asia: {endpoints: {icn-1: {region: seoul, address: 192.0.2.10}, icn-2: {region: seoul, address: 192.0.2.11}}}
  us:   {endpoints: {iad-1: {region: virginia, address: 198.51.100.10}}}
policies:
  www:
    order: geo
    rules:
      - {nets: [0.0.0.0/2], use: [asia, us]}
      - {default: true, use: [us, asia]}
zones:
  example.com:
    text: |
      @     3600 SOA ns1 hostmaster 1 7200 1800 1209600 300
      @     3600 NS ns1
      ns1   3600 A 127.0.0.1
      plain 300  A 192.0.2.80
    records:
      www:  {types: [A], policy: www}
      most: {types: [A], policy: us}
      both: {types: [A, AAAA], policy: asia}
"""


class Plan(Cli):
    applied = False

    def setUp(self):
        super().setUp()
        (self.site.store / "geo.mmdb").unlink(missing_ok=True)  # the rules name networks
        self.path = self.site.directory / "catalog.yaml"
        self.path.write_text(CATALOG)
        self.says("apply", "-f", self.path)

    def proposed(self, *pairs):
        text = CATALOG
        for old, new in pairs:
            self.assertIn(old, text)
            text = text.replace(old, new)
        self.path.write_text(text)
        return self.path

    def test_the_head_counts_and_every_line_that_differs_is_shown(self):
        path = self.proposed(("policies:", "  eu:   {endpoints: {fra-1: {address: 203.0.113.10}}}\npolicies:"),
                             ("[38.95, -77.45]", "[39.04, -77.49]"), ("both: {types: [A, AAAA], policy: asia}", ""))
        with self.unchanged():
            for words in (("diff",), ("apply", "-n")):
                said = self.says(*words, "-f", path, "--prune")
                self.assertTrue(said.startswith("plan: 1 added, 1 changed, 1 removed; generation 1 -> 2\n"), said)
                self.assertIn("~ region virginia\n"
                              "    - location: [38.95, -77.45]\n    + location: [39.04, -77.49]\n", said)
                self.assertIn("+ pool eu\n    + endpoints:\n    +   fra-1:\n    +     address: 203.0.113.10\n", said)
                self.assertIn("- record example.com/both\n    - types: [A, AAAA]\n    - policy: asia\n", said)
                self.assertTrue(said.endswith("dry run: nothing was changed\n"), said)
            plan = self.json("diff", "-f", path, "--prune")
        self.assertEqual(plan["plan"], {"added": 1, "changed": 1, "removed": 1})
        self.assertEqual((plan["generation"], plan["committed"]), (2, False))

    def test_each_name_tells_which_of_its_clients_move_where(self):
        """Of the hosts' addresses 0.0.0.0 to 223.255.255.255, a /2 is two sevenths."""
        path = self.proposed(("{nets: [0.0.0.0/2], use: [asia, us]}", "{nets: [0.0.0.0/3], use: [asia, us]}"))
        self.assertIn("NAME             MOVES                          OF ITS CLIENTS\n"
                      "example.com/www  asia (seoul) -> us (virginia)  14.3 %\n", self.says("diff", "-f", path))
        (name,) = self.json("diff", "-f", path)["shift"]["by_name"]
        self.assertEqual(name["name"], "example.com/www")
        self.assertAlmostEqual(name["share"], 1 / 7)
        (move,) = name["moves"]
        self.assertEqual((move["from"], move["to"]),
                         ({"pool": "asia", "region": "seoul"}, {"pool": "us", "region": "virginia"}))

    def test_the_largest_shift_comes_first_and_regions_are_summed_up(self):
        path = self.proposed(("[0.0.0.0/2]", "[0.0.0.0/3]"), ("policy: us", "policy: asia"))
        said = self.says("diff", "-f", path)
        self.assertLess(said.index("example.com/most  us (virginia) -> asia (seoul)  100.0 %"),
                        said.index("example.com/www   asia (seoul) -> us (virginia)  14.3 %"))
        self.assertIn("BETWEEN REGIONS    SHARE\nvirginia -> seoul  33.3 %\nseoul -> virginia  4.8 %\n", said)

    def test_types_of_a_name_count_together(self):
        """One of two addresses is another, for those of its clients that ask for the type that has it."""
        said = self.says("set", "endpoint", "asia/icn-1", "address=192.0.2.99", "-n")
        self.assertIn("example.com/both  asia (seoul): another endpoint or address  25.0 %\n"
                      "example.com/www   asia (seoul): another endpoint or address  14.3 %\n", said)

    def test_a_log_of_queries_weighs_the_names(self):
        log = self.file("queries.csv", "client,name,type,count\n1.1.1.1,www.example.com,A,30\n"
                                       "1.1.1.1,most.example.com,A,70\n")
        path = self.proposed(("[0.0.0.0/2]", "[4.0.0.0/8]"))
        said = self.says("apply", "-n", "-f", path, "--traffic", log)
        self.assertIn("shift: 30.0 % (30 of 100 queries) get another answer\n", said)
        self.assertIn("example.com/www  asia (seoul) -> us (virginia)  100.0 %", said)

    def test_no_client_moves(self):
        self.assertIn("shift: no client moves, steering is not touched\n",
                      self.says("set", "rrset", "plain.example.com", "A", "60", "192.0.2.81", "-n"))
        self.assertIn("shift: no client moves\n", self.says("set", "record", "example.com/www", "ttl=17s", "-n"))
        self.assertIsNone(self.json("set", "rrset", "plain.example.com", "A", "60", "192.0.2.81", "-n")["shift"])

    def test_edits_by_hand_and_drains_tell_too(self):
        with self.unchanged():
            for words in (("drain", "asia/*"), ("force", "down", "asia/*"),
                          ("set", "record", "example.com/most", "policy=asia"), ("remove", "record", "example.com/most"),
                          ("switch", "most.example.com", "us", "asia")):
                said = self.says(*words, "-n")
                self.assertRegex(said, "example.com/(www|most) .* -> ", words)
                self.assertTrue(said.endswith("dry run: nothing was changed\n"), said)

    def test_what_cannot_be_counted_is_no_reason_to_refuse_a_plan(self):
        (self.site.store / "geo.mmdb").write_text("no database")
        with self.unchanged():
            said = self.says("drain", "us/iad-1", "-n")
            self.assertRegex(said, r"shift: not counted: .*geo\.mmdb.*\ndry run: nothing was changed\n")
            self.proposed(("policy: us", "policy: asia"))
            self.assertEqual(self.run_cli("apply", "-f", self.path, "--max-shift", "50%").returncode, 1)

    def test_an_edit_that_is_made_does_not_count(self):
        self.assertNotIn("shift", self.says("drain", "us/iad-1"))
        self.assertNotIn("shift", self.json("force", "auto", "us/iad-1"))

    def test_more_names_than_are_counted_unasked(self):
        """Whoever looks at a plan waits for no count of many names; a limit asks for it."""
        names = "".join(f"      n{i}: {{types: [A], policy: us}}\n" for i in range(5000))
        self.path.write_text(CATALOG + names)
        self.says("apply", "-f", self.path)
        said = self.says("drain", "us/iad-1", "-n")
        self.assertIn("shift: not counted: more than 5000 steered names; ", said)
        self.assertIn("--max-shift 100%", said)
        plan = self.json("drain", "us/iad-1", "-n")
        self.assertEqual((plan["shift"], plan["shift_not_counted"]), (None, "more than 5000 steered names"))
        self.path.write_text(CATALOG.replace("policy: us", "policy: asia") + names)
        self.assertIn("example.com/most", self.says("diff", "-f", self.path, "--max-shift", "100%"))
