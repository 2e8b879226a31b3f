"""Exporters whose spans never become Python objects on their way: encoded by the recorder, shipped by the pipeline."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

from pyspan.sdk.trace._deadline import usable_millis
from pyspan.sdk.trace._processor import FLUSH_MILLIS, SHUTDOWN_MILLIS
from pyspan.sdk.trace.export._exporter import SpanExporter, SpanExportResult
from pyspan.sdk.trace.export._settings import ProcessorSettings
from pyspan.sdk.trace.export._shipment import Shipment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyspan.pipeline.exporter import Exporter
    from pyspan.pipeline.stats import Stats
    from pyspan.sdk.trace._readable_span import ReadableSpan

__all__ = ["NativeSpanExporter", "is_native"]

EXPORT_TIMEOUT = 30.0


class NativeSpanExporter(SpanExporter):
    """Offers a pipeline exporter; called as an ordinary exporter, it ships what it gets at once and waits for it."""

    def __init__(self) -> None:
        self._direct: Shipment | None = None
        self._lock = threading.Lock()
        self._stopped = False

    @property
    def _name(self) -> str:
        """What logs and counts call it."""
        return type(self).__name__

    def _pipeline_exporter(self, stats: Stats) -> Exporter:
        """Make the exporter that ships; called in the worker's thread, once a process."""
        raise NotImplementedError

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self._stopped:
            return SpanExportResult.FAILURE
        shipment = self._shipment()
        taken = [shipment.push(span) for span in spans]
        sent = shipment.force_flush(EXPORT_TIMEOUT)
        return SpanExportResult.SUCCESS if sent and all(taken) else SpanExportResult.FAILURE

    def force_flush(self, timeout_millis: int = FLUSH_MILLIS) -> bool:
        return self._direct is None or self._direct.force_flush(usable_millis(timeout_millis, FLUSH_MILLIS) / 1000)

    def shutdown(self, timeout_millis: float = SHUTDOWN_MILLIS) -> None:
        self._stopped = True
        if self._direct is not None:
            self._direct.shutdown(usable_millis(timeout_millis, SHUTDOWN_MILLIS) / 1000)

    def _shipment(self) -> Shipment:
        with self._lock:
            if self._direct is None:
                settings = ProcessorSettings.read(None, None, None, None)
                self._direct = Shipment(self, _weak_maker(self), settings, name=self._name)
            return self._direct


def _weak_maker(exporter: NativeSpanExporter) -> Callable[[Stats], Exporter]:
    known = weakref.ref(exporter)

    def make(stats: Stats) -> Exporter:
        alive = known()
        if alive is None:
            raise RuntimeError("the exporter that the spans were given to is gone")
        return alive._pipeline_exporter(stats)

    return make


def is_native(exporter: object) -> bool:
    """Return whether nothing of a subclass's own has to be called for each export."""
    return isinstance(exporter, NativeSpanExporter) and type(exporter).export is NativeSpanExporter.export
