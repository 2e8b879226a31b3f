"""A backend that serves sampling strategies as Jaeger does, over HTTP, and says who has asked."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from typing_extensions import Self

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["SamplingServer"]


class SamplingServer:
    """Answers with `strategy`, bytes as they are and all else as JSON, under `status`; `asked` holds the paths.

    `protocol` opens the status line, and `reason` closes it in place of the phrase that belongs to the status; where
    `location` is set, it is a header. While `may_answer` is clear, who asks waits.

    With more than one strategy each is served once, in turn, and the last for good.
    """

    def __init__(self, *strategies: Any) -> None:
        self.strategy, *self._others = strategies
        self.status = 200
        self.protocol = "HTTP/1.0"
        self.reason: str | None = None
        self.location: str | None = None
        self.asked: list[str] = []
        self.may_answer = threading.Event()
        self.may_answer.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.may_answer.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def body(self) -> bytes:
        self.may_answer.wait()
        strategy = self.strategy
        if self._others:
            self.strategy = self._others.pop(0)
        return strategy if isinstance(strategy, bytes) else json.dumps(strategy).encode()


def _handler(server: SamplingServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = server.body()
            self.protocol_version = server.protocol
            self.send_response(server.status, server.reason)
            self.send_header("Content-Length", str(len(body)))
            if server.location is not None:
                self.send_header("Location", server.location)
            self.end_headers()
            self.wfile.write(body)
            server.asked.append(self.path)

        def log_message(self, *_: Any) -> None:
            """Say nothing: tests read `asked`."""

    return Handler
