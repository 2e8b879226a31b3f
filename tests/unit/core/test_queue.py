"""The queue of encoded spans: its limits, its policies, its wake-up, and forks."""

from __future__ import annotations

import os
import select
import threading
import time
from typing import Any

import pytest


def readable(queue: Any, within: float) -> bool:
    return bool(select.select([queue.fileno()], [], [], within)[0])


def end_spans(tracer: Any, count: Any) -> None:
    for _ in range(count):
        tracer.start_span("op").end()


@pytest.fixture
def tracer_into(make_recorder: Any) -> Any:
    def make(queue: Any) -> Any:
        made = make_recorder()
        made.recorder.add_queue(queue)
        return made.tracer

    return make


def test_a_full_batch_wakes_the_worker(make_queue: Any, tracer_into: Any) -> None:
    queue = make_queue(batch_spans=3)
    tracer = tracer_into(queue)
    end_spans(tracer, 2)
    assert not readable(queue, within=0.1)
    assert not queue.ready()
    end_spans(tracer, 1)
    assert readable(queue, within=10)
    assert queue.ready()
    queue.clear_wakeup()
    assert not readable(queue, within=0.1)
    assert len(queue.take()) == 3
    assert queue.take() is None
    assert not queue.ready()


def test_the_worker_is_asked_for_once(make_queue: Any, tracer_into: Any) -> None:
    queue, calls = make_queue(), []
    queue.on_first_span(lambda: calls.append(1))
    end_spans(tracer_into(queue), 3)
    assert calls == [1]


def test_a_callback_that_raises_does_not_reach_the_caller(make_queue: Any, tracer_into: Any, monkeypatch: Any) -> None:
    queue, seen = make_queue(), []
    monkeypatch.setattr("sys.unraisablehook", lambda report: seen.append(str(report.exc_value)))
    queue.on_first_span(lambda: 1 / 0)
    end_spans(tracer_into(queue), 1)
    assert seen == ["division by zero"]
    assert queue.counts()["accepted"] == 1


def test_a_full_queue_drops_and_counts(make_queue: Any, tracer_into: Any) -> None:
    queue = make_queue(max_spans=5, batch_spans=2)
    end_spans(tracer_into(queue), 8)
    counts = queue.counts()
    assert (counts["accepted"], counts["dropped_queue_full"], counts["queued_spans"]) == (5, 3, 5)


def test_a_blocking_queue_waits_for_room(make_queue: Any, tracer_into: Any) -> None:
    queue = make_queue(max_spans=4, batch_spans=2, block_timeout=30.0)
    tracer = tracer_into(queue)
    taken: list[int] = []

    def drain() -> None:
        while sum(taken) < 100:
            if batch := queue.take(partial=True):
                taken.append(len(batch))
            else:
                time.sleep(0.001)

    thread = threading.Thread(target=drain)
    thread.start()
    end_spans(tracer, 100)
    thread.join(30)
    assert sum(taken) == 100
    assert queue.counts()["dropped_queue_full"] == 0


def test_a_blocking_queue_gives_up_at_its_limit(make_queue: Any, tracer_into: Any) -> None:
    queue = make_queue(max_spans=1, block_timeout=0.05)
    tracer = tracer_into(queue)
    begin = time.monotonic()
    end_spans(tracer, 2)
    assert time.monotonic() - begin >= 0.05
    assert queue.counts()["dropped_queue_full"] == 1


def test_a_closed_queue_counts_what_comes_late(make_queue: Any, tracer_into: Any) -> None:
    queue = make_queue()
    tracer = tracer_into(queue)
    queue.close()
    end_spans(tracer, 2)
    assert queue.counts()["dropped_after_shutdown"] == 2


@pytest.mark.parametrize("name", ["max_spans", "max_bytes", "batch_spans", "batch_bytes"])
def test_limits_below_one_are_refused_by_name(make_queue: Any, name: Any) -> None:
    with pytest.raises(ValueError, match=f"{name}: 0"):
        make_queue(**{name: 0})


@pytest.mark.parametrize("timeout", [-1.0, float("nan")])
def test_a_nonsensical_block_timeout_is_refused(make_queue: Any, timeout: Any) -> None:
    with pytest.raises(ValueError, match="block_timeout"):
        make_queue(block_timeout=timeout)


def test_every_queue_gets_every_span(make_recorder: Any, make_queue: Any) -> None:
    made, queues = make_recorder(), [make_queue(), make_queue()]
    for queue in queues:
        made.recorder.add_queue(queue)
    end_spans(made.tracer, 2)
    made.recorder.remove_queue(queues[0])
    end_spans(made.tracer, 1)
    assert [queue.counts()["accepted"] for queue in queues] == [2, 3]


def test_spans_of_several_scopes_share_a_request(make_recorder: Any, make_queue: Any) -> None:
    from pyspan import _core

    made, queue = make_recorder(), make_queue()
    made.recorder.add_queue(queue)
    other = made.recorder.tracer(None, _core.encode_scope("other", "", {}), "https://schema")
    made.tracer.start_span("one").end()
    other.start_span("two").end()
    made.tracer.start_span("three").end()
    batch = queue.take(partial=True)
    assert sorted((span["name"], span["scope"]["name"]) for span in batch.spans()) == [
        ("one", "tests"),
        ("three", "tests"),
        ("two", "other"),
    ]


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_starts_empty_with_its_own_wakeup_and_fresh_ids(make_queue: Any, tracer_into: Any) -> None:
    queue, started = make_queue(), []
    queue.on_first_span(lambda: started.append(os.getpid()))
    tracer = tracer_into(queue)
    end_spans(tracer, 2)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        end_spans(tracer, 1)
        span = tracer.start_span("op")
        counts = queue.counts()
        report = f"{counts['queued_spans']} {counts['left_to_parent']} {len(started)} {span.get_span_context().span_id}"
        os.write(write, report.encode())
        os._exit(0)
    os.waitpid(child, 0)
    queued, left, starts, child_id = os.read(read, 1000).decode().split()
    assert (queued, left, starts) == ("1", "2", "2")
    assert queue.counts()["queued_spans"] == 2
    assert int(child_id) != tracer.start_span("op").get_span_context().span_id


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_forks_while_another_thread_drains_never_hang_the_child(make_queue: Any, tracer_into: Any) -> None:
    queue = make_queue(batch_spans=1)
    tracer, stop = tracer_into(queue), threading.Event()

    def drain() -> None:
        while not stop.is_set():
            queue.take(partial=True)

    thread = threading.Thread(target=drain)
    thread.start()
    try:
        for _ in range(50):
            end_spans(tracer, 5)
            child = os.fork()
            if child == 0:
                end_spans(tracer, 1)
                os._exit(0 if queue.counts()["queued_spans"] == 1 else 1)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        thread.join()
