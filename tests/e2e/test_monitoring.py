# SPDX-License-Identifier: Apache-2.0
"""The alerts and the dashboard of monitoring/: they say what they should, of metrics that the programs really have."""
import json
import pathlib
import re
import subprocess
import tempfile
import unittest

import yaml
from harness import BIN, ROOT, Process, Story, free_port, until
from monitored import Monitored
from test_remote import Authority

HERE = ROOT / "monitoring"
RULES = [rule for group in yaml.safe_load((HERE / "isobar.rules.yml").read_text())["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((HERE / "isobar.dashboard.json").read_text())
NAME = re.compile(r"\b(?:isobar_(?:dns|probe|control)_\w+|isobar_build_info|process_\w+)\b")
# What Grafana puts in their place.
VARIABLES = {"$__rate_interval": "5m", "$instance": ".*", "$probe": ".*", "$pool": ".*"}


def promtool(*words):
    done = subprocess.run(["promtool", *map(str, words)], cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=120)
    return done.returncode, done.stdout


def expressions():
    """Of the dashboard: (where, PromQL)."""
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for annotation in DASHBOARD["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]


class Files(unittest.TestCase):
    def test_promtool_takes_the_rules_and_the_example(self):
        self.assertEqual(promtool("check", "rules", "isobar.rules.yml")[0], 0)
        self.assertEqual(promtool("check", "config", "prometheus.yml")[0], 0)

    def test_every_alert_comes_when_it_should_and_not_before(self):
        stories = sorted(path.name for path in HERE.glob("*.test.yml"))
        status, said = promtool("test", "rules", *stories)
        self.assertEqual(status, 0, said)
        due = {case["alertname"] for name in stories for story in yaml.safe_load((HERE / name).read_text())["tests"]
               for case in story["alert_rule_test"] if case["exp_alerts"]}
        self.assertEqual(due, {rule["alert"] for rule in RULES}, "each alert has a story in which it comes")

    def test_every_alert_says_what_it_is_and_what_to_do(self):
        manual = (ROOT / "docs/operations.md").read_text()
        for rule in RULES:
            self.assertIn(rule["labels"]["severity"], ("page", "ticket"), rule["alert"])
            self.assertTrue(rule["annotations"]["summary"] and rule["annotations"]["description"], rule["alert"])
            self.assertIn(f"`{rule['alert']}`", manual, "docs/operations.md says what to do about it")

    def test_the_dashboard_asks_what_can_be_asked(self):
        rules = []
        for at, (where, expression) in enumerate(expressions()):
            for variable, value in VARIABLES.items():
                expression = expression.replace(variable, value)
            self.assertNotIn("$", expression, where)
            rules.append({"record": f"panel:number:{at}", "expr": expression})
        self.assertGreater(len(rules), 30)
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "rules.yml"
            path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
            status, said = promtool("check", "rules", path)
        self.assertEqual(status, 0, said)

    def test_the_dashboard_is_one_that_can_be_imported(self):
        self.assertEqual(DASHBOARD["uid"], "isobar")
        variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
        self.assertEqual(variables, {"datasource", "instance", "probe", "pool"})
        ids = [panel["id"] for panel in DASHBOARD["panels"]]
        self.assertEqual(len(ids), len(set(ids)))
        taken = set()
        for panel in DASHBOARD["panels"]:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            self.assertFalse(cells & taken, f"{panel['title']} covers another panel")
            self.assertLessEqual(at["x"] + at["w"], 24)
            taken |= cells
            if panel["type"] != "row":
                self.assertEqual(panel["datasource"]["uid"], "${datasource}", panel["title"])


class Programs(Story):
    def test_every_metric_that_is_asked_for_is_told(self):
        site, far = self.site, Monitored(free_port("127.0.0.1"))
        server, near = Monitored(free_port("127.0.0.1")), Monitored(free_port("127.0.0.1"))
        authority, exchange = Authority(site.directory / "authority"), free_port("127.0.0.1")
        site.start_balancers()
        site.apply(site.catalog())
        site.run("isobard", "--listen", f"127.0.0.1:{site.port}", "--workers", 1, "--metrics", f"127.0.0.1:{server.port}")
        site.run("isobar-probe", "--name", "home", "--region", "frankfurt", "--metrics", f"127.0.0.1:{near.port}",
                 "--listen-probes", f"127.0.0.1:{exchange}", *authority.files("localhost"))
        site.processes.append(Process(
            site.directory / "far.log", BIN / "isobar-probe", "--site", f"localhost:{exchange}", "--name", "seoul-1",
            "--region", "seoul", "--metrics", f"127.0.0.1:{far.port}", *authority.files("seoul-1")))
        control = Monitored(free_port("127.0.0.1"))
        site.run("isobar-control", "--listen", f"127.0.0.1:{control.port}", "--socket", site.directory / "control.sock")
        for told in (server, near, far, control):
            until(lambda told=told: told.get("/readyz")[0] == 200, 20, "it is ready")
        programs = [server, near, far, control]
        samples = set()
        for told in programs:
            samples |= {name for name, _ in told.all()} | told.names()  # a family may have no sample yet
        manual = set(re.findall(r"^\| `(isobar_control_\w+)", (ROOT / "docs/metrics.md").read_text(), re.M))
        self.assertEqual({name for name in control.names() if name.startswith("isobar_control_")}, manual)
        asked = {name: rule["alert"] for rule in RULES for name in NAME.findall(rule["expr"])}
        asked |= {name: where for where, expression in expressions() for name in NAME.findall(expression)}
        asked |= {name: variable["name"] for variable in DASHBOARD["templating"]["list"]
                  for name in NAME.findall(variable.get("definition", ""))}
        self.assertGreater(len(asked), 40)
        self.assertEqual({name: where for name, where in asked.items() if name not in samples}, {}, "asked for, and told by nobody")


if __name__ == "__main__":
    unittest.main()
