"""What `configure()` is told of the context: whether threads carry it, and which baggage spans take."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pyspan.config.environ import first, flag, unusable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspan.sdk._settings import Settings

__all__ = [
    "BAGGAGE_ATTRIBUTES",
    "PATTERNS",
    "PROPAGATE_THREADS",
    "baggage_attributes",
    "is_pattern",
    "propagates_threads",
    "stripped",
]

PROPAGATE_THREADS = "PYSPAN_PROPAGATE_THREADS"
BAGGAGE_ATTRIBUTES = "PYSPAN_BAGGAGE_ATTRIBUTES"
PATTERNS = "a list of names of baggage, of which each may end in a star, as app.*"


def propagates_threads(settings: Settings) -> bool:
    """Return whether threads and processes carry the context, by code or the environment."""
    if settings.propagate_threads is not None:
        return settings.propagate_threads
    return flag(os.environ, PROPAGATE_THREADS) or False


def baggage_attributes(settings: Settings) -> list[str]:
    """Return the patterns of the members of the baggage that become attributes, by code or the environment."""
    if settings.baggage_attributes is not None:
        return stripped(settings.baggage_attributes)
    found = first(os.environ, BAGGAGE_ATTRIBUTES)
    if found is None:
        return []
    patterns = stripped(found[1].split(","))
    return patterns if all(map(is_pattern, patterns)) else unusable(*found, PATTERNS, [], shown="none")


def is_pattern(pattern: str) -> bool:
    """Return whether this is a name that a span can have, or the beginning of one with a star."""
    return "*" not in pattern[:-1] and pattern.encode("utf-8", "ignore").decode() == pattern


def stripped(patterns: Sequence[str]) -> list[str]:
    """Leave out blanks, and what is nothing else."""
    return [pattern.strip() for pattern in patterns if pattern.strip()]
