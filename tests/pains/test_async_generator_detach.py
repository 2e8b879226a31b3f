"""«Failed to detach context» where an async generator is closed by another task."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from opentelemetry import trace

from pyspan.sdk.trace import TracerProvider
from pyspan.sdk.trace.export import SimpleSpanProcessor
from pyspan.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.support.trees import nodes_of, tree


class Traced:
    """A provider that keeps its spans."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = provider.get_tracer("x")

    async def stream(self) -> AsyncGenerator[int, None]:
        """Stream within a span, as a response that is sent in pieces."""
        with self.tracer.start_as_current_span("stream"):
            yield 1
            with self.tracer.start_as_current_span("second piece"):
                yield 2

    def drawn(self) -> str:
        return tree(nodes_of(self.exporter.get_finished_spans()))


@pytest.fixture
def traced() -> Traced:
    return Traced()


def test_a_generator_closed_in_another_task_says_nothing_and_ends_its_spans(
    traced: Traced, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> Any:
        generator = traced.stream()
        await asyncio.create_task(generator.__anext__())
        await asyncio.create_task(generator.__anext__())
        await asyncio.create_task(generator.aclose())
        return trace.get_current_span()

    with caplog.at_level(logging.DEBUG):
        assert asyncio.run(main()) is trace.INVALID_SPAN
    assert traced.drawn().splitlines()[0] == "stream [INTERNAL]"
    assert len(traced.exporter.get_finished_spans()) == 2
    assert caplog.records == [] or all("detach" not in record.message for record in caplog.records)


def test_a_generator_closed_late_leaves_the_current_span_alone(
    traced: Traced, caplog: pytest.LogCaptureFixture
) -> None:
    async def request() -> None:
        with traced.tracer.start_as_current_span("request"):
            generator = traced.stream()
            async for _ in generator:
                break
            with traced.tracer.start_as_current_span("other work") as current:
                await asyncio.create_task(generator.aclose())
                assert trace.get_current_span() is current

    with caplog.at_level(logging.DEBUG):
        asyncio.run(request())
    assert sorted(span.name for span in traced.exporter.get_finished_spans()) == ["other work", "request", "stream"]
    assert all("detach" not in record.message for record in caplog.records)


def test_what_starts_after_a_generator_was_closed_elsewhere_is_not_its_child(traced: Traced) -> None:
    async def request() -> None:
        with traced.tracer.start_as_current_span("request"):
            for _ in range(3):
                generator = traced.stream()
                async for _ in generator:
                    break
                await asyncio.create_task(generator.aclose())
            with traced.tracer.start_as_current_span("next"):
                pass

    asyncio.run(request())
    drawn = traced.drawn().splitlines()
    assert drawn == ["request [INTERNAL]", *["  stream [INTERNAL]"] * 3, "  next [INTERNAL]"]


def test_what_starts_after_a_root_was_left_elsewhere_is_a_root(traced: Traced) -> None:
    def run() -> None:
        entered = traced.tracer.start_as_current_span("left by another thread")
        entered.__enter__()
        thread = threading.Thread(target=entered.__exit__, args=(None, None, None))
        thread.start()
        thread.join()
        with traced.tracer.start_as_current_span("next"):
            pass

    contextvars.copy_context().run(run)
    assert traced.drawn() == "left by another thread [INTERNAL]\nnext [INTERNAL]"


def test_a_span_within_a_generator_has_the_generator_s_span_as_parent(traced: Traced) -> None:
    async def request() -> None:
        with traced.tracer.start_as_current_span("request"):
            async for _ in traced.stream():
                pass

    asyncio.run(request())
    assert traced.drawn() == "request [INTERNAL]\n  stream [INTERNAL]\n    second piece [INTERNAL]"
