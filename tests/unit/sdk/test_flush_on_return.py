"""Spans leave when a function returns."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from opentelemetry import trace

import pyspan
from tests.support.otlp_sink import Answer, OtlpSink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def sink(unconfigured: None) -> Iterator[OtlpSink]:
    with OtlpSink() as sink:
        pyspan.configure(endpoint=sink.endpoint)
        yield sink


def traced(name: str = "work") -> str:
    with trace.get_tracer("x").start_as_current_span(name):
        return name


def delivered(sink: OtlpSink) -> int:
    return sum(sink.delivered().values())


def by_function() -> object:
    return pyspan.flush_on_return(traced)("work")


def by_function_with_timeout() -> object:
    return pyspan.flush_on_return(timeout=20)(traced)("work")


def by_coroutine() -> object:
    @pyspan.flush_on_return(timeout=20)  # type: ignore[untyped-decorator]  # it is also a context manager
    async def handler() -> str:
        await asyncio.sleep(0)
        return traced()

    return asyncio.run(handler())


def by_block() -> object:
    with pyspan.flush_on_return(timeout=20):
        return traced()


@pytest.mark.parametrize("way", [by_function, by_function_with_timeout, by_coroutine, by_block])
def test_spans_have_left_when_the_function_returns(way: Callable[[], object], sink: OtlpSink) -> None:
    assert way() == "work"
    assert delivered(sink) == 1


def test_spans_have_left_when_the_function_raises(sink: OtlpSink) -> None:
    def fails() -> None:
        traced()
        raise KeyError("its own")

    with pytest.raises(KeyError, match="its own"):
        pyspan.flush_on_return(fails, timeout=20)()
    assert delivered(sink) == 1


def test_the_event_loop_goes_on_while_spans_leave(unconfigured: None) -> None:
    turns = []

    async def turn() -> None:
        while True:
            turns.append(time.monotonic())
            await asyncio.sleep(0.01)

    async def main() -> None:
        other = asyncio.ensure_future(turn())
        await pyspan.flush_on_return(work, timeout=1)()
        other.cancel()

    async def work() -> None:
        traced()

    with OtlpSink() as slow:
        slow.rule = lambda _: Answer(delay=50.0)
        pyspan.configure(endpoint=slow.endpoint)
        asyncio.run(main())
    assert len(turns) > 3


@pytest.mark.parametrize(("timeout", "remaining"), [(0.3, None), (30, 400), (30, 50)])
def test_the_deadline_holds_and_what_did_not_leave_is_told_of(
    unconfigured: None, caplog: pytest.LogCaptureFixture, timeout: float, remaining: int | None
) -> None:
    class LambdaContext:
        def get_remaining_time_in_millis(self) -> int | None:
            return remaining

    def handler(event: object, context: object) -> str:
        return traced()

    with OtlpSink() as slow:
        slow.rule = lambda _: Answer(delay=50.0)
        pyspan.configure(endpoint=slow.endpoint)
        begun = time.monotonic()
        assert pyspan.flush_on_return(handler, timeout=timeout)({}, LambdaContext()) == "work"
        assert time.monotonic() - begun < 10
    assert "not all spans left within" in caplog.text


def test_a_provider_that_was_made_by_hand_is_flushed_too(unconfigured: None, monkeypatch: pytest.MonkeyPatch) -> None:
    class Provider(trace.NoOpTracerProvider):
        flushed: ClassVar[list[int]] = []

        def force_flush(self, timeout_millis: int) -> bool:
            self.flushed.append(timeout_millis)
            raise RuntimeError("fails")

    monkeypatch.setattr(trace, "_TRACER_PROVIDER", Provider())
    assert pyspan.flush_on_return(traced, timeout=1.5)("x") == "x"
    assert Provider.flushed == [1500]


def test_without_a_provider_there_is_nothing_to_flush(unconfigured: None, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert pyspan.flush_on_return(traced)("x") == "x"
    assert caplog.records == []


def test_the_handler_keeps_its_name(unconfigured: None) -> None:
    assert pyspan.flush_on_return(traced).__name__ == "traced"


@pytest.mark.parametrize("timeout", ["2", None, float("nan"), True])
def test_a_timeout_that_is_none_is_said_and_the_default_holds(
    unconfigured: None, timeout: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert pyspan.flush_on_return(timeout=timeout)(traced)("x") == "x"
    assert f"timeout={timeout!r} is no number from 0 to 86400, 2 is used" in caplog.text


@pytest.mark.parametrize("timeout", [-1, 1e9, float("inf")])
def test_any_number_is_a_timeout(unconfigured: None, timeout: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert pyspan.flush_on_return(timeout=timeout)(traced)("x") == "x"
    assert caplog.records == []


def test_what_cannot_be_flushed_after_is_refused() -> None:
    def generator() -> Iterator[int]:
        yield 1

    for wrong in (generator, 3):
        with pytest.raises(TypeError, match="takes a function or a coroutine function, not "):
            pyspan.flush_on_return(wrong)  # type: ignore[arg-type]  # that is the test
