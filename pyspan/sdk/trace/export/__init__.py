"""From ended spans to a backend; mirrors `opentelemetry.sdk.trace.export`, and has exporters of its own."""

from __future__ import annotations

from pyspan.sdk.trace.export._batch import BatchSpanProcessor
from pyspan.sdk.trace.export._console import ConsoleSpanExporter
from pyspan.sdk.trace.export._exporter import SpanExporter, SpanExportResult
from pyspan.sdk.trace.export._kafka import KafkaSpanExporter
from pyspan.sdk.trace.export._otlp import OTLPSpanExporter
from pyspan.sdk.trace.export._simple import SimpleSpanProcessor

__all__ = [
    "BatchSpanProcessor",
    "ConsoleSpanExporter",
    "KafkaSpanExporter",
    "OTLPSpanExporter",
    "SimpleSpanProcessor",
    "SpanExportResult",
    "SpanExporter",
]
