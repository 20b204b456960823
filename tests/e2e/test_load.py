# SPDX-License-Identifier: Apache-2.0
"""Load that HAProxy, nginx, a Prometheus exporter or a JSON page tells: it becomes the endpoint's, and moves answers."""
import http.server
import re
import socket
import socketserver
import threading

from harness import ROOT, Process, free_port, until
from test_checks import Checking

ONE, TWO = "127.0.3.21", "127.0.3.22"
HAPROXY = """defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend web
    bind 127.0.0.1:{web}
    maxconn 10
    default_backend back
backend back
    server s1 127.0.0.1:9 maxconn 4
frontend statistics
    bind 127.0.0.1:{stats}
    http-request use-service prometheus-exporter if {{ path /metrics }}
    stats enable
    stats uri /stats
"""
NGINX = """daemon off; pid {dir}/pid; lock_file {dir}/lock; error_log stderr;
events {{ worker_connections 256; }}
http {{
access_log off;
client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
server {{ listen 127.0.0.1:{port}; location = /status {{ stub_status; }} }}
}}
"""


class Pages(http.server.ThreadingHTTPServer):
    """Texts by path, which may change while it serves."""

    def __init__(self, address, port, **pages):
        self.pages = pages
        super().__init__((address, port), Page)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def server_bind(self):
        """Without looking up the address's name."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = self.server.pages.get(self.path.strip("/"))
        self.send_response(200 if text is not None else 404)
        self.end_headers()
        self.wfile.write((text or "").encode())

    def log_message(self, *args):
        pass


class Load(Checking):
    def loads(self):
        """Endpoint → the load that its last check told."""
        return dict(re.findall(r"endpoint=p-(\S+)/\S+ outcome=ok .* load=(\d+)", self.probe.said()))

    def detail_of(self, name):
        return re.findall(rf'endpoint=p-{name}/\S+ .*detail="(.*)"', self.probe.said())[-1]

    def hold(self, port, count):
        for _ in range(count):
            held = socket.create_connection(("127.0.0.1", port))
            self.addCleanup(held.close)

    def test_every_format_is_read_from_who_speaks_it(self):
        ports = {name: free_port("127.0.0.1") for name in ("web", "stats", "nginx", "pages")}
        directory = self.site.directory
        (directory / "nginx").mkdir()
        (directory / "haproxy.cfg").write_text(HAPROXY.format(**ports))
        (directory / "nginx/nginx.conf").write_text(NGINX.format(dir=directory / "nginx", port=ports["nginx"]))
        nginx = Process(directory / "nginx.log", "nginx", "-e", "stderr", "-p", directory / "nginx", "-c",
                        directory / "nginx/nginx.conf")
        haproxy = Process(directory / "haproxy.log", "haproxy", "-db", "-f", directory / "haproxy.cfg")
        self.site.processes += [nginx, haproxy]
        pages = Pages("127.0.0.1", ports["pages"], json='{"load": {"now": 37.5}}', metrics="node_load1 nan\n")
        self.addCleanup(pages.server_close)
        self.addCleanup(pages.shutdown)
        for port in (ports["web"], ports["stats"], ports["nginx"]):
            until(lambda p=port: socket.socket().connect_ex(("127.0.0.1", p)) == 0, 10, "haproxy and nginx listen")
        self.hold(ports["web"], 5)
        self.hold(ports["nginx"], 3)
        stats = f"type: http, port: {ports['stats']}, path: '/stats;csv'"
        page = lambda path: f"type: http, port: {ports['pages']}, path: /{path}"
        self.outcomes({
            "front": f"{stats}, load: {{format: haproxy, proxy: web, server: FRONTEND}}",
            "back": f"{stats}, load: {{format: haproxy, proxy: back, capacity: 50}}",
            "html": f"type: http, port: {ports['stats']}, path: /stats, load: {{format: haproxy, proxy: web}}",
            "no-row": f"{stats}, load: {{format: haproxy, proxy: shop}}",
            "exporter": f"type: http, port: {ports['stats']}, path: /metrics, load: {{format: prometheus, "
                        "metric: haproxy_frontend_current_sessions, labels: ['proxy: web'], capacity: 20}",
            "nginx": f"type: http, port: {ports['nginx']}, path: /status, load: {{format: nginx, capacity: 8}}",
            "json": f"{page('json')}, load: {{format: json, path: load.now, capacity: 100}}",
            "nan": f"{page('metrics')}, load: {{format: prometheus, metric: node_load1, capacity: 8}}",
        })
        self.assertEqual({name: self.loads().get(name) for name in ("front", "back", "exporter", "json")},
                         {"front": "500", "back": "0", "exporter": "250", "json": "375"})
        self.assertGreaterEqual(int(self.loads()["nginx"]), 500)  # those that are held, and the checks' own
        self.assertIn("does not begin with '# pxname,svname,'", self.detail_of("html"))
        self.assertEqual(self.detail_of("no-row"), "no load: no row shop/BACKEND")
        self.assertEqual(self.detail_of("nan"), "no load: node_load1 is no finite number from 0 on")
        self.assertEqual(self.probe.said().count("load-missing endpoint=p-nan/"), 1, "told once, not at every check")

    def test_the_manuals_example_is_a_catalog(self):
        manual = (ROOT / "docs/operations.md").read_text()
        self.site.apply(re.search(r"\n### Load\n.*?```yaml\n(.*?)```", manual, re.S)[1])
        self.assertIn("format: prometheus", self.site.cli("show", "check", "disk"))

    def test_pages_without_end_cost_bounded_time_and_memory(self):
        ports = self.serve("endless", "dripbody")
        load = "load: {format: prometheus, metric: m, capacity: 1}"
        ends = self.ends({name: f"type: http, port: {port}, {load}" for name, port in ports.items()})
        self.assertEqual(ends, {"endless": "ok", "dripbody": "timeout"})
        self.assertEqual(self.detail_of("endless"), "no load: no series of m in what was read")
        with open(f"/proc/{self.probe.child.pid}/status") as status:
            self.assertLess(int(re.search(r"VmHWM:\s+(\d+) kB", status.read())[1]), 256 * 1024, "peak memory in kB")

    def test_a_feed_moves_the_answers_of_least_load_and_never_the_verdict(self):
        port = free_port(ONE, TWO)
        servers = [Pages(address, port, metrics=f"node_load1 {load}\n") for address, load in ((ONE, 7), (TWO, 1))]
        for server in servers:
            self.addCleanup(server.server_close)
            self.addCleanup(server.shutdown)
        self.site.apply(f"""
checks:
  alive: {{type: tcp, port: {port}, interval: 200ms}}
  busy:  {{type: http, port: {port}, path: /metrics, interval: 100ms, timeout: 500ms,
           load: {{format: prometheus, metric: node_load1, capacity: 8}}}}
pools:
  web: {{check: alive, feed: busy, order: least-load, endpoints: {{one: {{address: {ONE}}}, two: {{address: {TWO}}}}}}}
zones:
  example.com: {{file: example.com.zone, records: {{www: {{types: A, ttl: 1s, ttl_min: 0s, policy: web}}}}}}
""")
        self.site.start_server()
        self.probe = self.site.run("isobar-probe", "--name", "probe-1")
        shares = lambda: {self.site.answer()[0] for _ in range(30)}
        until(lambda: shares() == {TWO}, 10, "the idle one answers")
        servers[1].pages["metrics"] = "node_load1 16\n"  # twice its capacity
        until(lambda: shares() == {ONE}, 10, "the load has moved, and the answers with it")
        del servers[0].pages["metrics"], servers[1].pages["metrics"]  # 404: the feed has failed
        until(lambda: shares() == {ONE, TWO}, 10, "loads are forgotten")
        self.assertEqual(set(self.site.verdicts().values()), {"up"})
        self.assertEqual(self.probe.said().count("load-missing endpoint=web/one outcome=status-404"), 1)
        self.assertNotIn("verdict-changed endpoint=web/one from=up", self.probe.said())
