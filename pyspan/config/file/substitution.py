"""`${NAME}`, `${env:NAME}` and `${NAME:-default}` in the values of a file (OpenTelemetry: configuration data model)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["substitute"]

REFERENCE = re.compile(r"\$\{([^}]+)\}")
VARIABLE = re.compile(r"(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-([^\n]*))?")


def substitute(text: str, environ: Mapping[str, str]) -> str:
    """Put in the variables, once: what they hold is not looked at again. `$$` is a `$` that begins no reference.

    Raises:
        ValueError: a reference is none.
    """

    def value(match: re.Match[str]) -> str:
        named = VARIABLE.fullmatch(match[1])
        if named is None:
            raise ValueError("a reference to a variable is written ${NAME} or ${NAME:-default}; a plain ${ is $${")
        return environ.get(named[1], "") or named[2] or ""

    return "$".join(REFERENCE.sub(value, part) for part in text.split("$$"))
