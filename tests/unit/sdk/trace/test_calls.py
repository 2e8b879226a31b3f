"""The short ways into Rust: they take what the plain methods take, and nothing of them outlives its use."""

from __future__ import annotations

import gc
import inspect
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace

from pyspan.sdk.trace import Span, TracerProvider
from pyspan.sdk.trace.sampling import ALWAYS_OFF

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def span() -> Any:
    return TracerProvider().get_tracer("calls").start_span("op")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda span: span.set_attribute("key"), "missing 1 required positional argument: 'value'"),
        (lambda span: span.set_attribute("key", 1, 2), "takes 2 positional arguments but 3 were given"),
        (lambda span: span.set_attribute("key", valeu=1), "unexpected keyword argument 'valeu'"),
        (lambda span: span.add_event(), "missing 1 required positional argument: 'name'"),
        (lambda span: span.__enter__(1), "a span decorates a function, not 1"),
        (lambda span: span.__enter__(wrong=1), "unexpected keyword argument 'wrong'"),
        (lambda span: span.__exit__(None, None), "missing 1 required positional argument: 'traceback'"),
        (lambda span: span.__exit__(None, None, None, wrong=1), "unexpected keyword argument 'wrong'"),
        (lambda span: type(span).__enter__.__get__([1], list)(), "doesn't apply to a 'list' object"),
        (lambda span: vars(type(span))["__enter__"].__get__([1], list)(), "doesn't apply to a 'list' object"),
        (lambda span: type(vars(type(span))["__enter__"])(), "cannot create"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(span: Any, call: Callable[[Any], object], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call(span)


@pytest.mark.parametrize("method", ["start_span", "start_as_current_span"])
def test_a_tracer_says_which_argument_is_wrong(method: str) -> None:
    start = getattr(TracerProvider().get_tracer("calls"), method)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'name'"):
        start()
    with pytest.raises(TypeError, match="multiple values for argument 'name'"):
        start("op", name="op")
    with pytest.raises(TypeError, match="unexpected keyword argument 'knid'"):
        start("op", knid=None)


def test_arguments_are_taken_by_names_that_were_put_together_at_run_time(span: Any) -> None:
    span.set_attribute(**{"KEY".lower(): "k", "VALUE".lower(): 1})
    assert span.attributes == {"k": 1}


def test_the_signatures_are_those_of_the_api() -> None:
    assert list(inspect.signature(Span.set_attribute).parameters) == ["self", "key", "value"]
    assert list(inspect.signature(Span.add_event).parameters) == ["self", "name", "attributes", "timestamp"]
    assert list(inspect.signature(Span.__exit__).parameters) == ["self", "exc_type", "exc_value", "traceback"]


def test_enter_and_exit_can_be_called_by_hand(span: Any) -> None:
    assert span.__enter__() is span
    assert span.__exit__(exc_type=None, exc_value=None, traceback=None) is None
    assert span.end_time is not None


def test_a_current_span_is_entered_once() -> None:
    tracer: Any = TracerProvider().get_tracer("calls")
    before = trace.get_current_span()
    manager = tracer.start_as_current_span("op")
    with manager as span:
        with pytest.raises(RuntimeError, match="is entered once"), manager:
            pytest.fail("entered twice")
        assert trace.get_current_span() is span
    with pytest.raises(RuntimeError, match="is entered once"), manager:
        pytest.fail("entered again")
    assert trace.get_current_span() is before


def test_a_span_that_does_not_record_takes_everything_and_keeps_nothing() -> None:
    tracer: Any = TracerProvider(sampler=ALWAYS_OFF).get_tracer("calls")
    with tracer.start_as_current_span("op", attributes={"key": 1}) as span:
        span.set_attribute("key", object())
        span.add_event(5, "no mapping")
        span.set_status("no status")
    span.set_attribute("late", 1)
    assert (span.is_recording(), dict(span.attributes), span.events, span.end_time) == (False, {}, (), None)


def test_a_span_in_a_cycle_with_a_suspended_generator_is_collected() -> None:
    tracer: Any = TracerProvider().get_tracer("calls")

    def suspended() -> Iterator[object]:
        with tracer.start_as_current_span("op") as span:
            itself = yield span
            yield itself

    generator: Any = suspended()
    seen = weakref.ref(next(generator))
    generator.send(generator)
    del generator
    gc.collect()
    assert seen() is None


def test_spans_made_from_kept_memory_are_seen_by_the_collector(span: Any) -> None:
    assert gc.is_tracked(span)
    tracer: Any = TracerProvider().get_tracer("calls")
    for _ in range(3):
        fresh = tracer.start_span("op")
        assert gc.is_tracked(fresh)
        assert fresh.attributes == {}
        fresh.set_attribute("used", value=True)


def test_more_spans_at_once_than_memory_is_kept_for_are_all_whole() -> None:
    tracer: Any = TracerProvider().get_tracer("calls")
    for _ in range(2):
        spans = [tracer.start_span(f"op {number}") for number in range(1000)]
        assert [span.name for span in spans] == [f"op {number}" for number in range(1000)]
        del spans
