"""What is measured and what it is to be, in one table; what a run measured, and the judgement."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from pyspan._core import PROFILE_GUIDED

__all__ = [
    "AGENT",
    "ATTRIBUTES",
    "FIGURES",
    "KEPT",
    "ROWS_FILE",
    "Figure",
    "Measured",
    "attributes_figure",
    "measured",
    "measured_where",
    "missed",
    "record",
    "table",
]

ROWS_FILE = "PYSPAN_BENCH_ROWS"  # the file in which the parts of `make bench` hand over their rows
KEPT = Path(__file__).resolve().parent.parent / "target" / "bench.jsonl"  # the rows of the last run
MET, MISSED = "met", "missed"
RATIO = "x"  # the unit of figures that are a ratio already: of a large case to a small one, by one tracer
ATTRIBUTES = (0, 1, 10, 50, 128)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure and its goal: so many times better than the peer's, or within a bound, or both; neither: no goal."""

    name: str
    unit: str = "us"
    times: float | None = None
    bound: float | None = None
    more_is_better: bool = False

    @property
    def goal(self) -> str:
        """The goal in words, "-" where there is none."""
        sign = ">=" if self.more_is_better else "<="
        parts = [f"{sign} {self.bound:,g} {self.unit}"] if self.bound is not None else []
        parts += [f">= {self.times:g}x"] if self.times is not None else []
        return ", ".join(parts) or "-"

    def ratio(self, row: Measured) -> float:
        """How many times better than the peer's ours is; no times where there is no peer."""
        if row.peer is None:
            return 0.0
        better, worse = (row.ours, row.peer) if self.more_is_better else (row.peer, row.ours)
        return better / worse if worse else float("inf")

    def met(self, row: Measured) -> bool:
        """Whether the goal is met; a figure that is not a number meets none."""
        within = self.bound is None or (row.ours >= self.bound if self.more_is_better else row.ours <= self.bound)
        return within and (self.times is None or self.ratio(row) >= self.times)


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run measured for the figure of that name, ours and the peers'; None where a peer was not measured."""

    name: str
    ours: float
    peer: float | None
    ddtrace: float | None = None


def attributes_figure(count: int) -> str:
    """Name the figure of a span with so many attributes."""
    return f"start_span + end, {count} attribute{'s' * (count != 1)}"


AGENT = "the agent, OTLP/HTTP in, spool, OTLP/HTTP gzip out"
FIGURES = (
    Figure("W1 empty current span", times=30),
    Figure("start_span + end"),
    Figure("decorator on a function", times=30),
    Figure("decorator on a coroutine function"),
    Figure("W2 server span with a child", times=35),
    Figure("W2 unsampled", times=12),
    Figure("W4 extract, span, inject (API's propagators)"),
    Figure("W4 extract, span, inject (opentelemetry.propagate)", times=12),
    Figure("W4 extract, span, inject (our propagators)", times=25),
    Figure("extract traceparent, tracestate, baggage", times=15),
    Figure("inject traceparent, tracestate, baggage", times=15),
    Figure("W9 100 tasks, a span in a span (a task)"),
    Figure("W9 added to the same tasks untraced (a task)", times=25),
    Figure("encode a span with 8 attributes to OTLP", times=100),
    Figure("W2, a user's processor reads each span", times=1),
    Figure("W2, a user's exporter reads attributes", times=1),
    Figure("W2, opentelemetry's OTLP encoder as exporter", times=1),
    Figure("1,000 live spans nested, a span against one of 10", unit=RATIO, bound=1.5),
    Figure("eight threads, a span against one thread's", unit=RATIO, bound=1.1),
    *(Figure(attributes_figure(count)) for count in ATTRIBUTES),
    Figure("an attribute of 128 against one of 10", unit=RATIO, bound=1.5),
    Figure("the same, set one by one", unit=RATIO, bound=1.5),
    Figure("added to a request (ASGI, Starlette)", bound=4),
    Figure("added to a request (WSGI, no framework)", bound=4),
    Figure("added to a request (WSGI, Flask)"),
    Figure("opentelemetry's ASGI package, above the API alone", bound=8),
    Figure("the same, both with the API's propagators", bound=8),
    Figure("the same with its spans of receive and send"),
    Figure("added to a client's request (httpx)", times=1.5),
    Figure("added to a client's request (requests)", times=1.5),
    Figure("added to a client's request (aiohttp)", times=1.5),
    Figure("flood of one core for 5 s, exported", unit="spans/s", bound=500_000, more_is_better=True),
    Figure("flood of one core for 5 s, lost", unit="%", bound=0),
    Figure("flood of one core for 5 s, memory at its peak", unit="MB", bound=64),
    Figure("memory of a finished, queued W2 server span", unit="bytes", bound=400),
    Figure("memory grown over 10 million spans", unit="MB", bound=4),
    Figure("import, over the API's own", unit="ms", bound=15),
    Figure(AGENT, unit="spans/CPU-s", times=3, more_is_better=True),
)
NAMES = {figure.name for figure in FIGURES}


def record(row: Measured) -> None:
    """Keep a row for the table of `make bench`; KeyError where FIGURES does not know it."""
    if row.name not in NAMES:
        raise KeyError(f"{row.name!r} is no figure of benches/figures.py: add it there, with its goal")
    path = os.environ.get(ROWS_FILE)
    if path:
        with Path(path).open("a") as lines:
            lines.write(json.dumps(asdict(row)) + "\n")


def measured(path: Path) -> list[Measured]:
    """Read back what was recorded."""
    return [Measured(**json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


def measured_where() -> str:
    """Say what the figures hold for."""
    build = "built by a profile" if PROFILE_GUIDED else "built without a profile"
    sdk = version("opentelemetry-sdk")
    return f"Python {platform.python_version()}, {os.cpu_count()} cores, opentelemetry-sdk {sdk}, pyspan {build}."


def missed(rows: Iterable[Measured]) -> list[str]:
    """Name the figures whose goal was missed or not measured."""
    found = {row.name: row for row in rows}
    return [figure.name for figure in FIGURES if _judgement(figure, found.get(figure.name)) == MISSED]


def table(rows: Iterable[Measured], figures: Sequence[Figure] = FIGURES) -> list[str]:
    """Draw figure, goal, measured, peers and the judgement, line by line; what was not measured says so."""
    found = {row.name: row for row in rows}
    cells: list[tuple[str, ...]] = [("figure", "goal", "measured", "peer", "ddtrace", "judgement")]
    cells += [_cells(figure, found.get(figure.name)) for figure in figures]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, tuple("-" * width for width in widths))
    return ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in cells]


def _cells(figure: Figure, row: Measured | None) -> tuple[str, ...]:
    judgement = _judgement(figure, row)
    if row is None:
        return figure.name, figure.goal, "not measured", "-", "-", judgement
    compared = row.ours > 0 and row.peer is not None and figure.unit != RATIO
    ours = _value(figure, row.ours) + (f" ({figure.ratio(row):.1f}x)" if compared else "")
    return figure.name, figure.goal, ours, _value(figure, row.peer), _value(figure, row.ddtrace), judgement


def _value(figure: Figure, value: float | None) -> str:
    return "-" if value is None else f"{_number(value)} {figure.unit}"


def _judgement(figure: Figure, row: Measured | None) -> str:
    if figure.goal == "-":
        return "-"
    return MET if row is not None and figure.met(row) else MISSED


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"
