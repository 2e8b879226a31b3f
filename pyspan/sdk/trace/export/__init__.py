"""From ended spans to a backend; mirrors `opentelemetry.sdk.trace.export`, and has exporters of its own."""

from __future__ import annotations

import logging as _logging

from pyspan._core import Span
from pyspan.sdk.trace._processor import SpanProcessor
from pyspan.sdk.trace._readable_span import ReadableSpan
from pyspan.sdk.trace.export._batch import BatchSpanProcessor
from pyspan.sdk.trace.export._console import ConsoleSpanExporter
from pyspan.sdk.trace.export._exporter import SpanExporter, SpanExportResult
from pyspan.sdk.trace.export._kafka import KafkaSpanExporter
from pyspan.sdk.trace.export._otlp import OTLPSpanExporter
from pyspan.sdk.trace.export._simple import SimpleSpanProcessor

logger = _logging.getLogger(__name__)

__all__ = [
    "BatchSpanProcessor",
    "ConsoleSpanExporter",
    "KafkaSpanExporter",
    "OTLPSpanExporter",
    "ReadableSpan",
    "SimpleSpanProcessor",
    "Span",
    "SpanExportResult",
    "SpanExporter",
    "SpanProcessor",
    "logger",
]
