"""What the runners' own reports are read as."""

from __future__ import annotations

from pathlib import Path

from tools.report import Result
from tools.suite import read_cargo, read_junit

JUNIT = """<testsuites><testsuite tests="6" failures="1" errors="1" skipped="2">
<testcase name="a"><skipped message="no Go"/></testcase><testcase name="b"><skipped message="no Go"/></testcase>
</testsuite></testsuites>"""


def test_cargo_results_are_added_over_crates() -> None:
    line = "test result: ok. {} passed; {} failed; {} ignored; 0 measured; 0 filtered out; finished in 0.01s\n"
    assert read_cargo(line.format(3, 0, 1) + line.format(4, 1, 0), 101) == Result("cargo test", 7, 1, 1)


def test_a_crate_that_does_not_compile_is_a_failure() -> None:
    assert read_cargo("error: could not compile", 101) == Result("cargo test", failed=1)


def test_pytest_results_come_with_the_reasons_of_skips(tmp_path: Path) -> None:
    report = tmp_path / "pytest.xml"
    report.write_text(JUNIT)
    assert read_junit(report, 1) == Result("pytest", 2, 2, 2, ("skipped 2: no Go",))


def test_a_pytest_that_wrote_no_report_is_a_failure(tmp_path: Path) -> None:
    assert read_junit(tmp_path / "missing.xml", 4).failed == 1
