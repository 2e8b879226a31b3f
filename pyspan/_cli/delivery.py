"""One span to one exporter, once, and the reasons why it did not arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from pyspan._cli.logged import logged
from pyspan._core import SpanQueue
from pyspan.config.redaction import redact
from pyspan.errors import PyspanError
from pyspan.pipeline.log import RareLog
from pyspan.pipeline.stats import Stats
from pyspan.sdk.trace.export import OTLPSpanExporter, SpanExportResult
from pyspan.sdk.trace.export._native import NativeSpanExporter, is_native
from pyspan.sdk.trace.export._suppress import suppress_instrumentation

if TYPE_CHECKING:
    from pyspan._core import Batch, Span
    from pyspan.sdk.trace.export import SpanExporter

__all__ = ["deliver", "target"]

LIMIT_BYTES = 32 << 20


def deliver(exporter: SpanExporter, span: Span) -> list[str]:
    """Hand an ended span over and wait for the answer; return what stood in the way, nothing where it arrived."""
    with suppress_instrumentation():
        if isinstance(exporter, NativeSpanExporter) and is_native(exporter):
            return _deliver_natively(exporter, span)
        return _deliver_by_python(exporter, span)


def target(exporter: SpanExporter) -> str:
    """Name an exporter, with its address where it is ours."""
    if isinstance(exporter, OTLPSpanExporter):
        return f"otlp {redact(exporter._settings.endpoint)} ({exporter._settings.protocol})"
    return exporter._name if isinstance(exporter, NativeSpanExporter) else type(exporter).__name__


def _deliver_natively(exporter: NativeSpanExporter, span: Span) -> list[str]:
    said = _Said()
    try:
        with logged():  # client libraries repeat in the log what they raise
            anyio.run(_export, exporter, _batch_of(span), Stats(target(exporter), said))
    except PyspanError as error:
        return [str(error)]
    except Exception as error:  # noqa: BLE001  # whatever it is, it stands in the way
        return [f"{target(exporter)}: {error!r}"]
    return said.lines


async def _export(exporter: NativeSpanExporter, batch: Batch, stats: Stats) -> None:
    opened = exporter._pipeline_exporter(stats)
    try:
        await opened.export(batch)
    finally:
        await opened.aclose()


def _batch_of(span: Span) -> Batch:
    queue = SpanQueue(max_spans=1, max_bytes=LIMIT_BYTES, batch_spans=1, batch_bytes=LIMIT_BYTES)
    queue.push(span)
    batch = queue.take(partial=True)
    assert batch is not None
    return batch


class _Said(RareLog):
    """Keeps what an exporter has to say of a batch that was taken: rejected spans, answers that are none of OTLP."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def warning(self, reason: str, message: str) -> None:
        self.lines.append(message)


def _deliver_by_python(exporter: SpanExporter, span: Span) -> list[str]:
    with logged() as lines:
        try:
            result = exporter.export((span,))  # type: ignore[arg-type]  # registered as one
        except Exception as error:  # noqa: BLE001  # anybody's code
            return [*lines, f"{target(exporter)} raised {error!r}"]
    # By name: exporters written for the other SDK answer with its enum.
    if getattr(result, "name", None) == SpanExportResult.FAILURE.name:
        return lines or [f"{target(exporter)} failed to export, and did not say why"]
    return []
