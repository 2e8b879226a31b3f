"""Two ways to do the same, timed in turns in one process: noise hits both, so their ratio is worth quoting."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Pair", "run_in_turns"]

ROUNDS = 25


@dataclass(frozen=True)
class Pair:
    """Process CPU time of one operation in microseconds, minimum of all rounds."""

    ours: float
    peer: float

    @property
    def ratio(self) -> float:
        """How many times the peer's cost is ours."""
        return self.peer / self.ours


def run_in_turns(
    ours: Callable[[int], object], peer: Callable[[int], object], *, count: int, peer_count: int, rounds: int = ROUNDS
) -> Pair:
    """Run both `rounds` times in turns; each is called with how often to repeat its operation."""
    gc.freeze()  # what pytest has loaded is nobody's cost
    ours(count // 10 + 1)
    peer(peer_count // 10 + 1)
    times = [(_time(ours, count), _time(peer, peer_count)) for _ in range(rounds)]
    return Pair(min(own for own, _ in times), min(other for _, other in times))


def _time(operation: Callable[[int], object], count: int) -> float:
    gc.collect()
    start = time.process_time_ns()
    operation(count)
    return (time.process_time_ns() - start) / count / 1000
