"""What is current while a span is, whether or not code of the user's runs when it starts."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry import baggage, context, trace

from pyspan.sdk.trace import SpanProcessor, TracerProvider
from pyspan.sdk.trace.id_generator import RandomIdGenerator


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


@pytest.mark.parametrize("odd", ["no span", None, 17])
def test_what_is_no_span_is_no_parent(current: Any, odd: Any) -> None:
    token = context.attach(context.set_value(trace.propagation._SPAN_KEY, odd, context.Context()))
    try:
        assert current("op", trace.get_current_span).parent is None
        assert context.get_value(trace.propagation._SPAN_KEY) == odd
    finally:
        context.detach(token)


def test_a_span_that_is_not_made_current_is_not_current_in_what_it_decorates(tracer: Any) -> None:
    before = trace.get_current_span()
    assert tracer.start_span("op")(trace.get_current_span)() is before


class _Mapping:
    """A context that has no `get`."""

    def keys(self) -> list[str]:
        return ["user"]

    def __getitem__(self, key: str) -> str:
        return "alice"


def test_a_context_that_cannot_be_asked_for_a_span_is_no_parent(current: Any, caplog: Any) -> None:
    variable = context._RUNTIME_CONTEXT._current_context  # type: ignore[attr-defined]
    token = variable.set(_Mapping())
    try:
        assert current("op", trace.get_current_span).parent is None
    finally:
        variable.reset(token)
    assert "the span becomes a root" in caplog.text


class _Ids(RandomIdGenerator):
    def generate_span_id(self) -> int:
        context.attach(baggage.set_baggage("seen", "yes"))
        return super().generate_span_id()


class _Parent(trace.NonRecordingSpan):
    def get_span_context(self) -> trace.SpanContext:
        context.attach(baggage.set_baggage("seen", "yes"))
        return super().get_span_context()


@pytest.mark.parametrize(
    ("provider", "parent"),
    [
        (TracerProvider(id_generator=_Ids()), None),
        (TracerProvider(), _Parent(trace.SpanContext(1, 2, is_remote=True))),
    ],
    ids=["an id generator", "a parent of another kind"],
)
def test_what_code_of_the_users_makes_current_at_the_start_is_there_below_the_span(provider: Any, parent: Any) -> None:
    empty = context.Context()
    token = context.attach(empty if parent is None else trace.set_span_in_context(parent, empty))
    try:
        with provider.get_tracer("test").start_as_current_span("op"):
            assert baggage.get_all() == {"seen": "yes"}
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
