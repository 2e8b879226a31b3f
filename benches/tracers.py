"""The tracers that are measured: each whole, with a batch processor and an exporter that throws away what it gets."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import opentelemetry.sdk.trace as sdk
import opentelemetry.sdk.trace.export as sdk_export
import opentelemetry.sdk.trace.sampling as sdk_sampling

import pyspan.sdk.trace as ours
import pyspan.sdk.trace.export as our_export
import pyspan.sdk.trace.sampling as our_sampling
from pyspan.sdk.trace.export._native import NativeSpanExporter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.trace import Tracer

    from pyspan._core import Batch
    from pyspan.pipeline.stats import Stats

__all__ = ["Builders", "Traced", "discarding", "exporting_in_python", "reading", "unsampled"]


class Traced:
    """A tracer and the flush that ends each round, so that exporting is paid within it."""

    def __init__(self, provider: Any) -> None:
        self.provider = provider
        self.tracer: Tracer = provider.get_tracer("bench", "1.0")

    def flushed(self, run: Callable[[int], object]) -> Callable[[int], None]:
        """Add the flush to a workload."""

        def run_and_flush(count: int) -> None:
            run(count)
            if not self.provider.force_flush():
                message = "a flush failed: the figures would be those of dropped spans"
                raise RuntimeError(message)

        return run_and_flush


class _Discard:
    """The pipeline's end of a native exporter: batches arrive encoded and framed, and are dropped."""

    async def export(self, batch: Batch) -> None:
        assert len(batch)

    async def aclose(self) -> None:
        pass


class DiscardingExporter(NativeSpanExporter):
    """Native from end to end, with nothing at the end."""

    def _pipeline_exporter(self, stats: Stats) -> _Discard:
        return _Discard()


class SdkDiscardingExporter(sdk_export.SpanExporter):
    """The same for opentelemetry-sdk, which encodes in its exporters only: here it does not encode at all."""

    def export(self, spans: Sequence[sdk.ReadableSpan]) -> sdk_export.SpanExportResult:
        return sdk_export.SpanExportResult.SUCCESS


Builders = tuple[Callable[[], Traced], Callable[[], Traced]]


def discarding() -> Builders:
    """Return how to make pyspan and opentelemetry-sdk, sampling everything. Queues hold a round: none drops."""
    return (
        lambda: _with(ours.TracerProvider(), our_export.BatchSpanProcessor(DiscardingExporter(), 1 << 18)),
        lambda: _with(sdk.TracerProvider(), sdk_export.BatchSpanProcessor(SdkDiscardingExporter(), 1 << 18)),
    )


def unsampled() -> Builders:
    """Return how to make both with a sampler that takes nothing."""
    return (
        lambda: _with(
            ours.TracerProvider(sampler=our_sampling.ParentBased(our_sampling.ALWAYS_OFF)),
            our_export.BatchSpanProcessor(DiscardingExporter()),
        ),
        lambda: _with(
            sdk.TracerProvider(sampler=sdk_sampling.ParentBased(sdk_sampling.ALWAYS_OFF)),
            sdk_export.BatchSpanProcessor(SdkDiscardingExporter()),
        ),
    )


def reading() -> Builders:
    """Return how to make both with a user's own processor, in Python, that reads what ends."""
    return (
        lambda: _with(ours.TracerProvider(), _reading_processor(ours.SpanProcessor)),
        lambda: _with(sdk.TracerProvider(), _reading_processor(sdk.SpanProcessor)),
    )


def exporting_in_python(export: Callable[[Sequence[Any]], object]) -> Builders:
    """Return how to make both with a user's own exporter, in Python, behind the batch processor."""
    return (
        lambda: _with(
            ours.TracerProvider(), our_export.BatchSpanProcessor(_calling(our_export.SpanExporter, export), 1 << 18)
        ),
        lambda: _with(
            sdk.TracerProvider(), sdk_export.BatchSpanProcessor(_calling(sdk_export.SpanExporter, export), 1 << 18)
        ),
    )


def _with(provider: Any, processor: Any) -> Traced:
    provider.add_span_processor(processor)
    return Traced(provider)


def _reading_processor(base: Any) -> Any:
    class Reading(base):  # type: ignore[misc]
        def on_end(self, span: Any) -> None:
            self.seen = (span.name, span.start_time, span.end_time, dict(span.attributes), span.context.span_id)

    return Reading()


def _calling(base: Any, export: Callable[[Sequence[Any]], object]) -> Any:
    success = our_export.SpanExportResult.SUCCESS

    class Calling(base):  # type: ignore[misc]
        def export(self, spans: Sequence[Any]) -> Any:
            export(spans)
            return success

    return Calling()
