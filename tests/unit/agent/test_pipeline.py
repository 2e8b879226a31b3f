"""One pipeline over a spool in memory: ledger, crash, restart, drain."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import anyio
import pytest

from pyspan.agent import pipeline as pipeline_module
from pyspan.agent.config import load
from pyspan.agent.dead_letters import DeadLetters
from pyspan.agent.ledger import Ledger
from pyspan.agent.pipeline import Pipeline
from pyspan.errors import PermanentError, RetryableError
from pyspan.pipeline.testing import FlakyExporter, RecordingExporter
from tests.support.otlp_messages import make_request
from tests.unit.agent.fakes import FakeDeadLetters, FakeSpool

if TYPE_CHECKING:
    from pathlib import Path

    from pyspan._core import Batch
    from pyspan.pipeline.exporter import Exporter

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def spool() -> FakeSpool:
    return FakeSpool()


def make_pipeline(
    spool: FakeSpool, folder: Path, dead_letters: FakeDeadLetters | DeadLetters | None = None
) -> Pipeline:
    config = load({"batch_wait": "1ms", "export": ["otlp=http://127.0.0.1:1"]}, {}, None).config
    reader = spool.reader("otlp")
    ledger = Ledger(folder / "otlp.ledger", reader, lambda: spool.accepted)
    ledger.start(crash_bound=10)
    letters = dead_letters or DeadLetters(folder / "dead-letter", "otlp", 1 << 20)
    return Pipeline(config.export[0], reader, ledger=ledger, dead_letters=letters, config=config)  # type: ignore[arg-type]


async def ship(pipeline: Pipeline, exporter: Exporter) -> None:
    """Run until everything in the spool is dealt with."""
    pipeline.close()
    with anyio.fail_after(10):
        await pipeline.run(lambda export, stats: exporter)


async def test_a_closed_pipeline_ships_everything_and_returns(spool: FakeSpool, tmp_path: Path) -> None:
    pipeline = make_pipeline(spool, tmp_path)
    for _ in range(3):
        spool.append(make_request(10)[0])
    exporter = RecordingExporter()
    await ship(pipeline, exporter)
    entry = pipeline.ledger.entry()
    assert (exporter.spans, entry.exported, entry.pending, entry.balance) == (30, 30, 0, 0)
    assert exporter.closed
    assert pipeline.stats.in_flight == 0


async def test_a_refused_span_is_dead_lettered_with_its_reason(spool: FakeSpool, tmp_path: Path) -> None:
    pipeline = make_pipeline(spool, tmp_path)
    spool.append(make_request(10)[0])
    bad: set[tuple[str, str]] = set()

    def refuse(batch: object) -> Exception | None:
        ids = batch.span_ids()  # type: ignore[attr-defined]
        bad.add(bad.pop() if bad else ids[3])
        return PermanentError("bad span", status="http_400") if bad & set(ids) else None

    await ship(pipeline, FlakyExporter(refuse=refuse))
    entry = pipeline.ledger.entry()
    assert (entry.exported, entry.dead_lettered, entry.balance) == (9, 1, 0)
    text = (tmp_path / "dead-letter" / "otlp.jsonl").read_text()
    assert '"reason":"bad span"' in text
    assert bad.pop()[1] in text


async def test_a_crash_is_counted_and_followed_by_a_new_start(
    spool: FakeSpool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pipeline_module, "FIRST_RESTART_PAUSE", 0.01)
    letters = FakeDeadLetters(ValueError("a defect"))
    pipeline = make_pipeline(spool, tmp_path, letters)
    spool.append(make_request(1)[0])
    await ship(pipeline, FlakyExporter(refuse=lambda batch: PermanentError("never")))
    entry = pipeline.ledger.entry()
    assert (pipeline.crashes, pipeline.crashed, letters.spans) == (1, False, 1)
    assert (entry.dead_lettered, entry.pending, entry.balance, entry.possibly_resent) == (1, 0, 0, 1)
    assert "the exporter crashed and starts again" in caplog.text
    assert "a defect" in caplog.text


async def test_a_batch_that_is_repeated_lets_only_so_many_others_pass(spool: FakeSpool, tmp_path: Path) -> None:
    pipeline = make_pipeline(spool, tmp_path)
    for _ in range(100):
        spool.append(make_request(1)[0])
    exporter = RecordingExporter()
    first = anyio.Event()

    async def stuck_on_the_first(batch: Batch) -> None:
        if not exporter.batches:
            exporter.batches.append(batch)
            await first.wait()
        else:
            await RecordingExporter.export(exporter, batch)

    exporter.export = stuck_on_the_first  # type: ignore[method-assign]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pipeline.run, lambda export, stats: exporter)
        with anyio.fail_after(5):
            await exporter.wait_for_spans(32)
        await anyio.sleep(0.05)
        assert exporter.spans == 32
        first.set()
        with anyio.fail_after(5):
            await exporter.wait_for_spans(100)
        tasks.cancel_scope.cancel()


async def test_the_ledger_balances_while_a_crashed_pipeline_waits(spool: FakeSpool, tmp_path: Path) -> None:
    pipeline = make_pipeline(spool, tmp_path, FakeDeadLetters(ValueError("a defect")))
    spool.append(make_request(5)[0])
    async with anyio.create_task_group() as tasks:
        exporter = FlakyExporter(refuse=lambda batch: PermanentError("never"))
        tasks.start_soon(pipeline.run, lambda export, stats: exporter)
        with anyio.fail_after(5):
            while not pipeline.crashed:  # noqa: ASYNC110 - a crash tells nobody
                await anyio.sleep(0.001)
        entry = pipeline.ledger.entry()
        assert (entry.accepted, entry.pending, entry.balance) == (5, 5, 0)
        tasks.cancel_scope.cancel()


async def test_a_crashed_pipeline_names_its_own_error_until_it_has_got_on(
    spool: FakeSpool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline_module, "FIRST_RESTART_PAUSE", 0.001)
    letters = FakeDeadLetters()
    pipeline = make_pipeline(spool, tmp_path, letters)
    spool.append(make_request(5)[0])
    seen: list[tuple[bool, str | None]] = []

    def refuse(batch: Batch) -> Exception:
        seen.append((pipeline.crashed, pipeline.last_error))
        letters.error = ValueError("a defect") if pipeline.crashes < 3 else None
        return PermanentError("the backend's no")

    await ship(pipeline, FlakyExporter(refuse=refuse))
    assert pipeline.crashes == 3
    assert seen[0] == (False, None)
    assert set(seen[-3:]) == {(True, "a defect")}, "also while it tries again"
    assert (pipeline.crashed, pipeline.last_error) == (False, "the backend's no")


async def test_dead_letters_that_cannot_be_written_wait_with_their_own_error_and_nothing_is_sent_twice(
    spool: FakeSpool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline_module, "FIRST_RESTART_PAUSE", 0.001)
    (tmp_path / "dead-letter").write_text("in the way of the folder")
    pipeline = make_pipeline(spool, tmp_path)
    body, keys = make_request(5)
    spool.append(body)
    refuse = lambda batch: PermanentError("400") if keys[2] in batch.span_ids() else None  # noqa: E731
    exporter = FlakyExporter(refuse=refuse)
    pipeline.close()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pipeline.run, lambda export, stats: exporter)
        with anyio.fail_after(10):
            while pipeline.stats.failures.get("dead_letters", 0) < 3:  # noqa: ASYNC110 - nobody is told
                await anyio.sleep(0.001)
        path = tmp_path / "dead-letter" / "otlp.jsonl"
        assert f"dead letters can't be written to {path}: File exists" in (pipeline.last_error or "")
        assert (pipeline.reader.lag_spans, pipeline.stats.failing) == (5, True)
        path.parent.unlink()
    entry = pipeline.ledger.entry()
    assert (entry.exported, entry.dead_lettered, entry.possibly_resent, pipeline.crashes) == (4, 1, 0, 0)
    assert exporter.spans == 4


async def test_dead_letters_end_at_their_limit_and_the_newest_are_dropped_and_counted(
    spool: FakeSpool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    letters = DeadLetters(tmp_path, "otlp", 3_000)
    pipeline = make_pipeline(spool, tmp_path, letters)
    bodies = [make_request(1) for _ in range(20)]
    for body, _ in bodies:
        spool.append(body)
    await ship(pipeline, FlakyExporter(refuse=lambda batch: PermanentError("never")))
    entry = pipeline.ledger.entry()
    assert 1_500 < letters.path.stat().st_size <= 3_000
    assert entry.dead_lettered == len(letters.path.read_text().splitlines()) > 0
    assert (entry.dropped, entry.balance) == ({"dead_letters_full": 20 - entry.dead_lettered}, 0)
    assert bodies[0][1][0][1] in letters.path.read_text(), "the oldest are kept"
    assert "spans dropped (dead_letters_full): never" in caplog.text
    letters.path.rename(tmp_path / "moved")
    spool.append(make_request(1)[0])
    await ship(pipeline, FlakyExporter(refuse=lambda batch: PermanentError("never")))
    assert pipeline.ledger.entry().dead_lettered == entry.dead_lettered + 1


async def test_a_receiver_that_takes_nothing_of_three_batches_is_at_fault_until_it_takes_one(
    spool: FakeSpool, tmp_path: Path
) -> None:
    pipeline = make_pipeline(spool, tmp_path)
    for expected in (1, 2, 3):
        spool.append(make_request(5)[0])
        await ship(pipeline, FlakyExporter(refuse=lambda batch: PermanentError("never")))
        assert pipeline.stats.fruitless == expected
    spool.append(make_request(5)[0])
    await ship(pipeline, RecordingExporter())
    assert pipeline.stats.fruitless == 0


async def test_a_pipeline_with_nothing_on_its_way_is_not_stalled(spool: FakeSpool, tmp_path: Path) -> None:
    pipeline = make_pipeline(spool, tmp_path)
    assert pipeline.stalled_for(time.monotonic() + 1000) == 0.0


@pytest.mark.parametrize("offenders", [1, 7])
async def test_spans_that_always_get_503_wait_alone_and_are_never_dropped(
    offenders: int, spool: FakeSpool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline_module, "LONGEST_RETRY_PAUSE", 0.001)
    monkeypatch.setattr(pipeline_module, "LOOK_PERIOD", 0.01)
    monkeypatch.setattr("pyspan.pipeline.bisect.LONGEST_FAULT_PAUSE", 0.01)
    pipeline = make_pipeline(spool, tmp_path)
    poison = set()
    for _ in range(offenders):
        body, keys = make_request(50)
        spool.append(body)
        poison.add(keys[7])
        spool.append(make_request(10)[0])
    for _ in range(200):
        spool.append(make_request(10)[0])
    total, healed = 60 * offenders + 2000, anyio.Event()

    def refuse(batch: Batch) -> Exception | None:
        bad = not poison.isdisjoint(batch.span_ids()) and not healed.is_set()
        return RetryableError("busy", status="http_503") if bad else None

    exporter = FlakyExporter(refuse=refuse)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pipeline.run, lambda export, stats: exporter)
        with anyio.fail_after(30):
            await exporter.wait_for_spans(total - offenders)
            while pipeline.ledger.entry().pending > offenders:  # noqa: ASYNC110 - nobody is told
                await anyio.sleep(0.001)
        entry = pipeline.ledger.entry()
        assert (entry.exported, entry.dead_lettered, entry.dropped) == (total - offenders, 0, {})
        assert (pipeline.reader.acked_offset, pipeline.stats.stuck) == (0, offenders)
        healed.set()
        with anyio.fail_after(30):
            while pipeline.reader.lag_spans:  # noqa: ASYNC110 - nobody is told
                await anyio.sleep(0.001)
        tasks.cancel_scope.cancel()
    assert (pipeline.ledger.entry().exported, pipeline.stats.stuck) == (total, 0)
