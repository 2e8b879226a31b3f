"""Single values out of an environment, each checked where it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pyspan.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["choice", "first", "flag", "integer", "milliseconds", "problem"]

Word = TypeVar("Word", bound=str)

PLACE = "the environment"


def problem(key: str, value: str, fix: str, place: str = PLACE) -> ConfigurationError:
    """Build the error for a value that cannot be used."""
    return ConfigurationError(f"{key}={value!r} in {place} cannot be used: {fix}")


def first(environ: Mapping[str, str], *keys: str) -> tuple[str, str] | None:
    """Return the first key that is set to something, with its stripped value (empty counts as unset: OTel env spec)."""
    for key in keys:
        value = environ.get(key, "").strip()
        if value:
            return key, value
    return None


def integer(environ: Mapping[str, str], key: str, default: int) -> int:
    """Read a positive whole number."""
    found = first(environ, key)
    if found is None:
        return default
    if not found[1].isdecimal() or int(found[1]) == 0:
        raise problem(key, found[1], "give a whole number above 0")
    return int(found[1])


def milliseconds(environ: Mapping[str, str], key: str, default: float) -> float:
    """Read a positive duration in whole milliseconds as seconds."""
    found = first(environ, key)
    if found is None:
        return default
    if not found[1].isdecimal() or int(found[1]) == 0:
        raise problem(key, found[1], "give a whole number of milliseconds above 0")
    return int(found[1]) / 1000


def flag(environ: Mapping[str, str], *keys: str) -> bool | None:
    """Read `true` or `false` in any case; None where none of the keys is set."""
    found = first(environ, *keys)
    if found is None:
        return None
    if found[1].lower() not in ("true", "false"):
        raise problem(*found, "give true or false")
    return found[1].lower() == "true"


def choice(environ: Mapping[str, str], keys: tuple[str, ...], allowed: tuple[Word, ...]) -> Word | None:
    """Read one of the allowed words, in any case; None where none of the keys is set."""
    found = first(environ, *keys)
    if found is None:
        return None
    for word in allowed:
        if word == found[1].lower():
            return word
    raise problem(*found, f"give one of {', '.join(allowed)}")
