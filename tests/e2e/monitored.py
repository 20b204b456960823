# SPDX-License-Identifier: Apache-2.0
"""What a program tells at /metrics, /healthz and /readyz, as a test reads it."""
import re
import urllib.error
import urllib.request

LINE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


class Monitored:
    def __init__(self, port):
        self.port = port

    def get(self, path, method="GET"):
        """(status, body); status 0: nobody listens."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()
        except urllib.error.URLError as nobody:
            return 0, str(nobody.reason)

    def page(self):
        status, text = self.get("/metrics")
        if status != 200:
            raise AssertionError(f"/metrics says {status}: {text}")
        return text

    def names(self):
        """Of the families."""
        return set(re.findall(r"^# TYPE (\S+)", self.page(), re.M))

    def all(self):
        """{(name, ((label, value), …)): value}, labels in their order."""
        found = {}
        for line in self.page().splitlines():
            if line.startswith("#"):
                continue
            name, labels, value = LINE.match(line).groups()
            key = name, tuple(LABEL.findall(labels or ""))
            if key in found:
                raise AssertionError(f"{key} is told twice")
            found[key] = float(value)
        return found

    def value(self, name, **labels):
        """The sum of the samples of that name with these labels."""
        return sum(value for (said, pairs), value in self.all().items() if said == name and labels.items() <= dict(pairs).items())

    def labels(self, name, label):
        """The values of a label of that name, of samples that are not 0."""
        return {dict(pairs)[label] for (said, pairs), value in self.all().items() if said == name and value}
