"""What the unit tests leave as they found it: that a variable was warned about, and the level of our logger."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from pyspan.config import environ

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def fresh_warnings() -> Iterator[None]:
    level = logging.getLogger("pyspan").level
    environ.warned.clear()
    yield
    environ.warned.clear()
    logging.getLogger("pyspan").setLevel(level)
