"""What a recorder needs for as long as it records: its processors and its resource."""

from __future__ import annotations

import logging
import weakref
from collections import Counter
from typing import TYPE_CHECKING, Any

from pyspan import _core
from pyspan.sdk._metrics import Point, report
from pyspan.sdk.resources._aggregate import process_dependent_resource
from pyspan.sdk.trace._fork import in_forked_child
from pyspan.sdk.trace._open_spans import OpenSpans
from pyspan.sdk.trace._processor import SHUTDOWN_MILLIS, SpanProcessor, SynchronousMultiSpanProcessor, shutdown_within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.metrics import MeterProvider

    from pyspan.sdk.resources import Resource
    from pyspan.sdk.trace._concurrent import ConcurrentMultiSpanProcessor
    from pyspan.sdk.trace.id_generator import IdGenerator

__all__ = ["Wiring", "living_wirings", "reports_of"]

logger = logging.getLogger(__name__)

PARENT_ORIGIN, SAMPLING_RESULT = "otel.span.parent.origin", "otel.span.sampling_result"
# So many names of spans that were never ended are logged; `pyspan.stats()` has all.
MOST_SHOWN = 5

_living: weakref.WeakSet[Wiring] = weakref.WeakSet()


def reports_of(processors: list[Any]) -> list[dict[str, Any]]:
    """Return what they have counted, each once, however often and to however many providers it was added."""
    distinct = {id(processor): processor for processor in processors}
    return [processor._stats() for processor in distinct.values()]


def living_wirings() -> list[Wiring]:
    """Return those of this process, for counting."""
    return list(_living)


class Wiring:
    """Joins a recorder to its processors; the recorder keeps it, so that it outlives the provider with its tracers.

    It knows the recorder weakly: there is no cycle, and the last tracer or span takes the processors with it.
    """

    def __init__(
        self,
        recorder: _core.Recorder,
        resource: Resource,
        active: SynchronousMultiSpanProcessor | ConcurrentMultiSpanProcessor,
        id_generator: IdGenerator,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        self.resource = resource
        self.active = active
        self.id_generator = id_generator
        self.renew_resource: Callable[[], Resource] = process_dependent_resource
        self._recorder = weakref.ref(recorder)
        self._attached: list[SpanProcessor] = []
        self.is_shut_down = False
        self._open: OpenSpans | None = None
        self._snapshots = 0
        self._said = 0
        self._may_rewrite = True
        recorder.keep(self)
        self._wire(recorder)
        _living.add(self)
        report(self, meter_provider)
        in_forked_child(self, Wiring._handle_fork)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self.active.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = SHUTDOWN_MILLIS) -> None:
        self.export_open_spans(everything=True)
        self.is_shut_down = True
        shutdown_within(self.active, timeout_millis)
        self._say_unended()

    def know_open_spans(self, after: float) -> None:
        """Export spans while they are open, once they have been for `after` seconds."""
        recorder = self._recorder()
        if recorder is not None:
            self._open = OpenSpans(self._export_due, recorder, after)

    def export_open_spans(self, *, everything: bool = False) -> None:
        """Export as they are now the spans whose time has come, or all; nothing where nobody asked for that."""
        recorder = self._recorder()
        if self._open is None or recorder is None or self.is_shut_down:
            return
        for span in recorder.open_spans(everything):
            self._snapshots += self._export_open(span)

    def _export_due(self) -> bool:
        """Export what is due; False once there is nothing left to export."""
        self.export_open_spans()
        return not self.is_shut_down

    def _export_open(self, span: _core.Span) -> bool:
        """Return whether a processor has taken it."""
        processors: tuple[Any, ...] = self.active._span_processors
        takers = [processor for processor in processors if hasattr(type(processor), "_take_open")]
        try:
            return any([processor._take_open(span, self._may_rewrite) for processor in takers])  # noqa: C419 - all take it
        except Exception:  # what processors hold is anybody's code
            logger.exception("An open span could not be exported.")
            return False

    def update_resource(self, resource: Resource) -> None:
        self.resource = self.resource.merge(resource)
        encoded = _core.encode_resource(self.resource.attributes)
        recorder = self._recorder()
        if recorder is not None:
            recorder.set_resource(self.resource, encoded, self.resource.schema_url)

    def counts(self) -> dict[str, int]:
        recorder = self._recorder()
        return {**recorder.counts(), "snapshots": self._snapshots} if recorder is not None else {}

    def unended(self) -> list[dict[str, Any]]:
        """Return where spans came from that were dropped without an end."""
        recorder = self._recorder()
        names = ("scope", "name", "spans", "longest")
        return [dict(zip(names, row, strict=True)) for row in recorder.unended()] if recorder is not None else []

    def reporting(self) -> list[Any]:
        """Return the processors that count."""
        return [
            processor for processor in self.active._span_processors if getattr(processor, "_stats", None) is not None
        ]

    def stats(self) -> dict[str, Any]:
        return {**self.counts(), "exporters": reports_of(self.reporting()), "unended_by_name": self.unended()}

    def _points(self) -> Iterator[Point]:
        recorder = self._recorder()
        if recorder is None:
            return
        started = Counter[str]()
        for origin, result, spans in recorder.starts():
            started[result] += spans
            attributes = {PARENT_ORIGIN: origin, SAMPLING_RESULT: result}
            yield Point("otel.sdk.span.started", spans, attributes)
            yield Point("otel.spans.created", spans, attributes)
        for result, spans in started.items():
            yield Point("otel.sampling.decisions", spans, {SAMPLING_RESULT: result})
        for result, spans in recorder.live():
            if started[result]:
                yield Point("otel.sdk.span.live", spans, {SAMPLING_RESULT: result})

    def _say_unended(self) -> None:
        """Log where spans came from that were dropped without an end, unless it is known."""
        unended = self.unended()
        spans = sum(each["spans"] for each in unended)
        if spans > self._said:
            self._said = spans
            shown = "; ".join(map(_described, unended[:MOST_SHOWN]))
            more = f"; and {len(unended) - MOST_SHOWN} more" if len(unended) > MOST_SHOWN else ""
            logger.warning("%d spans were dropped without an end, so never exported: %s%s", spans, shown, more)

    def _handle_fork(self) -> None:
        self._snapshots = self._said = 0
        self.update_resource(self.renew_resource())

    def _wire(self, recorder: _core.Recorder) -> None:
        """Let queues be filled natively, and have Python called only where a processor asks for it.

        That needs a list of processors that we know; any other active processor is called as it is.
        """
        if type(self.active) is not SynchronousMultiSpanProcessor:
            recorder.set_processor(self.active)
            return
        known = weakref.WeakMethod(self._rewire)
        self.active._on_change = lambda: (rewire := known()) and rewire()
        self._rewire()

    def _rewire(self) -> None:
        recorder = self._recorder()
        if recorder is None:
            return
        called: list[SpanProcessor] = []
        for processor in self.active._span_processors:
            if processor not in self._attached and _attach(processor, recorder):
                self._attached.append(processor)
            if processor not in self._attached:
                called.append(processor)
        self._may_rewrite = not all(type(processor).__module__.startswith("pyspan.sdk.") for processor in called)
        recorder.set_processor(_joined(called))


def _attach(processor: SpanProcessor, recorder: _core.Recorder) -> bool:
    attach = getattr(type(processor), "_attach", None)  # by the type: mocks have every attribute
    return attach is not None and bool(attach(processor, recorder))


def _described(unended: dict[str, Any]) -> str:
    name = f"{unended['name']!r} of {unended['scope']!r}" if unended["name"] or unended["scope"] else "of other names"
    return f"{unended['spans']} {name}, open for up to {unended['longest']:.1f} s"


def _joined(processors: list[SpanProcessor]) -> SpanProcessor | None:
    if len(processors) < 2:
        return processors[0] if processors else None
    joined = SynchronousMultiSpanProcessor()
    joined._span_processors = tuple(processors)
    return joined
