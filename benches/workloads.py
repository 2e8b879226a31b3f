"""What is measured: the workloads of the table, each over any tracer with the OpenTelemetry API."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanKind, StatusCode

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from opentelemetry.propagators.textmap import TextMapPropagator
    from opentelemetry.trace import Tracer

__all__ = [
    "calls",
    "coroutine_calls",
    "decorated",
    "decorated_async",
    "empty_span",
    "extracted",
    "injected",
    "nested",
    "propagated",
    "server_span",
    "setting_attributes",
    "start_and_end",
    "tasks",
    "threads",
    "untraced_tasks",
    "with_attributes",
]

# Looking up a member of an enum costs more than the attribute that it is for.
SERVER, CLIENT, OK = SpanKind.SERVER, SpanKind.CLIENT, StatusCode.OK
REQUEST: Mapping[str, str | int | float | bool] = {
    "http.request.method": "GET",
    "url.path": "/orders/17",
    "http.route": "/orders/{id}",
    "http.response.status_code": 200,
    "server.address": "orders.example",
    "server.port": 8080,
    "user.premium": True,
    "order.total": 17.25,
}
EVENT = {"cache.hit": True, "rows": 3}
CARRIER = {
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "tracestate": "vendor=value,other=17",
    "baggage": "user=alice,session=17",
}
TASKS = 100


def empty_span(tracer: Tracer) -> Callable[[int], None]:
    """W1: an empty current span."""

    def run(count: int) -> None:
        for _ in range(count):
            with tracer.start_as_current_span("op"):
                pass

    return run


def start_and_end(tracer: Tracer) -> Callable[[int], None]:
    """A span started and ended by hand."""

    def run(count: int) -> None:
        for _ in range(count):
            tracer.start_span("op").end()

    return run


def decorated(tracer: Tracer) -> Callable[[int], None]:
    """The decorator, on a function that does nothing."""
    return calls(tracer.start_as_current_span("op"))


def calls(decorate: Callable[[Any], Any]) -> Callable[[int], None]:
    """Calls of a function that does nothing but what a decorator adds."""

    @decorate
    def function() -> None:
        pass

    def run(count: int) -> None:
        for _ in range(count):
            function()

    return run


def decorated_async(tracer: Tracer) -> Callable[[int], None]:
    """The decorator, on a coroutine function that does nothing."""
    return coroutine_calls(tracer.start_as_current_span("op"))


def coroutine_calls(decorate: Callable[[Any], Any]) -> Callable[[int], None]:
    """The same of a coroutine function; the event loop is run once a round."""

    @decorate
    async def function() -> None:
        pass

    async def run(count: int) -> None:
        for _ in range(count):
            await function()

    return lambda count: asyncio.run(run(count))


def server_span(tracer: Tracer) -> Callable[[int], None]:
    """W2: a server span with 8 attributes, an event with 2, status OK, and inside it a child with 4 attributes."""

    def run(count: int) -> None:
        for _ in range(count):
            with tracer.start_as_current_span("GET /orders/{id}", kind=SERVER, attributes=REQUEST) as span:
                span.add_event("loaded", EVENT)
                with tracer.start_as_current_span("SELECT orders", kind=CLIENT) as child:
                    child.set_attribute("db.system.name", "postgresql")
                    child.set_attribute("db.operation.name", "SELECT")
                    child.set_attribute("db.collection.name", "orders")
                    child.set_attribute("db.response.returned_rows", 3)
                span.set_status(OK)

    return run


def propagated(tracer: Tracer, propagator: Any) -> Callable[[int], None]:
    """W4: extract traceparent, tracestate and baggage, start a span in that context, inject into a new carrier.

    `propagator` is one, or the module `opentelemetry.propagate`.
    """

    def run(count: int) -> None:
        for _ in range(count):
            context = propagator.extract(CARRIER)
            with tracer.start_as_current_span("op", context=context):
                propagator.inject({}, context)

    return run


def extracted(propagator: TextMapPropagator) -> Callable[[int], None]:
    """Extraction of the three headers alone."""

    def run(count: int) -> None:
        for _ in range(count):
            propagator.extract(CARRIER)

    return run


def injected(propagator: TextMapPropagator) -> Callable[[int], None]:
    """Injection of what was extracted alone."""
    context = propagator.extract(CARRIER)

    def run(count: int) -> None:
        for _ in range(count):
            propagator.inject({}, context)

    return run


def tasks(tracer: Tracer) -> Callable[[int], None]:
    """W9: 100 asyncio tasks at once, each with a span in a span and two awaits; counted by task."""

    async def task() -> None:
        with tracer.start_as_current_span("outer"):
            await asyncio.sleep(0)
            with tracer.start_as_current_span("inner"):
                await asyncio.sleep(0)

    return _gathered(task)


def untraced_tasks(tracer: Tracer) -> Callable[[int], None]:
    """The tasks of W9 without their spans, in a process that has a tracer."""

    async def task() -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    return _gathered(task)


def _gathered(task: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[int], None]:
    async def all_tasks() -> None:
        await asyncio.gather(*[task() for _ in range(TASKS)])

    def run(count: int) -> None:
        for _ in range(max(1, count // TASKS)):
            asyncio.run(all_tasks())

    return run


def nested(depth: int, tracer: Tracer) -> Callable[[int], None]:
    """As many current spans as `depth` says, each in the one before and all alive at once; counted by span."""

    def run(count: int) -> None:
        for _ in range(max(1, count // depth)):
            spans = [tracer.start_as_current_span("op") for _ in range(depth)]
            for span in spans:
                span.__enter__()
            for span in reversed(spans):
                span.__exit__(None, None, None)

    return run


def threads(number: int, tracer: Tracer) -> Callable[[int], None]:
    """W1 in as many threads at once, which share the count."""
    spans = empty_span(tracer)

    def run(count: int) -> None:
        running = [threading.Thread(target=spans, args=(count // number,)) for _ in range(number)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()

    return run


def with_attributes(number: int, tracer: Tracer) -> Callable[[int], None]:
    """A span started with so many attributes, and ended."""
    attributes = _attributes(number)

    def run(count: int) -> None:
        for _ in range(count):
            tracer.start_span("op", attributes=attributes).end()

    return run


def setting_attributes(number: int, tracer: Tracer) -> Callable[[int], None]:
    """A span whose attributes are set one by one."""
    attributes = list(_attributes(number).items())

    def run(count: int) -> None:
        for _ in range(count):
            span = tracer.start_span("op")
            for key, value in attributes:
                span.set_attribute(key, value)
            span.end()

    return run


def _attributes(number: int) -> dict[str, str | int]:
    """Make texts and whole numbers in turns."""
    return {f"attribute.{index:03}": f"value {index:03}" if index % 2 else index for index in range(number)}
