"""A spool's reader as a source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from pyspan._core import Spool
from pyspan.pipeline.source import OneAtATime
from pyspan.pipeline.spool_source import SpoolSource
from pyspan.pipeline.stats import Stats
from pyspan.pipeline.testing import RecordingExporter
from pyspan.pipeline.worker import Worker
from tests.unit.pipeline.fakes import FakeReader, names
from tests.unit.pipeline.tracing import make_queue, make_spans, make_tracer

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio


def source_of(reader: FakeReader, *, max_spans: int = 2, max_bytes: int = 10_000, wait: float = 3600.0) -> SpoolSource:
    return SpoolSource(reader.native(), max_spans=max_spans, max_bytes=max_bytes, wait=wait)


async def test_full_batches_come_without_waiting() -> None:
    source = source_of(FakeReader("a", "b", "c", "d"))
    assert [names([(await source.receive()).batch]) for _ in range(2)] == [[["a", "b"]], [["c", "d"]]]
    source.release()


async def test_bytes_fill_a_batch_too() -> None:
    source = source_of(FakeReader("a", "b", "c", "d"), max_spans=100, max_bytes=300)
    assert names([(await source.receive()).batch]) == [["a", "b", "c"]]
    source.release()


async def test_a_batch_that_is_not_full_comes_after_the_wait() -> None:
    source = source_of(FakeReader("a"), wait=0.04)
    start = anyio.current_time()
    assert names([(await source.receive()).batch]) == [["a"]]
    assert anyio.current_time() - start >= 0.035
    source.release()


async def test_what_is_on_its_way_does_not_count_as_a_full_batch() -> None:
    reader = FakeReader("a", "b", "c")
    source = source_of(reader, wait=0.04)
    await source.receive()
    start = anyio.current_time()
    assert names([(await source.receive()).batch]) == [["c"]]
    assert anyio.current_time() - start >= 0.035
    source.release()


async def test_an_append_wakes_an_idle_source() -> None:
    reader = FakeReader()
    source = source_of(reader)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(anyio.to_thread.run_sync, reader.append, "a", "b")
        with anyio.fail_after(10):
            received = await source.receive()
    assert (names([received.batch]), received.position) == ([["a", "b"]], 200)
    source.release()


async def test_a_restart_reads_again_what_was_not_acknowledged() -> None:
    reader = FakeReader("a", "b", "c", "d")
    source = source_of(reader)
    source.ack((await source.receive()).position)
    await source.receive()
    source.release()
    again = source_of(reader)
    assert names([(await again.receive()).batch]) == [["c", "d"]]
    again.release()


async def test_a_closed_source_gives_the_rest_at_once_and_ends_with_everything_acknowledged() -> None:
    reader, exporter = FakeReader("a", "b", "c"), RecordingExporter()
    source = source_of(reader)
    source.close()
    await Worker(OneAtATime(source), exporter, Stats("test"), lanes=4).run()
    assert (exporter.spans, reader.acked) == (3, 3)
    source.release()


async def test_a_real_spool_is_drained_and_what_was_not_acknowledged_comes_again(tmp_path: Path) -> None:
    queue = make_queue(batch_spans=100)
    made = make_spans(make_tracer(queue), 1050)
    spool = Spool(tmp_path, segment_bytes=1 << 20, max_bytes=1 << 30, fsync="never")
    while (batch := queue.take(partial=True)) is not None:
        spool.append(batch)
    reader = spool.reader("test")
    source = SpoolSource(reader, max_spans=300, max_bytes=1 << 20, wait=0.01)
    source.ack((await source.receive()).position)
    lost = await source.receive()
    source.release()
    again = SpoolSource(reader, max_spans=300, max_bytes=1 << 20, wait=0.01)
    again.close()
    await Worker(OneAtATime(again), exporter := RecordingExporter(), Stats("test")).run()
    again.release()
    arrived = [pair for batch in exporter.batches for pair in batch.span_ids()]
    assert set(lost.batch.span_ids()) <= set(arrived) <= made
    assert (len(arrived), reader.lag_spans) == (750, 0)
    spool.close()
