"""A client span a request of httpx: `instrument()` for every client of the process; `uninstrument()` undoes it."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx

from pyspan.instrument._client import ClientHook, Replaced
from pyspan.instrument._exchange import Call, ClientSpans, Exchange, mark

__all__ = ["instrument", "uninstrument"]

# The steps as httpcore calls them; it looks names up and connects in one.
STEPS = {
    "connection.connect_tcp.started": "connect.start",
    "connection.connect_tcp.complete": "connect.end",
    "connection.start_tls.started": "tls.start",
    "connection.start_tls.complete": "tls.end",
}


def _replaced(spans: ClientSpans) -> Iterator[Replaced]:
    yield httpx.Client, "send", _call
    yield httpx.AsyncClient, "send", _call_async
    yield httpx.HTTPTransport, "handle_request", functools.partial(_send, spans)
    yield httpx.AsyncHTTPTransport, "handle_async_request", functools.partial(_send_async, spans)


def _call(send: Callable[..., httpx.Response]) -> Callable[..., httpx.Response]:
    @functools.wraps(send)
    def call(client: httpx.Client, *args: Any, **options: Any) -> httpx.Response:
        with Call(client):
            return send(client, *args, **options)

    return call


def _call_async(send: Callable[..., Awaitable[httpx.Response]]) -> Callable[..., Awaitable[httpx.Response]]:
    @functools.wraps(send)
    async def call(client: httpx.AsyncClient, *args: Any, **options: Any) -> httpx.Response:
        with Call(client):
            return await send(client, *args, **options)

    return call


def _send(
    spans: ClientSpans, send: Callable[[Any, httpx.Request], httpx.Response]
) -> Callable[[Any, httpx.Request], httpx.Response]:
    events = _marking if spans.connection_events else None

    @functools.wraps(send)
    def handle_request(transport: Any, request: httpx.Request) -> httpx.Response:
        with spans.exchange(request.method, str(request.url), request.headers) as exchange:
            response = send(transport, _to_send(request, exchange, events))
            _note(exchange, response)
        return response

    return handle_request


def _send_async(
    spans: ClientSpans, send: Callable[[Any, httpx.Request], Awaitable[httpx.Response]]
) -> Callable[[Any, httpx.Request], Awaitable[httpx.Response]]:
    events = _marking_async if spans.connection_events else None

    @functools.wraps(send)
    async def handle_async_request(transport: Any, request: httpx.Request) -> httpx.Response:
        with spans.exchange(request.method, str(request.url), request.headers) as exchange:
            response = await send(transport, _to_send(request, exchange, events))
            _note(exchange, response)
        return response

    return handle_async_request


def _to_send(
    request: httpx.Request, exchange: Exchange, events: Callable[[Any], Callable[..., Any]] | None
) -> httpx.Request:
    """Return a request of its own to send: the user's may go to another host next, or be under way twice."""
    if not exchange.headers and events is None:
        return request
    headers, extensions = httpx.Headers(request.headers), {**request.extensions}
    headers.update(exchange.headers)
    if events is not None:
        extensions["trace"] = events(request.extensions.get("trace"))
    return httpx.Request(request.method, request.url, headers=headers, stream=request.stream, extensions=extensions)


def _marking(users: Callable[[str, Any], object] | None) -> Callable[[str, Any], None]:
    """Mark the steps of a connection, and hand each on to a trace of the user's own."""

    def trace(step: str, info: Any) -> None:
        if name := STEPS.get(step):
            mark(name)
        if users is not None:
            users(step, info)

    return trace


def _marking_async(users: Callable[[str, Any], Awaitable[object]] | None) -> Callable[[str, Any], Awaitable[None]]:
    async def trace(step: str, info: Any) -> None:
        if name := STEPS.get(step):
            mark(name)
        if users is not None:
            await users(step, info)

    return trace


def _note(exchange: Exchange, response: httpx.Response) -> None:
    version = response.extensions.get("http_version")
    if isinstance(version, bytes):
        version = version.decode("ascii", "replace")
    text = version.removeprefix("HTTP/") if isinstance(version, str) else ""  # a transport may be anybody's
    exchange.answered(response.status_code, text, response.headers)


_hook = ClientHook("httpx", _replaced)
instrument = _hook.instrument
uninstrument = _hook.uninstrument
