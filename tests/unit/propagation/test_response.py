"""The trace handed back to the caller."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.context import Context
from opentelemetry.instrumentation import propagators

from pyspan.propagation import DatadogResponsePropagator, ServerTimingPropagator, TraceResponsePropagator
from tests.unit.propagation.headers import SPAN_ID, TRACE_ID, Caller, context_of, injected

VALUE = f"00-{TRACE_ID}-{SPAN_ID}-01"


def test_a_response_names_the_trace_in_each_format() -> None:
    context = context_of(Caller())
    assert injected(TraceResponsePropagator(), context) == {"traceresponse": VALUE}
    assert injected(ServerTimingPropagator(), context) == {"Server-Timing": f'traceparent;desc="{VALUE}"'}
    assert injected(DatadogResponsePropagator(), context) == {
        "x-datadog-trace-id": str(int(TRACE_ID[16:], 16)),
        "x-datadog-parent-id": str(int(SPAN_ID, 16)),
    }


def test_timings_of_the_application_stay() -> None:
    carrier = {"Server-Timing": "db;dur=53"}
    ServerTimingPropagator().inject(carrier, context_of(Caller()))
    assert carrier == {"Server-Timing": f'db;dur=53, traceparent;desc="{VALUE}"'}


@pytest.mark.parametrize("kind", [TraceResponsePropagator, ServerTimingPropagator, DatadogResponsePropagator])
def test_nothing_is_read_from_a_request_and_nothing_written_without_a_span(kind: type[TraceResponsePropagator]) -> None:
    assert kind().extract({"traceresponse": VALUE}) == Context()
    assert injected(kind(), Context()) == {}


def test_instrumentations_take_it_for_a_response_propagator() -> None:
    instrumentation: Any = propagators
    instrumentation.set_global_response_propagator(TraceResponsePropagator())
    try:
        carrier: dict[str, str] = {}
        current = instrumentation.get_global_response_propagator()
        current.inject(carrier, context_of(Caller()), setter=instrumentation.default_setter)
    finally:
        instrumentation.set_global_response_propagator(None)
    assert carrier == {"traceresponse": VALUE}
