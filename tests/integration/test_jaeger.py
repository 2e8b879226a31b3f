"""A real trace store shows one trace over two services as their spans say, sent straight and through the agent."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanContext, SpanKind, StatusCode, TraceFlags, TraceState
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from pyspan.sdk.resources import Resource
from pyspan.sdk.trace import ReadableSpan, TracerProvider
from pyspan.sdk.trace.export import BatchSpanProcessor, OTLPSpanExporter, SimpleSpanProcessor
from pyspan.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.integration.canonical import Canonical, from_json, python_value
from tests.integration.readable import from_readable
from tests.integration.reading import key_of
from tests.support.agent_process import AgentProcess
from tools.components.jaeger import Jaeger

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

VALUES: dict[str, Any] = {
    "string": "Grüße, 世界 🌍",
    "string.empty": "",
    "bool": True,
    "bool.false": False,
    "int": -42,
    "int.largest": 2**63 - 1,
    "int.smallest": -(2**63),
    "double": 0.1,
    "double.whole": 1.0,
    "double.huge": 1.7976931348623157e308,
    "bytes": bytes(range(256)),
    "strings": ["a", ""],
    "ints": [1, 2],
    "bools": [True, False],
    "mixed": [1, "two", 3.0, None],
    "nothing": [],
    "map": {"inner": {"flag": True, "list": [1]}},
    "none": None,
}
NOT_KEPT = {"resource_schema_url": "", "scope_schema_url": ""}
"""What Jaeger's store in memory leaves out of the spans that it takes."""


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_jaeger_shows_what_two_services_have_sent_it(
    protocol: str, jaeger: Jaeger, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = jaeger.traces_url if protocol == "http/protobuf" else f"http://{jaeger.grpc_address}"
    assert_shown(jaeger, place_order(protocol, endpoint, monkeypatch))


@pytest.mark.parametrize("kind", ["otlp", "otlp-grpc"])
def test_jaeger_shows_what_two_services_have_sent_to_the_agent(
    kind: str, jaeger: Jaeger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = jaeger.traces_url if kind == "otlp" else jaeger.grpc_address
    with AgentProcess(tmp_path, exports=[f"{kind}={target}"]) as agent:
        spans = place_order("http/protobuf", agent.traces_url, monkeypatch)
        assert agent.stop(60.0) == 0
    assert_shown(jaeger, spans)


def test_jaeger_finds_a_trace_by_an_attribute_of_one_of_its_spans(
    jaeger: Jaeger, monkeypatch: pytest.MonkeyPatch
) -> None:
    (wanted,) = {
        key_of(from_readable(span))[0] for span in place_order("grpc", f"http://{jaeger.grpc_address}", monkeypatch)
    }
    tags = {"order.trace": wanted, "int": "-42", "bool": "true", "double": "0.1"}
    query = {"service": "stock", "operation": "reserve", "tags": json.dumps(tags)}
    wait_for_trace(jaeger, wanted, 3)
    (found,) = _get(jaeger, f"/api/traces?{urlencode(query)}")["data"]
    assert found["traceID"] == wanted
    assert {process["serviceName"] for process in found["processes"].values()} == {"shop", "stock"}


def place_order(protocol: str, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Sequence[ReadableSpan]:
    """Let two services make one trace and send it, and return its spans as read."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", protocol)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", endpoint)
    memory = InMemorySpanExporter()
    shop, stock = (_service(name, memory) for name in ("shop", "stock"))
    headers: dict[str, str] = {}
    tracer = shop.get_tracer("shop.web", "1.2.3", "https://opentelemetry.io/schemas/1.29.0", {"scope.kind": "test"})
    with tracer.start_as_current_span("POST /orders", Context(), SpanKind.CLIENT, VALUES) as span:
        span.set_status(StatusCode.OK)
        TraceContextTextMapPropagator().inject(headers)
    _reserve(stock, headers)
    shop.shutdown()
    stock.shutdown()
    return memory.get_finished_spans()


def _service(name: str, memory: InMemorySpanExporter) -> TracerProvider:
    resource = Resource({"service.name": name, **VALUES}, "https://opentelemetry.io/schemas/1.30.0")
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    provider.add_span_processor(SimpleSpanProcessor(memory))
    return provider


def _reserve(stock: TracerProvider, headers: Mapping[str, str]) -> None:
    tracer = stock.get_tracer("stock.rpc")
    earlier = SpanContext(2**127 + 1, 2**63 + 1, True, TraceFlags(1), TraceState([("vendor", "value")]))
    links = [Link(earlier, VALUES), Link(SpanContext(5, 6, False))]
    parent = TraceContextTextMapPropagator().extract(headers)
    with tracer.start_as_current_span("reserve", parent, SpanKind.SERVER, VALUES, links) as span:
        span.set_attribute("order.trace", f"{span.get_span_context().trace_id:032x}")
        span.add_event("locked", VALUES)
        span.add_event("waited", timestamp=time.time_ns() - 1_000_000)
        span.set_status(StatusCode.ERROR, "sold out")
        with pytest.raises(LookupError), tracer.start_as_current_span("query", kind=SpanKind.INTERNAL):
            raise LookupError("no such item")


def assert_shown(jaeger: Jaeger, spans: Sequence[ReadableSpan]) -> None:
    """Check that Jaeger gives back each span once, the same in every field that it keeps."""
    sent = {key_of(span): span | NOT_KEPT for span in map(from_readable, spans)}
    (trace_id,) = {trace_id for trace_id, _ in sent}
    shown = wait_for_trace(jaeger, trace_id, len(sent))
    assert len(shown) == len(sent) == 3
    for span in shown:
        assert span == sent[key_of(span)]
    _assert_set({span["name"]: span for span in shown})


def _assert_set(shown: Mapping[str, Canonical]) -> None:
    """Check against what was set, too: what spans say of themselves comes out of the code that has encoded them."""
    post, reserve, query = (shown[name] for name in ("POST /orders", "reserve", "query"))
    values = {key: python_value(value) for key, value in VALUES.items()}
    for service, span in (("shop", post), ("stock", reserve), ("stock", query)):
        assert span["resource"] == {"service.name": ("string", service), **values}
    assert [post["attributes"], reserve["events"][0]["attributes"], reserve["links"][0]["attributes"]] == [values] * 3
    assert [post["status"], reserve["status"]] == [(1, ""), (2, "sold out")]
    assert [reserve["parent_span_id"], query["parent_span_id"]] == [post["span_id"], reserve["span_id"]]
    (raised,) = query["events"]
    assert raised["attributes"]["exception.message"] == ("string", "no such item")


def wait_for_trace(jaeger: Jaeger, trace_id: str, spans: int, timeout: float = 60.0) -> list[Canonical]:
    """Ask Jaeger for a trace as it was stored until it has so many spans."""
    deadline = time.monotonic() + timeout
    while True:
        found = _trace(jaeger, trace_id)
        if len(found) >= spans or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


def _trace(jaeger: Jaeger, trace_id: str) -> list[Canonical]:
    try:
        answer = _get(jaeger, f"/api/v3/traces/{trace_id}?raw_traces=true")
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != 404:
            raise
        return []
    return list(from_json(json.dumps(answer["result"])))


def _get(jaeger: Jaeger, path: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{jaeger.query_url}{path}", timeout=10) as reply:
        answer: dict[str, Any] = json.loads(reply.read())
    return answer
