"""What the middlewares can be told: trust, exclusions, headers in and out, styles, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry import baggage
from opentelemetry.sdk.trace import TracerProvider as SdkProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor as SdkProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter as SdkExporter
from opentelemetry.trace import SpanKind, StatusCode

from pyspan.config import environ
from pyspan.errors import ConfigurationError
from pyspan.propagation import DatadogPropagator
from pyspan.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    Decision,
    OperationSampler,
    ParentBased,
    Sampler,
    SamplingResult,
)
from tests.instrument.servers import Ask, asks
from tests.instrument.traced import PARENT, PARENT_ID, TRACE_ID, Traced

CALLER = {"traceparent": PARENT, "baggage": "user=ann"}
UNSAMPLED = {"traceparent": f"{PARENT[:-2]}00"}


@pytest.fixture(params=asks)
def ask(request: pytest.FixtureRequest) -> Ask:
    return asks[request.param]


def test_a_trusted_caller_is_the_parent_and_its_baggage_is_taken(ask: Ask) -> None:
    traced, seen = Traced(sampler=ParentBased(ALWAYS_ON)), []
    ask(headers=CALLER, inside=lambda: seen.append(baggage.get_baggage("user")), tracer_provider=traced.provider)
    ask(headers=UNSAMPLED, tracer_provider=traced.provider)
    assert f"{traced.only.parent.span_id:016x}" == PARENT_ID
    assert seen == ["ann"]


def test_at_the_edge_a_caller_is_only_linked_and_decides_nothing(ask: Ask) -> None:
    traced, seen = Traced(sampler=ParentBased(ALWAYS_ON)), []
    options: dict[str, Any] = {"tracer_provider": traced.provider, "inbound_context": "link"}
    ask(headers=CALLER, inside=lambda: seen.append(baggage.get_baggage("user")), **options)
    ask(headers=UNSAMPLED, **options)
    ask(**options)
    linked, unsampled, plain = traced.spans
    assert linked.parent is unsampled.parent is plain.parent is None
    assert [f"{link.context.trace_id:032x}" for link in (*linked.links, *unsampled.links)] == [TRACE_ID] * 2
    assert not plain.links
    assert f"{linked.context.trace_id:032x}" != TRACE_ID  # type: ignore[union-attr]
    assert seen == [None]


@pytest.mark.parametrize(("sampler", "count"), [(ALWAYS_ON, 1), (ALWAYS_OFF, 0)])
def test_a_callers_decision_can_be_ignored_and_its_trace_goes_on(ask: Ask, sampler: Sampler, count: int) -> None:
    traced = Traced(sampler=ParentBased(sampler))
    headers = UNSAMPLED if count else CALLER
    ask(headers=headers, tracer_provider=traced.provider, inbound_context="ignore_sampling")
    assert [f"{span.parent.span_id:016x}" for span in traced.spans if span.parent] == [PARENT_ID] * count


def test_trust_can_depend_on_the_request_and_by_a_wrong_word_the_caller_is_linked_to(
    ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    traced = Traced()
    for word in ("trust", "link", "perhaps"):
        answer = ask(headers=CALLER, tracer_provider=traced.provider, inbound_context=lambda given, word=word: word)
        assert answer.all("x-kind") == ["greeting"]
    assert [(span.parent is not None, len(span.links)) for span in traced.spans] == [(True, 0), (False, 1), (False, 1)]
    assert "inbound_context returned 'perhaps': give trust, link or ignore_sampling" in caplog.text


def test_a_function_for_trust_that_raises_is_logged_and_the_caller_linked_to(
    ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    traced = Traced()
    answer = ask(headers=CALLER, tracer_provider=traced.provider, inbound_context=lambda given: 1 / 0)
    assert answer.all("x-kind") == ["greeting"]
    assert (traced.only.parent, len(traced.only.links)) == (None, 1)
    assert "inbound_context failed, the caller is linked to" in caplog.text


def test_other_formats_and_what_they_say_beside_the_context_are_read(ask: Ask) -> None:
    traced = Traced()
    headers = {"x-datadog-origin": "rum", "x-datadog-sampling-priority": "1", "x-datadog-session-id": "s1"}
    ask(headers=headers, tracer_provider=traced.provider, propagator=DatadogPropagator())
    assert traced.only.parent is None
    assert traced.attributes()["session.id"] == "s1"


@pytest.mark.parametrize(
    ("environment", "excluded", "left_out"),
    [
        ({}, None, []),
        ({}, "health,^http://shop.example/metrics$", ["/health", "/metrics"]),
        ({}, ["metrics"], ["/metrics"]),
        ({"OTEL_PYTHON_EXCLUDED_URLS": "health, metrics"}, None, ["/health", "/metrics"]),
        ({"OTEL_PYTHON_EXCLUDED_URLS": "health"}, (), []),
        ({"OTEL_PYTHON_EXCLUDED_URLS": "metrics", "OTEL_PYTHON_{}_EXCLUDED_URLS": "health"}, None, ["/health"]),
    ],
)
def test_excluded_urls_have_no_span(
    ask: Ask,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    excluded: Any,
    left_out: list[str],
) -> None:
    kind = "ASGI" if "asgi" in request.node.name else "WSGI"
    for key, value in environment.items():
        monkeypatch.setenv(key.format(kind), value)
    traced = Traced()
    for path in ("/health", "/metrics", "/orders?next=health"):
        ask(path, tracer_provider=traced.provider, excluded=excluded)
    traced_paths = [dict(span.attributes or {})["url.path"] for span in traced.spans]
    assert traced_paths == [path for path in ("/health", "/metrics", "/orders") if path not in left_out]


def test_headers_are_captured_by_an_allow_list_and_secrets_are_redacted(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS", ".*session.*")
    traced = Traced()
    headers = {
        "Authorization": "Bearer abc",
        "X-Tenant": "blue",
        "X-Session": "s1",
        "X-Paid-By": "4111 1111 1111 1111",
        "X-Other": "no",
    }
    lower = {name.lower(): value for name, value in headers.items()}
    wanted = ["authorization", "x-(tenant|session)", "X-Paid-By"]
    options: dict[str, Any] = {"capture_request_headers": wanted, "capture_response_headers": ["x-kind"]}
    ask(headers=lower, tracer_provider=traced.provider, **options)
    found = {key: value for key, value in traced.attributes().items() if ".header." in key}
    assert found == {
        "http.request.header.authorization": ("[REDACTED]",),
        "http.request.header.x-tenant": ("blue",),
        "http.request.header.x-session": ("[REDACTED]",),
        "http.request.header.x-paid-by": ("[REDACTED]",),
        "http.response.header.x-kind": ("greeting",),
    }


def test_expressions_of_the_environment_that_are_none_leave_nothing_out_and_let_no_value_through(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(environ, "warned", {})
    headers = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_"
    wrong = {"OTEL_PYTHON_EXCLUDED_URLS": "a(", f"{headers}SANITIZE_FIELDS": "*", f"{headers}SERVER_RESPONSE": "["}
    for variable, value in {**wrong, f"{headers}SERVER_REQUEST": "x-tenant"}.items():
        monkeypatch.setenv(variable, value)
    traced = Traced()
    ask(headers={"x-tenant": "blue"}, tracer_provider=traced.provider)
    assert traced.attributes()["http.request.header.x-tenant"] == ("[REDACTED]",)
    assert {message.partition("=")[0] for message in caplog.messages} == set(wrong)


def test_headers_to_capture_come_from_the_environment_too(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST", "x-tenant,x-.*id")
    monkeypatch.setenv("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE", ".*kind")
    traced = Traced()
    ask(headers={"x-tenant": "blue", "x-user-id": "7"}, tracer_provider=traced.provider)
    assert [key for key in traced.attributes() if ".header." in key] == [
        "http.request.header.x-tenant",
        "http.request.header.x-user-id",
        "http.response.header.x-kind",
    ]


def test_the_answer_tells_the_caller_its_trace(ask: Ask) -> None:
    traced = Traced()
    names = ["traceresponse", "Server-Timing", "datadog"]
    answer = ask(headers=CALLER, tracer_provider=traced.provider, response_headers=names)
    value = f"00-{TRACE_ID}-{traced.only.context.span_id:016x}-01"
    assert answer.headers[0] in {("x-kind", "greeting"), ("X-Kind", "greeting")}
    assert answer.all("traceresponse") == [value]
    assert answer.all("server-timing") == [f'traceparent;desc="{value}"']
    assert answer.all("x-datadog-trace-id") == [str(int(TRACE_ID[16:], 16))]
    assert answer.all("x-datadog-parent-id") == [str(traced.only.context.span_id)]


def test_by_default_the_answer_stays_as_it_is(ask: Ask) -> None:
    answer = ask(headers={**CALLER, "origin": "https://shop.example"}, tracer_provider=Traced().provider)
    assert [(name.lower(), value) for name, value in answer.headers] == [("x-kind", "greeting")]


SHOP = "https://shop.example"


@pytest.mark.parametrize(
    ("origin", "exposed"), [(SHOP, ["traceresponse, server-timing"]), ("https://evil.example", []), (None, [])]
)
def test_scripts_of_named_origins_may_read_the_trace(ask: Ask, origin: str | None, exposed: list[str]) -> None:
    answer = ask(
        headers={"origin": origin} if origin else {},
        tracer_provider=Traced().provider,
        response_headers=["traceresponse", "server-timing"],
        expose_to=[SHOP],
    )
    assert answer.all("access-control-expose-headers") == exposed
    assert answer.all("timing-allow-origin") == ([SHOP] if exposed else [])
    assert answer.all("vary") == ["Origin"]


def test_scripts_of_named_origins_may_send_their_trace(ask: Ask) -> None:
    headers = {"origin": SHOP, "access-control-request-method": "POST"}
    answer = ask(headers=headers, tracer_provider=Traced().provider, expose_to=[SHOP])
    (allowed,) = answer.all("access-control-allow-headers")
    assert {"traceparent", "tracestate", "baggage"} <= set(allowed.split(", "))


OLD, CURRENT = "http.method", "http.request.method"


@pytest.mark.parametrize(
    ("environment", "style", "keys"),
    [
        ({}, None, {CURRENT}),
        ({}, "old", {OLD, "http.target"}),
        ({}, "dup", {OLD, CURRENT, "http.target"}),
        ({}, "documents", {OLD, CURRENT, "http.query", "http.response_time"}),
        ({"OTEL_SEMCONV_STABILITY_OPT_IN": "http/dup,database/dup"}, None, {OLD, CURRENT, "http.target"}),
        ({"OTEL_SEMCONV_STABILITY_OPT_IN": "http"}, None, {CURRENT}),
        ({"PYSPAN_SEMCONV": "old"}, None, {OLD, "http.target"}),
        ({"PYSPAN_SEMCONV": "older"}, None, {CURRENT}),
        ({"PYSPAN_SEMCONV": "old"}, "current", {CURRENT}),
    ],
)
def test_the_keys_are_those_of_the_style(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], style: str | None, keys: set[str]
) -> None:
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    traced = Traced()
    ask("/?a=b", tracer_provider=traced.provider, attribute_style=style)
    looked_for = {OLD, CURRENT, "http.target", "http.query", "http.response_time"}
    assert looked_for & set(traced.attributes()) == keys


ERROR = ("error", "error.type", "error.msg", "error.stack")


def test_in_the_style_of_documents_an_exception_has_the_keys_of_an_error(ask: Ask) -> None:
    traced = Traced()
    with pytest.raises(ValueError, match="hunter2"):
        ask(inside=_refuse, tracer_provider=traced.provider, attribute_style="documents")
    found, recorded = traced.attributes(), dict(traced.only.events[0].attributes)
    told = "no such user: password=[REDACTED]"
    assert [found.get(key) for key in ERROR] == [True, "ValueError", told, recorded["exception.stacktrace"]]
    assert "in _refuse\n" in found["error.stack"]
    assert "hunter2" not in found["error.stack"]
    assert found["http.response_time"] >= 0


def test_the_style_of_the_environment_has_the_keys_of_an_error_too(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYSPAN_SEMCONV", "documents")
    traced = Traced()
    with pytest.raises(ValueError, match="hunter2"):
        ask(inside=_refuse, tracer_provider=traced.provider)
    assert set(ERROR) <= set(traced.attributes())


def test_a_span_of_another_sdk_has_the_keys_of_an_error_too(ask: Ask) -> None:
    provider, exporter = SdkProvider(), SdkExporter()
    provider.add_span_processor(SdkProcessor(exporter))
    with pytest.raises(ValueError, match="hunter2"):
        ask(inside=_refuse, tracer_provider=provider, attribute_style="documents")
    assert set(ERROR) <= set(exporter.get_finished_spans()[0].attributes or {})


@pytest.mark.parametrize(("status", "error"), [(200, None), (404, None), (500, True), (503, True)])
def test_in_the_style_of_documents_an_answer_from_500_on_is_an_error(ask: Ask, status: int, error: bool | None) -> None:
    traced = Traced()
    ask(status=status, tracer_provider=traced.provider, attribute_style="documents")
    found = traced.attributes()
    assert (found.get("error"), found.get("error.type")) == (error, str(status) if error else None)
    assert not {"error.msg", "error.stack"} & set(found)


def test_a_span_of_another_sdk_says_so_of_an_answer_from_500_on_too(ask: Ask) -> None:
    provider, exporter = SdkProvider(), SdkExporter()
    provider.add_span_processor(SdkProcessor(exporter))
    ask(status=500, tracer_provider=provider, attribute_style="documents")
    assert (exporter.get_finished_spans()[0].attributes or {}).get("error") is True


@pytest.mark.parametrize("style", ["current", "old", "dup"])
def test_the_other_styles_have_no_key_of_the_documents_for_errors(ask: Ask, style: str) -> None:
    traced = Traced()
    with pytest.raises(ValueError, match="hunter2"):
        ask(inside=_refuse, tracer_provider=traced.provider, attribute_style=style)
    ask(status=500, tracer_provider=traced.provider, attribute_style=style)
    for span in traced.spans:
        assert [key for key in (*ERROR, "http.response_time") if key in span.attributes] == ["error.type"]


def _refuse() -> None:
    raise ValueError("no such user: password=hunter2")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inbound_context": "believe"}, "inbound_context='believe' cannot be used: give trust, link, ignore_sampling"),
        ({"excluded": "("}, r"excluded URLs \['\('\] cannot be used: .*; give regular expressions"),
        ({"excluded": [1]}, r"excluded=\[1\] cannot be used: give a list of texts"),
        ({"response_headers": ["x-trace"]}, "response_headers: 'x-trace' cannot be used: give some of traceresponse"),
        ({"response_headers": "traceresponse"}, "response_headers='traceresponse' cannot be used: give a list"),
        ({"expose_to": ["*"]}, r"expose_to: '\*' is no origin: give https://shop.example"),
        ({"capture_request_headers": ["("]}, r"captured request headers: \['\('\] cannot be used"),
        ({"capture_response_headers": "x"}, "captured response headers: 'x' cannot be used: give a list of names"),
        ({"attribute_style": "new"}, "attribute_style='new' cannot be used: give one of current, old, dup, documents"),
    ],
)
def test_what_cannot_be_used_is_named(ask: Ask, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        ask(**options)


class Keeping(Sampler):
    """A sampler in Python, which sees the attributes before the span starts."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def should_sample(self, *given: Any, **named: Any) -> SamplingResult:
        self.seen.append((given, named))
        return SamplingResult(Decision.RECORD_AND_SAMPLE)

    def get_description(self) -> str:
        return "keeping"


def test_a_sampler_in_python_sees_the_attributes(ask: Ask) -> None:
    sampler = Keeping()
    ask("/orders", tracer_provider=Traced(sampler=sampler).provider)
    assert "'url.path': '/orders'" in str(sampler.seen)


def test_another_sdk_can_make_the_spans(ask: Ask) -> None:
    exporter, provider = SdkExporter(), SdkProvider()
    provider.add_span_processor(SdkProcessor(exporter))
    ask("/orders/7", CALLER, tracer_provider=provider, route=lambda given: "/orders/{number}")
    (span,) = exporter.get_finished_spans()
    assert (span.name, span.kind, span.status.status_code) == (
        "GET /orders/{number}",
        SpanKind.SERVER,
        StatusCode.UNSET,
    )
    attributes = dict(span.attributes or {})
    assert attributes["url.path"] == "/orders/7"
    assert attributes["http.response.status_code"] == 200
    assert attributes["http.route"] == "/orders/{number}"
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == PARENT_ID


@pytest.mark.parametrize(("rate", "count"), [(1.0, 1), (0.0, 0)])
def test_a_sampler_of_operations_takes_requests_by_their_type(ask: Ask, rate: float, count: int) -> None:
    sampler = OperationSampler("test", base_rate=rate, critical=[])
    traced = Traced(sampler=sampler)
    ask("/orders", tracer_provider=traced.provider)
    assert len(traced.spans) == count
