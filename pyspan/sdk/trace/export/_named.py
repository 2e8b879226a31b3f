"""Exporters as an application names them: `otlp=URL`, `kafka=HOST:PORT/TOPIC`, `file=PATH`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspan.sdk.trace.export import _worker
from pyspan.sdk.trace.export._native import NativeSpanExporter

if TYPE_CHECKING:
    from pyspan.pipeline.exporter import Exporter
    from pyspan.pipeline.specs import ExporterSpec
    from pyspan.pipeline.stats import Stats

__all__ = ["NamedSpanExporter"]


class NamedSpanExporter(NativeSpanExporter):
    """Ships to what one spec names.

    Raises:
        ConfigurationError: the text is no spec.
    """

    def __init__(self, text: str, key: str, place: str) -> None:
        super().__init__()
        self._spec: ExporterSpec = _worker.parse_named(text, key, place)

    @property
    def _name(self) -> str:
        return self._spec.name

    def _pipeline_exporter(self, stats: Stats) -> Exporter:
        return self._spec.open(stats)
