"""What a recorder needs for as long as it records: its processors and its resource."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from pyspan import _core
from pyspan.sdk.resources._aggregate import process_dependent_resource
from pyspan.sdk.trace._fork import in_forked_child
from pyspan.sdk.trace._processor import SHUTDOWN_MILLIS, SpanProcessor, SynchronousMultiSpanProcessor, shutdown_within

if TYPE_CHECKING:
    from pyspan.sdk.resources import Resource
    from pyspan.sdk.trace._concurrent import ConcurrentMultiSpanProcessor
    from pyspan.sdk.trace.id_generator import IdGenerator

__all__ = ["Wiring", "living_wirings", "reports_of"]

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
    ) -> None:
        self.resource = resource
        self.active = active
        self.id_generator = id_generator
        self._recorder = weakref.ref(recorder)
        self._attached: list[SpanProcessor] = []
        recorder.keep(self)
        self._wire(recorder)
        _living.add(self)
        in_forked_child(self, Wiring._handle_fork)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self.active.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = SHUTDOWN_MILLIS) -> None:
        shutdown_within(self.active, timeout_millis)

    def update_resource(self, resource: Resource) -> None:
        self.resource = self.resource.merge(resource)
        encoded = _core.encode_resource(self.resource.attributes)
        recorder = self._recorder()
        if recorder is not None:
            recorder.set_resource(self.resource, encoded, self.resource.schema_url)

    def counts(self) -> dict[str, int]:
        recorder = self._recorder()
        return recorder.counts() if recorder is not None else {}

    def reporting(self) -> list[Any]:
        """Return the processors that count."""
        return [
            processor for processor in self.active._span_processors if getattr(processor, "_stats", None) is not None
        ]

    def stats(self) -> dict[str, Any]:
        return {**self.counts(), "exporters": reports_of(self.reporting())}

    def _handle_fork(self) -> None:
        self.update_resource(process_dependent_resource())

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
        recorder.set_processor(_joined(called))


def _attach(processor: SpanProcessor, recorder: _core.Recorder) -> bool:
    attach = getattr(type(processor), "_attach", None)  # by the type: mocks have every attribute
    return attach is not None and bool(attach(processor, recorder))


def _joined(processors: list[SpanProcessor]) -> SpanProcessor | None:
    if len(processors) < 2:
        return processors[0] if processors else None
    joined = SynchronousMultiSpanProcessor()
    joined._span_processors = tuple(processors)
    return joined
