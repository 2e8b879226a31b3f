"""The tracer's queue as a source."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import anyio
import pytest

from pyspan.pipeline.queue_source import QueueSource
from tests.unit.pipeline.fakes import FakeQueue, names

if TYPE_CHECKING:
    from pyspan.pipeline.source import Received

pytestmark = pytest.mark.anyio

LONG = 3600.0


def spans(received: Received) -> list[str]:
    return names([received.batch])[0]


async def test_a_full_batch_comes_at_once_and_the_position_counts_spans() -> None:
    queue = FakeQueue(batch_spans=2)
    source = QueueSource(queue.native(), LONG)
    queue.put("a", "b", "c", "d")
    first, second = await source.receive(), await source.receive()
    assert (spans(first), first.position) == (["a", "b"], 2)
    assert (spans(second), second.position) == (["c", "d"], 4)
    source.release()


async def test_what_does_not_fill_a_batch_waits_for_the_delay() -> None:
    queue = FakeQueue(batch_spans=2)
    source = QueueSource(queue.native(), 0.02)
    queue.put("a")
    start = anyio.current_time()
    assert spans(await source.receive()) == ["a"]
    assert anyio.current_time() - start >= 0.015
    source.release()


async def test_a_batch_that_fills_while_waiting_wakes_the_source() -> None:
    queue = FakeQueue(batch_spans=2)
    source = QueueSource(queue.native(), LONG)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(anyio.to_thread.run_sync, queue.put, "a", "b")
        with anyio.fail_after(10):
            assert spans(await source.receive()) == ["a", "b"]
    source.release()


async def test_a_flush_takes_what_there_is_and_is_answered_when_it_is_acknowledged() -> None:
    queue, answers = FakeQueue(batch_spans=2), list[str]()
    source = QueueSource(queue.native(), LONG)
    queue.put("a", "b", "c")
    source.flush(lambda: answers.append("flushed"))
    first, second = await source.receive(), await source.receive()
    queue.put("later")
    source.ack(first.position)
    assert answers == []
    source.ack(second.position)
    assert answers == ["flushed"]
    source.release()


async def test_a_flush_of_an_empty_queue_is_answered_at_once() -> None:
    queue, flushed = FakeQueue(), anyio.Event()
    source = QueueSource(queue.native(), LONG)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(source.receive)
        await anyio.wait_all_tasks_blocked()
        source.flush(flushed.set)
        with anyio.fail_after(10):
            await flushed.wait()
        tasks.cancel_scope.cancel()
    source.release()


async def test_a_closed_source_gives_the_rest_and_ends() -> None:
    queue = FakeQueue(batch_spans=2)
    source = QueueSource(queue.native(), LONG)
    queue.put("a", "b", "c")
    source.close()
    assert [spans(await source.receive()) for _ in range(2)] == [["a", "b"], ["c"]]
    with pytest.raises(anyio.EndOfStream):
        await source.receive()
    source.release()


async def test_one_signal_for_two_batches_wakes_two_lanes_and_no_third() -> None:
    queue, taken, took = FakeQueue(batch_spans=2), list[list[str]](), anyio.Semaphore(0)
    source = QueueSource(queue.native(), LONG)

    async def lane() -> None:
        taken.append(spans(await source.receive()))
        took.release()

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(lane)
            await anyio.wait_all_tasks_blocked()
            queue.put("a", "b", "c", "d")
            await took.acquire()
            await took.acquire()
            queue.put("e", "f")
    assert taken == [["a", "b"], ["c", "d"], ["e", "f"]]
    source.release()


async def test_lanes_that_wait_all_end_when_the_source_closes() -> None:
    queue, taken = FakeQueue(batch_spans=2), list[list[str]]()
    source = QueueSource(queue.native(), LONG)

    async def lane() -> None:
        with contextlib.suppress(anyio.EndOfStream):
            while True:
                taken.append(spans(await source.receive()))

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(lane)
            await anyio.wait_all_tasks_blocked()
            queue.put("a")
            source.close()
    assert taken == [["a"]]
    source.release()


async def test_a_source_with_a_backlog_lets_others_have_their_turn() -> None:
    queue, turns = FakeQueue(batch_spans=1), list[str]()
    source = QueueSource(queue.native(), LONG)
    queue.put(*"abcdef")

    async def other() -> None:
        while queue.waiting:
            turns.append("other")
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(other)
        for _ in range(6):
            await source.receive()
    assert len(turns) > 3
    source.release()


async def test_a_signal_is_heard_while_nobody_receives() -> None:
    queue, heard = FakeQueue(), anyio.Event()
    source = QueueSource(queue.native(), LONG, heard.set)
    queue.wake()
    with anyio.fail_after(10):
        await heard.wait()
    source.release()
