"""Spans around functions: for generators over their steps, for classes one a method."""

from __future__ import annotations

import asyncio
import gc
import inspect
import logging
import weakref
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from opentelemetry import baggage, trace
from opentelemetry import context as context_api

from pyspan.sdk.trace import TracerProvider
from pyspan.sdk.trace.export import SimpleSpanProcessor
from pyspan.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.support.trees import nodes_of, tree

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

F = TypeVar("F")


class Traced:
    """A tracer and the spans that it has made."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer: Any = provider.get_tracer("x")

    def span(self, name: str, **options: Any) -> Callable[[F], F]:
        decorator: Callable[[F], F] = self.tracer.start_as_current_span(name, **options)
        return decorator

    def names(self) -> list[str]:
        return [span.name for span in self.exporter.get_finished_spans()]

    def drawn(self) -> str:
        return tree(nodes_of(self.exporter.get_finished_spans()))

    def current(self) -> str:
        return str(getattr(trace.get_current_span(), "name", "none"))


@pytest.fixture
def traced() -> Traced:
    return Traced()


def test_the_span_of_a_generator_is_open_over_the_iteration_and_never_the_caller_s(traced: Traced) -> None:
    @traced.span("rows")
    def rows() -> Generator[str, None, None]:
        for number in range(2):
            with traced.tracer.start_as_current_span(f"row {number}"):
                yield traced.current()
            assert traced.current() == "rows"

    with traced.tracer.start_as_current_span("request"):
        seen = []
        for row in rows():
            seen.append((row, traced.current()))
            with traced.tracer.start_as_current_span("between"):
                assert "rows" not in traced.names()
    assert seen == [("row 0", "request"), ("row 1", "request")]
    assert traced.drawn() == (
        "request [INTERNAL]\n"
        "  rows [INTERNAL]\n"
        "    row 0 [INTERNAL]\n"
        "    row 1 [INTERNAL]\n"
        "  between [INTERNAL]\n"
        "  between [INTERNAL]"
    )


def test_two_generators_in_turns_keep_their_spans_apart(traced: Traced) -> None:
    def counting(name: str) -> Generator[str, None, None]:
        @traced.span(name)
        def count() -> Generator[str, None, None]:
            for _ in range(3):
                yield traced.current()

        return count()

    assert list(zip(counting("one"), counting("two"), strict=True)) == [("one", "two")] * 3
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_a_generator_keeps_what_can_be_done_with_it(traced: Traced) -> None:
    @traced.span("talk")
    def talk(first: int) -> Generator[int, int, str]:
        try:
            got = yield first
            got = yield got * 2
        except KeyError as error:
            got = yield len(error.args)
        return f"end {got}"

    assert inspect.isgeneratorfunction(talk)
    generator = talk(1)
    assert [next(generator), generator.send(5), generator.throw(KeyError("a", "b"))] == [1, 10, 2]
    with pytest.raises(StopIteration, match="end 7"):
        generator.send(7)
    assert traced.names() == ["talk"]


def test_what_leaves_a_generator_is_on_its_span(traced: Traced) -> None:
    @traced.span("fails")
    def fails() -> Generator[int, None, None]:
        yield 1
        raise ValueError("at the second step")

    with pytest.raises(ValueError, match="second step"):
        list(fails())
    assert traced.drawn() == "fails [INTERNAL] ERROR (exception)"


def test_a_generator_that_is_closed_or_dropped_ends_its_span_without_an_error(traced: Traced) -> None:
    closed = []

    @traced.span("unfinished")
    def unfinished() -> Generator[int, None, None]:
        try:
            yield 1
            yield 2
        finally:
            closed.append(traced.current())

    generator = unfinished()
    next(generator)
    generator.close()
    generator = unfinished()
    next(generator)
    del generator
    gc.collect()
    assert closed == ["unfinished", "unfinished"]
    assert traced.drawn() == "unfinished [INTERNAL]\nunfinished [INTERNAL]"


def test_a_generator_that_nobody_starts_makes_no_span(traced: Traced) -> None:
    @traced.span("unstarted")
    def unstarted() -> Generator[int, None, None]:
        yield 1

    unstarted().close()
    assert traced.names() == []


def test_a_generator_s_baggage_stays_in_it(traced: Traced) -> None:
    @traced.span("with baggage")
    def with_baggage() -> Generator[object, None, None]:
        context_api.attach(baggage.set_baggage("tenant", "blue"))
        yield 1
        yield baggage.get_baggage("tenant")

    generator = with_baggage()
    next(generator)
    assert baggage.get_all() == {}
    assert next(generator) == "blue"
    generator.close()
    assert baggage.get_all() == {}


def test_an_exception_thrown_into_a_generator_is_let_go_with_it(traced: Traced) -> None:
    class Thrown(Exception):  # noqa: N818
        pass

    @traced.span("thrown into")
    def thrown_into() -> Generator[int, None, None]:
        yield 1

    def throw() -> weakref.ref[Thrown]:
        generator = thrown_into()
        next(generator)
        try:
            generator.throw(Thrown())
        except Thrown as error:
            return weakref.ref(error)
        raise AssertionError

    gc.collect()
    gc.disable()
    try:
        assert throw()() is None
    finally:
        gc.enable()


def test_an_async_generator_is_traced_over_its_iteration_too(traced: Traced) -> None:
    @traced.span("stream")
    async def stream() -> AsyncGenerator[str, None]:
        for number in range(2):
            await asyncio.sleep(0)
            with traced.tracer.start_as_current_span(f"piece {number}"):
                yield traced.current()

    async def request() -> list[tuple[str, str]]:
        with traced.tracer.start_as_current_span("request"):
            return [(piece, traced.current()) async for piece in stream()]

    assert inspect.isasyncgenfunction(stream)
    assert asyncio.run(request()) == [("piece 0", "request"), ("piece 1", "request")]
    assert traced.drawn() == ("request [INTERNAL]\n  stream [INTERNAL]\n    piece 0 [INTERNAL]\n    piece 1 [INTERNAL]")


def test_an_async_generator_keeps_what_can_be_done_with_it(traced: Traced) -> None:
    @traced.span("talk")
    async def talk(first: int) -> AsyncGenerator[int, int]:
        try:
            yield (yield first) * 2
        except KeyError as error:
            yield len(error.args)

    async def main() -> list[int]:
        generator = talk(1)
        said = [await generator.__anext__(), await generator.asend(5), await generator.athrow(KeyError("a", "b"))]
        with pytest.raises(StopAsyncIteration):
            await generator.asend(7)
        return said

    assert asyncio.run(main()) == [1, 10, 2]
    assert traced.names() == ["talk"]


@pytest.mark.parametrize("how", ["closed", "dropped"])
def test_an_async_generator_ended_by_another_task_ends_its_span_and_leaves_that_task_alone(
    traced: Traced, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    @traced.span("stream")
    async def stream() -> AsyncGenerator[int, None]:
        with traced.tracer.start_as_current_span("piece"):
            yield 1
            yield 2

    async def close(generator: AsyncGenerator[int, None]) -> None:
        with traced.tracer.start_as_current_span("other task") as current:
            await generator.aclose()
            assert trace.get_current_span() is current
            with traced.tracer.start_as_current_span("below"):
                pass

    async def main() -> None:
        generator = stream()
        await asyncio.create_task(generator.__anext__())
        if how == "closed":
            await asyncio.create_task(close(generator))
        assert trace.get_current_span() is trace.INVALID_SPAN

    with caplog.at_level(logging.DEBUG):
        asyncio.run(main())
    other = "\nother task [INTERNAL]\n  below [INTERNAL]" if how == "closed" else ""
    assert traced.drawn() == "stream [INTERNAL]\n  piece [INTERNAL]" + other
    assert all("detach" not in record.message for record in caplog.records)


def test_a_cancelled_step_ends_the_span_of_an_async_generator(traced: Traced) -> None:
    @traced.span("endless")
    async def endless() -> AsyncGenerator[int, None]:
        yield 1
        await asyncio.Event().wait()

    async def main() -> None:
        generator = endless()
        await generator.__anext__()
        step = asyncio.ensure_future(generator.__anext__())
        await asyncio.sleep(0)
        step.cancel()
        with pytest.raises(asyncio.CancelledError):
            await step

    asyncio.run(main())
    assert traced.names() == ["endless"]


def test_methods_of_every_kind_are_decorated(traced: Traced) -> None:
    class Shop:
        @traced.span("method")
        def method(self) -> Shop:
            return self

        @traced.span("class method")
        @classmethod
        def of_class(cls) -> type[Shop]:
            return cls

        @traced.span("static method")
        @staticmethod
        def static(number: int) -> int:
            return number

        @classmethod
        @traced.span("below")
        def below(cls) -> type[Shop]:
            return cls

    shop = Shop()
    assert (shop.method(), shop.static(3)) == (shop, 3)
    assert (Shop.of_class(), shop.of_class(), Shop.below()) == (Shop, Shop, Shop)
    assert traced.names() == ["method", "static method", "class method", "class method", "below"]


def test_a_decorated_class_stays_a_class_and_its_public_methods_are_traced(traced: Traced) -> None:
    class Before:
        def inherited(self) -> None: ...

    @traced.span("shop", kind=trace.SpanKind.CLIENT, attributes={"floor": 1})
    class Shop(Before):
        size = 3

        def __init__(self, name: str) -> None:
            self.name = name

        def sell(self, count: int) -> int:
            return self._book(count)

        async def deliver(self) -> str:
            return self.name

        def shelves(self) -> Generator[int, None, None]:
            yield from range(self.size)

        @staticmethod
        def opening() -> int:
            return 9

        @property
        def title(self) -> str:
            return self.name

        def _book(self, count: int) -> int:
            return count

    shop = Shop("corner")
    assert isinstance(shop, Shop)
    shop.inherited()
    assert (shop.sell(2), asyncio.run(shop.deliver()), list(shop.shelves())) == (2, "corner", [0, 1, 2])
    assert (Shop.opening(), shop.title) == (9, "corner")
    assert traced.names() == ["shop.sell", "shop.deliver", "shop.shelves", "shop.opening"]
    spans = traced.exporter.get_finished_spans()
    assert {(span.kind, (span.attributes or {})["floor"]) for span in spans} == {(trace.SpanKind.CLIENT, 1)}


@pytest.mark.parametrize("wrong", [1, "text", property(lambda self: 1)])
def test_what_cannot_be_called_is_refused_where_it_is_decorated(traced: Traced, wrong: object) -> None:
    with pytest.raises(TypeError, match="a span decorates a function, not "):
        traced.tracer.start_as_current_span("x")(wrong)
