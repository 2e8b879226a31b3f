"""Our middlewares and hooks beside OpenTelemetry's packages: which spans there are when both are installed."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware as GenericAsgi
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.utils import is_http_instrumentation_enabled
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware as GenericWsgi
from opentelemetry.sdk.trace import TracerProvider as SdkProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from requests.adapters import HTTPAdapter

from pyspan.instrument import asgi, wsgi
from pyspan.instrument import requests as hook
from tests.instrument.clients import CLIENTS, TIMEOUT, Client, serving
from tests.instrument.traced import Answer, Traced, environ, http_scope, serve
from tests.support.trees import nodes_of, tree


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


def hello_too(given: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b"hello"]


def test_within_the_generic_package_ours_leaves_the_request_to_it() -> None:
    traced = Traced()
    provider = traced.provider
    serve(GenericAsgi(asgi.Middleware(hello, tracer_provider=provider), tracer_provider=provider), http_scope("/a"))
    Answer(
        GenericWsgi(wsgi.Middleware(hello_too, tracer_provider=provider), tracer_provider=provider), environ()
    ).read()
    kinds = [line.strip().rpartition(" ")[2] for line in tree(nodes_of(traced.spans)).splitlines()]
    assert kinds.count("[SERVER]") == 2
    assert {span.instrumentation_scope.name for span in traced.spans} == {  # type: ignore[union-attr]
        "opentelemetry.instrumentation.asgi",
        "opentelemetry.instrumentation.wsgi",
    }


def test_the_same_holds_for_spans_of_another_sdk() -> None:
    exporter, provider = InMemorySpanExporter(), SdkProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    serve(GenericAsgi(asgi.Middleware(hello), tracer_provider=provider), http_scope("/a"))
    assert {span.instrumentation_scope.name for span in exporter.get_finished_spans()} == {  # type: ignore[union-attr]
        "opentelemetry.instrumentation.asgi"
    }


def test_around_the_generic_package_its_span_is_an_internal_child() -> None:
    traced = Traced()
    provider = traced.provider
    generic = GenericAsgi(hello, tracer_provider=provider, exclude_spans=["send", "receive"])
    serve(asgi.Middleware(generic, tracer_provider=provider), http_scope("/a"))
    assert tree(nodes_of(traced.spans)) == "GET [SERVER]\n  GET /a [INTERNAL]"


GENERIC: dict[str, Any] = {
    "httpx": HTTPXClientInstrumentor,
    "requests": RequestsInstrumentor,
    "aiohttp_client": AioHttpClientInstrumentor,
}


@pytest.fixture(params=CLIENTS, ids=str)
def client(request: pytest.FixtureRequest) -> Client:
    client: Client = request.param
    return client


@pytest.mark.parametrize("theirs_first", [True, False])
def test_a_clients_request_is_one_span_whoever_came_first(client: Client, theirs_first: bool) -> None:
    traced, generic = Traced(), GENERIC[client.package]()
    ours, theirs = client.hook.instrument, generic.instrument
    for instrument in (theirs, ours) if theirs_first else (ours, theirs):
        instrument(tracer_provider=traced.provider)
    try:
        with serving() as server:
            client.ask(f"{server.url}/200")
    finally:
        for undo in (client.hook.uninstrument, generic.uninstrument)[:: 1 if theirs_first else -1]:
            undo()
    assert traced.names == ["GET"]
    assert server.seen[0]["traceparent"].split("-")[2] == f"{traced.only.context.span_id:016x}"


def test_packages_below_ours_are_told_that_the_request_has_its_span() -> None:
    enabled = []

    class Below(HTTPAdapter):
        def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
            enabled.append(is_http_instrumentation_enabled())
            return super().get_connection_with_tls_context(*args, **options)

    hook.instrument(tracer_provider=Traced().provider)
    try:
        with serving() as server, requests.Session() as session:
            session.mount("http://", Below())
            session.get(f"{server.url}/200", timeout=TIMEOUT)
    finally:
        hook.uninstrument()
    assert enabled == [False]
