"""Single values out of an environment, each checked where it is read.

The one rule: a value that cannot be used is warned about and the default holds (OpenTelemetry's specification of
environment variables); only where the spans would then go to a wrong place does `problem` stop the start.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, TypeVar

from pyspan.config.redaction import redact
from pyspan.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "MOST",
    "capped",
    "choice",
    "first",
    "flag",
    "integer",
    "listing",
    "milliseconds",
    "problem",
    "seconds",
    "unusable",
    "warned",
]

Word = TypeVar("Word", bound=str)
Value = TypeVar("Value")

PLACE = "the environment"
# What a count or a number of milliseconds may be: more is a slip, and would not fit where it is kept.
MOST = 2**31 - 1
LONGEST_SHOWN = 500
MOST_LISTED = 5
NUMBER = re.compile(r"\d+(\.\d+)?", re.ASCII)

logger = logging.getLogger("pyspan.config")


def problem(key: str, value: object, fix: str, place: str = PLACE) -> ConfigurationError:
    """Build the error for a value that cannot be used."""
    return ConfigurationError(f"{key}={_shown(value)} in {place} cannot be used: {fix}")


# What was warned about last, by variable: each exporter and processor of a process reads the same ones.
warned: dict[str, str] = {}


def unusable(key: str, value: str, accepted: str, used: Value, *, shown: str | None = None) -> Value:
    """Warn about a variable that cannot be used, once a value, and return what is used; `shown` is that in words."""
    instead = str(used) if shown is None else shown
    if warned.get(key) != value:
        warned[key] = value
        logger.warning("%s=%s in %s cannot be used: give %s; now %s", key, _shown(value), PLACE, accepted, instead)
    return used


def _shown(value: object) -> str:
    return capped(redact(repr(value)))


def capped(text: str) -> str:
    """Keep the beginning of a text that is too long for a line, with its length."""
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}... ({len(text):,} characters)"


def listing(words: Sequence[str]) -> str:
    """Name the first words of what may be a great many, without secrets."""
    named = ", ".join(_shown(word) for word in words[:MOST_LISTED])
    return named if len(words) <= MOST_LISTED else f"{named} and {len(words) - MOST_LISTED:,} more"


def first(environ: Mapping[str, str], *keys: str) -> tuple[str, str] | None:
    """Return the first key that is set to something, with its stripped value (empty counts as unset: OTel env spec)."""
    for key in keys:
        value = environ.get(key, "").strip()
        if value:
            return key, value
    return None


def integer(environ: Mapping[str, str], key: str, default: int, *, lowest: int = 1) -> int:
    """Read a whole number from `lowest` up."""
    found = first(environ, key)
    if found is None:
        return default
    number = _digits(found[1])
    if number is None or not lowest <= number <= MOST:
        return unusable(*found, f"a whole number from {lowest} to {MOST}", default)
    return number


def milliseconds(environ: Mapping[str, str], key: str, default: float, zero: float) -> float:
    """Read a duration in whole milliseconds as seconds; the default, and what 0 stands for, are in seconds."""
    return integer(environ, key, round(default * 1000), lowest=0) / 1000 or zero


def seconds(environ: Mapping[str, str], key: str) -> float | None:
    """Read a number of seconds above 0; None where it is not set or cannot be used."""
    found = first(environ, key)
    if found is None:
        return None
    number = float(found[1]) if NUMBER.fullmatch(found[1]) else 0.0
    return number if 0 < number <= MOST else unusable(*found, f"seconds above 0, {MOST} at most", None, shown="off")


def flag(environ: Mapping[str, str], *keys: str) -> bool | None:
    """Read `true` or `false` in any case; None where none of the keys is set or the value is another word."""
    word = choice(environ, keys, ("true", "false"), "false")
    return None if word is None else word == "true"


def choice(environ: Mapping[str, str], keys: tuple[str, ...], allowed: tuple[Word, ...], instead: str) -> Word | None:
    """Read one of the allowed words, in any case; None where none is set, or for another word, when `instead` holds."""
    found = first(environ, *keys)
    if found is None:
        return None
    for word in allowed:
        if word == found[1].lower():
            return word
    return unusable(*found, f"one of {', '.join(allowed)}", None, shown=instead)


def _digits(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(MOST)) else None
