"""The section `instrumentation/development`, which is for others: what pyspan's own middlewares have a variable for."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from pyspan.config.instrument import CLIENT, SERVER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspan.config.file import Table

__all__ = ["report_captured_headers"]

logger = logging.getLogger("pyspan.config")

SECTION = "instrumentation/development"
KEYS = ("request_captured_headers", "response_captured_headers")


def report_captured_headers(root: Table) -> None:
    """Say where headers are to be captured, which the middlewares read from code and variables alone."""
    for path, variable in _captured(root.ask(SECTION)):
        logger.warning(
            "%s in %s is left to others: for the middlewares of pyspan.instrument set %s",
            path,
            root.faults.file,
            variable,
        )


def _captured(section: Any) -> Iterator[tuple[str, str]]:
    http = _under(_under(section, "general"), "http")
    for side, variables in (("client", CLIENT), ("server", SERVER)):
        for key, variable in zip(KEYS, variables, strict=True):
            if _under(_under(http, side), key):
                yield f"{SECTION}.general.http.{side}.{key}", variable


def _under(table: Any, key: str) -> Any:
    """Look into what nobody has checked, for it belongs to others."""
    return table.get(key) if isinstance(table, dict) else None
