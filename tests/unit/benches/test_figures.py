"""The goals of `make bench` are judged, and a missed one fails it."""

from __future__ import annotations

from pathlib import Path

import pytest

import benches.__main__ as make_bench
from benches import ddtraced, figures
from benches.chart import chart
from benches.figures import (
    ATTRIBUTES,
    FIGURES,
    ROWS_FILE,
    Figure,
    Measured,
    attributes_figure,
    measured,
    missed,
    record,
    table,
)
from benches.keep import TEXT, with_figures
from pyspan._core import PROFILE_GUIDED

CHEAP = Figure("W1 empty current span", times=25)
SMALL = Figure("memory", unit="bytes", bound=400)
STRAIGHT = Figure("threads", unit="x", bound=1.1)
FAST = Figure("flood", unit="spans/s", bound=300_000, more_is_better=True)
FASTER = Figure("agent", unit="spans/s", times=3, more_is_better=True)


def _all_met() -> list[Measured]:
    rows = []
    for figure in FIGURES:
        good = figure.bound if figure.bound is not None else 100.0
        rows.append(Measured(figure.name, good, good / 100 if figure.more_is_better else good * 100))
    return rows


@pytest.mark.parametrize(
    ("figure", "ours", "peer", "met"),
    [
        (CHEAP, 1.0, 25.0, True),
        (CHEAP, 1.0, 24.9, False),
        (SMALL, 400.0, 3_000.0, True),
        (SMALL, 401.0, 3_000.0, False),
        (FAST, 300_000.0, 9_000.0, True),
        (FAST, 299_999.0, 9_000.0, False),
        (FASTER, 3.0, 1.0, True),
        (FASTER, 2.9, 1.0, False),
        (STRAIGHT, 1.1, 2.0, True),
        (STRAIGHT, 1.11, 2.0, False),
        (SMALL, 400.0, None, True),
        (CHEAP, 1.0, None, False),
        (SMALL, float("nan"), 1.0, False),
        (CHEAP, float("nan"), 1.0, False),
    ],
)
def test_a_figure_is_held_against_its_goal(figure: Figure, ours: float, peer: float | None, met: bool) -> None:
    assert figure.met(Measured(figure.name, ours, peer)) is met


def test_every_goal_can_be_met() -> None:
    assert missed(_all_met()) == []


def test_a_goal_that_was_not_measured_is_missed() -> None:
    rows = [row for row in _all_met() if row.name != "import, over the API's own"]
    assert missed(rows) == ["import, over the API's own"]
    assert "| import, over the API's own | <= 15 ms | not measured | -    | -       | missed    |" in table(
        rows, [figure for figure in FIGURES if figure.unit == "ms"]
    )


def test_the_table_shows_figure_goal_measured_and_peers() -> None:
    rows = [
        Measured(CHEAP.name, 0.5, 15.0, 14.0),
        Measured(FAST.name, 100.0, 10.0),
        Measured(SMALL.name, 354.0, None),
        Measured(STRAIGHT.name, 1.01, 1.2),
    ]
    assert table(rows, [CHEAP, FAST, SMALL, STRAIGHT]) == [
        "| figure                | goal               | measured            | peer       | ddtrace | judgement |",
        "| --------------------- | ------------------ | ------------------- | ---------- | ------- | --------- |",
        "| W1 empty current span | >= 25x             | 0.5 us (30.0x)      | 15 us      | 14 us   | met       |",
        "| flood                 | >= 300,000 spans/s | 100 spans/s (10.0x) | 10 spans/s | -       | missed    |",
        "| memory                | <= 400 bytes       | 354 bytes           | -          | -       | met       |",
        "| threads               | <= 1.1 x           | 1.01 x              | 1.2 x      | -       | met       |",
    ]


PROMISED = {
    "W1 empty current span": ">= 30x",
    "decorator on a function": ">= 30x",
    "W2 server span with a child": ">= 35x",
    "W2 unsampled": ">= 12x",
    "W4 extract, span, inject (opentelemetry.propagate)": ">= 12x",
    "W4 extract, span, inject (our propagators)": ">= 25x",
    "extract traceparent, tracestate, baggage": ">= 15x",
    "inject traceparent, tracestate, baggage": ">= 15x",
    "W9 added to the same tasks untraced (a task)": ">= 25x",
    "encode a span with 8 attributes to OTLP": ">= 100x",
    "1,000 live spans nested, a span against one of 10": "<= 1.5 x",
    "eight threads, a span against one thread's": "<= 1.1 x",
    "an attribute of 128 against one of 10": "<= 1.5 x",
    "the same, set one by one": "<= 1.5 x",
    "added to a request (ASGI, Starlette)": "<= 4 us",
    "added to a request (WSGI, no framework)": "<= 4 us",
    "opentelemetry's ASGI package, above the API alone": "<= 8 us",
    "the same, both with the API's propagators": "<= 8 us",
    "flood of one core for 5 s, exported": ">= 500,000 spans/s",
    "flood of one core for 5 s, lost": "<= 0 %",
    "flood of one core for 5 s, memory at its peak": "<= 64 MB",
    "memory grown over 10 million spans": "<= 4 MB",
}


def test_what_is_promised_of_speed_and_memory_is_a_goal() -> None:
    goals = {figure.name: figure.goal for figure in FIGURES}
    assert len(goals) == len(FIGURES)
    assert {name: goals.get(name) for name in PROMISED} == PROMISED


def test_every_figure_is_measured_somewhere() -> None:
    sources = "".join(path.read_text() for path in Path(make_bench.__file__).parent.rglob("test_*.py"))
    by_formula = {attributes_figure(count) for count in ATTRIBUTES} | {figures.AGENT}
    by_parameter = {figure.name for figure in FIGURES if figure.name.startswith(("W4", "extract", "inject"))}
    assert [name for name in {f.name for f in FIGURES} - by_formula - by_parameter if f'"{name}"' not in sources] == []


def test_the_kept_table_has_the_figures_and_goals_of_today() -> None:
    cells = [
        [cell.strip() for cell in line.split("|")[1:3]] for line in TEXT.read_text().splitlines() if line[:1] == "|"
    ]
    assert cells[2:] == [[figure.name, figure.goal] for figure in FIGURES]


def test_what_was_measured_is_kept_between_the_marks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = tmp_path / "rows"
    monkeypatch.setenv(ROWS_FILE, str(rows))
    for row in _all_met():
        record(row)
    kept = with_figures(TEXT.read_text(), rows)
    assert "\n".join(table(_all_met())) in kept
    assert "missed" not in kept.split("<!-- end")[0].replace("fails when a goal is missed", "")
    assert ("built by a profile" in kept.split("<!-- end")[0]) is PROFILE_GUIDED
    assert with_figures(kept, rows) == kept
    assert kept.split("<!--")[0] == TEXT.read_text().split("<!--")[0]
    assert kept.split("-->")[-1] == TEXT.read_text().split("-->")[-1]


def test_the_chart_draws_bars_as_long_as_a_span_costs() -> None:
    rows = [Measured(attributes_figure(count), 1.28 * count, None) for count in ATTRIBUTES]
    assert chart(rows) == [
        "pyspan, a span with so many attributes",
        "   0      0.00 us  ",
        "   1      1.28 us  ",
        f"  10     12.80 us  {'#' * 4}",
        f"  50     64.00 us  {'#' * 20}",
        f" 128    163.84 us  {'#' * 50}",
        "",
        "opentelemetry-sdk: not measured",
    ]


def test_where_ddtrace_is_not_installed_the_run_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(ddtraced, "FOLDER", tmp_path)
    monkeypatch.setattr(figures, "KEPT", tmp_path / "rows")
    monkeypatch.setattr(make_bench, "RUNS", ())
    assert make_bench.main() == 1
    assert "ddtrace: not installed" in capsys.readouterr().out
    assert ddtraced.sampled(ddtraced.empty_span) is None


def test_a_row_that_no_figure_is_known_for_is_refused() -> None:
    with pytest.raises(KeyError, match="'W99' is no figure"):
        record(Measured("W99", 1.0, 1.0))


@pytest.mark.parametrize(("slow", "status"), [(False, 0), (True, 1)], ids=["all met", "one missed"])
def test_make_bench_fails_when_a_goal_is_missed(
    slow: bool, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rows = _all_met() if not slow else [Measured(row.name, row.ours, row.ours) for row in _all_met()]
    monkeypatch.setenv(ROWS_FILE, str(tmp_path / "rows"))
    for row in rows:
        record(row)
    assert measured(tmp_path / "rows") == rows
    monkeypatch.setattr(figures, "KEPT", tmp_path / "kept")
    monkeypatch.setattr(make_bench, "RUNS", (["sh", "-c", f'cat {tmp_path / "rows"} > "${ROWS_FILE}"'],))
    assert make_bench.main() == status
    assert ("| missed" in capsys.readouterr().out) is slow


def test_make_bench_fails_when_a_run_breaks_off(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(figures, "KEPT", tmp_path / "kept")
    monkeypatch.setattr(make_bench, "RUNS", (["false"],))
    assert make_bench.main() == 1
    assert "failed: false" in capsys.readouterr().out
