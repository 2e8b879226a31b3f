"""A sink for `export_app`, on a core of its own: takes OTLP/HTTP bodies, counts their spans at the end."""

from __future__ import annotations

import gzip
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from pyspan._core import Batch


class Sink(BaseHTTPRequestHandler):
    """Keeps what is posted; a GET answers how many spans that was, and forgets it."""

    protocol_version = "HTTP/1.1"
    bodies: ClassVar[list[bytes]] = []

    def do_POST(self) -> None:
        """Keep a body as it came."""
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(b"")

    def do_GET(self) -> None:
        """Count."""
        spans = sum(len(Batch.parse(_plain(body))) for body in self.bodies)
        self.bodies.clear()
        self._answer(str(spans).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Say nothing."""

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _plain(body: bytes) -> bytes:
    return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Sink).serve_forever()
