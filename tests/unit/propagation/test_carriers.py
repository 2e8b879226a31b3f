"""Carriers that are no dict of texts: pairs of text and bytes, bytes as values."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry import baggage, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator as OfApi
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator as CompositeOfApi
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator as TraceContextOfApi

from pyspan.propagation import (
    B3MultiFormat,
    CompositePropagator,
    JaegerPropagator,
    TraceContextTextMapPropagator,
    W3CBaggagePropagator,
)
from pyspan.propagation.carriers import pairs_getter, pairs_setter
from pyspan.sdk.trace import TracerProvider
from tests.unit.propagation.headers import SPAN_ID, TRACE_ID, Caller, caller_of, context_of

OURS = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])
THEIRS = CompositeOfApi([TraceContextOfApi(), OfApi()])
PARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"
WAYS = [
    pytest.param(OURS, {}, id="natively"),
    pytest.param(OURS, {"getter": pairs_getter}, id="by the getter"),
    pytest.param(THEIRS, {"getter": pairs_getter}, id="the API's by the getter"),
]


@pytest.mark.parametrize(("propagator", "getter"), WAYS)
@pytest.mark.parametrize("make", [list, tuple])
def test_a_list_of_text_and_bytes_is_read(propagator: Any, getter: dict[str, Any], make: Any) -> None:
    headers = make([("schema", b"\xff\x00"), ("Traceparent", PARENT.encode()), ("baggage", b"tenant=blue")])
    context = propagator.extract(headers, Context(), **getter)
    assert (caller_of(context), baggage.get_all(context)) == (Caller(), {"tenant": "blue"})


@pytest.mark.parametrize(("propagator", "getter"), WAYS)
@pytest.mark.parametrize("wrong", [("traceparent", None), ("traceparent", 3), (None, b"x"), (1, 2), (b"a",), 1, None])
def test_headers_that_are_no_text_are_skipped(propagator: Any, getter: dict[str, Any], wrong: Any) -> None:
    headers = [wrong, ("traceparent", PARENT.encode())]
    assert caller_of(propagator.extract(headers, Context(), **getter)) == Caller()
    assert caller_of(propagator.extract([wrong], Context(), **getter)) is None


@pytest.mark.parametrize(("propagator", "getter"), WAYS)
def test_pairs_may_be_lists(propagator: Any, getter: dict[str, Any]) -> None:
    headers = [["traceparent", PARENT.encode()], ["baggage", "tenant=blue"]]
    context = propagator.extract(headers, Context(), **getter)
    assert (caller_of(context), baggage.get_all(context)) == (Caller(), {"tenant": "blue"})


class Raising(list[Any]):
    """A list that always raises, however often it is asked for its next member."""

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        raise ValueError("no header")


@pytest.mark.parametrize("extract", [OURS.extract, OURS.extract_headers])
def test_a_list_that_raises_without_end_is_left(extract: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert caller_of(extract(Raising(), Context())) is None
    assert [record.name for record in caplog.records] == ["pyspan.propagation"]


def test_headers_without_a_value_are_skipped_among_pairs() -> None:
    headers: Any = [("traceparent", None), ("traceparent", PARENT.encode())]
    assert caller_of(OURS.extract_headers(headers, Context())) == Caller()


@pytest.mark.parametrize("wrong", [[], [1], [("traceparent",)], [None]])
def test_a_list_of_something_else_names_no_parent(wrong: Any) -> None:
    assert caller_of(OURS.extract(wrong, Context())) is None


@pytest.mark.parametrize(
    ("propagator", "setter"),
    [(OURS, {}), (OURS, {"setter": pairs_setter}), (THEIRS, {"setter": pairs_setter})],
    ids=["natively", "by the setter", "the API's by the setter"],
)
def test_a_list_is_written_as_text_and_bytes_in_the_place_of_what_was_there(
    propagator: Any, setter: dict[str, Any]
) -> None:
    headers: Any = [("traceparent", b"of before"), ("schema", b"1"), ("TraceParent", b"of before"), (None, None)]
    propagator.inject(headers, baggage.set_baggage("tenant", "blue", context_of(Caller())), **setter)
    assert headers == [
        ("schema", b"1"),
        (None, None),
        ("traceparent", PARENT.encode()),
        ("baggage", b"tenant=blue"),
    ]


def test_what_is_written_to_a_list_is_read_from_it() -> None:
    several = CompositePropagator([B3MultiFormat(), JaegerPropagator()])
    headers: Any = []
    several.inject(headers, baggage.set_baggage("tenant", "blue", context_of(Caller())))
    context = several.extract(headers, Context())
    assert (caller_of(context), baggage.get_all(context)) == (Caller(), {"tenant": "blue"})


@pytest.mark.parametrize(
    "headers",
    [
        {"traceparent": PARENT.encode()},
        {"traceparent": [PARENT.encode()]},
        {"traceparent": (PARENT,), "tracestate": b""},
    ],
)
def test_bytes_are_values_of_a_dict_too(headers: Any) -> None:
    assert caller_of(OURS.extract(headers, Context())) == Caller()


def test_bytes_that_are_no_parent_name_none() -> None:
    assert caller_of(OURS.extract({"traceparent": b"\xff\xfe"}, Context())) is None


def test_a_batch_of_records_becomes_links() -> None:
    tracer: Any = TracerProvider(shutdown_on_exit=False).get_tracer("x")
    batch: list[Any] = [[("traceparent", f"00-{number:032x}-{number:016x}-01".encode())] for number in (1, 2)]
    callers = [trace.get_current_span(OURS.extract(headers, Context())).get_span_context() for headers in batch]
    span = tracer.start_span("receive", Context(), links=[trace.Link(caller) for caller in callers])
    assert [(link.context.trace_id, link.context.span_id) for link in span.links] == [(1, 1), (2, 2)]
