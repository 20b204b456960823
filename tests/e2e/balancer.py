# SPDX-License-Identifier: Apache-2.0
"""A load balancer for the book: balancer.py NAME ADDRESS PORT [status=N] [cert=FILE key=FILE]. Says its name, and at
/health that it is healthy; every answer has the status."""
import http.server
import ssl
import sys

name, address, port = sys.argv[1:4]
options = dict(word.split("=", 1) for word in sys.argv[4:])


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = b"healthy\n" if self.path == "/health" else f"{name}\n".encode()
        self.send_response(int(options.get("status", 200)))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = http.server.ThreadingHTTPServer((address, int(port)), Handler)
if "cert" in options:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options["cert"], options["key"])
    server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
