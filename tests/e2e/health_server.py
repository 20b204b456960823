#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A health service on Debian's gRPC: health_server.py PORT [CERT KEY]. Port 0 takes a free one; prints it and then "ready".

Its services: "" and "good" SERVING, "bad" NOT_SERVING, "odd" a state that no one knows, "forbidden" PERMISSION_DENIED, whatever
else NOT_FOUND. The two messages are a text and an enum; they are written here by hand as well."""
import os
import signal
import sys
import time
from concurrent import futures

import grpc

STATES = {b"": b"\x08\x01", b"good": b"\x12\x02hi\x08\x01", b"bad": b"\x08\x02", b"odd": b"\x08\x2a"}


def check(request, context):
    service = request[2:] if request else b""
    assert not request or (request[0] == 10 and request[1] == len(service)), request
    if service == b"forbidden":
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "not for you")
    if service not in STATES:
        context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
    return STATES[service]


server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
    "grpc.health.v1.Health", {"Check": grpc.unary_unary_rpc_method_handler(check)}),))
if len(sys.argv) > 2:
    with open(sys.argv[2], "rb") as cert, open(sys.argv[3], "rb") as key:
        secure = grpc.ssl_server_credentials([(key.read(), cert.read())])
    port = server.add_secure_port(f"127.0.0.1:{sys.argv[1]}", secure)
else:
    port = server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
server.start()
print(port, "ready", flush=True)
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
while True:
    time.sleep(1)
