"""The same calls on pyspan and on opentelemetry-sdk leave the same spans, read attribute by attribute."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

import opentelemetry.sdk.trace as their_trace
import opentelemetry.sdk.trace.export as their_export
import opentelemetry.sdk.trace.export.in_memory_span_exporter as their_memory
import pytest
from opentelemetry import trace
from opentelemetry.trace import (
    INVALID_SPAN,
    INVALID_SPAN_CONTEXT,
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)

import pyspan.sdk.trace as our_trace
import pyspan.sdk.trace.export as our_export
import pyspan.sdk.trace.export.in_memory_span_exporter as our_memory

Case = Callable[[Any], object]

# Where the SDK keeps what OTLP cannot carry (huge integers, lone surrogates), pyspan keeps what it will send.
VALUES = [
    *(1, 1.5, True, None, "text", "", b"bytes", b"\xff", (1, "a"), [1, 2], [1, None], [[1], [2]], [], {}, range(3)),
    *(
        {"a": 1},
        {"a": {"b": [1]}},
        {1},
        object,
        3 + 4j,
        bytearray(b"x"),
        Ellipsis,
        float("inf"),
        ["a", b"x"],
        [True, 1.5],
    ),
]
LIMITS = {
    "max_span_attributes": 2,
    "max_events": 2,
    "max_links": 2,
    "max_event_attributes": 1,
    "max_link_attributes": 1,
    "max_attribute_length": 4,
}


class Counting(our_trace.IdGenerator):
    """Ids 1, 2, 3, so that both make the same."""

    def __init__(self) -> None:
        self.last = 0

    def generate_trace_id(self) -> int:
        self.last += 1
        return self.last

    def generate_span_id(self) -> int:
        return self.generate_trace_id()


def odd_values(tracer: Any) -> None:
    with tracer.start_as_current_span("values") as span:
        for number, value in enumerate(VALUES):
            span.set_attribute(f"key {number}", value)


def odd_keys(tracer: Any) -> None:
    with tracer.start_as_current_span("keys") as span:
        for key in ("", None, 1, b"bytes", "good"):
            span.set_attribute(key, 1)


def last_value_wins(tracer: Any) -> None:
    with tracer.start_as_current_span("again", attributes={"a": 1, "b": 2}) as span:
        span.set_attribute("a", 3)
        span.set_attributes({"b": None, "c": "x"})


def values_are_copied(tracer: Any) -> None:
    numbers, attributes = [1, 2], {"a": [1]}
    span = tracer.start_span("copied", attributes={"numbers": numbers})
    span.add_event("event", attributes)
    numbers.append(3)
    attributes["b"] = [2]
    span.end()


def statuses(tracer: Any) -> None:
    for codes in (["OK", "ERROR"], ["ERROR", "OK"], ["ERROR", "UNSET"], ["OK", "UNSET"], ["UNSET"]):
        with tracer.start_as_current_span("by status") as span:
            for code in codes:
                span.set_status(Status(StatusCode[code], "why" if code == "ERROR" else None))
        with tracer.start_as_current_span("by code") as span:
            for code in codes:
                span.set_status(StatusCode[code], "why")
    with tracer.start_as_current_span("both") as span:
        span.set_status(Status(StatusCode.ERROR, "this"), "not this")
        span.set_status("nonsense")


def exceptions(tracer: Any) -> None:
    for error in (ValueError("boom"), KeyboardInterrupt("now"), asyncio.CancelledError()):
        for options in ({}, {"record_exception": False}, {"set_status_on_exception": False}):
            for start in (tracer.start_as_current_span, tracer.start_span):
                with contextlib.suppress(BaseException), start("failing", **options):
                    raise error


def exceptions_by_hand(tracer: Any) -> None:
    span = tracer.start_span("recorded")
    span.record_exception(ValueError("q"), {"exception.message": "mine", "x": 1}, timestamp=5, escaped=True)
    span.record_exception(None, timestamp=6)
    span.end()
    with contextlib.suppress(ValueError), tracer.start_as_current_span("ended inside") as span:
        span.end()
        raise ValueError("late")


def after_the_end(tracer: Any) -> object:
    span = tracer.start_span("ended", attributes={"a": 1})
    span.end()
    span.set_attribute("a", 2)
    span.set_attributes({"b": 2})
    span.add_event("late")
    span.add_link(SpanContext(1, 1, is_remote=True))
    span.set_status(StatusCode.ERROR)
    span.record_exception(ValueError())
    span.update_name("late")
    span.end()
    return span.is_recording(), span.name


def times(tracer: Any) -> None:
    tracer.start_span("given", start_time=123).end(456)
    span = tracer.start_span("backwards", start_time=500)
    span.add_event("event", timestamp=501)
    span.end(400)
    tracer.start_span("zero", start_time=0).end(0)


def kinds_and_names(tracer: Any) -> None:
    for kind in SpanKind:
        tracer.start_span(f"é {kind.name}", kind=kind).end()
    span = tracer.start_span("before")
    span.update_name("after")
    span.end()


def parents(tracer: Any) -> object:
    state = TraceState([("vendor", "x")])
    for flags in (1, 3, 0xFF):
        parent = NonRecordingSpan(
            SpanContext(0xABC, 0xDEF, is_remote=True, trace_flags=TraceFlags(flags), trace_state=state)
        )
        with tracer.start_as_current_span("remote", context=trace.set_span_in_context(parent)) as span:
            tracer.start_span("local").end()
            assert span.get_span_context().trace_state == state
    tracer.start_span("none", context=trace.set_span_in_context(INVALID_SPAN)).end()
    unsampled = NonRecordingSpan(SpanContext(0xABC, 0xDEF, is_remote=True))
    with tracer.start_as_current_span("unsampled", context=trace.set_span_in_context(unsampled)) as span:
        return span.is_recording(), span.get_span_context().trace_id, span.get_span_context().is_valid


def links(tracer: Any) -> None:
    known = SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(1), trace_state=TraceState([("k", "v")]))
    span = tracer.start_span(
        "linked", links=[Link(INVALID_SPAN_CONTEXT), Link(INVALID_SPAN_CONTEXT, {"a": 1}), Link(known)]
    )
    span.add_link(INVALID_SPAN_CONTEXT)
    span.add_link(SpanContext(3, 4, is_remote=True), {"a": [1]})
    span.end()
    tracer.start_span("unlinked", links=None).end()


def events(tracer: Any) -> None:
    with tracer.start_as_current_span("events") as span:
        span.add_event("odd", {"a": None, "b": {"x": 1}, "": 2})
        span.add_event("none", None, None)
        span.add_event("empty", attributes={}, timestamp=7)


def over_the_limits(tracer: Any) -> None:
    linked = [Link(SpanContext(1, number, is_remote=True), {"a": "abcdefg", "b": 2}) for number in (1, 2, 3)]
    attributes = {"a": "abcdefgh", "b": 2, "c": ["abcdefgh", "x"]}
    with tracer.start_as_current_span("limited", attributes=attributes, links=linked) as span:
        span.set_attribute("d", "ééééééé")
        for number in range(4):
            span.add_event(f"event {number}", {"a": "abcdefg", "b": 1})
        span.add_link(SpanContext(2, 2, is_remote=False))


def decorated(tracer: Any) -> object:
    @tracer.start_as_current_span("function", attributes={"a": 1})  # type: ignore[untyped-decorator]  # of either
    def function(number: int) -> tuple[int, bool]:
        return number, trace.get_current_span().is_recording()

    @tracer.start_as_current_span("coroutine")  # type: ignore[untyped-decorator]  # of either
    async def coroutine(number: int) -> tuple[int, bool]:
        await asyncio.sleep(0)
        return number, trace.get_current_span().is_recording()

    return function(1), function(2), asyncio.run(coroutine(3)), function.__name__, coroutine.__name__


def used_by_hand(tracer: Any) -> object:
    span = tracer.start_span("used")
    with trace.use_span(span, end_on_exit=True) as same:
        assert same is span
        assert trace.get_current_span() is span
        tracer.start_span("below").end()
    with tracer.start_as_current_span("kept", end_on_exit=False) as kept:
        pass
    going_on = kept.is_recording()
    kept.end()
    return span.is_recording(), going_on


CASES: list[tuple[Case, dict[str, int]]] = [
    *((case, {}) for case in (odd_values, odd_keys, last_value_wins, values_are_copied, statuses, exceptions)),
    *((case, {}) for case in (exceptions_by_hand, after_the_end, times, kinds_and_names, parents, links, events)),
    *((case, {}) for case in (decorated, used_by_hand)),
    (over_the_limits, LIMITS),
    (over_the_limits, {"max_span_attributes": 0, "max_events": 0, "max_links": 0}),
    (odd_values, {"max_span_attribute_length": 3}),
]


@pytest.mark.parametrize(
    ("case", "limits"), CASES, ids=lambda part: getattr(part, "__name__", None) or f"{len(part)} limits"
)
def test_the_spans_are_the_same(case: Case, limits: dict[str, int], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    theirs = record(case, limits, their_trace, their_export, their_memory)
    assert record(case, limits, our_trace, our_export, our_memory) == theirs


def record(case: Case, limits: dict[str, int], sdk: Any, export: Any, memory: Any) -> object:
    provider = sdk.TracerProvider(id_generator=Counting(), span_limits=sdk.SpanLimits(**limits), shutdown_on_exit=False)
    exporter = memory.InMemorySpanExporter()
    provider.add_span_processor(export.SimpleSpanProcessor(exporter))
    result = case(provider.get_tracer("tests", "1"))
    return result, [view(span) for span in exporter.get_finished_spans()]


def view(span: Any) -> dict[str, object]:
    return {
        "name": span.name,
        "context": span.context,
        "parent": span.parent,
        "kind": span.kind,
        "status": (span.status.status_code, span.status.description),
        "attributes": [(key, type(value), value) for key, value in span.attributes.items()],
        "events": [(event.name, time(event.timestamp), known(event)) for event in span.events],
        "links": [(link.context, dict(link.attributes or {}), link.dropped_attributes) for link in span.links],
        "times": (time(span.start_time), time(span.end_time)),
        "dropped": (span.dropped_attributes, span.dropped_events, span.dropped_links),
        "scope": (span.instrumentation_scope.name, span.instrumentation_scope.version),
    }


def known(event: Any) -> tuple[dict[str, object], int]:
    """Leave out the lines of a traceback, which name files."""
    attributes = {key: value for key, value in event.attributes.items() if key != "exception.stacktrace"}
    return attributes, event.dropped_attributes


def time(nanoseconds: int) -> int | str:
    return nanoseconds if nanoseconds < 1_000_000 else "now"
