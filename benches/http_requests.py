"""Requests to applications without a server: what is timed is the framework and what is put around it."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

from flask import Flask
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

__all__ = ["asgi_requests", "bare_app", "flask_app", "starlette_app", "wsgi_requests"]

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SCOPE = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.4"},
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "path": "/orders/17",
    "raw_path": b"/orders/17",
    "query_string": b"page=2",
    "root_path": "",
    "headers": [
        (b"host", b"shop.example:8080"),
        (b"user-agent", b"curl/8.5.0"),
        (b"accept", b"*/*"),
        (b"traceparent", PARENT.encode()),
    ],
    "client": ("192.0.2.7", 4711),
    "server": ("10.0.0.1", 8080),
}
ENVIRON = {
    "REQUEST_METHOD": "GET",
    "SCRIPT_NAME": "",
    "PATH_INFO": "/orders/17",
    "QUERY_STRING": "page=2",
    "SERVER_NAME": "10.0.0.1",
    "SERVER_PORT": "8080",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REMOTE_ADDR": "192.0.2.7",
    "REMOTE_PORT": "4711",
    "HTTP_HOST": "shop.example:8080",
    "HTTP_USER_AGENT": "curl/8.5.0",
    "HTTP_ACCEPT": "*/*",
    "HTTP_TRACEPARENT": PARENT,
    "wsgi.version": (1, 0),
    "wsgi.url_scheme": "http",
    "wsgi.input": BytesIO(),
}


def starlette_app() -> Starlette:
    """Return an application with one route."""

    async def order(request: Any) -> PlainTextResponse:
        return PlainTextResponse("an order")

    return Starlette(routes=[Route("/orders/{number}", order)])


def flask_app() -> Flask:
    """Return the same in Flask."""
    app = Flask("bench")
    app.add_url_rule("/orders/<number>", "order", lambda number: "an order")
    return app


def bare_app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Answer as the specification of WSGI has it, without a framework."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "8")])
    return [b"an order"]


def asgi_requests(app: Any) -> Callable[[int], None]:
    """Return what sends so many requests; nothing in them waits, so no event loop is needed."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        pass

    def run(count: int) -> None:
        for _ in range(count):
            try:
                app({**SCOPE}, receive, send).send(None)
            except StopIteration:
                continue
            raise RuntimeError("the application waits")

    return run


def wsgi_requests(app: Any) -> Callable[[int], None]:
    """Return what sends so many requests and takes and closes the bodies."""

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        assert status == "200 OK"
        return lambda body: None

    def run(count: int) -> None:
        for _ in range(count):
            body = app({**ENVIRON}, start_response)
            list(body)
            if hasattr(body, "close"):
                body.close()

    return run
