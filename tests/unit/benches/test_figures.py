"""The goals of `make bench` are judged, and a missed one fails it."""

from __future__ import annotations

from pathlib import Path

import pytest

import benches.__main__ as make_bench
from benches.figures import FIGURES, ROWS_FILE, Figure, Measured, measured, missed, record, table

CHEAP = Figure("W1 empty current span", times=25)
SMALL = Figure("memory", unit="bytes", bound=400)
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
        (SMALL, float("nan"), 1.0, False),
        (CHEAP, float("nan"), 1.0, False),
    ],
)
def test_a_figure_is_held_against_its_goal(figure: Figure, ours: float, peer: float, met: bool) -> None:
    assert figure.met(Measured(figure.name, ours, peer)) is met


def test_every_goal_can_be_met() -> None:
    assert missed(_all_met()) == []


def test_a_goal_that_was_not_measured_is_missed() -> None:
    rows = [row for row in _all_met() if row.name != "import, over the API's own"]
    assert missed(rows) == ["import, over the API's own"]
    assert "| import, over the API's own | <= 15 ms | not measured | -    | missed    |" in table(
        rows, [figure for figure in FIGURES if figure.unit == "ms"]
    )


def test_the_table_shows_figure_goal_measured_and_peer() -> None:
    assert table([Measured(CHEAP.name, 0.5, 15.0), Measured(FAST.name, 100.0, 10.0)], [CHEAP, FAST]) == [
        "| figure                | goal               | measured            | peer       | judgement |",
        "| --------------------- | ------------------ | ------------------- | ---------- | --------- |",
        "| W1 empty current span | >= 25x             | 0.5 us (30.0x)      | 15 us      | met       |",
        "| flood                 | >= 300,000 spans/s | 100 spans/s (10.0x) | 10 spans/s | missed    |",
    ]


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
    monkeypatch.setattr(make_bench, "RUNS", (["sh", "-c", f'cat {tmp_path / "rows"} > "${ROWS_FILE}"'],))
    assert make_bench.main() == status
    assert ("| missed" in capsys.readouterr().out) is slow


def test_make_bench_fails_when_a_run_breaks_off(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(make_bench, "RUNS", (["false"],))
    assert make_bench.main() == 1
    assert "failed: false" in capsys.readouterr().out
