"""ddtrace as a second peer, where it is installed: the workloads by its own API, finished traces thrown away.

It lies in a folder of its own (`benches/requirements.txt`) and is imported in the forked process that measures it, so
that nobody else pays for it and the tests run without it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benches.workloads import CARRIER, EVENT, REQUEST, calls, coroutine_calls

if TYPE_CHECKING:
    from benches.paired import Builder

__all__ = [
    "MISSING",
    "decorated",
    "decorated_async",
    "empty_span",
    "installed",
    "propagated",
    "sampled",
    "server_span",
    "start_and_end",
    "unsampled",
]

FOLDER = Path(__file__).resolve().parent.parent / "target" / "bench-peers"
MISSING = "ddtrace: not installed, so its column shows - (`make bench` installs benches/requirements.txt)"
QUIET = {
    "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
    "DD_REMOTE_CONFIGURATION_ENABLED": "false",
    "DD_TRACE_PROPAGATION_STYLE": "tracecontext,baggage",  # what the other two read and write
}
REFUSE_ALL = {"DD_TRACE_SAMPLING_RULES": '[{"sample_rate": 0}]'}

Workload = Callable[[Any], Callable[[int], None]]


def installed() -> bool:
    """Tell whether ddtrace can be measured."""
    return PathFinder.find_spec("ddtrace", [*sys.path, str(FOLDER)]) is not None


def sampled(workload: Workload) -> Builder | None:
    """Return how to build a workload over ddtrace as it is by itself; None where it is not installed."""
    return (lambda: workload(_tracer(QUIET))) if installed() else None


def unsampled(workload: Workload) -> Builder | None:
    """Return the same with a rule that samples nothing: it decides when a trace ends, its agent drops."""
    return (lambda: workload(_tracer({**QUIET, **REFUSE_ALL}))) if installed() else None


def _tracer(settings: dict[str, str]) -> Any:
    """Set ddtrace up in this process, which is nobody else's; what a filter answers None for is never written."""
    os.environ.update(settings)
    sys.path.append(str(FOLDER))  # last: what we have installed ourselves stays what it is
    from ddtrace.trace import TraceFilter, tracer

    class Discard(TraceFilter):  # type: ignore[misc]
        def process_trace(self, trace: list[Any]) -> None:
            return None

    tracer.configure(trace_processors=[Discard()])
    return tracer


def empty_span(tracer: Any) -> Callable[[int], None]:
    """W1."""

    def run(count: int) -> None:
        for _ in range(count):
            with tracer.trace("op"):
                pass

    return run


def start_and_end(tracer: Any) -> Callable[[int], None]:
    """A span started and ended by hand."""

    def run(count: int) -> None:
        for _ in range(count):
            tracer.start_span("op").finish()

    return run


def decorated(tracer: Any) -> Callable[[int], None]:
    """The decorator, on a function that does nothing."""
    return calls(tracer.wrap("op"))


def decorated_async(tracer: Any) -> Callable[[int], None]:
    """The decorator, on a coroutine function that does nothing."""
    return coroutine_calls(tracer.wrap("op"))


def server_span(tracer: Any) -> Callable[[int], None]:
    """W2; it has no status, and events by a private name alone."""

    def run(count: int) -> None:
        for _ in range(count):
            with tracer.trace("GET /orders/{id}", span_type="web") as span:
                span.set_tags(REQUEST)
                span._add_event("loaded", EVENT)
                with tracer.trace("SELECT orders", span_type="sql") as child:
                    child.set_tag("db.system.name", "postgresql")
                    child.set_tag("db.operation.name", "SELECT")
                    child.set_tag("db.collection.name", "orders")
                    child.set_tag("db.response.returned_rows", 3)

    return run


def propagated(tracer: Any) -> Callable[[int], None]:
    """W4."""
    from ddtrace.propagation.http import HTTPPropagator

    def run(count: int) -> None:
        for _ in range(count):
            with tracer.start_span("op", child_of=HTTPPropagator.extract(CARRIER), activate=True) as span:
                HTTPPropagator.inject(span.context, {})

    return run
