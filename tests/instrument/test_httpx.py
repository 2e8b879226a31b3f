"""The client spans of httpx, against a real server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import httpx
import pytest
from opentelemetry import context
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY
from opentelemetry.trace import SpanKind, StatusCode

from pyspan.errors import ConfigurationError
from pyspan.instrument import httpx as hook
from tests.instrument.traced import Traced
from tests.support.ports import free_port


class Server(BaseHTTPRequestHandler):
    seen: ClassVar[list[dict[str, str]]] = []

    def do_GET(self) -> None:
        self.seen.append({name.lower(): value for name, value in self.headers.items()})
        self.send_response(int(self.path.strip("/").partition("?")[0]))
        self.send_header("content-length", "0")
        self.end_headers()

    do_BREW = do_GET  # noqa: N815 - the name that the server looks for

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    Server.seen.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def traced() -> Iterator[Traced]:
    traced = Traced()
    hook.instrument(tracer_provider=traced.provider)
    yield traced
    hook.uninstrument()


def _get(url: str) -> httpx.Response:
    with httpx.Client() as client:
        return client.get(url)


def _get_async(url: str) -> httpx.Response:
    async def run() -> httpx.Response:
        async with httpx.AsyncClient() as client:
            return await client.get(url)

    return asyncio.run(run())


@pytest.mark.parametrize("get", [_get, _get_async])
def test_a_request_is_a_client_span_whose_context_travels(traced: Traced, url: str, get: Any) -> None:
    get(f"{url.replace('//', '//ann:secret@')}/200?page=2&token=abc")
    span = traced.only
    port = int(url.rpartition(":")[2])
    assert (span.name, span.kind, span.status.status_code) == ("GET", SpanKind.CLIENT, StatusCode.UNSET)
    assert traced.attributes() == {
        "http.request.method": "GET",
        "url.full": f"{url}/200?page=2&token=[REDACTED]",
        "server.address": "127.0.0.1",
        "server.port": port,
        "http.response.status_code": 200,
        "network.protocol.version": "1.0",
    }
    expected = f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-"
    assert Server.seen[0]["traceparent"].startswith(expected)


@pytest.mark.parametrize("get", [_get, _get_async])
def test_answers_from_400_on_are_errors(traced: Traced, url: str, get: Any) -> None:
    get(f"{url}/404")
    assert traced.only.status.status_code is StatusCode.ERROR
    assert traced.attributes()["error.type"] == "404"


@pytest.mark.parametrize("get", [_get, _get_async])
def test_what_the_transport_raises_is_recorded_and_raised_again(traced: Traced, get: Any) -> None:
    with pytest.raises(httpx.ConnectError):
        get(f"http://127.0.0.1:{free_port()}/200")
    assert traced.only.status.status_code is StatusCode.ERROR
    assert traced.attributes()["error.type"] == "httpx.ConnectError"
    assert [event.name for event in traced.only.events] == ["exception"]


def test_a_method_that_nobody_knows_is_another_one(traced: Traced, url: str) -> None:
    httpx.request("BREW", f"{url}/200")
    assert traced.only.name == "HTTP"
    assert traced.attributes()["http.request.method_original"] == "BREW"


def test_clients_that_were_there_before_are_traced_until_it_is_undone(url: str) -> None:
    traced = Traced()
    with httpx.Client() as client:
        hook.instrument(tracer_provider=traced.provider)
        hook.instrument(tracer_provider=traced.provider)
        client.get(f"{url}/200")
        hook.uninstrument()
        client.get(f"{url}/200")
    assert len(traced.spans) == 1
    assert "traceparent" not in Server.seen[1]


def test_excluded_and_suppressed_requests_have_no_span(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_PYTHON_HTTPX_EXCLUDED_URLS", "/204")
    traced = Traced()
    hook.instrument(tracer_provider=traced.provider)
    try:
        _get(f"{url}/204")
        token = context.attach(context.set_value(_SUPPRESS_INSTRUMENTATION_KEY, value=True))
        _get(f"{url}/200")
        context.detach(token)
    finally:
        hook.uninstrument()
    assert not traced.spans
    assert not any("traceparent" in seen for seen in Server.seen)


def test_an_expression_that_cannot_be_used_is_named_and_nothing_is_traced() -> None:
    before = httpx.HTTPTransport.handle_request
    with pytest.raises(ConfigurationError, match="excluded URLs"):
        hook.instrument(excluded="(")
    assert httpx.HTTPTransport.handle_request is before
