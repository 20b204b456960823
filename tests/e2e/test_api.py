# SPDX-License-Identifier: Apache-2.0
"""isobar-control: every route as its description says, who may what, two who edit at once, events, TLS, and the command line
from elsewhere."""
import base64
import collections
import concurrent.futures
import contextlib
import fcntl
import http.client
import json
import os
import pathlib
import re
import select
import socket
import ssl
import subprocess
import urllib.parse

import jsonschema

from harness import BIN, BRAZIL, GERMANY, JAPAN, KOREA, ROOT, USA, Story, free_port, until

HOST = "127.0.0.1"
ROLES = ["read", "operate", "admin"]
EDITS = {"reason", "dry_run"}


class Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self.path)


class Control(Story):
    """A store with a catalog, isobar-control over it, and a token of each role."""

    options = ()

    def setUp(self):
        super().setUp()
        self.site.apply(self.site.catalog())
        self.tokens = self.site.directory / "tokens"
        self.token = {role: self.new_token(f"t-{role}", role) for role in ROLES}
        self.socket = self.site.directory / "socket"
        self.port = free_port(HOST)
        self.control = self.start(*self.options)

    def new_token(self, name, role, *more):
        return subprocess.run([BIN / "isobar", "token", "add", name, "--role", role, "--tokens", self.tokens, *more],
                              check=True, capture_output=True, text=True).stdout.strip()

    def start(self, *options, under=()):
        control = self.site.run("isobar-control", "--listen", f"{HOST}:{self.port}", "--socket", self.socket,
                                "--tokens", self.tokens, *options, under=under)
        control.until(lambda: "started" in control.said(), 20, "isobar-control is ready")
        return control

    def ask(self, method, path, body=None, *, role="admin", headers=(), connection=None):
        """(status, fields, body): JSON where it is some."""
        link = connection or http.client.HTTPConnection(HOST, self.port, timeout=60)
        fields = {"Authorization": f"Bearer {self.token[role]}"} if role else {}
        data = json.dumps(body) if isinstance(body, (dict, list)) else body
        link.request(method, path, data, {**fields, **dict(headers)})
        reply = link.getresponse()
        text = reply.read()
        if not connection:
            link.close()
        said = json.loads(text) if "json" in reply.headers.get("Content-Type", "") and text else text
        return reply.status, reply.headers, said

    def done(self, *words, **how):
        status, _, said = self.ask(*words, **how)
        self.assertEqual(status, 200, said)
        return said

    def refused(self, status, *words, says=".", **how):
        got, fields, said = self.ask(*words, **how)
        self.assertEqual(got, status, said)
        self.assertEqual(fields["Content-Type"], "application/problem+json")
        self.assertEqual(said["status"], status)
        self.assertRegex(json.dumps(said, ensure_ascii=False), says)
        return said


RECORD = "/v1/rollouts/www.example.com"
# One request for each operation of the description, in an order in which they go well: template, path, body.
REQUESTS = [
    ("GET /v1/status", None, None),
    ("GET /v1/endpoints/{pool}/{endpoint}", "/v1/endpoints/asia/icn-1", None),
    ("GET /v1/explain", "/v1/explain?name=www.example.com&client=192.0.2.1&draws=10", None),
    ("GET /v1/whoami", None, None),
    ("PUT /v1/endpoints/{pool}/{endpoint}/state", "/v1/endpoints/asia/icn-1/state", {"state": "drain", "for": "5m"}),
    ("POST /v1/endpoints/{pool}/{endpoint}/failback", "/v1/endpoints/asia/icn-1/failback", {"reason": "back"}),
    ("GET /v1/catalog", None, None),
    ("GET /v1/catalog.yaml", None, None),
    ("PUT /v1/catalog", "/v1/catalog?reason=more", "regions: {tokyo: {location: [35.7, 139.7]}}"),
    ("POST /v1/catalog/diff", None, "regions: {osaka: {location: [34.7, 135.5]}}"),
    ("POST /v1/catalog/check", None, "regions: {osaka: {location: [34.7, 135.5]}}"),
    ("POST /v1/simulate", None, {"log": "192.0.2.1,www.example.com,A,5\n", "down": ["seoul"]}),
    ("GET /v1/log", "/v1/log?limit=2", None),
    ("GET /v1/generations/{generation}", "/v1/generations/1", None),
    ("GET /v1/zones/{zone}/rrsets", "/v1/zones/example.com/rrsets", None),
    ("GET /v1/zones/{zone}/file", "/v1/zones/example.com/file", None),
    ("PUT /v1/zones/{zone}/file", "/v1/zones/example.com/file?dry_run=true",
     "@ 60 IN SOA ns1 host 1 1 1 1 1\n@ 60 IN NS ns1\nns1 60 IN A 192.0.2.1\n"),
    ("POST /v1/rrsets/{name}/{type}", "/v1/rrsets/new.example.com/TXT", {"ttl": "60", "rdata": ["one"]}),
    ("PUT /v1/rrsets/{name}/{type}", "/v1/rrsets/new.example.com/TXT", {"ttl": "60", "rdata": ["one", "two"]}),
    ("GET /v1/rrsets/{name}/{type}", "/v1/rrsets/new.example.com/TXT", None),
    ("DELETE /v1/rrsets/{name}/{type}", "/v1/rrsets/new.example.com/TXT", None),
    ("PUT /v1/latency", None, "192.0.2.0/24,seoul,12.5\n"),
    ("GET /v1/latency", None, None),
    ("POST /v1/run", None, {"arguments": ["show", "pools"]}),
    ("GET /v1/schema", None, None),
    ("GET /v1/openapi.json", None, None),
    ("GET /v1/{kind}", "/v1/pools", None),
    ("GET /v1/{kind}/{name}", "/v1/records/example.com%2Fwww", None),
    ("PUT /v1/{kind}/{name}", "/v1/regions/kyoto", {"location": [35.0, 135.8]}),
    ("PATCH /v1/{kind}/{name}", "/v1/regions/kyoto", {"location": [35.1, 135.8]}),
    ("DELETE /v1/{kind}/{name}", "/v1/regions/kyoto", None),
    ("PUT /v1/pools/{pool}/endpoints/{endpoint}", "/v1/pools/asia/endpoints/icn-9",
     {"region": "seoul", "address": "192.0.2.9", "host": "icn-9.example.com", "port": 443}),
    ("GET /v1/pools/{pool}/endpoints/{endpoint}", "/v1/pools/asia/endpoints/icn-9", None),
    ("PATCH /v1/pools/{pool}/endpoints/{endpoint}", "/v1/pools/asia/endpoints/icn-9", {"weight": 7}),
    ("DELETE /v1/pools/{pool}/endpoints/{endpoint}", "/v1/pools/asia/endpoints/icn-9", None),
    ("POST /v1/rollouts", None, {"record": "www.example.com", "to": "us", "steps": "10,100", "every": "1h", "force": True}),
    ("GET /v1/rollouts", None, None),
    ("GET /v1/rollouts/{record}", RECORD, None),
    ("POST /v1/rollouts/{record}/pause", RECORD + "/pause", {}),
    ("POST /v1/rollouts/{record}/resume", RECORD + "/resume", {"force": True}),
    ("POST /v1/rollouts/{record}/finish", RECORD + "/finish?dry_run=true", {"force": True}),
    ("POST /v1/rollouts/{record}/abort", RECORD + "/abort", None),
    ("POST /v1/switch", "/v1/switch?dry_run=true", {"record": "_https._tcp.example.com", "from": "www", "to": "us", "force": True}),
    ("POST /v1/rollback", None, {"generation": 1, "reason": "as it was"}),
    ("GET /metrics", None, None),
    ("GET /healthz", None, None),
    ("GET /readyz", None, None),
]
# Answered by something else than one reply, or by what this site has not: their own tests.
ELSEWHERE = {"GET /v1/events", "GET /v1/top"}


class Api(Control):
    def description(self):
        return self.done("GET", "/v1/openapi.json", role=None)

    def operations(self, document):
        return {f"{method.upper()} {path}": one for path, methods in document["paths"].items() for method, one in methods.items()}

    def check_request(self, document, operation, path, body):
        """What is sent is what the description allows."""
        names = {p["name"] for p in operation["parameters"] if p.get("in") == "query"} | EDITS
        self.assertLessEqual(set(urllib.parse.parse_qs(urllib.parse.urlsplit(path).query)), names)
        content = operation.get("requestBody", {}).get("content", {})
        if body is not None:
            self.assertTrue(content)
        if isinstance(body, dict):
            resolver = jsonschema.RefResolver.from_schema(document)
            schema = content["application/json"]["schema"]
            jsonschema.Draft4Validator(schema, resolver=resolver).validate(body)

    def test_the_description_is_the_one_in_the_docs_and_whole(self):
        document = self.description()
        self.assertEqual(document, json.loads((ROOT / "docs/openapi.json").read_text()))
        for name, operation in self.operations(document).items():
            templates = set(re.findall(r"{(\w+)}", name))
            inside = {p["name"] for p in operation["parameters"] if p.get("in") == "path"}
            self.assertEqual(templates, inside, name)
            self.assertRegex(operation["summary"], r"[.?]$", name)
        for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)):
            part = document
            for key in reference.split("/"):
                part = part[key]

    def test_every_route_answers_as_described(self):
        document = self.description()
        operations = self.operations(document)
        self.assertEqual(set(operations), {name for name, _, _ in REQUESTS} | ELSEWHERE)
        for name, path, body in REQUESTS:
            method, template = name.split(" ")
            with self.subTest(name):
                path = path or template
                self.check_request(document, operations[name], path, body)
                status, fields, said = self.ask(method, path, body)
                if "failback" in name:  # which nothing here waits for
                    self.assertEqual((status, "waits for its failback" in said["detail"]), (422, True))
                    continue
                self.assertEqual(status, 200, said)
                wanted = operations[name]["responses"]["200"]
                self.assertEqual(fields["Content-Type"].split(";")[0], next(iter(wanted["content"])))
                self.assertEqual("ETag" in wanted.get("headers", {}), bool(fields["ETag"]))
                self.assertEqual(fields["X-Content-Type-Options"], "nosniff")
        log = self.done("GET", "/v1/log")
        self.assertEqual((log[-1]["author"], log[-1]["reason"]), ("t-admin", "rollback to generation 1: as it was"))
        self.assertEqual(self.done("GET", "/v1/log?limit=3"), log[-3:])
        self.assertEqual(self.done("GET", "/v1/log?limit=10000"), log)
        for wrong in ("0", "-1", "x", ""):
            self.refused(400, "GET", f"/v1/log?limit={wrong}", says="limit")

    def test_problems_are_as_described(self):
        document = self.description()
        validator = jsonschema.Draft4Validator(document["components"]["schemas"]["problem"])
        for said in (
            self.refused(404, "GET", "/v1/nothing"),
            self.refused(404, "GET", "/v1/pools/nothing", says="there is no pool 'nothing'"),
            self.refused(405, "POST", "/v1/status", says="this takes GET, HEAD"),
            self.refused(400, "PATCH", "/v1/pools/asia", "{", says="no JSON"),
            self.refused(400, "GET", "/v1/status?all=1", says="unknown parameter 'all'"),
            self.refused(422, "PATCH", "/v1/pools/asia", {"order": "wurst"}, says="wurst"),
            self.refused(422, "PUT", "/v1/catalog", "regions:\n  x: {locatio: 3}\n", says="did you mean 'location'"),
            self.refused(404, "GET", "/v1/top", says="--metrics-from"),
            self.refused(404, "GET", "/v1/zones/nowhere.example/rrsets"),
            self.refused(422, "DELETE", "/v1/pools/asia", says="pool 'asia' is still in use"),
            self.refused(422, "DELETE", "/v1/pools/asia", says="policy/www: unknown pool or policy 'asia'"),
            self.refused(422, "PUT", "/v1/catalog", "zones: {a.example: {file: a.zone}}\n", says="give what it holds as 'text:'"),
            self.refused(400, "PUT", "/v1/catalog?prune=true&dry_run=true", "", says="the body is empty"),
            self.refused(400, "POST", "/v1/rollouts", {"record": "www.example.com", "to": "us", "steps": [10, 100]}, says="10,30,50,100"),
        ):
            validator.validate(said)
        where = self.refused(422, "PUT", "/v1/catalog", "regions:\n  x: {locatio: 3}\n")["errors"][0]
        self.assertEqual((where["line"], where["column"]), (2, 7))
        self.assertRegex(self.control.said(), r'edit by="\S+" method=DELETE path="/v1/pools/asia" status=422\n')

    def test_who_may_what(self):
        operations = self.operations(self.description())
        for name, path, body in [*REQUESTS, ("GET /v1/events", None, None), ("GET /v1/top", None, None)]:
            method, template = name.split(" ")
            needed = re.match(r"Role: (\w+)\.", operations[name]["description"])[1]
            with self.subTest(name):
                self.assertEqual("security" in operations[name], needed == "none")
                if needed == "none":
                    continue
                _, fields, _ = self.ask(method, path or template, body, role=None)
                self.assertEqual(fields["WWW-Authenticate"], "Bearer")
                self.refused(401, method, path or template, body, role=None)
                for role in ROLES[:ROLES.index(needed)]:
                    self.refused(403, method, path or template, body, role=role, says=f"this needs the role {needed}")
        self.assertEqual(self.done("GET", "/v1/log")[-1]["generation"], 1, "nothing was changed")
        self.done("PUT", "/v1/endpoints/asia/icn-1/state", {"state": "down"}, role="operate")
        # a command line has the role of its verb
        run = {"arguments": ["set", "region", "seoul", "location=[1,2]"]}
        self.refused(403, "POST", "/v1/run", run, role="operate", says="set needs the role admin")
        self.refused(403, "POST", "/v1/run", {"arguments": ["drain", "asia/icn-1"]}, role="read", says="role operate")
        self.assertEqual(self.done("POST", "/v1/run", {"arguments": ["status"]}, role="read")["status"], 0)
        self.assertEqual(self.done("POST", "/v1/run", run)["status"], 0)

    def test_tokens_come_and_go_with_their_lines(self):
        self.token["new"] = self.new_token("new", "read", "--expires", "1d")
        self.assertEqual(self.done("GET", "/v1/whoami", role="new"), {"name": "new", "role": "read", "version": "0.1.0"})
        subprocess.run([BIN / "isobar", "token", "remove", "new", "--tokens", self.tokens], check=True, capture_output=True)
        self.refused(401, "GET", "/v1/whoami", role="new", says="not in the file")
        self.assertIn("auth-failed from=127.0.0.1", self.control.said())
        text = self.tokens.read_text()
        self.assertNotIn(self.token["admin"], text)
        self.tokens.write_text(text + "nonsense\n")
        self.done("GET", "/v1/whoami")  # those before stay
        until(lambda: "tokens-refused" in self.control.said(), 5, "the wrong line is told of")
        self.tokens.write_text(re.sub(r"expires=\S+", "", text).replace("t-read read", "t-read operate"))
        self.assertEqual(self.done("GET", "/v1/whoami", role="read")["role"], "operate")
        self.token["old"] = self.new_token("old", "read", "--expires", "1s")
        until(lambda: self.ask("GET", "/v1/whoami", role="old")[0] == 401, 10, "a token has expired")

    def test_of_two_who_write_tokens_at_once_one_waits(self):
        directory = os.open(self.tokens.parent, os.O_RDONLY)
        self.addCleanup(os.close, directory)
        fcntl.flock(directory, fcntl.LOCK_EX)
        with subprocess.Popen([BIN / "isobar", "token", "add", "new", "--role", "read", "--tokens", self.tokens],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as adding:
            there = os.stat(self.tokens.parent)
            def has_it(number):
                with contextlib.suppress(OSError):
                    return os.path.samestat(os.stat(f"/proc/{adding.pid}/fd/{number}"), there)
            until(lambda: any(map(has_it, os.listdir(f"/proc/{adding.pid}/fd"))), 20, "it has the directory")
            self.tokens.write_text(re.sub("t-read .*\n", "", self.tokens.read_text()))
            fcntl.flock(directory, fcntl.LOCK_UN)
            adding.communicate(timeout=30)
        names = re.findall(r"^([\w-]+) ", self.tokens.read_text(), re.M)
        self.assertEqual(names, ["t-operate", "t-admin", "new"])

    def test_of_two_who_edit_at_once_one_is_told(self):
        _, fields, _ = self.ask("GET", "/v1/pools/asia")
        tag = fields["ETag"]
        self.assertEqual(tag, '"1"')
        self.assertEqual(self.ask("GET", "/v1/pools/asia", headers={"If-None-Match": tag})[0], 304)

        def edit(number):
            path = "/v1/pools/asia/endpoints/icn-1"
            while True:
                status, _, said = self.ask("PATCH", path, {"weight": number + 2}, headers={"If-Match": tag})
                if status != 503:  # eight at once is all there is
                    return status, said
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            ends = list(pool.map(edit, range(10)))
        self.assertEqual(sorted(status for status, _ in ends), [200] + [412] * 9)
        self.assertIn("the catalog is at generation 2, not at 1", next(said for status, said in ends if status == 412)["detail"])
        self.refused(400, "PATCH", "/v1/pools/asia", {"order": "weighted"}, headers={"If-Match": "1"}, says="If-Match")

    def test_hostile_requests(self):
        def raw(octets):
            with socket.create_connection((HOST, self.port), timeout=30) as link:
                link.sendall(octets)
                link.settimeout(30)
                said = b""
                try:
                    while piece := link.recv(65536):
                        said += piece
                except ConnectionError:
                    pass
                return said
        end = b"Host: localhost\r\nConnection: close\r\n\r\n"
        self.assertIn(b" 431 ", raw(b"GET / HTTP/1.1\r\nX: " + b"x" * 40000 + b"\r\n" + end)[:20])
        self.assertIn(b" 400 ", raw(b"GET /v1/status?%zz HTTP/1.1\r\n" + end)[:20])
        self.assertIn(b" 404 ", raw(b"GET /ui/../control/main.c HTTP/1.1\r\n" + end)[:20])
        self.assertIn(b" 404 ", raw(b"GET /ui/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n" + end)[:20])
        large = b"PUT /v1/catalog HTTP/1.1\r\nContent-Length: 9000000\r\nExpect: 100-continue\r\n" + end
        self.assertIn(b" 413 ", raw(large)[:20])  # by its own word
        self.assertIn(b" 421 ", raw(b"GET /healthz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")[:20])
        self.assertIn(b" 200 ", raw(b"GET /healthz HTTP/1.1\r\nHost: [::1]:8053\r\nConnection: close\r\n\r\n")[:20])
        for path in ("/v1/pools/--help", "/v1/pools/-n", "/v1/pools/..%2f..", "/v1/regions/" + "x" * 3000):
            status, _, said = self.ask("GET", path)
            self.assertEqual(status, 404, said)
        self.refused(400, "POST", "/v1/rrsets/a.example.com/TXT", {"ttl": "60", "rdata": ["x"] * 3000}, says="words")
        deep = '{"location":' + '{"a":' * 2000 + "1" + "}" * 2001
        self.refused(400, "PUT", "/v1/regions/seoul", deep, says="nested deeper")
        for body in ({"arguments": "status"}, {"arguments": [1]}, {"argument": []}, {"arguments": ["x"], "files": [{"name": "/etc/x"}]},
                     {"arguments": ["x"], "files": [{"name": "a/../../b", "data": ""}]}, {"arguments": ["x"], "stdin": "%"}):
            self.refused(400, "POST", "/v1/run", body)
        for words in (["apply", "-f", "/etc/passwd"], ["simulate", "../x"], ["--store", "/tmp", "show"], ["init"], ["status", "--watch"],
                      ["drain", "asia/icn-1", "--auth=eve"], ["token", "list"], ["check", "--geo", "/etc/passwd"]):
            self.refused(403, "POST", "/v1/run", {"arguments": words})
        self.refused(422, "PUT", "/v1/catalog", "zones: {e.example: {file: /etc/passwd}}", says="only files that come with")
        self.refused(422, "PUT", "/v1/zones/example.com/file", "$INCLUDE /etc/passwd\n", says="INCLUDE")
        self.assertEqual(self.done("GET", "/v1/log")[-1]["generation"], 1)

    def test_what_nobody_waits_for_is_ended(self):
        def running():
            return int(re.search(r"verbs_running (\d+)", self.done("GET", "/metrics").decode())[1])
        link = socket.create_connection((HOST, self.port))
        link.sendall(f"GET /v1/explain?name=www.example.com&client=192.0.2.1&draws=10000000 HTTP/1.1\r\nHost: localhost\r\n"
                     f"Authorization: Bearer {self.token['read']}\r\n\r\n".encode())
        until(lambda: running() == 1, 10, "the verb runs")
        link.close()
        until(lambda: running() == 0, 10, "it is ended")

    def explain_for_long(self, role):
        link = socket.create_connection((HOST, self.port))
        self.addCleanup(link.close)
        link.sendall(f"GET /v1/explain?name=www.example.com&client=192.0.2.1&draws=10000000 HTTP/1.1\r\nHost: localhost\r\n"
                     f"Authorization: Bearer {self.token[role]}\r\n\r\n".encode())

    def verbs(self):
        tasks = pathlib.Path(f"/proc/{self.control.child.pid}/task").glob("*/children")
        return [int(pid) for task in tasks for pid in task.read_text().split()]

    def test_who_looks_leaves_room_for_who_operates(self):
        for _ in range(6):
            self.explain_for_long("read")
        until(lambda: len(self.verbs()) == 6, 10, "the verbs run")
        self.refused(503, "GET", "/v1/status", role="read", says="too much is being done")
        self.done("PUT", "/v1/endpoints/asia/icn-1/state", {"state": "drain"}, role="operate")

    def test_verbs_end_with_the_server(self):
        self.explain_for_long("read")
        until(lambda: self.verbs(), 10, "the verb runs")
        pid = self.verbs()[0]
        until(lambda: "catalog.mdb" in pathlib.Path(f"/proc/{pid}/maps").read_text(), 20, "it works")
        verb = os.pidfd_open(pid)
        self.addCleanup(os.close, verb)
        self.control.child.kill()
        self.assertTrue(select.select([verb], [], [], 10)[0], "it has ended")

    def test_wherever_it_is_started(self):
        """Nothing that is kept has a name among the temporary files, where what is old is taken away."""
        self.control.stop()
        temporary = self.site.directory / "temporary"
        temporary.mkdir()
        self.control = self.start(under=("env", "--ignore-signal=CHLD", f"TMPDIR={temporary}"))
        self.assertEqual(list(temporary.iterdir()), [])
        self.done("GET", "/v1/status")
        temporary.rmdir()
        self.done("GET", "/v1/status")
        self.refused(404, "GET", "/v1/pools/nothing")

    def test_local_users_need_no_token(self):
        link = Unix(self.socket)
        self.assertEqual(self.socket.stat().st_mode & 0o777, 0o660)
        said = self.done("GET", "/v1/whoami", role=None, connection=link)
        self.assertEqual(said["role"], "admin")
        self.done("PATCH", "/v1/regions/seoul", {"location": [37.5, 127]}, role=None, connection=link)
        self.assertEqual(self.done("GET", "/v1/log")[-1]["author"], said["name"])


class Events(Control):
    def test_listeners_hear_of_edits_and_of_health(self):
        link = http.client.HTTPConnection(HOST, self.port, timeout=30)
        link.request("GET", "/v1/events", headers={"Authorization": f"Bearer {self.token['read']}", "Last-Event-ID": "catalog-0"})
        reply = link.getresponse()
        self.assertEqual((reply.status, reply.headers["Content-Type"]), (200, "text/event-stream"))

        def event():
            fields = {}
            while True:
                line = reply.readline().decode().rstrip("\n")
                if not line and "event" in fields:
                    return fields["event"], json.loads(fields["data"])["generation"], fields["id"]
                name, _, value = line.partition(": ")
                fields[name] = value

        self.assertEqual(event(), ("catalog", 1, "catalog-1"))
        kind, health, _ = event()
        self.assertEqual(kind, "health")
        self.done("PATCH", "/v1/regions/seoul", {"location": [37.5, 127]})
        self.assertEqual(event(), ("catalog", 2, "catalog-2"))
        self.site.start_balancers()
        self.site.start_probe(ready=False)
        kind, later, _ = event()
        self.assertEqual(kind, "health")
        self.assertGreater(later, health)
        listeners = re.compile(rb"event_listeners (\d+)")
        self.assertEqual(listeners.search(self.done("GET", "/metrics"))[1], b"1")
        reply.close()
        link.close()
        until(lambda: listeners.search(self.done("GET", "/metrics"))[1] == b"0", 10, "the listener is gone")

    def test_the_end_does_not_wait_for_listeners(self):
        link = http.client.HTTPConnection(HOST, self.port, timeout=30)
        link.request("GET", "/v1/events", headers={"Authorization": f"Bearer {self.token['read']}"})
        reply = link.getresponse()
        self.assertTrue(reply.readline())
        self.assertEqual(self.control.stop(within=5), 0)
        reply.read()
        link.close()


class Traffic(Control):
    """isobard with its metrics, and isobar-control that knows of it and of one that is not there."""

    def setUp(self):
        ports = [free_port(HOST), free_port(HOST)]
        self.metrics, self.nobody = (f"{HOST}:{port}" for port in ports)
        self.options = ("--metrics-from", f"http://{self.metrics}", "--metrics-from", f"http://{self.nobody}")
        super().setUp()
        self.site.apply(self.site.catalog().replace("check: web, ", ""))
        server = self.site.run("isobard", "--listen", f"{HOST}:{self.site.port}", "--workers", 2, "--metrics", self.metrics, "--rrl", "off")
        server.until(self.site.answers, 20, "isobard answers")

    def test_top_tells_what_the_servers_were_asked(self):
        before = self.done("GET", "/v1/top", role="read")
        clients = {KOREA: 500, JAPAN: 300, GERMANY: 700, USA: 900, BRAZIL: 600}
        self.site.pour(clients)

        def told():
            top = self.done("GET", "/v1/top", role="read")
            return top["queries"] - before["queries"] >= sum(clients.values()) and top

        top = until(told, 20, "all queries are counted")
        self.assertEqual(top["queries"] - before["queries"], sum(clients.values()))
        here, nobody = top["servers"]
        self.assertEqual((here["from"], here["ready"]), (f"http://{self.metrics}", True))
        self.assertEqual((nobody["from"], "error" in nobody), (f"http://{self.nobody}", True))
        self.assertGreaterEqual(top["time_ms"], before["time_ms"])
        answers = {f"{row['pool']}/{row['endpoint']}": (row["region"], sum(row["answers"].values()), row["expected_share"])
                   for row in top["endpoints"]}
        self.assertEqual(answers, {"asia/icn-1": ("seoul", 800, 1), "europe/fra-1": ("frankfurt", 700, 1), "us/iad-1": ("virginia", 1500, 1)})

        def clients_led():  # of 64 answers one is looked at, on average, and stands for all of them
            self.site.pour(clients)
            asked.update(clients)
            top = self.done("GET", "/v1/top", role="read")
            led = {(row["continent"], row["region"]): row["answers"] for row in top["clients"] if row["answers"]}
            return sum(led.values()) > 12000 and led

        asked = collections.Counter(clients)
        led = until(clients_led, 30, "the clients are told")
        self.assertEqual(set(led), {("AS", "seoul"), ("EU", "frankfurt"), ("NA", "virginia"), ("SA", "virginia")})
        self.assertTrue(all(count % 64 == 0 for count in led.values()), led)
        for continent, whose in (("AS", [KOREA, JAPAN]), ("EU", [GERMANY]), ("NA", [USA]), ("SA", [BRAZIL])):
            share = sum(asked[client] for client in whose) / sum(asked.values())
            told_share = sum(count for (of, _), count in led.items() if of == continent) / sum(led.values())
            self.assertLess(abs(told_share - share), 0.12, led)

    def test_top_when_no_server_answers(self):
        self.site.processes[-1].stop()
        self.refused(503, "GET", "/v1/top", says="Couldn't connect")


class Secure(Control):
    """HTTPS with a certificate for this address, which is its own authority."""

    def setUp(self):
        self.made = 0
        super().setUp()

    def certificate(self, directory):
        self.made += 1
        words = (f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test-{self.made} "
                 f"-addext subjectAltName=IP:{HOST} -keyout key.pem -out cert.pem")
        subprocess.run(["openssl", *words.split()], cwd=directory, check=True, capture_output=True)

    def start(self, *options):
        directory = self.site.directory
        self.certificate(directory)
        return super().start("--tls-cert", directory / "cert.pem", "--tls-key", directory / "key.pem", *options)

    def link(self):
        context = ssl.create_default_context(cafile=self.site.directory / "cert.pem")
        return http.client.HTTPSConnection(HOST, self.port, timeout=30, context=context)

    def test_https_and_a_new_certificate(self):
        old = self.link()
        self.done("GET", "/v1/whoami", connection=old)
        self.certificate(self.site.directory)
        self.control.child.send_signal(1)
        self.control.until(lambda: "certificate-read" in self.control.said(), 20, "the new certificate is taken up")
        new = self.link()  # trusts the new one alone
        self.done("GET", "/v1/whoami", connection=new)
        self.done("GET", "/v1/whoami", connection=old)  # goes on
        (self.site.directory / "key.pem").write_text("no key")
        self.control.child.send_signal(1)
        self.control.until(lambda: "certificate-refused" in self.control.said(), 20, "it is refused")
        self.done("GET", "/v1/whoami", connection=self.link())
        with socket.create_connection((HOST, self.port), timeout=30) as plain:
            plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertNotIn(b"200", plain.recv(100))

    def test_the_command_line_over_https(self):
        def run(*words, **env):
            done = subprocess.run([BIN / "isobar", "--server", f"https://{HOST}:{self.port}", *words], capture_output=True, text=True,
                                  timeout=60, env={**os.environ, **env}, check=False)
            return done.returncode, done.stdout + done.stderr
        token = self.site.directory / "token"
        token.write_text(self.token["read"] + "\n")
        ca = self.site.directory / "cert.pem"
        status, said = run("show", "pools", "--token-file", token)
        self.assertEqual((status, "is not trusted" in said, "--ca FILE" in said), (1, True, True), said)
        self.assertEqual(run("show", "pools", "--ca", ca, "--token-file", token), (0, "pool asia\npool europe\npool us\n"))
        self.assertEqual(run("show", "pools", "--ca", ca, ISOBAR_TOKEN=self.token["read"])[0], 0)
        status, said = run("show", "--ca", ca, ISOBAR_TOKEN="")
        self.assertEqual((status, "--token-file" in said), (1, True), said)
        status, said = run("drain", "asia/icn-1", "--ca", ca, "--token-file", token)
        self.assertEqual((status, said), (1, "isobar: 't-read' may read; drain needs the role operate\n"))


class Remote(Control):
    """The same words here and there: what is printed and how it ends is the same to the octet."""

    def both(self, *words, text="", cwd=None):
        def run(env):
            done = subprocess.run([BIN / "isobar", *words], input=text, capture_output=True, text=True, timeout=60, cwd=cwd,
                                  env={**os.environ, **env}, check=False)
            return done.returncode, done.stdout, done.stderr
        here = run({"ISOBAR_STORE": str(self.site.store)})
        there = run({"ISOBAR_SERVER": f"unix:{self.socket}"})
        self.assertEqual(there, here, words)
        return there

    def test_a_dozen_verbs_both_ways(self):
        work = self.site.directory / "work"
        (work / "zones").mkdir(parents=True)
        (work / "zones/more.zone").write_text("$INCLUDE part\n@ 60 IN NS ns1\nns1 60 IN A 192.0.2.1\n")
        (work / "zones/part").write_text("@ 60 IN SOA ns1 host 1 1 1 1 1\n")
        (work / "more.yaml").write_text("zones: {more.example: {file: zones/more.zone}}\n")
        (work / "bad.yaml").write_text("regions:\n  x: {locatio: 1}\nzones: {more.example: {file: zones/none.zone}}\n")
        (work / "log.csv").write_text("192.0.2.1,www.example.com,A,5\n")
        for words, ends, cwd in (
            (["show"], 0, None), (["show", "pool", "asia", "-o", "json"], 0, None), (["show", "pool", "nothing"], 4, None),
            (["shwo"], 2, None), (["status"], 0, None), (["status", "--help"], 0, None), (["export"], 0, None),
            (["explain", "www.example.com", "--client", "192.0.2.1", "--seed", "1"], 0, None),
            (["log", "1"], 0, None), (["rollout", "status"], 0, None), (["latency", "show"], 0, None),
            (["diff", "-f", "more.yaml"], 0, work), (["diff", "-f", str(work / "more.yaml")], 0, None),
            (["diff", "-f", "../work/more.yaml"], 0, work), (["check", "-f", "bad.yaml"], 1, work),
            (["diff", "-f", "../bad.yaml"], 1, work / "zones"), (["diff", "-f", "none.yaml"], 1, work),
            (["simulate", "log.csv", "--down", "seoul"], 0, work), (["simulate", str(work / "log.csv"), "--n-1"], 0, None),
            (["set", "region", "seoul", "location=[1,2]", "-n"], 0, None), (["set", "region", "seoul", "lokation=1"], 1, None),
            (["drain", "asia/*", "-n", "--if-generation", "7"], 3, None), (["remove", "pool", "asia"], 1, None),
            (["remove", "pool", "--", "-x"], 4, None), (["import", "zone", "zones/more.zone", "--zone", "more.example", "-n"], 0, work),
        ):
            with self.subTest(" ".join(words)):
                status, said, wrong = self.both(*words, cwd=cwd)
                self.assertEqual(status, ends, said + wrong)


    def test_standard_input_and_edits(self):
        env = {**os.environ, "ISOBAR_SERVER": f"unix:{self.socket}"}
        env.pop("ISOBAR_STORE", None)
        self.both("diff", "-f", "-", text="regions: {tokyo: {location: [35, 139]}}")
        done = subprocess.run([BIN / "isobar", "apply", "-f", "-", "-r", "why"], input="regions: {tokyo: {location: [35, 139]}}",
                              capture_output=True, text=True, env=env, check=True)
        self.assertIn("generation 2", done.stdout)
        self.assertEqual(self.done("GET", "/v1/log")[-1]["reason"], "why")
        for words, says in ((["--server", f"unix:{self.socket}", "--store", "/tmp", "show"], "leave out --store"), (["check", "--geo", "x"], "leave out --geo"),
                            (["drain", "asia/icn-1", "--author", "eve"], "leave out --author")):
            done = subprocess.run([BIN / "isobar", *words], capture_output=True, text=True, env=env, check=False)
            self.assertIn(says, done.stderr)
            self.assertNotEqual(done.returncode, 0)
        done = subprocess.run([BIN / "isobar", "--store", self.site.store, "log", "2"], env=env, capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, "--store says here")
        for server, says in (("unix:/nowhere/at/all", "cannot reach"), ("http://192.0.2.1", "write https://"), ("ftp://x", "is no server"),
                             (f"http://{HOST}:{free_port(HOST)}", "does isobar-control run there")):
            done = subprocess.run([BIN / "isobar", "--server", server, "show"], capture_output=True, text=True, timeout=60, check=False)
            self.assertIn(says, done.stderr)
            self.assertEqual(done.returncode, 2 if says in ("write https://", "is no server") else 5)

    def test_what_is_about_a_machine_itself_goes_elsewhere_only_when_told_to(self):
        nobody = f"{HOST}:{free_port(HOST)}"
        for words in (["token", "list"], ["top", "--from", nobody]):
            for where, env in (([], {"ISOBAR_SERVER": f"unix:{self.socket}"}), (["--server", f"unix:{self.socket}"], {})):
                done = subprocess.run([BIN / "isobar", *where, *words], capture_output=True, text=True, timeout=60,
                                      env={**os.environ, **env}, check=False)
                self.assertEqual("is for the machine itself" in done.stderr, bool(where), done.stderr)

    def test_files_may_hold_any_octets(self):
        (self.site.directory / "large").write_text("x" * (9 << 20))
        done = subprocess.run([BIN / "isobar", "--server", f"unix:{self.socket}", "simulate", self.site.directory / "large"],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertIn("takes no request of this size", done.stderr)
        data = base64.b64encode(bytes(range(256))).decode()
        said = self.done("POST", "/v1/run", {"arguments": ["simulate", "x"], "files": [{"name": "x", "data": data}]})
        self.assertNotEqual(said["status"], 0)
        self.assertIn("x", said["stderr"])


class Starting(Story):
    def test_what_is_not_safe_does_not_start(self):
        store = self.site.store
        self.site.cli("init")
        for words, says in (
            (["--listen", "0.0.0.0:8053"], "needs TLS: add --tls-cert"),
            (["--listen", "0.0.0.0:8053", "--tls-cert", "c", "--tls-key", "k"], "needs tokens: add --tokens FILE"),
            (["--tls-cert", "c"], "belong together"), (["--listen", "x"], "is not ADDR:PORT"), (["--lisen", "x"], "did you mean"),
            (["--socket-role", "boss"], "none of read, operate and admin"), (["--metrics-from", "x"], "is no URL"),
            (["--listen", f"{HOST}:{free_port(HOST)}", "--socket", "", "--tokens", "/nowhere"], "cannot open '/nowhere'"),
            (["--listen", f"{HOST}:{free_port(HOST)}", "--socket", "", "--store", "/nowhere"], "isobar --store /nowhere init"),
        ):
            with self.subTest(says):
                done = subprocess.run([BIN / "isobar-control", "--store", store, *words], capture_output=True, text=True, timeout=30,
                                      check=False)
                self.assertIn(says, done.stderr)
                self.assertNotEqual(done.returncode, 0)

    def test_options_from_a_file(self):
        self.site.cli("init")
        config, port = self.site.directory / "control.yaml", free_port(HOST)
        config.write_text(f"store: {self.site.store}\nlisten: '{HOST}:{port}'\nsocket: ''\n")
        control = self.site.run("isobar-control", "--config", config)
        control.until(lambda: "started" in control.said(), 20, "isobar-control is ready")
        self.assertIn(f"address={HOST}:{port} tls=no", control.said())
        self.assertNotIn("socket=", control.said())
