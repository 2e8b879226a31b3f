"""The closing line over all runners."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import report
from tools.report import Result, closing_line, record, results


def test_counts_are_added_over_all_runners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHECKS_REPORT", str(tmp_path / "report.jsonl"))
    record(Result("cargo test", passed=3, skipped=1))
    record(Result("pytest", passed=4, failed=2, reasons=("why",)))
    assert closing_line(results(), 1) == Result("all", 7, 2, 1)


def test_a_run_that_broke_off_counts_as_one_failure() -> None:
    assert closing_line([Result("ruff", passed=1)], 2) == Result("all", 1, 1, 0)


def test_the_exit_code_is_bad_when_nothing_was_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHECKS_REPORT", raising=False)
    monkeypatch.setattr("sys.argv", ["report", "0"])
    assert report.main() == 1


def test_the_closing_line_stands_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHECKS_REPORT", str(tmp_path / "report.jsonl"))
    monkeypatch.setattr("sys.argv", ["report", "0"])
    record(Result("pytest", passed=5, skipped=1))
    assert report.main() == 0
    assert capsys.readouterr().out.splitlines()[-1] == "5 passed, 0 failed, 1 skipped"
