"""The pytest plugin: one fixture, and nothing imported until a test asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspan.testing._spans import CapturedSpans

__all__ = ["pyspan_spans"]


@pytest.fixture
def pyspan_spans() -> Iterator[CapturedSpans]:
    """Capture the spans of a test, with ids 1, 2, 3 and so on and a clock of one millisecond a reading.

    At the end the test fails if a span was lost, unless it has called `pyspan_spans.allow_loss()`.
    """
    from pyspan.testing._spans import captured

    with captured() as spans:
        yield spans
    spans.assert_nothing_lost()
