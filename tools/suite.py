"""Every test runner, one after the other: `python -m tools.suite [cargo|oldest-api|fuzz|pytest ...]`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from tools import oldest_api
from tools.components import MissingToolchainError, collector, jaeger, kafka
from tools.report import ROOT, Result, record

__all__ = ["RUNNERS", "main", "read_cargo", "read_junit"]

FUZZ = ROOT / "rust_core" / "fuzz" / "run.sh"
FUZZ_SECONDS = 60


def run_cargo() -> Result:
    """Run the Rust tests; the extension module has none, it needs an interpreter around it."""
    words = ["cargo", "test", "--workspace", "--exclude", "pyspan-python", "--no-fail-fast"]
    status, output = _watch(words)
    return read_cargo(output, status)


def read_cargo(output: str, status: int) -> Result:
    """Add up what cargo said of each crate; a bad status without a failed test is one failure."""
    pattern = re.compile(r"^test result: .*? (\d+) passed; (\d+) failed; (\d+) ignored", re.MULTILINE)
    counts = [tuple(map(int, found)) for found in pattern.findall(output)]
    passed, failed, skipped = (sum(column) for column in zip((0, 0, 0), *counts, strict=True))
    return Result("cargo test", passed, failed or int(bool(status)), skipped)


def run_pytest() -> Result:
    """Install what the integration tests talk to, as far as the toolchains are there, and run the Python tests."""
    if not (collector.is_built() and jaeger.is_built()):
        print("building the OpenTelemetry Collector and Jaeger: about 20 minutes the first time", flush=True)
    for component in (kafka, collector, jaeger):
        _install(component.__name__, component.get)
    report = ROOT / "target" / "pytest.xml"
    report.unlink(missing_ok=True)
    status, _ = _watch([sys.executable, "-m", "pytest", "-q", f"--junitxml={report}"])
    return read_junit(report, status)


def run_oldest_api() -> Result:
    """Run the unit tests over the oldest opentelemetry-api that is accepted, without an SDK."""
    name, report = "pytest, oldest API", ROOT / "target" / "pytest-oldest-api.xml"
    report.unlink(missing_ok=True)
    try:
        python = oldest_api.get()
    except RuntimeError as error:
        return Result(name, failed=1, reasons=(str(error),))
    words = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
    status, _ = _watch([*words, *oldest_api.tests_without_sdk()], oldest_api.environ())
    return read_junit(report, status, name)


def run_fuzz() -> Result:
    """Fuzz the OTLP walk and the spool's recovery; each target that survives counts as passed."""
    if not FUZZ.exists():
        return Result("fuzz", failed=1, reasons=(f"{FUZZ} is missing",))
    status, output = _watch(["bash", str(FUZZ), str(FUZZ_SECONDS)])
    targets = len(re.findall(r"^fuzzing ", output, re.MULTILINE))
    failed = int(bool(status) or not targets)
    return Result("fuzz", passed=max(0, targets - failed), failed=failed)


# The tests that wait for the first build of the peers come last: it goes on in the background of all that is before.
RUNNERS: dict[str, Callable[[], Result]] = {
    "cargo": run_cargo,
    "oldest-api": run_oldest_api,
    "fuzz": run_fuzz,
    "pytest": run_pytest,
}


def _install(name: str, get: Callable[[], Path]) -> None:
    try:
        get()
    except MissingToolchainError as error:
        print(error, flush=True)
    except RuntimeError as error:
        record(Result(f"install {name}", failed=1, reasons=(str(error),)))


def _watch(words: list[str], environ: Mapping[str, str] = os.environ) -> tuple[int, str]:
    """Run a program, show its output as it comes, and return its exit status and that output."""
    kept: list[str] = []
    with subprocess.Popen(
        words, cwd=ROOT, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as child:
        for line in child.stdout or ():
            print(line, end="", flush=True)
            kept.append(line)
    return child.returncode, "".join(kept)


def read_junit(report: Path, status: int, name: str = "pytest") -> Result:
    """Read pytest's report; a bad status without a failed test is one failure."""
    if not report.exists():
        return Result(name, failed=1, reasons=(f"pytest ended with {status} and no report",))
    suite = next(ET.parse(report).iter("testsuite"))
    total, failed, skipped = (int(suite.get(key, 0)) for key in ("tests", "failures", "skipped"))
    failed += int(suite.get("errors", 0))
    reasons = Counter(str(element.get("message")) for element in suite.iter("skipped"))
    said = tuple(f"skipped {count}: {reason}" for reason, count in reasons.items())
    return Result(name, total - failed - skipped, failed or int(bool(status)), skipped, said)


def main() -> int:
    """Run the runners that are named, or all of them."""
    names = sys.argv[1:] or list(RUNNERS)
    return 1 if sum(record(RUNNERS[name]()).failed for name in names) else 0


if __name__ == "__main__":
    sys.exit(main())
