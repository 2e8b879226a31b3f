"""The processor that exports in batches, in the background."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyspan.sdk.trace import _exit
from pyspan.sdk.trace._deadline import usable_millis
from pyspan.sdk.trace._processor import FLUSH_MILLIS, SHUTDOWN_MILLIS, SpanProcessor
from pyspan.sdk.trace._readable import open_snapshot
from pyspan.sdk.trace.export._batcher import Batcher
from pyspan.sdk.trace.export._component import Component
from pyspan.sdk.trace.export._exporter import check_exporter
from pyspan.sdk.trace.export._native import NativeSpanExporter, is_native
from pyspan.sdk.trace.export._settings import PYTHON_QUEUE, QUEUE, ProcessorSettings, check_block_timeout
from pyspan.sdk.trace.export._shipment import Shipment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.metrics import MeterProvider

    from pyspan._core import Recorder, Span
    from pyspan.sdk._metrics import Point
    from pyspan.sdk.trace._readable_span import ReadableSpan
    from pyspan.sdk.trace.export._exporter import SpanExporter

__all__ = ["BatchSpanProcessor"]


class BatchSpanProcessor(SpanProcessor):
    """Queues sampled spans and exports them when a batch is full, and every `schedule_delay_millis` at the latest.

    Defaults come from OTEL_BSP_*, then: batches of 2,048 spans, 5 s, 30 s. With an exporter of pyspan's own spans go
    from the recorder to the backend without Python objects, through a queue of 524,288 spans and `max_queue_bytes` (32
    MiB), whichever is reached first; any other is called in a thread, with a queue of 65,536 spans. A full queue drops
    what comes, counts it and logs it once a minute; with `block_timeout`, a native one first waits so many seconds,
    3,600 at most.

    The thread ends with the processor: once nobody holds it, what is queued is exported within 5 s.

    Raises:
        TypeError: `span_exporter` is no exporter, or another argument no number.
        ValueError: a number is not positive, not finite or too large, or a batch would be larger than the queue.
    """

    def __init__(
        self,
        span_exporter: SpanExporter,
        max_queue_size: int | None = None,
        schedule_delay_millis: float | None = None,
        max_export_batch_size: int | None = None,
        export_timeout_millis: float | None = None,
        *,
        meter_provider: MeterProvider | None = None,
        max_queue_bytes: int | None = None,
        block_timeout: float | None = None,
    ) -> None:
        check_block_timeout(block_timeout)
        own = isinstance(span_exporter, NativeSpanExporter) and is_native(span_exporter)
        settings = ProcessorSettings.read(
            max_queue_size,
            schedule_delay_millis,
            max_export_batch_size,
            export_timeout_millis,
            default_queue=QUEUE.max_spans if own else PYTHON_QUEUE,
        )
        check_exporter(span_exporter)  # after the numbers, as in the SDK
        self._span_exporter = span_exporter
        self._component = Component("batching_span_processor", span_exporter, settings.queue_spans)
        self._shipment: Shipment | Batcher
        if isinstance(span_exporter, NativeSpanExporter) and own:
            self._shipment = Shipment(
                self,
                span_exporter._pipeline_exporter,
                settings,
                name=span_exporter._name,
                on_operation=self._component.record,
                max_queue_bytes=max_queue_bytes,
                block_timeout=block_timeout,
            )
        else:
            self._shipment = Batcher(span_exporter, settings, self._component.record)
            _exit.end_with(self, self._shipment)
        self._component.report(self, meter_provider)

    @property
    def span_exporter(self) -> SpanExporter:
        """What the spans are given to."""
        return self._span_exporter

    def on_end(self, span: ReadableSpan) -> None:
        if span.context and span.context.trace_flags.sampled:
            self._shipment.push(span)

    def force_flush(self, timeout_millis: int | None = None) -> bool:
        """Export what is queued; False where that took longer (by default 30 s) or some of it was lost.

        Spans for which the queue had no room were never in it: they are counted and logged, and change nothing here.
        """
        millis = FLUSH_MILLIS if timeout_millis is None else usable_millis(timeout_millis, FLUSH_MILLIS)
        return self._shipment.force_flush(millis / 1000)

    def shutdown(self, timeout_millis: float = SHUTDOWN_MILLIS) -> None:
        """Export the rest; what is left when the time is up is dropped and counted."""
        self._shipment.shutdown(usable_millis(timeout_millis, SHUTDOWN_MILLIS) / 1000)

    def _attach(self, recorder: Recorder) -> bool:
        """Have a recorder fill the queue natively, unless a subclass wants to be called for each span."""
        if not self._has_own_hooks() or isinstance(self._shipment, Batcher):
            return False
        self._shipment.attach(recorder)
        return True

    def _take_open(self, span: Span, bare: bool) -> bool:
        """Queue a span before its end; False where there was no room, or a subclass decides what is exported."""
        if not self._has_own_hooks():
            return False
        if isinstance(self._shipment, Batcher):
            return self._shipment.push(open_snapshot(span, bare=bare))
        return self._shipment.push_open(span, bare=bare)

    def _has_own_hooks(self) -> bool:
        hooks = ("on_start", "_on_ending", "on_end")
        return all(getattr(type(self), name) is getattr(BatchSpanProcessor, name) for name in hooks)

    def _points(self) -> Iterable[Point]:
        return self._component.points(self._shipment.stats())

    def _stats(self) -> dict[str, Any]:
        exporter = self.span_exporter
        name = exporter._name if isinstance(exporter, NativeSpanExporter) else type(exporter).__name__
        return {"exporter": name, **self._shipment.stats()}
