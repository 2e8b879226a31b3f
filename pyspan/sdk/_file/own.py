"""The section `distribution.pyspan`: what the format has no place for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspan.config.environ import MOST
from pyspan.config.suggestion import nearest
from pyspan.sdk._context import PATTERNS, is_pattern

if TYPE_CHECKING:
    from pyspan.config.file import Table

__all__ = ["Own", "read_own"]

NAME = "pyspan"
SECONDS = f"seconds above 0, {MOST} at most"


@dataclass(frozen=True, slots=True)
class Own:
    """The settings of pyspan alone, by the names that `pyspan.configure()` has for them."""

    redact: bool = True
    export_open_spans_after: float | None = None
    propagate_threads: bool = False
    baggage_attributes: tuple[str, ...] = ()


def read_own(distributions: Table | None) -> Own:
    """Read our part of `distribution`; without it the defaults hold, for no variable counts beside a file."""
    table = None if distributions is None else _ours(distributions)
    if table is None:
        return Own()
    return Own(
        redact=table.flag("redact") is not False,
        export_open_spans_after=table.number("export_open_spans_after", lambda after: 0 < after <= MOST, SECONDS),
        propagate_threads=table.flag("propagate_threads") or False,
        baggage_attributes=_patterns(table),
    )


def _ours(distributions: Table) -> Table | None:
    """Leave other distributions in peace, but not a slip of the keyboard."""
    for name in distributions.rest():
        meant = nearest(name, [NAME], "none")
        if name != NAME and meant != "none":
            distributions.fault(name, f"it is unknown; {meant}")
    return distributions.table(NAME)


def _patterns(table: Table) -> tuple[str, ...]:
    patterns = table.texts("baggage_attributes")
    if not all(map(is_pattern, patterns)):
        table.fault("baggage_attributes", f"give {PATTERNS}")
    return tuple(patterns)
