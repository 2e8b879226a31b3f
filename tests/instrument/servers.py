"""The middlewares for ASGI and WSGI, asked alike."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from pyspan.instrument import asgi, wsgi
from tests.instrument.traced import Answer, environ, http_scope, serve

__all__ = ["DESCRIBED", "Ask", "Asked", "asks"]

# What both say of a request for http://shop.example by curl/8 from 192.0.2.7:4711 with 3 bytes, answered by 5.
DESCRIBED = {
    "url.scheme": "http",
    "url.query": "page=2&token=[REDACTED]",
    "server.address": "shop.example",
    "server.port": 80,
    "client.address": "192.0.2.7",
    "client.port": 4711,
    "network.protocol.version": "1.1",
    "user_agent.original": "curl/8",
    "http.request.body.size": 3,
    "http.response.status_code": 200,
    "http.response.body.size": 5,
}


class Asked:
    """An answer as both kinds of application give it."""

    def __init__(self, headers: list[tuple[str, str]]) -> None:
        self.headers = headers

    def all(self, name: str) -> list[str]:
        return [value for known, value in self.headers if known.lower() == name]


def _ask_asgi(path: str, headers: dict[str, str], inside: Callable[[], object], status: int, **options: Any) -> Asked:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        inside()
        await send({"type": "http.response.start", "status": status, "headers": [(b"x-kind", b"greeting")]})
        await send({"type": "http.response.body", "body": b""})

    given = [(name.encode(), value.encode()) for name, value in headers.items()]
    path, _, query = path.partition("?")
    sent = serve(asgi.Middleware(app, **options), http_scope(path, given, query_string=query.encode()))
    return Asked([(name.decode(), value.decode()) for name, value in sent[0]["headers"]])


def _ask_wsgi(path: str, headers: dict[str, str], inside: Callable[[], object], status: int, **options: Any) -> Asked:
    def app(given: Any, start_response: Any) -> list[bytes]:
        inside()
        start_response(f"{status} {HTTPStatus(status).phrase}", [("X-Kind", "greeting")])
        return [b""]

    given = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    path, _, query = path.partition("?")
    answer = Answer(wsgi.Middleware(app, **options), environ(path, QUERY_STRING=query, **given))
    answer.read()
    return Asked(answer.headers)


def _nothing() -> None:
    pass


Ask = Callable[..., Asked]


def _asking(asking: Callable[..., Asked]) -> Ask:
    def ask(
        path: str = "/",
        headers: dict[str, str] | None = None,
        inside: Callable[[], object] = _nothing,
        status: int = 200,
        **options: Any,
    ) -> Asked:
        return asking(path, headers or {}, inside, status, **options)

    return ask


asks = {"asgi": _asking(_ask_asgi), "wsgi": _asking(_ask_wsgi)}
