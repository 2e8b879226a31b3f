"""What grows does so in proportion: spans alive at once, threads, attributes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from benches import tracers, workloads
from benches.figures import ATTRIBUTES, attributes_figure
from benches.paired import Builder, Pair, run_all_in_turns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benches.test_tracer import Workload

SPANS, PEER_SPANS = 20_000, 2_000
ROUNDS = 15


def _build(traced: Callable[[], tracers.Traced], workload: Workload) -> Callable[[int], None]:
    tracer = traced()
    return tracer.flushed(workload(tracer.tracer))


def _many_against_few(workload: Callable[..., Any], many: int, few: int, *, longer: int = 1) -> Pair:
    """Return how many times the cost of a span with few of something its cost with many is, for both tracers.

    Rounds are `longer` times as long.
    """
    operations: list[tuple[Builder, int]] = [
        (partial(_build, traced, partial(workload, number)), count * longer)
        for traced, count in zip(tracers.discarding(), (SPANS, PEER_SPANS), strict=True)
        for number in (many, few)
    ]
    ours_many, ours_few, peer_many, peer_few = run_all_in_turns(operations, rounds=ROUNDS)
    return Pair(ours_many / ours_few, peer_many / peer_few)


@pytest.mark.timeout(300)
def test_nested_spans(report: Any) -> None:
    report("1,000 live spans nested, a span against one of 10", _many_against_few(workloads.nested, 1_000, 10))


@pytest.mark.timeout(300)
def test_threads(report: Any) -> None:
    """CPU time of all threads: waiting for the interpreter's lock is not in it, handing it on is.

    Rounds are long, so that it is spans that are measured and not the start of seven more threads.
    """
    report("eight threads, a span against one thread's", _many_against_few(workloads.threads, 8, 1, longer=10))


@pytest.mark.timeout(300)
def test_attributes(report: Any) -> None:
    ours, peer = _by_number_of_attributes(workloads.with_attributes, ATTRIBUTES)
    for number in ATTRIBUTES:
        report(attributes_figure(number), Pair(ours[number], peer[number]))
    report("an attribute of 128 against one of 10", Pair(_against_one_of_ten(ours), _against_one_of_ten(peer)))


@pytest.mark.timeout(300)
def test_attributes_one_by_one(report: Any) -> None:
    """Each looks whether its key is there already."""
    ours, peer = _by_number_of_attributes(workloads.setting_attributes, (0, 10, 128))
    report("the same, set one by one", Pair(_against_one_of_ten(ours), _against_one_of_ten(peer)))


def _by_number_of_attributes(workload: Callable[..., Any], numbers: Sequence[int]) -> tuple[dict[int, float], ...]:
    """Return the cost of a span by the number of its attributes, ours and the peer's."""
    counts = [100_000 // (number + 5) for number in numbers]  # rounds of about the same length
    operations: list[tuple[Builder, int]] = [
        (partial(_build, traced, partial(workload, number)), count // divisor)
        for traced, divisor in zip(tracers.discarding(), (1, 10), strict=True)
        for number, count in zip(numbers, counts, strict=True)
    ]
    times = run_all_in_turns(operations, rounds=ROUNDS)
    sides = times[: len(numbers)], times[len(numbers) :]
    return tuple(dict(zip(numbers, side, strict=True)) for side in sides)


def _against_one_of_ten(cost: dict[int, float]) -> float:
    """Return what one attribute of 128 costs, in times of what one of 10 does."""
    return (cost[128] - cost[0]) / 128 / ((cost[10] - cost[0]) / 10)
