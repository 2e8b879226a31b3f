"""Ids that count and a clock that steps, so that what a test recorded is the same in every run."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING

from pyspan._core import step_clock
from pyspan.sdk.trace.id_generator import IdGenerator

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CountingIds", "stepping_clock"]

STEP_NS = 1_000_000
WALL_CLOCK = 0


class CountingIds(IdGenerator):
    """Gives traces the ids 1, 2, 3 and so on, and spans likewise; from any thread, none twice."""

    def __init__(self) -> None:
        self._traces = count(1)
        self._spans = count(1)

    def generate_trace_id(self) -> int:
        return next(self._traces)

    def generate_span_id(self) -> int:
        return next(self._spans)


@contextmanager
def stepping_clock() -> Iterator[None]:
    """Have the spans of this process read 1 ms, 2 ms, 3 ms and so on after 1970 meanwhile."""
    step_clock(STEP_NS)
    try:
        yield
    finally:
        step_clock(WALL_CLOCK)
