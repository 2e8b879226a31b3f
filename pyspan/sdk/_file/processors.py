"""Span processors and limits that a file describes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pyspan.sdk._file.exporters import read_exporter
from pyspan.sdk.trace import SpanLimits
from pyspan.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from pyspan.sdk.trace.export._native import NativeSpanExporter, is_native
from pyspan.sdk.trace.export._settings import BATCH, LONGEST_BLOCK, NO_DELAY, NO_LIMIT, PYTHON_QUEUE, QUEUE

if TYPE_CHECKING:
    from pyspan.config.file import Table
    from pyspan.sdk._file.exporters import MakeExporter
    from pyspan.sdk.trace import SpanProcessor

__all__ = ["MakeProcessor", "read_limits", "read_processors"]

MakeProcessor = Callable[[], "SpanProcessor"]
DEFAULT_COUNT = 128


def read_processors(table: Table) -> list[MakeProcessor]:
    """Read the list of processors."""
    table.need("processors")
    kinds = {"batch": _batch, "pyspan_batch": _own_batch, "simple": _simple}
    found = [entry.one(list(kinds)) for entry in table.tables("processors")]
    made = [kinds[each[0]](each[1]) for each in found if each is not None]
    return [make for make in made if make is not None]


def read_limits(general: Table | None, table: Table | None) -> SpanLimits:
    """Read `attribute_limits` and those of the tracer provider, which stand above them."""
    count, length = _general(general)
    names = {
        "max_span_attributes": ("attribute_count_limit", count),
        "max_events": ("event_count_limit", DEFAULT_COUNT),
        "max_links": ("link_count_limit", DEFAULT_COUNT),
        "max_event_attributes": ("event_attribute_count_limit", count),
        "max_link_attributes": ("link_attribute_count_limit", count),
        "max_span_attribute_length": ("attribute_value_length_limit", length),
    }
    limits = {name: _limit(table, key, default) for name, (key, default) in names.items()}
    return SpanLimits(max_attributes=count, max_attribute_length=length, **limits)


def _general(table: Table | None) -> tuple[int, int]:
    count = _limit(table, "attribute_count_limit", DEFAULT_COUNT)
    return count, _limit(table, "attribute_value_length_limit", SpanLimits.UNSET)


def _limit(table: Table | None, key: str, default: int) -> int:
    value = table.count(key) if table else None
    return default if value is None else value


def _simple(table: Table) -> MakeProcessor | None:
    make = _exporter(table)
    return None if make is None else lambda: SimpleSpanProcessor(make())


def _own_batch(table: Table) -> MakeProcessor | None:
    """Read a batch processor with what the format has no key for: bytes, and waiting for room."""
    most = table.count("max_queue_bytes", 1)
    block = table.number("block_timeout", lambda time: 0 <= time <= LONGEST_BLOCK, f"seconds from 0 to {LONGEST_BLOCK}")
    return _batch(table, max_queue_bytes=most, block_timeout=block)


def _batch(table: Table, **policy: Any) -> MakeProcessor | None:
    make = _exporter(table)
    size, queue = table.count("max_export_batch_size", 1), table.count("max_queue_size", 1)
    delay, timeout = table.count("schedule_delay"), table.count("export_timeout")
    if size and queue and size > queue:
        table.fault("max_export_batch_size", f"give at most max_queue_size, {queue}")
    if make is None:
        return None
    # Each is given, so that no OTEL_BSP_* is read.
    delay_ms = BATCH.delay * 1000 if delay is None else delay or NO_DELAY * 1000
    timeout_ms = BATCH.export_timeout * 1000 if timeout is None else timeout or NO_LIMIT * 1000

    def processor() -> BatchSpanProcessor:
        exporter: Any = make()
        own = isinstance(exporter, NativeSpanExporter) and is_native(exporter)
        room = queue or max(QUEUE.max_spans if own else PYTHON_QUEUE, size or 1)
        return BatchSpanProcessor(exporter, room, delay_ms, size or min(BATCH.max_spans, room), timeout_ms, **policy)

    return processor


def _exporter(table: Table) -> MakeExporter | None:
    table.need("exporter")
    under = table.table("exporter") if table.ask("exporter") is not None else None
    return None if under is None else read_exporter(under)
