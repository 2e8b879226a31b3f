"""A strict OTLP/HTTP backend for tests: records the span ids of each request, answers as a test has programmed."""

from __future__ import annotations

import gzip
import json
import socket
import struct
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import cramjam
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from typing_extensions import Self

from tests.support.otlp_messages import SpanKey, check_spans
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType

__all__ = ["OK", "RESET", "Answer", "OtlpSink", "SinkRequest", "partial_success"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sink does with one request: wait `delay` seconds, then reset the connection or answer."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    reset: bool = False


OK = Answer()
RESET = Answer(reset=True)


def partial_success(rejected: int, message: str = "rejected by the test") -> Answer:
    """Answer 200 and say that so many spans were not taken."""
    response = ExportTraceServiceResponse()
    response.partial_success.rejected_spans = rejected
    response.partial_success.error_message = message
    return Answer(body=response.SerializeToString())


@dataclass(frozen=True, slots=True)
class SinkRequest:
    """One request as it arrived: its span ids, its compression, headers in lower case, and the decoded body."""

    span_ids: tuple[SpanKey, ...]
    encoding: str
    headers: Mapping[str, str]
    body: bytes
    received_at: float


class OtlpSink:
    """Serve POST /v1/traces on a loopback port until the `with` block ends.

    `rule` decides every answer once the queued ones (`answer_next`) are used up. What was answered with 200 counts as
    delivered; what breaks the protocol is answered with 400 and kept in `violations`, which a test expects to be empty.
    With `log`, the delivered ids are appended to a file as well, one JSON list a request.
    """

    def __init__(self, *, port: int | None = None, log: Path | None = None) -> None:
        self.port = free_port() if port is None else port
        self.requests: list[SinkRequest] = []
        self.violations: list[str] = []
        self.rule: Callable[[SinkRequest], Answer] = lambda request: OK
        self._delivered: list[SpanKey] = []
        self._queued: deque[Answer] = deque()
        self._log = log
        self._changed = threading.Condition()
        self._server: _Server | None = None

    @property
    def endpoint(self) -> str:
        """The base URL, as an OTLP exporter is given it."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen; again after `stop` on the same port, with everything recorded so far kept."""
        self._server = _Server(("127.0.0.1", self.port), self)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Close the port and every open connection, as a backend that goes down."""
        if self._server is not None:
            self._server.shutdown()
            self._server.close_connections()
            self._server.server_close()
            self._server = None

    def answer_next(self, *answers: Answer) -> None:
        """Queue answers for the next requests; after them `rule` decides again."""
        self._queued.extend(answers)

    def delivered(self) -> Counter[SpanKey]:
        """Count each span id that was answered with 200, duplicates included."""
        with self._changed:
            return Counter(self._delivered)

    def wait_for(self, condition: Callable[[OtlpSink], bool], timeout: float = 20.0) -> None:
        """Block until the condition holds, looking again after each request; AssertionError after the timeout."""
        with self._changed:
            if not self._changed.wait_for(lambda: condition(self), timeout):
                raise AssertionError(f"after {timeout} s: {len(self.requests)} requests, {len(self._delivered)} spans")

    def wait_for_spans(self, count: int, timeout: float = 20.0) -> None:
        """Block until that many distinct spans were delivered."""
        self.wait_for(lambda sink: len(set(sink._delivered)) >= count, timeout)

    def receive(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Judge one request and record it; called from the connection's thread."""
        try:
            request = _parse(path, headers, body)
        except (ValueError, DecodeError, OSError) as error:
            self.violations.append(str(error))
            return Answer(status=400, body=str(error).encode())
        with self._changed:
            answer = self._queued.popleft() if self._queued else self.rule(request)
            self.requests.append(request)
            self._changed.notify_all()
        time.sleep(answer.delay)
        if answer.status == 200 and not answer.reset:
            self._deliver(request)
        return answer

    def _deliver(self, request: SinkRequest) -> None:
        with self._changed:
            self._delivered.extend(request.span_ids)
            if self._log is not None:
                with self._log.open("a") as log:
                    log.write(json.dumps(request.span_ids) + "\n")
            self._changed.notify_all()


def _parse(path: str, headers: Mapping[str, str], body: bytes) -> SinkRequest:
    if path != "/v1/traces":
        raise ValueError(f"path {path!r} is not /v1/traces")
    if headers.get("content-type") != "application/x-protobuf":
        raise ValueError(f"content type {headers.get('content-type')!r} is not application/x-protobuf")
    encoding = headers.get("content-encoding", "identity")
    data = _decompress(encoding, body)
    return SinkRequest(tuple(check_spans(data)), encoding, headers, data, time.time())


def _decompress(encoding: str, body: bytes) -> bytes:
    if encoding == "identity":
        return body
    if encoding == "gzip":
        return gzip.decompress(body)
    if encoding == "zstd":
        return bytes(cramjam.zstd.decompress(body))
    raise ValueError(f"content encoding {encoding!r} is none of gzip, zstd, identity")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], sink: OtlpSink) -> None:
        self.sink = sink
        self._connections: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        assert isinstance(request, socket.socket)
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        assert isinstance(request, socket.socket)
        self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        for connection in list(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # noqa: PERF203  # it may be closed by now
                continue

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        assert isinstance(self.server, _Server)
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        answer = self.server.sink.receive(self.path, {key.lower(): value for key, value in self.headers.items()}, body)
        if answer.reset:
            self._reset()
            return
        self.send_response(answer.status)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def log_message(
        self,
        format: str,  # noqa: A002  # http.server's name
        *args: object,
    ) -> None:
        """Tests read what they need from the sink."""
