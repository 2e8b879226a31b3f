"""The script that points another suite's imports at pyspan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conformance.rewrite import copy, rewrite

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from opentelemetry.sdk.trace import Span", "from pyspan.sdk.trace import Span"),
        ("import opentelemetry.sdk.resources as r", "import pyspan.sdk.resources as r"),
        ("from opentelemetry.sdk import trace", "from pyspan.sdk import trace"),
        ('patch("opentelemetry.sdk.trace.export.x")', 'patch("pyspan.sdk.trace.export.x")'),
        ('patch("opentelemetry.sdk.resources._get_host_id")', 'patch("pyspan.sdk.resources._process.machine_id")'),
        ("from opentelemetry.sdk.metrics import x", None),
        ("import opentelemetry.sdk.tracery", None),
        ("from opentelemetry.sdk.trace._sampling_experimental._util import x", None),
    ],
)
def test_the_modules_for_tracing_are_replaced_and_no_others(before: str, after: str | None) -> None:
    assert rewrite(before) == (after or before)


def test_a_folder_is_copied_and_the_original_stays(tmp_path: Path) -> None:
    source = tmp_path / "source" / "test_it.py"
    source.parent.mkdir()
    source.write_text("import opentelemetry.sdk.trace\n")
    (tmp_path / "source" / "data.txt").write_text("opentelemetry.sdk.trace")
    assert copy(source.parent, tmp_path / "target") == 1
    assert source.read_text() == "import opentelemetry.sdk.trace\n"
    assert (tmp_path / "target" / "test_it.py").read_text() == "import pyspan.sdk.trace\n"
    assert (tmp_path / "target" / "data.txt").read_text() == "opentelemetry.sdk.trace"
