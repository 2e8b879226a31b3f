"""The counts of every runner in one place, so that a run can close with one line over all of them."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["Result", "closing_line", "record", "results"]

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Result:
    """What one runner counted; `reasons` says why something failed or was skipped."""

    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    reasons: tuple[str, ...] = ()


def _file() -> Path | None:
    path = os.environ.get("CHECKS_REPORT")
    return Path(path) if path else None


def record(result: Result) -> Result:
    """Print what a runner counted and, where CHECKS_REPORT names a file, keep it for the closing line."""
    print(f"{'FAILED' if result.failed else 'ok':>6}  {result.name}: {_counts(result)}", flush=True)
    for reason in result.reasons:
        print(f"        {reason}", flush=True)
    if path := _file():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as lines:
            lines.write(json.dumps(asdict(result)) + "\n")
    return result


def results() -> list[Result]:
    """Read back what was recorded in this run."""
    path = _file()
    if path is None or not path.exists():
        return []
    return [Result(**{**json.loads(line), "reasons": ()}) for line in path.read_text().splitlines()]


def _counts(result: Result) -> str:
    return f"{result.passed} passed, {result.failed} failed, {result.skipped} skipped"


def closing_line(found: list[Result], exit_status: int) -> Result:
    """Add the runners up; a run that ended badly with nothing counted as failed is itself one failure."""
    failed = sum(one.failed for one in found)
    unexplained = 1 if exit_status and not failed else 0
    return Result("all", sum(one.passed for one in found), failed + unexplained, sum(one.skipped for one in found))


def main() -> int:
    """Print the closing line for a run that ended with the exit status given as the argument."""
    total = closing_line(results(), int(sys.argv[1]))
    print(_counts(total))
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
