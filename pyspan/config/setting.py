"""A value that is in force, and who said so."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pyspan.config.redaction import REDACTED, redact

__all__ = ["CODE", "DEFAULT", "Setting"]

DEFAULT = "default"
CODE = "code"
SECRET = re.compile(
    r"passw|secret|token|credential|dsn|(api|access|auth|license|private|signing)[-_.]?key|authorization|cookie|headers\[\d+\]",
    re.IGNORECASE,
)
HEADERS = re.compile(r"headers(_list)?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: `name` is that of its OTEL_* variable, of a resource attribute, or its path in a file.

    `source` is `default`, `code`, the variable that was read, or `FILE:PATH`. Printing shows no secret; `value`, which
    may be one, stays out of the representation.
    """

    name: str
    value: object = field(repr=False)
    source: str = DEFAULT

    @property
    def shown(self) -> str:
        """The value as people may see it."""
        text = "" if self.value is None else str(self.value)
        if isinstance(self.value, bool):
            text = text.lower()
        if text and (SECRET.search(self.name) or SECRET.search(self.source)):
            return REDACTED
        return _names_alone(text) if HEADERS.search(self.name) else redact(text)

    def __str__(self) -> str:
        return f"{self.name}={self.shown} ({self.source})"


def _names_alone(headers: str) -> str:
    """Keep the names of headers: their values are credentials more often than not."""
    if headers.lstrip().startswith("{"):
        return REDACTED
    names = [part.partition("=")[0].strip() for part in headers.split(",") if "=" in part]
    return ",".join(f"{name}={REDACTED}" for name in names) or (REDACTED if headers else "")
