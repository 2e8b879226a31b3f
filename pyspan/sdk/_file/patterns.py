"""Names that a file includes and excludes by patterns with `*` and `?`."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspan.config.file import Table

__all__ = ["Patterns", "matches", "read_patterns"]


class Patterns:
    """What is included, by default all, and not excluded."""

    def __init__(self, included: list[str], excluded: list[str]) -> None:
        self._included = included or ["*"]
        self._excluded = excluded

    def admit(self, name: str) -> bool:
        """Return whether a name is among them."""
        return _any(name, self._included) and not _any(name, self._excluded)


def read_patterns(table: Table | None) -> Patterns:
    """Read `included` and `excluded`."""
    return Patterns([], []) if table is None else Patterns(table.texts("included"), table.texts("excluded"))


def matches(pattern: str, name: str) -> bool:
    """Compare, in which brackets stand for themselves: the format has `*` and `?` alone."""
    return fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))


def _any(name: str, patterns: list[str]) -> bool:
    return any(matches(pattern, name) for pattern in patterns)
