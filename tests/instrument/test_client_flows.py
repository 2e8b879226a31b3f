"""What one library's requests go through and another's do not: streams, cancellation, retries, authentication."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import aiohttp
import httpx
import pytest
import requests
from opentelemetry.trace import StatusCode
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from pyspan.errors import ConfigurationError
from pyspan.instrument import aiohttp as aiohttp_hook
from pyspan.instrument import httpx as httpx_hook
from pyspan.instrument import requests as requests_hook
from pyspan.instrument.wsgi import Middleware
from tests.instrument.clients import CLIENTS, TIMEOUT, Server, serving
from tests.instrument.traced import Traced
from tests.support.trees import nodes_of, tree
from tests.unit.core.test_client_peers import Tls

HOOKS = (httpx_hook, requests_hook, aiohttp_hook)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def traced() -> Iterator[Traced]:
    traced = Traced()
    for hook in HOOKS:
        hook.instrument(tracer_provider=traced.provider)
    yield traced
    for hook in HOOKS:
        hook.uninstrument()


def of(traced: Traced, key: str) -> list[Any]:
    return [dict(span.attributes or {}).get(key) for span in traced.spans]


RESENT = "http.request.resend_count"


def stream_of_httpx(url: str) -> Iterator[None]:
    with httpx.stream("GET", url, timeout=TIMEOUT) as response:
        yield
        assert response.read() == b"hello"


def stream_of_requests(url: str) -> Iterator[None]:
    with requests.get(url, stream=True, timeout=TIMEOUT) as response:
        yield
        assert response.content == b"hello"


@pytest.mark.parametrize("stream", [stream_of_httpx, stream_of_requests])
def test_a_stream_is_a_span_until_its_head(
    traced: Traced, server: Server, stream: Callable[[str], Iterator[None]]
) -> None:
    reading = stream(f"{server.url}/parts")
    next(reading)
    assert traced.attributes()["http.response.status_code"] == 200
    server.release.set()
    assert next(reading, "end") == "end"
    assert len(traced.spans) == 1


def test_a_stream_of_aiohttp_is_one_too(traced: Traced, server: Server) -> None:
    async def read() -> bytes:
        async with aiohttp.ClientSession() as session, session.get(f"{server.url}/parts") as response:
            assert traced.attributes()["http.response.status_code"] == 200
            server.release.set()
            return await response.read()

    assert asyncio.run(read()) == b"hello"


async def slow_by_httpx(url: str) -> None:
    async with httpx.AsyncClient(timeout=TIMEOUT) as client:
        await client.get(url)


async def slow_by_aiohttp(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        await session.get(url)


@pytest.mark.parametrize("slow", [slow_by_httpx, slow_by_aiohttp])
def test_a_request_that_its_user_cancels_has_a_span_and_is_no_error(traced: Traced, server: Server, slow: Any) -> None:
    async def run() -> None:
        task = asyncio.create_task(slow(f"{server.url}/slow"))
        assert await asyncio.to_thread(server.asked.wait, TIMEOUT)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert traced.only.status.status_code is StatusCode.UNSET
    assert traced.attributes()["error.type"] == "asyncio.exceptions.CancelledError"


@pytest.mark.parametrize("slow", [slow_by_httpx, slow_by_aiohttp])
def test_in_the_style_of_documents_a_cancelled_request_has_its_time_and_no_error(server: Server, slow: Any) -> None:
    traced = Traced()

    async def run() -> None:
        task = asyncio.create_task(slow(f"{server.url}/slow"))
        assert await asyncio.to_thread(server.asked.wait, TIMEOUT)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    for hook in HOOKS:
        hook.instrument(tracer_provider=traced.provider, attribute_style="documents")
    try:
        asyncio.run(run())
    finally:
        for hook in HOOKS:
            hook.uninstrument()
    assert traced.attributes()["http.response_time"] > 0
    assert not {"error", "error.msg", "error.stack"} & set(traced.attributes())


def test_a_timeout_before_there_is_a_connection_is_an_error(traced: Traced, server: Server) -> None:
    async def ask() -> None:
        connector = aiohttp.TCPConnector(limit=1)
        async with aiohttp.ClientSession(connector=connector) as session:
            slow = asyncio.create_task(session.get(f"{server.url}/slow"))
            assert await asyncio.to_thread(server.asked.wait, TIMEOUT)
            with pytest.raises(asyncio.TimeoutError):
                await session.get(f"{server.url}/200", timeout=aiohttp.ClientTimeout(total=0.1))
            slow.cancel()

    asyncio.run(ask())
    waited = traced.spans[0]
    assert waited.status.status_code is StatusCode.ERROR
    assert of(traced, "error.type")[0].endswith("TimeoutError")


def test_a_challenge_is_answered_in_a_second_span(traced: Traced, server: Server) -> None:
    httpx.get(f"{server.url}/digest", auth=httpx.DigestAuth("ann", "secret"))
    requests.get(f"{server.url}/digest", auth=requests.auth.HTTPDigestAuth("ann", "secret"), timeout=TIMEOUT)
    assert of(traced, "http.response.status_code") == [401, 200, 401, 200]
    assert of(traced, RESENT) == [None, 1, None, 1]


def test_retries_of_urllib3_are_within_one_span_and_counted(traced: Traced, server: Server) -> None:
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=Retry(2, status_forcelist=[503], raise_on_status=False)))
        session.get(f"{server.url}/to/127.0.0.1:{server.server_port}/503", timeout=TIMEOUT)
    assert of(traced, "http.response.status_code") == [307, 503]
    assert of(traced, RESENT) == [None, len(server.seen) - 1] == [None, 3]


def test_what_a_hook_asks_another_session_for_is_not_sent_again(traced: Traced, server: Server) -> None:
    def look_up(response: requests.Response, **_: Any) -> None:
        with requests.Session() as other:
            other.get(f"{server.url}/204", allow_redirects=False, timeout=TIMEOUT)

    requests.get(f"{server.url}/200", hooks={"response": look_up}, timeout=TIMEOUT)
    assert of(traced, RESENT) == [None, None]


def test_what_a_middleware_of_aiohttp_sends_again_is_a_span(traced: Traced, server: Server) -> None:
    async def twice(request: aiohttp.ClientRequest, send: Any) -> aiohttp.ClientResponse:
        (await send(request)).release()
        response: aiohttp.ClientResponse = await send(request)
        return response

    async def ask() -> None:
        async with aiohttp.ClientSession(middlewares=[twice]) as session:
            (await session.get(f"{server.url}/200")).release()
            (await session.get(f"{server.url}/200", middlewares=[])).release()

    asyncio.run(ask())
    assert of(traced, RESENT) == [None, 1, None]


@pytest.mark.parametrize(("version", "noted"), [("HTTP/1.1", "1.1"), (b"HTTP/2", "2"), (None, None), (3, None)])
def test_an_answer_of_a_transport_that_is_not_httpxs_own_arrives(
    version: Any, noted: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = httpx.Response(200, extensions={"http_version": version})
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", lambda *_: answer)
    traced = Traced()
    httpx_hook.instrument(tracer_provider=traced.provider)
    try:
        assert httpx.HTTPTransport().handle_request(httpx.Request("GET", "http://shop.example/")) is answer
    finally:
        httpx_hook.uninstrument()
    assert of(traced, "network.protocol.version") == [noted]


def test_an_aiohttp_without_middlewares_is_refused_by_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(aiohttp, "ClientMiddlewareType")
    with pytest.raises(ConfigurationError, match=r"has no client middlewares: install aiohttp>=3\.12"):
        aiohttp_hook.instrument()


def test_a_websocket_is_a_span_until_its_handshake(traced: Traced) -> None:
    from aiohttp import web

    async def echo(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(request.headers.get("traceparent", ""))
        await socket.close()
        return socket

    async def ask() -> str:
        app = web.Application()
        app.router.add_get("/", echo)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        async with aiohttp.ClientSession() as session, session.ws_connect(f"ws://127.0.0.1:{port}/") as socket:
            sent = await socket.receive()
        await runner.cleanup()
        return str(sent.data)

    sent = asyncio.run(ask())
    assert f"{traced.only.context.span_id:016x}" in sent
    assert traced.attributes()["http.response.status_code"] == 101


def test_requests_that_a_body_makes_are_spans_below(traced: Traced, server: Server) -> None:
    def pages(client: Any, **options: Any) -> Iterator[bytes]:
        yield client.get(f"{server.url}/hello", **options).content

    with httpx.Client() as client:
        client.post(f"{server.url}/200", content=pages(client), headers={"content-length": "5"})
    with requests.Session() as session:
        session.post(f"{server.url}/200", data=pages(session, timeout=TIMEOUT), headers={"x": "y"}, timeout=TIMEOUT)
    inner, outer, *_ = traced.spans
    assert traced.names == ["GET", "POST"] * 2
    assert inner.parent == outer.context
    assert of(traced, RESENT) == [None] * 4


def test_the_users_request_stays_as_it_was(traced: Traced, server: Server) -> None:
    ours = httpx.Request("GET", f"{server.url}/200")
    with httpx.Client() as client:
        assert client.send(ours).request is ours
    prepared = requests.Request("GET", f"{server.url}/200").prepare()
    with requests.Session() as session:
        assert session.send(prepared).request is prepared
    assert "traceparent" not in {*ours.headers, *prepared.headers}
    assert all("traceparent" in seen for seen in server.seen)


def steps(traced: Traced) -> list[list[str]]:
    return [[event.name for event in span.events] for span in traced.spans]


@pytest.fixture
def stepping() -> Iterator[Traced]:
    traced = Traced()
    for hook in HOOKS:
        hook.instrument(tracer_provider=traced.provider, connection_events=True)
    yield traced
    for hook in HOOKS:
        hook.uninstrument()


def test_httpx_tells_tls_apart_and_a_trace_of_the_users_goes_on(stepping: Traced, tmp_path: Path) -> None:
    tls = Tls(tmp_path)
    context = tls.server_context(alpn="http/1.1")
    context.verify_mode = ssl.CERT_NONE
    seen: list[str] = []
    trusting = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    with serving(context) as server:
        url = f"https://localhost:{server.server_port}/200"
        with httpx.Client(verify=trusting) as client:
            client.get(url, extensions={"trace": lambda step, info: seen.append(step)})
        requests.get(url, verify=str(tmp_path / "ca.pem"), timeout=TIMEOUT)
    assert steps(stepping) == [
        ["connect.start", "connect.end", "tls.start", "tls.end"],
        ["connect.start", "connect.end"],
    ]
    assert "connection.start_tls.complete" in seen


def test_a_request_on_an_open_connection_has_no_steps(stepping: Traced, server: Server) -> None:
    with httpx.Client() as client, requests.Session() as session:
        for get in (client.get, session.get):
            for _ in range(2):
                get(f"{server.url}/200", timeout=TIMEOUT)
    assert [len(each) for each in steps(stepping)] == [2, 0, 2, 0]


def test_steps_of_a_session_that_is_traced_no_more_are_nobodys(stepping: Traced, server: Server) -> None:
    async def ask() -> None:
        async with aiohttp.ClientSession() as session:
            (await session.get(f"{server.url}/200", headers={"connection": "close"})).release()
            aiohttp_hook.uninstrument()
            with stepping.tracer.start_as_current_span("work"):
                (await session.get(f"{server.url}/200")).release()

    asyncio.run(ask())
    assert stepping.names == ["GET", "work"]
    assert steps(stepping) == [["connect.start", "connect.end"], []]


def test_a_call_from_service_to_service_is_one_trace(traced: Traced) -> None:
    def orders(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("content-length", "0")])
        return [b""]

    class Quiet(WSGIRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

    app = Middleware(orders, tracer_provider=traced.provider)
    with make_server("127.0.0.1", 0, app, handler_class=Quiet) as service:
        thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        for client in CLIENTS:
            with traced.tracer.start_as_current_span(client.name):
                client.ask(f"http://127.0.0.1:{service.server_port}/orders")
        service.shutdown()
        thread.join()
    expected = [f"{client.name} [INTERNAL]\n  GET [CLIENT]\n    GET [SERVER]" for client in CLIENTS]
    assert tree(nodes_of(traced.spans)).splitlines() == "\n".join(expected).splitlines()


def test_clients_that_were_there_before_are_traced(server: Server) -> None:
    async def ask(traced: Traced) -> None:
        async with aiohttp.ClientSession() as session, httpx.AsyncClient() as client:
            for hook in HOOKS:
                hook.instrument(tracer_provider=traced.provider)
            (await session.get(f"{server.url}/200")).release()
            await client.get(f"{server.url}/200")

    traced = Traced()
    asyncio.run(ask(traced))
    for hook in HOOKS:
        hook.uninstrument()
    assert traced.names == ["GET"] * 2


async def body() -> AsyncIterator[bytes]:
    yield b"hel"
    yield b"lo"


def test_a_body_that_is_made_while_it_is_sent_arrives_whole(traced: Traced, server: Server) -> None:
    async def ask() -> None:
        headers = {"content-length": "5"}
        async with httpx.AsyncClient() as client:
            assert (await client.post(f"{server.url}/hello", content=body(), headers=headers)).content == b"hello"
        async with aiohttp.ClientSession() as session:
            answer = await session.post(f"{server.url}/hello", data=body(), headers=headers)
            assert await answer.read() == b"hello"

    asyncio.run(ask())
    assert of(traced, "http.request.body.size") == [5, 5]
