"""The one place where the tracer meets the pipeline: its worker, which starts with the first span, and exporters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspan.sdk.trace.export._suppress import suppress_instrumentation_here

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspan._core import SpanQueue
    from pyspan.config import BatchSettings, KafkaSettings, OtlpSettings
    from pyspan.pipeline.background import BackgroundWorker
    from pyspan.pipeline.exporter import Exporter
    from pyspan.pipeline.specs import ExporterSpec
    from pyspan.pipeline.stats import Stats

__all__ = ["make_worker", "open_kafka", "open_otlp", "parse_named"]


def make_worker(
    queue: SpanQueue, make_exporter: Callable[[Stats], Exporter], batch: BatchSettings, name: str
) -> BackgroundWorker:
    """Make the worker of a queue; no event loop is imported until its thread runs."""
    from pyspan.pipeline.background import BackgroundWorker
    from pyspan.pipeline.settings import WorkerSettings

    return BackgroundWorker(
        queue,
        make_exporter,
        WorkerSettings(batch=batch),
        name=name,
        on_thread_start=suppress_instrumentation_here,
    )


def open_otlp(settings: OtlpSettings, stats: Stats) -> Exporter:
    """Make the OTLP exporter."""
    from pyspan.pipeline.otlp import OtlpExporter

    return OtlpExporter(settings, stats)


def open_kafka(settings: KafkaSettings) -> Exporter:
    """Make the Kafka exporter.

    Raises:
        ConfigurationError: aiokafka is not installed.
    """
    from pyspan.pipeline.kafka import KafkaExporter

    return KafkaExporter(settings)


def parse_named(text: str, key: str, place: str) -> ExporterSpec:
    """Read an exporter as applications name it; `key` and `place` say where it was written.

    Raises:
        ConfigurationError: a name or a target that is none.
    """
    from pyspan.pipeline.specs import parse_spec

    return parse_spec(text, key=key, place=place)
