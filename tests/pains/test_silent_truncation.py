"""Attributes that are cut or dropped without a word."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.trace import SpanContext

from pyspan.sdk.trace import SpanLimits, TracerProvider, _limited
from pyspan.sdk.trace.export import BatchSpanProcessor, OTLPSpanExporter
from tests.support.scripts import spans

if TYPE_CHECKING:
    from tests.support.otlp_sink import OtlpSink

LIMITS = {
    "max_span_attributes": 2,
    "max_event_attributes": 1,
    "max_link_attributes": 1,
    "max_events": 1,
    "max_links": 1,
    "max_attribute_length": 4,
}


@pytest.fixture
def tracer(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Trace by small limits, with nothing said so far."""
    monkeypatch.setattr(_limited, "_said", set())
    return TracerProvider(span_limits=SpanLimits(**LIMITS), shutdown_on_exit=False).get_tracer("x")


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage().partition(" (OTEL_")[0] for record in caplog.records]


def test_a_value_that_is_cut_is_said_once_a_key(tracer: Any, caplog: pytest.LogCaptureFixture) -> None:
    with tracer.start_as_current_span("pay") as span:
        for _ in range(3):
            span.set_attribute("body", "long text")
        span.set_attribute("list", ["short", "x"])
        span.add_event("event", {"reason": "long text"})
        span.set_attribute("body", "four")
    cut = "The value of attribute {!r} is cut to 4 characters"
    assert said(caplog) == [cut.format("body"), cut.format("list"), cut.format("reason")]


def test_what_a_span_had_no_room_for_is_said_once_a_name(tracer: Any, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("pay", "pay", "ship"):
        with tracer.start_as_current_span(name, attributes=dict.fromkeys("abcd", 1)) as span:
            span.add_event("1")
            span.add_event("2")
    assert said(caplog) == [
        f"Span '{name}' has lost 2 attributes, 1 events, 0 links to its limits" for name in ("pay", "ship")
    ]


def test_an_attribute_with_an_empty_key_is_not_said_to_be_over_the_limits_alone(
    tracer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with tracer.start_as_current_span("pay") as span:
        span.set_attribute("", 1)
        span.add_event("event", {"": 1})
    lost = [record.getMessage() for record in caplog.records if "has lost" in record.getMessage()]
    assert [line.partition(") ")[2] for line in lost] == ["or to invalid keys; said once a name."] * 2


def test_a_cut_of_a_span_s_attribute_names_the_limit_of_spans_too(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(_limited, "_said", set())
    limits = SpanLimits(_environ={"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "3"})
    provider = TracerProvider(span_limits=limits, shutdown_on_exit=False)
    provider.get_tracer("x").start_span("x").set_attribute("body", "long text")
    assert "cut to 3 characters" in caplog.text
    assert "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT for a span's own" in caplog.text


@pytest.mark.parametrize("odd", [{}, {"d": object()}], ids=["plain", "odd"])
def test_what_an_event_or_a_link_had_no_room_for_is_said_once_a_name(
    tracer: Any, caplog: pytest.LogCaptureFixture, odd: dict[str, Any]
) -> None:
    too_many = {**dict.fromkeys("abc", 1), **odd}
    for _ in range(2):
        tracer.start_span("pay").add_event("retry", too_many)
        tracer.start_span("pay").add_link(SpanContext(1, 2, is_remote=True), too_many)
    lost = f"has lost {len(too_many) - 1} attributes to the limit"
    lines = [line for line in said(caplog) if "has lost" in line]
    assert lines == [f"Event 'retry' {lost}", f"A link of span 'pay' {lost}"]


def test_a_log_handler_may_change_the_span_that_is_spoken_of(tracer: Any) -> None:
    class Changing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            span.set_attribute(f"seen {len(seen)}", 1)
            seen.append(record.getMessage())

    seen: list[str] = []
    handler = Changing()
    _limited.logger.addHandler(handler)
    try:
        span = tracer.start_span("pay")
        span.set_attribute("body", "long text")
        span.add_event("retry", {"a": 1, "b": 1})
        span.add_link(SpanContext(1, 2, is_remote=True), {"a": 1, "b": 1})
        span.set_attributes(dict.fromkeys("abc", 1))
        span.end()
    finally:
        _limited.logger.removeHandler(handler)
    assert len(seen) == 4


def test_after_a_thousand_names_no_more_are_told_and_that_is_said(
    tracer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(1_100):
        tracer.start_span(f"GET /{number}", attributes=dict.fromkeys("abc", 1)).end()
    assert len(said(caplog)) == 1_001
    assert said(caplog)[-1] == "The limits have cut what has 1000 names; further ones are not told."


def test_a_span_within_its_limits_says_nothing(tracer: Any, caplog: pytest.LogCaptureFixture) -> None:
    with tracer.start_as_current_span("pay", attributes={"a": "four"}) as span:
        span.set_attribute("a", 1)
        span.add_event("1")
    assert said(caplog) == []


def test_the_backend_is_told_how_many_there_were(sink: OtlpSink) -> None:
    provider = TracerProvider(span_limits=SpanLimits(**LIMITS), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{sink.endpoint}/v1/traces")))
    with provider.get_tracer("x").start_as_current_span("pay", attributes=dict.fromkeys("abcd", 1)) as span:
        span.add_event("1")
        span.add_event("2", {"a": 1})
    provider.shutdown()
    ((_, exported),) = spans(sink)
    assert (exported.dropped_attributes_count, exported.dropped_events_count, exported.dropped_links_count) == (2, 1, 0)
