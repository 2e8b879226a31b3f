"""What the unit tests run with over the oldest API."""

from __future__ import annotations

import re
from pathlib import Path

from tools import oldest_api, packages

ROOT = Path(__file__).parents[3]


def test_the_oldest_api_is_the_one_that_pyproject_accepts() -> None:
    accepted = re.search(r'"opentelemetry-api>=([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    assert accepted is not None
    assert packages.oldest_api() == accepted[1]


def test_files_that_compare_with_the_sdk_are_left_out_and_no_others() -> None:
    files = oldest_api.tests_without_sdk()
    assert "tests/unit/core/test_span.py" in files
    assert "tests/unit/sdk/trace/test_like_the_sdk.py" not in files
    assert len(files) > 40


def test_every_package_that_is_shipped_is_pinned_there_but_no_sdk() -> None:
    pinned = {line.partition("==")[0] for line in oldest_api.requirements()}
    assert set(packages.shipped()) <= pinned
    assert {"pytest", "hypothesis", "opentelemetry-proto"} <= pinned
    assert "opentelemetry-sdk" not in pinned
