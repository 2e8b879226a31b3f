"""A load of OTLP requests from several threads that remembers which spans were acknowledged."""

from __future__ import annotations

import http.client
import threading
import time
from typing import TYPE_CHECKING

from tests.support.otlp_messages import make_request

if TYPE_CHECKING:
    from types import TracebackType

    from tests.support.agent_process import AgentProcess
    from tests.support.otlp_messages import SpanKey

__all__ = ["Load"]


class Load:
    """Post requests until the `with` block ends; errors of a dead agent are waited out.

    `acknowledged` holds the spans of requests that were answered 200, `refused` counts the other answers by status.
    """

    def __init__(self, agent: AgentProcess, *, threads: int = 4, spans: int = 100) -> None:
        self.acknowledged: set[SpanKey] = set()
        self.unknown: set[SpanKey] = set()
        self.refused: dict[int, int] = {}
        self._agent = agent
        self._spans = spans
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(10)

    def wait_for(self, spans: int, timeout: float = 20.0) -> None:
        """Block until that many spans were acknowledged."""
        deadline = time.monotonic() + timeout
        while len(self.acknowledged) < spans:
            assert time.monotonic() < deadline, f"{len(self.acknowledged)} spans, refused {self.refused}"
            time.sleep(0.01)

    def _run(self) -> None:
        while not self._stop.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self._agent.http_port, timeout=10)
            try:
                while not self._stop.is_set():
                    self._post(connection)
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
            finally:
                connection.close()

    def _post(self, connection: http.client.HTTPConnection) -> None:
        body, keys = make_request(self._spans)
        with self._lock:
            self.unknown.update(keys)
        connection.request("POST", "/v1/traces", body, {"content-type": "application/x-protobuf"})
        reply = connection.getresponse()
        reply.read()
        with self._lock:
            if reply.status == 200:
                self.acknowledged.update(keys)
            else:
                self.refused[reply.status] = self.refused.get(reply.status, 0) + 1
            self.unknown.difference_update(keys)
        if reply.status != 200:
            time.sleep(0.05)
