# SPDX-License-Identifier: Apache-2.0
"""HTTP and gRPC checks against nginx, Debian's gRPC and servers that misbehave: what each key of a check means."""
import pathlib
import re
import sys

from harness import NAME, Process, free_port
from test_checks import HERE, TIMEOUT_MS, Checking

NGINX = """daemon off; pid {dir}/pid; lock_file {dir}/lock; error_log stderr;
events {{ worker_connections 256; }}
http {{
access_log off;
client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
default_type text/plain;
map $ssl_client_verify $shown {{ default "no"; SUCCESS "yes"; }}
server {{
    listen 127.0.0.1:{plain};
    listen 127.0.0.1:{plain2} http2;
    listen 127.0.0.1:{secure} ssl;
    listen 127.0.0.1:{secure2} ssl http2;
    ssl_certificate {tls}/cert.pem; ssl_certificate_key {tls}/key.pem;
    ssl_client_certificate {tls}/ca.pem; ssl_verify_client optional;
    keepalive_requests 1000000;
    location = /health {{ add_header X-State "all is well"; return 200 "healthy\\n"; }}
    location = /echo {{ return 200 "$request_method $server_protocol token=$http_x_token type=$content_type length=$content_length cert=$shown connection=$connection_requests\\n"; }}
    location = /json {{ default_type application/json; return 200 '{{"status": {{"db": "ok", "queue": 3}}, "load": [{{"health": 73.4}}], "ready": true}}'; }}
    location = /one {{ return 302 /two; }}
    location = /two {{ return 307 http://$host:{plain}/health; }}
    location = /secure {{ return 301 https://$host:{secure}/health; }}
    location = /post {{ return 303 /echo; }}
    location = /again {{ return 307 /echo; }}
}}
}}
"""


class Http(Checking):
    def nginx(self):
        """Ports of an nginx, by what it speaks there: plain, plain2 (HTTP/2), secure, secure2."""
        directory = self.site.directory / "nginx"
        directory.mkdir()
        ports = {name: free_port("127.0.0.1") for name in ("plain", "plain2", "secure", "secure2")}
        (directory / "nginx.conf").write_text(NGINX.format(dir=directory, tls=self.site.directory / "tls", **ports))
        process = Process(directory / "log", "nginx", "-e", "stderr", "-p", directory, "-c", directory / "nginx.conf")
        self.site.processes.append(process)
        process.until(lambda: (directory / "pid").exists(), 10, "nginx runs")
        return ports

    def assert_outcomes(self, checks):
        """checks: name → (check, outcome); each is that outcome and no other."""
        found = self.outcomes({name: check for name, (check, _) in checks.items()})
        self.assertEqual({name: sorted({outcome for outcome, _ in found[name]}) for name in checks},
                         {name: [outcome] for name, (_, outcome) in checks.items()})
        return found

    def details(self, name):
        return set(re.findall(rf'checked endpoint=p-{name}/\S+ .*detail="([^"]*)"', self.probe.said()))

    def test_requests_say_what_the_check_says(self):
        self.ports = self.serve("healthy")
        p = self.nginx()
        url = lambda name, path="/echo": f"type: {'https' if name.startswith('s') else 'http'}, port: {p[name]}, path: {path}"
        tls = f"host: {NAME}, ca_file: {self.tls.ca}"
        cert = f"client_cert: {self.tls.pem}, client_key: {self.tls.key}"
        self.assert_outcomes({
            "get": (f"{url('plain')}, expect: {{regex: '^GET HTTP/1.1 token= type= length= cert=no '}}", "ok"),
            "head": (f"{url('plain')}, method: HEAD, expect: {{status: 200}}", "ok"),
            "options": (f"{url('plain')}, method: OPTIONS, expect: {{body: OPTIONS HTTP/1.1}}", "ok"),
            "post": (f"{url('plain')}, method: POST, send: abc, headers: ['X-Token: t', 'Content-Type: a/b'], "
                     "expect: {body: POST HTTP/1.1 token=t type=a/b length=3}", "ok"),
            "post-nothing": (f"{url('plain')}, method: POST, expect: {{body: POST HTTP/1.1 token= type= length=0}}", "ok"),
            "one": (f"{url('secure2')}, {tls}, http: 1.1, expect: {{body: GET HTTP/1.1}}", "ok"),
            "agreed": (f"{url('secure2')}, {tls}, expect: {{body: GET HTTP/2.0}}", "ok"),
            "two": (f"{url('secure2')}, {tls}, http: 2, expect: {{body: GET HTTP/2.0}}", "ok"),
            "no-two": (f"{url('secure')}, {tls}, http: 2", "bad-reply"),
            "known": (f"{url('plain2')}, http: 2, expect: {{body: GET HTTP/2.0}}", "ok"),
            "not-known": (f"{url('plain')}, http: 2", "closed-early"),
            "cert": (f"{url('secure')}, {tls}, {cert}, expect: {{body: cert=yes}}", "ok"),
            "no-cert": (f"{url('secure')}, {tls}, expect: {{body: cert=yes}}", "body-mismatch"),
            "lost-cert": (f"{url('secure')}, {tls}, client_cert: /nonexistent.pem", "internal"),
            "fresh": (f"{url('plain')}, expect: {{regex: 'connection=1$'}}", "ok"),
        })
        self.assertEqual(self.details("no-two"), {"it does not speak HTTP/2"})

    def test_a_kept_connection_is_used_again_and_made_anew_when_it_is_gone(self):
        self.ports = self.serve("healthy")
        p = self.nginx()
        tls = f"type: https, host: {NAME}, path: /echo, keep_alive: true"
        second = "expect: {regex: 'connection=([2-9]|[1-9][0-9]+)$'}"
        found = self.outcomes({
            "kept": f"{tls}, port: {p['secure']}, ca_file: {self.tls.ca}, {second}",
            "kept2": f"{tls}, port: {p['secure2']}, http: 2, ca_file: {self.tls.ca}, {second}",
            "distrusts": f"{tls}, port: {p['secure']}, {second}",
            "closed": f"type: http, port: {self.ports['healthy']}, keep_alive: true, expect: {{body: healthy}}",
        })
        for name in ("kept", "kept2"):
            self.assertEqual([outcome for outcome, _ in found[name]][:3], ["body-mismatch", "ok", "ok"], name)
        self.assertEqual({outcome for outcome, _ in found["distrusts"]}, {"tls-verify"}, "another check's connection")
        self.assertEqual({outcome for outcome, _ in found["closed"]}, {"ok"}, "closed by its peer every time")

    def test_replies_are_looked_at_as_the_check_says(self):
        self.ports = self.serve("healthy", "tardy", "nesting", "nested", "bomb")
        p = self.nginx()
        health, json = (f"type: http, port: {p['plain']}, path: /{path}" for path in ("health", "json"))
        mode = lambda name: f"type: http, port: {self.ports[name]}"
        self.assert_outcomes({
            "regex": (f"{health}, expect: {{regex: '(?i)^HEALTHY$'}}", "ok"),
            "no-regex": (f"{health}, expect: {{regex: '^(un|ill)'}}", "body-mismatch"),
            "header": (f"{health}, expect: {{header: [content-type, 'x-state: all is well']}}", "ok"),
            "no-header": (f"{health}, expect: {{header: 'X-State: all'}}", "header-mismatch"),
            "json": (f"{json}, expect: {{json: ['status.db: ok', ready, 'load.0.health: 73.40']}}, soft: {{json: load.0.health}}", "ok"),
            "no-json": (f"{json}, expect: {{json: 'status.queue: 4'}}", "json-mismatch"),
            "gone-json": (f"{json}, expect: {{json: status.cache}}", "json-mismatch"),
            "soft-gone": (f"{json}, soft: {{json: health}}", "ok"),
            "text": (f"{health}, expect: {{json: status}}", "json-mismatch"),
            "slow": (f"{mode('tardy')}, expect: {{latency: 100ms}}", "too-slow"),
            "in-time": (f"{health}, expect: {{latency: 450ms}}", "ok"),
            "nesting": (f"{mode('nesting')}, expect: {{json: a}}", "json-mismatch"),
            "nested": (f"{mode('nested')}, expect: {{json: a}}", "json-mismatch"),
            "bomb": (f"{mode('bomb')}, expect: {{regex: '^(a|a|aa)*(a*)*$'}}", "body-mismatch"),
        })
        self.assertEqual(self.details("no-json"), {"'status.queue' is another value"})
        self.assertEqual(self.details("nesting"), {"the body is longer than 64 KiB"})
        self.assertEqual(self.details("nested"), {"the body is no JSON, or nested too deep"})
        self.assertIn(" soft=73", self.probe.said())
        self.assertEqual(self.details("soft-gone"), {"no number from 0 to 100 at 'health'; the weight stays whole"})

    def test_redirects_are_followed_on_the_same_host_only(self):
        self.ports = self.serve("redirect", "redirectloop", "redirectaway", "redirectplain-tls")
        p = self.nginx()
        path = lambda name: f"type: http, port: {p['plain']}, host: {NAME}, path: /{name}"
        mode = lambda name: f"type: {'https' if name.endswith('tls') else 'http'}, host: {NAME}, port: {self.ports[name]}"
        self.assert_outcomes({
            "none": (f"{path('one')}, expect: {{status: 302}}", "ok"),
            "two": (f"{path('one')}, redirects: 2, expect: {{status: 200, body: healthy}}", "ok"),
            "too-few": (f"{path('one')}, redirects: 1", "too-many-redirects"),
            "to-tls": (f"{path('secure')}, redirects: 1", "tls-verify"),
            "becomes-get": (f"{path('post')}, method: POST, send: x, redirects: 1, expect: {{body: GET HTTP/1.1 token= type= length= }}", "ok"),
            "stays-post": (f"{path('again')}, method: POST, send: x, redirects: 1, expect: {{body: POST HTTP/1.1 token= type= length=1}}", "ok"),
            "loop": (f"{mode('redirectloop')}, redirects: 10", "too-many-redirects"),
            "away": (f"{mode('redirectaway')}, redirects: 3", "status-301"),
            "file": (f"{mode('redirect')}, redirects: 3", "status-302"),
            "plain": (f"{mode('redirectplain-tls')}, ca_file: {self.tls.ca}, redirects: 3", "status-307"),
        })
        self.assertEqual(self.details("away"), {"it redirects to another host"})
        self.assertEqual(self.details("plain"), {"it redirects from https to http"})
        self.assertEqual(self.details("file"), {"it redirects to another protocol than http and https"})

    def test_grpc_services_say_whether_they_serve(self):
        self.ports = self.serve("healthy")
        ports = {}
        for name, tls in (("plain", ()), ("tls", (self.tls.pem, self.tls.key))):
            server = Process(self.site.directory / f"grpc-{name}.log", sys.executable, HERE / "health_server.py", 0, *tls)
            self.site.processes.append(server)
            server.until(lambda s=server: " ready" in s.said(), 20, "the health service runs")
            ports[name] = server.said().split()[0]
        plain, secure = f"type: grpc, port: {ports['plain']}", f"type: grpc, tls: true, host: {NAME}, port: {ports['tls']}"
        self.assert_outcomes({
            "server": (plain, "ok"),
            "good": (f"{plain}, service: good", "ok"),
            "bad": (f"{plain}, service: bad", "not-serving"),
            "odd": (f"{plain}, service: odd", "not-serving"),
            "unknown": (f"{plain}, service: other", "not-serving"),
            "forbidden": (f"{plain}, service: forbidden", "not-serving"),
            "secure": (f"{secure}, ca_file: {self.tls.ca}, service: good", "ok"),
            "kept": (f"{secure}, ca_file: {self.tls.ca}, keep_alive: true", "ok"),
            "distrusts": (secure, "tls-verify"),
            "http": (f"type: grpc, port: {self.ports['healthy']}", "closed-early"),
        })
        self.assertEqual(self.details("bad"), {"it says NOT_SERVING"})
        self.assertEqual(self.details("unknown"), {"grpc-status 5, NOT_FOUND"})
        self.assertEqual(self.details("forbidden"), {"grpc-status 7, PERMISSION_DENIED"})

    def test_http2_that_misbehaves_is_a_named_outcome_in_time_and_bounded_memory(self):
        modes = {"h2silent": "timeout", "h2goaway": "bad-reply", "h2reset": "bad-reply", "h2settings": "bad-reply",
                 "h2ping": "bad-reply", "h2pong": "bad-reply", "h2empty": "bad-reply", "h2headers": "bad-reply",
                 "h2trailers": "bad-reply", "h2untrailed": "timeout", "h2nostatus": "bad-reply", "h2lie": "bad-reply"}
        self.ports = self.serve(*modes)
        checks = {mode: (f"type: grpc, port: {self.ports[mode]}", outcome) for mode, outcome in modes.items()}
        found = self.assert_outcomes(checks)
        for mode, ended in found.items():
            for _, total_us in ended:
                self.assertLess(total_us, (TIMEOUT_MS + 400) * 1000, f"{mode} outlived its deadline")
        status = pathlib.Path(f"/proc/{self.probe.child.pid}/status").read_text()
        self.assertLess(int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]), 256 * 1024, "peak memory in kB")

    def test_a_lack_of_descriptors_is_no_evidence(self):
        self.ports = self.serve("silent")
        found = self.outcomes({f"s{i}": f"type: http, port: {self.ports['silent']}" for i in range(80)},
                              under=("prlimit", "--nofile=64:64"))
        ends = {outcome for each in found.values() for outcome, _ in each}
        self.assertIn("internal", ends)
        self.assertEqual(ends - {"internal", "timeout"}, set())

    def test_what_the_check_expects_must_make_sense(self):
        refused = self.site.apply("""
checks:
  a: {type: tcp, redirects: 1}
  b: {type: http, headers: ["A: b\\r\\nX: y"], expect: {regex: "a("}}
""", ok=False)
        self.assertIn("a check of type tcp does not read 'redirects', which is for http, https; leave it out", refused)
        self.assertIn("headers takes a list of headers such as 'Name: value' (3..1024 octets), not 'A: b??X: y'", refused)
        self.assertIn("expect.regex: '(' without its ')' at 2", refused)
