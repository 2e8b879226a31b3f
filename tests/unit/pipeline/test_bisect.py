"""Narrowing a refusal down to its cause."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import anyio
import pytest

from pyspan.errors import FaultError, MalformedError, PermanentError, RefusedError, RetryableError, TooLargeError
from pyspan.pipeline import bisect
from pyspan.pipeline.bisect import LONGEST_PAUSE, MOST_REFUSALS, Bisecting
from pyspan.pipeline.limits import ByteLimit
from pyspan.pipeline.stats import Stats
from pyspan.pipeline.testing import FlakyExporter
from tests.unit.pipeline.fakes import FakeBatch, batch, names

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspan._core import Batch

pytestmark = pytest.mark.anyio


class Bench:
    """A bisecting stage, with what it counted and set aside."""

    def __init__(self, refuse: Callable[[Batch], Exception | None], *, dead_letters: bool = True) -> None:
        self.stats = Stats("test")
        self.exporter = FlakyExporter(refuse=refuse)
        self.dead: list[Batch] = []
        self.limit = ByteLimit()
        self.room = True
        letters = self._dead_letter if dead_letters else None
        self.stage = Bisecting(self.exporter, self.stats, give_up_after=None, dead_letter=letters, limit=self.limit)

    async def _dead_letter(self, refused: Batch, _: PermanentError) -> bool:
        self.dead += [refused] if self.room else []
        return self.room

    async def export(self, sent: Batch) -> None:
        self.stats.receive(len(sent))
        await self.stage.export(sent)
        self.stats.deliver(self.exporter.spans)


def poisoned(*bad: str) -> Callable[[Batch], Exception | None]:
    return lambda sent: PermanentError("400 bad span") if set(bad) & set(*names([sent])) else None


async def test_one_poisoned_span_among_4096_alone_is_set_aside() -> None:
    bench = Bench(poisoned("1234"))
    await bench.export(batch(*map(str, range(4096))))
    arrived = [name for sent in names(bench.exporter.batches) for name in sent]
    assert names(bench.dead) == [["1234"]]
    assert arrived == [str(number) for number in range(4096) if number != 1234]
    assert bench.exporter.attempts == 25  # 13 refusals on the way down, 12 halves taken
    assert (bench.stats.delivered, bench.stats.dead_lettered, bench.stats.in_flight) == (4095, 1, 0)


async def test_many_poisoned_spans_among_4096_alone_are_set_aside() -> None:
    bad = [str(number) for number in range(0, 4096, 100)]
    bench = Bench(poisoned(*bad))
    await bench.export(batch(*map(str, range(4096))))
    assert sorted(name for sent in names(bench.dead) for name in sent) == sorted(bad)
    assert bench.stats.delivered == 4096 - len(bad)


@pytest.mark.parametrize("bad", [range(130), range(1000, 1300), range(3900, 4096)])
async def test_poisoned_spans_side_by_side_leave_the_good_ones_alone(bad: range) -> None:
    bench = Bench(poisoned(*map(str, bad)))
    await bench.export(batch(*map(str, range(4096))))
    assert sorted(int(name) for sent in names(bench.dead) for name in sent) == list(bad)
    assert bench.stats.delivered == 4096 - len(bad)


async def test_a_receiver_that_refuses_is_asked_again_after_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("pyspan.pipeline.bisect.anyio.sleep", sleep)
    bench = Bench(lambda _: PermanentError("400"))
    await bench.export(batch(*map(str, range(4096))))
    assert slept[:3] == [0.005, 0.01, 0.02]
    assert slept[10:] == [LONGEST_PAUSE] * len(slept[10:])
    assert len(slept) >= MOST_REFUSALS


async def test_a_receiver_that_fails_for_a_moment_gets_the_whole_batch_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bisect, "FIRST_FAULT_PAUSE", 0.001)
    faults = iter([FaultError("500")] * 3)
    bench = Bench(lambda _: next(faults, None))
    await bench.export(batch("a", "b", "c"))
    assert names(bench.exporter.batches) == [["a", "b", "c"]]
    assert (bench.dead, bench.stats.retried) == ([], 9)


async def test_a_span_on_which_the_receiver_fails_is_found_once_patience_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bisect, "FIRST_FAULT_PAUSE", 0.001)
    monkeypatch.setattr(bisect, "PATIENCE", 0.02)
    bench = Bench(lambda sent: FaultError("500") if "7" in names([sent])[0] else None)
    await bench.export(batch(*map(str, range(64))))
    assert (names(bench.dead), bench.stats.delivered) == ([["7"]], 63)
    assert bench.stats.retried >= 64


async def test_a_span_that_fails_for_ever_lets_the_others_of_its_batch_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bisect, "LONGEST_FAULT_PAUSE", 0.001)
    healed = anyio.Event()
    bench = Bench(lambda sent: None if healed.is_set() or "7" not in names([sent])[0] else RetryableError("503"))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.export, batch(*map(str, range(64))))
        with anyio.fail_after(10):
            await bench.exporter.wait_for_spans(63)
        assert (bench.stats.stuck, bench.dead, bench.stats.dropped) == (1, [], {})
        healed.set()
        with anyio.fail_after(10):
            await bench.exporter.wait_for_spans(64)
    assert bench.stats.stuck == 0


async def test_without_dead_letters_the_offender_is_dropped_and_counted() -> None:
    bench = Bench(poisoned("b"), dead_letters=False)
    await bench.export(batch("a", "b", "c"))
    assert (bench.stats.delivered, bench.stats.dropped) == (2, {"permanent": 1})


async def test_where_the_dead_letters_are_full_the_offender_is_dropped_and_counted() -> None:
    bench = Bench(poisoned("b"))
    bench.room = False
    await bench.export(batch("a", "b", "c"))
    assert (bench.stats.delivered, bench.stats.dead_lettered) == (2, 0)
    assert bench.stats.dropped == {"dead_letters_full": 1}


async def test_a_receiver_that_refuses_everything_is_not_asked_span_by_span(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bisect, "LONGEST_PAUSE", 0.001)
    bench = Bench(lambda _: PermanentError("400"))
    await bench.export(batch(*map(str, range(4096))))
    assert bench.stats.dead_lettered == 4096
    assert bench.exporter.attempts < 2 * MOST_REFUSALS


async def test_a_refusing_receiver_is_not_asked_for_the_parts() -> None:
    bench = Bench(lambda _: RefusedError("401"))
    await bench.export(batch("a", "b"))
    assert (bench.exporter.attempts, bench.stats.dropped, bench.dead) == (1, {"refused": 2}, [])


async def test_a_batch_too_large_is_split_until_it_fits_and_the_limit_is_remembered() -> None:
    bench = Bench(lambda sent: TooLargeError("413") if sent.nbytes > 100_000 else None)
    await bench.export(batch(*["x:50000"] * 8))
    assert [len(sent) for sent in bench.exporter.batches] == [2, 2, 2, 2]
    before = bench.exporter.attempts
    await bench.stage.export(batch(*["x:50000"] * 8))
    assert bench.exporter.attempts - before == 4


async def test_a_single_span_above_the_receivers_limit_is_set_aside() -> None:
    bench = Bench(lambda sent: TooLargeError("413") if sent.nbytes > 100_000 else None)
    await bench.export(batch("a", "giant:200000", "b"))
    assert (names(bench.dead), bench.exporter.spans) == ([["giant:200000"]], 2)


async def test_where_an_exporter_names_the_refused_part_the_rest_counts_as_delivered() -> None:
    offender = batch("b")
    errors = iter([PermanentError("too large", batch=offender)])
    bench = Bench(lambda _: next(errors, None) or PermanentError("still"))
    bench.stats.receive(3)
    await bench.stage.export(batch("a", "b", "c"))
    assert (bench.stats.delivered, bench.stats.dead_lettered, bench.stats.in_flight) == (2, 1, 0)
    assert bench.dead == [offender]


async def test_a_refused_part_that_an_exporter_names_is_not_searched_again() -> None:
    offenders = batch("b", "c")
    errors = iter([PermanentError("too large", batch=offenders)])
    bench = Bench(lambda _: next(errors, None))
    bench.stats.receive(3)
    await bench.stage.export(batch("a", "b", "c"))
    assert (bench.exporter.attempts, bench.dead) == (1, [offenders])


async def test_what_takes_too_long_is_given_up_and_counted() -> None:
    class Stuck(FlakyExporter):
        async def export(self, batch: Batch) -> None:
            await anyio.sleep_forever()

    stats = Stats("test")
    stats.receive(2)
    await Bisecting(Stuck(), stats, give_up_after=0.0).export(batch("a", "b"))
    assert (stats.dropped, stats.in_flight) == ({"gave_up": 2}, 0)


async def test_a_dead_letter_that_cannot_be_written_is_an_error() -> None:
    async def full_disk(_: Batch, __: PermanentError) -> bool:
        raise OSError(28, "No space left on device")

    stage = Bisecting(FlakyExporter([PermanentError("400")]), Stats("test"), give_up_after=None, dead_letter=full_disk)
    with pytest.raises(OSError, match="No space"):
        await stage.export(batch("a"))


async def test_a_refused_batch_that_cannot_be_taken_apart_is_set_aside_whole() -> None:
    class Glued(FakeBatch):
        def split(self) -> tuple[FakeBatch, FakeBatch] | None:
            raise MalformedError("messages nested too deeply at byte 7")

    bench = Bench(poisoned("b"))
    await bench.export(cast("Batch", Glued(["a", "b"])))
    assert (names(bench.dead), bench.stats.dead_lettered) == ([["a", "b"]], 2)
