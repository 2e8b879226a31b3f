"""The table at the end of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from benches.paired import Pair


@dataclass(frozen=True)
class Row:
    """One line: what was measured, in which unit, ours, the peer's, and what the ratio is to be."""

    name: str
    unit: str
    ours: float
    peer: float
    goal: str

    @property
    def ratio(self) -> str:
        """The peer's figure over ours."""
        return f"{self.peer / self.ours:.1f}x" if self.ours else "-"


ROWS: list[Row] = []


@pytest.fixture
def report(benchmark: Any, request: Any) -> Any:
    """Add a row to the table, and the figures to pytest-benchmark's own report."""

    def add(name: str, pair: Pair, *, unit: str = "us", goal: str = "") -> None:
        ROWS.append(Row(name, unit, pair.ours, pair.peer, goal))
        benchmark.pedantic(lambda: None, rounds=1)  # its own report carries the figures below
        benchmark.extra_info.update(ours=pair.ours, peer=pair.peer, ratio=pair.ratio, unit=unit)

    return add


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table."""
    if not ROWS:
        return
    terminalreporter.section("pyspan beside opentelemetry-sdk (process CPU time, minimum of interleaved rounds)")
    line = "| {:<44} | {:>6} | {:>10} | {:>10} | {:>8} | {:<12} |"
    terminalreporter.write_line(line.format("what", "unit", "pyspan", "peer", "ratio", "goal"))
    terminalreporter.write_line(line.format("-" * 44, "-" * 6, "-" * 10, "-" * 10, "-" * 8, "-" * 12))
    for row in ROWS:
        figures = (f"{row.ours:.3f}", f"{row.peer:.3f}", row.ratio)
        terminalreporter.write_line(line.format(row.name, row.unit, *figures, row.goal))
