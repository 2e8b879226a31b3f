"""Routes as frameworks leave them, in real applications and behind a real server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import flask
import httpx
import pytest
import uvicorn
from fastapi import APIRouter, FastAPI
from opentelemetry.trace import StatusCode
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware as Layer
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute

from pyspan.instrument import asgi, wsgi
from tests.instrument.traced import Traced, get, http_scope, serve
from tests.support.ports import free_port


async def order(request: Any) -> PlainTextResponse:
    return PlainTextResponse("an order", background=BackgroundTask(lambda: None))


async def broken(request: Any) -> PlainTextResponse:
    raise ValueError("no")


async def refused(request: Any) -> PlainTextResponse:
    raise HTTPException(status_code=418)


async def streamed(request: Any) -> StreamingResponse:
    async def parts() -> Any:
        yield b"a"
        yield b"bc"

    return StreamingResponse(parts())


async def chat(socket: Any) -> None:
    await socket.accept()
    await socket.close()


def starlette_app(**options: Any) -> Starlette:
    inner = [Route("/orders/{number:int}", order)]
    routes = [
        *inner,
        Route("/broken/{why}", broken),
        Route("/refused", refused),
        Route("/streamed", streamed),
        WebSocketRoute("/chat/{room}", chat),
        Mount("/shops/{shop}", routes=[Mount("/v1", routes=inner)]),
        Mount("/sub", app=Starlette(routes=inner)),
    ]
    return Starlette(routes=routes, **options)


def fastapi_app() -> FastAPI:
    app, router, sub = FastAPI(), APIRouter(prefix="/users/{user}"), FastAPI()

    @app.get("/orders/{number}")
    def order(number: int) -> int:
        return number

    @router.get("/orders/{number}")
    async def user_order(user: str, number: int) -> int:
        return number

    @router.get("/broken")
    async def broken(user: str) -> int:
        raise ValueError(user)

    sub.add_api_route("/orders/{number}", order)
    app.include_router(router, prefix="/v1")
    app.mount("/sub", sub)
    return app


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/orders/7", "GET /orders/{number}"),
        ("/broken/so", "GET /broken/{why}"),
        ("/refused", "GET /refused"),
        ("/streamed", "GET /streamed"),
        ("/shops/one/v1/orders/7", "GET /shops/{shop}/v1/orders/{number}"),
        ("/sub/orders/7", "GET /sub/orders/{number}"),
        ("/nowhere", "GET"),
    ],
)
def test_starlettes_routes_name_the_spans(path: str, name: str) -> None:
    traced = Traced()
    answer = get(asgi.Middleware(starlette_app(), tracer_provider=traced.provider), path)
    assert traced.only.name == name
    assert traced.attributes()["http.response.status_code"] == answer.status_code
    assert traced.attributes()["http.response.body.size"] == len(answer.content)


def test_a_websocket_of_starlette_is_one_span_with_its_route() -> None:
    traced = Traced()
    app = asgi.Middleware(starlette_app(), tracer_provider=traced.provider)
    scope = {**http_scope("/chat/blue"), "type": "websocket", "scheme": "ws"}
    sent = serve(app, scope, first={"type": "websocket.connect"})
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]
    assert traced.only.name == "GET /chat/{room}"
    assert traced.attributes()["http.response.status_code"] == 101


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/orders/7", "GET /orders/{number}"),
        ("/orders/x", "GET /orders/{number}"),
        ("/v1/users/ann/orders/7", "GET /v1/users/{user}/orders/{number}"),
        ("/v1/users/ann/broken", "GET /v1/users/{user}/broken"),
        ("/sub/orders/7", "GET /sub/orders/{number}"),
    ],
)
def test_fastapis_routes_name_the_spans(path: str, name: str) -> None:
    traced = Traced()
    answer = get(asgi.Middleware(fastapi_app(), tracer_provider=traced.provider), path)
    assert traced.only.name == name
    assert traced.attributes()["http.response.status_code"] == answer.status_code


def test_an_application_below_a_root_path_has_it_in_its_routes() -> None:
    traced = Traced()
    app = asgi.Middleware(starlette_app(), tracer_provider=traced.provider)

    async def below(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "root_path": "/api", "path": f"/api{scope['path']}"}, receive, send)

    get(below, "/orders/7")
    get(below, "/sub/orders/7")
    assert traced.names == ["GET /api/orders/{number}", "GET /api/sub/orders/{number}"]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/orders/7", "GET /orders/{number}"),
        ("/shops/one/v1/orders/7", "GET /shops/{shop}/v1/orders/{number}"),
        ("/nowhere", "GET"),
    ],
)
def test_an_older_starlette_leaves_no_route_but_its_router(path: str, name: str) -> None:
    traced = Traced()
    app = starlette_app()

    async def older(scope: Any, receive: Any, send: Any) -> None:
        async def without_route(message: Any) -> None:
            scope.pop("route", None)
            await send(message)

        await app(scope, receive, without_route)

    get(asgi.Middleware(older, tracer_provider=traced.provider), path)
    assert traced.only.name == name


def test_what_is_below_a_mount_without_routes_has_the_mounts_name() -> None:
    traced = Traced()

    async def files(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("a file")(scope, receive, send)

    app = Starlette(routes=[Mount("/{site}/static", app=files)])
    get(asgi.Middleware(app, tracer_provider=traced.provider), "/blue/static/a/b.css")
    assert traced.only.name == "GET /{site}/static"


def test_the_middleware_may_stand_inside_the_application() -> None:
    traced = Traced()
    app = starlette_app(middleware=[Layer(asgi.Middleware, tracer_provider=traced.provider)])
    assert get(app, "/orders/7").text == "an order"
    assert get(app, "/broken/so").status_code == 500
    assert traced.names == ["GET /orders/{number}", "GET /broken/{why}"]
    assert traced.spans[1].status.status_code is StatusCode.ERROR
    assert [event.name for event in traced.spans[1].events] == ["exception"]


def flask_app() -> flask.Flask:
    app = flask.Flask(__name__)
    blueprint = flask.Blueprint("shop", __name__, url_prefix="/shop")

    @app.get("/orders/<int:number>")
    @blueprint.get("/orders/<int:number>")
    def order(number: int) -> str:
        return "an order"

    @app.get("/broken")
    def broken() -> str:
        raise ValueError("no")

    @app.get("/streamed")
    def streamed() -> flask.Response:
        return flask.Response(part for part in (b"a", b"bc"))

    app.register_blueprint(blueprint)
    return app


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/orders/7", "GET /orders/<int:number>"),
        ("/shop/orders/7", "GET /shop/orders/<int:number>"),
        ("/broken", "GET /broken"),
        ("/streamed", "GET /streamed"),
        ("/nowhere", "GET"),
    ],
)
def test_flasks_rules_name_the_spans(path: str, name: str) -> None:
    traced = Traced()
    app = flask_app()
    app.wsgi_app = wsgi.Middleware(app.wsgi_app, tracer_provider=traced.provider)  # type: ignore[method-assign]
    with app.test_client() as client:
        answer = client.get(path)
        length = len(answer.data)
        answer.close()
    assert traced.only.name == name
    assert traced.attributes()["http.response.status_code"] == answer.status_code
    assert traced.attributes()["http.response.body.size"] == length


@contextmanager
def serving(app: Any) -> Iterator[str]:
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", lifespan="on"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        deadline = time.monotonic() + 30
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        assert server.started
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(30)


def test_uvicorn_serves_a_traced_application() -> None:
    traced = Traced()
    with serving(asgi.Middleware(starlette_app(), tracer_provider=traced.provider)) as url:
        bodies = [httpx.get(f"{url}{path}?q=1").text for path in ("/orders/7", "/streamed")]
        host, port = url.removeprefix("http://").split(":")
    assert bodies == ["an order", "abc"]
    assert traced.names == ["GET /orders/{number}", "GET /streamed"]
    attributes = dict(traced.spans[0].attributes or {})
    assert (attributes["server.address"], attributes["server.port"]) == (host, int(port))
    assert attributes["client.address"] == "127.0.0.1"
    assert attributes["network.protocol.version"] == "1.1"
    assert attributes["url.path"] == "/orders/7"
    assert attributes["url.query"] == "q=1"
