"""Sending again: which errors, after which pauses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pyspan.config import RetrySettings
from pyspan.errors import MalformedError, PermanentError, RefusedError, RetryableError
from pyspan.pipeline.retry import MOST_TRIES, Retrying
from pyspan.pipeline.stats import Stats
from pyspan.pipeline.testing import FlakyExporter
from tests.unit.pipeline.fakes import batch

if TYPE_CHECKING:
    from pyspan._core import Batch

pytestmark = pytest.mark.anyio

FOR_EVER = RetrySettings(first_pause=1.0, longest_pause=30.0, give_up_after=None)
FOR_A_WHILE = RetrySettings(first_pause=1.0, longest_pause=30.0, give_up_after=30.0)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("pyspan.pipeline.retry.anyio.sleep", sleep)
    return slept


def retrying(
    exporter: FlakyExporter, settings: RetrySettings = FOR_EVER, jitter: float = 1.0
) -> tuple[Retrying, Stats]:
    stats = Stats("test")
    return Retrying(exporter, settings, stats, jitter=lambda: jitter), stats


async def test_pauses_double_up_to_the_longest(pauses: list[float]) -> None:
    stage, stats = retrying(FlakyExporter([RetryableError("busy")] * 7))
    await stage.export(batch("a", "b"))
    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    assert (stats.delivered, stats.retried, stats.failures) == (2, 14, {"error": 7})


async def test_jitter_takes_the_pause_down_to_nothing(pauses: list[float]) -> None:
    stage, _ = retrying(FlakyExporter([RetryableError("busy")] * 3), jitter=0.0)
    await stage.export(batch("a"))
    assert pauses == [0, 0, 0]


async def test_a_retry_after_is_the_least_pause(pauses: list[float]) -> None:
    errors = [RetryableError("busy", 7.5), RetryableError("busy", 0.5)]
    stage, _ = retrying(FlakyExporter(errors))
    await stage.export(batch("a"))
    assert pauses == [7.5, 2]


async def test_an_absurd_retry_after_is_cut(pauses: list[float]) -> None:
    stage, _ = retrying(FlakyExporter([RetryableError("busy", 1e9)]))
    await stage.export(batch("a"))
    assert pauses == [600]


async def test_a_permanent_error_is_not_repeated(pauses: list[float]) -> None:
    stage, stats = retrying(exporter := FlakyExporter([PermanentError("bad", status="http_400")]))
    with pytest.raises(PermanentError, match="bad"):
        await stage.export(batch("a"))
    assert (exporter.attempts, pauses, stats.failures) == (1, [], {"http_400": 1})


async def test_a_refusing_receiver_is_asked_again_only_where_delivery_never_gives_up(pauses: list[float]) -> None:
    stage, _ = retrying(exporter := FlakyExporter([RefusedError("401")]), FOR_EVER)
    await stage.export(batch("a"))
    assert (exporter.attempts, pauses) == (2, [1])
    stage, _ = retrying(FlakyExporter([RefusedError("401")]), FOR_A_WHILE)
    with pytest.raises(RefusedError):
        await stage.export(batch("a"))


async def test_a_fault_in_an_exporter_is_counted_and_repeated(pauses: list[float]) -> None:
    stage, stats = retrying(exporter := FlakyExporter([ZeroDivisionError("oops")]))
    await stage.export(batch("a"))
    assert (exporter.spans, stats.failures) == (1, {"unexpected": 1})
    assert stats.last_error == "the exporter failed unexpectedly: ZeroDivisionError('oops')"


async def test_a_success_ends_the_state_of_failure(pauses: list[float]) -> None:
    stage, stats = retrying(FlakyExporter([RetryableError("busy")]))
    await stage.export(batch("a"))
    assert stats.failing is False


async def test_what_fails_again_and_again_while_others_pass_is_handed_back(pauses: list[float]) -> None:
    def refuse(_: Batch) -> Exception:
        stats.deliver(0)  # another lane's batch
        return RetryableError("503")

    stage, stats = retrying(exporter := FlakyExporter(refuse=refuse))
    with pytest.raises(RetryableError, match="503"):
        await stage.export(batch("a", "b"))
    assert (exporter.attempts, pauses) == (MOST_TRIES, [1, 2, 4, 8])


async def test_what_cannot_be_read_is_refused_at_once_since_it_never_will_be(pauses: list[float]) -> None:
    stage, stats = retrying(FlakyExporter([MalformedError("messages nested too deeply")]))
    with pytest.raises(PermanentError, match="the batch cannot be read: messages nested too deeply"):
        await stage.export(batch("a"))
    assert (pauses, stats.failures) == ([], {"malformed": 1})
