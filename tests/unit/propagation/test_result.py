"""The trace in the results of calls."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from opentelemetry import trace

import pyspan
from pyspan.sdk.resources import Resource
from pyspan.sdk.trace import TracerProvider
from tests.unit.propagation.headers import SPAN_ID, TRACE_ID, Caller, context_of

RESOURCE = Resource({"service.name": "shop", "service.version": "1.2", "deployment.environment.name": "staging"})


@dataclass
class Order:
    number: int


@dataclass(frozen=True)
class Paid:
    number: int


class Slotted:
    __slots__ = ()


def tracer(resource: Resource) -> Any:
    return TracerProvider(resource=resource, shutdown_on_exit=False).get_tracer("test")


def test_the_current_span_serialises_to_json() -> None:
    with tracer(RESOURCE).start_as_current_span("work") as span:
        found = json.loads(json.dumps(pyspan.trace_context()))
    ids = span.get_span_context()
    assert found == {
        "traceId": f"{ids.trace_id:032x}",
        "spanId": f"{ids.span_id:016x}",
        "service": "shop",
        "version": "1.2",
        "env": "staging",
    }


def test_outside_a_span_there_is_none() -> None:
    assert pyspan.trace_context() is None
    assert not hasattr(pyspan.with_trace_context(Order(1)), "__traceContext")


def test_what_nobody_has_said_is_empty() -> None:
    with tracer(Resource({"deployment.environment": "test"})).start_as_current_span("work"):
        found = pyspan.trace_context()
    assert found is not None
    assert (found["service"], found["version"], found["env"]) == ("", "", "test")


def test_a_callers_span_has_ids_too() -> None:
    with trace.use_span(trace.get_current_span(context_of(Caller()))):
        found = pyspan.trace_context()
    assert found is not None
    assert (found["traceId"], found["spanId"]) == (TRACE_ID, SPAN_ID)


def test_a_result_that_takes_attributes_has_the_context() -> None:
    with tracer(RESOURCE).start_as_current_span("work"):
        order = pyspan.with_trace_context(Order(1))
        assert getattr(order, "__traceContext") == pyspan.trace_context()
    assert order == Order(1)


@pytest.mark.parametrize("result", [{"a": 1}, [1], None, "x", 5, (), Paid(1), Slotted()])
def test_a_result_that_takes_no_attributes_stays_as_it_is(result: Any) -> None:
    with tracer(RESOURCE).start_as_current_span("work"):
        assert pyspan.with_trace_context(result) is result
    assert not hasattr(result, "__traceContext")
