"""Two ways to do the same, timed in turns: noise hits both, so their ratio is worth quoting.

Each runs in a forked process of its own, as in an application, where there is one tracer: within one process the
garbage of one would lie in the way of the other.
"""

from __future__ import annotations

import gc
import multiprocessing
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

__all__ = ["Pair", "run_in_turns"]

ROUNDS = 25
ROUND, END = "round", "end"


@dataclass(frozen=True)
class Pair:
    """Process CPU time of one operation in microseconds, minimum of all rounds."""

    ours: float
    peer: float


def run_in_turns(
    ours: Callable[[], Callable[[int], object]],
    peer: Callable[[], Callable[[int], object]],
    *,
    count: int,
    peer_count: int,
    rounds: int = ROUNDS,
) -> Pair:
    """Build each operation in its process, then run both `rounds` times in turns."""
    sides = (_Side(ours, count), _Side(peer, peer_count))
    try:
        times = [tuple(side.time() for side in sides) for _ in range(rounds)]
    finally:
        for side in sides:
            side.stop()
    return Pair(*(min(column) for column in zip(*times, strict=True)))


class _Side:
    """A process that runs one operation when it is asked to."""

    def __init__(self, build: Callable[[], Callable[[int], object]], count: int) -> None:
        fork = multiprocessing.get_context("fork")
        self._connection, other = fork.Pipe()
        self._process = fork.Process(target=_serve, args=(build, count, other), daemon=True)
        self._process.start()
        other.close()

    def time(self) -> float:
        """Run a round; EOFError where the process has failed."""
        self._connection.send(ROUND)
        spent: float = self._connection.recv()
        return spent

    def stop(self) -> None:
        """End the process."""
        self._connection.send(END)
        self._process.join(10)
        self._process.kill()


def _serve(build: Callable[[], Callable[[int], object]], count: int, connection: Connection) -> None:
    operation = build()
    operation(count // 10 + 1)
    gc.collect()
    gc.freeze()  # what the benchmark itself has loaded is nobody's cost
    while connection.recv() == ROUND:
        connection.send(_time(operation, count))


def _time(operation: Callable[[int], object], count: int) -> float:
    gc.collect()
    start = time.process_time_ns()
    operation(count)
    return (time.process_time_ns() - start) / count / 1000
