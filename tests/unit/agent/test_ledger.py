"""The ledger: exact at every instant, over crashes and restarts, against a model of the spool."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

import pytest

from pyspan.agent.ledger import Counts, Ledger

if TYPE_CHECKING:
    from pathlib import Path


class Log:
    """A spool in memory: one record is one batch; `accepted` starts at 0 with each process."""

    def __init__(self) -> None:
        self.records: list[int] = []
        self.accepted = 0

    def append(self, spans: int) -> None:
        self.records.append(spans)
        self.accepted += spans

    def restart(self) -> None:
        self.accepted = 0


class Reader:
    """A reader of Log: offsets are record numbers."""

    def __init__(self, log: Log, offset: int = 0) -> None:
        self.log = log
        self.acked_offset = self.cursor = offset

    def ack(self, offset: int) -> None:
        self.acked_offset = offset

    @property
    def lag_spans(self) -> int:
        return sum(self.log.records[self.acked_offset :])

    def read(self) -> tuple[int, int]:
        self.cursor += 1
        return self.log.records[self.cursor - 1], self.cursor


@pytest.fixture
def log() -> Log:
    return Log()


def open_ledger(folder: Path, log: Log, reader: Reader) -> Ledger:
    ledger = Ledger(folder / "otlp.ledger", reader, lambda: log.accepted)
    ledger.start(crash_bound=8)
    return ledger


def read_one(ledger: Ledger, reader: Reader) -> int:
    spans, position = reader.read()
    ledger.begin(position, spans)
    return position


def test_what_is_accepted_is_pending_until_its_fate_is_known(tmp_path: Path, log: Log) -> None:
    reader = Reader(log)
    ledger = open_ledger(tmp_path, log, reader)
    log.append(10)
    assert (ledger.entry().accepted, ledger.entry().pending) == (10, 10)
    position = read_one(ledger, reader)
    ledger.count(Counts(exported=4))
    ledger.count(Counts(dead_lettered=1))
    assert (ledger.entry().exported, ledger.entry().pending, ledger.entry().balance) == (4, 5, 0)
    ledger.count(Counts(exported=5))
    ledger.commit(position)
    reader.ack(position)
    entry = ledger.entry()
    assert (entry.exported, entry.dead_lettered, entry.pending, entry.balance) == (9, 1, 0, 0)


def test_a_crash_before_the_acknowledgement_counts_nothing_twice(tmp_path: Path, log: Log) -> None:
    reader = Reader(log)
    ledger = open_ledger(tmp_path, log, reader)
    log.append(10)
    read_one(ledger, reader)
    ledger.count(Counts(exported=10))  # delivered, then kill -9
    log.restart()
    again = open_ledger(tmp_path, log, Reader(log, reader.acked_offset))
    entry = again.entry()
    assert (entry.accepted, entry.exported, entry.pending, entry.balance) == (10, 0, 10, 0)
    assert entry.possibly_resent == 8


def test_a_crash_between_ledger_and_reader_goes_on_where_the_reader_is(tmp_path: Path, log: Log) -> None:
    reader = Reader(log)
    ledger = open_ledger(tmp_path, log, reader)
    log.append(10)
    log.append(5)
    position = read_one(ledger, reader)
    ledger.count(Counts(exported=10))
    ledger.commit(position)  # kill -9 before reader.ack
    log.restart()
    entry = open_ledger(tmp_path, log, Reader(log, 0)).entry()
    assert (entry.accepted, entry.exported, entry.pending, entry.balance) == (15, 0, 15, 0)


def test_an_acknowledgement_that_the_ledger_missed_counts_as_exported(tmp_path: Path, log: Log) -> None:
    reader = Reader(log)
    open_ledger(tmp_path, log, reader)
    log.append(10)
    log.append(5)
    open_ledger(tmp_path, log, reader).commit(0)  # the file knows of 15; power fails after the reader's own write
    log.restart()
    entry = open_ledger(tmp_path, log, Reader(log, 1)).entry()
    assert (entry.accepted, entry.exported, entry.pending, entry.dropped, entry.balance) == (15, 10, 5, {}, 0)


def test_batches_that_end_out_of_order_are_written_down_in_order(tmp_path: Path, log: Log) -> None:
    reader = Reader(log)
    ledger = open_ledger(tmp_path, log, reader)
    log.append(1)
    log.append(2)

    async def lane(outcome: Counts, started: asyncio.Event, go: asyncio.Event) -> None:
        read_one(ledger, reader)
        started.set()
        await go.wait()
        ledger.count(outcome)

    async def both() -> None:
        started, go, later = asyncio.Event(), asyncio.Event(), asyncio.Event()
        first = asyncio.create_task(lane(Counts(rejected=1), started, later))
        await started.wait()
        second = asyncio.create_task(lane(Counts(exported=2), asyncio.Event(), go))
        go.set()
        await second
        assert (ledger.entry().exported, ledger.entry().pending, ledger.entry().balance) == (2, 1, 0)
        later.set()
        await first

    asyncio.run(both())
    ledger.commit(1)
    reader.ack(1)
    log.restart()
    entry = open_ledger(tmp_path, log, Reader(log, 1)).entry()
    assert (entry.rejected, entry.exported, entry.pending, entry.balance) == (1, 0, 2, 0)


def test_spans_that_the_spool_lost_are_counted_as_dropped(tmp_path: Path, log: Log) -> None:
    reader = Reader(log)
    ledger = open_ledger(tmp_path, log, reader)
    log.append(10)
    log.append(10)
    position = read_one(ledger, reader)
    ledger.count(Counts(exported=10))
    ledger.commit(position)
    log.records[1] = 3  # power loss, or a damaged record
    log.restart()
    entry = open_ledger(tmp_path, log, Reader(log, position)).entry()
    assert entry.dropped == {"spool_damage": 7}
    assert (entry.accepted, entry.exported, entry.pending, entry.balance) == (20, 10, 3, 0)


def test_a_damaged_record_that_the_reader_skips_is_counted_as_dropped(tmp_path: Path, log: Log) -> None:
    reader = Reader(log)
    ledger = open_ledger(tmp_path, log, reader)
    log.append(10)
    log.append(7)
    reader.cursor += 1  # the first record is damaged
    position = read_one(ledger, reader)
    ledger.count(Counts(exported=7))
    assert (ledger.entry().pending, ledger.entry().balance) == (10, 0)
    ledger.commit(position)
    reader.ack(position)
    ledger.committed()
    entry = ledger.entry()
    assert entry.dropped == {"spool_damage": 10}
    assert (entry.accepted, entry.exported, entry.pending, entry.balance) == (17, 7, 0, 0)


def test_a_clean_end_says_how_much_was_cut_off(tmp_path: Path, log: Log) -> None:
    reader = Reader(log)
    ledger = open_ledger(tmp_path, log, reader)
    log.append(3)
    log.append(100)
    read_one(ledger, reader)
    ledger.close()
    log.restart()
    assert open_ledger(tmp_path, log, Reader(log, 0)).entry().possibly_resent == 3


def test_a_ledger_file_that_is_garbage_starts_from_zero(tmp_path: Path, log: Log) -> None:
    (tmp_path / "otlp.ledger").write_bytes(b"\x01" * 8192)
    log.append(5)
    log.restart()
    entry = open_ledger(tmp_path, log, Reader(log, 0)).entry()
    assert (entry.accepted, entry.pending, entry.balance) == (5, 5, 0)


def test_random_runs_with_crashes_always_balance(tmp_path: Path, log: Log) -> None:
    chance = random.Random(3)
    reader = Reader(log)
    ledger = open_ledger(tmp_path, log, reader)
    total = 0
    for _ in range(400):
        action = chance.choice(["append", "deliver", "crash"] if chance.random() < 0.1 else ["append", "deliver"])
        if action == "append":
            spans = chance.randrange(1, 9)
            total += spans
            log.append(spans)
        elif action == "deliver" and reader.cursor < len(log.records):
            position = read_one(ledger, reader)
            spans = log.records[position - 1]
            taken = chance.randrange(spans + 1)
            ledger.count(Counts(exported=taken))
            ledger.count(Counts(dropped={"gave_up": spans - taken}))
            if chance.random() < 0.8:
                ledger.commit(position)
                if chance.random() < 0.8:
                    reader.ack(position)
                else:
                    reader, ledger = crash(tmp_path, log, reader)
            else:
                reader, ledger = crash(tmp_path, log, reader)
        elif action == "crash":
            reader, ledger = crash(tmp_path, log, reader)
        entry = ledger.entry()
        assert (entry.accepted, entry.balance) == (total, 0)


def crash(folder: Path, log: Log, reader: Reader) -> tuple[Reader, Ledger]:
    log.restart()
    reopened = Reader(log, reader.acked_offset)
    return reopened, open_ledger(folder, log, reopened)


def test_what_was_delivered_before_a_crash_of_the_exporter_goes_on_counting(tmp_path: Path, log: Log) -> None:
    reader = Reader(log)
    ledger = open_ledger(tmp_path, log, reader)
    log.append(1)
    log.append(2000)
    read_one(ledger, reader)  # waits
    last = read_one(ledger, reader)
    ledger.count(Counts(exported=1900, rejected=60, dead_lettered=40))
    before = ledger.entry()
    ledger.abandon()
    reader.cursor = 0
    assert fates(ledger) == (1900, 60, 40, 1)
    assert (ledger.entry().balance, ledger.entry().possibly_resent) == (0, before.possibly_resent + 2001)
    read_one(ledger, reader)
    ledger.count(Counts(exported=1))
    assert fates(ledger) == (1900, 60, 40, 1), "one of those that count already"
    read_one(ledger, reader)
    ledger.count(Counts(exported=1900, rejected=60, dead_lettered=40))
    assert fates(ledger) == (1901, 60, 40, 0)
    ledger.commit(last)
    reader.ack(last)
    assert fates(ledger) == (1901, 60, 40, 0)
    assert ledger.entry().balance == 0


def fates(ledger: Ledger) -> tuple[int, int, int, int]:
    entry = ledger.entry()
    return entry.exported, entry.rejected, entry.dead_lettered, entry.pending


def test_a_reader_that_starts_over_counts_what_is_sent_again(
    tmp_path: Path, log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    reader = Reader(log)
    ledger = open_ledger(tmp_path, log, reader)
    for _ in range(5):
        log.append(100)
        position = read_one(ledger, reader)
        ledger.count(Counts(exported=100))
        ledger.commit(position)
        reader.ack(position)
    ledger.close()
    log.restart()
    entry = open_ledger(tmp_path, log, Reader(log, 0)).entry()
    assert (entry.possibly_resent, entry.pending, entry.balance) == (500, 500, 0)
    assert "up to 500 spans are sent again" in caplog.text


def test_the_age_of_the_oldest_batch_is_that_of_the_first_one_that_is_not_acknowledged(
    tmp_path: Path, log: Log
) -> None:
    reader = Reader(log)
    ledger = open_ledger(tmp_path, log, reader)
    assert ledger.oldest_age(time.monotonic()) == 0
    log.append(1)
    log.append(1)
    first = read_one(ledger, reader)
    read_one(ledger, reader)
    later = time.monotonic() + 100
    assert ledger.oldest_age(later) >= 100
    ledger.commit(first)
    assert ledger.open_batches == 1
    ledger.commit(first + 1)
    assert ledger.oldest_age(later) == 0
