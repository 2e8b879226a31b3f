"""The rows of a run, and their table at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from benches import ddtraced
from benches.figures import FIGURES, Measured, record, table

if TYPE_CHECKING:
    from benches.paired import Pair

ROWS: list[Measured] = []


@pytest.fixture
def report(benchmark: Any) -> Any:
    """Add a row to the table, and the figures to pytest-benchmark's own report."""

    def add(name: str, pair: Pair) -> None:
        row = Measured(name, pair.ours, pair.peer, pair.ddtrace)
        record(row)
        ROWS.append(row)
        if "ours" not in benchmark.extra_info:
            benchmark.pedantic(lambda: None, rounds=1)  # its own report carries the figures below
        benchmark.extra_info.update(ours=pair.ours, peer=pair.peer, ddtrace=pair.ddtrace)

    return add


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table of what was measured."""
    names = {row.name for row in ROWS}
    if not names:
        return
    terminalreporter.section("pyspan beside opentelemetry-sdk (process CPU time, minimum of interleaved rounds)")
    for line in table(ROWS, [figure for figure in FIGURES if figure.name in names]):
        terminalreporter.write_line(line)
    if not ddtraced.installed():
        terminalreporter.write_line(ddtraced.MISSING)
