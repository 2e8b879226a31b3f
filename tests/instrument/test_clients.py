"""The client spans of httpx, requests and aiohttp, against a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import aiohttp
import httpx
import pytest
import requests
from opentelemetry import baggage, context, trace
from opentelemetry.context import _SUPPRESS_HTTP_INSTRUMENTATION_KEY, _SUPPRESS_INSTRUMENTATION_KEY
from opentelemetry.trace import SpanKind, StatusCode

from pyspan.errors import ConfigurationError
from tests.instrument.clients import CLIENTS, Client, Server, serving
from tests.instrument.traced import Traced
from tests.support.ports import free_port

BREAKS_OFF = (httpx.TransportError, requests.RequestException, aiohttp.ClientError)
TIMES_OUT = (httpx.TimeoutException, requests.Timeout, asyncio.TimeoutError)


@pytest.fixture(params=CLIENTS, ids=str)
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    client: Client = request.param
    yield client
    client.hook.uninstrument()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def traced(client: Client) -> Traced:
    traced = Traced()
    client.hook.instrument(tracer_provider=traced.provider)
    return traced


def carried(span: Any) -> str:
    return f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-"


def test_a_request_is_a_client_span_whose_context_travels(client: Client, traced: Traced, server: Server) -> None:
    with traced.tracer.start_as_current_span("caller") as caller:
        answer = client.ask(f"{server.url.replace('//', '//ann:secret@')}/hello?page=2&token=abc")
    span = traced.spans[0]
    assert answer == (200, b"hello")
    assert (span.name, span.kind, span.status.status_code) == ("GET", SpanKind.CLIENT, StatusCode.UNSET)
    assert span.parent == caller.get_span_context()
    assert dict(span.attributes or {}) == {
        "http.request.method": "GET",
        "url.full": f"{server.url}/hello?page=2&token=[REDACTED]",
        "server.address": "127.0.0.1",
        "server.port": server.server_port,
        "http.response.status_code": 200,
        "http.response.body.size": 5,
        "network.protocol.version": "1.1",
    }
    assert server.seen[0]["traceparent"].startswith(carried(span))
    assert "authorization" in server.seen[0]


def test_the_size_of_what_is_sent_is_known(client: Client, traced: Traced, server: Server) -> None:
    client.ask(f"{server.url}/hello", "POST", data={"ab": "cd"})
    client.ask(f"{server.url}/hello", "HEAD")
    posted, head = (dict(span.attributes or {}) for span in traced.spans)
    assert posted["http.request.body.size"] == len("ab=cd")
    assert "http.response.body.size" not in head


def test_answers_from_400_on_are_errors(client: Client, traced: Traced, server: Server) -> None:
    client.ask(f"{server.url}/404")
    assert traced.only.status.status_code is StatusCode.ERROR
    assert traced.attributes()["error.type"] == "404"


def test_a_refusal_says_when_to_come_again(client: Client, traced: Traced, server: Server) -> None:
    client.ask(f"{server.url}/limited")
    assert {key: value for key, value in traced.attributes().items() if ".header." in key} == {
        "http.response.header.retry-after": ("3",),
        "http.response.header.x-ratelimit-remaining": ("0",),
    }


@pytest.mark.parametrize("path", ["/drop", None], ids=["no answer", "nobody listens"])
def test_what_breaks_off_is_recorded_and_raised_again(
    client: Client, traced: Traced, server: Server, path: str | None
) -> None:
    with pytest.raises(BREAKS_OFF) as raised:
        client.ask(f"{server.url}{path}" if path else f"http://127.0.0.1:{free_port()}/")
    kind = raised.type
    last = traced.spans[-1]
    assert last.status.status_code is StatusCode.ERROR
    assert dict(last.attributes or {})["error.type"] == f"{kind.__module__}.{kind.__qualname__}"
    assert [event.name for event in last.events] == ["exception"]


def test_a_timeout_is_an_error_with_its_own_name(client: Client, traced: Traced, server: Server) -> None:
    with pytest.raises(TIMES_OUT) as raised:
        client.ask(f"{server.url}/slow", timeout=0.2)
    assert traced.only.status.status_code is StatusCode.ERROR
    assert traced.attributes()["error.type"].rpartition(".")[2] == raised.type.__name__


def test_each_hop_is_a_span_and_counted(client: Client, traced: Traced, server: Server) -> None:
    assert client.ask(f"{server.url}/hops/2") == (200, b"")
    attributes = [dict(span.attributes or {}) for span in traced.spans]
    assert [each["url.full"].rpartition("/")[2] for each in attributes] == ["2", "1", "0"]
    assert [each.get("http.request.resend_count") for each in attributes] == [None, 1, 2]
    assert [each["http.response.status_code"] for each in attributes] == [302, 302, 200]
    assert all(
        seen["traceparent"].startswith(carried(span)) for seen, span in zip(server.seen, traced.spans, strict=True)
    )


def test_a_hop_to_an_excluded_host_carries_nothing(client: Client, server: Server) -> None:
    traced = Traced()
    client.hook.instrument(tracer_provider=traced.provider, excluded=["^http://localhost"])
    assert client.ask(f"{server.url}/to/localhost:{server.server_port}/hello")[0] == 200
    assert traced.names == ["GET"]
    assert ["traceparent" in seen for seen in server.seen] == [True, False]


def test_a_method_that_nobody_knows_is_another_one(client: Client, traced: Traced, server: Server) -> None:
    client.ask(f"{server.url}/200", "BREW")
    assert traced.only.name == "HTTP"
    assert traced.attributes()["http.request.method"] == "_OTHER"
    assert traced.attributes()["http.request.method_original"] == "BREW"


def test_a_second_call_changes_nothing_and_it_can_be_undone(client: Client, server: Server) -> None:
    traced, second = Traced(), Traced()
    client.hook.instrument(tracer_provider=traced.provider)
    client.hook.instrument(tracer_provider=second.provider)
    client.ask(f"{server.url}/200")
    client.hook.uninstrument()
    client.ask(f"{server.url}/200")
    assert (len(traced.spans), len(second.spans)) == (1, 0)
    assert "traceparent" not in server.seen[1]


@pytest.mark.parametrize("variable", ["OTEL_PYTHON_{}_EXCLUDED_URLS", "OTEL_PYTHON_EXCLUDED_URLS"])
def test_excluded_requests_have_no_span(
    client: Client, server: Server, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable.format(client.package.upper()), "/204")
    traced = Traced()
    client.hook.instrument(tracer_provider=traced.provider)
    client.ask(f"{server.url}/204")
    assert not traced.spans
    assert "traceparent" not in server.seen[0]


@pytest.mark.parametrize("key", [_SUPPRESS_INSTRUMENTATION_KEY, _SUPPRESS_HTTP_INSTRUMENTATION_KEY])
def test_suppressed_requests_have_no_span(client: Client, traced: Traced, server: Server, key: str) -> None:
    token = context.attach(context.set_value(key, value=True))
    client.ask(f"{server.url}/200")
    context.detach(token)
    assert not traced.spans
    assert "traceparent" not in server.seen[0]


def test_headers_are_captured_by_an_allow_list_and_secrets_are_redacted(client: Client, server: Server) -> None:
    traced = Traced()
    client.hook.instrument(
        tracer_provider=traced.provider,
        capture_request_headers=["authorization", "x-tenant"],
        capture_response_headers=["X-.*", "set-cookie"],
    )
    client.ask(f"{server.url}/hello", headers={"Authorization": "Bearer abc", "X-Tenant": "blue", "X-Other": "no"})
    assert {key: value for key, value in traced.attributes().items() if ".header." in key} == {
        "http.request.header.authorization": ("[REDACTED]",),
        "http.request.header.x-tenant": ("blue",),
        "http.response.header.x-kind": ("greeting",),
        "http.response.header.set-cookie": ("[REDACTED]",),
    }


def test_headers_to_capture_come_from_the_environment_too(
    client: Client, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_REQUEST", "x-tenant")
    monkeypatch.setenv("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_RESPONSE", ".*kind")
    traced = Traced()
    client.hook.instrument(tracer_provider=traced.provider)
    client.ask(f"{server.url}/hello", headers={"x-tenant": "blue"})
    assert [key for key in traced.attributes() if ".header." in key] == [
        "http.request.header.x-tenant",
        "http.response.header.x-kind",
    ]


NEW, OLD = "http.request.method", "http.method"


@pytest.mark.parametrize(
    ("variables", "style", "keys"),
    [
        ({}, None, {NEW, "server.address"}),
        ({"OTEL_SEMCONV_STABILITY_OPT_IN": "http/dup"}, None, {NEW, OLD, "server.address", "net.peer.name"}),
        ({"PYSPAN_SEMCONV": "old"}, None, {OLD, "net.peer.name"}),
        ({}, "documents", {NEW, OLD, "server.address", "external.service", "http.query", "http.response_time"}),
    ],
)
def test_the_keys_are_those_of_the_style(
    client: Client,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    style: str | None,
    keys: set[str],
) -> None:
    for key, value in variables.items():
        monkeypatch.setenv(key, value)
    traced = Traced()
    client.hook.instrument(tracer_provider=traced.provider, attribute_style=style)
    client.ask(f"{server.url}/404?a=b")
    looked_for = {NEW, OLD, "server.address", "net.peer.name", "external.service", "http.query", "http.response_time"}
    found = traced.attributes()
    assert looked_for & set(found) == keys
    assert (found.get("http.response.status_code"), found.get("http.status_code")) == (
        404 if NEW in keys else None,
        404 if OLD in keys else None,
    )


def test_the_old_keys_say_of_a_request_what_the_current_ones_do(client: Client, server: Server) -> None:
    traced = Traced()
    client.hook.instrument(tracer_provider=traced.provider, attribute_style="old")
    client.ask(f"{server.url}/to/127.0.0.1:{server.server_port}/200", "BREW")
    found = dict(traced.spans[1].attributes or {})
    assert found.pop("http.request_content_length", 0) == 0  # some of them say it where there is no body
    assert found == {
        "http.method": "BREW",
        "http.url": f"{server.url}/200",
        "net.peer.name": "127.0.0.1",
        "net.peer.port": server.server_port,
        "http.resend_count": 1,
        "http.status_code": 200,
        "http.flavor": "1.1",
        "http.response_content_length": 0,
    }


ERROR = ("error", "error.type", "error.msg", "error.stack")


def test_in_the_style_of_documents_a_request_that_breaks_off_has_the_keys_of_its_error(client: Client) -> None:
    traced = Traced()
    client.hook.instrument(tracer_provider=traced.provider, attribute_style="documents")
    with pytest.raises(BREAKS_OFF) as raised:
        client.ask(f"http://127.0.0.1:{free_port()}/")
    last = traced.spans[-1]
    found = dict(last.attributes or {})
    recorded = dict(last.events[-1].attributes or {})
    kind = f"{raised.type.__module__}.{raised.type.__qualname__}"
    assert found["error.stack"].startswith("Traceback (most recent call last):\n")
    assert [found.get(key) for key in ERROR] == [
        True,
        kind,
        str(raised.value),
        recorded["exception.stacktrace"],
    ]
    assert found["http.response_time"] > 0


def test_in_the_style_of_documents_a_timeout_has_the_keys_of_its_error(client: Client, server: Server) -> None:
    traced = Traced()
    client.hook.instrument(tracer_provider=traced.provider, attribute_style="documents")
    with pytest.raises(TIMES_OUT):
        client.ask(f"{server.url}/slow", timeout=0.2)
    found = traced.attributes()
    assert (found["error"], set(ERROR) - set(found)) == (True, set())
    assert 150 < found["http.response_time"] < 30_000


@pytest.mark.parametrize(("status", "error"), [(200, None), (404, None), (500, True), (503, True)])
def test_in_the_style_of_documents_an_answer_from_500_on_is_an_error(
    client: Client, server: Server, status: int, error: bool | None
) -> None:
    traced = Traced()
    client.hook.instrument(tracer_provider=traced.provider, attribute_style="documents")
    client.ask(f"{server.url}/{status}")
    found = traced.attributes()
    assert (found.get("error"), found.get("error.type")) == (error, str(status) if status >= 400 else None)
    assert not {"error.msg", "error.stack"} & set(found)


@pytest.mark.parametrize("style", ["current", "old", "dup"])
def test_the_other_styles_have_no_key_of_the_documents_for_errors(client: Client, server: Server, style: str) -> None:
    traced = Traced()
    client.hook.instrument(tracer_provider=traced.provider, attribute_style=style)
    client.ask(f"{server.url}/500")
    with pytest.raises(BREAKS_OFF):
        client.ask(f"http://127.0.0.1:{free_port()}/")
    for span in (traced.spans[0], traced.spans[-1]):
        assert [key for key in (*ERROR, "http.response_time") if key in (span.attributes or {})] == ["error.type"]


@pytest.mark.parametrize(
    ("options", "has_context", "has_baggage"),
    [
        ({}, True, True),  # an address that is not public is of the same site
        ({"baggage_to": []}, True, False),
        ({"baggage_to": ["shop.example"]}, True, False),
        ({"baggage_to": ["127.0.0.1"]}, True, True),
        ({"context_to": ["shop.example"]}, False, False),
        ({"context_to": ["127.0.0.1"]}, True, True),
    ],
)
def test_context_and_baggage_go_to_the_hosts_that_are_named(
    client: Client, server: Server, options: dict[str, Any], has_context: bool, has_baggage: bool
) -> None:
    traced = Traced()
    client.hook.instrument(tracer_provider=traced.provider, **options)
    token = context.attach(baggage.set_baggage("user", "ann"))
    client.ask(f"{server.url}/200")
    context.detach(token)
    assert traced.names == ["GET"]
    assert ("traceparent" in server.seen[0], "baggage" in server.seen[0]) == (has_context, has_baggage)


def test_the_steps_of_a_connection_are_events_where_they_are_asked_for(client: Client, server: Server) -> None:
    traced = Traced()
    client.hook.instrument(tracer_provider=traced.provider, connection_events=True)
    url = server.url.replace("127.0.0.1", "localhost")
    client.ask(f"{url}/200")
    client.hook.uninstrument()
    client.hook.instrument(tracer_provider=traced.provider)
    client.ask(f"{url}/200")
    names = [[event.name for event in span.events] for span in traced.spans]
    look_up = ["dns.start", "dns.end"] if client.name == "aiohttp" else []
    assert names == [["connect.start", *look_up, "connect.end"], []]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"excluded": "("}, "excluded URLs"),
        ({"context_to": "shop.example"}, "context_to='shop.example' cannot be used: give a list of hosts"),
        ({"baggage_to": ["http://shop.example"]}, "baggage_to: 'http://shop.example' is no host: give shop.example"),
        ({"capture_request_headers": ["("]}, "captured request headers"),
        ({"attribute_style": "new"}, "attribute_style='new' cannot be used"),
    ],
)
def test_what_cannot_be_used_is_named_and_nothing_is_traced(
    client: Client, server: Server, options: dict[str, Any], message: str
) -> None:
    traced = Traced()
    with pytest.raises(ConfigurationError, match=message):
        client.hook.instrument(tracer_provider=traced.provider, **options)
    client.ask(f"{server.url}/200")
    assert not traced.spans


def test_a_fault_of_ours_does_not_cost_the_request(
    client: Client, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(trace.NoOpTracerProvider):
        def get_tracer(self, *given: Any, **options: Any) -> Any:
            raise RuntimeError("no tracer today")

    client.hook.instrument(tracer_provider=Broken())
    assert client.ask(f"{server.url}/hello") == (200, b"hello")
    assert "a request could not be traced" in caplog.text
