"""What a span costs against the number of its attributes, as bars of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benches.figures import ATTRIBUTES, attributes_figure

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benches.figures import Measured

__all__ = ["chart"]

WIDTH = 50


def chart(rows: Iterable[Measured]) -> list[str]:
    """Draw a block of bars a tracer, each to its own scale: the shape is to be seen, the numbers stand beside."""
    found = {row.name: row for row in rows}
    measured = {count: found[name] for count in ATTRIBUTES if (name := attributes_figure(count)) in found}
    ours = {count: row.ours for count, row in measured.items()}
    peer = {count: row.peer for count, row in measured.items() if row.peer is not None}
    return [*_bars("pyspan", ours), "", *_bars("opentelemetry-sdk", peer)]


def _bars(tracer: str, times: dict[int, float]) -> list[str]:
    """Draw a bar a number of attributes, as long as its cost."""
    if not times:
        return [f"{tracer}: not measured"]
    longest = max(times.values())
    lines = [f"{count:>4}  {time:8.2f} us  {'#' * round(WIDTH * time / longest)}" for count, time in times.items()]
    return [f"{tracer}, a span with so many attributes", *lines]
