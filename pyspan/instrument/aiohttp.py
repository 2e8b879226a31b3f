"""A client span a request of aiohttp: `instrument()` for every session of the process; `uninstrument()` undoes it."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import aiohttp

from pyspan.errors import ConfigurationError
from pyspan.instrument._client import ClientHook, Replaced
from pyspan.instrument._exchange import Call, ClientSpans, mark

__all__ = ["instrument", "uninstrument"]

Send = Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]]


def _replaced(spans: ClientSpans) -> Iterator[Replaced]:
    if not hasattr(aiohttp, "ClientMiddlewareType"):
        raise ConfigurationError(f"aiohttp {aiohttp.__version__} has no client middlewares: install aiohttp>=3.12")
    # The public methods, and those for WebSockets, all go through this one.
    events = [_events()] if spans.connection_events else []
    yield aiohttp.ClientSession, "_request", functools.partial(_call, _middleware(spans), events)


def _call(
    innermost: aiohttp.ClientMiddlewareType,
    events: list[aiohttp.TraceConfig],
    request: Callable[..., Awaitable[aiohttp.ClientResponse]],
) -> Callable[..., Awaitable[aiohttp.ClientResponse]]:
    @functools.wraps(request)
    async def call(
        session: aiohttp.ClientSession, *args: Any, middlewares: Any = None, **options: Any
    ) -> aiohttp.ClientResponse:
        others = session._middlewares if middlewares is None else middlewares
        if not all(config in session._trace_configs for config in events):
            session._trace_configs = [*session._trace_configs, *events]
        with Call(session):
            return await request(session, *args, middlewares=(*others, innermost), **options)

    return call


def _middleware(spans: ClientSpans) -> aiohttp.ClientMiddlewareType:
    async def trace(request: aiohttp.ClientRequest, send: Send) -> aiohttp.ClientResponse:
        with spans.exchange(request.method, str(request.url), request.headers) as exchange:
            request.headers.update(exchange.headers)  # each hop has its own
            response = await send(request)
            version = response.version
            exchange.answered(response.status, f"{version.major}.{version.minor}" if version else "", response.headers)
        return response

    return trace


def _events() -> aiohttp.TraceConfig:
    """Return what marks the steps of a connection; TLS is within `connect`."""
    config = aiohttp.TraceConfig()
    config.on_dns_resolvehost_start.append(_marking("dns.start"))
    config.on_dns_resolvehost_end.append(_marking("dns.end"))
    config.on_connection_create_start.append(_marking("connect.start"))
    config.on_connection_create_end.append(_marking("connect.end"))
    config.freeze()
    return config


def _marking(name: str) -> Callable[..., Awaitable[None]]:
    async def marking(*_: Any) -> None:
        mark(name)

    return marking


_hook = ClientHook("aiohttp_client", _replaced)
instrument = _hook.instrument
uninstrument = _hook.uninstrument
