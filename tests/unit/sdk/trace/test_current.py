"""What is current while a span is, whether or not code of the user's runs when it starts."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry import baggage, context, trace

from pyspan.sdk.trace import SpanProcessor, TracerProvider


@pytest.fixture(params=[False, True], ids=["unseen", "seen by a processor"])
def tracer(request: Any) -> Any:
    provider = TracerProvider()
    if request.param:
        provider.add_span_processor(SpanProcessor())
    return provider.get_tracer("test")


@pytest.fixture(params=["with", "decorator"])
def current(request: Any, tracer: Any) -> Any:
    """Run something in a current span, by either way."""

    def by_with(name: str, run: Any) -> Any:
        with tracer.start_as_current_span(name):
            return run()

    def by_decorator(name: str, run: Any) -> Any:
        return tracer.start_as_current_span(name)(run)()

    return by_with if request.param == "with" else by_decorator


def test_a_span_is_below_the_current_one_and_gives_way_to_it_again(current: Any) -> None:
    before = context.get_current()

    def inner() -> Any:
        return trace.get_current_span()

    def outer() -> tuple[Any, Any]:
        outside = trace.get_current_span()
        inside = current("inner", inner)
        assert trace.get_current_span() is outside
        return outside, inside

    outside, inside = current("outer", outer)
    assert (outside.parent, inside.parent) == (None, outside.get_span_context())
    assert context.get_current() is before


def test_what_else_the_context_holds_stays_there(current: Any) -> None:
    def inner() -> Any:
        return trace.get_current_span(), baggage.get_all()

    def outer() -> Any:
        token = context.attach(baggage.set_baggage("order", "17"))
        try:
            return current("inner", inner)
        finally:
            context.detach(token)

    token = context.attach(baggage.set_baggage("user", "alice"))
    try:
        span, members = current("outer", outer)
        assert current("alone", baggage.get_all) == {"user": "alice"}
    finally:
        context.detach(token)
    assert members == {"user": "alice", "order": "17"}
    assert span.parent is not None


def test_a_context_without_a_span_in_it_is_no_parent(current: Any) -> None:
    token = context.attach(context.set_value("current-span", "no span", context.Context()))
    try:
        assert current("op", trace.get_current_span).parent is None
        assert context.get_value("current-span") == "no span"
    finally:
        context.detach(token)


def test_what_a_processor_makes_current_is_there_below_the_span() -> None:
    class Remembering(SpanProcessor):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            context.attach(baggage.set_baggage("seen", "yes"))

    provider = TracerProvider()
    provider.add_span_processor(Remembering())
    token = context.attach(context.Context())
    try:
        with provider.get_tracer("test").start_as_current_span("op"):
            assert baggage.get_all() == {"seen": "yes"}
    finally:
        context.detach(token)
