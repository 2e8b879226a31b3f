"""A client span a request of requests: `instrument()` for every session of the process; `uninstrument()` undoes it."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from pyspan.instrument._client import ClientHook, Replaced
from pyspan.instrument._exchange import Call, ClientSpans, Exchange, mark

__all__ = ["instrument", "uninstrument"]

VERSIONS = {10: "1.0", 11: "1.1", 20: "2"}


def _replaced(spans: ClientSpans) -> Iterator[Replaced]:
    yield requests.Session, "send", _call
    yield HTTPAdapter, "send", functools.partial(_send, spans)
    if spans.connection_events:
        yield HTTPConnection, "connect", _connect
        yield HTTPSConnection, "connect", _connect


def _call(send: Callable[..., requests.Response]) -> Callable[..., requests.Response]:
    @functools.wraps(send)
    def call(session: requests.Session, *args: Any, **options: Any) -> requests.Response:
        if _redirects(session, options):
            return send(session, *args, **options)
        with Call(session):
            return send(session, *args, **options)

    return call


def _redirects(session: requests.Session, options: dict[str, Any]) -> bool:
    """Return True where the session calls itself for the next hop."""
    outer = Call.current()
    return outer is not None and outer.client is session and options.get("allow_redirects") is False


def _send(spans: ClientSpans, send: Callable[..., requests.Response]) -> Callable[..., requests.Response]:
    @functools.wraps(send)
    def send_one(
        adapter: HTTPAdapter, request: requests.PreparedRequest, *args: Any, **options: Any
    ) -> requests.Response:
        with spans.exchange(request.method or "", request.url or "", request.headers) as exchange:
            response = send(adapter, _with_context(request, exchange), *args, **options)
            response.request = request
            _note(exchange, response)
        return response

    return send_one


def _connect(connect: Callable[[Any], None]) -> Callable[[Any], None]:
    """Mark what urllib3 does in one: name look-up, TCP, TLS."""

    @functools.wraps(connect)
    def marked(connection: Any) -> None:
        mark("connect.start")
        connect(connection)
        mark("connect.end")

    return marked


def _with_context(request: requests.PreparedRequest, exchange: Exchange) -> requests.PreparedRequest:
    """Return a request of its own to send: the user's may go to another host next, or be under way twice."""
    if not exchange.headers:
        return request
    sent = copy.copy(request)
    sent.headers = request.headers.copy()
    sent.headers.update(exchange.headers)
    return sent


def _note(exchange: Exchange, response: requests.Response) -> None:
    version = VERSIONS.get(getattr(response.raw, "version", 0), "")
    retries = len(getattr(getattr(response.raw, "retries", None), "history", ()))
    exchange.answered(response.status_code, version, response.headers, retries)


_hook = ClientHook("requests", _replaced)
instrument = _hook.instrument
uninstrument = _hook.uninstrument
