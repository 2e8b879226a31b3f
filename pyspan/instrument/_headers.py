"""Headers that become attributes: those of an allow-list, secrets without their values."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from pyspan._core import is_secret
from pyspan.config.instrument import any_name, captured_headers, sanitized_headers
from pyspan.errors import ConfigurationError

__all__ = ["Capture", "capture", "captured"]

# Takes a lower-case name; gives the attribute's key and whether the value is a secret, or None.
Capture = Callable[[str], "tuple[str, bool] | None"]


def capture(side: str, given: Collection[str] | None, variable: str) -> Capture | None:
    """Return what decides about each header of the `side`, request or response; None where none is captured.

    Names are regular expressions for the whole name, without case. Not given, those of the environment's variable,
    parted by commas.
    """
    names = captured_headers(os.environ, variable) if given is None else given
    wanted = _pattern(f"captured {side} headers", names)
    if wanted is None:
        return None
    secret = _pattern("sanitized headers", sanitized_headers(os.environ))

    def decide(name: str) -> tuple[str, bool] | None:
        if not wanted.fullmatch(name):
            return None
        return f"http.{side}.header.{name}", is_secret(name) or bool(secret and secret.search(name))

    return decide


def _pattern(what: str, names: Collection[str]) -> re.Pattern[str] | None:
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise ConfigurationError(f"{what}: {names!r} cannot be used: give a list of names")
    names = [name.strip() for name in names if name.strip()]
    try:
        return any_name(names) if names else None
    except re.error as error:
        raise ConfigurationError(f"{what}: {names!r} cannot be used: {error}; give names or expressions") from None


def captured(wanted: Capture | None, headers: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the attributes of a client's headers."""
    found: dict[str, list[str]] = {}
    if wanted is None:
        return found
    for name, value in headers.items():
        if decided := wanted(_text(name).lower()):
            key, is_hidden = decided
            found.setdefault(key, []).append("[REDACTED]" if is_hidden else _text(value))
    return found


def _text(given: Any) -> str:
    return given.decode("latin-1") if isinstance(given, bytes) else str(given)
