"""A tracer whose spans are read back, and requests to applications that need no server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import httpx

from pyspan.sdk.trace import ReadableSpan, TracerProvider
from pyspan.sdk.trace.export import SimpleSpanProcessor
from pyspan.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

__all__ = ["PARENT", "PARENT_ID", "TRACE_ID", "Answer", "Traced", "environ", "get", "http_scope", "serve"]

TRACE_ID, PARENT_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
REQUEST = {"type": "http.request", "body": b"", "more_body": False}
PARENT = f"00-{TRACE_ID}-{PARENT_ID}-01"


class Traced:
    """A provider and the spans that have ended in it."""

    def __init__(self, **options: Any) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(**options)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.provider.get_tracer("test")

    @property
    def spans(self) -> list[ReadableSpan]:
        """What has ended, in that order."""
        return list(self.exporter.get_finished_spans())

    @property
    def only(self) -> Any:
        """The one span that has ended."""
        (span,) = self.spans
        return span

    def attributes(self) -> dict[str, Any]:
        """Return those of the one span."""
        return dict(self.only.attributes)

    @property
    def names(self) -> list[str]:
        """The names of the spans."""
        return [span.name for span in self.spans]


def get(app: Any, path: str = "/", *, method: str = "GET", **options: Any) -> httpx.Response:
    """Send one request to an ASGI application; what it raises becomes its answer, as with a server."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop.example:8080") as client:
            return await client.request(method, path, **options)

    return asyncio.run(send())


def http_scope(path: str = "/", headers: Iterable[tuple[bytes, bytes]] = (), **more: Any) -> dict[str, Any]:
    """Return the scope of a GET request as uvicorn has it."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"shop.example"), *headers],
        "client": ("192.0.2.7", 4711),
        "server": ("10.0.0.1", 8000),
    }
    return {**scope, **more}


def serve(
    app: Callable[..., Awaitable[None]],
    scope: dict[str, Any],
    send: Callable[[Any], Awaitable[None]] | None = None,
    *,
    first: dict[str, Any] = REQUEST,
) -> list[Any]:
    """Run an ASGI application once and return what it has sent; `first` is the message that it receives."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {**first}

    async def keep(message: Any) -> None:
        sent.append(message)

    async def run() -> None:
        await app(scope, receive, send or keep)

    asyncio.run(run())
    return sent


def environ(path: str = "/", **more: Any) -> dict[str, Any]:
    """Return the environment of a GET request as servers have it."""
    base: Mapping[str, Any] = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "10.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.7",
        "HTTP_HOST": "shop.example",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
    }
    return {**base, **more}


class Answer:
    """What a WSGI server has got; it takes parts of the body only when it is told to."""

    def __init__(self, app: Any, given: dict[str, Any]) -> None:
        self.status = ""
        self.headers: list[tuple[str, str]] = []
        self.body = app(given, self._start)

    def _start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        self.status, self.headers = status, headers
        return lambda part: None

    def read(self) -> bytes:
        """Take all parts and close the body."""
        data = b"".join(self.body)
        self.close()
        return data

    def close(self) -> None:
        """Close the body if it can be."""
        if hasattr(self.body, "close"):
            self.body.close()
