"""A client span a request of aiohttp: `instrument()` for every session of the process; `uninstrument()` undoes it."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import aiohttp

from pyspan.errors import ConfigurationError
from pyspan.instrument._client import ClientHook, Replaced
from pyspan.instrument._exchange import Call, ClientSpans

__all__ = ["instrument", "uninstrument"]

Send = Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]]


def _replaced(spans: ClientSpans) -> Iterator[Replaced]:
    if not hasattr(aiohttp, "ClientMiddlewareType"):
        raise ConfigurationError(f"aiohttp {aiohttp.__version__} has no client middlewares: install aiohttp>=3.12")
    # The public methods, and those for WebSockets, all go through this one.
    yield aiohttp.ClientSession, "_request", functools.partial(_call, _middleware(spans))


def _call(
    innermost: aiohttp.ClientMiddlewareType, request: Callable[..., Awaitable[aiohttp.ClientResponse]]
) -> Callable[..., Awaitable[aiohttp.ClientResponse]]:
    @functools.wraps(request)
    async def call(
        session: aiohttp.ClientSession, *args: Any, middlewares: Any = None, **options: Any
    ) -> aiohttp.ClientResponse:
        others = session._middlewares if middlewares is None else middlewares
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


_hook = ClientHook("aiohttp_client", _replaced)
instrument = _hook.instrument
uninstrument = _hook.uninstrument
