"""Two ways to do the same, timed in turns: noise hits both, so their ratio is worth quoting.

Each runs in forked processes of its own, as in an application, where there is one tracer: within one process the
garbage of one would lie in the way of the other.
"""

from __future__ import annotations

import gc
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection

__all__ = ["Builder", "Pair", "run_all_in_turns", "run_in_turns"]

# Makes what a round calls with its count.
Builder = Callable[[], Callable[[int], object]]

ROUNDS = 50  # a machine that is shared can be slow for seconds
PROCESSES = 5  # of each operation, one after the other: where in memory it lies is luck
ROUND, END = "round", "end"


@dataclass(frozen=True)
class Pair:
    """Process CPU time of one operation in microseconds, minimum of all rounds; None for a peer that is not there."""

    ours: float
    peer: float | None
    ddtrace: float | None = None


def run_in_turns(
    ours: Builder,
    peer: Builder,
    *,
    count: int,
    peer_count: int,
    ddtrace: Builder | None = None,
    rounds: int = ROUNDS,
) -> Pair:
    """Build each operation in its process, then run them `rounds` times in turns."""
    operations = [(ours, count), (peer, peer_count)]
    if ddtrace is not None:
        operations.append((ddtrace, peer_count))
    return Pair(*run_all_in_turns(operations, rounds=rounds))


def run_all_in_turns(operations: Sequence[tuple[Builder, int]], *, rounds: int = ROUNDS) -> list[float]:
    """Do the same with any number of operations, each with its count a round; return the time of each."""
    times = [row for _ in range(PROCESSES) for row in _times(operations, rounds // PROCESSES)]
    return [min(column) for column in zip(*times, strict=True)]


def _times(operations: Sequence[tuple[Builder, int]], rounds: int) -> list[tuple[float, ...]]:
    sides = [_Side(build, count) for build, count in operations]
    try:
        return [tuple(side.time() for side in sides) for _ in range(rounds)]
    finally:
        for side in sides:
            side.stop()


class _Side:
    """A process that runs one operation when it is asked to."""

    def __init__(self, build: Builder, count: int) -> None:
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


def _serve(build: Builder, count: int, connection: Connection) -> None:
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
