"""The reading of the SDK's switches among the environment variables."""

from __future__ import annotations

import os

from pyspan.config.environ import choice, flag
from pyspan.config.names import PYSPAN_REDACT

__all__ = ["is_on", "redacts"]


def is_on(variable: str) -> bool:
    """Return whether a variable says true; anything but true, false and nothing is warned about."""
    return flag(os.environ, variable) or False


def redacts() -> bool:
    """Return whether secrets are redacted: they are unless PYSPAN_REDACT says false."""
    return choice(os.environ, (PYSPAN_REDACT,), ("true", "false"), "true") != "false"
