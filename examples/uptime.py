"""A graph that needs no Python: pages are asked how they are, with bundled activities.

Run it with ``python examples/uptime.py``, which plays the pages as well; or ask real
ones, from a shell::

    PAGES='["https://example.com"]'
    actorflow run examples/uptime.yaml --activities actorflow.activities -i pages=$PAGES
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import actorflow as af
from actorflow import activities

FILE = Path(__file__).with_suffix(".yaml")


class Page(BaseHTTPRequestHandler):
    """A page that is well, unless its name says otherwise."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(503 if "ill" in self.path else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def pages() -> Iterator[str]:
    """Serve pages on this machine; give their address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def main() -> None:
    """Ask twice: first all pages are well, then one is not."""
    uptime = af.Workflow.load(FILE)
    with (
        pages() as address,
        af.Runtime(":memory:", [uptime], activities=activities.BASIC) as runtime,
    ):
        for names in (["a", "b"], ["a", "ill"]):
            wanted = [f"{address}/{name}" for name in names]
            runtime.start(uptime, pages=wanted).result(timeout=20)


if __name__ == "__main__":
    main()
