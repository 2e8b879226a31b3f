"""The loop between source and exporter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from pyspan.config import RetrySettings
from pyspan.errors import PermanentError, RetryableError
from pyspan.pipeline.stats import Stats
from pyspan.pipeline.testing import FlakyExporter, RecordingExporter
from pyspan.pipeline.worker import Worker
from tests.unit.pipeline.fakes import FakeSource, batch, names

if TYPE_CHECKING:
    from pyspan._core import Batch

pytestmark = pytest.mark.anyio

NO_PAUSE = RetrySettings(first_pause=0.0, longest_pause=0.0, give_up_after=None)


class GatedExporter(RecordingExporter):
    """Lets a batch through when its first span's gate is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.gates: dict[str, anyio.Event] = {}
        self.waiting = anyio.Semaphore(0)

    async def export(self, batch: Batch) -> None:
        gate = self.gates[names([batch])[0][0]] = anyio.Event()
        self.waiting.release()
        await gate.wait()
        await super().export(batch)


async def test_a_drained_source_ends_the_worker_with_everything_delivered_and_acknowledged() -> None:
    source, exporter, stats = FakeSource([batch("a", "b"), batch("c")]), RecordingExporter(), Stats("test")
    await Worker(source, exporter, stats).run()
    assert sorted(names(exporter.batches)) == [["a", "b"], ["c"]]
    assert (source.acked[-1], stats.delivered, stats.in_flight) == (2, 3, 0)


async def test_only_the_allowed_number_of_batches_is_on_its_way() -> None:
    source, exporter = FakeSource(map(batch, "abcde"), ends=False), GatedExporter()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Worker(source, exporter, Stats("test"), lanes=2).run)
        await exporter.waiting.acquire()
        await exporter.waiting.acquire()
        await anyio.wait_all_tasks_blocked()
        assert sorted(exporter.gates) == ["a", "b"]
        exporter.gates["b"].set()
        await exporter.waiting.acquire()
        assert sorted(exporter.gates) == ["a", "b", "c"]
        tasks.cancel_scope.cancel()


async def test_a_batch_that_overtakes_is_not_acknowledged_before_the_first() -> None:
    source, exporter = FakeSource(map(batch, "ab"), ends=False), GatedExporter()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Worker(source, exporter, Stats("test"), lanes=2).run)
        await exporter.waiting.acquire()
        await exporter.waiting.acquire()
        exporter.gates["b"].set()
        await exporter.wait_for_spans(1)
        await anyio.wait_all_tasks_blocked()
        assert source.acked == []
        exporter.gates["a"].set()
        await anyio.wait_all_tasks_blocked()
        assert source.acked == [2]
        tasks.cancel_scope.cancel()


async def test_dropped_and_dead_lettered_batches_are_acknowledged_too() -> None:
    source, stats = FakeSource([batch("a"), batch("b")]), Stats("test")
    exporter = FlakyExporter([PermanentError("400")])
    await Worker(source, exporter, stats, lanes=1, retry=NO_PAUSE).run()
    assert (source.acked, stats.dropped, stats.delivered) == ([1, 2], {"permanent": 1}, 1)


@pytest.mark.parametrize("at", range(1, 12))
async def test_a_cancel_at_any_await_loses_no_batch_from_the_books(at: int) -> None:
    """Every span received is delivered, or counted as dropped, or in flight and then not acknowledged."""
    source, stats = FakeSource(map(batch, "abc")), Stats("test")
    exporter = FlakyExporter([RetryableError("busy"), PermanentError("400")])
    worker = Worker(source, exporter, stats, lanes=1, retry=NO_PAUSE)
    with anyio.CancelScope() as scope:
        await _cancel_at(at, scope, worker)
    assert source.received == stats.delivered + sum(stats.dropped.values()) + stats.in_flight
    assert (source.acked[-1] if source.acked else 0) == source.received - stats.in_flight


async def _cancel_at(at: int, scope: anyio.CancelScope, worker: Worker) -> None:
    """Cancel after the loop has turned `at` times: the worker is at another await each time."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(worker.run)
        for _ in range(at):
            await anyio.lowlevel.cancel_shielded_checkpoint()
        scope.cancel()
