"""The application's worker, seen from the application."""

from __future__ import annotations

import logging
import signal
import threading
import time
from typing import TYPE_CHECKING

import anyio
import pytest

from pyspan.config import BatchSettings
from pyspan.errors import RetryableError
from pyspan.pipeline.background import BackgroundWorker
from pyspan.pipeline.settings import WorkerSettings
from pyspan.pipeline.testing import FlakyExporter, RecordingExporter
from tests.unit.pipeline.fakes import FakeQueue, names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyspan._core import Batch
    from pyspan.pipeline.exporter import Exporter

NEVER_IDLE = WorkerSettings(batch=BatchSettings(delay=3600.0))


class StuckExporter(RecordingExporter):
    """A backend that takes the connection and never answers."""

    async def export(self, batch: Batch) -> None:
        await anyio.sleep_forever()


class BlockingExporter(RecordingExporter):
    """A user's exporter that holds up its event loop."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()

    async def export(self, batch: Batch) -> None:
        self.go_on.wait(30)


class Bench:
    """A worker over a fake queue, shut down at the end of the test."""

    def __init__(self) -> None:
        self.queue = FakeQueue()
        self.workers: list[BackgroundWorker] = []

    def worker(self, exporter: Exporter, settings: WorkerSettings = NEVER_IDLE) -> BackgroundWorker:
        worker = BackgroundWorker(self.queue.native(), lambda _: exporter, settings)
        self.workers.append(worker)
        return worker


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    for worker in bench.workers:
        worker.shutdown(0.0)


def arrived(exporter: RecordingExporter) -> list[str]:
    return [name for batch in names(exporter.batches) for name in batch]


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def worker_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "pyspan-worker"]


def test_no_thread_runs_before_the_first_span_and_one_after_it(bench: Bench) -> None:
    before = len(worker_threads())
    bench.worker(RecordingExporter())
    assert len(worker_threads()) == before
    bench.queue.put("a")
    assert len(worker_threads()) == before + 1


def test_a_flush_delivers_what_was_queued_before_it(bench: Bench) -> None:
    worker = bench.worker(exporter := RecordingExporter())
    bench.queue.put("a", "b", "c", "d")
    assert worker.force_flush(10) is True
    assert arrived(exporter) == ["a", "b", "c", "d"]


def test_a_flush_with_nothing_queued_starts_nothing(bench: Bench) -> None:
    before = len(worker_threads())
    assert bench.worker(RecordingExporter()).force_flush(10) is True
    assert len(worker_threads()) == before


def test_a_batch_is_given_up_after_the_export_timeout_and_the_flush_says_so(bench: Bench) -> None:
    batch = BatchSettings(delay=3600.0, export_timeout=0.05)
    worker = bench.worker(StuckExporter(), WorkerSettings(batch=batch))
    bench.queue.put("a")
    assert worker.force_flush(10) is False
    assert worker.stats.dropped == {"gave_up": 1}


@pytest.mark.parametrize("exporter", [StuckExporter(), FlakyExporter(refuse=lambda _: RetryableError("down"))])
def test_a_flush_ends_by_its_deadline_with_a_dead_backend(bench: Bench, exporter: Exporter) -> None:
    worker = bench.worker(exporter)
    bench.queue.put("a")
    start = time.monotonic()
    assert worker.force_flush(0.3) is False
    assert time.monotonic() - start < 1.0


def test_a_shutdown_delivers_the_rest_and_closes_queue_and_exporter(bench: Bench) -> None:
    worker = bench.worker(exporter := RecordingExporter())
    bench.queue.put("a", "b", "c", "d")
    assert worker.shutdown(10) is True
    assert (arrived(exporter), exporter.closed, bench.queue.closed) == (["a", "b", "c", "d"], True, True)


def test_a_second_shutdown_and_a_flush_after_it_return_at_once(bench: Bench) -> None:
    worker = bench.worker(RecordingExporter())
    bench.queue.put("a")
    assert worker.shutdown(10) is True
    assert (worker.shutdown(10), worker.force_flush(10)) == (True, True)


@pytest.mark.parametrize("exporter", [StuckExporter(), FlakyExporter(refuse=lambda _: RetryableError("down"))])
def test_a_shutdown_ends_by_its_deadline_and_counts_and_logs_the_loss_once(
    bench: Bench, exporter: Exporter, caplog: pytest.LogCaptureFixture
) -> None:
    worker = bench.worker(exporter)
    bench.queue.put(*"abcdefghij")  # more than two lanes hold
    start = time.monotonic()
    with caplog.at_level(logging.WARNING, "pyspan.pipeline"):
        assert worker.shutdown(0.3) is False
    assert time.monotonic() - start < 1.0
    assert worker.stats.counts()["dropped_at_shutdown"] == 10
    assert worker.stats.in_flight == 0
    assert [record.message for record in caplog.records if "10 spans dropped (at_shutdown)" in record.message]


def test_a_shutdown_ends_by_its_deadline_even_when_the_exporter_holds_up_its_loop(bench: Bench) -> None:
    worker = bench.worker(exporter := BlockingExporter())
    bench.queue.put("a", "b", "c")
    start = time.monotonic()
    assert worker.shutdown(0.3) is False
    assert time.monotonic() - start < 1.0
    exporter.go_on.set()


def test_flush_and_shutdown_work_inside_a_running_event_loop(bench: Bench) -> None:
    worker = bench.worker(exporter := RecordingExporter())

    async def main() -> tuple[bool, bool]:
        bench.queue.put("a")
        flushed = worker.force_flush(10)
        bench.queue.put("b")
        return flushed, worker.shutdown(10)

    assert anyio.run(main) == (True, True)
    assert arrived(exporter) == ["a", "b"]


def test_flushes_from_eight_threads_are_all_answered(bench: Bench) -> None:
    worker = bench.worker(exporter := RecordingExporter())
    answers: list[bool] = []

    def flush(name: str) -> None:
        bench.queue.put(name)
        answers.append(worker.force_flush(10))

    threads = [threading.Thread(target=flush, args=(name,)) for name in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (answers, sorted(arrived(exporter))) == ([True] * 8, list("abcdefgh"))


def test_where_no_thread_can_start_flush_and_shutdown_ship_in_the_calling_thread(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    worker = bench.worker(exporter := RecordingExporter())
    bench.queue.put("a", "b", "c", "d")
    assert worker.force_flush(10) is True
    bench.queue.put("e")
    assert worker.shutdown(10) is True
    assert arrived(exporter) == list("abcde")


def test_an_exporter_that_cannot_be_made_is_tried_again_and_loses_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyspan.pipeline.background.RESTART_PAUSE", 0.0)
    exporter, faults = RecordingExporter(), iter([OSError("no certificate"), OSError("no certificate")])

    def make(_: object) -> Exporter:
        for fault in faults:
            raise fault
        return exporter

    worker = BackgroundWorker(bench.queue.native(), make, NEVER_IDLE)
    bench.workers.append(worker)
    bench.queue.put("a")
    assert worker.force_flush(10) is True
    assert (arrived(exporter), worker.stats.failures) == (["a"], {"worker": 2})


def test_the_hook_runs_in_the_workers_thread_before_the_exporter_is_made(bench: Bench) -> None:
    seen: list[str] = []

    def make(_: object) -> Exporter:
        seen.append("made")
        return RecordingExporter()

    worker = BackgroundWorker(
        bench.queue.native(),
        make,
        NEVER_IDLE,
        on_thread_start=lambda: seen.append(threading.current_thread().name),
    )
    bench.workers.append(worker)
    bench.queue.put("a")
    worker.force_flush(10)
    assert seen == ["pyspan-worker", "made"]


def test_a_queue_that_overflows_is_logged_though_its_backend_hangs(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    worker = bench.worker(StuckExporter())
    bench.queue.put(*"abcdefghijklmnop")  # more than the lanes hold
    for dropped in (1, 7):
        bench.queue.dropped["dropped_queue_full"] = dropped
        bench.queue.wake()
        wait_for(lambda: "1 spans dropped (queue_full)" in caplog.text)
    assert worker.shutdown(0.1) is False
    lines = [record.getMessage() for record in caplog.records if "(queue_full)" in record.getMessage()]
    assert [line.split(":")[1].split()[0] for line in lines] == ["1", "6"]


def test_what_overflows_while_no_exporter_can_be_made_is_logged(
    bench: Bench, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyspan.pipeline.background.RESTART_PAUSE", 0.01)

    def fail(_: object) -> Exporter:
        raise OSError("no certificate")

    worker = BackgroundWorker(bench.queue.native(), fail, NEVER_IDLE)
    bench.workers.append(worker)
    bench.queue.put("a")
    bench.queue.dropped["dropped_queue_full"] = 3
    wait_for(lambda: "3 spans dropped (queue_full)" in caplog.text)


def test_what_an_exporter_reports_after_the_shutdown_gave_its_spans_up_is_not_counted_again(bench: Bench) -> None:
    worker = bench.worker(exporter := BlockingExporter())
    bench.queue.put("a", "b", "c")
    wait_for(lambda: worker.stats.in_flight == 3)
    assert worker.shutdown(0.1) is False
    exporter.go_on.set()
    wait_for(lambda: exporter.closed)
    counts = worker.stats.counts()
    assert (counts["dropped_at_shutdown"], counts["exported"], counts["in_flight"]) == (3, 0, 0)


def test_a_signal_that_raises_during_the_shutdown_still_has_the_loss_counted_and_logged(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    worker = bench.worker(StuckExporter())
    bench.queue.put("a", "b", "c")
    wait_for(lambda: worker.stats.in_flight == 3)
    interrupt = threading.Timer(0.2, signal.raise_signal, [signal.SIGINT])
    interrupt.start()
    with pytest.raises(KeyboardInterrupt):
        worker.shutdown(30)
    assert worker.stats.dropped == {"at_shutdown": 3}
    assert "3 spans dropped (at_shutdown)" in caplog.text


def test_a_worker_that_is_ended_ships_what_is_queued_and_its_thread_ends(bench: Bench) -> None:
    before = len(worker_threads())
    worker = bench.worker(exporter := RecordingExporter())
    bench.queue.put("a", "b", "c", "d")
    worker.end()
    wait_for(lambda: len(worker_threads()) == before)
    assert (arrived(exporter), exporter.closed) == (["a", "b", "c", "d"], True)


def test_a_worker_that_is_ended_with_a_dead_backend_ends_by_its_deadline_and_says_what_is_lost(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    before = len(worker_threads())
    worker = bench.worker(StuckExporter())
    bench.queue.put("a", "b", "c", "d")
    worker.end(0.1)
    wait_for(lambda: len(worker_threads()) == before)
    assert worker.stats.dropped == {"at_shutdown": 4}
    assert "4 spans dropped (at_shutdown)" in caplog.text
